// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/engine/volume_jobs.h"

#include "helper/catalog/catalog.h"
#include "helper/engine/store_places.h"
#include "helper/snapshot/change_collector.h"
#include "helper/snapshot/snapshot_set.h"
#include "helper/snapshot/store_setup.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include <fcntl.h>

namespace dormouse {
namespace {

constexpr std::chrono::seconds kHidePatience{3};

Result<const Module*> needModule(const EngineContext& context)
{
    if (context.module == nullptr)
        return fail(Error::Code::NotFound,
                    "the kernel module is not loaded: nothing is being recorded");
    return context.module;
}

Result<Id128> parseId(const std::string& volumeId)
{
    const auto id = Id128::fromHex(volumeId);
    if (!id)
        return fail(Error::Code::Invalid, "this is not the id of a volume");
    return *id;
}

Result<VolumeRow> needRow(Catalog& catalog, const std::string& volumeId)
{
    auto row = catalog.volume(volumeId);
    if (!row)
        return tl::unexpected(row.error());
    if (!*row || !(*row)->isProtected)
        return fail(Error::Code::NotFound, "the volume is not protected");
    return std::move(**row);
}

void describe(VolumeRow& row, const ProbedVolume& volume)
{
    row.fsUuid = volume.fsUuid;
    row.fsType = volume.fsType;
    row.label = volume.label;
    row.sizeBytes = volume.sizeBytes;
    row.lastDevice = volume.devicePath;
    row.lastMountPoint = volume.mountPoints.empty() ? "" : volume.mountPoints.front();
}

/// Takes the disks of all its snapshots away. That a disk is there does not mean
/// that it is in use: whoever made it may be gone. Open ones are busy; udev may be
/// looking at one that has just appeared, so they get a while.
Result<void> hideSnapshots(const Module& module, std::uint32_t handle)
{
    const auto epochs = module.epochs(handle);
    if (!epochs)
        return tl::unexpected(epochs.error());
    const auto deadline = std::chrono::steady_clock::now() + kHidePatience;
    for (const EpochInfo& epoch : *epochs) {
        if (!epoch.isExposed)
            continue;
        for (;;) {
            const auto hidden = module.unexpose(handle, epoch.epoch);
            if (hidden || hidden.error().code == Error::Code::NotFound)
                break;
            if (hidden.error().code != Error::Code::Busy)
                return hidden;
            if (std::chrono::steady_clock::now() > deadline)
                return fail(Error::Code::Busy,
                            "a snapshot of the volume is being read. Nothing was changed; close "
                            "what reads it and try again");
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
    }
    return {};
}

/// The start of a store's history, so that the first backup has a moment to name.
Result<void> recordStart(Catalog& catalog, const std::string& volumeId, const Id128& epochId,
                         std::int64_t nowMs)
{
    return catalog.recordEpoch({volumeId, epochId.hex(), {}, 0, nowMs});
}

// Somebody wrote while nothing recorded it: a new history begins, and a void set
// says where the old one ends, so that the next backup compares and tells why.
Result<void> renew(const EngineContext& context, Catalog& catalog, VolumeRow row,
                   const ProbedVolume& volume, const std::string& reason)
{
    const auto id = parseId(row.volumeId);
    const auto epochs = catalog.epochs(row.volumeId, 1);
    if (!id || !epochs)
        return tl::unexpected(id ? epochs.error() : id.error());
    StoreSetupOptions options;
    options.volumeId = *id;
    options.storeBytes = totalBytes(row.storeExtents);
    auto place = findPlace(row);
    if (!place)
        return tl::unexpected(place.error());
    options.place = std::move(*place);
    const auto store = renewStore(*context.module, volume, options);
    if (!store)
        return addContext(store.error(), "recording cannot begin anew (" + reason + ")");
    describe(row, volume);
    row.superblockOffsetBytes = store->attached.superblockOffsetBytes;
    row.superblockOffsetBBytes = store->attached.superblockOffsetBBytes;
    row.storeExtents = store->extents;
    const std::string startId = store->attached.openEpochId.hex();
    const std::int64_t nowMs = context.clock->nowMs();
    auto done = catalog.putVolume(row);
    if (done && !epochs->empty())
        done = catalog.storeChangeSet({row.volumeId,
                                       epochs->front().epochId,
                                       startId,
                                       true,
                                       "Recording was interrupted: " + reason + ".",
                                       {},
                                       nowMs});
    if (done)
        done = catalog.recordEpoch(
            {row.volumeId, startId, epochs->empty() ? "" : epochs->front().epochId, 0, nowMs});
    return done;
}

/// The device that a store is on, opened; none for one on the volume itself. A volume that
/// it is on is attached first, for only so the module knows that the store is still there.
Result<UniqueFd> openStore(const EngineContext& context, Catalog& catalog, const VolumeRow& row)
{
    const auto place = findPlace(row);
    if (!place)
        return tl::unexpected(place.error());
    if (!place->volume && !place->device)
        return UniqueFd();
    if (place->volume) {
        const auto below = catalog.protectedVolumeByFsUuid(row.storeDevice);
        if (!below)
            return tl::unexpected(below.error());
        if (*below && (*below)->storeDevice.empty()) {
            if (const auto attached = attachVolume(context, **below); !attached)
                return addContext(attached.error(), "the volume that its store is on");
        }
    }
    const std::string& path = place->volume ? place->volume->devicePath : place->device->devicePath;
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd)
        return failErrno("cannot open " + path);
    return fd;
}

} // namespace

Result<void> JobControl::checkStop() const
{
    if (stop.stop_requested())
        return fail(Error::Code::Cancelled, "cancelled");
    return {};
}

Result<VolumeRow> ProtectJob::run(const JobControl& control)
{
    control.report(JobPhase::Preparing);
    const auto module = needModule(m_context);
    if (!module)
        return tl::unexpected(module.error());
    auto catalog = Catalog::connect(m_context.catalogPath);
    if (!catalog)
        return tl::unexpected(catalog.error());
    const auto volume = findVolume(m_request.fsUuid);
    if (!volume)
        return tl::unexpected(volume.error());
    auto known = catalog->volumes();
    if (!known)
        return tl::unexpected(known.error());
    const auto old = std::find_if(known->begin(), known->end(), [&](const VolumeRow& row) {
        return row.fsUuid == m_request.fsUuid;
    });
    if (old != known->end() && old->isProtected)
        return fail(Error::Code::Exists, "the volume is protected already");
    const auto statuses = (*module)->statuses();
    if (!statuses)
        return tl::unexpected(statuses.error());
    for (const VolumeStatus& status : *statuses) {
        const std::string other = kernelNameOf(status.deviceMajor, status.deviceMinor);
        if (!other.empty() && other != volume->kernelName &&
            (liesAbove(other, volume->kernelName) || liesAbove(volume->kernelName, other)))
            return fail(Error::Code::Unsupported,
                        "it is built upon a volume that is protected, or the other way round; only "
                        "one of the two can be");
        if (status.deviceMajor == volume->deviceMajor &&
            status.deviceMinor == volume->deviceMinor && status.state != VolumeState::Gone &&
            status.state != VolumeState::Failed)
            return takeOver(*catalog, *volume, status);
    }
    VolumeRow row = old != known->end() ? *old : VolumeRow{};
    if (row.volumeId.empty()) {
        row.volumeId = Id128::random().hex();
        row.addedAtMs = m_context.clock->nowMs();
    }
    const auto volumeId = parseId(row.volumeId);
    if (!volumeId)
        return tl::unexpected(volumeId.error());

    StoreSetupOptions options;
    options.volumeId = *volumeId;
    options.storeBytes = m_request.storeBytes;
    auto place = choosePlace(*catalog, m_request.storeOn);
    if (!place)
        return tl::unexpected(place.error());
    options.place = std::move(*place);
    options.stop = control.stop;
    options.progress = [&](std::uint64_t done, std::uint64_t total) {
        control.report(JobPhase::Copying, done, total);
    };
    const auto store = createStore(**module, *volume, options);
    if (!store)
        return addContext(store.error(), "cannot protect " + volume->devicePath);
    control.report(JobPhase::Committing, store->storeBytes, store->storeBytes);

    describe(row, *volume);
    row.superblockOffsetBytes = store->attached.superblockOffsetBytes;
    row.superblockOffsetBBytes = store->attached.superblockOffsetBBytes;
    row.storeDevice = storeDeviceOf(options.place);
    row.storePath = store->path;
    row.storeExtents = store->extents;
    row.isProtected = true;
    auto kept = catalog->putVolume(row);
    if (kept)
        kept = recordStart(*catalog, row.volumeId, store->attached.openEpochId,
                           m_context.clock->nowMs());
    if (!kept) {
        // A store that nobody knows of would be lost room.
        (void)(*module)->detach(store->attached.handle, true);
        if (!options.place.device)
            (void)removeStore(options.place.volume ? *options.place.volume : *volume, *volumeId,
                              options.place.volume.has_value());
        return tl::unexpected(kept.error());
    }
    return row;
}

Result<VolumeRow> ProtectJob::takeOver(Catalog& catalog, const ProbedVolume& volume,
                                       const VolumeStatus& status) const
{
    const auto on = findDeviceOfStore(volume, status);
    if (!on)
        return tl::unexpected(on.error());
    auto extents = findStore(on->devicePath, status.superblockOffsetBytes);
    if (!extents)
        return addContext(extents.error(), "the volume is recorded, but its store is not found");
    const auto known = catalog.volume(status.volumeId.hex());
    if (!known)
        return tl::unexpected(known.error());
    VolumeRow row = *known ? **known : VolumeRow{};
    row.volumeId = status.volumeId.hex();
    if (row.addedAtMs == 0)
        row.addedAtMs = m_context.clock->nowMs();
    describe(row, volume);
    row.superblockOffsetBytes = status.superblockOffsetBytes;
    row.superblockOffsetBBytes = status.superblockOffsetBBytes;
    row.storeDevice = on->storeDevice;
    if (row.storeDevice != kWholeDevice)
        row.storePath = storePathOf(status.volumeId, !row.storeDevice.empty());
    row.storeExtents = std::move(*extents);
    row.isProtected = true;
    if (const auto kept = catalog.putVolume(row); !kept)
        return tl::unexpected(kept.error());
    const auto collected = collectChangeSets(*m_context.module, catalog, row.volumeId);
    if (!collected)
        return tl::unexpected(collected.error());
    return row;
}

Result<void> ForgetJob::run(const JobControl& control)
{
    control.report(JobPhase::Preparing);
    const auto module = needModule(m_context);
    if (!module)
        return tl::unexpected(module.error());
    auto catalog = Catalog::connect(m_context.catalogPath);
    if (!catalog)
        return tl::unexpected(catalog.error());
    auto row = needRow(*catalog, m_volumeId);
    if (!row)
        return tl::unexpected(row.error());
    const auto plans = catalog->plans();
    if (!plans)
        return tl::unexpected(plans.error());
    for (const PlanRow& plan : *plans) {
        if (std::count(plan.volumeIds.begin(), plan.volumeIds.end(), m_volumeId) > 0)
            return fail(Error::Code::Busy, "the plan " + plan.name +
                                               " still backs up this volume; change the plan "
                                               "first");
    }
    const auto all = catalog->volumes();
    if (!all)
        return tl::unexpected(all.error());
    for (const VolumeRow& other : *all) {
        if (other.isProtected && other.storeDevice == row->fsUuid)
            return fail(Error::Code::Busy, "the store of " + nameOf(other) +
                                               " is on this volume; stop protecting that first");
    }
    const auto volumeId = parseId(m_volumeId);
    if (!volumeId)
        return tl::unexpected(volumeId.error());
    const auto status = (*module)->find(*volumeId);
    if (!status)
        return tl::unexpected(status.error());
    if (*status) {
        if (const auto hidden = hideSnapshots(**module, (*status)->handle); !hidden)
            return hidden;
        if (const auto done = (*module)->detach((*status)->handle, true); !done)
            return done;
    } else {
        control.say("The volume was not attached: its store is removed, but not invalidated.");
    }
    // From here on the volume is not protected, whatever happens to the file.
    const std::string storeDevice = std::exchange(row->storeDevice, {});
    const std::string storePath = std::exchange(row->storePath, {});
    row->isProtected = false;
    row->superblockOffsetBytes = 0;
    row->superblockOffsetBBytes = 0;
    row->storeExtents.clear();
    if (const auto kept = catalog->putVolume(*row); !kept)
        return kept;
    control.report(JobPhase::CleaningUp);
    if (storeDevice == kWholeDevice)
        return {};
    const auto on = findVolume(storeDevice.empty() ? row->fsUuid : storeDevice);
    const auto removed = on ? removeStore(*on, *volumeId, !storeDevice.empty())
                            : Result<void>(tl::unexpected(on.error()));
    if (!removed)
        control.say("The store's file " + storePath + " could not be removed (" +
                    removed.error().message + "). It is of no use any more.");
    return {};
}

Result<AttachedRow> findAttached(const EngineContext& context, Catalog& catalog,
                                 const std::string& volumeId)
{
    const auto module = needModule(context);
    if (!module)
        return tl::unexpected(module.error());
    auto row = needRow(catalog, volumeId);
    if (!row)
        return tl::unexpected(row.error());
    const auto id = parseId(volumeId);
    if (!id)
        return tl::unexpected(id.error());
    auto status = (*module)->find(*id);
    if (!status)
        return tl::unexpected(status.error());
    if (!*status || (*status)->state == VolumeState::Gone) {
        // Plugged in since: what was written meanwhile makes it unverified, if it was.
        if (const auto attached = attachVolume(context, *row); !attached)
            return addContext(attached.error(), nameOf(*row));
        status = (*module)->find(*id);
        if (!status)
            return tl::unexpected(status.error());
        if (!*status)
            return fail(Error::Code::Gone, nameOf(*row) + " is not connected");
    }
    if ((*status)->state == VolumeState::Failed)
        return fail(Error::Code::Unverified, "recording " + nameOf(*row) + " has failed (" +
                                                 (*status)->reason + "); protect the volume anew");
    return AttachedRow{std::move(*row), std::move(**status)};
}

Result<std::vector<LocalSnapshot>> SnapshotJob::run(const JobControl& control)
{
    control.report(JobPhase::Preparing);
    auto catalog = Catalog::connect(m_context.catalogPath);
    if (!catalog)
        return tl::unexpected(catalog.error());
    std::vector<std::uint32_t> handles;
    for (const std::string& volumeId : m_volumeIds) {
        const auto found = findAttached(m_context, *catalog, volumeId);
        if (!found)
            return tl::unexpected(found.error());
        handles.push_back(found->status.handle);
    }
    control.report(JobPhase::Snapshotting);
    auto set = SnapshotSet::take(*m_context.module, handles, {.isDurable = m_isDurable});
    if (!set)
        return tl::unexpected(set.error());
    const std::int64_t nowMs = m_context.clock->nowMs();
    set->keep();
    control.report(JobPhase::Committing);
    std::vector<LocalSnapshot> taken;
    for (std::size_t i = 0; i < m_volumeIds.size(); ++i) {
        const SnapshotResult& one = set->moment().volumes[i];
        taken.push_back({m_volumeIds[i], one.epoch, one.epochId.hex(), nowMs, m_isDurable});
        // The snapshot is there; a map that could not be fetched stays with the module.
        const auto collected = collectChangeSets(*m_context.module, *catalog, m_volumeIds[i]);
        if (!collected)
            control.say("What changed before this snapshot is not in the catalog yet: " +
                        collected.error().message);
    }
    return taken;
}

Result<std::vector<LocalSnapshot>> listLocalSnapshots(const Module& module,
                                                      const std::string& volumeId)
{
    const auto id = parseId(volumeId);
    if (!id)
        return tl::unexpected(id.error());
    const auto status = module.find(*id);
    if (!status)
        return tl::unexpected(status.error());
    std::vector<LocalSnapshot> snapshots;
    if (!*status)
        return snapshots;
    const auto epochs = module.epochs((*status)->handle);
    if (!epochs)
        return tl::unexpected(epochs.error());
    for (auto epoch = epochs->rbegin(); epoch != epochs->rend(); ++epoch) {
        if (epoch->hasSnapshot && !epoch->hasSnapshotFailed)
            snapshots.push_back(
                {volumeId, epoch->epoch, epoch->id.hex(), epoch->createdMs, epoch->isDurable});
    }
    return snapshots;
}

Result<void> attachVolume(const EngineContext& context, const VolumeRow& row)
{
    const auto module = needModule(context);
    if (!module)
        return tl::unexpected(module.error());
    const auto id = parseId(row.volumeId);
    if (!id)
        return tl::unexpected(id.error());
    auto catalog = Catalog::connect(context.catalogPath);
    if (!catalog)
        return tl::unexpected(catalog.error());
    const auto status = (*module)->find(*id);
    if (!status)
        return tl::unexpected(status.error());
    if (!*status || (*status)->state == VolumeState::Gone) {
        const auto volume = findVolume(row.fsUuid);
        if (!volume)
            return tl::unexpected(volume.error());
        const UniqueFd device(
            ::open(volume->devicePath.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
        if (!device)
            return failErrno("cannot open " + volume->devicePath);
        const auto store = openStore(context, *catalog, row);
        if (!store)
            return tl::unexpected(store.error());
        const auto attached =
            (*module)->attach({device.get(), *id, row.fsType, row.superblockOffsetBytes,
                               row.superblockOffsetBBytes, store->get()});
        if (!attached && attached.error().code == Error::Code::Unverified)
            return renew(context, *catalog, row, *volume, attached.error().message);
        if (!attached)
            return addContext(attached.error(), volume->devicePath);
    }
    const auto collected = collectChangeSets(**module, *catalog, row.volumeId);
    if (!collected)
        return tl::unexpected(collected.error());
    return {};
}

Result<int> releaseOrphanSnapshots(const Module& module, const std::vector<std::string>& kept)
{
    const auto statuses = module.statuses();
    if (!statuses)
        return tl::unexpected(statuses.error());
    int released = 0;
    for (const VolumeStatus& status : *statuses) {
        const auto epochs = module.epochs(status.handle);
        if (!epochs)
            return tl::unexpected(epochs.error());
        for (const EpochInfo& epoch : *epochs) {
            if (epoch.isExposed) {
                // Busy: somebody looks at it; it goes with the next start.
                const auto hidden = module.unexpose(status.handle, epoch.epoch);
                if (!hidden)
                    continue;
            }
            if (!epoch.hasSnapshot || epoch.isDurable ||
                std::count(kept.begin(), kept.end(), epoch.id.hex()) > 0)
                continue;
            if (const auto dropped = module.drop(status.handle, epoch.epoch); !dropped)
                return tl::unexpected(dropped.error());
            ++released;
        }
    }
    return released;
}

Result<int> collectChangeSets(const Module& module, Catalog& catalog, const std::string& volumeId)
{
    const auto id = parseId(volumeId);
    if (!id)
        return tl::unexpected(id.error());
    const auto status = module.find(*id);
    if (!status)
        return tl::unexpected(status.error());
    if (!*status)
        return fail(Error::Code::NotFound, "the volume is not attached");
    const std::int64_t nowMs = systemClock().nowMs();
    return collectChanges(module, (*status)->handle, [&](const ClosedEpoch& closed) {
        const std::string from = closed.fromId.hex();
        const std::string to = closed.toId.hex();
        // A merged map skips epochs: who came right before its end is unknown,
        // unless it was recorded when it happened.
        auto kept = catalog.recordEpoch({volumeId, to, closed.isMerged ? std::string() : from,
                                         closed.number,
                                         closed.toCreatedMs != 0 ? closed.toCreatedMs : nowMs});
        if (kept)
            kept = catalog.storeChangeSet(
                {volumeId, from, to, closed.isVoid,
                 closed.isVoid ? "The volume may have been written while nothing was recording it."
                               : "",
                 closed.extents, nowMs});
        return kept;
    });
}

Result<void> pruneHistory(const EngineContext& context, Catalog& catalog,
                          const std::string& volumeId)
{
    std::vector<std::string> pinned;
    if (context.module != nullptr) {
        const auto snapshots = listLocalSnapshots(*context.module, volumeId);
        if (!snapshots)
            return tl::unexpected(snapshots.error());
        for (const LocalSnapshot& snapshot : *snapshots)
            pinned.push_back(snapshot.epochId);
    }
    const auto pruned = catalog.pruneChangeSets(volumeId, pinned);
    if (!pruned)
        return tl::unexpected(pruned.error());
    return {};
}

} // namespace dormouse
