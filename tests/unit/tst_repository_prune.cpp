// SPDX-License-Identifier: GPL-3.0-or-later
#include "repository_support.h"

#include <QtTest>

using namespace dormouse;
using namespace dormouse::test;

class TestRepositoryPrune : public QObject
{
    Q_OBJECT

private slots:
    void init()
    {
        m_backend = std::make_shared<MemoryBackend>();
        m_random.seed(5);
        m_repository = Repository::create(m_backend, {}, m_clock)->repository;
    }

    void whatIsLeftReadsAfterRemovingInAnyOrder()
    {
        TestVolume volume(400 * 4096);
        volume.fill(m_random);
        std::map<Id128, Bytes> kept;
        std::optional<Id128> base;
        for (int i = 0; i < 40; ++i) {
            for (std::uint64_t n = m_random() % 40; n > 0; --n)
                volume.fillBlock(m_random() % volume.blockCount(), m_random);
            const auto record = backUp(*m_repository, volume, m_machine, base, i);
            QVERIFY(record);
            base = *record;
            kept[*base] = volume.content;
        }
        std::uint64_t before = m_backend->totalBytes("packs/");
        while (!kept.empty()) {
            for (int n = 0; n < 5 && !kept.empty(); ++n) {
                const auto victim =
                    std::next(kept.begin(), static_cast<std::ptrdiff_t>(m_random() % kept.size()));
                QVERIFY(m_repository->removeRecord(victim->first));
                kept.erase(victim);
            }
            const auto report = m_repository->prune();
            QVERIFY2(report, report ? "" : report.error().message.c_str());
            for (const auto& [recordId, content] : kept)
                QVERIFY(*readBack(*m_repository, recordId, volume.id) == content);
            QVERIFY(m_repository->verify({VerifyScope::Everything, {}, {}})->isHealthy());
            const std::uint64_t now = m_backend->totalBytes("packs/");
            QVERIFY(now <= before);
            before = now;
        }
        QCOMPARE(before, 0u);
        QCOMPARE(m_backend->totalBytes("index/"), 0u);
    }

    void aPackThatIsMostlyWasteIsWrittenAnew()
    {
        TestVolume volume(400 * 4096);
        volume.fill(m_random);
        const auto first = backUp(*m_repository, volume, m_machine, {}, 1);
        for (std::uint64_t block = 0; block < 400; ++block)
            if (block % 4 != 0)
                volume.fillBlock(block, m_random);
        const auto second = backUp(*m_repository, volume, m_machine, *first, 2);
        QVERIFY(m_repository->removeRecord(*first));
        const std::uint64_t before = m_backend->totalBytes("packs/");
        const auto report = m_repository->prune();
        QVERIFY(report);
        QVERIFY(report->packsRewritten > 0);
        QVERIFY(m_backend->totalBytes("packs/") < before - 250 * 4096);
        QVERIFY(*readBack(*m_repository, *second, volume.id) == volume.content);

        // Nothing is left to do, and a second prune does nothing.
        const auto objects = m_backend->objects();
        const auto again = m_repository->prune();
        QVERIFY(again);
        QCOMPARE(again->packsRewritten + again->packsRemoved, 0u);
        QVERIFY(objects == m_backend->objects());
    }

    void blocksThatWereRemovedAreStoredAgainWhenTheyComeBack()
    {
        TestVolume volume(100 * 4096);
        volume.fill(m_random);
        const auto first = backUp(*m_repository, volume, m_machine, {}, 1);
        const auto other =
            Repository::open(m_backend, {}, m_clock); // keeps its old idea of the index
        QVERIFY(m_repository->removeRecord(*first));
        QVERIFY(m_repository->prune());
        const auto second = backUp(**other, volume, m_machine, {}, 2);
        QVERIFY(second);
        QVERIFY(*readBack(*m_repository, *second, volume.id) == volume.content);
        QVERIFY(*readBack(**other, *second, volume.id) == volume.content);
    }

    void nothingIsPrunedWhileAWriterIsAtWork()
    {
        auto writer = m_repository->beginBackup(runInfo(m_machine));
        QVERIFY(writer);
        QCOMPARE(m_repository->prune().error().code, Error::Code::Busy);
        QCOMPARE(m_repository->rebuildIndex().error().code, Error::Code::Busy);
        (*writer)->abandon();
        QVERIFY(m_repository->prune());
    }

