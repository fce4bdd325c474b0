// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Which backups of a plan have served: keep the last N runs.
 *
 * Works on whole records (all volumes of one moment): a moment is kept or goes
 * as one. Whatever N is, the newest complete backup of each volume stays, and so
 * does an interrupted one that is newer than that (it can be resumed). N counts
 * complete records; 0 keeps everything.
 *
 * Pure function; any thread.
 */
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dormouse {

/// One volume in one record of one plan in one repository.
struct RetentionBackup
{
    std::string recordId;
    std::string volumeId;
    std::int64_t createdAtMs = 0;
    bool isComplete = true;
};

/// Records to delete, oldest first. The order of `backups` does not matter.
[[nodiscard]] std::vector<std::string> recordsToDelete(const std::vector<RetentionBackup>& backups,
                                                       std::uint32_t keepLast);

} // namespace dormouse
