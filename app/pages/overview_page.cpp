// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/pages/overview_page.h"

#include "app/client/format.h"
#include "app/client/words.h"
#include "app/widgets/card.h"
#include "app/widgets/gauges.h"
#include "app/widgets/job_row.h"
#include "app/widgets/legend.h"
#include "app/widgets/tones.h"

#include <QHBoxLayout>
#include <QPushButton>

#include <algorithm>

namespace dormouse::app {
namespace {

QString remedyButton(bus::Remedy remedy)
{
    switch (remedy) {
    case bus::Remedy::ProtectVolume:
    case bus::Remedy::CreateRepository:
        return OverviewPage::tr("Protect a volume …");
    case bus::Remedy::CreatePlan:
        return OverviewPage::tr("Make a plan …");
    case bus::Remedy::RunPlan:
        return OverviewPage::tr("Back up now");
    case bus::Remedy::ConnectRepository:
        return OverviewPage::tr("Show repositories");
    case bus::Remedy::VerifyRepository:
        return OverviewPage::tr("Check backups now");
    case bus::Remedy::ShowVolume:
        return OverviewPage::tr("Show the volume");
    case bus::Remedy::ShowActivity:
        return OverviewPage::tr("Show what happened");
    case bus::Remedy::LoadModule: // the bar above every page tells it
    case bus::Remedy::None:
        break;
    }
    return {};
}

Card* factCard(const QString& caption, TextLabel* value, TextLabel* detail)
{
    auto* card = new Card;
    auto* column = new QVBoxLayout(card);
    column->setContentsMargins(20, 16, 20, 16);
    column->setSpacing(4);
    column->addWidget(new TextLabel(TextLabel::Voice::Small, caption));
    column->addWidget(value);
    column->addWidget(detail);
    column->addStretch(1);
    return card;
}

void clear(QVBoxLayout* column)
{
    while (QLayoutItem* item = column->takeAt(0)) {
        if (item->widget())
            item->widget()->deleteLater();
        delete item;
    }
}

} // namespace

OverviewPage::OverviewPage(HelperState* state, QWidget* parent)
    : Page(state, tr("Overview"), true, parent), m_banner(new Banner),
      m_newest(new TextLabel(TextLabel::Voice::Heading)),
      m_newestDetail(new TextLabel(TextLabel::Voice::Faint)),
      m_next(new TextLabel(TextLabel::Voice::Heading)),
      m_nextDetail(new TextLabel(TextLabel::Voice::Faint)), m_jobsCard(new Card),
      m_volumesCard(new Card), m_volumeRows(new QVBoxLayout(m_volumesCard)), m_plansCard(new Card),
      m_planRows(new QVBoxLayout)
{
    content()->addWidget(m_banner);
    auto* facts = new QHBoxLayout;
    facts->setSpacing(16);
    facts->addWidget(factCard(tr("Newest backup"), m_newest, m_newestDetail), 1);
    facts->addWidget(factCard(tr("Next run"), m_next, m_nextDetail), 1);
    content()->addLayout(facts);

    auto* jobsColumn = new QVBoxLayout(m_jobsCard);
    jobsColumn->setContentsMargins(20, 16, 20, 16);
    jobsColumn->addWidget(new JobList(state));
    content()->addWidget(m_jobsCard);

    m_volumeRows->setContentsMargins(20, 16, 20, 16);
    m_volumeRows->setSpacing(12);
    content()->addWidget(m_volumesCard);

    auto* plansColumn = new QVBoxLayout(m_plansCard);
    plansColumn->setContentsMargins(20, 16, 20, 16);
    plansColumn->setSpacing(14);
    auto* head = new QHBoxLayout;
    head->addWidget(new TextLabel(TextLabel::Voice::Heading, tr("The last 30 days")), 1);
    auto* legend = new Legend;
    legend->addItem(Legend::Swatch::Done, tr("done"));
    legend->addItem(Legend::Swatch::Failed, tr("failed"));
    legend->addItem(Legend::Swatch::Overdue, tr("overdue"));
    legend->addItem(Legend::Swatch::Idle, tr("nothing due"));
    head->addWidget(legend);
    plansColumn->addLayout(head);
    m_planRows->setSpacing(14);
    plansColumn->addLayout(m_planRows);
    content()->addWidget(m_plansCard);
    content()->addStretch(1);

    connect(m_banner, &Banner::buttonClicked, this, &OverviewPage::help);
    connect(state, &HelperState::healthChanged, this, &OverviewPage::refreshHealth);
    connect(state, &HelperState::volumesChanged, this, &OverviewPage::refreshVolumes);
    connect(state, &HelperState::plansChanged, this, &OverviewPage::refreshPlans);
    connect(state, &HelperState::plansChanged, this, &OverviewPage::refreshHealth);
    connect(state, &HelperState::activityChanged, this, &OverviewPage::refreshPlans);
    connect(state, &HelperState::jobsChanged, this, &OverviewPage::refreshJobs);
    connect(state, &HelperState::jobsChanged, this, &OverviewPage::refreshHealth);
    refreshHealth();
    refreshVolumes();
    refreshPlans();
    refreshJobs();
}

void OverviewPage::refreshHealth()
{
    const bus::HealthInfo& health = state()->health();
    const QList<JobStatus> jobs = state()->runningJobs();
    // What would help is being done: nothing is left to press.
    const bool isRunning = std::any_of(jobs.begin(), jobs.end(), [&health](const JobStatus& job) {
        return health.remedy == bus::Remedy::RunPlan && job.planId == health.subjectId;
    });
    m_banner->show(toneOf(health.health), health.sentence,
                   isRunning ? tr("It is running now.") : QString(),
                   isRunning ? QString() : remedyButton(health.remedy));
    // The window says this above every page, with the button.
    m_banner->setVisible(health.remedy != bus::Remedy::LoadModule);
    if (health.health == bus::Health::Good)
        m_banner->setDrawing(QStringLiteral("shield"));

    const qint64 newest = state()->newestBackupTime();
    m_newest->setText(newest == 0 ? tr("None yet")
                                  : capitalised(formatWhen(QDateTime::fromSecsSinceEpoch(newest))));
    m_newestDetail->setText(newest == 0 ? tr("Without a backup there is nothing to go back to.")
                                        : formatMoment(QDateTime::fromSecsSinceEpoch(newest)));
    const qint64 next = state()->nextRunTime();
    m_next->setText(next == 0 ? tr("None planned")
                              : capitalised(formatWhen(QDateTime::fromSecsSinceEpoch(next))));
    QString detail;
    for (const bus::PlanInfo& plan : state()->plans()) {
        if (next != 0 && plan.nextRunTime == next && detail.isEmpty())
            detail = tr("%1: %2", "plan, rhythm").arg(plan.name, rhythmSentence(plan.rhythm));
    }
    if (next == 0)
        detail = state()->plans().isEmpty() ? tr("A plan backs up by itself, as often as you like.")
                                            : tr("Every plan is paused or runs by hand.");
    m_nextDetail->setText(detail);
}

void OverviewPage::refreshVolumes()
{
    clear(m_volumeRows);
    for (const bus::VolumeInfo& volume : state()->volumes()) {
        if (!volume.isProtected)
            continue;
        auto* row = new QWidget;
        auto* line = new QHBoxLayout(row);
        line->setContentsMargins(0, 0, 0, 0);
        line->setSpacing(14);
        auto* sign = new ToneSign(22);
        sign->setTone(toneOf(volume.state));
        sign->setToolTip(stateName(volume.state));
        line->addWidget(sign, 0, Qt::AlignVCenter);
        line->addWidget(new ElidedLabel(displayName(volume)), 2);
        line->addWidget(new TextLabel(TextLabel::Voice::Faint, volume.stateSentence), 5);
        m_volumeRows->addWidget(row);
    }
    m_volumesCard->setVisible(m_volumeRows->count() > 0);
}

void OverviewPage::refreshPlans()
{
    clear(m_planRows);
    const QDateTime now = QDateTime::currentDateTime();
    for (const bus::PlanInfo& plan : state()->plans()) {
        auto* row = new QWidget;
        auto* line = new QHBoxLayout(row);
        line->setContentsMargins(0, 0, 0, 0);
        line->setSpacing(20);
        auto* names = new QVBoxLayout;
        names->setSpacing(1);
        names->addWidget(new ElidedLabel(plan.name));
        names->addWidget(new TextLabel(TextLabel::Voice::Small, planRhythm(plan)));
        line->addLayout(names, 2);
        auto* strip = new DayStrip;
        strip->setDays(dayHistory(plan, state()->activity(), now, DayStrip::dayCount), now.date());
        line->addWidget(strip, 5);
        m_planRows->addWidget(row);
    }
    m_plansCard->setVisible(!state()->plans().isEmpty());
}

void OverviewPage::refreshJobs()
{
    m_jobsCard->setVisible(!state()->runningJobs().isEmpty());
}

void OverviewPage::help()
{
    const bus::HealthInfo health = state()->health();
    switch (health.remedy) {
    case bus::Remedy::ProtectVolume:
    case bus::Remedy::CreateRepository:
        emit protectWanted(health.subjectId);
        break;
    case bus::Remedy::RunPlan:
        client()->runPlan(health.subjectId, this, tellFailure<QString>());
        break;
    case bus::Remedy::VerifyRepository:
        client()->verifyRepository(health.subjectId, this, tellFailure<QString>());
        break;
    case bus::Remedy::CreatePlan:
    case bus::Remedy::ConnectRepository:
        emit pageWanted(PageId::Plans, health.subjectId);
        break;
    case bus::Remedy::ShowVolume:
        emit pageWanted(PageId::Volumes, health.subjectId);
        break;
    case bus::Remedy::ShowActivity:
        emit pageWanted(PageId::Activity, health.subjectId);
        break;
    case bus::Remedy::LoadModule:
    case bus::Remedy::None:
        break;
    }
}

} // namespace dormouse::app
