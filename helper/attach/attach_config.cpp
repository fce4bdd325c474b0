// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/attach/attach_config.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace dormouse {

namespace {

constexpr std::string_view kHeader = "dormouse-attach 1";
constexpr std::string_view kHexDigits = "0123456789abcdef";

std::vector<std::string_view> words(std::string_view line)
{
    std::vector<std::string_view> found;
    while (true) {
        const auto begin = line.find_first_not_of(" \t\r");
        if (begin == std::string_view::npos)
            return found;
        line.remove_prefix(begin);
        const auto end = std::min(line.find_first_of(" \t\r"), line.size());
        found.push_back(line.substr(0, end));
        line.remove_prefix(end);
    }
}

std::optional<std::uint64_t> number(std::string_view text)
{
    std::uint64_t value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || stop != text.data() + text.size())
        return std::nullopt;
    return value;
}

std::optional<std::array<std::uint8_t, 16>> volumeId(std::string_view text)
{
    std::array<std::uint8_t, 16> id{};
    if (text.size() != 2 * id.size())
        return std::nullopt;
    for (std::size_t i = 0; i < id.size(); ++i) {
        const auto high = kHexDigits.find(text[2 * i]);
        const auto low = kHexDigits.find(text[2 * i + 1]);
        if (high == std::string_view::npos || low == std::string_view::npos)
            return std::nullopt;
        id[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return id;
}

std::optional<AttachEntry> entryOf(const std::vector<std::string_view>& parts)
{
    if (parts.size() < 6 || parts.size() > 7 || parts[0] != "volume")
        return std::nullopt;
    const auto id = volumeId(parts[1]);
    const auto offset = number(parts[4]);
    const auto offsetB = number(parts[5]);
    if (!id || !offset || !offsetB)
        return std::nullopt;
    return AttachEntry{*id,
                       std::string(parts[2]),
                       std::string(parts[3]),
                       *offset,
                       *offsetB,
                       parts.size() == 7 ? std::string(parts[6]) : std::string()};
}

} // namespace

std::string volumeIdText(const std::array<std::uint8_t, 16>& id)
{
    std::string text;
    for (const std::uint8_t byte : id) {
        text.push_back(kHexDigits[byte >> 4]);
        text.push_back(kHexDigits[byte & 15]);
    }
    return text;
}

std::string formatAttachConfig(const std::vector<AttachEntry>& entries)
{
    std::string text(kHeader);
    text += "\n# Written by dormoused: changes made here are lost.\n";
    for (const AttachEntry& entry : entries) {
        text += "volume " + volumeIdText(entry.volumeId) + " " + entry.fsUuid + " " + entry.fsType +
                " " + std::to_string(entry.superblockOffsetBytes) + " " +
                std::to_string(entry.superblockOffsetBBytes) +
                (entry.storeDevice.empty() ? "" : " " + entry.storeDevice) + "\n";
    }
    return text;
}

Result<std::vector<AttachEntry>> parseAttachConfig(std::string_view text)
{
    std::vector<AttachEntry> entries;
    bool hasHeader = false;
    for (int lineNumber = 1; !text.empty(); ++lineNumber) {
        const auto end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const auto parts = words(line);
        if (parts.empty() || parts[0].front() == '#')
            continue;
        if (!hasHeader) {
            if (parts.size() != 2 || parts[0] != "dormouse-attach")
                return fail(Error::Code::Corrupt, "this is not a list of volumes to attach");
            if (parts[1] != "1")
                return fail(Error::Code::Unsupported, "a newer Dormouse wrote this list");
            hasHeader = true;
            continue;
        }
        auto entry = entryOf(parts);
        if (!entry)
            return fail(Error::Code::Corrupt,
                        "line " + std::to_string(lineNumber) + " cannot be understood");
        entries.push_back(std::move(*entry));
    }
    if (!hasHeader)
        return fail(Error::Code::Corrupt, "the list of volumes to attach has no first line");
    return entries;
}

} // namespace dormouse
