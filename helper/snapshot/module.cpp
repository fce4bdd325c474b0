// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/snapshot/module.h"

#include <algorithm>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace dormouse {
namespace {

constexpr std::uint32_t kExtentsPerCall = 4096;

Id128 idFrom(const std::uint8_t (&raw)[DORMOUSE_ID_BYTES])
{
    Id128 id;
    std::copy(std::begin(raw), std::end(raw), id.bytes.begin());
    return id;
}

template <std::size_t N> std::string textFrom(const char (&raw)[N])
{
    return {raw, ::strnlen(raw, N)};
}

template <typename Request> Request sized()
{
    Request request{};
    request.size = sizeof(request);
    return request;
}

Result<void> call(const UniqueFd& fd, unsigned long number, void* request, std::string_view what)
{
    while (::ioctl(fd.get(), number, request) != 0) {
        if (errno != EINTR)
            return failErrno(what);
    }
    return {};
}

std::uint32_t fileSystemNumber(const std::string& fsType)
{
    if (fsType == "ext4")
        return DORMOUSE_FS_EXT4;
    return fsType == "xfs" ? DORMOUSE_FS_XFS : DORMOUSE_FS_OTHER;
}

std::uint64_t address(const void* pointer)
{
    return reinterpret_cast<std::uintptr_t>(pointer);
}

Failure withReason(const Error& error, const std::string& reason)
{
    return fail(error.code, reason.empty() ? error.message : error.message + " (" + reason + ")");
}

Result<AttachedVolume> attachWith(const UniqueFd& fd, dormouse_attach& request, int storeFd)
{
    if (storeFd >= 0) {
        request.flags |= DORMOUSE_ATTACH_EXTERNAL;
        request.store_fd = storeFd;
    }
    const auto done = call(fd, DORMOUSE_IOC_ATTACH, &request, "cannot attach the volume");
    if (!done && request.state == DORMOUSE_STATE_UNVERIFIED)
        return fail(Error::Code::Unverified, textFrom(request.reason));
    if (!done)
        return withReason(done.error(), textFrom(request.reason));
    return AttachedVolume{request.handle,
                          static_cast<VolumeState>(request.state),
                          request.superblock_offset,
                          request.superblock_offset_b,
                          idFrom(request.epoch_id),
                          textFrom(request.reason)};
}

} // namespace

std::string ExposedDisk::devicePath() const
{
    return "/dev/dormouse" + std::to_string(index);
}

Result<Module> Module::open()
{
    UniqueFd fd(::open(DORMOUSE_CONTROL_PATH, O_RDWR | O_CLOEXEC | O_NONBLOCK));
    if (!fd && (errno == ENOENT || errno == ENODEV || errno == ENXIO))
        return fail(Error::Code::NotFound,
                    "the kernel module is not loaded: nothing is being recorded");
    if (!fd)
        return failErrno("cannot talk to the kernel module");
    Module module(std::move(fd));
    const auto info = module.info();
    if (!info)
        return addContext(info.error(), "the kernel module does not answer");
    if (info->abi != DORMOUSE_ABI)
        return fail(Error::Code::Unsupported, "the loaded kernel module is of another version");
    return module;
}

Result<ModuleInfo> Module::info() const
{
    auto request = sized<dormouse_info>();
    if (const auto done = call(m_fd, DORMOUSE_IOC_INFO, &request, "asking the module"); !done)
        return tl::unexpected(done.error());
    return ModuleInfo{request.abi, request.format_version, request.max_volumes, request.nr_volumes,
                      request.granule_bytes};
}

Result<AttachedVolume> Module::create(const CreateRequest& wish) const
{
    std::vector<dormouse_extent> extents;
    for (const Extent& extent : wish.extents)
        extents.push_back({extent.offsetBytes, extent.lengthBytes});
    auto request = sized<dormouse_attach>();
    request.flags = DORMOUSE_ATTACH_CREATE;
    request.device_fd = wish.deviceFd;
    request.fs = fileSystemNumber(wish.fsType);
    request.extents = address(extents.data());
    request.nr_extents = static_cast<std::uint32_t>(extents.size());
    request.journal_bytes = wish.journalBytes;
    std::copy(wish.volumeId.bytes.begin(), wish.volumeId.bytes.end(), request.volume_id);
    std::copy(wish.nonce.begin(), wish.nonce.end(), request.nonce);
    return attachWith(m_fd, request, wish.storeFd);
}

