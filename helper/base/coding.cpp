// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/base/coding.h"

namespace dormouse {

void ByteWriter::number(std::uint64_t value, int lengthBytes)
{
    for (int i = 0; i < lengthBytes; ++i)
        m_bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

void ByteWriter::blob(ByteView bytes)
{
    u32(static_cast<std::uint32_t>(bytes.size()));
    raw(bytes);
}

void ByteWriter::text(std::string_view text)
{
    blob(asBytes(text));
}

std::uint64_t ByteReader::number(int lengthBytes)
{
    const ByteView bytes = raw(static_cast<std::size_t>(lengthBytes));
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        value |= static_cast<std::uint64_t>(bytes[i]) << (8 * i);
    return value;
}

ByteView ByteReader::raw(std::size_t count)
{
    if (!m_ok || count > m_rest.size()) {
        m_ok = false;
        return {};
    }
    const ByteView bytes = m_rest.first(count);
    m_rest = m_rest.subspan(count);
    return bytes;
}

ByteView ByteReader::blob(std::size_t maxBytes)
{
    const std::uint32_t lengthBytes = u32();
    if (lengthBytes > maxBytes)
        m_ok = false;
    return raw(lengthBytes);
}

std::string ByteReader::text(std::size_t maxBytes)
{
    return std::string(asText(blob(maxBytes)));
}

std::uint32_t ByteReader::count(std::size_t memberBytes)
{
    const std::uint32_t value = u32();
    if (m_ok && memberBytes > 0 && value > m_rest.size() / memberBytes)
        m_ok = false;
    return m_ok ? value : 0;
}

std::string toHex(ByteView bytes)
{
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const std::uint8_t byte : bytes) {
        text.push_back(digits[byte >> 4]);
        text.push_back(digits[byte & 15]);
    }
    return text;
}

Result<Bytes> fromHex(std::string_view text)
{
    const auto digit = [](char c) {
        if (c >= '0' && c <= '9')
            return c - '0';
        if (c >= 'a' && c <= 'f')
            return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
            return c - 'A' + 10;
        return -1;
    };
    if (text.size() % 2 != 0)
        return fail(Error::Code::Invalid, "not a whole number of hexadecimal bytes");
    Bytes bytes;
    bytes.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = digit(text[i]);
        const int low = digit(text[i + 1]);
        if (high < 0 || low < 0)
            return fail(Error::Code::Invalid, "not a hexadecimal digit");
        bytes.push_back(static_cast<std::uint8_t>(high << 4 | low));
    }
    return bytes;
}

} // namespace dormouse
