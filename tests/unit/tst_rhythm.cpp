// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/policy/rhythm.h"
#include "tests/unit/local_time.h"

#include <QTest>

using namespace dormouse;
using namespace dormouse::test;
using namespace std::chrono_literals;

namespace {

Rhythm rhythm(const char* text)
{
    auto parsed = Rhythm::parse(text);
    if (!parsed)
        qFatal("cannot parse %s", text);
    return *parsed;
}

} // namespace

class TestRhythm : public QObject
{
    Q_OBJECT

private slots:
    void init() { setTimeZone(centralEurope); }

    void parsesAndFormats_data()
    {
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("canonical");
        QTest::newRow("hours") << "every 4h"
                               << "every 4h";
        QTest::newRow("one hour") << "Every 1H"
                                  << "every 1h";
        QTest::newRow("an hour in minutes") << "every 15min"
                                            << "every 15min";
        QTest::newRow("daily") << "  daily\t18:30 "
                               << "daily 18:30";
        QTest::newRow("short hour") << "daily 7:05"
                                    << "daily 07:05";
        QTest::newRow("weekly") << "WEEKLY Mon 09:00"
                                << "weekly mon 09:00";
        QTest::newRow("last minute") << "weekly sun 23:59"
                                     << "weekly sun 23:59";
    }
    void parsesAndFormats()
    {
        QFETCH(QString, text);
        QFETCH(QString, canonical);
        const auto parsed = Rhythm::parse(text.toStdString());
        QVERIFY(parsed);
        QCOMPARE(QString::fromStdString(parsed->format()), canonical);
        QCOMPARE(*Rhythm::parse(parsed->format()), *parsed);
    }

    void refusesWhatItCannotKeep_data()
    {
        QTest::addColumn<QString>("text");
        for (const char* text : {"",
                                 "every",
                                 "every 0h",
                                 "every 5h",
                                 "every 24h",
                                 "every 7min",

                                 "every -1h",
                                 "every 4",
                                 "every 4hh",
                                 "every 400h",
                                 "every 99999999999999999999h",
                                 "daily",
                                 "daily 24:00",
                                 "daily 12:60",
                                 "daily 12",
                                 "daily 12:5",
                                 "daily :30",
                                 "daily +1:30",
                                 "weekly 09:00",
                                 "weekly xxx 09:00",
                                 "weekly mon",
                                 "monthly 1 09:00",
                                 "daily 18:30 extra"})
            QTest::newRow(text) << text;
    }
    void refusesWhatItCannotKeep()
    {
        QFETCH(QString, text);
        const auto parsed = Rhythm::parse(text.toStdString());
        QVERIFY(!parsed);
        QCOMPARE(parsed.error().code, Error::Code::Invalid);
    }

    void buildsFromParts()
    {
        QCOMPARE(Rhythm::every(240min)->format(), std::string("every 4h"));
        QCOMPARE(Rhythm::every(240min)->step(), 240min);
        QCOMPARE(Rhythm::weekly(std::chrono::Friday, 90min)->format(),
                 std::string("weekly fri 01:30"));
        QVERIFY(!Rhythm::daily(1440min));
        QVERIFY(!Rhythm::daily(-1min));
        QVERIFY(!Rhythm::every(90min));
        QVERIFY(!Rhythm::weekly(std::chrono::weekday(8), 0min));
    }

    void dailySlotIsOfTheLocalClock()
    {
        const Rhythm evening = rhythm("daily 18:30");
        QCOMPARE(local(evening.next(utc(2026, 1, 10, 12))), "2026-01-10 18:30 +0100");
        QCOMPARE(local(evening.next(utc(2026, 7, 10, 12))), "2026-07-10 18:30 +0200");
        QCOMPARE(local(evening.previous(utc(2026, 7, 10, 12))), "2026-07-09 18:30 +0200");
    }

    void nextIsLaterAndPreviousMayBeNow()
    {
        const Rhythm evening = rhythm("daily 18:30");
        const Moment slot = utc(2026, 1, 10, 17, 30);
        QCOMPARE(evening.previous(slot), slot);
        QCOMPARE(evening.previous(slot - 1ms), slot - 24h);
        QCOMPARE(evening.next(slot), slot + 24h);
        QCOMPARE(evening.next(slot - 1ms), slot);
    }