Result<AttachedVolume> Module::attach(const AttachRequest& wish) const
{
    auto request = sized<dormouse_attach>();
    request.device_fd = wish.deviceFd;
    request.fs = fileSystemNumber(wish.fsType);
    request.superblock_offset = wish.superblockOffsetBytes;
    request.superblock_offset_b = wish.superblockOffsetBBytes;
    std::copy(wish.volumeId.bytes.begin(), wish.volumeId.bytes.end(), request.volume_id);
    return attachWith(m_fd, request, wish.storeFd);
}

Result<void> Module::detach(std::uint32_t handle, bool forget) const
{
    auto request = sized<dormouse_detach>();
    request.handle = handle;
    request.flags = forget ? DORMOUSE_DETACH_FORGET : 0;
    return call(m_fd, DORMOUSE_IOC_DETACH, &request, "cannot detach the volume");
}

Result<std::vector<std::uint32_t>> Module::list() const
{
    std::vector<std::uint32_t> handles(64);
    for (;;) {
        auto request = sized<dormouse_list>();
        request.capacity = static_cast<std::uint32_t>(handles.size());
        request.handles = address(handles.data());
        const auto done = call(m_fd, DORMOUSE_IOC_LIST, &request, "listing attached volumes");
        if (done) {
            handles.resize(request.nr);
            return handles;
        }
        if (done.error().code != Error::Code::NoSpace || request.nr <= handles.size())
            return tl::unexpected(done.error());
        handles.resize(request.nr + 16);
    }
}

Result<VolumeStatus> Module::status(std::uint32_t handle) const
{
    auto request = sized<dormouse_status>();
    request.handle = handle;
    if (const auto done = call(m_fd, DORMOUSE_IOC_STATUS, &request, "asking for a volume's status");
        !done)
        return tl::unexpected(done.error());
    VolumeStatus status;
    status.handle = request.handle;
    status.volumeId = idFrom(request.volume_id);
    status.mode = static_cast<VolumeMode>(request.mode);
    status.state = static_cast<VolumeState>(request.state);
    status.snapshotCount = request.nr_snapshots;
    status.isSealed = request.sealed != 0;
    status.deviceMajor = request.dev_major;
    status.storeMajor = request.store_major;
    status.storeMinor = request.store_minor;
    status.deviceMinor = request.dev_minor;
    status.volumeBytes = request.volume_bytes;
    status.storeBytes = request.store_bytes;
    status.undoBytes = request.undo_bytes;
    status.undoUsedBytes = request.undo_used_bytes;
    status.changedBytes = request.changed_bytes;
    status.memoryBytes = request.memory_bytes;
    status.openEpoch = request.epoch;
    status.openEpochId = idFrom(request.epoch_id);
    status.superblockOffsetBytes = request.superblock_offset;
    status.superblockOffsetBBytes = request.superblock_offset_b;
    status.stats = request.stats;
    status.reason = textFrom(request.reason);
    return status;
}

Result<std::vector<VolumeStatus>> Module::statuses() const
{
    const auto handles = list();
    if (!handles)
        return tl::unexpected(handles.error());
    std::vector<VolumeStatus> all;
    for (const std::uint32_t handle : *handles) {
        auto one = status(handle);
        if (one)
            all.push_back(std::move(*one));
        else if (one.error().code != Error::Code::NotFound) // detached just now
            return tl::unexpected(one.error());
    }
    return all;
}

Result<std::optional<VolumeStatus>> Module::find(const Id128& volumeId) const
{
    auto all = statuses();
    if (!all)
        return tl::unexpected(all.error());
    std::optional<VolumeStatus> found;
    for (VolumeStatus& one : *all) {
        if (one.volumeId == volumeId && (!found || found->state == VolumeState::Gone))
            found = std::move(one);
    }
    return found;
}

