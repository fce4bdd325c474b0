// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Files from a browsed restore point into a directory, by the helper, with
 * owners and everything. The copying is FileRestore (helper/browse); this gives
 * it a job's progress.
 */
#pragma once

#include "helper/browse/file_restore.h"
#include "helper/engine/job_control.h"

namespace dormouse {

class RestoreFilesJob
{
public:
    struct Request
    {
        UniqueFd source;                ///< root of the browse mount
        UniqueFd target;                ///< directory that the caller opened
        std::vector<std::string> paths; ///< relative to `source`, raw bytes
        ConflictPolicy conflict = ConflictPolicy::Beside;
        std::int64_t pointTimeMs = 0; ///< of the restore point, for names beside
    };

    explicit RestoreFilesJob(Request request) : m_request(std::move(request)) {}

    /// What run() would do. Writes nothing.
    [[nodiscard]] Result<RestorePlan> plan(std::stop_token stop) const;

    /// Files that could not be restored are no error: they are in the report's
    /// exceptions, and each is said to `control.note`.
    [[nodiscard]] Result<RestoreReport> run(const JobControl& control);

private:
    Request m_request;
};

} // namespace dormouse
