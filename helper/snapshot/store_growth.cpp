// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/snapshot/store_growth.h"

#include "helper/base/log.h"
#include "helper/snapshot/store_file.h"
#include "helper/snapshot/store_setup.h"
#include "helper/snapshot/store_volume.h"
#include "kmod/uapi/dormouse_format.h"

#include <algorithm>

namespace dormouse {
namespace {

/// Smaller growth is not worth a superblock's place in its table.
constexpr std::uint64_t kLeastGrowthBytes = 8 * kMiB;
constexpr std::uint64_t kLeastPieceBytes = 256u << 10;
constexpr std::size_t kMostNewPieces = 48;

ExtentList intersect(const ExtentList& a, const ExtentList& b)
{
    return subtractExtents(a, subtractExtents(a, b));
}

/// What of the file is not the store's yet and may become so, largest first.
std::vector<StorePiece> newPieces(const std::vector<StorePiece>& all, const ExtentList& store,
                                  const std::optional<ExtentList>& usable)
{
    std::vector<StorePiece> found;
    for (const StorePiece& piece : all) {
        ExtentList left = subtractExtents({piece.extent}, store);
        if (usable)
            left = intersect(left, *usable);
        for (const Extent& extent : left) {
            constexpr std::uint64_t kBlock = DORMOUSE_STORE_BLOCK;
            const std::uint64_t begin = (extent.offsetBytes + kBlock - 1) / kBlock * kBlock;
            const std::uint64_t end = extent.endBytes() / kBlock * kBlock;
            if (begin + kLeastPieceBytes <= end)
                found.push_back({piece.fileOffsetBytes + (begin - piece.extent.offsetBytes),
                                 {begin, end - begin}});
        }
    }
    std::sort(found.begin(), found.end(), [](const StorePiece& a, const StorePiece& b) {
        return a.extent.lengthBytes > b.extent.lengthBytes;
    });
    if (found.size() > kMostNewPieces)
        found.resize(kMostNewPieces);
    return found;
}

/// With the file as large as it shall be.
Result<GrownStore> handOverMore(const Module& module, const ProbedVolume& volume,
                                const GrowthOptions& options, const StoreFile& file)
{
    const auto pieces = file.pieces();
    if (!pieces)
        return tl::unexpected(pieces.error());
    const auto store = findStore(volume.devicePath, options.superblockOffsetBytes);
    if (!store)
        return tl::unexpected(store.error());
    // A proof on ground that is the store's already would be the end of it.
    if (totalBytes(*store) != options.storeBytes)
        return fail(Error::Code::Corrupt, "the store's superblock is not what the module knows");
    const auto more = newPieces(*pieces, *store, options.usable);
    if (more.empty())
        return fail(Error::Code::NoSpace,
                    "what is free now held files that the local snapshots still show");
    GrowRequest request;
    request.handle = options.handle;
    request.openEpoch = options.openEpoch;
    request.extents = extentsOf(more);
    randomBytes(request.nonce);
    auto done = file.writeProofs(more, options.volumeId, request.nonce);
    if (done)
        done = file.makeImmutable();
    if (done)
        done = file.settle();
    if (!done)
        return tl::unexpected(done.error());
    const auto again = file.pieces();
    if (!again || *again != *pieces)
        return fail(Error::Code::Unsupported, "the file system moved the store while it was made");
    const auto bytes = module.grow(request);
    if (!bytes)
        return tl::unexpected(bytes.error());
    ExtentList extents = *store;
    extents.insert(extents.end(), request.extents.begin(), request.extents.end());
    return GrownStore{mergeExtents(std::move(extents)), *bytes};
}

} // namespace

std::uint64_t suggestedGrowthBytes(std::uint64_t volumeBytes, std::uint64_t storeBytes,
                                   std::uint64_t freeBytes)
{
    const std::uint64_t wanted = std::clamp<std::uint64_t>(storeBytes / 2, 64 * kMiB, 8192 * kMiB);
    const std::uint64_t limit = volumeBytes / 4 > storeBytes ? volumeBytes / 4 - storeBytes : 0;
    const std::uint64_t kept = std::max(volumeBytes / 10, kReserveBytes);
    const std::uint64_t room = freeBytes > kept ? (freeBytes - kept) / 2 : 0;
    const std::uint64_t bytes = std::min({wanted, limit, room}) / kMiB * kMiB;
    return bytes < kLeastGrowthBytes ? 0 : bytes;
}

Result<GrownStore> growStore(const Module& module, const ProbedVolume& volume,
                             const GrowthOptions& options)
{
    const auto mount = mountVolume(volume);
    if (!mount)
        return tl::unexpected(mount.error());
    const auto freeBytes = freeBytesOf(mount->get());
    if (!freeBytes)
        return tl::unexpected(freeBytes.error());
    const std::uint64_t bytes =
        options.bytes != 0 ? options.bytes / kMiB * kMiB
                           : suggestedGrowthBytes(volume.sizeBytes, options.storeBytes, *freeBytes);
    if (bytes == 0 || bytes + kReserveBytes > *freeBytes)
        return fail(Error::Code::NoSpace, "there is too little free space on the volume");
    auto file = StoreFile::reopen(mount->get(), options.isElsewhere ? storeFileOf(options.volumeId)
                                                                    : kStoreFile);
    if (!file)
        return tl::unexpected(file.error());
    file->keep();
    const auto before = file->sizeBytes();
    if (!before)
        return tl::unexpected(before.error());
    auto grown = (options.isElsewhere ? file->fill(*before, *before + bytes, {}, {})
                                      : file->extendTo(*before + bytes))
                     .and_then([&] { return handOverMore(module, volume, options, *file); });
    if (!grown) {
        // The module took nothing, so what was added is only room that is gone.
        (void)file->makeMutable();
        (void)file->cutTo(*before);
    }
    if (const auto pinned = file->makeImmutable(); !pinned)
        logWarning("the store's file is not pinned: " + pinned.error().message);
    return grown;
}

} // namespace dormouse
