// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A message bus of the test's own, and the real helper on it.
 *
 * Nothing here blocks the event loop, because the mock polkit lives in it too.
 */
#pragma once

#include <QDBusConnection>
#include <QDBusMessage>
#include <QProcess>
#include <QTemporaryDir>

#include <memory>

class PrivateBus
{
public:
    PrivateBus();
    ~PrivateBus();

    [[nodiscard]] bool isRunning() const { return !m_address.isEmpty(); }
    [[nodiscard]] const QString& address() const { return m_address; }

    /// A new connection, as another program would have. Close it with disconnect().
    [[nodiscard]] QDBusConnection connect();
    static void disconnect(const QDBusConnection& connection);

private:
    QTemporaryDir m_folder;
    QProcess m_daemon;
    QString m_address;
};

class HelperProcess
{
public:
    /// Folders for its state are made below `folder` and outlive it.
    HelperProcess(const PrivateBus& bus, QString folder);
    ~HelperProcess();

    [[nodiscard]] bool start();
    void kill(); // without a chance to tidy up
    bool stop(); // as systemd does; true if it ended well
    [[nodiscard]] QString log() const { return m_log; }
    [[nodiscard]] bool isRunning() const
    {
        return m_process && m_process->state() == QProcess::Running;
    }

private:
    const PrivateBus& m_bus;
    QString m_folder;
    std::unique_ptr<QProcess> m_process;
    QString m_log;
};

/// Sends a call and waits for its answer with the event loop running.
[[nodiscard]] QDBusMessage ask(const QDBusConnection& connection, const QDBusMessage& call,
                               int timeoutMs = 20000);

/// A call to the helper.
[[nodiscard]] QDBusMessage helperCall(const QString& path, const QString& interface,
                                      const QString& method, const QVariantList& arguments = {});
[[nodiscard]] QDBusMessage managerCall(const QString& method, const QVariantList& arguments = {});

/// "NotFound" of "org.dormouse.Error.NotFound"; the whole name if it is another's.
[[nodiscard]] QString errorOf(const QDBusMessage& reply);
