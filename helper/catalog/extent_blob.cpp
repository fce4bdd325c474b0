// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/catalog/extent_blob.h"

#include "helper/base/coding.h"

#include <array>
#include <bit>

namespace dormouse {

namespace {

constexpr std::uint8_t blobFormat = 1;
constexpr std::size_t checksumBytes = 4;

constexpr auto crcTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit)
            value = (value >> 1) ^ ((value & 1) != 0 ? 0x82f63b78u : 0);
        table[i] = value;
    }
    return table;
}();

std::uint32_t crc32c(ByteView bytes)
{
    std::uint32_t crc = ~0u;
    for (const std::uint8_t byte : bytes)
        crc = (crc >> 8) ^ crcTable[(crc ^ byte) & 0xff];
    return ~crc;
}

void writeVarint(ByteWriter& out, std::uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        out.u8(static_cast<std::uint8_t>(value | 0x80));
    out.u8(static_cast<std::uint8_t>(value));
}

/// Fails the reader on more than 64 bits and on a form longer than needed.
std::uint64_t readVarint(ByteReader& in)
{
    std::uint64_t value = 0;
    for (int shift = 0; in.ok(); shift += 7) {
        const std::uint8_t byte = in.u8();
        const std::uint64_t bits = byte & 0x7f;
        if (shift > 63 || (bits << shift >> shift) != bits || (byte == 0 && shift > 0))
            break;
        value |= bits << shift;
        if (byte < 0x80)
            return value;
    }
    in.setFailed();
    return 0;
}

Failure damaged()
{
    return fail(Error::Code::Corrupt, "a stored list of changed blocks is damaged");
}

} // namespace

std::vector<std::uint8_t> encodeExtents(const ExtentList& extents)
{
    std::uint64_t allBits = 0;
    for (const Extent& extent : extents)
        allBits |= extent.offsetBytes | extent.lengthBytes;
    const int unit = allBits == 0 ? 0 : std::countr_zero(allBits);

    ByteWriter out;
    out.u8(blobFormat);
    out.u8(static_cast<std::uint8_t>(unit));
    std::uint64_t atBytes = 0;
    for (const Extent& extent : extents) {
        writeVarint(out, (extent.offsetBytes - atBytes) >> unit);
        writeVarint(out, extent.lengthBytes >> unit);
        atBytes = extent.endBytes();
    }
    out.u32(crc32c(out.bytes()));
    return out.take();
}

Result<ExtentList> decodeExtents(std::span<const std::uint8_t> blob)
{
    if (blob.size() < 2 + checksumBytes)
        return damaged();
    const auto body = blob.first(blob.size() - checksumBytes);
    ByteReader checksum(blob.last(checksumBytes));
    if (checksum.u32() != crc32c(body))
        return damaged();

    ByteReader in(body);
    if (in.u8() != blobFormat)
        return fail(Error::Code::Unsupported, "a list of changed blocks has an unknown format");
    const int unit = in.u8();
    if (unit > 63)
        return damaged();

    ExtentList extents;
    std::uint64_t atUnits = 0;
    const std::uint64_t maxUnits = ~std::uint64_t(0) >> unit;
    while (in.ok() && !in.atEnd()) {
        const std::uint64_t gapUnits = readVarint(in);
        const std::uint64_t lengthUnits = readVarint(in);
        if (!in.ok() || gapUnits > maxUnits - atUnits ||
            lengthUnits > maxUnits - atUnits - gapUnits)
            return damaged();
        atUnits += gapUnits;
        extents.push_back({atUnits << unit, lengthUnits << unit});
        atUnits += lengthUnits;
    }
    if (!in.ok() || !isNormal(extents))
        return damaged();
    return extents;
}

} // namespace dormouse
