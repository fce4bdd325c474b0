// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/engine/repository_jobs.h"

#include "helper/catalog/catalog.h"
#include "helper/engine/volume_jobs.h"
#include "helper/policy/retention.h"

#include <algorithm>
#include <set>

namespace dormouse {
namespace {

BackupKind backupKindOf(BaseKind kind)
{
    switch (kind) {
    case BaseKind::Full:
        return BackupKind::Full;
    case BaseKind::Incremental:
        return BackupKind::Incremental;
    case BaseKind::Compared:
        return BackupKind::Compared;
    }
    return BackupKind::Full;
}

std::vector<BackupRow> rowsOf(const BackupRecord& record, const std::string& repositoryId)
{
    std::vector<BackupRow> rows;
    for (const VolumeRecord& volume : record.volumes) {
        BackupRow row;
        row.recordId = record.recordId.hex();
        row.volumeId = volume.volumeId.hex();
        row.repositoryId = repositoryId;
        row.planId = record.run.planId;
        if (!volume.details.endsAtEpochId.isNone())
            row.epochId = volume.details.endsAtEpochId.hex();
        row.kind = backupKindOf(volume.details.baseKind);
        row.reason = volume.details.baseReason;
        row.isComplete = !record.isIncomplete;
        row.createdAtMs = record.run.createdMs;
        row.volumeBytes = volume.sizeBytes;
        row.changedBytes = volume.details.changedBytes;
        row.readBytes = volume.details.readBytes;
        row.storedBytes = volume.storedBytes;
        rows.push_back(std::move(row));
    }
    return rows;
}

/// Room that comes back; that it cannot be done now is not a failure.
Result<void> pruneRepository(const EngineContext& context, Repository& repository,
                             const JobControl& control)
{
    PruneOptions options;
    options.machineId = context.machineId; // so that its announcement can be withdrawn if we die
    options.stop = control.stop;
    const auto pruned = repository.prune(options);
    if (pruned)
        return {};
    if (pruned.error().code != Error::Code::Busy)
        return tl::unexpected(pruned.error());
    control.say("Room is given back with the next run: the repository is in use.");
    return {};
}

/// Removes a record and forgets its rows. One that is gone already is fine.
Result<void> removeRecord(Catalog& catalog, Repository& repository, const std::string& recordId)
{
    const auto id = Id128::fromHex(recordId);
    if (!id)
        return fail(Error::Code::Invalid, "this is not the id of a backup");
    const auto removed = repository.removeRecord(*id);
    if (!removed && removed.error().code != Error::Code::NotFound)
        return removed;
    return catalog.removeBackups(repository.id().hex(), recordId);
}

} // namespace

Result<VerifyReport> VerifyJob::run(const JobControl& control)
{
    auto catalog = Catalog::connect(m_context.catalogPath);
    if (!catalog)
        return tl::unexpected(catalog.error());
    control.report(JobPhase::Preparing);
    VerifyOptions options;
    options.scope = m_scope;
    options.stop = control.stop;
    options.progress = [&](std::uint64_t done, std::uint64_t total) {
        control.report(JobPhase::Verifying, done, total);
    };
    auto report = m_repository->verify(options);
    if (!report)
        return report;
    for (const VerifyFinding& finding : report->findings)
        control.say(finding.message);

    VerificationRow row;
    row.repositoryId = m_repository->id().hex();
    row.kind =
        m_scope == VerifyScope::Everything ? VerificationKind::Full : VerificationKind::Structure;
    row.finishedAtMs = m_context.clock->nowMs();
    row.checkedBytes = report->bytesChecked;
    row.passed = report->isHealthy();
    row.sentence = row.passed
                       ? "Everything that was checked is in order."
                       : std::to_string(report->findings.size()) +
                             " things are damaged, the first: " + report->findings.front().message;
    if (const auto added = catalog->addVerification(row); !added)
        return tl::unexpected(added.error());
    row.passed = false;
    row.checkedBytes = 0;
    for (const AffectedVolume& affected : report->affected) {
        row.recordId = affected.recordId.hex();
        row.volumeId = affected.volumeId.hex();
        row.sentence =
            std::to_string(affected.damagedBytes) + " bytes of this backup cannot be read.";
        if (const auto added = catalog->addVerification(row); !added)
            return tl::unexpected(added.error());
    }
    return report;
}

Result<RepairJob::Report> RepairJob::run(const JobControl& control)
{
    control.report(JobPhase::Preparing);
    RepairOptions options;
    options.who.machineId = m_context.machineId;
    options.stop = control.stop;
    options.progress = [&](std::uint64_t done, std::uint64_t total) {
        control.report(JobPhase::Verifying, done, total);
    };
    auto repair = m_repository->repair(options);
    if (!repair)
        return tl::unexpected(repair.error());
    for (const std::string& sentence : repair->leftAlone)
        control.say(sentence);
    VerifyJob check(m_context, m_repository, VerifyScope::Structure);
    auto after = check.run(control);
    if (!after)
        return tl::unexpected(after.error());
    return Report{std::move(*repair), std::move(*after)};
}

Result<ImportJob::Report> ImportJob::run(const JobControl& control)
{
    control.report(JobPhase::Preparing);
    auto catalog = Catalog::connect(m_context.catalogPath);
    if (!catalog)
        return tl::unexpected(catalog.error());
    const std::string repositoryId = m_repository->id().hex();
    const auto known = catalog->repository(repositoryId);
    if (!known)
        return tl::unexpected(known.error());
    if (!*known)
        return fail(Error::Code::NotFound, "the repository is not in the catalog");
    const auto list = m_repository->listRecords();
    if (!list)
        return tl::unexpected(list.error());

    Report report;
    for (const auto& damaged : list->damaged)
        report.damaged.push_back(damaged.error.message);
    std::set<std::string> present, volumes;
    std::uint64_t headSequence = 0;
    std::uint64_t done = 0;
    for (const BackupRecord& record : list->records) {
        if (const auto going = control.checkStop(); !going)
            return tl::unexpected(going.error());
        for (const VolumeRecord& volume : record.volumes) {
            const std::string volumeId = volume.volumeId.hex();
            const auto row = catalog->volume(volumeId);
            if (!row)
                return tl::unexpected(row.error());
            if (!*row) {
                VolumeRow added;
                added.volumeId = volumeId;
                added.fsUuid = volume.details.fsUuid;
                added.fsType = volume.details.fsType;
                added.label = volume.details.label;
                added.sizeBytes = volume.sizeBytes;
                added.lastDevice = volume.details.deviceName;
                added.addedAtMs = m_context.clock->nowMs();
                if (const auto put = catalog->putVolume(added); !put)
                    return tl::unexpected(put.error());
            }
            volumes.insert(volumeId);
        }
        if (const auto put = catalog->putBackups(rowsOf(record, repositoryId)); !put)
            return tl::unexpected(put.error());
        present.insert(record.recordId.hex());
        report.newestMs = std::max(report.newestMs, record.run.createdMs);
        if (record.run.machineId == m_context.machineId)
            headSequence = std::max(headSequence, record.sequence);
        ++done;
        control.report(JobPhase::Reading, done, list->records.size());
    }
    // A record that cannot be read is not one that was deleted.
    for (const auto& damaged : list->damaged)
        present.insert(damaged.recordId.hex());
    const auto rows = catalog->backups(repositoryId, {}, {});
    if (!rows)
        return tl::unexpected(rows.error());
    for (const BackupRow& row : *rows) {
        if (present.contains(row.recordId))
            continue;
        if (const auto removed = catalog->removeBackups(repositoryId, row.recordId); !removed)
            return tl::unexpected(removed.error());
    }
    report.isRolledBack = headSequence < (*known)->headSequence;
    if (headSequence > (*known)->headSequence) {
        if (const auto set = catalog->setRepositoryHead(repositoryId, {}, headSequence); !set)
            return tl::unexpected(set.error());
    }
    report.recordCount = list->records.size();
    report.volumeCount = volumes.size();
    return report;
}

Result<std::vector<std::string>> applyRetention(const EngineContext& context, const PlanRow& plan,
                                                Repository& repository, const JobControl& control)
{
    std::vector<std::string> deleted;
    if (plan.keepLast == 0)
        return deleted;
    auto catalog = Catalog::connect(context.catalogPath);
    if (!catalog)
        return tl::unexpected(catalog.error());
    const auto rows = catalog->backups(repository.id().hex(), plan.planId, {});
    if (!rows)
        return tl::unexpected(rows.error());
    std::vector<RetentionBackup> backups;
    for (const BackupRow& row : *rows)
        backups.push_back({row.recordId, row.volumeId, row.createdAtMs, row.isComplete});
    control.report(JobPhase::CleaningUp);
    for (const std::string& recordId : recordsToDelete(backups, plan.keepLast)) {
        if (const auto going = control.checkStop(); !going)
            return tl::unexpected(going.error());
        if (const auto removed = removeRecord(*catalog, repository, recordId); !removed)
            return tl::unexpected(removed.error());
        deleted.push_back(recordId);
    }
    if (!deleted.empty()) {
        if (const auto pruned = pruneRepository(context, repository, control); !pruned)
            return tl::unexpected(pruned.error());
    }
    return deleted;
}

Result<void> forgetBackup(const EngineContext& context, Repository& repository,
                          const std::string& recordId, const JobControl& control)
{
    auto catalog = Catalog::connect(context.catalogPath);
    if (!catalog)
        return tl::unexpected(catalog.error());
    control.report(JobPhase::CleaningUp);
    if (const auto removed = removeRecord(*catalog, repository, recordId); !removed)
        return removed;
    return pruneRepository(context, repository, control);
}

} // namespace dormouse
