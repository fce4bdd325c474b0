// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/daemon/facts.h"

#include <QCoreApplication>

#include <algorithm>

namespace dormouse {

namespace {

constexpr qint64 kHour = 3600;
constexpr qint64 kDay = 24 * kHour;
// A run may wait this long for its turn before it counts as overdue.
constexpr qint64 kOverdueSlack = 2 * kHour;
// Without a verification for this long, "good" would be a guess.
constexpr qint64 kVerifyEvery = 30 * kDay;
constexpr double kStoreNearlyFull = 0.9;

QString tr(const char* text, int count = -1)
{
    return QCoreApplication::translate("health", text, nullptr, count);
}

QString nameOf(const bus::VolumeInfo& volume)
{
    for (const QString& name : {volume.mountPoint, volume.label, volume.device}) {
        if (!name.isEmpty())
            return name;
    }
    return volume.id.left(8);
}

class Judge
{
public:
    // Of several equally bad findings the first one is said.
    void find(bus::Health health, const QString& sentence, bus::Remedy remedy = bus::Remedy::None,
              const QString& subject = {})
    {
        if (m_worst.health == bus::Health::Unknown || health > m_worst.health)
            m_worst = {health, sentence, remedy, subject};
    }
    [[nodiscard]] const bus::HealthInfo& worst() const { return m_worst; }

private:
    bus::HealthInfo m_worst;
};

void judgeVolume(Judge& judge, const bus::VolumeInfo& volume)
{
    const QString name = nameOf(volume);
    switch (volume.state) {
    case bus::VolumeState::Failed:
        judge.find(bus::Health::Failed,
                   tr("Recording changes of %1 has stopped. Your files and finished backups are "
                      "safe; the next backup compares everything.")
                       .arg(name),
                   bus::Remedy::ShowVolume, volume.id);
        break;
    case bus::VolumeState::Unverified:
        judge.find(bus::Health::Unverified,
                   tr("Something may have written to %1 while it was not watched. The next backup "
                      "compares everything.")
                       .arg(name),
                   bus::Remedy::ShowVolume, volume.id);
        break;
    case bus::VolumeState::NotAttached:
        if (!volume.device.isEmpty())
            judge.find(bus::Health::Attention,
                       tr("Changes of %1 are not being recorded. The next backup compares "
                          "everything.")
                           .arg(name),
                       bus::Remedy::ShowVolume, volume.id);
        break;
    default:
        break;
    }
    if (volume.snapshotCount > 0 && volume.undoBytes > 0 &&
        static_cast<double>(volume.undoUsedBytes) >
            kStoreNearlyFull * static_cast<double>(volume.undoBytes))
        judge.find(
            bus::Health::Attention,
            tr("The snapshots of %1 nearly fill its store. It grows while the volume has free "
               "space; otherwise the oldest snapshot will be dropped.")
                .arg(name),
            bus::Remedy::ShowVolume, volume.id);
}

void judgePlan(Judge& judge, const bus::PlanInfo& plan, const Facts& facts, qint64 now)
{
    if (plan.lastOutcome == bus::Outcome::Failed)
        judge.find(bus::Health::Failed,
                   tr("The last backup of “%1” failed. Earlier backups are safe.").arg(plan.name),
                   bus::Remedy::RunPlan, plan.id);
    const auto repository =
        std::find_if(facts.repositories.begin(), facts.repositories.end(),
                     [&plan](const auto& one) { return one.id == plan.repositoryId; });
    if (repository != facts.repositories.end() && !repository->isReachable)
        judge.find(
            bus::Health::Attention,
            tr("“%1” cannot be reached, so “%2” waits for it.").arg(repository->name, plan.name),
            bus::Remedy::ConnectRepository, repository->id);
    const bool isPaused = plan.pausedUntil > now;
    if (plan.isEnabled && !isPaused && plan.lastRunTime == 0)
        judge.find(bus::Health::Unprotected, tr("“%1” has never run.").arg(plan.name),
                   bus::Remedy::RunPlan, plan.id);
    else if (plan.isEnabled && !isPaused && plan.nextRunTime != 0 &&
             plan.nextRunTime + kOverdueSlack < now)
        judge.find(bus::Health::Attention, tr("“%1” is overdue.").arg(plan.name),
                   bus::Remedy::RunPlan, plan.id);
}

} // namespace

bus::HealthInfo judgeHealth(const Facts& facts, qint64 nowSeconds)
{
    Judge judge;
    QList<const bus::VolumeInfo*> protectedVolumes;
    for (const auto& volume : facts.volumes) {
        if (volume.isProtected)
            protectedVolumes.append(&volume);
    }

    if (protectedVolumes.isEmpty() && facts.moduleState != bus::ModuleState::Loaded)
        judge.find(bus::Health::Unprotected,
                   tr("Nothing is protected, and the kernel module is not loaded."),
                   bus::Remedy::LoadModule);
    if (protectedVolumes.isEmpty())
        judge.find(bus::Health::Unprotected, tr("No volume is protected yet."),
                   bus::Remedy::ProtectVolume);
    else if (facts.moduleState != bus::ModuleState::Loaded)
        judge.find(bus::Health::Attention,
                   tr("The kernel module is not loaded, so changes are not being recorded. Your "
                      "backups are safe; the next one compares everything."),
                   bus::Remedy::LoadModule);
    else
        for (const auto* volume : protectedVolumes)
            judgeVolume(judge, *volume);

    if (!protectedVolumes.isEmpty() && facts.repositories.isEmpty())
        judge.find(bus::Health::Unprotected, tr("There is no place for backups yet."),
                   bus::Remedy::CreateRepository);
    for (const auto& plan : facts.plans)
        judgePlan(judge, plan, facts, nowSeconds);
    for (const auto* volume : protectedVolumes) {
        const bool isPlanned =
            std::any_of(facts.plans.begin(), facts.plans.end(),
                        [volume](const auto& plan) { return plan.volumeIds.contains(volume->id); });
        if (!isPlanned)
            judge.find(bus::Health::Unprotected, tr("%1 is in no plan.").arg(nameOf(*volume)),
                       bus::Remedy::CreatePlan, volume->id);
        else if (volume->lastBackupTime == 0)
            judge.find(bus::Health::Unprotected, tr("%1 has no backup yet.").arg(nameOf(*volume)),
                       bus::Remedy::ShowVolume, volume->id);
    }
    for (const auto& repository : facts.repositories) {
        if (repository.backupCount > 0 && repository.lastBackupTime != 0 &&
            repository.lastVerifiedTime != 0 &&
            repository.lastVerifiedTime + kVerifyEvery < nowSeconds)
            judge.find(bus::Health::Attention,
                       tr("The backups in “%1” were last verified more than a month ago.")
                           .arg(repository.name),
                       bus::Remedy::VerifyRepository, repository.id);
    }
    if (judge.worst().health != bus::Health::Unknown)
        return judge.worst();

    const bool isVerified = std::any_of(facts.repositories.begin(), facts.repositories.end(),
                                        [](const auto& one) { return one.lastVerifiedTime != 0; });
    if (!isVerified)
        return {bus::Health::Good, tr("Everything is backed up; no backup was verified yet."),
                bus::Remedy::VerifyRepository,
                facts.repositories.isEmpty() ? QString() : facts.repositories.first().id};
    return {bus::Health::Good, tr("Everything is backed up and verified."), bus::Remedy::None, {}};
}

} // namespace dormouse
