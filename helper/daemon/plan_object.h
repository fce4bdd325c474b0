// SPDX-License-Identifier: GPL-3.0-or-later
//
// A plan on the bus. Main thread.
#pragma once

#include "helper/daemon/bus_tree.h"
#include "helper/dbus/types.h"

namespace dormouse {

class Daemon;

class PlanObject : public BusObject
{
    Q_OBJECT
    Q_PROPERTY(QString Id READ id)
    Q_PROPERTY(bool Enabled READ isEnabled)
    Q_PROPERTY(qlonglong PausedUntil READ pausedUntil)
    Q_PROPERTY(qlonglong LastRunTime READ lastRunTime)
    Q_PROPERTY(qlonglong NextRunTime READ nextRunTime)
    Q_PROPERTY(uint LastOutcome READ lastOutcome)

public:
    PlanObject(Daemon& daemon, BusTree& tree, bus::PlanInfo info);

    QString id() const { return m_info.id; }
    bool isEnabled() const { return m_info.isEnabled; }
    qlonglong pausedUntil() const { return m_info.pausedUntil; }
    qlonglong lastRunTime() const { return m_info.lastRunTime; }
    qlonglong nextRunTime() const { return m_info.nextRunTime; }
    uint lastOutcome() const { return static_cast<uint>(m_info.lastOutcome); }

    void update(bus::PlanInfo info);

public slots:
    QDBusObjectPath RunNow();
    void Update(const QString& name, const QStringList& volumeIds, const QString& repositoryId,
                dormouse::bus::Rhythm rhythm, uint keepLast, bool enabled);
    void Pause(qlonglong until);
    void Remove();

private:
    Daemon& m_daemon;
    bus::PlanInfo m_info;
};

} // namespace dormouse
