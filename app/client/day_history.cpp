// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/client/day_history.h"

namespace dormouse::app {
namespace {

bool isDone(bus::Outcome outcome)
{
    return outcome == bus::Outcome::Done || outcome == bus::Outcome::DoneWithExceptions;
}

} // namespace

QList<DayOutcome> dayHistory(const bus::PlanInfo& plan, const bus::ActivityEntryList& activity,
                             const QDateTime& now, int dayCount)
{
    QList<DayOutcome> days(dayCount, DayOutcome::Idle);
    const QDate today = now.toLocalTime().date();
    int firstDay = dayCount; // the first that has a run at all
    for (const bus::ActivityEntry& entry : activity) {
        if (entry.planId != plan.id || entry.kind != bus::JobKind::Backup)
            continue;
        const QDate date = QDateTime::fromSecsSinceEpoch(entry.finishedTime).toLocalTime().date();
        const qint64 index = dayCount - 1 - date.daysTo(today);
        if (index < 0)
            firstDay = 0; // it ran before the strip begins
        if (index < 0 || index >= dayCount)
            continue;
        firstDay = qMin(firstDay, int(index));
        DayOutcome& day = days[index];
        if (isDone(entry.outcome))
            day = DayOutcome::Done;
        else if (entry.outcome == bus::Outcome::Skipped && day == DayOutcome::Idle)
            day = DayOutcome::Overdue;
        else if (day != DayOutcome::Done && (entry.outcome == bus::Outcome::Failed ||
                                             entry.outcome == bus::Outcome::Interrupted))
            day = DayOutcome::Failed;
    }
    if (!plan.isEnabled)
        return days;
    const bool isDueDaily =
        plan.rhythm.kind == bus::RhythmKind::Every || plan.rhythm.kind == bus::RhythmKind::Daily;
    for (int i = firstDay + 1; isDueDaily && i < dayCount - 1; ++i) {
        if (days[i] == DayOutcome::Idle)
            days[i] = DayOutcome::Overdue;
    }
    // Today's slot is missed when the next run should have begun a while ago.
    constexpr qint64 graceSeconds = 15 * 60;
    const bool isPaused = plan.pausedUntil > now.toSecsSinceEpoch();
    if (days.last() == DayOutcome::Idle && !isPaused && plan.nextRunTime > 0 &&
        plan.nextRunTime + graceSeconds < now.toSecsSinceEpoch())
        days.last() = DayOutcome::Overdue;
    return days;
}

} // namespace dormouse::app
