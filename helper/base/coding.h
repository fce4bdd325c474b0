// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Bytes to numbers and back, for every format of ours.
 *
 * All numbers are little-endian. ByteWriter appends to a vector it owns.
 * ByteReader walks over bytes it does not own and never reads past their end:
 * after the first failed read, `ok()` is false for good, and every further read
 * yields zeros. A decoder reads everything, then asks `ok()` and `atEnd()` once.
 *
 * Plain values: no thread may use one while another changes it.
 */
#pragma once

#include "helper/base/result.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dormouse {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;
using MutableByteView = std::span<std::uint8_t>;

class ByteWriter
{
public:
    void u8(std::uint8_t value) { m_bytes.push_back(value); }
    void u16(std::uint16_t value) { number(value, 2); }
    void u32(std::uint32_t value) { number(value, 4); }
    void u64(std::uint64_t value) { number(value, 8); }
    void i64(std::int64_t value) { number(static_cast<std::uint64_t>(value), 8); }
    void raw(ByteView bytes) { m_bytes.insert(m_bytes.end(), bytes.begin(), bytes.end()); }
    void zeros(std::size_t count) { m_bytes.resize(m_bytes.size() + count); }

    /// u32 length, then the bytes.
    void blob(ByteView bytes);
    /// The same for text, which formats hold as UTF-8.
    void text(std::string_view text);

    [[nodiscard]] std::size_t size() const { return m_bytes.size(); }
    [[nodiscard]] const Bytes& bytes() const { return m_bytes; }
    [[nodiscard]] Bytes take() { return std::move(m_bytes); }

private:
    void number(std::uint64_t value, int lengthBytes);

    Bytes m_bytes;
};

class ByteReader
{
public:
    /// The bytes must outlive the reader and everything raw() returned.
    explicit ByteReader(ByteView bytes) : m_rest(bytes) {}

    std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
    std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
    std::uint64_t u64() { return number(8); }
    std::int64_t i64() { return static_cast<std::int64_t>(number(8)); }

    /// The next `count` bytes, in place; empty when there are fewer.
    ByteView raw(std::size_t count);
    template <std::size_t N> std::array<std::uint8_t, N> array()
    {
        std::array<std::uint8_t, N> value{};
        const ByteView bytes = raw(N);
        for (std::size_t i = 0; i < bytes.size(); ++i)
            value[i] = bytes[i];
        return value;
    }

    /// What blob() wrote. A length above `maxBytes` fails the reader.
    ByteView blob(std::size_t maxBytes);
    std::string text(std::size_t maxBytes);

    /// A count that says how many members of at least `memberBytes` each follow.
    /// One that could not fit in the rest fails the reader and yields 0, so that
    /// hostile counts never size an allocation.
    std::uint32_t count(std::size_t memberBytes);

    /// For decoders that find a value out of its range.
    void setFailed() { m_ok = false; }

    [[nodiscard]] bool ok() const { return m_ok; }
    [[nodiscard]] bool atEnd() const { return m_ok && m_rest.empty(); }
    [[nodiscard]] std::size_t remaining() const { return m_rest.size(); }

private:
    std::uint64_t number(int lengthBytes);

    ByteView m_rest;
    bool m_ok = true;
};

/// Lower-case hexadecimal.
[[nodiscard]] std::string toHex(ByteView bytes);

/// Either case. Invalid for an odd length or any other character.
[[nodiscard]] Result<Bytes> fromHex(std::string_view text);

[[nodiscard]] inline ByteView asBytes(std::string_view text)
{
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

[[nodiscard]] inline std::string_view asText(ByteView bytes)
{
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

} // namespace dormouse
