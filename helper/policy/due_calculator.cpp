// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/policy/due_calculator.h"

#include <algorithm>
#include <utility>

namespace dormouse {

DueCalculator::DueCalculator(Plan plan, std::vector<PastRun> newestRunsFirst)
    : m_plan(std::move(plan)), m_runs(std::move(newestRunsFirst))
{
}

/// Times that the clock has put beyond the slot after next are not believed.
Moment DueCalculator::newestBelievable(Moment now) const
{
    return m_plan.rhythm.next(m_plan.rhythm.next(now));
}

/// When the run began that settled its slot and everything before it.
std::optional<Moment> DueCalculator::lastHandled(Moment now) const
{
    const Moment believable = newestBelievable(now);
    std::optional<Moment> attemptedSlot;
    int attempts = 0;
    for (const PastRun& run : m_runs) {
        if (run.startedAt > believable)
            continue;
        if (!run.wasInterrupted)
            return run.startedAt;
        const Moment slot = m_plan.rhythm.previous(run.startedAt);
        if (!attemptedSlot)
            attemptedSlot = slot;
        if (slot == *attemptedSlot && ++attempts == maxAttempts)
            return run.startedAt;
    }
    return std::nullopt;
}

DueState DueCalculator::state(Moment now) const
{
    DueState state;
    if (!m_plan.isEnabled)
        return state;

    const bool isPaused = m_plan.pausedUntil && now < *m_plan.pausedUntil;
    const Moment slot = m_plan.rhythm.previous(now);
    const auto handled = lastHandled(now);
    const bool isNew = m_plan.createdAt <= newestBelievable(now) && slot <= m_plan.createdAt;
    const bool isMissed = !isNew && (!handled || *handled < slot);
    if (isMissed && !isPaused) {
        state.isDue = true;
        state.dueSince = slot;
        state.nextRun = now;
        return state;
    }
    // What was missed, or will be missed, during a pause is caught up when it ends.
    const Moment next = m_plan.rhythm.next(std::max(now, handled.value_or(now)));
    state.nextRun = !isPaused  ? next
                    : isMissed ? *m_plan.pausedUntil
                               : std::max(next, *m_plan.pausedUntil);
    return state;
}

std::vector<Moment> DueCalculator::nextRuns(Moment now, int count) const
{
    std::vector<Moment> runs;
    auto next = state(now).nextRun;
    while (next && static_cast<int>(runs.size()) < count) {
        runs.push_back(*next);
        next = m_plan.rhythm.next(*next);
    }
    return runs;
}

} // namespace dormouse
