// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/snapshot/snapshot_set.h"

#include "helper/base/log.h"

#include <thread>

namespace dormouse {

Result<SnapshotSet> SnapshotSet::take(const Module& module, std::span<const std::uint32_t> handles,
                                      const Options& options)
{
    auto moment = module.snapshot(handles, options.isDurable, options.timeout);
    if (!moment)
        return tl::unexpected(moment.error());
    return SnapshotSet(module, std::move(*moment));
}

SnapshotSet::SnapshotSet(SnapshotSet&& other) noexcept
    : m_module(std::exchange(other.m_module, nullptr)), m_moment(std::move(other.m_moment)),
      m_exposed(std::move(other.m_exposed)), m_isKept(other.m_isKept)
{
}

SnapshotSet::~SnapshotSet()
{
    if (const auto released = release(); !released)
        logWarning("a snapshot could not be released: " + released.error().message);
}

Result<ExposedDisk> SnapshotSet::expose(std::size_t index)
{
    const SnapshotResult& volume = m_moment.volumes.at(index);
    auto disk = m_module->expose(volume.handle, volume.epoch);
    if (disk)
        m_exposed[index] = true;
    return disk;
}

Result<void> SnapshotSet::release()
{
    if (m_module == nullptr)
        return {};
    const Module& module = *std::exchange(m_module, nullptr);
    Result<void> worst;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    for (std::size_t i = 0; i < m_moment.volumes.size(); ++i) {
        const SnapshotResult& volume = m_moment.volumes[i];
        Result<void> done;
        while (m_exposed[i]) {
            done = module.unexpose(volume.handle, volume.epoch);
            if (done || done.error().code != Error::Code::Busy ||
                std::chrono::steady_clock::now() > deadline)
                break;
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        const bool isUnexposed = done || done.error().code != Error::Code::Busy;
        if (isUnexposed && !m_isKept)
            done = module.drop(volume.handle, volume.epoch);
        // One that is gone already (dropped to make room, volume detached) is released.
        if (!done && done.error().code != Error::Code::NotFound &&
            done.error().code != Error::Code::Gone)
            worst = done;
    }
    return worst;
}

} // namespace dormouse
