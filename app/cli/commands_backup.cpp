// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/commands.h"
#include "app/cli/json.h"
#include "app/cli/session.h"
#include "app/client/format.h"
#include "app/client/helper_state.h"
#include "app/client/words.h"

#include <QCommandLineParser>
#include <QDir>
#include <QTime>

#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace dormouse::app::cli {
namespace {

QString when(qint64 time)
{
    return time == 0 ? Session::tr("never") : formatWhen(QDateTime::fromSecsSinceEpoch(time));
}

void addPassphraseOptions(QCommandLineParser& parser)
{
    parser.addOption({QStringLiteral("passphrase-fd"),
                      Session::tr("read the passphrase from descriptor N"), QStringLiteral("N")});
    parser.addOption({QStringLiteral("passphrase-file"),
                      Session::tr("read it from a file (- = stdin)"), QStringLiteral("FILE")});
}

QByteArray passphrase(const QCommandLineParser& parser, const QString& prompt, bool isNew)
{
    if (parser.isSet(QStringLiteral("passphrase-fd"))) {
        bool isNumber = false;
        const int fd = parser.value(QStringLiteral("passphrase-fd")).toInt(&isNumber);
        if (!isNumber || fd < 0)
            throw CommandFailed{exitUsage, Session::tr("--passphrase-fd wants a number.")};
        return readPassphrase(fd);
    }
    if (parser.isSet(QStringLiteral("passphrase-file")))
        return readPassphraseFile(parser.value(QStringLiteral("passphrase-file")));
    return askPassphrase(prompt, isNew);
}

QDBusUnixFileDescriptor openOrThrow(const QString& path)
{
    QDBusUnixFileDescriptor directory = openDirectory(path);
    if (!directory.isValid())
        throw CommandFailed{exitUsage, Session::tr("The folder \"%1\" cannot be opened: %2.")
                                           .arg(printable(path), qt_error_string(errno))};
    return directory;
}

// The key is new and exists nowhere else: a file that is there already is not
// overwritten, and nobody else may read it.
void saveRecoveryKey(const QByteArray& key, const QString& path)
{
    const int fd =
        ::open(path.toLocal8Bit().constData(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const QByteArray line = key + '\n';
    const bool isSaved = fd >= 0 &&
                         ::write(fd, line.constData(), size_t(line.size())) == line.size() &&
                         ::fsync(fd) == 0;
    const int error = errno;
    if (fd >= 0)
        ::close(fd);
    if (!isSaved) {
        complain(Session::tr("The recovery key could not be saved in \"%1\" (%2), so here it is:")
                     .arg(printable(path), qt_error_string(error)));
        complain(QString::fromLatin1(key));
    }
}

int createRepository(Session& session, const QStringList& arguments)
{
    QCommandLineParser parser;
    addPassphraseOptions(parser);
    parser.addOption(
        {QStringLiteral("name"), Session::tr("what to call it"), QStringLiteral("NAME")});
    parser.addOption(
        {QStringLiteral("no-encryption"), Session::tr("keep the key beside the data")});
    parser.addOption({QStringLiteral("recovery-key-file"),
                      Session::tr("save the recovery key there"), QStringLiteral("FILE")});
    parse(parser, arguments, 1, 1);
    const QString path = parser.positionalArguments().first();
    const QDBusUnixFileDescriptor directory = openOrThrow(path);
    QString name = parser.value(QStringLiteral("name"));
    if (name.isEmpty())
        name = QDir(path).dirName();
    const bool isEncrypted = !parser.isSet(QStringLiteral("no-encryption"));
    session.connectToHelper();
    QByteArray secret;
    if (isEncrypted)
        secret = passphrase(parser, Session::tr("Passphrase for the new repository: "), true);
    const Answer<NewRepository> answer = session.tryAwait<NewRepository>([&](auto then) {
        session.client().createRepository(name, directory, secret, isEncrypted, &session, then);
    });
    wipe(secret);
    if (!answer)
        session.throwError(answer.error());
    NewRepository made = *answer;
    const QString keyFile = parser.value(QStringLiteral("recovery-key-file"));
    if (!keyFile.isEmpty() && isEncrypted)
        saveRecoveryKey(made.recoveryKey, keyFile);
    if (session.isJson()) {
        QJsonObject object{{"id", made.id}, {"name", name}, {"isEncrypted", isEncrypted}};
        if (keyFile.isEmpty() && isEncrypted)
            object.insert("recoveryKey", QString::fromLatin1(made.recoveryKey));
        printJson(object);
    } else {
        print(printable(
            Session::tr("The repository \"%1\" is ready (%2).").arg(name, made.id.left(8))));
        if (!isEncrypted)
            print(Session::tr("It is not encrypted: whoever has the folder can read the backups."));
        else if (keyFile.isEmpty())
            print(Session::tr(
                      "Recovery key, shown only now. Write it down and keep it apart from the "
                      "backups:\n\n    %1\n")
                      .arg(QString::fromLatin1(made.recoveryKey)));
        else
            print(printable(
                Session::tr("Its recovery key is in \"%1\". Keep it apart from the backups.")
                    .arg(keyFile)));
    }
    wipe(made.recoveryKey);
    return exitOk;
}

int openExisting(Session& session, const QStringList& arguments)
{
    QCommandLineParser parser;
    addPassphraseOptions(parser);
    parser.addOption({QStringLiteral("no-encryption"), Session::tr("it has no passphrase")});
    parse(parser, arguments, 1, 1);
    const QDBusUnixFileDescriptor directory = openOrThrow(parser.positionalArguments().first());
    session.connectToHelper();
    QByteArray secret;
    if (!parser.isSet(QStringLiteral("no-encryption")))
        secret = passphrase(parser, Session::tr("Passphrase or recovery key: "), false);
    const Answer<QString> answer = session.tryAwait<QString>(
        [&](auto then) { session.client().openRepository(directory, secret, &session, then); });
    wipe(secret);
    if (!answer)
        session.throwError(answer.error());
    if (session.isJson())
        printJson(QJsonObject{{"id", *answer}});
    else
        print(Session::tr("The repository is known now (%1).").arg(answer->left(8)));
    return exitOk;
}

void listRepositories(Session& session)
{
    const bus::RepositoryInfoList repositories = session.repositories();
    if (session.isJson()) {
        printJson(toJsonArray(repositories));
        return;
    }
    if (repositories.isEmpty()) {
        print(Session::tr(
            "There is no repository yet. Make one with \"dormousectl repo create FOLDER\"."));
        return;
    }
    QList<QStringList> rows{{Session::tr("REPOSITORY"), Session::tr("WHERE"), Session::tr("USED"),
                             Session::tr("FREE"), Session::tr("BACKUPS"), Session::tr("NEWEST"),
                             Session::tr("VERIFIED"), Session::tr("ID")}};
    for (const bus::RepositoryInfo& each : repositories)
        rows.append(
            {each.name,
             each.isReachable ? each.location : Session::tr("%1 (not there)").arg(each.location),
             formatBytes(each.usedBytes),
             each.isReachable ? formatBytes(each.freeBytes) : QStringLiteral("-"),
             QString::number(each.backupCount), when(each.lastBackupTime),
             when(each.lastVerifiedTime), each.id.left(8)});
    printTable(rows);
}

void setRhythm(bus::PlanInfo& plan, const QCommandLineParser& parser)
{
    const auto usage = [] {
        throw CommandFailed{
            exitUsage, Session::tr("Give one rhythm: --every 30m or 6h, --daily 02:30, --weekly "
                                   "\"Mon 02:30\", or --by-hand.")};
    };
    int given = 0;
    for (const char* name : {"every", "daily", "weekly", "by-hand"})
        given += parser.isSet(QLatin1String(name));
    if (given != 1)
        usage();
    bus::Rhythm& rhythm = plan.rhythm;
    const auto takeTime = [&](const QString& text) {
        const QTime time = QTime::fromString(text, QStringLiteral("H:mm"));
        if (!time.isValid())
            usage();
        rhythm.minuteOfDay = quint32(time.hour() * 60 + time.minute());
    };
    plan.isEnabled = true;
    if (parser.isSet(QStringLiteral("by-hand"))) {
        rhythm = {bus::RhythmKind::Daily, 0, 0, 0};
        plan.isEnabled = false;
    } else if (parser.isSet(QStringLiteral("every"))) {
        QString text = parser.value(QStringLiteral("every"));
        const int minutes = text.endsWith(QLatin1Char('h'))   ? 60
                            : text.endsWith(QLatin1Char('m')) ? 1
                                                              : 0;
        text.chop(1);
        bool isNumber = false;
        const uint count = text.toUInt(&isNumber);
        if (minutes == 0 || !isNumber || count == 0 || count > 1440)
            usage();
        rhythm = {bus::RhythmKind::Every, count * uint(minutes), 0, 0};
    } else if (parser.isSet(QStringLiteral("daily"))) {
        rhythm.kind = bus::RhythmKind::Daily;
        takeTime(parser.value(QStringLiteral("daily")));
    } else {
        const QStringList words = parser.value(QStringLiteral("weekly")).split(QLatin1Char(' '));
        static const QStringList days{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
        const qsizetype day = days.indexOf(words.value(0).left(3).toLower());
        if (words.size() != 2 || day < 0)
            usage();
        rhythm.kind = bus::RhythmKind::Weekly;
        rhythm.weekday = quint32(day + 1);
        takeTime(words[1]);
    }
}

int changePlan(Session& session, const QStringList& arguments, bool isNew)
{
    QCommandLineParser parser;
    parser.addOption(
        {QStringLiteral("name"), Session::tr("what to call it"), QStringLiteral("NAME")});
    parser.addOption({QStringLiteral("volume"), Session::tr("what to back up (again for more)"),
                      QStringLiteral("VOLUME")});
    parser.addOption({QStringLiteral("repo"), Session::tr("where to"), QStringLiteral("REPO")});
    parser.addOption({QStringLiteral("every"), Session::tr("30m, 6h ..."), QStringLiteral("TIME")});
    parser.addOption(
        {QStringLiteral("daily"), Session::tr("every day at"), QStringLiteral("HH:MM")});
    parser.addOption(
        {QStringLiteral("weekly"), Session::tr("every week at"), QStringLiteral("\"Mon HH:MM\"")});
    parser.addOption({QStringLiteral("by-hand"), Session::tr("only when asked")});
    parser.addOption({QStringLiteral("keep"), Session::tr("how many backups stay (0 = all)"),
                      QStringLiteral("N")});
    parse(parser, arguments, isNew ? 0 : 1, isNew ? 0 : 1);
    session.connectToHelper();
    bus::PlanInfo plan;
    if (!isNew)
        plan = session.findPlan(parser.positionalArguments().first());
    if (isNew || parser.isSet(QStringLiteral("every")) || parser.isSet(QStringLiteral("daily")) ||
        parser.isSet(QStringLiteral("weekly")) || parser.isSet(QStringLiteral("by-hand")))
        setRhythm(plan, parser);
    if (parser.isSet(QStringLiteral("name")))
        plan.name = parser.value(QStringLiteral("name"));
    if (parser.isSet(QStringLiteral("volume"))) {
        plan.volumeIds.clear();
        for (const QString& name : parser.values(QStringLiteral("volume")))
            plan.volumeIds << session.findProtectedVolume(name).id;
    }
    if (parser.isSet(QStringLiteral("repo")))
        plan.repositoryId = session.findRepository(parser.value(QStringLiteral("repo"))).id;
    if (parser.isSet(QStringLiteral("keep"))) {
        bool isNumber = false;
        plan.keepLast = parser.value(QStringLiteral("keep")).toUInt(&isNumber);
        if (!isNumber)
            throw CommandFailed{exitUsage, Session::tr("--keep wants a number.")};
    }
    if (plan.volumeIds.isEmpty() || plan.repositoryId.isEmpty())
        throw CommandFailed{exitUsage, Session::tr("A plan needs --volume and --repo.")};
    if (plan.name.isEmpty())
        throw CommandFailed{exitUsage, Session::tr("A plan needs a --name.")};
    if (isNew) {
        const bool isByHand = !plan.isEnabled;
        plan.id = session.await<QString>(
            [&](auto then) { session.client().createPlan(plan, &session, then); });
        if (isByHand)
            session.await<bool>(
                [&](auto then) { session.client().updatePlan(plan, &session, then); });
    } else {
        session.await<bool>([&](auto then) { session.client().updatePlan(plan, &session, then); });
    }
    plan = session.findPlan(plan.id);
    if (session.isJson())
        printJson(toJson(plan));
    else
        print(printable(Session::tr("Plan \"%1\": %2, %3.")
                            .arg(plan.name, planRhythm(plan), keepSentence(plan.keepLast))));
    return exitOk;
}

void listPlans(Session& session)
{
    const bus::PlanInfoList plans = session.plans();
    if (session.isJson()) {
        printJson(toJsonArray(plans));
        return;
    }
    if (plans.isEmpty()) {
        print(Session::tr("There is no plan yet. Make one with \"dormousectl plans create\"."));
        return;
    }
    const bus::RepositoryInfoList repositories = session.repositories();
    QList<QStringList> rows{{Session::tr("PLAN"), Session::tr("REPOSITORY"), Session::tr("RHYTHM"),
                             Session::tr("KEEP"), Session::tr("LAST RUN"), Session::tr("HOW"),
                             Session::tr("NEXT RUN"), Session::tr("ID")}};
    for (const bus::PlanInfo& plan : plans) {
        QString repositoryName;
        for (const bus::RepositoryInfo& repository : repositories) {
            if (repository.id == plan.repositoryId)
                repositoryName = repository.name;
        }
        rows.append({plan.name, repositoryName, planRhythm(plan),
                     plan.keepLast == 0 ? Session::tr("all") : QString::number(plan.keepLast),
                     when(plan.lastRunTime), outcomeName(plan.lastOutcome),
                     plan.nextRunTime == 0 ? QStringLiteral("-") : when(plan.nextRunTime),
                     plan.id.left(8)});
    }
    printTable(rows);
}

int setPassphrase(Session& session, const QStringList& arguments)
{
    QCommandLineParser parser;
    addPassphraseOptions(parser);
    parser.addOption({QStringLiteral("current-file"),
                      Session::tr("what opens it now, from a file (- = stdin)"),
                      QStringLiteral("FILE")});
    parser.addOption({QStringLiteral("recovery-key-file"),
                      Session::tr("save a new recovery key there"), QStringLiteral("FILE")});
    parse(parser, arguments, 1, 1);
    session.connectToHelper();
    const bus::RepositoryInfo repository =
        session.findRepository(parser.positionalArguments().first());
    QByteArray current;
    if (repository.isEncrypted)
        current = parser.isSet(QStringLiteral("current-file"))
                      ? readPassphraseFile(parser.value(QStringLiteral("current-file")))
                      : askPassphrase(Session::tr("Passphrase or recovery key: "), false);
    QByteArray wanted = passphrase(parser, Session::tr("New passphrase: "), true);
    Answer<QByteArray> answer = session.tryAwait<QByteArray>([&](auto then) {
        session.client().setPassphrase(repository.id, current, wanted, &session, then);
    });
    wipe(current);
    wipe(wanted);
    if (!answer)
        session.throwError(answer.error());
    QByteArray key = answer->trimmed();
    const QString keyFile = parser.value(QStringLiteral("recovery-key-file"));
    if (!key.isEmpty() && !keyFile.isEmpty())
        saveRecoveryKey(key, keyFile);
    if (session.isJson())
        printJson(QJsonObject{{"id", repository.id},
                              {"recoveryKey", keyFile.isEmpty() ? QString::fromLatin1(key)
                                                                : QString()}});
    else
        print(Session::tr("The passphrase is set. Whoever copied the old key file can still open it "
                          "with the old one."));
    if (!session.isJson() && !key.isEmpty() && keyFile.isEmpty())
        print(Session::tr("Recovery key, shown only now. Write it down and keep it apart from the "
                          "backups:\n\n    %1\n")
                  .arg(QString::fromLatin1(key)));
    wipe(key);
    return exitOk;
}

} // namespace

int runRepository(Session& session, const QStringList& arguments)
{
    const QString verb = arguments.value(0, QStringLiteral("list"));
    const QStringList rest = arguments.mid(1);
    if (verb == QLatin1String("create"))
        return createRepository(session, rest);
    if (verb == QLatin1String("open"))
        return openExisting(session, rest);
    if (verb == QLatin1String("set-passphrase"))
        return setPassphrase(session, rest);
    QCommandLineParser parser;
    parser.addOption({QStringLiteral("yes"), Session::tr("do not ask")});
    const bool isForgetBackup = verb == QLatin1String("forget-backup");
    const bool isList = verb == QLatin1String("list");
    parse(parser, rest, isList ? 0 : 1, isList ? 0 : 1);
    const QString name = parser.positionalArguments().value(0);
    if (isList) {
        session.connectToHelper();
        listRepositories(session);
        return exitOk;
    }
    HelperClient& client = session.client();
    if (verb == QLatin1String("verify") || verb == QLatin1String("repair")) {
        session.connectToHelper();
        const QString id = session.findRepository(name).id;
        return session.follow(session.await<QString>([&](auto then) {
            if (verb == QLatin1String("verify"))
                client.verifyRepository(id, &session, then);
            else
                client.repairRepository(id, &session, then);
        }));
    }
    if (verb == QLatin1String("forget")) {
        session.connectToHelper();
        const QString id = session.findRepository(name).id;
        session.await<bool>([&](auto then) { client.forgetRepository(id, &session, then); });
        return exitOk;
    }
    if (isForgetBackup) {
        session.connectToHelper();
        bus::RestorePoint point;
        for (const bus::RestorePoint& each : session.restorePoints(QString())) {
            if (each.id == name && each.source == bus::RestorePointSource::Backup)
                point = each;
        }
        if (point.id.isEmpty())
            throw CommandFailed{exitNotFound,
                                Session::tr("There is no backup \"%1\" (the whole id is needed).")
                                    .arg(printable(name))};
        if (!parser.isSet(QStringLiteral("yes")) &&
            !confirm(Session::tr("Delete the backup of %1 for good?")
                         .arg(formatMoment(QDateTime::fromSecsSinceEpoch(point.time)))))
            throw CommandFailed{exitCancelled, Session::tr("Nothing was changed.")};
        session.await<bool>(
            [&](auto then) { client.forgetBackup(point.repositoryId, point.id, &session, then); });
        return exitOk;
    }
    throw CommandFailed{exitUsage,
                        Session::tr("Use: repo list|create|open|set-passphrase|verify|repair|"
                                    "forget|forget-backup")};
}

int runPlans(Session& session, const QStringList& arguments)
{
    const QString verb = arguments.value(0, QStringLiteral("list"));
    const QStringList rest = arguments.mid(1);
    if (verb == QLatin1String("create"))
        return changePlan(session, rest, true);
    if (verb == QLatin1String("update"))
        return changePlan(session, rest, false);
    if (verb == QLatin1String("run"))
        return runBackup(session, rest);
    QCommandLineParser parser;
    parser.addOption({QStringLiteral("for"), Session::tr("with pause: how long"),
                      QStringLiteral("4h"), QStringLiteral("4h")});
    const bool isList = verb == QLatin1String("list");
    parse(parser, rest, isList ? 0 : 1, isList ? 0 : 1);
    HelperClient& client = session.client();
    if (isList) {
        session.connectToHelper();
        listPlans(session);
        return exitOk;
    }
    const QString name = parser.positionalArguments().first();
    if (verb == QLatin1String("pause") || verb == QLatin1String("resume")) {
        qint64 until = 0;
        if (verb == QLatin1String("pause")) {
            QString text = parser.value(QStringLiteral("for"));
            const int unit = text.endsWith(QLatin1Char('h'))   ? 3600
                             : text.endsWith(QLatin1Char('m')) ? 60
                                                               : 0;
            text.chop(1);
            const uint count = text.toUInt();
            if (unit == 0 || count == 0 || count > 100000)
                throw CommandFailed{exitUsage, Session::tr("--for wants 30m, 4h ...")};
            until = QDateTime::currentSecsSinceEpoch() + qint64(count) * unit;
        }
        session.connectToHelper();
        const QString id = session.findPlan(name).id;
        session.await<bool>([&](auto then) { client.pausePlan(id, until, &session, then); });
        return exitOk;
    }
    if (verb == QLatin1String("remove")) {
        session.connectToHelper();
        const QString id = session.findPlan(name).id;
        session.await<bool>([&](auto then) { client.removePlan(id, &session, then); });
        return exitOk;
    }
    throw CommandFailed{exitUsage,
                        Session::tr("Use: plans list|create|update|run|pause|resume|remove")};
}

int runBackup(Session& session, const QStringList& arguments)
{
    QCommandLineParser parser;
    parser.addOption({QStringLiteral("no-wait"), Session::tr("start it and return")});
    parse(parser, arguments, 0, 1);
    session.connectToHelper();
    bus::PlanInfo plan;
    if (!parser.positionalArguments().isEmpty()) {
        plan = session.findPlan(parser.positionalArguments().first());
    } else {
        const bus::PlanInfoList plans = session.plans();
        if (plans.isEmpty())
            throw CommandFailed{exitNotFound, Session::tr("There is no plan yet. Make one with "
                                                          "\"dormousectl plans create\".")};
        if (plans.size() > 1)
            throw CommandFailed{exitUsage, Session::tr("There is more than one plan: name one.")};
        plan = plans.first();
    }
    const auto job = session.await<QString>(
        [&](auto then) { session.client().runPlan(plan.id, &session, then); });
    if (parser.isSet(QStringLiteral("no-wait"))) {
        const QString number = job.mid(job.lastIndexOf(QLatin1Char('/')) + 1);
        if (session.isJson())
            printJson(QJsonObject{{"job", number}});
        else
            print(Session::tr("The backup is running as job %1.").arg(number));
        return exitOk;
    }
    const Session::JobEnd end = session.waitForJob(job);
    // What was read and stored is in the history, not in the job.
    const Answer<ActivityPage> history = session.tryAwait<ActivityPage>(
        [&](auto then) { session.client().listActivity(0, 20, &session, then); });
    bus::ActivityEntry entry;
    if (history) {
        for (const bus::ActivityEntry& each : history->entries) {
            if (each.kind == bus::JobKind::Backup && each.planId == plan.id &&
                each.finishedTime >= end.job.startedTime && entry.id.isEmpty())
                entry = each;
        }
    }
    if (session.isJson()) {
        QJsonObject object = toJson(end.job, end.details);
        if (!entry.id.isEmpty())
            object.insert("figures", toJson(entry));
        printJson(object);
    } else {
        session.report(end);
        const QString text = figures(entry);
        if (!text.isEmpty())
            print(text);
    }
    return end.exitCode;
}

} // namespace dormouse::app::cli
