// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The catalog's numbers in the bus's. Pure.
 */
#pragma once

#include "helper/catalog/rows.h"
#include "helper/dbus/types.h"

namespace dormouse {

[[nodiscard]] inline bus::RestorePointKind busKind(BackupKind kind)
{
    switch (kind) {
    case BackupKind::Full:
        return bus::RestorePointKind::Full;
    case BackupKind::Incremental:
        return bus::RestorePointKind::Incremental;
    case BackupKind::Compared:
        return bus::RestorePointKind::Compared;
    }
    return bus::RestorePointKind::Unknown;
}

[[nodiscard]] inline bus::Outcome busOutcome(Outcome outcome)
{
    switch (outcome) {
    case Outcome::Running:
        return bus::Outcome::None;
    case Outcome::Done:
        return bus::Outcome::Done;
    case Outcome::Failed:
        return bus::Outcome::Failed;
    case Outcome::Skipped:
        return bus::Outcome::Skipped;
    case Outcome::Interrupted:
        return bus::Outcome::Interrupted;
    }
    return bus::Outcome::None;
}

[[nodiscard]] inline Outcome catalogOutcome(bus::Outcome outcome)
{
    switch (outcome) {
    case bus::Outcome::Done:
    case bus::Outcome::DoneWithExceptions:
        return Outcome::Done;
    case bus::Outcome::Skipped:
        return Outcome::Skipped;
    case bus::Outcome::Cancelled:
    case bus::Outcome::Interrupted:
        return Outcome::Interrupted;
    case bus::Outcome::None:
    case bus::Outcome::Failed:
        break;
    }
    return Outcome::Failed;
}

struct JobKindName
{
    bus::JobKind kind;
    const char* name; ///< in the catalog: never change
};
inline constexpr JobKindName kJobKindNames[] = {
    {bus::JobKind::Protect, "protect"},   {bus::JobKind::Backup, "backup"},
    {bus::JobKind::Restore, "restore"},   {bus::JobKind::Verify, "verify"},
    {bus::JobKind::Snapshot, "snapshot"}, {bus::JobKind::Import, "import"},
    {bus::JobKind::GrowStore, "grow-store"},  {bus::JobKind::Repair, "repair"},
};

[[nodiscard]] inline bus::JobKind busJobKind(const std::string& name)
{
    for (const JobKindName& row : kJobKindNames) {
        if (name == row.name)
            return row.kind;
    }
    return bus::JobKind::Unknown;
}

[[nodiscard]] inline const char* catalogJobKind(bus::JobKind kind)
{
    for (const JobKindName& row : kJobKindNames) {
        if (row.kind == kind)
            return row.name;
    }
    return "unknown";
}

} // namespace dormouse
