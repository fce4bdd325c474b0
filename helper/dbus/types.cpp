// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/dbus/types.h"

#include <QDBusMetaType>

#include <tuple>
#include <type_traits>

namespace dormouse::bus {

namespace {

// One list of fields a structure serves both directions, so that writer and
// reader cannot come apart. The order is the order on the bus.
template <typename T> auto fields(T& v)
{
    using Struct = std::remove_const_t<T>;
    if constexpr (std::is_same_v<Struct, HealthInfo>)
        return std::tie(v.health, v.sentence, v.remedy, v.subjectId);
    else if constexpr (std::is_same_v<Struct, VolumeInfo>)
        return std::tie(v.id, v.candidateId, v.device, v.label, v.fsType, v.mountPoint, v.sizeBytes,
                        v.isProtected, v.isProtectable, v.refusal, v.mode, v.state, v.stateSentence,
                        v.storeBytes, v.undoBytes, v.undoUsedBytes, v.changedBytes, v.snapshotCount,
                        v.lastBackupTime, v.lastError, v.storeDevice);
    else if constexpr (std::is_same_v<Struct, RepositoryInfo>)
        return std::tie(v.id, v.name, v.location, v.isEncrypted, v.isReachable, v.usedBytes,
                        v.freeBytes, v.backupCount, v.lastBackupTime, v.lastVerifiedTime,
                        v.keyPlace, v.sentence);
    else if constexpr (std::is_same_v<Struct, Rhythm>)
        return std::tie(v.kind, v.everyMinutes, v.minuteOfDay, v.weekday);
    else if constexpr (std::is_same_v<Struct, PlanInfo>)
        return std::tie(v.id, v.name, v.volumeIds, v.repositoryId, v.rhythm, v.keepLast,
                        v.isEnabled, v.pausedUntil, v.lastRunTime, v.lastOutcome, v.lastSentence,
                        v.nextRunTime, v.upcomingTimes);
    else if constexpr (std::is_same_v<Struct, RestorePoint>)
        return std::tie(v.id, v.volumeId, v.source, v.repositoryId, v.planId, v.epoch, v.time,
                        v.kind, v.reason, v.isDurable, v.changedBytes, v.storedBytes,
                        v.verification);
    else if constexpr (std::is_same_v<Struct, RestoreCounts>)
        return std::tie(v.files, v.directories, v.others, v.bytes, v.created, v.overwritten,
                        v.beside, v.skipped, v.freeBytes, v.sentence);
    else if constexpr (std::is_same_v<Struct, ActivityEntry>)
        return std::tie(v.id, v.kind, v.outcome, v.planId, v.volumeIds, v.startedTime,
                        v.finishedTime, v.changedBytes, v.readBytes, v.storedBytes, v.sentence);
}

template <typename T> void writeField(QDBusArgument& out, const T& value)
{
    if constexpr (std::is_enum_v<T>)
        out << static_cast<quint32>(value);
    else
        out << value;
}

template <typename T> void readField(const QDBusArgument& in, T& value)
{
    if constexpr (std::is_enum_v<T>) {
        quint32 number = 0;
        in >> number;
        value = static_cast<T>(number);
    } else {
        in >> value;
    }
}

template <typename T> QDBusArgument& write(QDBusArgument& out, const T& value)
{
    out.beginStructure();
    std::apply([&out](const auto&... field) { (writeField(out, field), ...); }, fields(value));
    out.endStructure();
    return out;
}

template <typename T> const QDBusArgument& read(const QDBusArgument& in, T& value)
{
    in.beginStructure();
    std::apply([&in](auto&... field) { (readField(in, field), ...); }, fields(value));
    in.endStructure();
    return in;
}

} // namespace

// clang-format off
QDBusArgument& operator<<(QDBusArgument& out, const HealthInfo& value) { return write(out, value); }
QDBusArgument& operator<<(QDBusArgument& out, const VolumeInfo& value) { return write(out, value); }
QDBusArgument& operator<<(QDBusArgument& out, const RepositoryInfo& value) { return write(out, value); }
QDBusArgument& operator<<(QDBusArgument& out, const Rhythm& value) { return write(out, value); }
QDBusArgument& operator<<(QDBusArgument& out, const PlanInfo& value) { return write(out, value); }
QDBusArgument& operator<<(QDBusArgument& out, const RestorePoint& value) { return write(out, value); }
QDBusArgument& operator<<(QDBusArgument& out, const RestoreCounts& value) { return write(out, value); }
QDBusArgument& operator<<(QDBusArgument& out, const ActivityEntry& value) { return write(out, value); }

const QDBusArgument& operator>>(const QDBusArgument& in, HealthInfo& value) { return read(in, value); }
const QDBusArgument& operator>>(const QDBusArgument& in, VolumeInfo& value) { return read(in, value); }
const QDBusArgument& operator>>(const QDBusArgument& in, RepositoryInfo& value) { return read(in, value); }
const QDBusArgument& operator>>(const QDBusArgument& in, Rhythm& value) { return read(in, value); }
const QDBusArgument& operator>>(const QDBusArgument& in, PlanInfo& value) { return read(in, value); }
const QDBusArgument& operator>>(const QDBusArgument& in, RestorePoint& value) { return read(in, value); }
const QDBusArgument& operator>>(const QDBusArgument& in, RestoreCounts& value) { return read(in, value); }
const QDBusArgument& operator>>(const QDBusArgument& in, ActivityEntry& value) { return read(in, value); }
// clang-format on

void registerTypes()
{
    qDBusRegisterMetaType<QByteArrayList>(); // file names
    qDBusRegisterMetaType<HealthInfo>();
    qDBusRegisterMetaType<VolumeInfo>();
    qDBusRegisterMetaType<VolumeInfoList>();
    qDBusRegisterMetaType<RepositoryInfo>();
    qDBusRegisterMetaType<RepositoryInfoList>();
    qDBusRegisterMetaType<Rhythm>();
    qDBusRegisterMetaType<PlanInfo>();
    qDBusRegisterMetaType<PlanInfoList>();
    qDBusRegisterMetaType<RestorePoint>();
    qDBusRegisterMetaType<RestorePointList>();
    qDBusRegisterMetaType<RestoreCounts>();
    qDBusRegisterMetaType<ActivityEntry>();
    qDBusRegisterMetaType<ActivityEntryList>();
}

} // namespace dormouse::bus
