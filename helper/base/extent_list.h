// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Ranges of a volume, as change sets, backups and stores speak of them.
 *
 * An ExtentList is *normal* when it is ascending, disjoint, without empty
 * members and without neighbours that touch. Everything that crosses a library
 * boundary is normal; mergeExtents() makes any list so.
 *
 * Plain values, usable in any thread.
 */
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

namespace dormouse {

/// Bytes from the start of the volume, [offsetBytes, offsetBytes + lengthBytes).
struct Extent
{
    std::uint64_t offsetBytes = 0;
    std::uint64_t lengthBytes = 0;

    /// One past the last byte; saturates instead of wrapping.
    [[nodiscard]] std::uint64_t endBytes() const
    {
        const auto room = std::numeric_limits<std::uint64_t>::max() - offsetBytes;
        return offsetBytes + std::min(lengthBytes, room);
    }

    friend bool operator==(const Extent&, const Extent&) = default;
};

using ExtentList = std::vector<Extent>;

/// The union of all members, in normal form.
[[nodiscard]] inline ExtentList mergeExtents(ExtentList extents)
{
    std::sort(extents.begin(), extents.end(),
              [](const Extent& a, const Extent& b) { return a.offsetBytes < b.offsetBytes; });
    ExtentList merged;
    for (const Extent& extent : extents) {
        if (extent.lengthBytes == 0)
            continue;
        if (!merged.empty() && extent.offsetBytes <= merged.back().endBytes()) {
            Extent& last = merged.back();
            last.lengthBytes = std::max(last.endBytes(), extent.endBytes()) - last.offsetBytes;
        } else {
            merged.push_back({extent.offsetBytes, extent.endBytes() - extent.offsetBytes});
        }
    }
    return merged;
}

/// What `from` covers and `holes` does not. Both in normal form, and so is the answer.
[[nodiscard]] inline ExtentList subtractExtents(const ExtentList& from, const ExtentList& holes)
{
    ExtentList left;
    auto hole = holes.begin();
    for (const Extent& extent : from) {
        std::uint64_t atBytes = extent.offsetBytes;
        while (hole != holes.end() && hole->endBytes() <= atBytes)
            ++hole;
        for (auto next = hole; next != holes.end() && next->offsetBytes < extent.endBytes();
             ++next) {
            if (next->offsetBytes > atBytes)
                left.push_back({atBytes, next->offsetBytes - atBytes});
            atBytes = std::max(atBytes, next->endBytes());
        }
        if (atBytes < extent.endBytes())
            left.push_back({atBytes, extent.endBytes() - atBytes});
    }
    return left;
}

/// Ascending, disjoint, no empty or touching members, nothing beyond 2^64.
[[nodiscard]] inline bool isNormal(const ExtentList& extents)
{
    const Extent* previous = nullptr;
    for (const Extent& extent : extents) {
        if (extent.lengthBytes == 0 || extent.endBytes() - extent.offsetBytes != extent.lengthBytes)
            return false;
        if (previous != nullptr && extent.offsetBytes <= previous->endBytes())
            return false;
        previous = &extent;
    }
    return true;
}

/// Sum of the lengths of a normal list.
[[nodiscard]] inline std::uint64_t totalBytes(const ExtentList& extents)
{
    std::uint64_t sumBytes = 0;
    for (const Extent& extent : extents)
        sumBytes += extent.lengthBytes;
    return sumBytes;
}

} // namespace dormouse
