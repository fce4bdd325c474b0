// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/repository/map_node.h"

#include <algorithm>

namespace dormouse {

bool MapNode::isHole() const
{
    return std::all_of(children.begin(), children.end(),
                       [](const Hash256& child) { return child == holeId; });
}

Bytes encodeNode(const MapNode& node)
{
    std::size_t count = node.children.size();
    while (count > 0 && node.children[count - 1] == holeId)
        --count;
    ByteWriter writer;
    writer.u8(node.level);
    writer.u8(0);
    writer.u16(static_cast<std::uint16_t>(count));
    for (std::size_t i = 0; i < count; ++i)
        writer.raw(node.children[i]);
    return writer.take();
}

Result<MapNode> decodeNode(ByteView bytes, unsigned level)
{
    ByteReader reader(bytes);
    MapNode node;
    node.level = reader.u8();
    const std::uint8_t zero = reader.u8();
    const std::uint16_t count = reader.u16();
    if (count > node.children.size() || count == 0 || zero != 0 || node.level != level)
        return fail(Error::Code::Corrupt, "a node of the block map makes no sense");
    for (std::size_t i = 0; i < count; ++i)
        node.children[i] = reader.array<format::hashBytes>();
    if (!reader.atEnd() || node.children[count - 1u] == holeId)
        return fail(Error::Code::Corrupt, "a node of the block map makes no sense");
    return node;
}

unsigned mapHeight(std::uint64_t blockCount)
{
    unsigned height = 1;
    while (height < 11 && blocksPerChild(height) < blockCount)
        ++height;
    return height;
}

std::uint64_t blocksPerChild(unsigned level)
{
    constexpr unsigned fanoutBits = 6;
    static_assert(std::size_t{1} << fanoutBits == format::mapFanout);
    return level * fanoutBits < 64 ? std::uint64_t{1} << (level * fanoutBits)
                                   : std::numeric_limits<std::uint64_t>::max();
}

Result<std::shared_ptr<const MapNode>> CachedNodes::node(const Hash256& id, unsigned level)
{
    auto cached = m_cache.get(id);
    if (!cached) {
        const auto bytes = m_core->readObject(format::ObjectKind::MapNode, id);
        if (!bytes)
            return addContext(bytes.error(), "cannot read the block map");
        auto decoded = decodeNode(*bytes, level);
        if (!decoded)
            return Failure(decoded.error());
        cached = std::make_shared<const MapNode>(*decoded);
        m_cache.put(id, cached);
    }
    if (cached->level != level)
        return fail(Error::Code::Corrupt, "a node of the block map is in a wrong place");
    return cached;
}

Result<Hash256> findBlock(NodeSource& nodes, const MapRoot& map, std::uint64_t blockNumber)
{
    Hash256 id = map.id;
    for (unsigned level = map.height; level-- > 0 && id != holeId;) {
        const auto node = nodes.node(id, level);
        if (!node)
            return Failure(node.error());
        id = (*node)->children[blockNumber / blocksPerChild(level) % format::mapFanout];
    }
    return id;
}

} // namespace dormouse
