// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The kernel module, one method an ioctl.
 *
 * Owns an open descriptor of /dev/dormouse-control. Every open one has its own
 * queue of events, so a thread that waits for them should own a Module of its
 * own. What a call means is documented in kmod/uapi/dormouse_ioctl.h; here are
 * only the types of this side and how calls fail.
 *
 * Offsets and lengths are bytes from the start of the volume.
 * Threads: all const methods may be called from several threads at once;
 * readEvents() by one thread at a time.
 * Errors: NotFound (open: no module; else: no such handle or epoch), Busy,
 * NoSpace, Denied (not root), Unsupported (another ABI), Io; the module's own
 * reason, where it gives one, is in the message.
 */
#pragma once

#include "helper/base/extent_list.h"
#include "helper/base/id.h"
#include "helper/base/result.h"
#include "helper/base/unique_fd.h"
#include "kmod/uapi/dormouse_ioctl.h"

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace dormouse {

struct ModuleInfo
{
    std::uint32_t abi = 0;
    std::uint32_t formatVersion = 0;
    std::uint32_t maxVolumes = 0;
    std::uint32_t volumeCount = 0;
    std::uint32_t granuleBytes = 0; ///< of change maps
};

/// Numbers are those of the module's interface.
enum class VolumeMode : std::uint32_t {
    Tracking = DORMOUSE_MODE_TRACKING,
    Snapshot = DORMOUSE_MODE_SNAPSHOT,
};

enum class VolumeState : std::uint32_t {
    Active = DORMOUSE_STATE_ACTIVE,
    Dormant = DORMOUSE_STATE_DORMANT,
    Unverified = DORMOUSE_STATE_UNVERIFIED,
    Failed = DORMOUSE_STATE_FAILED,
    Gone = DORMOUSE_STATE_GONE,
};

/// For ATTACH with CREATE: see StoreSetup, which makes one.
struct CreateRequest
{
    int deviceFd = -1;
    Id128 volumeId;
    std::string fsType; ///< as blkid prints it
    ExtentList extents; ///< in the order of the store file; need not be ascending
    std::array<std::uint8_t, DORMOUSE_NONCE_BYTES> nonce{};
    std::uint32_t journalBytes = 0; ///< 0 = the module chooses
    int storeFd = -1; ///< the device that the extents are of; -1 = the volume's own
};

/// For ATTACH without CREATE: a store that is there already.
struct AttachRequest
{
    int deviceFd = -1;
    Id128 volumeId;
    std::string fsType;
    std::uint64_t superblockOffsetBytes = 0;
    std::uint64_t superblockOffsetBBytes = 0; ///< 0 = unknown
    int storeFd = -1; ///< the device that the store is on; -1 = the volume's own
};

struct AttachedVolume
{
    std::uint32_t handle = 0;
    VolumeState state = VolumeState::Active;
    std::uint64_t superblockOffsetBytes = 0;
    std::uint64_t superblockOffsetBBytes = 0;
    Id128 openEpochId;
    std::string reason; ///< why unverified; else empty
};

struct VolumeStatus
{
    std::uint32_t handle = 0;
    Id128 volumeId;
    VolumeMode mode = VolumeMode::Tracking;
    VolumeState state = VolumeState::Active;
    std::uint32_t snapshotCount = 0;
    bool isSealed = false;
    std::uint32_t deviceMajor = 0, deviceMinor = 0;
    std::uint32_t storeMajor = 0, storeMinor = 0; ///< of the device that the store is on
    std::uint64_t volumeBytes = 0;
    std::uint64_t storeBytes = 0;
    std::uint64_t undoBytes = 0;
    std::uint64_t undoUsedBytes = 0;
    std::uint64_t changedBytes = 0; ///< of the open epoch, in whole granules
    std::uint64_t memoryBytes = 0;
    std::uint64_t openEpoch = 0;
    Id128 openEpochId;
    std::uint64_t superblockOffsetBytes = 0, superblockOffsetBBytes = 0;
    dormouse_stats stats{};
    std::string reason; ///< why unverified or failed; else empty

    /// The store is on another device.
    [[nodiscard]] bool isStoreElsewhere() const
    {
        return storeMajor != deviceMajor || storeMinor != deviceMinor;
    }
};

/// What snapshot() returns for one volume, in the order of the handles.
struct SnapshotResult
{
    std::uint32_t handle = 0;
    std::uint64_t epoch = 0; ///< names the snapshot, with the handle
    Id128 epochId;           ///< its moment
    bool wasFrozen = false;  ///< a mounted file system was frozen for it
};

struct SnapshotMoment
{
    std::vector<SnapshotResult> volumes;
    std::chrono::microseconds frozenFor{0};
};

struct ExposedDisk
{
    std::uint32_t index = 0; ///< /dev/dormouse<index>
    std::uint32_t major = 0, minor = 0;

    [[nodiscard]] std::string devicePath() const;
};

struct EpochInfo
{
    std::uint64_t epoch = 0;
    std::uint64_t firstEpoch = 0; ///< less than `epoch` for a merged map
    Id128 id;                     ///< of its start
    Id128 fromId;                 ///< where the interval of its map begins: firstEpoch's start
    Id128 nextId;                 ///< where that ends; none while open
    std::uint64_t changedBytes = 0;
    std::uint64_t undoBytes = 0;
    std::int64_t createdMs = 0;
    bool isOpen = false;
    bool isAcknowledged = false; ///< the map is gone from the module
    bool isVoid = false;         ///< the map cannot be trusted
    bool hasSnapshot = false;
    bool isDurable = false;
    bool isExposed = false;
    bool hasSnapshotFailed = false;
    bool wasFrozen = false; ///< a file system was mounted, and frozen when it began
};

/// For GROW: see growStore(), which makes one.
struct GrowRequest
{
    std::uint32_t handle = 0;
    std::uint64_t openEpoch = 0; ///< when the extents were found free in every live snapshot
    ExtentList extents;          ///< each begins with a proof record, in this order
    std::array<std::uint8_t, DORMOUSE_NONCE_BYTES> nonce{};
};

struct ModuleEvent
{
    dormouse_event_type type = DORMOUSE_EVENT_STATE;
    std::uint32_t handle = 0;
    Id128 volumeId;
    std::uint64_t value = 0;
    std::int64_t timeMs = 0;
    bool wereEventsLost = false; ///< before this one: look at everything anew
    std::string reason;
};

class Module
{
public:
    /// NotFound: the module is not loaded. Unsupported: it is of another ABI.
    [[nodiscard]] static Result<Module> open();

    [[nodiscard]] Result<ModuleInfo> info() const;

    [[nodiscard]] Result<AttachedVolume> create(const CreateRequest& request) const;
    /// Unverified: somebody wrote while nobody recorded, the message says what is
    /// known; the store was left alone (see renewStore()).
    [[nodiscard]] Result<AttachedVolume> attach(const AttachRequest& request) const;
    /// With `forget` the store is made invalid for good. Busy while exposed.
    [[nodiscard]] Result<void> detach(std::uint32_t handle, bool forget) const;

    [[nodiscard]] Result<std::vector<std::uint32_t>> list() const;
    [[nodiscard]] Result<VolumeStatus> status(std::uint32_t handle) const;
    /// Status of every attached volume.
    [[nodiscard]] Result<std::vector<VolumeStatus>> statuses() const;
    /// The attached volume with this id, if any. A volume whose device is gone
    /// counts only when there is no other.
    [[nodiscard]] Result<std::optional<VolumeStatus>> find(const Id128& volumeId) const;

    /// One moment for all, or an error and none.
    [[nodiscard]] Result<SnapshotMoment>
    snapshot(std::span<const std::uint32_t> handles, bool isDurable,
             std::chrono::milliseconds timeout = std::chrono::seconds(30)) const;
    [[nodiscard]] Result<void> drop(std::uint32_t handle, std::uint64_t epoch) const;
    /// The device node exists when this returns (it is waited for up to 5 s).
    [[nodiscard]] Result<ExposedDisk> expose(std::uint32_t handle, std::uint64_t epoch) const;
    [[nodiscard]] Result<void> unexpose(std::uint32_t handle, std::uint64_t epoch) const;

    /// Oldest first; the open one is the last.
    [[nodiscard]] Result<std::vector<EpochInfo>> epochs(std::uint32_t handle) const;
    /// The whole map of a closed epoch, in normal form. NotFound when it is void
    /// or acknowledged.
    [[nodiscard]] Result<ExtentList> changes(std::uint32_t handle, std::uint64_t epoch) const;
    [[nodiscard]] Result<void> acknowledge(std::uint32_t handle, std::uint64_t epoch) const;
    [[nodiscard]] Result<void> seal(std::uint32_t handle) const;
    /// All bytes of the store afterwards. Gone: a snapshot was taken since
    /// `openEpoch` was the open one; look again.
    [[nodiscard]] Result<std::uint64_t> grow(const GrowRequest& request) const;

    /// Becomes readable when there are events. Non-blocking.
    [[nodiscard]] int eventFd() const { return m_fd.get(); }
    /// What is there now; empty if nothing is. Never blocks.
    [[nodiscard]] Result<std::vector<ModuleEvent>> readEvents();

private:
    explicit Module(UniqueFd fd) : m_fd(std::move(fd)) {}

    UniqueFd m_fd;
};

} // namespace dormouse
