// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QProcess>
#include <QTemporaryDir>

// A message bus of the test's own. After start() DBUS_SYSTEM_BUS_ADDRESS names
// it, so everything that asks for the system bus gets this one.
class PrivateBus
{
public:
    ~PrivateBus();
    [[nodiscard]] bool start();
    [[nodiscard]] QString address() const { return m_address; }

private:
    QTemporaryDir m_folder;
    QProcess m_daemon;
    QString m_address;
};
