// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Makes room for a store, and hands it to the module.
 *
 * The store is the file ".dormouse/store" (root only, immutable) in the root of
 * the volume's own file system, or the like on another volume, or all of a device. After this, nobody ever opens it again: the
 * module reads and writes its extents on the device. So the extents must be
 * real, ours alone, and stay where they are: the file is filled with zeros (no
 * unwritten extents), fsynced, made immutable (no truncate, no defragmenting),
 * and asked for its extents (FIEMAP); shared, encoded, inline, delayed or
 * unaligned ones are refused. Each extent then gets a proof record, written
 * through the file; the file system is frozen and thawed once, so that no
 * journal may replay over it; and the module compares what it reads from the
 * device before it writes anything.
 *
 * After an error nothing of it is left behind.
 * Threads: any; takes as long as writing the store takes.
 */
#pragma once

#include "helper/snapshot/module.h"
#include "helper/snapshot/store_device.h"
#include "helper/snapshot/volume_probe.h"

#include <functional>
#include <stop_token>

namespace dormouse {

/// Where a store goes, or is: on the volume itself, unless one of these is there.
struct StorePlace
{
    std::optional<ProbedVolume> volume; ///< in a file on it; it is attached, and mounted
    std::optional<StoreDevice> device;  ///< all of it
};

struct StoreSetupOptions
{
    Id128 volumeId;
    StorePlace place;
    std::uint64_t storeBytes = 0; ///< 0 = suggestedStoreBytes(); a device gives all it has
    std::function<void(std::uint64_t doneBytes, std::uint64_t totalBytes)> progress;
    std::stop_token stop;
};

struct CreatedStore
{
    AttachedVolume attached;
    std::string path;   ///< beneath the root of the volume that it is on; of a device, empty
    ExtentList extents; ///< in normal form, of the device that it is on
    std::uint64_t storeBytes = 0;
};

/// A tenth of the volume, at least 64 MiB, at most 32 GiB and a quarter of what
/// is free.
[[nodiscard]] std::uint64_t suggestedStoreBytes(std::uint64_t volumeBytes, std::uint64_t freeBytes);

/// Refuses (Unsupported) what cannot be pinned, with a sentence.
[[nodiscard]] Result<CreatedStore> createStore(const Module& module, const ProbedVolume& volume,
                                               const StoreSetupOptions& options);

/// Starts an existing store anew after attach() said Unverified: what is in it
/// cannot be trusted, nor that its blocks are still its own, so the file system is
/// asked again and everything is proved again. A store whose file is gone is made
/// anew with `options.storeBytes`. The volume that it is on must be mounted for writing.
[[nodiscard]] Result<CreatedStore> renewStore(const Module& module, const ProbedVolume& volume,
                                              const StoreSetupOptions& options);

/// Beneath the root of the volume that a store is on.
[[nodiscard]] std::string storePathOf(const Id128& volumeId, bool isElsewhere);

/// Where a store lies, in normal form, as its superblock on this device says. Not through
/// the page cache, which would go on showing what was there when it was last asked.
[[nodiscard]] Result<ExtentList> findStore(const std::string& devicePath,
                                           std::uint64_t superblockOffsetBytes);

/// Gives the room back: after detach() with `forget`, while the volume that it is on is
/// mounted. A store that is not there is fine.
[[nodiscard]] Result<void> removeStore(const ProbedVolume& on, const Id128& volumeId,
                                       bool isElsewhere);

} // namespace dormouse
