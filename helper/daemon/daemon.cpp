// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/daemon/daemon.h"

#include "helper/base/log.h"
#include "helper/engine/volume_jobs.h"

#include <QDateTime>

#include <algorithm>

#include <fcntl.h>

namespace dormouse {

namespace {

constexpr int kSoonMs = 150;

// What is not there any more goes, what is there is told the news.
template <typename Object, typename Info>
void update(std::map<QString, std::unique_ptr<Object>>& objects, const QList<Info>& infos)
{
    std::erase_if(objects, [&infos](const auto& entry) {
        return std::none_of(infos.begin(), infos.end(),
                            [&entry](const Info& info) { return info.id == entry.first; });
    });
    for (const Info& info : infos) {
        if (const auto found = objects.find(info.id); found != objects.end())
            found->second->update(info);
    }
}

} // namespace

Daemon::Daemon(QDBusConnection connection, Authority* authority, Service& service,
               std::string browseProgram)
    : m_connection(connection), m_service(service), m_sessions(service, std::move(browseProgram)),
      m_factory(service), m_gate(connection, authority), m_tree(connection), m_jobs(m_tree, m_gate)
{
    m_worker.setMaxThreadCount(1);
    m_soon.setSingleShot(true);
    m_soon.setInterval(kSoonMs);
    connect(&m_soon, &QTimer::timeout, this, &Daemon::gather);
    m_periodic.setInterval(kRefreshMs);
    connect(&m_periodic, &QTimer::timeout, this, [this] {
        listenToKernel();
        refresh();
    });
    m_schedule.setSingleShot(true);
    connect(&m_schedule, &QTimer::timeout, this, &Daemon::tick);
    connect(&m_jobs, &JobTable::finished, this, &Daemon::jobFinished);
    connect(&m_gate, &Gate::callerLeft, this, [this](const QString& busName) {
        // Ending a session waits for a process: not here.
        m_worker.start([this, busName] { m_sessions.endAllOf(busName); });
    });
}

Daemon::~Daemon()
{
    m_factory.setStopping();
    m_worker.waitForDone();
}

bool Daemon::start()
{
    m_manager = std::make_unique<ManagerObject>(*this, m_tree);
    // Whoever made us start may call one of them at once. What they ask for waits
    // until nothing of a killed predecessor is left to be mistaken for theirs.
    m_gate.hold();
    show(m_service.gatherFacts(true));
    if (!m_connection.registerService(QString::fromLatin1(bus::kService))) {
        logError("cannot take the name org.dormouse.Helper1: " +
                 m_connection.lastError().message().toStdString());
        return false;
    }
    m_busySinceMs = QDateTime::currentMSecsSinceEpoch();
    m_worker.start([this] {
        m_sessions.cleanUp();
        m_service.recover();
        QMetaObject::invokeMethod(this, &Daemon::recovered, Qt::QueuedConnection);
    });
    return true;
}

void Daemon::recovered()
{
    // Whoever mounts or unmounts wakes this up (POLLPRI, see proc(5)).
    m_mountInfo.reset(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
    if (m_mountInfo) {
        m_mountNotifier =
            std::make_unique<QSocketNotifier>(m_mountInfo.get(), QSocketNotifier::Exception);
        connect(m_mountNotifier.get(), &QSocketNotifier::activated, this,
                [this] { refresh(true); });
    }
    listenToKernel();
    m_gate.release();
    m_periodic.start();
    refresh(true);
    tick();
}

CallReply Daemon::startJob(JobSpec spec)
{
    const auto path = m_jobs.start(std::move(spec));
    if (!path)
        return tl::unexpected(path.error());
    return QVariantList{QVariant::fromValue(*path)};
}

CallReply Daemon::startBackup(const PlanRow& plan, std::optional<std::int64_t> slotMs)
{
    if (m_jobs.isPlanBusy(QString::fromStdString(plan.planId)))
        return busFail("Busy", tr("This plan is running already."));
    return startJob(m_factory.backup(plan, slotMs));
}

void Daemon::refresh(bool freshDevices)
{
    m_wantsFreshDevices = m_wantsFreshDevices || freshDevices;
    if (m_isGathering)
        m_isAskedAgain = true;
    else if (!m_soon.isActive())
        m_soon.start();
}

void Daemon::restorePointsChanged(const QString& volumeId)
{
    m_manager->announce("RestorePointsChanged", {volumeId});
    refresh();
}

template <typename Object, typename Info>
void Daemon::addMissing(std::map<QString, std::unique_ptr<Object>>& objects,
                        const QList<Info>& infos)
{
    for (const Info& info : infos) {
        if (!objects.contains(info.id))
            objects.emplace(info.id, std::make_unique<Object>(*this, m_tree, info));
    }
}

void Daemon::showNew(const bus::PlanInfoList& plans)
{
    addMissing(m_plans, plans);
    m_isStale = true;
    refresh();
}

void Daemon::showNew(const bus::RepositoryInfoList& repositories)
{
    addMissing(m_repositories, repositories);
    m_isStale = true;
    refresh(true);
}

void Daemon::show(const Facts& facts)
{
    bus::VolumeInfoList protectedVolumes;
    std::copy_if(facts.volumes.begin(), facts.volumes.end(), std::back_inserter(protectedVolumes),
                 [](const auto& volume) { return volume.isProtected; });
    update(m_volumes, protectedVolumes);
    addMissing(m_volumes, protectedVolumes);
    update(m_plans, facts.plans);
    addMissing(m_plans, facts.plans);
    update(m_repositories, facts.repositories);
    addMissing(m_repositories, facts.repositories);
    m_manager->update(facts);
}

void Daemon::gather()
{
    m_isGathering = true;
    m_isAskedAgain = false;
    m_isStale = false;
    const bool fresh = std::exchange(m_wantsFreshDevices, false);
    m_worker.start([this, fresh] {
        m_sessions.reap();
        Facts facts = m_service.gatherFacts(fresh);
        QMetaObject::invokeMethod(
            this, [this, facts = std::move(facts)] { apply(facts); }, Qt::QueuedConnection);
    });
}

void Daemon::apply(const Facts& facts)
{
    m_isGathering = false;
    if (m_isStale) {
        // They would take away again what was made meanwhile.
        refresh(true);
        return;
    }
    show(facts);
    if (facts.volumes != m_facts.volumes)
        m_manager->announce("VolumesChanged");
    if (facts.plans != m_facts.plans)
        m_manager->announce("PlansChanged");
    if (facts.repositories != m_facts.repositories)
        m_manager->announce("RepositoriesChanged");
    if (facts.nextRunTime != m_facts.nextRunTime)
        tick();
    m_facts = facts;

    const qint64 now = QDateTime::currentMSecsSinceEpoch();
    if (!m_volumes.empty() || !facts.plans.isEmpty() || m_jobs.unfinished() > 0 ||
        m_gate.pending() > 0 || m_sessions.count() > 0)
        m_busySinceMs = now;
    else if (now - m_busySinceMs > kIdleMs)
        emit idle();
    if (m_isAskedAgain)
        refresh();
}

void Daemon::tick()
{
    m_worker.start([this] {
        auto due = m_service.duePlans();
        if (!due)
            logError("the schedule cannot be read: " + due.error().sentence.toStdString());
        std::vector<std::pair<PlanRow, qint64>> rows;
        for (const DuePlan& one : due ? *due : std::vector<DuePlan>()) {
            if (auto row = m_service.planRow(one.planId.toStdString()))
                rows.emplace_back(std::move(*row), one.slotMs);
        }
        QMetaObject::invokeMethod(
            this,
            [this, rows = std::move(rows)] {
                for (const auto& [plan, slotMs] : rows) {
                    // Busy is fine: it is running, and its run will count for the slot.
                    if (const auto started = startBackup(plan, slotMs); started)
                        logInfo("plan " + plan.planId + " is due");
                }
                // At the next slot, and now and then in case the clock was set.
                const qint64 untilNext =
                    m_facts.nextRunTime * 1000 - QDateTime::currentMSecsSinceEpoch() + 50;
                m_schedule.start(untilNext > 0 && untilNext < kScheduleMs
                                     ? static_cast<int>(untilNext)
                                     : kScheduleMs);
            },
            Qt::QueuedConnection);
    });
}

void Daemon::jobFinished(const JobObject* job)
{
    m_manager->announce("ActivityChanged");
    if (job->kind() == static_cast<uint>(bus::JobKind::Backup)) {
        for (const QString& id : job->volumeIds())
            m_manager->announce("RestorePointsChanged", {id});
    }
    refresh(true);
}

void Daemon::listenToKernel()
{
    if (m_events)
        return;
    auto module = Module::open();
    if (!module)
        return; // looked for again at the next refresh
    const bool isLate = m_facts.moduleState != bus::ModuleState::Unknown;
    m_events.emplace(std::move(*module));
    m_eventNotifier = std::make_unique<QSocketNotifier>(m_events->eventFd(), QSocketNotifier::Read);
    connect(m_eventNotifier.get(), &QSocketNotifier::activated, this, &Daemon::kernelEvents);
    if (isLate) // loaded after we started: attach what is there
        m_worker.start([this] { m_service.attachAll(); });
}

void Daemon::kernelEvents()
{
    const auto events = m_events->readEvents();
    if (!events) {
        // The module was unloaded, or the device is broken: start over later.
        m_eventNotifier.reset();
        m_events.reset();
        refresh();
        return;
    }
    for (const ModuleEvent& event : *events) {
        const QString volumeId = QString::fromStdString(event.volumeId.hex());
        switch (event.type) {
        case DORMOUSE_EVENT_SNAPSHOT:
        case DORMOUSE_EVENT_SNAPSHOT_FAILED:
        case DORMOUSE_EVENT_SNAPSHOT_DROPPED:
            m_manager->announce("RestorePointsChanged", {volumeId});
            break;
        case DORMOUSE_EVENT_STORE_LOW:
            if (!m_jobs.isStoreGrowing(volumeId))
                (void)startJob(m_factory.growStore(event.volumeId.hex(), 0));
            break;
        case DORMOUSE_EVENT_FAILED:
            logError("volume " + event.volumeId.hex() + " failed: " + event.reason);
            break;
        default:
            break;
        }
    }
    if (!events->empty())
        refresh(true);
}

} // namespace dormouse
