// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Moments from the kernel module: transient snapshots, exposed as disks.
 *
 * The disk is opened O_DIRECT. For allocation and sample files it is mounted
 * read-only and detached: in no name space, gone with this process however it
 * ends.
 */
#pragma once

#include "helper/engine/job_control.h"
#include "helper/engine/snapshot_provider.h"

namespace dormouse {

class ModuleSnapshots : public SnapshotProvider
{
public:
    explicit ModuleSnapshots(const EngineContext& context) : m_context(context) {}

    [[nodiscard]] Result<std::unique_ptr<FrozenMoment>>
    take(const std::vector<std::string>& volumeIds) override;

private:
    const EngineContext& m_context;
};

} // namespace dormouse
