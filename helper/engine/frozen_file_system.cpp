// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/engine/frozen_file_system.h"

#include "helper/base/unique_fd.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <fstream>
#include <memory>
#include <random>
#include <sstream>

#include <dirent.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/fsmap.h>
#include <linux/openat2.h>
#include <sodium.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

namespace dormouse {
namespace {

constexpr std::uint64_t kSwapHeaderBytes = 64u << 10;

UniqueFd openBeneath(int rootFd, const std::string& path)
{
    open_how how{};
    how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOATIME;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
    return UniqueFd(
        static_cast<int>(::syscall(SYS_openat2, rootFd, path.c_str(), &how, sizeof(how))));
}

/// As the kernel numbers devices in fsmap records.
std::uint32_t encodeDevice(dev_t device)
{
    const unsigned major = ::major(device);
    const unsigned minor = ::minor(device);
    return (minor & 0xffu) | (major << 8) | ((minor & ~0xffu) << 12);
}

/// /proc/swaps and mountinfo write blanks and the like as \ooo.
std::string unescape(const std::string& text)
{
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 3 < text.size()) {
            plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                       (text[i + 3] - '0'));
            i += 3;
        } else {
            plain += text[i];
        }
    }
    return plain;
}

/// Relative to the root of the file system that is mounted with this number.
std::optional<std::string> pathInFileSystem(const std::string& path, const std::string& device)
{
    std::ifstream file("/proc/self/mountinfo");
    std::optional<std::string> best;
    std::size_t bestLength = 0;
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string id, parent, number, root, point;
        words >> id >> parent >> number >> root >> point;
        root = unescape(root);
        point = unescape(point);
        const std::string prefix = point == "/" ? "/" : point + "/";
        if (number != device || !path.starts_with(prefix) || prefix.size() < bestLength)
            continue;
        bestLength = prefix.size();
        best = (root == "/" ? "/" : root + "/") + path.substr(prefix.size());
    }
    if (best)
        best->erase(0, best->find_first_not_of('/'));
    return best;
}

struct Candidate
{
    std::string path;
    std::uint64_t sizeBytes = 0;
    std::int64_t modifiedSeconds = 0;
};

struct CloseDir
{
    void operator()(DIR* dir) const { ::closedir(dir); }
};

