// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * All the SQL of the catalog: its migrations, and every statement it runs.
 * Private to the library.
 */
#pragma once

#include "helper/catalog/database.h"

#include <cstddef>
#include <span>

namespace dormouse {

/// Written into the file by the first migration ("DORM"): what `file` and we
/// know the catalog by. Never changes.
inline constexpr int catalogApplicationId = 0x444f524d;

[[nodiscard]] std::span<const Migration> catalogMigrations();

/// The statements, in the order of their texts in catalog_schema.cpp. Column
/// and parameter order is part of each, shared with the code that binds them.
enum class Query : std::size_t {
    PutVolume,
    GetVolume,
    GetProtectedVolume,
    ListVolumes,
    RemoveVolume,
    PutRepository,
    GetRepository,
    ListRepositories,
    SetRepositoryHead,
    RemoveRepository,
    PutPlan,
    GetPlan,
    ListPlans,
    RemovePlan,
    AddPlanVolume,
    ListPlanVolumes,
    ClearPlanVolumes,
    AddRun,
    UpdateRun,
    ListRuns,
    InterruptRuns,
    RecordEpoch,
    ListEpochs,
    ListPredecessors,
    GetChangeSet,
    PutChangeSet,
    ListChangeSets,
    ListChangeLinks,
    RemoveChangeSet,
    ListNeededEpochs,
    PutBackup,
    ListBackups,
    NewestBackup,
    RemoveBackups,
    AddJob,
    ListJobs,
    AddVerification,
    ListVerifications,
    PutSetting,
    GetSetting,
    Count,
};

[[nodiscard]] const char* queryText(Query query);

} // namespace dormouse
