// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/client/helper_client.h"

#include "app/client/helper_bus.h"

#include "manager_proxy.h"

#include <QDBusMessage>
#include <QDBusMetaType>
#include <QDBusPendingCallWatcher>
#include <QDBusPendingReply>
#include <QDBusServiceWatcher>
#include <QPointer>

#include <climits>

namespace dormouse::app {
namespace {

QString service()
{
    return QString::fromLatin1(bus::kService);
}
QDBusMessage busCall(const QString& method)
{
    return QDBusMessage::createMethodCall(QStringLiteral("org.freedesktop.DBus"),
                                          QStringLiteral("/org/freedesktop/DBus"),
                                          QStringLiteral("org.freedesktop.DBus"), method);
}
} // namespace

void JobStatus::update(const QVariantMap& properties)
{
    const auto number = [&](const char* name, auto& field) {
        using Field = std::remove_reference_t<decltype(field)>;
        const auto it = properties.constFind(QLatin1String(name));
        if (it == properties.constEnd())
            return;
        if constexpr (std::is_enum_v<Field>)
            field = Field(it->toUInt());
        else
            field = it->template value<Field>();
    };
    number("Kind", kind);
    number("State", state);
    number("Phase", phase);
    number("Outcome", outcome);
    number("PlanId", planId);
    number("RepositoryId", repositoryId);
    number("VolumeIds", volumeIds);
    number("ResultId", resultId);
    number("BytesDone", bytesDone);
    number("BytesTotal", bytesTotal);
    number("RateBytesPerSecond", rateBytesPerSecond);
    number("EtaSeconds", etaSeconds);
    number("StartedTime", startedTime);
    number("FinishedTime", finishedTime);
}

CallError callError(const QDBusError& error)
{
    using Kind = CallError::Kind;
    const QString name = error.name();
    const QString prefix = QString::fromLatin1(bus::kErrorPrefix);
    if (name.startsWith(prefix)) {
        static const QHash<QString, Kind> kinds = {
            {QStringLiteral("NotAuthorized"), Kind::NotAuthorized},
            {QStringLiteral("TooManyRequests"), Kind::Busy},
            {QStringLiteral("InvalidArgument"), Kind::InvalidArgument},
            {QStringLiteral("NotFound"), Kind::NotFound},
            {QStringLiteral("Busy"), Kind::Busy},
            {QStringLiteral("ModuleMissing"), Kind::ModuleMissing},
            {QStringLiteral("Unreachable"), Kind::Unreachable},
            {QStringLiteral("WrongPassphrase"), Kind::WrongPassphrase},
            {QStringLiteral("Refused"), Kind::Refused},
            {QStringLiteral("Cancelled"), Kind::Cancelled},
        };
        return {kinds.value(name.mid(prefix.size()), Kind::Failed), error.message()};
    }
    switch (error.type()) {
    case QDBusError::AccessDenied:
        return {Kind::NotAuthorized, error.message()};
    case QDBusError::UnknownObject:
        return {Kind::NotFound, HelperClient::tr("It is not there any more. Nothing was changed.")};
    case QDBusError::ServiceUnknown:
    case QDBusError::NoReply:
    case QDBusError::Disconnected:
    case QDBusError::NoServer:
        return {Kind::NotReachable,
                HelperClient::tr("The Dormouse helper stopped answering. Your data is not "
                                 "affected; try again in a moment.")};
    default:
        return {Kind::Failed, error.message()};
    }
}

HelperClient::HelperClient(QObject* parent) : QObject(parent), m_bus(QDBusConnection::systemBus())
{
    bus::registerTypes();
    qDBusRegisterMetaType<InterfaceMap>();
    qDBusRegisterMetaType<ObjectMap>();
    auto* watcher =
        new QDBusServiceWatcher(service(), m_bus, QDBusServiceWatcher::WatchForOwnerChange, this);
    connect(watcher, &QDBusServiceWatcher::serviceOwnerChanged, this, &HelperClient::ownerChanged);
}

HelperClient::~HelperClient() = default;

void HelperClient::connectToHelper()
{
    if (m_link == Link::Ready)
        return;
    if (!m_bus.isConnected()) {
        setLink(Link::NoBus, m_bus.lastError().message());
        return;
    }
    setLink(Link::Connecting);
    askForOwner(true);
}

void HelperClient::askForOwner(bool mayStart)
{
    QDBusMessage call = busCall(QStringLiteral("GetNameOwner"));
    call << service();
    auto* watcher = new QDBusPendingCallWatcher(m_bus.asyncCall(call), this);
    connect(watcher, &QDBusPendingCallWatcher::finished, this, [this, watcher, mayStart] {
        watcher->deleteLater();
        const QDBusPendingReply<QString> reply = *watcher;
        if (reply.isValid())
            bind(reply.value());
        else if (mayStart)
            startHelper();
        else
            setLink(Link::NoHelper, reply.error().message());
    });
}

void HelperClient::startHelper()
{
    QDBusMessage call = busCall(QStringLiteral("StartServiceByName"));
    call << service() << 0u;
    auto* watcher = new QDBusPendingCallWatcher(m_bus.asyncCall(call, 120 * 1000), this);
    connect(watcher, &QDBusPendingCallWatcher::finished, this, [this, watcher] {
        watcher->deleteLater();
        const QDBusPendingReply<quint32> reply = *watcher;
        if (m_link == Link::Ready)
            return; // its owner was announced meanwhile
        if (reply.isValid())
            askForOwner(false);
        else
            setLink(Link::NoHelper, reply.error().message());
    });
}

void HelperClient::ownerChanged(const QString&, const QString&, const QString& newOwner)
{
    if (newOwner == m_owner)
        return;
    if (newOwner.isEmpty()) {
        unbind();
        setLink(Link::NoHelper, tr("The helper stopped."));
    } else {
        bind(newOwner);
    }
}

void HelperClient::bind(const QString& owner)
{
    if (owner == m_owner && m_link == Link::Ready)
        return;
    unbind();
    m_owner = owner;
    m_manager = std::make_unique<ManagerProxy>(m_owner, rootPath(), m_bus);
    m_manager->setTimeout(INT_MAX);
    connect(m_manager.get(), &ManagerProxy::VolumesChanged, this, &HelperClient::volumesChanged);
    connect(m_manager.get(), &ManagerProxy::PlansChanged, this, &HelperClient::plansChanged);
    connect(m_manager.get(), &ManagerProxy::RepositoriesChanged, this,
            &HelperClient::repositoriesChanged);
    connect(m_manager.get(), &ManagerProxy::ActivityChanged, this, &HelperClient::activityChanged);
    connect(m_manager.get(), &ManagerProxy::RestorePointsChanged, this,
            &HelperClient::restorePointsChanged);
    m_bus.connect(owner, QString(), propertiesInterface, QStringLiteral("PropertiesChanged"), this,
                  SLOT(propertiesChanged(QString, QVariantMap, QStringList, QDBusMessage)));
    m_bus.connect(owner, rootPath(), objectManagerInterface, QStringLiteral("InterfacesAdded"),
                  this, SLOT(interfacesAdded(QDBusMessage)));
    m_bus.connect(owner, rootPath(), objectManagerInterface, QStringLiteral("InterfacesRemoved"),
                  this, SLOT(interfacesRemoved(QDBusMessage)));
    setLink(Link::Ready);
}

void HelperClient::unbind()
{
    if (m_owner.isEmpty())
        return;
    m_bus.disconnect(m_owner, QString(), propertiesInterface, QStringLiteral("PropertiesChanged"),
                     this,
                     SLOT(propertiesChanged(QString, QVariantMap, QStringList, QDBusMessage)));
    m_bus.disconnect(m_owner, rootPath(), objectManagerInterface, QStringLiteral("InterfacesAdded"),
                     this, SLOT(interfacesAdded(QDBusMessage)));
    m_bus.disconnect(m_owner, rootPath(), objectManagerInterface,
                     QStringLiteral("InterfacesRemoved"), this,
                     SLOT(interfacesRemoved(QDBusMessage)));
    m_manager.reset();
    m_owner.clear();
}

void HelperClient::setLink(Link link, const QString& error)
{
    if (m_link == link && m_linkError == error)
        return;
    m_link = link;
    m_linkError = error;
    emit linkChanged();
}

void HelperClient::propertiesChanged(const QString& interface, const QVariantMap& changed,
                                     const QStringList&, const QDBusMessage& message)
{
    if (interface == QLatin1String(bus::kManagerInterface))
        emit managerPropertiesChanged(changed);
    else if (interface == QLatin1String(bus::kJobInterface))
        emit jobChanged(message.path(), changed);
    else if (interface == QLatin1String(bus::kVolumeInterface))
        emit volumesChanged();
    else if (interface == QLatin1String(bus::kPlanInterface))
        emit plansChanged();
    else if (interface == QLatin1String(bus::kRepositoryInterface))
        emit repositoriesChanged();
}

void HelperClient::interfacesAdded(const QDBusMessage& message)
{
    const QVariantList arguments = message.arguments();
    if (arguments.size() != 2)
        return;
    const QString path = arguments.at(0).value<QDBusObjectPath>().path();
    const auto interfaces = qdbus_cast<InterfaceMap>(arguments.at(1));
    const auto it = interfaces.constFind(QLatin1String(bus::kJobInterface));
    if (it == interfaces.constEnd())
        return;
    JobStatus job;
    job.path = path;
    job.update(*it);
    emit jobAdded(job);
}

void HelperClient::interfacesRemoved(const QDBusMessage& message)
{
    const QVariantList arguments = message.arguments();
    if (arguments.size() == 2 &&
        arguments.at(1).toStringList().contains(QLatin1String(bus::kJobInterface)))
        emit jobRemoved(arguments.at(0).value<QDBusObjectPath>().path());
}

} // namespace dormouse::app
