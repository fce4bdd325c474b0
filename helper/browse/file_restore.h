// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Copies files out of a mounted restore point, as they were.
 *
 * Used by the helper (as root) and by a user's own process (with the user's
 * rights: owners that cannot be set are then an exception only if they differ).
 * Depends on helper/base alone.
 *
 * Kept: type, owner, mode, ACLs and other extended attributes, modification and
 * access time to the nanosecond, sparse regions, hard links within the
 * selection, symbolic links (never followed), FIFOs, sockets' and devices'
 * nodes (devices only as root). Order: owner, then attributes, then mode, then
 * times, all through the descriptor of a file that has a temporary name; then
 * one rename. A file is therefore whole or absent.
 *
 * Both trees are walked by descriptors, a component at a time, following no
 * symbolic link and leaving neither tree (openat2 BENEATH, NO_SYMLINKS,
 * NO_MAGICLINKS; mount points inside the source are not entered).
 *
 * One FileRestore at a time in one target directory is assumed; whatever else
 * writes there may be kept or replaced, but never followed out of it.
 *
 * Threads: one.
 */
#pragma once

#include "helper/base/result.h"
#include "helper/base/unique_fd.h"

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

namespace dormouse {

/// What to do when the target has something of that name. A folder that is
/// there is never replaced: what is in it is merged, file by file.
enum class ConflictPolicy : std::uint32_t {
    Beside = 0,    ///< "name – saved at 2026-01-31 17.05.txt"; the existing file stays
    Overwrite = 1, ///< the existing file is replaced
    Skip = 2,      ///< the existing file stays, and the saved one is left out
};

struct RestorePlan
{
    std::uint64_t files = 0; ///< regular files
    std::uint64_t directories = 0;
    std::uint64_t others = 0;  ///< symbolic links, devices, sockets, pipes
    std::uint64_t bytes = 0;   ///< that will be written; hard links count once
    std::uint64_t created = 0; ///< of files and others: nothing of that name is there
    std::uint64_t overwritten = 0;
    std::uint64_t beside = 0;
    std::uint64_t skipped = 0;
    std::uint64_t freeBytes = 0; ///< in the target's file system, for the caller
};

struct RestoreException
{
    std::string path; ///< relative to the source, raw bytes
    std::string sentence;
};

struct RestoreReport
{
    std::uint64_t files = 0, directories = 0, others = 0, bytes = 0;
    std::uint64_t overwritten = 0, beside = 0, skipped = 0;
    std::vector<RestoreException> exceptions; ///< the first 1,000
    std::uint64_t exceptionCount = 0;
};

struct FileRestoreOptions
{
    ConflictPolicy conflict = ConflictPolicy::Beside;
    std::int64_t pointTimeMs = 0; ///< of the restore point; named in local time
    std::function<void(std::uint64_t doneBytes, std::uint64_t totalBytes)> progress;
    std::function<void(const RestoreException&)> exception;
    std::stop_token stop;
};

class TreeRestore;

class FileRestore
{
public:
    /// Descriptors of two directories; they stay the caller's.
    FileRestore(int sourceFd, int targetFd, FileRestoreOptions options);

    /// Counts what run() would do; writes nothing. NotFound if a path is not in
    /// the source, Invalid if one is malformed (absolute, "..", empty; "." alone
    /// means everything).
    [[nodiscard]] Result<RestorePlan> plan(const std::vector<std::string>& paths) const;

    /// Copies. Each path arrives under its last component in the target. What
    /// fails for one file is an exception and the rest goes on; an error is what
    /// stops everything (Cancelled, NoSpace, a target that is not writable).
    [[nodiscard]] Result<RestoreReport> run(const std::vector<std::string>& paths) const;

private:
    [[nodiscard]] Result<void> visitAll(const std::vector<std::string>& paths,
                                        TreeRestore& tree) const;

    int m_sourceFd;
    int m_targetFd;
    FileRestoreOptions m_options;
};

/// "name – saved at TIME.txt", numbered if `attempt` > 0; at most 255 bytes.
[[nodiscard]] std::string besideName(const std::string& name, std::int64_t pointTimeMs,
                                     int attempt);

} // namespace dormouse
