// SPDX-License-Identifier: GPL-3.0-or-later
//
// The root object on the bus. Each slot checks its arguments' form, hands the
// work to the gate, and is answered from there. Main thread.
#pragma once

#include "helper/daemon/bus_tree.h"
#include "helper/daemon/facts.h"
#include "helper/dbus/types.h"

#include <QByteArrayList>
#include <QDBusUnixFileDescriptor>

namespace dormouse {

class Daemon;

class ManagerObject : public BusObject
{
    Q_OBJECT
    Q_PROPERTY(QString Version READ version)
    Q_PROPERTY(uint ProtocolVersion READ protocolVersion)
    Q_PROPERTY(uint ModuleState READ moduleState)
    Q_PROPERTY(uint Health READ health)
    Q_PROPERTY(qlonglong NewestBackupTime READ newestBackupTime)
    Q_PROPERTY(qlonglong NextRunTime READ nextRunTime)

public:
    ManagerObject(Daemon& daemon, BusTree& tree);

    QString version() const;
    uint protocolVersion() const { return bus::kProtocolVersion; }
    uint moduleState() const { return static_cast<uint>(m_moduleState); }
    uint health() const { return static_cast<uint>(m_health); }
    qlonglong newestBackupTime() const { return m_newestBackupTime; }
    qlonglong nextRunTime() const { return m_nextRunTime; }

    void update(const Facts& facts);
    /// One of the Manager's own signals.
    void announce(const char* signal, const QVariantList& arguments = {});

public slots:
    dormouse::bus::HealthInfo GetHealth();
    dormouse::bus::VolumeInfoList ListVolumes();
    QDBusObjectPath ProtectVolume(const QString& candidateId, qulonglong storeBytes,
                                  const QString& storeOn);
    dormouse::bus::RepositoryInfoList ListRepositories();
    QString CreateRepository(const QString& name, const QDBusUnixFileDescriptor& directory,
                             const QDBusUnixFileDescriptor& passphrase, bool encrypted,
                             const QDBusUnixFileDescriptor& recoveryKey);
    QString OpenRepository(const QDBusUnixFileDescriptor& directory,
                           const QDBusUnixFileDescriptor& passphrase);
    dormouse::bus::PlanInfoList ListPlans();
    QString CreatePlan(const QString& name, const QStringList& volumeIds,
                       const QString& repositoryId, dormouse::bus::Rhythm rhythm, uint keepLast);
    QStringList TakeSnapshot(const QStringList& volumeIds, bool durable);
    dormouse::bus::RestorePointList ListRestorePoints(const QString& volumeId, uint offset,
                                                      uint limit, uint& total);
    QString Browse(const QString& restorePointId, const QString& volumeId, QString& path);
    void EndBrowse(const QString& session);
    dormouse::bus::RestoreCounts PlanRestore(const QString& session, const QByteArrayList& paths,
                                             const QDBusUnixFileDescriptor& targetDirectory,
                                             uint conflict);
    QDBusObjectPath RestoreFiles(const QString& session, const QByteArrayList& paths,
                                 const QDBusUnixFileDescriptor& targetDirectory, uint conflict);
    dormouse::bus::ActivityEntryList ListActivity(uint offset, uint limit, uint& total);
    QByteArray GetChangeMapSummary(const QString& volumeId, uint buckets, QByteArray& store);

private:
    Daemon& m_daemon;
    bus::ModuleState m_moduleState = bus::ModuleState::Unknown;
    bus::Health m_health = bus::Health::Unknown;
    qint64 m_newestBackupTime = 0;
    qint64 m_nextRunTime = 0;
};

} // namespace dormouse
