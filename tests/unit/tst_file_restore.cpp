// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/browse/file_restore.h"

#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <QTest>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

using namespace dormouse;

namespace {
constexpr std::int64_t kPointMs = 1'700'000'000'000;
}

class TestFileRestore : public QObject
{
    Q_OBJECT

private slots:
    void init();

    void contentModeTimesAndAttributesComeBack();
    void ownersComeBackWhenRootRestores();
    void sparseFilesStaySparse();
    void hardLinksWithinTheSelectionStayLinked();
    void symbolicLinksAreCopiedNotFollowed();
    void pipesComeBack();
    void existingFileStaysAndTheSavedOneComesBeside();
    void overwritingReplacesOnlyFiles();
    void skippingLeavesWhatIsThere();
    void existingFoldersAreMerged();
    void folderInTheWayOfAFileIsKept();
    void symlinkInTheTargetIsNotFollowed();
    void pathsThatLeaveTheRestorePointAreRefused_data();
    void pathsThatLeaveTheRestorePointAreRefused();
    void symlinkedParentInTheSourceIsRefused();
    void planSaysWhatRunDoes();
    void progressEndsAtTheTotal();
    void cancellingLeavesNoPartOfAFile();
    void oneBadFileIsAnExceptionNotTheEnd();
    void longNamesStayWithinTheLimit();

private:
    QString from(const QString& name) const { return m_source->filePath(name); }
    QString to(const QString& name) const { return m_target->filePath(name); }
    static void write(const QString& path, const QByteArray& content)
    {
        QVERIFY(QDir().mkpath(QFileInfo(path).path()));
        QFile file(path);
        QVERIFY(file.open(QIODevice::WriteOnly));
        QCOMPARE(file.write(content), content.size());
    }
    static QByteArray read(const QString& path)
    {
        QFile file(path);
        return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray("<absent>");
    }
    static struct stat info(const QString& path)
    {
        struct stat result
        {
        };
        if (::lstat(path.toLocal8Bit().constData(), &result) != 0)
            qWarning("no %s", qPrintable(path));
        return result;
    }
    QStringList names(const QString& folder = ".") const
    {
        return QDir(to(folder))
            .entryList(QDir::AllEntries | QDir::Hidden | QDir::System | QDir::NoDotAndDotDot);
    }
    FileRestore restore(ConflictPolicy conflict, FileRestoreOptions options = {})
    {
        options.conflict = conflict;
        options.pointTimeMs = kPointMs;
        return FileRestore(m_sourceFd.get(), m_targetFd.get(), std::move(options));
    }

    std::unique_ptr<QTemporaryDir> m_source, m_target;
    UniqueFd m_sourceFd, m_targetFd;
};

void TestFileRestore::init()
{
    m_source = std::make_unique<QTemporaryDir>();
    m_target = std::make_unique<QTemporaryDir>();
    m_sourceFd.reset(::open(m_source->path().toLocal8Bit().constData(), O_RDONLY | O_DIRECTORY));
    m_targetFd.reset(::open(m_target->path().toLocal8Bit().constData(), O_RDONLY | O_DIRECTORY));
    QVERIFY(m_sourceFd && m_targetFd);
}

