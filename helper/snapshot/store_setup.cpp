// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/snapshot/store_setup.h"

#include "helper/snapshot/store_file.h"
#include "helper/snapshot/store_volume.h"
#include "kmod/record_codec.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace dormouse {
namespace {

struct FreeMemory
{
    void operator()(void* memory) const { std::free(memory); }
};

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

/// The volume that the store's file is on.
const ProbedVolume& fileVolume(const ProbedVolume& volume, const StoreSetupOptions& options)
{
    return options.place.volume ? *options.place.volume : volume;
}

std::string fileName(const Id128& volumeId, bool isElsewhere)
{
    return isElsewhere ? storeFileOf(volumeId) : kStoreFile;
}

std::string fileName(const StoreSetupOptions& options)
{
    return fileName(options.volumeId, options.place.volume.has_value());
}

CreateRequest requestFor(const ProbedVolume& volume, const UniqueFd& device,
                         const StoreSetupOptions& options)
{
    CreateRequest request;
    request.deviceFd = device.get();
    request.volumeId = options.volumeId;
    request.fsType = volume.fsType;
    randomBytes(request.nonce);
    return request;
}

Result<CreatedStore> handOver(const Module& module, CreateRequest request, std::string path)
{
    auto attached = module.create(request);
    if (!attached)
        return tl::unexpected(attached.error());
    const ExtentList extents = mergeExtents(std::move(request.extents));
    return CreatedStore{std::move(*attached), std::move(path), extents, totalBytes(extents)};
}

/// Proves the file's pieces and gives them to the module; keeps the file if that worked.
Result<CreatedStore> handOverFile(const Module& module, const ProbedVolume& volume,
                                  const UniqueFd& device, const StoreSetupOptions& options,
                                  StoreFile& file)
{
    const auto pieces = file.pieces();
    if (!pieces)
        return tl::unexpected(pieces.error());
    if (pieces->empty() || pieces->size() > DORMOUSE_MAX_EXTENTS)
        return fail(Error::Code::Unsupported,
                    "free space is too scattered for a store; make more room on the volume");

    CreateRequest request = requestFor(volume, device, options);
    request.extents = extentsOf(*pieces);
    UniqueFd store;
    if (options.place.volume) {
        auto opened = openDevice(*options.place.volume);
        if (!opened)
            return tl::unexpected(opened.error());
        store = std::move(*opened);
        request.storeFd = store.get();
    }
    auto done = file.writeProofs(*pieces, options.volumeId, request.nonce);
    if (done)
        done = file.makeImmutable();
    if (done)
        done = file.settle();
    if (!done)
        return tl::unexpected(done.error());
    const auto again = file.pieces();
    if (!again || *again != *pieces)
        return fail(Error::Code::Unsupported, "the file system moved the store while it was made");
    auto created = handOver(module, std::move(request),
                            storePathOf(options.volumeId, options.place.volume.has_value()));
    if (created)
        file.keep();
    return created;
}

/// All of a device that holds nothing, or an old store.
Result<CreatedStore> createOnDevice(const Module& module, const ProbedVolume& volume,
                                    const UniqueFd& device, const StoreSetupOptions& options)
{
    const StoreDevice& place = *options.place.device;
    CreateRequest request = requestFor(volume, device, options);
    request.extents = {{0, place.sizeBytes / DORMOUSE_STORE_BLOCK * DORMOUSE_STORE_BLOCK}};
    {
        // Nobody else has it while it is written to; the module sees to that afterwards.
        const UniqueFd own(
            ::open(place.devicePath.c_str(), O_RDWR | O_DIRECT | O_EXCL | O_CLOEXEC));
        struct stat info
        {
        };
        if (!own || ::fstat(own.get(), &info) != 0)
            return failErrno("cannot open " + place.devicePath);
        if (info.st_rdev != ::makedev(place.deviceMajor, place.deviceMinor))
            return fail(Error::Code::Gone, place.devicePath + " is another device now");
        const auto done = writeProof(own.get(), 0, options.volumeId, request.nonce, 0);
        if (!done)
            return tl::unexpected(done.error());
        if (::fsync(own.get()) != 0)
            return failErrno("writing the store");
    }
    const UniqueFd store(::open(place.devicePath.c_str(), O_RDONLY | O_CLOEXEC));
    if (!store)
        return failErrno("cannot open " + place.devicePath);
    request.storeFd = store.get();
    return handOver(module, std::move(request), {});
}

/// A device above the volume would have the volume's writes wait for themselves.
Result<void> checkPlace(const ProbedVolume& volume, const StorePlace& place)
{
    if (!place.volume && !place.device)
        return {};
    const std::string& name = place.volume ? place.volume->kernelName : place.device->kernelName;
    if (liesAbove(name, volume.kernelName))
        return fail(Error::Code::Unsupported,
                    "the store would be on the volume itself, or on what is built upon it");
    return {};
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
    if (const auto good = checkPlace(volume, options.place); !good)
        return tl::unexpected(good.error());
    const auto device = openDevice(volume);
    if (!device)
        return tl::unexpected(device.error());
    if (options.place.device)
        return createOnDevice(module, volume, *device, options);
    const auto mount = mountVolume(fileVolume(volume, options));
    if (!mount)
        return tl::unexpected(mount.error());
    // What an interrupted set-up or a store that was forgotten left: the caller
    // knows that the volume is not attached.
    const std::string name = fileName(options);
    if (const auto removed = StoreFile::remove(mount->get(), name); !removed)
        return tl::unexpected(removed.error());
    const auto bytes = chooseBytes(options, volume, mount->get());
    if (!bytes)
        return tl::unexpected(bytes.error());
    auto file = StoreFile::create(mount->get(), name);
    if (!file)
        return tl::unexpected(file.error());
    if (const auto done = file->fill(0, *bytes, options.stop, options.progress); !done)
        return tl::unexpected(done.error());
    return handOverFile(module, volume, *device, options, *file);
}

Result<CreatedStore> renewStore(const Module& module, const ProbedVolume& volume,
                                const StoreSetupOptions& options)
{
    // Elsewhere nothing is gained by keeping the old room: it is proved, and written, anew.
    if (options.place.device || options.place.volume)
        return createStore(module, volume, options);
    if (!volume.isProtectable())
        return fail(Error::Code::Unsupported, volume.refusal);
    const auto device = openDevice(volume);
    if (!device)
        return tl::unexpected(device.error());
    const auto mount = mountVolume(volume);
    if (!mount)
        return tl::unexpected(mount.error());
    auto file = StoreFile::reopen(mount->get(), fileName(options));
    if (!file && file.error().code == Error::Code::NotFound)
        return createStore(module, volume, options);
    if (!file)
        return tl::unexpected(file.error());
    return handOverFile(module, volume, *device, options, *file);
}

std::string storePathOf(const Id128& volumeId, bool isElsewhere)
{
    return std::string(kStoreFolder) + "/" + fileName(volumeId, isElsewhere);
}

Result<ExtentList> findStore(const std::string& devicePath, std::uint64_t superblockOffsetBytes)
{
    const UniqueFd device(::open(devicePath.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC));
    const std::unique_ptr<void, FreeMemory> copy(
        std::aligned_alloc(DORMOUSE_STORE_BLOCK, DORMOUSE_SUPER_BYTES));
    if (!device || !copy ||
        ::pread(device.get(), copy.get(), DORMOUSE_SUPER_BYTES,
                static_cast<off_t>(superblockOffsetBytes)) != ssize_t{DORMOUSE_SUPER_BYTES})
        return failErrno("reading the store's superblock");
    store_super super{};
    std::vector<store_extent> table(DORMOUSE_SUPER_MAX_EXTENTS);
    if (super_unpack(copy.get(), &super, table.data()) != 0)
        return fail(Error::Code::Corrupt, "the store's superblock cannot be read");
    ExtentList extents;
    for (u32 i = 0; i < super.nr_extents; ++i)
        extents.push_back({table[i].offset, table[i].length});
    return mergeExtents(std::move(extents));
}

Result<void> removeStore(const ProbedVolume& on, const Id128& volumeId, bool isElsewhere)
{
    if (on.mountPoints.empty())
        return fail(Error::Code::Unsupported, "the volume is not mounted");
    const auto mount = mountVolume(on);
    if (!mount)
        return tl::unexpected(mount.error());
    return StoreFile::remove(mount->get(), fileName(volumeId, isElsewhere));
}

} // namespace dormouse
