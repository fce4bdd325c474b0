// SPDX-License-Identifier: GPL-3.0-or-later
#include "repository_support.h"

#include "helper/repository/directory_backend.h"

#include <QTemporaryDir>
#include <QtTest>

#include <thread>

using namespace dormouse;
using namespace dormouse::test;

class TestBackupWriter : public QObject
{
    Q_OBJECT

private slots:
    void init()
    {
        m_backend = std::make_shared<MemoryBackend>();
        auto created = Repository::create(m_backend, {});
        QVERIFY(created);
        m_repository = created->repository;
        m_random.seed(1);
    }

    void aVolumeReadsBackToTheByte()
    {
        TestVolume volume(3'000'001); // the last block is short
        volume.fill(m_random);
        const auto record = backUp(*m_repository, volume, m_machine);
        QVERIFY2(record, record ? "" : record.error().message.c_str());
        QVERIFY(*readBack(*m_repository, *record, volume.id) == volume.content);
    }

    void aVolumeInADirectoryReadsBackAfterOpeningItAgain()
    {
        const QTemporaryDir folder;
        const auto openFolder = [&] {
            return std::make_shared<DirectoryBackend>(
                std::move(*Directory::open(folder.path().toStdString())));
        };
        TestVolume volume(2'000'000);
        volume.fill(m_random);
        auto created = Repository::create(openFolder(), {});
        QVERIFY(created);
        const auto record = backUp(*created->repository, volume, m_machine);
        QVERIFY(record);
        created->repository.reset();
        const auto opened = Repository::open(openFolder(), {});
        QVERIFY(opened);
        QVERIFY(*readBack(**opened, *record, volume.id) == volume.content);
    }

