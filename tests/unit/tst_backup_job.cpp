// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/engine/backup_job.h"
#include "helper/engine/repository_jobs.h"
#include "helper/repository/directory_backend.h"
#include "tests/unit/image_snapshots.h"
#include "tests/unit/repository_support.h"

#include <QDirIterator>
#include <QTemporaryDir>
#include <QTest>

#include <random>

using namespace dormouse;

namespace {

constexpr std::uint64_t kMiB = 1u << 20;
constexpr std::uint64_t kBlock = 65536;

Bytes noise(std::size_t bytes, unsigned seed)
{
    std::minstd_rand random(seed);
    Bytes all(bytes);
    for (auto& byte : all)
        byte = static_cast<std::uint8_t>(random() >> 8);
    return all;
}

} // namespace

class TestBackupJob : public QObject
{
    Q_OBJECT

private slots:
    void init();
    void cleanup();

    void fullBackupKeepsEveryAllocatedByte();
    void freeSpaceIsNotReadAndReadsAsZeros();
    void deletedBytesInHalfUsedBlocksStayOut();
    void storeIsLeftOutAndListed();
    void everythingIsReadWhenAllocationIsUnknown();
    void incrementReadsExactlyWhatChanged();
    void incrementHasWhatNobodyCouldRecord();
    void incrementMakesFreedBlocksHoles();
    void eachBackupStaysWhatItWas();
    void twoVolumesShareOneRecordAndMoment();
    void voidHistoryIsComparedAndSaysSo();
    void lostChangeSetIsComparedNotGuessed();
    void deletedBaseRecordIsPassedOver();
    void twoPlansDoNotDisturbEachOther();
    void lostCatalogIsImportedThenCompared();
    void whatWasLostIsStoredAgainAfterARepair();
    void progressIsExact();
    void cancellingLeavesNoRecordAndNoSnapshot();
    void unreadableSnapshotFailsTheBackup();
    void retentionDeletesOldestAndKeepsTheRestReadable();
    void retentionKilledAnywhereKeepsNoBackupOut();
    void volumeThatIsNotAMultipleOfBlocksIsWhole();

private:
    Result<BackupReport> backUp(const std::string& planId = "plan", JobControl control = {})
    {
        BackupJob::Request request;
        request.plan = *m_catalog->plan(planId).value();
        request.workers = 3;
        return BackupJob(m_context, request, m_repository, *m_snapshots).run(control);
    }
    Bytes restored(const std::string& recordId, const std::string& volumeId)
    {
        const auto record = m_repository->readRecord(*Id128::fromHex(recordId));
        const auto view = m_repository->openView(record.value(), *Id128::fromHex(volumeId));
        Bytes bytes(view.value()->size());
        if (const auto done = view.value()->read(0, bytes); !done)
            qFatal("%s", done.error().message.c_str());
        return bytes;
    }
    void addVolume(const std::string& volumeId, std::uint64_t bytes)
    {
        VolumeRow row;
        row.volumeId = volumeId;
        row.fsUuid = volumeId;
        row.fsType = "ext4";
        row.lastDevice = "/dev/test";
        row.sizeBytes = bytes;
        row.isProtected = true;
        QVERIFY(m_catalog->putVolume(row));
        m_snapshots->volume(volumeId).bytes = noise(bytes, 7);
    }
    void addPlan(const std::string& planId, std::vector<std::string> volumeIds)
    {
        PlanRow plan;
        plan.planId = planId;
        plan.name = planId;
        plan.repositoryId = m_repository->id().hex();
        plan.volumeIds = std::move(volumeIds);
        plan.rhythm = "daily 12:00";
        QVERIFY(m_catalog->putPlan(plan));
    }
    void putRepositoryRow()
    {
        RepositoryRow row;
        row.repositoryId = m_repository->id().hex();
        row.name = "test";
        row.path = m_folder->path().toStdString();
        QVERIFY(m_catalog->putRepository(row));
    }

    std::unique_ptr<QTemporaryDir> m_folder;
    EngineContext m_context;
    std::optional<Catalog> m_catalog;
    std::shared_ptr<Repository> m_repository;
    std::unique_ptr<ImageSnapshots> m_snapshots;
    const std::string m_a = Id128::random().hex();
    const std::string m_b = Id128::random().hex();
};

