// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/engine/block_plan.h"

#include <cstring>

namespace dormouse {

ExtentList widenToBlocks(const ExtentList& extents, std::uint32_t blockBytes,
                         std::uint64_t volumeBytes)
{
    ExtentList wide;
    for (const Extent& extent : extents) {
        if (extent.offsetBytes >= volumeBytes)
            break;
        const std::uint64_t endBytes = std::min(extent.endBytes(), volumeBytes);
        const std::uint64_t beginBytes = extent.offsetBytes / blockBytes * blockBytes;
        const std::uint64_t lastBlock = (endBytes - 1) / blockBytes;
        wide.push_back(
            {beginBytes, std::min((lastBlock + 1) * blockBytes, volumeBytes) - beginBytes});
    }
    return mergeExtents(std::move(wide));
}

BlockPlan planBlocks(const ExtentList& scope, const ExtentList& dropped, std::uint32_t blockBytes,
                     std::uint64_t volumeBytes)
{
    const ExtentList blocks = widenToBlocks(scope, blockBytes, volumeBytes);
    BlockPlan plan;
    plan.wanted = subtractExtents(blocks, dropped);
    plan.puts = widenToBlocks(plan.wanted, blockBytes, volumeBytes);
    plan.holes = subtractExtents(blocks, plan.puts);
    return plan;
}

void clearUnwanted(const ExtentList& wanted, std::uint64_t offsetBytes, std::uint8_t* data,
                   std::size_t bytes)
{
    const std::uint64_t endBytes = offsetBytes + bytes;
    std::uint64_t atBytes = offsetBytes;
    auto next = std::upper_bound(
        wanted.begin(), wanted.end(), offsetBytes,
        [](std::uint64_t value, const Extent& extent) { return value < extent.endBytes(); });
    for (; atBytes < endBytes; ++next) {
        const std::uint64_t keptFrom =
            next == wanted.end() ? endBytes : std::clamp(next->offsetBytes, atBytes, endBytes);
        std::memset(data + (atBytes - offsetBytes), 0, keptFrom - atBytes);
        if (next == wanted.end())
            return;
        atBytes = std::max(keptFrom, std::min(next->endBytes(), endBytes));
    }
}

} // namespace dormouse
