// SPDX-License-Identifier: GPL-3.0-or-later
//
// The structures and enumerations of the D-Bus contract (the XML files beside
// this one). Used by the helper and by everything that talks to it.
//
// A structure is sent with its fields in the order in which they stand here.
// Enumerations travel as "u": numbers never change meaning, new ones are
// appended, and a reader shows a number it does not know as unknown.
// Sizes are bytes; times are seconds since 1970 UTC, 0 = never or unknown.
// Call registerTypes() once before the bus is used.
#pragma once

#include <QByteArrayList>
#include <QDBusArgument>
#include <QList>
#include <QMetaType>
#include <QString>
#include <QStringList>

namespace dormouse::bus {

inline constexpr char kService[] = "org.dormouse.Helper1";
inline constexpr char kRootPath[] = "/org/dormouse/Helper1";
inline constexpr char kManagerInterface[] = "org.dormouse.Helper1.Manager";
inline constexpr char kVolumeInterface[] = "org.dormouse.Helper1.Volume";
inline constexpr char kPlanInterface[] = "org.dormouse.Helper1.Plan";
inline constexpr char kRepositoryInterface[] = "org.dormouse.Helper1.Repository";
inline constexpr char kJobInterface[] = "org.dormouse.Helper1.Job";

// Error names are kErrorPrefix + "NotFound" and so on; the list is in the
// Manager's XML.
inline constexpr char kErrorPrefix[] = "org.dormouse.Error.";

inline constexpr quint32 kProtocolVersion = 1;
inline constexpr quint32 kMaxPage = 1000;
inline constexpr quint32 kMaxBuckets = 4096;

enum class ModuleState : quint32 {
    Unknown = 0,
    Loaded = 1,
    Missing = 2,      // no control device: not installed for this kernel, or not loaded
    Incompatible = 3, // another ABI
};

// Worst last, so that the worst of several is the largest number.
enum class Health : quint32 {
    Unknown = 0,
    Good = 1,
    Unverified = 2,  // a volume has to be compared before increments go on
    Attention = 3,   // overdue, never verified, destination missing, store nearly full
    Unprotected = 4, // no volume, no plan, or never a backup
    Failed = 5,      // a volume or the last run of a plan failed
};

// What would help; the subject's id is beside it.
enum class Remedy : quint32 {
    None = 0,
    LoadModule = 1,
    ProtectVolume = 2,
    CreateRepository = 3,
    CreatePlan = 4,
    RunPlan = 5,           // subject: plan
    ConnectRepository = 6, // subject: repository
    VerifyRepository = 7,  // subject: repository
    ShowVolume = 8,        // subject: volume
    ShowActivity = 9,
};

enum class VolumeMode : quint32 {
    None = 0, // not protected, or not attached
    Tracking = 1,
    Snapshot = 2,
};

enum class VolumeState : quint32 {
    None = 0, // not protected
    Active = 1,
    Dormant = 2,
    Unverified = 3,
    Failed = 4,
    Gone = 5,        // the device went away
    NotAttached = 6, // protected, but the module does not record it now
};

// A plan that runs by hand only has a rhythm too, but is not enabled.
enum class RhythmKind : quint32 {
    Unknown = 0,
    Every = 1,
    Daily = 2,
    Weekly = 3,
};

enum class RestorePointSource : quint32 {
    Unknown = 0,
    LocalSnapshot = 1,
    Backup = 2,
};

enum class RestorePointKind : quint32 {
    Unknown = 0,
    Snapshot = 1,    // a local snapshot
    Full = 2,        // everything allocated was read
    Incremental = 3, // what the change sets named was read
    Compared = 4,    // everything was read and compared; reason says why
};

enum class Verification : quint32 {
    Never = 0,
    Good = 1,
    Damaged = 2,
};

enum class KeyPlace : quint32 {
    Unknown = 0,
    None = 1,       // not encrypted
    RootFile = 2,   // a file that only root can read
    Credential = 3, // systemd-creds, bound to this machine
};

enum class ConflictPolicy : quint32 {
    Beside = 0,    // restored as "name (restored TIME)" beside the existing one
    Overwrite = 1, // the existing file is replaced
    Skip = 2,      // the existing file stays
};

enum class JobKind : quint32 {
    Unknown = 0,
    Protect = 1,
    Backup = 2,
    Restore = 3,
    Verify = 4,
    Snapshot = 5,
    Import = 6,
    GrowStore = 7,
    Repair = 8,
};

enum class JobState : quint32 {
    Unknown = 0,
    Waiting = 1, // for another job or for the repository
    Running = 2,
    Cancelling = 3,
    Finished = 4, // Outcome says how
};

enum class JobPhase : quint32 {
    None = 0,
    Preparing = 1,
    Snapshotting = 2,
    Reading = 3, // and hashing, compressing, storing what is new
    Committing = 4,
    CleaningUp = 5,
    Copying = 6,
    Verifying = 7,
};

enum class Outcome : quint32 {
    None = 0, // not ended, or never run
    Done = 1,
    DoneWithExceptions = 2, // finished, but Details lists what was left out
    Failed = 3,
    Cancelled = 4,
    Interrupted = 5, // the helper or the machine stopped meanwhile
    Skipped = 6,     // nothing was tried, e.g. the repository was not there
};

struct HealthInfo
{
    Health health = Health::Unknown;
    QString sentence;
    Remedy remedy = Remedy::None;
    QString subjectId;

