// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/commands.h"
#include "app/cli/json.h"
#include "app/cli/session.h"
#include "app/client/format.h"
#include "app/client/helper_state.h"
#include "app/client/words.h"

#include <QCommandLineParser>

#include <cmath>

namespace dormouse::app::cli {
namespace {

QString when(qint64 time)
{
    return time == 0 ? Session::tr("never") : formatWhen(QDateTime::fromSecsSinceEpoch(time));
}

// "What goes wrong" in one place: what `status` prints below the volumes.
struct Facts
{
    bus::HealthInfo health;
    QVariantMap properties;
    bus::VolumeInfoList volumes;
    bus::PlanInfoList plans;
    bus::RepositoryInfoList repositories;
    QList<JobStatus> jobs;
};

Facts gatherFacts(Session& session)
{
    HelperClient& client = session.client();
    Facts facts;
    facts.health =
        session.await<bus::HealthInfo>([&](auto then) { client.getHealth(&session, then); });
    facts.properties =
        session.await<QVariantMap>([&](auto then) { client.getManagerProperties(&session, then); });
    facts.volumes = session.volumes();
    facts.plans = session.plans();
    facts.repositories = session.repositories();
    facts.jobs =
        session.await<QList<JobStatus>>([&](auto then) { client.listJobs(&session, then); });
    facts.jobs.removeIf([](const JobStatus& job) { return job.isFinished(); });
    return facts;
}

bus::ModuleState moduleState(const Facts& facts)
{
    return bus::ModuleState(facts.properties.value(QStringLiteral("ModuleState")).toUInt());
}

QString storeUse(const bus::VolumeInfo& volume)
{
    if (!volume.isProtected)
        return QStringLiteral("-");
    return Session::tr("%1 of %2")
        .arg(formatBytes(volume.undoUsedBytes), formatBytes(volume.undoBytes));
}

QString jobNumber(const JobStatus& job)
{
    return job.path.mid(job.path.lastIndexOf(QLatin1Char('/')) + 1);
}

void printVolumes(const bus::VolumeInfoList& volumes)
{
    QList<QStringList> rows{{Session::tr("VOLUME"), Session::tr("DEVICE"), Session::tr("SIZE"),
                             Session::tr("STATE"), Session::tr("MODE"), Session::tr("STORE"),
                             Session::tr("CHANGED"), Session::tr("LAST BACKUP")}};
    for (const bus::VolumeInfo& volume : volumes) {
        rows.append(
            {displayName(volume), volume.device.isEmpty() ? Session::tr("absent") : volume.device,
             formatBytes(volume.sizeBytes), stateName(volume.state),
             volume.isProtected ? modeName(volume.mode) : QStringLiteral("-"), storeUse(volume),
             volume.isProtected ? formatBytes(volume.changedBytes) : QStringLiteral("-"),
             volume.id.isEmpty() ? QStringLiteral("-") : when(volume.lastBackupTime)});
    }
    printTable(rows);
}

void printJobs(const QList<JobStatus>& jobs)
{
    QList<QStringList> rows{
        {Session::tr("JOB"), Session::tr("WHAT"), Session::tr("PHASE"), Session::tr("PROGRESS")}};
    for (const JobStatus& job : jobs)
        rows.append(
            {jobNumber(job), jobName(job.kind),
             job.state == bus::JobState::Running ? phaseName(job.phase) : stateName(job.state),
             progressText(job)});
    printTable(rows);
}

} // namespace

int runStatus(Session& session, const QStringList& arguments)
{
    QCommandLineParser parser;
    parser.addOption(
        {QStringLiteral("check"), Session::tr("exit with 12 if not everything is good")});
    parse(parser, arguments, 0, 0);
    session.connectToHelper();
    const Facts facts = gatherFacts(session);
    const bool isBad = facts.health.health != bus::Health::Good;
    const int exitCode = parser.isSet(QStringLiteral("check")) && isBad ? exitNotHealthy : exitOk;
    if (session.isJson()) {
        QJsonObject object = toJson(facts.health);
        object.insert("module", QString::fromLatin1(token::of(moduleState(facts))));
        object.insert("helperVersion", facts.properties.value("Version").toString());
        object.insert("newestBackupTime", facts.properties.value("NewestBackupTime").toLongLong());
        object.insert("nextRunTime", facts.properties.value("NextRunTime").toLongLong());
        object.insert("volumes", toJsonArray(facts.volumes));
        object.insert("plans", toJsonArray(facts.plans));
        object.insert("repositories", toJsonArray(facts.repositories));
        object.insert("jobs", toJsonArray(facts.jobs));
        printJson(object);
        return exitCode;
    }
    print(printable(facts.health.sentence));
    const qint64 newest = facts.properties.value(QStringLiteral("NewestBackupTime")).toLongLong();
    const qint64 next = facts.properties.value(QStringLiteral("NextRunTime")).toLongLong();
    print(Session::tr("Newest backup: %1. Next run: %2.")
              .arg(when(newest), next == 0 ? Session::tr("none planned") : when(next)));
    bus::VolumeInfoList shown = facts.volumes;
    shown.removeIf([](const bus::VolumeInfo& volume) { return !volume.isProtected; });
    if (!shown.isEmpty()) {
        print(QString());
        printVolumes(shown);
        for (const bus::VolumeInfo& volume : shown)
            print(printable(
                QStringLiteral("  %1: %2").arg(displayName(volume), volume.stateSentence)));
    }
    if (!facts.jobs.isEmpty()) {
        print(QString());
        printJobs(facts.jobs);
    }
    return exitCode;
}

int runVolumes(Session& session, const QStringList& arguments)
{
    QCommandLineParser parser;
    parse(parser, arguments, 0, 0);
    session.connectToHelper();
    const bus::VolumeInfoList volumes = session.volumes();
    if (session.isJson()) {
        printJson(toJsonArray(volumes));
        return exitOk;
    }
    if (volumes.isEmpty()) {
        print(Session::tr("There is no volume that Dormouse knows how to protect."));
        return exitOk;
    }
    printVolumes(volumes);
    for (const bus::VolumeInfo& volume : volumes) {
        if (!volume.refusal.isEmpty())
            print(printable(QStringLiteral("  %1: %2").arg(displayName(volume), volume.refusal)));
    }
    return exitOk;
}

int runJobs(Session& session, const QStringList& arguments)
{
    QCommandLineParser parser;
    parse(parser, arguments, 0, 2);
    const QStringList words = parser.positionalArguments();
    session.connectToHelper();
    HelperClient& client = session.client();
    if (words.isEmpty()) {
        const auto jobs =
            session.await<QList<JobStatus>>([&](auto then) { client.listJobs(&session, then); });
        if (session.isJson())
            printJson(toJsonArray(jobs));
        else if (jobs.isEmpty())
            print(Session::tr("Nothing is running."));
        else
            printJobs(jobs);
        return exitOk;
    }
    bool isNumber = false;
    const uint number = words.value(1).toUInt(&isNumber);
    if (!isNumber)
        throw CommandFailed{exitUsage, Session::tr("Use: jobs watch|cancel|log JOB")};
    const QString path = QStringLiteral("%1/job/%2").arg(QLatin1String(bus::kRootPath)).arg(number);
    if (words.first() == QLatin1String("watch"))
        return session.follow(path);
    if (words.first() == QLatin1String("cancel")) {
        session.await<bool>([&](auto then) { client.cancelJob(path, &session, then); });
        return exitOk;
    }
    if (words.first() == QLatin1String("log")) {
        const auto details =
            session.await<JobDetails>([&](auto then) { client.jobDetails(path, &session, then); });
        if (session.isJson()) {
            const auto job =
                session.await<JobStatus>([&](auto then) { client.getJob(path, &session, then); });
            printJson(toJson(job, details));
            return exitOk;
        }
        print(printable(details.sentence));
        for (const QString& line : details.log)
            print(QStringLiteral("  ") + printable(line));
        return exitOk;
    }
    throw CommandFailed{exitUsage, Session::tr("Use: jobs watch|cancel|log JOB")};
}

int runActivity(Session& session, const QStringList& arguments)
{
    QCommandLineParser parser;
    parser.addOption({QStringLiteral("limit"), Session::tr("how many"), QStringLiteral("N"),
                      QStringLiteral("20")});
    parse(parser, arguments, 0, 0);
    const quint32 limit = qBound(1u, parser.value(QStringLiteral("limit")).toUInt(), bus::kMaxPage);
    session.connectToHelper();
    const auto page = session.await<ActivityPage>(
        [&](auto then) { session.client().listActivity(0, limit, &session, then); });
    if (session.isJson()) {
        printJson(toJsonArray(page.entries));
        return exitOk;
    }
    if (page.entries.isEmpty()) {
        print(Session::tr("Nothing has been done yet."));
        return exitOk;
    }
    QList<QStringList> rows{{Session::tr("WHEN"), Session::tr("WHAT"), Session::tr("HOW"),
                             Session::tr("TOOK"), Session::tr("DETAILS")}};
    for (const bus::ActivityEntry& entry : page.entries)
        rows.append({when(entry.finishedTime), jobName(entry.kind), outcomeName(entry.outcome),
                     formatClock(entry.finishedTime - entry.startedTime), entry.sentence});
    printTable(rows);
    return exitOk;
}

int runDoctor(Session& session, const QStringList& arguments)
{
    QCommandLineParser parser;
    parse(parser, arguments, 0, 0);
    QJsonArray checks;
    bool isHealthy = true;
    const auto check = [&](bool isGood, const QString& what, const QString& advice) {
        isHealthy = isHealthy && isGood;
        if (session.isJson())
            checks.append(QJsonObject{{"isGood", isGood}, {"what", what}, {"advice", advice}});
        else
            print(printable(
                QStringLiteral("%1  %2").arg(isGood ? Session::tr("ok") : Session::tr("!!"), what) +
                (isGood || advice.isEmpty() ? QString() : QStringLiteral("\n    ") + advice)));
    };
    const auto finish = [&](int code) {
        if (session.isJson())
            printJson(QJsonObject{{"isHealthy", isHealthy}, {"checks", checks}});
        return code;
    };

    const HelperClient::Link link = session.tryToConnect();
    check(link != HelperClient::Link::NoBus, Session::tr("the system message bus answers"),
          Session::tr("Is the service \"dbus\" running?"));
    if (link == HelperClient::Link::NoBus)
        return finish(exitNotReachable);
    check(link == HelperClient::Link::Ready, Session::tr("the helper runs"),
          Session::tr(
              "Install the package dormouse-helper, or look at \"systemctl status dormoused\"."));
    if (link != HelperClient::Link::Ready)
        return finish(exitNotReachable);

    const Facts facts = gatherFacts(session);
    const uint protocol = facts.properties.value(QStringLiteral("ProtocolVersion")).toUInt();
    check(protocol == bus::kProtocolVersion,
          Session::tr("this program and the helper fit each other"),
          Session::tr("Install both from the same version of Dormouse."));
    check(moduleState(facts) == bus::ModuleState::Loaded,
          Session::tr("kernel module: %1").arg(moduleName(moduleState(facts))),
          Session::tr("Install the package dormouse-dkms for the running kernel, then \"modprobe "
                      "dormouse\". Repositories and restoring work without it."));
    for (const bus::VolumeInfo& volume : facts.volumes) {
        if (!volume.isProtected)
            continue;
        const bool isGood =
            volume.state == bus::VolumeState::Active || volume.state == bus::VolumeState::Dormant;
        check(isGood,
              Session::tr("volume %1: %2").arg(displayName(volume), stateName(volume.state)),
              volume.stateSentence);
        if (!volume.lastError.isEmpty())
            check(false,
                  Session::tr("volume %1: the last thing done with it").arg(displayName(volume)),
                  volume.lastError);
    }
    for (const bus::RepositoryInfo& repository : facts.repositories)
        check(repository.isReachable, Session::tr("repository %1 is there").arg(repository.name),
              repository.sentence);
    for (const bus::PlanInfo& plan : facts.plans) {
        const bool isGood = plan.lastOutcome == bus::Outcome::Done ||
                            plan.lastOutcome == bus::Outcome::DoneWithExceptions;
        check(isGood,
              Session::tr("plan %1: last run %2").arg(plan.name, outcomeName(plan.lastOutcome)),
              plan.lastSentence);
    }
    check(facts.health.health == bus::Health::Good, facts.health.sentence, QString());
    return finish(isHealthy ? exitOk : exitNotHealthy);
}

void parse(QCommandLineParser& parser, const QStringList& arguments, int least, int most)
{
    // The parser takes the first word for the program's name.
    if (!parser.parse(QStringList(QStringLiteral("dormousectl")) + arguments))
        throw CommandFailed{exitUsage, parser.errorText()};
    const qsizetype count = parser.positionalArguments().size();
    if (count < least)
        throw CommandFailed{exitUsage,
                            Session::tr("Something is missing. See \"dormousectl --help\".")};
    if (most >= 0 && count > most)
        throw CommandFailed{exitUsage, Session::tr("Too many words, from \"%1\" on.")
                                           .arg(printable(parser.positionalArguments().at(most)))};
}

quint64 parseSize(const QString& text)
{
    static const QString units = QStringLiteral("KMGT");
    QString digits = text.trimmed().toUpper();
    int power = 0;
    if (digits.endsWith(QLatin1Char('B')))
        digits.chop(1);
    if (digits.endsWith(QLatin1Char('I')))
        digits.chop(1);
    if (!digits.isEmpty() && units.contains(digits.back())) {
        power = int(units.indexOf(digits.back())) + 1;
        digits.chop(1);
    }
    bool isNumber = false;
    const double value = digits.toDouble(&isNumber);
    if (!isNumber || value <= 0 || value > 1e15)
        throw CommandFailed{
            exitUsage,
            Session::tr("\"%1\" is not a size. Examples: 512M, 20G.").arg(printable(text))};
    return quint64(value * std::pow(1024.0, power));
}

} // namespace dormouse::app::cli
