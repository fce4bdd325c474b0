// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/daemon/manager_object.h"

#include "helper/daemon/daemon.h"
#include "helper/daemon/plan_check.h"
#include "helper/daemon/validation.h"
#include "manager_adaptor.h"

namespace dormouse {

namespace {

// The one value of a method, or its error.
template <typename T> BusResult<CallAnswer> answerWith(BusResult<T> result)
{
    if (!result)
        return tl::unexpected(result.error());
    return CallAnswer(QVariantList{QVariant::fromValue(std::move(*result))});
}

BusResult<Page> checkedPage(uint offset, uint limit)
{
    if (limit > bus::kMaxPage)
        return busFail("InvalidArgument",
                       QObject::tr("A page has at most %1 entries.").arg(bus::kMaxPage));
    return Page{offset, limit};
}

BusResult<bus::ConflictPolicy> checkedConflict(uint conflict)
{
    if (conflict > static_cast<uint>(bus::ConflictPolicy::Skip))
        return busFail("InvalidArgument", QObject::tr("There is no such way to restore."));
    return static_cast<bus::ConflictPolicy>(conflict);
}

BusResult<JobFactory::Restore> checkedRestore(Daemon& daemon, const Caller& caller,
                                              const QString& session, const QByteArrayList& paths,
                                              const QDBusUnixFileDescriptor& targetDirectory,
                                              uint conflict)
{
    auto checked = checkedPaths(paths);
    auto target = checkedDirectory(targetDirectory);
    if (!checked || !target)
        return tl::unexpected(!checked ? checked.error() : target.error());
    const auto policy = checkedConflict(conflict);
    auto held = daemon.sessions().find(caller, session);
    if (!policy || !held)
        return tl::unexpected(!policy ? policy.error() : held.error());
    return JobFactory::Restore{std::move(*held), std::move(*target), std::move(*checked), *policy};
}

} // namespace

ManagerObject::ManagerObject(Daemon& daemon, BusTree& tree)
    : BusObject(tree, QString::fromLatin1(bus::kRootPath), bus::kManagerInterface), m_daemon(daemon)
{
    new ManagerAdaptor(this);
    new ObjectManagerAdaptor(tree, this);
    expose();
}

QString ManagerObject::version() const
{
    return QStringLiteral(DORMOUSE_VERSION);
}

void ManagerObject::update(const Facts& facts)
{
    m_moduleState = facts.moduleState;
    m_health = facts.health.health;
    m_newestBackupTime = facts.newestBackupTime;
    m_nextRunTime = facts.nextRunTime;
    publish();
}

void ManagerObject::announce(const char* signal, const QVariantList& arguments)
{
    tree().emitSignal(path(), interface(), QString::fromLatin1(signal), arguments);
}

bus::HealthInfo ManagerObject::GetHealth()
{
    m_daemon.gate().serve(context(), [&service = m_daemon.service()](const Caller&) {
        return CallAnswer(QVariantList{QVariant::fromValue(service.gatherFacts(false).health)});
    });
    return {};
}

bus::VolumeInfoList ManagerObject::ListVolumes()
{
    m_daemon.gate().serve(context(), [&service = m_daemon.service()](const Caller&) {
        return answerWith(service.volumes(true));
    });
    return {};
}

QDBusObjectPath ManagerObject::ProtectVolume(const QString& candidateId, qulonglong storeBytes,
                                             const QString& storeOn)
{
    m_daemon.gate().serve(
        context(),
        [&daemon = m_daemon, candidateId, storeBytes,
         storeOn](const Caller&) -> BusResult<CallAnswer> {
            const auto id = checkedId(candidateId);
            if (!id)
                return tl::unexpected(id.error());
            const auto place = checkedStorePlace(storeOn);
            if (!place)
                return tl::unexpected(place.error());
            const auto volumes = daemon.service().volumes(true);
            if (!volumes)
                return tl::unexpected(volumes.error());
            const auto volume =
                std::find_if(volumes->begin(), volumes->end(), [&candidateId](const auto& one) {
                    return one.candidateId == candidateId;
                });
            if (volume == volumes->end())
                return busFail("NotFound", tr("There is no such volume (any more)."));
            if (volume->isProtected)
                return busFail("Refused", tr("This volume is protected already."));
            if (!volume->isProtectable)
                return busFail("Refused", volume->refusal);
            if (place->empty() && storeBytes > volume->sizeBytes / 2)
                return busFail("InvalidArgument",
                               tr("The store may take at most half of the volume."));
            if (const auto module = Module::open(); !module)
                return busFail("ModuleMissing", tr("Protecting a volume needs the kernel module, "
                                                   "which is not loaded. Nothing was changed."));
            return CallAnswer([&daemon, fsUuid = *id, storeBytes, storeOn = *place] {
                return daemon.startJob(daemon.factory().protect(fsUuid, storeBytes, storeOn));
            });
        });
    return {};
}

bus::RepositoryInfoList ManagerObject::ListRepositories()
{
    m_daemon.gate().serve(context(), [&service = m_daemon.service()](const Caller&) {
        return answerWith(service.repositories());
    });
    return {};
}

QString ManagerObject::CreateRepository(const QString& name,
                                        const QDBusUnixFileDescriptor& directory,
                                        const QDBusUnixFileDescriptor& passphrase, bool encrypted,
                                        const QDBusUnixFileDescriptor& recoveryKey)
{
    m_daemon.gate().serve(
        context(), [=, &daemon = m_daemon](const Caller&) -> BusResult<CallAnswer> {
            Service::NewRepository request;
            auto checked = checkedName(name);
            auto folder = checkedDirectory(directory);
            if (!checked || !folder)
                return tl::unexpected(!checked ? checked.error() : folder.error());
            request.name = std::move(*checked);
            request.directory = std::move(*folder);
            request.isEncrypted = encrypted;
            if (encrypted) {
                auto source = checkedSecretSource(passphrase);
                auto sink = checkedSecretSink(recoveryKey);
                if (!source || !sink)
                    return tl::unexpected(!source ? source.error() : sink.error());
                request.passphrase = std::move(*source);
                request.recoveryKey = std::move(*sink);
            }
            auto id = daemon.service().createRepository(std::move(request));
            if (!id)
                return tl::unexpected(id.error());
            auto all = daemon.service().repositories();
            return CallAnswer([&daemon, id = *id, all = std::move(all)]() -> CallReply {
                daemon.showNew(all.value_or(bus::RepositoryInfoList()));
                return QVariantList{id};
            });
        });
    return {};
}

QString ManagerObject::OpenRepository(const QDBusUnixFileDescriptor& directory,
                                      const QDBusUnixFileDescriptor& passphrase)
{
    m_daemon.gate().serve(
        context(), [=, &daemon = m_daemon](const Caller&) -> BusResult<CallAnswer> {
            auto folder = checkedDirectory(directory);
            auto source = checkedSecretSource(passphrase);
            if (!folder || !source)
                return tl::unexpected(!folder ? folder.error() : source.error());
            auto id = daemon.service().openRepository(std::move(*folder), std::move(*source));
            if (!id)
                return tl::unexpected(id.error());
            auto all = daemon.service().repositories();
            return CallAnswer([&daemon, id = *id, all = std::move(all)]() -> CallReply {
                daemon.showNew(all.value_or(bus::RepositoryInfoList()));
                daemon.restorePointsChanged({});
                return QVariantList{id};
            });
        });
    return {};
}

bus::PlanInfoList ManagerObject::ListPlans()
{
    m_daemon.gate().serve(context(), [&service = m_daemon.service()](const Caller&) {
        return answerWith(service.plans());
    });
    return {};
}

QString ManagerObject::CreatePlan(const QString& name, const QStringList& volumeIds,
                                  const QString& repositoryId, bus::Rhythm rhythm, uint keepLast)
{
    m_daemon.gate().serve(
        context(), [=, &daemon = m_daemon](const Caller&) -> BusResult<CallAnswer> {
            const auto settings = checkedPlan(name, volumeIds, repositoryId, rhythm, keepLast);
            if (!settings)
                return tl::unexpected(settings.error());
            const auto id = daemon.service().createPlan(*settings);
            if (!id)
                return tl::unexpected(id.error());
            auto all = daemon.service().plans();
            return CallAnswer([&daemon, id = *id, all = std::move(all)]() -> CallReply {
                daemon.showNew(all.value_or(bus::PlanInfoList()));
                return QVariantList{id};
            });
        });
    return {};
}

QStringList ManagerObject::TakeSnapshot(const QStringList& volumeIds, bool durable)
{
    m_daemon.gate().serve(
        context(), [=, &daemon = m_daemon](const Caller&) -> BusResult<CallAnswer> {
            const auto ids = checkedVolumeIds(volumeIds);
            if (!ids)
                return tl::unexpected(ids.error());
            const auto points = daemon.service().takeSnapshot(*ids, durable);
            if (!points)
                return tl::unexpected(points.error());
            return CallAnswer([&daemon, volumeIds, points = *points]() -> CallReply {
                for (const QString& id : volumeIds)
                    daemon.restorePointsChanged(id);
                return QVariantList{points};
            });
        });
    return {};
}

bus::RestorePointList ManagerObject::ListRestorePoints(const QString& volumeId, uint offset,
                                                       uint limit, uint&)
{
    m_daemon.gate().serve(
        context(), [=, &service = m_daemon.service()](const Caller&) -> BusResult<CallAnswer> {
            const auto page = checkedPage(offset, limit);
            const auto id = volumeId.isEmpty() ? std::string() : checkedId(volumeId);
            if (!page || !id)
                return tl::unexpected(!page ? page.error() : id.error());
            quint32 total = 0;
            const auto points = service.restorePoints(*id, *page, total);
            if (!points)
                return tl::unexpected(points.error());
            return CallAnswer(QVariantList{QVariant::fromValue(*points), total});
        });
    return {};
}

QString ManagerObject::Browse(const QString& restorePointId, const QString& volumeId, QString&)
{
    m_daemon.gate().serve(
        context(), [=, &daemon = m_daemon](const Caller& caller) -> BusResult<CallAnswer> {
            const auto point = checkedId(restorePointId);
            const auto volume = checkedId(volumeId);
            if (!point || !volume)
                return tl::unexpected(!point ? point.error() : volume.error());
            const auto session = daemon.sessions().begin(caller, *point, *volume);
            if (!session)
                return tl::unexpected(session.error());
            return CallAnswer(QVariantList{BrowseSessions::nameOf(*session),
                                           QString::fromStdString((*session)->path())});
        });
    return {};
}

void ManagerObject::EndBrowse(const QString& session)
{
    m_daemon.gate().serve(context(),
                          [=, &daemon = m_daemon](const Caller& caller) -> BusResult<CallAnswer> {
                              const auto ended = daemon.sessions().end(caller, session);
                              if (!ended)
                                  return tl::unexpected(ended.error());
                              return CallAnswer();
                          });
}

bus::RestoreCounts ManagerObject::PlanRestore(const QString& session, const QByteArrayList& paths,
                                              const QDBusUnixFileDescriptor& targetDirectory,
                                              uint conflict)
{
    m_daemon.gate().serve(
        context(), [=, &daemon = m_daemon](const Caller& caller) -> BusResult<CallAnswer> {
            auto request =
                checkedRestore(daemon, caller, session, paths, targetDirectory, conflict);
            if (!request)
                return tl::unexpected(request.error());
            return answerWith(daemon.factory().planRestore(std::move(*request)));
        });
    return {};
}

QDBusObjectPath ManagerObject::RestoreFiles(const QString& session, const QByteArrayList& paths,
                                            const QDBusUnixFileDescriptor& targetDirectory,
                                            uint conflict)
{
    m_daemon.gate().serve(
        context(), [=, &daemon = m_daemon](const Caller& caller) -> BusResult<CallAnswer> {
            auto request =
                checkedRestore(daemon, caller, session, paths, targetDirectory, conflict);
            if (!request)
                return tl::unexpected(request.error());
            // Shared, because a std::function must be copyable.
            auto held = std::make_shared<JobFactory::Restore>(std::move(*request));
            return CallAnswer([&daemon, held] {
                return daemon.startJob(daemon.factory().restore(std::move(*held)));
            });
        });
    return {};
}

bus::ActivityEntryList ManagerObject::ListActivity(uint offset, uint limit, uint&)
{
    m_daemon.gate().serve(
        context(), [=, &service = m_daemon.service()](const Caller&) -> BusResult<CallAnswer> {
            const auto page = checkedPage(offset, limit);
            if (!page)
                return tl::unexpected(page.error());
            quint32 total = 0;
            const auto entries = service.activity(*page, total);
            if (!entries)
                return tl::unexpected(entries.error());
            return CallAnswer(QVariantList{QVariant::fromValue(*entries), total});
        });
    return {};
}

QByteArray ManagerObject::GetChangeMapSummary(const QString& volumeId, uint buckets, QByteArray&)
{
    m_daemon.gate().serve(
        context(), [=, &service = m_daemon.service()](const Caller&) -> BusResult<CallAnswer> {
            const auto id = checkedId(volumeId);
            if (!id)
                return tl::unexpected(id.error());
            if (buckets < 1 || buckets > bus::kMaxBuckets)
                return busFail("InvalidArgument",
                               tr("Ask for 1 to %1 parts.").arg(bus::kMaxBuckets));
            QByteArray changed, store;
            const auto done = service.changeMap(*id, buckets, changed, store);
            if (!done)
                return tl::unexpected(done.error());
            return CallAnswer(QVariantList{changed, store});
        });
    return {};
}

} // namespace dormouse
