// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * One run of a plan: all its volumes, one moment, one record.
 *
 * For each volume it is decided what to read, and the reason is kept in the
 * record:
 *   incremental  the plan's newest backup of the volume in this repository still
 *                exists there, and the catalog has an unbroken chain of change
 *                sets from its moment to this one: exactly their union is read
 *                (less what is free now, which becomes holes);
 *   compared     there is a backup but no such chain: everything allocated is
 *                read, and only what differs is stored;
 *   full         there is no backup to build on: everything allocated is read.
 * What the snapshot's file system calls free is not read and becomes holes; the
 * store and swap files are left out and listed in the record. If the file
 * system cannot be asked, everything is read and the reason says so.
 *
 * Order at the end: packs, index, record (all durable), then the catalog.
 */
#pragma once

#include "helper/catalog/rows.h"
#include "helper/engine/job_control.h"
#include "helper/engine/snapshot_provider.h"
#include "helper/repository/repository.h"

namespace dormouse {

struct BackupVolumeReport
{
    std::string volumeId;
    BackupKind kind = BackupKind::Full;
    std::string reason;             ///< why not incremental, or that everything had to be read
    std::uint64_t changedBytes = 0; ///< named by change sets, or allocated
    std::uint64_t readBytes = 0;
    std::uint64_t newBytes = 0;
    std::uint64_t storedBytes = 0;
};

struct BackupReport
{
    std::string recordId; ///< the restore point
    std::string runId;
    std::int64_t createdAtMs = 0;
    std::vector<BackupVolumeReport> volumes;

    [[nodiscard]] std::uint64_t changedBytes() const;
    [[nodiscard]] std::uint64_t readBytes() const;
    [[nodiscard]] std::uint64_t storedBytes() const;
};

class BackupJob
{
public:
    struct Request
    {
        PlanRow plan; ///< as in the catalog; volumes in their order
        WriterOptions writer;
        /// Threads that hash, compress and encrypt; 0 = as many as processors.
        unsigned workers = 0;
        /// Read everything even where a chain exists (an audit).
        bool readEverything = false;
    };

    /// The repository belongs to the plan; `snapshots` must outlive the job.
    BackupJob(const EngineContext& context, Request request, std::shared_ptr<Repository> repository,
              SnapshotProvider& snapshots);
    ~BackupJob();

    /// Writes the backups' rows (not the run's: the caller knows its slot) and
    /// the repository's head into the catalog.
    [[nodiscard]] Result<BackupReport> run(const JobControl& control);

private:
    const EngineContext& m_context;
    Request m_request;
    std::shared_ptr<Repository> m_repository;
    SnapshotProvider& m_snapshots;
};

} // namespace dormouse
