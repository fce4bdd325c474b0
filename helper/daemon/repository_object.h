// SPDX-License-Identifier: GPL-3.0-or-later
//
// A repository on the bus. Main thread.
#pragma once

#include "helper/daemon/bus_tree.h"
#include "helper/dbus/types.h"

#include <QDBusUnixFileDescriptor>

namespace dormouse {

class Daemon;

class RepositoryObject : public BusObject
{
    Q_OBJECT
    Q_PROPERTY(QString Id READ id)
    Q_PROPERTY(bool Encrypted READ isEncrypted)
    Q_PROPERTY(uint BackupCount READ backupCount)
    Q_PROPERTY(qlonglong LastBackupTime READ lastBackupTime)
    Q_PROPERTY(qlonglong LastVerifiedTime READ lastVerifiedTime)

public:
    RepositoryObject(Daemon& daemon, BusTree& tree, bus::RepositoryInfo info);

    QString id() const { return m_info.id; }
    bool isEncrypted() const { return m_info.isEncrypted; }
    uint backupCount() const { return m_info.backupCount; }
    qlonglong lastBackupTime() const { return m_info.lastBackupTime; }
    qlonglong lastVerifiedTime() const { return m_info.lastVerifiedTime; }

    void update(bus::RepositoryInfo info);

public slots:
    dormouse::bus::RepositoryInfo GetInfo();
    QDBusObjectPath Verify();
    QDBusObjectPath Repair();
    void SetPassphrase(const QDBusUnixFileDescriptor& current,
                       const QDBusUnixFileDescriptor& passphrase,
                       const QDBusUnixFileDescriptor& recoveryKey);
    void ForgetBackup(const QString& restorePointId);
    void Forget();

private:
    Daemon& m_daemon;
    bus::RepositoryInfo m_info;
};

} // namespace dormouse
