// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/snapshot/change_collector.h"

namespace dormouse {

Result<int> collectChanges(const Module& module, std::uint32_t handle, const ChangeKeeper& keep)
{
    const auto epochs = module.epochs(handle);
    if (!epochs)
        return addContext(epochs.error(), "collecting changes");
    int collected = 0;
    for (std::size_t i = 0; i < epochs->size(); ++i) {
        const EpochInfo& epoch = (*epochs)[i];
        if (epoch.isOpen || epoch.isAcknowledged)
            continue;
        ClosedEpoch closed;
        closed.fromId = epoch.fromId;
        closed.toId = epoch.nextId;
        closed.number = epoch.epoch + 1;
        // The next one in the list may be a later epoch, if those between are gone.
        if (i + 1 < epochs->size() && (*epochs)[i + 1].id == epoch.nextId)
            closed.toCreatedMs = (*epochs)[i + 1].createdMs;
        closed.isMerged = epoch.firstEpoch != epoch.epoch;
        closed.isVoid = epoch.isVoid;
        if (!epoch.isVoid) {
            auto extents = module.changes(handle, epoch.epoch);
            if (!extents)
                return addContext(extents.error(), "collecting changes");
            closed.extents = std::move(*extents);
        }
        if (const auto kept = keep(closed); !kept)
            return tl::unexpected(kept.error());
        if (const auto done = module.acknowledge(handle, epoch.epoch); !done)
            return tl::unexpected(done.error());
        ++collected;
    }
    return collected;
}

} // namespace dormouse
