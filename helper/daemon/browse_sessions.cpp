// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/daemon/browse_sessions.h"

#include "helper/base/log.h"
#include "helper/engine/volume_jobs.h"

#include <QCoreApplication>
#include <QDBusConnection>
#include <QDBusMessage>

#include <chrono>
#include <thread>

#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>

namespace dormouse {

namespace {

using namespace std::chrono_literals;

constexpr auto kAnswerPatience = 60s;
constexpr auto kEndPatience = 10s;
constexpr auto kLookEvery = 50ms;

QString tr(const char* text)
{
    return QCoreApplication::translate("browsing", text);
}

// As a service we have units at hand; a helper that somebody started by hand
// (tests) has children.
bool canUseUnits()
{
    return sd_booted() > 0 && ::getenv("INVOCATION_ID") != nullptr;
}

Result<void> callSystemd(const char* method, const std::string& session)
{
    QDBusMessage call = QDBusMessage::createMethodCall(
        QStringLiteral("org.freedesktop.systemd1"), QStringLiteral("/org/freedesktop/systemd1"),
        QStringLiteral("org.freedesktop.systemd1.Manager"), QString::fromLatin1(method));
    call << QStringLiteral("dormouse-browse@%1.service").arg(QString::fromStdString(session))
         << QStringLiteral("replace");
    const QDBusMessage reply = QDBusConnection::systemBus().call(call);
    if (reply.type() == QDBusMessage::ErrorMessage)
        return fail(Error::Code::Io,
                    "systemd did not start the browser: " + reply.errorMessage().toStdString());
    return {};
}

// A unit that was started and is not loaded any more has ended: see CollectMode.
bool hasEnded(const std::string& session)
{
    QDBusMessage call = QDBusMessage::createMethodCall(
        QStringLiteral("org.freedesktop.systemd1"), QStringLiteral("/org/freedesktop/systemd1"),
        QStringLiteral("org.freedesktop.systemd1.Manager"), QStringLiteral("GetUnit"));
    call << QStringLiteral("dormouse-browse@%1.service").arg(QString::fromStdString(session));
    const QDBusMessage reply = QDBusConnection::systemBus().call(call);
    return reply.errorName() == QLatin1String("org.freedesktop.systemd1.NoSuchUnit");
}

bool hasEnded(pid_t child)
{
    return ::waitpid(child, nullptr, WNOHANG) != 0; // ended just now, or long ago
}

bool isMountPoint(const std::string& path)
{
    struct stat here
    {
    }, parent{};
    return ::stat(path.c_str(), &here) == 0 && ::stat((path + "/..").c_str(), &parent) == 0 &&
           here.st_dev != parent.st_dev;
}

template <typename Condition> bool waitFor(std::chrono::milliseconds patience, Condition condition)
{
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline)
            return false;
        std::this_thread::sleep_for(kLookEvery);
    }
    return true;
}

gid_t groupOf(uid_t uid)
{
    passwd entry{};
    passwd* found = nullptr;
    std::vector<char> buffer(16384);
    if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
        return found->pw_gid;
    return uid;
}

} // namespace

bool BrowseSession::isAlive() const
{
    return isMountPoint(m_path);
}

BrowseSession::~BrowseSession()
{
    if (m_isUnit)
        (void)callSystemd("StopUnit", m_id.hex());
    else if (m_child > 0)
        ::kill(m_child, SIGTERM);
    const bool isGone = waitFor(kEndPatience, [this] {
        return m_isUnit ? m_path.empty() || !isMountPoint(m_path)
                        : m_child <= 0 || hasEnded(m_child);
    });
    if (!isGone)
        logWarning("a browse session does not end: " + m_id.hex());
    if (!m_exposed)
        return;
    // The process has let go; udev may still be looking at the disk.
    if (auto module = Module::open()) {
        (void)waitFor(kEndPatience, [this, &module] {
            const auto done = module->unexpose(m_exposed->handle, m_exposed->epoch);
            return done || done.error().code != Error::Code::Busy;
        });
    }
}

BrowseSessions::BrowseSessions(Service& service, std::string program)
    : m_service(service), m_program(std::move(program))
{
}

BrowseSessions::~BrowseSessions() = default;

void BrowseSessions::cleanUp()
{
    char option[] = "--clean";
    char* const arguments[] = {m_program.data(), option, nullptr};
    pid_t child = 0;
    if (::posix_spawn(&child, m_program.c_str(), nullptr, nullptr, arguments, environ) == 0)
        while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
        }
}

