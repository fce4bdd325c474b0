// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The destination goes away at every single operation of every kind of work.
 * Afterwards, every finished backup is there and whole.
 */
#include "repository_support.h"

#include <QtTest>

using namespace dormouse;
using namespace dormouse::test;

class TestRepositoryCrash : public QObject
{
    Q_OBJECT

private slots:
    void initTestCase()
    {
        m_backend = std::make_shared<MemoryBackend>();
        const auto repository = Repository::create(m_backend, {})->repository;
        m_random.seed(3);
        m_volume.fill(m_random);
        std::optional<Id128> base;
        for (int i = 0; i < 4; ++i) {
            for (int n = 0; n < 40; ++n)
                m_volume.fillBlock(m_random() % m_volume.blockCount(), m_random);
            const auto record = backUp(*repository, m_volume, m_machine, base, 1000 + i);
            QVERIFY(record);
            base = *record;
            m_finished[*base] = m_volume.content;
            m_last = *base;
        }
        // One was deleted, so that there is something to prune.
        const Id128 first = repository->listRecords()->records.back().recordId;
        QVERIFY(repository->removeRecord(first));
        m_finished.erase(first);
        m_start = m_backend->objects();
    }

    void anIncrementInterruptedAnywhereHarmsNothing()
    {
        interruptEverywhere([this](Repository& repository) -> Result<void> {
            TestVolume volume = changedVolume();
            const auto record = backUp(repository, volume, m_machine, m_last, 5000);
            if (!record)
                return Failure(record.error());
            m_added = {{*record, volume.content}};
            return {};
        });
    }

    void aFullInterruptedAnywhereHarmsNothing()
    {
        interruptEverywhere([this](Repository& repository) -> Result<void> {
            TestVolume volume = changedVolume();
            const auto record = backUp(repository, volume, Id128::random(), {}, 5000);
            if (!record)
                return Failure(record.error());
            m_added = {{*record, volume.content}};
            return {};
        });
    }

    void aPruneInterruptedAnywhereHarmsNothing()
    {
        interruptEverywhere([this](Repository& repository) -> Result<void> {
            PruneOptions options;
            options.machineId = m_machine;
            options.repackBelow = 0.95;
            const auto report = repository.prune(options);
            if (!report)
                return Failure(report.error());
            return report->packsRewritten > 0
                       ? Result<void>()
                       : fail(Error::Code::Internal, "nothing was rewritten: no test");
        });
    }

    void anIndexRebuildInterruptedAnywhereHarmsNothing()
    {
        interruptEverywhere([this](Repository& repository) {
            PruneOptions options;
            options.machineId = m_machine;
            return repository.rebuildIndex(options);
        });
    }

    void aPassphraseChangeInterruptedAnywhereLocksNobodyOut()
    {
        for (int k = 0;; ++k) {
            const auto backend = std::make_shared<MemoryBackend>(m_start);
            const auto repository = *Repository::open(backend, {});
            backend->failAfter(k);
            const auto set =
                repository->setPassphrase(Secret::copyOf("hazel"), PassphraseCost::ForTests);
            const auto after = std::make_shared<MemoryBackend>(backend->objects());
            const bool opensWithout = Repository::open(after, {}).has_value();
            const bool opensWith =
                Repository::open(after, {Unlock::Passphrase{Secret::copyOf("hazel")}}).has_value();
            QVERIFY2(opensWith || opensWithout, std::to_string(k).c_str());
            if (set) {
                QVERIFY(opensWith && !opensWithout);
                break;
            }
        }
    }

    void aWriterThatFailedSaysSoFromThenOn()
    {
        const auto backend = std::make_shared<MemoryBackend>(m_start);
        const auto repository = *Repository::open(backend, {});
        WriterOptions options;
        options.packTargetBytes = 20'000;
        auto writer = repository->beginBackup(runInfo(m_machine), options);
        const TestVolume volume = changedVolume();
        const auto number = (*writer)->addVolume({volume.id, volume.content.size(), 4096, {}});
        backend->failAfter(0);
        Result<void> put;
        for (std::uint64_t block = 0; put && block < volume.blockCount(); ++block)
            put = (*writer)->putBlock(*number, block,
                                      Bytes(4096, static_cast<std::uint8_t>(block + 1)));
        // Blocks of one byte compress well; random ones fill the pack.
        for (std::uint64_t block = 0; put && block < volume.blockCount(); ++block) {
            Bytes bytes(4096);
            for (std::uint8_t& byte : bytes)
                byte = static_cast<std::uint8_t>(m_random());
            put = (*writer)->putBlock(*number, block, bytes);
        }
        QCOMPARE(put.error().code, Error::Code::Gone);
        QCOMPARE((*writer)->putHole(*number, 0, 1).error().code, Error::Code::Gone);
        QCOMPARE((*writer)->commit({{VolumeDetails{}}, {}}).error().code, Error::Code::Gone);
    }

private:
    TestVolume changedVolume()
    {
        std::mt19937_64 random(99);
        TestVolume volume = m_volume;
        for (int n = 0; n < 60; ++n)
            volume.fillBlock(random() % volume.blockCount(), random);
        return volume;
    }

