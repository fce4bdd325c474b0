// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/client/answer.h"
#include "helper/dbus/types.h"

#include <QDBusConnection>
#include <QDBusPendingCall>
#include <QDBusUnixFileDescriptor>
#include <QObject>
#include <QVariantMap>

#include <memory>

class ManagerProxy;

namespace dormouse::app {

// Live progress of one job, as its object on the bus tells it. `path` names it.
struct JobStatus
{
    QString path;
    bus::JobKind kind = bus::JobKind::Unknown;
    bus::JobState state = bus::JobState::Unknown;
    bus::JobPhase phase = bus::JobPhase::None;
    bus::Outcome outcome = bus::Outcome::None;
    QString planId;
    QString repositoryId;
    QStringList volumeIds;
    QString resultId;
    quint64 bytesDone = 0;
    quint64 bytesTotal = 0; // 0 = not known yet
    quint64 rateBytesPerSecond = 0;
    qint64 etaSeconds = -1; // -1 = not known: show none
    qint64 startedTime = 0;
    qint64 finishedTime = 0;

    [[nodiscard]] bool isFinished() const { return state == bus::JobState::Finished; }
    // Takes what is in `properties` and leaves the rest.
    void update(const QVariantMap& properties);
};

struct RestorePointPage
{
    bus::RestorePointList points;
    quint32 total = 0;
};

struct ActivityPage
{
    bus::ActivityEntryList entries;
    quint32 total = 0;
};

struct JobDetails
{
    QString sentence;
    QStringList log;
};

struct BrowseSession
{
    QString session;
    QString path; // where the restore point is mounted, read-only
};

struct ChangeMapSummary
{
    QByteArray changed;
    QByteArray store;
};

struct NewRepository
{
    QString id;
    QByteArray recoveryKey; // empty if not encrypted; show once, then wipe()
};

// The one way to the helper, for the window and for the command line.
//
// It finds (and starts, by bus activation) org.dormouse.Helper1 on the system
// bus and keeps typed proxies bound to its unique name: binding to the
// well-known name would make QtDBus ask the bus for the owner and wait. Nothing
// here ever waits: each call returns at once and `then` is called from the
// event loop with the answer, unless `context` is gone by then. Calls have no
// time limit, because an administrator may be typing a password.
//
// Use from one thread, with an event loop. DBUS_SYSTEM_BUS_ADDRESS names
// another bus, as everywhere.
class HelperClient : public QObject
{
    Q_OBJECT

public:
    enum class Link {
        Connecting,
        NoBus,    // the system bus does not answer
        NoHelper, // it is not installed, does not start, or went away
        Ready,
    };
    Q_ENUM(Link)

    explicit HelperClient(QObject* parent = nullptr);
    ~HelperClient() override;

    // Looks for the helper, starting it if need be. Call again to try again.
    void connectToHelper();

    [[nodiscard]] Link link() const { return m_link; }
    // What the bus said when there is no bus or no helper; may be empty.
    [[nodiscard]] QString linkError() const { return m_linkError; }

    void getHealth(QObject* context, Then<bus::HealthInfo> then);
    void listVolumes(QObject* context, Then<bus::VolumeInfoList> then);
    void listRepositories(QObject* context, Then<bus::RepositoryInfoList> then);
    void listPlans(QObject* context, Then<bus::PlanInfoList> then);
    void listRestorePoints(const QString& volumeId, quint32 offset, quint32 limit, QObject* context,
                           Then<RestorePointPage> then);
    void listActivity(quint32 offset, quint32 limit, QObject* context, Then<ActivityPage> then);
    void getChangeMapSummary(const QString& volumeId, quint32 buckets, QObject* context,
                             Then<ChangeMapSummary> then);
    // Every job object there is, and the Manager's properties.
    void listJobs(QObject* context, Then<QList<JobStatus>> then);
    void getManagerProperties(QObject* context, Then<QVariantMap> then);

    // Jobs: the answer is the job's path.
    void protectVolume(const QString& candidateId, quint64 storeBytes, const QString& storeOn,
                       QObject* context,
                       Then<QString> then);
    void runPlan(const QString& planId, QObject* context, Then<QString> then);
    void repairRepository(const QString& repositoryId, QObject* context, Then<QString> then);
    void verifyRepository(const QString& repositoryId, QObject* context, Then<QString> then);
    void restoreFiles(const QString& session, const QByteArrayList& paths,
                      const QDBusUnixFileDescriptor& target, bus::ConflictPolicy conflict,
                      QObject* context, Then<QString> then);

