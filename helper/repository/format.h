// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Numbers and names of repository format 1. Internal to the library.
 *
 * Everything here lives on disk: never change it, add to it. The document is
 * docs/REPOSITORY_FORMAT.md.
 */
#pragma once

#include "helper/repository/backup_record.h"

#include <cstring>

namespace dormouse::format {

inline constexpr std::uint32_t version = 1;

inline constexpr std::string_view configMagic = "DRMOUSER";
inline constexpr std::string_view keyMagic = "DRMOUSEK";
inline constexpr std::string_view packMagic = "DRMOUSEP";
inline constexpr std::string_view packEndMagic = "DRMOUSEE";
inline constexpr std::string_view indexMagic = "DRMOUSEI";
inline constexpr std::string_view recordMagic = "DRMOUSEB";
inline constexpr std::string_view intentMagic = "DRMOUSEW";

inline constexpr std::string_view configName = "config";
inline constexpr std::string_view passphraseSlotName = "keys/passphrase";
inline constexpr std::string_view recoverySlotName = "keys/recovery";
inline constexpr std::string_view plainSlotName = "keys/plain";
inline constexpr std::string_view packsPrefix = "packs/";
inline constexpr std::string_view indexPrefix = "index/";
inline constexpr std::string_view recordsPrefix = "records/";
inline constexpr std::string_view intentsPrefix = "intents/";

inline constexpr std::uint32_t configKeyBesideData = 1u << 0;
inline constexpr std::uint32_t recordIncomplete = 1u << 0;

inline constexpr std::size_t magicBytes = 8;
inline constexpr std::size_t hashBytes = 32;
inline constexpr std::size_t idBytes = 16;
inline constexpr std::size_t keyBytes = 32;
inline constexpr std::size_t nonceBytes = 24;
inline constexpr std::size_t tagBytes = 16;
inline constexpr std::size_t sealOverheadBytes = nonceBytes + tagBytes;

inline constexpr std::size_t minBlockBytes = 4u << 10;
inline constexpr std::size_t maxBlockBytes = 1u << 20;

/// Children of a map node, and blocks of a leaf.
inline constexpr std::size_t mapFanout = 64;

inline constexpr std::size_t packHeaderBytes = 32;
inline constexpr std::size_t packTrailerBytes = 16;
inline constexpr std::size_t packIndexEntryBytes = hashBytes + 8;
/// No writer makes larger packs, and no reader accepts them.
inline constexpr std::size_t maxPackBytes = 1u << 30;

inline constexpr std::size_t runHeaderBytes = 48;
inline constexpr std::size_t runEntryBytes = hashBytes + idBytes + 8;
inline constexpr std::size_t runPageEntries = 256;
inline constexpr std::size_t runMaxEntries = 1u << 22;
inline constexpr unsigned filterBitsPerEntry = 10;
inline constexpr unsigned filterProbes = 7;

inline constexpr std::size_t maxSmallFileBytes = 1u << 20; ///< config, key slots, intents
inline constexpr std::size_t maxRecordBytes = 256u << 20;

enum class ObjectKind : std::uint8_t { Block = 1, MapNode = 2 };
enum class Codec : std::uint8_t { Stored = 0, Zstd = 1 };
enum class SlotKind : std::uint8_t { Passphrase = 1, Recovery = 2, Plain = 3 };
enum class IntentKind : std::uint32_t { Writer = 1, Prune = 2 };

/// Numbers given to the key derivation.
enum class Subkey : std::uint64_t {
    BlockId = 1,
    NodeId = 2,
    Block = 3,
    Node = 4,
    PackIndex = 5,
    IndexRun = 6,
    Record = 7,
    Intent = 8,
    Config = 9,
};

inline std::string packName(const Id128& id)
{
    const std::string hex = id.hex();
    return std::string(packsPrefix) + hex.substr(0, 2) + "/" + hex;
}

inline std::string runName(const Id128& id)
{
    return std::string(indexPrefix) + id.hex();
}

inline std::string recordName(const Id128& id)
{
    return std::string(recordsPrefix) + id.hex();
}

inline std::string intentName(const Id128& id)
{
    return std::string(intentsPrefix) + id.hex();
}

/// The id that the last part of an object's name says, if it says one.
inline std::optional<Id128> idFromName(std::string_view name)
{
    const std::size_t slash = name.rfind('/');
    return Id128::fromHex(slash == std::string_view::npos ? name : name.substr(slash + 1));
}

} // namespace dormouse::format

namespace dormouse {

/// Where an object is.
struct Location
{
    Id128 packId;
    std::uint32_t offsetBytes = 0;
    std::uint32_t lengthBytes = 0; ///< as stored: nonce, ciphertext, tag

    friend auto operator<=>(const Location&, const Location&) = default;
};

struct IndexEntry
{
    Hash256 id{};
    Location location;

    friend auto operator<=>(const IndexEntry&, const IndexEntry&) = default;
};

inline constexpr Hash256 holeId{};

/// Ids are keyed hashes: any eight bytes of them are a good hash value.
struct IdHasher
{
    std::size_t operator()(const Hash256& id) const { return first8(id.data()); }
    std::size_t operator()(const Id128& id) const { return first8(id.bytes.data()); }

private:
    static std::size_t first8(const std::uint8_t* bytes)
    {
        std::size_t value = 0;
        std::memcpy(&value, bytes, sizeof value);
        return value;
    }
};

} // namespace dormouse
