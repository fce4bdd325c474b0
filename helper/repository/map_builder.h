// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Makes a volume's block map while a backup runs. Internal to the library.
 *
 * Starts as the base's map, takes changes in any order, and at the end writes
 * the changed leaves and the nodes above them, nothing else. Memory: a bounded
 * number of open leaves (2 KiB each) and 40 bytes for every leaf that changed:
 * 40 MiB for a full backup of 4 TiB in blocks of 64 KiB.
 *
 * One thread at a time.
 */
#pragma once

#include "helper/repository/map_node.h"

namespace dormouse {

/// Where new nodes go, and where those just written can be read again.
class NodeSink : public NodeSource
{
public:
    /// Stores the node unless it is known, and returns its id.
    [[nodiscard]] virtual Result<Hash256> putNode(const MapNode& node) = 0;
};

class MapBuilder
{
public:
    /// A map over `blockCount` blocks that begins as `base` (of any size).
    MapBuilder(NodeSink& sink, std::uint64_t blockCount, MapRoot base);

    [[nodiscard]] Result<void> set(std::uint64_t blockNumber, const Hash256& id);
    [[nodiscard]] Result<void> setHoles(std::uint64_t blockNumber, std::uint64_t blockCount);

    /// Writes what is left and returns the root.
    [[nodiscard]] Result<Hash256> finish();

private:
    struct OpenLeaf
    {
        NodeChildren children{};
        std::uint64_t usedAt = 0;
    };
    using ChangedLeaves = std::vector<std::pair<std::uint64_t, Hash256>>;

    [[nodiscard]] Result<OpenLeaf*> openLeaf(std::uint64_t leafNumber);
    [[nodiscard]] Result<void> closeLeaf(std::uint64_t leafNumber, const OpenLeaf& leaf);
    [[nodiscard]] Result<void> closeOldestLeaves();
    [[nodiscard]] Result<void> fitBaseHeight();
    [[nodiscard]] Result<Hash256> rebuild(unsigned level, std::uint64_t nodeNumber,
                                          const Hash256& old, ChangedLeaves::const_iterator begin,
                                          ChangedLeaves::const_iterator end);

    NodeSink& m_sink;
    const std::uint64_t m_blockCount;
    const unsigned m_height;
    MapRoot m_base;
    std::uint64_t m_tick = 0;
    std::unordered_map<std::uint64_t, OpenLeaf> m_open;
    std::unordered_map<std::uint64_t, Hash256> m_closed; ///< leaf number to its id
};

} // namespace dormouse
