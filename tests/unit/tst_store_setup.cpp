// SPDX-License-Identifier: GPL-3.0-or-later
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
