// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/browse/file_restore.h"

#include "helper/browse/tree_restore.h"

#include <algorithm>
#include <ctime>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

namespace dormouse {
namespace {

constexpr std::size_t kMaxNameBytes = 255;

/// Components of a relative path; nullopt unless each is a real name.
std::optional<std::vector<std::string>> componentsOf(const std::string& path)
{
    if (path.empty() || path.front() == '/' || path.find('\0') != std::string::npos)
        return std::nullopt;
    std::vector<std::string> parts;
    for (std::size_t at = 0; at <= path.size();) {
        const std::size_t slash = std::min(path.find('/', at), path.size());
        std::string part = path.substr(at, slash - at);
        const bool isTrailing = part.empty() && slash == path.size();
        if (!isTrailing && (part.empty() || part == "." || part == ".."))
            return std::nullopt;
        if (!isTrailing)
            parts.push_back(std::move(part));
        at = slash + 1;
    }
    return parts;
}

} // namespace

UniqueFd openDirectoryBeneath(int rootFd, const std::string& path)
{
    open_how how{};
    how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    return UniqueFd(static_cast<int>(
        ::syscall(SYS_openat2, rootFd, path.empty() ? "." : path.c_str(), &how, sizeof(how))));
}

std::string besideName(const std::string& name, std::int64_t pointTimeMs, int attempt)
{
    const std::time_t seconds = pointTimeMs / 1000;
    std::tm local{};
    ::localtime_r(&seconds, &local);
    char time[32];
    std::strftime(time, sizeof(time), "%Y-%m-%d %H.%M", &local);
    std::string addition = std::string(" \u2013 saved at ") + time;
    if (attempt > 0)
        addition += " (" + std::to_string(attempt + 1) + ")";

    const std::size_t dot = name.rfind('.');
    const bool hasExtension = dot != std::string::npos && dot > 0 && name.size() - dot <= 16;
    const std::string extension = hasExtension ? name.substr(dot) : std::string();
    std::string stem = hasExtension ? name.substr(0, dot) : name;
    const std::size_t room = kMaxNameBytes - addition.size() - extension.size();
    if (stem.size() > room) {
        stem.resize(room);
        // Not within a character: drop continuation bytes and what they continued.
        while (!stem.empty() && (static_cast<unsigned char>(stem.back()) & 0xc0) == 0x80)
            stem.pop_back();
        if (!stem.empty() && (static_cast<unsigned char>(stem.back()) & 0x80) != 0)
            stem.pop_back();
    }
    return stem + addition + extension;
}

FileRestore::FileRestore(int sourceFd, int targetFd, FileRestoreOptions options)
    : m_sourceFd(sourceFd), m_targetFd(targetFd), m_options(std::move(options))
{
}

Result<void> FileRestore::visitAll(const std::vector<std::string>& paths, TreeRestore& tree) const
{
    if (paths.empty())
        return fail(Error::Code::Invalid, "nothing was chosen to restore");
    for (const std::string& path : paths) {
        if (path == ".") {
            if (const auto done = tree.visitChildren(m_sourceFd, m_targetFd, {}, {}); !done)
                return done;
            continue;
        }
        const auto parts = componentsOf(path);
        if (!parts || parts->empty())
            return fail(Error::Code::Invalid, "this is not a path within the restore point");
        std::string parent;
        for (std::size_t i = 0; i + 1 < parts->size(); ++i)
            parent += (parent.empty() ? "" : "/") + (*parts)[i];
        const UniqueFd folder = openDirectoryBeneath(m_sourceFd, parent);
        struct stat info
        {
        };
        if (!folder ||
            ::fstatat(folder.get(), parts->back().c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
            return failErrno("the restore point has no " + path);
        const auto done =
            tree.visit(folder.get(), parent, parts->back(), m_targetFd, std::string());
        if (!done)
            return done;
    }
    return {};
}

Result<RestorePlan> FileRestore::plan(const std::vector<std::string>& paths) const
{
    TreeRestore tree(m_sourceFd, m_targetFd, m_options, nullptr);
    if (const auto done = visitAll(paths, tree); !done)
        return tl::unexpected(done.error());
    RestorePlan plan = tree.plan();
    struct statvfs space
    {
    };
    if (::fstatvfs(m_targetFd, &space) == 0)
        plan.freeBytes =
            static_cast<std::uint64_t>(::geteuid() == 0 ? space.f_bfree : space.f_bavail) *
            space.f_frsize;
    return plan;
}

Result<RestoreReport> FileRestore::run(const std::vector<std::string>& paths) const
{
    const auto planned = plan(paths);
    if (!planned)
        return tl::unexpected(planned.error());
    if (planned->bytes > planned->freeBytes)
        return fail(Error::Code::NoSpace, "there is not enough room; nothing was restored");
    RestoreReport report;
    TreeRestore tree(m_sourceFd, m_targetFd, m_options, &report);
    tree.setTotal(planned->bytes);
    const auto done = visitAll(paths, tree);
    // Renames are atomic, but only this makes their contents durable.
    (void)::syncfs(m_targetFd);
    if (!done)
        return tl::unexpected(done.error());
    return report;
}

} // namespace dormouse
