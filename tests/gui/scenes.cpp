// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/gui/scenes.h"

#include <QDateTime>
#include <QDir>
#include <QFile>

namespace dormouse::test {
namespace {

constexpr quint64 gigabyte = 1000ull * 1000 * 1000;
constexpr quint64 megabyte = 1000ull * 1000;
const QString homeId = QStringLiteral("11111111aaaaaaaa11111111aaaaaaaa");
const QString photosId = QStringLiteral("22222222bbbbbbbb22222222bbbbbbbb");
const QString repositoryId = QStringLiteral("0123456789abcdef0123456789abcdef");
const QString planId = QStringLiteral("planone");

qint64 now()
{
    return QDateTime::currentSecsSinceEpoch();
}

bus::VolumeInfo homeVolume()
{
    bus::VolumeInfo volume;
    volume.candidateId = QStringLiteral("5f1c0a3e-2b77-4c1f-9d0a-0b6ad6a3a111");
    volume.device = QStringLiteral("/dev/nvme0n1p3");
    volume.label = QStringLiteral("Home");
    volume.fsType = QStringLiteral("ext4");
    volume.mountPoint = QStringLiteral("/home");
    volume.sizeBytes = 480 * gigabyte;
    volume.isProtectable = true;
    return volume;
}

bus::VolumeInfo photosVolume()
{
    bus::VolumeInfo volume;
    volume.candidateId = QStringLiteral("9b2e6f10-aaaa-4c1f-9d0a-0b6ad6a3a222");
    volume.device = QStringLiteral("/dev/sdb1");
    volume.label = QStringLiteral("Photos");
    volume.fsType = QStringLiteral("xfs");
    volume.mountPoint = QStringLiteral("/srv/photos");
    volume.sizeBytes = 2000 * gigabyte;
    volume.isProtectable = true;
    return volume;
}

void protect(bus::VolumeInfo& volume, const QString& id)
{
    volume.id = id;
    volume.isProtected = true;
    volume.mode = bus::VolumeMode::Snapshot;
    volume.state = bus::VolumeState::Active;
    volume.stateSentence = QStringLiteral("In use. Every change is recorded.");
    volume.storeBytes = volume.sizeBytes / 20;
    volume.undoBytes = volume.sizeBytes / 22;
    volume.undoUsedBytes = volume.undoBytes * 31 / 100;
    volume.changedBytes = 182 * megabyte;
    volume.snapshotCount = 5;
    volume.lastBackupTime = now() - 3 * 3600;
}

QByteArray someChanges(int seed)
{
    QByteArray map(512, '\0');
    quint32 value = quint32(seed);
    for (int i = 0; i < 46; ++i) {
        value = value * 1664525u + 1013904223u;
        const int start = int(value >> 8) % 500;
        for (int j = 0; j < int(value >> 28) % 9 + 1; ++j)
            map[start + j] = char(40 + (value >> 16) % 200);
    }
    return map;
}

void addHistory(World& world, const QStringList& volumeIds)
{
    for (int day = 0; day < 26; ++day) {
        bus::ActivityEntry entry;
        entry.id = QStringLiteral("run%1").arg(100 - day);
        entry.kind = bus::JobKind::Backup;
        entry.planId = planId;
        entry.volumeIds = volumeIds;
        entry.finishedTime = now() - 3 * 3600 - day * 86400;
        entry.startedTime = entry.finishedTime - 94;
        entry.outcome = bus::Outcome::Done;
        entry.changedBytes = (140 + quint64(day) * 13 % 90) * megabyte;
        entry.readBytes = entry.changedBytes + 3 * megabyte;
        entry.storedBytes = entry.changedBytes * 2 / 5;
        entry.sentence = QStringLiteral("Backed up Home and Photos; only what changed was read.");
        if (day == 9) {
            entry.outcome = bus::Outcome::Failed;
            entry.sentence =
                QStringLiteral("The disk with the repository was full. The backups that exist are "
                               "safe; free some room or keep fewer backups.");
            entry.storedBytes = 0;
        }
        if (day == 14 || day == 15)
            continue; // overdue days
        if (day == 25) {
            entry.changedBytes = entry.readBytes = 412 * gigabyte;
            entry.storedBytes = 203 * gigabyte;
            entry.startedTime = entry.finishedTime - 5200;
            entry.sentence = QStringLiteral("First backup: everything was read.");
        }
        world.activity << entry;
    }
    bus::ActivityEntry restore;
    restore.id = QStringLiteral("run101");
    restore.kind = bus::JobKind::Restore;
    restore.outcome = bus::Outcome::DoneWithExceptions;
    restore.volumeIds = {homeId};
    restore.finishedTime = now() - 1200;
    restore.startedTime = restore.finishedTime - 7;
    restore.readBytes = 14 * megabyte;
    restore.sentence = QStringLiteral("Restored 214 files; the owner of 2 could not be set.");
    world.activity.prepend(restore);
}

void addPoints(World& world, const QString& volumeId)
{
    for (int i = 0; i < 12; ++i) {
        bus::RestorePoint point;
        point.volumeId = volumeId;
        point.time = now() - 600 - i * 3600 * 5;
        if (i % 3 == 1) {
            point.id = QStringLiteral("backup%1").arg(i);
            point.source = bus::RestorePointSource::Backup;
            point.repositoryId = repositoryId;
            point.planId = planId;
            point.kind = i == 10  ? bus::RestorePointKind::Full
                         : i == 7 ? bus::RestorePointKind::Compared
                                  : bus::RestorePointKind::Incremental;
            point.reason = i == 7 ? QStringLiteral("The volume was written while Dormouse was "
                                                   "away, so everything was compared.")
                                  : QString();
            point.changedBytes = i == 10 ? 412 * gigabyte : (120 + quint64(i) * 11) * megabyte;
            point.storedBytes = point.changedBytes / 3;
            point.verification = i > 3 ? bus::Verification::Good : bus::Verification::Never;
        } else {
            point.id = QStringLiteral("snapshot%1").arg(i);
            point.source = bus::RestorePointSource::LocalSnapshot;
            point.kind = bus::RestorePointKind::Snapshot;
            point.epoch = quint64(100 - i);
        }
        world.points << point;
    }
}

} // namespace

void makeFiles(const QString& folder)
{
    const QDir root(folder);
    for (const char* name : {"Documents", "Pictures", "Projects", "Music", ".config"})
        root.mkpath(QLatin1String(name));
    const auto write = [&](const QString& name, int bytes) {
        QFile file(root.filePath(name));
        if (file.open(QIODevice::WriteOnly))
            file.write(QByteArray(bytes, 'x'));
    };
    write(QStringLiteral("Thesis, final version.odt"), 482133);
    write(QStringLiteral("notes 10.txt"), 812);
    write(QStringLiteral("notes 9.txt"), 2210);
    write(QStringLiteral("Steuererklärung 2025.pdf"), 1204332);
    write(QStringLiteral("备份说明.md"), 4211);
    write(QStringLiteral("A very long file name that somebody once pasted from the subject line of "
                         "a letter and never shortened again (copy 2).pdf"),
          90210);
    write(QStringLiteral("Documents/Letter to the landlord.odt"), 33021);
    QFile::link(QStringLiteral("Pictures"), root.filePath(QStringLiteral("Photos")));
}

World emptyWorld()
{
    World world;
    world.health = {bus::Health::Unprotected,
                    QStringLiteral("Nothing is protected yet."),
                    bus::Remedy::ProtectVolume,
                    {}};
    return world;
}

World unprotectedWorld()
{
    World world = emptyWorld();
    bus::VolumeInfo odd;
    odd.candidateId = QStringLiteral("AAAA-BBBB");
    odd.device = QStringLiteral("/dev/sdc1");
    odd.label = QStringLiteral("USB-STICK");
    odd.fsType = QStringLiteral("vfat");
    odd.sizeBytes = 32 * gigabyte;
    odd.refusal = QStringLiteral("Dormouse protects ext4 and XFS; this is vfat.");
    world.volumes = {homeVolume(), photosVolume(), odd};
    return world;
}

World protectedWorld(const QString& folder)
{
    World world;
    world.browseFolder = folder;
    bus::VolumeInfo home = homeVolume();
    bus::VolumeInfo photos = photosVolume();
    protect(home, homeId);
    protect(photos, photosId);
    photos.mode = bus::VolumeMode::Tracking;
    photos.snapshotCount = 0;
    photos.undoUsedBytes = 0;
    photos.changedBytes = 0;
    world.volumes = {home, photos};
    bus::VolumeInfo other = homeVolume();
    other.label.clear();
    other.mountPoint = QStringLiteral("/");
    other.device = QStringLiteral("/dev/nvme0n1p2");
    other.candidateId = QStringLiteral("77777777-2b77-4c1f-9d0a-0b6ad6a3a777");
    other.sizeBytes = 60 * gigabyte;
    world.volumes << other;
    world.health = {bus::Health::Good,
                    QStringLiteral("Everything is protected. The newest backup is 3 hours old."),
                    bus::Remedy::None,
                    {}};
    world.newestBackupTime = home.lastBackupTime;
    world.nextRunTime = now() + 3 * 3600 + 120;

    bus::RepositoryInfo repository;
    repository.id = repositoryId;
    repository.name = QStringLiteral("Blue disk");
    repository.location = QStringLiteral("/media/ada/blue/dormouse");
    repository.isReachable = true;
    repository.usedBytes = 231 * gigabyte;
    repository.freeBytes = 1650 * gigabyte;
    repository.backupCount = 24;
    repository.lastBackupTime = home.lastBackupTime;
    repository.lastVerifiedTime = now() - 2 * 86400;
    repository.keyPlace = bus::KeyPlace::Credential;
    world.repositories = {repository};

    bus::PlanInfo plan;
    plan.id = planId;
    plan.name = QStringLiteral("Home and photos, every six hours");
    plan.volumeIds = {homeId, photosId};
    plan.repositoryId = repositoryId;
    plan.rhythm = {bus::RhythmKind::Every, 360, 0, 0};
    plan.keepLast = 60;
    plan.lastRunTime = home.lastBackupTime;
    plan.lastOutcome = bus::Outcome::Done;
    plan.lastSentence = QStringLiteral("Backed up Home and Photos; only what changed was read.");
    plan.nextRunTime = world.nextRunTime;
    for (int i = 0; i < 5; ++i)
        plan.upcomingTimes << plan.nextRunTime + i * 6 * 3600;
    world.plans = {plan};
    world.changedMaps = {{homeId, someChanges(7)}, {photosId, QByteArray(512, '\0')}};
    addHistory(world, {homeId, photosId});
    addPoints(world, homeId);
    world.counts = {214, 12, 3, 14 * megabyte, 200, 0, 17, 0, 91 * gigabyte, {}};
    return world;
}

World dormantWorld(const QString& folder)
{
    World world = protectedWorld(folder);
    bus::VolumeInfo& photos = world.volumes[1];
    photos.state = bus::VolumeState::Dormant;
    photos.mountPoint.clear();
    photos.stateSentence = QStringLiteral("Not mounted. Every change is still recorded.");
    photos.changedBytes = 104 * megabyte;
    photos.storeDevice = QStringLiteral("/dev/nvme0n1p4");
    return world;
}

World unverifiedWorld(const QString& folder)
{
    World world = protectedWorld(folder);
    bus::VolumeInfo& home = world.volumes[0];
    home.state = bus::VolumeState::Unverified;
    home.stateSentence = QStringLiteral("Somebody may have written to it while Dormouse was away. "
                                        "Nothing is lost: the next backup compares everything.");
    world.health = {
        bus::Health::Unverified,
        QStringLiteral("Home has to be compared once before its backups are quick again."),
        bus::Remedy::RunPlan, planId};
    return world;
}

World failedWorld(const QString& folder)
{
    World world = protectedWorld(folder);
    bus::VolumeInfo& home = world.volumes[0];
    home.state = bus::VolumeState::Failed;
    home.stateSentence = QStringLiteral(
        "Recording stopped: the store could not be written (I/O error on /dev/nvme0n1p3). Your "
        "files are not affected; the next backup reads everything.");
    home.lastError =
        QStringLiteral("The last snapshot could not be taken: the volume is not recorded.");
    home.undoUsedBytes = home.undoBytes * 97 / 100;
    world.health = {bus::Health::Failed,
                    QStringLiteral("Home is not recorded any more, and its last backup failed."),
                    bus::Remedy::ShowVolume, homeId};
    world.plans[0].lastOutcome = bus::Outcome::Failed;
    world.plans[0].lastSentence = QStringLiteral("The disk with the repository is not connected. "
                                                 "Connect it; the backup then starts by itself.");
    world.plans[0].pausedUntil = now() + 3000;
    world.repositories[0].isReachable = false;
    world.repositories[0].sentence = QStringLiteral(
        "Last seen on the disk \"blue\". Connect it to restore from it or to back up.");
    return world;
}

World longNamesWorld(const QString& folder)
{
    World world = protectedWorld(folder);
    const QString endless = QStringLiteral("A volume whose label nobody could make any shorter "
                                           "although many tried & failed over the years");
    world.volumes[0].label = endless;
    world.volumes[0].mountPoint = QStringLiteral("/srv/") + endless;
    world.volumes[1].label = QStringLiteral("照片和视频的存档");
    world.repositories[0].name = endless;
    world.repositories[0].location =
        QStringLiteral("/media/") + endless + QLatin1Char('/') + endless;
    world.plans[0].name = endless;
    world.plans[0].lastOutcome = bus::Outcome::Skipped;
    world.plans[0].lastSentence = endless + QStringLiteral(". ") + endless;
    world.health.sentence =
        endless +
        QStringLiteral(
            " is protected, and so is everything else; the newest backup is 3 hours old.");
    return world;
}

World withoutModule(World world)
{
    world.module = bus::ModuleState::Missing;
    for (bus::VolumeInfo& volume : world.volumes) {
        if (!volume.isProtected)
            continue;
        volume.mode = bus::VolumeMode::None;
        volume.state = bus::VolumeState::NotAttached;
        volume.stateSentence = QStringLiteral("Not recorded now: the kernel module is not loaded.");
    }
    world.health = {bus::Health::Failed,
                    QStringLiteral("No change is recorded: the kernel module is not loaded."),
                    bus::Remedy::LoadModule,
                    {}};
    return world;
}

} // namespace dormouse::test
