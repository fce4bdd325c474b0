// SPDX-License-Identifier: GPL-3.0-or-later
#include "repository_support.h"

#include "helper/repository/block_index.h"

#include <QtTest>

using namespace dormouse;
using namespace dormouse::test;

class TestBlockIndex : public QObject
{
    Q_OBJECT

private slots:
    void init()
    {
        m_random.seed(6);
        m_backend = std::make_unique<MemoryBackend>();
    }

    void everyEntryIsFoundAndNothingElse()
    {
        const auto entries = randomEntries(10'000);
        BlockIndex index(*m_backend, m_keys);
        QVERIFY(index.addRuns(entries));
        BlockIndex reopened(*m_backend, m_keys);
        QVERIFY(reopened.load());
        for (const IndexEntry& entry : entries) {
            const auto places = reopened.lookup(entry.id);
            QCOMPARE(places->size(), 1u);
            QVERIFY(places->front() == entry.location);
        }
        for (const IndexEntry& entry : randomEntries(1000))
            QVERIFY(reopened.lookup(entry.id)->empty());
    }

    void hardlyAnUnknownIdCostsARead()
    {
        BlockIndex index(*m_backend, m_keys);
        for (int i = 0; i < 10; ++i)
            QVERIFY(index.addRuns(randomEntries(5000)));
        m_backend->reads = 0;
        for (const IndexEntry& entry : randomEntries(2000))
            QVERIFY(index.lookup(entry.id)->empty());
        // Ten runs a lookup: 20,000 questions, of which the filters let 1 % pass.
        QVERIFY2(m_backend->reads < 400, std::to_string(m_backend->reads).c_str());
    }

    void idsThatBeginAlikeAreFoundAcrossPages()
    {
        // Never with keyed hashes, but the format does not forbid it.
        auto entries = randomEntries(2000);
        for (std::size_t i = 300; i < 1500; ++i)
            std::fill_n(entries[i].id.begin(), 8, 0x42);
        BlockIndex index(*m_backend, m_keys);
        QVERIFY(index.addRuns(entries));
        for (const IndexEntry& entry : entries)
            QCOMPARE(index.lookup(entry.id)->size(), 1u);
    }

    void allPlacesOfAnIdAreTold()
    {
        auto entries = randomEntries(600);
        for (IndexEntry& entry : entries)
            entry.id = entries[0].id; // one id in 600 places, over three pages
        BlockIndex index(*m_backend, m_keys);
        QVERIFY(index.addRuns(entries));
        QVERIFY(index.addRuns({{entries[0].id, {Id128::random(), 1, 2}}}));
        QCOMPARE(index.lookup(entries[0].id)->size(), 601u);
    }

    void rewritingKeepsWhatIsWantedInOrder()
    {
        BlockIndex index(*m_backend, m_keys);
        std::set<IndexEntry> wanted;
        for (int i = 0; i < 5; ++i) {
            const auto entries = randomEntries(700);
            QVERIFY(index.addRuns(entries));
            for (const IndexEntry& entry : entries)
                if (entry.location.offsetBytes % 2 == 0)
                    wanted.insert(entry);
        }
        const auto added = randomEntries(300);
        wanted.insert(added.begin(), added.end());
        QVERIFY(index.rewrite(
            index.runs(),
            [](const IndexEntry& entry) { return entry.location.offsetBytes % 2 == 0; }, added));
        QCOMPARE(index.runs().size(), 1u);
        std::vector<IndexEntry> seen;
        QVERIFY(index.forEachEntry(index.runs(),
                                   [&seen](const IndexEntry& entry) { seen.push_back(entry); }));
        QVERIFY(std::equal(seen.begin(), seen.end(), wanted.begin(), wanted.end()));
    }

    void aLookupSurvivesAnotherProgramJoiningRuns()
    {
        BlockIndex ours(*m_backend, m_keys);
        const auto entries = randomEntries(500);
        QVERIFY(ours.addRuns(entries));
        BlockIndex theirs(*m_backend, m_keys);
        QVERIFY(theirs.load());
        QVERIFY(theirs.rewrite(theirs.runs(), [](const IndexEntry&) { return true; }, {}));
        for (const IndexEntry& entry : entries)
            QCOMPARE(ours.lookup(entry.id)->size(), 1u);
    }

private:
    std::vector<IndexEntry> randomEntries(std::size_t count)
    {
        std::vector<IndexEntry> entries(count);
        for (IndexEntry& entry : entries) {
            for (std::uint8_t& byte : entry.id)
                byte = static_cast<std::uint8_t>(m_random());
            entry.location = {Id128::random(), static_cast<std::uint32_t>(m_random()), 77};
        }
        return entries;
    }

    std::mt19937_64 m_random;
    const Keys m_keys{Secret::random(32)};
    std::unique_ptr<MemoryBackend> m_backend;
};

QTEST_APPLESS_MAIN(TestBlockIndex)
#include "tst_block_index.moc"
