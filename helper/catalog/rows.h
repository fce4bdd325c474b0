// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What the catalog remembers, one struct a table.
 *
 * Conventions: identifiers of 16 bytes are 32 lower-case hex digits
 * (Id128::hex()); times are milliseconds since 1970 UTC; sizes and
 * offsets are bytes. Numbers behind enums live on disk: never change them.
 */
#pragma once

#include "helper/base/extent_list.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dormouse {

/// VolumeRow::storeDevice of a store that takes all of a device.
inline constexpr char kWholeDevice[] = "device";

/// A volume that is, or was, protected.
struct VolumeRow
{
    std::string volumeId; ///< ours, made when it was first protected
    std::string fsUuid;   ///< of the file system on it, as blkid prints it
    std::string fsType;   ///< "ext4", "xfs", ...
    std::string label;    ///< may be empty
    std::uint64_t sizeBytes = 0;
    /// Where it was last seen, for people only: devices are found by fsUuid.
    std::string lastDevice;     ///< "/dev/vdb1"
    std::string lastMountPoint; ///< "" if it was not mounted

    /// The store: its superblock copies (the second 0 = there is none), ...
    std::uint64_t superblockOffsetBytes = 0;
    std::uint64_t superblockOffsetBBytes = 0;
    /// ... the device that it is on: empty = the volume's own; kWholeDevice = all of one,
    /// found by what is on it; else the fsUuid of another volume, ...
    std::string storeDevice;
    /// ... the pinned file that holds it, beneath that volume's root (empty: there is none), ...
    std::string storePath;
    /// ... and where it lies on that device.
    ExtentList storeExtents;

    bool isProtected = false;
    std::int64_t addedAtMs = 0;
};

enum class KeyKept : int {
    Nowhere = 0,    ///< asked for each time
    Credential = 1, ///< systemd-creds, bound to this machine's TPM or host key
    RootFile = 2,   ///< a file only root can read
    BesideData = 3, ///< in the repository itself ("no password")
};

struct RepositoryRow
{
    std::string repositoryId; ///< the repository's own, from its configuration
    std::string name;         ///< what the user calls it
    std::string fsUuid;       ///< empty: `path` is an ordinary absolute path
    std::string path;         ///< else beneath the root of that file system
    KeyKept keyKept = KeyKept::Nowhere;
    /// Newest record known of this machine: a rollback shows against it.
    std::vector<std::uint8_t> headRecordHash; ///< empty while there is none
    std::uint64_t headSequence = 0;
    std::int64_t addedAtMs = 0;
};

struct PlanRow
{
    std::string planId;
    std::string name;
    std::string repositoryId;
    std::vector<std::string> volumeIds; ///< in the user's order, none twice
    std::string rhythm;                 ///< text form of policy's Rhythm
    std::uint32_t keepLast = 0;         ///< backups kept; 0 = all
    bool enabled = true;
    std::optional<std::int64_t> pausedUntilMs;
    std::int64_t createdAtMs = 0;
};

enum class Outcome : int {
    Running = 0,
    Done = 1,
    Failed = 2,
    Skipped = 3,     ///< decided not to run; the reason says why
    Interrupted = 4, ///< helper killed, power cut, or cancelled
};

/// One time that a plan ran, or should have.
struct RunRow
{
    std::int64_t runId = 0; ///< given by the catalog, ascending
    std::string planId;
    std::optional<std::int64_t> slotMs; ///< the scheduled time; nullopt = asked for by hand
    std::int64_t startedAtMs = 0;
    std::optional<std::int64_t> finishedAtMs;
    Outcome outcome = Outcome::Running;
    std::string reason; ///< a sentence unless Done
    std::uint64_t changedBytes = 0;
    std::uint64_t readBytes = 0;
    std::uint64_t storedBytes = 0;
    std::string recordId; ///< of the record it committed, or empty
};

/// A point in a volume's history: the moment of a snapshot, where epoch
/// `epochId` begins and `predecessorId` ends.
struct EpochRow
{
    std::string volumeId;
    std::string epochId;
    std::string predecessorId; ///< empty for a store's first epoch, or after a break
    std::uint64_t number = 0;  ///< the kernel's; for people, unique only within one store
    std::int64_t createdAtMs = 0;
};

/// Everything that may have changed in the interval (from, to]: after the moment
/// of epoch `from`, up to the moment of epoch `to`.
struct ChangeSetRow
{
    std::string volumeId;
    std::string fromEpochId;
    std::string toEpochId;
    bool isVoid = false;    ///< the map cannot be trusted; extents are empty
    std::string voidReason; ///< a sentence, for a void one
    ExtentList extents;     ///< normal form; store's own extents left out
    std::int64_t storedAtMs = 0;
};

enum class BackupKind : int {
    Full = 0,        ///< every allocated block was read
    Incremental = 1, ///< exactly what the chain of change sets named
    Compared = 2,    ///< no chain: everything read, what differed stored
};

/// One volume in one record of a repository.
struct BackupRow
{
    std::string recordId; ///< shared by all volumes of the same moment
    std::string volumeId; ///< may be of another machine, unknown to `volumes`
    std::string repositoryId;
    std::string planId;  ///< may name a plan that is gone
    std::string epochId; ///< its moment: the snapshot's epoch; empty if imported without
    BackupKind kind = BackupKind::Full;
    std::string reason;           ///< why Compared; else empty
    bool isComplete = true;       ///< false: a first full that was interrupted, resumable
    std::int64_t createdAtMs = 0; ///< of the moment, not of the commit
    std::uint64_t volumeBytes = 0;
    std::uint64_t changedBytes = 0;
    std::uint64_t readBytes = 0;
    std::uint64_t storedBytes = 0;
};

/// A finished job, for the history that people look at.
struct JobRow
{
    std::int64_t jobId = 0; ///< given by the catalog, ascending
    std::string kind;       ///< "backup", "snapshot", "restore", "protect", "verify", ...
    std::string volumeId;   ///< or empty
    std::string planId;     ///< or empty
    Outcome outcome = Outcome::Done;
    std::string sentence; ///< what happened, in words
    std::int64_t startedAtMs = 0;
    std::int64_t finishedAtMs = 0;
};

enum class VerificationKind : int {
    Structure = 0, ///< records, index and maps agree
    Sample = 1,    ///< and some blocks were read and decrypted
    Full = 2,      ///< every byte was read
    Drill = 3,     ///< files were restored and compared with their hashes
    Audit = 4,     ///< the whole volume was compared with its change map
};

struct VerificationRow
{
    std::int64_t verificationId = 0; ///< given by the catalog, ascending
    std::string repositoryId;
    std::string recordId; ///< empty: the whole repository
    std::string volumeId; ///< empty: all volumes of the record
    VerificationKind kind = VerificationKind::Structure;
    bool passed = false;
    std::string sentence;
    std::uint64_t checkedBytes = 0;
    std::int64_t finishedAtMs = 0;
};

} // namespace dormouse
