// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Makes volumes with a store on them, record by record, as the module would:
 * packed by its own pure files, placed by the rules of docs/STORE_FORMAT.md.
 *
 * What is public may be changed before save(), to make a store that is wrong.
 */
#pragma once

#include "helper/base/coding.h"
#include "helper/base/extent_list.h"
#include "helper/base/id.h"
#include "kmod/change_map.h"
#include "kmod/record_codec.h"

#include <QFile>
#include <QTest>

#include <algorithm>
#include <vector>

namespace dormouse::test {

class StoreBuilder
{
public:
    static constexpr std::uint64_t blockBytes = DORMOUSE_STORE_BLOCK;

    struct Epoch
    {
        std::uint64_t number = 1, first = 1;
        std::uint64_t undoStart = 0, undoSequence = 1;
        std::uint32_t undoPrevCrc = 0;
        std::uint32_t flags = 0;
        std::vector<u64> map; ///< empty = none
    };

    std::uint64_t volumeBytes;
    Bytes disk;
    store_super super{};
    std::vector<store_extent> extents;
    std::vector<Epoch> epochs; ///< the open one last
    std::vector<u64> intents;
    std::vector<dormouse_disk_sentinel> sentinels;

    // Where the rings go on.
    std::uint32_t journalHead = 0;
    std::uint64_t journalSequence = 1;
    std::uint32_t journalPrevCrc = 0;
    std::uint64_t undoHead = 0, undoSequence = 1;
    std::uint32_t undoPrevCrc = 0;
    std::uint64_t undoTail = 0, undoTailSequence = 1;
    std::uint32_t undoTailPrevCrc = 0;

    /// 16 MiB of store in three extents out of order; small rings, so that they wrap.
    explicit StoreBuilder(std::uint64_t bytes = (64 << 20) + 5 * 512)
        : volumeBytes(bytes),
          disk(bytes, 0), extents{{32 << 20, 6 << 20, 0}, {1 << 20, 4 << 20, 0}, {48 << 20, 6 << 20, 0}}
    {
        // Most of it stays zero, which save() leaves out.
        for (std::size_t i = 0; i < disk.size(); i += i == (12 << 20) - 1 ? 51 << 20 : 1)
            disk[i] = std::uint8_t(i / 4096 * 31 + i % 251);
        for (u8 i = 0; i < 16; ++i) {
            super.volume_id[i] = u8(0x10 + i);
            super.store_id[i] = u8(0xa0 + i);
        }
        super.generation = 1;
        super.incarnation = 1;
        super.fs = 1;
        super.volume_bytes = volumeBytes;
        super.nr_extents = u32(extents.size());
        super.journal_start = DORMOUSE_SUPER_BLOCKS;
        super.journal_blocks = 64;
        super.undo_start = DORMOUSE_SUPER_BLOCKS + 64;
        super.undo_blocks = 4096 - 64 - 2 * DORMOUSE_SUPER_BLOCKS;
        super.checkpoint_sequence = 1;
        intents.assign(change_map_words(store_nr_regions(volumeBytes)), 0);
        beginEpoch();
        writeSuper();
    }

    [[nodiscard]] std::uint64_t granules() const { return store_nr_granules(volumeBytes); }

    /// Where a block of the store lies on the volume.
    [[nodiscard]] std::uint64_t place(std::uint64_t block) const
    {
        std::uint64_t atBytes = block * blockBytes;
        for (const store_extent& extent : extents) {
            if (atBytes < extent.length)
                return extent.offset + atBytes;
            atBytes -= extent.length;
        }
        qFatal("beyond the store");
    }

    void writeStore(std::uint64_t block, ByteView bytes)
    {
        for (std::size_t at = 0; at < bytes.size(); at += blockBytes, ++block)
            std::copy_n(bytes.begin() + long(at), std::min(blockBytes, bytes.size() - at),
                        disk.begin() + long(place(block)));
    }

    void writeSuper()
    {
        Bytes copy(DORMOUSE_SUPER_BYTES);
        super_pack(&super, extents.data(), copy.data());
        writeStore(0, copy);
        writeStore(super.undo_start + super.undo_blocks, copy);
    }

    /// More room from here on, durably.
    void grow(std::uint64_t offsetBytes, std::uint64_t lengthBytes)
    {
        const store_extent more{offsetBytes, lengthBytes, epochs.back().number};
        extents.resize(DORMOUSE_SUPER_MAX_EXTENTS);
        if (super_grow(&super, extents.data(), undoHead, &more, 1) != 0)
            qFatal("the store cannot grow");
        extents.resize(super.nr_extents);
        ++super.generation;
        writeSuper();
    }

    /// Where in the ring a position lies.
    [[nodiscard]] std::uint64_t inRing(std::uint64_t position) const
    {
        return (position + super.undo_base) % super.undo_blocks;
    }