    void getJob(const QString& path, QObject* context, Then<JobStatus> then);
    void jobDetails(const QString& path, QObject* context, Then<JobDetails> then);
    void cancelJob(const QString& path, QObject* context, Then<bool> then);

    void takeSnapshot(const QStringList& volumeIds, bool durable, QObject* context,
                      Then<QStringList> then);
    void dropSnapshot(const QString& volumeId, quint64 epoch, QObject* context, Then<bool> then);
    void growStore(const QString& volumeId, quint64 bytes, QObject* context, Then<QString> then);
    void forgetVolume(const QString& volumeId, QObject* context, Then<bool> then);

    // The passphrase goes through a pipe; the caller wipes its own copy.
    void createRepository(const QString& name, const QDBusUnixFileDescriptor& directory,
                          const QByteArray& passphrase, bool isEncrypted, QObject* context,
                          Then<NewRepository> then);
    void openRepository(const QDBusUnixFileDescriptor& directory, const QByteArray& passphrase,
                        QObject* context, Then<QString> then);
    // What is known now and what is wanted both go through pipes; the answer is the new
    // recovery key, empty if the repository has one already.
    void setPassphrase(const QString& repositoryId, const QByteArray& current,
                       const QByteArray& passphrase, QObject* context, Then<QByteArray> then);
    void forgetRepository(const QString& repositoryId, QObject* context, Then<bool> then);
    void forgetBackup(const QString& repositoryId, const QString& restorePointId, QObject* context,
                      Then<bool> then);

    // id of `plan` is ignored for a new one; the answer is the plan's id.
    void createPlan(const bus::PlanInfo& plan, QObject* context, Then<QString> then);
    void updatePlan(const bus::PlanInfo& plan, QObject* context, Then<bool> then);
    void pausePlan(const QString& planId, qint64 until, QObject* context, Then<bool> then);
    void removePlan(const QString& planId, QObject* context, Then<bool> then);

    void browse(const QString& restorePointId, const QString& volumeId, QObject* context,
                Then<BrowseSession> then);
    // Without `then` nobody is told; leaving the bus ends the session as well.
    void endBrowse(const QString& session, QObject* context = nullptr, Then<bool> then = {});
    void planRestore(const QString& session, const QByteArrayList& paths,
                     const QDBusUnixFileDescriptor& target, bus::ConflictPolicy conflict,
                     QObject* context, Then<bus::RestoreCounts> then);

signals:
    void linkChanged();
    void volumesChanged();
    void plansChanged();
    void repositoriesChanged();
    void activityChanged();
    void restorePointsChanged(const QString& volumeId);
    void managerPropertiesChanged(const QVariantMap& changed);
    void jobAdded(const dormouse::app::JobStatus& job);
    void jobChanged(const QString& path, const QVariantMap& changed);
    void jobRemoved(const QString& path);

private slots:
    void ownerChanged(const QString& name, const QString& oldOwner, const QString& newOwner);
    void propertiesChanged(const QString& interface, const QVariantMap& changed,
                           const QStringList& invalidated, const QDBusMessage& message);
    void interfacesAdded(const QDBusMessage& message);
    void interfacesRemoved(const QDBusMessage& message);

private:
    void setLink(Link link, const QString& error = {});
    void askForOwner(bool mayStart);
    void startHelper();
    void bind(const QString& owner);
    void unbind();
    template <typename Value, typename Extract>
    void deliver(const QDBusPendingCall& call, QObject* context, Then<Value> then, Extract extract);
    template <typename Proxy> std::unique_ptr<Proxy> proxy(const QString& path) const;
    template <typename Value> bool refuseUnbound(QObject* context, const Then<Value>& then);

    QDBusConnection m_bus;
    QString m_owner; // unique name; empty while unbound
    std::unique_ptr<ManagerProxy> m_manager;
    Link m_link = Link::Connecting;
    QString m_linkError;
};

// An open directory to hand over; invalid (with errno set) if it cannot be opened.
[[nodiscard]] QDBusUnixFileDescriptor openDirectory(const QString& path);

// Overwrites a secret before its memory is given back.
void wipe(QByteArray& secret);

// The sentence and kind of an error reply.
[[nodiscard]] CallError callError(const QDBusError& error);

} // namespace dormouse::app
