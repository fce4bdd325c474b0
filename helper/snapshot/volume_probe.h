// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What block devices there are, and which of them can be protected.
 *
 * Looks at the devices themselves (libblkid), at /proc/self/mountinfo and at
 * sysfs; nothing is cached, nothing is opened for writing. A device that others
 * are built upon (a RAID or LVM member, an opened LUKS container's lower disk),
 * our own snapshot disks, loop devices that browsing made, RAM disks and swap
 * are left out; one that holds an unsuitable file system is listed with a
 * refusal, so that a person sees why.
 *
 * Takes some milliseconds a device; blocks while a sleeping disk spins up.
 * Threads: any.
 */
#pragma once

#include "helper/base/result.h"

#include <cstdint>
#include <string>
#include <vector>

namespace dormouse {

struct ProbedVolume
{
    std::string devicePath; ///< "/dev/vdb1"
    std::string kernelName; ///< "vdb1"
    std::uint32_t deviceMajor = 0, deviceMinor = 0;
    std::string fsUuid;
    std::string fsType; ///< as blkid prints it
    std::string label;
    std::uint64_t sizeBytes = 0;
    std::vector<std::string> mountPoints; ///< of its root, shortest first
    bool isMountedReadOnly = false;
    std::string parentDisk; ///< kernel name of the whole disk; its own for a whole disk

    /// Why it cannot be protected now, in a sentence; empty if it can.
    std::string refusal;

    [[nodiscard]] bool isProtectable() const { return refusal.empty(); }
};

/// Everything with a file system, by device name.
[[nodiscard]] Result<std::vector<ProbedVolume>> probeVolumes();

/// False for devices that are left out ("vdb1").
[[nodiscard]] bool isUsableDevice(const std::string& kernelName);

/// The one with this file system. NotFound if it is absent; Busy if two devices
/// hold it (a clone: taking the wrong one would give its history to the other).
[[nodiscard]] Result<ProbedVolume> findVolume(const std::string& fsUuid);

} // namespace dormouse
