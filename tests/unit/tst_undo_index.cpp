// SPDX-License-Identifier: GPL-3.0-or-later
#include "kmod/undo_index.h"

#include <QTest>

#include <deque>
#include <optional>
#include <random>
#include <vector>

namespace {

/// The index with memory of exactly its size.
struct Index
{
    explicit Index(u32 capacity, u32 nrBuckets = 0)
        : entries(capacity), buckets(nrBuckets != 0 ? nrBuckets : undo_index_buckets(capacity))
    {
        undo_index_init(&index, entries.data(), capacity, buckets.data(), u32(buckets.size()));
    }

    std::optional<u64> find(u32 unit, u64 epoch) const
    {
        u64 block = 0;
        if (!undo_index_find(&index, unit, epoch, &block))
            return std::nullopt;
        return block;
    }

    std::vector<undo_entry> entries;
    std::vector<u32> buckets;
    undo_index index;
};

struct Copy
{
    u32 unit;
    u64 epoch;
    u64 block;
};

/// What the index must answer, found the slow way.
std::optional<u64> firstCopy(const std::deque<Copy>& copies, u32 unit, u64 epoch)
{
    for (const Copy& copy : copies)
        if (copy.unit == unit && copy.epoch >= epoch)
            return copy.block;
    return std::nullopt;
}

} // namespace

class TestUndoIndex : public QObject
{
    Q_OBJECT

private slots:
    void bucketsAreAPowerOfTwo()
    {
        QCOMPARE(undo_index_buckets(1), 16u);
        QCOMPARE(undo_index_buckets(33), 16u);
        QCOMPARE(undo_index_buckets(34), 32u);
        QCOMPARE(undo_index_buckets(0xffffffff), 0x80000000u);
    }

    void anEmptyIndexFindsNothing()
    {
        const Index index(8);
        QVERIFY(!index.find(0, 0));
        QVERIFY(!index.find(0xffffffff, ~u64(0)));
    }

    void theFirstCopyNotOlderThanTheSnapshotWins()
    {
        Index index(8);
        QCOMPARE(undo_index_add(&index.index, 7, 1, 100), 0);
        QCOMPARE(undo_index_add(&index.index, 7, 2, 110), 0);
        QCOMPARE(undo_index_add(&index.index, 7, 4, 120), 0);
        QCOMPARE(index.find(7, 1), std::optional<u64>(100));
        QCOMPARE(index.find(7, 2), std::optional<u64>(110));
        QCOMPARE(index.find(7, 3), std::optional<u64>(120)); // one copy serves older snapshots
        QVERIFY(!index.find(7, 5));
        QVERIFY(!index.find(8, 1));
    }

    void aFullIndexRefuses()
    {
        Index index(3);
        for (u32 unit = 0; unit < 3; ++unit)
            QCOMPARE(undo_index_add(&index.index, unit, 1, unit), 0);
        QCOMPARE(undo_index_add(&index.index, 9, 1, 9), -ENOSPC);
        QVERIFY(!index.find(9, 1));
        QVERIFY(!undo_index_drop_before(&index.index, 1, 2));
        QCOMPARE(undo_index_add(&index.index, 9, 1, 9), 0);
        QVERIFY(!index.find(0, 1));
        QCOMPARE(index.find(9, 1), std::optional<u64>(9));
    }

    void aLargerCopyAnswersTheSame()
    {
        std::mt19937 random(8);
        Index small(100);
        std::deque<Copy> model;
        u64 at = 0xffffff00;
        for (int i = 0; i < 250; ++i) { // round its ring more than twice
            if (model.size() == 100) {
                model.erase(model.begin(), model.begin() + 30);
                QVERIFY(!undo_index_drop_before(&small.index, model.front().block, 100));
            }
            const Copy copy{u32(random() % 40), 0xfffffff0 + u64(i) / 9, at};
            QCOMPARE(undo_index_add(&small.index, copy.unit, copy.epoch, copy.block), 0);
            model.push_back(copy);
            at += 4;
        }
        Index large(1000);
        undo_index_copy(&large.index, &small.index);
        for (u64 epoch = 0xfffffff0; epoch < 0xfffffff0 + 30; ++epoch)
            for (u32 unit = 0; unit < 41; ++unit)
                QCOMPARE(large.find(unit, epoch), firstCopy(model, unit, epoch));
        QVERIFY(!undo_index_drop_before(&large.index, model[5].block, 100));
        model.erase(model.begin(), model.begin() + 5);
        QCOMPARE(large.index.used, u32(model.size()));
        QCOMPARE(large.find(model[0].unit, 0), firstCopy(model, model[0].unit, 0));
    }

    void randomRingsAgreeWithAList_data()
    {
        QTest::addColumn<uint>("capacity");
        QTest::addColumn<uint>("nrBuckets");
        QTest::newRow("one bucket for all") << 50u << 1u;
        QTest::newRow("one entry") << 1u << 1u;
        QTest::newRow("few buckets") << 257u << 16u;
        QTest::newRow("as the module") << 1000u << 0u;
    }
    void randomRingsAgreeWithAList()
    {
        QFETCH(uint, capacity);
        QFETCH(uint, nrBuckets);
        std::mt19937 random(4);
        Index index(capacity, nrBuckets);
        std::deque<Copy> model;
        u64 block = 0xfffff000; // both go on over 32 bits
        u64 epoch = 0xfffffff0;
        for (int step = 0; step < 20000; ++step) {
            const auto dice = random() % 100;
            if (dice < 60) {
                const u32 unit = random() % (capacity / 4 + 2);
                block += random() % 3;
                const int added = undo_index_add(&index.index, unit, epoch, block);
                QCOMPARE(added, model.size() == capacity ? -ENOSPC : 0);
                if (added == 0)
                    model.push_back({unit, epoch, block});
            } else if (dice < 65) {
                epoch += random() % 3;
            } else if (dice < 70 && !model.empty()) {
                const u64 limit = model[random() % model.size()].block + random() % 2;
                bool more = false;
                do {
                    more = undo_index_drop_before(&index.index, limit, 7);
                    for (int i = 0; i < 7 && !model.empty() && model.front().block < limit; ++i)
                        model.pop_front();
                    QCOMPARE(index.index.used, u32(model.size()));
                    QCOMPARE(more, !model.empty() && model.front().block < limit);
                } while (more);
            } else {
                const u32 unit = random() % (capacity / 4 + 2);
                const u64 asked = epoch - random() % 10;
                QCOMPARE(index.find(unit, asked), firstCopy(model, unit, asked));
            }
            QCOMPARE(index.index.used, u32(model.size()));
        }
    }
};

QTEST_GUILESS_MAIN(TestUndoIndex)
#include "tst_undo_index.moc"
