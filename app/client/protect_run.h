// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/client/helper_state.h"

namespace dormouse::app {

// What the protect wizard was told.
struct ProtectRequest
{
    QStringList candidateIds; // volumes to set up
    QStringList volumeIds;    // volumes that are protected already
    QString repositoryId;     // an existing repository, or empty to make one:
    QString repositoryName;
    QString repositoryFolder;
    bool isEncrypted = true;
    QByteArray passphrase; // wiped as soon as it was handed over
    bus::PlanInfo plan;    // name, rhythm, keepLast, isEnabled
    bool shouldBackUpNow = true;
};

// Carries it out, one step after the other: store and tracking for each volume,
// the repository, the plan, the first backup. A failing step ends the run; what
// was done stays and is not repeated when the run is started again, so the
// person mends what was wrong and goes on.
class ProtectRun : public QObject
{
    Q_OBJECT

public:
    explicit ProtectRun(HelperState* state, QObject* parent = nullptr);
    ~ProtectRun() override;

    [[nodiscard]] ProtectRequest& request() { return m_request; }
    void start();

    // Made by this run; wipe it once it was saved.
    [[nodiscard]] QByteArray& recoveryKey() { return m_recoveryKey; }
    [[nodiscard]] QString repositoryId() const { return m_request.repositoryId; }

signals:
    void stepBegan(const QString& sentence);
    void failed(const QString& sentence);
    void finished(); // protected; the first backup (if wanted) is running

private:
    void takeJobEnd(const JobStatus& job);
    void protectNext();
    void makeRepository();
    void makePlan();
    void runPlan();
    void fail(const CallError& error);

    HelperState* m_state;
    ProtectRequest m_request;
    QByteArray m_recoveryKey;
    QString m_waitingForJob;
};

} // namespace dormouse::app
