// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Which blocks of a volume a backup puts, and which it makes holes.
 *
 * Pure. All lists are in normal form.
 */
#pragma once

#include "helper/base/extent_list.h"

namespace dormouse {

struct BlockPlan
{
    /// Bytes that are kept. What a put block has besides them is made zeros, so
    /// that deleted data never reaches a repository.
    ExtentList wanted;
    ExtentList puts;  ///< whole blocks (the last may end with the volume) with something wanted
    ExtentList holes; ///< whole blocks of the scope with nothing wanted

    /// Bytes to read and put: what progress counts.
    [[nodiscard]] std::uint64_t putBytes() const { return totalBytes(puts); }
};

/// Widens every extent to whole blocks, clipped to the volume.
[[nodiscard]] ExtentList widenToBlocks(const ExtentList& extents, std::uint32_t blockBytes,
                                       std::uint64_t volumeBytes);

/// `scope`: what is looked at (the whole volume, or what changed); `dropped`:
/// what need not be kept (free, or left out).
[[nodiscard]] BlockPlan planBlocks(const ExtentList& scope, const ExtentList& dropped,
                                   std::uint32_t blockBytes, std::uint64_t volumeBytes);

/// Zeroes what of `data`, which lies at `offsetBytes` of the volume, is not wanted.
void clearUnwanted(const ExtentList& wanted, std::uint64_t offsetBytes, std::uint8_t* data,
                   std::size_t bytes);

} // namespace dormouse
