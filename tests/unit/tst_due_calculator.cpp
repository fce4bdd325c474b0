// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/policy/due_calculator.h"
#include "tests/unit/local_time.h"

#include <QTest>

#include <map>
#include <random>

using namespace dormouse;
using namespace dormouse::test;
using namespace std::chrono_literals;

namespace {

DueCalculator::Plan dailyPlan()
{
    return {*Rhythm::parse("daily 18:30"), utc(2026, 1, 1, 0), true, std::nullopt};
}

} // namespace

class TestDueCalculator : public QObject
{
    Q_OBJECT

private slots:
    void init() { setTimeZone("UTC0"); }

    void aNewPlanWaitsForItsFirstSlot()
    {
        auto plan = dailyPlan();
        plan.createdAt = utc(2026, 1, 10, 20);
        const DueCalculator due(plan, {});
        QVERIFY(!due.state(utc(2026, 1, 10, 21)).isDue);
        QCOMPARE(due.state(utc(2026, 1, 10, 21)).nextRun, utc(2026, 1, 11, 18, 30));
        QVERIFY(due.state(utc(2026, 1, 11, 18, 30)).isDue);
    }

    void aSlotIsDueUntilARunStarts()
    {
        const Moment slot = utc(2026, 1, 10, 18, 30);
        const DueCalculator before(dailyPlan(), {{slot - 24h, false}});
        QVERIFY(!before.state(slot - 1ms).isDue);
        QVERIFY(before.state(slot).isDue);
        QCOMPARE(before.state(slot + 3h).dueSince, slot);
        QCOMPARE(before.state(slot + 3h).nextRun, slot + 3h);
        const DueCalculator after(dailyPlan(), {{slot + 3h, false}, {slot - 24h, false}});
        QVERIFY(!after.state(slot + 3h).isDue);
        QCOMPARE(after.state(slot + 3h).nextRun, slot + 24h);
    }

    void tenMissedSlotsAreCaughtUpOnce()
    {
        const Moment wokenUp = utc(2026, 1, 20, 8);
        const DueCalculator before(dailyPlan(), {{utc(2026, 1, 10, 18, 30), false}});
        QVERIFY(before.state(wokenUp).isDue);
        QCOMPARE(before.state(wokenUp).dueSince, utc(2026, 1, 19, 18, 30));
        const DueCalculator after(dailyPlan(),
                                  {{wokenUp, false}, {utc(2026, 1, 10, 18, 30), false}});
        QVERIFY(!after.state(wokenUp + 1min).isDue);
        QCOMPARE(after.state(wokenUp + 1min).nextRun, utc(2026, 1, 20, 18, 30));
    }

    void aRunByHandBeforeTheSlotDoesNotReplaceIt()
    {
        const DueCalculator due(dailyPlan(), {{utc(2026, 1, 10, 18), false}});
        QVERIFY(due.state(utc(2026, 1, 10, 18, 30)).isDue);
    }

    void aClockSetBackRepeatsNothing()
    {
        const Moment slot = utc(2026, 1, 10, 18, 30);
        const DueCalculator due(dailyPlan(), {{slot + 5s, false}});
        QVERIFY(!due.state(slot - 90min).isDue);
        QVERIFY(!due.state(slot).isDue);
        QVERIFY(!due.state(slot + 1h).isDue);
        QCOMPARE(due.state(slot - 90min).nextRun, slot + 24h);
        QVERIFY(due.state(slot + 24h).isDue);
    }

    void aRunInTheFarFutureDoesNotSilenceThePlan()
    {
        const Moment now = utc(2026, 1, 10, 20);
        const DueCalculator due(dailyPlan(), {{utc(2034, 5, 1, 0), false}, {now - 26h, false}});
        QVERIFY(due.state(now).isDue);
        auto plan = dailyPlan();
        plan.createdAt = utc(2034, 5, 1, 0);
        QVERIFY(DueCalculator(plan, {}).state(now).isDue);
    }

    void anInterruptedRunIsTriedAgainButNotForEver()
    {
        const Moment slot = utc(2026, 1, 10, 18, 30);
        std::vector<PastRun> runs{{slot - 24h, false}};
        for (int attempt = 0; attempt < DueCalculator::maxAttempts; ++attempt) {
            QVERIFY(DueCalculator(dailyPlan(), runs).state(slot + 2h).isDue);
            runs.insert(runs.begin(), PastRun{slot + attempt * 1min, true});
        }
        QVERIFY(!DueCalculator(dailyPlan(), runs).state(slot + 2h).isDue);
        QVERIFY(DueCalculator(dailyPlan(), runs).state(slot + 24h).isDue);
    }

