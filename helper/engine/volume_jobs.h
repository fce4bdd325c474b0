// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Jobs about volumes and their local snapshots: protect, forget, snapshot.
 *
 * The rules of JobControl hold. None of them touches /etc/dormouse/attach.conf:
 * whoever runs the job writes it anew from the catalog afterwards.
 */
#pragma once

#include "helper/base/extent_list.h"
#include "helper/catalog/rows.h"
#include "helper/engine/job_control.h"
#include "helper/snapshot/module.h"
#include "helper/snapshot/volume_probe.h"

#include <vector>

namespace dormouse {

/// Sets up a store for a mounted volume, starts tracking, remembers the volume.
/// A volume that was protected before gets its old id again. One that the module
/// records already though the catalog does not know it (the catalog was lost) is
/// taken over as it is, history and snapshots included.
class ProtectJob
{
public:
    struct Request
    {
        std::string fsUuid;           ///< of the candidate
        std::uint64_t storeBytes = 0; ///< 0 = choose
        /// Where the store goes: empty = on the volume itself; the id of another protected
        /// volume, which is mounted; or a device ("/dev/sdb1") with nothing on it.
        std::string storeOn;
    };

    ProtectJob(const EngineContext& context, Request request)
        : m_context(context), m_request(std::move(request))
    {
    }

    /// The row as it is in the catalog now. Exists if it is protected already.
    [[nodiscard]] Result<VolumeRow> run(const JobControl& control);

private:
    [[nodiscard]] Result<VolumeRow> takeOver(Catalog& catalog, const ProbedVolume& volume,
                                             const VolumeStatus& status) const;

    const EngineContext& m_context;
    Request m_request;
};

/// Stops tracking, drops all local snapshots, gives the store's room back.
/// Backups stay, and so does the volume's row (isProtected = false) for them.
class ForgetJob
{
public:
    ForgetJob(const EngineContext& context, std::string volumeId)
        : m_context(context), m_volumeId(std::move(volumeId))
    {
    }

    /// Busy while a plan names the volume, a snapshot of it is in use, or another volume's
    /// store is on it. A store file that cannot be removed (volume not mounted) is noted, not an error.
    [[nodiscard]] Result<void> run(const JobControl& control);

private:
    const EngineContext& m_context;
    std::string m_volumeId;
};

struct LocalSnapshot
{
    std::string volumeId;
    std::uint64_t epoch = 0;
    std::string epochId;
    std::int64_t createdAtMs = 0;
    bool isDurable = false;
};

/// Takes local snapshots that stay, of one moment.
class SnapshotJob
{
public:
    SnapshotJob(const EngineContext& context, std::vector<std::string> volumeIds, bool isDurable)
        : m_context(context), m_volumeIds(std::move(volumeIds)), m_isDurable(isDurable)
    {
    }

    /// In the order of the ids.
    [[nodiscard]] Result<std::vector<LocalSnapshot>> run(const JobControl& control);

private:
    const EngineContext& m_context;
    std::vector<std::string> m_volumeIds;
    bool m_isDurable;
};

/// The live snapshots of an attached volume, newest first, those of running
/// backups among them (they are not durable).
[[nodiscard]] Result<std::vector<LocalSnapshot>> listLocalSnapshots(const Module& module,
                                                                    const std::string& volumeId);

/// Attaches a protected volume that is present but not attached, and takes over
/// what the module then has. Fine if it is attached already. If somebody wrote
/// while nothing recorded it, recording begins anew, which needs the volume
/// mounted: the next backup compares. The volume's row (its superblock offsets)
/// may change.
[[nodiscard]] Result<void> attachVolume(const EngineContext& context, const VolumeRow& row);

/// Drops transient snapshots that a killed helper left with the module, but for
/// those whose epoch's id is among `kept`. Call it once at the start, before any
/// job. Returns how many.
[[nodiscard]] Result<int> releaseOrphanSnapshots(const Module& module,
                                                 const std::vector<std::string>& kept = {});

/// Brings the closed epochs of an attached volume into the catalog and
/// acknowledges them. Returns how many.
[[nodiscard]] Result<int> collectChangeSets(const Module& module, Catalog& catalog,
                                            const std::string& volumeId);

/// A protected volume that is attached and recording.
struct AttachedRow
{
    VolumeRow row;
    VolumeStatus status;
};

/// Attaches it first if it is connected but not attached. NotFound: not
/// protected, or not connected. Unverified: recording failed for good.
[[nodiscard]] Result<AttachedRow> findAttached(const EngineContext& context, Catalog& catalog,
                                               const std::string& volumeId);

/// Removes change sets that no coming backup can need; live snapshots pin theirs.
[[nodiscard]] Result<void> pruneHistory(const EngineContext& context, Catalog& catalog,
                                        const std::string& volumeId);

} // namespace dormouse
