// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Devices that are all store, or could be: nothing else is on them.
 *
 * Looks at the devices themselves and at sysfs, like volume_probe.h; opens nothing for
 * writing. Threads: any.
 */
#pragma once

#include "helper/base/id.h"
#include "helper/base/result.h"

#include <cstdint>
#include <optional>
#include <string>

namespace dormouse {

struct StoreDevice
{
    std::string devicePath; ///< "/dev/sdb1"
    std::string kernelName; ///< "sdb1"
    std::uint32_t deviceMajor = 0, deviceMinor = 0;
    std::uint64_t sizeBytes = 0;
    std::optional<Id128> volumeId; ///< whose store is on it already
};

/// The device of this name, be it a link beneath /dev. Invalid: not a block device.
/// Unsupported: it cannot be a store, for instance because something is on it.
[[nodiscard]] Result<StoreDevice> findStoreDevice(const std::string& path);

/// The one that holds this volume's store. NotFound: none that is connected does. Busy:
/// two do (a clone).
[[nodiscard]] Result<StoreDevice> findStoreOf(const Id128& volumeId);

/// "sdb1"; empty if there is no such device.
[[nodiscard]] std::string kernelNameOf(std::uint32_t deviceMajor, std::uint32_t deviceMinor);

/// Whether the first device is built upon the second one, or is it, or a part of it.
[[nodiscard]] bool liesAbove(const std::string& upperKernelName,
                             const std::string& lowerKernelName);

} // namespace dormouse
