// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * 128-bit identities: volumes, epochs, machines, runs, repositories, records.
 *
 * Plain value. All zeros means "none". Its text is 32 lower-case hexadecimal
 * digits, as the catalog and the bus carry it.
 */
#pragma once

#include "helper/base/secret.h"

#include <algorithm>
#include <array>
#include <compare>
#include <optional>

namespace dormouse {

struct Id128
{
    std::array<std::uint8_t, 16> bytes{};

    [[nodiscard]] static Id128 random()
    {
        Id128 id;
        randomBytes(id.bytes);
        return id;
    }

    [[nodiscard]] static std::optional<Id128> fromHex(std::string_view text)
    {
        const auto decoded = dormouse::fromHex(text);
        Id128 id;
        if (!decoded || decoded->size() != id.bytes.size())
            return std::nullopt;
        std::copy(decoded->begin(), decoded->end(), id.bytes.begin());
        return id;
    }

    [[nodiscard]] std::string hex() const { return toHex(bytes); }
    [[nodiscard]] bool isNone() const { return *this == Id128{}; }

    friend auto operator<=>(const Id128&, const Id128&) = default;
};

} // namespace dormouse
