// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/policy/retention.h"

#include <QTest>

#include <algorithm>
#include <random>
#include <set>

using namespace dormouse;

namespace {

using Ids = std::vector<std::string>;

RetentionBackup backup(const char* record, std::int64_t createdAtMs, const char* volume = "a",
                       bool isComplete = true)
{
    return {record, volume, createdAtMs, isComplete};
}

} // namespace

class TestRetention : public QObject
{
    Q_OBJECT

private slots:
    void keepsTheLastOnes()
    {
        const std::vector<RetentionBackup> backups{backup("r2", 20), backup("r4", 40),
                                                   backup("r1", 10), backup("r3", 30)};
        QCOMPARE(recordsToDelete(backups, 2), (Ids{"r1", "r2"}));
        QCOMPARE(recordsToDelete(backups, 4), Ids{});
        QCOMPARE(recordsToDelete(backups, 100), Ids{});
    }

    void zeroKeepsEverything()
    {
        QCOMPARE(recordsToDelete({backup("r1", 10), backup("r2", 20)}, 0), Ids{});
        QCOMPARE(recordsToDelete({}, 3), Ids{});
    }

    void neverSplitsARun()
    {
        const std::vector<RetentionBackup> backups{backup("r1", 10, "a"), backup("r1", 10, "b"),
                                                   backup("r2", 20, "a"), backup("r2", 20, "b")};
        QCOMPARE(recordsToDelete(backups, 1), (Ids{"r1"}));
    }

    void neverTheNewestOfAVolume()
    {
        // Volume b was unplugged for the later runs.
        const std::vector<RetentionBackup> backups{backup("r1", 10, "a"), backup("r1", 10, "b"),
                                                   backup("r2", 20, "a"), backup("r3", 30, "a")};
        QCOMPARE(recordsToDelete(backups, 1), (Ids{"r2"}));
    }

    void anUnfinishedRunDoesNotPushOutAFinishedOne()
    {
        const std::vector<RetentionBackup> backups{backup("r1", 10), backup("r2", 20, "a", false)};
        QCOMPARE(recordsToDelete(backups, 1), Ids{});
    }

    void anUnfinishedRunGoesOnceANewerOneFinished()
    {
        const std::vector<RetentionBackup> backups{backup("r1", 10), backup("r2", 20, "a", false),
                                                   backup("r3", 30)};
        QCOMPARE(recordsToDelete(backups, 5), (Ids{"r2"}));
    }

    void randomHistoriesKeepWhatMustStay()
    {
        std::mt19937 random(11);
        for (int round = 0; round < 500; ++round) {
            std::vector<RetentionBackup> backups;
            const int records = int(random() % 12);
            for (int record = 0; record < records; ++record)
                for (int volume = 0; volume < 3; ++volume)
                    if (random() % 3 != 0)
                        backups.push_back({"r" + std::to_string(record),
                                           "v" + std::to_string(volume), std::int64_t(random() % 6),
                                           random() % 4 != 0});
            const auto keepLast = std::uint32_t(random() % 4);
            const auto doomed = recordsToDelete(backups, keepLast);
            const std::set<std::string> gone(doomed.begin(), doomed.end());
            QCOMPARE(gone.size(), doomed.size());
            for (const char* volume : {"v0", "v1", "v2"}) {
                const auto has = [&](bool afterwards) {
                    return std::any_of(backups.begin(), backups.end(), [&](const auto& backup) {
                        return backup.volumeId == volume && backup.isComplete &&
                               (!afterwards || !gone.contains(backup.recordId));
                    });
                };
                QCOMPARE(has(true), has(false));
            }
        }
    }
};

QTEST_GUILESS_MAIN(TestRetention)
#include "tst_retention.moc"
