// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The catalog: what this machine remembers about its volumes, plans and
 * backups, and the change sets that make the next backup small.
 *
 * Everything but change sets, runs and jobs can be rebuilt from repositories.
 * A lost or damaged catalog therefore costs one comparing backup, never data,
 * and open() starts a new one rather than refuse to work.
 *
 * Threads: one Catalog a thread (SQLite serialises writers among them; a busy
 * one is waited for up to 10 s). Only the helper opens it.
 *
 * Durability: whatever a put..., store... or add... call wrote is on the disk
 * when it returns without an error.
 *
 * Errors: Result with a sentence. A row that does not exist is nullopt or an
 * empty list, not an error, except where a call says otherwise.
 */
#pragma once

#include "helper/base/result.h"
#include "helper/catalog/rows.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dormouse {

/// What open() had to do besides opening.
struct CatalogOpenReport
{
    bool wasCreated = false;
    /// The old file was damaged and is kept under `setAsidePath`; the catalog
    /// that was opened is a new, empty one.
    bool wasDamaged = false;
    std::string setAsidePath;
    std::string sentence; ///< for people, when wasDamaged
};

/// Why there is no list of changes between two epochs.
enum class ChainBreak {
    None,
    UnknownStart, ///< the catalog never saw the first epoch (rolled back, new machine)
    UnknownEnd,   ///< nor the second
    Missing,      ///< a change set between them is not there
    Void,         ///< one of them cannot be trusted
};

struct ChangesBetween
{
    /// Everything that may differ between the two moments, in normal form; a
    /// superset of the truth. nullopt if the chain is broken: never a part.
    std::optional<ExtentList> extents;
    ChainBreak brokenBy = ChainBreak::None;
    std::string sentence; ///< why, for the backup's record, when broken
};

class Catalog
{
public:
    /// Opens or creates the catalog, checks all of it, and migrates it. A
    /// damaged file is renamed to "<path>.damaged-<UTC time>" and replaced by a
    /// new catalog, which `report` says. One that a newer Dormouse wrote is
    /// refused and left as it is. Call once, at the helper's start.
    [[nodiscard]] static Result<Catalog> open(const std::string& path,
                                              CatalogOpenReport* report = nullptr);

    /// Another connection to a catalog that this process has opened before, for
    /// another thread: no check, no migration, never sets aside.
    [[nodiscard]] static Result<Catalog> connect(const std::string& path);

    Catalog(Catalog&&) noexcept;
    Catalog& operator=(Catalog&&) noexcept;
    ~Catalog();

    // Volumes ---------------------------------------------------------------
    /// Inserts, or replaces the row of the same volumeId.
    [[nodiscard]] Result<void> putVolume(const VolumeRow& row);
    [[nodiscard]] Result<std::optional<VolumeRow>> volume(const std::string& volumeId);
    /// The protected volume with this file system, if any.
    [[nodiscard]] Result<std::optional<VolumeRow>>
    protectedVolumeByFsUuid(const std::string& fsUuid);
    [[nodiscard]] Result<std::vector<VolumeRow>> volumes();
    /// With its epochs and change sets; refused while a plan names it.
    [[nodiscard]] Result<void> removeVolume(const std::string& volumeId);

    // Repositories ----------------------------------------------------------
    [[nodiscard]] Result<void> putRepository(const RepositoryRow& row);
    [[nodiscard]] Result<std::optional<RepositoryRow>> repository(const std::string& repositoryId);
    [[nodiscard]] Result<std::vector<RepositoryRow>> repositories();
    /// After a commit: the newest record that this machine wrote there.
    [[nodiscard]] Result<void> setRepositoryHead(const std::string& repositoryId,
                                                 const std::vector<std::uint8_t>& recordHash,
                                                 std::uint64_t sequence);
    /// With its backups and verifications; refused while a plan names it.
    [[nodiscard]] Result<void> removeRepository(const std::string& repositoryId);

    // Plans -----------------------------------------------------------------
    /// Inserts or replaces, with its volumes. Volumes and repository must exist.
    [[nodiscard]] Result<void> putPlan(const PlanRow& row);
    [[nodiscard]] Result<std::optional<PlanRow>> plan(const std::string& planId);
    [[nodiscard]] Result<std::vector<PlanRow>> plans();
    /// With its runs; its backups stay.
    [[nodiscard]] Result<void> removePlan(const std::string& planId);

