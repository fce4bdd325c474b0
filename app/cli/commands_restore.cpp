// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/commands.h"
#include "app/cli/json.h"
#include "app/cli/session.h"
#include "app/client/format.h"
#include "app/client/helper_state.h"
#include "app/client/words.h"

#include <QCommandLineParser>
#include <QDir>
#include <QProcess>

#include <sys/stat.h>
#include <unistd.h>

namespace dormouse::app::cli {
namespace {

// A restore point mounted for as long as this lives.
class Mounted
{
public:
    Mounted(Session& session, const bus::RestorePoint& point)
        : m_session(session), m_browse(session.await<BrowseSession>([&](auto then) {
              session.client().browse(point.id, point.volumeId, &session, then);
          }))
    {
    }

    ~Mounted()
    {
        // Waits, so that the next command does not meet the unmounting.
        if (m_session.client().link() != HelperClient::Link::Ready)
            return;
        const Answer<bool> ended = m_session.tryAwait<bool>(
            [&](auto then) { m_session.client().endBrowse(m_browse.session, &m_session, then); });
        if (!ended)
            complain(printable(ended.error().sentence));
    }

    Mounted(const Mounted&) = delete;
    Mounted& operator=(const Mounted&) = delete;

    [[nodiscard]] const QString& session() const { return m_browse.session; }
    [[nodiscard]] const QString& path() const { return m_browse.path; }

private:
    Session& m_session;
    BrowseSession m_browse;
};

// Where a file lies inside its volume: a path below the volume's mount point may
// be given as it is; a leading slash means the volume's own root.
QString insideVolume(const QString& path, const bus::VolumeInfo* volume)
{
    QString clean = QDir::cleanPath(path);
    if (volume && volume->mountPoint.size() > 1 &&
        (clean == volume->mountPoint || clean.startsWith(volume->mountPoint + QLatin1Char('/'))))
        clean = clean.mid(volume->mountPoint.size());
    while (clean.startsWith(QLatin1Char('/')))
        clean.remove(0, 1);
    if (clean == QLatin1String(".."))
        clean.clear();
    if (clean.startsWith(QLatin1String("../")))
        throw CommandFailed{exitUsage,
                            Session::tr("\"%1\" leads out of the volume.").arg(printable(path))};
    return clean.isEmpty() ? QStringLiteral(".") : clean;
}

const bus::VolumeInfo* volumeOf(const bus::VolumeInfoList& volumes, const QString& id)
{
    for (const bus::VolumeInfo& volume : volumes) {
        if (volume.id == id)
            return &volume;
    }
    return nullptr;
}

// `ls -l` of the moment; for programs the same as JSON.
void listFolder(Session& session, const QString& root, const QString& path)
{
    const QString folder = root + QLatin1Char('/') + path;
    const QFileInfo self(folder);
    if (!self.exists() && !self.isSymLink())
        throw CommandFailed{
            exitNotFound, Session::tr("There was no \"%1\" at that moment.").arg(printable(path))};
    QStringList names;
    if (self.isDir() && !self.isSymLink())
        names = QDir(folder).entryList(QDir::AllEntries | QDir::Hidden | QDir::System |
                                           QDir::NoDotAndDotDot,
                                       QDir::DirsFirst | QDir::Name);
    else
        names << QString();
    QJsonArray array;
    QList<QStringList> rows;
    for (const QString& name : names) {
        const QString full = name.isEmpty() ? folder : folder + QLatin1Char('/') + name;
        const QString shown = name.isEmpty() ? QFileInfo(folder).fileName() : name;
        struct stat status = {};
        if (::lstat(QFile::encodeName(full).constData(), &status) != 0)
            continue;
        const QDateTime modified = QDateTime::fromSecsSinceEpoch(status.st_mtime);
        if (session.isJson()) {
            array.append(QJsonObject{{"name", shown},
                                     {"mode", formatMode(status.st_mode)},
                                     {"uid", qint64(status.st_uid)},
                                     {"gid", qint64(status.st_gid)},
                                     {"sizeBytes", qint64(status.st_size)},
                                     {"modifiedTime", qint64(status.st_mtime)}});
        } else {
            rows.append({formatMode(status.st_mode), QString::number(status.st_uid),
                         QString::number(status.st_gid), formatBytes(quint64(status.st_size)),
                         formatMoment(modified), shown});
        }
    }
    if (session.isJson())
        printJson(array);
    else
        printTable(rows);
}

// Runs a program inside the mounted restore point; its exit code is ours.
int runInside(const QString& root, const QStringList& program)
{
    QProcess process;
    process.setProcessChannelMode(QProcess::ForwardedChannels);
    process.setInputChannelMode(QProcess::ForwardedInputChannel);
    process.setWorkingDirectory(root);
    QEventLoop loop;
    QObject::connect(&process, &QProcess::finished, &loop, &QEventLoop::quit);
    QObject::connect(&process, &QProcess::errorOccurred, &loop, [&](QProcess::ProcessError error) {
        if (error == QProcess::FailedToStart)
            loop.quit();
    });
    process.start(program.first(), program.mid(1));
    if (process.state() != QProcess::NotRunning)
        loop.exec();
    if (process.error() == QProcess::FailedToStart)
        throw CommandFailed{exitFailed,
                            Session::tr("\"%1\" cannot be started: %2")
                                .arg(printable(program.first()), process.errorString())};
    return process.exitStatus() == QProcess::NormalExit ? process.exitCode() : exitFailed;
}

bus::ConflictPolicy conflictPolicy(const QString& word)
{
    if (word == QLatin1String("beside"))
        return bus::ConflictPolicy::Beside;
    if (word == QLatin1String("overwrite"))
        return bus::ConflictPolicy::Overwrite;
    if (word == QLatin1String("skip"))
        return bus::ConflictPolicy::Skip;
    throw CommandFailed{exitUsage, Session::tr("--conflict is one of beside, overwrite, skip.")};
}

void printCounts(const bus::RestoreCounts& counts)
{
    print(Session::tr("%1 files and %2 folders, %3 in all (%4 free at the target).")
              .arg(counts.files)
              .arg(counts.directories)
              .arg(formatBytes(counts.bytes), formatBytes(counts.freeBytes)));
    print(Session::tr("%1 new, %2 overwritten, %3 put beside existing ones, %4 left out.")
              .arg(counts.created)
              .arg(counts.overwritten)
              .arg(counts.beside)
              .arg(counts.skipped));
    if (!counts.sentence.isEmpty())
        print(printable(counts.sentence));
}

} // namespace

int runPoints(Session& session, const QStringList& arguments)
{
    QCommandLineParser parser;
    parse(parser, arguments, 0, 1);
    session.connectToHelper();
    QString volumeId;
    if (!parser.positionalArguments().isEmpty())
        volumeId = session.findVolume(parser.positionalArguments().first()).id;
    const bus::RestorePointList points = session.restorePoints(volumeId);
    if (session.isJson()) {
        printJson(toJsonArray(points));
        return exitOk;
    }
    if (points.isEmpty()) {
        print(Session::tr("There is no restore point yet."));
        return exitOk;
    }
    const bus::VolumeInfoList volumes = session.volumes();
    QList<QStringList> rows{{Session::tr("MOMENT"), Session::tr("VOLUME"), Session::tr("KIND"),
                             Session::tr("CHANGED"), Session::tr("STORED"), Session::tr("VERIFIED"),
                             Session::tr("ID")}};
    for (const bus::RestorePoint& point : points) {
        const bus::VolumeInfo* volume = volumeOf(volumes, point.volumeId);
        rows.append(
            {formatMoment(QDateTime::fromSecsSinceEpoch(point.time)),
             volume ? displayName(*volume) : point.volumeId.left(8), kindName(point.kind),
             formatBytes(point.changedBytes),
             point.source == bus::RestorePointSource::Backup ? formatBytes(point.storedBytes)
                                                             : QStringLiteral("-"),
             point.source == bus::RestorePointSource::Backup ? verificationName(point.verification)
                                                             : QStringLiteral("-"),
             point.id});
    }
    printTable(rows);
    return exitOk;
}

int runBrowse(Session& session, const QStringList& arguments)
{
    const qsizetype dashes = arguments.indexOf(QStringLiteral("--"));
    const QStringList own = dashes < 0 ? arguments : arguments.mid(0, dashes);
    const QStringList program = dashes < 0 ? QStringList() : arguments.mid(dashes + 1);
    QCommandLineParser parser;
    parser.addOption(
        {QStringLiteral("volume"), Session::tr("which of its volumes"), QStringLiteral("VOLUME")});
    parser.addOption(
        {QStringLiteral("hold"), Session::tr("print where it is mounted and wait for Ctrl-C")});
    parse(parser, own, 1, 2);
    const QStringList words = parser.positionalArguments();
    session.connectToHelper();
    const bus::RestorePoint point =
        session.findRestorePoint(words[0], parser.value(QStringLiteral("volume")));
    const bus::VolumeInfoList volumes = session.volumes();
    const QString inside = insideVolume(words.value(1), volumeOf(volumes, point.volumeId));
    const Mounted mounted(session, point);
    if (!program.isEmpty())
        return runInside(mounted.path() + QLatin1Char('/') + inside, program);
    if (parser.isSet(QStringLiteral("hold"))) {
        if (session.isJson())
            printJson(QJsonObject{{"path", mounted.path()}, {"restorePointId", point.id}});
        else
            print(mounted.path());
        waitForInterrupt();
        return exitOk;
    }
    listFolder(session, mounted.path(), inside);
    return exitOk;
}

int runRestore(Session& session, const QStringList& arguments)
{
    QCommandLineParser parser;
    parser.addOption(
        {QStringLiteral("volume"), Session::tr("which of its volumes"), QStringLiteral("VOLUME")});
    parser.addOption(
        {QStringLiteral("to"), Session::tr("folder to restore into"), QStringLiteral("FOLDER")});
    parser.addOption({QStringLiteral("conflict"), Session::tr("beside, overwrite or skip"),
                      QStringLiteral("HOW"), QStringLiteral("beside")});
    parser.addOption({QStringLiteral("dry-run"), Session::tr("show the plan and stop")});
    parser.addOption({QStringLiteral("yes"), Session::tr("do not ask")});
    parse(parser, arguments, 2, -1);
    const bus::ConflictPolicy conflict = conflictPolicy(parser.value(QStringLiteral("conflict")));
    const QString target = parser.value(QStringLiteral("to"));
    if (target.isEmpty())
        throw CommandFailed{exitUsage, Session::tr("Say where to restore to: --to FOLDER.")};
    const QDBusUnixFileDescriptor directory = openDirectory(target);
    if (!directory.isValid())
        throw CommandFailed{exitUsage, Session::tr("The folder \"%1\" cannot be opened: %2.")
                                           .arg(printable(target), qt_error_string(errno))};
    session.connectToHelper();
    HelperClient& client = session.client();
    const bus::RestorePoint point = session.findRestorePoint(
        parser.positionalArguments().first(), parser.value(QStringLiteral("volume")));
    const bus::VolumeInfoList volumes = session.volumes();
    QByteArrayList paths;
    for (const QString& path : parser.positionalArguments().mid(1))
        paths << QFile::encodeName(insideVolume(path, volumeOf(volumes, point.volumeId)));

    const Mounted mounted(session, point);
    const auto counts = session.await<bus::RestoreCounts>([&](auto then) {
        client.planRestore(mounted.session(), paths, directory, conflict, &session, then);
    });
    const bool isDryRun = parser.isSet(QStringLiteral("dry-run"));
    if (isDryRun && session.isJson())
        printJson(toJson(counts));
    if (!session.isJson())
        printCounts(counts);
    if (isDryRun)
        return exitOk;
    if (!parser.isSet(QStringLiteral("yes")) &&
        !confirm(Session::tr("Restore to \"%1\"?").arg(printable(target))))
        throw CommandFailed{exitCancelled, Session::tr("Nothing was written. (Without a terminal, "
                                                       "--yes is needed.)")};
    const auto job = session.await<QString>([&](auto then) {
        client.restoreFiles(mounted.session(), paths, directory, conflict, &session, then);
    });
    return session.follow(job);
}

} // namespace dormouse::app::cli