QString BrowseSessions::nameOf(const SessionHold& session)
{
    return QString::fromStdString(session->m_id.hex());
}

BusResult<SessionHold> BrowseSessions::begin(const Caller& caller, const std::string& pointId,
                                             const std::string& volumeId)
{
    reap();
    {
        const std::scoped_lock guard(m_lock);
        const auto own =
            std::count_if(m_sessions.begin(), m_sessions.end(),
                          [&caller](const auto& one) { return one->m_uid == caller.uid; });
        if (own >= kMaxPerUser)
            return busFail("TooManyRequests", tr("You are browsing too many restore points. Close "
                                                 "one of them and try again."));
    }
    SessionHold session(new BrowseSession);
    session->m_id = Id128::random();
    session->m_owner = caller.busName;
    session->m_uid = caller.uid;
    BrowseRequest request;
    request.sessionId = session->m_id;
    request.uid = caller.uid;
    request.gid = groupOf(caller.uid);

    const std::string_view prefix(kLocalPointPrefix);
    const auto prepared =
        pointId.starts_with(prefix)
            ? prepareLocal(*session, request, pointId.substr(prefix.size()), volumeId)
            : prepareBackup(*session, request, caller, pointId, volumeId);
    if (!prepared)
        return busFail(prepared.error());
    if (const auto written = writeBrowseRequest(request); !written)
        return busFail(written.error());
    if (const auto started = startProcess(*session); !started)
        return busFail(started.error());
    if (const auto answered = awaitAnswer(*session); !answered)
        return busFail(answered.error());
    const std::scoped_lock guard(m_lock);
    m_sessions.insert(nameOf(session), session);
    return session;
}

Result<void> BrowseSessions::prepareBackup(BrowseSession& session, BrowseRequest& request,
                                           const Caller& caller, const std::string& pointId,
                                           const std::string& volumeId)
{
    auto catalog = m_service.catalog();
    if (!catalog)
        return tl::unexpected(catalog.error());
    const auto rows = catalog->backups({}, {}, volumeId);
    if (!rows)
        return tl::unexpected(rows.error());
    const auto row = std::find_if(rows->begin(), rows->end(), [&pointId](const BackupRow& one) {
        return one.recordId == pointId && one.isComplete;
    });
    const auto recordId = Id128::fromHex(pointId);
    const auto wanted = Id128::fromHex(volumeId);
    if (row == rows->end() || !recordId || !wanted)
        return fail(Error::Code::NotFound, "There is no such restore point (any more).");
    const auto repository = catalog->repository(row->repositoryId);
    if (!repository || !*repository)
        return fail(Error::Code::NotFound, "The repository of this backup is not known any more.");

    auto opened = m_service.unlock(**repository);
    if (!opened)
        return tl::unexpected(opened.error());
    const auto record = opened->repository->readRecord(*recordId);
    if (!record)
        return tl::unexpected(record.error());
    const auto index = record->findVolume(*wanted);
    if (!index)
        return fail(Error::Code::NotFound, "This backup does not have that volume.");
    // Another machine's image was made by somebody else's root: it may attack the
    // kernel that mounts it, and its user 1000 is not this machine's.
    if (record->run.machineId != m_service.machineId() && caller.uid != 0)
        return fail(Error::Code::Denied, "This backup was made on another computer. Only an "
                                         "administrator may open it.");
    request.fsType = record->volumes[*index].details.fsType;
    request.backup = BrowseRequest::Backup{opened->place->path(), opened->repository->exportKey(),
                                           *recordId, *wanted};
    session.m_pointTimeMs = row->createdAtMs;
    opened->repository.reset();
    session.m_place = std::move(opened->place);
    return {};
}