void TestBackupJob::init()
{
    m_folder = std::make_unique<QTemporaryDir>();
    m_context.catalogPath = m_folder->filePath("catalog").toStdString();
    m_context.clock = &systemClock();
    m_context.machineId = Id128::random();
    m_context.machineName = "test";
    auto catalog = Catalog::open(m_context.catalogPath);
    QVERIFY(catalog);
    m_catalog = std::move(*catalog);
    QVERIFY(QDir(m_folder->path()).mkdir("repository"));
    auto directory = Directory::open(m_folder->filePath("repository").toStdString());
    QVERIFY(directory);
    CreateOptions options;
    auto created =
        Repository::create(std::make_shared<DirectoryBackend>(std::move(*directory)), options);
    QVERIFY(created);
    m_repository = created->repository;
    putRepositoryRow();
    m_snapshots = std::make_unique<ImageSnapshots>(m_context.catalogPath);
    addVolume(m_a, 8 * kMiB);
    addPlan("plan", {m_a});
}

void TestBackupJob::cleanup()
{
    QCOMPARE(m_snapshots->released, m_snapshots->taken);
}

void TestBackupJob::fullBackupKeepsEveryAllocatedByte()
{
    const auto report = backUp();
    QVERIFY2(report, report ? "" : report.error().message.c_str());
    QCOMPARE(report->volumes[0].kind, BackupKind::Full);
    QCOMPARE(report->readBytes(), 8 * kMiB);
    QVERIFY(restored(report->recordId, m_a) == m_snapshots->volume(m_a).bytes);
}

void TestBackupJob::freeSpaceIsNotReadAndReadsAsZeros()
{
    m_snapshots->volume(m_a).free = {{2 * kMiB, 4 * kMiB}};
    const auto report = backUp();
    QVERIFY(report);
    QCOMPARE(report->readBytes(), 4 * kMiB);
    Bytes expected = m_snapshots->volume(m_a).bytes;
    std::fill_n(expected.begin() + 2 * kMiB, 4 * kMiB, std::uint8_t{0});
    QVERIFY(restored(report->recordId, m_a) == expected);
}

void TestBackupJob::deletedBytesInHalfUsedBlocksStayOut()
{
    m_snapshots->volume(m_a).free = {{4096, 8192}, {kBlock + 1024, 512}};
    const auto report = backUp();
    QVERIFY(report);
    Bytes expected = m_snapshots->volume(m_a).bytes;
    std::fill_n(expected.begin() + 4096, 8192, std::uint8_t{0});
    std::fill_n(expected.begin() + kBlock + 1024, 512, std::uint8_t{0});
    QVERIFY(restored(report->recordId, m_a) == expected);
}

void TestBackupJob::storeIsLeftOutAndListed()
{
    m_snapshots->volume(m_a).store = {{kMiB, kMiB}};
    const auto report = backUp();
    QVERIFY(report);
    QCOMPARE(report->readBytes(), 7 * kMiB);
    const auto record = m_repository->readRecord(*Id128::fromHex(report->recordId));
    QCOMPARE(record->volumes[0].details.excluded.size(), std::size_t{1});
    QVERIFY(record->volumes[0].details.excluded[0].kind == ExclusionKind::Store);
}

void TestBackupJob::everythingIsReadWhenAllocationIsUnknown()
{
    m_snapshots->volume(m_a).free = {{0, 8 * kMiB}};
    m_snapshots->volume(m_a).isAllocationKnown = false;
    const auto report = backUp();
    QVERIFY(report);
    QCOMPARE(report->readBytes(), 8 * kMiB);
    QVERIFY(report->volumes[0].reason.find("nobody knows") != std::string::npos);
}

void TestBackupJob::incrementReadsExactlyWhatChanged()
{
    QVERIFY(backUp());
    m_snapshots->write(m_a, 3 * kMiB + 100, noise(5000, 1));
    m_snapshots->write(m_a, 5 * kMiB, noise(kBlock, 2));
    const auto report = backUp();
    QVERIFY(report);
    QCOMPARE(report->volumes[0].kind, BackupKind::Incremental);
    QCOMPARE(report->readBytes(), 2 * kBlock);
    QCOMPARE(report->changedBytes(), 2 * kBlock);
    QVERIFY(restored(report->recordId, m_a) == m_snapshots->volume(m_a).bytes);
}

