// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Everything the bus objects show, looked up at one moment, and the verdict
 * about it. Plain values; gathered in a worker thread, applied in the main one.
 */
#pragma once

#include "helper/dbus/types.h"

#include <QList>

namespace dormouse {

struct Facts
{
    bus::ModuleState moduleState = bus::ModuleState::Unknown;
    bus::VolumeInfoList volumes;
    bus::PlanInfoList plans;
    bus::RepositoryInfoList repositories;
    bus::HealthInfo health;
    qint64 newestBackupTime = 0;
    qint64 nextRunTime = 0;
};

/// The worst of all facts, in a sentence, with what would help. Judged from
/// what happened (runs, backups, verifications, states), never from what is
/// configured. Pure; `nowSeconds` since 1970.
[[nodiscard]] bus::HealthInfo judgeHealth(const Facts& facts, qint64 nowSeconds);

} // namespace dormouse
