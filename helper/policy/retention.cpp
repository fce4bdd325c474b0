// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/policy/retention.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace dormouse {

namespace {

struct Record
{
    std::string recordId;
    std::int64_t createdAtMs = 0;
    bool isComplete = true;
};

/// One entry a record, newest first; complete only if every volume of it is.
std::vector<Record> groupRecords(const std::vector<RetentionBackup>& backups)
{
    std::map<std::string, Record> byId;
    for (const RetentionBackup& backup : backups) {
        Record& record =
            byId.try_emplace(backup.recordId, Record{backup.recordId, 0, true}).first->second;
        record.createdAtMs = std::max(record.createdAtMs, backup.createdAtMs);
        record.isComplete = record.isComplete && backup.isComplete;
    }
    std::vector<Record> records;
    for (auto& [id, record] : byId)
        records.push_back(record);
    std::sort(records.begin(), records.end(), [](const Record& a, const Record& b) {
        return std::tie(a.createdAtMs, a.recordId) > std::tie(b.createdAtMs, b.recordId);
    });
    return records;
}

/// For each volume the record with its newest complete backup.
std::set<std::string> newestOfEachVolume(const std::vector<RetentionBackup>& backups)
{
    std::map<std::string, const RetentionBackup*> newest;
    for (const RetentionBackup& backup : backups) {
        if (!backup.isComplete)
            continue;
        const RetentionBackup*& best = newest[backup.volumeId];
        if (best == nullptr || std::tie(backup.createdAtMs, backup.recordId) >
                                   std::tie(best->createdAtMs, best->recordId))
            best = &backup;
    }
    std::set<std::string> recordIds;
    for (const auto& [volumeId, backup] : newest)
        recordIds.insert(backup->recordId);
    return recordIds;
}

} // namespace

std::vector<std::string> recordsToDelete(const std::vector<RetentionBackup>& backups,
                                         std::uint32_t keepLast)
{
    std::vector<std::string> doomed;
    if (keepLast == 0)
        return doomed;

    const auto untouchable = newestOfEachVolume(backups);
    std::uint32_t completeSeen = 0;
    for (const Record& record : groupRecords(backups)) {
        // An incomplete record serves only to resume; a newer complete one ends that.
        const bool serves = record.isComplete ? completeSeen < keepLast : completeSeen == 0;
        if (record.isComplete)
            ++completeSeen;
        if (!serves && !untouchable.contains(record.recordId))
            doomed.push_back(record.recordId);
    }
    std::reverse(doomed.begin(), doomed.end());
    return doomed;
}

} // namespace dormouse
