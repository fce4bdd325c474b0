// SPDX-License-Identifier: GPL-3.0-or-later
// What both halves of the client need of the bus: its connection
// (helper_client.cpp) and its calls (helper_calls.cpp).
#pragma once

#include "helper/dbus/types.h"

#include <QDBusObjectPath>
#include <QMap>
#include <QVariantMap>

namespace dormouse::app {

using InterfaceMap = QMap<QString, QVariantMap>;
using ObjectMap = QMap<QDBusObjectPath, InterfaceMap>;

inline const QString objectManagerInterface = QStringLiteral("org.freedesktop.DBus.ObjectManager");
inline const QString propertiesInterface = QStringLiteral("org.freedesktop.DBus.Properties");

inline QString rootPath()
{
    return QString::fromLatin1(bus::kRootPath);
}

} // namespace dormouse::app
