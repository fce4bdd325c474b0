// SPDX-License-Identifier: GPL-3.0-or-later
// The undo ring, and the images that it gives back.
#include "helper/snapshot/store_reader.h"

#include "kmod/undo_index.h"

#include <algorithm>

namespace dormouse {

namespace {

constexpr std::uint64_t unitBlocks = DORMOUSE_UNIT_BYTES / DORMOUSE_STORE_BLOCK;
constexpr std::uint64_t chunkBytes = 1 << 20; // a multiple of the unit

/// Zeros for what of these extents lies in the chunk that begins at `at`.
void clear(Bytes& chunk, std::uint64_t at, const ExtentList& extents)
{
    for (const Extent& extent : extents) {
        const std::uint64_t from = std::max(extent.offsetBytes, at);
        const std::uint64_t to = std::min<std::uint64_t>(extent.endBytes(), at + chunk.size());
        if (from < to)
            std::fill(chunk.begin() + static_cast<long>(from - at),
                      chunk.begin() + static_cast<long>(to - at), std::uint8_t(0));
    }
}

} // namespace

/// Whether anything depends on the undo ring after a power cut.
bool StoreReader::isUndoNeeded() const
{
    return std::any_of(m_state.epochs.begin(), m_state.epochs.end(),
                       [](const StoreEpoch& epoch) { return epoch.hasSnapshot; });
}

void StoreReader::readUndo()
{
    const std::uint64_t ring = m_super.undo_blocks;
    std::uint64_t at = m_state.undoTail;
    std::uint64_t sequence = m_state.undoTailSequence;
    std::uint32_t prevCrc = m_state.undoTailPrevCrc;
    for (;;) {
        StoreUndoRecord record;
        Bytes payload;
        Found found = Found::Nothing;
        // Where the last one ended or, if it did not fit there, at the ring's start.
        for (const std::uint64_t place : {at, super_undo_lap(&m_super, at)}) {
            const std::uint64_t inRing = super_undo_block(&m_super, place);
            found = readRecord(m_super.undo_start + inRing, ring - inRing, sequence, prevCrc,
                               record.info.header, payload);
            record.info.block = place;
            if (found != Found::Nothing)
                break;
        }
        const std::uint64_t end =
            record.info.block + record_blocks(record.info.header.payload_bytes);
        if (found == Found::Nothing || end - m_state.undoTail > ring)
            break;
        if (found == Found::Torn && sequence >= m_state.undoSequence) {
            note(false, "The undo ring's last record (sequence " + std::to_string(sequence) +
                            ") was not written to its end.");
            break;
        }
        auto content =
            record.info.header.type == DORMOUSE_RECORD_UNDO
                ? decodeUndo(payload, record.info.header.payload_bytes, m_super.volume_bytes)
                : fail(Error::Code::Corrupt, "it is of another type");
        if (content && record.info.header.epoch > m_state.openEpoch)
            content = fail(Error::Code::Corrupt, "it belongs to an epoch that never began");
        if (content && !m_undo.empty() &&
            record.info.header.epoch < m_undo.back().info.header.epoch)
            content = fail(Error::Code::Corrupt, "it belongs to an earlier epoch than the last");
        if (!content) {
            note(found == Found::Whole || isUndoNeeded(),
                 "Undo record " + std::to_string(sequence) +
                     " is not valid: " + content.error().message + ".");
            break;
        }
        record.content = std::move(*content);
        record.isDataIntact = found == Found::Whole;
        record.info.count = static_cast<std::uint32_t>(record.content.units.size());
        m_undo.push_back(std::move(record));
        at = end;
        prevCrc = m_undo.back().info.header.header_crc;
        ++sequence;
    }
    judgeUndo(at);
}

/// Old data that a durable snapshot needs must all be there. What only
/// transient ones needed may be gone after a power cut.
void StoreReader::judgeUndo(std::uint64_t endBlock)
{
    const bool isNeeded = isUndoNeeded();
    const std::uint64_t next =
        m_undo.empty() ? m_state.undoTailSequence : m_undo.back().info.header.sequence + 1;
    if (next < m_state.undoSequence)
        note(isNeeded, "Undo records " + std::to_string(next) + " to " +
                           std::to_string(m_state.undoSequence - 1) + " are missing.");
    else if (next == m_state.undoSequence && endBlock != m_state.undoHead)
        note(true, "The undo ring does not end where the journal says.");
    for (const StoreUndoRecord& record : m_undo)
        if (!record.isDataIntact)
            note(isNeeded, "The old data of undo record " +
                               std::to_string(record.info.header.sequence) + " is damaged.");
}

Result<void> StoreReader::reconstruct(std::uint64_t epochNumber, bool evenWithoutSnapshot,
                                      const Sink& sink) const
{
    const StoreEpoch* epoch = findEpoch(epochNumber);
    if (epoch == nullptr)
        return fail(Error::Code::NotFound,
                    "the store knows no epoch " + std::to_string(epochNumber));
    if (!epoch->hasSnapshot && !evenWithoutSnapshot)
        return fail(Error::Code::NotFound,
                    "epoch " + std::to_string(epochNumber) + " has no durable snapshot any more");

    std::uint64_t copies = 1;
    for (const StoreUndoRecord& record : m_undo)
        copies += record.content.units.size();
    if (copies > 0x7fffffff)
        return fail(Error::Code::Unsupported, "the undo ring holds too many copies");
    std::vector<undo_entry> entries(copies);
    std::vector<u32> buckets(undo_index_buckets(static_cast<u32>(copies)));
    undo_index index{};
    undo_index_init(&index, entries.data(), static_cast<u32>(copies), buckets.data(),
                    static_cast<u32>(buckets.size()));
    std::vector<bool> isDamagedUnit(store_nr_units(m_super.volume_bytes), false);
    for (const StoreUndoRecord& record : m_undo) {
        std::uint64_t block =
            record.info.block + record.content.dataOffsetBytes / DORMOUSE_STORE_BLOCK;
        for (const std::uint32_t unit : record.content.units) {
            u64 earlier = 0;
            if (!record.isDataIntact && record.info.header.epoch >= epochNumber &&
                !undo_index_find(&index, unit, epochNumber, &earlier))
                isDamagedUnit[unit] = true;
            if (undo_index_add(&index, unit, record.info.header.epoch, block) != 0)
                return fail(Error::Code::Internal, "the undo index is too small");
            block += unitBlocks;
        }
    }

    const ExtentList own = extentsBefore(epochNumber);
    const ExtentList later = extentsSince(epochNumber);
    Bytes chunk;
    for (std::uint64_t at = 0; at < m_super.volume_bytes; at += chunkBytes) {
        chunk.resize(std::min(chunkBytes, m_super.volume_bytes - at));
        if (auto read = m_source.read(at, chunk); !read)
            return read;
        clear(chunk, at, later); // free space then, unless there is a copy
        for (std::uint64_t in = 0; in < chunk.size(); in += DORMOUSE_UNIT_BYTES) {
            const auto unit = static_cast<u32>((at + in) / DORMOUSE_UNIT_BYTES);
            u64 block = 0;
            if (!undo_index_find(&index, unit, epochNumber, &block))
                continue;
            if (isDamagedUnit[unit])
                return fail(Error::Code::Corrupt,
                            "the old data at byte " + std::to_string(at + in) + " is damaged");
            const auto part = std::min<std::uint64_t>(DORMOUSE_UNIT_BYTES, chunk.size() - in);
            auto read = readStore(m_super.undo_start + super_undo_block(&m_super, block),
                                  MutableByteView(chunk).subspan(in, part));
            if (!read)
                return read;
        }
        clear(chunk, at, own);
        if (auto taken = sink(at, chunk); !taken)
            return taken;
    }
    return {};
}

} // namespace dormouse
