// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/daemon/service.h"

#include "helper/daemon/convert.h"
#include "helper/engine/volume_jobs.h"

#include <algorithm>
#include <limits>

namespace dormouse {

namespace {

QString text(const std::string& utf8)
{
    return QString::fromStdString(utf8);
}

template <typename T> QList<T> pageOf(const QList<T>& all, Page page)
{
    return all.mid(page.offset, page.limit);
}

bus::RestorePoint pointOf(const BackupRow& row)
{
    bus::RestorePoint point;
    point.id = text(row.recordId);
    point.volumeId = text(row.volumeId);
    point.source = bus::RestorePointSource::Backup;
    point.repositoryId = text(row.repositoryId);
    point.planId = text(row.planId);
    point.time = row.createdAtMs / 1000;
    point.kind = busKind(row.kind);
    point.reason = text(row.reason);
    point.changedBytes = row.readBytes;
    point.storedBytes = row.storedBytes;
    return point;
}

bus::RestorePoint pointOf(const LocalSnapshot& snapshot)
{
    bus::RestorePoint point;
    point.id = QLatin1String(kLocalPointPrefix) + text(snapshot.epochId);
    point.volumeId = text(snapshot.volumeId);
    point.source = bus::RestorePointSource::LocalSnapshot;
    point.epoch = snapshot.epoch;
    point.time = snapshot.createdAtMs / 1000;
    point.kind = bus::RestorePointKind::Snapshot;
    point.isDurable = snapshot.isDurable;
    return point;
}

// A damaged record is damaged until a later check finds it whole; a check of
// the whole repository counts for every backup that was there then.
bus::Verification verdict(const std::vector<VerificationRow>& checks, const BackupRow& backup)
{
    for (const VerificationRow& check : checks) { // newest first
        const bool isOfThis = check.recordId == backup.recordId &&
                              (check.volumeId.empty() || check.volumeId == backup.volumeId);
        if (isOfThis)
            return check.passed ? bus::Verification::Good : bus::Verification::Damaged;
        if (check.recordId.empty() && check.passed && check.finishedAtMs > backup.createdAtMs)
            return bus::Verification::Good;
    }
    return bus::Verification::Never;
}

} // namespace

BusResult<bus::RestorePointList> Service::restorePoints(const std::string& volumeId, Page page,
                                                        quint32& total)
{
    auto catalog = this->catalog();
    if (!catalog)
        return busFail(catalog.error());
    const auto backups = catalog->backups({}, {}, volumeId);
    if (!backups)
        return busFail(backups.error());

    bus::RestorePointList all;
    std::map<std::string, std::vector<VerificationRow>> checks;
    for (const BackupRow& backup : *backups) {
        if (!backup.isComplete)
            continue;
        if (!checks.contains(backup.repositoryId)) {
            auto rows =
                catalog->verifications(backup.repositoryId, {}, std::numeric_limits<int>::max());
            checks[backup.repositoryId] = rows ? std::move(*rows) : std::vector<VerificationRow>();
        }
        bus::RestorePoint point = pointOf(backup);
        point.verification = verdict(checks[backup.repositoryId], backup);
        all.append(point);
    }
    if (const auto session = engine(); session->module) {
        const auto rows = catalog->volumes();
        for (const VolumeRow& row : rows ? *rows : std::vector<VolumeRow>()) {
            if (!row.isProtected || (!volumeId.empty() && row.volumeId != volumeId))
                continue;
            const auto kept = keptSnapshots(*catalog, row.volumeId);
            const auto live = listLocalSnapshots(*session->module, row.volumeId);
            for (const LocalSnapshot& one : live ? *live : std::vector<LocalSnapshot>()) {
                // Others are the moments of backups that are running.
                if (one.isDurable || std::find(kept.begin(), kept.end(), one.epochId) != kept.end())
                    all.append(pointOf(one));
            }
        }
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return a.time > b.time; });
    total = static_cast<quint32>(all.size());
    return pageOf(all, page);
}

BusResult<bus::ActivityEntryList> Service::activity(Page page, quint32& total)
{
    auto catalog = this->catalog();
    if (!catalog)
        return busFail(catalog.error());
    const auto jobs = catalog->jobs({}, std::numeric_limits<int>::max());
    if (!jobs)
        return busFail(jobs.error());
    total = static_cast<quint32>(jobs->size());

    bus::ActivityEntryList list;
    std::map<std::string, std::vector<RunRow>> runs;
    for (std::size_t i = page.offset; i < jobs->size() && i - page.offset < page.limit; ++i) {
        const JobRow& job = (*jobs)[i];
        bus::ActivityEntry entry;
        entry.id = QString::number(job.jobId);
        entry.kind = busJobKind(job.kind);
        entry.outcome = busOutcome(job.outcome);
        entry.planId = text(job.planId);
        entry.sentence = text(job.sentence);
        entry.startedTime = job.startedAtMs / 1000;
        entry.finishedTime = job.finishedAtMs / 1000;
        if (!job.volumeId.empty())
            entry.volumeIds.append(text(job.volumeId));
        if (!job.planId.empty()) {
            if (const auto plan = catalog->plan(job.planId); plan && *plan) {
                entry.volumeIds.clear();
                for (const std::string& id : (*plan)->volumeIds)
                    entry.volumeIds.append(text(id));
            }
            if (!runs.contains(job.planId)) {
                auto rows = catalog->runs(job.planId, std::numeric_limits<int>::max());
                runs[job.planId] = rows ? std::move(*rows) : std::vector<RunRow>();
            }
            for (const RunRow& run : runs[job.planId]) {
                if (run.startedAtMs != job.startedAtMs)
                    continue;
                entry.changedBytes = run.changedBytes;
                entry.readBytes = run.readBytes;
                entry.storedBytes = run.storedBytes;
            }
        }
        list.append(entry);
    }
    return list;
}

} // namespace dormouse
