// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What the helper asks of a dormouse-browse process, and what that answers.
 *
 * A browse session is a process of its own (dormouse-browse), because a mount
 * made by the sandboxed helper would be seen by nobody. The helper writes the
 * request to <kBrowseRequestFolder>/<session> (mode 0600; it may hold a key, so
 * it lies in /run), then starts
 *
 *     dormouse-browse SESSION        as the unit dormouse-browse@SESSION.service
 *                                    (Type=notify), or as a child in tests
 *
 * The process reads and removes the request, mounts, writes the answer to
 * <kBrowseRequestFolder>/<session>.answer, then tells systemd READY=1. It ends
 * on SIGTERM, or by itself after `idleSeconds` without anything in use below the
 * mount, and unmounts before it exits. What a killed one left behind is taken
 * away by `dormouse-browse --clean` (the helper runs that at its start).
 */
#pragma once

#include "helper/base/id.h"
#include "helper/base/result.h"
#include "helper/base/secret.h"

#include <optional>
#include <string>

#include <sys/types.h>

namespace dormouse {

inline constexpr char kBrowseRequestFolder[] = "/run/dormouse/browse-requests";
inline constexpr char kBrowseMountFolder[] = "/run/dormouse/browse";

struct BrowseRequest
{
    Id128 sessionId; ///< random; its hex is the session's name everywhere
    uid_t uid = 0;   ///< who asked: only that user can enter the mount's folder
    gid_t gid = 0;
    std::string fsType;               ///< "ext4" or "xfs": others are refused
    std::uint32_t idleSeconds = 1800; ///< 0 = never by itself

    /// A backup: where its repository is, and the key for it.
    struct Backup
    {
        std::string repositoryPath;
        Secret key; ///< Repository::exportKey()
        Id128 recordId;
        Id128 volumeId;
    };
    std::optional<Backup> backup;

    /// Else a local snapshot that the helper has exposed (and unexposes when the
    /// process has ended): "/dev/dormouse3".
    std::string devicePath;
};

struct BrowseAnswer
{
    std::string path;  ///< the mount, when it worked
    std::string error; ///< else a sentence
};

/// Writes the request file, making the folder (root only) if need be.
[[nodiscard]] Result<void> writeBrowseRequest(const BrowseRequest& request);

/// Reads and removes it.
[[nodiscard]] Result<BrowseRequest> takeBrowseRequest(const Id128& sessionId);

[[nodiscard]] Result<void> writeBrowseAnswer(const Id128& sessionId, const BrowseAnswer& answer);

/// Reads and removes the answer; nullopt while there is none.
[[nodiscard]] Result<std::optional<BrowseAnswer>> takeBrowseAnswer(const Id128& sessionId);

/// "/run/dormouse/browse/<uid>/<session>".
[[nodiscard]] std::string browseMountPath(uid_t uid, const Id128& sessionId);

} // namespace dormouse
