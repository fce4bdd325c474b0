// SPDX-License-Identifier: GPL-3.0-or-later
// The superblock and the journal. The undo ring is in store_undo.cpp.
#include "helper/snapshot/store_reader.h"

#include "kmod/change_map.h"

#include <algorithm>
#include <cstring>

namespace dormouse {

namespace {

constexpr std::uint64_t blockBytes = DORMOUSE_STORE_BLOCK;
constexpr std::uint64_t searchBytes = 1 << 20;

Id128 idOf(const u8 (&bytes)[16])
{
    Id128 id;
    std::copy(std::begin(bytes), std::end(bytes), id.bytes.begin());
    return id;
}

/// Every granule of a region, for a region that may have been written.
void markRegion(StoreMap& map, std::uint64_t region, std::uint64_t granules)
{
    constexpr std::uint64_t perRegion = DORMOUSE_REGION_BYTES / DORMOUSE_GRANULE_BYTES;
    const std::uint64_t first = region * perRegion;
    change_map_set_range(map.data(), first, std::min(perRegion, granules - first));
}

struct UnpackedSuper
{
    store_super super{};
    std::vector<store_extent> extents;
};

/// What super_unpack() says about these bytes: 0, or its errno.
int unpackSuper(ByteView copy, UnpackedSuper& unpacked)
{
    unpacked.extents.resize(DORMOUSE_SUPER_MAX_EXTENTS);
    const int result = super_unpack(copy.data(), &unpacked.super, unpacked.extents.data());
    unpacked.extents.resize(result == 0 ? unpacked.super.nr_extents : 0);
    return result;
}

} // namespace

Result<StoreReader> StoreReader::open(StoreSource source,
                                      const std::vector<std::uint64_t>& superblockOffsetsBytes,
                                      std::optional<StoreSource> ground)
{
    StoreReader reader(std::move(source), std::move(ground));
    if (auto found = reader.findSuper(superblockOffsetsBytes); !found)
        return tl::make_unexpected(found.error());
    if (auto read = reader.readJournal(); !read)
        return tl::make_unexpected(read.error());
    reader.readUndo();
    return reader;
}

Id128 StoreReader::volumeId() const
{
    return idOf(m_super.volume_id);
}

Id128 StoreReader::storeId() const
{
    return idOf(m_super.store_id);
}

bool StoreReader::isDamaged() const
{
    return std::any_of(m_findings.begin(), m_findings.end(),
                       [](const StoreFinding& finding) { return finding.isDamage; });
}

void StoreReader::note(bool isDamage, std::string sentence)
{
    m_findings.push_back({isDamage, std::move(sentence)});
}

/// Every block that begins with a superblock's magic.
std::vector<std::uint64_t> StoreReader::searchSupers() const
{
    std::vector<std::uint64_t> found;
    Bytes chunk;
    for (std::uint64_t at = 0; at < ground().sizeBytes(); at += searchBytes) {
        chunk.resize(std::min(searchBytes, ground().sizeBytes() - at));
        if (!ground().read(at, chunk))
            continue; // an unreadable place may hold no superblock; another one is looked for
        for (std::uint64_t in = 0; in + sizeof(u64) <= chunk.size(); in += blockBytes)
            if (ByteReader(ByteView(chunk).subspan(in)).u64() == DORMOUSE_SUPER_MAGIC)
                found.push_back(at + in);
    }
    return found;
}

Result<void> StoreReader::findSuper(const std::vector<std::uint64_t>& offsetsBytes)
{
    bool isNewer = false;
    bool isFound = false;
    const auto candidates = offsetsBytes.empty() ? searchSupers() : offsetsBytes;
    for (const std::uint64_t offset : candidates) {
        Bytes copy(DORMOUSE_SUPER_BYTES);
        if (!ground().read(offset, copy))
            continue;
        UnpackedSuper unpacked;
        const int result = unpackSuper(copy, unpacked);
        isNewer = isNewer || result == -EOPNOTSUPP;
        if (result == -EUCLEAN)
            note(true, "The superblock copy at byte " + std::to_string(offset) + " is damaged.");
        if (result != 0)
            continue;
        if (unpacked.super.external != m_ground.has_value()) // somebody else's
            continue;
        // A copy of a copy, in a disk image that lies there, is none.
        const store_extent& first = unpacked.extents.front();
        const store_extent& last = unpacked.extents.back();
        if (offset != first.offset && offset != last.offset + last.length - DORMOUSE_SUPER_BYTES)
            continue;
        if (isFound && idOf(unpacked.super.store_id) != storeId())
            return fail(Error::Code::Invalid,
                        "there are two stores; say where the superblock of one of them is");
        m_superCopies.push_back({offset, unpacked.super.generation});
        if (isFound && unpacked.super.generation <= m_super.generation)
            continue;
        isFound = true;
        m_super = unpacked.super;
        m_extents = unpacked.extents;
    }
    if (!isFound && isNewer)
        return fail(Error::Code::Unsupported, "the store was written by a newer Dormouse");
    if (!isFound)
        return fail(Error::Code::NotFound, m_ground ? "there is no store of another volume there"
                                                    : "there is no store on this volume");
    if (m_super.volume_bytes > m_source.sizeBytes())
        return fail(Error::Code::Corrupt,
                    "the store belongs to a larger volume than this image holds");
    if (m_superCopies.size() < 2)
        note(false, "Only one copy of the superblock was found.");
    else if (m_superCopies[0].generation != m_superCopies[1].generation)
        note(false, "The copies of the superblock differ in age; the newer one counts.");
    return {};
}

Result<void> StoreReader::readStore(std::uint64_t block, MutableByteView into) const
{
    std::uint64_t atBytes = block * blockBytes;
    for (const store_extent& extent : m_extents) {
        if (into.empty())
            break;
        if (atBytes >= extent.length) {
            atBytes -= extent.length;
            continue;
        }
        const auto part = std::min<std::uint64_t>(into.size(), extent.length - atBytes);
        if (auto read = ground().read(extent.offset + atBytes, into.first(part)); !read)
            return read;
        into = into.subspan(part);
        atBytes = 0;
    }
    if (!into.empty())
        return fail(Error::Code::Corrupt, "a record reaches beyond the store");
    return {};
}

/// The record that the chain demands, if it is at this place.
StoreReader::Found StoreReader::readRecord(std::uint64_t storeBlock, std::uint64_t roomBlocks,
                                           std::uint64_t sequence, std::uint32_t prevCrc,
                                           store_record& header, Bytes& payload) const
{
    Bytes block(blockBytes);
    if (roomBlocks == 0 || !readStore(storeBlock, block) ||
        record_unpack(block.data(), &header) != 0)
        return Found::Nothing;
    if (std::memcmp(header.store_id, m_super.store_id, sizeof header.store_id) != 0 ||
        header.incarnation > m_super.incarnation || header.sequence != sequence ||
        header.prev_crc != prevCrc)
        return Found::Nothing;
    const std::uint64_t blocks = record_blocks(header.payload_bytes);
    if (blocks > roomBlocks)
        return Found::Nothing;
    Bytes record(blocks * blockBytes);
    if (!readStore(storeBlock, record))
        return Found::Torn;
    const ByteView whole(record);
    const ByteView content = whole.subspan(DORMOUSE_RECORD_HEADER_BYTES, header.payload_bytes);
    payload.assign(content.begin(), content.end());
    const ByteView padding = whole.subspan(DORMOUSE_RECORD_HEADER_BYTES + header.payload_bytes);
    if (record_sum(&header, payload.data()) != header.payload_sum ||
        std::any_of(padding.begin(), padding.end(), [](std::uint8_t byte) { return byte != 0; }))
        return Found::Torn;
    return Found::Whole;
}

Result<void> StoreReader::apply(StoreRecordInfo& info, ByteView payload)
{
    const std::uint64_t granules = store_nr_granules(m_super.volume_bytes);
    m_isSealed = info.header.type == DORMOUSE_RECORD_SEAL;
    switch (info.header.type) {
    case DORMOUSE_RECORD_EPOCH:
    case DORMOUSE_RECORD_MAP:
    case DORMOUSE_RECORD_SEAL: {
        auto state = decodeState(payload, m_super.volume_bytes);
        if (!state)
            return tl::make_unexpected(state.error());
        info.count = static_cast<std::uint32_t>(state->epochs.size());
        const std::uint64_t regions = store_nr_regions(m_super.volume_bytes);
        if (m_isSealed && change_map_count(state->intents.data(), regions) != 0)
            return fail(Error::Code::Corrupt, "a seal names regions that may still be written");
        if (info.header.epoch != state->openEpoch)
            return fail(Error::Code::Corrupt, "a state record belongs to another epoch");
        m_state = std::move(*state);
        if (auto& map = m_state.epochs.back().map)
            for (std::uint64_t region = change_map_next_set(m_state.intents.data(), regions, 0);
                 region < regions;
                 region = change_map_next_set(m_state.intents.data(), regions, region + 1))
                markRegion(*map, region, granules);
        return {};
    }
    case DORMOUSE_RECORD_INTENT: {
        auto regions = decodeIntents(payload, m_super.volume_bytes);
        if (!regions)
            return tl::make_unexpected(regions.error());
        info.count = static_cast<std::uint32_t>(regions->size());
        for (const std::uint32_t region : *regions) {
            change_map_set_range(m_state.intents.data(), region, 1);
            if (auto& map = m_state.epochs.back().map)
                markRegion(*map, region, granules);
        }
        return {};
    }
    case DORMOUSE_RECORD_SENTINEL: {
        auto sentinels = decodeSentinels(payload, m_super.volume_bytes);
        if (!sentinels)
            return tl::make_unexpected(sentinels.error());
        info.count = static_cast<std::uint32_t>(sentinels->size());
        m_state.sentinels = std::move(*sentinels);
        return {};
    }
    default:
        return fail(Error::Code::Corrupt, "the journal holds a record of unknown type " +
                                              std::to_string(info.header.type));
    }
}

Result<void> StoreReader::readJournal()
{
    const std::uint32_t ring = m_super.journal_blocks;
    std::uint64_t at = m_super.checkpoint_block;
    std::uint64_t sequence = m_super.checkpoint_sequence;
    std::uint32_t prevCrc = m_super.checkpoint_prev_crc;
    std::uint64_t usedBlocks = 0;
    for (;;) {
        StoreRecordInfo info;
        Bytes payload;
        info.block = at;
        Found found = readRecord(m_super.journal_start + at, ring - at, sequence, prevCrc,
                                 info.header, payload);
        if (found == Found::Nothing && at != 0) {
            // A record that does not fit at the end of the ring stands at its start.
            info.block = 0;
            found =
                readRecord(m_super.journal_start, ring, sequence, prevCrc, info.header, payload);
            if (found != Found::Nothing && at + record_blocks(info.header.payload_bytes) <= ring)
                found = Found::Nothing;
        }
        const std::uint64_t blocks = record_blocks(info.header.payload_bytes);
        if (found != Found::Nothing && usedBlocks + blocks > ring)
            found = Found::Nothing;
        if (found == Found::Torn)
            note(false, "The journal's last record (sequence " + std::to_string(sequence) +
                            ") was not written to its end.");
        if (found != Found::Whole)
            break;

        const bool isState = info.header.type == DORMOUSE_RECORD_EPOCH ||
                             info.header.type == DORMOUSE_RECORD_MAP ||
                             info.header.type == DORMOUSE_RECORD_SEAL;
        if (m_journal.empty() && !isState)
            return fail(Error::Code::Corrupt, "the journal does not begin with a state");
        if (info.header.incarnation != m_super.incarnation)
            break; // of an earlier attachment
        if (auto applied = apply(info, payload); !applied) {
            if (m_journal.empty())
                return applied;
            note(true, "Journal record " + std::to_string(sequence) +
                           " is not valid: " + applied.error().message + ".");
            break;
        }
        m_journal.push_back(info);
        usedBlocks += blocks;
        at = info.block + blocks;
        prevCrc = info.header.header_crc;
        ++sequence;
        if (at == ring)
            at = 0;
    }
    if (m_journal.empty())
        return fail(Error::Code::Corrupt, "the journal does not begin where the superblock says");
    lookBehindJournal(sequence);
    return {};
}

/// Records become durable one after the other. So one that stands behind the
/// missing `nextSequence` proves that this one was there, and is lost.
void StoreReader::lookBehindJournal(std::uint64_t nextSequence)
{
    Bytes block(DORMOUSE_RECORD_HEADER_BYTES);
    for (std::uint32_t at = 0; at < m_super.journal_blocks; ++at) {
        store_record header{};
        if (!readStore(std::uint64_t(m_super.journal_start) + at, block) ||
            record_unpack(block.data(), &header) != 0 ||
            std::memcmp(header.store_id, m_super.store_id, sizeof header.store_id) != 0 ||
            header.incarnation != m_super.incarnation || header.sequence <= nextSequence)
            continue;
        note(true, "The journal breaks off at record " + std::to_string(nextSequence) +
                       ", though later ones were written (" + std::to_string(header.sequence) +
                       "): changes may be missing from the map.");
        return;
    }
}

const StoreEpoch* StoreReader::findEpoch(std::uint64_t number) const
{
    const auto found =
        std::find_if(m_state.epochs.begin(), m_state.epochs.end(),
                     [&](const StoreEpoch& epoch) { return epoch.number == number; });
    return found == m_state.epochs.end() ? nullptr : &*found;
}

Result<ExtentList> StoreReader::changes(std::uint64_t epoch) const
{
    const StoreEpoch* found = findEpoch(epoch);
    if (found == nullptr)
        return fail(Error::Code::NotFound, "the store knows no epoch " + std::to_string(epoch));
    if (found->isVoid)
        return fail(Error::Code::Unverified,
                    "the change map of epoch " + std::to_string(epoch) + " is void");
    if (!found->map)
        return fail(Error::Code::NotFound, "the change map of epoch " + std::to_string(epoch) +
                                               " was acknowledged and is gone");
    const std::uint64_t bits = store_nr_granules(m_super.volume_bytes);
    ExtentList extents;
    for (std::uint64_t bit = change_map_next_set(found->map->data(), bits, 0); bit < bits;) {
        const std::uint64_t end = change_map_next_clear(found->map->data(), bits, bit);
        const std::uint64_t endBytes =
            std::min<std::uint64_t>(end * DORMOUSE_GRANULE_BYTES, m_super.volume_bytes);
        extents.push_back({bit * DORMOUSE_GRANULE_BYTES, endBytes - bit * DORMOUSE_GRANULE_BYTES});
        bit = change_map_next_set(found->map->data(), bits, end);
    }
    return subtractExtents(extents, extentsBefore(epoch + 1));
}

ExtentList StoreReader::extentsBefore(std::uint64_t epoch) const
{
    ExtentList list;
    for (const store_extent& extent : m_extents)
        if (!m_ground && extent.since < epoch)
            list.push_back({extent.offset, extent.length});
    return mergeExtents(std::move(list));
}

ExtentList StoreReader::extentsSince(std::uint64_t epoch) const
{
    ExtentList list;
    for (const store_extent& extent : m_extents)
        if (!m_ground && extent.since >= epoch)
            list.push_back({extent.offset, extent.length});
    return mergeExtents(std::move(list));
}

} // namespace dormouse
