// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What a snapshot's own file system tells: which space is free, where swap files and
 * those of the boot loader lie, and what a few files contain. Private to the library.
 *
 * Works on the root of a read-only, detached mount of the snapshot. Reads as
 * little as it can: every byte comes from the volume that is being backed up.
 */
#pragma once

#include "helper/base/extent_list.h"
#include "helper/base/result.h"
#include "helper/repository/backup_record.h"

#include <stop_token>
#include <vector>

namespace dormouse {

/// Space that the file system calls free, in normal form (FS_IOC_GETFSMAP).
/// Unsupported if the file system cannot say.
[[nodiscard]] Result<ExtentList> freeExtents(int rootFd);

/// A path beneath the root of a file system.
struct SwapPath
{
    std::string path; ///< relative, without a leading '/'
};

/// Files of the volume with this device number that the system swaps to now.
[[nodiscard]] std::vector<SwapPath> activeSwapFiles(unsigned deviceMajor, unsigned deviceMinor);

/// Where a swap file lies in the snapshot, but for its first 64 KiB (with the
/// header that makes it one). Empty if there is no such swap file there, or any
/// of its blocks is shared.
[[nodiscard]] ExtentList swapExtents(int rootFd, const SwapPath& swap);

/// Where the files lie that GRUB writes to before Linux runs (its environment block), which
/// no change map can have.
[[nodiscard]] ExtentList bootLoaderExtents(int rootFd);

/// Hashes of up to 16 small files, half of them the youngest found.
[[nodiscard]] std::vector<SampleFile> sampleFileHashes(int rootFd, std::uint64_t budgetBytes,
                                                       const std::stop_token& stop);

} // namespace dormouse
