// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/unit/catalog_fixture.h"

#include <QTest>

#include <thread>

using namespace dormouse;
using namespace dormouse::test;

class TestCatalog : public QObject
{
    Q_OBJECT

private slots:
    void volumesComeBackAsTheyWere()
    {
        CatalogFixture fixture;
        const auto row = must(fixture->volume(id(CatalogFixture::volume)));
        const VolumeRow expected = sampleVolume(CatalogFixture::volume);
        QVERIFY(row);
        QCOMPARE(row->fsUuid, expected.fsUuid);
        QCOMPARE(row->label, expected.label);
        QCOMPARE(row->sizeBytes, expected.sizeBytes);
        QCOMPARE(row->lastDevice, expected.lastDevice);
        QCOMPARE(row->lastMountPoint, expected.lastMountPoint);
        QCOMPARE(row->superblockOffsetBytes, expected.superblockOffsetBytes);
        QCOMPARE(row->superblockOffsetBBytes, expected.superblockOffsetBBytes);
        QCOMPARE(row->storePath, expected.storePath);
        QCOMPARE(row->storeDevice, expected.storeDevice);
        QCOMPARE(row->storeExtents, expected.storeExtents);
        QCOMPARE(row->isProtected, true);
        QCOMPARE(row->addedAtMs, expected.addedAtMs);
        QVERIFY(must(fixture->protectedVolumeByFsUuid(expected.fsUuid)));
        QVERIFY(!must(fixture->protectedVolumeByFsUuid("other")));
        QVERIFY(!must(fixture->volume(id(99))));
    }

    void changingAVolumeKeepsItsHistory()
    {
        CatalogFixture fixture;
        must(fixture->storeChangeSet({id(1), id(501), id(502), false, "", {{0, 65536}}, 1}));
        auto row = sampleVolume(CatalogFixture::volume);
        row.isProtected = false;
        row.storeExtents.clear();
        row.storeDevice = kWholeDevice;
        must(fixture->putVolume(row));
        QCOMPARE(must(fixture->volume(row.volumeId))->storeDevice, row.storeDevice);
        QCOMPARE(must(fixture->changeSets(id(1))).size(), 1u);
        QCOMPARE(must(fixture->volumes()).size(), 1u);
        QVERIFY(!must(fixture->protectedVolumeByFsUuid(row.fsUuid)));
    }

    void refusesAnIdentifierThatIsNone()
    {
        CatalogFixture fixture;
        auto row = sampleVolume(2);
        row.volumeId = "short";
        const auto refused = fixture->putVolume(row);
        QVERIFY(!refused);
        QCOMPARE(refused.error().code, Error::Code::Invalid);
    }

    void repositoriesComeBackAsTheyWere()
    {
        CatalogFixture fixture;
        must(fixture->setRepositoryHead(id(CatalogFixture::repositoryA), {9, 8}, 42));
        const auto row = must(fixture->repository(id(CatalogFixture::repositoryA)));
        QVERIFY(row);
        QCOMPARE(row->name, std::string("Disk 10"));
        QCOMPARE(row->fsUuid, std::string("repo-10"));
        QCOMPARE(row->path, std::string("backups"));
        QCOMPARE(row->keyKept, KeyKept::Credential);
        QCOMPARE(row->headRecordHash, (std::vector<std::uint8_t>{9, 8}));
        QCOMPARE(row->headSequence, 42u);
        QCOMPARE(must(fixture->repositories()).size(), 2u);
    }

    void plansComeBackAsTheyWere()
    {
        CatalogFixture fixture;
        must(fixture->putVolume(sampleVolume(2)));
        auto row = samplePlan(CatalogFixture::planA, 2, CatalogFixture::repositoryB);
        row.volumeIds = {id(2), id(1)};
        row.enabled = false;
        row.pausedUntilMs = 5000;
        must(fixture->putPlan(row));
        const auto read = must(fixture->plan(row.planId));
        QVERIFY(read);
        QCOMPARE(read->volumeIds, row.volumeIds);
        QCOMPARE(read->repositoryId, row.repositoryId);
        QCOMPARE(read->rhythm, row.rhythm);
        QCOMPARE(read->keepLast, 14u);
        QCOMPARE(read->enabled, false);
        QCOMPARE(read->pausedUntilMs, std::optional<std::int64_t>(5000));
        QCOMPARE(must(fixture->plans()).size(), 2u);
        QCOMPARE(must(fixture->plans())[0].volumeIds, row.volumeIds);
    }

