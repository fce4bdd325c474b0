// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/policy/moment.h"

#include <ctime>

namespace dormouse {

namespace {

using std::chrono::seconds;

/// What local clocks show minus what UTC shows.
seconds zoneOffset(Moment moment)
{
    const std::time_t time = std::chrono::floor<seconds>(moment).time_since_epoch().count();
    std::tm local{};
    if (localtime_r(&time, &local) == nullptr)
        return seconds(0); // the year does not fit an int: no zone matters there
    return seconds(local.tm_gmtoff);
}

/// The offsets in force a day before and a day after a local time: the same,
/// unless clocks are changed in between. mktime() would do with less, but what
/// it answers for repeated and skipped times differs among C libraries, and
/// its tm_isdst says nothing where a zone changes its standard time.
struct Offsets
{
    seconds before;
    seconds after;
};

Moment asIfUtc(std::chrono::sys_days day, std::chrono::minutes sinceMidnight)
{
    return Moment(day) + sinceMidnight;
}

Offsets offsetsAround(Moment wall)
{
    return {zoneOffset(wall - std::chrono::hours(24)), zoneOffset(wall + std::chrono::hours(24))};
}

} // namespace

Moment momentFromMs(std::int64_t msSince1970)
{
    return Moment(std::chrono::milliseconds(msSince1970));
}

std::int64_t msFromMoment(Moment moment)
{
    return moment.time_since_epoch().count();
}

void refreshTimeZone()
{
    tzset();
}

std::chrono::sys_days localDay(Moment moment)
{
    return std::chrono::floor<std::chrono::days>(moment + zoneOffset(moment));
}

std::vector<Moment> instantsOf(std::chrono::sys_days day, std::chrono::minutes sinceMidnight)
{
    const Moment wall = asIfUtc(day, sinceMidnight);
    const Offsets offsets = offsetsAround(wall);
    std::vector<Moment> instants;
    if (zoneOffset(wall - offsets.before) == offsets.before)
        instants.push_back(wall - offsets.before);
    if (offsets.after != offsets.before && zoneOffset(wall - offsets.after) == offsets.after)
        instants.push_back(wall - offsets.after);
    return instants; // the larger offset, which is the earlier instant, is "before" when repeated
}

Moment instantOf(std::chrono::sys_days day, std::chrono::minutes sinceMidnight)
{
    const auto instants = instantsOf(day, sinceMidnight);
    if (!instants.empty())
        return instants.front();
    const Moment wall = asIfUtc(day, sinceMidnight);
    return wall - offsetsAround(wall).before;
}

} // namespace dormouse
