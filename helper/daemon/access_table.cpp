// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/daemon/access_table.h"

#include "helper/dbus/types.h"

namespace dormouse {

namespace {

constexpr AccessRow kTable[] = {
    {bus::kManagerInterface, "GetHealth", Access::Look},
    {bus::kManagerInterface, "ListVolumes", Access::Look},
    {bus::kManagerInterface, "ProtectVolume", Access::Change},
    {bus::kManagerInterface, "ListRepositories", Access::Look},
    {bus::kManagerInterface, "CreateRepository", Access::Change},
    {bus::kManagerInterface, "OpenRepository", Access::Change},
    {bus::kManagerInterface, "ListPlans", Access::Look},
    {bus::kManagerInterface, "CreatePlan", Access::Change},
    {bus::kManagerInterface, "TakeSnapshot", Access::Change},
    {bus::kManagerInterface, "ListRestorePoints", Access::Look},
    {bus::kManagerInterface, "Browse", Access::Look},
    {bus::kManagerInterface, "EndBrowse", Access::Look},
    {bus::kManagerInterface, "PlanRestore", Access::Look},
    {bus::kManagerInterface, "RestoreFiles", Access::Restore},
    {bus::kManagerInterface, "ListActivity", Access::Look},
    {bus::kManagerInterface, "GetChangeMapSummary", Access::Look},
    {bus::kVolumeInterface, "GrowStore", Access::Change},
    {bus::kVolumeInterface, "Forget", Access::Delete},
    {bus::kVolumeInterface, "DropSnapshot", Access::Delete},
    {bus::kPlanInterface, "RunNow", Access::Change},
    {bus::kPlanInterface, "Update", Access::Change}, // Delete if it keeps less; see PlanObject
    {bus::kPlanInterface, "Pause", Access::Change},
    {bus::kPlanInterface, "Remove", Access::Delete},
    {bus::kRepositoryInterface, "GetInfo", Access::Look},
    {bus::kRepositoryInterface, "Verify", Access::Change},
    {bus::kRepositoryInterface, "Repair", Access::Delete},
    {bus::kRepositoryInterface, "SetPassphrase", Access::Change},
    {bus::kRepositoryInterface, "ForgetBackup", Access::Delete},
    {bus::kRepositoryInterface, "Forget", Access::Delete},
    {bus::kJobInterface, "Cancel", Access::Change},
    {bus::kJobInterface, "Details", Access::Look},
};

} // namespace

std::span<const AccessRow> accessTable()
{
    return kTable;
}

std::optional<Access> accessFor(const QString& interface, const QString& method)
{
    for (const AccessRow& row : kTable) {
        if (interface == QLatin1String(row.interface) && method == QLatin1String(row.method))
            return row.access;
    }
    return std::nullopt;
}

QString actionId(Access access)
{
    switch (access) {
    case Access::Look:
        return QStringLiteral("org.dormouse.helper.look");
    case Access::Change:
        return QStringLiteral("org.dormouse.helper.change");
    case Access::Restore:
        return QStringLiteral("org.dormouse.helper.restore");
    case Access::Delete:
        break;
    }
    return QStringLiteral("org.dormouse.helper.delete");
}

} // namespace dormouse
