// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/engine/backup_job.h"

#include "helper/catalog/catalog.h"
#include "helper/engine/backup_decision.h"
#include "helper/engine/block_copier.h"
#include "helper/engine/volume_jobs.h"

#include <numeric>

namespace dormouse {
namespace {

/// What is known of one volume while its backup is made.
struct VolumeWork
{
    VolumeRow row;
    Id128 volumeId;
    FrozenVolume* frozen = nullptr;
    BackupDecision decision;
    Allocation allocation;
    BlockPlan plan;
    std::size_t writerIndex = 0;
    std::uint64_t readBytes = 0;
    std::vector<SampleFile> samples;

    [[nodiscard]] std::uint64_t changedBytes() const
    {
        return decision.kind == BackupKind::Incremental ? totalBytes(decision.changed)
                                                        : totalBytes(plan.wanted);
    }
    [[nodiscard]] std::string reason() const
    {
        std::string text = decision.reason;
        if (!allocation.isKnown && decision.kind != BackupKind::Incremental)
            text += (text.empty() ? "Everything was read: " : " Everything was read: ") +
                    allocation.reason + ".";
        return text;
    }
    [[nodiscard]] std::vector<ExcludedExtent> excluded() const
    {
        std::vector<ExcludedExtent> all;
        for (const Extent& extent : frozen->storeExtents())
            all.push_back({ExclusionKind::Store, extent});
        all.insert(all.end(), allocation.excluded.begin(), allocation.excluded.end());
        return all;
    }
};

BaseKind baseKindOf(BackupKind kind)
{
    switch (kind) {
    case BackupKind::Full:
        return BaseKind::Full;
    case BackupKind::Incremental:
        return BaseKind::Incremental;
    case BackupKind::Compared:
        return BaseKind::Compared;
    }
    return BaseKind::Full;
}

/// Reads on an increment beside the changed blocks must stay few: finding files
/// costs reads too, so a small one has no samples, and a large one a twentieth.
std::uint64_t sampleBudget(const VolumeWork& work)
{
    constexpr std::uint64_t kMostBytes = 8u << 20;
    constexpr std::uint64_t kSmallBytes = 64u << 20;
    if (work.decision.kind != BackupKind::Incremental)
        return kMostBytes;
    return work.plan.putBytes() < kSmallBytes ? 0 : std::min(kMostBytes, work.plan.putBytes() / 20);
}

class Run
{
public:
    Run(const EngineContext& context, const BackupJob::Request& request, Repository& repository,
        const JobControl& control)
        : m_context(context), m_request(request), m_repository(repository), m_control(control)
    {
    }

    [[nodiscard]] Result<BackupReport> go(SnapshotProvider& snapshots);

private:
    [[nodiscard]] Result<void> loadRows();
    [[nodiscard]] Result<void> plan(VolumeWork& work, FrozenVolume& frozen);
    [[nodiscard]] Result<void> copyAll();
    [[nodiscard]] Result<BackupReport> commit(std::int64_t createdMs);
    [[nodiscard]] Result<void> remember(Catalog& catalog, const BackupReport& report,
                                        const BackupRecord& record);

