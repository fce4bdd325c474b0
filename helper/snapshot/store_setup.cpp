// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/snapshot/store_setup.h"

#include "helper/snapshot/store_file.h"
#include "helper/snapshot/store_volume.h"
#include "kmod/uapi/dormouse_format.h"

#include <algorithm>

namespace dormouse {
namespace {

Result<std::uint64_t> chooseBytes(const StoreSetupOptions& options, const ProbedVolume& volume,
                                  int rootFd)
{
    const auto found = freeBytesOf(rootFd);
    if (!found)
        return found;
    const std::uint64_t freeBytes = *found;
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
    if (pieces->empty() || pieces->size() > DORMOUSE_MAX_EXTENTS)
        return fail(Error::Code::Unsupported,
                    "free space is too scattered for a store; make more room on the volume");

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
