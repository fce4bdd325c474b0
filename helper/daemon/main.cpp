// SPDX-License-Identifier: GPL-3.0-or-later
//
// dormoused: the privileged helper. Runs as root on the system bus (or on the
// bus that DBUS_SYSTEM_BUS_ADDRESS names, as tests do).
#include "helper/base/log.h"
#include "helper/daemon/daemon.h"
#include "helper/daemon/polkit_authority.h"

#include <QCommandLineParser>
#include <QCoreApplication>

#include <csignal>

#include <sys/signalfd.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

namespace {

using namespace dormouse;

// As a descriptor, so that a signal is one more event of the main loop. Blocked
// before any thread exists, so that none of them inherits it unblocked.
UniqueFd endingSignals()
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    return UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

} // namespace

int main(int argc, char** argv)
{
    ::umask(077);
    ::signal(SIGPIPE, SIG_IGN); // a caller that closes its pipe is an error, not our end
    const UniqueFd signalFd = endingSignals();

    QCoreApplication application(argc, argv);
    QCoreApplication::setApplicationName(QStringLiteral("dormoused"));
    QCoreApplication::setApplicationVersion(QStringLiteral(DORMOUSE_VERSION));

    QCommandLineParser options;
    options.setApplicationDescription(QStringLiteral("The privileged helper of Dormouse."));
    options.addHelpOption();
    options.addVersionOption();
    ServicePaths paths;
    const auto folder = [&options](const char* name, const char* text, const std::string& value) {
        const QCommandLineOption option(QString::fromLatin1(name), QString::fromLatin1(text),
                                        QStringLiteral("path"), QString::fromStdString(value));
        options.addOption(option);
        return option;
    };
    const auto state = folder("state", "Folder of the catalog and the keys.", paths.stateFolder);
    const auto attach =
        folder("attach-config", "List of volumes for the next boot.", paths.attachConfig);
    const auto run = folder("run", "Folder for mounts of backup disks.", paths.runFolder);
    const auto browse =
        folder("browse-program", "Program that keeps a restore point mounted.",
               QCoreApplication::applicationDirPath().toStdString() + "/dormouse-browse");
    options.process(application);
    paths.stateFolder = options.value(state).toStdString();
    paths.attachConfig = options.value(attach).toStdString();
    paths.runFolder = options.value(run).toStdString();

    bus::registerTypes();
    QDBusConnection connection = QDBusConnection::systemBus();
    if (!connection.isConnected()) {
        logError("there is no system bus: " + connection.lastError().message().toStdString());
        return 1;
    }
    Service service(paths);
    if (const auto opened = service.open(); !opened) {
        logError("cannot start: " + opened.error().message);
        return 1;
    }
    PolkitAuthority authority;
    Daemon daemon(connection, &authority, service, options.value(browse).toStdString());
    QObject::connect(&daemon, &Daemon::idle, &application, &QCoreApplication::quit);
    QSocketNotifier signalNotifier(signalFd.get(), QSocketNotifier::Read);
    QObject::connect(&signalNotifier, &QSocketNotifier::activated, &application,
                     &QCoreApplication::quit);
    if (!daemon.start())
        return 1;
    sd_notify(0, "READY=1");
    const int code = QCoreApplication::exec();
    sd_notify(0, "STOPPING=1");
    return code;
}