    void aPlanOfUnknownThingsIsRefusedWhole()
    {
        CatalogFixture fixture;
        auto row = samplePlan(CatalogFixture::planA, 1, CatalogFixture::repositoryA);
        row.name = "changed";
        row.volumeIds = {id(1), id(77)};
        const auto refused = fixture->putPlan(row);
        QVERIFY(!refused);
        QCOMPARE(refused.error().code, Error::Code::NotFound);
        QCOMPARE(must(fixture->plan(row.planId))->name, std::string("Every night"));
        row.volumeIds = {id(1), id(1)};
        QVERIFY(!fixture->putPlan(row));
        row = samplePlan(30, 1, 88);
        QVERIFY(!fixture->putPlan(row));
        QVERIFY(!must(fixture->plan(row.planId)));
    }

    void whatAPlanNeedsCannotBeRemoved()
    {
        CatalogFixture fixture;
        const auto volume = fixture->removeVolume(id(CatalogFixture::volume));
        QVERIFY(!volume);
        QCOMPARE(volume.error().code, Error::Code::Busy);
        QVERIFY(!fixture->removeRepository(id(CatalogFixture::repositoryA)));
        must(fixture->removePlan(id(CatalogFixture::planA)));
        must(fixture->removePlan(id(CatalogFixture::planB)));
        must(fixture->removeVolume(id(CatalogFixture::volume)));
        must(fixture->removeRepository(id(CatalogFixture::repositoryA)));
        QVERIFY(must(fixture->volumes()).empty());
    }

    void runsAreListedNewestFirst()
    {
        CatalogFixture fixture;
        RunRow row;
        row.planId = id(CatalogFixture::planA);
        row.slotMs = 100;
        row.startedAtMs = 101;
        row.runId = must(fixture->addRun(row));
        RunRow second = row;
        second.slotMs.reset();
        second.runId = must(fixture->addRun(second));
        QVERIFY(second.runId > row.runId);

        row.outcome = Outcome::Done;
        row.finishedAtMs = 200;
        row.changedBytes = 1;
        row.readBytes = 2;
        row.storedBytes = 3;
        row.recordId = id(900);
        must(fixture->updateRun(row));
        const auto runs = must(fixture->runs(row.planId, 10));
        QCOMPARE(runs.size(), 2u);
        QCOMPARE(runs[0].runId, second.runId);
        QVERIFY(!runs[0].slotMs);
        QCOMPARE(runs[1].outcome, Outcome::Done);
        QCOMPARE(runs[1].slotMs, std::optional<std::int64_t>(100));
        QCOMPARE(runs[1].finishedAtMs, std::optional<std::int64_t>(200));
        QCOMPARE(runs[1].storedBytes, 3u);
        QCOMPARE(runs[1].recordId, id(900));
        QCOMPARE(must(fixture->runs(row.planId, 1)).size(), 1u);

        QCOMPARE(must(fixture->interruptRunningRuns(300, "The computer was switched off.")), 1);
        const auto after = must(fixture->runs(row.planId, 10));
        QCOMPARE(after[0].outcome, Outcome::Interrupted);
        QCOMPARE(after[0].finishedAtMs, std::optional<std::int64_t>(300));
        QCOMPARE(after[1].outcome, Outcome::Done);

        RunRow orphan;
        orphan.planId = id(66);
        QCOMPARE(fixture->addRun(orphan).error().code, Error::Code::NotFound);
    }

    void backupsAreFoundByWhatTheyBelongTo()
    {
        CatalogFixture fixture;
        auto first = sampleBackup(100, 1, 10, 20, id(501), 1000);
        auto second = sampleBackup(101, 1, 10, 20, id(502), 2000);
        auto unfinished = sampleBackup(102, 1, 10, 20, id(503), 3000);
        unfinished.isComplete = false;
        auto elsewhere = sampleBackup(103, 1, 11, 21, id(504), 4000);
        second.kind = BackupKind::Compared;
        second.reason = "The catalog was lost.";
        second.volumeBytes = 5;
        second.storedBytes = 6;
        must(fixture->putBackups({first, second, unfinished, elsewhere}));

        QCOMPARE(must(fixture->backups("", "", "")).size(), 4u);
        QCOMPARE(must(fixture->backups(id(10), "", "")).size(), 3u);
        QCOMPARE(must(fixture->backups("", id(21), "")).size(), 1u);
        QCOMPARE(must(fixture->backups("", "", id(2))).size(), 0u);
        const auto newest = must(fixture->newestBackup(id(10), id(20), id(1)));
        QVERIFY(newest);
        QCOMPARE(newest->recordId, second.recordId);
        QCOMPARE(newest->kind, BackupKind::Compared);
        QCOMPARE(newest->reason, second.reason);
        QCOMPARE(newest->volumeBytes, 5u);
        QCOMPARE(newest->storedBytes, 6u);
        QVERIFY(!must(fixture->newestBackup(id(11), id(20), id(1))));

        unfinished.isComplete = true;
        must(fixture->putBackups({unfinished}));
        QCOMPARE(must(fixture->newestBackup(id(10), id(20), id(1)))->recordId, unfinished.recordId);
        must(fixture->removeBackups(id(10), unfinished.recordId));
        QCOMPARE(must(fixture->backups("", "", "")).size(), 3u);
    }

