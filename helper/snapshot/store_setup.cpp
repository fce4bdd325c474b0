// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/snapshot/store_setup.h"

#include "helper/snapshot/detached_mount.h"
#include "helper/snapshot/store_file.h"
#include "kmod/uapi/dormouse_format.h"

#include <algorithm>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

namespace dormouse {
namespace {

constexpr std::uint64_t kMiB = 1u << 20;
/// What stays free for the user whatever store was asked for.
constexpr std::uint64_t kReserveBytes = 32 * kMiB;

Result<UniqueFd> openDevice(const ProbedVolume& volume)
{
    UniqueFd fd(::open(volume.devicePath.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat info
    {
    };
    if (!fd || ::fstat(fd.get(), &info) != 0)
        return failErrno("cannot open " + volume.devicePath);
    if (!S_ISBLK(info.st_mode) || info.st_rdev != ::makedev(volume.deviceMajor, volume.deviceMinor))
        return fail(Error::Code::Gone, volume.devicePath + " is another device now");
    return fd;
}

Result<UniqueFd> mountVolume(const ProbedVolume& volume)
{
    auto mount = mountDetached(volume.devicePath, volume.fsType, MountKind::Writable);
    if (!mount)
        return mount;
    struct stat info
    {
    };
    if (::fstat(mount->get(), &info) != 0)
        return failErrno("cannot look at the volume");
    if (info.st_dev != ::makedev(volume.deviceMajor, volume.deviceMinor))
        return fail(Error::Code::Unsupported,
                    "the file system keeps its files on another device than its own");
    return mount;
}

Result<std::uint64_t> chooseBytes(const StoreSetupOptions& options, const ProbedVolume& volume,
                                  int rootFd)
{
    struct statvfs space
    {
    };
    if (::fstatvfs(rootFd, &space) != 0)
        return failErrno("asking for free space");
    const std::uint64_t freeBytes = static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize;
    std::uint64_t bytes = options.storeBytes != 0
                              ? options.storeBytes
                              : suggestedStoreBytes(volume.sizeBytes, freeBytes);
    bytes = bytes / kMiB * kMiB;
    if (bytes < DORMOUSE_STORE_MIN_BYTES)
        return fail(Error::Code::NoSpace, "there is too little room for a store on the volume");
    if (bytes + kReserveBytes > freeBytes)
        return fail(Error::Code::NoSpace, "the store would fill the volume; make more room on it "
                                          "or choose a smaller store");
    return bytes;
}

/// Proves the file's pieces and gives them to the module; keeps the file if that worked.
Result<CreatedStore> handOver(const Module& module, const ProbedVolume& volume,
                              const UniqueFd& device, const Id128& volumeId, StoreFile& file)
{
    const auto pieces = file.pieces();
    if (!pieces)
        return tl::unexpected(pieces.error());

    CreateRequest request;
    request.deviceFd = device.get();
    request.volumeId = volumeId;
    request.fsType = volume.fsType;
    request.extents = extentsOf(*pieces);
    randomBytes(request.nonce);
    auto done = file.writeProofs(*pieces, volumeId, request.nonce);
    if (done)
        done = file.makeImmutable();
    if (done)
        done = file.settle();
    if (!done)
        return tl::unexpected(done.error());
    const auto again = file.pieces();
    if (!again || *again != *pieces)
        return fail(Error::Code::Unsupported, "the file system moved the store while it was made");

    auto attached = module.create(request);
    if (!attached)
        return tl::unexpected(attached.error());
    file.keep();
    const ExtentList extents = mergeExtents(std::move(request.extents));
    return CreatedStore{std::move(*attached), kStorePath, extents, totalBytes(extents)};
}

} // namespace

std::uint64_t suggestedStoreBytes(std::uint64_t volumeBytes, std::uint64_t freeBytes)
{
    const std::uint64_t wanted =
        std::clamp<std::uint64_t>(volumeBytes / 10, 64 * kMiB, 32 * 1024 * kMiB);
    return std::min(wanted, freeBytes / 4) / kMiB * kMiB;
}

Result<CreatedStore> createStore(const Module& module, const ProbedVolume& volume,
                                 const StoreSetupOptions& options)
{
    if (!volume.isProtectable())
        return fail(Error::Code::Unsupported, volume.refusal);
    const auto device = openDevice(volume);
    if (!device)
        return tl::unexpected(device.error());
    const auto mount = mountVolume(volume);
    if (!mount)
        return tl::unexpected(mount.error());
    // What an interrupted set-up or a store that was forgotten left: the caller
    // knows that the volume is not attached.
    if (const auto removed = StoreFile::remove(mount->get()); !removed)
        return tl::unexpected(removed.error());
    const auto bytes = chooseBytes(options, volume, mount->get());
    if (!bytes)
        return tl::unexpected(bytes.error());
    auto file = StoreFile::create(mount->get());
    if (!file)
        return tl::unexpected(file.error());
    if (const auto done = file->fill(*bytes, options.stop, options.progress); !done)
        return tl::unexpected(done.error());
    return handOver(module, volume, *device, options.volumeId, *file);
}

Result<CreatedStore> renewStore(const Module& module, const ProbedVolume& volume,
                                const StoreSetupOptions& options)
{
    if (!volume.isProtectable())
        return fail(Error::Code::Unsupported, volume.refusal);
    const auto device = openDevice(volume);
    if (!device)
        return tl::unexpected(device.error());
    const auto mount = mountVolume(volume);
    if (!mount)
        return tl::unexpected(mount.error());
    auto file = StoreFile::reopen(mount->get());
    if (!file && file.error().code == Error::Code::NotFound)
        return createStore(module, volume, options);
    if (!file)
        return tl::unexpected(file.error());
    return handOver(module, volume, *device, options.volumeId, *file);
}

Result<ExtentList> findStore(const ProbedVolume& volume)
{
    const auto mount = mountVolume(volume);
    if (!mount)
        return tl::unexpected(mount.error());
    const auto file = StoreFile::openExisting(mount->get());
    if (!file)
        return tl::unexpected(file.error());
    const auto pieces = file->pieces();
    if (!pieces)
        return tl::unexpected(pieces.error());
    return mergeExtents(extentsOf(*pieces));
}

Result<void> removeStore(const ProbedVolume& volume)
{
    if (volume.mountPoints.empty())
        return fail(Error::Code::Unsupported, "the volume is not mounted");
    const auto mount = mountVolume(volume);
    if (!mount)
        return tl::unexpected(mount.error());
    return StoreFile::remove(mount->get());
}

} // namespace dormouse
