// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/engine/backup_decision.h"

namespace dormouse {
namespace {

struct Found
{
    BackupRecord record;
    std::size_t volume = 0;
};

/// More would only cost time: whoever lost ten records in a row lost them all.
constexpr int kMaxTries = 10;

Result<std::optional<Found>> findBase(Catalog& catalog, Repository& repository,
                                      const DecisionQuestion& question, const Id128& volumeId)
{
    int tries = 0;
    for (const std::string& planId : {question.planId, std::string()}) {
        const auto rows = catalog.backups(repository.id().hex(), planId, question.volumeId);
        if (!rows)
            return tl::unexpected(rows.error());
        for (const BackupRow& row : *rows) {
            const auto recordId = Id128::fromHex(row.recordId);
            if (!row.isComplete || !recordId)
                continue;
            if (++tries > kMaxTries)
                return std::nullopt;
            auto record = repository.readRecord(*recordId);
            if (!record && record.error().code != Error::Code::NotFound &&
                record.error().code != Error::Code::Corrupt)
                return tl::unexpected(record.error());
            if (!record || record->isIncomplete)
                continue;
            if (const auto volume = record->findVolume(volumeId))
                return Found{std::move(*record), *volume};
        }
    }
    return std::nullopt;
}

/// Whether the newest check of the repository found that this backup misses something.
Result<bool> isDamaged(Catalog& catalog, const std::string& repositoryId, const Id128& recordId)
{
    const auto all = catalog.verifications(repositoryId, "", 1);
    const auto ofRecord = catalog.verifications(repositoryId, recordId.hex(), 1);
    if (!all || !ofRecord)
        return tl::unexpected(!all ? all.error() : ofRecord.error());
    return !ofRecord->empty() && !ofRecord->front().passed && !all->empty() &&
           all->front().finishedAtMs <= ofRecord->front().finishedAtMs;
}

} // namespace

Result<BackupDecision> decideBackup(Catalog& catalog, Repository& repository,
                                    const DecisionQuestion& question)
{
    const auto volumeId = Id128::fromHex(question.volumeId);
    if (!volumeId)
        return fail(Error::Code::Invalid, "this is not the id of a volume");
    BackupDecision decision;
    auto found = findBase(catalog, repository, question, *volumeId);
    if (!found)
        return tl::unexpected(found.error());
    if (!*found)
        return decision;

    const VolumeRecord& base = (*found)->record.volumes[(*found)->volume];
    decision.base = BackupWriter::Base{(*found)->record.recordId, *volumeId};
    decision.blockBytes = base.blockSizeBytes;
    const auto damaged =
        isDamaged(catalog, repository.id().hex(), (*found)->record.recordId);
    if (!damaged)
        return tl::unexpected(damaged.error());
    if (*damaged) {
        // Blocks that are seen again are stored again, and so the older backups heal.
        decision.base.reset();
        decision.reason = "A part of the last backup is lost.";
        return decision;
    }
    decision.kind = BackupKind::Compared;
    if (question.readEverything) {
        decision.reason = "It was asked to read everything.";
    } else if (base.details.endsAtEpochId.isNone()) {
        decision.reason = "The last backup does not say where in the volume's history it ends.";
    } else if (question.momentId.isNone()) {
        decision.reason = "Nothing recorded what changed on the volume.";
    } else if (base.sizeBytes != question.sizeBytes) {
        decision.reason = "The size of the volume has changed.";
    } else {
        auto changes = catalog.changesBetween(question.volumeId, base.details.endsAtEpochId.hex(),
                                              question.momentId.hex());
        if (!changes)
            return tl::unexpected(changes.error());
        if (changes->extents) {
            decision.kind = BackupKind::Incremental;
            decision.changed = std::move(*changes->extents);
        } else {
            decision.reason = changes->sentence;
        }
    }
    return decision;
}

} // namespace dormouse
