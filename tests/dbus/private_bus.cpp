// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/dbus/private_bus.h"

#include "helper/dbus/types.h"

#include <QDBusConnectionInterface>
#include <QDBusPendingCallWatcher>
#include <QDir>
#include <QEventLoop>
#include <QFile>
#include <QTest>

namespace bus = dormouse::bus;

namespace {

// A system bus by type, so that the helper and libpolkit take it for one; with
// no policy, so that tests need not be root.
constexpr char kConfig[] = R"(<!DOCTYPE busconfig PUBLIC
 "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=%1/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow receive_sender="*" eavesdrop="true"/>
  </policy>
</busconfig>
)";

} // namespace

PrivateBus::PrivateBus()
{
    const QString config = m_folder.filePath(QStringLiteral("bus.conf"));
    QFile file(config);
    if (!file.open(QIODevice::WriteOnly))
        return;
    file.write(QString::fromLatin1(kConfig).arg(m_folder.path()).toUtf8());
    file.close();
    m_daemon.start(QStringLiteral("dbus-daemon"),
                   {QStringLiteral("--nofork"), QStringLiteral("--print-address"),
                    QStringLiteral("--config-file=") + config});
    if (m_daemon.waitForReadyRead(10000))
        m_address = QString::fromUtf8(m_daemon.readLine()).trimmed();
}

PrivateBus::~PrivateBus()
{
    m_daemon.terminate();
    m_daemon.waitForFinished(5000);
}

QDBusConnection PrivateBus::connect()
{
    static int number = 0;
    return QDBusConnection::connectToBus(m_address, QStringLiteral("client-%1").arg(++number));
}

void PrivateBus::disconnect(const QDBusConnection& connection)
{
    QDBusConnection::disconnectFromBus(connection.name());
}

HelperProcess::HelperProcess(const PrivateBus& bus, QString folder)
    : m_bus(bus), m_folder(std::move(folder))
{
}

HelperProcess::~HelperProcess()
{
    if (isRunning())
        stop();
}

bool HelperProcess::start()
{
    for (const char* name : {"state", "etc", "run"})
        QDir(m_folder).mkpath(QString::fromLatin1(name));
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert(QStringLiteral("DBUS_SYSTEM_BUS_ADDRESS"), m_bus.address());
    environment.remove(QStringLiteral("INVOCATION_ID")); // not a unit of the machine's systemd
    m_process = std::make_unique<QProcess>();
    m_process->setProcessEnvironment(environment);
    m_process->setProcessChannelMode(QProcess::MergedChannels);
    QObject::connect(m_process.get(), &QProcess::readyRead, m_process.get(),
                     [this] { m_log += QString::fromUtf8(m_process->readAll()); });
    m_process->start(QStringLiteral(DORMOUSED),
                     {QStringLiteral("--state"), m_folder + QStringLiteral("/state"),
                      QStringLiteral("--attach-config"),
                      m_folder + QStringLiteral("/etc/attach.conf"), QStringLiteral("--run"),
                      m_folder + QStringLiteral("/run")});
    const QDBusConnection probe =
        QDBusConnection::connectToBus(m_bus.address(), QStringLiteral("probe"));
    const bool isThere = QTest::qWaitFor(
        [&] {
            return m_process->state() == QProcess::NotRunning ||
                   probe.interface()->isServiceRegistered(QString::fromLatin1(bus::kService));
        },
        20000);
    QDBusConnection::disconnectFromBus(QStringLiteral("probe"));
    return isThere && isRunning();
}

void HelperProcess::kill()
{
    m_process->kill();
    m_process->waitForFinished(5000);
}

bool HelperProcess::stop()
{
    m_process->terminate();
    const bool hasEnded =
        QTest::qWaitFor([this] { return m_process->state() == QProcess::NotRunning; }, 30000);
    return hasEnded && m_process->exitStatus() == QProcess::NormalExit &&
           m_process->exitCode() == 0;
}

QDBusMessage ask(const QDBusConnection& connection, const QDBusMessage& call, int timeoutMs)
{
    QDBusPendingCallWatcher watcher(connection.asyncCall(call, timeoutMs));
    QEventLoop loop;
    QObject::connect(&watcher, &QDBusPendingCallWatcher::finished, &loop, &QEventLoop::quit);
    if (!watcher.isFinished())
        loop.exec();
    return watcher.reply();
}

QDBusMessage helperCall(const QString& path, const QString& interface, const QString& method,
                        const QVariantList& arguments)
{
    QDBusMessage call =
        QDBusMessage::createMethodCall(QString::fromLatin1(bus::kService), path, interface, method);
    call.setArguments(arguments);
    return call;
}

QDBusMessage managerCall(const QString& method, const QVariantList& arguments)
{
    return helperCall(QString::fromLatin1(bus::kRootPath),
                      QString::fromLatin1(bus::kManagerInterface), method, arguments);
}

QString errorOf(const QDBusMessage& reply)
{
    QString name = reply.errorName();
    if (name.startsWith(QLatin1String(bus::kErrorPrefix)))
        name.remove(0, static_cast<int>(qstrlen(bus::kErrorPrefix)));
    return name;
}
