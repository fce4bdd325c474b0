// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/daemon/job_factory.h"

#include "helper/base/log.h"
#include "helper/daemon/convert.h"
#include "helper/engine/backup_job.h"
#include "helper/engine/grow_store_job.h"
#include "helper/engine/module_snapshots.h"
#include "helper/engine/repository_jobs.h"
#include "helper/engine/restore_files_job.h"
#include "helper/engine/volume_jobs.h"

#include <QCoreApplication>
#include <QLocale>

#include <fcntl.h>

namespace dormouse {

namespace {

QString tr(const char* text, int count = -1)
{
    return QCoreApplication::translate("jobs", text, nullptr, count);
}

QString sized(std::uint64_t bytes)
{
    return QLocale().formattedDataSize(static_cast<qint64>(bytes), bytes < 1000000 ? 0 : 1,
                                       QLocale::DataSizeSIFormat);
}

QString volumeClaim(const std::string& id)
{
    return QStringLiteral("volume:") + QString::fromStdString(id);
}

QString repositoryClaim(const std::string& id)
{
    return QStringLiteral("repository:") + QString::fromStdString(id);
}

JobControl controlOf(JobContext& job)
{
    JobControl control;
    control.progress = [&job](const JobProgress& progress) {
        job.setPhase(static_cast<bus::JobPhase>(progress.phase));
        job.setProgress(progress.bytesDone, progress.bytesTotal);
    };
    control.note = [&job](const std::string& line) { job.addLine(line); };
    control.stop = job.stopToken();
    return control;
}

const char* kindWord(BackupKind kind)
{
    switch (kind) {
    case BackupKind::Full:
        return "full";
    case BackupKind::Incremental:
        return "incremental";
    case BackupKind::Compared:
        return "compared";
    }
    return "";
}

JobResult backupDone(JobContext& job, const BackupReport& report)
{
    for (const BackupVolumeReport& volume : report.volumes) {
        std::string line = "volume " + volume.volumeId + ": " + kindWord(volume.kind) + ", " +
                           std::to_string(volume.changedBytes) + " bytes changed, " +
                           std::to_string(volume.readBytes) + " read, " +
                           std::to_string(volume.storedBytes) + " stored";
        if (!volume.reason.empty())
            line += "; " + volume.reason;
        job.addLine(std::move(line));
    }
    JobResult result;
    result.resultId = report.recordId;
    result.changedBytes = report.changedBytes();
    result.readBytes = report.readBytes();
    result.storedBytes = report.storedBytes();
    const int count = static_cast<int>(report.volumes.size());
    result.sentence =
        (count == 1 ? tr("Backed up one volume: %1 changed, %2 read, %3 stored.")
                    : tr("Backed up %n volumes: %1 changed, %2 read, %3 stored.", count))
            .arg(sized(result.changedBytes), sized(result.readBytes), sized(result.storedBytes))
            .toStdString();
    return result;
}

} // namespace

void JobFactory::record(JobSpec& spec, std::function<JobResult(JobContext&, std::int64_t)> work)
{
    const bus::JobKind kind = spec.kind;
    const std::string planId = spec.planId.toStdString();
    const std::string volumeId =
        spec.volumeIds.size() == 1 ? spec.volumeIds.first().toStdString() : std::string();
    spec.work = [this, kind, planId, volumeId, work = std::move(work)](JobContext& job) {
        JobRow row;
        row.startedAtMs = systemClock().nowMs();
        JobResult result = work(job, row.startedAtMs);
        row.kind = catalogJobKind(kind);
        row.planId = planId;
        row.volumeId = kind == bus::JobKind::Protect ? result.resultId : volumeId;
        row.outcome = catalogOutcome(result.outcome);
        row.sentence = result.sentence;
        row.finishedAtMs = systemClock().nowMs();
        if (auto catalog = m_service.catalog()) {
            if (const auto added = catalog->addJob(row); !added)
                logError("a job could not be written down: " + added.error().message);
        }
        if (result.outcome == bus::Outcome::Failed)
            logWarning(std::string("a job failed: ") + catalogJobKind(kind) + ": " +
                       result.sentence);
        return result;
    };
}

JobSpec JobFactory::protect(std::string fsUuid, std::uint64_t storeBytes, std::string storeOn)
{
    JobSpec spec;
    spec.kind = bus::JobKind::Protect;
    spec.claims = {QStringLiteral("device:") + QString::fromStdString(fsUuid)};
    record(spec, [this, fsUuid, storeBytes, storeOn](JobContext& job, std::int64_t) {
        job.setSentence(tr("Setting up the store.").toStdString());
        const auto session = m_service.engine();
        ProtectJob work(session->context, {fsUuid, storeBytes, storeOn});
        const auto row = work.run(controlOf(job));
        if (const auto written = m_service.writeAttachConfig(); !written)
            logError("cannot write the list for the next boot: " + written.error().message);
        if (!row)
            return failedJob(row.error());
        JobResult result;
        result.resultId = row->volumeId;
        result.sentence =
            tr("The volume is protected: every change is recorded from now on.").toStdString();
        return result;
    });
    return spec;
}

JobSpec JobFactory::growStore(const std::string& volumeId, std::uint64_t bytes)
{
    JobSpec spec;
    spec.kind = bus::JobKind::GrowStore;
    spec.volumeIds = {QString::fromStdString(volumeId)};
    // Not the volume's: a backup of it may be what needs the room.
    spec.claims = {QStringLiteral("store:") + QString::fromStdString(volumeId)};
    record(spec, [this, volumeId, bytes](JobContext& job, std::int64_t) {
        job.setSentence(tr("Making more room for the store.").toStdString());
        const auto session = m_service.engine();
        GrowStoreJob work(session->context, {volumeId, bytes});
        const auto grown = work.run(controlOf(job));
        if (!grown)
            return failedJob(grown.error());
        JobResult result;
        result.sentence =
            tr("The store has %1 more room for local snapshots.").arg(sized(*grown)).toStdString();
        return result;
    });
    return spec;
}

JobSpec JobFactory::backup(const PlanRow& plan, std::optional<std::int64_t> slotMs)
{
    JobSpec spec;
    spec.kind = bus::JobKind::Backup;
    spec.planId = QString::fromStdString(plan.planId);
    spec.repositoryId = QString::fromStdString(plan.repositoryId);
    spec.claims.append(repositoryClaim(plan.repositoryId));
    for (const std::string& id : plan.volumeIds) {
        spec.volumeIds.append(QString::fromStdString(id));
        spec.claims.append(volumeClaim(id));
    }
    record(spec, [this, plan, slotMs](JobContext& job, std::int64_t startedMs) {
        return runBackup(job, plan, slotMs, startedMs);
    });
    return spec;
}

JobResult JobFactory::runBackup(JobContext& job, const PlanRow& plan,
                                std::optional<std::int64_t> slotMs, std::int64_t startedMs)
{
    auto catalog = m_service.catalog();
    if (!catalog)
        return failedJob(catalog.error());
    RunRow run;
    run.planId = plan.planId;
    run.slotMs = slotMs;
    run.startedAtMs = startedMs;
    if (const auto id = catalog->addRun(run))
        run.runId = *id;
    else
        return failedJob(id.error());

    const auto finish = [&](JobResult result) {
        run.outcome = catalogOutcome(result.outcome);
        // Stopped by a person: the slot has had its turn. Stopped with the
        // helper: it is due again.
        if (result.outcome == bus::Outcome::Cancelled && !m_isStopping)
            run.outcome = Outcome::Skipped;
        run.finishedAtMs = systemClock().nowMs();
        run.reason = result.outcome == bus::Outcome::Done ? std::string() : result.sentence;
        run.changedBytes = result.changedBytes;
        run.readBytes = result.readBytes;
        run.storedBytes = result.storedBytes;
        run.recordId = result.resultId;
        if (const auto updated = catalog->updateRun(run); !updated)
            logError("a run could not be written down: " + updated.error().message);
        return result;
    };

    job.setSentence(tr("Opening the repository.").toStdString());
    const auto row = m_service.repositoryRow(plan.repositoryId);
    if (!row)
        return finish(failedJob({Error::Code::NotFound, row.error().sentence.toStdString()}));
    if (const auto twin = m_service.twinOf(plan.volumeIds))
        return finish(failedJob({Error::Code::Busy, twin->toStdString()}));
    auto opened = m_service.unlock(*row);
    if (!opened) {
        JobResult result = failedJob(opened.error());
        if (opened.error().code == Error::Code::Gone)
            result.outcome = bus::Outcome::Skipped;
        return finish(std::move(result));
    }
    // Whatever of ours announced itself there is dead: who writes to one
    // repository holds it, and this one has not begun.
    const auto hold = m_service.holdRepository(plan.repositoryId);
    if (const auto withdrawn = opened->repository->withdrawWriters(m_service.machineId());
        !withdrawn)
        return finish(failedJob(withdrawn.error()));

    job.setSentence(tr("Backing up.").toStdString());
    const auto session = m_service.engine();
    ModuleSnapshots snapshots(session->context);
    BackupJob::Request request;
    request.plan = plan;
    BackupJob work(session->context, std::move(request), opened->repository, snapshots);
    const auto report = work.run(controlOf(job));
    if (!report)
        return finish(failedJob(report.error()));
    JobResult result = backupDone(job, *report);

    job.setPhase(bus::JobPhase::CleaningUp);
    const auto control = controlOf(job);
    JobControl quiet; // progress is of the backup, which is done
    quiet.note = control.note;
    quiet.stop = control.stop;
    const auto deleted = applyRetention(session->context, plan, *opened->repository, quiet);
    if (!deleted)
        job.addLine("old backups could not be removed: " + deleted.error().message);
    return finish(std::move(result));
}

namespace {

void addAffected(JobContext& job, const VerifyReport& report)
{
    for (const AffectedVolume& one : report.affected)
        job.addLine("backup " + one.recordId.hex() + ", volume " + one.volumeId.hex() + ": " +
                    std::to_string(one.damagedBytes) + " bytes cannot be restored");
}

} // namespace

JobSpec JobFactory::verify(const RepositoryRow& repository)
{
    JobSpec spec;
    spec.kind = bus::JobKind::Verify;
    spec.repositoryId = QString::fromStdString(repository.repositoryId);
    spec.claims = {repositoryClaim(repository.repositoryId)};
    record(spec, [this, repository](JobContext& job, std::int64_t) {
        job.setSentence(tr("Reading every byte of every backup.").toStdString());
        const auto opened = m_service.unlock(repository);
        if (!opened)
            return failedJob(opened.error());
        // What is being cleaned up while we read would look like damage.
        const auto hold = m_service.holdRepository(repository.repositoryId);
        const auto session = m_service.engine();
        VerifyJob work(session->context, opened->repository, VerifyScope::Everything);
        const auto report = work.run(controlOf(job));
        if (!report)
            return failedJob(report.error());
        JobResult result;
        result.readBytes = report->bytesChecked;
        if (report->isHealthy()) {
            const int count = static_cast<int>(report->recordsChecked);
            result.sentence = (count == 1 ? tr("The one backup is whole.")
                                          : tr("All %n backups are whole.", count))
                                  .toStdString();
            return result;
        }
        for (const VerifyFinding& finding : report->findings)
            job.addLine(finding.message);
        addAffected(job, *report);
        result.outcome = bus::Outcome::Failed;
        result.sentence = tr("Damage was found (places: %n). The details name the backups that it "
                             "touches; the others are whole. Repair the repository, so that the "
                             "next backup stores again what it still finds on the volume.",
                             static_cast<int>(report->findings.size()))
                              .toStdString();
        return result;
    });
    return spec;
}

JobSpec JobFactory::repair(const RepositoryRow& repository)
{
    JobSpec spec;
    spec.kind = bus::JobKind::Repair;
    spec.repositoryId = QString::fromStdString(repository.repositoryId);
    spec.claims = {repositoryClaim(repository.repositoryId)};
    record(spec, [this, repository](JobContext& job, std::int64_t) {
        job.setSentence(tr("Reading every byte of every backup.").toStdString());
        const auto opened = m_service.unlock(repository);
        if (!opened)
            return failedJob(opened.error());
        const auto hold = m_service.holdRepository(repository.repositoryId);
        const auto session = m_service.engine();
        RepairJob work(session->context, opened->repository);
        const auto report = work.run(controlOf(job));
        if (!report)
            return failedJob(report.error());
        const RepairReport& repair = report->repair;
        job.addLine(std::to_string(repair.packsReplaced) + " damaged packs replaced, " +
                    std::to_string(repair.objectsSaved) + " blocks saved, " +
                    std::to_string(repair.objectsLost) + " lost; " +
                    std::to_string(repair.recordsRemoved) + " unreadable backups removed");
        addAffected(job, report->after);
        JobResult result;
        if (report->after.isHealthy() && repair.leftAlone.empty()) {
            result.sentence = tr("The repository is in order; nothing is missing in any backup "
                                 "that it has.")
                                  .toStdString();
            return result;
        }
        result.outcome = bus::Outcome::DoneWithExceptions;
        result.sentence =
            repair.leftAlone.empty()
                ? tr("What was damaged is dropped. The details name the backups that miss "
                     "something now; the next backup of their volumes reads everything and stores "
                     "again what it still finds.")
                      .toStdString()
                : tr("Some files could not be read now and were left alone; the details name "
                     "them. Check the disk and its cable, and repair again.")
                      .toStdString();
        return result;
    });
    return spec;
}

namespace {

Result<RestoreFilesJob> restoreJob(JobFactory::Restore& request)
{
    RestoreFilesJob::Request work;
    work.source.reset(
        ::open(request.session->path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    if (!work.source)
        return failErrno("cannot open the restore point");
    work.target = std::move(request.target);
    work.paths = std::move(request.paths);
    work.conflict = static_cast<ConflictPolicy>(request.conflict);
    work.pointTimeMs = request.session->pointTimeMs();
    return RestoreFilesJob(std::move(work));
}

} // namespace

JobSpec JobFactory::restore(Restore request)
{
    JobSpec spec;
    spec.kind = bus::JobKind::Restore;
    auto shared = std::make_shared<Restore>(std::move(request));
    record(spec, [shared](JobContext& job, std::int64_t) {
        job.setSentence(tr("Restoring files.").toStdString());
        // Ended here, in the job's thread: ending a session waits for a process.
        const SessionHold session = std::move(shared->session);
        Restore own{session, std::move(shared->target), std::move(shared->paths), shared->conflict};
        auto work = restoreJob(own);
        if (!work)
            return failedJob(work.error());
        const auto report = work->run(controlOf(job));
        if (!report)
            return failedJob(report.error());
        JobResult result;
        result.readBytes = report->bytes;
        result.changedBytes = report->bytes;
        result.sentence =
            (report->files == 1 ? tr("Restored one file, %1.")
                                : tr("Restored %n files, %1.", static_cast<int>(report->files)))
                .arg(sized(report->bytes))
                .toStdString();
        if (report->exceptionCount > 0) {
            result.outcome = bus::Outcome::DoneWithExceptions;
            result.sentence += ' ' + tr("%n could not be restored as they were; the details name "
                                        "them.",
                                        static_cast<int>(report->exceptionCount))
                                         .toStdString();
        }
        return result;
    });
    return spec;
}

BusResult<bus::RestoreCounts> JobFactory::planRestore(Restore request)
{
    const auto work = restoreJob(request);
    if (!work)
        return busFail(work.error());
    const auto plan = work->plan({});
    if (!plan)
        return busFail(plan.error());
    bus::RestoreCounts counts;
    counts.files = plan->files;
    counts.directories = plan->directories;
    counts.others = plan->others;
    counts.bytes = plan->bytes;
    counts.created = plan->created;
    counts.overwritten = plan->overwritten;
    counts.beside = plan->beside;
    counts.skipped = plan->skipped;
    counts.freeBytes = plan->freeBytes;
    if (plan->bytes > plan->freeBytes)
        counts.sentence = tr("There is not enough room: %1 are needed, %2 are free.")
                              .arg(sized(plan->bytes), sized(plan->freeBytes));
    return counts;
}

} // namespace dormouse
