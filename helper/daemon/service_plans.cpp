// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/daemon/service.h"

#include "helper/base/log.h"
#include "helper/daemon/convert.h"
#include "helper/daemon/validation.h"

#include <QCoreApplication>

#include <algorithm>

namespace dormouse {

namespace {

constexpr int kRunsToLookAt = 10;
constexpr int kUpcoming = 5;

QString tr(const char* text)
{
    return QCoreApplication::translate("plans", text);
}

QString text(const std::string& utf8)
{
    return QString::fromStdString(utf8);
}

} // namespace

Result<DueCalculator> Service::calculator(Catalog& catalog, const PlanRow& row)
{
    auto rhythm = Rhythm::parse(row.rhythm);
    if (!rhythm)
        return tl::unexpected(rhythm.error());
    const auto runs = catalog.runs(row.planId, kRunsToLookAt);
    if (!runs)
        return tl::unexpected(runs.error());
    std::vector<PastRun> past;
    for (const RunRow& run : *runs)
        past.push_back({momentFromMs(run.startedAtMs), run.outcome == Outcome::Interrupted});
    DueCalculator::Plan plan{*rhythm, momentFromMs(row.createdAtMs), row.enabled, std::nullopt};
    if (row.pausedUntilMs)
        plan.pausedUntil = momentFromMs(*row.pausedUntilMs);
    return DueCalculator(plan, std::move(past));
}

bus::PlanInfo Service::describe(Catalog& catalog, const PlanRow& row)
{
    bus::PlanInfo info;
    info.id = text(row.planId);
    info.name = text(row.name);
    for (const std::string& id : row.volumeIds)
        info.volumeIds.append(text(id));
    info.repositoryId = text(row.repositoryId);
    if (const auto rhythm = Rhythm::parse(row.rhythm))
        info.rhythm = busRhythm(*rhythm);
    info.keepLast = row.keepLast;
    info.isEnabled = row.enabled;
    info.pausedUntil = row.pausedUntilMs.value_or(0) / 1000;
    const auto runs = catalog.runs(row.planId, kRunsToLookAt);
    for (const RunRow& run : runs ? *runs : std::vector<RunRow>()) {
        if (run.outcome == Outcome::Running)
            continue;
        info.lastRunTime = run.startedAtMs / 1000;
        info.lastOutcome = busOutcome(run.outcome);
        info.lastSentence = text(run.reason);
        break;
    }
    if (const auto due = calculator(catalog, row)) {
        const Moment now = momentFromMs(systemClock().nowMs());
        const DueState state = due->state(now);
        if (state.isDue)
            info.nextRunTime = msFromMoment(state.dueSince) / 1000;
        else if (state.nextRun)
            info.nextRunTime = msFromMoment(*state.nextRun) / 1000;
        for (const Moment& moment : due->nextRuns(now, kUpcoming))
            info.upcomingTimes.append(msFromMoment(moment) / 1000);
    }
    return info;
}

BusResult<bus::PlanInfoList> Service::plans()
{
    auto catalog = this->catalog();
    if (!catalog)
        return busFail(catalog.error());
    const auto rows = catalog->plans();
    if (!rows)
        return busFail(rows.error());
    bus::PlanInfoList list;
    for (const PlanRow& row : *rows)
        list.append(describe(*catalog, row));
    return list;
}

BusResult<std::vector<DuePlan>> Service::duePlans()
{
    auto catalog = this->catalog();
    if (!catalog)
        return busFail(catalog.error());
    const auto rows = catalog->plans();
    if (!rows)
        return busFail(rows.error());
    refreshTimeZone();
    const Moment now = momentFromMs(systemClock().nowMs());
    std::vector<DuePlan> due;
    for (const PlanRow& row : *rows) {
        const auto calculated = calculator(*catalog, row);
        if (!calculated) {
            logError("a plan's rhythm cannot be understood: " + calculated.error().message);
            continue;
        }
        if (const DueState state = calculated->state(now); state.isDue)
            due.push_back({text(row.planId), msFromMoment(state.dueSince)});
    }
    return due;
}

BusResult<void> Service::checkPlan(Catalog& catalog, const PlanSettings& settings)
{
    const auto repository = catalog.repository(settings.repositoryId);
    if (!repository)
        return busFail(repository.error());
    if (!*repository)
        return busFail("NotFound", tr("There is no such repository (any more)."));
    for (const std::string& id : settings.volumeIds) {
        const auto volume = catalog.volume(id);
        if (!volume)
            return busFail(volume.error());
        if (!*volume || !(*volume)->isProtected)
            return busFail("NotFound", tr("There is no such protected volume (any more)."));
        // Backing a volume up into itself grows with every run, and is lost with it.
        if (!(*repository)->fsUuid.empty() && (*repository)->fsUuid == (*volume)->fsUuid)
            return busFail("Refused", tr("The repository “%1” is on a volume of this plan. If "
                                         "that volume is lost, so are its backups. Choose a "
                                         "place on another disk.")
                                          .arg(text((*repository)->name)));
    }
    return {};
}

BusResult<QString> Service::createPlan(const PlanSettings& settings)
{
    auto catalog = this->catalog();
    if (!catalog)
        return busFail(catalog.error());
    if (const auto checked = checkPlan(*catalog, settings); !checked)
        return tl::unexpected(checked.error());
    PlanRow row;
    row.planId = Id128::random().hex();
    row.name = settings.name;
    row.volumeIds = settings.volumeIds;
    row.repositoryId = settings.repositoryId;
    row.rhythm = settings.rhythm;
    row.keepLast = settings.keepLast;
    row.enabled = settings.isEnabled;
    row.createdAtMs = systemClock().nowMs();
    if (const auto put = catalog->putPlan(row); !put)
        return busFail(put.error());
    return text(row.planId);
}

BusResult<void> Service::updatePlan(const std::string& planId, const PlanSettings& settings)
{
    auto row = planRow(planId);
    if (!row)
        return tl::unexpected(row.error());
    auto catalog = this->catalog();
    if (!catalog)
        return busFail(catalog.error());
    if (const auto checked = checkPlan(*catalog, settings); !checked)
        return checked;
    // Slots before the change do not count: nobody who moves a backup to the
    // morning wants it to run at once because it is afternoon.
    if (row->rhythm != settings.rhythm || (!row->enabled && settings.isEnabled))
        row->createdAtMs = systemClock().nowMs();
    row->name = settings.name;
    row->volumeIds = settings.volumeIds;
    row->repositoryId = settings.repositoryId;
    row->rhythm = settings.rhythm;
    row->keepLast = settings.keepLast;
    row->enabled = settings.isEnabled;
    if (const auto put = catalog->putPlan(*row); !put)
        return busFail(put.error());
    return {};
}

BusResult<void> Service::pausePlan(const std::string& planId, qint64 untilSeconds)
{
    auto row = planRow(planId);
    if (!row)
        return tl::unexpected(row.error());
    auto catalog = this->catalog();
    if (!catalog)
        return busFail(catalog.error());
    row->pausedUntilMs = untilSeconds > 0 ? std::optional(untilSeconds * 1000) : std::nullopt;
    if (const auto put = catalog->putPlan(*row); !put)
        return busFail(put.error());
    return {};
}

BusResult<void> Service::removePlan(const std::string& planId)
{
    if (const auto row = planRow(planId); !row)
        return tl::unexpected(row.error());
    auto catalog = this->catalog();
    if (!catalog)
        return busFail(catalog.error());
    if (const auto removed = catalog->removePlan(planId); !removed)
        return busFail(removed.error());
    return {};
}

} // namespace dormouse
