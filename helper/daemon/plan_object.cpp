// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/daemon/plan_object.h"

#include "helper/daemon/daemon.h"
#include "helper/daemon/plan_check.h"
#include "plan_adaptor.h"

namespace dormouse {

PlanObject::PlanObject(Daemon& daemon, BusTree& tree, bus::PlanInfo info)
    : BusObject(tree, QLatin1String(bus::kRootPath) + QStringLiteral("/plan/") + info.id,
                bus::kPlanInterface),
      m_daemon(daemon), m_info(std::move(info))
{
    new PlanAdaptor(this);
    expose();
}

void PlanObject::update(bus::PlanInfo info)
{
    m_info = std::move(info);
    publish();
}

QDBusObjectPath PlanObject::RunNow()
{
    m_daemon.gate().serve(
        context(), [&daemon = m_daemon, id = m_info.id](const Caller&) -> BusResult<CallAnswer> {
            const auto plan = daemon.service().planRow(id.toStdString());
            if (!plan)
                return tl::unexpected(plan.error());
            return CallAnswer(
                [&daemon, plan = *plan] { return daemon.startBackup(plan, std::nullopt); });
        });
    return {};
}

void PlanObject::Update(const QString& name, const QStringList& volumeIds,
                        const QString& repositoryId, bus::Rhythm rhythm, uint keepLast,
                        bool enabled)
{
    // Keeping fewer deletes backups, with the next run: as dangerous as deleting
    // them by hand.
    const auto keepsLess = [keepLast](quint32 before) {
        return keepLast != 0 && (before == 0 || keepLast < before);
    };
    const bool isDeleting = keepsLess(m_info.keepLast);
    m_daemon.gate().serve(
        context(),
        [=, &daemon = m_daemon, id = m_info.id](const Caller&) -> BusResult<CallAnswer> {
            auto settings = checkedPlan(name, volumeIds, repositoryId, rhythm, keepLast);
            if (!settings)
                return tl::unexpected(settings.error());
            settings->isEnabled = enabled;
            // What the caller was authorised for was judged by what we knew then.
            const auto now = daemon.service().planRow(id.toStdString());
            if (!now)
                return tl::unexpected(now.error());
            if (!isDeleting && keepsLess(now->keepLast))
                return busFail("Busy", tr("The plan was changed by somebody else meanwhile. "
                                          "Look at it again."));
            const auto done = daemon.service().updatePlan(id.toStdString(), *settings);
            if (!done)
                return tl::unexpected(done.error());
            return CallAnswer([&daemon]() -> CallReply {
                daemon.refresh();
                return QVariantList{};
            });
        },
        isDeleting ? Access::Delete : Access::Look);
}

void PlanObject::Pause(qlonglong until)
{
    m_daemon.gate().serve(
        context(),
        [&daemon = m_daemon, id = m_info.id, until](const Caller&) -> BusResult<CallAnswer> {
            // A thousand years: what is longer is a mistake in units.
            if (until < 0 || until > 32'503'680'000)
                return busFail("InvalidArgument", tr("This is not a point in time."));
            const auto done = daemon.service().pausePlan(id.toStdString(), until);
            if (!done)
                return tl::unexpected(done.error());
            return CallAnswer([&daemon]() -> CallReply {
                daemon.refresh();
                return QVariantList{};
            });
        });
}

void PlanObject::Remove()
{
    m_daemon.gate().serve(
        context(), [&daemon = m_daemon, id = m_info.id](const Caller&) -> BusResult<CallAnswer> {
            const auto done = daemon.service().removePlan(id.toStdString());
            if (!done)
                return tl::unexpected(done.error());
            return CallAnswer([&daemon]() -> CallReply {
                daemon.refresh();
                return QVariantList{};
            });
        });
}

} // namespace dormouse
