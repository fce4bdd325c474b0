// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/repository/map_builder.h"

#include <algorithm>

namespace dormouse {

namespace {

constexpr std::size_t maxOpenLeaves = 2048;
constexpr std::uint64_t leafBlocks = format::mapFanout;

} // namespace

MapBuilder::MapBuilder(NodeSink& sink, std::uint64_t blockCount, MapRoot base)
    : m_sink(sink), m_blockCount(blockCount), m_height(mapHeight(blockCount)), m_base(base)
{
}

Result<MapBuilder::OpenLeaf*> MapBuilder::openLeaf(std::uint64_t leafNumber)
{
    auto found = m_open.find(leafNumber);
    if (found == m_open.end()) {
        OpenLeaf leaf;
        Hash256 id = holeId;
        const auto closed = m_closed.find(leafNumber);
        if (closed != m_closed.end()) {
            id = closed->second;
        } else if (m_base.id != holeId && leafNumber * leafBlocks < m_base.blockCount) {
            // Walks down to the leaf's own id.
            id = m_base.id;
            for (unsigned level = m_base.height; level-- > 1 && id != holeId;) {
                const auto node = m_sink.node(id, level);
                if (!node)
                    return Failure(node.error());
                id = (*node)->children[leafNumber * leafBlocks / blocksPerChild(level) %
                                       format::mapFanout];
            }
        }
        if (id != holeId) {
            const auto node = m_sink.node(id, 0);
            if (!node)
                return Failure(node.error());
            leaf.children = (*node)->children;
        }
        if (m_open.size() >= maxOpenLeaves)
            if (auto closedSome = closeOldestLeaves(); !closedSome)
                return Failure(closedSome.error());
        found = m_open.emplace(leafNumber, leaf).first;
    }
    found->second.usedAt = ++m_tick;
    return &found->second;
}

Result<void> MapBuilder::closeLeaf(std::uint64_t leafNumber, const OpenLeaf& leaf)
{
    MapNode node;
    node.children = leaf.children;
    if (node.isHole()) {
        m_closed[leafNumber] = holeId;
        return {};
    }
    auto id = m_sink.putNode(node);
    if (!id)
        return Failure(id.error());
    m_closed[leafNumber] = *id;
    return {};
}

Result<void> MapBuilder::closeOldestLeaves()
{
    // A quarter at once, so that finding the oldest costs little in all.
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ages;
    for (const auto& [number, leaf] : m_open)
        ages.emplace_back(leaf.usedAt, number);
    std::sort(ages.begin(), ages.end());
    ages.resize(std::max<std::size_t>(ages.size() / 4, 1));
    for (const auto& [usedAt, number] : ages) {
        if (auto closed = closeLeaf(number, m_open[number]); !closed)
            return closed;
        m_open.erase(number);
    }
    return {};
}

Result<void> MapBuilder::set(std::uint64_t blockNumber, const Hash256& id)
{
    auto leaf = openLeaf(blockNumber / leafBlocks);
    if (!leaf)
        return Failure(leaf.error());
    (*leaf)->children[blockNumber % leafBlocks] = id;
    return {};
}

Result<void> MapBuilder::setHoles(std::uint64_t blockNumber, std::uint64_t blockCount)
{
    const std::uint64_t end = blockNumber + blockCount;
    while (blockNumber < end) {
        const std::uint64_t leafNumber = blockNumber / leafBlocks;
        const std::uint64_t leafEnd = std::min(end, (leafNumber + 1) * leafBlocks);
        const bool isWholeLeaf =
            blockNumber % leafBlocks == 0 &&
            (leafEnd == (leafNumber + 1) * leafBlocks || leafEnd == m_blockCount);
        const bool isTouched = m_open.count(leafNumber) != 0 || m_closed.count(leafNumber) != 0;
        const bool hasBase = m_base.id != holeId && leafNumber * leafBlocks < m_base.blockCount;
        if (!isTouched && !hasBase) {
            // Is a hole already.
        } else if (isWholeLeaf) {
            m_open.erase(leafNumber);
            m_closed[leafNumber] = holeId;
        } else {
            auto leaf = openLeaf(leafNumber);
            if (!leaf)
                return Failure(leaf.error());
            for (std::uint64_t block = blockNumber; block < leafEnd; ++block)
                (*leaf)->children[block % leafBlocks] = holeId;
        }
        blockNumber = leafEnd;
    }
    return {};
}

Result<void> MapBuilder::fitBaseHeight()
{
    for (; m_base.height < m_height; ++m_base.height) {
        if (m_base.id == holeId)
            continue;
        MapNode wrapper;
        wrapper.level = static_cast<std::uint8_t>(m_base.height);
        wrapper.children[0] = m_base.id;
        auto id = m_sink.putNode(wrapper);
        if (!id)
            return Failure(id.error());
        m_base.id = *id;
    }
    for (; m_base.height > m_height; --m_base.height) {
        if (m_base.id == holeId)
            continue;
        const auto node = m_sink.node(m_base.id, m_base.height - 1);
        if (!node)
            return Failure(node.error());
        m_base.id = (*node)->children[0];
    }
    return {};
}

Result<Hash256> MapBuilder::rebuild(unsigned level, std::uint64_t nodeNumber, const Hash256& old,
                                    ChangedLeaves::const_iterator begin,
                                    ChangedLeaves::const_iterator end)
{
    if (begin == end)
        return old;
    if (level == 0)
        return begin->second;
    MapNode node;
    node.level = static_cast<std::uint8_t>(level);
    if (old != holeId) {
        const auto before = m_sink.node(old, level);
        if (!before)
            return Failure(before.error());
        node.children = (*before)->children;
    }
    const std::uint64_t leavesPerChild = blocksPerChild(level - 1);
    bool isChanged = false;
    while (begin != end) {
        const std::uint64_t childNumber = begin->first / leavesPerChild;
        const auto childEnd = std::find_if(begin, end, [&](const auto& leaf) {
            return leaf.first / leavesPerChild != childNumber;
        });
        Hash256& child = node.children[childNumber - nodeNumber * format::mapFanout];
        const auto rebuilt = rebuild(level - 1, childNumber, child, begin, childEnd);
        if (!rebuilt)
            return rebuilt;
        isChanged = isChanged || child != *rebuilt;
        child = *rebuilt;
        begin = childEnd;
    }
    if (!isChanged)
        return old;
    if (node.isHole())
        return holeId;
    return m_sink.putNode(node);
}

Result<Hash256> MapBuilder::finish()
{
    if (m_blockCount < m_base.blockCount) {
        // The volume shrank: what was beyond its end is not part of it any more.
        const std::uint64_t mapEnd = std::min(m_base.blockCount, blocksPerChild(m_height));
        if (mapEnd > m_blockCount)
            if (auto cut = setHoles(m_blockCount, mapEnd - m_blockCount); !cut)
                return Failure(cut.error());
    }
    for (const auto& [number, leaf] : m_open)
        if (auto closed = closeLeaf(number, leaf); !closed)
            return Failure(closed.error());
    m_open.clear();
    if (auto fitted = fitBaseHeight(); !fitted)
        return Failure(fitted.error());
    ChangedLeaves changed(m_closed.begin(), m_closed.end());
    std::sort(changed.begin(), changed.end());
    return rebuild(m_height - 1, 0, m_base.id, changed.begin(), changed.end());
}

} // namespace dormouse
