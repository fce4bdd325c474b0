// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Packs: many sealed objects of one kind in one file, with their index at the
 * end. Internal to the library.
 */
#pragma once

#include "helper/repository/backend.h"
#include "helper/repository/crypto.h"

#include <unordered_map>

namespace dormouse {

struct PackIndex
{
    format::ObjectKind kind = format::ObjectKind::Block;
    std::vector<IndexEntry> entries; ///< in the order they are stored, no gaps between
    std::uint64_t fileBytes = 0;
};

/// A pack in memory while it is being filled. One thread at a time.
class PackBuilder
{
public:
    PackBuilder(format::ObjectKind kind, std::size_t expectedBytes);

    [[nodiscard]] const Id128& id() const { return m_id; }
    [[nodiscard]] bool empty() const { return m_entries.empty(); }
    [[nodiscard]] std::size_t sizeBytes() const { return m_bytes.size(); }
    [[nodiscard]] const std::vector<IndexEntry>& entries() const { return m_entries; }

    /// Takes an object as Keys::encodeObject() made it.
    Location append(const Hash256& id, ByteView stored);

    /// The stored form of an object that was appended; empty if there is none.
    [[nodiscard]] ByteView find(const Hash256& id) const;

    /// Adds the index; the pack's bytes may then be put under packName(id()).
    [[nodiscard]] ByteView finish(const Keys& keys);

private:
    Id128 m_id;
    Bytes m_bytes;
    std::vector<IndexEntry> m_entries;
    std::unordered_map<Hash256, std::size_t, IdHasher> m_positions;
};

/// What the pack says of itself. Corrupt unless header, index and size agree.
[[nodiscard]] Result<PackIndex> readPackIndex(Backend& backend, const Keys& keys,
                                              const Id128& packId);

/// The same from the whole pack's bytes.
[[nodiscard]] Result<PackIndex> parsePack(ByteView file, const Keys& keys, const Id128& packId);

} // namespace dormouse
