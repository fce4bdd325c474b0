// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "helper/dbus/types.h"

#include <QDateTime>
#include <QList>

namespace dormouse::app {

// How a day went for a plan.
enum class DayOutcome {
    Idle,    // nothing was due
    Done,    // at least one run was done
    Failed,  // runs failed and none was done
    Overdue, // a run was due and none was tried, or it was skipped
};

// The last `dayCount` days of a plan, the last one being now's. A day without
// runs counts as overdue only if the plan was due that day (its rhythm is daily
// or tighter, or its slot is past) and was running before; today not while it is
// paused.
[[nodiscard]] QList<DayOutcome> dayHistory(const bus::PlanInfo& plan,
                                           const bus::ActivityEntryList& activity,
                                           const QDateTime& now, int dayCount = 30);

} // namespace dormouse::app
