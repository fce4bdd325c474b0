// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/repository/backup_writer_p.h"

#include "helper/base/log.h"
#include "helper/repository/record_codec.h"

#include <algorithm>

namespace dormouse {

namespace {

/// Entries of durable packs that are kept in memory before they become a run.
constexpr std::size_t spillEntries = 1u << 18;

constexpr int nodeCompressionLevel = 1;

std::uint64_t blockCountOf(std::uint64_t sizeBytes, std::uint32_t blockSizeBytes)
{
    return sizeBytes / blockSizeBytes + (sizeBytes % blockSizeBytes != 0 ? 1 : 0);
}

} // namespace

BackupWriter::Private::Private(std::shared_ptr<RepositoryCore> core, RunInfo run,
                               WriterOptions options, const Id128& writerId, PackSet present)
    : m_core(std::move(core)), m_run(std::move(run)), m_options(std::move(options)),
      m_writerId(writerId), m_nodes(m_core), m_present(std::move(present))
{
}

Result<std::size_t> BackupWriter::Private::addVolume(const VolumeSpec& spec)
{
    const std::uint32_t block = spec.blockSizeBytes;
    if (block < format::minBlockBytes || block > format::maxBlockBytes ||
        (block & (block - 1)) != 0)
        return fail(Error::Code::Invalid,
                    "the block size is not a power of two from 4 KiB to 1 MiB");
    if (m_isDone)
        return fail(Error::Code::Invalid, "the backup is finished already");

    MapRoot base;
    VolumeRecord baseVolume;
    if (spec.base) {
        const auto file = m_core->readRecordFile(spec.base->recordId);
        if (!file)
            return addContext(file.error(), "cannot read the base backup");
        const auto index = file->record.findVolume(spec.base->volumeId);
        if (!index)
            return fail(Error::Code::NotFound, "the base backup has no such volume");
        baseVolume = file->record.volumes[*index];
        if (baseVolume.blockSizeBytes != block)
            return fail(Error::Code::Invalid, "the base backup has another block size");
        base.id = baseVolume.mapRoot;
        base.blockCount = blockCountOf(baseVolume.sizeBytes, block);
        base.height = mapHeight(base.blockCount);
    }
    Volume& volume = m_volumes.emplace_back();
    volume.spec = spec;
    volume.blockCount = blockCountOf(spec.sizeBytes, block);
    volume.map = std::make_unique<MapBuilder>(*this, volume.blockCount, base);
    const std::size_t number = m_volumes.size() - 1;

    const std::uint64_t tailBytes = spec.sizeBytes % block;
    if (spec.base && spec.sizeBytes < baseVolume.sizeBytes && tailBytes != 0) {
        // It shrank into a block: what was behind the new end must not come back
        // when it grows again.
        const auto id = findBlock(*this, base, volume.blockCount - 1);
        if (!id)
            return Failure(id.error());
        if (*id != holeId) {
            const auto old = m_core->readObject(format::ObjectKind::Block, *id);
            if (!old)
                return Failure(old.error());
            if (auto put = putBlock(number, volume.blockCount - 1, ByteView(*old).first(tailBytes));
                !put)
                return Failure(put.error());
        }
    }
    return number;
}

Result<void> BackupWriter::Private::checkUsable(std::size_t volume) const
{
    if (volume >= m_volumes.size())
        return fail(Error::Code::Invalid, "the backup has no such volume");
    const std::lock_guard lock(m_mutex);
    if (m_error)
        return Failure(*m_error);
    if (m_isDone)
        return fail(Error::Code::Invalid, "the backup is finished already");
    return {};
}

Result<void> BackupWriter::Private::putBlock(std::size_t volumeNumber, std::uint64_t blockNumber,
                                             ByteView bytes)
{
    if (auto usable = checkUsable(volumeNumber); !usable)
        return usable;
    Volume& volume = m_volumes[volumeNumber];
    const std::size_t blockBytes = volume.spec.blockSizeBytes;
    const std::uint64_t tailBytes = volume.spec.sizeBytes % blockBytes;
    const bool isLast = blockNumber + 1 == volume.blockCount;
    const bool isTail = isLast && tailBytes != 0 && bytes.size() == tailBytes;
    if (blockNumber >= volume.blockCount || (bytes.size() != blockBytes && !isTail))
        return fail(Error::Code::Invalid, "a block beyond the volume's end, or of a wrong size");

    ++m_blocksPut;
    m_bytesPut += bytes.size();
    Hash256 id = holeId;
    if (isAllZero(bytes)) {
        m_zeroBytes += bytes.size();
    } else {
        Bytes padded;
        if (isTail) {
            padded.assign(bytes.begin(), bytes.end());
            padded.resize(blockBytes);
            bytes = padded;
        }
        id = m_core->keys.objectId(format::ObjectKind::Block, bytes);
        const auto storedBytes = storeObject(format::ObjectKind::Block, id, bytes);
        if (!storedBytes)
            return Failure(storedBytes.error());
        if (*storedBytes > 0) {
            volume.newBytes += bytes.size();
            volume.storedBytes += *storedBytes;
        } else {
            m_dedupBytes += bytes.size();
        }
    }
    const std::lock_guard lock(m_mapMutex);
    m_mapVolume = &volume;
    return poisonOnError(volume.map->set(blockNumber, id));
}

Result<void> BackupWriter::Private::putHole(std::size_t volumeNumber, std::uint64_t blockNumber,
                                            std::uint64_t blockCount)
{
    if (auto usable = checkUsable(volumeNumber); !usable)
        return usable;
    Volume& volume = m_volumes[volumeNumber];
    if (blockNumber > volume.blockCount || blockCount > volume.blockCount - blockNumber)
        return fail(Error::Code::Invalid, "a hole beyond the volume's end");
    const std::lock_guard lock(m_mapMutex);
    m_mapVolume = &volume;
    return poisonOnError(volume.map->setHoles(blockNumber, blockCount));
}

Result<void> BackupWriter::Private::poisonOnError(Result<void> result)
{
    if (!result) {
        const std::lock_guard lock(m_mutex);
        if (!m_error)
            m_error = result.error();
    }
    return result;
}

Result<bool> BackupWriter::Private::isKnown(const Hash256& id)
{
    {
        const std::lock_guard lock(m_mutex);
        if (m_error)
            return Failure(*m_error);
        if (m_unindexed.count(id) != 0)
            return true;
    }
    const auto places = m_core->index.lookup(id);
    if (!places)
        return addContext(places.error(), "cannot read the index");
    const std::lock_guard lock(m_mutex);
    for (const Location& place : *places) {
        if (m_present.count(place.packId) == 0 ||
            m_options.distrustedPacks.count(place.packId) != 0)
            continue;
        m_reliedOn.insert(place.packId);
        return true;
    }
    return false;
}

Result<std::uint64_t> BackupWriter::Private::storeObject(format::ObjectKind kind, const Hash256& id,
                                                         ByteView plain)
{
    const auto known = isKnown(id);
    if (!known)
        return Failure(known.error());
    {
        // Reserved before it is made, so that two threads with the same block do
        // not both make it.
        const std::lock_guard lock(m_mutex);
        if (*known || !m_unindexed.emplace(id, Location{}).second)
            return 0;
    }
    const int level =
        kind == format::ObjectKind::Block ? m_options.compressionLevel : nodeCompressionLevel;
    const Bytes stored = m_core->keys.encodeObject(kind, id, plain, level);
    if (auto appended = append(kind, id, stored); !appended)
        return Failure(appended.error());
    return stored.size();
}

Result<void> BackupWriter::Private::append(format::ObjectKind kind, const Hash256& id,
                                           ByteView stored)
{
    const bool isBlock = kind == format::ObjectKind::Block;
    std::unique_ptr<PackBuilder>& builder = isBlock ? m_blockPack : m_nodePack;
    const std::size_t targetBytes =
        isBlock ? m_options.packTargetBytes : m_options.mapPackTargetBytes;

    std::unique_lock lock(m_mutex);
    // One pack fills while another is written; whoever would start a third waits.
    m_flushEnded.wait(lock, [&] {
        return m_error || !m_isFlushing || !builder || builder->sizeBytes() < targetBytes;
    });
    if (m_error)
        return Failure(*m_error);
    if (!builder)
        builder = std::make_unique<PackBuilder>(kind, targetBytes + format::maxBlockBytes);
    m_unindexed[id] = builder->append(id, stored);
    if (isBlock)
        m_storedBytes += stored.size();
    else
        m_mapBytes += stored.size();
    if (builder->sizeBytes() < targetBytes || m_isFlushing)
        return {};
    return flush(lock, std::move(builder));
}

Result<void> BackupWriter::Private::flush(std::unique_lock<std::mutex>& lock,
                                          std::unique_ptr<PackBuilder> pack)
{
    m_isFlushing = true;
    lock.unlock();
    auto put = m_core->backend->put(format::packName(pack->id()), pack->finish(m_core->keys));
    lock.lock();
    m_isFlushing = false;
    m_flushEnded.notify_all();
    if (!put) {
        m_error = addContext(put.error(), "cannot store a pack").value();
        return Failure(*m_error);
    }
    m_present.insert(pack->id());
    m_durable.insert(m_durable.end(), pack->entries().begin(), pack->entries().end());
    if (m_durable.size() < spillEntries)
        return {};
    return spill(lock);
}

Result<void> BackupWriter::Private::spill(std::unique_lock<std::mutex>& lock)
{
    const std::vector<IndexEntry> entries = std::exchange(m_durable, {});
    lock.unlock();
    auto added = m_core->index.addRuns(entries);
    lock.lock();
    if (!added) {
        m_error = added.error();
        return added;
    }
    // The index answers for them from now on.
    for (const IndexEntry& entry : entries)
        m_unindexed.erase(entry.id);
    return {};
}

Result<void> BackupWriter::Private::flushAll()
{
    std::unique_lock lock(m_mutex);
    if (m_error)
        return Failure(*m_error);
    for (std::unique_ptr<PackBuilder>* builder : {&m_blockPack, &m_nodePack}) {
        if (!*builder || (*builder)->empty())
            continue;
        if (auto flushed = flush(lock, std::move(*builder)); !flushed)
            return flushed;
    }
    return spill(lock);
}

Result<Hash256> BackupWriter::Private::putNode(const MapNode& node)
{
    const Bytes plain = encodeNode(node);
    const Hash256 id = m_core->keys.objectId(format::ObjectKind::MapNode, plain);
    const auto storedBytes = storeObject(format::ObjectKind::MapNode, id, plain);
    if (!storedBytes)
        return Failure(storedBytes.error());
    m_mapVolume->mapBytes += *storedBytes;
    return id;
}

Result<std::shared_ptr<const MapNode>> BackupWriter::Private::node(const Hash256& id,
                                                                   unsigned level)
{
    Bytes stored;
    std::optional<Location> place;
    {
        const std::lock_guard lock(m_mutex);
        const auto found = m_unindexed.find(id);
        if (found != m_unindexed.end()) {
            place = found->second;
            if (m_nodePack) {
                const ByteView bytes = m_nodePack->find(id);
                stored.assign(bytes.begin(), bytes.end());
            }
        }
    }
    if (!place)
        return m_nodes.node(id, level);
    auto plain = stored.empty()
                     ? m_core->readObjectAt(format::ObjectKind::MapNode, id, *place)
                     : m_core->keys.decodeObject(format::ObjectKind::MapNode, id, stored);
    if (!plain)
        return Failure(plain.error());
    auto decoded = decodeNode(*plain, level);
    if (!decoded)
        return Failure(decoded.error());
    return std::make_shared<const MapNode>(*decoded);
}

Result<BackupRecord> BackupWriter::Private::makeRecord(const CommitInfo& info)
{
    BackupRecord record;
    record.recordId = Id128::random();
    record.repositoryId = m_core->id;
    record.run = m_run;
    record.layout = info.layout;
    {
        const std::lock_guard lock(m_mapMutex);
        for (std::size_t i = 0; i < m_volumes.size(); ++i) {
            Volume& volume = m_volumes[i];
            m_mapVolume = &volume;
            const auto root = volume.map->finish();
            if (!root)
                return addContext(root.error(), "cannot write the block map");
            VolumeRecord& out = record.volumes.emplace_back();
            out.volumeId = volume.spec.volumeId;
            out.sizeBytes = volume.spec.sizeBytes;
            out.blockSizeBytes = volume.spec.blockSizeBytes;
            out.mapRoot = *root;
            if (volume.spec.base)
                out.baseRecordId = volume.spec.base->recordId;
            out.newBytes = volume.newBytes;
            out.storedBytes = volume.storedBytes;
            out.mapBytes = volume.mapBytes;
            out.details = info.volumes[i];
        }
    }
    const auto files = m_core->readRecordFiles();
    if (!files)
        return addContext(files.error(), "cannot read the earlier backups");
    for (const RepositoryCore::RecordFile& file : files->files) {
        if (file.record.run.machineId != m_run.machineId || file.record.sequence < record.sequence)
            continue;
        record.sequence = file.record.sequence + 1;
        record.previousRecordHash = file.fileHash;
    }
    record.sequence = std::max<std::uint64_t>(record.sequence, 1);
    return record;
}

Result<void> BackupWriter::Private::checkStillWelcome()
{
    const auto intent = m_core->backend->stat(format::intentName(m_writerId));
    if (intent)
        return {};
    if (intent.error().code != Error::Code::NotFound)
        return Failure(intent.error());
    return fail(Error::Code::Gone, "this backup took so long that a clean-up no longer waited for "
                                   "it. Earlier backups are unharmed; run it again.");
}

Result<Id128> BackupWriter::Private::commit(const CommitInfo& info)
{
    if (m_isDone)
        return fail(Error::Code::Invalid, "the backup is finished already");
    if (info.volumes.size() != m_volumes.size() || m_volumes.empty())
        return fail(Error::Code::Invalid, "every volume of the backup needs its details");

    // Order: packs, index, record. Each is durable before the next begins.
    auto record = makeRecord(info);
    if (!record)
        return Failure(record.error());
    if (auto flushed = flushAll(); !flushed)
        return Failure(flushed.error());

    if (auto welcome = checkStillWelcome(); !welcome)
        return Failure(welcome.error());
    const auto packs = m_core->listPacks();
    if (!packs)
        return Failure(packs.error());
    for (const Id128& packId : m_reliedOn)
        if (packs->count(packId) == 0)
            return fail(Error::Code::Gone, "data that this backup shares with an earlier one was "
                                           "removed meanwhile. Run it again.");

    const std::string name = format::recordName(record->recordId);
    if (auto put = m_core->backend->put(name, encodeRecord(*record, m_core->keys)); !put)
        return addContext(put.error(), "cannot store the backup's record");
    // A clean-up that revoked us between the check and the record did not see the
    // record, and may be removing what it needs.
    if (auto welcome = checkStillWelcome(); !welcome) {
        [[maybe_unused]] const auto removed = m_core->backend->remove(name);
        return Failure(welcome.error());
    }
    withdraw();
    if (auto joined = m_core->index.joinSmallRuns(); !joined)
        logWarning("the index could not be tidied: " + joined.error().message);
    return record->recordId;
}

void BackupWriter::Private::withdraw()
{
    if (std::exchange(m_isDone, true))
        return;
    const auto removed = m_core->backend->remove(format::intentName(m_writerId));
    if (!removed && removed.error().code != Error::Code::NotFound &&
        removed.error().code != Error::Code::Gone)
        logWarning("cannot withdraw the backup's announcement: " + removed.error().message);
}

BackupWriter::Stats BackupWriter::Private::stats() const
{
    Stats stats;
    stats.blocksPut = m_blocksPut;
    stats.bytesPut = m_bytesPut;
    stats.zeroBytes = m_zeroBytes;
    stats.dedupBytes = m_dedupBytes;
    for (const Volume& volume : m_volumes)
        stats.newBytes += volume.newBytes;
    stats.storedBytes = m_storedBytes;
    stats.mapBytes = m_mapBytes;
    return stats;
}

BackupWriter::BackupWriter(std::unique_ptr<Private> data) : d(std::move(data)) {}

BackupWriter::~BackupWriter()
{
    abandon();
}

Result<std::size_t> BackupWriter::addVolume(const VolumeSpec& spec)
{
    return d->addVolume(spec);
}

Result<void> BackupWriter::putBlock(std::size_t volume, std::uint64_t blockNumber, ByteView bytes)
{
    return d->putBlock(volume, blockNumber, bytes);
}

Result<void> BackupWriter::putHole(std::size_t volume, std::uint64_t blockNumber,
                                   std::uint64_t blockCount)
{
    return d->putHole(volume, blockNumber, blockCount);
}

Result<Id128> BackupWriter::commit(const CommitInfo& info)
{
    return d->commit(info);
}

void BackupWriter::abandon()
{
    d->withdraw();
}

BackupWriter::Stats BackupWriter::stats() const
{
    return d->stats();
}

} // namespace dormouse
