// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/client/protect_run.h"

namespace dormouse::app {

ProtectRun::ProtectRun(HelperState* state, QObject* parent) : QObject(parent), m_state(state)
{
    connect(state, &HelperState::jobEnded, this, &ProtectRun::takeJobEnd);
    connect(state, &HelperState::stageChanged, this, [this] {
        if (!m_waitingForJob.isEmpty() && m_state->stage() == HelperState::Stage::NoHelper) {
            m_waitingForJob.clear();
            emit failed(
                tr("The helper stopped. What was done so far stays; try again in a moment."));
        }
    });
}

ProtectRun::~ProtectRun()
{
    wipe(m_request.passphrase);
    wipe(m_recoveryKey);
}

void ProtectRun::takeJobEnd(const JobStatus& job)
{
    if (m_waitingForJob.isEmpty() || job.path != m_waitingForJob)
        return;
    m_waitingForJob.clear();
    if (job.outcome == bus::Outcome::Done || job.outcome == bus::Outcome::DoneWithExceptions) {
        m_request.candidateIds.removeFirst();
        m_request.volumeIds.append(job.resultId);
        protectNext();
        return;
    }
    m_state->client()->jobDetails(job.path, this, [this](const Answer<JobDetails>& answer) {
        emit failed(answer && !answer->sentence.isEmpty()
                        ? answer->sentence
                        : tr("The volume could not be protected."));
    });
}

void ProtectRun::start()
{
    protectNext();
}

void ProtectRun::fail(const CallError& error)
{
    emit failed(error.sentence);
}

void ProtectRun::protectNext()
{
    if (m_request.candidateIds.isEmpty()) {
        makeRepository();
        return;
    }
    const QString candidateId = m_request.candidateIds.first();
    QString name = candidateId;
    for (const bus::VolumeInfo& volume : m_state->volumes()) {
        if (volume.candidateId == candidateId)
            name = displayName(volume);
    }
    emit stepBegan(tr("Setting up the store of %1 ...").arg(name));
    m_state->client()->protectVolume(candidateId, 0, {}, this, [this](const Answer<QString>& answer) {
        if (!answer) {
            fail(answer.error());
            return;
        }
        m_waitingForJob = *answer;
        // It may have ended before its path was known here.
        m_state->client()->getJob(*answer, this, [this](const Answer<JobStatus>& job) {
            if (job && job->isFinished())
                takeJobEnd(*job);
        });
    });
}

void ProtectRun::makeRepository()
{
    if (!m_request.repositoryId.isEmpty()) {
        makePlan();
        return;
    }
    emit stepBegan(tr("Making the repository ..."));
    const QDBusUnixFileDescriptor directory = openDirectory(m_request.repositoryFolder);
    if (!directory.isValid()) {
        emit failed(tr("The folder %1 cannot be opened: %2.")
                        .arg(m_request.repositoryFolder, qt_error_string(errno)));
        return;
    }
    m_state->client()->createRepository(m_request.repositoryName, directory, m_request.passphrase,
                                        m_request.isEncrypted, this,
                                        [this](const Answer<NewRepository>& answer) {
                                            if (!answer) {
                                                fail(answer.error());
                                                return;
                                            }
                                            wipe(m_request.passphrase);
                                            m_request.repositoryId = answer->id;
                                            m_recoveryKey = answer->recoveryKey;
                                            makePlan();
                                        });
}

void ProtectRun::makePlan()
{
    if (!m_request.plan.id.isEmpty()) {
        runPlan();
        return;
    }
    emit stepBegan(tr("Saving the plan ..."));
    m_request.plan.volumeIds = m_request.volumeIds;
    m_request.plan.repositoryId = m_request.repositoryId;
    m_state->client()->createPlan(m_request.plan, this, [this](const Answer<QString>& answer) {
        if (!answer) {
            fail(answer.error());
            return;
        }
        m_request.plan.id = *answer;
        if (m_request.plan.isEnabled) {
            runPlan();
            return;
        }
        m_state->client()->updatePlan(m_request.plan, this, [this](const Answer<bool>& updated) {
            if (updated)
                runPlan();
            else
                fail(updated.error());
        });
    });
}

void ProtectRun::runPlan()
{
    if (!m_request.shouldBackUpNow) {
        emit finished();
        return;
    }
    emit stepBegan(tr("Starting the first backup ..."));
    m_state->client()->runPlan(m_request.plan.id, this, [this](const Answer<QString>& answer) {
        // Busy means that its schedule was quicker: it is running.
        if (answer || answer.error().kind == CallError::Kind::Busy)
            emit finished();
        else
            fail(answer.error());
    });
}

} // namespace dormouse::app
