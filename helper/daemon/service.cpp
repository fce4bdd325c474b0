// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/daemon/service.h"

#include "helper/attach/attach_config.h"
#include "helper/base/directory.h"
#include "helper/base/log.h"
#include "helper/engine/volume_jobs.h"

#include <algorithm>
#include <filesystem>
#include <sstream>

#include <systemd/sd-id128.h>
#include <unistd.h>

namespace dormouse {

namespace {

// Identifies "this machine as Dormouse sees it"; never change: it is in records.
constexpr sd_id128_t kApplicationId =
    SD_ID128_MAKE(6d, 1c, 0e, 5b, 8f, 2a, 4f, 3e, 9b, 77, 21, d4, c0, 5a, e9, 13);

constexpr char kMachineIdSetting[] = "machine-id";
constexpr char kKeptSnapshotsSetting[] = "kept-snapshots.";

std::string hostName()
{
    char name[256] = {};
    return ::gethostname(name, sizeof(name) - 1) == 0 ? name : std::string();
}

} // namespace

Result<void> Service::open()
{
    std::error_code error;
    std::filesystem::create_directories(m_paths.keys(), error);
    if (error)
        return fail(Error::Code::Io, "cannot make " + m_paths.keys() + ": " + error.message());
    CatalogOpenReport report;
    auto catalog = Catalog::open(m_paths.catalog(), &report);
    if (!catalog)
        return tl::unexpected(catalog.error());
    if (report.wasDamaged)
        logError(report.sentence);

    // Derived from the machine, so that it is the same after the catalog was
    // lost; a machine that has no identity gets a random one.
    m_machineName = hostName();
    sd_id128_t id{};
    if (sd_id128_get_machine_app_specific(kApplicationId, &id) == 0) {
        std::copy(std::begin(id.bytes), std::end(id.bytes), m_machineId.bytes.begin());
        return {};
    }
    const auto stored = catalog->setting(kMachineIdSetting);
    if (!stored)
        return tl::unexpected(stored.error());
    if (const auto known = Id128::fromHex(stored->value_or("")); known && !known->isNone()) {
        m_machineId = *known;
        return {};
    }
    m_machineId = Id128::random();
    return catalog->putSetting(kMachineIdSetting, m_machineId.hex());
}

std::unique_ptr<EngineSession> Service::engine() const
{
    auto session = std::make_unique<EngineSession>();
    if (auto module = Module::open())
        session->module.emplace(std::move(*module));
    session->context.catalogPath = m_paths.catalog();
    session->context.module = session->module ? &*session->module : nullptr;
    session->context.clock = &systemClock();
    session->context.machineId = m_machineId;
    session->context.machineName = m_machineName;
    return session;
}

void Service::recover()
{
    RepositoryPlace::unmountLeftovers(m_paths.repositoryMounts());
    auto catalog = this->catalog();
    if (!catalog) {
        logError(catalog.error().message);
        return;
    }
    if (const auto cut = catalog->interruptRunningRuns(
            systemClock().nowMs(), "The helper or the machine stopped during this run.");
        cut && *cut > 0)
        logWarning("runs that were cut off: " + std::to_string(*cut));

    attachAll();
    const auto session = engine();
    const auto rows = catalog->volumes();
    for (const VolumeRow& row : rows ? *rows : std::vector<VolumeRow>()) {
        if (row.isProtected && session->module)
            releaseLeftovers(*catalog, *session->module, row);
    }
}

void Service::attachAll()
{
    const auto session = engine();
    auto catalog = this->catalog();
    if (!catalog || !session->module)
        return;
    const auto rows = catalog->volumes();
    for (const VolumeRow& row : rows ? *rows : std::vector<VolumeRow>()) {
        if (!row.isProtected)
            continue;
        if (const auto attached = attachVolume(session->context, row); !attached)
            logInfo("volume " + row.volumeId + " is not attached: " + attached.error().message);
    }
    // A store that had to be made anew may lie elsewhere.
    if (const auto written = writeAttachConfig(); !written)
        logError("cannot write the list for the next boot: " + written.error().message);
}

// Snapshots that a backup took belong to nobody once its helper is gone.
void Service::releaseLeftovers(Catalog& catalog, const Module& module, const VolumeRow& row)
{
    const auto id = Id128::fromHex(row.volumeId);
    const auto status = id ? module.find(*id) : Result<std::optional<VolumeStatus>>();
    if (!status || !*status)
        return;
    const std::uint32_t handle = (*status)->handle;
    const auto kept = keptSnapshots(catalog, row.volumeId);
    const auto epochs = module.epochs(handle);
    for (const EpochInfo& epoch : epochs ? *epochs : std::vector<EpochInfo>()) {
        if (!epoch.hasSnapshot)
            continue;
        // Busy: a browse session that outlived its helper; it ends by itself.
        if (epoch.isExposed)
            (void)module.unexpose(handle, epoch.epoch);
        const bool isOwned =
            epoch.isDurable || std::find(kept.begin(), kept.end(), epoch.id.hex()) != kept.end();
        if (isOwned)
            continue;
        if (const auto dropped = module.drop(handle, epoch.epoch); !dropped)
            logWarning("a snapshot that nobody needs stays: " + dropped.error().message);
    }
}

Result<void> Service::writeAttachConfig()
{
    auto catalog = this->catalog();
    if (!catalog)
        return tl::unexpected(catalog.error());
    const auto rows = catalog->volumes();
    if (!rows)
        return tl::unexpected(rows.error());
    std::vector<AttachEntry> entries;
    for (const VolumeRow& row : *rows) {
        const auto id = Id128::fromHex(row.volumeId);
        if (row.isProtected && id && row.superblockOffsetBBytes != 0)
            entries.push_back({id->bytes, row.fsUuid, row.fsType, row.superblockOffsetBytes,
                               row.superblockOffsetBBytes, row.storeDevice});
    }
    const std::filesystem::path path(m_paths.attachConfig);
    auto folder = Directory::open(path.parent_path());
    if (!folder)
        return entries.empty() ? Result<void>() : tl::unexpected(folder.error());
    if (entries.empty()) {
        const auto removed = folder->remove(path.filename());
        if (!removed && removed.error().code != Error::Code::NotFound)
            return removed;
        return {};
    }
    return folder->writeFile(path.filename(), asBytes(formatAttachConfig(entries)));
}

BusResult<VolumeRow> Service::volumeRow(const std::string& volumeId)
{
    auto catalog = this->catalog();
    if (!catalog)
        return busFail(catalog.error());
    const auto row = catalog->volume(volumeId);
    if (!row)
        return busFail(row.error());
    if (!*row)
        return busFail("NotFound", QStringLiteral("There is no such volume (any more)."));
    return **row;
}

BusResult<RepositoryRow> Service::repositoryRow(const std::string& repositoryId)
{
    auto catalog = this->catalog();
    if (!catalog)
        return busFail(catalog.error());
    const auto row = catalog->repository(repositoryId);
    if (!row)
        return busFail(row.error());
    if (!*row)
        return busFail("NotFound", QStringLiteral("There is no such repository (any more)."));
    return **row;
}

BusResult<PlanRow> Service::planRow(const std::string& planId)
{
    auto catalog = this->catalog();
    if (!catalog)
        return busFail(catalog.error());
    const auto row = catalog->plan(planId);
    if (!row)
        return busFail(row.error());
    if (!*row)
        return busFail("NotFound", QStringLiteral("There is no such plan (any more)."));
    return **row;
}

std::vector<std::string> Service::keptSnapshots(Catalog& catalog, const std::string& volumeId)
{
    const auto text = catalog.setting(kKeptSnapshotsSetting + volumeId);
    std::istringstream words(text ? text->value_or("") : "");
    std::vector<std::string> ids;
    for (std::string id; words >> id;)
        ids.push_back(id);
    return ids;
}

Result<void> Service::keepSnapshots(Catalog& catalog, const std::string& volumeId,
                                    const std::vector<std::string>& epochIds)
{
    std::string text;
    for (const std::string& id : epochIds)
        text += id + ' ';
    return catalog.putSetting(kKeptSnapshotsSetting + volumeId, text);
}

} // namespace dormouse
