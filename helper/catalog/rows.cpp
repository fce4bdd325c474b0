// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/catalog/rows.h"

#include <sys/random.h>

#include <cstdlib>

namespace dormouse {

std::string hexFromId(std::span<const std::uint8_t, 16> id)
{
    constexpr char digits[] = "0123456789abcdef";
    std::string hex;
    for (const std::uint8_t byte : id) {
        hex.push_back(digits[byte >> 4]);
        hex.push_back(digits[byte & 15]);
    }
    return hex;
}

std::optional<RawId> idFromHex(std::string_view hex)
{
    const auto value = [](char c) -> int {
        if (c >= '0' && c <= '9')
            return c - '0';
        if (c >= 'a' && c <= 'f')
            return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
            return c - 'A' + 10;
        return -1;
    };
    RawId id{};
    if (hex.size() != 2 * id.size())
        return std::nullopt;
    for (std::size_t i = 0; i < id.size(); ++i) {
        const int high = value(hex[2 * i]);
        const int low = value(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return std::nullopt;
        id[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return id;
}

std::string makeRandomId()
{
    RawId id{};
    // 16 bytes never come short once the kernel's generator is seeded, and an
    // identifier that is not random would silently join two histories.
    if (getrandom(id.data(), id.size(), 0) != static_cast<ssize_t>(id.size()))
        std::abort();
    return hexFromId(id);
}

} // namespace dormouse
