// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/snapshot/store_growth.h"
#include "helper/snapshot/store_setup.h"

#include <QTest>

using namespace dormouse;

namespace {
constexpr std::uint64_t kMiB = 1u << 20;
constexpr std::uint64_t kGiB = 1u << 30;
} // namespace

class TestStoreSetup : public QObject
{
    Q_OBJECT

private slots:
    void suggestsATenthOfTheVolume()
    {
        QCOMPARE(suggestedStoreBytes(100 * kGiB, 90 * kGiB), 10 * kGiB);
    }
    void suggestsAtLeast64MiB()
    {
        QCOMPARE(suggestedStoreBytes(300 * kMiB, 290 * kMiB), 64 * kMiB);
    }
    void suggestsAtMost32GiB()
    {
        QCOMPARE(suggestedStoreBytes(4096 * kGiB, 4000 * kGiB), 32 * kGiB);
    }
    void neverTakesMoreThanAQuarterOfWhatIsFree()
    {
        QCOMPARE(suggestedStoreBytes(100 * kGiB, 4 * kGiB), kGiB);
        QCOMPARE(suggestedStoreBytes(100 * kGiB, 0), std::uint64_t{0});
    }
    void growsByHalfAndKeepsATenthFree_data()
    {
        QTest::addColumn<quint64>("store");
        QTest::addColumn<quint64>("free");
        QTest::addColumn<quint64>("expected");
        const auto row = [](const char* name, std::uint64_t store, std::uint64_t free,
                            std::uint64_t expected) {
            QTest::newRow(name) << quint64(store) << quint64(free) << quint64(expected);
        };
        row("half as much", 10 * kGiB, 80 * kGiB, 5 * kGiB);
        row("at least 64 MiB", 32 * kMiB, 80 * kGiB, 64 * kMiB);
        row("up to a quarter of the volume", 24 * kGiB, 70 * kGiB, kGiB);
        row("no more than that", 25 * kGiB, 70 * kGiB, 0);
        row("half of what is free beyond a tenth", 10 * kGiB, 14 * kGiB, 2 * kGiB);
        row("never of that tenth", 10 * kGiB, 10 * kGiB, 0);
        row("not by crumbs", 10 * kGiB, 10 * kGiB + 12 * kMiB, 0);
    }
    void growsByHalfAndKeepsATenthFree()
    {
        QFETCH(quint64, store);
        QFETCH(quint64, free);
        QFETCH(quint64, expected);
        QCOMPARE(quint64{suggestedGrowthBytes(100 * kGiB, store, free)}, expected);
    }
    void atMost8GiBAtOnce()
    {
        QCOMPARE(suggestedGrowthBytes(1000 * kGiB, 20 * kGiB, 900 * kGiB), 8 * kGiB);
    }
    void volumesThatCannotBeProtectedSayWhy()
    {
        const auto volumes = probeVolumes();
        QVERIFY(volumes);
        for (const ProbedVolume& volume : *volumes) {
            QVERIFY(!volume.devicePath.empty());
            QVERIFY(volume.isProtectable() == volume.refusal.empty());
            if (volume.mountPoints.empty())
                QVERIFY(!volume.refusal.empty());
        }
    }
    void absentFileSystemIsNotFound()
    {
        const auto volume = findVolume("00000000-dead-beef-0000-000000000000");
        QVERIFY(!volume);
        QCOMPARE(volume.error().code, Error::Code::NotFound);
    }
};

QTEST_GUILESS_MAIN(TestStoreSetup)
#include "tst_store_setup.moc"
