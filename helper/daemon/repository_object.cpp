// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/daemon/repository_object.h"

#include "helper/daemon/daemon.h"
#include "helper/daemon/validation.h"
#include "repository_adaptor.h"

namespace dormouse {

RepositoryObject::RepositoryObject(Daemon& daemon, BusTree& tree, bus::RepositoryInfo info)
    : BusObject(tree, QLatin1String(bus::kRootPath) + QStringLiteral("/repository/") + info.id,
                bus::kRepositoryInterface),
      m_daemon(daemon), m_info(std::move(info))
{
    new RepositoryAdaptor(this);
    expose();
}

void RepositoryObject::update(bus::RepositoryInfo info)
{
    m_info = std::move(info);
    publish();
}

bus::RepositoryInfo RepositoryObject::GetInfo()
{
    m_daemon.gate().serve(
        context(), [&daemon = m_daemon, id = m_info.id](const Caller&) -> BusResult<CallAnswer> {
            const auto list = daemon.service().repositories();
            if (!list)
                return tl::unexpected(list.error());
            for (const bus::RepositoryInfo& info : *list) {
                if (info.id == id)
                    return CallAnswer(QVariantList{QVariant::fromValue(info)});
            }
            return busFail("NotFound", tr("There is no such repository (any more)."));
        });
    return {};
}

QDBusObjectPath RepositoryObject::Verify()
{
    m_daemon.gate().serve(
        context(), [&daemon = m_daemon, id = m_info.id](const Caller&) -> BusResult<CallAnswer> {
            const auto row = daemon.service().repositoryRow(id.toStdString());
            if (!row)
                return tl::unexpected(row.error());
            return CallAnswer(
                [&daemon, row = *row] { return daemon.startJob(daemon.factory().verify(row)); });
        });
    return {};
}

QDBusObjectPath RepositoryObject::Repair()
{
    m_daemon.gate().serve(
        context(), [&daemon = m_daemon, id = m_info.id](const Caller&) -> BusResult<CallAnswer> {
            const auto row = daemon.service().repositoryRow(id.toStdString());
            if (!row)
                return tl::unexpected(row.error());
            return CallAnswer(
                [&daemon, row = *row] { return daemon.startJob(daemon.factory().repair(row)); });
        });
    return {};
}

void RepositoryObject::SetPassphrase(const QDBusUnixFileDescriptor& current,
                                     const QDBusUnixFileDescriptor& passphrase,
                                     const QDBusUnixFileDescriptor& recoveryKey)
{
    m_daemon.gate().serve(
        context(), [=, &daemon = m_daemon, id = m_info.id](const Caller&) -> BusResult<CallAnswer> {
            Service::NewPassphrase request;
            auto known = checkedSecretSource(current);
            auto wanted = checkedSecretSource(passphrase);
            auto sink = checkedSecretSink(recoveryKey);
            if (!known || !wanted)
                return tl::unexpected(!known ? known.error() : wanted.error());
            if (!sink)
                return tl::unexpected(sink.error());
            request.current = std::move(*known);
            request.passphrase = std::move(*wanted);
            request.recoveryKey = std::move(*sink);
            const auto done = daemon.service().setPassphrase(id.toStdString(), std::move(request));
            if (!done)
                return tl::unexpected(done.error());
            return CallAnswer([&daemon]() -> CallReply {
                daemon.refresh();
                return QVariantList{};
            });
        });
}

void RepositoryObject::ForgetBackup(const QString& restorePointId)
{
    m_daemon.gate().serve(context(),
                          [&daemon = m_daemon, id = m_info.id,
                           restorePointId](const Caller&) -> BusResult<CallAnswer> {
                              const auto record = checkedId(restorePointId);
                              if (!record)
                                  return tl::unexpected(record.error());
                              const auto done =
                                  daemon.service().forgetBackup(id.toStdString(), *record);
                              if (!done)
                                  return tl::unexpected(done.error());
                              return CallAnswer([&daemon]() -> CallReply {
                                  daemon.restorePointsChanged({});
                                  return QVariantList{};
                              });
                          });
}

void RepositoryObject::Forget()
{
    m_daemon.gate().serve(
        context(), [&daemon = m_daemon, id = m_info.id](const Caller&) -> BusResult<CallAnswer> {
            const auto done = daemon.service().forgetRepository(id.toStdString());
            if (!done)
                return tl::unexpected(done.error());
            return CallAnswer([&daemon]() -> CallReply {
                daemon.restorePointsChanged({});
                return QVariantList{};
            });
        });
}

} // namespace dormouse
