// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What verification and pruning are told and tell.
 *
 * Plain values. Progress callbacks run in the thread that called verify() or
 * prune() and must be quick.
 */
#pragma once

#include "helper/repository/backup_record.h"

#include <functional>
#include <set>
#include <stop_token>

namespace dormouse {

/// `done` of `total`, in packs (verify) or steps (prune).
using MaintenanceProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

enum class VerifyScope {
    Structure,  ///< records, block maps, index, and that every block is in a pack that is there
    Everything, ///< the same, and every byte of every pack
};

struct VerifyOptions
{
    VerifyScope scope = VerifyScope::Structure;
    std::stop_token stop;
    MaintenanceProgress progress;
};

/// A volume of a backup that cannot be read completely.
struct AffectedVolume
{
    Id128 recordId;
    Id128 volumeId;
    std::uint64_t damagedBytes = 0; ///< of the volume
    ExtentList damaged;             ///< the first 1,000 places, in normal form

    friend bool operator==(const AffectedVolume&, const AffectedVolume&) = default;
};

struct VerifyFinding
{
    enum class Kind { Config, KeySlot, Record, IndexRun, Pack, MissingObject, Sequence };

    Kind kind = Kind::Pack;
    std::string objectName; ///< in the backend; empty for a missing object
    std::string message;    ///< for people
    Id128 packId;           ///< of a damaged pack; else none
};

struct VerifyReport
{
    std::vector<VerifyFinding> findings;
    std::vector<AffectedVolume> affected;
    std::set<Id128> damagedPacks; ///< give to WriterOptions::distrustedPacks to heal
    std::uint64_t recordsChecked = 0;
    std::uint64_t packsChecked = 0;
    std::uint64_t bytesChecked = 0;

    [[nodiscard]] bool isHealthy() const { return findings.empty(); }
};

struct PruneOptions
{
    /// Whose prune this is, so that withdrawWriters() can clear up after a crash.
    Id128 machineId;
    /// A pack with less than this share of its bytes in use is written anew; 0
    /// only removes packs that nothing uses.
    double repackBelow = 0.5;
    /// A writer's or pruner's announcement older than this no longer counts: its
    /// writer is revoked and has to start again. By the repository's clock.
    std::int64_t staleAfterMs = 24 * 3600 * 1000;
    /// Ours, and known not to be running any more (after a crash): revoked at once.
    std::set<Id128> deadWriters;
    std::stop_token stop;
    MaintenanceProgress progress;
};

struct PruneReport
{
    std::uint64_t packsRemoved = 0;
    std::uint64_t packsRewritten = 0;
    std::uint64_t bytesFreed = 0;
    std::uint64_t bytesKept = 0;
};

struct RepairOptions
{
    /// Of these, what is about writers and pruners counts.
    PruneOptions who;
    std::stop_token stop;
    MaintenanceProgress progress; ///< in packs
};

struct RepairReport
{
    std::uint64_t packsReplaced = 0; ///< damaged ones that are gone now
    std::uint64_t objectsSaved = 0;  ///< out of those, blocks and map nodes
    std::uint64_t objectsLost = 0;
    std::uint64_t recordsRemoved = 0; ///< that could not be read any more
    std::vector<std::string> leftAlone; ///< what could not be read now, and why
};

} // namespace dormouse
