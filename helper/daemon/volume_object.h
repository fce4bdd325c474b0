// SPDX-License-Identifier: GPL-3.0-or-later
//
// A protected volume on the bus. Main thread.
#pragma once

#include "helper/daemon/bus_tree.h"
#include "helper/dbus/types.h"

namespace dormouse {

class Daemon;

class VolumeObject : public BusObject
{
    Q_OBJECT
    Q_PROPERTY(QString Id READ id)
    Q_PROPERTY(uint Mode READ mode)
    Q_PROPERTY(uint State READ state)
    Q_PROPERTY(qulonglong SizeBytes READ sizeBytes)
    Q_PROPERTY(qulonglong StoreBytes READ storeBytes)
    Q_PROPERTY(qulonglong UndoBytes READ undoBytes)
    Q_PROPERTY(qulonglong UndoUsedBytes READ undoUsedBytes)
    Q_PROPERTY(qulonglong ChangedBytes READ changedBytes)
    Q_PROPERTY(uint SnapshotCount READ snapshotCount)
    Q_PROPERTY(qlonglong LastBackupTime READ lastBackupTime)

public:
    VolumeObject(Daemon& daemon, BusTree& tree, bus::VolumeInfo info);

    QString id() const { return m_info.id; }
    uint mode() const { return static_cast<uint>(m_info.mode); }
    uint state() const { return static_cast<uint>(m_info.state); }
    qulonglong sizeBytes() const { return m_info.sizeBytes; }
    qulonglong storeBytes() const { return m_info.storeBytes; }
    qulonglong undoBytes() const { return m_info.undoBytes; }
    qulonglong undoUsedBytes() const { return m_info.undoUsedBytes; }
    qulonglong changedBytes() const { return m_info.changedBytes; }
    uint snapshotCount() const { return m_info.snapshotCount; }
    qlonglong lastBackupTime() const { return m_info.lastBackupTime; }

    void update(bus::VolumeInfo info);

public slots:
    QDBusObjectPath GrowStore(qulonglong bytes);
    void Forget();
    void DropSnapshot(qulonglong epoch);

private:
    Daemon& m_daemon;
    bus::VolumeInfo m_info;
};

} // namespace dormouse
