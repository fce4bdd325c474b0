// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * "Due since": whether a plan should run now, judged from what happened.
 *
 * No timer is trusted to have fired. At any moment (helper start, resume, a
 * minute tick, a drive plugged in) ask state(now): if the last slot came after
 * the last run, the plan is due, since that slot. So a machine that slept
 * through ten slots catches up once; asking twice starts nothing twice, as the
 * run that was started counts from then on.
 *
 * A clock set back delays at most one slot and never repeats one. A run that
 * the clock had put far into the future (more than one slot ahead of now) is
 * not believed, or one wrong date would silence the plan for years.
 *
 * Pure: time is an argument. Any thread.
 */
#pragma once

#include "helper/policy/moment.h"
#include "helper/policy/rhythm.h"

#include <optional>
#include <vector>

namespace dormouse {

/// A run as the calculator sees it.
struct PastRun
{
    Moment startedAt;
    /// Cut off (power, helper killed) rather than done, failed or skipped: its
    /// slot is due again, until that happened `DueCalculator::maxAttempts` times.
    bool wasInterrupted = false;
};

struct DueState
{
    bool isDue = false;
    Moment dueSince;               ///< when isDue: the latest slot that was missed
    std::optional<Moment> nextRun; ///< now if due, else the next slot; nullopt if disabled
};

class DueCalculator
{
public:
    static constexpr int maxAttempts = 3;

    struct Plan
    {
        Rhythm rhythm;
        Moment createdAt; ///< slots before it do not count
        bool isEnabled = true;
        std::optional<Moment> pausedUntil; ///< nothing is due before it; caught up after it
    };

    /// `newestRunsFirst`: the plan's runs as they were recorded, a few suffice.
    DueCalculator(Plan plan, std::vector<PastRun> newestRunsFirst);

    [[nodiscard]] DueState state(Moment now) const;

    /// The next `count` runs if all goes well, beginning with an overdue one (as `now`).
    [[nodiscard]] std::vector<Moment> nextRuns(Moment now, int count) const;

private:
    [[nodiscard]] Moment newestBelievable(Moment now) const;
    [[nodiscard]] std::optional<Moment> lastHandled(Moment now) const;

    Plan m_plan;
    std::vector<PastRun> m_runs;
};

} // namespace dormouse
