// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/client/helper_client.h"

#include "app/client/helper_bus.h"

#include "job_proxy.h"
#include "manager_proxy.h"
#include "plan_proxy.h"
#include "repository_proxy.h"
#include "volume_proxy.h"

#include <QDBusMessage>
#include <QDBusPendingCallWatcher>
#include <QDBusPendingReply>
#include <QPointer>

#include <climits>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace dormouse::app {
namespace {

QString objectPath(const char* kind, const QString& id)
{
    return QStringLiteral("%1/%2/%3").arg(rootPath(), QLatin1String(kind), id);
}

struct Pipe
{
    QDBusUnixFileDescriptor readEnd;
    QDBusUnixFileDescriptor writeEnd;
};

Pipe makePipe()
{
    Pipe pipe;
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) == 0) {
        pipe.readEnd.giveFileDescriptor(fds[0]);
        pipe.writeEnd.giveFileDescriptor(fds[1]);
    }
    return pipe;
}

// A pipe that holds the secret already. It fits the pipe's buffer (64 KiB), as
// the contract allows 1024 bytes, so writing does not wait.
QDBusUnixFileDescriptor secretPipe(const QByteArray& secret)
{
    Pipe pipe = makePipe();
    if (!pipe.writeEnd.isValid() || secret.size() > 1024)
        return {};
    if (::write(pipe.writeEnd.fileDescriptor(), secret.constData(), size_t(secret.size())) !=
        secret.size())
        return {};
    return pipe.readEnd;
}

QByteArray readWhatIsThere(const QDBusUnixFileDescriptor& descriptor)
{
    const int fd = descriptor.fileDescriptor();
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    char buffer[1024];
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    QByteArray text(buffer, got > 0 ? qsizetype(got) : 0);
    ::explicit_bzero(buffer, sizeof buffer);
    while (text.endsWith('\n'))
        text.chop(1);
    return text;
}

} // namespace

