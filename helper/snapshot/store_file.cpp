// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/snapshot/store_file.h"

#include "helper/base/log.h"
#include "kmod/uapi/dormouse_format.h"
#include "kmod/uapi/dormouse_ioctl.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>

#include <endian.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

namespace dormouse {
namespace {

constexpr std::size_t kWriteBytes = 4u << 20;

struct FreeMemory
{
    void operator()(void* memory) const { std::free(memory); }
};
using AlignedBuffer = std::unique_ptr<std::uint8_t[], FreeMemory>;

/// Zeros, aligned for O_DIRECT.
AlignedBuffer zeroBuffer(std::size_t bytes)
{
    auto* memory = static_cast<std::uint8_t*>(std::aligned_alloc(DORMOUSE_STORE_BLOCK, bytes));
    if (memory == nullptr)
        std::abort();
    std::memset(memory, 0, bytes);
    return AlignedBuffer(memory);
}

Result<void> writeAt(int fd, const std::uint8_t* data, std::size_t bytes, std::uint64_t offset)
{
    while (bytes > 0) {
        const ssize_t put = ::pwrite(fd, data, bytes, static_cast<off_t>(offset));
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return failErrno("writing the store");
        data += put;
        bytes -= static_cast<std::size_t>(put);
        offset += static_cast<std::uint64_t>(put);
    }
    return {};
}

Result<void> setImmutable(int fd, bool isImmutable)
{
    int flags = 0;
    if (::ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0)
        return failErrno("reading the store file's flags");
    const int wanted = isImmutable ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
    if (wanted != flags && ::ioctl(fd, FS_IOC_SETFLAGS, &wanted) != 0)
        return failErrno("setting the store file's flags");
    return {};
}

/// Cuts what is not whole blocks of the store off both ends; false if none is left.
bool alignToStoreBlocks(StorePiece& piece)
{
    constexpr std::uint64_t kBlock = DORMOUSE_STORE_BLOCK;
    const std::uint64_t begin = (piece.extent.offsetBytes + kBlock - 1) / kBlock * kBlock;
    const std::uint64_t end = piece.extent.endBytes() / kBlock * kBlock;
    if (begin >= end)
        return false;
    piece.fileOffsetBytes += begin - piece.extent.offsetBytes;
    piece.extent = {begin, end - begin};
    return true;
}

/// The folder, which must be root's alone: who else could write into it could
/// put something else where the store is expected.
Result<UniqueFd> openFolder(int rootFd)
{
    UniqueFd folder(
        ::openat(rootFd, kStoreFolder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!folder)
        return failErrno("opening the folder of the store");
    struct stat info
    {
    };
    if (::fstat(folder.get(), &info) != 0)
        return failErrno("opening the folder of the store");
    if (info.st_uid != 0 || (info.st_mode & 022) != 0)
        return fail(Error::Code::Denied,
                    "the volume has a folder .dormouse that does not belong to root alone; nothing "
                    "was changed. Remove or rename it, then try again");
    return folder;
}

/// Blocks signals that would end the process, for the moment of a freeze.
class SignalsBlocked
{
public:
    SignalsBlocked()
    {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &m_before);
    }
    ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &m_before, nullptr); }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

private:
    sigset_t m_before{};
};

} // namespace

std::string storeFileOf(const Id128& volumeId)
{
    return kStoreFile + ("-" + volumeId.hex());
}

