// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A file system mounted nowhere: reached through a descriptor only.
 *
 * The mount is in no name space, so nobody sees it, nothing can be mounted over
 * it, a sandbox does not change it, and it is gone when its last descriptor is
 * closed, however this process ends. It shares the superblock with mounts of
 * the same device that exist already (whose options then hold).
 *
 * Needs CAP_SYS_ADMIN and Linux 5.17 (ext4 by the new mount calls).
 * Threads: the descriptor may be used by several.
 */
#pragma once

#include "helper/base/result.h"
#include "helper/base/unique_fd.h"

#include <string>

namespace dormouse {

enum class MountKind {
    Writable,
    /// Read-only; fails if the journal would have to be replayed first.
    CleanSnapshot,
    /// Read-only, the journal ignored (noload, norecovery): right for a snapshot
    /// that was taken frozen. Another file system of the same UUID does not matter.
    FrozenSnapshot,
};

/// The descriptor names the mount (O_PATH); openRoot() gives one to work with.
/// Always nosuid, nodev, noexec. Only "ext4" and "xfs" (Unsupported: a mount of
/// anything else would be made by code that nobody looked at with hostile images
/// in mind). Busy: it is mounted the other way (read-only or writable).
[[nodiscard]] Result<UniqueFd> mountDetached(const std::string& devicePath,
                                             const std::string& fsType, MountKind kind);

/// The root of a detached mount, open for reading.
[[nodiscard]] Result<UniqueFd> openRoot(const UniqueFd& mount);

/// Lets a detached mount appear at a directory, which the descriptor names.
[[nodiscard]] Result<void> attachMount(const UniqueFd& mount, int directoryFd);

} // namespace dormouse
