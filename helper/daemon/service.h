// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Between bus and engine: what callers ask for, in the bus's types.
 *
 * Every function opens its own connection to the catalog and its own handle of
 * the kernel module, so that all of them may be called from any number of
 * threads. Arguments are checked already where they have a form (see
 * validation.h); ids are looked up here. Texts are for people.
 */
#pragma once

#include "helper/catalog/catalog.h"
#include "helper/daemon/bus_error.h"
#include "helper/daemon/facts.h"
#include "helper/daemon/repository_place.h"
#include "helper/dbus/types.h"
#include "helper/engine/job_control.h"
#include "helper/policy/due_calculator.h"
#include "helper/repository/repository.h"
#include "helper/snapshot/module.h"
#include "helper/snapshot/volume_probe.h"

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace dormouse {

struct ServicePaths
{
    std::string stateFolder = "/var/lib/dormouse"; ///< catalog.sqlite, keys/
    std::string attachConfig = "/etc/dormouse/attach.conf";
    std::string runFolder = "/run/dormouse";

    [[nodiscard]] std::string catalog() const { return stateFolder + "/catalog.sqlite"; }
    [[nodiscard]] std::string keys() const { return stateFolder + "/keys"; }
    [[nodiscard]] std::string repositoryMounts() const { return runFolder + "/repositories"; }
};

/// What an engine job needs, owned. Not movable: the context points into it.
struct EngineSession
{
    std::optional<Module> module;
    EngineContext context;

    EngineSession() = default;
    EngineSession(const EngineSession&) = delete;
    EngineSession& operator=(const EngineSession&) = delete;
};

/// A repository that is open, and the place that has to outlive it.
struct OpenedRepository
{
    // Destroyed in reverse order: the repository lets go before the disk is unmounted.
    std::unique_ptr<RepositoryPlace> place;
    std::shared_ptr<Repository> repository;
};

/// A plan whose time has come.
struct DuePlan
{
    QString planId;
    qint64 slotMs = 0;
};

struct Page
{
    quint32 offset = 0;
    quint32 limit = 0;
};

class Service
{
public:
    explicit Service(ServicePaths paths) : m_paths(std::move(paths)) {}

    /// Opens, checks and migrates the catalog; knows this machine. Once, first.
    [[nodiscard]] Result<void> open();
    /// Once, after open() and before any job: what a killed helper left behind is
    /// put in order. Ends with attachAll().
    void recover();
    /// Attaches protected volumes that are present, and takes their change sets over.
    void attachAll();

    [[nodiscard]] const ServicePaths& paths() const { return m_paths; }
    [[nodiscard]] Result<Catalog> catalog() const { return Catalog::connect(m_paths.catalog()); }
    [[nodiscard]] std::unique_ptr<EngineSession> engine() const;
    [[nodiscard]] const Id128& machineId() const { return m_machineId; }

    // Lists and verdicts (service_lists.cpp, service_volumes.cpp)
    /// Everything at once. `freshDevices`: look at the devices themselves, else
    /// what was seen last time (disks that sleep stay asleep).
    [[nodiscard]] Facts gatherFacts(bool freshDevices);
    [[nodiscard]] BusResult<bus::VolumeInfoList> volumes(bool freshDevices);
    [[nodiscard]] BusResult<bus::RepositoryInfoList> repositories();
    [[nodiscard]] BusResult<bus::PlanInfoList> plans();
    [[nodiscard]] BusResult<bus::RestorePointList> restorePoints(const std::string& volumeId,
                                                                 Page page, quint32& total);
    [[nodiscard]] BusResult<bus::ActivityEntryList> activity(Page page, quint32& total);
    [[nodiscard]] BusResult<void> changeMap(const std::string& volumeId, quint32 buckets,
                                            QByteArray& changed, QByteArray& store);
    [[nodiscard]] BusResult<std::vector<DuePlan>> duePlans();

    // Volumes (service_volumes.cpp)
    [[nodiscard]] BusResult<QStringList> takeSnapshot(const std::vector<std::string>& volumeIds,
                                                      bool isDurable);
    [[nodiscard]] BusResult<void> dropSnapshot(const std::string& volumeId, std::uint64_t epoch);
    [[nodiscard]] BusResult<void> forgetVolume(const std::string& volumeId);
    /// What to say if two disks that are connected hold one of the volumes: a copy
    /// was made of it. Nothing may be backed up then, for the one that is recorded
    /// and the one in use need not be the same.
    [[nodiscard]] std::optional<QString> twinOf(const std::vector<std::string>& volumeIds);
    /// Writes attach.conf anew from the catalog. After protection changed.
    [[nodiscard]] Result<void> writeAttachConfig();

    // Repositories (service_repositories.cpp)
    struct NewRepository
    {
        std::string name;
        UniqueFd directory;
        UniqueFd passphrase;
        UniqueFd recoveryKey;
        bool isEncrypted = true;
    };
    [[nodiscard]] BusResult<QString> createRepository(NewRepository request);
    [[nodiscard]] BusResult<QString> openRepository(UniqueFd directory, UniqueFd passphrase);
    /// For an encrypted repository, who asks must know what opens it now.
    struct NewPassphrase
    {
        UniqueFd current;     ///< a pipe with the passphrase or recovery key
        UniqueFd passphrase;  ///< a pipe with the new one
        UniqueFd recoveryKey; ///< a pipe to write to
    };
    [[nodiscard]] BusResult<void> setPassphrase(const std::string& repositoryId,
                                                NewPassphrase request);
    [[nodiscard]] BusResult<void> forgetRepository(const std::string& repositoryId);
    [[nodiscard]] BusResult<void> forgetBackup(const std::string& repositoryId,
                                               const std::string& recordId);
    /// Held by whoever writes to a repository, removes from it or must not see it
    /// change: jobs that claim it, and calls that are no jobs. Waits its turn.
    [[nodiscard]] std::unique_lock<std::mutex> holdRepository(const std::string& repositoryId);
    /// The same, for calls: nothing is held if a job has it.
    [[nodiscard]] std::unique_lock<std::mutex> tryHoldRepository(const std::string& repositoryId);
    /// With the key that is kept for it.
    [[nodiscard]] Result<OpenedRepository> unlock(const RepositoryRow& row);

    // Plans (service_plans.cpp)
    struct PlanSettings
    {
        std::string name;
        std::vector<std::string> volumeIds;
        std::string repositoryId;
        std::string rhythm; ///< policy's text
        std::uint32_t keepLast = 0;
        bool isEnabled = true;
    };
    [[nodiscard]] BusResult<QString> createPlan(const PlanSettings& settings);
    [[nodiscard]] BusResult<void> updatePlan(const std::string& planId,
                                             const PlanSettings& settings);
    [[nodiscard]] BusResult<void> pausePlan(const std::string& planId, qint64 untilSeconds);
    [[nodiscard]] BusResult<void> removePlan(const std::string& planId);

    [[nodiscard]] BusResult<VolumeRow> volumeRow(const std::string& volumeId);
    [[nodiscard]] BusResult<RepositoryRow> repositoryRow(const std::string& repositoryId);
    [[nodiscard]] BusResult<PlanRow> planRow(const std::string& planId);

private:
    [[nodiscard]] std::vector<ProbedVolume> devices(bool fresh);
    [[nodiscard]] bus::VolumeInfo describe(Catalog& catalog, const VolumeRow& row,
                                           const ProbedVolume* device, const Module* module,
                                           bus::ModuleState moduleState);
    [[nodiscard]] static bus::VolumeInfo describePast(Catalog& catalog, const VolumeRow& row,
                                                      const ProbedVolume* device);
    [[nodiscard]] bus::RepositoryInfo describe(Catalog& catalog, const RepositoryRow& row);
    [[nodiscard]] bus::PlanInfo describe(Catalog& catalog, const PlanRow& row);
    [[nodiscard]] BusResult<void> checkPlan(Catalog& catalog, const PlanSettings& settings);
    [[nodiscard]] Result<DueCalculator> calculator(Catalog& catalog, const PlanRow& row);
    [[nodiscard]] Result<void> keepKey(const std::string& repositoryId, const Secret& key);
    [[nodiscard]] Result<Secret> keptKey(const std::string& repositoryId);
    void forgetKey(const std::string& repositoryId);
    [[nodiscard]] std::mutex& mutexOf(const std::string& repositoryId);
    void releaseLeftovers(Catalog& catalog, const Module& module, const VolumeRow& row);
    /// Epoch ids of the snapshots that people asked for and that are not durable.
    [[nodiscard]] std::vector<std::string> keptSnapshots(Catalog& catalog,
                                                         const std::string& volumeId);
    [[nodiscard]] Result<void> keepSnapshots(Catalog& catalog, const std::string& volumeId,
                                             const std::vector<std::string>& epochIds);

    ServicePaths m_paths;
    Id128 m_machineId;
    std::string m_machineName;
    std::mutex m_devicesLock; // guards m_devices
    std::optional<std::vector<ProbedVolume>> m_devices;
    std::mutex m_repositoriesLock; // guards the map, not what is in it
    std::map<std::string, std::mutex> m_repositoryLocks;
};

/// Restore points that are local snapshots are named by their epoch's id.
inline constexpr char kLocalPointPrefix[] = "local:";

} // namespace dormouse
