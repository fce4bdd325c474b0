// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Owner, attributes, mode and times from one file to another. Private.
 *
 * All through descriptors, in this order: owner (which clears set-uid bits and
 * capabilities), extended attributes with ACLs, mode, times.
 */
#pragma once

#include <optional>
#include <string>

#include <sys/stat.h>

namespace dormouse {

/// nullopt if everything could be set; else a sentence. Where the owner could
/// not be set, set-uid and set-gid bits are left out: they would give away
/// another user's rights. `sourceFd` may be -1: no extended attributes.
[[nodiscard]] std::optional<std::string> copyAttributes(int sourceFd, int targetFd,
                                                        const struct stat& from);

/// The same for what has no usable descriptor: a symbolic link or a node that
/// must not be opened. `pathFd` is an O_PATH descriptor of it.
[[nodiscard]] std::optional<std::string> copyNodeAttributes(int pathFd, const struct stat& from);

} // namespace dormouse