/// Small regular files, found by walking no more than `maxEntries` entries.
std::vector<Candidate> findCandidates(int rootFd, std::uint64_t maxFileBytes, int maxEntries,
                                      const std::stop_token& stop)
{
    std::vector<Candidate> found;
    std::deque<std::string> folders{"."};
    while (!folders.empty() && maxEntries > 0 && !stop.stop_requested()) {
        const std::string folder = std::move(folders.front());
        folders.pop_front();
        UniqueFd fd = openBeneath(rootFd, folder);
        const std::unique_ptr<DIR, CloseDir> dir(fd ? ::fdopendir(fd.get()) : nullptr);
        if (!dir)
            continue;
        (void)fd.release();
        while (const dirent* entry = ::readdir(dir.get())) {
            const std::string name = entry->d_name;
            if (name == "." || name == ".." || name == ".dormouse" || --maxEntries <= 0)
                continue;
            const std::string path = folder == "." ? name : folder + "/" + name;
            struct stat info
            {
            };
            if (::fstatat(::dirfd(dir.get()), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
                continue;
            if (S_ISDIR(info.st_mode))
                folders.push_back(path);
            else if (S_ISREG(info.st_mode) && info.st_size > 0 &&
                     static_cast<std::uint64_t>(info.st_size) <= maxFileBytes)
                found.push_back(
                    {path, static_cast<std::uint64_t>(info.st_size), info.st_mtim.tv_sec});
        }
    }
    return found;
}

std::optional<SampleFile> hashFile(int rootFd, const Candidate& candidate)
{
    const UniqueFd fd = openBeneath(rootFd, candidate.path);
    if (!fd)
        return std::nullopt;
    crypto_generichash_state state;
    crypto_generichash_init(&state, nullptr, 0, std::tuple_size_v<Hash256>);
    std::uint64_t totalBytes = 0;
    std::vector<std::uint8_t> buffer(64u << 10);
    for (;;) {
        const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return std::nullopt;
        if (got == 0)
            break;
        totalBytes += static_cast<std::uint64_t>(got);
        crypto_generichash_update(&state, buffer.data(), static_cast<std::size_t>(got));
    }
    SampleFile sample{"/" + candidate.path, totalBytes, {}};
    crypto_generichash_final(&state, sample.hash.data(), sample.hash.size());
    return sample;
}

/// Where a file lies from this byte of it on; nothing if any of its blocks is not its own.
ExtentList fileExtents(int fd, std::uint64_t fromBytes)
{
    constexpr std::uint32_t kCount = 256;
    std::vector<std::uint8_t> memory(sizeof(struct fiemap) + kCount * sizeof(fiemap_extent));
    auto* map = reinterpret_cast<struct fiemap*>(memory.data());
    ExtentList extents;
    std::uint64_t atBytes = fromBytes;
    for (bool isLast = false; !isLast;) {
        std::memset(memory.data(), 0, memory.size());
        map->fm_start = atBytes;
        map->fm_length = FIEMAP_MAX_OFFSET - atBytes;
        map->fm_extent_count = kCount;
        if (::ioctl(fd, FS_IOC_FIEMAP, map) != 0)
            return {};
        if (map->fm_mapped_extents == 0)
            break;
        for (std::uint32_t i = 0; i < map->fm_mapped_extents; ++i) {
            const fiemap_extent& one = map->fm_extents[i];
            isLast = (one.fe_flags & FIEMAP_EXTENT_LAST) != 0;
            constexpr std::uint32_t kFine =
                FIEMAP_EXTENT_LAST | FIEMAP_EXTENT_MERGED | FIEMAP_EXTENT_UNWRITTEN;
            if ((one.fe_flags & ~kFine) != 0)
                return {};
            // The first extent may begin before the place that was asked for.
            const std::uint64_t skipBytes =
                one.fe_logical < atBytes ? std::min(atBytes - one.fe_logical, one.fe_length) : 0;
            extents.push_back({one.fe_physical + skipBytes, one.fe_length - skipBytes});
            atBytes = std::max<std::uint64_t>(atBytes, one.fe_logical + one.fe_length);
        }
    }
    return mergeExtents(std::move(extents));
}

} // namespace

Result<ExtentList> freeExtents(int rootFd)
{
    struct stat info
    {
    };
    if (::fstat(rootFd, &info) != 0)
        return failErrno("looking at the snapshot");
    const std::uint32_t device = encodeDevice(info.st_dev);

    constexpr std::uint32_t kCount = 4096;
    std::vector<std::uint8_t> memory(sizeof(fsmap_head) + kCount * sizeof(struct fsmap));
    auto* head = reinterpret_cast<fsmap_head*>(memory.data());
    head->fmh_count = kCount;
    head->fmh_keys[1].fmr_device = UINT32_MAX;
    head->fmh_keys[1].fmr_flags = UINT32_MAX;
    head->fmh_keys[1].fmr_physical = UINT64_MAX;
    head->fmh_keys[1].fmr_owner = UINT64_MAX;
    head->fmh_keys[1].fmr_offset = UINT64_MAX;
    ExtentList free;
    for (;;) {
        if (::ioctl(rootFd, FS_IOC_GETFSMAP, head) != 0)
            return failErrno("the file system does not tell what is free");
        for (std::uint32_t i = 0; i < head->fmh_entries; ++i) {
            const struct fsmap& one = head->fmh_recs[i];
            if (one.fmr_device == device && (one.fmr_flags & FMR_OF_SPECIAL_OWNER) != 0 &&
                one.fmr_owner == FMR_OWN_FREE)
                free.push_back({one.fmr_physical, one.fmr_length});
        }
        if (head->fmh_entries == 0 ||
            (head->fmh_recs[head->fmh_entries - 1].fmr_flags & FMR_OF_LAST) != 0)
            return mergeExtents(std::move(free));
        fsmap_advance(head);
    }
}

std::vector<SwapPath> activeSwapFiles(unsigned deviceMajor, unsigned deviceMinor)
{
    const std::string device = std::to_string(deviceMajor) + ":" + std::to_string(deviceMinor);
    std::vector<SwapPath> swaps;
    std::ifstream file("/proc/swaps");
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string path, type;
        words >> path >> type;
        struct stat info
        {
        };
        path = unescape(path);
        if (type != "file" || ::stat(path.c_str(), &info) != 0 ||
            info.st_dev != ::makedev(deviceMajor, deviceMinor))
            continue;
        if (auto inside = pathInFileSystem(path, device))
            swaps.push_back({std::move(*inside)});
    }
    return swaps;
}

ExtentList swapExtents(int rootFd, const SwapPath& swap)
{
    const UniqueFd fd = openBeneath(rootFd, swap.path);
    char signature[10] = {};
    if (!fd ||
        ::pread(fd.get(), signature, sizeof(signature), 4096 - sizeof(signature)) !=
            sizeof(signature) ||
        std::memcmp(signature, "SWAPSPACE2", sizeof(signature)) != 0)
        return {};
    return fileExtents(fd.get(), kSwapHeaderBytes);
}

ExtentList bootLoaderExtents(int rootFd)
{
    ExtentList extents;
    for (const char* path :
         {"boot/grub/grubenv", "boot/grub2/grubenv", "grub/grubenv", "grub2/grubenv"}) {
        const UniqueFd fd = openBeneath(rootFd, path);
        if (!fd)
            continue;
        const ExtentList file = fileExtents(fd.get(), 0);
        extents.insert(extents.end(), file.begin(), file.end());
    }
    return mergeExtents(std::move(extents));
}

std::vector<SampleFile> sampleFileHashes(int rootFd, std::uint64_t budgetBytes,
                                         const std::stop_token& stop)
{
    constexpr std::size_t kFiles = 16;
    const std::uint64_t maxFileBytes = std::min<std::uint64_t>(budgetBytes / kFiles, 1u << 20);
    if (maxFileBytes < 4096)
        return {};
    auto candidates = findCandidates(rootFd, maxFileBytes, 2000, stop);
    std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
        return a.modifiedSeconds > b.modifiedSeconds;
    });
    if (candidates.size() > kFiles) {
        std::minstd_rand random{std::random_device{}()};
        std::shuffle(candidates.begin() + kFiles / 2, candidates.end(), random);
        candidates.resize(kFiles);
    }
    std::vector<SampleFile> samples;
    for (const Candidate& candidate : candidates) {
        if (stop.stop_requested())
            break;
        if (auto sample = hashFile(rootFd, candidate))
            samples.push_back(std::move(*sample));
    }
    return samples;
}

} // namespace dormouse
