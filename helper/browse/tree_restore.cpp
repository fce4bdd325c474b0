// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/browse/tree_restore.h"

#include "helper/base/directory.h"
#include "helper/base/id.h"
#include "helper/browse/file_attributes.h"

#include <algorithm>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

namespace dormouse {
namespace {

constexpr std::size_t kPieceBytes = 1u << 20;
constexpr std::size_t kMaxExceptions = 1000;
constexpr int kMaxDepth = 500; // each level holds two descriptors

struct CloseDir
{
    void operator()(DIR* dir) const { ::closedir(dir); }
};

std::string join(const std::string& folder, const std::string& name)
{
    return folder.empty() ? name : folder + "/" + name;
}

std::string temporaryName()
{
    return ".dormouse-restore-" + Id128::random().hex();
}

Failure cancelled()
{
    return fail(Error::Code::Cancelled, "cancelled; what was restored so far is whole");
}

/// What makes going on with other files senseless.
bool endsAll(const Error& error)
{
    return error.code == Error::Code::Cancelled || error.code == Error::Code::NoSpace ||
           error.code == Error::Code::Gone;
}

} // namespace

TreeRestore::TreeRestore(int sourceRootFd, int targetRootFd, const FileRestoreOptions& options,
                         RestoreReport* report)
    : m_targetRootFd(targetRootFd), m_options(options), m_report(report)
{
    struct stat info
    {
    };
    if (::fstat(sourceRootFd, &info) == 0)
        m_sourceDevice = info.st_dev;
}

Result<void> TreeRestore::visit(int sourceFd, const std::string& sourcePath,
                                const std::string& name, int targetFd,
                                const std::string& targetPath)
{
    if (m_options.stop.stop_requested())
        return cancelled();
    Item item{sourceFd, join(sourcePath, name), name, {}, targetFd, targetPath};
    if (::fstatat(sourceFd, name.c_str(), &item.info, AT_SYMLINK_NOFOLLOW) != 0)
        return endOf(item, failErrno("it could not be read"));
    if (item.info.st_dev != m_sourceDevice)
        return {}; // something is mounted there
    struct stat there
    {
    };
    const bool isThere =
        targetFd >= 0 && ::fstatat(targetFd, name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0;
    if (S_ISDIR(item.info.st_mode))
        return visitDirectory(std::move(item), isThere, isThere && S_ISDIR(there.st_mode));

    if (isThere) {
        // A folder is never replaced by a file.
        item.replaces = m_options.conflict == ConflictPolicy::Overwrite && !S_ISDIR(there.st_mode);
        item.isBeside = !item.replaces && m_options.conflict != ConflictPolicy::Skip;
        if (!item.replaces && !item.isBeside) {
            ++m_plan.skipped;
            if (m_report != nullptr)
                ++m_report->skipped;
            return {};
        }
    }
    ++(item.replaces ? m_plan.overwritten : item.isBeside ? m_plan.beside : m_plan.created);
    return S_ISREG(item.info.st_mode) ? visitFile(item) : visitOther(item);
}

Result<void> TreeRestore::visitChildren(int sourceFd, int targetFd, const std::string& sourcePath,
                                        const std::string& targetPath)
{
    UniqueFd fd(::openat(sourceFd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const std::unique_ptr<DIR, CloseDir> dir(fd ? ::fdopendir(fd.get()) : nullptr);
    if (!dir)
        return failErrno("the folder could not be read");
    (void)fd.release();
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(dir.get())) {
        const std::string name = entry->d_name;
        if (name != "." && name != "..")
            names.push_back(name);
        errno = 0;
    }
    if (errno != 0)
        return failErrno("the folder could not be read");
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
        // The store of this volume, as it was: not a file of the user's.
        if (sourcePath.empty() && name == ".dormouse")
            continue;
        if (const auto done = visit(sourceFd, sourcePath, name, targetFd, targetPath); !done)
            return done;
    }
    return {};
}

Result<void> TreeRestore::visitDirectory(Item item, bool isThere, bool isThereDirectory)
{
    ++m_plan.directories;
    if (m_depth >= kMaxDepth)
        return endOf(item, fail(Error::Code::Unsupported, "it is nested too deeply"));
    const UniqueFd source(::openat(item.sourceFd, item.name.c_str(),
                                   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!source)
        return endOf(item, failErrno("the folder could not be opened"));
    item.isBeside = isThere && !isThereDirectory;
    if (item.isBeside && m_options.conflict == ConflictPolicy::Skip) {
        ++m_plan.skipped;
        if (m_report != nullptr)
            ++m_report->skipped;
        return {};
    }

    UniqueFd target;
    std::string targetName = item.name;
    if (isThereDirectory) {
        target.reset(::openat(item.targetFd, item.name.c_str(),
                              O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!target)
            return endOf(item, failErrno("the existing folder could not be opened"));
    } else if (m_report != nullptr) {
        auto made = makeDirectory(item, targetName);
        if (!made)
            return endOf(item, tl::unexpected(made.error()));
        target = std::move(*made);
    }
    ++m_depth;
    const auto done = visitChildren(source.get(), target ? target.get() : -1, item.sourcePath,
                                    join(item.targetFolder, targetName));
    --m_depth;
    if (m_report == nullptr)
        return endOf(item, done);
    ++m_report->directories;
    // After its children, whose creation changes its times.
    if (!isThereDirectory || m_options.conflict == ConflictPolicy::Overwrite) {
        if (const auto problem = copyAttributes(source.get(), target.get(), item.info))
            except(item.sourcePath, *problem);
    }
    return endOf(item, done);
}

Result<UniqueFd> TreeRestore::makeDirectory(const Item& item, std::string& madeName)
{
    for (int attempt = 0;; ++attempt) {
        madeName =
            item.isBeside ? besideName(item.name, m_options.pointTimeMs, attempt) : item.name;
        if (::mkdirat(item.targetFd, madeName.c_str(), 0700) == 0)
            break;
        if (errno != EEXIST || !item.isBeside || attempt >= 100)
            return failErrno("the folder could not be made");
    }
    UniqueFd made(
        ::openat(item.targetFd, madeName.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat info
    {
    };
    if (!made || ::fstat(made.get(), &info) != 0)
        return failErrno("the folder could not be opened");
    // Somebody who may write here could have put another folder in its place.
    if (info.st_uid != ::geteuid())
        return fail(Error::Code::Denied, "somebody else changes the folder meanwhile");
    if (item.isBeside)
        ++m_report->beside;
    return made;
}

Result<void> TreeRestore::visitFile(const Item& item)
{
    ++m_plan.files;
    const bool isLinked = item.info.st_nlink > 1;
    const bool isFirst = !isLinked || !m_links.contains(item.info.st_ino);
    if (isFirst)
        m_plan.bytes += static_cast<std::uint64_t>(item.info.st_size);
    if (m_report == nullptr) {
        if (isLinked)
            m_links.try_emplace(item.info.st_ino);
        return {};
    }
    if (!isFirst) {
        const auto linked = linkToEarlier(item);
        if (linked && *linked) {
            ++m_report->files;
            return {};
        }
        // It stays a file of its own where the target has no hard links.
    }
    return endOf(item, copyFile(item));
}

Result<void> TreeRestore::copyFile(const Item& item)
{
    const std::uint64_t before = m_doneBytes;
    const auto finish = [&](Result<void> outcome) {
        // The plan counted all of it, whatever became of it.
        m_doneBytes = before;
        addProgress(static_cast<std::uint64_t>(item.info.st_size));
        return outcome;
    };
    const UniqueFd from(
        ::openat(item.sourceFd, item.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!from)
        return finish(failErrno("it could not be opened"));
    const std::string temporary = temporaryName();
    const UniqueFd to(::openat(item.targetFd, temporary.c_str(),
                               O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!to)
        return finish(failErrno("it could not be created"));
    auto done = copyData(item, from.get(), to.get());
    std::optional<std::string> problem;
    if (done)
        problem = copyAttributes(from.get(), to.get(), item.info);
    const auto name = done ? publish(item, temporary) : Result<std::string>();
    if (!done || !name) {
        (void)::unlinkat(item.targetFd, temporary.c_str(), 0);
        return finish(done ? tl::unexpected(name.error()) : done);
    }
    if (problem)
        except(item.sourcePath, *problem);
    struct stat info
    {
    };
    if (item.info.st_nlink > 1 && ::fstat(to.get(), &info) == 0)
        m_links[item.info.st_ino] = Restored{item.targetFolder, *name, info.st_ino};
    ++m_report->files;
    m_report->bytes += static_cast<std::uint64_t>(item.info.st_size);
    return finish({});
}

Result<void> TreeRestore::copyData(const Item& item, int fromFd, int toFd)
{
    const off_t size = item.info.st_size;
    std::vector<std::uint8_t> buffer(
        static_cast<std::size_t>(std::min<off_t>(size, static_cast<off_t>(kPieceBytes))));
    for (off_t at = 0; at < size;) {
        off_t data = ::lseek(fromFd, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            break;                   // a hole up to the end
        data = data < 0 ? at : data; // the file system does not know holes
        off_t hole = ::lseek(fromFd, data, SEEK_HOLE);
        hole = hole < 0 ? size : std::min(hole, size);
        addProgress(static_cast<std::uint64_t>(data - at));
        for (at = data; at < hole;) {
            if (m_options.stop.stop_requested())
                return cancelled();
            const auto wanted =
                std::min<std::size_t>(buffer.size(), static_cast<std::size_t>(hole - at));
            const ssize_t got = ::pread(fromFd, buffer.data(), wanted, at);
            if (got < 0 && errno == EINTR)
                continue;
            if (got <= 0)
                return failErrno("it could not be read", got == 0 ? EIO : errno);
            if (::lseek(toFd, at, SEEK_SET) < 0)
                return failErrno("it could not be written");
            const ByteView piece(buffer.data(), static_cast<std::size_t>(got));
            if (const auto written = writeAll(toFd, piece); !written)
                return written;
            at += got;
            addProgress(static_cast<std::uint64_t>(got));
        }
    }
    if (::ftruncate(toFd, size) != 0)
        return failErrno("it could not be written");
    return {};
}

Result<bool> TreeRestore::linkToEarlier(const Item& item)
{
    const auto& earlier = m_links[item.info.st_ino];
    if (!earlier)
        return false;
    const UniqueFd folder = openDirectoryBeneath(m_targetRootFd, earlier->folder);
    struct stat info
    {
    };
    if (!folder ||
        ::fstatat(folder.get(), earlier->name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        info.st_ino != earlier->inode)
        return false;
    const std::string temporary = temporaryName();
    if (::linkat(folder.get(), earlier->name.c_str(), item.targetFd, temporary.c_str(), 0) != 0)
        return false;
    const auto name = publish(item, temporary);
    // Two names of one file: renaming one onto the other does nothing.
    (void)::unlinkat(item.targetFd, temporary.c_str(), 0);
    if (!name)
        return tl::unexpected(name.error());
    return true;
}

Result<void> TreeRestore::visitOther(const Item& item)
{
    ++m_plan.others;
    if (m_report == nullptr)
        return {};
    const std::string temporary = temporaryName();
    if (S_ISLNK(item.info.st_mode)) {
        std::string goal(static_cast<std::size_t>(std::max<off_t>(item.info.st_size, 255)) + 1, 0);
        const ssize_t length =
            ::readlinkat(item.sourceFd, item.name.c_str(), goal.data(), goal.size());
        if (length < 0 || static_cast<std::size_t>(length) == goal.size())
            return endOf(item, failErrno("the link could not be read"));
        goal.resize(static_cast<std::size_t>(length));
        if (::symlinkat(goal.c_str(), item.targetFd, temporary.c_str()) != 0)
            return endOf(item, failErrno("the link could not be made"));
    } else if (::mknodat(item.targetFd, temporary.c_str(),
                         (item.info.st_mode & static_cast<mode_t>(S_IFMT)) | 0600,
                         item.info.st_rdev) != 0) {
        return endOf(item, failErrno("it could not be made"));
    }
    const UniqueFd made(
        ::openat(item.targetFd, temporary.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat info
    {
    };
    // Only what was made here: the name may have been taken over meanwhile.
    const bool isOurs = made && ::fstat(made.get(), &info) == 0 && info.st_uid == ::geteuid() &&
                        (info.st_mode & S_IFMT) == (item.info.st_mode & S_IFMT);
    const auto problem = isOurs ? copyNodeAttributes(made.get(), item.info) : std::nullopt;
    const auto name = isOurs ? publish(item, temporary)
                             : fail(Error::Code::Denied, "somebody else changes the folder");
    if (!name) {
        (void)::unlinkat(item.targetFd, temporary.c_str(), 0);
        return endOf(item, tl::unexpected(name.error()));
    }
    if (problem)
        except(item.sourcePath, *problem);
    ++m_report->others;
    return {};
}

Result<std::string> TreeRestore::publish(const Item& item, const std::string& temporary)
{
    if (item.replaces) {
        if (::renameat(item.targetFd, temporary.c_str(), item.targetFd, item.name.c_str()) != 0)
            return failErrno("the existing one could not be replaced");
        ++m_report->overwritten;
        return item.name;
    }
    bool isBeside = item.isBeside;
    for (int attempt = 0; attempt < 100;) {
        const std::string name =
            isBeside ? besideName(item.name, m_options.pointTimeMs, attempt) : item.name;
        int done = ::renameat2(item.targetFd, temporary.c_str(), item.targetFd, name.c_str(),
                               RENAME_NOREPLACE);
        if (done != 0 && errno == EINVAL) {
            // The file system cannot do it at once; look, then rename.
            struct stat info
            {
            };
            if (::fstatat(item.targetFd, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0)
                errno = EEXIST;
            else
                done = ::renameat(item.targetFd, temporary.c_str(), item.targetFd, name.c_str());
        }
        if (done == 0) {
            m_report->beside += isBeside ? 1 : 0;
            return name;
        }
        if (errno != EEXIST)
            return failErrno("it could not be given its name");
        // Somebody made it since we looked: what is there stays.
        attempt += isBeside ? 1 : 0;
        isBeside = true;
    }
    return fail(Error::Code::Exists, "there are too many versions of it here");
}

Result<void> TreeRestore::endOf(const Item& item, const Result<void>& outcome)
{
    if (outcome || endsAll(outcome.error()))
        return outcome;
    except(item.sourcePath, outcome.error().message);
    return {};
}

void TreeRestore::except(const std::string& path, const std::string& sentence)
{
    if (m_report == nullptr)
        return;
    ++m_report->exceptionCount;
    if (m_report->exceptions.size() < kMaxExceptions)
        m_report->exceptions.push_back({path, sentence});
    if (m_options.exception)
        m_options.exception({path, sentence});
}

void TreeRestore::addProgress(std::uint64_t bytes)
{
    m_doneBytes += bytes;
    // More than planned is copied where hard links cannot be made.
    if (m_options.progress && bytes != 0)
        m_options.progress(std::min(m_doneBytes, m_totalBytes), m_totalBytes);
}

} // namespace dormouse