    const EngineContext& m_context;
    const BackupJob::Request& m_request;
    Repository& m_repository;
    const JobControl& m_control;
    std::optional<Catalog> m_catalog;
    std::vector<VolumeWork> m_works;
    std::unique_ptr<BackupWriter> m_writer;
    RunInfo m_info;
};

Result<void> Run::loadRows()
{
    auto catalog = Catalog::connect(m_context.catalogPath);
    if (!catalog)
        return tl::unexpected(catalog.error());
    m_catalog = std::move(*catalog);
    if (m_request.plan.volumeIds.empty())
        return fail(Error::Code::Invalid, "the plan has no volumes");
    for (const std::string& volumeId : m_request.plan.volumeIds) {
        auto row = m_catalog->volume(volumeId);
        if (!row)
            return tl::unexpected(row.error());
        const auto id = Id128::fromHex(volumeId);
        if (!*row || !id)
            return fail(Error::Code::NotFound, "the plan names a volume that is not known");
        VolumeWork work;
        work.row = std::move(**row);
        work.volumeId = *id;
        m_works.push_back(std::move(work));
    }
    return {};
}

Result<void> Run::plan(VolumeWork& work, FrozenVolume& frozen)
{
    work.frozen = &frozen;
    auto decision = decideBackup(*m_catalog, m_repository,
                                 {work.row.volumeId, m_request.plan.planId, frozen.epochId(),
                                  frozen.sizeBytes(), m_request.readEverything});
    if (!decision)
        return addContext(decision.error(), "cannot tell what the backup builds on");
    work.decision = std::move(*decision);
    work.allocation = frozen.allocation();
    if (work.decision.kind == BackupKind::Incremental && !work.allocation.unrecorded.empty()) {
        ExtentList& changed = work.decision.changed;
        changed.insert(changed.end(), work.allocation.unrecorded.begin(),
                       work.allocation.unrecorded.end());
        changed = mergeExtents(std::move(changed));
    }
    ExtentList dropped = work.allocation.free;
    for (const ExcludedExtent& one : work.excluded())
        dropped.push_back(one.extent);
    const ExtentList whole{{0, frozen.sizeBytes()}};
    work.plan =
        planBlocks(work.decision.kind == BackupKind::Incremental ? work.decision.changed : whole,
                   mergeExtents(std::move(dropped)), work.decision.blockBytes, frozen.sizeBytes());
    if (const std::string reason = work.reason(); !reason.empty())
        m_control.say((work.row.label.empty() ? work.row.lastDevice : work.row.label) + ": " +
                      reason);
    const auto index = m_writer->addVolume(
        {work.volumeId, frozen.sizeBytes(), work.decision.blockBytes, work.decision.base});
    if (!index)
        return tl::unexpected(index.error());
    work.writerIndex = *index;
    return {};
}

Result<void> Run::copyAll()
{
    const std::uint64_t total = std::accumulate(
        m_works.begin(), m_works.end(), std::uint64_t{0},
        [](std::uint64_t sum, const VolumeWork& work) { return sum + work.plan.putBytes(); });
    std::uint64_t done = 0;
    m_control.report(JobPhase::Reading, 0, total);
    BlockCopier copier(*m_writer, m_request.workers, [&](std::uint64_t bytes) {
        done += bytes;
        m_control.report(JobPhase::Reading, done, total);
    });
    for (VolumeWork& work : m_works) {
        const BlockCopier::Source source{work.frozen->fd(), work.frozen->sizeBytes(),
                                         work.writerIndex, work.decision.blockBytes};
        const auto read = copier.copy(source, work.plan, m_control.stop);
        if (!read)
            return tl::unexpected(read.error());
        work.readBytes = *read;
        work.samples = work.frozen->sampleFiles(sampleBudget(work), m_control.stop);
        if (const auto going = m_control.checkStop(); !going)
            return going;
    }
    return {};
}

Result<BackupReport> Run::commit(std::int64_t createdMs)
{
    BackupWriter::CommitInfo info;
    for (const VolumeWork& work : m_works) {
        VolumeDetails details;
        details.deviceName = work.row.lastDevice.substr(work.row.lastDevice.rfind('/') + 1);
        details.fsType = work.row.fsType;
        details.fsUuid = work.row.fsUuid;
        details.label = work.row.label;
        details.endsAtEpochId = work.frozen->epochId();
        details.baseKind = baseKindOf(work.decision.kind);
        details.baseReason = work.reason();
        details.changedBytes = work.changedBytes();
        details.readBytes = work.readBytes;
        details.excluded = work.excluded();
        details.sampleFiles = work.samples;
        info.volumes.push_back(std::move(details));
    }
    const auto recordId = m_writer->commit(info);
    if (!recordId)
        return addContext(recordId.error(), "the backup could not be finished");
    const auto record = m_repository.readRecord(*recordId);
    if (!record)
        return addContext(record.error(), "the backup was written but cannot be read");

    BackupReport report;
    report.recordId = recordId->hex();
    report.runId = m_info.runId.hex();
    report.createdAtMs = createdMs;
    for (const VolumeWork& work : m_works) {
        const VolumeRecord& stored = record->volumes[work.writerIndex];
        report.volumes.push_back({work.row.volumeId, work.decision.kind, work.reason(),
                                  work.changedBytes(), work.readBytes, stored.newBytes,
                                  stored.storedBytes});
    }
    if (const auto known = remember(*m_catalog, report, *record); !known)
        return addContext(known.error(), "the backup is complete, but the catalog could not be "
                                         "told of it");
    return report;
}

Result<void> Run::remember(Catalog& catalog, const BackupReport& report, const BackupRecord& record)
{
    std::vector<BackupRow> rows;
    for (const BackupVolumeReport& volume : report.volumes) {
        BackupRow row;
        row.recordId = report.recordId;
        row.volumeId = volume.volumeId;
        row.repositoryId = m_repository.id().hex();
        row.planId = m_request.plan.planId;
        row.kind = volume.kind;
        row.reason = volume.reason;
        row.createdAtMs = report.createdAtMs;
        row.changedBytes = volume.changedBytes;
        row.readBytes = volume.readBytes;
        row.storedBytes = volume.storedBytes;
        const auto& stored = record.volumes[rows.size()];
        row.volumeBytes = stored.sizeBytes;
        if (!stored.details.endsAtEpochId.isNone())
            row.epochId = stored.details.endsAtEpochId.hex();
        rows.push_back(std::move(row));
    }
    auto done = catalog.putBackups(rows);
    if (done)
        done = catalog.setRepositoryHead(m_repository.id().hex(), {}, record.sequence);
    for (const BackupVolumeReport& volume : report.volumes) {
        if (done)
            done = pruneHistory(m_context, catalog, volume.volumeId);
    }
    return done;
}

Result<BackupReport> Run::go(SnapshotProvider& snapshots)
{
    m_control.report(JobPhase::Preparing);
    if (const auto loaded = loadRows(); !loaded)
        return tl::unexpected(loaded.error());
    if (const auto going = m_control.checkStop(); !going)
        return tl::unexpected(going.error());
    m_control.report(JobPhase::Snapshotting);
    auto moment = snapshots.take(m_request.plan.volumeIds);
    if (!moment)
        return tl::unexpected(moment.error());

    m_info.machineId = m_context.machineId;
    m_info.machineName = m_context.machineName;
    m_info.runId = Id128::random();
    m_info.planId = m_request.plan.planId;
    m_info.planName = m_request.plan.name;
    m_info.createdMs = (*moment)->createdMs();
    auto writer = m_repository.beginBackup(m_info, m_request.writer);
    if (!writer)
        return tl::unexpected(writer.error());
    m_writer = std::move(*writer);
    for (std::size_t i = 0; i < m_works.size(); ++i) {
        if (const auto planned = plan(m_works[i], (*moment)->volume(i)); !planned)
            return tl::unexpected(planned.error());
    }
    if (const auto copied = copyAll(); !copied)
        return tl::unexpected(copied.error());

    const std::uint64_t total = m_writer->stats().bytesPut;
    m_control.report(JobPhase::Committing, total, total);
    // Everything is read: the store need not keep old data any longer.
    if (const auto released = (*moment)->release(); !released)
        m_control.say("The snapshot could not be released yet: " + released.error().message);
    auto report = commit((*moment)->createdMs());
    m_control.report(JobPhase::CleaningUp, total, total);
    return report;
}

std::uint64_t sumOf(const std::vector<BackupVolumeReport>& volumes,
                    std::uint64_t BackupVolumeReport::*member)
{
    std::uint64_t sum = 0;
    for (const BackupVolumeReport& volume : volumes)
        sum += volume.*member;
    return sum;
}

} // namespace

std::uint64_t BackupReport::changedBytes() const
{
    return sumOf(volumes, &BackupVolumeReport::changedBytes);
}

std::uint64_t BackupReport::readBytes() const
{
    return sumOf(volumes, &BackupVolumeReport::readBytes);
}

std::uint64_t BackupReport::storedBytes() const
{
    return sumOf(volumes, &BackupVolumeReport::storedBytes);
}

BackupJob::BackupJob(const EngineContext& context, Request request,
                     std::shared_ptr<Repository> repository, SnapshotProvider& snapshots)
    : m_context(context), m_request(std::move(request)), m_repository(std::move(repository)),
      m_snapshots(snapshots)
{
}

BackupJob::~BackupJob() = default;

Result<BackupReport> BackupJob::run(const JobControl& control)
{
    return Run(m_context, m_request, *m_repository, control).go(m_snapshots);
}

} // namespace dormouse
