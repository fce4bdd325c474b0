// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/unit/catalog_fixture.h"

#include <QTest>

#include <random>
#include <sqlite3.h>

using namespace dormouse;
using namespace dormouse::test;

namespace {

constexpr std::uint64_t granule = 65536;

const std::string volumeId = id(CatalogFixture::volume);

ChangeSetRow changeSet(int from, int to, ExtentList extents)
{
    return {volumeId, id(from), id(to), false, "", std::move(extents), 1};
}

ChangeSetRow voidSet(int from, int to, const char* reason)
{
    return {volumeId, id(from), id(to), true, reason, {}, 1};
}

/// Straight into the file, as a failing disk would.
void executeSql(const std::string& path, const char* sql)
{
    sqlite3* connection = nullptr;
    QCOMPARE(sqlite3_open(path.c_str(), &connection), SQLITE_OK);
    QCOMPARE(sqlite3_exec(connection, sql, nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(connection);
}

} // namespace

class TestCatalogHistory : public QObject
{
    Q_OBJECT

private slots:
    void aChainIsUnited()
    {
        CatalogFixture fixture;
        must(fixture->storeChangeSet(changeSet(1, 2, {{0, granule}, {10 * granule, granule}})));
        must(fixture->storeChangeSet(changeSet(2, 3, {{granule, granule}})));
        const auto changes = must(fixture->changesBetween(volumeId, id(1), id(3)));
        QCOMPARE(changes.brokenBy, ChainBreak::None);
        QCOMPARE(*changes.extents, (ExtentList{{0, 2 * granule}, {10 * granule, granule}}));
        QCOMPARE(*must(fixture->changesBetween(volumeId, id(2), id(3))).extents,
                 (ExtentList{{granule, granule}}));
        QCOMPARE(*must(fixture->changesBetween(volumeId, id(2), id(2))).extents, ExtentList{});
    }

    void anEmptyChangeSetIsALinkToo()
    {
        CatalogFixture fixture;
        must(fixture->storeChangeSet(changeSet(1, 2, {})));
        QCOMPARE(*must(fixture->changesBetween(volumeId, id(1), id(2))).extents, ExtentList{});
    }

    void aBrokenChainSaysWhyAndNothingElse()
    {
        CatalogFixture fixture;
        must(fixture->storeChangeSet(changeSet(1, 2, {{0, granule}})));
        must(fixture->storeChangeSet(changeSet(3, 4, {{0, granule}})));
        const auto gap = must(fixture->changesBetween(volumeId, id(1), id(4)));
        QVERIFY(!gap.extents);
        QCOMPARE(gap.brokenBy, ChainBreak::Missing);
        QVERIFY(!gap.sentence.empty());
        const auto start = must(fixture->changesBetween(volumeId, id(77), id(4)));
        QVERIFY(!start.extents);
        QCOMPARE(start.brokenBy, ChainBreak::UnknownStart);
        const auto end = must(fixture->changesBetween(volumeId, id(1), id(77)));
        QVERIFY(!end.extents);
        QCOMPARE(end.brokenBy, ChainBreak::UnknownEnd);
    }

    void aVoidSetBreaksItsChainWithItsReason()
    {
        CatalogFixture fixture;
        must(fixture->storeChangeSet(changeSet(1, 2, {{0, granule}})));
        must(fixture->storeChangeSet(voidSet(2, 3, "Somebody wrote without Dormouse.")));
        must(fixture->storeChangeSet(changeSet(3, 4, {{granule, granule}})));
        const auto changes = must(fixture->changesBetween(volumeId, id(1), id(4)));
        QVERIFY(!changes.extents);
        QCOMPARE(changes.brokenBy, ChainBreak::Void);
        QCOMPARE(changes.sentence, std::string("Somebody wrote without Dormouse."));
        QVERIFY(must(fixture->changesBetween(volumeId, id(3), id(4))).extents);
    }

    void storingAgainNeverLosesABlock()
    {
        CatalogFixture fixture;
        must(fixture->storeChangeSet(changeSet(1, 2, {{0, granule}})));
        must(fixture->storeChangeSet(changeSet(1, 2, {{2 * granule, granule}})));
        QCOMPARE(*must(fixture->changesBetween(volumeId, id(1), id(2))).extents,
                 (ExtentList{{0, granule}, {2 * granule, granule}}));
        must(fixture->storeChangeSet(voidSet(1, 2, "It failed.")));
        must(fixture->storeChangeSet(changeSet(1, 2, {{0, granule}})));
        QCOMPARE(must(fixture->changesBetween(volumeId, id(1), id(2))).brokenBy, ChainBreak::Void);
    }

    void aMergedSetServesABackupInItsMiddle()
    {
        CatalogFixture fixture;
        for (int epoch = 1; epoch <= 3; ++epoch)
            must(fixture->recordEpoch(
                {volumeId, id(epoch), epoch == 1 ? "" : id(epoch - 1), std::uint64_t(epoch), 1}));
        must(fixture->storeChangeSet(changeSet(1, 3, {{0, granule}})));
        QVERIFY(must(fixture->changesBetween(volumeId, id(2), id(3))).extents);
    }

    void anEpochIsFilledInButNotRewritten()
    {
        CatalogFixture fixture;
        must(fixture->recordEpoch({volumeId, id(2), "", 0, 0}));
        must(fixture->recordEpoch({volumeId, id(2), id(1), 5, 100}));
        must(fixture->recordEpoch({volumeId, id(2), id(9), 6, 200}));
        const auto epochs = must(fixture->epochs(volumeId, 10));
        QCOMPARE(epochs.size(), 1u);
        QCOMPARE(epochs[0].predecessorId, id(1));
        QCOMPARE(epochs[0].number, 5u);
        QCOMPARE(epochs[0].createdAtMs, 100);
    }

    void aSetOfAnUnknownVolumeIsRefused()
    {
        CatalogFixture fixture;
        auto row = changeSet(1, 2, {});
        row.volumeId = id(55);
        QVERIFY(!fixture->storeChangeSet(row));
        QVERIFY(!fixture->storeChangeSet(changeSet(1, 1, {})));
        must(fixture->storeChangeSet(changeSet(1, 2, {}))); // no transaction is left open
    }

    void aFlippedBitInASetMeansVoidNotSilence()
    {
        CatalogFixture fixture;
        must(fixture->storeChangeSet(changeSet(1, 2, {{0, granule}, {8 * granule, granule}})));
        executeSql(fixture.path(), "UPDATE change_sets SET extents = CAST("
                                   "substr(extents,1,3) || x'07' || substr(extents,5) AS BLOB)");
        const auto changes = must(fixture->changesBetween(volumeId, id(1), id(2)));
        QVERIFY(!changes.extents);
        QCOMPARE(changes.brokenBy, ChainBreak::Void);
    }

    void setsSurviveACrashRightAfterTheyWereStored()
    {
        QTemporaryDir folder;
        CatalogFixture fixture;
        must(fixture->storeChangeSet(changeSet(1, 2, {{0, granule}})));
        // What a power cut leaves: the file and its log, as they are now.
        const std::string copy = folder.filePath("copy.sqlite").toStdString();
        for (const char* suffix : {"", "-wal"})
            QVERIFY(QFile::copy(QString::fromStdString(fixture.path() + suffix),
                                QString::fromStdString(copy + suffix)));
        Catalog after = must(Catalog::open(copy));
        QVERIFY(must(after.changesBetween(volumeId, id(1), id(2))).extents);
    }

    void pruningKeepsTheChainOfTheSlowestPlan()
    {
        CatalogFixture fixture;
        for (int epoch = 1; epoch < 6; ++epoch)
            must(fixture->storeChangeSet(changeSet(epoch, epoch + 1, {{0, granule}})));
        must(fixture->putBackups({sampleBackup(100, 1, 10, 20, id(5), 5000),
                                  sampleBackup(101, 1, 11, 21, id(3), 3000),
                                  sampleBackup(102, 1, 11, 21, id(1), 1000)}));
        QCOMPARE(must(fixture->pruneChangeSets(volumeId, {})), 2);
        QVERIFY(must(fixture->changesBetween(volumeId, id(3), id(6))).extents);
        QCOMPARE(must(fixture->pruneChangeSets(volumeId, {})), 0);
        must(fixture->removePlan(id(21))); // nobody will continue from 3 any more
        QCOMPARE(must(fixture->pruneChangeSets(volumeId, {})), 2);
        QVERIFY(must(fixture->changesBetween(volumeId, id(5), id(6))).extents);
    }

    void pruningSparesWhatJobsAndUnfinishedBackupsNeed()
    {
        CatalogFixture fixture;
        for (int epoch = 1; epoch < 6; ++epoch)
            must(fixture->storeChangeSet(changeSet(epoch, epoch + 1, {{0, granule}})));
        auto unfinished = sampleBackup(100, 1, 10, 20, id(4), 5000);
        unfinished.isComplete = false;
        must(fixture->putBackups({unfinished}));
        QCOMPARE(must(fixture->pruneChangeSets(volumeId, {id(2)})), 1);
        QCOMPARE(must(fixture->pruneChangeSets(volumeId, {})), 2);
        QCOMPARE(must(fixture->changeSets(volumeId)).size(), 2u);
    }

    void twoPlansInterleavedEachFindTheirOwnChain()
    {
        CatalogFixture fixture;
        std::mt19937 random(9);
        std::vector<ExtentList> truth{{}}; // truth[e] changed between epoch e and e + 1
        struct Plan
        {
            int number, repository;
            int lastEpoch = 0;
        };
        Plan plans[]{{CatalogFixture::planA, CatalogFixture::repositoryA},
                     {CatalogFixture::planB, CatalogFixture::repositoryB}};
        for (int epoch = 1; epoch <= 40; ++epoch) {
            if (epoch > 1) {
                ExtentList written;
                for (int i = 0; i < 5; ++i)
                    written.push_back({random() % 1000 * granule, (1 + random() % 4) * granule});
                truth.push_back(mergeExtents(written));
                must(fixture->storeChangeSet(changeSet(epoch - 1, epoch, truth.back())));
            }
            Plan& plan = plans[random() % 2];
            if (plan.lastEpoch != 0) {
                const auto last =
                    must(fixture->newestBackup(id(plan.repository), id(plan.number), volumeId));
                QVERIFY(last);
                QCOMPARE(last->epochId, id(plan.lastEpoch));
                const auto changes =
                    must(fixture->changesBetween(volumeId, last->epochId, id(epoch)));
                ExtentList expected;
                for (int e = plan.lastEpoch; e < epoch; ++e)
                    expected.insert(expected.end(), truth[std::size_t(e)].begin(),
                                    truth[std::size_t(e)].end());
                QVERIFY2(changes.extents, changes.sentence.c_str());
                QCOMPARE(*changes.extents, mergeExtents(expected));
            }
            must(fixture->putBackups({sampleBackup(100 + epoch, 1, plan.repository, plan.number,
                                                   id(epoch), epoch * 1000)}));
            plan.lastEpoch = epoch;
            must(fixture->pruneChangeSets(volumeId, {}));
        }
        const int oldest = std::min(plans[0].lastEpoch, plans[1].lastEpoch);
        QCOMPARE(must(fixture->changeSets(volumeId)).size(), std::size_t(40 - oldest));
    }
};

QTEST_GUILESS_MAIN(TestCatalogHistory)
#include "tst_catalog_history.moc"