Result<SnapshotMoment> Module::snapshot(std::span<const std::uint32_t> handles, bool isDurable,
                                        std::chrono::milliseconds timeout) const
{
    std::vector<dormouse_snapshot_volume> volumes;
    for (const std::uint32_t handle : handles) {
        dormouse_snapshot_volume volume{};
        volume.handle = handle;
        volume.flags = isDurable ? DORMOUSE_SNAPSHOT_DURABLE : 0;
        volumes.push_back(volume);
    }
    auto request = sized<dormouse_snapshot>();
    request.nr_volumes = static_cast<std::uint32_t>(volumes.size());
    request.volumes = address(volumes.data());
    request.timeout_ms = static_cast<std::uint32_t>(timeout.count());
    // No repetition on EINTR: an interrupted one took nothing, and says so.
    if (::ioctl(m_fd.get(), DORMOUSE_IOC_SNAPSHOT, &request) != 0) {
        const int error = errno;
        return withReason(failErrno("cannot take the snapshot", error).value(),
                          textFrom(request.reason));
    }
    SnapshotMoment moment;
    moment.frozenFor = std::chrono::microseconds(request.frozen_us);
    for (const dormouse_snapshot_volume& volume : volumes)
        moment.volumes.push_back(
            {volume.handle, volume.epoch, idFrom(volume.epoch_id), volume.frozen != 0});
    return moment;
}

Result<void> Module::drop(std::uint32_t handle, std::uint64_t epoch) const
{
    auto request = sized<dormouse_snapshot_ref>();
    request.handle = handle;
    request.epoch = epoch;
    return call(m_fd, DORMOUSE_IOC_DROP, &request, "cannot drop the snapshot");
}