QDBusUnixFileDescriptor openDirectory(const QString& path)
{
    QDBusUnixFileDescriptor directory;
    const int fd = ::open(path.toLocal8Bit().constData(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        directory.giveFileDescriptor(fd);
    return directory;
}

void wipe(QByteArray& secret)
{
    if (!secret.isEmpty())
        ::explicit_bzero(secret.data(), size_t(secret.size()));
    secret.clear();
}

template <typename Proxy> std::unique_ptr<Proxy> HelperClient::proxy(const QString& path) const
{
    auto made = std::make_unique<Proxy>(m_owner, path, m_bus);
    made->setTimeout(INT_MAX);
    return made;
}

namespace {

// Answered from the event loop all the same, so that callers see one order.
template <typename Value>
void failLater(QObject* context, const Then<Value>& then, const CallError& error)
{
    QMetaObject::invokeMethod(
        context, [then, error] { then(tl::unexpected(error)); }, Qt::QueuedConnection);
}

CallError passphraseTooLong()
{
    return {CallError::Kind::InvalidArgument,
            HelperClient::tr("The passphrase is too long (1024 bytes at most).")};
}

} // namespace

template <typename Value>
bool HelperClient::refuseUnbound(QObject* context, const Then<Value>& then)
{
    if (m_manager)
        return false;
    failLater(context, then,
              {CallError::Kind::NotReachable, tr("The Dormouse helper is not running.")});
    return true;
}

template <typename Value, typename Extract>
void HelperClient::deliver(const QDBusPendingCall& call, QObject* context, Then<Value> then,
                           Extract extract)
{
    auto* watcher = new QDBusPendingCallWatcher(call, this);
    connect(watcher, &QDBusPendingCallWatcher::finished, this,
            [watcher, then = std::move(then), extract, guard = QPointer<QObject>(context)] {
                watcher->deleteLater();
                if (!guard)
                    return;
                if (watcher->isError())
                    then(tl::unexpected(callError(watcher->error())));
                else
                    then(Answer<Value>(extract(*watcher)));
            });
}

namespace {

template <typename Value> Value onlyValue(const QDBusPendingCall& call)
{
    const QDBusPendingReply<Value> reply = call;
    return reply.value();
}

QString jobPath(const QDBusPendingCall& call)
{
    const QDBusPendingReply<QDBusObjectPath> reply = call;
    return reply.value().path();
}

bool succeeded(const QDBusPendingCall&)
{
    return true;
}

} // namespace

void HelperClient::getHealth(QObject* context, Then<bus::HealthInfo> then)
{
    if (!refuseUnbound(context, then))
        deliver(m_manager->GetHealth(), context, std::move(then), onlyValue<bus::HealthInfo>);
}

void HelperClient::listVolumes(QObject* context, Then<bus::VolumeInfoList> then)
{
    if (!refuseUnbound(context, then))
        deliver(m_manager->ListVolumes(), context, std::move(then), onlyValue<bus::VolumeInfoList>);
}

void HelperClient::listRepositories(QObject* context, Then<bus::RepositoryInfoList> then)
{
    if (!refuseUnbound(context, then))
        deliver(m_manager->ListRepositories(), context, std::move(then),
                onlyValue<bus::RepositoryInfoList>);
}

void HelperClient::listPlans(QObject* context, Then<bus::PlanInfoList> then)
{
    if (!refuseUnbound(context, then))
        deliver(m_manager->ListPlans(), context, std::move(then), onlyValue<bus::PlanInfoList>);
}

void HelperClient::listRestorePoints(const QString& volumeId, quint32 offset, quint32 limit,
                                     QObject* context, Then<RestorePointPage> then)
{
    if (refuseUnbound(context, then))
        return;
    deliver(m_manager->ListRestorePoints(volumeId, offset, limit), context, std::move(then),
            [](const QDBusPendingCall& call) {
                const QDBusPendingReply<bus::RestorePointList, quint32> reply = call;
                return RestorePointPage{reply.argumentAt<0>(), reply.argumentAt<1>()};
            });
}

void HelperClient::listActivity(quint32 offset, quint32 limit, QObject* context,
                                Then<ActivityPage> then)
{
    if (refuseUnbound(context, then))
        return;
    deliver(m_manager->ListActivity(offset, limit), context, std::move(then),
            [](const QDBusPendingCall& call) {
                const QDBusPendingReply<bus::ActivityEntryList, quint32> reply = call;
                return ActivityPage{reply.argumentAt<0>(), reply.argumentAt<1>()};
            });
}

void HelperClient::getChangeMapSummary(const QString& volumeId, quint32 buckets, QObject* context,
                                       Then<ChangeMapSummary> then)
{
    if (refuseUnbound(context, then))
        return;
    deliver(m_manager->GetChangeMapSummary(volumeId, buckets), context, std::move(then),
            [](const QDBusPendingCall& call) {
                const QDBusPendingReply<QByteArray, QByteArray> reply = call;
                return ChangeMapSummary{reply.argumentAt<0>(), reply.argumentAt<1>()};
            });
}

void HelperClient::listJobs(QObject* context, Then<QList<JobStatus>> then)
{
    if (refuseUnbound(context, then))
        return;
    const QDBusMessage call = QDBusMessage::createMethodCall(
        m_owner, rootPath(), objectManagerInterface, QStringLiteral("GetManagedObjects"));
    deliver(m_bus.asyncCall(call), context, std::move(then), [](const QDBusPendingCall& pending) {
        QList<JobStatus> jobs;
        const auto objects = onlyValue<ObjectMap>(pending);
        for (auto it = objects.begin(); it != objects.end(); ++it) {
            const auto properties = it->constFind(QLatin1String(bus::kJobInterface));
            if (properties == it->constEnd())
                continue;
            JobStatus job;
            job.path = it.key().path();
            job.update(*properties);
            jobs.append(job);
        }
        return jobs;
    });
}

void HelperClient::getManagerProperties(QObject* context, Then<QVariantMap> then)
{
    if (refuseUnbound(context, then))
        return;
    QDBusMessage call = QDBusMessage::createMethodCall(m_owner, rootPath(), propertiesInterface,
                                                       QStringLiteral("GetAll"));
    call << QString::fromLatin1(bus::kManagerInterface);
    deliver(m_bus.asyncCall(call), context, std::move(then), onlyValue<QVariantMap>);
}

void HelperClient::protectVolume(const QString& candidateId, quint64 storeBytes,
                                 const QString& storeOn, QObject* context, Then<QString> then)
{
    if (!refuseUnbound(context, then))
        deliver(m_manager->ProtectVolume(candidateId, storeBytes, storeOn), context,
                std::move(then), jobPath);
}

void HelperClient::runPlan(const QString& planId, QObject* context, Then<QString> then)
{
    if (!refuseUnbound(context, then))
        deliver(proxy<PlanProxy>(objectPath("plan", planId))->RunNow(), context, std::move(then),
                jobPath);
}

void HelperClient::verifyRepository(const QString& repositoryId, QObject* context,
                                    Then<QString> then)
{
    if (!refuseUnbound(context, then))
        deliver(proxy<RepositoryProxy>(objectPath("repository", repositoryId))->Verify(), context,
                std::move(then), jobPath);
}

void HelperClient::repairRepository(const QString& repositoryId, QObject* context,
                                    Then<QString> then)
{
    if (!refuseUnbound(context, then))
        deliver(proxy<RepositoryProxy>(objectPath("repository", repositoryId))->Repair(), context,
                std::move(then), jobPath);
}

void HelperClient::restoreFiles(const QString& session, const QByteArrayList& paths,
                                const QDBusUnixFileDescriptor& target, bus::ConflictPolicy conflict,
                                QObject* context, Then<QString> then)
{
    if (!refuseUnbound(context, then))
        deliver(m_manager->RestoreFiles(session, paths, target, quint32(conflict)), context,
                std::move(then), jobPath);
}

void HelperClient::getJob(const QString& path, QObject* context, Then<JobStatus> then)
{
    if (refuseUnbound(context, then))
        return;
    QDBusMessage call = QDBusMessage::createMethodCall(m_owner, path, propertiesInterface,
                                                       QStringLiteral("GetAll"));
    call << QString::fromLatin1(bus::kJobInterface);
    deliver(m_bus.asyncCall(call), context, std::move(then),
            [path](const QDBusPendingCall& pending) {
                JobStatus job;
                job.path = path;
                job.update(onlyValue<QVariantMap>(pending));
                return job;
            });
}

void HelperClient::jobDetails(const QString& path, QObject* context, Then<JobDetails> then)
{
    if (refuseUnbound(context, then))
        return;
    deliver(proxy<JobProxy>(path)->Details(), context, std::move(then),
            [](const QDBusPendingCall& call) {
                const QDBusPendingReply<QString, QStringList> reply = call;
                return JobDetails{reply.argumentAt<0>(), reply.argumentAt<1>()};
            });
}

void HelperClient::cancelJob(const QString& path, QObject* context, Then<bool> then)
{
    if (!refuseUnbound(context, then))
        deliver(proxy<JobProxy>(path)->Cancel(), context, std::move(then), succeeded);
}

void HelperClient::takeSnapshot(const QStringList& volumeIds, bool durable, QObject* context,
                                Then<QStringList> then)
{
    if (!refuseUnbound(context, then))
        deliver(m_manager->TakeSnapshot(volumeIds, durable), context, std::move(then),
                onlyValue<QStringList>);
}

void HelperClient::dropSnapshot(const QString& volumeId, quint64 epoch, QObject* context,
                                Then<bool> then)
{
    if (!refuseUnbound(context, then))
        deliver(proxy<VolumeProxy>(objectPath("volume", volumeId))->DropSnapshot(epoch), context,
                std::move(then), succeeded);
}

void HelperClient::growStore(const QString& volumeId, quint64 bytes, QObject* context,
                             Then<QString> then)
{
    if (!refuseUnbound(context, then))
        deliver(proxy<VolumeProxy>(objectPath("volume", volumeId))->GrowStore(bytes), context,
                std::move(then), jobPath);
}

void HelperClient::forgetVolume(const QString& volumeId, QObject* context, Then<bool> then)
{
    if (!refuseUnbound(context, then))
        deliver(proxy<VolumeProxy>(objectPath("volume", volumeId))->Forget(), context,
                std::move(then), succeeded);
}

void HelperClient::createRepository(const QString& name, const QDBusUnixFileDescriptor& directory,
                                    const QByteArray& passphrase, bool isEncrypted,
                                    QObject* context, Then<NewRepository> then)
{
    if (refuseUnbound(context, then))
        return;
    const QDBusUnixFileDescriptor secret = secretPipe(passphrase);
    const Pipe recovery = makePipe();
    if (!secret.isValid() || !recovery.readEnd.isValid()) {
        failLater(context, then, passphraseTooLong());
        return;
    }
    deliver(m_manager->CreateRepository(name, directory, secret, isEncrypted, recovery.writeEnd),
            context, std::move(then), [recovery](const QDBusPendingCall& call) {
                return NewRepository{onlyValue<QString>(call), readWhatIsThere(recovery.readEnd)};
            });
}

void HelperClient::openRepository(const QDBusUnixFileDescriptor& directory,
                                  const QByteArray& passphrase, QObject* context,
                                  Then<QString> then)
{
    if (refuseUnbound(context, then))
        return;
    const QDBusUnixFileDescriptor secret = secretPipe(passphrase);
    if (!secret.isValid()) {
        failLater(context, then, passphraseTooLong());
        return;
    }
    deliver(m_manager->OpenRepository(directory, secret), context, std::move(then),
            onlyValue<QString>);
}

void HelperClient::setPassphrase(const QString& repositoryId, const QByteArray& current,
                                 const QByteArray& passphrase, QObject* context,
                                 Then<QByteArray> then)
{
    if (refuseUnbound(context, then))
        return;
    const QDBusUnixFileDescriptor known = secretPipe(current);
    const QDBusUnixFileDescriptor wanted = secretPipe(passphrase);
    const Pipe recovery = makePipe();
    if (!known.isValid() || !wanted.isValid() || !recovery.readEnd.isValid()) {
        failLater(context, then, passphraseTooLong());
        return;
    }
    deliver(proxy<RepositoryProxy>(objectPath("repository", repositoryId))
                ->SetPassphrase(known, wanted, recovery.writeEnd),
            context, std::move(then), [recovery](const QDBusPendingCall&) {
                return readWhatIsThere(recovery.readEnd);
            });
}

void HelperClient::forgetRepository(const QString& repositoryId, QObject* context, Then<bool> then)
{
    if (!refuseUnbound(context, then))
        deliver(proxy<RepositoryProxy>(objectPath("repository", repositoryId))->Forget(), context,
                std::move(then), succeeded);
}

void HelperClient::forgetBackup(const QString& repositoryId, const QString& restorePointId,
                                QObject* context, Then<bool> then)
{
    if (!refuseUnbound(context, then))
        deliver(proxy<RepositoryProxy>(objectPath("repository", repositoryId))
                    ->ForgetBackup(restorePointId),
                context, std::move(then), succeeded);
}

void HelperClient::createPlan(const bus::PlanInfo& plan, QObject* context, Then<QString> then)
{
    if (!refuseUnbound(context, then))
        deliver(m_manager->CreatePlan(plan.name, plan.volumeIds, plan.repositoryId, plan.rhythm,
                                      plan.keepLast),
                context, std::move(then), onlyValue<QString>);
}

void HelperClient::updatePlan(const bus::PlanInfo& plan, QObject* context, Then<bool> then)
{
    if (!refuseUnbound(context, then))
        deliver(proxy<PlanProxy>(objectPath("plan", plan.id))
                    ->Update(plan.name, plan.volumeIds, plan.repositoryId, plan.rhythm,
                             plan.keepLast, plan.isEnabled),
                context, std::move(then), succeeded);
}

void HelperClient::pausePlan(const QString& planId, qint64 until, QObject* context, Then<bool> then)
{
    if (!refuseUnbound(context, then))
        deliver(proxy<PlanProxy>(objectPath("plan", planId))->Pause(until), context,
                std::move(then), succeeded);
}

void HelperClient::removePlan(const QString& planId, QObject* context, Then<bool> then)
{
    if (!refuseUnbound(context, then))
        deliver(proxy<PlanProxy>(objectPath("plan", planId))->Remove(), context, std::move(then),
                succeeded);
}

void HelperClient::browse(const QString& restorePointId, const QString& volumeId, QObject* context,
                          Then<BrowseSession> then)
{
    if (refuseUnbound(context, then))
        return;
    deliver(m_manager->Browse(restorePointId, volumeId), context, std::move(then),
            [](const QDBusPendingCall& call) {
                const QDBusPendingReply<QString, QString> reply = call;
                return BrowseSession{reply.argumentAt<0>(), reply.argumentAt<1>()};
            });
}

void HelperClient::endBrowse(const QString& session, QObject* context, Then<bool> then)
{
    if (!m_manager || session.isEmpty())
        return;
    const QDBusPendingCall call = m_manager->EndBrowse(session);
    if (then)
        deliver(call, context, std::move(then), succeeded);
}

void HelperClient::planRestore(const QString& session, const QByteArrayList& paths,
                               const QDBusUnixFileDescriptor& target, bus::ConflictPolicy conflict,
                               QObject* context, Then<bus::RestoreCounts> then)
{
    if (!refuseUnbound(context, then))
        deliver(m_manager->PlanRestore(session, paths, target, quint32(conflict)), context,
                std::move(then), onlyValue<bus::RestoreCounts>);
}

} // namespace dormouse::app
