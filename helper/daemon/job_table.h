// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Work that takes a while: one thread per job, with a stop token.
 *
 * A job names what it claims ("volume:ID", "repository:ID"); jobs whose claims
 * overlap run one after the other, in the order in which they were started, so
 * that no two write to one repository or close an epoch of one volume at a time.
 *
 * JobTable and JobObject belong to the main thread. The work sees only its
 * JobContext, whose functions may be called from any thread.
 */
#pragma once

#include "helper/base/result.h"
#include "helper/daemon/bus_tree.h"
#include "helper/daemon/gate.h"
#include "helper/dbus/types.h"

#include <QElapsedTimer>
#include <QPointer>
#include <QStringList>
#include <QTimer>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

class JobAdaptor;

namespace dormouse {

/// What a job's work tells about itself while it runs.
class JobContext
{
public:
    static constexpr std::size_t kMaxLogLines = 1000;

    [[nodiscard]] std::stop_token stopToken() const { return m_stop.get_token(); }

    void setPhase(bus::JobPhase phase);
    /// Exact; total 0 = not known yet.
    void setProgress(std::uint64_t doneBytes, std::uint64_t totalBytes);
    /// What it is doing now, for people.
    void setSentence(std::string sentence);
    /// A line of its log. The oldest go when there are too many.
    void addLine(std::string line);

    struct View
    {
        bus::JobPhase phase = bus::JobPhase::None;
        std::uint64_t doneBytes = 0;
        std::uint64_t totalBytes = 0;
    };
    [[nodiscard]] View view() const;
    [[nodiscard]] std::string sentence() const;
    [[nodiscard]] std::vector<std::string> lines() const;

private:
    friend class JobObject;

    std::stop_source m_stop;
    mutable std::mutex m_lock; // guards all below
    View m_view;
    std::string m_sentence;
    std::deque<std::string> m_lines;
};

/// How a job ended.
struct JobResult
{
    bus::Outcome outcome = bus::Outcome::Done;
    std::string sentence;
    std::string resultId;
    std::uint64_t changedBytes = 0;
    std::uint64_t readBytes = 0;
    std::uint64_t storedBytes = 0;
};

/// Turns an Error into a result: Cancelled or Failed, with its sentence.
[[nodiscard]] JobResult failedJob(const Error& error);

struct JobSpec
{
    bus::JobKind kind = bus::JobKind::Unknown;
    QString planId;
    QString repositoryId;
    QStringList volumeIds;
    QStringList claims;
    std::function<JobResult(JobContext&)> work; // in the job's thread
    /// On the main thread, when it has ended or was cancelled before it began.
    std::function<void(const JobResult&)> atEnd;
};

class JobTable;

class JobObject : public BusObject
{
    Q_OBJECT
    Q_PROPERTY(uint Kind READ kind)
    Q_PROPERTY(uint State READ state)
    Q_PROPERTY(uint Phase READ phase)
    Q_PROPERTY(uint Outcome READ outcome)
    Q_PROPERTY(QString PlanId READ planId)
    Q_PROPERTY(QString RepositoryId READ repositoryId)
    Q_PROPERTY(QStringList VolumeIds READ volumeIds)
    Q_PROPERTY(QString ResultId READ resultId)
    Q_PROPERTY(qulonglong BytesDone READ bytesDone)
    Q_PROPERTY(qulonglong BytesTotal READ bytesTotal)
    Q_PROPERTY(qulonglong RateBytesPerSecond READ rate)
    Q_PROPERTY(qlonglong EtaSeconds READ etaSeconds)
    Q_PROPERTY(qlonglong StartedTime READ startedTime)
    Q_PROPERTY(qlonglong FinishedTime READ finishedTime)

public:
    JobObject(JobTable& table, BusTree& tree, Gate& gate, quint64 number, JobSpec spec);
    ~JobObject() override;

    uint kind() const { return static_cast<uint>(m_spec.kind); }
    uint state() const { return static_cast<uint>(m_state); }
    uint phase() const { return static_cast<uint>(m_view.phase); }
    uint outcome() const { return static_cast<uint>(m_outcome); }
    QString planId() const { return m_spec.planId; }
    QString repositoryId() const { return m_spec.repositoryId; }
    QStringList volumeIds() const { return m_spec.volumeIds; }
    QString resultId() const { return QString::fromStdString(m_result.resultId); }
    qulonglong bytesDone() const { return m_view.doneBytes; }
    qulonglong bytesTotal() const { return m_view.totalBytes; }
    qulonglong rate() const { return m_rate; }
    qlonglong etaSeconds() const { return m_etaSeconds; }
    qlonglong startedTime() const { return m_startedTime; }
    qlonglong finishedTime() const { return m_finishedTime; }

    [[nodiscard]] const JobSpec& spec() const { return m_spec; }
    [[nodiscard]] bus::JobState jobState() const { return m_state; }
    [[nodiscard]] bool isFinished() const { return m_state == bus::JobState::Finished; }

    void requestStop();

public slots:
    void Cancel();
    QString Details(QStringList& log);

private:
    friend class JobTable;
    void begin();
    void refresh(); // from the context; with rate and ETA
    void end(JobResult result);

    JobTable& m_table;
    Gate& m_gate;
    JobSpec m_spec;
    std::shared_ptr<JobContext> m_context = std::make_shared<JobContext>();
    std::thread m_thread;

    bus::JobState m_state = bus::JobState::Waiting;
    bus::Outcome m_outcome = bus::Outcome::None;
    JobContext::View m_view;
    JobResult m_result;
    qulonglong m_rate = 0;
    qlonglong m_etaSeconds = -1;
    qlonglong m_startedTime = 0;
    qlonglong m_finishedTime = 0;

    QElapsedTimer m_sinceSample;
    std::uint64_t m_sampleBytes = 0;
    int m_stalledSamples = 0;
};

class JobTable : public QObject
{
    Q_OBJECT

public:
    /// How long a finished job stays on the bus.
    static constexpr int kKeepMs = 5 * 60 * 1000;
    static constexpr int kRefreshMs = 500;
    static constexpr int kMaxUnfinished = 64;

    JobTable(BusTree& tree, Gate& gate, QObject* parent = nullptr);
    /// Stops all jobs and waits for their threads.
    ~JobTable() override;

    /// Starts it, now or when its claims are free. Busy if there are too many.
    [[nodiscard]] BusResult<QDBusObjectPath> start(JobSpec spec);

    /// Whether a job of this plan waits or runs.
    [[nodiscard]] bool isPlanBusy(const QString& planId) const;
    /// A job that gives its store more room runs or waits.
    [[nodiscard]] bool isStoreGrowing(const QString& volumeId) const;
    [[nodiscard]] int unfinished() const;

signals:
    void finished(dormouse::JobObject* job);

private:
    friend class JobObject;
    void ended(JobObject* job);
    void startWaiting();

    BusTree& m_tree;
    Gate& m_gate;
    std::vector<std::unique_ptr<JobObject>> m_jobs; // in the order of their start
    quint64 m_lastNumber = 0;
    QTimer m_refresh;
    bool m_isStopping = false;
};

} // namespace dormouse