    void backupsOutliveTheirPlan()
    {
        CatalogFixture fixture;
        must(fixture->putBackups({sampleBackup(100, 1, 10, 20, id(501), 1000)}));
        must(fixture->removePlan(id(20)));
        QCOMPARE(must(fixture->backups("", id(20), "")).size(), 1u);
    }

    void oneBadRowKeepsAllRowsOfARecordOut()
    {
        CatalogFixture fixture;
        QVERIFY(!fixture->putBackups({sampleBackup(100, 1, 10, 20, id(501), 1000),
                                      sampleBackup(100, 2, 99, 20, id(502), 1000)}));
        QVERIFY(must(fixture->backups("", "", "")).empty());
        must(fixture->putBackups({sampleBackup(100, 1, 10, 20, id(501), 1000)})); // still usable
    }

    void jobsAndVerificationsAreHistory()
    {
        CatalogFixture fixture;
        must(fixture->addJob(
            {0, "backup", id(1), id(20), Outcome::Failed, "The disk is full.", 1, 2}));
        must(fixture->addJob({0, "restore", "", "", Outcome::Done, "3 files restored.", 3, 4}));
        const auto jobs = must(fixture->jobs("", 10));
        QCOMPARE(jobs.size(), 2u);
        QCOMPARE(jobs[0].kind, std::string("restore"));
        QCOMPARE(jobs[1].sentence, std::string("The disk is full."));
        QCOMPARE(jobs[1].outcome, Outcome::Failed);
        QCOMPARE(must(fixture->jobs(id(1), 10)).size(), 1u);

        must(fixture->addVerification(
            {0, id(10), id(100), "", VerificationKind::Drill, true, "20 files compared.", 99, 7}));
        const auto results = must(fixture->verifications(id(10), "", 10));
        QCOMPARE(results.size(), 1u);
        QCOMPARE(results[0].kind, VerificationKind::Drill);
        QCOMPARE(results[0].passed, true);
        QCOMPARE(results[0].checkedBytes, 99u);
        QVERIFY(must(fixture->verifications(id(10), id(101), 10)).empty());
    }

    void settingsAreReplaced()
    {
        CatalogFixture fixture;
        QVERIFY(!must(fixture->setting("language")));
        must(fixture->putSetting("language", "de"));
        must(fixture->putSetting("language", ""));
        QCOMPARE(must(fixture->setting("language")), std::optional<std::string>(""));
    }

    void textIsNeverCode()
    {
        CatalogFixture fixture;
        const std::string hostile = "'; DROP TABLE plans; --\n\x01\xff";
        must(fixture->putSetting(hostile, hostile));
        QCOMPARE(must(fixture->setting(hostile)), std::optional<std::string>(hostile));
        QCOMPARE(must(fixture->plans()).size(), 2u);
    }

    void twoThreadsWriteThroughTheirOwnConnections()
    {
        CatalogFixture fixture;
        const auto write = [&](int from) {
            Catalog own = must(Catalog::connect(fixture.path()));
            for (int i = from; i < from + 50; ++i)
                must(own.storeChangeSet({id(1), id(1000 + i), id(1001 + i), false, "", {}, 1}));
        };
        std::thread other(write, 0);
        write(50);
        other.join();
        QCOMPARE(must(fixture->changeSets(id(1))).size(), 100u);
        QVERIFY(must(fixture->changesBetween(id(1), id(1000), id(1100))).extents);
    }
};

QTEST_GUILESS_MAIN(TestCatalog)
#include "tst_catalog.moc"
