// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The mount that a person looks at: /run/dormouse/browse/<uid>/<session>.
 *
 * <uid> is that user's own folder (0700). The user may do in it what they like,
 * so nothing here goes by a path through it: the session's folder is made,
 * opened, mounted upon and unmounted through descriptors.
 *
 * Owns the mount: the destructor unmounts, lazily if it is in use.
 * Threads: one. unmount() changes the process's working directory.
 */
#pragma once

#include "helper/base/unique_fd.h"
#include "helper/browse/browse_request.h"

#include <sys/types.h>

namespace dormouse {

class BrowseMount
{
public:
    /// Mounts the device (a snapshot's, or a backup's loop device) read-only.
    [[nodiscard]] static Result<BrowseMount> create(const BrowseRequest& request,
                                                    const std::string& devicePath);
    BrowseMount(BrowseMount&&) = default;
    BrowseMount& operator=(BrowseMount&&) = delete;
    ~BrowseMount();

    [[nodiscard]] const std::string& path() const { return m_path; }

    /// False when somebody else has unmounted it.
    [[nodiscard]] bool isThere() const;

    /// Unmounts if nobody used it since the last call of this; true if it did.
    [[nodiscard]] bool unmountIfUnused();

    /// Waits up to a second for users to be done.
    void unmount();

private:
    BrowseMount(std::string path, std::string name, UniqueFd folder, dev_t device)
        : m_path(std::move(path)), m_name(std::move(name)), m_folder(std::move(folder)),
          m_device(device)
    {
    }
    [[nodiscard]] bool enterFolder() const;

    std::string m_path;
    std::string m_name;
    UniqueFd m_folder; // <uid>
    dev_t m_device;
};

/// Unmounts and removes all that killed processes left.
void cleanBrowseMounts();

} // namespace dormouse
