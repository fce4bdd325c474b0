// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Where a backup gets its moment from: the seam between pipeline and kernel.
 *
 * ModuleSnapshots (module_snapshots.h) asks the kernel module; tests give image
 * files. Used by one thread, except that `fd` may be read from several.
 */
#pragma once

#include "helper/base/extent_list.h"
#include "helper/base/id.h"
#include "helper/base/result.h"
#include "helper/repository/backup_record.h"

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace dormouse {

/// What the snapshot's own file system says of its space.
struct Allocation
{
    /// False: nothing is known and all of the volume counts as allocated.
    bool isKnown = false;
    std::string reason; ///< a sentence, when not known
    ExtentList free;    ///< normal form: what need not be kept
    /// Left out though allocated: swap files. The store is told apart.
    std::vector<ExcludedExtent> excluded;
    /// What a boot loader may have written before there was anybody to record it.
    ExtentList unrecorded;
};

/// One volume as it was at the moment.
class FrozenVolume
{
public:
    virtual ~FrozenVolume() = default;

    /// To read from: a block device or a regular file; may be O_DIRECT, so reads
    /// must be aligned to 4 KiB (offset, length, memory), but for the last one.
    [[nodiscard]] virtual int fd() const = 0;
    [[nodiscard]] virtual std::uint64_t sizeBytes() const = 0;
    /// The moment in the volume's history; none if it has no history.
    [[nodiscard]] virtual Id128 epochId() const = 0;
    /// Dormouse's own store: reads as zeros.
    [[nodiscard]] virtual ExtentList storeExtents() const = 0;
    /// May mount the snapshot (where nobody sees it) to ask. Called once.
    [[nodiscard]] virtual Allocation allocation() = 0;
    /// Hashes a few files of the snapshot for restore drills, reading at most
    /// `budgetBytes`; empty if it cannot be mounted. Called once, after allocation().
    [[nodiscard]] virtual std::vector<SampleFile> sampleFiles(std::uint64_t budgetBytes,
                                                              std::stop_token stop) = 0;
};

/// All volumes of the moment; its destruction releases them.
class FrozenMoment
{
public:
    virtual ~FrozenMoment() = default;
    [[nodiscard]] virtual std::size_t count() const = 0;
    [[nodiscard]] virtual FrozenVolume& volume(std::size_t index) = 0;
    [[nodiscard]] virtual std::int64_t createdMs() const = 0;
    /// Lets go now, to hear of failures.
    [[nodiscard]] virtual Result<void> release() = 0;
};

class SnapshotProvider
{
public:
    virtual ~SnapshotProvider() = default;

    /// One moment for all volumes (ids in hex, none twice). When it returns, the
    /// catalog has every change set up to the moment.
    [[nodiscard]] virtual Result<std::unique_ptr<FrozenMoment>>
    take(const std::vector<std::string>& volumeIds) = 0;
};

} // namespace dormouse
