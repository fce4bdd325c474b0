// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/snapshot/store_volume.h"

#include "helper/snapshot/detached_mount.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

namespace dormouse {

Result<UniqueFd> openDevice(const ProbedVolume& volume)
{
    UniqueFd fd(::open(volume.devicePath.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat info
    {
    };
    if (!fd || ::fstat(fd.get(), &info) != 0)
        return failErrno("cannot open " + volume.devicePath);
    if (!S_ISBLK(info.st_mode) || info.st_rdev != ::makedev(volume.deviceMajor, volume.deviceMinor))
        return fail(Error::Code::Gone, volume.devicePath + " is another device now");
    return fd;
}

Result<UniqueFd> mountVolume(const ProbedVolume& volume)
{
    auto mount = mountDetached(volume.devicePath, volume.fsType, MountKind::Writable);
    if (!mount)
        return mount;
    struct stat info
    {
    };
    if (::fstat(mount->get(), &info) != 0)
        return failErrno("cannot look at the volume");
    if (info.st_dev != ::makedev(volume.deviceMajor, volume.deviceMinor))
        return fail(Error::Code::Unsupported,
                    "the file system keeps its files on another device than its own");
    return mount;
}

Result<std::uint64_t> freeBytesOf(int rootFd)
{
    struct statvfs space
    {
    };
    if (::fstatvfs(rootFd, &space) != 0)
        return failErrno("asking for free space");
    return static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize;
}

} // namespace dormouse
