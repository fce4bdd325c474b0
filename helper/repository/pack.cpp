// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/repository/pack.h"

namespace dormouse {

namespace {

Bytes associatedOf(ByteView header, std::uint32_t objectCount)
{
    ByteWriter associated;
    associated.raw(header);
    associated.u32(objectCount);
    return associated.take();
}

struct Trailer
{
    std::uint32_t sealedBytes = 0;
    std::uint32_t objectCount = 0;
};

Result<Trailer> parseTrailer(ByteView bytes, std::uint64_t fileBytes)
{
    ByteReader reader(bytes);
    Trailer trailer;
    trailer.sealedBytes = reader.u32();
    trailer.objectCount = reader.u32();
    const ByteView magic = reader.raw(format::magicBytes);
    if (!reader.atEnd() || asText(magic) != format::packEndMagic ||
        trailer.sealedBytes + format::packHeaderBytes + format::packTrailerBytes > fileBytes ||
        trailer.sealedBytes != std::uint64_t{trailer.objectCount} * format::packIndexEntryBytes +
                                   format::sealOverheadBytes)
        return fail(Error::Code::Corrupt, "the pack's end is missing or damaged");
    return trailer;
}

Result<PackIndex> parseIndex(ByteView header, const Trailer& trailer, ByteView sealed,
                             std::uint64_t fileBytes, const Keys& keys, const Id128& packId)
{
    ByteReader headerReader(header);
    const ByteView magic = headerReader.raw(format::magicBytes);
    const std::uint32_t version = headerReader.u32();
    const auto kind = static_cast<format::ObjectKind>(headerReader.u8());
    headerReader.raw(3);
    const auto id = headerReader.array<format::idBytes>();
    if (!headerReader.atEnd() || asText(magic) != format::packMagic || id != packId.bytes)
        return fail(Error::Code::Corrupt, "the pack's beginning is damaged");
    if (version != format::version)
        return fail(Error::Code::Unsupported, "a newer program wrote this pack");

    const auto plain =
        keys.unseal(format::Subkey::PackIndex, associatedOf(header, trailer.objectCount), sealed);
    if (!plain)
        return addContext(plain.error(), "the pack's index");
    PackIndex index;
    index.kind = kind;
    index.fileBytes = fileBytes;
    index.entries.resize(trailer.objectCount);
    ByteReader reader(*plain);
    std::uint64_t endBytes = format::packHeaderBytes;
    for (IndexEntry& entry : index.entries) {
        entry.id = reader.array<format::hashBytes>();
        entry.location.packId = packId;
        entry.location.offsetBytes = reader.u32();
        entry.location.lengthBytes = reader.u32();
        if (entry.location.offsetBytes != endBytes)
            reader.setFailed();
        endBytes += entry.location.lengthBytes;
    }
    if (!reader.atEnd() || endBytes + sealed.size() + format::packTrailerBytes != fileBytes ||
        (kind != format::ObjectKind::Block && kind != format::ObjectKind::MapNode))
        return fail(Error::Code::Corrupt, "the pack's index makes no sense");
    return index;
}

} // namespace

PackBuilder::PackBuilder(format::ObjectKind kind, std::size_t expectedBytes) : m_id(Id128::random())
{
    m_bytes.reserve(expectedBytes);
    ByteWriter header;
    header.raw(asBytes(format::packMagic));
    header.u32(format::version);
    header.u8(static_cast<std::uint8_t>(kind));
    header.zeros(3);
    header.raw(m_id.bytes);
    m_bytes.insert(m_bytes.end(), header.bytes().begin(), header.bytes().end());
}

Location PackBuilder::append(const Hash256& id, ByteView stored)
{
    const Location location{m_id, static_cast<std::uint32_t>(m_bytes.size()),
                            static_cast<std::uint32_t>(stored.size())};
    m_bytes.insert(m_bytes.end(), stored.begin(), stored.end());
    m_positions.emplace(id, m_entries.size());
    m_entries.push_back({id, location});
    return location;
}

ByteView PackBuilder::find(const Hash256& id) const
{
    const auto position = m_positions.find(id);
    if (position == m_positions.end())
        return {};
    const Location& location = m_entries[position->second].location;
    return ByteView(m_bytes).subspan(location.offsetBytes, location.lengthBytes);
}

ByteView PackBuilder::finish(const Keys& keys)
{
    ByteWriter index;
    for (const IndexEntry& entry : m_entries) {
        index.raw(entry.id);
        index.u32(entry.location.offsetBytes);
        index.u32(entry.location.lengthBytes);
    }
    const auto objectCount = static_cast<std::uint32_t>(m_entries.size());
    const Bytes sealed = keys.seal(
        format::Subkey::PackIndex,
        associatedOf(ByteView(m_bytes).first(format::packHeaderBytes), objectCount), index.bytes());
    ByteWriter trailer;
    trailer.u32(static_cast<std::uint32_t>(sealed.size()));
    trailer.u32(objectCount);
    trailer.raw(asBytes(format::packEndMagic));
    m_bytes.insert(m_bytes.end(), sealed.begin(), sealed.end());
    m_bytes.insert(m_bytes.end(), trailer.bytes().begin(), trailer.bytes().end());
    return m_bytes;
}

Result<PackIndex> readPackIndex(Backend& backend, const Keys& keys, const Id128& packId)
{
    const std::string name = format::packName(packId);
    const auto stat = backend.stat(name);
    if (!stat)
        return Failure(stat.error());
    const std::uint64_t fileBytes = stat->sizeBytes;
    if (fileBytes < format::packHeaderBytes + format::packTrailerBytes ||
        fileBytes > format::maxPackBytes)
        return fail(Error::Code::Corrupt, "the pack has an impossible size");

    Bytes header(format::packHeaderBytes);
    Bytes trailerBytes(format::packTrailerBytes);
    auto got = backend.getRange(name, 0, header);
    if (got)
        got = backend.getRange(name, fileBytes - trailerBytes.size(), trailerBytes);
    if (!got)
        return Failure(got.error());
    const auto trailer = parseTrailer(trailerBytes, fileBytes);
    if (!trailer)
        return Failure(trailer.error());
    Bytes sealed(trailer->sealedBytes);
    got = backend.getRange(name, fileBytes - trailerBytes.size() - sealed.size(), sealed);
    if (!got)
        return Failure(got.error());
    return parseIndex(header, *trailer, sealed, fileBytes, keys, packId);
}

Result<PackIndex> parsePack(ByteView file, const Keys& keys, const Id128& packId)
{
    if (file.size() < format::packHeaderBytes + format::packTrailerBytes)
        return fail(Error::Code::Corrupt, "the pack is too short");
    const auto trailer = parseTrailer(file.last(format::packTrailerBytes), file.size());
    if (!trailer)
        return Failure(trailer.error());
    const std::size_t sealedAt = file.size() - format::packTrailerBytes - trailer->sealedBytes;
    return parseIndex(file.first(format::packHeaderBytes), *trailer,
                      file.subspan(sealedAt, trailer->sealedBytes), file.size(), keys, packId);
}

} // namespace dormouse