    // Runs ------------------------------------------------------------------
    /// Adds a run, usually with outcome Running; returns its runId.
    [[nodiscard]] Result<std::int64_t> addRun(const RunRow& row);
    /// Replaces everything but runId and planId.
    [[nodiscard]] Result<void> updateRun(const RunRow& row);
    /// Newest first.
    [[nodiscard]] Result<std::vector<RunRow>> runs(const std::string& planId, int limit);
    /// At the helper's start: whatever still says Running was cut off. Returns how many.
    [[nodiscard]] Result<int> interruptRunningRuns(std::int64_t nowMs, const std::string& reason);

    // History of a volume ---------------------------------------------------
    /// Remembers a snapshot's moment. A known epochId stays as it is.
    [[nodiscard]] Result<void> recordEpoch(const EpochRow& row);
    /// Newest (last recorded) first.
    [[nodiscard]] Result<std::vector<EpochRow>> epochs(const std::string& volumeId, int limit);

    /// Durable when it returns: only then acknowledge the map to the kernel.
    /// Storing the same interval again unites both (void wins), so a repeated
    /// or merged map never loses a block.
    [[nodiscard]] Result<void> storeChangeSet(const ChangeSetRow& row);
    [[nodiscard]] Result<std::vector<ChangeSetRow>> changeSets(const std::string& volumeId);

    /// What changed after the moment of `fromEpochId` up to that of
    /// `toEpochId`: the union of an unbroken chain of change sets, or why there
    /// is none. A set that reaches further back than `fromEpochId` serves when
    /// recorded predecessors prove it covers the interval. Equal epochs: empty.
    [[nodiscard]] Result<ChangesBetween> changesBetween(const std::string& volumeId,
                                                        const std::string& fromEpochId,
                                                        const std::string& toEpochId);

    /// Removes change sets that no coming increment can need: those that lie on
    /// no path forward from the newest backup of any plan in any repository, a
    /// resumable backup, or one of `pinnedEpochIds` (snapshots that jobs are
    /// reading now). Returns how many went.
    [[nodiscard]] Result<int> pruneChangeSets(const std::string& volumeId,
                                              const std::vector<std::string>& pinnedEpochIds);

    // Backups ---------------------------------------------------------------
    /// After the record is durable in the repository. Replaces the row of the
    /// same record and volume. The rows of one record go in together.
    [[nodiscard]] Result<void> putBackups(const std::vector<BackupRow>& rows);
    /// Newest first; incomplete ones too. Empty arguments mean any.
    [[nodiscard]] Result<std::vector<BackupRow>> backups(const std::string& repositoryId,
                                                         const std::string& planId,
                                                         const std::string& volumeId);
    /// The newest complete one of a volume in a repository, of that plan: what
    /// the next increment of this plan builds on.
    [[nodiscard]] Result<std::optional<BackupRow>> newestBackup(const std::string& repositoryId,
                                                                const std::string& planId,
                                                                const std::string& volumeId);
    /// All volumes of one record, when the record was deleted.
    [[nodiscard]] Result<void> removeBackups(const std::string& repositoryId,
                                             const std::string& recordId);

    // History for people ----------------------------------------------------
    [[nodiscard]] Result<std::int64_t> addJob(const JobRow& row);
    /// Newest first; empty volumeId means any.
    [[nodiscard]] Result<std::vector<JobRow>> jobs(const std::string& volumeId, int limit);
    [[nodiscard]] Result<std::int64_t> addVerification(const VerificationRow& row);
    /// Newest first; empty recordId means any.
    [[nodiscard]] Result<std::vector<VerificationRow>>
    verifications(const std::string& repositoryId, const std::string& recordId, int limit);

    // Settings --------------------------------------------------------------
    [[nodiscard]] Result<void> putSetting(const std::string& key, const std::string& value);
    [[nodiscard]] Result<std::optional<std::string>> setting(const std::string& key);

private:
    struct Private;
    explicit Catalog(std::unique_ptr<Private> d);
    std::unique_ptr<Private> d;
};

} // namespace dormouse
