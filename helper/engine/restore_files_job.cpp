// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/engine/restore_files_job.h"

namespace dormouse {

Result<RestorePlan> RestoreFilesJob::plan(std::stop_token stop) const
{
    FileRestoreOptions options;
    options.conflict = m_request.conflict;
    options.pointTimeMs = m_request.pointTimeMs;
    options.stop = std::move(stop);
    return FileRestore(m_request.source.get(), m_request.target.get(), std::move(options))
        .plan(m_request.paths);
}

Result<RestoreReport> RestoreFilesJob::run(const JobControl& control)
{
    control.report(JobPhase::Preparing);
    FileRestoreOptions options;
    options.conflict = m_request.conflict;
    options.pointTimeMs = m_request.pointTimeMs;
    options.stop = control.stop;
    options.progress = [&](std::uint64_t done, std::uint64_t total) {
        control.report(JobPhase::Copying, done, total);
    };
    options.exception = [&](const RestoreException& exception) {
        control.say(exception.path + ": " + exception.sentence);
    };
    return FileRestore(m_request.source.get(), m_request.target.get(), std::move(options))
        .run(m_request.paths);
}

} // namespace dormouse
