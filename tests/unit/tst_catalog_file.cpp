// SPDX-License-Identifier: GPL-3.0-or-later
// The catalog as a file: created, damaged, too new, old, foreign.
#include "helper/catalog/catalog_schema.h"
#include "tests/unit/catalog_fixture.h"

#include <QDir>
#include <QTest>

#include <sqlite3.h>
#include <sys/stat.h>

using namespace dormouse;
using namespace dormouse::test;

namespace {

void executeSql(const std::string& path, const char* sql)
{
    sqlite3* connection = nullptr;
    QCOMPARE(sqlite3_open(path.c_str(), &connection), SQLITE_OK);
    QCOMPARE(sqlite3_exec(connection, sql, nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(connection);
}

QByteArray contentOf(const std::string& path)
{
    QFile file(QString::fromStdString(path));
    return file.open(QFile::ReadOnly) ? file.readAll() : QByteArray();
}

void overwrite(const std::string& path, qint64 at, const QByteArray& bytes)
{
    QFile file(QString::fromStdString(path));
    QVERIFY(file.open(QFile::ReadWrite));
    QVERIFY(file.seek(at));
    QCOMPARE(file.write(bytes), qint64(bytes.size()));
}

} // namespace

class TestCatalogFile : public QObject
{
    Q_OBJECT

    std::unique_ptr<QTemporaryDir> m_folder;
    std::string m_path;

    /// A closed catalog with enough rows for several pages.
    void makeCatalog()
    {
        Catalog catalog = must(Catalog::open(m_path));
        must(catalog.putVolume(sampleVolume(1)));
        for (int i = 0; i < 300; ++i)
            must(catalog.addJob(
                {0, "backup", id(1), "", Outcome::Done, std::string(100, 'x'), 1, 2}));
    }

private slots:
    void init()
    {
        m_folder = std::make_unique<QTemporaryDir>();
        m_path = m_folder->filePath("catalog.sqlite").toStdString();
    }

    void isCreatedForItsOwnerOnly()
    {
        CatalogOpenReport report;
        const mode_t before = umask(0);
        must(Catalog::open(m_path, &report));
        umask(before);
        QVERIFY(report.wasCreated);
        QVERIFY(!report.wasDamaged);
        struct stat status
        {
        };
        QCOMPARE(stat(m_path.c_str(), &status), 0);
        QCOMPARE(status.st_mode & 07777, 0600u);
        must(Catalog::open(m_path, &report));
        QVERIFY(!report.wasCreated);
    }

    void needsTheFolder()
    {
        const auto missing = Catalog::open(m_folder->filePath("none/catalog").toStdString());
        QVERIFY(!missing);
        QCOMPARE(missing.error().code, Error::Code::NotFound);
        QVERIFY(!Catalog::connect(m_path));
    }

    void aDamagedFileIsSetAsideAndKept_data()
    {
        QTest::addColumn<qint64>("at");
        QTest::addColumn<QByteArray>("bytes");
        QTest::newRow("header") << qint64(0) << QByteArray(100, 'z');
        QTest::newRow("a page of the middle") << qint64(5 * 4096) << QByteArray(4096, '\x5a');
        QTest::newRow("schema page") << qint64(100) << QByteArray(200, '\xff');
    }
    void aDamagedFileIsSetAsideAndKept()
    {
        QFETCH(qint64, at);
        QFETCH(QByteArray, bytes);
        makeCatalog();
        overwrite(m_path, at, bytes);
        const QByteArray damaged = contentOf(m_path);

        CatalogOpenReport report;
        Catalog catalog = must(Catalog::open(m_path, &report));
        QVERIFY(report.wasDamaged);
        QVERIFY(!report.sentence.empty());
        QCOMPARE(contentOf(report.setAsidePath), damaged);
        QVERIFY(must(catalog.volumes()).empty());
        must(catalog.putVolume(sampleVolume(1)));
    }

    void aTruncatedFileIsSetAside()
    {
        makeCatalog();
        QVERIFY(QFile::resize(QString::fromStdString(m_path), 8192));
        CatalogOpenReport report;
        must(Catalog::open(m_path, &report));
        QVERIFY(report.wasDamaged);
    }

    void twoDamagedFilesDoNotReplaceEachOther()
    {
        for (int i = 0; i < 2; ++i) {
            makeCatalog();
            overwrite(m_path, 0, QByteArray(100, 'z'));
            CatalogOpenReport report;
            must(Catalog::open(m_path, &report));
            QVERIFY(report.wasDamaged);
            QFile::remove(QString::fromStdString(m_path));
        }
        QCOMPARE(QDir(m_folder->path()).entryList({"*.damaged-*"}, QDir::Files).size(), 2);
    }

    void aNewerCatalogIsRefusedAndUntouched()
    {
        makeCatalog();
        executeSql(m_path, "PRAGMA user_version=999");
        const QByteArray before = contentOf(m_path);
        const auto refused = Catalog::open(m_path);
        QVERIFY(!refused);
        QCOMPARE(refused.error().code, Error::Code::Unsupported);
        QVERIFY(refused.error().message.find("newer") != std::string::npos);
        QCOMPARE(contentOf(m_path), before);
    }

    void aForeignDatabaseIsRefusedAndUntouched()
    {
        executeSql(m_path, "CREATE TABLE theirs (x)");
        const QByteArray before = contentOf(m_path);
        const auto refused = Catalog::open(m_path);
        QVERIFY(!refused);
        QCOMPARE(refused.error().code, Error::Code::Unsupported);
        QCOMPARE(contentOf(m_path), before);
    }

    void aFailingMigrationLeavesTheOldVersion()
    {
        makeCatalog();
        Database database = must(Database::open(m_path, true));
        std::vector<Migration> migrations(catalogMigrations().begin(), catalogMigrations().end());
        migrations.push_back({"CREATE TABLE added (x); INSERT INTO missing VALUES (1);"});
        QVERIFY(!database.migrate(migrations));
        QVERIFY(!database.prepare("SELECT * FROM added"));
        Catalog catalog = must(Catalog::open(m_path));
        QCOMPARE(must(catalog.volumes()).size(), 1u);
    }

    /// tests/golden/catalog/vN.sql is a dump of a catalog that version N wrote.
    void everyOldVersionIsUpgraded_data()
    {
        QTest::addColumn<QString>("dump");
        const QDir golden(QStringLiteral(DORMOUSE_GOLDEN_DIR "/catalog"));
        for (const QString& name : golden.entryList({"v*.sql"}, QDir::Files))
            QTest::newRow(qPrintable(name)) << golden.filePath(name);
    }
    void everyOldVersionIsUpgraded()
    {
        QFETCH(QString, dump);
        QFile file(dump);
        QVERIFY(file.open(QFile::ReadOnly));
        executeSql(m_path, file.readAll().constData());

        CatalogOpenReport report;
        Catalog catalog = must(Catalog::open(m_path, &report));
        QVERIFY(!report.wasDamaged);
        const auto volume = must(catalog.volume(id(1)));
        QVERIFY(volume);
        QCOMPARE(volume->storeExtents, sampleVolume(1).storeExtents);
        QCOMPARE(must(catalog.repositories()).size(), 2u);
        QCOMPARE(must(catalog.plan(id(20)))->volumeIds, (std::vector<std::string>{id(1)}));
        QCOMPARE(must(catalog.runs(id(20), 9)).size(), 1u);
        QCOMPARE(must(catalog.runs(id(20), 9))[0].slotMs, std::optional<std::int64_t>(100));
        QCOMPARE(must(catalog.newestBackup(id(10), id(20), id(1)))->epochId, id(501));
        QCOMPARE(*must(catalog.changesBetween(id(1), id(501), id(502))).extents,
                 (ExtentList{{0, 65536}, {655360, 131072}}));
        QCOMPARE(must(catalog.changesBetween(id(1), id(501), id(503))).brokenBy, ChainBreak::Void);
        QCOMPARE(must(catalog.epochs(id(1), 9)).size(), 2u);
        QCOMPARE(must(catalog.jobs("", 9)).size(), 1u);
        QCOMPARE(must(catalog.verifications(id(10), "", 9)).size(), 1u);
        QCOMPARE(must(catalog.setting("language")), std::optional<std::string>("de"));
    }

    /// Fails when the newest version has no golden file; the failure leaves one
    /// to check in (see its message).
    void theNewestVersionHasAGoldenFile()
    {
        const auto version = catalogMigrations().size();
        const QString golden = QStringLiteral(DORMOUSE_GOLDEN_DIR "/catalog/v%1.sql").arg(version);
        if (QFile::exists(golden))
            return;
        const std::string path = QDir::current().filePath("golden.sqlite").toStdString();
        QFile::remove(QString::fromStdString(path));
        writeGolden(path);
        QFAIL(qPrintable(QStringLiteral("No %1. Make it from %2 (sqlite3's .dump, and PRAGMA "
                                        "user_version and application_id added).")
                             .arg(golden, QString::fromStdString(path))));
    }

private:
    static void writeGolden(const std::string& path)
    {
        Catalog catalog = must(Catalog::open(path));
        must(catalog.putVolume(sampleVolume(1)));
        must(catalog.putRepository(sampleRepository(10)));
        must(catalog.putRepository(sampleRepository(11)));
        must(catalog.putPlan(samplePlan(20, 1, 10)));
        RunRow run;
        run.planId = id(20);
        run.slotMs = 100;
        run.startedAtMs = 101;
        must(catalog.addRun(run));
        must(catalog.putBackups({sampleBackup(100, 1, 10, 20, id(501), 1000)}));
        must(catalog.recordEpoch({id(1), id(501), "", 1, 1}));
        must(catalog.recordEpoch({id(1), id(502), id(501), 2, 2}));
        must(catalog.storeChangeSet(
            {id(1), id(501), id(502), false, "", {{0, 65536}, {655360, 131072}}, 1}));
        must(catalog.storeChangeSet({id(1), id(502), id(503), true, "Left open.", {}, 1}));
        must(catalog.addJob({0, "backup", id(1), id(20), Outcome::Done, "Done.", 1, 2}));
        must(catalog.addVerification(
            {0, id(10), id(100), id(1), VerificationKind::Full, true, "All read.", 9, 3}));
        must(catalog.putSetting("language", "de"));
    }
};

QTEST_GUILESS_MAIN(TestCatalogFile)
#include "tst_catalog_file.moc"
