// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Makes room for a store on a mounted volume, and hands it to the module.
 *
 * The store is the file ".dormouse/store" (root only, immutable) in the root of
 * the volume's own file system. After this, nobody ever opens it again: the
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
#include "helper/snapshot/volume_probe.h"

#include <functional>
#include <stop_token>

namespace dormouse {

struct StoreSetupOptions
{
    Id128 volumeId;
    std::uint64_t storeBytes = 0; ///< 0 = suggestedStoreBytes()
    std::function<void(std::uint64_t doneBytes, std::uint64_t totalBytes)> progress;
    std::stop_token stop;
};

struct CreatedStore
{
    AttachedVolume attached;
    std::string path;   ///< beneath the volume's root: ".dormouse/store"
    ExtentList extents; ///< in normal form
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
/// anew with `options.storeBytes`. The volume must be mounted for writing.
[[nodiscard]] Result<CreatedStore> renewStore(const Module& module, const ProbedVolume& volume,
                                              const StoreSetupOptions& options);

/// Where an existing store lies, in normal form, when the catalog was lost. The
/// volume must be mounted. NotFound if there is none.
[[nodiscard]] Result<ExtentList> findStore(const ProbedVolume& volume);

/// Gives the room back: after detach() with `forget`, while the volume is
/// mounted. A store that is not there is fine.
[[nodiscard]] Result<void> removeStore(const ProbedVolume& volume);

} // namespace dormouse
