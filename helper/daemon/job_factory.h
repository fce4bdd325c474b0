// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The jobs that callers and the schedule can start: each a JobSpec whose work
 * runs one class of the engine and writes what became of it into the catalog.
 *
 * The Service must outlive the jobs.
 */
#pragma once

#include "helper/daemon/browse_sessions.h"
#include "helper/daemon/job_table.h"
#include "helper/daemon/service.h"

#include <atomic>

namespace dormouse {

class JobFactory
{
public:
    explicit JobFactory(Service& service) : m_service(service) {}

    /// From now on a job that is stopped was interrupted, not cancelled: its
    /// plan's slot stays due.
    void setStopping() { m_isStopping = true; }

    [[nodiscard]] JobSpec protect(std::string fsUuid, std::uint64_t storeBytes,
                                  std::string storeOn);
    /// bytes: how much more; 0 = choose.
    [[nodiscard]] JobSpec growStore(const std::string& volumeId, std::uint64_t bytes);
    /// slotMs: the scheduled time; nullopt = asked for by hand.
    [[nodiscard]] JobSpec backup(const PlanRow& plan, std::optional<std::int64_t> slotMs);
    [[nodiscard]] JobSpec verify(const RepositoryRow& repository);
    [[nodiscard]] JobSpec repair(const RepositoryRow& repository);

    struct Restore
    {
        SessionHold session;
        UniqueFd target;
        std::vector<std::string> paths;
        bus::ConflictPolicy conflict = bus::ConflictPolicy::Beside;
    };
    [[nodiscard]] JobSpec restore(Restore request);
    /// What restore() would do. Any thread; reads the whole selection.
    [[nodiscard]] BusResult<bus::RestoreCounts> planRestore(Restore request);

private:
    [[nodiscard]] JobResult runBackup(JobContext& job, const PlanRow& plan,
                                      std::optional<std::int64_t> slotMs, std::int64_t startedMs);
    /// Adds the history's row to whatever the work does.
    void record(JobSpec& spec, std::function<JobResult(JobContext&, std::int64_t)> work);

    Service& m_service;
    std::atomic<bool> m_isStopping = false;
};

} // namespace dormouse