Result<void> BrowseSessions::prepareLocal(BrowseSession& session, BrowseRequest& request,
                                          const std::string& epochId, const std::string& volumeId)
{
    const auto row = m_service.volumeRow(volumeId);
    if (!row)
        return fail(Error::Code::NotFound, row.error().sentence.toStdString());
    const auto module = Module::open();
    if (!module)
        return tl::unexpected(module.error());
    const auto id = Id128::fromHex(volumeId);
    const auto status = id ? module->find(*id) : Result<std::optional<VolumeStatus>>();
    if (!status || !*status)
        return fail(Error::Code::NotFound, "The volume is not attached now.");
    const auto live = listLocalSnapshots(*module, volumeId);
    if (!live)
        return tl::unexpected(live.error());
    const auto snapshot =
        std::find_if(live->begin(), live->end(),
                     [&epochId](const LocalSnapshot& one) { return one.epochId == epochId; });
    if (snapshot == live->end())
        return fail(Error::Code::NotFound, "This snapshot is not there any more.");
    const auto disk = module->expose((*status)->handle, snapshot->epoch);
    if (!disk)
        return tl::unexpected(disk.error());
    session.m_exposed = BrowseSession::Exposed{(*status)->handle, snapshot->epoch};
    session.m_pointTimeMs = snapshot->createdAtMs;
    request.fsType = row->fsType;
    request.devicePath = disk->devicePath();
    return {};
}

Result<void> BrowseSessions::startProcess(BrowseSession& session)
{
    const std::string name = session.m_id.hex();
    if (canUseUnits()) {
        session.m_isUnit = true;
        return callSystemd("StartUnit", name);
    }
    std::string argument = name;
    char* const arguments[] = {m_program.data(), argument.data(), nullptr};
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    // We block the signals that end us; the child must not.
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    const int error = ::posix_spawn(&session.m_child, m_program.c_str(), nullptr, &attributes,
                                    arguments, environ);
    posix_spawnattr_destroy(&attributes);
    if (error != 0) {
        session.m_child = -1;
        return failErrno("cannot start the browser", error);
    }
    return {};
}

Result<void> BrowseSessions::awaitAnswer(BrowseSession& session)
{
    Result<std::optional<BrowseAnswer>> answer;
    const bool isThere = waitFor(kAnswerPatience, [&] {
        const bool isOver = session.m_isUnit ? hasEnded(session.m_id.hex())
                                             : session.m_child > 0 && hasEnded(session.m_child);
        answer = takeBrowseAnswer(session.m_id);
        if (isOver)
            session.m_child = -1;
        return !answer || *answer || isOver;
    });
    if (!answer)
        return tl::unexpected(answer.error());
    if (!isThere)
        return fail(Error::Code::Io, "The restore point could not be opened in time. Nothing was "
                                     "changed; try again.");
    if (!*answer)
        return fail(Error::Code::Io, "The restore point could not be opened: the program that shows "
                                     "it ended. Nothing was changed; the system's journal says why.");
    if (!(*answer)->error.empty())
        return fail(Error::Code::Io, (*answer)->error);
    session.m_path = (*answer)->path;
    return {};
}

BusResult<SessionHold> BrowseSessions::find(const Caller& caller, const QString& session)
{
    const std::scoped_lock guard(m_lock);
    const SessionHold found = m_sessions.value(session);
    // The same user from another window may not either: who holds the name may
    // end it at any moment. Unknown and somebody else's look alike.
    if (!found || found->m_owner != caller.busName)
        return busFail("NotFound", tr("This browsing session has ended. Open the restore point "
                                      "again."));
    return found;
}

BusResult<void> BrowseSessions::end(const Caller& caller, const QString& session)
{
    SessionHold ended; // let go outside the lock
    {
        auto found = find(caller, session);
        if (!found)
            return tl::unexpected(found.error());
        ended = std::move(*found);
        const std::scoped_lock guard(m_lock);
        m_sessions.remove(session);
    }
    return {};
}

void BrowseSessions::endAllOf(const QString& busName)
{
    std::vector<SessionHold> ended;
    const std::scoped_lock guard(m_lock);
    for (auto it = m_sessions.begin(); it != m_sessions.end();) {
        if ((*it)->m_owner != busName) {
            ++it;
            continue;
        }
        ended.push_back(*it);
        it = m_sessions.erase(it);
    }
}

void BrowseSessions::reap()
{
    std::vector<SessionHold> ended;
    const std::scoped_lock guard(m_lock);
    for (auto it = m_sessions.begin(); it != m_sessions.end();) {
        if ((*it)->isAlive()) {
            ++it;
            continue;
        }
        ended.push_back(*it);
        it = m_sessions.erase(it);
    }
}

int BrowseSessions::count()
{
    const std::scoped_lock guard(m_lock);
    return static_cast<int>(m_sessions.size());
}

} // namespace dormouse
