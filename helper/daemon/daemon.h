// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The helper as a whole: bus objects, jobs, schedule, kernel events. Thin: what
 * is known comes from Service, what is done is done by the engine's jobs.
 *
 * The bus objects mirror facts that a worker thread gathers: after every change
 * we hear of, and every kRefreshMs for what nobody tells.
 *
 * Main thread only.
 */
#pragma once

#include "helper/daemon/browse_sessions.h"
#include "helper/daemon/bus_tree.h"
#include "helper/daemon/gate.h"
#include "helper/daemon/job_factory.h"
#include "helper/daemon/job_table.h"
#include "helper/daemon/manager_object.h"
#include "helper/daemon/plan_object.h"
#include "helper/daemon/repository_object.h"
#include "helper/daemon/service.h"
#include "helper/daemon/volume_object.h"

#include <QSocketNotifier>
#include <QThreadPool>
#include <QTimer>

#include <map>
#include <memory>
#include <optional>

namespace dormouse {

class Daemon : public QObject
{
    Q_OBJECT

public:
    static constexpr int kRefreshMs = 15 * 1000;
    static constexpr int kScheduleMs = 20 * 1000;
    /// With nothing protected and nobody asking there is no reason to run.
    static constexpr int kIdleMs = 10 * 60 * 1000;

    Daemon(QDBusConnection connection, Authority* authority, Service& service,
           std::string browseProgram);
    ~Daemon() override;

    /// Shows the objects and takes the name; the rest follows by itself. False
    /// if the name cannot be had.
    [[nodiscard]] bool start();

    [[nodiscard]] Gate& gate() { return m_gate; }
    [[nodiscard]] Service& service() { return m_service; }
    [[nodiscard]] JobFactory& factory() { return m_factory; }
    [[nodiscard]] BrowseSessions& sessions() { return m_sessions; }

    /// Starts a job: the answer for the caller is its path.
    [[nodiscard]] CallReply startJob(JobSpec spec);
    [[nodiscard]] CallReply startBackup(const PlanRow& plan, std::optional<std::int64_t> slotMs);

    /// Something changed: look again soon.
    void refresh(bool freshDevices = false);
    void restorePointsChanged(const QString& volumeId);
    /// Something new: its object is on the bus before its maker gets the answer.
    void showNew(const bus::PlanInfoList& plans);
    void showNew(const bus::RepositoryInfoList& repositories);

signals:
    /// Nothing to do for a long time.
    void idle();

private:
    void recovered();
    void gather();
    void apply(const Facts& facts);
    /// Brings the objects in line with what there is.
    void show(const Facts& facts);
    template <typename Object, typename Info>
    void addMissing(std::map<QString, std::unique_ptr<Object>>& objects, const QList<Info>& infos);
    void tick();
    void jobFinished(const JobObject* job);
    void listenToKernel();
    void kernelEvents();

    QDBusConnection m_connection;
    Service& m_service;
    // Destroyed in reverse order: objects go before the gate they use, and the
    // gate waits for its work before sessions and service go.
    BrowseSessions m_sessions;
    JobFactory m_factory;
    QThreadPool m_worker; // one thread: facts and schedule, in order
    Gate m_gate;
    BusTree m_tree;
    JobTable m_jobs;
    std::unique_ptr<ManagerObject> m_manager;
    std::map<QString, std::unique_ptr<VolumeObject>> m_volumes;
    std::map<QString, std::unique_ptr<PlanObject>> m_plans;
    std::map<QString, std::unique_ptr<RepositoryObject>> m_repositories;

    Facts m_facts;
    QTimer m_soon;
    QTimer m_periodic;
    QTimer m_schedule;
    bool m_isGathering = false;
    bool m_isAskedAgain = false;
    bool m_isStale = false; // something was made while facts were being gathered
    bool m_wantsFreshDevices = true;
    qint64 m_busySinceMs = 0;

    std::optional<Module> m_events;
    std::unique_ptr<QSocketNotifier> m_eventNotifier;
    UniqueFd m_mountInfo;
    std::unique_ptr<QSocketNotifier> m_mountNotifier;
};

} // namespace dormouse
