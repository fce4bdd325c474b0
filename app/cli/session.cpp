// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/session.h"

#include "app/cli/json.h"
#include "app/client/format.h"
#include "app/client/helper_state.h"
#include "app/client/words.h"

#include <QJsonArray>
#include <QSocketNotifier>

#include <csignal>
#include <fcntl.h>
#include <unistd.h>

namespace dormouse::app::cli {
namespace {

int interruptPipe[2] = {-1, -1};

extern "C" void noteInterrupt(int)
{
    const int before = errno;
    const char byte = 0;
    [[maybe_unused]] const ssize_t written = ::write(interruptPipe[1], &byte, 1);
    errno = before;
}

// Ctrl-C and SIGTERM as events of the event loop, as long as it lives; before
// and after they end the process as usual. (A signalfd would need the signals
// blocked in QtDBus's thread, which exists already.)
class Interrupts
{
public:
    explicit Interrupts(std::function<void()> onInterrupt)
    {
        if (::pipe2(interruptPipe, O_CLOEXEC | O_NONBLOCK) != 0)
            return;
        m_notifier = std::make_unique<QSocketNotifier>(interruptPipe[0], QSocketNotifier::Read);
        QObject::connect(m_notifier.get(), &QSocketNotifier::activated,
                         [onInterrupt = std::move(onInterrupt)] {
                             char byte;
                             while (::read(interruptPipe[0], &byte, 1) == 1)
                                 onInterrupt();
                         });
        struct sigaction action = {};
        action.sa_handler = noteInterrupt;
        ::sigaction(SIGINT, &action, &m_beforeInt);
        ::sigaction(SIGTERM, &action, &m_beforeTerm);
    }

    ~Interrupts()
    {
        if (!m_notifier)
            return;
        ::sigaction(SIGINT, &m_beforeInt, nullptr);
        ::sigaction(SIGTERM, &m_beforeTerm, nullptr);
        m_notifier.reset();
        ::close(interruptPipe[0]);
        ::close(interruptPipe[1]);
    }

