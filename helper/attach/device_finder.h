// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Finds the block device that holds a file system, through libblkid.
 *
 * Looks at the devices themselves (never at a cache or at /dev/disk/by-uuid,
 * where one of two clones hides the other). Left out: devices that others are
 * built upon (members of RAID, multipath, LVM: they show the same file system
 * as what lies above them), read-only snapshot disks of our own, RAM disks.
 */
#pragma once

#include "helper/base/id.h"

#include <optional>
#include <string>
#include <vector>

namespace dormouse {

struct FoundDevice
{
    std::string path; ///< "/dev/vdb1"
    std::string fsUuid;
    std::string fsType;
    std::optional<Id128> storeOf; ///< the volume whose store takes all of it
};

/// What is on this device; empty strings if nothing is recognised (or two
/// things are, which libblkid refuses to guess about).
[[nodiscard]] FoundDevice probeDevice(const std::string& path);

/// All devices with a file system or a store.
[[nodiscard]] std::vector<FoundDevice> findDevices();

/// False for what findDevices() leaves out ("vdb1" from "/dev/vdb1").
[[nodiscard]] bool isCandidate(const std::string& kernelName);

} // namespace dormouse
