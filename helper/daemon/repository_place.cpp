// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/daemon/repository_place.h"

#include "helper/base/log.h"
#include "helper/snapshot/volume_probe.h"

#include <algorithm>
#include <array>
#include <climits>
#include <filesystem>
#include <string_view>

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace dormouse {

namespace {

namespace fs = std::filesystem;

// What the kernel may be asked to mount for us. The disk was chosen by an
// administrator; a type that is none of these is not a place for backups.
constexpr std::array<std::string_view, 6> kMountable{"ext4", "xfs",   "btrfs",
                                                     "vfat", "exfat", "ntfs3"};

std::string join(const std::string& root, const std::string& relative)
{
    if (relative.empty())
        return root;
    return root == "/" ? root + relative : root + "/" + relative;
}

Failure goneBecause(const std::string& what)
{
    return fail(Error::Code::Gone,
                what + " Your backups there are safe; connect it and try again.");
}

bool isDirectory(const std::string& path)
{
    struct stat info
    {
    };
    return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

} // namespace

Result<RepositoryPlace::Address> RepositoryPlace::addressOf(const Directory& directory)
{
    std::array<char, PATH_MAX> buffer{};
    const std::string link = "/proc/self/fd/" + std::to_string(directory.fd());
    const ssize_t length = ::readlink(link.c_str(), buffer.data(), buffer.size());
    if (length <= 0 || static_cast<std::size_t>(length) >= buffer.size() || buffer[0] != '/')
        return fail(Error::Code::Invalid, "The folder's place cannot be told.");
    const std::string path(buffer.data(), static_cast<std::size_t>(length));
    struct stat byName
    {
    }, byFd{};
    if (::stat(path.c_str(), &byName) != 0 || ::fstat(directory.fd(), &byFd) != 0 ||
        byName.st_dev != byFd.st_dev || byName.st_ino != byFd.st_ino)
        return fail(Error::Code::Invalid, "The folder has no name that the helper can see.");

    const auto volumes = probeVolumes();
    if (volumes) {
        for (const ProbedVolume& volume : *volumes) {
            if (makedev(volume.deviceMajor, volume.deviceMinor) != byFd.st_dev)
                continue;
            for (const std::string& root : volume.mountPoints) {
                const std::string prefix = root == "/" ? root : root + "/";
                if (path == root)
                    return Address{volume.fsUuid, {}};
                if (path.starts_with(prefix))
                    return Address{volume.fsUuid, path.substr(prefix.size())};
            }
        }
    }
    return Address{{}, path};
}

Result<std::string> RepositoryPlace::findMounted(const RepositoryRow& row)
{
    std::string path = row.path;
    if (!row.fsUuid.empty()) {
        const auto volume = findVolume(row.fsUuid);
        if (!volume)
            return goneBecause("The disk of “" + row.name + "” is not connected.");
        if (volume->mountPoints.empty())
            return fail(Error::Code::Gone, "The disk of “" + row.name + "” is not mounted.");
        path = join(volume->mountPoints.front(), row.path);
    }
    if (!isDirectory(path))
        return goneBecause("The folder of “" + row.name + "” is not there.");
    return path;
}

Result<RepositoryPlace> RepositoryPlace::open(const RepositoryRow& row,
                                              const std::string& mountFolder)
{
    if (row.fsUuid.empty()) {
        auto path = findMounted(row);
        if (!path)
            return tl::unexpected(path.error());
        return RepositoryPlace(std::move(*path), {});
    }
    const auto volume = findVolume(row.fsUuid);
    if (!volume)
        return goneBecause("The disk of “" + row.name + "” is not connected.");
    if (!volume->mountPoints.empty()) {
        const std::string path = join(volume->mountPoints.front(), row.path);
        if (!isDirectory(path))
            return goneBecause("The folder of “" + row.name + "” is not on its disk.");
        return RepositoryPlace(path, {});
    }
    if (std::find(kMountable.begin(), kMountable.end(), volume->fsType) == kMountable.end())
        return goneBecause("The disk of “" + row.name + "” is not mounted.");

    // A folder of its own for each use: two jobs never share a mount.
    std::string point = mountFolder + "/XXXXXX";
    std::error_code error;
    fs::create_directories(mountFolder, error);
    if (::mkdtemp(point.data()) == nullptr)
        return failErrno("cannot make a folder to mount the disk on");
    if (::mount(volume->devicePath.c_str(), point.c_str(), volume->fsType.c_str(),
                MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) {
        auto failure = failErrno("cannot mount the disk of “" + row.name + "”");
        ::rmdir(point.c_str());
        return failure;
    }
    RepositoryPlace place(join(point, row.path), point);
    if (!isDirectory(place.m_path))
        return goneBecause("The folder of “" + row.name + "” is not on its disk.");
    return place;
}

void RepositoryPlace::unmountLeftovers(const std::string& mountFolder)
{
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(mountFolder, error)) {
        ::umount2(entry.path().c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
        ::rmdir(entry.path().c_str());
    }
}

RepositoryPlace::RepositoryPlace(RepositoryPlace&& other) noexcept
    : m_path(std::move(other.m_path)), m_mountPoint(std::exchange(other.m_mountPoint, {}))
{
}

RepositoryPlace::~RepositoryPlace()
{
    if (m_mountPoint.empty())
        return;
    if (::umount2(m_mountPoint.c_str(), UMOUNT_NOFOLLOW) != 0) {
        logWarning("a backup disk was still in use when it was unmounted");
        ::umount2(m_mountPoint.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
    }
    ::rmdir(m_mountPoint.c_str());
}

} // namespace dormouse
