// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Whose store a device is, as far as its first block tells: enough to find the device
 * again. Whether that store is whole is the kernel module's to judge.
 * No Qt, no libblkid: dormouse-attach needs it before anything is mounted.
 */
#pragma once

#include "helper/base/id.h"

#include <optional>
#include <string>

namespace dormouse {

/// The volume whose external store takes all of this device; nullopt: none does, or it
/// cannot be read. Not through the page cache.
[[nodiscard]] std::optional<Id128> storeLabelOf(const std::string& devicePath);

} // namespace dormouse
