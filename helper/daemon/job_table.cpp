// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/daemon/job_table.h"

#include "job_adaptor.h"

#include <QCoreApplication>
#include <QDateTime>

#include <algorithm>
#include <exception>

namespace dormouse {

namespace {

// Weight of the newest sample in the running mean of the rate.
constexpr double kRateWeight = 0.2;
// Samples without progress after which an ETA would be a guess.
constexpr int kStalledSamples = 10;

} // namespace

void JobContext::setPhase(bus::JobPhase phase)
{
    const std::scoped_lock guard(m_lock);
    m_view.phase = phase;
}

void JobContext::setProgress(std::uint64_t doneBytes, std::uint64_t totalBytes)
{
    const std::scoped_lock guard(m_lock);
    m_view.doneBytes = doneBytes;
    m_view.totalBytes = totalBytes;
}

void JobContext::setSentence(std::string sentence)
{
    const std::scoped_lock guard(m_lock);
    m_sentence = std::move(sentence);
}

void JobContext::addLine(std::string line)
{
    const std::scoped_lock guard(m_lock);
    if (m_lines.size() >= kMaxLogLines)
        m_lines.pop_front();
    m_lines.push_back(std::move(line));
}

JobContext::View JobContext::view() const
{
    const std::scoped_lock guard(m_lock);
    return m_view;
}

std::string JobContext::sentence() const
{
    const std::scoped_lock guard(m_lock);
    return m_sentence;
}

std::vector<std::string> JobContext::lines() const
{
    const std::scoped_lock guard(m_lock);
    return {m_lines.begin(), m_lines.end()};
}

JobResult failedJob(const Error& error)
{
    JobResult result;
    result.outcome =
        error.code == Error::Code::Cancelled ? bus::Outcome::Cancelled : bus::Outcome::Failed;
    result.sentence = error.message;
    return result;
}

JobObject::JobObject(JobTable& table, BusTree& tree, Gate& gate, quint64 number, JobSpec spec)
    : BusObject(tree, QLatin1String(bus::kRootPath) + QStringLiteral("/job/%1").arg(number),
                bus::kJobInterface),
      m_table(table), m_gate(gate), m_spec(std::move(spec))
{
    new JobAdaptor(this);
    m_startedTime = QDateTime::currentSecsSinceEpoch();
    expose();
}

JobObject::~JobObject()
{
    requestStop();
    if (m_thread.joinable())
        m_thread.join();
}

void JobObject::begin()
{
    m_state = bus::JobState::Running;
    m_sinceSample.start();
    m_thread = std::thread([this, context = m_context] {
        JobResult result;
        try {
            result = m_spec.work(*context);
        } catch (const std::exception& exception) {
            // The libraries do not throw; running out of memory does.
            result.outcome = bus::Outcome::Failed;
            result.sentence = std::string("The job was given up: ") + exception.what();
        }
        QMetaObject::invokeMethod(
            this, [this, result = std::move(result)] { end(result); }, Qt::QueuedConnection);
    });
    publish();
}

void JobObject::requestStop()
{
    if (isFinished())
        return;
    m_context->m_stop.request_stop();
    if (m_state == bus::JobState::Waiting) {
        JobResult result;
        result.outcome = bus::Outcome::Cancelled;
        result.sentence = tr("Cancelled before it began. Nothing was changed.").toStdString();
        end(std::move(result));
        return;
    }
    m_state = bus::JobState::Cancelling;
    publish();
}

void JobObject::refresh()
{
    if (m_state != bus::JobState::Running && m_state != bus::JobState::Cancelling)
        return;
    m_view = m_context->view();
    const double seconds = m_sinceSample.restart() / 1000.0;
    const std::uint64_t moved =
        m_view.doneBytes > m_sampleBytes ? m_view.doneBytes - m_sampleBytes : 0;
    m_sampleBytes = m_view.doneBytes;
    m_stalledSamples = moved == 0 ? m_stalledSamples + 1 : 0;
    if (seconds > 0) {
        const double now = static_cast<double>(moved) / seconds;
        const double mean =
            m_rate == 0 ? now : kRateWeight * now + (1 - kRateWeight) * static_cast<double>(m_rate);
        m_rate = static_cast<qulonglong>(mean);
    }
    const bool isKnown = m_view.totalBytes > 0 && m_view.doneBytes <= m_view.totalBytes &&
                         m_rate > 0 && m_stalledSamples < kStalledSamples;
    m_etaSeconds =
        isKnown ? static_cast<qlonglong>((m_view.totalBytes - m_view.doneBytes) / m_rate) : -1;
    publish();
}

void JobObject::end(JobResult result)
{
    if (m_thread.joinable())
        m_thread.join();
    m_view = m_context->view();
    m_view.phase = bus::JobPhase::None;
    m_result = std::move(result);
    m_outcome = m_result.outcome;
    m_state = bus::JobState::Finished;
    m_rate = 0;
    m_etaSeconds = -1;
    m_finishedTime = QDateTime::currentSecsSinceEpoch();
    publish();
    m_table.ended(this);
}

void JobObject::Cancel()
{
    // The job may be gone when polkit's answer comes.
    m_gate.serve(context(), [self = QPointer<JobObject>(this)](const Caller&) {
        return CallAnswer([self]() -> CallReply {
            if (self)
                self->requestStop();
            return QVariantList{};
        });
    });
}

QString JobObject::Details(QStringList&)
{
    const auto job = m_context;
    m_gate.serve(context(), [job](const Caller&) {
        QStringList lines;
        for (const std::string& line : job->lines())
            lines.append(QString::fromStdString(line));
        return CallAnswer(QVariantList{QString::fromStdString(job->sentence()), lines});
    });
    return {};
}

JobTable::JobTable(BusTree& tree, Gate& gate, QObject* parent)
    : QObject(parent), m_tree(tree), m_gate(gate)
{
    m_refresh.setInterval(kRefreshMs);
    connect(&m_refresh, &QTimer::timeout, this, [this] {
        for (const auto& job : m_jobs)
            job->refresh();
    });
}

JobTable::~JobTable()
{
    m_isStopping = true;
    for (const auto& job : m_jobs)
        job->requestStop();
    // What ends now is still recorded: their atEnd runs here.
    for (const auto& job : m_jobs) {
        if (job->m_thread.joinable())
            job->m_thread.join();
        QCoreApplication::sendPostedEvents(job.get());
    }
}

BusResult<QDBusObjectPath> JobTable::start(JobSpec spec)
{
    if (m_isStopping || unfinished() >= kMaxUnfinished)
        return busFail("Busy", tr("Too many jobs are waiting. Try again when some are done."));
    auto job = std::make_unique<JobObject>(*this, m_tree, m_gate, ++m_lastNumber, std::move(spec));
    const QDBusObjectPath path(job->path());
    m_jobs.push_back(std::move(job));
    if (!m_refresh.isActive())
        m_refresh.start();
    startWaiting();
    return path;
}

void JobTable::startWaiting()
{
    if (m_isStopping)
        return;
    // A claim of an earlier job that still waits counts too, so that a job
    // with many claims is not overtaken for ever.
    QStringList taken;
    for (const auto& job : m_jobs) {
        if (job->isFinished())
            continue;
        const QStringList& claims = job->spec().claims;
        const bool isFree = std::none_of(claims.begin(), claims.end(),
                                         [&taken](const QString& c) { return taken.contains(c); });
        taken += claims;
        if (job->jobState() == bus::JobState::Waiting && isFree)
            job->begin();
    }
}

void JobTable::ended(JobObject* job)
{
    const JobResult result = job->m_result;
    job->m_context->setSentence(result.sentence);
    if (job->m_spec.atEnd)
        job->m_spec.atEnd(result);
    // What the work holds on to (descriptors, connections) is let go now.
    job->m_spec.work = nullptr;
    job->m_spec.atEnd = nullptr;
    emit finished(job);
    m_tree.emitSignal(QString::fromLatin1(bus::kRootPath),
                      QString::fromLatin1(bus::kManagerInterface), QStringLiteral("JobFinished"),
                      {QVariant::fromValue(QDBusObjectPath(job->path())), job->outcome()});
    if (m_isStopping)
        return;
    QTimer::singleShot(kKeepMs, this, [this, gone = QPointer<JobObject>(job)] {
        std::erase_if(m_jobs, [&gone](const auto& one) { return one.get() == gone.data(); });
    });
    if (unfinished() == 0)
        m_refresh.stop();
    startWaiting();
}

bool JobTable::isStoreGrowing(const QString& volumeId) const
{
    return std::any_of(m_jobs.begin(), m_jobs.end(), [&volumeId](const auto& job) {
        return !job->isFinished() && job->spec().kind == bus::JobKind::GrowStore &&
               job->spec().volumeIds.contains(volumeId);
    });
}

bool JobTable::isPlanBusy(const QString& planId) const
{
    return std::any_of(m_jobs.begin(), m_jobs.end(), [&planId](const auto& job) {
        return !job->isFinished() && job->planId() == planId &&
               job->kind() == static_cast<uint>(bus::JobKind::Backup);
    });
}

int JobTable::unfinished() const
{
    return static_cast<int>(std::count_if(m_jobs.begin(), m_jobs.end(),
                                          [](const auto& job) { return !job->isFinished(); }));
}

} // namespace dormouse
