// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/repository/backup_view_p.h"

#include <algorithm>

namespace dormouse {

namespace {

/// Appends blocks to a list of extents in ascending order, joining neighbours.
class ExtentCollector
{
public:
    ExtentCollector(std::uint32_t blockSizeBytes, std::uint64_t sizeBytes)
        : m_blockSizeBytes(blockSizeBytes), m_sizeBytes(sizeBytes)
    {
    }

    /// Returns a finished extent when this block does not continue it.
    std::optional<Extent> add(std::uint64_t blockNumber)
    {
        const std::uint64_t offsetBytes = blockNumber * m_blockSizeBytes;
        if (offsetBytes >= m_sizeBytes)
            return std::nullopt;
        const std::uint64_t lengthBytes =
            std::min<std::uint64_t>(m_blockSizeBytes, m_sizeBytes - offsetBytes);
        if (m_current.lengthBytes > 0 && m_current.endBytes() == offsetBytes) {
            m_current.lengthBytes += lengthBytes;
            return std::nullopt;
        }
        const Extent finished = m_current;
        m_current = {offsetBytes, lengthBytes};
        return finished.lengthBytes > 0 ? std::optional(finished) : std::nullopt;
    }

    std::optional<Extent> last() const
    {
        return m_current.lengthBytes > 0 ? std::optional(m_current) : std::nullopt;
    }

private:
    const std::uint64_t m_blockSizeBytes;
    const std::uint64_t m_sizeBytes;
    Extent m_current;
};

} // namespace

BackupView::Private::Private(std::shared_ptr<RepositoryCore> core, VolumeRecord record,
                             const Options& options)
    : m_core(std::move(core)), m_volume(std::move(record)), m_nodes(m_core),
      m_blocks(options.blockCacheBytes / m_volume.blockSizeBytes)
{
    m_map.id = m_volume.mapRoot;
    m_map.blockCount = m_volume.sizeBytes / m_volume.blockSizeBytes +
                       (m_volume.sizeBytes % m_volume.blockSizeBytes != 0 ? 1 : 0);
    m_map.height = mapHeight(m_map.blockCount);
}

Result<std::shared_ptr<const Bytes>> BackupView::Private::block(std::uint64_t blockNumber)
{
    const auto id = findBlock(m_nodes, m_map, blockNumber);
    if (!id)
        return Failure(id.error());
    if (*id == holeId)
        return std::shared_ptr<const Bytes>();
    if (auto cached = m_blocks.get(*id))
        return cached;
    auto bytes = m_core->readObject(format::ObjectKind::Block, *id);
    if (!bytes)
        return addContext(bytes.error(), "block " + std::to_string(blockNumber));
    if (bytes->size() != m_volume.blockSizeBytes)
        return fail(Error::Code::Corrupt,
                    "block " + std::to_string(blockNumber) + " has a wrong size");
    auto shared = std::make_shared<const Bytes>(std::move(*bytes));
    m_blocks.put(*id, shared);
    return shared;
}

Result<void> BackupView::Private::read(std::uint64_t offsetBytes, MutableByteView into)
{
    if (offsetBytes > m_volume.sizeBytes || into.size() > m_volume.sizeBytes - offsetBytes)
        return fail(Error::Code::Invalid, "reading beyond the volume's end");
    while (!into.empty()) {
        const std::uint64_t inBlock = offsetBytes % m_volume.blockSizeBytes;
        const std::size_t lengthBytes =
            std::min<std::size_t>(into.size(), m_volume.blockSizeBytes - inBlock);
        const auto content = block(offsetBytes / m_volume.blockSizeBytes);
        if (!content)
            return Failure(content.error());
        if (*content) {
            const auto from = (*content)->begin() + static_cast<std::ptrdiff_t>(inBlock);
            std::copy_n(from, lengthBytes, into.begin());
        } else {
            std::fill_n(into.begin(), lengthBytes, 0);
        }
        into = into.subspan(lengthBytes);
        offsetBytes += lengthBytes;
    }
    return {};
}

Result<bool> BackupView::Private::walk(const Hash256& id, unsigned level, std::uint64_t firstBlock,
                                       const std::function<bool(std::uint64_t)>& visitBlock)
{
    if (id == holeId)
        return true;
    const auto node = m_nodes.node(id, level);
    if (!node)
        return Failure(node.error());
    for (std::size_t i = 0; i < format::mapFanout; ++i) {
        const Hash256& child = (*node)->children[i];
        if (child == holeId)
            continue;
        if (level == 0) {
            if (!visitBlock(firstBlock + i))
                return false;
            continue;
        }
        auto goesOn = walk(child, level - 1, firstBlock + i * blocksPerChild(level), visitBlock);
        if (!goesOn || !*goesOn)
            return goesOn;
    }
    return true;
}

Result<void> BackupView::Private::forEachAllocated(const std::function<bool(const Extent&)>& visit)
{
    ExtentCollector collector(m_volume.blockSizeBytes, m_volume.sizeBytes);
    const auto walked = walk(m_map.id, m_map.height - 1, 0, [&](std::uint64_t blockNumber) {
        const auto finished = collector.add(blockNumber);
        return !finished || visit(*finished);
    });
    if (!walked)
        return Failure(walked.error());
    if (*walked)
        if (const auto last = collector.last())
            visit(*last);
    return {};
}

Result<NodeChildren> BackupView::Private::children(const Hash256& id, unsigned level)
{
    NodeChildren result{};
    if (id == holeId)
        return result;
    if (level >= m_map.height) {
        // Above our root: as if it were wrapped until both maps are equally high.
        result[0] = id;
        return result;
    }
    const auto node = m_nodes.node(id, level);
    if (!node)
        return Failure(node.error());
    return (*node)->children;
}

Result<void> BackupView::Private::diff(Private& other, const Hash256& own, const Hash256& theirs,
                                       unsigned level, std::uint64_t firstBlock,
                                       const std::function<void(std::uint64_t)>& visitBlock)
{
    const auto left = children(own, level);
    if (!left)
        return Failure(left.error());
    const auto right = other.children(theirs, level);
    if (!right)
        return Failure(right.error());
    for (std::size_t i = 0; i < format::mapFanout; ++i) {
        if ((*left)[i] == (*right)[i])
            continue;
        if (level == 0) {
            visitBlock(firstBlock + i);
            continue;
        }
        auto compared = diff(other, (*left)[i], (*right)[i], level - 1,
                             firstBlock + i * blocksPerChild(level), visitBlock);
        if (!compared)
            return compared;
    }
    return {};
}

Result<ExtentList> BackupView::Private::diff(Private& other)
{
    if (m_volume.blockSizeBytes != other.m_volume.blockSizeBytes)
        return fail(Error::Code::Invalid, "the two backups have different block sizes");
    ExtentCollector collector(m_volume.blockSizeBytes,
                              std::max(m_volume.sizeBytes, other.m_volume.sizeBytes));
    ExtentList extents;
    const unsigned height = std::max(m_map.height, other.m_map.height);
    // Roots of equal height and equal id are equal maps; of different height they
    // never have equal ids, for a node's level is part of what is hashed.
    if (m_map.id != other.m_map.id) {
        auto compared =
            diff(other, m_map.id, other.m_map.id, height - 1, 0, [&](std::uint64_t blockNumber) {
                if (const auto finished = collector.add(blockNumber))
                    extents.push_back(*finished);
            });
        if (!compared)
            return Failure(compared.error());
    }
    if (const auto last = collector.last())
        extents.push_back(*last);
    return extents;
}

BackupView::BackupView(std::unique_ptr<Private> data) : d(std::move(data)) {}

BackupView::~BackupView() = default;

std::uint64_t BackupView::size() const
{
    return d->volume().sizeBytes;
}

std::uint32_t BackupView::blockSize() const
{
    return d->volume().blockSizeBytes;
}

const VolumeRecord& BackupView::volume() const
{
    return d->volume();
}

Result<void> BackupView::read(std::uint64_t offsetBytes, MutableByteView into) const
{
    return d->read(offsetBytes, into);
}

Result<void> BackupView::forEachAllocated(const std::function<bool(const Extent&)>& visit) const
{
    return d->forEachAllocated(visit);
}

Result<ExtentList> BackupView::diff(const BackupView& other) const
{
    return d->diff(*other.d);
}

} // namespace dormouse
