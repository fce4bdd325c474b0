// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/daemon/service.h"

#include "helper/base/log.h"
#include "helper/engine/store_places.h"
#include "helper/engine/volume_jobs.h"

#include <QCoreApplication>

#include <algorithm>

namespace dormouse {

namespace {

QString tr(const char* text, int count = -1)
{
    return QCoreApplication::translate("volumes", text, nullptr, count);
}

QString text(const std::string& utf8)
{
    return QString::fromStdString(utf8);
}

bus::ModuleState moduleState(const EngineSession& session)
{
    if (session.module)
        return bus::ModuleState::Loaded;
    const auto again = Module::open(); // for its reason
    if (again)
        return bus::ModuleState::Loaded;
    return again.error().code == Error::Code::Unsupported ? bus::ModuleState::Incompatible
                                                          : bus::ModuleState::Missing;
}

QString stateSentence(const bus::VolumeInfo& info, const std::string& reason)
{
    const QString because = reason.empty() ? QString() : QLatin1Char(' ') + text(reason);
    switch (info.state) {
    case bus::VolumeState::Active:
        if (info.snapshotCount == 0)
            return tr("In use. Every change is recorded.");
        return info.snapshotCount == 1
                   ? tr("In use. Every change is recorded, and one snapshot is kept.")
                   : tr("In use. Every change is recorded, and %n snapshots are kept.",
                        static_cast<int>(info.snapshotCount));
    case bus::VolumeState::Dormant:
        return tr("Not mounted. Every change is still recorded.");
    case bus::VolumeState::Unverified:
        return tr("Something may have written to it while it was not watched. The next backup "
                  "compares everything.") +
               because;
    case bus::VolumeState::Failed:
        return tr("Recording changes has stopped. Your files and finished backups are safe; the "
                  "next backup compares everything.") +
               because;
    case bus::VolumeState::Gone:
        return tr("The device went away. What was recorded is on it and is taken up when it "
                  "comes back.");
    case bus::VolumeState::NotAttached:
        return info.device.isEmpty() ? tr("Not connected. Its history is kept.")
                                     : tr("Changes are not being recorded now. The next backup "
                                          "compares everything.");
    case bus::VolumeState::None:
        break;
    }
    return info.isProtectable ? tr("Not protected.") : info.refusal;
}

// What to say if two of the devices hold this file system.
std::optional<QString> twinSentence(const std::vector<ProbedVolume>& present,
                                    const std::string& fsUuid)
{
    const auto holds = [&fsUuid](const ProbedVolume& one) { return one.fsUuid == fsUuid; };
    const auto one = std::find_if(present.begin(), present.end(), holds);
    const auto other =
        one == present.end() ? one : std::find_if(std::next(one), present.end(), holds);
    if (other == present.end())
        return std::nullopt;
    return tr("Two disks hold the same file system, %1 and %2: one is a copy of the other. Backups "
              "wait until one of them is disconnected; the backups there are stay as they are.")
        .arg(text(one->devicePath), text(other->devicePath));
}

// "/dev/sdb1"; empty if it is not there any more.
std::string devicePathOf(std::uint32_t major, std::uint32_t minor)
{
    std::string name = kernelNameOf(major, minor);
    std::replace(name.begin(), name.end(), '!', '/');
    return name.empty() ? name : "/dev/" + name;
}

void fillDevice(bus::VolumeInfo& info, const ProbedVolume& device)
{
    info.candidateId = text(device.fsUuid);
    info.device = text(device.devicePath);
    info.label = text(device.label);
    info.fsType = text(device.fsType);
    info.sizeBytes = device.sizeBytes;
    if (!device.mountPoints.empty())
        info.mountPoint = text(device.mountPoints.front());
    info.isProtectable = device.isProtectable();
    info.refusal = text(device.refusal);
}

// Adds how much of [extent) falls into each bucket, in bytes.
void addToBuckets(std::vector<std::uint64_t>& bytes, std::uint64_t volumeBytes,
                  const ExtentList& extents)
{
    const std::uint64_t count = bytes.size();
    const std::uint64_t width = std::max<std::uint64_t>(1, (volumeBytes + count - 1) / count);
    for (const Extent& extent : extents) {
        std::uint64_t at = extent.offsetBytes;
        const std::uint64_t end = std::min(extent.endBytes(), volumeBytes);
        while (at < end) {
            const std::uint64_t bucket = std::min(at / width, count - 1);
            const std::uint64_t stop =
                bucket == count - 1 ? end : std::min(end, (bucket + 1) * width);
            bytes[bucket] += stop - at;
            at = stop;
        }
    }
}

QByteArray shares(std::uint64_t volumeBytes, quint32 buckets, const ExtentList& extents)
{
    std::vector<std::uint64_t> bytes(buckets, 0);
    addToBuckets(bytes, volumeBytes, extents);
    const std::uint64_t width = std::max<std::uint64_t>(1, (volumeBytes + buckets - 1) / buckets);
    QByteArray result;
    for (const std::uint64_t one : bytes) {
        const double share = 255.0 * static_cast<double>(one) / static_cast<double>(width);
        // Whatever is there at all is shown.
        const int value = one == 0 ? 0 : std::clamp(static_cast<int>(share), 1, 255);
        result.append(static_cast<char>(value));
    }
    return result;
}

qint64 lastBackupTime(Catalog& catalog, const std::string& volumeId)
{
    qint64 newest = 0;
    const auto backups = catalog.backups({}, {}, volumeId);
    for (const BackupRow& backup : backups ? *backups : std::vector<BackupRow>()) {
        if (backup.isComplete)
            newest = std::max<qint64>(newest, backup.createdAtMs / 1000);
    }
    return newest;
}

} // namespace

std::vector<ProbedVolume> Service::devices(bool fresh)
{
    const std::scoped_lock guard(m_devicesLock);
    if (fresh || !m_devices) {
        auto found = probeVolumes();
        if (!found)
            logWarning("the devices cannot be looked at: " + found.error().message);
        m_devices = found ? std::move(*found) : std::vector<ProbedVolume>();
    }
    return *m_devices;
}

std::optional<QString> Service::twinOf(const std::vector<std::string>& volumeIds)
{
    const auto present = devices(true);
    for (const std::string& id : volumeIds) {
        const auto row = volumeRow(id);
        if (!row)
            continue;
        if (auto twin = twinSentence(present, row->fsUuid))
            return twin;
    }
    return std::nullopt;
}

bus::VolumeInfo Service::describe(Catalog& catalog, const VolumeRow& row,
                                  const ProbedVolume* device, const Module* module,
                                  bus::ModuleState moduleState)
{
    bus::VolumeInfo info;
    info.id = text(row.volumeId);
    info.candidateId = text(row.fsUuid);
    info.fsType = text(row.fsType);
    info.label = text(row.label);
    info.sizeBytes = row.sizeBytes;
    if (device != nullptr)
        fillDevice(info, *device);
    info.isProtected = true;
    info.isProtectable = false;
    info.refusal.clear();
    info.state = bus::VolumeState::NotAttached;

    std::string reason;
    const auto id = Id128::fromHex(row.volumeId);
    if (module != nullptr && id) {
        const auto status = module->find(*id);
        if (status && *status) {
            const VolumeStatus& now = **status;
            info.mode = static_cast<bus::VolumeMode>(now.mode);
            info.state = static_cast<bus::VolumeState>(now.state);
            info.sizeBytes = now.volumeBytes;
            info.storeBytes = now.storeBytes;
            info.undoBytes = now.undoBytes;
            info.undoUsedBytes = now.undoUsedBytes;
            info.changedBytes = now.changedBytes;
            info.snapshotCount = now.snapshotCount;
            reason = now.reason;
            if (now.isStoreElsewhere())
                info.storeDevice = text(devicePathOf(now.storeMajor, now.storeMinor));
        }
    } else if (moduleState != bus::ModuleState::Loaded) {
        reason = "The kernel module is not loaded.";
    }
    info.stateSentence = stateSentence(info, reason);
    if (info.state == bus::VolumeState::NotAttached && !reason.empty())
        info.stateSentence += QLatin1Char(' ') + text(reason);

    info.lastBackupTime = lastBackupTime(catalog, row.volumeId);
    if (const auto jobs = catalog.jobs(row.volumeId, 1); jobs && !jobs->empty()) {
        if (jobs->front().outcome == Outcome::Failed)
            info.lastError = text(jobs->front().sentence);
    }
    return info;
}

// Forgotten, or of a repository that was opened: its backups can be restored.
bus::VolumeInfo Service::describePast(Catalog& catalog, const VolumeRow& row,
                                      const ProbedVolume* device)
{
    bus::VolumeInfo info;
    info.fsType = text(row.fsType);
    info.label = text(row.label);
    info.sizeBytes = row.sizeBytes;
    if (device != nullptr) {
        fillDevice(info, *device);
        info.stateSentence = stateSentence(info, {});
    } else {
        info.refusal = tr("Not connected, or made anew since. Its backups are kept.");
        info.stateSentence = info.refusal;
    }
    info.id = text(row.volumeId);
    info.lastBackupTime = lastBackupTime(catalog, row.volumeId);
    return info;
}

BusResult<bus::VolumeInfoList> Service::volumes(bool freshDevices)
{
    auto catalog = this->catalog();
    if (!catalog)
        return busFail(catalog.error());
    const auto rows = catalog->volumes();
    if (!rows)
        return busFail(rows.error());
    const auto session = engine();
    const bus::ModuleState state = moduleState(*session);
    const auto present = devices(freshDevices);

    bus::VolumeInfoList list;
    std::vector<std::string> known;
    for (const VolumeRow& row : *rows) {
        if (!row.isProtected)
            continue;
        known.push_back(row.fsUuid);
        const auto device =
            std::find_if(present.begin(), present.end(),
                         [&row](const ProbedVolume& one) { return one.fsUuid == row.fsUuid; });
        bus::VolumeInfo info = describe(*catalog, row, device == present.end() ? nullptr : &*device,
                                        session->context.module, state);
        if (const auto twin = twinSentence(present, row.fsUuid)) {
            info.state = bus::VolumeState::Unverified;
            info.stateSentence = *twin;
        }
        list.append(std::move(info));
    }
    for (const VolumeRow& row : *rows) {
        if (row.isProtected || lastBackupTime(*catalog, row.volumeId) == 0)
            continue;
        const auto device =
            std::find_if(present.begin(), present.end(), [&](const ProbedVolume& one) {
                return one.fsUuid == row.fsUuid &&
                       std::find(known.begin(), known.end(), one.fsUuid) == known.end();
            });
        list.append(describePast(*catalog, row, device == present.end() ? nullptr : &*device));
        if (device != present.end())
            known.push_back(row.fsUuid);
    }
    for (const ProbedVolume& device : present) {
        if (std::find(known.begin(), known.end(), device.fsUuid) != known.end())
            continue;
        bus::VolumeInfo info;
        fillDevice(info, device);
        info.stateSentence = stateSentence(info, {});
        list.append(info);
    }
    return list;
}

BusResult<QStringList> Service::takeSnapshot(const std::vector<std::string>& volumeIds,
                                             bool isDurable)
{
    const auto session = engine();
    if (!session->module)
        return busFail("ModuleMissing", tr("Snapshots need the kernel module, which is not "
                                           "loaded. Nothing was changed."));
    for (const std::string& id : volumeIds) {
        const auto row = volumeRow(id);
        if (!row)
            return tl::unexpected(row.error());
        if (!row->isProtected)
            return busFail("NotFound", tr("This volume is not protected (any more)."));
    }
    SnapshotJob job(session->context, volumeIds, isDurable);
    const auto taken = job.run({});
    if (!taken)
        return busFail(taken.error());

    auto catalog = this->catalog();
    if (!catalog)
        return busFail(catalog.error());
    QStringList ids;
    for (const LocalSnapshot& snapshot : *taken) {
        ids.append(QLatin1String(kLocalPointPrefix) + text(snapshot.epochId));
        // Only the living ones stay in the list.
        std::vector<std::string> kept{snapshot.epochId};
        const auto before = keptSnapshots(*catalog, snapshot.volumeId);
        const auto live = listLocalSnapshots(*session->module, snapshot.volumeId);
        for (const LocalSnapshot& other : live ? *live : std::vector<LocalSnapshot>()) {
            if (other.epochId != snapshot.epochId &&
                std::find(before.begin(), before.end(), other.epochId) != before.end())
                kept.push_back(other.epochId);
        }
        if (const auto written = keepSnapshots(*catalog, snapshot.volumeId, kept); !written)
            return busFail(written.error());
    }
    return ids;
}

BusResult<void> Service::dropSnapshot(const std::string& volumeId, std::uint64_t epoch)
{
    const auto session = engine();
    const auto id = Id128::fromHex(volumeId);
    if (!session->module || !id)
        return busFail("ModuleMissing", tr("The kernel module is not loaded."));
    const auto status = session->module->find(*id);
    if (!status)
        return busFail(status.error());
    if (!*status)
        return busFail("NotFound", tr("The volume is not attached now."));
    const auto dropped = session->module->drop((*status)->handle, epoch);
    if (!dropped)
        return busFail(dropped.error());
    return {};
}

BusResult<void> Service::forgetVolume(const std::string& volumeId)
{
    const auto row = volumeRow(volumeId);
    if (!row)
        return tl::unexpected(row.error());
    const auto session = engine();
    ForgetJob job(session->context, volumeId);
    const auto done = job.run({});
    if (const auto written = writeAttachConfig(); !written)
        return busFail(written.error());
    if (!done)
        return busFail(done.error());
    return {};
}

BusResult<void> Service::changeMap(const std::string& volumeId, quint32 buckets,
                                   QByteArray& changed, QByteArray& store)
{
    auto catalog = this->catalog();
    if (!catalog)
        return busFail(catalog.error());
    const auto row = volumeRow(volumeId);
    if (!row)
        return tl::unexpected(row.error());
    if (const auto session = engine(); session->module)
        (void)collectChangeSets(*session->module, *catalog, volumeId);

    // Since the newest backup of any plan; without one, everything that is known.
    std::string from;
    std::int64_t newestMs = -1;
    if (const auto backups = catalog->backups({}, {}, volumeId)) {
        for (const BackupRow& backup : *backups) {
            if (backup.isComplete && !backup.epochId.empty() && backup.createdAtMs > newestMs) {
                from = backup.epochId;
                newestMs = backup.createdAtMs;
            }
        }
    }
    ExtentList extents;
    const auto newest = catalog->epochs(volumeId, 1);
    bool isKnown = false;
    if (!from.empty() && newest && !newest->empty()) {
        const auto between = catalog->changesBetween(volumeId, from, newest->front().epochId);
        if (between && between->extents) {
            extents = *between->extents;
            isKnown = true;
        }
    }
    if (!isKnown) {
        const auto sets = catalog->changeSets(volumeId);
        for (const ChangeSetRow& set : sets ? *sets : std::vector<ChangeSetRow>())
            extents.insert(extents.end(), set.extents.begin(), set.extents.end());
        extents = mergeExtents(std::move(extents));
    }
    changed = shares(row->sizeBytes, buckets, extents);
    const auto stores = storesOn(*catalog, *row);
    store = shares(row->sizeBytes, buckets, stores ? *stores : ExtentList{});
    return {};
}

Facts Service::gatherFacts(bool freshDevices)
{
    Facts facts;
    facts.moduleState = moduleState(*engine());
    if (auto list = volumes(freshDevices))
        facts.volumes = std::move(*list);
    if (auto list = repositories())
        facts.repositories = std::move(*list);
    if (auto list = plans())
        facts.plans = std::move(*list);
    for (const auto& repository : std::as_const(facts.repositories))
        facts.newestBackupTime = std::max(facts.newestBackupTime, repository.lastBackupTime);
    for (const auto& plan : std::as_const(facts.plans)) {
        if (plan.nextRunTime != 0 &&
            (facts.nextRunTime == 0 || plan.nextRunTime < facts.nextRunTime))
            facts.nextRunTime = plan.nextRunTime;
    }
    facts.health = judgeHealth(facts, systemClock().nowMs() / 1000);
    return facts;
}

} // namespace dormouse
