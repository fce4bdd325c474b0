// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Full, incremental or compared: what a backup of one volume builds on, and
 * why. Private to the library.
 */
#pragma once

#include "helper/catalog/catalog.h"
#include "helper/repository/repository.h"

namespace dormouse {

struct BackupDecision
{
    BackupKind kind = BackupKind::Full;
    std::string reason; ///< why not incremental; empty for a first full
    std::optional<BackupWriter::Base> base;
    std::uint32_t blockBytes = 64u << 10;
    ExtentList changed; ///< incremental: what may differ from the base
};

struct DecisionQuestion
{
    std::string volumeId;
    std::string planId;
    Id128 momentId; ///< of the snapshot; none: no history
    std::uint64_t sizeBytes = 0;
    bool readEverything = false;
};

/// The base is the newest complete backup of the volume in this repository,
/// preferably of the same plan. A record that is no longer there or cannot be
/// read is passed over.
[[nodiscard]] Result<BackupDecision> decideBackup(Catalog& catalog, Repository& repository,
                                                  const DecisionQuestion& question);

} // namespace dormouse