    void interruptionsOfOtherSlotsDoNotAddUp()
    {
        const Moment slot = utc(2026, 1, 10, 18, 30);
        const DueCalculator due(dailyPlan(),
                                {{slot, true}, {slot - 24h, true}, {slot - 48h, true}});
        QVERIFY(due.state(slot + 1h).isDue);
    }

    void aDisabledPlanIsNeverDue()
    {
        auto plan = dailyPlan();
        plan.isEnabled = false;
        const DueCalculator due(plan, {});
        QVERIFY(!due.state(utc(2026, 1, 10, 20)).isDue);
        QVERIFY(!due.state(utc(2026, 1, 10, 20)).nextRun);
        QVERIFY(due.nextRuns(utc(2026, 1, 10, 20), 5).empty());
    }

    void aPausedPlanCatchesUpWhenThePauseEnds()
    {
        auto plan = dailyPlan();
        const Moment slot = utc(2026, 1, 10, 18, 30);
        plan.pausedUntil = slot + 2h;
        const DueCalculator due(plan, {{slot - 24h, false}});
        QVERIFY(!due.state(slot + 1h).isDue);
        QCOMPARE(due.state(slot - 1h).nextRun, slot + 2h);
        QCOMPARE(due.state(slot + 1h).nextRun, slot + 2h);
        QVERIFY(due.state(slot + 2h).isDue);
        plan.pausedUntil = slot - 1h; // over before the slot: changes nothing
        QCOMPARE(DueCalculator(plan, {{slot - 24h, false}}).state(slot - 2h).nextRun, slot);
    }

    void listsTheNextRuns()
    {
        const Moment slot = utc(2026, 1, 10, 18, 30);
        const DueCalculator idle(dailyPlan(), {{slot, false}});
        QCOMPARE(idle.nextRuns(slot + 1h, 3),
                 (std::vector<Moment>{slot + 24h, slot + 48h, slot + 72h}));
        const DueCalculator overdue(dailyPlan(), {{slot - 48h, false}});
        QCOMPARE(overdue.nextRuns(slot + 1h, 2), (std::vector<Moment>{slot + 1h, slot + 24h}));
    }

    void aYearWithClockChangesRunsEachSlotOnce_data()
    {
        QTest::addColumn<QString>("rhythm");
        QTest::addColumn<bool>("sleeps");
        QTest::addColumn<int>("expectedRuns");
        // 8760 hours a year; 02:00 is skipped in March and comes twice in October.
        QTest::newRow("daily") << "daily 02:30" << false << 365;
        QTest::newRow("hourly") << "every 1h" << false << 8760;
        QTest::newRow("weekly") << "weekly sun 02:30" << false << 52;
        QTest::newRow("daily, machine off at times") << "daily 02:30" << true << -1;
    }
    void aYearWithClockChangesRunsEachSlotOnce()
    {
        QFETCH(QString, rhythm);
        QFETCH(bool, sleeps);
        QFETCH(int, expectedRuns);
        setTimeZone(centralEurope);

        FakeClock clock(utc(2025, 12, 31, 23)); // local midnight
        DueCalculator::Plan plan{*Rhythm::parse(rhythm.toStdString()), clock.now() - 1ms, true,
                                 std::nullopt};
        std::vector<PastRun> runs;
        std::map<Moment, int> runsOfSlot;
        std::mt19937 random(7);
        int wakesWithoutRun = 0;
        while (clock.now() < utc(2026, 12, 31, 23)) {
            const DueState state = DueCalculator(plan, runs).state(clock.now());
            if (state.isDue) {
                QCOMPARE(state.dueSince, plan.rhythm.previous(clock.now()));
                ++runsOfSlot[state.dueSince];
                runs = {{clock.now(), false}};
            } else {
                ++wakesWithoutRun;
            }
            clock.advance(sleeps && random() % 200 == 0 ? std::chrono::hours(random() % 240)
                                                        : std::chrono::hours(0) + 30min);
        }
        QVERIFY(wakesWithoutRun > 0);
        for (const auto& [slot, count] : runsOfSlot)
            QVERIFY2(count == 1, qPrintable(local(slot)));
        if (expectedRuns >= 0)
            QCOMPARE(int(runsOfSlot.size()), expectedRuns);
        else
            QVERIFY(runsOfSlot.size() > 100 && runsOfSlot.size() < 365);
    }
};

QTEST_GUILESS_MAIN(TestDueCalculator)
#include "tst_due_calculator.moc"
