// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Brings closed epochs' change maps from the module to whoever keeps them.
 *
 * For every closed epoch that is not acknowledged yet, oldest first: hand the
 * map (or that it is void) to the keeper; when the keeper has it durably,
 * acknowledge it to the module, which then forgets it. A failure in between
 * leaves the map with the module: the next call tries again, and keeping the
 * same interval twice is harmless.
 *
 * Call it after every snapshot and when a volume was attached.
 * Threads: one at a time for a volume.
 */
#pragma once

#include "helper/snapshot/module.h"

#include <functional>

namespace dormouse {

struct ClosedEpoch
{
    Id128 fromId; ///< (fromId, toId]
    Id128 toId;
    std::uint64_t number = 0;     ///< of the epoch that begins at toId
    std::int64_t toCreatedMs = 0; ///< when that was
    bool isMerged = false;        ///< other epochs lie between the two
    bool isVoid = false;
    ExtentList extents; ///< normal; empty for a void one
};

/// Keeps one set durably before it returns.
using ChangeKeeper = std::function<Result<void>(const ClosedEpoch&)>;

/// Returns how many maps were brought over.
[[nodiscard]] Result<int> collectChanges(const Module& module, std::uint32_t handle,
                                         const ChangeKeeper& keep);

} // namespace dormouse
