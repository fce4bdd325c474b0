// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/browse/file_attributes.h"

#include <cerrno>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace dormouse {
namespace {

void add(std::string& problems, const std::string& what, int error)
{
    problems += problems.empty() ? "" : "; ";
    problems += what + " could not be restored (" + std::strerror(error) + ")";
}

/// "" or the first attribute that could not be copied.
void copyExtended(int sourceFd, int targetFd, std::string& problems)
{
    const ssize_t listBytes = ::flistxattr(sourceFd, nullptr, 0);
    if (listBytes <= 0)
        return;
    std::vector<char> names(static_cast<std::size_t>(listBytes));
    const ssize_t got = ::flistxattr(sourceFd, names.data(), names.size());
    for (ssize_t at = 0; at < got;) {
        const std::string name(names.data() + at);
        at += static_cast<ssize_t>(name.size()) + 1;
        // Not ours to see without rights, so not ours to bring. And how XFS keeps
        // access lists: they come as system.posix_acl_*, which every target knows.
        if ((::geteuid() != 0 && name.starts_with("trusted.")) ||
            name.starts_with("trusted.SGI_ACL_"))
            continue;
        const ssize_t bytes = ::fgetxattr(sourceFd, name.c_str(), nullptr, 0);
        std::vector<char> value(bytes > 0 ? static_cast<std::size_t>(bytes) : 0);
        const ssize_t read =
            bytes < 0 ? -1 : ::fgetxattr(sourceFd, name.c_str(), value.data(), value.size());
        if (read < 0 || ::fsetxattr(targetFd, name.c_str(), value.data(),
                                    static_cast<std::size_t>(read), 0) != 0) {
            const int error = errno;
            const bool isAcl = name.starts_with("system.posix_acl");
            add(problems, isAcl ? "its access list" : "the attribute " + name, error);
        }
    }
}

std::optional<std::string> sentence(std::string problems)
{
    if (problems.empty())
        return std::nullopt;
    return "restored, but " + problems;
}

std::string procPath(int fd)
{
    return "/proc/self/fd/" + std::to_string(fd);
}

} // namespace

std::optional<std::string> copyAttributes(int sourceFd, int targetFd, const struct stat& from)
{
    std::string problems;
    mode_t mode = from.st_mode & 07777;
    if (::fchown(targetFd, from.st_uid, from.st_gid) != 0) {
        const int error = errno;
        struct stat now
        {
        };
        if (::fstat(targetFd, &now) != 0 || now.st_uid != from.st_uid ||
            now.st_gid != from.st_gid) {
            mode &= ~static_cast<mode_t>(S_ISUID | S_ISGID);
            add(problems, "its owner", error);
        }
    }
    if (sourceFd >= 0)
        copyExtended(sourceFd, targetFd, problems);
    if (::fchmod(targetFd, mode) != 0)
        add(problems, "its permissions", errno);
    const timespec times[2] = {from.st_atim, from.st_mtim};
    if (::futimens(targetFd, times) != 0)
        add(problems, "its times", errno);
    return sentence(std::move(problems));
}

std::optional<std::string> copyNodeAttributes(int pathFd, const struct stat& from)
{
    std::string problems;
    if (::fchownat(pathFd, "", from.st_uid, from.st_gid, AT_EMPTY_PATH) != 0) {
        const int error = errno;
        struct stat now
        {
        };
        if (::fstat(pathFd, &now) != 0 || now.st_uid != from.st_uid || now.st_gid != from.st_gid)
            add(problems, "its owner", error);
    }
    // Links have no mode of their own.
    if (!S_ISLNK(from.st_mode) && ::chmod(procPath(pathFd).c_str(), from.st_mode & 0777) != 0)
        add(problems, "its permissions", errno);
    const timespec times[2] = {from.st_atim, from.st_mtim};
    if (::utimensat(pathFd, "", times, AT_EMPTY_PATH) != 0)
        add(problems, "its times", errno);
    return sentence(std::move(problems));
}

} // namespace dormouse
