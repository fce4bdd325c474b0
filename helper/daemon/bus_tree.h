// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The objects on the bus, and the two standard interfaces that Qt 6.4 does not
 * offer: ObjectManager on the root, and PropertiesChanged for everything.
 *
 * BusObject is the parent of one generated adaptor. Its Q_PROPERTYs are what
 * the adaptor shows; after changing them, call publish(), which announces
 * exactly those that differ from what was announced last. Nothing private may
 * be a property: QtDBus answers Get and GetAll without asking us.
 *
 * Main thread only.
 */
#pragma once

#include <QDBusAbstractAdaptor>
#include <QDBusConnection>
#include <QDBusContext>
#include <QDBusObjectPath>
#include <QMap>
#include <QObject>
#include <QVariantMap>

namespace dormouse {

using InterfaceProperties = QMap<QString, QVariantMap>;
using ManagedObjects = QMap<QDBusObjectPath, InterfaceProperties>;

class BusTree;

class BusObject : public QObject, protected QDBusContext
{
    Q_OBJECT

public:
    /// Visible on the bus once the deriving class has made its adaptor and
    /// called expose(); gone when destroyed.
    BusObject(BusTree& tree, QString path, const char* interface);
    ~BusObject() override;

    [[nodiscard]] const QString& path() const { return m_path; }
    [[nodiscard]] const QString& interface() const { return m_interface; }
    [[nodiscard]] QVariantMap currentProperties() const;

    /// Announces the properties that changed since the last time.
    void publish();

protected:
    void expose();
    [[nodiscard]] BusTree& tree() const { return m_tree; }
    [[nodiscard]] const QDBusContext& context() const { return *this; }

private:
    BusTree& m_tree;
    QString m_path;
    QString m_interface;
    QVariantMap m_published;
    bool m_isExposed = false;
};

class BusTree : public QObject
{
    Q_OBJECT

public:
    explicit BusTree(QDBusConnection connection, QObject* parent = nullptr);

    [[nodiscard]] QDBusConnection& connection() { return m_connection; }
    [[nodiscard]] ManagedObjects objects() const;

    /// Sends a signal of an object to everybody. No names, paths or sentences in it.
    void emitSignal(const QString& path, const QString& interface, const QString& name,
                    const QVariantList& arguments = {});

private:
    friend class BusObject;
    void add(BusObject* object);
    void remove(BusObject* object);

    QDBusConnection m_connection;
    QMap<QString, BusObject*> m_objects;
};

/// org.freedesktop.DBus.ObjectManager, for the object that is the root.
class ObjectManagerAdaptor : public QDBusAbstractAdaptor
{
    Q_OBJECT
    Q_CLASSINFO("D-Bus Interface", "org.freedesktop.DBus.ObjectManager")

public:
    ObjectManagerAdaptor(BusTree& tree, QObject* parent)
        : QDBusAbstractAdaptor(parent), m_tree(tree)
    {
    }

public slots:
    dormouse::ManagedObjects GetManagedObjects() const { return m_tree.objects(); }

signals:
    // For introspection; BusTree sends them.
    void InterfacesAdded(const QDBusObjectPath& object,
                         const dormouse::InterfaceProperties& interfaces);
    void InterfacesRemoved(const QDBusObjectPath& object, const QStringList& interfaces);

private:
    BusTree& m_tree;
};

} // namespace dormouse

Q_DECLARE_METATYPE(dormouse::InterfaceProperties)
Q_DECLARE_METATYPE(dormouse::ManagedObjects)
