// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A plan's settings as callers give them, checked for their form.
 */
#pragma once

#include "helper/daemon/service.h"
#include "helper/daemon/validation.h"

namespace dormouse {

inline constexpr quint32 kMaxKeepLast = 100'000;

[[nodiscard]] inline BusResult<Service::PlanSettings>
checkedPlan(const QString& name, const QStringList& volumeIds, const QString& repositoryId,
            const bus::Rhythm& rhythm, quint32 keepLast)
{
    auto plainName = checkedName(name);
    auto volumes = checkedVolumeIds(volumeIds);
    auto repository = checkedId(repositoryId);
    const auto times = checkedRhythm(rhythm);
    if (!plainName)
        return tl::unexpected(plainName.error());
    if (!volumes)
        return tl::unexpected(volumes.error());
    if (!repository)
        return tl::unexpected(repository.error());
    if (!times)
        return tl::unexpected(times.error());
    if (keepLast > kMaxKeepLast)
        return busFail("InvalidArgument",
                       QObject::tr("A plan keeps at most %1 backups.").arg(kMaxKeepLast));
    return Service::PlanSettings{std::move(*plainName),
                                 std::move(*volumes),
                                 std::move(*repository),
                                 times->format(),
                                 keepLast,
                                 true};
}

} // namespace dormouse
