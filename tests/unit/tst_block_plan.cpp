// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/engine/block_plan.h"

#include <QTest>

#include <random>

using namespace dormouse;

namespace {
constexpr std::uint32_t kBlock = 65536;
}

class TestBlockPlan : public QObject
{
    Q_OBJECT

private slots:
    void wideningJoinsNeighboursAndStopsAtTheEnd()
    {
        const ExtentList wide =
            widenToBlocks({{10, 1}, {kBlock + 5, kBlock}}, kBlock, 2 * kBlock + 100);
        QVERIFY(wide == (ExtentList{{0, 2 * kBlock + 100}}));
    }

    void nothingBeyondTheVolumeIsPlanned()
    {
        QVERIFY(widenToBlocks({{kBlock * 3, kBlock}}, kBlock, kBlock).empty());
    }

    void blocksWithOneWantedByteArePut()
    {
        const BlockPlan plan = planBlocks(
            {{0, 3 * kBlock}}, {{0, kBlock}, {kBlock + 1, 2 * kBlock - 1}}, kBlock, 3 * kBlock);
        QVERIFY(plan.puts == (ExtentList{{kBlock, kBlock}}));
        QVERIFY(plan.holes == (ExtentList{{0, kBlock}, {2 * kBlock, kBlock}}));
        QVERIFY(plan.wanted == (ExtentList{{kBlock, 1}}));
    }

    void clearingAgreesWithAByteByByteModel()
    {
        std::minstd_rand random(42);
        for (int round = 0; round < 2000; ++round) {
            ExtentList wanted;
            for (int i = 0; i < 6; ++i)
                wanted.push_back({random() % 200, random() % 40});
            wanted = mergeExtents(wanted);
            const std::uint64_t offset = random() % 150;
            std::vector<std::uint8_t> data(1 + random() % 80, 0xff);
            clearUnwanted(wanted, offset, data.data(), data.size());
            for (std::size_t i = 0; i < data.size(); ++i) {
                const bool isWanted =
                    std::any_of(wanted.begin(), wanted.end(), [&](const Extent& extent) {
                        return offset + i >= extent.offsetBytes && offset + i < extent.endBytes();
                    });
                QCOMPARE(data[i], isWanted ? std::uint8_t{0xff} : std::uint8_t{0});
            }
        }
    }
};

QTEST_GUILESS_MAIN(TestBlockPlan)
#include "tst_block_plan.moc"
