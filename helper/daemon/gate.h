// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The gate that every method call passes: authorised first, then worked on in
 * a thread, then answered.
 *
 * A slot of a bus object calls serve() and returns; whatever it returns is
 * dropped and the answer is sent when the work is done. What the gate adds:
 *   - the action comes from the access table; no row, no access;
 *   - the subject that polkit judges is the caller's unique bus name, never a
 *     process id (which can be reused by another program between two looks);
 *   - a user may have kMaxPendingPerUser calls waiting, all users together
 *     kMaxPending: more are refused at once, so that nobody can fill the
 *     memory or the worker threads for others;
 *   - a caller that leaves the bus before it was authorised is forgotten, its
 *     password dialog closed, and its work never starts.
 *
 * Main thread only. Work runs in a pool of threads of the gate's own.
 */
#pragma once

#include "helper/daemon/access_table.h"
#include "helper/daemon/authority.h"
#include "helper/daemon/bus_error.h"

#include <QDBusConnection>
#include <QDBusContext>
#include <QDBusMessage>
#include <QDBusServiceWatcher>
#include <QHash>
#include <QThreadPool>
#include <QVariantList>

#include <functional>

namespace dormouse {

struct Caller
{
    QString busName; ///< unique name, ":1.42"
    uint uid = 0;
};

using CallReply = BusResult<QVariantList>;

/// What work hands back: the answer's values, or a last step for the main
/// thread (to start a job, to touch bus objects) that makes them.
struct CallAnswer
{
    QVariantList values;
    std::function<CallReply()> onMain;

    CallAnswer() = default;
    CallAnswer(QVariantList answer) : values(std::move(answer)) {}
    CallAnswer(std::function<CallReply()> lastStep) : onMain(std::move(lastStep)) {}
};

using CallWork = std::function<BusResult<CallAnswer>(const Caller&)>;

class Gate : public QObject
{
    Q_OBJECT

public:
    static constexpr int kMaxPendingPerUser = 32;
    static constexpr int kMaxPending = 256;

    Gate(QDBusConnection connection, Authority* authority, QObject* parent = nullptr);
    /// Waits for work that has begun; calls that wait are answered "Cancelled".
    ~Gate() override;

    /// From a slot that QtDBus called (context.calledFromDBus()). `atLeast`
    /// raises what the table says, for methods whose danger depends on their
    /// arguments.
    void serve(const QDBusContext& context, CallWork work, Access atLeast = Access::Look);

    /// Refuses the call at once, without asking anybody.
    static void refuse(const QDBusContext& context, const BusError& error);

    /// From now on work waits, except of calls that only list ("List…", "Get…").
    void hold() { m_isHeld = true; }
    void release();

    [[nodiscard]] int pending() const { return static_cast<int>(m_calls.size()); }

signals:
    /// A caller that has made a call before has left the bus.
    void callerLeft(const QString& busName);

private:
    struct Call
    {
        QDBusMessage message;
        QString action;
        CallWork work;
        Caller caller;
        bool isCounted = false; // in m_pendingOf: its user is known
        bool isRunning = false; // authorised: the work has begun
    };

    void askWhoCalls(quint64 number);
    void callerKnown(quint64 number, uint uid);
    void answered(quint64 number, Authority::Answer answer);
    void run(quint64 number);
    void finish(quint64 number, const BusResult<CallAnswer>& answer);
    void uncount(const Call& call);
    void left(const QString& busName);

    QDBusConnection m_connection;
    Authority* m_authority;
    QDBusServiceWatcher m_watcher;
    QThreadPool m_pool;
    QHash<quint64, Call> m_calls;
    QHash<QString, uint> m_users; // of callers that are on the bus now
    QHash<uint, int> m_pendingOf;
    quint64 m_lastNumber = 0;
    QList<quint64> m_held; // authorised; some may have left since
    bool m_isHeld = false;
    bool m_isStopping = false;
};

} // namespace dormouse