void TestFileRestore::contentModeTimesAndAttributesComeBack()
{
    write(from("folder/file.txt"), "hello");
    const QByteArray path = from("folder/file.txt").toLocal8Bit();
    QCOMPARE(::chmod(path.constData(), 0640), 0);
    const bool hasAttributes = ::setxattr(path.constData(), "user.colour", "brown", 5, 0) == 0;
    const timespec times[2] = {{1'500'000'000, 123456789}, {1'400'000'000, 987654321}};
    QCOMPARE(::utimensat(AT_FDCWD, path.constData(), times, 0), 0);
    QCOMPARE(::utimensat(AT_FDCWD, from("folder").toLocal8Bit().constData(), times, 0), 0);

    const auto report = restore(ConflictPolicy::Beside).run({"folder"});
    QVERIFY(report);
    QCOMPARE(report->exceptionCount, std::uint64_t{0});
    QCOMPARE(read(to("folder/file.txt")), QByteArray("hello"));
    const struct stat got = info(to("folder/file.txt"));
    QCOMPARE(got.st_mode & 07777u, 0640u);
    QCOMPARE(got.st_mtim.tv_sec, 1'400'000'000L);
    QCOMPARE(got.st_mtim.tv_nsec, 987654321L);
    QCOMPARE(info(to("folder")).st_mtim.tv_sec, 1'400'000'000L);
    if (hasAttributes) {
        char value[8] = {};
        QCOMPARE(::getxattr(to("folder/file.txt").toLocal8Bit().constData(), "user.colour", value,
                            sizeof(value)),
                 5L);
        QCOMPARE(QByteArray(value), QByteArray("brown"));
    }
}

void TestFileRestore::ownersComeBackWhenRootRestores()
{
    if (::geteuid() != 0)
        QSKIP("only root may give files away");
    write(from("file"), "x");
    const QByteArray path = from("file").toLocal8Bit();
    QCOMPARE(::chown(path.constData(), 1234, 2345), 0);
    QCOMPARE(::chmod(path.constData(), 04755), 0);
    QVERIFY(restore(ConflictPolicy::Beside).run({"file"}));
    const struct stat got = info(to("file"));
    QCOMPARE(got.st_uid, 1234u);
    QCOMPARE(got.st_gid, 2345u);
    QCOMPARE(got.st_mode & 07777u, 04755u);
}

void TestFileRestore::sparseFilesStaySparse()
{
    QFile file(from("sparse"));
    QVERIFY(file.open(QIODevice::WriteOnly));
    QVERIFY(file.resize(64 << 20));
    QVERIFY(file.seek(40 << 20));
    QCOMPARE(file.write("middle"), 6);
    file.close();
    QVERIFY(restore(ConflictPolicy::Beside).run({"sparse"}));
    QVERIFY(read(to("sparse")) == read(from("sparse")));
    QVERIFY(info(to("sparse")).st_blocks <= info(from("sparse")).st_blocks + 8);
}

void TestFileRestore::hardLinksWithinTheSelectionStayLinked()
{
    write(from("a/one"), "shared");
    QCOMPARE(
        ::link(from("a/one").toLocal8Bit().constData(), from("a/two").toLocal8Bit().constData()),
        0);
    const auto report = restore(ConflictPolicy::Beside).run({"a"});
    QVERIFY(report);
    QCOMPARE(report->bytes, std::uint64_t{6});
    QCOMPARE(info(to("a/one")).st_ino, info(to("a/two")).st_ino);
    QCOMPARE(names("a").size(), 2);
}

void TestFileRestore::symbolicLinksAreCopiedNotFollowed()
{
    QCOMPARE(::symlink("/etc/passwd", from("link").toLocal8Bit().constData()), 0);
    QVERIFY(restore(ConflictPolicy::Beside).run({"link"}));
    QVERIFY(S_ISLNK(info(to("link")).st_mode));
    QCOMPARE(QFile::symLinkTarget(to("link")), QString("/etc/passwd"));
}

void TestFileRestore::pipesComeBack()
{
    QCOMPARE(::mkfifo(from("pipe").toLocal8Bit().constData(), 0620), 0);
    QCOMPARE(::chmod(from("pipe").toLocal8Bit().constData(), 0620), 0);
    const auto report = restore(ConflictPolicy::Beside).run({"pipe"});
    QVERIFY(report);
    QCOMPARE(report->exceptionCount, std::uint64_t{0});
    QVERIFY(S_ISFIFO(info(to("pipe")).st_mode));
    QCOMPARE(info(to("pipe")).st_mode & 0777u, 0620u);
}

void TestFileRestore::existingFileStaysAndTheSavedOneComesBeside()
{
    write(from("report.txt"), "old");
    write(to("report.txt"), "new");
    for (int i = 0; i < 2; ++i)
        QVERIFY(restore(ConflictPolicy::Beside).run({"report.txt"}));
    QCOMPARE(read(to("report.txt")), QByteArray("new"));
    const QString beside = QString::fromStdString(besideName("report.txt", kPointMs, 0));
    QVERIFY(beside.startsWith("report \u2013 saved at ") && beside.endsWith(".txt"));
    QCOMPARE(read(to(beside)), QByteArray("old"));
    QCOMPARE(read(to(QString::fromStdString(besideName("report.txt", kPointMs, 1)))),
             QByteArray("old"));
}

void TestFileRestore::overwritingReplacesOnlyFiles()
{
    write(from("a"), "old");
    write(to("a"), "new");
    const auto report = restore(ConflictPolicy::Overwrite).run({"a"});
    QVERIFY(report);
    QCOMPARE(report->overwritten, std::uint64_t{1});
    QCOMPARE(read(to("a")), QByteArray("old"));
    QCOMPARE(names(), QStringList{"a"});
}

void TestFileRestore::skippingLeavesWhatIsThere()
{
    write(from("d/a"), "old");
    write(from("d/b"), "only saved");
    write(to("d/a"), "new");
    const auto report = restore(ConflictPolicy::Skip).run({"d"});
    QVERIFY(report);
    QCOMPARE(report->skipped, std::uint64_t{1});
    QCOMPARE(read(to("d/a")), QByteArray("new"));
    QCOMPARE(read(to("d/b")), QByteArray("only saved"));
}

void TestFileRestore::existingFoldersAreMerged()
{
    write(from("d/saved"), "1");
    write(to("d/present"), "2");
    QVERIFY(restore(ConflictPolicy::Beside).run({"d"}));
    QCOMPARE(names("d"), (QStringList{"present", "saved"}));
}

void TestFileRestore::folderInTheWayOfAFileIsKept()
{
    write(from("name"), "file");
    write(to("name/inside"), "precious");
    QVERIFY(restore(ConflictPolicy::Overwrite).run({"name"}));
    QCOMPARE(read(to("name/inside")), QByteArray("precious"));
    QCOMPARE(read(to(QString::fromStdString(besideName("name", kPointMs, 0)))), QByteArray("file"));
}

void TestFileRestore::symlinkInTheTargetIsNotFollowed()
{
    QTemporaryDir elsewhere;
    write(from("d/evil"), "x");
    QCOMPARE(
        ::symlink(elsewhere.path().toLocal8Bit().constData(), to("d").toLocal8Bit().constData()),
        0);
    QVERIFY(restore(ConflictPolicy::Overwrite).run({"d"}));
    QVERIFY(QDir(elsewhere.path()).isEmpty());
    QVERIFY(S_ISLNK(info(to("d")).st_mode));
}

void TestFileRestore::pathsThatLeaveTheRestorePointAreRefused_data()
{
    QTest::addColumn<QString>("path");
    for (const char* path : {"", "/etc/passwd", "..", "a/../../b", "./a", "a//b", "a/.."})
        QTest::newRow(path) << QString(path);
}

void TestFileRestore::pathsThatLeaveTheRestorePointAreRefused()
{
    QFETCH(QString, path);
    write(from("a/b"), "x");
    const auto report = restore(ConflictPolicy::Beside).run({path.toStdString()});
    QVERIFY(!report);
    QCOMPARE(report.error().code, Error::Code::Invalid);
    QVERIFY(names().isEmpty());
}

void TestFileRestore::symlinkedParentInTheSourceIsRefused()
{
    QCOMPARE(::symlink("/etc", from("etc").toLocal8Bit().constData()), 0);
    QVERIFY(!restore(ConflictPolicy::Beside).run({"etc/passwd"}));
    QVERIFY(names().isEmpty());
}

void TestFileRestore::planSaysWhatRunDoes()
{
    write(from("d/a"), "12345");
    write(from("d/b"), "123");
    QCOMPARE(::symlink("a", from("d/l").toLocal8Bit().constData()), 0);
    write(to("d/a"), "there");
    const auto plan = restore(ConflictPolicy::Beside).plan({"d"});
    QVERIFY(plan);
    QCOMPARE(plan->files, std::uint64_t{2});
    QCOMPARE(plan->directories, std::uint64_t{1});
    QCOMPARE(plan->others, std::uint64_t{1});
    QCOMPARE(plan->bytes, std::uint64_t{8});
    QCOMPARE(plan->created, std::uint64_t{2});
    QCOMPARE(plan->beside, std::uint64_t{1});
    QVERIFY(plan->freeBytes > 0);
    QCOMPARE(names("d"), QStringList{"a"});
    const auto report = restore(ConflictPolicy::Beside).run({"d"});
    QVERIFY(report);
    QCOMPARE(report->files, plan->files);
    QCOMPARE(report->bytes, plan->bytes);
    QCOMPARE(report->beside, plan->beside);
}

void TestFileRestore::progressEndsAtTheTotal()
{
    write(from("d/a"), QByteArray(3 << 20, 'x'));
    write(from("d/b"), QByteArray(100, 'y'));
    std::uint64_t done = 0, total = 0;
    FileRestoreOptions options;
    options.progress = [&](std::uint64_t nowDone, std::uint64_t nowTotal) {
        QVERIFY(nowDone <= nowTotal);
        done = nowDone;
        total = nowTotal;
    };
    QVERIFY(restore(ConflictPolicy::Beside, options).run({"d"}));
    QCOMPARE(done, std::uint64_t{(3 << 20) + 100});
    QCOMPARE(total, done);
}

void TestFileRestore::cancellingLeavesNoPartOfAFile()
{
    write(from("big"), QByteArray(8 << 20, 'x'));
    std::stop_source source;
    FileRestoreOptions options;
    options.stop = source.get_token();
    options.progress = [&](std::uint64_t, std::uint64_t) { source.request_stop(); };
    const auto report = restore(ConflictPolicy::Beside, options).run({"big"});
    QVERIFY(!report);
    QCOMPARE(report.error().code, Error::Code::Cancelled);
    QVERIFY(names().isEmpty());
}

void TestFileRestore::oneBadFileIsAnExceptionNotTheEnd()
{
    write(from("d/a"), "x");
    write(from("d/b"), "y");
    std::vector<std::string> excepted;
    FileRestoreOptions options;
    options.exception = [&](const RestoreException& one) { excepted.push_back(one.path); };
    // It vanishes between the plan and the copy.
    options.progress = [&](std::uint64_t, std::uint64_t) { QFile::remove(from("d/b")); };
    const auto report = restore(ConflictPolicy::Beside, options).run({"d"});
    QVERIFY(report);
    QCOMPARE(read(to("d/a")), QByteArray("x"));
    QCOMPARE(report->exceptionCount, std::uint64_t{1});
    QCOMPARE(excepted, std::vector<std::string>{"d/b"});
}

void TestFileRestore::longNamesStayWithinTheLimit()
{
    const std::string longName = std::string(240, 'n') + "\u00e4\u00e4\u00e4.tar";
    const std::string beside = besideName(longName, kPointMs, 0);
    QVERIFY(beside.size() <= 255);
    QVERIFY(beside.ends_with(".tar"));
    QVERIFY(QString::fromUtf8(beside.c_str()).toStdString() == beside);
    QVERIFY(besideName(".bashrc", kPointMs, 0).starts_with(".bashrc "));
}

QTEST_GUILESS_MAIN(TestFileRestore)
#include "tst_file_restore.moc"