    void weeklySlotWaitsForItsDay()
    {
        const Rhythm monday = rhythm("weekly mon 09:00"); // 2026-01-05 is a Monday
        QCOMPARE(local(monday.next(utc(2026, 1, 5, 7))), "2026-01-05 09:00 +0100");
        QCOMPARE(local(monday.next(utc(2026, 1, 5, 8))), "2026-01-12 09:00 +0100");
        QCOMPARE(local(monday.previous(utc(2026, 1, 5, 7))), "2025-12-29 09:00 +0100");
    }

    void slotInTheSkippedHourRunsThatMuchLater()
    {
        const Rhythm night = rhythm("daily 02:30"); // clocks go from 02:00 to 03:00
        QCOMPARE(local(night.next(utc(2026, 3, 28, 12))), "2026-03-29 03:30 +0200");
        QCOMPARE(local(night.next(utc(2026, 3, 29, 12))), "2026-03-30 02:30 +0200");
    }

    void slotInTheRepeatedHourRunsOnce()
    {
        const Rhythm night = rhythm("daily 02:30"); // clocks go from 03:00 to 02:00
        const Moment slot = night.next(utc(2026, 10, 24, 12));
        QCOMPARE(local(slot), "2026-10-25 02:30 +0200");
        QCOMPARE(local(night.next(slot)), "2026-10-26 02:30 +0100");
        QCOMPARE(night.previous(slot + 2h), slot);
    }

    void hourlySlotsFollowTheClockThroughItsChanges()
    {
        const Rhythm hourly = rhythm("every 1h");
        Moment at = utc(2026, 3, 28, 22, 59);
        for (int hour = 0; hour < 60; ++hour) { // over 29 March
            const Moment next = hourly.next(at);
            QVERIFY(next - at <= 1h);
            at = next;
        }
        at = utc(2026, 10, 24, 21, 59);
        for (int hour = 0; hour < 60; ++hour) { // over 25 October
            const Moment next = hourly.next(at);
            QVERIFY(next - at <= 1h);
            at = next;
        }
    }

    void everyFourHoursStaysAtItsWallClockTimes()
    {
        const Rhythm rhythm4 = rhythm("every 4h");
        QCOMPARE(local(rhythm4.next(utc(2026, 3, 28, 23))), "2026-03-29 04:00 +0200");
        QCOMPARE(local(rhythm4.next(utc(2026, 10, 24, 22))), "2026-10-25 04:00 +0100");
        QCOMPARE(local(rhythm4.previous(utc(2026, 7, 1, 11))), "2026-07-01 12:00 +0200");
    }

    void aYearOfDaysHasASlotEach_data()
    {
        QTest::addColumn<QString>("zone");
        QTest::addColumn<QString>("text");
        for (const char* zone :
             {centralEurope, "UTC0", "EST5EDT,M3.2.0,M11.1.0", "AEST-10AEDT,M10.1.0,M4.1.0/3",
              "IST-1GMT0,M10.5.0,M3.5.0/1", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "NPT-5:45"})
            for (const char* text : {"daily 02:30", "daily 00:00", "daily 23:59"})
                QTest::newRow(qPrintable(QString("%1 in %2").arg(text, zone))) << zone << text;
    }
    void aYearOfDaysHasASlotEach()
    {
        QFETCH(QString, zone);
        QFETCH(QString, text);
        setTimeZone(qPrintable(zone));
        const auto daily = Rhythm::parse(text.toStdString());
        QVERIFY(daily);
        Moment at = utc(2026, 1, 1, 0);
        for (int day = 0; day < 365; ++day) {
            const Moment next = daily->next(at);
            if (day > 0) { // the first is at most a day away
                QVERIFY2(next - at >= 22h && next - at <= 26h, qPrintable(local(next)));
            }
            QCOMPARE(daily->previous(next), next);
            QCOMPARE(daily->previous(next - 1ms), daily->previous(at));
            QCOMPARE(daily->next(next - 1ms), next);
            at = next;
        }
    }
};

QTEST_GUILESS_MAIN(TestRhythm)
#include "tst_rhythm.moc"
