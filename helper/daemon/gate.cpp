// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/daemon/gate.h"

#include "helper/base/log.h"

#include <QCoreApplication>
#include <QDBusPendingCallWatcher>
#include <QDBusPendingReply>

namespace dormouse {

namespace {

constexpr int kWorkers = 8;

void sendError(QDBusConnection connection, const QDBusMessage& call, const BusError& error)
{
    connection.send(call.createErrorReply(error.fullName(), error.sentence));
}

} // namespace

Gate::Gate(QDBusConnection connection, Authority* authority, QObject* parent)
    : QObject(parent), m_connection(std::move(connection)), m_authority(authority)
{
    m_pool.setMaxThreadCount(kWorkers);
    m_watcher.setConnection(m_connection);
    m_watcher.setWatchMode(QDBusServiceWatcher::WatchForUnregistration);
    connect(&m_watcher, &QDBusServiceWatcher::serviceUnregistered, this, &Gate::left);
    connect(m_authority, &Authority::answered, this, &Gate::answered);
}

Gate::~Gate()
{
    m_isStopping = true;
    m_pool.waitForDone();
    QCoreApplication::sendPostedEvents(this); // the answers of work that is done
    for (const Call& call : std::as_const(m_calls))
        sendError(
            m_connection, call.message,
            {QStringLiteral("Cancelled"), tr("The helper is stopping. Try again in a moment.")});
}

void Gate::refuse(const QDBusContext& context, const BusError& error)
{
    context.setDelayedReply(true);
    sendError(context.connection(), context.message(), error);
}

void Gate::serve(const QDBusContext& context, CallWork work, Access atLeast)
{
    if (!context.calledFromDBus())
        return;
    context.setDelayedReply(true);
    const QDBusMessage& message = context.message();
    const auto access = accessFor(message.interface(), message.member());
    if (!access) {
        logError("a method has no row in the access table: " + message.member().toStdString());
        sendError(m_connection, message,
                  {QStringLiteral("NotAuthorized"), tr("Nobody may call this method.")});
        return;
    }
    if (m_calls.size() >= kMaxPending) {
        sendError(m_connection, message,
                  {QStringLiteral("TooManyRequests"),
                   tr("Too many requests are waiting for an answer. Try again in a moment.")});
        return;
    }
    const quint64 number = ++m_lastNumber;
    Call call;
    call.message = message;
    call.action = actionId(std::max(*access, atLeast));
    call.work = std::move(work);
    call.caller.busName = message.service();
    m_calls.insert(number, std::move(call));
    askWhoCalls(number);
}

void Gate::askWhoCalls(quint64 number)
{
    const QString busName = m_calls[number].caller.busName;
    const auto known = m_users.constFind(busName);
    if (known != m_users.constEnd()) {
        callerKnown(number, *known);
        return;
    }
    // Watch first, ask then: a caller that leaves in between is not missed.
    m_watcher.addWatchedService(busName);
    QDBusMessage question = QDBusMessage::createMethodCall(
        QStringLiteral("org.freedesktop.DBus"), QStringLiteral("/org/freedesktop/DBus"),
        QStringLiteral("org.freedesktop.DBus"), QStringLiteral("GetConnectionUnixUser"));
    question << busName;
    auto* watcher = new QDBusPendingCallWatcher(m_connection.asyncCall(question), this);
    connect(watcher, &QDBusPendingCallWatcher::finished, this,
            [this, number, busName](QDBusPendingCallWatcher* self) {
                self->deleteLater();
                const QDBusPendingReply<uint> reply = *self;
                if (reply.isError()) { // it is gone already
                    left(busName);
                    return;
                }
                if (!m_calls.contains(number))
                    return;
                m_users.insert(busName, reply.value());
                callerKnown(number, reply.value());
            });
}

void Gate::callerKnown(quint64 number, uint uid)
{
    Call& call = m_calls[number];
    int& pending = m_pendingOf[uid];
    if (pending >= kMaxPendingPerUser) {
        sendError(m_connection, call.message,
                  {QStringLiteral("TooManyRequests"),
                   tr("Too many of your requests are waiting for an answer. Try again when some "
                      "of them are answered.")});
        m_calls.remove(number);
        return;
    }
    ++pending;
    call.isCounted = true;
    call.caller.uid = uid;
    m_authority->check(number, call.caller.busName, call.action);
}

void Gate::answered(quint64 number, Authority::Answer answer)
{
    if (!m_calls.contains(number))
        return; // left meanwhile
    switch (answer) {
    case Authority::Answer::Yes:
        run(number);
        return;
    case Authority::Answer::No:
        finish(number, busFail("NotAuthorized",
                               tr("You are not allowed to do this. Nothing was changed.")));
        return;
    case Authority::Answer::Unavailable:
        finish(number, busFail("NotAuthorized",
                               tr("The system's authorisation service (polkit) does not answer, so "
                                  "nobody can be allowed anything. Nothing was changed.")));
        return;
    }
}

void Gate::run(quint64 number)
{
    Call& call = m_calls[number];
    const QString member = call.message.member();
    if (m_isHeld && !member.startsWith(QLatin1String("List")) &&
        !member.startsWith(QLatin1String("Get"))) {
        m_held.append(number);
        return;
    }
    call.isRunning = true;
    m_pool.start([this, number, work = std::move(call.work), caller = call.caller] {
        BusResult<CallAnswer> answer = work(caller);
        QMetaObject::invokeMethod(
            this, [this, number, answer = std::move(answer)] { finish(number, answer); },
            Qt::QueuedConnection);
    });
}

void Gate::release()
{
    m_isHeld = false;
    for (const quint64 number : std::exchange(m_held, {})) {
        if (m_calls.contains(number))
            run(number);
    }
}

void Gate::finish(quint64 number, const BusResult<CallAnswer>& answer)
{
    const auto found = m_calls.find(number);
    if (found == m_calls.end())
        return;
    const Call call = *found;
    m_calls.erase(found);
    uncount(call);
    CallReply reply = QVariantList{};
    if (!answer)
        reply = tl::unexpected(answer.error());
    else if (!answer->onMain)
        reply = answer->values;
    else if (!m_isStopping) // what a last step touches may be gone by then
        reply = answer->onMain();
    else
        reply = busFail("Cancelled", tr("The helper is stopping. Try again in a moment."));
    if (reply)
        m_connection.send(call.message.createReply(*reply));
    else
        sendError(m_connection, call.message, reply.error());
}

void Gate::uncount(const Call& call)
{
    if (call.isCounted && --m_pendingOf[call.caller.uid] <= 0)
        m_pendingOf.remove(call.caller.uid);
}

void Gate::left(const QString& busName)
{
    m_watcher.removeWatchedService(busName);
    for (auto it = m_calls.begin(); it != m_calls.end();) {
        if (it->caller.busName != busName || it->isRunning) {
            ++it; // work that has begun ends by itself; its answer goes nowhere
            continue;
        }
        m_authority->cancel(it.key());
        uncount(*it);
        it = m_calls.erase(it);
    }
    m_users.remove(busName);
    emit callerLeft(busName);
}

} // namespace dormouse
