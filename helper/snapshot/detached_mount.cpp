// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/snapshot/detached_mount.h"

#include <fcntl.h>
#include <sys/mount.h>

namespace dormouse {
namespace {

/// What the file system itself said ("e ext4: ..."), for the message.
std::string kernelWords(const UniqueFd& context)
{
    std::string words;
    char line[512];
    for (;;) {
        const ssize_t got = ::read(context.get(), line, sizeof(line));
        if (got <= 2)
            return words;
        words += words.empty() ? ": " : "; ";
        words.append(line + 2, static_cast<std::size_t>(got) - 2);
        while (!words.empty() && words.back() == '\n')
            words.pop_back();
    }
}

} // namespace

Result<UniqueFd> mountDetached(const std::string& devicePath, const std::string& fsType,
                               MountKind kind)
{
    if (fsType != "ext4" && fsType != "xfs")
        return fail(Error::Code::Unsupported, "cannot mount the file system " + fsType);
    const UniqueFd context(::fsopen(fsType.c_str(), FSOPEN_CLOEXEC));
    if (!context)
        return failErrno("cannot mount " + devicePath);
    const auto set = [&](unsigned command, const char* key, const char* value) {
        return ::fsconfig(context.get(), command, key, value, 0) == 0;
    };
    bool isGood = set(FSCONFIG_SET_STRING, "source", devicePath.c_str());
    if (kind != MountKind::Writable) {
        isGood = isGood && set(FSCONFIG_SET_FLAG, "ro", nullptr);
        if (fsType == "xfs")
            isGood = isGood && set(FSCONFIG_SET_FLAG, "nouuid", nullptr);
    }
    if (kind == MountKind::FrozenSnapshot)
        isGood =
            isGood && set(FSCONFIG_SET_FLAG, fsType == "xfs" ? "norecovery" : "noload", nullptr);
    isGood = isGood && set(FSCONFIG_CMD_CREATE, nullptr, nullptr);
    if (!isGood) {
        const int error = errno;
        return failErrno("cannot mount " + devicePath + kernelWords(context), error);
    }
    const unsigned attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
                                (kind == MountKind::Writable ? 0u : MOUNT_ATTR_RDONLY);
    UniqueFd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, attributes));
    if (!mount)
        return failErrno("cannot mount " + devicePath);
    return mount;
}

Result<UniqueFd> openRoot(const UniqueFd& mount)
{
    UniqueFd root(::openat(mount.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!root)
        return failErrno("cannot open the mounted file system");
    return root;
}

Result<void> attachMount(const UniqueFd& mount, int directoryFd)
{
    if (::move_mount(mount.get(), "", directoryFd, "",
                     MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0)
        return failErrno("cannot mount into the folder");
    return {};
}

} // namespace dormouse
