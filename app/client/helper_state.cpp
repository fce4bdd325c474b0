// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/client/helper_state.h"

#include "app/client/format.h"

#include <algorithm>

namespace dormouse::app {
namespace {

// Long enough to gather a burst of signals, too short to be noticed.
constexpr int gatherMilliseconds = 40;

template <typename Item> const Item* findById(const QList<Item>& list, const QString& id)
{
    const auto it =
        std::find_if(list.begin(), list.end(), [&](const Item& item) { return item.id == id; });
    return id.isEmpty() || it == list.end() ? nullptr : &*it;
}

} // namespace

QString displayName(const bus::VolumeInfo& volume)
{
    if (!volume.label.isEmpty())
        return volume.label;
    if (volume.mountPoint == QLatin1String("/"))
        return HelperState::tr("System");
    if (!volume.mountPoint.isEmpty())
        return volume.mountPoint;
    if (!volume.device.isEmpty())
        return volume.device;
    return volume.candidateId.isEmpty() ? volume.id.left(8) : volume.candidateId;
}

QString describe(const bus::VolumeInfo& volume)
{
    QStringList parts;
    if (!volume.device.isEmpty())
        parts << volume.device;
    else
        parts << HelperState::tr("device absent");
    if (!volume.fsType.isEmpty())
        parts << volume.fsType;
    parts << formatBytes(volume.sizeBytes);
    if (!volume.mountPoint.isEmpty() && volume.mountPoint != displayName(volume))
        parts << HelperState::tr("on %1", "mount point").arg(volume.mountPoint);
    if (!volume.storeDevice.isEmpty())
        parts << HelperState::tr("store on %1", "device").arg(volume.storeDevice);
    return parts.join(QStringLiteral(" · "));
}

HelperState::HelperState(HelperClient* client, QObject* parent) : QObject(parent), m_client(client)
{
    m_soon.setSingleShot(true);
    m_soon.setInterval(gatherMilliseconds);
    connect(&m_soon, &QTimer::timeout, this, &HelperState::askStale);
    connect(client, &HelperClient::linkChanged, this, &HelperState::linkChanged);
    connect(client, &HelperClient::volumesChanged, this, [this] {
        markStale(Volumes);
        markStale(Health);
    });
    connect(client, &HelperClient::plansChanged, this, [this] {
        markStale(Plans);
        markStale(Health);
    });
    connect(client, &HelperClient::repositoriesChanged, this, [this] {
        markStale(Repositories);
        markStale(Health);
    });
    connect(client, &HelperClient::activityChanged, this, [this] { markStale(Activity); });
    connect(client, &HelperClient::restorePointsChanged, this, [this](const QString& volumeId) {
        markStale(Volumes);
        emit restorePointsChanged(volumeId);
    });
    connect(client, &HelperClient::managerPropertiesChanged, this,
            [this](const QVariantMap& changed) {
                takeProperties(changed);
                markStale(Health); // the sentence belongs to the numbers
                emit healthChanged();
            });
    connect(client, &HelperClient::jobAdded, this, &HelperState::jobAdded);
    connect(client, &HelperClient::jobChanged, this, &HelperState::jobChanged);
    connect(client, &HelperClient::jobRemoved, this, [this](const QString& path) {
        m_jobs.removeIf([&](const JobStatus& job) { return job.path == path; });
        m_sentences.remove(path);
        emit jobsChanged();
    });
    linkChanged();
}

void HelperState::linkChanged()
{
    switch (m_client->link()) {
    case HelperClient::Link::Connecting:
        setStage(Stage::Connecting);
        break;
    case HelperClient::Link::NoBus:
        setStage(Stage::NoBus);
        break;
    case HelperClient::Link::NoHelper:
        // What was known may have changed by the time it is back.
        for (Refresh& refresh : m_refresh)
            refresh = {};
        if (!m_jobs.isEmpty()) {
            m_jobs.clear();
            emit jobsChanged();
        }
        setStage(Stage::NoHelper);
        break;
    case HelperClient::Link::Ready:
        setStage(Stage::Connecting);
        refreshAll();
        break;
    }
}

void HelperState::setStage(Stage stage)
{
    if (m_stage == stage)
        return;
    m_stage = stage;
    emit stageChanged();
}

void HelperState::refreshAll()
{
    if (m_client->link() != HelperClient::Link::Ready)
        return;
    for (int list = 0; list < listCount; ++list)
        ask(List(list));
}

void HelperState::markStale(List list)
{
    m_refresh[list].isStale = true;
    if (!m_soon.isActive())
        m_soon.start();
}

void HelperState::askStale()
{
    for (int list = 0; list < listCount; ++list) {
        if (m_refresh[list].isStale)
            ask(List(list));
    }
}

void HelperState::ask(List list)
{
    Refresh& refresh = m_refresh[list];
    refresh.isStale = true;
    if (refresh.isAsking || m_client->link() != HelperClient::Link::Ready)
        return;
    refresh.isAsking = true;
    refresh.isStale = false;
    switch (list) {
    case Health:
        m_client->getHealth(this,
                            [this](const auto& answer) { answered(Health, answer, m_health); });
        break;
    case Properties:
        m_client->getManagerProperties(this, [this](const Answer<QVariantMap>& answer) {
            if (answer)
                takeProperties(*answer);
            concluded(Properties); // reading properties needs no authorisation
        });
        break;
    case Volumes:
        m_client->listVolumes(this,
                              [this](const auto& answer) { answered(Volumes, answer, m_volumes); });
        break;
    case Plans:
        m_client->listPlans(this, [this](const auto& answer) { answered(Plans, answer, m_plans); });
        break;
    case Repositories:
        m_client->listRepositories(
            this, [this](const auto& answer) { answered(Repositories, answer, m_repositories); });
        break;
    case Activity:
        m_client->listActivity(0, bus::kMaxPage, this, [this](const Answer<ActivityPage>& answer) {
            answered(Activity, answer.map(&ActivityPage::entries), m_activity);
        });
        break;
    case Jobs:
        m_client->listJobs(this, [this](const Answer<QList<JobStatus>>& answer) {
            if (answer) {
                m_jobs.clear();
                for (const JobStatus& job : *answer) {
                    m_jobs.append(job);
                    if (!job.isFinished())
                        askForSentence(job.path);
                }
            }
            concluded(Jobs);
        });
        break;
    case listCount:
        break;
    }
}

template <typename Value>
void HelperState::answered(List list, const Answer<Value>& answer, Value& field)
{
    if (answer)
        field = *answer;
    const bool isRefused = !answer && answer.error().kind == CallError::Kind::NotAuthorized;
    QString refusal;
    if (isRefused)
        refusal = answer.error().sentence.isEmpty() ? tr("You are not authorised to look.")
                                                    : answer.error().sentence;
    concluded(list, refusal);
}

void HelperState::concluded(List list, const QString& refusal)
{
    Refresh& refresh = m_refresh[list];
    refresh.isAsking = false;
    if (!refusal.isEmpty()) {
        m_refusal = refusal;
        setStage(Stage::NotAllowed);
        return;
    }
    refresh.isLoaded = true;
    announce(list);
    if (refresh.isStale)
        m_soon.start();
    const bool isComplete = std::all_of(std::begin(m_refresh), std::end(m_refresh),
                                        [](const Refresh& each) { return each.isLoaded; });
    if (isComplete)
        setStage(Stage::Ready);
}

void HelperState::announce(List list)
{
    switch (list) {
    case Health:
    case Properties:
        emit healthChanged();
        break;
    case Volumes:
        emit volumesChanged();
        break;
    case Plans:
        emit plansChanged();
        break;
    case Repositories:
        emit repositoriesChanged();
        break;
    case Activity:
        emit activityChanged();
        break;
    case Jobs:
        emit jobsChanged();
        break;
    case listCount:
        break;
    }
}

void HelperState::takeProperties(const QVariantMap& properties)
{
    const auto take = [&](const char* name, auto set) {
        const auto it = properties.constFind(QLatin1String(name));
        if (it != properties.constEnd())
            set(*it);
    };
    take("Version", [this](const QVariant& value) { m_helperVersion = value.toString(); });
    take("ModuleState",
         [this](const QVariant& value) { m_moduleState = bus::ModuleState(value.toUInt()); });
    take("NewestBackupTime",
         [this](const QVariant& value) { m_newestBackupTime = value.toLongLong(); });
    take("NextRunTime", [this](const QVariant& value) { m_nextRunTime = value.toLongLong(); });
}

void HelperState::jobAdded(const JobStatus& job)
{
    m_jobs.removeIf([&](const JobStatus& known) { return known.path == job.path; });
    m_jobs.append(job);
    askForSentence(job.path);
    emit jobsChanged();
}

void HelperState::jobChanged(const QString& path, const QVariantMap& changed)
{
    const auto it = std::find_if(m_jobs.begin(), m_jobs.end(),
                                 [&](const JobStatus& job) { return job.path == path; });
    if (it == m_jobs.end()) {
        markStale(Jobs);
        return;
    }
    const JobStatus before = *it;
    it->update(changed);
    if (it->phase != before.phase || it->state != before.state)
        askForSentence(path);
    if (it->isFinished() && !before.isFinished()) {
        markStale(Activity);
        markStale(Health);
        const JobStatus ended = *it;
        emit jobsChanged();
        emit jobEnded(ended);
        return;
    }
    emit jobProgressed(path);
}

void HelperState::askForSentence(const QString& path)
{
    m_client->jobDetails(path, this, [this, path](const Answer<JobDetails>& answer) {
        if (!answer || m_sentences.value(path) == answer->sentence)
            return;
        m_sentences.insert(path, answer->sentence);
        emit jobProgressed(path);
    });
}

QList<JobStatus> HelperState::runningJobs() const
{
    QList<JobStatus> running;
    std::copy_if(m_jobs.begin(), m_jobs.end(), std::back_inserter(running),
                 [](const JobStatus& job) { return !job.isFinished(); });
    return running;
}

QString HelperState::jobSentence(const QString& path) const
{
    return m_sentences.value(path);
}

const bus::VolumeInfo* HelperState::volume(const QString& id) const
{
    return findById(m_volumes, id);
}

const bus::PlanInfo* HelperState::plan(const QString& id) const
{
    return findById(m_plans, id);
}

const bus::RepositoryInfo* HelperState::repository(const QString& id) const
{
    return findById(m_repositories, id);
}

bool HelperState::hasProtectedVolume() const
{
    return std::any_of(m_volumes.begin(), m_volumes.end(),
                       [](const bus::VolumeInfo& volume) { return volume.isProtected; });
}

QString HelperState::volumeName(const QString& id) const
{
    const bus::VolumeInfo* found = volume(id);
    return found ? displayName(*found) : tr("volume %1").arg(id.left(8));
}

QString HelperState::volumeNames(const QStringList& ids) const
{
    QStringList names;
    for (const QString& id : ids)
        names << volumeName(id);
    return joinNames(names);
}

} // namespace dormouse::app
