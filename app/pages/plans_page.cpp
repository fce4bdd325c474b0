// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/pages/plans_page.h"

#include "app/client/format.h"
#include "app/client/words.h"
#include "app/pages/plan_dialog.h"
#include "app/widgets/card.h"
#include "app/widgets/gauges.h"
#include "app/widgets/icons.h"
#include "app/widgets/tones.h"

#include <QGridLayout>
#include <QHBoxLayout>
#include <QMenu>
#include <QMessageBox>
#include <QPushButton>
#include <QToolButton>

namespace dormouse::app {
namespace {

QString when(qint64 time)
{
    return formatWhen(QDateTime::fromSecsSinceEpoch(time));
}

void clear(QVBoxLayout* column)
{
    while (QLayoutItem* item = column->takeAt(0)) {
        if (item->widget())
            item->widget()->deleteLater();
        delete item;
    }
}

void addFact(QGridLayout* grid, int column, const QString& caption, const QString& value,
             Tone tone = Tone::Neutral)
{
    grid->addWidget(new TextLabel(TextLabel::Voice::Small, caption), 0, column);
    auto* label = new TextLabel(TextLabel::Voice::Body, value);
    label->setTone(tone);
    label->setAlignment(Qt::AlignTop);
    grid->addWidget(label, 1, column);
    grid->setColumnStretch(column, 1);
}

} // namespace

PlansPage::PlansPage(HelperState* state, QWidget* parent)
    : Page(state, tr("Plans"), true, parent),
      m_new(new QPushButton(icon(QStringLiteral("plus")), tr("New plan …"))),
      m_empty(new EmptyState(QStringLiteral("plans"))), m_planColumn(new QVBoxLayout),
      m_repositoriesTitle(new TextLabel(TextLabel::Voice::Heading, tr("Repositories"))),
      m_repositoryColumn(new QVBoxLayout)
{
    actions()->addWidget(m_new);
    m_planColumn->setSpacing(16);
    m_repositoryColumn->setSpacing(10);
    content()->addWidget(m_empty);
    content()->addLayout(m_planColumn);
    content()->addWidget(m_repositoriesTitle);
    content()->addLayout(m_repositoryColumn);
    content()->addStretch(1);

    const auto makeNew = [this] {
        if (!this->state()->hasProtectedVolume() || this->state()->repositories().isEmpty()) {
            emit protectWanted(QString());
            return;
        }
        bus::PlanInfo plan;
        plan.rhythm = {bus::RhythmKind::Daily, 0, 150, 0};
        plan.keepLast = 30;
        for (const bus::VolumeInfo& volume : this->state()->volumes()) {
            if (volume.isProtected)
                plan.volumeIds << volume.id;
        }
        edit(plan);
    };
    connect(m_new, &QPushButton::clicked, this, makeNew);
    connect(m_empty, &EmptyState::buttonClicked, this, makeNew);
    connect(state, &HelperState::plansChanged, this, &PlansPage::refresh);
    connect(state, &HelperState::repositoriesChanged, this, &PlansPage::refresh);
    connect(state, &HelperState::volumesChanged, this, &PlansPage::refresh);
    connect(state, &HelperState::jobsChanged, this, &PlansPage::refresh);
    connect(state, &HelperState::healthChanged, this, &PlansPage::refresh);
    refresh();
}

bool PlansPage::isBusy(const QString& planId) const
{
    const QList<JobStatus> jobs = state()->runningJobs();
    return std::any_of(jobs.begin(), jobs.end(),
                       [&](const JobStatus& job) { return job.planId == planId; });
}

QString PlansPage::shownFacts() const
{
    QStringList facts{QString::number(int(state()->moduleState()))};
    for (const bus::PlanInfo& plan : state()->plans()) {
        facts << plan.id << plan.name << state()->volumeNames(plan.volumeIds) << plan.repositoryId
              << planRhythm(plan) << QString::number(plan.keepLast) << when(plan.pausedUntil)
              << when(plan.lastRunTime) << outcomeName(plan.lastOutcome) << plan.lastSentence
              << when(plan.nextRunTime) << QString::number(isBusy(plan.id));
    }
    for (const bus::RepositoryInfo& repository : state()->repositories()) {
        facts << repository.id << repository.name << repository.location << repository.sentence
              << QString::number(repository.isReachable) << QString::number(repository.backupCount)
              << formatBytes(repository.usedBytes) << formatBytes(repository.freeBytes)
              << when(repository.lastVerifiedTime);
    }
    return facts.join(QLatin1Char('\n'));
}

void PlansPage::refresh()
{
    // Cards are made anew only if they would look different: a new card has
    // neither the focus nor the open menu of the old one.
    const QString facts = shownFacts();
    if (facts == m_shownFacts)
        return;
    m_shownFacts = facts;
    clear(m_planColumn);
    clear(m_repositoryColumn);
    for (const bus::PlanInfo& plan : state()->plans())
        m_planColumn->addWidget(makePlanCard(plan));
    for (const bus::RepositoryInfo& repository : state()->repositories())
        m_repositoryColumn->addWidget(makeRepositoryCard(repository));
    const bool hasPlans = !state()->plans().isEmpty();
    m_empty->setVisible(!hasPlans);
    m_repositoriesTitle->setVisible(!state()->repositories().isEmpty());
    m_new->setVisible(hasPlans);
    m_empty->setText(tr("No plan yet"),
                     tr("A plan says what is backed up, where to and how often. It runs by itself, "
                        "also after the computer was off."),
                     state()->hasProtectedVolume() && !state()->repositories().isEmpty()
                         ? tr("New plan …")
                         : tr("Protect a volume …"));
}

Card* PlansPage::makePlanCard(const bus::PlanInfo& plan)
{
    auto* card = new Card;
    card->setAccessibleName(tr("Plan %1").arg(plan.name));
    const bool isPaused = plan.pausedUntil > QDateTime::currentSecsSinceEpoch();
    const bool isRunning = isBusy(plan.id);
    const bus::RepositoryInfo* repository = state()->repository(plan.repositoryId);

    auto* name = new ElidedLabel(plan.name);
    name->setFont(theme::headingFont());
    auto* what =
        new ElidedLabel(tr("%1 → %2", "volumes, repository")
                            .arg(state()->volumeNames(plan.volumeIds),
                                 repository ? repository->name : tr("unknown repository")));
    what->setQuiet();
    auto* title = new QVBoxLayout;
    title->setSpacing(2);
    title->addWidget(name);
    title->addWidget(what);

    auto* run = new QPushButton(icon(QStringLiteral("backup")),
                                isRunning ? tr("Running …") : tr("Back up now"));
    run->setEnabled(!isRunning && state()->moduleState() == bus::ModuleState::Loaded);
    run->setAccessibleName(tr("Back up now: %1").arg(plan.name));
    connect(run, &QPushButton::clicked, this,
            [this, id = plan.id] { client()->runPlan(id, this, tellFailure<QString>()); });
    auto* more = new QToolButton;
    more->setIcon(icon(QStringLiteral("more")));
    more->setAutoRaise(true);
    more->setPopupMode(QToolButton::InstantPopup);
    more->setFocusPolicy(Qt::TabFocus);
    more->setToolTip(tr("More"));
    more->setAccessibleName(tr("More for %1").arg(plan.name));
    more->setStyleSheet(QStringLiteral("QToolButton::menu-indicator { image: none; }"));
    auto* menu = new QMenu(more);
    menu->addAction(tr("Change …"), this, [this, plan] { edit(plan); });
    if (isPaused) {
        menu->addAction(tr("Go on now"), this, [this, id = plan.id] { pause(id, 0); });
    } else if (plan.isEnabled) {
        QMenu* pauses = menu->addMenu(tr("Pause"));
        const qint64 now = QDateTime::currentSecsSinceEpoch();
        pauses->addAction(tr("for 30 minutes"), this,
                          [this, id = plan.id, now] { pause(id, now + 1800); });
        pauses->addAction(tr("for 4 hours"), this,
                          [this, id = plan.id, now] { pause(id, now + 4 * 3600); });
        pauses->addAction(tr("for 8 hours"), this,
                          [this, id = plan.id, now] { pause(id, now + 8 * 3600); });
        pauses->addAction(tr("until tomorrow"), this, [this, id = plan.id] {
            pause(id, QDate::currentDate().addDays(1).startOfDay().toSecsSinceEpoch());
        });
    }
    menu->addSeparator();
    menu->addAction(tr("Remove …"), this, [this, plan] { remove(plan); });
    more->setMenu(menu);

    auto* head = new QHBoxLayout;
    head->setSpacing(10);
    head->addLayout(title, 1);
    head->addWidget(run);
    head->addWidget(more);

    auto* facts = new QGridLayout;
    facts->setHorizontalSpacing(28);
    facts->setVerticalSpacing(3);
    addFact(facts, 0, tr("When"), planRhythm(plan));
    addFact(facts, 1, tr("How long"), keepSentence(plan.keepLast));
    addFact(
        facts, 2, tr("Last run"),
        plan.lastRunTime == 0
            ? tr("never")
            : tr("%1, %2", "when, how").arg(when(plan.lastRunTime), outcomeName(plan.lastOutcome)),
        plan.lastOutcome == bus::Outcome::Done ? Tone::Neutral : toneOf(plan.lastOutcome));
    QString next = plan.nextRunTime == 0 ? tr("by hand") : when(plan.nextRunTime);
    if (isPaused)
        next = tr("paused until %1").arg(when(plan.pausedUntil));
    addFact(facts, 3, tr("Next run"), next, isPaused ? Tone::Attention : Tone::Neutral);

    auto* column = new QVBoxLayout(card);
    column->setContentsMargins(20, 16, 20, 16);
    column->setSpacing(12);
    column->addLayout(head);
    column->addLayout(facts);
    if (!plan.lastSentence.isEmpty() && plan.lastOutcome != bus::Outcome::Done) {
        auto* sentence = new TextLabel(TextLabel::Voice::Body, plan.lastSentence);
        sentence->setTone(toneOf(plan.lastOutcome));
        column->addWidget(sentence);
    }
    if (plan.upcomingTimes.size() > 1 && !isPaused) {
        QStringList times;
        for (const qint64 time : plan.upcomingTimes)
            times << when(time);
        column->addWidget(new TextLabel(
            TextLabel::Voice::Faint, tr("Next runs: %1").arg(times.join(QStringLiteral(" · ")))));
    }
    return card;
}

Card* PlansPage::makeRepositoryCard(const bus::RepositoryInfo& repository)
{
    auto* card = new Card;
    card->setAccessibleName(tr("Repository %1").arg(repository.name));
    auto* sign = new ToneSign(24);
    sign->setDrawing(repository.isEncrypted ? QStringLiteral("lock") : QStringLiteral("drive"),
                     repository.isReachable ? Tone::Neutral : Tone::Attention);
    sign->setToolTip(repository.isEncrypted ? tr("encrypted") : tr("not encrypted"));
    auto* name = new ElidedLabel(repository.name);
    QFont bold = name->font();
    bold.setWeight(QFont::DemiBold);
    name->setFont(bold);
    auto* place = new ElidedLabel(repository.location);
    place->setQuiet();
    auto* title = new QVBoxLayout;
    title->setSpacing(1);
    title->addWidget(name);
    title->addWidget(place);
    QStringList lines;
    if (repository.isReachable)
        lines << tr("%n backup(s)", nullptr, int(repository.backupCount)) +
                     tr(", %1 used, %2 free")
                         .arg(formatBytes(repository.usedBytes), formatBytes(repository.freeBytes));
    else
        lines << tr("not there now");
    lines << (repository.lastVerifiedTime == 0
                  ? tr("never checked")
                  : tr("checked %1").arg(when(repository.lastVerifiedTime)));
    auto* numbers = new TextLabel(TextLabel::Voice::Small, lines.join(QLatin1Char('\n')));
    auto* verify = new QPushButton(icon(QStringLiteral("shield")), tr("Check"));
    verify->setToolTip(tr("Reads every byte of every backup and checks it."));
    verify->setAccessibleName(tr("Check %1").arg(repository.name));
    verify->setEnabled(repository.isReachable);
    connect(verify, &QPushButton::clicked, this, [this, id = repository.id] {
        client()->verifyRepository(id, this, tellFailure<QString>());
    });

    auto* row = new QHBoxLayout;
    row->setSpacing(14);
    row->addWidget(sign);
    row->addLayout(title, 2);
    row->addWidget(numbers, 2);
    row->addWidget(verify);
    auto* column = new QVBoxLayout(card);
    column->setContentsMargins(20, 12, 20, 12);
    column->addLayout(row);
    if (!repository.sentence.isEmpty())
        column->addWidget(new TextLabel(TextLabel::Voice::Faint, repository.sentence));
    return card;
}

void PlansPage::edit(const bus::PlanInfo& plan)
{
    auto* dialog = new PlanDialog(state(), plan, this);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->open();
}

void PlansPage::pause(const QString& planId, qint64 until)
{
    client()->pausePlan(planId, until, this, tellFailure<bool>());
}

void PlansPage::remove(const bus::PlanInfo& plan)
{
    auto* question =
        new QMessageBox(QMessageBox::Question, tr("Remove the plan"),
                        tr("Remove the plan %1?").arg(plan.name), QMessageBox::Cancel, this);
    question->setInformativeText(
        tr("It does not run any more. Its backups stay and can be restored."));
    QPushButton* go = question->addButton(tr("Remove"), QMessageBox::DestructiveRole);
    question->setDefaultButton(QMessageBox::Cancel);
    question->setAttribute(Qt::WA_DeleteOnClose);
    connect(question, &QMessageBox::finished, this, [this, question, go, id = plan.id] {
        if (question->clickedButton() == go)
            client()->removePlan(id, this, tellFailure<bool>());
    });
    question->open();
}

} // namespace dormouse::app
