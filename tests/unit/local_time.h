// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Tests that live in a time zone of their choice.
 */
#pragma once

#include "helper/policy/moment.h"

#include <QString>

#include <cstdlib>
#include <ctime>

namespace dormouse::test {

/// Central Europe as a rule, not a name: needs no zone files.
inline constexpr const char* centralEurope = "CET-1CEST,M3.5.0/2,M10.5.0/3";

inline void setTimeZone(const char* zone)
{
    setenv("TZ", zone, 1);
    refreshTimeZone();
}

inline Moment utc(int year, unsigned month, unsigned day, int hour, int minute = 0, int second = 0)
{
    return std::chrono::sys_days(std::chrono::year(year) / std::chrono::month(month) /
                                 std::chrono::day(day)) +
           std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second);
}

/// "2026-03-29 03:30 +0200", so that a failed comparison can be read.
inline QString local(Moment moment)
{
    const std::time_t time =
        std::chrono::floor<std::chrono::seconds>(moment).time_since_epoch().count();
    std::tm parts{};
    localtime_r(&time, &parts);
    char text[64];
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M %z", &parts);
    return QString::fromLatin1(text);
}

} // namespace dormouse::test
