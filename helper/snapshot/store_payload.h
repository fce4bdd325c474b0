// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Payloads of a store's records to values. Headers and maps are unpacked by the
 * module's own pure files; what is here has to be right by itself, from
 * docs/STORE_FORMAT.md, and so checks the module as much as the disk.
 *
 * Pure functions, any thread. Errors: Corrupt, with a sentence.
 */
#pragma once

#include "helper/base/coding.h"
#include "helper/base/id.h"
#include "helper/base/result.h"
#include "kmod/record_codec.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace dormouse {

/// A bit a granule (or a region), in the module's words.
using StoreMap = std::vector<u64>;

struct StoreEpoch
{
    std::uint64_t number = 0;
    std::uint64_t firstNumber = 0; ///< less than `number` for a merged one
    Id128 id;     ///< of its start
    Id128 fromId; ///< of firstNumber's start
    std::uint64_t createdNs = 0;
    std::uint64_t undoStart = 0; ///< block of the undo ring, counted up
    bool isAcknowledged = false;
    bool isVoid = false;
    bool hasSnapshot = false; ///< a durable one
    std::optional<StoreMap> map;
};

struct StoreState
{
    std::uint64_t openEpoch = 0;
    bool wasLeftOpen = false;
    bool wasHeld = false; ///< a SEAL of an external store: the volume was mounted, or held
    std::vector<StoreEpoch> epochs; ///< ascending, the open one last
    std::vector<dormouse_disk_sentinel> sentinels;
    StoreMap intents;
    std::uint64_t undoTail = 0, undoHead = 0;
    std::uint64_t undoSequence = 0, undoTailSequence = 0;
    std::uint32_t undoPrevCrc = 0, undoTailPrevCrc = 0;
};

/// Of EPOCH, MAP and SEAL.
[[nodiscard]] Result<StoreState> decodeState(ByteView payload, std::uint64_t volumeBytes);

/// Region numbers of an INTENT.
[[nodiscard]] Result<std::vector<std::uint32_t>> decodeIntents(ByteView payload,
                                                               std::uint64_t volumeBytes);

[[nodiscard]] Result<std::vector<dormouse_disk_sentinel>>
decodeSentinels(ByteView payload, std::uint64_t volumeBytes);

struct UndoUnits
{
    std::vector<std::uint32_t> units;  ///< ascending
    std::uint32_t dataOffsetBytes = 0; ///< of the first unit's data, from the record's start
};

/// Of an UNDO record; `payload` may stop behind the unit numbers, the whole
/// payload's length is `payloadBytes`.
[[nodiscard]] Result<UndoUnits> decodeUndo(ByteView payload, std::uint32_t payloadBytes,
                                           std::uint64_t volumeBytes);

} // namespace dormouse