    Interrupts(const Interrupts&) = delete;
    Interrupts& operator=(const Interrupts&) = delete;

private:
    struct sigaction m_beforeInt = {};
    struct sigaction m_beforeTerm = {};
    std::unique_ptr<QSocketNotifier> m_notifier;
};

int exitCodeOf(bus::Outcome outcome)
{
    switch (outcome) {
    case bus::Outcome::Done:
        return exitOk;
    case bus::Outcome::DoneWithExceptions:
        return exitExceptions;
    case bus::Outcome::Cancelled:
        return exitCancelled;
    case bus::Outcome::Skipped:
        return exitUnreachable;
    default:
        return exitFailed;
    }
}

int exitCodeOf(CallError::Kind kind)
{
    switch (kind) {
    case CallError::Kind::NotReachable:
        return exitNotReachable;
    case CallError::Kind::NotAuthorized:
        return exitNotAuthorized;
    case CallError::Kind::NotFound:
        return exitNotFound;
    case CallError::Kind::Busy:
        return exitBusy;
    case CallError::Kind::InvalidArgument:
        return exitUsage;
    case CallError::Kind::ModuleMissing:
        return exitModuleMissing;
    case CallError::Kind::Unreachable:
        return exitUnreachable;
    case CallError::Kind::WrongPassphrase:
        return exitWrongPassphrase;
    case CallError::Kind::Cancelled:
        return exitCancelled;
    case CallError::Kind::Refused:
    case CallError::Kind::Failed:
        break;
    }
    return exitFailed;
}

// The one item that `name` names: an exact match of any of its names wins over
// the start of its id; two that match are an error, not a guess.
template <typename Item, typename Names>
Item findOne(const QList<Item>& items, const QString& name, Names namesOf, const QString& what)
{
    QList<Item> exact;
    QList<Item> byPrefix;
    for (const Item& item : items) {
        if (namesOf(item).contains(name))
            exact.append(item);
        else if (name.size() >= 4 && item.id.startsWith(name, Qt::CaseInsensitive))
            byPrefix.append(item);
    }
    const QList<Item>& found = exact.isEmpty() ? byPrefix : exact;
    if (found.size() == 1)
        return found.first();
    if (found.isEmpty())
        throw CommandFailed{
            exitNotFound, Session::tr("There is no %1 called \"%2\".").arg(what, printable(name))};
    throw CommandFailed{
        exitUsage,
        Session::tr("More than one %1 is called \"%2\". Use its id.").arg(what, printable(name))};
}

QStringList namesOf(const bus::VolumeInfo& volume)
{
    QStringList names{volume.id,    volume.candidateId, volume.device,
                      volume.label, volume.mountPoint,  displayName(volume)};
    names.removeAll(QString());
    return names;
}

} // namespace

Session::Session(bool isJson) : m_isJson(isJson) {}

HelperClient::Link Session::tryToConnect()
{
    m_client.connectToHelper();
    if (m_client.link() == HelperClient::Link::Connecting) {
        QEventLoop loop;
        connect(&m_client, &HelperClient::linkChanged, &loop, [&] {
            if (m_client.link() != HelperClient::Link::Connecting)
                loop.quit();
        });
        loop.exec();
    }
    return m_client.link();
}

void Session::connectToHelper()
{
    switch (tryToConnect()) {
    case HelperClient::Link::Ready:
        return;
    case HelperClient::Link::NoBus:
        throw CommandFailed{
            exitNotReachable,
            tr("The system message bus does not answer: %1").arg(m_client.linkError())};
    case HelperClient::Link::NoHelper:
    case HelperClient::Link::Connecting:
        break;
    }
    throw CommandFailed{exitNotReachable,
                        tr("The Dormouse helper does not run and cannot be started: %1\n"
                           "Install the package dormouse-helper, or look at "
                           "\"systemctl status dormoused\".")
                            .arg(m_client.linkError())};
}

void Session::throwError(const CallError& error) const
{
    throw CommandFailed{exitCodeOf(error.kind), error.sentence};
}

bus::VolumeInfoList Session::volumes()
{
    return await<bus::VolumeInfoList>([&](auto then) { m_client.listVolumes(this, then); });
}

bus::PlanInfoList Session::plans()
{
    return await<bus::PlanInfoList>([&](auto then) { m_client.listPlans(this, then); });
}

bus::RepositoryInfoList Session::repositories()
{
    return await<bus::RepositoryInfoList>(
        [&](auto then) { m_client.listRepositories(this, then); });
}

bus::RestorePointList Session::restorePoints(const QString& volumeId)
{
    bus::RestorePointList points;
    for (;;) {
        const auto page = await<RestorePointPage>([&](auto then) {
            m_client.listRestorePoints(volumeId, quint32(points.size()), bus::kMaxPage, this, then);
        });
        points += page.points;
        if (page.points.isEmpty() || points.size() >= qsizetype(page.total))
            return points;
    }
}

bus::VolumeInfo Session::findVolume(const QString& name)
{
    // What is there now wins over a past volume that was called the same.
    bus::VolumeInfoList list = volumes();
    const bool isPresent = std::any_of(list.begin(), list.end(), [&](const auto& volume) {
        return volume.isProtected && namesOf(volume).contains(name);
    });
    if (isPresent)
        list.removeIf([](const auto& volume) { return !volume.isProtected; });
    return findOne(list, name, namesOf, tr("volume"));
}

bus::VolumeInfo Session::findProtectedVolume(const QString& name)
{
    bus::VolumeInfo volume = findVolume(name);
    if (!volume.isProtected)
        throw CommandFailed{exitFailed,
                            tr("%1 is not protected. Use \"dormousectl protect\" first.")
                                .arg(printable(displayName(volume)))};
    return volume;
}

bus::PlanInfo Session::findPlan(const QString& name)
{
    return findOne(
        plans(), name,
        [](const bus::PlanInfo& plan) {
            return QStringList{plan.id, plan.name};
        },
        tr("plan"));
}

bus::RepositoryInfo Session::findRepository(const QString& name)
{
    return findOne(
        repositories(), name,
        [](const bus::RepositoryInfo& repository) {
            return QStringList{repository.id, repository.name, repository.location};
        },
        tr("repository"));
}

bus::RestorePoint Session::findRestorePoint(const QString& name, const QString& volumeName)
{
    const QString volumeId = volumeName.isEmpty() ? QString() : findVolume(volumeName).id;
    QList<bus::RestorePoint> points = restorePoints(volumeId);
    const bool isLatestBackup = name == QLatin1String("latest-backup");
    if (isLatestBackup)
        points.removeIf(
            [](const auto& point) { return point.source != bus::RestorePointSource::Backup; });
    if (points.isEmpty())
        throw CommandFailed{exitNotFound, tr("There is no restore point yet.")};
    if (isLatestBackup || name == QLatin1String("latest")) {
        const QString id = points.first().id;
        points.removeIf([&](const auto& point) { return point.id != id; });
    } else {
        points.removeIf([&](const auto& point) {
            return name.size() < 4 || !point.id.startsWith(name, Qt::CaseInsensitive);
        });
    }
    if (points.isEmpty())
        throw CommandFailed{exitNotFound,
                            tr("There is no restore point \"%1\".").arg(printable(name))};
    if (points.size() == 1)
        return points.first();
    const bool isOneMoment = std::all_of(points.begin(), points.end(), [&](const auto& point) {
        return point.id == points.first().id;
    });
    throw CommandFailed{
        exitUsage,
        isOneMoment ? tr("This restore point has several volumes: name one with --volume.")
                    : tr("More than one restore point begins with \"%1\".").arg(printable(name))};
}

Session::JobEnd Session::waitForJob(const QString& jobPath)
{
    QEventLoop loop;
    ProgressLine line;
    JobStatus job;
    job.path = jobPath;
    bool isLost = false;
    bool isAbandoned = false;
    int interruptions = 0;

    const auto show = [&] {
        const QString stage =
            job.state == bus::JobState::Running ? phaseName(job.phase) : stateName(job.state);
        if (!m_isJson && !job.isFinished())
            line.show(stage, progressText(job),
                      job.bytesTotal > 0 ? double(job.bytesDone) / double(job.bytesTotal) : -1);
        if (job.isFinished())
            loop.quit();
    };
    const auto onChange = connect(&m_client, &HelperClient::jobChanged, this,
                                  [&](const QString& path, const QVariantMap& changed) {
                                      if (path != jobPath)
                                          return;
                                      job.update(changed);
                                      show();
                                  });
    const auto onLink = connect(&m_client, &HelperClient::linkChanged, this, [&] {
        isLost = true;
        loop.quit();
    });
    m_client.getJob(jobPath, this, [&](const Answer<JobStatus>& answer) {
        if (answer)
            job = *answer;
        else
            isLost = true;
        show();
        if (isLost)
            loop.quit();
    });
    {
        const Interrupts interrupts([&] {
            if (++interruptions == 1) {
                line.clear();
                complain(tr("Stopping ... (again to leave it running)"));
                m_client.cancelJob(jobPath, this, [](const Answer<bool>&) {});
            } else {
                isAbandoned = true;
                loop.quit();
            }
        });
        loop.exec();
    }
    disconnect(onChange);
    disconnect(onLink);
    line.clear();
    if (isAbandoned)
        throw CommandFailed{exitCancelled,
                            tr("The job goes on in the helper. See \"dormousectl jobs\".")};
    if (isLost)
        throw CommandFailed{exitNotReachable,
                            tr("The helper stopped while the job was running. The job is listed in "
                               "\"dormousectl activity\" as soon as it is back.")};
    JobEnd end;
    end.job = job;
    end.details = await<JobDetails>([&](auto then) { m_client.jobDetails(jobPath, this, then); });
    end.exitCode = exitCodeOf(job.outcome);
    return end;
}

void Session::report(const JobEnd& end)
{
    if (m_isJson) {
        printJson(toJson(end.job, end.details));
        return;
    }
    const QString sentence =
        end.details.sentence.isEmpty() ? outcomeName(end.job.outcome) : end.details.sentence;
    if (end.exitCode == exitOk) {
        print(printable(sentence));
        return;
    }
    complain(printable(sentence));
    for (const QString& entry : end.details.log)
        complain(QStringLiteral("  ") + printable(entry));
}

int Session::follow(const QString& jobPath)
{
    const JobEnd end = waitForJob(jobPath);
    report(end);
    return end.exitCode;
}

void waitForInterrupt()
{
    QEventLoop loop;
    const Interrupts interrupts([&] { loop.quit(); });
    std::unique_ptr<QSocketNotifier> input;
    if (!::isatty(STDIN_FILENO)) {
        input = std::make_unique<QSocketNotifier>(STDIN_FILENO, QSocketNotifier::Read);
        QObject::connect(input.get(), &QSocketNotifier::activated, &loop, [&] {
            char ignored[256];
            if (::read(STDIN_FILENO, ignored, sizeof ignored) <= 0)
                loop.quit();
        });
    }
    loop.exec();
}

} // namespace dormouse::app::cli