    friend bool operator==(const HealthInfo&, const HealthInfo&) = default;
};

struct VolumeInfo
{
    QString id;          // 32 hexadecimal digits; empty = neither protected nor in any backup
    QString candidateId; // of the file system (its UUID); names it in ProtectVolume
    QString device;      // "/dev/vdb1"; empty while the device is absent
    QString label;
    QString fsType;     // "ext4", "xfs", ...
    QString mountPoint; // one of them; empty = not mounted
    quint64 sizeBytes = 0;
    bool isProtected = false;
    bool isProtectable = false;
    QString refusal; // why it is not protectable; else empty
    VolumeMode mode = VolumeMode::None;
    VolumeState state = VolumeState::None;
    QString stateSentence; // "Not mounted. Every change is still recorded."
    quint64 storeBytes = 0;
    quint64 undoBytes = 0;
    quint64 undoUsedBytes = 0;
    quint64 changedBytes = 0; // since the newest snapshot, in whole granules
    quint32 snapshotCount = 0;
    qint64 lastBackupTime = 0;
    QString lastError; // empty = the last thing done with it went well
    QString storeDevice; // that its store is on ("/dev/sdb1"); empty = the volume's own

    friend bool operator==(const VolumeInfo&, const VolumeInfo&) = default;
};

struct RepositoryInfo
{
    QString id;
    QString name;
    QString location; // directory where it was last seen
    bool isEncrypted = true;
    bool isReachable = false;
    quint64 usedBytes = 0;
    quint64 freeBytes = 0; // of the file system; 0 while unreachable
    quint32 backupCount = 0;
    qint64 lastBackupTime = 0;
    qint64 lastVerifiedTime = 0;
    KeyPlace keyPlace = KeyPlace::Unknown;
    QString sentence; // what to know about it; may be empty

    friend bool operator==(const RepositoryInfo&, const RepositoryInfo&) = default;
};

struct Rhythm
{
    RhythmKind kind = RhythmKind::Unknown;
    quint32 everyMinutes = 0; // Every: 1 to 30 dividing 60, or 60 x 1, 2, 3, 4, 6, 8, 12
    quint32 minuteOfDay = 0;  // Daily, Weekly: local time, 0 to 1439
    quint32 weekday = 0;      // Weekly: 1 = Monday to 7 = Sunday

    friend bool operator==(const Rhythm&, const Rhythm&) = default;
};

struct PlanInfo
{
    QString id;
    QString name;
    QStringList volumeIds;
    QString repositoryId;
    Rhythm rhythm;
    quint32 keepLast = 0;  // backups that stay; 0 = all
    bool isEnabled = true; // false: runs by hand only
    qint64 pausedUntil = 0;
    qint64 lastRunTime = 0;
    Outcome lastOutcome = Outcome::None;
    QString lastSentence;
    qint64 nextRunTime = 0;
    QList<qint64> upcomingTimes; // the next five, as far as there are any

