// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Snapshots of several volumes of one moment, released when this is destroyed.
 *
 * For jobs: whatever happens, what they took is unexposed and dropped, unless
 * keep() was called. Needs the Module to outlive it.
 *
 * Threads: one at a time.
 */
#pragma once

#include "helper/snapshot/module.h"

namespace dormouse {

class SnapshotSet
{
public:
    struct Options
    {
        bool isDurable = false; ///< survives a power cut
        std::chrono::milliseconds timeout = std::chrono::seconds(30);
    };

    /// Takes them: all or none.
    [[nodiscard]] static Result<SnapshotSet>
    take(const Module& module, std::span<const std::uint32_t> handles, const Options& options);

    SnapshotSet(SnapshotSet&& other) noexcept;
    SnapshotSet& operator=(SnapshotSet&&) = delete;
    ~SnapshotSet();

    [[nodiscard]] const SnapshotMoment& moment() const { return m_moment; }

    /// The disk of the volume at `index` (order of the handles).
    [[nodiscard]] Result<ExposedDisk> expose(std::size_t index);

    /// Unexposes and drops all of them now, to hear of failures. Repeats a busy
    /// unexpose for up to 10 s (udev may be looking at the disk).
    [[nodiscard]] Result<void> release();

    /// The snapshots stay when this is destroyed (unexposed).
    void keep() { m_isKept = true; }

private:
    SnapshotSet(const Module& module, SnapshotMoment moment)
        : m_module(&module), m_moment(std::move(moment)), m_exposed(m_moment.volumes.size())
    {
    }

    const Module* m_module;
    SnapshotMoment m_moment;
    std::vector<bool> m_exposed;
    bool m_isKept = false;
};

} // namespace dormouse
