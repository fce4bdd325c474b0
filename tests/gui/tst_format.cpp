// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/client/day_history.h"
#include "app/client/format.h"
#include "app/client/translation.h"
#include "app/client/words.h"

#include <QCoreApplication>
#include <QTest>

using namespace dormouse;
using namespace dormouse::app;

class TestFormat : public QObject
{
    Q_OBJECT

private slots:
    void bytesReadAsPeopleSayThem()
    {
        QCOMPARE(formatBytes(0), QStringLiteral("0 bytes"));
        QCOMPARE(formatBytes(1), QStringLiteral("1 byte"));
        QCOMPARE(formatBytes(999), QStringLiteral("999 bytes"));
        QCOMPARE(formatBytes(4'200'000'000), QStringLiteral("4.2 GB"));
    }

    void momentsAreToldFromNow()
    {
        const QDateTime now(QDate(2026, 5, 20), QTime(15, 0));
        QCOMPARE(formatWhen(QDateTime(), now), QStringLiteral("never"));
        QCOMPARE(formatWhen(now.addSecs(-5), now), QStringLiteral("just now"));
        QCOMPARE(formatWhen(now.addSecs(-90), now), QStringLiteral("1 minute ago"));
        QCOMPARE(formatWhen(now.addSecs(600), now), QStringLiteral("in 10 minutes"));
        QVERIFY(formatWhen(now.addSecs(-2 * 3600), now).startsWith(QStringLiteral("today")));
        QVERIFY(formatWhen(now.addDays(-1), now).startsWith(QStringLiteral("yesterday")));
        QVERIFY(formatWhen(now.addDays(1), now).startsWith(QStringLiteral("tomorrow")));
        QVERIFY(formatWhen(now.addDays(-400), now).contains(QStringLiteral("2025")));
    }

    void modesReadLikeLs()
    {
        QCOMPARE(formatMode(0040755), QStringLiteral("drwxr-xr-x"));
        QCOMPARE(formatMode(0104644), QStringLiteral("-rwSr--r--"));
        QCOMPARE(formatMode(0041777), QStringLiteral("drwxrwxrwt"));
    }

    void namesAreJoined()
    {
        QCOMPARE(joinNames({}), QString());
        QCOMPARE(joinNames({"a"}), QStringLiteral("a"));
        QCOMPARE(joinNames({"a", "b", "c"}), QStringLiteral("a, b and c"));
    }

    void aStalledJobShowsNoTimeLeft()
    {
        JobStatus job;
        job.bytesDone = 1'000'000;
        job.bytesTotal = 2'000'000;
        job.etaSeconds = 120;
        QVERIFY(!progressText(job).contains(QStringLiteral("left")));
        job.rateBytesPerSecond = 1000;
        QVERIFY(progressText(job).contains(QStringLiteral("2 minutes left")));
    }

    void anUnknownNumberIsShownAsUnknown()
    {
        QCOMPARE(stateName(bus::VolumeState(99)), QStringLiteral("unknown"));
        QCOMPARE(QLatin1String(token::of(bus::Outcome(99))), QLatin1String("unknown"));
    }

    void aDayWithoutARunIsOverdueOnlyBetweenRuns()
    {
        const QDateTime now(QDate(2026, 5, 20), QTime(15, 0));
        bus::PlanInfo plan;
        plan.id = QStringLiteral("p");
        plan.rhythm = {bus::RhythmKind::Daily, 0, 0, 0};
        bus::ActivityEntryList activity;
        for (const int daysAgo : {0, 1, 3, 5}) {
            bus::ActivityEntry entry;
            entry.planId = plan.id;
            entry.kind = bus::JobKind::Backup;
            entry.outcome = daysAgo == 3 ? bus::Outcome::Failed : bus::Outcome::Done;
            entry.finishedTime = now.addDays(-daysAgo).toSecsSinceEpoch();
            activity << entry;
        }
        const QList<DayOutcome> days = dayHistory(plan, activity, now, 8);
        const QList<DayOutcome> expected{
            DayOutcome::Idle,   DayOutcome::Idle,    DayOutcome::Done, DayOutcome::Overdue,
            DayOutcome::Failed, DayOutcome::Overdue, DayOutcome::Done, DayOutcome::Done};
        QCOMPARE(days, expected);
        plan.isEnabled = false; // by hand: nothing is ever due
        QVERIFY(!dayHistory(plan, activity, now, 8).contains(DayOutcome::Overdue));
    }
};

int main(int argc, char** argv)
{
    QCoreApplication application(argc, argv);
    QLocale::setDefault(QLocale(QLocale::English, QLocale::UnitedStates));
    installTranslation(application);
    TestFormat test;
    return QTest::qExec(&test, argc, argv);
}

#include "tst_format.moc"
