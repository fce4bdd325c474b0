// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Gives a volume's store more room, before its local snapshots fill it. The rules of
 * JobControl hold.
 */
#pragma once

#include "helper/engine/job_control.h"

#include <string>

namespace dormouse {

class GrowStoreJob
{
public:
    struct Request
    {
        std::string volumeId;
        std::uint64_t bytes = 0; ///< how much more; 0 = choose
    };

    GrowStoreJob(const EngineContext& context, Request request)
        : m_context(context), m_request(std::move(request))
    {
    }

    /// By how many bytes it grew. The volume must be mounted for writing. Snapshots go on
    /// as they are. NoSpace: there is too little room, of free space that no local
    /// snapshot shows.
    [[nodiscard]] Result<std::uint64_t> run(const JobControl& control);

private:
    const EngineContext& m_context;
    Request m_request;
};

} // namespace dormouse
