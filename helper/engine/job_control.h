// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What every job of the engine is given, and how it tells of its progress.
 *
 * A job is a plain class: made with what it needs, run once, in a thread of its
 * own, by run(JobControl&). It uses its own connection to the catalog. It looks
 * at the stop token often (at least once a megabyte) and then ends with
 * Cancelled, having released whatever it took.
 *
 * Progress is exact: bytesTotal is known before the first byte is counted, and
 * bytesDone ends equal to it. It is of the work as a whole, not of a phase.
 */
#pragma once

#include "helper/base/clock.h"
#include "helper/base/id.h"
#include "helper/base/result.h"

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

namespace dormouse {

class Catalog;
class Module;

/// The numbers are those of the bus (JobPhase in helper/dbus/types.h).
enum class JobPhase : std::uint32_t {
    None = 0,
    Preparing = 1,
    Snapshotting = 2,
    Reading = 3,
    Committing = 4,
    CleaningUp = 5,
    Copying = 6,
    Verifying = 7,
};

struct JobProgress
{
    JobPhase phase = JobPhase::None;
    std::uint64_t bytesDone = 0;
    std::uint64_t bytesTotal = 0; ///< 0 = not known yet
};

/// The callbacks may come from any thread of the job, one at a time, and must be
/// quick. Either may be empty.
struct JobControl
{
    std::function<void(const JobProgress&)> progress;
    /// A line for people who look closer: warnings, reasons, exceptions.
    std::function<void(const std::string&)> note;
    std::stop_token stop;

    void report(JobPhase phase, std::uint64_t done = 0, std::uint64_t total = 0) const
    {
        if (progress)
            progress({phase, done, total});
    }
    void say(const std::string& line) const
    {
        if (note)
            note(line);
    }
    /// An error if a stop was asked for.
    [[nodiscard]] Result<void> checkStop() const;
};

/// What all jobs of one helper share. Must outlive them.
struct EngineContext
{
    std::string catalogPath;        ///< opened (Catalog::open) before any job runs
    const Module* module = nullptr; ///< nullptr: not loaded; jobs that need it fail with NotFound
    Clock* clock = nullptr;
    Id128 machineId;
    std::string machineName;
};

} // namespace dormouse
