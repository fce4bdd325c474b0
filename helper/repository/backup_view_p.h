// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The inside of BackupView. Internal to the library. Threads: any.
 */
#pragma once

#include "helper/repository/map_node.h"

namespace dormouse {

class BackupView::Private
{
public:
    Private(std::shared_ptr<RepositoryCore> core, VolumeRecord record, const Options& options);

    [[nodiscard]] const VolumeRecord& volume() const { return m_volume; }
    [[nodiscard]] Result<void> read(std::uint64_t offsetBytes, MutableByteView into);
    [[nodiscard]] Result<void> forEachAllocated(const std::function<bool(const Extent&)>& visit);
    [[nodiscard]] Result<ExtentList> diff(Private& other);

private:
    /// Null for a hole.
    [[nodiscard]] Result<std::shared_ptr<const Bytes>> block(std::uint64_t blockNumber);
    /// False when the visitor has had enough.
    [[nodiscard]] Result<bool> walk(const Hash256& id, unsigned level, std::uint64_t firstBlock,
                                    const std::function<bool(std::uint64_t)>& visitBlock);
    [[nodiscard]] Result<NodeChildren> children(const Hash256& id, unsigned level);
    [[nodiscard]] Result<void> diff(Private& other, const Hash256& own, const Hash256& theirs,
                                    unsigned level, std::uint64_t firstBlock,
                                    const std::function<void(std::uint64_t)>& visitBlock);

    const std::shared_ptr<RepositoryCore> m_core;
    const VolumeRecord m_volume;
    MapRoot m_map;
    CachedNodes m_nodes;
    LruCache<Hash256, Bytes, IdHasher> m_blocks;
};

} // namespace dormouse