    /// Runs the work with the destination failing at its k-th change, for every
    /// k, once before and once after the change has happened.
    void interruptEverywhere(const std::function<Result<void>(Repository&)>& work)
    {
        int interruptions = 0;
        for (int k = 0; k < 1000; ++k) {
            for (const bool takesEffect : {false, true}) {
                const auto backend = std::make_shared<MemoryBackend>(m_start);
                m_added.clear();
                {
                    const auto repository = Repository::open(backend, {});
                    QVERIFY(repository);
                    backend->failAfter(k, takesEffect);
                    const auto done = work(**repository);
                    if (!backend->isLost()) {
                        QVERIFY2(done, done ? "" : done.error().message.c_str());
                        QVERIFY2(interruptions > 6, "hardly anything was interrupted");
                        checkAfterwards(backend->objects(), m_finished.size() + m_added.size());
                        return;
                    }
                    ++interruptions;
                }
                checkAfterwards(backend->objects(), 0);
                if (QTest::currentTestFailed()) {
                    qWarning("after change %d, takes effect: %d", k, takesEffect);
                    return;
                }
            }
        }
        QFAIL("the work never ended");
    }

    /// Reopens what is left, as after a restart, and goes on working with it.
    void checkAfterwards(const MemoryBackend::Objects& objects, std::size_t expectedRecords)
    {
        const auto backend = std::make_shared<MemoryBackend>(objects);
        const auto repository = Repository::open(backend, {});
        QVERIFY(repository);
        QVERIFY((*repository)->withdrawWriters(m_machine));
        const auto list = (*repository)->listRecords();
        QVERIFY(list);
        QVERIFY(list->damaged.empty());
        QVERIFY(list->records.size() >= m_finished.size());
        if (expectedRecords > 0)
            QCOMPARE(list->records.size(), expectedRecords);
        checkContents(**repository);
        const auto report = (*repository)->verify({VerifyScope::Everything, {}, {}});
        QVERIFY(report);
        QVERIFY2(report->isHealthy(),
                 report->isHealthy() ? "" : report->findings[0].message.c_str());

        // A record that appeared is a whole backup even if its writer heard an error.
        for (const BackupRecord& record : list->records)
            QVERIFY(readBack(**repository, record.recordId, m_volume.id));

        // Life goes on: another backup, and a prune that takes the leftovers.
        TestVolume volume = changedVolume();
        const auto next = backUp(**repository, volume, m_machine, m_last, 6000);
        QVERIFY2(next, next ? "" : next.error().message.c_str());
        PruneOptions options;
        options.staleAfterMs = -1; // the other machine's intent, too
        const auto pruned = (*repository)->prune(options);
        QVERIFY2(pruned, pruned ? "" : pruned.error().message.c_str());
        checkContents(**repository);
        QVERIFY(*readBack(**repository, *next, volume.id) == volume.content);
        QVERIFY((*repository)->verify()->isHealthy());
    }

    void checkContents(const Repository& repository)
    {
        for (const auto* known : {&m_finished, &m_added})
            for (const auto& [recordId, content] : *known) {
                const auto bytes = readBack(repository, recordId, m_volume.id);
                QVERIFY2(bytes, bytes ? "" : bytes.error().message.c_str());
                QVERIFY(*bytes == content);
            }
    }

    std::shared_ptr<MemoryBackend> m_backend;
    MemoryBackend::Objects m_start;
    TestVolume m_volume{250 * 4096};
    std::map<Id128, Bytes> m_finished;
    std::map<Id128, Bytes> m_added; ///< by the work, if it came to its end
    Id128 m_last;
    std::mt19937_64 m_random;
    const Id128 m_machine = Id128::random();
};

QTEST_APPLESS_MAIN(TestRepositoryCrash)
#include "tst_repository_crash.moc"
