// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/daemon/volume_object.h"

#include "helper/daemon/daemon.h"
#include "volume_adaptor.h"

namespace dormouse {

VolumeObject::VolumeObject(Daemon& daemon, BusTree& tree, bus::VolumeInfo info)
    : BusObject(tree, QLatin1String(bus::kRootPath) + QStringLiteral("/volume/") + info.id,
                bus::kVolumeInterface),
      m_daemon(daemon), m_info(std::move(info))
{
    new VolumeAdaptor(this);
    expose();
}

void VolumeObject::update(bus::VolumeInfo info)
{
    m_info = std::move(info);
    publish();
}

QDBusObjectPath VolumeObject::GrowStore(qulonglong bytes)
{
    m_daemon.gate().serve(
        context(),
        [&daemon = m_daemon, info = m_info, bytes](const Caller&) -> BusResult<CallAnswer> {
            if (bytes > info.sizeBytes / 2 || info.storeBytes + bytes > info.sizeBytes / 2)
                return busFail("InvalidArgument",
                               tr("The store may take at most half of the volume."));
            return CallAnswer([&daemon, id = info.id, bytes] {
                return daemon.startJob(daemon.factory().growStore(id.toStdString(), bytes));
            });
        });
    return {};
}

void VolumeObject::Forget()
{
    m_daemon.gate().serve(
        context(), [&daemon = m_daemon, id = m_info.id](const Caller&) -> BusResult<CallAnswer> {
            const auto done = daemon.service().forgetVolume(id.toStdString());
            if (!done)
                return tl::unexpected(done.error());
            return CallAnswer([&daemon, id]() -> CallReply {
                daemon.restorePointsChanged(id);
                daemon.refresh(true);
                return QVariantList{};
            });
        });
}

void VolumeObject::DropSnapshot(qulonglong epoch)
{
    m_daemon.gate().serve(
        context(),
        [&daemon = m_daemon, id = m_info.id, epoch](const Caller&) -> BusResult<CallAnswer> {
            const auto done = daemon.service().dropSnapshot(id.toStdString(), epoch);
            if (!done)
                return tl::unexpected(done.error());
            return CallAnswer([&daemon, id]() -> CallReply {
                daemon.restorePointsChanged(id);
                return QVariantList{};
            });
        });
}

} // namespace dormouse
