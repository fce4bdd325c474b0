// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The volume that a store lies on: its device, its file system, and what is free there.
 * Private to the library: see store_setup.h and store_growth.h.
 */
#pragma once

#include "helper/base/result.h"
#include "helper/base/unique_fd.h"
#include "helper/snapshot/volume_probe.h"

#include <cstdint>

namespace dormouse {

inline constexpr std::uint64_t kMiB = 1u << 20;
/// What stays free for the user whatever store was asked for.
inline constexpr std::uint64_t kReserveBytes = 32 * kMiB;

/// For reading. Gone: the path names another device now.
[[nodiscard]] Result<UniqueFd> openDevice(const ProbedVolume& volume);

/// Writable, seen by nobody. Unsupported: its files are on another device.
[[nodiscard]] Result<UniqueFd> mountVolume(const ProbedVolume& volume);

/// What is free for whoever has no privileges.
[[nodiscard]] Result<std::uint64_t> freeBytesOf(int rootFd);

} // namespace dormouse
