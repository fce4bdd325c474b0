// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Gives a store that is in use more room, at the end of its file.
 *
 * Threads: any; takes about a second, and freezes the file system for a moment.
 */
#pragma once

#include "helper/snapshot/module.h"
#include "helper/snapshot/volume_probe.h"

#include <optional>

namespace dormouse {

struct GrowthOptions
{
    std::uint32_t handle = 0;
    Id128 volumeId;
    bool isElsewhere = false; ///< the store is a file on another volume, which growStore() gets
    std::uint64_t superblockOffsetBytes = 0;
    std::uint64_t storeBytes = 0; ///< now, as the module says
    std::uint64_t bytes = 0;      ///< how much more; 0 = suggestedGrowthBytes()
    std::uint64_t openEpoch = 0;  ///< when `usable` was found out
    /// Free in every live snapshot; nullopt: there is none, or the store is elsewhere.
    std::optional<ExtentList> usable;
};

struct GrownStore
{
    ExtentList extents; ///< all of them, in normal form
    std::uint64_t storeBytes = 0;
};

/// Half as much again, at least 64 MiB and at most 8 GiB, but never more than leaves a
/// tenth of the volume free, half of what is free beyond that, or a store of a quarter
/// of the volume. 0: there is no room.
[[nodiscard]] std::uint64_t suggestedGrowthBytes(std::uint64_t volumeBytes,
                                                 std::uint64_t storeBytes,
                                                 std::uint64_t freeBytes);

/// Gives a store that is in use more room, on the volume that it is on. What the file system
/// allocates is not written to, but for a proof where each piece begins; of it only what no
/// live snapshot shows is used. Elsewhere it is filled with zeros instead, so that the
/// snapshots of the volume there have copies of what it held. Busy: one was taken meanwhile. NoSpace: there is too little. Gone: a snapshot was taken meanwhile, so
/// try again. After an error the store is as it was, and so is what is free.
[[nodiscard]] Result<GrownStore> growStore(const Module& module, const ProbedVolume& volume,
                                           const GrowthOptions& options);

} // namespace dormouse