void TestBackupJob::incrementHasWhatNobodyCouldRecord()
{
    QVERIFY(backUp());
    m_snapshots->write(m_a, 3 * kMiB, noise(kBlock, 1));
    const Bytes loader = noise(1024, 2);
    Bytes& disk = m_snapshots->volume(m_a).bytes;
    std::copy(loader.begin(), loader.end(), disk.begin() + 6 * kMiB); // in no change map
    m_snapshots->volume(m_a).unrecorded = {{6 * kMiB, 4096}};
    const auto report = backUp();
    QVERIFY(report);
    QCOMPARE(report->volumes[0].kind, BackupKind::Incremental);
    QCOMPARE(report->readBytes(), 2 * kBlock);
    QVERIFY(restored(report->recordId, m_a) == disk);
}

void TestBackupJob::incrementMakesFreedBlocksHoles()
{
    QVERIFY(backUp());
    m_snapshots->write(m_a, 2 * kMiB, noise(kMiB, 3));
    m_snapshots->volume(m_a).free = {{2 * kMiB, kMiB}};
    const auto report = backUp();
    QVERIFY(report);
    QCOMPARE(report->readBytes(), std::uint64_t{0});
    const Bytes bytes = restored(report->recordId, m_a);
    QVERIFY(std::all_of(bytes.begin() + 2 * kMiB, bytes.begin() + 3 * kMiB,
                        [](std::uint8_t byte) { return byte == 0; }));
}

