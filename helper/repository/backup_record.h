// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What a repository knows of one backup: a run's moment, with all its volumes.
 *
 * A record is written once, last, encrypted and authenticated; from then on the
 * backup exists. Removing it removes the backup. The bytes are described in
 * docs/REPOSITORY_FORMAT.md, "Records".
 *
 * Plain values, usable in any thread.
 */
#pragma once

#include "helper/base/extent_list.h"
#include "helper/base/id.h"

#include <array>
#include <string>
#include <vector>

namespace dormouse {

using Hash256 = std::array<std::uint8_t, 32>;

/// How the blocks of a volume came to be known. Numbers are on disk: never change.
enum class BaseKind : std::uint8_t {
    Full = 0,        ///< everything allocated was read; there was no base
    Incremental = 1, ///< an unbroken chain of change sets from the base backup
    Compared = 2,    ///< history was broken: everything was read and compared with the base
};

/// Why an extent of the volume was left out. On disk: never change.
enum class ExclusionKind : std::uint8_t {
    Store = 0, ///< Dormouse's own store
    Swap = 1,  ///< a swap file
};

struct ExcludedExtent
{
    ExclusionKind kind = ExclusionKind::Store;
    Extent extent; ///< reads back as zeros

    friend bool operator==(const ExcludedExtent&, const ExcludedExtent&) = default;
};

/// A file hashed while the snapshot was mounted; restore drills compare with it.
struct SampleFile
{
    std::string path; ///< from the root of the file system, raw bytes, begins with '/'
    std::uint64_t sizeBytes = 0;
    Hash256 hash{}; ///< BLAKE2b-256 of the content, no key

    friend bool operator==(const SampleFile&, const SampleFile&) = default;
};

/// What the engine tells about a volume when it commits.
struct VolumeDetails
{
    std::string deviceName; ///< for people: "sda2", "vg-root"
    std::string fsType;     ///< as blkid prints it: "ext4"
    std::string fsUuid;
    std::string label;
    Id128 endsAtEpochId; ///< the snapshot's moment; none if there is no history
    BaseKind baseKind = BaseKind::Full;
    std::string baseReason; ///< for people: why not incremental; empty if there is nothing to say
    std::uint64_t changedBytes = 0; ///< what the change sets (or the allocation) named
    std::uint64_t readBytes = 0;    ///< what was read from the device
    std::vector<ExcludedExtent> excluded;
    std::vector<SampleFile> sampleFiles;

    friend bool operator==(const VolumeDetails&, const VolumeDetails&) = default;
};

struct VolumeRecord
{
    Id128 volumeId;
    std::uint64_t sizeBytes = 0;
    std::uint32_t blockSizeBytes = 0;
    Hash256 mapRoot{};  ///< zeros: the whole volume is a hole
    Id128 baseRecordId; ///< for people; the backup does not need it. None for a full
    std::uint64_t newBytes =
        0; ///< of blocks this backup was the first to store, before compression
    std::uint64_t storedBytes = 0; ///< the same blocks in the packs
    std::uint64_t mapBytes = 0;    ///< what its block map added to the packs
    VolumeDetails details;

    friend bool operator==(const VolumeRecord&, const VolumeRecord&) = default;
};

/// A part of the disk below the file systems, kept so that a bare machine can
/// be rebuilt: a partition table, a LUKS header, an LVM description.
struct LayoutPart
{
    std::string name; ///< "gpt:<disk serial>", "luks:<uuid>", "lvm:<vg name>"
    Bytes bytes;      ///< at most 32 MiB together

    friend bool operator==(const LayoutPart&, const LayoutPart&) = default;
};

/// Whose run this is. Given when a backup begins.
struct RunInfo
{
    Id128 machineId;
    std::string machineName;
    Id128 runId;
    std::string planId;
    std::string planName;
    std::int64_t createdMs = 0; ///< the snapshot's moment, since 1970-01-01 UTC

    friend bool operator==(const RunInfo&, const RunInfo&) = default;
};

struct BackupRecord
{
    Id128 recordId;
    Id128 repositoryId;
    RunInfo run;
    std::uint64_t sequence = 0;   ///< ascending by one among this machine's records
    Hash256 previousRecordHash{}; ///< of the previous record's file; zeros for the first
    /// Reserved for a first full that is resumed later: hidden from people,
    /// protected from prune. Never set by this version.
    bool isIncomplete = false;
    std::vector<VolumeRecord> volumes;
    std::vector<LayoutPart> layout;

    /// Index into `volumes`, or nothing.
    [[nodiscard]] std::optional<std::size_t> findVolume(const Id128& volumeId) const
    {
        for (std::size_t i = 0; i < volumes.size(); ++i)
            if (volumes[i].volumeId == volumeId)
                return i;
        return std::nullopt;
    }

    friend bool operator==(const BackupRecord&, const BackupRecord&) = default;
};

} // namespace dormouse
