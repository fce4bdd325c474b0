// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/widgets/job_row.h"

#include "app/client/words.h"
#include "app/widgets/card.h"
#include "app/widgets/icons.h"

#include <QHBoxLayout>
#include <QProgressBar>
#include <QPushButton>

namespace dormouse::app {

JobRow::JobRow(HelperState* state, const QString& jobPath, QWidget* parent)
    : QWidget(parent), m_state(state), m_jobPath(jobPath),
      m_title(new TextLabel(TextLabel::Voice::Heading)),
      m_phase(new TextLabel(TextLabel::Voice::Faint)), m_bar(new QProgressBar),
      m_progress(new TextLabel(TextLabel::Voice::Small)),
      m_cancel(new QPushButton(icon(QStringLiteral("cancel")), tr("Stop")))
{
    m_bar->setTextVisible(false);
    m_bar->setFixedHeight(10);
    m_phase->setWordWrap(false);
    auto* head = new QHBoxLayout;
    head->addWidget(m_title, 1);
    head->addWidget(m_phase);
    auto* words = new QVBoxLayout;
    words->setSpacing(6);
    words->addLayout(head);
    words->addWidget(m_bar);
    words->addWidget(m_progress);
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(18);
    row->addLayout(words, 1);
    row->addWidget(m_cancel, 0, Qt::AlignVCenter);
    connect(m_cancel, &QPushButton::clicked, this, [this] {
        m_cancel->setEnabled(false);
        m_state->client()->cancelJob(m_jobPath, this, [this](const Answer<bool>& answer) {
            if (!answer)
                m_cancel->setEnabled(true);
        });
    });
}

void JobRow::showJob(const JobStatus& job)
{
    QString title = jobName(job.kind);
    if (!job.volumeIds.isEmpty())
        title = tr("%1 of %2", "job, volumes").arg(title, m_state->volumeNames(job.volumeIds));
    m_title->setText(title);
    const QString phase =
        job.state == bus::JobState::Running ? phaseName(job.phase) : stateName(job.state);
    m_phase->setText(phase);
    // Whole per mille, so that 4 TiB fit an int.
    const bool isKnown = job.bytesTotal > 0;
    m_bar->setRange(0, isKnown ? 1000 : 0);
    if (isKnown)
        m_bar->setValue(
            int(1000.0 * double(qMin(job.bytesDone, job.bytesTotal)) / double(job.bytesTotal)));
    m_bar->setAccessibleName(tr("Progress of %1").arg(title));
    QString text = progressText(job);
    const QString sentence = m_state->jobSentence(m_jobPath);
    if (text.isEmpty())
        text = sentence;
    m_progress->setText(text);
    m_progress->setToolTip(sentence);
    m_cancel->setAccessibleName(tr("Stop: %1").arg(title));
    if (job.state == bus::JobState::Cancelling)
        m_cancel->setEnabled(false);
}

JobList::JobList(HelperState* state, QWidget* parent)
    : QWidget(parent), m_state(state), m_column(new QVBoxLayout(this))
{
    m_column->setContentsMargins(0, 0, 0, 0);
    m_column->setSpacing(18);
    connect(state, &HelperState::jobsChanged, this, &JobList::refresh);
    connect(state, &HelperState::volumesChanged, this, &JobList::refresh);
    connect(state, &HelperState::jobProgressed, this, &JobList::refresh);
    refresh();
}

void JobList::refresh()
{
    const QList<JobStatus> jobs = m_state->runningJobs();
    for (qsizetype i = m_rows.size() - 1; i >= 0; --i) {
        const QString path = m_rows[i]->jobPath();
        const bool isRunning = std::any_of(jobs.begin(), jobs.end(),
                                           [&](const JobStatus& job) { return job.path == path; });
        if (!isRunning)
            m_rows.takeAt(i)->deleteLater();
    }
    for (const JobStatus& job : jobs) {
        const auto it = std::find_if(m_rows.begin(), m_rows.end(),
                                     [&](JobRow* row) { return row->jobPath() == job.path; });
        JobRow* row = it == m_rows.end() ? nullptr : *it;
        if (!row) {
            row = new JobRow(m_state, job.path);
            m_rows.append(row);
            m_column->addWidget(row);
        }
        row->showJob(job);
    }
    setVisible(!jobs.isEmpty());
}

} // namespace dormouse::app
