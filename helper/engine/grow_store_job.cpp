// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/engine/grow_store_job.h"

#include "helper/catalog/catalog.h"
#include "helper/engine/frozen_file_system.h"
#include "helper/engine/store_places.h"
#include "helper/engine/volume_jobs.h"
#include "helper/snapshot/detached_mount.h"
#include "helper/snapshot/store_growth.h"

#include <chrono>
#include <optional>
#include <thread>

namespace dormouse {
namespace {

constexpr int kTries = 3;
constexpr std::chrono::seconds kHidePatience{10};

/// A snapshot's disk, for as long as this lives; one that was there before stays.
class ShownSnapshot
{
public:
    ShownSnapshot(const Module& module, std::uint32_t handle, const EpochInfo& epoch)
        : m_module(module), m_handle(handle), m_epoch(epoch)
    {
    }
    ShownSnapshot(const ShownSnapshot&) = delete;
    ShownSnapshot& operator=(const ShownSnapshot&) = delete;
    ~ShownSnapshot()
    {
        if (!m_isOurs)
            return;
        // udev may be looking at a disk that has just appeared.
        const auto deadline = std::chrono::steady_clock::now() + kHidePatience;
        for (;;) {
            const auto hidden = m_module.unexpose(m_handle, m_epoch.epoch);
            if (hidden || hidden.error().code != Error::Code::Busy ||
                std::chrono::steady_clock::now() > deadline)
                break;
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
    }

    [[nodiscard]] Result<std::string> show()
    {
        const auto disk = m_module.expose(m_handle, m_epoch.epoch);
        if (!disk)
            return tl::unexpected(disk.error());
        m_isOurs = !m_epoch.isExposed;
        return disk->devicePath();
    }

private:
    const Module& m_module;
    std::uint32_t m_handle;
    EpochInfo m_epoch;
    bool m_isOurs = false;
};

Result<ExtentList> freeIn(const Module& module, std::uint32_t handle, const EpochInfo& epoch,
                          const std::string& fsType)
{
    ShownSnapshot snapshot(module, handle, epoch);
    const auto device = snapshot.show();
    if (!device)
        return tl::unexpected(device.error());
    // A frozen file system is complete without its journal; another one must not need it.
    const auto mount =
        mountDetached(*device, fsType,
                      epoch.wasFrozen ? MountKind::FrozenSnapshot : MountKind::CleanSnapshot);
    if (!mount)
        return tl::unexpected(mount.error());
    const auto root = openRoot(*mount);
    if (!root)
        return tl::unexpected(root.error());
    return freeExtents(root->get());
}

/// What was free in every snapshot that lives; nullopt: none does.
Result<std::optional<ExtentList>> freeInAll(const Module& module, std::uint32_t handle,
                                            const std::string& fsType)
{
    const auto epochs = module.epochs(handle);
    if (!epochs)
        return tl::unexpected(epochs.error());
    std::optional<ExtentList> all;
    for (const EpochInfo& epoch : *epochs) {
        if (!epoch.hasSnapshot)
            continue;
        auto free = freeIn(module, handle, epoch, fsType);
        if (!free)
            return addContext(free.error(), "a local snapshot does not tell what was free in it");
        all = all ? subtractExtents(*all, subtractExtents(*all, *free)) : std::move(*free);
    }
    return all;
}

} // namespace

Result<std::uint64_t> GrowStoreJob::run(const JobControl& control)
{
    control.report(JobPhase::Preparing);
    auto catalog = Catalog::connect(m_context.catalogPath);
    if (!catalog)
        return tl::unexpected(catalog.error());
    auto found = findAttached(m_context, *catalog, m_request.volumeId);
    if (!found)
        return tl::unexpected(found.error());
    if (found->row.storeDevice == kWholeDevice)
        return fail(Error::Code::Unsupported,
                    "the store takes all of its device already, so it cannot grow");
    const bool isElsewhere = !found->row.storeDevice.empty();
    const auto volume = findVolume(isElsewhere ? found->row.storeDevice : found->row.fsUuid);
    if (!volume)
        return tl::unexpected(volume.error());
    if (volume->mountPoints.empty())
        return fail(Error::Code::Busy, "the volume that the store is on is not mounted, so its file system cannot be "
                                       "asked for room");
    const Module& module = *m_context.module;
    for (int left = kTries;; --left) {
        if (const auto stopped = control.checkStop(); !stopped)
            return tl::unexpected(stopped.error());
        const auto status = module.status(found->status.handle);
        if (!status)
            return tl::unexpected(status.error());
        GrowthOptions options;
        options.handle = status->handle;
        options.volumeId = status->volumeId;
        options.superblockOffsetBytes = status->superblockOffsetBytes;
        options.storeBytes = status->storeBytes;
        options.bytes = m_request.bytes;
        options.openEpoch = status->openEpoch;
        options.isElsewhere = isElsewhere;
        if (!isElsewhere) {
            auto usable = freeInAll(module, status->handle, found->row.fsType);
            if (!usable)
                return tl::unexpected(usable.error());
            options.usable = std::move(*usable);
        }
        control.report(JobPhase::Committing);
        auto grown = growStore(module, *volume, options);
        // A snapshot was taken meanwhile, of it or of the volume that the store is on.
        if (!grown && left > 1 &&
            (grown.error().code == Error::Code::Gone ||
             (isElsewhere && grown.error().code == Error::Code::Busy)))
            continue;
        if (!grown)
            return tl::unexpected(grown.error());
        // The row as it is now: somebody may have forgotten the volume meanwhile.
        auto row = catalog->volume(m_request.volumeId);
        if (row && *row && (*row)->isProtected) {
            (*row)->storeExtents = std::move(grown->extents);
            if (const auto kept = catalog->putVolume(**row); !kept)
                control.say("The catalog does not know of the store's new room yet: " +
                            kept.error().message);
        }
        return grown->storeBytes - status->storeBytes;
    }
}

} // namespace dormouse