    friend bool operator==(const PlanInfo&, const PlanInfo&) = default;
};

struct RestorePoint
{
    QString id; // names it in Browse and ForgetBackup; one id for all volumes of a moment
    QString volumeId;
    RestorePointSource source = RestorePointSource::Unknown;
    QString repositoryId; // backups
    QString planId;       // backups; may be empty
    quint64 epoch = 0;    // local snapshots; names it in Volume.DropSnapshot
    qint64 time = 0;      // the moment it shows
    RestorePointKind kind = RestorePointKind::Unknown;
    QString reason;           // why it was full or compared
    bool isDurable = true;    // a local snapshot that is not goes with a power cut
    quint64 changedBytes = 0; // read for it (backup) or kept for it (snapshot)
    quint64 storedBytes = 0;  // new in the repository
    Verification verification = Verification::Never;

    friend bool operator==(const RestorePoint&, const RestorePoint&) = default;
};

struct RestoreCounts
{
    quint64 files = 0;
    quint64 directories = 0;
    quint64 others = 0; // symbolic links, devices, sockets, pipes
    quint64 bytes = 0;
    quint64 created = 0;
    quint64 overwritten = 0;
    quint64 beside = 0;
    quint64 skipped = 0;
    quint64 freeBytes = 0; // in the target's file system, for the asking user
    QString sentence;      // a warning; empty if there is none

    friend bool operator==(const RestoreCounts&, const RestoreCounts&) = default;
};

struct ActivityEntry
{
    QString id;
    JobKind kind = JobKind::Unknown;
    Outcome outcome = Outcome::None;
    QString planId;
    QStringList volumeIds;
    qint64 startedTime = 0;
    qint64 finishedTime = 0;
    quint64 changedBytes = 0; // what was to be read or copied
    quint64 readBytes = 0;
    quint64 storedBytes = 0;
    QString sentence;

    friend bool operator==(const ActivityEntry&, const ActivityEntry&) = default;
};

using VolumeInfoList = QList<VolumeInfo>;
using RepositoryInfoList = QList<RepositoryInfo>;
using PlanInfoList = QList<PlanInfo>;
using RestorePointList = QList<RestorePoint>;
using ActivityEntryList = QList<ActivityEntry>;

QDBusArgument& operator<<(QDBusArgument& out, const HealthInfo& value);
QDBusArgument& operator<<(QDBusArgument& out, const VolumeInfo& value);
QDBusArgument& operator<<(QDBusArgument& out, const RepositoryInfo& value);
QDBusArgument& operator<<(QDBusArgument& out, const Rhythm& value);
QDBusArgument& operator<<(QDBusArgument& out, const PlanInfo& value);
QDBusArgument& operator<<(QDBusArgument& out, const RestorePoint& value);
QDBusArgument& operator<<(QDBusArgument& out, const RestoreCounts& value);
QDBusArgument& operator<<(QDBusArgument& out, const ActivityEntry& value);

const QDBusArgument& operator>>(const QDBusArgument& in, HealthInfo& value);
const QDBusArgument& operator>>(const QDBusArgument& in, VolumeInfo& value);
const QDBusArgument& operator>>(const QDBusArgument& in, RepositoryInfo& value);
const QDBusArgument& operator>>(const QDBusArgument& in, Rhythm& value);
const QDBusArgument& operator>>(const QDBusArgument& in, PlanInfo& value);
const QDBusArgument& operator>>(const QDBusArgument& in, RestorePoint& value);
const QDBusArgument& operator>>(const QDBusArgument& in, RestoreCounts& value);
const QDBusArgument& operator>>(const QDBusArgument& in, ActivityEntry& value);

// Makes all of the above known to QtDBus. Any thread, any number of times.
void registerTypes();

} // namespace dormouse::bus

Q_DECLARE_METATYPE(dormouse::bus::HealthInfo)
Q_DECLARE_METATYPE(dormouse::bus::VolumeInfo)
Q_DECLARE_METATYPE(dormouse::bus::RepositoryInfo)
Q_DECLARE_METATYPE(dormouse::bus::Rhythm)
Q_DECLARE_METATYPE(dormouse::bus::PlanInfo)
Q_DECLARE_METATYPE(dormouse::bus::RestorePoint)
Q_DECLARE_METATYPE(dormouse::bus::RestoreCounts)
Q_DECLARE_METATYPE(dormouse::bus::ActivityEntry)
