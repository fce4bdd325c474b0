// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * One volume of one backup, as if it were a device.
 *
 * Every backup is a full view: reading never walks from backup to backup. Holes
 * and excluded extents read as zeros. Every block is authenticated and its hash
 * compared before a byte of it is returned.
 *
 * Opening reads nothing but the record; map nodes are read on demand and kept,
 * with the last decoded blocks, in caches of fixed size.
 *
 * Threads: read() may be called from several threads at once; so may the rest.
 * Errors: Corrupt names the pack and the block; Gone when the destination went.
 */
#pragma once

#include "helper/repository/backup_record.h"

#include <functional>
#include <memory>

namespace dormouse {

class BackupView
{
public:
    struct Options
    {
        std::size_t blockCacheBytes = 8u << 20;
    };

    ~BackupView();
    BackupView(const BackupView&) = delete;
    BackupView& operator=(const BackupView&) = delete;

    /// Size of the volume in bytes.
    [[nodiscard]] std::uint64_t size() const;
    [[nodiscard]] std::uint32_t blockSize() const;
    [[nodiscard]] const VolumeRecord& volume() const;

    /// Fills `into` completely. Invalid if it would go beyond size().
    [[nodiscard]] Result<void> read(std::uint64_t offsetBytes, MutableByteView into) const;

    /// Calls `visit` with ascending runs of blocks that are not holes; stops
    /// early when it returns false. Extents are whole blocks, clipped to size().
    [[nodiscard]] Result<void>
    forEachAllocated(const std::function<bool(const Extent&)>& visit) const;

    /// Where this volume and the other differ, in whole blocks, in normal form,
    /// over the larger of both sizes. Reads only map nodes that differ.
    /// Invalid if the block sizes differ.
    [[nodiscard]] Result<ExtentList> diff(const BackupView& other) const;

private:
    friend class Repository;
    class Private;
    explicit BackupView(std::unique_ptr<Private> d);

    std::unique_ptr<Private> d;
};

} // namespace dormouse
