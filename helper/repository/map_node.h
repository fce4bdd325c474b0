// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The block map: a tree of hashes over a volume's block numbers. Internal to
 * the library.
 *
 * A leaf (level 0) holds the ids of 64 neighbouring blocks, a node of level n
 * the ids of 64 nodes of level n-1. The id of zeros is a hole, on every level. A
 * map over b blocks has the smallest height h >= 1 with 64^h >= b; its root is
 * of level h-1. Equal content has equal nodes with equal ids, so maps of two
 * backups share all but what differs.
 *
 * 64, because a single changed block costs a leaf of 2 KiB and a path whose
 * upper nodes many changes share; 128 would nearly double what scattered changes
 * cost, 32 would add a level and 5 % to the index.
 */
#pragma once

#include "helper/repository/lru_cache.h"
#include "helper/repository/repository_core.h"

namespace dormouse {

using NodeChildren = std::array<Hash256, format::mapFanout>;

struct MapNode
{
    std::uint8_t level = 0;
    NodeChildren children{};

    [[nodiscard]] bool isHole() const;
};

[[nodiscard]] Bytes encodeNode(const MapNode& node);

/// Corrupt unless it is of that level and in its one canonical form.
[[nodiscard]] Result<MapNode> decodeNode(ByteView bytes, unsigned level);

/// Number of levels of a map over so many blocks.
[[nodiscard]] unsigned mapHeight(std::uint64_t blockCount);

/// Blocks under one child of a node of this level: 64^level.
[[nodiscard]] std::uint64_t blocksPerChild(unsigned level);

/// Where nodes come from. Threads: as the implementation says.
class NodeSource
{
public:
    virtual ~NodeSource() = default;
    [[nodiscard]] virtual Result<std::shared_ptr<const MapNode>> node(const Hash256& id,
                                                                      unsigned level) = 0;
};

/// Nodes of a repository, the last few thousand kept. Threads: any.
class CachedNodes : public NodeSource
{
public:
    explicit CachedNodes(std::shared_ptr<RepositoryCore> core) : m_core(std::move(core)) {}

    [[nodiscard]] Result<std::shared_ptr<const MapNode>> node(const Hash256& id,
                                                              unsigned level) override;

private:
    std::shared_ptr<RepositoryCore> m_core;
    LruCache<Hash256, MapNode, IdHasher> m_cache{2048};
};

/// A map as it is read.
struct MapRoot
{
    Hash256 id{};
    unsigned height = 1;
    std::uint64_t blockCount = 0;
};

/// The id of one block; holeId for a hole.
[[nodiscard]] Result<Hash256> findBlock(NodeSource& nodes, const MapRoot& map,
                                        std::uint64_t blockNumber);

} // namespace dormouse
