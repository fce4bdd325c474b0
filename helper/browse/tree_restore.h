// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Walks chosen parts of a restore point and counts or copies them. Private:
 * see file_restore.h for the rules.
 *
 * The same walk serves the plan and the copy, so that they cannot disagree on
 * what is there or what is in the way.
 */
#pragma once

#include "helper/browse/file_restore.h"

#include <map>
#include <optional>

#include <sys/stat.h>

namespace dormouse {

/// A directory by relative path, without following symbolic links or leaving
/// the root; "" is the root. Invalid descriptor with errno.
[[nodiscard]] UniqueFd openDirectoryBeneath(int rootFd, const std::string& path);

class TreeRestore
{
public:
    /// Counts only if `report` is null.
    TreeRestore(int sourceRootFd, int targetRootFd, const FileRestoreOptions& options,
                RestoreReport* report);

    void setTotal(std::uint64_t bytes) { m_totalBytes = bytes; }
    [[nodiscard]] const RestorePlan& plan() const { return m_plan; }

    /// One entry and all below it. `targetFd` is -1 when its folder is not there
    /// yet (counting). Paths are relative to the roots; "" is a root.
    [[nodiscard]] Result<void> visit(int sourceFd, const std::string& sourcePath,
                                     const std::string& name, int targetFd,
                                     const std::string& targetPath);
    [[nodiscard]] Result<void> visitChildren(int sourceFd, int targetFd,
                                             const std::string& sourcePath,
                                             const std::string& targetPath);

private:
    /// What is copied and where it goes.
    struct Item
    {
        int sourceFd;           ///< folder it is in
        std::string sourcePath; ///< its own, relative to the source
        std::string name;
        struct stat info;
        int targetFd; ///< folder it goes to
        std::string targetFolder;
        bool replaces = false; ///< what is there may be replaced
        bool isBeside = false; ///< it needs another name
    };

    [[nodiscard]] Result<void> visitDirectory(Item item, bool isThere, bool isThereDirectory);
    [[nodiscard]] Result<void> visitFile(const Item& item);
    [[nodiscard]] Result<void> visitOther(const Item& item);

    [[nodiscard]] Result<UniqueFd> makeDirectory(const Item& item, std::string& madeName);
    [[nodiscard]] Result<void> copyFile(const Item& item);
    [[nodiscard]] Result<void> copyData(const Item& item, int fromFd, int toFd);
    [[nodiscard]] Result<bool> linkToEarlier(const Item& item);
    /// Gives what has a temporary name its own; returns that.
    [[nodiscard]] Result<std::string> publish(const Item& item, const std::string& temporary);

    [[nodiscard]] Result<void> endOf(const Item& item, const Result<void>& outcome);
    void except(const std::string& path, const std::string& sentence);
    void addProgress(std::uint64_t bytes);

    struct Restored
    {
        std::string folder; ///< relative to the target
        std::string name;
        ino_t inode = 0;
    };

    int m_targetRootFd;
    dev_t m_sourceDevice = 0;
    const FileRestoreOptions& m_options;
    RestoreReport* m_report;
    RestorePlan m_plan;
    std::map<ino_t, std::optional<Restored>> m_links; ///< files with several names
    std::uint64_t m_doneBytes = 0;
    std::uint64_t m_totalBytes = 0;
    int m_depth = 0;
};

} // namespace dormouse
