// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Finds the directory of a repository, and mounts its disk if nobody has.
 *
 * A place on a disk is kept as file-system UUID and a path below the root of
 * that file system, so that it is found under whatever name the disk comes back.
 * A disk that is not mounted is mounted for root only, without set-id programs,
 * devices and executables, and unmounted with this object: nothing stays open
 * between jobs, so that the disk can be ejected.
 *
 * Threads: one at a time; different objects at the same time are fine.
 */
#pragma once

#include "helper/base/directory.h"
#include "helper/catalog/rows.h"

#include <string>

namespace dormouse {

class RepositoryPlace
{
public:
    /// Where an open directory is, to be written into a RepositoryRow.
    struct Address
    {
        std::string fsUuid; ///< empty: `path` is absolute
        std::string path;
    };
    [[nodiscard]] static Result<Address> addressOf(const Directory& directory);

    /// Gone if the disk or the directory is not there. `mountFolder`: where to
    /// mount, e.g. /run/dormouse/repositories.
    [[nodiscard]] static Result<RepositoryPlace> open(const RepositoryRow& row,
                                                      const std::string& mountFolder);

    /// The directory, without mounting anything; Gone if that would be needed.
    [[nodiscard]] static Result<std::string> findMounted(const RepositoryRow& row);

    /// Unmounts what an earlier process left mounted below `mountFolder`.
    static void unmountLeftovers(const std::string& mountFolder);

    RepositoryPlace(RepositoryPlace&& other) noexcept;
    RepositoryPlace& operator=(RepositoryPlace&&) = delete;
    ~RepositoryPlace();

    [[nodiscard]] const std::string& path() const { return m_path; }

private:
    RepositoryPlace(std::string path, std::string mountPoint)
        : m_path(std::move(path)), m_mountPoint(std::move(mountPoint))
    {
    }

    std::string m_path;
    std::string m_mountPoint; // ours to unmount; empty if it was mounted already
};

} // namespace dormouse
