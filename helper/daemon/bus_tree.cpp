// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/daemon/bus_tree.h"

#include "helper/base/log.h"
#include "helper/dbus/types.h"

#include <QDBusMessage>
#include <QDBusMetaType>
#include <QMetaProperty>

namespace dormouse {

BusObject::BusObject(BusTree& tree, QString path, const char* interface)
    : m_tree(tree), m_path(std::move(path)), m_interface(QString::fromLatin1(interface))
{
}

BusObject::~BusObject()
{
    if (m_isExposed)
        m_tree.remove(this);
}

QVariantMap BusObject::currentProperties() const
{
    QVariantMap values;
    const QMetaObject* meta = metaObject();
    for (int i = QObject::staticMetaObject.propertyCount(); i < meta->propertyCount(); ++i)
        values.insert(QString::fromLatin1(meta->property(i).name()), meta->property(i).read(this));
    return values;
}

void BusObject::expose()
{
    m_published = currentProperties();
    m_isExposed = true;
    m_tree.add(this);
}

void BusObject::publish()
{
    if (!m_isExposed)
        return;
    const QVariantMap now = currentProperties();
    QVariantMap changed;
    for (auto it = now.begin(); it != now.end(); ++it) {
        if (m_published.value(it.key()) != it.value())
            changed.insert(it.key(), it.value());
    }
    if (changed.isEmpty())
        return;
    m_published = now;
    m_tree.emitSignal(m_path, QStringLiteral("org.freedesktop.DBus.Properties"),
                      QStringLiteral("PropertiesChanged"), {m_interface, changed, QStringList()});
}

BusTree::BusTree(QDBusConnection connection, QObject* parent)
    : QObject(parent), m_connection(std::move(connection))
{
    qDBusRegisterMetaType<InterfaceProperties>();
    qDBusRegisterMetaType<ManagedObjects>();
}

ManagedObjects BusTree::objects() const
{
    ManagedObjects all;
    for (const BusObject* object : m_objects) {
        if (object->path() != QLatin1String(bus::kRootPath))
            all[QDBusObjectPath(object->path())].insert(object->interface(),
                                                        object->currentProperties());
    }
    return all;
}

void BusTree::emitSignal(const QString& path, const QString& interface, const QString& name,
                         const QVariantList& arguments)
{
    QDBusMessage signal = QDBusMessage::createSignal(path, interface, name);
    signal.setArguments(arguments);
    m_connection.send(signal);
}

void BusTree::add(BusObject* object)
{
    if (!m_connection.registerObject(object->path(), object, QDBusConnection::ExportAdaptors))
        logError("cannot show an object on the bus: " + object->path().toStdString());
    m_objects.insert(object->path(), object);
    if (object->path() == QLatin1String(bus::kRootPath))
        return;
    InterfaceProperties interfaces;
    interfaces.insert(object->interface(), object->currentProperties());
    emitSignal(
        QString::fromLatin1(bus::kRootPath), QStringLiteral("org.freedesktop.DBus.ObjectManager"),
        QStringLiteral("InterfacesAdded"),
        {QVariant::fromValue(QDBusObjectPath(object->path())), QVariant::fromValue(interfaces)});
}

void BusTree::remove(BusObject* object)
{
    m_connection.unregisterObject(object->path());
    m_objects.remove(object->path());
    if (object->path() == QLatin1String(bus::kRootPath))
        return;
    emitSignal(
        QString::fromLatin1(bus::kRootPath), QStringLiteral("org.freedesktop.DBus.ObjectManager"),
        QStringLiteral("InterfacesRemoved"),
        {QVariant::fromValue(QDBusObjectPath(object->path())), QStringList{object->interface()}});
}

} // namespace dormouse
