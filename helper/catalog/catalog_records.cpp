// SPDX-License-Identifier: GPL-3.0-or-later
// Volumes, repositories, plans, runs, backups and the history for people.
#include "helper/catalog/catalog_private.h"
#include "helper/catalog/extent_blob.h"

namespace dormouse {

namespace {

std::int64_t stored(std::uint64_t value)
{
    return static_cast<std::int64_t>(value);
}

std::uint64_t unsignedAt(const Statement& row, int column)
{
    return static_cast<std::uint64_t>(row.integer(column));
}

template <typename Enum> Enum enumAt(const Statement& row, int column)
{
    return static_cast<Enum>(row.integer(column));
}

template <typename Enum> std::int64_t number(Enum value)
{
    return static_cast<std::int64_t>(value);
}

VolumeRow readVolume(const Statement& row)
{
    VolumeRow volume;
    volume.volumeId = row.text(0);
    volume.fsUuid = row.text(1);
    volume.fsType = row.text(2);
    volume.label = row.text(3);
    volume.sizeBytes = unsignedAt(row, 4);
    volume.lastDevice = row.text(5);
    volume.lastMountPoint = row.text(6);
    volume.superblockOffsetBytes = unsignedAt(row, 7);
    volume.superblockOffsetBBytes = unsignedAt(row, 8);
    volume.storePath = row.text(9);
    volume.storeExtents = decodeExtents(row.blob(10)).value_or(ExtentList{});
    volume.isProtected = row.integer(11) != 0;
    volume.addedAtMs = row.integer(12);
    volume.storeDevice = row.text(13);
    return volume;
}

RepositoryRow readRepository(const Statement& row)
{
    RepositoryRow repository;
    repository.repositoryId = row.text(0);
    repository.name = row.text(1);
    repository.fsUuid = row.text(2);
    repository.path = row.text(3);
    repository.keyKept = enumAt<KeyKept>(row, 4);
    repository.headRecordHash = row.blob(5);
    repository.headSequence = unsignedAt(row, 6);
    repository.addedAtMs = row.integer(7);
    return repository;
}

PlanRow readPlan(const Statement& row)
{
    PlanRow plan;
    plan.planId = row.text(0);
    plan.name = row.text(1);
    plan.repositoryId = row.text(2);
    plan.rhythm = row.text(3);
    plan.keepLast = static_cast<std::uint32_t>(row.integer(4));
    plan.enabled = row.integer(5) != 0;
    plan.pausedUntilMs = row.optionalInteger(6);
    plan.createdAtMs = row.integer(7);
    return plan;
}

RunRow readRun(const Statement& row)
{
    RunRow run;
    run.runId = row.integer(0);
    run.planId = row.text(1);
    run.slotMs = row.optionalInteger(2);
    run.startedAtMs = row.integer(3);
    run.finishedAtMs = row.optionalInteger(4);
    run.outcome = enumAt<Outcome>(row, 5);
    run.reason = row.text(6);
    run.changedBytes = unsignedAt(row, 7);
    run.readBytes = unsignedAt(row, 8);
    run.storedBytes = unsignedAt(row, 9);
    run.recordId = row.text(10);
    return run;
}

/// Columns 2 to 10 of a run, which adding and updating share.
Statement& bindRun(Statement& statement, const RunRow& row)
{
    return statement.bind(row.slotMs)
        .bind(row.startedAtMs)
        .bind(row.finishedAtMs)
        .bind(number(row.outcome))
        .bind(row.reason)
        .bind(stored(row.changedBytes))
        .bind(stored(row.readBytes))
        .bind(stored(row.storedBytes))
        .bind(row.recordId);
}

BackupRow readBackup(const Statement& row)
{
    BackupRow backup;
    backup.recordId = row.text(0);
    backup.volumeId = row.text(1);
    backup.repositoryId = row.text(2);
    backup.planId = row.text(3);
    backup.epochId = row.text(4);
    backup.kind = enumAt<BackupKind>(row, 5);
    backup.reason = row.text(6);
    backup.isComplete = row.integer(7) != 0;
    backup.createdAtMs = row.integer(8);
    backup.volumeBytes = unsignedAt(row, 9);
    backup.changedBytes = unsignedAt(row, 10);
    backup.readBytes = unsignedAt(row, 11);
    backup.storedBytes = unsignedAt(row, 12);
    return backup;
}

JobRow readJob(const Statement& row)
{
    return {row.integer(0),          row.text(1), row.text(2),    row.text(3),
            enumAt<Outcome>(row, 4), row.text(5), row.integer(6), row.integer(7)};
}

VerificationRow readVerification(const Statement& row)
{
    return {row.integer(0),
            row.text(1),
            row.text(2),
            row.text(3),
            enumAt<VerificationKind>(row, 4),
            row.integer(5) != 0,
            row.text(6),
            unsignedAt(row, 7),
            row.integer(8)};
}

/// A broken reference, which SQLite only calls "FOREIGN KEY constraint failed".
Result<void> explain(Result<void> result, Error::Code code, const char* sentence)
{
    if (!result && result.error().code == Error::Code::Invalid)
        return fail(code, sentence);
    return result;
}

} // namespace

// Volumes --------------------------------------------------------------------

Result<void> Catalog::putVolume(const VolumeRow& row)
{
    auto done = d->start(Query::PutVolume)
                    .bind(row.volumeId)
                    .bind(row.fsUuid)
                    .bind(row.fsType)
                    .bind(row.label)
                    .bind(stored(row.sizeBytes))
                    .bind(row.lastDevice)
                    .bind(row.lastMountPoint)
                    .bind(stored(row.superblockOffsetBytes))
                    .bind(stored(row.superblockOffsetBBytes))
                    .bind(row.storePath)
                    .bind(encodeExtents(mergeExtents(row.storeExtents)))
                    .bind(std::int64_t(row.isProtected))
                    .bind(row.addedAtMs)
                    .bind(row.storeDevice)
                    .run();
    return explain(std::move(done), Error::Code::Invalid,
                   "A volume's identifier must have 32 hexadecimal digits.");
}

Result<std::optional<VolumeRow>> Catalog::volume(const std::string& volumeId)
{
    return readOne(d->start(Query::GetVolume).bind(volumeId), readVolume);
}

Result<std::optional<VolumeRow>> Catalog::protectedVolumeByFsUuid(const std::string& fsUuid)
{
    return readOne(d->start(Query::GetProtectedVolume).bind(fsUuid), readVolume);
}

Result<std::vector<VolumeRow>> Catalog::volumes()
{
    return readAll(d->start(Query::ListVolumes), readVolume);
}

Result<void> Catalog::removeVolume(const std::string& volumeId)
{
    return explain(d->start(Query::RemoveVolume).bind(volumeId).run(), Error::Code::Busy,
                   "A plan still backs up this volume. Take it out of the plan first.");
}

// Repositories ---------------------------------------------------------------

Result<void> Catalog::putRepository(const RepositoryRow& row)
{
    return d->start(Query::PutRepository)
        .bind(row.repositoryId)
        .bind(row.name)
        .bind(row.fsUuid)
        .bind(row.path)
        .bind(number(row.keyKept))
        .bind(row.headRecordHash)
        .bind(stored(row.headSequence))
        .bind(row.addedAtMs)
        .run();
}

Result<std::optional<RepositoryRow>> Catalog::repository(const std::string& repositoryId)
{
    return readOne(d->start(Query::GetRepository).bind(repositoryId), readRepository);
}

Result<std::vector<RepositoryRow>> Catalog::repositories()
{
    return readAll(d->start(Query::ListRepositories), readRepository);
}

Result<void> Catalog::setRepositoryHead(const std::string& repositoryId,
                                        const std::vector<std::uint8_t>& recordHash,
                                        std::uint64_t sequence)
{
    return d->start(Query::SetRepositoryHead)
        .bind(recordHash)
        .bind(stored(sequence))
        .bind(repositoryId)
        .run();
}

Result<void> Catalog::removeRepository(const std::string& repositoryId)
{
    return explain(d->start(Query::RemoveRepository).bind(repositoryId).run(), Error::Code::Busy,
                   "A plan still backs up into this repository. Remove or change the plan first.");
}

// Plans ----------------------------------------------------------------------

Result<void> Catalog::putPlan(const PlanRow& row)
{
    auto transaction = Transaction::begin(d->database);
    if (!transaction)
        return passOn(transaction);
    auto done = d->start(Query::PutPlan)
                    .bind(row.planId)
                    .bind(row.name)
                    .bind(row.repositoryId)
                    .bind(row.rhythm)
                    .bind(std::int64_t(row.keepLast))
                    .bind(std::int64_t(row.enabled))
                    .bind(row.pausedUntilMs)
                    .bind(row.createdAtMs)
                    .run();
    if (done)
        done = d->start(Query::ClearPlanVolumes).bind(row.planId).run();
    std::int64_t position = 0;
    for (const std::string& volumeId : row.volumeIds)
        if (done)
            done = d->start(Query::AddPlanVolume)
                       .bind(row.planId)
                       .bind(position++)
                       .bind(volumeId)
                       .run();
    if (done)
        done = transaction->commit();
    return explain(std::move(done), Error::Code::NotFound,
                   "The plan names a volume or a repository that is not known, or one twice.");
}

Result<std::optional<PlanRow>> Catalog::plan(const std::string& planId)
{
    auto row = readOne(d->start(Query::GetPlan).bind(planId), readPlan);
    if (!row || !*row)
        return row;
    auto volumeIds = readAll(d->start(Query::ListPlanVolumes).bind(planId),
                             [](const Statement& volume) { return volume.text(0); });
    if (!volumeIds)
        return passOn(volumeIds);
    (*row)->volumeIds = std::move(*volumeIds);
    return row;
}

Result<std::vector<PlanRow>> Catalog::plans()
{
    auto rows = readAll(d->start(Query::ListPlans), readPlan);
    if (!rows)
        return rows;
    for (PlanRow& row : *rows) {
        auto volumeIds = readAll(d->start(Query::ListPlanVolumes).bind(row.planId),
                                 [](const Statement& volume) { return volume.text(0); });
        if (!volumeIds)
            return passOn(volumeIds);
        row.volumeIds = std::move(*volumeIds);
    }
    return rows;
}

Result<void> Catalog::removePlan(const std::string& planId)
{
    return d->start(Query::RemovePlan).bind(planId).run();
}

// Runs -----------------------------------------------------------------------

Result<std::int64_t> Catalog::addRun(const RunRow& row)
{
    Statement& statement = d->start(Query::AddRun).bind(row.planId);
    auto done = explain(bindRun(statement, row).run(), Error::Code::NotFound,
                        "There is no such plan any more.");
    if (!done)
        return passOn(done);
    return d->database.lastInsertId();
}

Result<void> Catalog::updateRun(const RunRow& row)
{
    return bindRun(d->start(Query::UpdateRun), row).bind(row.runId).run();
}

Result<std::vector<RunRow>> Catalog::runs(const std::string& planId, int limit)
{
    return readAll(d->start(Query::ListRuns).bind(planId).bind(std::int64_t(limit)), readRun);
}

Result<int> Catalog::interruptRunningRuns(std::int64_t nowMs, const std::string& reason)
{
    auto done = d->start(Query::InterruptRuns).bind(nowMs).bind(reason).run();
    if (!done)
        return passOn(done);
    return d->database.changedRows();
}

// Backups --------------------------------------------------------------------

Result<void> Catalog::putBackups(const std::vector<BackupRow>& rows)
{
    auto transaction = Transaction::begin(d->database);
    if (!transaction)
        return passOn(transaction);
    Result<void> done;
    for (const BackupRow& row : rows) {
        if (!done)
            break;
        done = d->start(Query::PutBackup)
                   .bind(row.recordId)
                   .bind(row.volumeId)
                   .bind(row.repositoryId)
                   .bind(row.planId)
                   .bind(row.epochId)
                   .bind(number(row.kind))
                   .bind(row.reason)
                   .bind(std::int64_t(row.isComplete))
                   .bind(row.createdAtMs)
                   .bind(stored(row.volumeBytes))
                   .bind(stored(row.changedBytes))
                   .bind(stored(row.readBytes))
                   .bind(stored(row.storedBytes))
                   .run();
    }
    if (done)
        done = transaction->commit();
    return explain(std::move(done), Error::Code::NotFound,
                   "The backup names a repository that is not known.");
}

Result<std::vector<BackupRow>> Catalog::backups(const std::string& repositoryId,
                                                const std::string& planId,
                                                const std::string& volumeId)
{
    return readAll(d->start(Query::ListBackups).bind(repositoryId).bind(planId).bind(volumeId),
                   readBackup);
}

Result<std::optional<BackupRow>> Catalog::newestBackup(const std::string& repositoryId,
                                                       const std::string& planId,
                                                       const std::string& volumeId)
{
    return readOne(d->start(Query::NewestBackup).bind(repositoryId).bind(planId).bind(volumeId),
                   readBackup);
}

Result<void> Catalog::removeBackups(const std::string& repositoryId, const std::string& recordId)
{
    return d->start(Query::RemoveBackups).bind(repositoryId).bind(recordId).run();
}

// History for people ---------------------------------------------------------

Result<std::int64_t> Catalog::addJob(const JobRow& row)
{
    auto done = d->start(Query::AddJob)
                    .bind(row.kind)
                    .bind(row.volumeId)
                    .bind(row.planId)
                    .bind(number(row.outcome))
                    .bind(row.sentence)
                    .bind(row.startedAtMs)
                    .bind(row.finishedAtMs)
                    .run();
    if (!done)
        return passOn(done);
    return d->database.lastInsertId();
}

Result<std::vector<JobRow>> Catalog::jobs(const std::string& volumeId, int limit)
{
    return readAll(d->start(Query::ListJobs).bind(volumeId).bind(std::int64_t(limit)), readJob);
}

Result<std::int64_t> Catalog::addVerification(const VerificationRow& row)
{
    auto done = d->start(Query::AddVerification)
                    .bind(row.repositoryId)
                    .bind(row.recordId)
                    .bind(row.volumeId)
                    .bind(number(row.kind))
                    .bind(std::int64_t(row.passed))
                    .bind(row.sentence)
                    .bind(stored(row.checkedBytes))
                    .bind(row.finishedAtMs)
                    .run();
    done = explain(std::move(done), Error::Code::NotFound,
                   "The result names a repository that is not known.");
    if (!done)
        return passOn(done);
    return d->database.lastInsertId();
}

Result<std::vector<VerificationRow>> Catalog::verifications(const std::string& repositoryId,
                                                            const std::string& recordId, int limit)
{
    return readAll(d->start(Query::ListVerifications)
                       .bind(repositoryId)
                       .bind(recordId)
                       .bind(std::int64_t(limit)),
                   readVerification);
}

} // namespace dormouse
