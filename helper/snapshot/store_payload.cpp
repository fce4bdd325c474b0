// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/snapshot/store_payload.h"

#include "kmod/change_map.h"

#include <algorithm>

namespace dormouse {

namespace {

constexpr std::uint32_t sectorBytes = 512;

Failure wrong(const char* what)
{
    return fail(Error::Code::Corrupt, what);
}

dormouse_disk_sentinel readSentinel(ByteReader& in)
{
    dormouse_disk_sentinel sentinel{};
    sentinel.offset = in.u64();
    sentinel.length = in.u32();
    sentinel.crc = in.u32();
    sentinel.next_offset = in.u64();
    sentinel.next_length = in.u32();
    sentinel.next_crc = in.u32();
    sentinel.digest = in.u64();
    return sentinel;
}

bool isWithin(std::uint64_t offsetBytes, std::uint64_t lengthBytes, std::uint64_t volumeBytes)
{
    return offsetBytes <= volumeBytes && lengthBytes <= volumeBytes - offsetBytes;
}

bool isSound(const dormouse_disk_sentinel& sentinel, std::uint64_t volumeBytes)
{
    return sentinel.length != 0 && sentinel.length % sectorBytes == 0 &&
           sentinel.length <= DORMOUSE_STORE_BLOCK && sentinel.next_length % sectorBytes == 0 &&
           sentinel.next_length <= DORMOUSE_STORE_BLOCK &&
           isWithin(sentinel.offset, sentinel.length, volumeBytes) &&
           isWithin(sentinel.next_offset, sentinel.next_length, volumeBytes);
}

Result<StoreMap> readMap(ByteReader& in, std::uint32_t lengthBytes, std::uint64_t bits)
{
    const ByteView encoded = in.raw(lengthBytes);
    StoreMap map(change_map_words(bits), 0);
    if (!in.ok() || change_map_decode(map.data(), bits, encoded.data(), encoded.size()) != 0)
        return wrong("a map in a state record cannot be decoded");
    return map;
}

} // namespace

Result<StoreState> decodeState(ByteView payload, std::uint64_t volumeBytes)
{
    ByteReader in(payload);
    StoreState state;
    state.openEpoch = in.u64();
    const std::uint32_t epochCount = in.count(sizeof(dormouse_disk_epoch));
    const std::uint32_t flags = in.u32();
    const std::uint32_t sentinelCount = in.u32();
    const std::uint32_t intentsBytes = in.u32();
    state.undoTail = in.u64();
    state.undoHead = in.u64();
    state.undoSequence = in.u64();
    state.undoTailSequence = in.u64();
    state.undoPrevCrc = in.u32();
    state.undoTailPrevCrc = in.u32();
    state.wasLeftOpen = (flags & DORMOUSE_STATE_LEFT_OPEN) != 0;
    state.wasHeld = (flags & DORMOUSE_STATE_HELD) != 0;
    if (!in.ok() || epochCount == 0)
        return wrong("a state record names no epoch");
    if ((flags & ~(DORMOUSE_STATE_LEFT_OPEN | DORMOUSE_STATE_HELD)) != 0 || sentinelCount > DORMOUSE_SENTINEL_MAX)
        return wrong("a state record has unknown flags or too many sentinels");
    if (state.undoTail > state.undoHead || state.undoTailSequence > state.undoSequence)
        return wrong("a state record's undo ring ends before it begins");

    std::vector<std::uint32_t> mapBytes;
    for (std::uint32_t i = 0; i < epochCount; ++i) {
        StoreEpoch epoch;
        epoch.number = in.u64();
        epoch.firstNumber = in.u64();
        epoch.id.bytes = in.array<16>();
        epoch.fromId.bytes = in.array<16>();
        epoch.createdNs = in.u64();
        epoch.undoStart = in.u64();
        const std::uint32_t epochFlags = in.u32();
        mapBytes.push_back(in.u32());
        epoch.isAcknowledged = (epochFlags & DORMOUSE_DISK_EPOCH_ACKED) != 0;
        epoch.isVoid = (epochFlags & DORMOUSE_DISK_EPOCH_VOID) != 0;
        epoch.hasSnapshot = (epochFlags & DORMOUSE_DISK_EPOCH_SNAPSHOT) != 0;
        if (!in.ok() || epoch.firstNumber > epoch.number || epoch.undoStart > state.undoHead ||
            (!state.epochs.empty() && epoch.number <= state.epochs.back().number))
            return wrong("the epochs of a state record are out of order");
        if (epoch.hasSnapshot && epoch.undoStart < state.undoTail)
            return wrong("old data of a living snapshot was freed");
        state.epochs.push_back(std::move(epoch));
    }
    if (state.epochs.back().number != state.openEpoch)
        return wrong("the open epoch is not the last of its state record");

    for (std::uint32_t i = 0; i < sentinelCount; ++i) {
        state.sentinels.push_back(readSentinel(in));
        if (!in.ok() || !isSound(state.sentinels.back(), volumeBytes))
            return wrong("a sentinel of a state record lies outside the volume");
    }
    for (std::uint32_t i = 0; i < epochCount; ++i) {
        StoreEpoch& epoch = state.epochs[i];
        if (mapBytes[i] == 0) {
            if (!epoch.isAcknowledged && !epoch.isVoid)
                return wrong("an epoch that was not acknowledged has no map");
            continue;
        }
        auto map = readMap(in, mapBytes[i], store_nr_granules(volumeBytes));
        if (!map)
            return tl::make_unexpected(map.error());
        epoch.map = std::move(*map);
    }
    auto intents = readMap(in, intentsBytes, store_nr_regions(volumeBytes));
    if (!intents)
        return tl::make_unexpected(intents.error());
    state.intents = std::move(*intents);
    if (!in.atEnd())
        return wrong("a state record is longer than its content");
    return state;
}

Result<std::vector<std::uint32_t>> decodeIntents(ByteView payload, std::uint64_t volumeBytes)
{
    ByteReader in(payload);
    const std::uint32_t count = in.u32();
    const std::uint32_t reserved = in.u32();
    if (!in.ok() || reserved != 0 || in.remaining() != std::uint64_t(count) * 4)
        return wrong("an intent record has the wrong length");
    std::vector<std::uint32_t> regions;
    for (std::uint32_t i = 0; i < count; ++i) {
        regions.push_back(in.u32());
        if (regions.back() >= store_nr_regions(volumeBytes))
            return wrong("an intent record names a region outside the volume");
    }
    return regions;
}

Result<std::vector<dormouse_disk_sentinel>> decodeSentinels(ByteView payload,
                                                            std::uint64_t volumeBytes)
{
    ByteReader in(payload);
    const std::uint32_t count = in.u32();
    const std::uint32_t reserved = in.u32();
    if (!in.ok() || reserved != 0 || count > DORMOUSE_SENTINEL_MAX ||
        in.remaining() != count * sizeof(dormouse_disk_sentinel))
        return wrong("a sentinel record has the wrong length");
    std::vector<dormouse_disk_sentinel> sentinels;
    for (std::uint32_t i = 0; i < count; ++i) {
        sentinels.push_back(readSentinel(in));
        if (!isSound(sentinels.back(), volumeBytes))
            return wrong("a sentinel lies outside the volume");
    }
    return sentinels;
}

Result<UndoUnits> decodeUndo(ByteView payload, std::uint32_t payloadBytes,
                             std::uint64_t volumeBytes)
{
    ByteReader in(payload);
    UndoUnits undo;
    const std::uint32_t count = in.count(4);
    undo.dataOffsetBytes = in.u32();
    const std::uint64_t numbersEnd = DORMOUSE_RECORD_HEADER_BYTES + 8 + std::uint64_t(count) * 4;
    if (!in.ok() || count == 0 || in.remaining() < std::uint64_t(count) * 4)
        return wrong("an undo record names no units");
    if (undo.dataOffsetBytes % DORMOUSE_STORE_BLOCK != 0 || undo.dataOffsetBytes < numbersEnd ||
        undo.dataOffsetBytes - numbersEnd >= DORMOUSE_STORE_BLOCK ||
        undo.dataOffsetBytes + std::uint64_t(count) * DORMOUSE_UNIT_BYTES !=
            std::uint64_t(payloadBytes) + DORMOUSE_RECORD_HEADER_BYTES)
        return wrong("an undo record's data does not lie where it should");
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint32_t unit = in.u32();
        if (unit >= store_nr_units(volumeBytes) ||
            (!undo.units.empty() && unit <= undo.units.back()))
            return wrong("the units of an undo record are out of order or outside the volume");
        undo.units.push_back(unit);
    }
    return undo;
}

} // namespace dormouse