Result<StoreFile> StoreFile::create(int rootFd, const std::string& name)
{
    UniqueFd root(::openat(rootFd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!root)
        return failErrno("opening the volume");
    if (::mkdirat(root.get(), kStoreFolder, 0700) != 0 && errno != EEXIST)
        return failErrno("making the folder of the store");
    const auto folder = openFolder(root.get());
    if (!folder)
        return tl::unexpected(folder.error());
    if (::fchmod(folder->get(), 0700) != 0)
        return failErrno("making the folder of the store private");
    UniqueFd file(::openat(folder->get(), name.c_str(),
                           O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_DIRECT | O_CLOEXEC, 0600));
    if (!file)
        return failErrno("making the store");
    return StoreFile(std::move(root), name, std::move(file));
}

Result<StoreFile> StoreFile::openExisting(int rootFd, const std::string& name)
{
    const auto folder = openFolder(rootFd);
    if (!folder)
        return tl::unexpected(folder.error());
    UniqueFd file(
        ::openat(folder->get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file)
        return failErrno("opening the store");
    StoreFile store(UniqueFd(), name, std::move(file));
    store.keep();
    return store;
}

Result<StoreFile> StoreFile::reopen(int rootFd, const std::string& name)
{
    UniqueFd root(::openat(rootFd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!root)
        return failErrno("opening the volume");
    const auto existing = openExisting(rootFd, name);
    if (!existing)
        return tl::unexpected(existing.error());
    if (const auto done = setImmutable(existing->m_file.get(), false); !done)
        return tl::unexpected(done.error());
    const auto folder = openFolder(rootFd);
    if (!folder)
        return tl::unexpected(folder.error());
    UniqueFd file(::openat(folder->get(), name.c_str(), O_RDWR | O_NOFOLLOW | O_DIRECT | O_CLOEXEC));
    if (!file)
        return failErrno("opening the store");
    return StoreFile(std::move(root), name, std::move(file));
}

Result<void> StoreFile::remove(int rootFd, const std::string& name)
{
    const auto folder = openFolder(rootFd);
    if (!folder) {
        if (folder.error().code == Error::Code::NotFound)
            return {};
        return tl::unexpected(folder.error());
    }
    const UniqueFd file(
        ::openat(folder->get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (file) {
        if (const auto done = setImmutable(file.get(), false); !done)
            return done;
        if (::unlinkat(folder->get(), name.c_str(), 0) != 0)
            return failErrno("removing the store");
    } else if (errno != ENOENT) {
        return failErrno("opening the store");
    }
    // Somebody may keep other things in there: then the folder stays.
    (void)::unlinkat(rootFd, kStoreFolder, AT_REMOVEDIR);
    (void)::fsync(rootFd);
    return {};
}

StoreFile::~StoreFile()
{
    if (!m_file || m_isKept)
        return;
    if (const auto removed = remove(m_root.get(), m_name); !removed)
        logWarning("an unfinished store is left behind: " + removed.error().message);
}

Result<std::uint64_t> StoreFile::sizeBytes() const
{
    struct stat info
    {
    };
    if (::fstat(m_file.get(), &info) != 0)
        return failErrno("looking at the store");
    return static_cast<std::uint64_t>(info.st_size);
}

Result<void> StoreFile::extendTo(std::uint64_t bytes) const
{
    const auto now = sizeBytes();
    if (!now)
        return tl::unexpected(now.error());
    if (bytes <= *now)
        return {};
    // Not posix_fallocate(): where that has to write, it would write over what must stay.
    while (::fallocate(m_file.get(), 0, static_cast<off_t>(*now),
                       static_cast<off_t>(bytes - *now)) != 0) {
        if (errno != EINTR)
            return failErrno("making more room for the store");
    }
    if (::fsync(m_file.get()) != 0)
        return failErrno("making more room for the store");
    return {};
}

Result<void> StoreFile::cutTo(std::uint64_t bytes) const
{
    if (::ftruncate(m_file.get(), static_cast<off_t>(bytes)) != 0 || ::fsync(m_file.get()) != 0)
        return failErrno("giving room of the store back");
    return {};
}

Result<void>
StoreFile::fill(std::uint64_t from, std::uint64_t bytes, const std::stop_token& stop,
                const std::function<void(std::uint64_t, std::uint64_t)>& progress) const
{
    const int error = ::posix_fallocate(m_file.get(), static_cast<off_t>(from),
                                        static_cast<off_t>(bytes - from));
    if (error != 0)
        return failErrno("making room for the store", error);
    const auto zeros = zeroBuffer(kWriteBytes);
    for (std::uint64_t done = from; done < bytes;) {
        if (stop.stop_requested())
            return fail(Error::Code::Cancelled, "cancelled");
        const auto part = std::min<std::uint64_t>(kWriteBytes, bytes - done);
        if (const auto written = writeAt(m_file.get(), zeros.get(), part, done); !written)
            return written;
        done += part;
        if (progress)
            progress(done, bytes);
    }
    if (::fsync(m_file.get()) != 0)
        return failErrno("writing the store");
    return {};
}

ExtentList extentsOf(const std::vector<StorePiece>& pieces)
{
    ExtentList extents;
    for (const StorePiece& piece : pieces)
        extents.push_back(piece.extent);
    return extents;
}

Result<std::vector<StorePiece>> StoreFile::pieces() const
{
    struct fsxattr attributes
    {
    };
    if (::ioctl(m_file.get(), FS_IOC_FSGETXATTR, &attributes) == 0 &&
        (attributes.fsx_xflags & FS_XFLAG_REALTIME) != 0)
        return fail(Error::Code::Unsupported,
                    "new files of this volume go to its real-time device, where a store cannot be");

    constexpr std::uint32_t kCount = 256;
    std::vector<std::uint8_t> memory(sizeof(struct fiemap) + kCount * sizeof(fiemap_extent));
    auto* map = reinterpret_cast<struct fiemap*>(memory.data());
    std::vector<StorePiece> pieces;
    std::uint64_t logicalBytes = 0;
    for (bool isLast = false; !isLast;) {
        std::memset(memory.data(), 0, memory.size());
        map->fm_start = logicalBytes;
        map->fm_length = FIEMAP_MAX_OFFSET - logicalBytes;
        map->fm_flags = FIEMAP_FLAG_SYNC;
        map->fm_extent_count = kCount;
        if (::ioctl(m_file.get(), FS_IOC_FIEMAP, map) != 0)
            return failErrno("asking where the store lies");
        if (map->fm_mapped_extents == 0)
            break;
        for (std::uint32_t i = 0; i < map->fm_mapped_extents; ++i) {
            const fiemap_extent& one = map->fm_extents[i];
            isLast = (one.fe_flags & FIEMAP_EXTENT_LAST) != 0;
            // Unwritten: what the store grew by; the blocks are its own all the same.
            if ((one.fe_flags &
                 ~(FIEMAP_EXTENT_LAST | FIEMAP_EXTENT_MERGED | FIEMAP_EXTENT_UNWRITTEN)) != 0)
                return fail(Error::Code::Unsupported,
                            "the file system does not give the store blocks of its own that stay "
                            "where they are");
            if (one.fe_logical != logicalBytes || one.fe_physical % DORMOUSE_SECTOR_BYTES != 0)
                return fail(Error::Code::Unsupported,
                            "the file system does not give the store whole blocks");
            if (!pieces.empty() && pieces.back().extent.endBytes() == one.fe_physical)
                pieces.back().extent.lengthBytes += one.fe_length;
            else
                pieces.push_back({logicalBytes, {one.fe_physical, one.fe_length}});
            logicalBytes += one.fe_length;
        }
    }
    std::erase_if(pieces, [](StorePiece& piece) { return !alignToStoreBlocks(piece); });
    return pieces;
}

Result<void> writeProof(int fd, std::uint64_t offsetBytes, const Id128& volumeId, ByteView nonce,
                        std::uint32_t index)
{
    const auto block = zeroBuffer(DORMOUSE_STORE_BLOCK);
    dormouse_extent_proof proof{};
    std::memcpy(proof.magic, "DORMPRUF", sizeof(proof.magic));
    std::copy(nonce.begin(), nonce.end(), proof.nonce);
    std::copy(volumeId.bytes.begin(), volumeId.bytes.end(), proof.volume_id);
    proof.index = htole32(index);
    std::memcpy(block.get(), &proof, sizeof(proof));
    return writeAt(fd, block.get(), DORMOUSE_STORE_BLOCK, offsetBytes);
}

Result<void> StoreFile::writeProofs(const std::vector<StorePiece>& pieces, const Id128& volumeId,
                                    ByteView nonce) const
{
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        const auto done = writeProof(m_file.get(), pieces[i].fileOffsetBytes, volumeId, nonce,
                                     static_cast<std::uint32_t>(i));
        if (!done)
            return done;
    }
    if (::fsync(m_file.get()) != 0)
        return failErrno("writing the store");
    return {};
}

Result<void> StoreFile::makeImmutable() const
{
    return setImmutable(m_file.get(), true);
}

Result<void> StoreFile::makeMutable() const
{
    return setImmutable(m_file.get(), false);
}

Result<void> StoreFile::settle() const
{
    const SignalsBlocked blocked;
    // Freezing empties the journal; syncfs alone leaves it to be replayed.
    if (::ioctl(m_root.get(), FIFREEZE, 0) == 0) {
        if (::ioctl(m_root.get(), FITHAW, 0) != 0)
            return failErrno("thawing the volume");
        return {};
    }
    return failErrno("freezing the volume for a moment");
}

} // namespace dormouse
