// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/cli/terminal.h"
#include "app/client/helper_client.h"

#include <QEventLoop>
#include <QObject>

#include <optional>

namespace dormouse::app::cli {

// One run of dormousectl: the connection, waiting for answers (a command line
// may wait, in its event loop), and finding things by the names people use.
// Every function throws CommandFailed with a sentence when it cannot deliver.
class Session : public QObject
{
    Q_OBJECT

public:
    explicit Session(bool isJson);

    [[nodiscard]] bool isJson() const { return m_isJson; }
    HelperClient& client() { return m_client; }

    // Waits until the helper answers; every command but --help begins so.
    void connectToHelper();
    // The same without throwing, for `doctor`.
    [[nodiscard]] HelperClient::Link tryToConnect();

    // Starts a call with `start(then)` and returns its value.
    template <typename Value, typename Start> Value await(Start start)
    {
        Answer<Value> answer = tryAwait<Value>(start);
        if (!answer)
            throwError(answer.error());
        return *std::move(answer);
    }

    template <typename Value, typename Start> Answer<Value> tryAwait(Start start)
    {
        QEventLoop loop;
        std::optional<Answer<Value>> got;
        start(Then<Value>([&](const Answer<Value>& answer) {
            got = answer;
            loop.quit();
        }));
        if (!got)
            loop.exec();
        return *std::move(got);
    }

    bus::VolumeInfoList volumes();
    bus::PlanInfoList plans();
    bus::RepositoryInfoList repositories();
    // Newest first; of every volume if volumeId is empty.
    bus::RestorePointList restorePoints(const QString& volumeId);

    // By id (or the start of one), label, mount point, device or UUID.
    bus::VolumeInfo findVolume(const QString& name);
    bus::VolumeInfo findProtectedVolume(const QString& name);
    bus::PlanInfo findPlan(const QString& name);
    bus::RepositoryInfo findRepository(const QString& name);
    // By id (or the start of one), "latest" or "latest-backup"; of `volumeName`
    // if that is not empty, and it must be given where several would fit.
    bus::RestorePoint findRestorePoint(const QString& name, const QString& volumeName);

    // Shows a job's progress until it ended, then its sentence and log, and
    // returns the exit code. Interrupting (Ctrl-C) cancels the job and waits for
    // its end; a second time leaves it to itself.
    int follow(const QString& jobPath);
    struct JobEnd
    {
        JobStatus job;
        JobDetails details;
        int exitCode = exitOk;
    };
    JobEnd waitForJob(const QString& jobPath);
    void report(const JobEnd& end);

    [[noreturn]] void throwError(const CallError& error) const;

private:
    HelperClient m_client;
    bool m_isJson;
};

// Waits until Ctrl-C, SIGTERM or (if stdin is not a terminal) its end.
void waitForInterrupt();

} // namespace dormouse::app::cli
