// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Points in time, and the bridge between them and local wall clocks.
 *
 * The local zone is the process's (TZ, /etc/localtime); call refreshTimeZone()
 * after it may have changed. Pure functions otherwise; any thread.
 */
#pragma once

#include "helper/base/clock.h"

#include <chrono>
#include <cstdint>
#include <vector>

namespace dormouse {

/// Wall time in UTC, in milliseconds.
using Moment = Clock::WallTime;

[[nodiscard]] Moment momentFromMs(std::int64_t msSince1970);
[[nodiscard]] std::int64_t msFromMoment(Moment moment);

/// Makes the C library look at TZ and /etc/localtime again.
void refreshTimeZone();

/// The local calendar day that `moment` falls on.
[[nodiscard]] std::chrono::sys_days localDay(Moment moment);

/// All instants at which local clocks show this time: one; none where clocks
/// are set forward over it; two where they are set back. Ascending.
[[nodiscard]] std::vector<Moment> instantsOf(std::chrono::sys_days day,
                                             std::chrono::minutes sinceMidnight);

/// The one instant meant by "at this time": the first of two; and where clocks
/// jump over it, as long after the jump as it would have been (02:30 -> 03:30).
[[nodiscard]] Moment instantOf(std::chrono::sys_days day, std::chrono::minutes sinceMidnight);

} // namespace dormouse