Result<ExposedDisk> Module::expose(std::uint32_t handle, std::uint64_t epoch) const
{
    auto request = sized<dormouse_expose>();
    request.handle = handle;
    request.epoch = epoch;
    if (const auto done = call(m_fd, DORMOUSE_IOC_EXPOSE, &request, "cannot show the snapshot");
        !done)
        return tl::unexpected(done.error());
    const ExposedDisk disk{request.disk_index, request.dev_major, request.dev_minor};
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    for (;;) {
        struct stat info
        {
        };
        if (::stat(disk.devicePath().c_str(), &info) == 0 && S_ISBLK(info.st_mode) &&
            info.st_rdev == ::makedev(disk.major, disk.minor))
            return disk;
        if (std::chrono::steady_clock::now() > deadline)
            break;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    (void)unexpose(handle, epoch);
    return fail(Error::Code::Io, "the snapshot's device " + disk.devicePath() + " did not appear");
}

Result<void> Module::unexpose(std::uint32_t handle, std::uint64_t epoch) const
{
    auto request = sized<dormouse_snapshot_ref>();
    request.handle = handle;
    request.epoch = epoch;
    return call(m_fd, DORMOUSE_IOC_UNEXPOSE, &request, "cannot take the snapshot's disk away");
}

Result<std::vector<EpochInfo>> Module::epochs(std::uint32_t handle) const
{
    std::vector<dormouse_epoch> raw(64);
    for (;;) {
        auto request = sized<dormouse_epochs>();
        request.handle = handle;
        request.capacity = static_cast<std::uint32_t>(raw.size());
        request.epochs = address(raw.data());
        const auto done = call(m_fd, DORMOUSE_IOC_EPOCHS, &request, "listing epochs");
        if (!done && (done.error().code != Error::Code::NoSpace || request.nr <= raw.size()))
            return tl::unexpected(done.error());
        if (done) {
            raw.resize(request.nr);
            break;
        }
        raw.resize(request.nr + 16);
    }
    std::vector<EpochInfo> epochs;
    for (const dormouse_epoch& one : raw) {
        EpochInfo info;
        info.epoch = one.epoch;
        info.firstEpoch = one.first_epoch;
        info.id = idFrom(one.id);
        info.fromId = idFrom(one.from_id);
        info.nextId = idFrom(one.next_id);
        info.changedBytes = one.changed_bytes;
        info.undoBytes = one.undo_bytes;
        info.createdMs = static_cast<std::int64_t>(one.created_ns / 1'000'000);
        info.isOpen = (one.flags & DORMOUSE_EPOCH_OPEN) != 0;
        info.isAcknowledged = (one.flags & DORMOUSE_EPOCH_ACKED) != 0;
        info.isVoid = (one.flags & DORMOUSE_EPOCH_VOID) != 0;
        info.hasSnapshot = (one.flags & DORMOUSE_EPOCH_SNAPSHOT) != 0;
        info.isDurable = (one.flags & DORMOUSE_EPOCH_DURABLE) != 0;
        info.isExposed = (one.flags & DORMOUSE_EPOCH_EXPOSED) != 0;
        info.wasFrozen = (one.flags & DORMOUSE_EPOCH_FROZEN) != 0;
        info.hasSnapshotFailed = (one.flags & DORMOUSE_EPOCH_SNAPSHOT_FAILED) != 0;
        epochs.push_back(info);
    }
    return epochs;
}

Result<ExtentList> Module::changes(std::uint32_t handle, std::uint64_t epoch) const
{
    ExtentList extents;
    std::vector<dormouse_extent> raw(kExtentsPerCall);
    std::uint64_t startBytes = 0;
    do {
        auto request = sized<dormouse_changes>();
        request.handle = handle;
        request.epoch = epoch;
        request.start_offset = startBytes;
        request.extents = address(raw.data());
        request.capacity = kExtentsPerCall;
        if (::ioctl(m_fd.get(), DORMOUSE_IOC_CHANGES, &request) != 0) {
            if (errno == EINTR)
                continue;
            if (errno == ENODATA)
                return fail(Error::Code::NotFound, "the module no longer has this change map");
            return failErrno("reading a change map");
        }
        if (request.nr > kExtentsPerCall ||
            (request.next_offset != 0 && request.next_offset <= startBytes))
            return fail(Error::Code::Corrupt, "the module's change map makes no sense");
        for (std::uint32_t i = 0; i < request.nr; ++i)
            extents.push_back({raw[i].offset, raw[i].length});
        startBytes = request.next_offset;
    } while (startBytes != 0);
    // Pages may touch where one ended within a run.
    return mergeExtents(std::move(extents));
}

Result<void> Module::acknowledge(std::uint32_t handle, std::uint64_t epoch) const
{
    auto request = sized<dormouse_ack>();
    request.handle = handle;
    request.epoch = epoch;
    return call(m_fd, DORMOUSE_IOC_ACK, &request, "acknowledging a change map");
}

Result<void> Module::seal(std::uint32_t handle) const
{
    auto request = sized<dormouse_seal>();
    request.handle = handle;
    return call(m_fd, DORMOUSE_IOC_SEAL, &request, "sealing the store");
}

Result<std::uint64_t> Module::grow(const GrowRequest& grow) const
{
    std::vector<dormouse_extent> extents;
    for (const Extent& extent : grow.extents)
        extents.push_back({extent.offsetBytes, extent.lengthBytes});
    auto request = sized<dormouse_grow>();
    request.handle = grow.handle;
    request.epoch = grow.openEpoch;
    request.extents = address(extents.data());
    request.nr_extents = static_cast<std::uint32_t>(extents.size());
    std::copy(grow.nonce.begin(), grow.nonce.end(), request.nonce);
    const auto done = call(m_fd, DORMOUSE_IOC_GROW, &request, "the store cannot grow");
    if (!done)
        return withReason(done.error(), textFrom(request.reason));
    return request.store_bytes;
}

Result<std::vector<ModuleEvent>> Module::readEvents()
{
    std::vector<ModuleEvent> events;
    dormouse_event raw[16];
    for (;;) {
        const ssize_t got = ::read(m_fd.get(), raw, sizeof(raw));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return events;
        if (got < 0)
            return failErrno("reading the module's events");
        for (std::size_t i = 0; i < static_cast<std::size_t>(got) / sizeof(raw[0]); ++i) {
            ModuleEvent event;
            event.type = static_cast<dormouse_event_type>(raw[i].type);
            event.handle = raw[i].handle;
            event.volumeId = idFrom(raw[i].volume_id);
            event.value = raw[i].value;
            event.timeMs = static_cast<std::int64_t>(raw[i].time_ns / 1'000'000);
            event.wereEventsLost = (raw[i].flags & DORMOUSE_EVENT_LOST) != 0;
            event.reason = textFrom(raw[i].reason);
            events.push_back(std::move(event));
        }
        if (static_cast<std::size_t>(got) < sizeof(raw))
            return events;
    }
}

} // namespace dormouse