    void anyRangeCanBeRead()
    {
        TestVolume volume(700'000);
        volume.fill(m_random);
        volume.clearBlock(3);
        const auto recordId = backUp(*m_repository, volume, m_machine);
        const auto view = m_repository->openView(*m_repository->readRecord(*recordId), volume.id);
        for (int i = 0; i < 300; ++i) {
            const std::size_t at = m_random() % volume.content.size();
            Bytes bytes(m_random() % std::min<std::size_t>(20'000, volume.content.size() - at));
            QVERIFY((*view)->read(at, bytes));
            QVERIFY(std::equal(bytes.begin(), bytes.end(), volume.content.begin() + at));
        }
        Bytes two(2);
        QCOMPARE((*view)->read(699'999, two).error().code, Error::Code::Invalid);
        QCOMPARE((*view)->read(~0ull, two).error().code, Error::Code::Invalid);
    }

    void blocksThatAreKnownAreStoredOnce()
    {
        TestVolume volume(400 * 4096);
        volume.fill(m_random);
        for (std::uint64_t block = 200; block < 400; ++block) // the first half again
            std::copy_n(volume.content.begin() + (block - 200) * 4096, 4096,
                        volume.content.begin() + block * 4096);
        BackupWriter::Stats stats;
        QVERIFY(backUp(*m_repository, volume, m_machine, {}, 1, &stats));
        QCOMPARE(stats.bytesPut, 400u * 4096);
        QCOMPARE(stats.newBytes, 200u * 4096);
        QCOMPARE(stats.dedupBytes, 200u * 4096);

        TestVolume copy(volume.content.size()); // another volume with the same content
        copy.content = volume.content;
        QVERIFY(backUp(*m_repository, copy, m_machine, {}, 2, &stats));
        QCOMPARE(stats.newBytes, 0u);
        QCOMPARE(stats.mapBytes, 0u);
    }

    void zerosTakeNoSpaceAndAreNotAllocated()
    {
        TestVolume volume(1000 * 4096);
        volume.fillBlock(0, m_random);
        volume.fillBlock(500, m_random);
        volume.fillBlock(501, m_random);
        BackupWriter::Stats stats;
        const auto recordId = backUp(*m_repository, volume, m_machine, {}, 1, &stats);
        QCOMPARE(stats.newBytes, 3u * 4096);
        QCOMPARE(stats.zeroBytes, 997u * 4096);
        const auto view = m_repository->openView(*m_repository->readRecord(*recordId), volume.id);
        ExtentList allocated;
        QVERIFY((*view)->forEachAllocated([&](const Extent& extent) {
            allocated.push_back(extent);
            return true;
        }));
        QCOMPARE(allocated.size(), 2u);
        QVERIFY((allocated[0] == Extent{0, 4096}));
        QVERIFY((allocated[1] == Extent{500 * 4096, 2 * 4096}));
    }

    void aHoleInAnIncrementReadsAsZeros()
    {
        TestVolume volume(1000 * 4096);
        volume.fill(m_random);
        const auto full = backUp(*m_repository, volume, m_machine);
        auto writer = m_repository->beginBackup(runInfo(m_machine));
        const auto number = (*writer)->addVolume(
            {volume.id, volume.content.size(), 4096, BackupWriter::Base{*full, volume.id}});
        QVERIFY((*writer)->putHole(*number, 10, 300)); // cuts leaves and covers whole ones
        const auto record = (*writer)->commit({{VolumeDetails{}}, {}});
        QVERIFY(record);
        Bytes expected = volume.content;
        std::fill_n(expected.begin() + 10 * 4096, 300 * 4096, 0);
        QVERIFY(*readBack(*m_repository, *record, volume.id) == expected);
        QVERIFY(*readBack(*m_repository, *full, volume.id) == volume.content);
    }

    void anIncrementStoresOnlyWhatChanged()
    {
        TestVolume volume(64u << 20);
        volume.blockSizeBytes = 65536;
        volume.fill(m_random);
        const auto full = backUp(*m_repository, volume, m_machine);
        for (int i = 0; i < 20; ++i)
            volume.fillBlock(m_random() % volume.blockCount(), m_random);
        const std::uint64_t changedBytes = volume.changed.size() * 65536;
        const std::uint64_t before = m_backend->totalBytes();
        BackupWriter::Stats stats;
        const auto second = backUp(*m_repository, volume, m_machine, *full, 2, &stats);
        QVERIFY(second);
        QCOMPARE(stats.newBytes, changedBytes);
        QVERIFY2(stats.mapBytes * 10 <= changedBytes, std::to_string(stats.mapBytes).c_str());
        const std::uint64_t grown = m_backend->totalBytes() - before;
        QVERIFY2(grown < changedBytes * 12 / 10, std::to_string(grown).c_str());
        QVERIFY(*readBack(*m_repository, *second, volume.id) == volume.content);
    }

    void scatteredChangesCostFewMapBytes()
    {
        // What a change costs in the map depends on the number of blocks alone:
        // small blocks that compress well stand for ones of 64 KiB.
        constexpr std::uint64_t blocks = 1u << 17;
        constexpr std::uint64_t changes = 300;
        const Id128 volumeId = Id128::random();
        Bytes block(4096, 7);
        const auto makeDistinct = [&] {
            const std::uint64_t value = m_random();
            std::memcpy(block.data(), &value, sizeof value);
        };
        auto writer = m_repository->beginBackup(runInfo(m_machine));
        auto number = (*writer)->addVolume({volumeId, blocks * 4096, 4096, {}});
        for (std::uint64_t at = 0; at < blocks; ++at) {
            makeDistinct();
            QVERIFY((*writer)->putBlock(*number, at, block));
        }
        const auto full = (*writer)->commit({{VolumeDetails{}}, {}});
        QVERIFY(full);
        writer->reset();

        writer = m_repository->beginBackup(runInfo(m_machine));
        number = (*writer)->addVolume(
            {volumeId, blocks * 4096, 4096, BackupWriter::Base{*full, volumeId}});
        for (std::uint64_t i = 0; i < changes; ++i) {
            makeDistinct();
            QVERIFY((*writer)->putBlock(*number, m_random() % blocks, block));
        }
        QVERIFY((*writer)->commit({{VolumeDetails{}}, {}}));
        const BackupWriter::Stats stats = (*writer)->stats();
        QVERIFY2(stats.mapBytes * 10 <= changes * 65536, std::to_string(stats.mapBytes).c_str());
        QVERIFY(stats.mapBytes > changes * 2048); // or the leaves were not full ones
    }

    void aBackupIsTheSameFromManyThreads()
    {
        TestVolume volume(8u << 20);
        volume.fill(m_random);
        WriterOptions options;
        options.packTargetBytes = 100'000;
        options.mapPackTargetBytes = 10'000;
        auto writer = m_repository->beginBackup(runInfo(m_machine), options);
        const auto number = (*writer)->addVolume({volume.id, volume.content.size(), 4096, {}});
        std::atomic<std::uint64_t> next{0};
        std::atomic<bool> isWell{true};
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([&] {
                for (std::uint64_t block; (block = next++) < volume.blockCount();)
                    if (!(*writer)->putBlock(*number, block, volume.block(block)))
                        isWell = false;
            });
        for (std::thread& thread : threads)
            thread.join();
        QVERIFY(isWell);
        const auto record = (*writer)->commit({{VolumeDetails{}}, {}});
        QVERIFY(record);
        QVERIFY(*readBack(*m_repository, *record, volume.id) == volume.content);
        QVERIFY(m_repository->verify({VerifyScope::Everything, {}, {}})->isHealthy());
    }

    void aVolumeThatGrewOrShrankReadsBack()
    {
        TestVolume volume(100'000);
        volume.fill(m_random);
        auto last = backUp(*m_repository, volume, m_machine);
        for (const std::size_t sizeBytes : {90'001u, 3'000'000u, 95'000u, 4'000u, 40'000'000u}) {
            const std::size_t before = volume.content.size();
            volume.content.resize(sizeBytes);
            if (sizeBytes > before)
                volume.fillBlock(sizeBytes / 4096 - 1, m_random);
            const auto record = backUp(*m_repository, volume, m_machine, *last);
            QVERIFY2(record, record ? "" : record.error().message.c_str());
            QVERIFY(*readBack(*m_repository, *record, volume.id) == volume.content);
            last = record;
        }
        QVERIFY(m_repository->verify()->isHealthy());
    }

    void everyOneOfManyBackupsReadsAsItWas()
    {
        TestVolume volume(300 * 4096 + 100);
        std::vector<std::pair<Id128, Bytes>> history;
        std::optional<Id128> base;
        for (int i = 0; i < 200; ++i) {
            for (std::uint64_t n = m_random() % 30; n > 0; --n)
                volume.fillBlock(m_random() % volume.blockCount(), m_random);
            for (std::uint64_t n = m_random() % 10; n > 0; --n)
                volume.clearBlock(m_random() % volume.blockCount());
            const auto record = backUp(*m_repository, volume, m_machine, base, 1000 + i);
            QVERIFY(record);
            history.emplace_back(*record, volume.content);
            base = m_random() % 20 == 0 ? std::nullopt : std::optional(*record);
            if (!base) // the next is a full one
                volume.changed.clear();
        }
        const auto opened = Repository::open(m_backend, storedKey(*m_repository));
        for (const auto& [recordId, content] : history)
            QVERIFY(*readBack(**opened, recordId, volume.id) == content);
        const auto list = (*opened)->listRecords();
        QCOMPARE(list->records.size(), 200u);
        for (std::size_t i = 0; i < 200; ++i) {
            QCOMPARE(list->records[i].recordId.bytes, history[199 - i].first.bytes);
            QCOMPARE(list->records[i].sequence, 200 - i);
        }
        // Every backup added an index run; they were joined on the way.
        QVERIFY((*m_backend->list("index/")).size() < 40);
    }

    void twoBackupsDifferWhereTheirVolumesDo()
    {
        TestVolume volume(5000 * 4096);
        volume.fill(m_random);
        const auto first = backUp(*m_repository, volume, m_machine);
        volume.fillBlock(0, m_random);
        volume.fillBlock(70, m_random);
        volume.fillBlock(71, m_random);
        volume.clearBlock(4999);
        const auto second = backUp(*m_repository, volume, m_machine, *first);
        const auto left = m_repository->openView(*m_repository->readRecord(*first), volume.id);
        const auto right = m_repository->openView(*m_repository->readRecord(*second), volume.id);
        const ExtentList expected{{0, 4096}, {70 * 4096, 2 * 4096}, {4999 * 4096, 4096}};
        m_backend->reads = 0;
        QVERIFY(*(*left)->diff(**right) == expected);
        QVERIFY2(m_backend->reads < 40, std::to_string(m_backend->reads).c_str());
        QVERIFY(*(*right)->diff(**left) == expected);
        QVERIFY((*left)->diff(**left)->empty());

        volume.content.resize(60 * 4096); // another height of the map
        const auto third = backUp(*m_repository, volume, m_machine, *second);
        const auto shrunk = m_repository->openView(*m_repository->readRecord(*third), volume.id);
        QVERIFY((*(*right)->diff(**shrunk) == ExtentList{{60 * 4096, (4999 - 60) * 4096}}));
        QVERIFY(
            (*(*shrunk)->diff(**left) == ExtentList{{0, 4096}, {60 * 4096, (5000 - 60) * 4096}}));
    }

    void oneRecordHoldsAllVolumesOfTheMoment()
    {
        TestVolume root(50 * 4096);
        TestVolume home(70 * 4096);
        root.fill(m_random);
        home.fill(m_random);
        auto writer = m_repository->beginBackup(runInfo(m_machine));
        const auto first = (*writer)->addVolume({root.id, root.content.size(), 4096, {}});
        const auto second = (*writer)->addVolume({home.id, home.content.size(), 4096, {}});
        for (std::uint64_t block = 0; block < 70; ++block) { // interleaved
            if (block < 50)
                QVERIFY((*writer)->putBlock(*first, block, root.block(block)));
            QVERIFY((*writer)->putBlock(*second, block, home.block(block)));
        }
        VolumeDetails rootDetails;
        rootDetails.label = "root";
        rootDetails.excluded = {{ExclusionKind::Swap, {4096, 8192}}};
        rootDetails.sampleFiles = {{"/etc/hostname", 7, {1, 2, 3}}};
        VolumeDetails homeDetails;
        homeDetails.label = "home";
        homeDetails.endsAtEpochId = Id128::random();
        const auto id = (*writer)->commit({{rootDetails, homeDetails}, {{"gpt:disk", {1, 2, 3}}}});
        QVERIFY(id);
        const auto record = m_repository->readRecord(*id);
        QCOMPARE(record->volumes.size(), 2u);
        QVERIFY(record->volumes[0].details == rootDetails);
        QVERIFY(record->volumes[1].details == homeDetails);
        QCOMPARE(record->volumes[0].newBytes, 50u * 4096);
        QCOMPARE(record->layout.size(), 1u);
        QVERIFY(*readBack(*m_repository, *id, root.id) == root.content);
        QVERIFY(*readBack(*m_repository, *id, home.id) == home.content);
    }

    void anAbandonedBackupLeavesNoRecordAndNoIntent()
    {
        TestVolume volume(50 * 4096);
        volume.fill(m_random);
        {
            auto writer = m_repository->beginBackup(runInfo(m_machine));
            const auto number = (*writer)->addVolume({volume.id, volume.content.size(), 4096, {}});
            QVERIFY((*writer)->putBlock(*number, 0, volume.block(0)));
            QCOMPARE(m_repository->listWriters()->size(), 1u);
        }
        QCOMPARE(m_repository->listWriters()->size(), 0u);
        QCOMPARE(m_repository->listRecords()->records.size(), 0u);
    }

    void nonsenseIsRefused()
    {
        auto writer = m_repository->beginBackup(runInfo(m_machine));
        QVERIFY(!(*writer)->addVolume({Id128::random(), 10'000, 5000, {}}));
        QVERIFY(!(*writer)->addVolume({Id128::random(), 10'000, 2048, {}}));
        QCOMPARE((*writer)
                     ->addVolume({Id128::random(), 10'000, 4096,
                                  BackupWriter::Base{Id128::random(), Id128::random()}})
                     .error()
                     .code,
                 Error::Code::NotFound);
        const auto number = (*writer)->addVolume({Id128::random(), 10'000, 4096, {}});
        QVERIFY(!(*writer)->putBlock(*number, 3, Bytes(4096, 1)));
        QVERIFY(!(*writer)->putBlock(*number, 2, Bytes(1807, 1)));
        QVERIFY((*writer)->putBlock(*number, 2, Bytes(1808, 1)));
        QVERIFY(!(*writer)->putBlock(*number, 1, Bytes(1808, 1)));
        QVERIFY(!(*writer)->putBlock(*number + 1, 1, Bytes(4096, 1)));
        QVERIFY(!(*writer)->putHole(*number, 1, ~0ull));
        QVERIFY(!(*writer)->commit({{}, {}}));
        QVERIFY((*writer)->commit({{VolumeDetails{}}, {}}));
        QVERIFY(!(*writer)->commit({{VolumeDetails{}}, {}}));
        QVERIFY(!(*writer)->putBlock(*number, 1, Bytes(4096, 1)));
    }

private:
    std::shared_ptr<MemoryBackend> m_backend;
    std::shared_ptr<Repository> m_repository;
    std::mt19937_64 m_random;
    const Id128 m_machine = Id128::random();
};

QTEST_APPLESS_MAIN(TestBackupWriter)
#include "tst_backup_writer.moc"