void TestBackupJob::eachBackupStaysWhatItWas()
{
    std::vector<std::pair<std::string, Bytes>> moments;
    for (unsigned i = 0; i < 4; ++i) {
        const auto report = backUp();
        QVERIFY(report);
        moments.emplace_back(report->recordId, m_snapshots->volume(m_a).bytes);
        m_snapshots->write(m_a, i * kMiB + 17, noise(100'000, i));
    }
    for (const auto& [recordId, bytes] : moments)
        QVERIFY(restored(recordId, m_a) == bytes);
}

void TestBackupJob::twoVolumesShareOneRecordAndMoment()
{
    addVolume(m_b, 3 * kMiB);
    addPlan("both", {m_b, m_a});
    const auto report = backUp("both");
    QVERIFY(report);
    QCOMPARE(report->volumes.size(), std::size_t{2});
    QVERIFY(restored(report->recordId, m_a) == m_snapshots->volume(m_a).bytes);
    QVERIFY(restored(report->recordId, m_b) == m_snapshots->volume(m_b).bytes);
    QCOMPARE(m_snapshots->taken, 1);
}

void TestBackupJob::voidHistoryIsComparedAndSaysSo()
{
    QVERIFY(backUp());
    // Written while nothing recorded it: no change set names it.
    m_snapshots->volume(m_a).bytes[4 * kMiB] ^= 0xff;
    m_snapshots->volume(m_a).isNextSetVoid = true;
    const auto report = backUp();
    QVERIFY(report);
    QCOMPARE(report->volumes[0].kind, BackupKind::Compared);
    QVERIFY(!report->volumes[0].reason.empty());
    QCOMPARE(report->readBytes(), 8 * kMiB);
    QCOMPARE(report->volumes[0].newBytes, kBlock);
    QVERIFY(restored(report->recordId, m_a) == m_snapshots->volume(m_a).bytes);
}

void TestBackupJob::lostChangeSetIsComparedNotGuessed()
{
    QVERIFY(backUp());
    m_snapshots->write(m_a, kMiB, noise(10, 5));
    m_snapshots->volume(m_a).epochId = Id128::random(); // another history from here on
    const auto report = backUp();
    QVERIFY(report);
    QCOMPARE(report->volumes[0].kind, BackupKind::Compared);
    QVERIFY(restored(report->recordId, m_a) == m_snapshots->volume(m_a).bytes);
}

void TestBackupJob::deletedBaseRecordIsPassedOver()
{
    const auto first = backUp();
    m_snapshots->write(m_a, kMiB, noise(10, 5));
    const auto second = backUp();
    QVERIFY(second);
    QVERIFY(m_repository->removeRecord(*Id128::fromHex(second->recordId)));
    m_snapshots->write(m_a, 6 * kMiB, noise(10, 6));
    const auto third = backUp();
    QVERIFY(third);
    QVERIFY(third->volumes[0].kind != BackupKind::Full);
    QVERIFY(restored(third->recordId, m_a) == m_snapshots->volume(m_a).bytes);
}

void TestBackupJob::twoPlansDoNotDisturbEachOther()
{
    addPlan("other", {m_a});
    QVERIFY(backUp("plan"));
    QVERIFY(backUp("other"));
    for (unsigned i = 0; i < 6; ++i) {
        m_snapshots->write(m_a, i * kMiB, noise(1000, 40 + i));
        const auto report = backUp(i % 2 == 0 ? "plan" : "other");
        QVERIFY(report);
        QCOMPARE(report->volumes[0].kind, BackupKind::Incremental);
        QVERIFY(restored(report->recordId, m_a) == m_snapshots->volume(m_a).bytes);
    }
}

void TestBackupJob::whatWasLostIsStoredAgainAfterARepair()
{
    QVERIFY(backUp());
    m_snapshots->write(m_a, 3 * kMiB, noise(kBlock, 1));
    const auto second = backUp();
    QVERIFY(second);
    QDirIterator packs(m_folder->filePath("repository/packs"), QDir::Files,
                       QDirIterator::Subdirectories);
    QFileInfo largest;
    while (packs.hasNext()) {
        packs.next();
        if (packs.fileInfo().size() > largest.size())
            largest = packs.fileInfo();
    }
    QVERIFY(QFile::resize(largest.filePath(), largest.size() / 2));
    const auto report = RepairJob(m_context, m_repository).run({});
    QVERIFY(report);
    QCOMPARE(report->repair.packsReplaced, 1u);
    QVERIFY(report->repair.objectsSaved > 0 && report->repair.objectsLost > 0);
    QCOMPARE(report->after.affected.size(), 2u);
    QCOMPARE(m_catalog->verifications(m_repository->id().hex(), second->recordId, 9)->size(), 1u);

    const auto third = backUp();
    QVERIFY(third);
    QCOMPARE(third->volumes[0].kind, BackupKind::Full);
    const Bytes& now = m_snapshots->volume(m_a).bytes;
    QVERIFY(restored(third->recordId, m_a) == now);
    QVERIFY(restored(second->recordId, m_a) == now); // made whole by it
    m_snapshots->write(m_a, 5 * kMiB, noise(kBlock, 2));
    const auto fourth = backUp();
    QVERIFY(fourth);
    QCOMPARE(fourth->volumes[0].kind, BackupKind::Incremental);
    QVERIFY(restored(fourth->recordId, m_a) == now);
}

void TestBackupJob::lostCatalogIsImportedThenCompared()
{
    const auto first = backUp();
    QVERIFY(first);
    // Its change set is acknowledged, and goes down with the catalog.
    m_snapshots->write(m_a, 6 * kMiB, noise(10, 8));
    QVERIFY(m_snapshots->take({m_a}));
    m_catalog.reset();
    for (const char* suffix : {"", "-wal", "-shm"})
        QFile::remove(QString::fromStdString(m_context.catalogPath + suffix));
    m_catalog = std::move(*Catalog::open(m_context.catalogPath));
    putRepositoryRow();
    const auto imported = ImportJob(m_context, m_repository).run({});
    QVERIFY(imported);
    QCOMPARE(imported->recordCount, std::size_t{1});
    addPlan("plan", {m_a});
    m_snapshots->write(m_a, 2 * kMiB, noise(10, 9));
    const auto second = backUp();
    QVERIFY(second);
    QCOMPARE(second->volumes[0].kind, BackupKind::Compared);
    QCOMPARE(second->volumes[0].newBytes, 2 * kBlock);
    QVERIFY(restored(second->recordId, m_a) == m_snapshots->volume(m_a).bytes);
}

void TestBackupJob::progressIsExact()
{
    m_snapshots->volume(m_a).free = {{kMiB, kMiB}};
    std::uint64_t last = 0, total = 0;
    JobControl control;
    control.progress = [&](const JobProgress& progress) {
        if (progress.phase != JobPhase::Reading)
            return;
        QVERIFY(progress.bytesDone >= last);
        QVERIFY(total == 0 || progress.bytesTotal == total);
        last = progress.bytesDone;
        total = progress.bytesTotal;
    };
    QVERIFY(backUp("plan", control));
    QCOMPARE(total, 7 * kMiB);
    QCOMPARE(last, total);
}

void TestBackupJob::cancellingLeavesNoRecordAndNoSnapshot()
{
    std::stop_source source;
    JobControl control;
    control.stop = source.get_token();
    control.progress = [&](const JobProgress& progress) {
        if (progress.bytesDone > 0)
            source.request_stop();
    };
    const auto report = backUp("plan", control);
    QVERIFY(!report);
    QCOMPARE(report.error().code, Error::Code::Cancelled);
    QVERIFY(m_repository->listRecords()->records.empty());
    QVERIFY(m_catalog->backups({}, {}, {})->empty());
}

void TestBackupJob::unreadableSnapshotFailsTheBackup()
{
    class Short : public SnapshotProvider
    {
    public:
        explicit Short(ImageSnapshots& inner) : m_inner(inner) {}
        Result<std::unique_ptr<FrozenMoment>> take(const std::vector<std::string>& ids) override
        {
            auto moment = m_inner.take(ids);
            if (moment && ::ftruncate((*moment)->volume(0).fd(), 3 * kMiB) != 0)
                return failErrno("ftruncate");
            return moment;
        }

    private:
        ImageSnapshots& m_inner;
    } snapshots(*m_snapshots);
    BackupJob::Request request;
    request.plan = *m_catalog->plan("plan").value();
    const auto report = BackupJob(m_context, request, m_repository, snapshots).run({});
    QVERIFY(!report);
    QCOMPARE(report.error().code, Error::Code::Io);
    QVERIFY(m_repository->listRecords()->records.empty());
}

void TestBackupJob::retentionDeletesOldestAndKeepsTheRestReadable()
{
    std::vector<std::string> records;
    for (unsigned i = 0; i < 4; ++i) {
        m_snapshots->write(m_a, i * kMiB, noise(2 * kMiB, 60 + i));
        const auto report = backUp();
        QVERIFY(report);
        records.push_back(report->recordId);
    }
    PlanRow plan = *m_catalog->plan("plan").value();
    plan.keepLast = 2;
    const auto deleted = applyRetention(m_context, plan, *m_repository, {});
    QVERIFY2(deleted, deleted ? "" : deleted.error().message.c_str());
    // The moments have the same time here, so only how many is certain.
    QCOMPARE(deleted->size(), std::size_t{2});
    const auto left = m_repository->listRecords();
    QVERIFY(left);
    QCOMPARE(left->records.size(), std::size_t{2});
    for (const BackupRecord& record : left->records)
        QVERIFY(restored(record.recordId.hex(), m_a).size() == 8 * kMiB);
    QVERIFY(m_repository->verify({VerifyScope::Everything, {}, {}})->isHealthy());
}

void TestBackupJob::retentionKilledAnywhereKeepsNoBackupOut()
{
    const auto start = std::make_shared<test::MemoryBackend>();
    m_repository = Repository::create(start, {}).value().repository;
    putRepositoryRow();
    PlanRow plan = *m_catalog->plan("plan").value();
    plan.repositoryId = m_repository->id().hex();
    QVERIFY(m_catalog->putPlan(plan));
    plan.keepLast = 1;
    for (unsigned i = 0; i < 2; ++i) {
        m_snapshots->write(m_a, i * kMiB, noise(2 * kMiB, 80 + i));
        QVERIFY(backUp());
    }
    int killed = 0;
    for (bool isWhole = false; !isWhole; ++killed) {
        const auto backend = std::make_shared<test::MemoryBackend>(start->objects());
        const auto repository = Repository::open(backend, {}).value();
        QVERIFY(ImportJob(m_context, repository).run({})); // the last round removed rows
        backend->failAfter(killed);
        isWhole = applyRetention(m_context, plan, *repository, {}).has_value();

        // The next start of the helper.
        m_repository =
            Repository::open(std::make_shared<test::MemoryBackend>(backend->objects()), {}).value();
        QVERIFY(m_repository->withdrawWriters(m_context.machineId));
        const auto next = backUp();
        QVERIFY2(next, next ? "" : next.error().message.c_str());
    }
    QVERIFY(killed > 3);
}

void TestBackupJob::volumeThatIsNotAMultipleOfBlocksIsWhole()
{
    addVolume(m_b, 2 * kMiB + 512 * 3);
    addPlan("odd", {m_b});
    QVERIFY(backUp("odd"));
    m_snapshots->write(m_b, 2 * kMiB + 512, noise(512, 8));
    const auto report = backUp("odd");
    QVERIFY(report);
    QCOMPARE(report->volumes[0].kind, BackupKind::Incremental);
    QVERIFY(restored(report->recordId, m_b) == m_snapshots->volume(m_b).bytes);
}

QTEST_GUILESS_MAIN(TestBackupJob)
#include "tst_backup_job.moc"
