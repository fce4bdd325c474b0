// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/engine/module_snapshots.h"

#include "helper/catalog/catalog.h"
#include "helper/engine/frozen_file_system.h"
#include "helper/engine/store_places.h"
#include "helper/engine/volume_jobs.h"
#include "helper/snapshot/detached_mount.h"
#include "helper/snapshot/snapshot_set.h"

#include <fcntl.h>

namespace dormouse {
namespace {

class ExposedVolume : public FrozenVolume
{
public:
    struct Facts
    {
        VolumeRow row;
        ExtentList stores; ///< on it: its own, and those of others
        VolumeStatus status;
        SnapshotResult snapshot;
        std::string devicePath;
    };

    ExposedVolume(Facts facts, UniqueFd fd) : m_facts(std::move(facts)), m_fd(std::move(fd)) {}

    [[nodiscard]] int fd() const override { return m_fd.get(); }
    [[nodiscard]] std::uint64_t sizeBytes() const override { return m_facts.status.volumeBytes; }
    [[nodiscard]] Id128 epochId() const override { return m_facts.snapshot.epochId; }
    [[nodiscard]] ExtentList storeExtents() const override { return m_facts.stores; }
    [[nodiscard]] Allocation allocation() override;
    [[nodiscard]] std::vector<SampleFile> sampleFiles(std::uint64_t budgetBytes,
                                                      std::stop_token stop) override
    {
        return m_root ? sampleFileHashes(m_root.get(), budgetBytes, stop)
                      : std::vector<SampleFile>();
    }

    void closeAll()
    {
        m_root.reset();
        m_mount.reset();
        m_fd.reset();
    }

private:
    Facts m_facts;
    UniqueFd m_fd;
    UniqueFd m_mount; // detached: there as long as this is open
    UniqueFd m_root;
};

Allocation ExposedVolume::allocation()
{
    Allocation allocation;
    // A frozen file system is complete without its journal. One that nobody had
    // mounted is complete if its journal is empty, which the mount then checks.
    auto mount = mountDetached(m_facts.devicePath, m_facts.row.fsType,
                               m_facts.snapshot.wasFrozen ? MountKind::FrozenSnapshot
                                                          : MountKind::CleanSnapshot);
    auto root = mount ? openRoot(*mount) : Result<UniqueFd>(tl::unexpected(mount.error()));
    if (!root) {
        allocation.reason = "the snapshot's file system could not be asked what is free (" +
                            root.error().message + ")";
        return allocation;
    }
    m_mount = std::move(*mount);
    m_root = std::move(*root);
    auto free = freeExtents(m_root.get());
    if (!free) {
        allocation.reason =
            "the snapshot's file system does not say what is free (" + free.error().message + ")";
        return allocation;
    }
    allocation.isKnown = true;
    allocation.free = std::move(*free);
    allocation.unrecorded = bootLoaderExtents(m_root.get());
    for (const SwapPath& swap :
         activeSwapFiles(m_facts.status.deviceMajor, m_facts.status.deviceMinor)) {
        for (const Extent& extent : swapExtents(m_root.get(), swap))
            allocation.excluded.push_back({ExclusionKind::Swap, extent});
    }
    return allocation;
}

class ModuleMoment : public FrozenMoment
{
public:
    ModuleMoment(SnapshotSet set, std::int64_t createdMs)
        : m_set(std::move(set)), m_createdMs(createdMs)
    {
    }
    ~ModuleMoment() override { closeAll(); }

    [[nodiscard]] std::size_t count() const override { return m_volumes.size(); }
    [[nodiscard]] FrozenVolume& volume(std::size_t index) override { return *m_volumes[index]; }
    [[nodiscard]] std::int64_t createdMs() const override { return m_createdMs; }
    [[nodiscard]] Result<void> release() override
    {
        closeAll();
        return m_set.release();
    }

    [[nodiscard]] Result<void> add(std::size_t index, VolumeRow row, ExtentList stores,
                                   VolumeStatus status)
    {
        const auto disk = m_set.expose(index);
        if (!disk)
            return tl::unexpected(disk.error());
        UniqueFd fd(::open(disk->devicePath().c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC));
        if (!fd)
            return failErrno("cannot open the snapshot");
        m_volumes.push_back(std::make_unique<ExposedVolume>(
            ExposedVolume::Facts{std::move(row), std::move(stores), std::move(status),
                                 m_set.moment().volumes[index], disk->devicePath()},
            std::move(fd)));
        return {};
    }

private:
    void closeAll()
    {
        for (const auto& volume : m_volumes)
            volume->closeAll();
    }

    SnapshotSet m_set; // released last
    std::int64_t m_createdMs;
    std::vector<std::unique_ptr<ExposedVolume>> m_volumes;
};

} // namespace

Result<std::unique_ptr<FrozenMoment>>
ModuleSnapshots::take(const std::vector<std::string>& volumeIds)
{
    auto catalog = Catalog::connect(m_context.catalogPath);
    if (!catalog)
        return tl::unexpected(catalog.error());
    std::vector<VolumeRow> rows;
    std::vector<VolumeStatus> statuses;
    std::vector<std::uint32_t> handles;
    for (const std::string& volumeId : volumeIds) {
        auto found = findAttached(m_context, *catalog, volumeId);
        if (!found)
            return tl::unexpected(found.error());
        handles.push_back(found->status.handle);
        rows.push_back(std::move(found->row));
        statuses.push_back(std::move(found->status));
    }
    auto set = SnapshotSet::take(*m_context.module, handles, {});
    if (!set)
        return tl::unexpected(set.error());
    auto moment = std::make_unique<ModuleMoment>(std::move(*set), m_context.clock->nowMs());
    for (std::size_t i = 0; i < volumeIds.size(); ++i) {
        const auto collected = collectChangeSets(*m_context.module, *catalog, volumeIds[i]);
        if (!collected)
            return tl::unexpected(collected.error());
        auto stores = storesOn(*catalog, rows[i]);
        if (!stores)
            return tl::unexpected(stores.error());
        const auto added =
            moment->add(i, std::move(rows[i]), std::move(*stores), std::move(statuses[i]));
        if (!added)
            return tl::unexpected(added.error());
    }
    return moment;
}

} // namespace dormouse
