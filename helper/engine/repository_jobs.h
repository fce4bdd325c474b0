// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Jobs about a repository: verify it, repair it, import its records, keep to a plan's
 * retention. The rules of JobControl hold.
 */
#pragma once

#include "helper/catalog/rows.h"
#include "helper/engine/job_control.h"
#include "helper/repository/repository.h"

namespace dormouse {

/// Checks a repository and writes the verdict into the catalog, one row for the
/// whole of it and one for each record that is damaged.
class VerifyJob
{
public:
    VerifyJob(const EngineContext& context, std::shared_ptr<Repository> repository,
              VerifyScope scope)
        : m_context(context), m_repository(std::move(repository)), m_scope(scope)
    {
    }

    /// Findings are no error: they are in the report.
    [[nodiscard]] Result<VerifyReport> run(const JobControl& control);

private:
    const EngineContext& m_context;
    std::shared_ptr<Repository> m_repository;
    VerifyScope m_scope;
};

/// Mends a repository, then checks its structure; both verdicts are in the catalog, by which
/// the next backup knows that it must read everything to make damaged ones whole.
class RepairJob
{
public:
    struct Report
    {
        RepairReport repair;
        VerifyReport after;
    };

    RepairJob(const EngineContext& context, std::shared_ptr<Repository> repository)
        : m_context(context), m_repository(std::move(repository))
    {
    }

    [[nodiscard]] Result<Report> run(const JobControl& control);

private:
    const EngineContext& m_context;
    std::shared_ptr<Repository> m_repository;
};

/// Makes the catalog know every record of a repository, and no other: after the
/// catalog was lost, or for a repository from elsewhere. The repository's own
/// row must be in the catalog. Volumes that were unknown are added unprotected.
class ImportJob
{
public:
    struct Report
    {
        std::size_t recordCount = 0;
        std::size_t volumeCount = 0;
        std::vector<std::string> damaged; ///< sentences: records that could not be read
        std::int64_t newestMs = 0;
        /// The newest record of this machine is older than one we know of: the
        /// repository was rolled back, or records were deleted elsewhere.
        bool isRolledBack = false;
    };

    ImportJob(const EngineContext& context, std::shared_ptr<Repository> repository)
        : m_context(context), m_repository(std::move(repository))
    {
    }

    [[nodiscard]] Result<Report> run(const JobControl& control);

private:
    const EngineContext& m_context;
    std::shared_ptr<Repository> m_repository;
};

/// Deletes the records of a plan that its retention no longer keeps, then frees
/// their room. Returns the ids of the deleted records. That somebody else is
/// writing (prune: Busy) is noted and leaves the room for the next time.
[[nodiscard]] Result<std::vector<std::string>> applyRetention(const EngineContext& context,
                                                              const PlanRow& plan,
                                                              Repository& repository,
                                                              const JobControl& control);

/// Deletes one backup by hand, with all its volumes, and frees its room.
[[nodiscard]] Result<void> forgetBackup(const EngineContext& context, Repository& repository,
                                        const std::string& recordId, const JobControl& control);

} // namespace dormouse