    /// Returns the ring block at which the record stands.
    std::uint32_t append(u16 type, ByteView payload)
    {
        const std::uint32_t blocks = record_blocks(u32(payload.size()));
        if (journalHead + blocks > super.journal_blocks)
            journalHead = 0;
        store_record record{};
        record.type = type;
        std::copy_n(super.store_id, 16, record.store_id);
        record.incarnation = super.incarnation;
        record.sequence = journalSequence++;
        record.epoch = epochs.back().number;
        record.payload_bytes = u32(payload.size());
        record.payload_sum = record_sum(&record, payload.data());
        record.prev_crc = journalPrevCrc;
        Bytes bytes(blocks * blockBytes, 0);
        record_pack(&record, bytes.data());
        std::copy(payload.begin(), payload.end(), bytes.begin() + DORMOUSE_RECORD_HEADER_BYTES);
        journalPrevCrc = record.header_crc;
        const std::uint32_t at = journalHead;
        writeStore(super.journal_start + at, bytes);
        journalHead += blocks;
        return at;
    }

    Bytes encodedMap(const std::vector<u64>& words, std::uint64_t bits) const
    {
        Bytes encoded(change_map_max_encoded(bits));
        encoded.resize(change_map_encode(words.data(), bits, encoded.data()));
        return encoded;
    }

    static void put(ByteWriter& out, const dormouse_disk_sentinel& sentinel)
    {
        out.u64(sentinel.offset);
        out.u32(sentinel.length);
        out.u32(sentinel.crc);
        out.u64(sentinel.next_offset);
        out.u32(sentinel.next_length);
        out.u32(sentinel.next_crc);
        out.u64(sentinel.digest);
    }

    [[nodiscard]] Bytes statePayload(u32 flags = 0) const
    {
        std::vector<Bytes> maps;
        for (const Epoch& epoch : epochs)
            maps.push_back(epoch.map.empty() ? Bytes() : encodedMap(epoch.map, granules()));
        const Bytes carried = encodedMap(intents, store_nr_regions(volumeBytes));
        ByteWriter out;
        out.u64(epochs.back().number);
        out.u32(u32(epochs.size()));
        out.u32(flags);
        out.u32(u32(sentinels.size()));
        out.u32(u32(carried.size()));
        out.u64(undoTail);
        out.u64(undoHead);
        out.u64(undoSequence);
        out.u64(undoTailSequence);
        out.u32(undoPrevCrc);
        out.u32(undoTailPrevCrc);
        for (std::size_t i = 0; i < epochs.size(); ++i) {
            out.u64(epochs[i].number);
            out.u64(epochs[i].first);
            out.raw(Bytes(16, std::uint8_t(epochs[i].number)));
            out.raw(Bytes(16, std::uint8_t(epochs[i].first)));
            out.u64(1000 * epochs[i].number);
            out.u64(epochs[i].undoStart);
            out.u32(epochs[i].flags);
            out.u32(u32(maps[i].size()));
        }
        for (const auto& sentinel : sentinels)
            put(out, sentinel);
        for (const Bytes& map : maps)
            out.raw(map);
        out.raw(carried);
        return out.take();
    }

    std::uint32_t state(u16 type, u32 flags = 0) { return append(type, statePayload(flags)); }

    /// A MAP at which reading starts from now on.
    void checkpoint()
    {
        const auto sequence = journalSequence;
        const auto prevCrc = journalPrevCrc;
        super.checkpoint_block = state(DORMOUSE_RECORD_MAP);
        super.checkpoint_sequence = sequence;
        super.checkpoint_prev_crc = prevCrc;
        super.generation++;
        writeSuper();
    }

    void seal()
    {
        std::fill(intents.begin(), intents.end(), 0);
        state(DORMOUSE_RECORD_SEAL);
    }

    std::uint32_t intent(const std::vector<u32>& regions)
    {
        ByteWriter out;
        out.u32(u32(regions.size()));
        out.u32(0);
        for (const u32 region : regions) {
            out.u32(region);
            if (region < store_nr_regions(volumeBytes))
                change_map_set_range(intents.data(), region, 1);
        }
        return append(DORMOUSE_RECORD_INTENT, out.bytes());
    }

    /// A new epoch, with a durable snapshot at its start if asked for.
    std::uint64_t beginEpoch(bool hasSnapshot = false)
    {
        Epoch epoch;
        epoch.number = epochs.empty() ? 1 : epochs.back().number + 1;
        epoch.first = epoch.number;
        epoch.undoStart = undoHead;
        epoch.undoSequence = undoSequence;
        epoch.undoPrevCrc = undoPrevCrc;
        epoch.flags = hasSnapshot ? DORMOUSE_DISK_EPOCH_SNAPSHOT : 0;
        epoch.map.assign(change_map_words(granules()), 0);
        epochs.push_back(epoch);
        trim();
        state(DORMOUSE_RECORD_EPOCH);
        return epoch.number;
    }

