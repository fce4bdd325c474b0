// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * When a plan should run, as text a person can type and as slots in time.
 *
 *   every 4h          at 00:00, 04:00, ... local time; 1, 2, 3, 4, 6, 8, 12 hours
 *   every 15min       likewise within the hour; 1 to 30 minutes that divide 60
 *   daily 18:30
 *   weekly mon 09:00
 *
 * Slots are wall-clock times of the local zone. Where clocks are set forward,
 * a daily or weekly slot in the gap runs that much later and an hourly one is
 * left out; where they are set back, a daily or weekly slot runs once (the
 * first time) and an hourly one each time the clock shows it.
 *
 * Plain value; any thread.
 */
#pragma once

#include "helper/base/result.h"
#include "helper/policy/moment.h"

#include <string>
#include <string_view>

namespace dormouse {

class Rhythm
{
public:
    enum class Kind { Every, Daily, Weekly };

    /// Case and extra blanks do not matter. The error says what would be right.
    [[nodiscard]] static Result<Rhythm> parse(std::string_view text);

    /// From their parts. A step must divide the hour, or be whole hours that
    /// divide the day, or slots would drift; a time must lie within one day.
    [[nodiscard]] static Result<Rhythm> every(std::chrono::minutes step);
    [[nodiscard]] static Result<Rhythm> daily(std::chrono::minutes sinceMidnight);
    [[nodiscard]] static Result<Rhythm> weekly(std::chrono::weekday day,
                                               std::chrono::minutes sinceMidnight);

    [[nodiscard]] Kind kind() const { return m_kind; }
    /// Of an Every; else zero.
    [[nodiscard]] std::chrono::minutes step() const { return m_step; }
    /// Of a Daily or Weekly; else zero.
    [[nodiscard]] std::chrono::minutes sinceMidnight() const { return m_sinceMidnight; }
    /// Of a Weekly.
    [[nodiscard]] std::chrono::weekday weekday() const { return m_weekday; }

    /// The canonical text: parse(format()) gives an equal rhythm.
    [[nodiscard]] std::string format() const;

    /// The first slot after `moment`.
    [[nodiscard]] Moment next(Moment after) const;

    /// The last slot that is not after `moment`.
    [[nodiscard]] Moment previous(Moment atOrBefore) const;

    friend bool operator==(const Rhythm&, const Rhythm&) = default;

private:
    Rhythm() = default;
    void appendSlotsOf(std::chrono::sys_days day, std::vector<Moment>& slots) const;

    Kind m_kind = Kind::Daily;
    std::chrono::minutes m_step{0};          // Every
    std::chrono::minutes m_sinceMidnight{0}; // Daily, Weekly
    std::chrono::weekday m_weekday{1};       // Weekly
};

} // namespace dormouse
