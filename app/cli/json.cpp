// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/json.h"

#include "app/client/words.h"

namespace dormouse::app::cli {
namespace {

// A double holds whole numbers up to 2^53 exactly: enough for bytes and times.
QJsonValue number(quint64 value)
{
    return QJsonValue(qint64(value));
}

template <typename Enum> QJsonValue word(Enum value)
{
    return QString::fromLatin1(token::of(value));
}

} // namespace

QJsonObject toJson(const bus::HealthInfo& health)
{
    return {{"health", word(health.health)},
            {"sentence", health.sentence},
            {"remedy", word(health.remedy)},
            {"subjectId", health.subjectId}};
}

QJsonObject toJson(const bus::VolumeInfo& volume)
{
    return {{"id", volume.id},
            {"candidateId", volume.candidateId},
            {"device", volume.device},
            {"label", volume.label},
            {"fsType", volume.fsType},
            {"mountPoint", volume.mountPoint},
            {"sizeBytes", number(volume.sizeBytes)},
            {"isProtected", volume.isProtected},
            {"isProtectable", volume.isProtectable},
            {"refusal", volume.refusal},
            {"mode", word(volume.mode)},
            {"state", word(volume.state)},
            {"stateSentence", volume.stateSentence},
            {"storeBytes", number(volume.storeBytes)},
            {"undoBytes", number(volume.undoBytes)},
            {"undoUsedBytes", number(volume.undoUsedBytes)},
            {"changedBytes", number(volume.changedBytes)},
            {"snapshotCount", qint64(volume.snapshotCount)},
            {"lastBackupTime", volume.lastBackupTime},
            {"lastError", volume.lastError},
            {"storeDevice", volume.storeDevice}};
}

QJsonObject toJson(const bus::RepositoryInfo& repository)
{
    return {{"id", repository.id},
            {"name", repository.name},
            {"location", repository.location},
            {"isEncrypted", repository.isEncrypted},
            {"isReachable", repository.isReachable},
            {"usedBytes", number(repository.usedBytes)},
            {"freeBytes", number(repository.freeBytes)},
            {"backupCount", qint64(repository.backupCount)},
            {"lastBackupTime", repository.lastBackupTime},
            {"lastVerifiedTime", repository.lastVerifiedTime},
            {"keyPlace", word(repository.keyPlace)},
            {"sentence", repository.sentence}};
}

QJsonObject toJson(const bus::PlanInfo& plan)
{
    QJsonArray upcoming;
    for (const qint64 time : plan.upcomingTimes)
        upcoming.append(time);
    return {{"id", plan.id},
            {"name", plan.name},
            {"volumeIds", QJsonArray::fromStringList(plan.volumeIds)},
            {"repositoryId", plan.repositoryId},
            {"rhythm", QJsonObject{{"kind", word(plan.rhythm.kind)},
                                   {"everyMinutes", qint64(plan.rhythm.everyMinutes)},
                                   {"minuteOfDay", qint64(plan.rhythm.minuteOfDay)},
                                   {"weekday", qint64(plan.rhythm.weekday)}}},
            {"keepLast", qint64(plan.keepLast)},
            {"isEnabled", plan.isEnabled},
            {"pausedUntil", plan.pausedUntil},
            {"lastRunTime", plan.lastRunTime},
            {"lastOutcome", word(plan.lastOutcome)},
            {"lastSentence", plan.lastSentence},
            {"nextRunTime", plan.nextRunTime},
            {"upcomingTimes", upcoming}};
}

QJsonObject toJson(const bus::RestorePoint& point)
{
    return {{"id", point.id},
            {"volumeId", point.volumeId},
            {"source", word(point.source)},
            {"repositoryId", point.repositoryId},
            {"planId", point.planId},
            {"epoch", number(point.epoch)},
            {"time", point.time},
            {"kind", word(point.kind)},
            {"reason", point.reason},
            {"isDurable", point.isDurable},
            {"changedBytes", number(point.changedBytes)},
            {"storedBytes", number(point.storedBytes)},
            {"verification", word(point.verification)}};
}

QJsonObject toJson(const bus::RestoreCounts& counts)
{
    return {{"files", number(counts.files)},         {"directories", number(counts.directories)},
            {"others", number(counts.others)},       {"bytes", number(counts.bytes)},
            {"created", number(counts.created)},     {"overwritten", number(counts.overwritten)},
            {"beside", number(counts.beside)},       {"skipped", number(counts.skipped)},
            {"freeBytes", number(counts.freeBytes)}, {"sentence", counts.sentence}};
}

QJsonObject toJson(const bus::ActivityEntry& entry)
{
    return {{"id", entry.id},
            {"kind", word(entry.kind)},
            {"outcome", word(entry.outcome)},
            {"planId", entry.planId},
            {"volumeIds", QJsonArray::fromStringList(entry.volumeIds)},
            {"startedTime", entry.startedTime},
            {"finishedTime", entry.finishedTime},
            {"changedBytes", number(entry.changedBytes)},
            {"readBytes", number(entry.readBytes)},
            {"storedBytes", number(entry.storedBytes)},
            {"sentence", entry.sentence}};
}

QJsonObject toJson(const JobStatus& job)
{
    return {{"job", job.path.mid(job.path.lastIndexOf(QLatin1Char('/')) + 1)},
            {"kind", word(job.kind)},
            {"state", word(job.state)},
            {"phase", word(job.phase)},
            {"outcome", word(job.outcome)},
            {"planId", job.planId},
            {"repositoryId", job.repositoryId},
            {"volumeIds", QJsonArray::fromStringList(job.volumeIds)},
            {"resultId", job.resultId},
            {"bytesDone", number(job.bytesDone)},
            {"bytesTotal", number(job.bytesTotal)},
            {"rateBytesPerSecond", number(job.rateBytesPerSecond)},
            {"etaSeconds", job.etaSeconds},
            {"startedTime", job.startedTime},
            {"finishedTime", job.finishedTime}};
}

QJsonObject toJson(const JobStatus& job, const JobDetails& details)
{
    QJsonObject object = toJson(job);
    object.insert("sentence", details.sentence);
    object.insert("log", QJsonArray::fromStringList(details.log));
    return object;
}

} // namespace dormouse::app::cli
