// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/browse/browse_mount.h"

#include "helper/base/log.h"
#include "helper/snapshot/detached_mount.h"

#include <chrono>
#include <filesystem>
#include <thread>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

namespace dormouse {
namespace {

/// A folder beneath another, made if need be; never a symbolic link.
Result<UniqueFd> openFolder(int parentFd, const std::string& name, mode_t mode)
{
    if (::mkdirat(parentFd, name.c_str(), mode) != 0 && errno != EEXIST)
        return failErrno("cannot make " + name);
    UniqueFd fd(::openat(parentFd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd)
        return failErrno("cannot open " + name);
    return fd;
}

Result<UniqueFd> openUserFolder(uid_t uid, gid_t gid)
{
    UniqueFd at(::open("/run", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const std::pair<const char*, mode_t> steps[] = {{"dormouse", 0755}, {"browse", 0711}};
    for (const auto& [name, mode] : steps) {
        auto next = openFolder(at.get(), name, mode);
        if (!next)
            return next;
        at = std::move(*next);
        // The umask may have taken the bits that let users through.
        if (::fchmod(at.get(), mode) != 0)
            return failErrno("cannot prepare the folder");
    }
    auto folder = openFolder(at.get(), std::to_string(uid), 0700);
    if (!folder)
        return folder;
    if (::fchown(folder->get(), uid, gid) != 0 || ::fchmod(folder->get(), 0700) != 0)
        return failErrno("cannot give the folder to its user");
    return folder;
}

} // namespace

Result<BrowseMount> BrowseMount::create(const BrowseRequest& request, const std::string& devicePath)
{
    auto mount = mountDetached(devicePath, request.fsType, MountKind::FrozenSnapshot);
    if (!mount)
        return tl::unexpected(mount.error());
    struct stat info
    {
    };
    if (::fstat(mount->get(), &info) != 0)
        return failErrno("cannot look at the mount");
    auto folder = openUserFolder(request.uid, request.gid);
    if (!folder)
        return tl::unexpected(folder.error());
    const std::string name = request.sessionId.hex();
    if (::mkdirat(folder->get(), name.c_str(), 0700) != 0)
        return failErrno("cannot make the session's folder");
    const UniqueFd place(
        ::openat(folder->get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    const auto attached =
        place ? attachMount(*mount, place.get()) : failErrno("cannot open the session's folder");
    if (!attached) {
        (void)::unlinkat(folder->get(), name.c_str(), AT_REMOVEDIR);
        return tl::unexpected(attached.error());
    }
    return BrowseMount(browseMountPath(request.uid, request.sessionId), name, std::move(*folder),
                       info.st_dev);
}

BrowseMount::~BrowseMount()
{
    if (m_folder)
        unmount();
}

bool BrowseMount::isThere() const
{
    struct stat info
    {
    };
    return ::fstatat(m_folder.get(), m_name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
           info.st_dev == m_device;
}

bool BrowseMount::enterFolder() const
{
    // umount takes paths only: a relative one from here has no part that the
    // user could have replaced by a link.
    return ::fchdir(m_folder.get()) == 0;
}

bool BrowseMount::unmountIfUnused()
{
    if (!enterFolder() || ::umount2(m_name.c_str(), MNT_EXPIRE | UMOUNT_NOFOLLOW) != 0)
        return false;
    (void)::chdir("/");
    (void)::unlinkat(m_folder.get(), m_name.c_str(), AT_REMOVEDIR);
    m_folder.reset();
    return true;
}

void BrowseMount::unmount()
{
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    if (isThere() && enterFolder()) {
        while (::umount2(m_name.c_str(), UMOUNT_NOFOLLOW) != 0) {
            if (errno != EBUSY || std::chrono::steady_clock::now() > deadline) {
                if (::umount2(m_name.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0)
                    logWarning("cannot unmount a browsed restore point");
                break;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
        (void)::chdir("/");
    }
    (void)::unlinkat(m_folder.get(), m_name.c_str(), AT_REMOVEDIR);
    m_folder.reset();
}

void cleanBrowseMounts()
{
    namespace fs = std::filesystem;
    std::error_code error;
    for (const auto& user : fs::directory_iterator(kBrowseMountFolder, error)) {
        const UniqueFd folder(
            ::open(user.path().c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!folder || ::fchdir(folder.get()) != 0)
            continue;
        for (const auto& session : fs::directory_iterator(".", error)) {
            const std::string name = session.path().filename();
            if (!Id128::fromHex(name))
                continue;
            while (::umount2(name.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
            }
            (void)::unlinkat(folder.get(), name.c_str(), AT_REMOVEDIR);
        }
    }
    (void)::chdir("/");
    for (const auto& request : fs::directory_iterator(kBrowseRequestFolder, error))
        fs::remove(request.path(), error);
}

} // namespace dormouse
