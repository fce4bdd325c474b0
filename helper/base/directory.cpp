// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/base/directory.h"

#include "helper/base/secret.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

namespace dormouse {

namespace {

constexpr std::string_view temporaryPrefix = ".tmp-";

FileStat::Type typeOf(mode_t mode)
{
    if (S_ISREG(mode))
        return FileStat::Type::File;
    if (S_ISDIR(mode))
        return FileStat::Type::Directory;
    return FileStat::Type::Other;
}

Result<void> syncFd(int fd, const std::string& name)
{
    // Some file systems (FUSE, SMB) cannot sync a directory and say EINVAL;
    // there the rename itself is as durable as it gets.
    if (::fsync(fd) != 0 && errno != EINVAL && errno != EOPNOTSUPP)
        return failErrno("cannot sync " + (name.empty() ? "the directory" : name));
    return {};
}

std::string temporaryName()
{
    std::array<std::uint8_t, 8> tail{};
    randomBytes(tail);
    return std::string(temporaryPrefix) + toHex(tail);
}

} // namespace

Result<void> writeAll(int fd, ByteView bytes)
{
    while (!bytes.empty()) {
        const ssize_t written = ::write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return failErrno("cannot write");
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return {};
}

Result<Directory> Directory::open(const std::string& path)
{
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd)
        return failErrno("cannot open the directory " + path);
    return Directory(std::move(fd));
}

Result<Directory> Directory::adopt(UniqueFd fd)
{
    struct stat status
    {
    };
    if (::fstat(fd.get(), &status) != 0)
        return failErrno("cannot look at the directory");
    if (!S_ISDIR(status.st_mode))
        return fail(Error::Code::Invalid, "the descriptor is not a directory");
    // Opened anew: the caller's may be O_PATH, which cannot be listed or synced.
    UniqueFd own(::openat(fd.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!own)
        return failErrno("cannot open the directory");
    return Directory(std::move(own));
}

Result<Directory> Directory::clone() const
{
    return openDirectory(".");
}

Result<UniqueFd> Directory::openBeneath(const std::string& name, int flags, unsigned mode) const
{
    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC;
    how.mode = mode;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
    // EAGAIN: a rename raced with the resolution of ".."; the kernel asks to retry.
    for (int attempt = 0; attempt < 16; ++attempt) {
        const long fd = ::syscall(SYS_openat2, m_fd.get(), name.c_str(), &how, sizeof how);
        if (fd >= 0)
            return UniqueFd(static_cast<int>(fd));
        if (errno != EAGAIN && errno != EINTR)
            break;
    }
    return failErrno("cannot open " + name);
}

Result<Directory::Parent> Directory::openParent(const std::string& name) const
{
    const std::size_t slash = name.rfind('/');
    const std::string leaf = slash == std::string::npos ? name : name.substr(slash + 1);
    if (leaf.empty() || leaf == "." || leaf == ".." || slash == 0)
        return fail(Error::Code::Invalid, "not a name beneath the directory: " + name);
    auto parent = openBeneath(slash == std::string::npos ? "." : name.substr(0, slash),
                              O_RDONLY | O_DIRECTORY);
    if (!parent)
        return Failure(parent.error());
    return Parent{std::move(*parent), leaf};
}

Result<Directory> Directory::openDirectory(const std::string& name) const
{
    auto fd = openBeneath(name, O_RDONLY | O_DIRECTORY);
    if (!fd)
        return Failure(fd.error());
    return Directory(std::move(*fd));
}

Result<UniqueFd> Directory::openFile(const std::string& name) const
{
    // O_NONBLOCK: a FIFO put in our place must not hold us before it is refused.
    auto fd = openBeneath(name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!fd)
        return fd;
    struct stat status
    {
    };
    if (::fstat(fd->get(), &status) != 0)
        return failErrno("cannot look at " + name);
    if (!S_ISREG(status.st_mode))
        return fail(Error::Code::Denied, name + " is not a regular file");
    return fd;
}

Result<UniqueFd> Directory::createFile(const std::string& name) const
{
    return openBeneath(name, O_RDWR | O_CREAT | O_EXCL, 0600);
}

Result<Bytes> Directory::readFile(const std::string& name, std::size_t maxBytes) const
{
    auto fd = openFile(name);
    if (!fd)
        return Failure(fd.error());
    Bytes bytes;
    std::array<std::uint8_t, 65536> piece;
    for (;;) {
        const ssize_t got = ::read(fd->get(), piece.data(), piece.size());
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return failErrno("cannot read " + name);
        if (got == 0)
            return bytes;
        if (bytes.size() + static_cast<std::size_t>(got) > maxBytes)
            return fail(Error::Code::Invalid, name + " is too large");
        bytes.insert(bytes.end(), piece.begin(), piece.begin() + got);
    }
}

Result<std::size_t> Directory::readRange(const std::string& name, std::uint64_t offsetBytes,
                                         MutableByteView into) const
{
    auto fd = openFile(name);
    if (!fd)
        return Failure(fd.error());
    std::size_t have = 0;
    while (have < into.size()) {
        const ssize_t got = ::pread(fd->get(), into.data() + have, into.size() - have,
                                    static_cast<off_t>(offsetBytes + have));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return failErrno("cannot read " + name);
        if (got == 0)
            break;
        have += static_cast<std::size_t>(got);
    }
    return have;
}

Result<void> Directory::writeFile(const std::string& name, ByteView bytes) const
{
    auto parent = openParent(name);
    if (!parent)
        return Failure(parent.error());
    const int parentFd = parent->fd.get();
    const std::string temporary = temporaryName();
    UniqueFd file(::openat(parentFd, temporary.c_str(),
                           O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file)
        return failErrno("cannot create a file for " + name);

    Result<void> result = writeAll(file.get(), bytes);
    if (result && ::fsync(file.get()) != 0)
        result = failErrno("cannot sync");
    file.reset();
    if (result && ::renameat(parentFd, temporary.c_str(), parentFd, parent->leaf.c_str()) != 0)
        result = failErrno("cannot rename");
    if (!result) {
        ::unlinkat(parentFd, temporary.c_str(), 0);
        return addContext(result.error(), "cannot write " + name);
    }
    return syncFd(parentFd, name);
}

Result<void> Directory::rename(const std::string& from, const std::string& to) const
{
    auto source = openParent(from);
    if (!source)
        return Failure(source.error());
    auto target = openParent(to);
    if (!target)
        return Failure(target.error());
    if (::renameat(source->fd.get(), source->leaf.c_str(), target->fd.get(),
                   target->leaf.c_str()) != 0)
        return failErrno("cannot rename " + from);
    auto synced = syncFd(target->fd.get(), to);
    return synced ? syncFd(source->fd.get(), from) : synced;
}

Result<std::vector<DirectoryEntry>> Directory::list(const std::string& name) const
{
    auto fd = openBeneath(name.empty() ? "." : name, O_RDONLY | O_DIRECTORY);
    if (!fd)
        return Failure(fd.error());
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fd->get()), ::closedir);
    if (!stream)
        return failErrno("cannot list " + name);
    const int streamFd = fd->release(); // closedir() closes it

    std::vector<DirectoryEntry> entries;
    for (;;) {
        errno = 0;
        const dirent* entry = ::readdir(stream.get());
        if (entry == nullptr && errno != 0)
            return failErrno("cannot list " + name);
        if (entry == nullptr)
            break;
        const std::string member = entry->d_name;
        if (member == "." || member == "..")
            continue;
        FileStat::Type type = FileStat::Type::Other;
        if (entry->d_type == DT_REG) {
            type = FileStat::Type::File;
        } else if (entry->d_type == DT_DIR) {
            type = FileStat::Type::Directory;
        } else if (entry->d_type == DT_UNKNOWN) {
            struct stat status
            {
            };
            if (::fstatat(streamFd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0)
                type = typeOf(status.st_mode);
        }
        entries.push_back({member, type});
    }
    std::sort(entries.begin(), entries.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return entries;
}

Result<FileStat> Directory::stat(const std::string& name) const
{
    auto parent = openParent(name);
    if (!parent)
        return Failure(parent.error());
    struct stat status
    {
    };
    if (::fstatat(parent->fd.get(), parent->leaf.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
        return failErrno("cannot look at " + name);
    FileStat result;
    result.type = typeOf(status.st_mode);
    result.sizeBytes = static_cast<std::uint64_t>(status.st_size);
    result.modifiedMs = status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1'000'000;
    return result;
}

Result<void> Directory::remove(const std::string& name) const
{
    auto parent = openParent(name);
    if (!parent)
        return Failure(parent.error());
    if (::unlinkat(parent->fd.get(), parent->leaf.c_str(), 0) != 0)
        return failErrno("cannot remove " + name);
    return syncFd(parent->fd.get(), name);
}

Result<void> Directory::removeDirectory(const std::string& name) const
{
    auto parent = openParent(name);
    if (!parent)
        return Failure(parent.error());
    if (::unlinkat(parent->fd.get(), parent->leaf.c_str(), AT_REMOVEDIR) != 0)
        return failErrno("cannot remove " + name);
    return syncFd(parent->fd.get(), name);
}

Result<void> Directory::makeDirectory(const std::string& name) const
{
    auto parent = openParent(name);
    if (!parent)
        return Failure(parent.error());
    if (::mkdirat(parent->fd.get(), parent->leaf.c_str(), 0700) != 0) {
        if (errno != EEXIST)
            return failErrno("cannot make the directory " + name);
        // Whatever is there must really be a directory of ours.
        auto existing = openBeneath(name, O_RDONLY | O_DIRECTORY);
        if (!existing)
            return Failure(existing.error());
        return {};
    }
    return syncFd(parent->fd.get(), name);
}

Result<std::uint64_t> Directory::freeBytes() const
{
    struct statvfs status
    {
    };
    if (::fstatvfs(m_fd.get(), &status) != 0)
        return failErrno("cannot ask for free space");
    return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
}

Result<std::uint64_t> Directory::deviceNumber() const
{
    struct stat status
    {
    };
    if (::fstat(m_fd.get(), &status) != 0)
        return failErrno("cannot look at the directory");
    return status.st_dev;
}

bool Directory::isTemporaryName(std::string_view name)
{
    const std::size_t slash = name.rfind('/');
    if (slash != std::string_view::npos)
        name.remove_prefix(slash + 1);
    return name.starts_with(temporaryPrefix);
}

} // namespace dormouse
