// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/client/helper_client.h"

#include <QHash>
#include <QObject>
#include <QTimer>

namespace dormouse::app {

// What the helper knows, kept up to date: lists are asked for when the helper
// appears and again after each signal that says they differ (several signals
// in a row cost one call). Pages read from here and follow the signals.
class HelperState : public QObject
{
    Q_OBJECT

public:
    enum class Stage {
        Connecting, // nothing is known yet
        NoBus,
        NoHelper,
        NotAllowed, // the helper is there, but this user may not look
        Ready,      // every list was read at least once
    };
    Q_ENUM(Stage)

    explicit HelperState(HelperClient* client, QObject* parent = nullptr);

    [[nodiscard]] HelperClient* client() const { return m_client; }
    [[nodiscard]] Stage stage() const { return m_stage; }

    // The helper's own sentence while the stage is NotAllowed.
    [[nodiscard]] QString refusal() const { return m_refusal; }

    [[nodiscard]] const bus::HealthInfo& health() const { return m_health; }
    [[nodiscard]] bus::ModuleState moduleState() const { return m_moduleState; }
    [[nodiscard]] QString helperVersion() const { return m_helperVersion; }
    [[nodiscard]] qint64 newestBackupTime() const { return m_newestBackupTime; }
    [[nodiscard]] qint64 nextRunTime() const { return m_nextRunTime; }
    [[nodiscard]] const bus::VolumeInfoList& volumes() const { return m_volumes; }
    [[nodiscard]] const bus::PlanInfoList& plans() const { return m_plans; }
    [[nodiscard]] const bus::RepositoryInfoList& repositories() const { return m_repositories; }
    // Finished jobs, newest first: the newest thousand.
    [[nodiscard]] const bus::ActivityEntryList& activity() const { return m_activity; }
    // Jobs that have not finished, oldest first.
    [[nodiscard]] QList<JobStatus> runningJobs() const;
    // What a job says of itself; empty until it was asked.
    [[nodiscard]] QString jobSentence(const QString& path) const;

    [[nodiscard]] const bus::VolumeInfo* volume(const QString& id) const;
    [[nodiscard]] const bus::PlanInfo* plan(const QString& id) const;
    [[nodiscard]] const bus::RepositoryInfo* repository(const QString& id) const;
    [[nodiscard]] bool hasProtectedVolume() const;
    // What people call it: label, mount point or device; "a volume" if unknown.
    [[nodiscard]] QString volumeName(const QString& id) const;
    [[nodiscard]] QString volumeNames(const QStringList& ids) const;

    void refreshAll();

signals:
    void stageChanged();
    void healthChanged();
    void volumesChanged();
    void plansChanged();
    void repositoriesChanged();
    void activityChanged();
    void jobsChanged(); // one appeared, ended or went
    void jobProgressed(const QString& path);
    void jobEnded(const dormouse::app::JobStatus& job);
    void restorePointsChanged(const QString& volumeId);

private:
    // One list: asked again if a signal came while the answer was on its way.
    struct Refresh
    {
        bool isAsking = false;
        bool isStale = false;
        bool isLoaded = false;
    };
    enum List { Health, Properties, Volumes, Plans, Repositories, Activity, Jobs, listCount };

    void linkChanged();
    void setStage(Stage stage);
    void markStale(List list);
    void askStale();
    void ask(List list);
    template <typename Value> void answered(List list, const Answer<Value>& answer, Value& field);
    void concluded(List list, const QString& refusal = {});
    void takeProperties(const QVariantMap& properties);
    void jobAdded(const JobStatus& job);
    void jobChanged(const QString& path, const QVariantMap& changed);
    void askForSentence(const QString& path);
    void announce(List list);

    HelperClient* m_client;
    Stage m_stage = Stage::Connecting;
    QString m_refusal;
    Refresh m_refresh[listCount];
    QTimer m_soon;

    bus::HealthInfo m_health;
    bus::ModuleState m_moduleState = bus::ModuleState::Unknown;
    QString m_helperVersion;
    qint64 m_newestBackupTime = 0;
    qint64 m_nextRunTime = 0;
    bus::VolumeInfoList m_volumes;
    bus::PlanInfoList m_plans;
    bus::RepositoryInfoList m_repositories;
    bus::ActivityEntryList m_activity;
    QList<JobStatus> m_jobs;
    QHash<QString, QString> m_sentences;
};

// What people call a volume, from most to least telling.
[[nodiscard]] QString displayName(const bus::VolumeInfo& volume);
// Device, file system and size in one quiet line.
[[nodiscard]] QString describe(const bus::VolumeInfo& volume);

} // namespace dormouse::app
