// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/gui/fake_helper.h"

#include "fake_job_adaptor.h"
#include "fake_manager_adaptor.h"
#include "fake_plan_adaptor.h"
#include "fake_volume_adaptor.h"

#include <QDBusMessage>
#include <QDBusMetaType>
#include <QDateTime>
#include <QTimer>

#include <unistd.h>

namespace dormouse::test {
namespace {

const QString rootPath = QString::fromLatin1(bus::kRootPath);

QString jobPath(quint32 number)
{
    return QStringLiteral("%1/job/%2").arg(rootPath).arg(number);
}

QByteArray readAll(const QDBusUnixFileDescriptor& descriptor)
{
    char buffer[2048];
    const ssize_t got = ::read(descriptor.fileDescriptor(), buffer, sizeof buffer);
    return QByteArray(buffer, got > 0 ? qsizetype(got) : 0);
}

} // namespace

FakeManager::FakeManager(FakeHelper* helper) : m_helper(helper)
{
    new ManagerAdaptor(this);
}

bool FakeManager::refuseLook()
{
    if (m_helper->world.mayLook)
        return false;
    sendErrorReply(QStringLiteral("org.dormouse.Error.NotAuthorized"),
                   QStringLiteral("You may not look."));
    return true;
}

bool FakeManager::refuseChange()
{
    if (m_helper->world.mayChange)
        return false;
    sendErrorReply(QStringLiteral("org.dormouse.Error.NotAuthorized"),
                   QStringLiteral("An administrator has to allow this. Nothing was changed."));
    return true;
}

bus::HealthInfo FakeManager::GetHealth()
{
    return refuseLook() ? bus::HealthInfo() : m_helper->world.health;
}

bus::VolumeInfoList FakeManager::ListVolumes()
{
    return refuseLook() ? bus::VolumeInfoList() : m_helper->world.volumes;
}

QDBusObjectPath FakeManager::ProtectVolume(const QString& candidateId, qulonglong storeBytes,
                                           const QString&)
{
    if (refuseChange())
        return {};
    m_helper->asked << QStringLiteral("ProtectVolume %1 %2").arg(candidateId).arg(storeBytes);
    return m_helper->startJob(bus::JobKind::Protect);
}

bus::RepositoryInfoList FakeManager::ListRepositories()
{
    return refuseLook() ? bus::RepositoryInfoList() : m_helper->world.repositories;
}

QString FakeManager::CreateRepository(const QString& name, const QDBusUnixFileDescriptor& directory,
                                      const QDBusUnixFileDescriptor& passphrase, bool encrypted,
                                      const QDBusUnixFileDescriptor& recoveryKey)
{
    if (refuseChange())
        return {};
    m_helper->asked << QStringLiteral("CreateRepository %1 %2").arg(name).arg(encrypted);
    m_helper->passphrase = readAll(passphrase);
    if (encrypted) {
        const QByteArray key = "ABCD-EFGH-JKLM-NPQR-STUV-WXYZ-2345-6789\n";
        if (::write(recoveryKey.fileDescriptor(), key.constData(), size_t(key.size())) !=
            key.size())
            sendErrorReply(QStringLiteral("org.dormouse.Error.Failed"), QStringLiteral("no pipe"));
    }
    bus::RepositoryInfo repository;
    repository.id = QStringLiteral("0123456789abcdef0123456789abcdef");
    repository.name = name;
    repository.location = directory.isValid() ? QStringLiteral("/somewhere") : QString();
    repository.isEncrypted = encrypted;
    repository.isReachable = true;
    m_helper->world.repositories << repository;
    emit RepositoriesChanged();
    return repository.id;
}

QString FakeManager::OpenRepository(const QDBusUnixFileDescriptor&,
                                    const QDBusUnixFileDescriptor& passphrase)
{
    m_helper->passphrase = readAll(passphrase);
    sendErrorReply(QStringLiteral("org.dormouse.Error.WrongPassphrase"),
                   QStringLiteral("Neither the passphrase nor the recovery key fits."));
    return {};
}

bus::PlanInfoList FakeManager::ListPlans()
{
    return refuseLook() ? bus::PlanInfoList() : m_helper->world.plans;
}

QString FakeManager::CreatePlan(const QString& name, const QStringList& volumeIds,
                                const QString& repositoryId, const bus::Rhythm& rhythm,
                                uint keepLast)
{
    if (refuseChange())
        return {};
    m_helper->asked << QStringLiteral("CreatePlan %1 [%2] keep %3")
                           .arg(name, volumeIds.join(QLatin1Char(' ')))
                           .arg(keepLast);
    bus::PlanInfo plan;
    plan.id = QStringLiteral("plan%1").arg(m_helper->world.plans.size() + 1);
    plan.name = name;
    plan.volumeIds = volumeIds;
    plan.repositoryId = repositoryId;
    plan.rhythm = rhythm;
    plan.keepLast = keepLast;
    m_helper->world.plans << plan;
    m_helper->announce();
    return plan.id;
}

QStringList FakeManager::TakeSnapshot(const QStringList& volumeIds, bool durable)
{
    if (refuseChange())
        return {};
    m_helper->asked << QStringLiteral("TakeSnapshot %1%2")
                           .arg(volumeIds.join(QLatin1Char(' ')),
                                durable ? QStringLiteral(" durable") : QString());
    return {QStringLiteral("snapshot1")};
}

bus::RestorePointList FakeManager::ListRestorePoints(const QString& volumeId, uint offset,
                                                     uint limit, uint& total)
{
    total = 0;
    if (refuseLook())
        return {};
    bus::RestorePointList points = m_helper->world.points;
    points.removeIf(
        [&](const auto& point) { return !volumeId.isEmpty() && point.volumeId != volumeId; });
    total = uint(points.size());
    return points.mid(offset, limit);
}

QString FakeManager::Browse(const QString& restorePointId, const QString& volumeId, QString& path)
{
    if (refuseLook())
        return {};
    m_helper->asked << QStringLiteral("Browse %1 %2").arg(restorePointId, volumeId);
    path = m_helper->world.browseFolder;
    if (path.isEmpty())
        sendErrorReply(
            QStringLiteral("org.dormouse.Error.Unreachable"),
            QStringLiteral(
                "The disk with the repository is not connected. Connect it and try again."));
    return QStringLiteral("session1");
}

void FakeManager::EndBrowse(const QString& session)
{
    m_helper->asked << QStringLiteral("EndBrowse %1").arg(session);
}

bus::RestoreCounts FakeManager::PlanRestore(const QString&, const QByteArrayList&,
                                            const QDBusUnixFileDescriptor&, uint)
{
    return m_helper->world.counts;
}

QDBusObjectPath FakeManager::RestoreFiles(const QString& session, const QByteArrayList& paths,
                                          const QDBusUnixFileDescriptor& targetDirectory,
                                          uint conflict)
{
    if (refuseChange())
        return {};
    m_helper->asked << QStringLiteral("RestoreFiles %1 [%2] %3 %4")
                           .arg(session, QString::fromUtf8(paths.join(' ')))
                           .arg(targetDirectory.isValid())
                           .arg(conflict);
    return m_helper->startJob(bus::JobKind::Restore);
}

bus::ActivityEntryList FakeManager::ListActivity(uint offset, uint limit, uint& total)
{
    total = 0;
    if (refuseLook())
        return {};
    total = uint(m_helper->world.activity.size());
    return m_helper->world.activity.mid(offset, limit);
}

QByteArray FakeManager::GetChangeMapSummary(const QString& volumeId, uint buckets,
                                            QByteArray& store)
{
    const QByteArray changed = m_helper->world.changedMaps.value(volumeId);
    if (changed.isEmpty())
        return {};
    store = QByteArray(qsizetype(buckets), '\0');
    store.replace(qsizetype(buckets) * 7 / 10, qsizetype(buckets) / 20,
                  QByteArray(qsizetype(buckets) / 20, '\xff'));
    QByteArray scaled(qsizetype(buckets), '\0');
    for (qsizetype i = 0; i < scaled.size(); ++i)
        scaled[i] = changed[i * changed.size() / scaled.size()];
    return scaled;
}

FakePlan::FakePlan(FakeHelper* helper, const QString& id) : m_helper(helper), m_id(id)
{
    new PlanAdaptor(this);
}

QDBusObjectPath FakePlan::RunNow()
{
    if (!m_helper->world.mayChange) {
        sendErrorReply(QStringLiteral("org.dormouse.Error.NotAuthorized"),
                       QStringLiteral("An administrator has to allow this. Nothing was changed."));
        return {};
    }
    m_helper->asked << QStringLiteral("RunNow %1").arg(m_id);
    return m_helper->startJob(bus::JobKind::Backup, {{QStringLiteral("PlanId"), m_id}});
}

void FakePlan::Update(const QString& name, const QStringList&, const QString&, const bus::Rhythm&,
                      uint keepLast, bool enabled)
{
    m_helper->asked
        << QStringLiteral("Update %1 %2 keep %3 %4").arg(m_id, name).arg(keepLast).arg(enabled);
}

void FakePlan::Pause(qlonglong until)
{
    m_helper->asked << QStringLiteral("Pause %1 %2").arg(m_id).arg(until > 0);
}

void FakePlan::Remove()
{
    m_helper->asked << QStringLiteral("Remove %1").arg(m_id);
}

FakeVolume::FakeVolume(FakeHelper* helper, const QString& id) : m_helper(helper), m_id(id)
{
    new VolumeAdaptor(this);
}

QDBusObjectPath FakeVolume::GrowStore(qulonglong bytes)
{
    m_helper->asked << QStringLiteral("GrowStore %1 %2").arg(m_id).arg(bytes);
    return m_helper->startJob(bus::JobKind::GrowStore,
                              {{QStringLiteral("VolumeIds"), QStringList{m_id}}});
}

void FakeVolume::Forget()
{
    m_helper->asked << QStringLiteral("Forget %1").arg(m_id);
}

void FakeVolume::DropSnapshot(qulonglong epoch)
{
    m_helper->asked << QStringLiteral("DropSnapshot %1 %2").arg(m_id).arg(epoch);
}

FakeJobObject::FakeJobObject(FakeHelper* helper, quint32 number)
    : m_helper(helper), m_number(number)
{
    new JobAdaptor(this);
}

void FakeJobObject::Cancel()
{
    m_helper->asked << QStringLiteral("Cancel %1").arg(m_number);
    QTimer::singleShot(0, this, [this] {
        m_helper->finishJob(m_number, bus::Outcome::Cancelled,
                            QStringLiteral("Stopped. What was done so far is whole."));
    });
}

QString FakeJobObject::Details(QStringList& log)
{
    const FakeJob* job = m_helper->job(m_number);
    log = job->log;
    return job->sentence;
}

FakeObjectManager::FakeObjectManager(FakeHelper* helper, QObject* parent)
    : QDBusAbstractAdaptor(parent), m_helper(helper)
{
    qDBusRegisterMetaType<InterfaceMap>();
    qDBusRegisterMetaType<ObjectMap>();
}

ObjectMap FakeObjectManager::GetManagedObjects()
{
    ObjectMap objects;
    for (const auto& job : m_helper->jobs())
        objects.insert(QDBusObjectPath(jobPath(job->number)),
                       {{QString::fromLatin1(bus::kJobInterface), job->properties}});
    return objects;
}

FakeHelper::FakeHelper(const QString& address)
    : m_bus(QDBusConnection::connectToBus(address, QStringLiteral("fake-helper")))
{
    bus::registerTypes();
    m_manager = std::make_unique<FakeManager>(this);
    m_objectManager = new FakeObjectManager(this, m_manager.get());
    m_isOnTheBus = m_bus.registerObject(rootPath, m_manager.get()) &&
                   m_bus.registerService(QString::fromLatin1(bus::kService));
}

FakeHelper::~FakeHelper()
{
    m_bus.unregisterService(QString::fromLatin1(bus::kService));
    m_bus.unregisterObject(rootPath, QDBusConnection::UnregisterTree);
    QDBusConnection::disconnectFromBus(QStringLiteral("fake-helper"));
}

void FakeHelper::exportPlans()
{
    for (const bus::PlanInfo& plan : world.plans) {
        if (m_planObjects.contains(plan.id))
            continue;
        auto object = std::make_shared<FakePlan>(this, plan.id);
        m_bus.registerObject(QStringLiteral("%1/plan/%2").arg(rootPath, plan.id), object.get());
        m_planObjects.insert(plan.id, object);
    }
}

void FakeHelper::exportVolumes()
{
    for (const bus::VolumeInfo& volume : world.volumes) {
        if (volume.id.isEmpty() || m_volumeObjects.contains(volume.id))
            continue;
        auto object = std::make_shared<FakeVolume>(this, volume.id);
        m_bus.registerObject(QStringLiteral("%1/volume/%2").arg(rootPath, volume.id), object.get());
        m_volumeObjects.insert(volume.id, object);
    }
}

void FakeHelper::announce()
{
    exportPlans();
    exportVolumes();
    const QVariantMap properties{{QStringLiteral("Version"), QStringLiteral("0.1.0")},
                                 {QStringLiteral("ProtocolVersion"), bus::kProtocolVersion},
                                 {QStringLiteral("ModuleState"), quint32(world.module)},
                                 {QStringLiteral("Health"), quint32(world.health.health)},
                                 {QStringLiteral("NewestBackupTime"), world.newestBackupTime},
                                 {QStringLiteral("NextRunTime"), world.nextRunTime}};
    for (auto it = properties.begin(); it != properties.end(); ++it)
        m_manager->setProperty(it.key().toLatin1().constData(), it.value());
    QDBusMessage signal =
        QDBusMessage::createSignal(rootPath, QStringLiteral("org.freedesktop.DBus.Properties"),
                                   QStringLiteral("PropertiesChanged"));
    signal << QString::fromLatin1(bus::kManagerInterface) << properties << QStringList();
    m_bus.send(signal);
    emit m_manager->VolumesChanged();
    emit m_manager->PlansChanged();
    emit m_manager->RepositoriesChanged();
    emit m_manager->ActivityChanged();
}

QDBusObjectPath FakeHelper::startJob(bus::JobKind kind, const QVariantMap& properties)
{
    auto job = std::make_shared<FakeJob>();
    job->number = ++m_lastJob;
    job->properties = {{QStringLiteral("Kind"), quint32(kind)},
                       {QStringLiteral("State"), quint32(bus::JobState::Running)},
                       {QStringLiteral("Phase"), quint32(bus::JobPhase::Preparing)},
                       {QStringLiteral("Outcome"), 0u},
                       {QStringLiteral("PlanId"), QString()},
                       {QStringLiteral("RepositoryId"), QString()},
                       {QStringLiteral("VolumeIds"), QStringList()},
                       {QStringLiteral("ResultId"), QString()},
                       {QStringLiteral("BytesDone"), qulonglong(0)},
                       {QStringLiteral("BytesTotal"), qulonglong(0)},
                       {QStringLiteral("RateBytesPerSecond"), qulonglong(0)},
                       {QStringLiteral("EtaSeconds"), qlonglong(-1)},
                       {QStringLiteral("StartedTime"), QDateTime::currentSecsSinceEpoch()},
                       {QStringLiteral("FinishedTime"), qlonglong(0)}};
    job->properties.insert(properties);
    m_jobs.insert(job->number, job);
    auto object = std::make_shared<FakeJobObject>(this, job->number);
    for (auto it = job->properties.begin(); it != job->properties.end(); ++it)
        object->setProperty(it.key().toLatin1().constData(), it.value());
    m_jobObjects.insert(job->number, object);
    const QDBusObjectPath path(jobPath(job->number));
    m_bus.registerObject(path.path(), object.get());
    // By hand: an adaptor cannot relay a signal with types of this namespace.
    QDBusMessage signal =
        QDBusMessage::createSignal(rootPath, QStringLiteral("org.freedesktop.DBus.ObjectManager"),
                                   QStringLiteral("InterfacesAdded"));
    signal << QVariant::fromValue(path)
           << QVariant::fromValue(
                  InterfaceMap{{QString::fromLatin1(bus::kJobInterface), job->properties}});
    m_bus.send(signal);
    return path;
}

FakeJob* FakeHelper::job(quint32 number)
{
    return m_jobs.value(number).get();
}

void FakeHelper::changeJob(quint32 number, const QVariantMap& changed)
{
    job(number)->properties.insert(changed);
    for (auto it = changed.begin(); it != changed.end(); ++it)
        m_jobObjects.value(number)->setProperty(it.key().toLatin1().constData(), it.value());
    QDBusMessage signal = QDBusMessage::createSignal(
        jobPath(number), QStringLiteral("org.freedesktop.DBus.Properties"),
        QStringLiteral("PropertiesChanged"));
    signal << QString::fromLatin1(bus::kJobInterface) << changed << QStringList();
    m_bus.send(signal);
}

void FakeHelper::finishJob(quint32 number, bus::Outcome outcome, const QString& sentence,
                           const QStringList& log, const QString& resultId)
{
    job(number)->sentence = sentence;
    job(number)->log = log;
    changeJob(number, {{QStringLiteral("State"), quint32(bus::JobState::Finished)},
                       {QStringLiteral("Outcome"), quint32(outcome)},
                       {QStringLiteral("ResultId"), resultId},
                       {QStringLiteral("FinishedTime"), QDateTime::currentSecsSinceEpoch()}});
    emit m_manager->JobFinished(QDBusObjectPath(jobPath(number)), uint(outcome));
}

} // namespace dormouse::test
