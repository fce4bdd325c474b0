// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/client/helper_client.h"

#include <QJsonArray>
#include <QJsonObject>

namespace dormouse::app::cli {

// What --json prints. Field names and words are stable; times are seconds since
// 1970 UTC (0 = never), sizes are bytes. Described in the manual page.
[[nodiscard]] QJsonObject toJson(const bus::HealthInfo& health);
[[nodiscard]] QJsonObject toJson(const bus::VolumeInfo& volume);
[[nodiscard]] QJsonObject toJson(const bus::RepositoryInfo& repository);
[[nodiscard]] QJsonObject toJson(const bus::PlanInfo& plan);
[[nodiscard]] QJsonObject toJson(const bus::RestorePoint& point);
[[nodiscard]] QJsonObject toJson(const bus::RestoreCounts& counts);
[[nodiscard]] QJsonObject toJson(const bus::ActivityEntry& entry);
[[nodiscard]] QJsonObject toJson(const JobStatus& job);
[[nodiscard]] QJsonObject toJson(const JobStatus& job, const JobDetails& details);

template <typename Item> QJsonArray toJsonArray(const QList<Item>& items)
{
    QJsonArray array;
    for (const Item& item : items)
        array.append(toJson(item));
    return array;
}

} // namespace dormouse::app::cli
