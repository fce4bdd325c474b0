// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "helper/dbus/types.h"

#include <QDBusAbstractAdaptor>
#include <QDBusConnection>
#include <QDBusContext>
#include <QDBusObjectPath>
#include <QDBusUnixFileDescriptor>
#include <QHash>
#include <QObject>
#include <QTemporaryDir>
#include <QVariantMap>

#include <memory>

namespace dormouse::test {

using InterfaceMap = QMap<QString, QVariantMap>;
using ObjectMap = QMap<QDBusObjectPath, InterfaceMap>;

// What the fake helper says. A test fills it and calls FakeHelper::announce().
struct World
{
    bus::HealthInfo health;
    bus::ModuleState module = bus::ModuleState::Loaded;
    qint64 newestBackupTime = 0;
    qint64 nextRunTime = 0;
    bus::VolumeInfoList volumes;
    bus::RepositoryInfoList repositories;
    bus::PlanInfoList plans;
    bus::RestorePointList points;
    bus::ActivityEntryList activity;
    QHash<QString, QByteArray> changedMaps; // by volume id
    bus::RestoreCounts counts;
    QString browseFolder;  // what every restore point holds
    bool mayLook = true;   // else every look is NotAuthorized
    bool mayChange = true; // else every change is NotAuthorized
};

struct FakeJob
{
    quint32 number = 0;
    QVariantMap properties;
    QString sentence;
    QStringList log;
};

// The Manager's methods; the generated adaptor calls them by their names.
class FakeManager : public QObject, protected QDBusContext
{
    Q_OBJECT

public:
    explicit FakeManager(class FakeHelper* helper);

    bus::HealthInfo GetHealth();
    bus::VolumeInfoList ListVolumes();
    QDBusObjectPath ProtectVolume(const QString& candidateId, qulonglong storeBytes,
                                  const QString& storeOn);
    bus::RepositoryInfoList ListRepositories();
    QString CreateRepository(const QString& name, const QDBusUnixFileDescriptor& directory,
                             const QDBusUnixFileDescriptor& passphrase, bool encrypted,
                             const QDBusUnixFileDescriptor& recoveryKey);
    QString OpenRepository(const QDBusUnixFileDescriptor& directory,
                           const QDBusUnixFileDescriptor& passphrase);
    bus::PlanInfoList ListPlans();
    QString CreatePlan(const QString& name, const QStringList& volumeIds,
                       const QString& repositoryId, const bus::Rhythm& rhythm, uint keepLast);
    QStringList TakeSnapshot(const QStringList& volumeIds, bool durable);
    bus::RestorePointList ListRestorePoints(const QString& volumeId, uint offset, uint limit,
                                            uint& total);
    QString Browse(const QString& restorePointId, const QString& volumeId, QString& path);
    void EndBrowse(const QString& session);
    bus::RestoreCounts PlanRestore(const QString& session, const QByteArrayList& paths,
                                   const QDBusUnixFileDescriptor& targetDirectory, uint conflict);
    QDBusObjectPath RestoreFiles(const QString& session, const QByteArrayList& paths,
                                 const QDBusUnixFileDescriptor& targetDirectory, uint conflict);
    bus::ActivityEntryList ListActivity(uint offset, uint limit, uint& total);
    QByteArray GetChangeMapSummary(const QString& volumeId, uint buckets, QByteArray& store);

signals:
    void JobFinished(const QDBusObjectPath& job, uint outcome);
    void VolumesChanged();
    void RestorePointsChanged(const QString& volumeId);
    void PlansChanged();
    void RepositoriesChanged();
    void ActivityChanged();

private:
    bool refuseLook();
    bool refuseChange();

    FakeHelper* m_helper;
};

class FakePlan : public QObject, protected QDBusContext
{
    Q_OBJECT

public:
    FakePlan(FakeHelper* helper, const QString& id);
    QDBusObjectPath RunNow();
    void Update(const QString& name, const QStringList& volumeIds, const QString& repositoryId,
                const bus::Rhythm& rhythm, uint keepLast, bool enabled);
    void Pause(qlonglong until);
    void Remove();

private:
    FakeHelper* m_helper;
    QString m_id;
};

class FakeVolume : public QObject, protected QDBusContext
{
    Q_OBJECT

public:
    FakeVolume(FakeHelper* helper, const QString& id);
    QDBusObjectPath GrowStore(qulonglong bytes);
    void Forget();
    void DropSnapshot(qulonglong epoch);

private:
    FakeHelper* m_helper;
    QString m_id;
};

class FakeJobObject : public QObject
{
    Q_OBJECT

public:
    FakeJobObject(FakeHelper* helper, quint32 number);
    void Cancel();
    QString Details(QStringList& log);

private:
    FakeHelper* m_helper;
    quint32 m_number;
};

class FakeObjectManager : public QDBusAbstractAdaptor
{
    Q_OBJECT
    Q_CLASSINFO("D-Bus Interface", "org.freedesktop.DBus.ObjectManager")

public:
    FakeObjectManager(FakeHelper* helper, QObject* parent);

public slots:
    dormouse::test::ObjectMap GetManagedObjects();

private:
    FakeHelper* m_helper;
};

// A helper without a kernel module, disks or rights: it answers from a World
// and writes down what it was asked to do. It speaks the real contract through
// adaptors generated from the real XML.
class FakeHelper
{
public:
    // Appears on the bus at `address`.
    explicit FakeHelper(const QString& address);
    ~FakeHelper();

    World world;
    // Every change that was asked for, in words: "TakeSnapshot vol1 durable".
    QStringList asked;
    QByteArray passphrase; // of the last CreateRepository

    [[nodiscard]] bool isOnTheBus() const { return m_isOnTheBus; }
    // Says that everything is different now.
    void announce();
    // A job that runs until finishJob(); its path.
    QDBusObjectPath startJob(bus::JobKind kind, const QVariantMap& properties = {});
    void changeJob(quint32 number, const QVariantMap& changed);
    void finishJob(quint32 number, bus::Outcome outcome, const QString& sentence = {},
                   const QStringList& log = {}, const QString& resultId = {});
    [[nodiscard]] quint32 lastJob() const { return m_lastJob; }
    [[nodiscard]] FakeJob* job(quint32 number);
    [[nodiscard]] const QHash<quint32, std::shared_ptr<FakeJob>>& jobs() const { return m_jobs; }

private:
    void exportPlans();
    void exportVolumes();

    QDBusConnection m_bus;
    bool m_isOnTheBus = false;
    quint32 m_lastJob = 0;
    QHash<quint32, std::shared_ptr<FakeJob>> m_jobs;
    QHash<QString, std::shared_ptr<FakePlan>> m_planObjects;
    QHash<QString, std::shared_ptr<FakeVolume>> m_volumeObjects;
    QHash<quint32, std::shared_ptr<FakeJobObject>> m_jobObjects;
    std::unique_ptr<FakeManager> m_manager;
    FakeObjectManager* m_objectManager;
};

} // namespace dormouse::test