    void dropSnapshot(std::uint64_t number)
    {
        for (Epoch& epoch : epochs)
            if (epoch.number == number)
                epoch.flags &= ~DORMOUSE_DISK_EPOCH_SNAPSHOT;
        trim();
    }

    /// Frees what no snapshot needs.
    void trim()
    {
        for (const Epoch& epoch : epochs) {
            if ((epoch.flags & DORMOUSE_DISK_EPOCH_SNAPSHOT) == 0)
                continue;
            undoTail = epoch.undoStart;
            undoTailSequence = epoch.undoSequence;
            undoTailPrevCrc = epoch.undoPrevCrc;
            return;
        }
        undoTail = undoHead;
        undoTailSequence = undoSequence;
        undoTailPrevCrc = undoPrevCrc;
    }

    [[nodiscard]] bool undoFits(std::size_t units) const
    {
        const std::uint64_t ring = super.undo_blocks, blocks = 1 + units * 4;
        const std::uint64_t room = ring - inRing(undoHead);
        return undoHead + (room < blocks ? room : 0) + blocks - undoTail <= ring;
    }

    /// Keeps the units' present content (ascending); returns the ring block.
    std::uint64_t undo(const std::vector<u32>& units)
    {
        const std::uint64_t ring = super.undo_blocks, blocks = 1 + units.size() * 4;
        if (inRing(undoHead) + blocks > ring)
            undoHead += ring - inRing(undoHead);
        Bytes bytes(blocks * blockBytes, 0);
        ByteWriter numbers;
        numbers.u32(u32(units.size()));
        numbers.u32(u32(blockBytes));
        for (const u32 unit : units)
            numbers.u32(unit);
        std::copy(numbers.bytes().begin(), numbers.bytes().end(),
                  bytes.begin() + DORMOUSE_RECORD_HEADER_BYTES);
        for (std::size_t i = 0; i < units.size(); ++i) {
            const std::uint64_t from = std::uint64_t(units[i]) * DORMOUSE_UNIT_BYTES;
            for (std::uint64_t b = 0; b < DORMOUSE_UNIT_BYTES && from + b < volumeBytes; ++b)
                bytes[blockBytes + i * DORMOUSE_UNIT_BYTES + b] = disk[from + b];
        }
        store_record record{};
        record.type = DORMOUSE_RECORD_UNDO;
        std::copy_n(super.store_id, 16, record.store_id);
        record.incarnation = super.incarnation;
        record.sequence = undoSequence++;
        record.epoch = epochs.back().number;
        record.payload_bytes = u32(bytes.size()) - DORMOUSE_RECORD_HEADER_BYTES;
        record.payload_sum = record_sum(&record, bytes.data() + DORMOUSE_RECORD_HEADER_BYTES);
        record.prev_crc = undoPrevCrc;
        record_pack(&record, bytes.data());
        undoPrevCrc = record.header_crc;
        const std::uint64_t at = undoHead;
        writeStore(super.undo_start + inRing(at), bytes);
        undoHead += blocks;
        return at;
    }

    /// What any write to the volume does to the open epoch's map.
    void mark(std::uint64_t offsetBytes, std::uint64_t lengthBytes)
    {
        const std::uint64_t first = offsetBytes / DORMOUSE_GRANULE_BYTES;
        const std::uint64_t last = (offsetBytes + lengthBytes - 1) / DORMOUSE_GRANULE_BYTES;
        change_map_set_range(epochs.back().map.data(), first, last - first + 1);
    }

    [[nodiscard]] ExtentList storeExtents() const
    {
        ExtentList list;
        for (const store_extent& extent : extents)
            list.push_back({extent.offset, extent.length});
        return mergeExtents(list);
    }

    /// The volume's bytes as a snapshot shows them.
    [[nodiscard]] Bytes image() const
    {
        Bytes bytes = disk;
        for (const store_extent& extent : extents)
            std::fill_n(bytes.begin() + long(extent.offset), extent.length, std::uint8_t(0));
        return bytes;
    }

    void save(const QString& path) const
    {
        constexpr std::size_t pieceBytes = 65536;
        QFile file(path);
        QVERIFY(file.open(QFile::WriteOnly | QFile::Truncate));
        QVERIFY(file.resize(qint64(disk.size())));
        for (std::size_t at = 0; at < disk.size(); at += pieceBytes) {
            const ByteView piece =
                ByteView(disk).subspan(at, std::min(pieceBytes, disk.size() - at));
            if (std::all_of(piece.begin(), piece.end(), [](std::uint8_t b) { return b == 0; }))
                continue;
            QVERIFY(file.seek(qint64(at)));
            QCOMPARE(file.write(reinterpret_cast<const char*>(piece.data()), qint64(piece.size())),
                     qint64(piece.size()));
        }
    }
};

} // namespace dormouse::test
