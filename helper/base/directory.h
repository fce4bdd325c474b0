// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Files beneath one directory, and nothing else.
 *
 * Owns a descriptor of the directory. Every name is resolved beneath it by the
 * kernel (openat2 with BENEATH, NO_SYMLINKS, NO_MAGICLINKS, NO_XDEV): "..", an
 * absolute path, a symbolic link anywhere or another mount is refused with
 * Denied, and so is anything that is not a regular file or directory. A path is
 * therefore never checked first and used later.
 *
 * Only operations are used that exFAT, NTFS, SMB and NFS have: no hard links, no
 * exchange, no O_TMPFILE. New files are 0600, new directories 0700 (less the
 * umask), where the file system knows modes.
 *
 * Names are relative, parts separated by '/'.
 * Threads: all const functions may be called from several threads at once.
 */
#pragma once

#include "helper/base/coding.h"
#include "helper/base/result.h"
#include "helper/base/unique_fd.h"

#include <optional>
#include <string>
#include <vector>

namespace dormouse {

struct FileStat
{
    enum class Type { File, Directory, Other };

    Type type = Type::Other;
    std::uint64_t sizeBytes = 0;
    std::int64_t modifiedMs = 0; ///< since 1970-01-01 UTC
};

struct DirectoryEntry
{
    std::string name;
    FileStat::Type type = FileStat::Type::Other;
};

class Directory
{
public:
    /// Opens a directory by a path the caller trusts (from root's own
    /// configuration or from a mount the caller made).
    [[nodiscard]] static Result<Directory> open(const std::string& path);

    /// Takes a descriptor, for instance one that came over the bus. Invalid
    /// unless it is an open directory.
    [[nodiscard]] static Result<Directory> adopt(UniqueFd fd);

    /// A second handle on the same directory.
    [[nodiscard]] Result<Directory> clone() const;

    /// A directory beneath this one.
    [[nodiscard]] Result<Directory> openDirectory(const std::string& name) const;

    /// A regular file for reading. Never blocks on a FIFO.
    [[nodiscard]] Result<UniqueFd> openFile(const std::string& name) const;

    /// A new file for reading and writing; Exists if there is one.
    [[nodiscard]] Result<UniqueFd> createFile(const std::string& name) const;

    /// The whole file; Invalid if it is larger than `maxBytes`.
    [[nodiscard]] Result<Bytes> readFile(const std::string& name, std::size_t maxBytes) const;

    /// Fills `into` from `offsetBytes` on and returns how much there was.
    [[nodiscard]] Result<std::size_t> readRange(const std::string& name, std::uint64_t offsetBytes,
                                                MutableByteView into) const;

    /// Makes the file hold exactly these bytes, durably, or leaves what was
    /// there: temporary name, fsync, rename, fsync of the directory.
    /// The parent must exist.
    [[nodiscard]] Result<void> writeFile(const std::string& name, ByteView bytes) const;

    /// Renames, replacing a file of that name, then syncs both directories.
    [[nodiscard]] Result<void> rename(const std::string& from, const std::string& to) const;

    /// Members of a directory ("" is this one), "." and ".." left out, by name.
    [[nodiscard]] Result<std::vector<DirectoryEntry>> list(const std::string& name = {}) const;

    /// Does not follow a symbolic link: that is `Other`.
    [[nodiscard]] Result<FileStat> stat(const std::string& name) const;

    /// Removes a file; the directory is synced.
    [[nodiscard]] Result<void> remove(const std::string& name) const;

    /// Removes an empty directory.
    [[nodiscard]] Result<void> removeDirectory(const std::string& name) const;

    /// Makes a directory, durably. One that exists already is fine.
    [[nodiscard]] Result<void> makeDirectory(const std::string& name) const;

    /// What is left for us on this file system.
    [[nodiscard]] Result<std::uint64_t> freeBytes() const;

    /// st_dev: to tell whether two directories are on the same file system.
    [[nodiscard]] Result<std::uint64_t> deviceNumber() const;

    [[nodiscard]] int fd() const { return m_fd.get(); }

    /// Names that writeFile() uses before the rename; leftovers of a crash.
    [[nodiscard]] static bool isTemporaryName(std::string_view name);

private:
    explicit Directory(UniqueFd fd) : m_fd(std::move(fd)) {}

    [[nodiscard]] Result<UniqueFd> openBeneath(const std::string& name, int flags,
                                               unsigned mode = 0) const;
    /// The directory a name is in, and the last part of the name.
    struct Parent
    {
        UniqueFd fd;
        std::string leaf;
    };
    [[nodiscard]] Result<Parent> openParent(const std::string& name) const;

    UniqueFd m_fd;
};

/// write() until everything is written.
[[nodiscard]] Result<void> writeAll(int fd, ByteView bytes);

} // namespace dormouse
