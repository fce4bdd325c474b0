// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Extents as the catalog keeps them: a compact, self-checking blob.
 *
 *   byte 0      format, 1
 *   byte 1      unit: every number below counts 2^unit bytes (0..63)
 *   varints     for each extent: gap since the end of the previous one, length
 *   last 4      CRC-32C of everything before, little-endian
 *
 * Varints are LEB128 (7 bits a byte, low first). The unit is the largest that
 * divides every offset and length, so a map of 64 KiB granules takes two to
 * four bytes an extent. Never changes within format 1. SQLite does not
 * checksum pages: the CRC turns a flipped bit into a full comparison instead
 * of a silently wrong increment.
 */
#pragma once

#include "helper/base/extent_list.h"
#include "helper/base/result.h"

#include <cstdint>
#include <span>
#include <vector>

namespace dormouse {

/// `extents` must be in normal form.
[[nodiscard]] std::vector<std::uint8_t> encodeExtents(const ExtentList& extents);

/// Fails on anything that encodeExtents() would not have written in normal form.
[[nodiscard]] Result<ExtentList> decodeExtents(std::span<const std::uint8_t> blob);

} // namespace dormouse