    void noWriterStartsWhileAPruneIsAtWork()
    {
        TestVolume volume(100 * 4096);
        volume.fill(m_random);
        QVERIFY(backUp(*m_repository, volume, m_machine));
        bool wasRefused = false;
        PruneOptions options;
        options.progress = [&](std::uint64_t, std::uint64_t) {
            const auto writer = m_repository->beginBackup(runInfo(m_machine));
            wasRefused = !writer && writer.error().code == Error::Code::Busy;
        };
        QVERIFY(m_repository->prune(options));
        QVERIFY(wasRefused);
        QVERIFY(m_repository->beginBackup(runInfo(m_machine)));
        QVERIFY(m_repository->listWriters()->empty());
    }

    void aWriterThatWasRevokedCannotCommit()
    {
        TestVolume volume(100 * 4096);
        volume.fill(m_random);
        auto writer = m_repository->beginBackup(runInfo(m_machine));
        const auto number = (*writer)->addVolume({volume.id, volume.content.size(), 4096, {}});
        for (std::uint64_t block = 0; block < 100; ++block)
            QVERIFY((*writer)->putBlock(*number, block, volume.block(block)));
        m_clock.advance(std::chrono::hours(25));
        QVERIFY(m_repository->prune());
        const auto record = (*writer)->commit({{VolumeDetails{}}, {}});
        QCOMPARE(record.error().code, Error::Code::Gone);
        QVERIFY(m_repository->listRecords()->records.empty());
    }

    void aDeadWritersLeftoversGo()
    {
        TestVolume volume(1000 * 4096);
        volume.fill(m_random);
        const auto objects = m_backend->objects();
        WriterOptions options;
        options.packTargetBytes = 100'000;
        auto writer = m_repository->beginBackup(runInfo(m_machine), options);
        const auto number = (*writer)->addVolume({volume.id, volume.content.size(), 4096, {}});
        for (std::uint64_t block = 0; block < 1000; ++block)
            QVERIFY((*writer)->putBlock(*number, block, volume.block(block)));
        // Killed here: what is in the destination stays, the intent too.
        const auto backend = std::make_shared<MemoryBackend>(m_backend->objects());
        const auto after = *Repository::open(backend, {}, m_clock);
        QCOMPARE(after->prune().error().code, Error::Code::Busy);
        QVERIFY(after->withdrawWriters(m_machine));
        const auto report = after->prune();
        QVERIFY(report->packsRemoved > 30);
        QVERIFY(backend->objects() == objects);
    }

    void aDamagedRecordStopsThePrune()
    {
        TestVolume volume(100 * 4096);
        volume.fill(m_random);
        const Id128 first = *backUp(*m_repository, volume, m_machine, {}, 1);
        volume.fill(m_random);
        QVERIFY(backUp(*m_repository, volume, m_machine, {}, 2));
        m_backend->objects()["records/" + first.hex()].back() ^= 1;
        const auto objects = m_backend->objects();
        QCOMPARE(m_repository->prune().error().code, Error::Code::Corrupt);
        QVERIFY(objects == m_backend->objects());
    }

    void aDamagedIndexStopsThePrune()
    {
        TestVolume volume(100 * 4096);
        volume.fill(m_random);
        QVERIFY(backUp(*m_repository, volume, m_machine, {}, 1));
        volume.fillBlock(1, m_random);
        QVERIFY(backUp(*m_repository, volume, m_machine, {}, 2));
        const std::string run = (*m_backend->list("index/"))[0].name;
        const auto whole = m_backend->objects();
        for (const bool isLost : {false, true}) {
            const auto backend = std::make_shared<MemoryBackend>(whole);
            if (isLost)
                backend->objects().erase(run);
            else
                backend->objects()[run][50] ^= 1;
            const auto objects = backend->objects();
            const auto repository = *Repository::open(backend, {}, m_clock);
            QCOMPARE(repository->prune().error().code, Error::Code::Corrupt);
            QVERIFY(objects == backend->objects());
            QVERIFY(repository->rebuildIndex());
            QVERIFY(repository->prune());
            QVERIFY(repository->verify({VerifyScope::Everything, {}, {}})->isHealthy());
        }
    }

private:
    std::shared_ptr<MemoryBackend> m_backend;
    std::shared_ptr<Repository> m_repository;
    FakeClock m_clock;
    std::mt19937_64 m_random;
    const Id128 m_machine = Id128::random();
};

QTEST_APPLESS_MAIN(TestRepositoryPrune)
#include "tst_repository_prune.moc"
