// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Restore points that somebody is looking at.
 *
 * A session is a dormouse-browse process (helper/browse/browse_request.h) that
 * keeps one volume of one restore point mounted for one user. Sessions end when
 * they are asked to, when the caller leaves the bus, and with this object; a
 * restore that reads from one keeps it until it is done.
 *
 * Threads: any. begin(), end(), and dropping the last hold wait for processes.
 */
#pragma once

#include "helper/browse/browse_request.h"
#include "helper/daemon/bus_error.h"
#include "helper/daemon/gate.h"
#include "helper/daemon/service.h"

#include <QHash>

#include <memory>
#include <mutex>

#include <sys/types.h>

namespace dormouse {

class BrowseSession
{
public:
    ~BrowseSession(); // ends the process and lets go of the snapshot

    [[nodiscard]] const std::string& path() const { return m_path; }
    [[nodiscard]] std::int64_t pointTimeMs() const { return m_pointTimeMs; }
    /// Whether its process still keeps it mounted.
    [[nodiscard]] bool isAlive() const;

private:
    friend class BrowseSessions;
    BrowseSession() = default;

    Id128 m_id;
    std::string m_path;
    std::int64_t m_pointTimeMs = 0;
    QString m_owner; // unique bus name
    uint m_uid = 0;
    pid_t m_child = -1; // when it is a child; else a unit
    bool m_isUnit = false;
    std::unique_ptr<RepositoryPlace> m_place; // of a backup
    struct Exposed
    {
        std::uint32_t handle = 0;
        std::uint64_t epoch = 0;
    };
    std::optional<Exposed> m_exposed; // of a local snapshot
};

using SessionHold = std::shared_ptr<BrowseSession>;

class BrowseSessions
{
public:
    static constexpr int kMaxPerUser = 8;

    /// `program`: dormouse-browse, started as a child where there is no systemd.
    BrowseSessions(Service& service, std::string program);
    ~BrowseSessions();

    /// Unmounts what a killed helper left mounted. Once, at the start.
    void cleanUp();

    [[nodiscard]] BusResult<SessionHold> begin(const Caller& caller, const std::string& pointId,
                                               const std::string& volumeId);
    /// Only its owner may have it.
    [[nodiscard]] BusResult<SessionHold> find(const Caller& caller, const QString& session);
    [[nodiscard]] BusResult<void> end(const Caller& caller, const QString& session);
    void endAllOf(const QString& busName);
    /// Ends those whose process has ended by itself.
    void reap();

    [[nodiscard]] int count();
    [[nodiscard]] static QString nameOf(const SessionHold& session);

private:
    [[nodiscard]] Result<void> prepareBackup(BrowseSession& session, BrowseRequest& request,
                                             const Caller& caller, const std::string& pointId,
                                             const std::string& volumeId);
    [[nodiscard]] Result<void> prepareLocal(BrowseSession& session, BrowseRequest& request,
                                            const std::string& epochId,
                                            const std::string& volumeId);
    [[nodiscard]] Result<void> startProcess(BrowseSession& session);
    [[nodiscard]] Result<void> awaitAnswer(BrowseSession& session);

    Service& m_service;
    std::string m_program;
    std::mutex m_lock; // guards m_sessions
    QHash<QString, SessionHold> m_sessions;
};

} // namespace dormouse
