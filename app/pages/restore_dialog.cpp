// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/pages/restore_dialog.h"

#include "app/client/format.h"
#include "app/client/words.h"
#include "app/widgets/card.h"
#include "app/widgets/icons.h"
#include "app/widgets/tones.h"

#include <QButtonGroup>
#include <QDir>
#include <QFile>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QProgressBar>
#include <QPushButton>
#include <QRadioButton>

namespace dormouse::app {

RestoreDialog::RestoreDialog(HelperState* state, const Request& request, QWidget* parent)
    : QDialog(parent), m_state(state), m_request(request),
      m_original(new QRadioButton(tr("Where it came from"))),
      m_elsewhere(new QRadioButton(tr("Into a folder:"))), m_folder(new QLineEdit),
      m_choose(new QPushButton(tr("Choose …"))),
      m_beside(new QRadioButton(tr("Keep both: the restored one gets the moment in its name"))),
      m_overwrite(new QRadioButton(tr("Replace it with the restored one"))),
      m_skip(new QRadioButton(tr("Leave it as it is"))), m_choices(new QWidget), m_plan(new Banner),
      m_bar(new QProgressBar), m_progress(new TextLabel(TextLabel::Voice::Small)),
      m_go(new QPushButton(icon(QStringLiteral("restore")), tr("Restore"))),
      m_close(new QPushButton(tr("Cancel")))
{
    setWindowTitle(tr("Restore"));
    setMinimumWidth(560);
    build();
    const bool hasOriginal = !request.originalFolder.isEmpty();
    m_original->setEnabled(hasOriginal);
    (hasOriginal ? m_original : m_elsewhere)->setChecked(true);
    m_folder->setText(QDir::homePath());
    m_beside->setChecked(true);
    connect(m_choose, &QPushButton::clicked, this, &RestoreDialog::chooseFolder);
    connect(m_folder, &QLineEdit::textEdited, this, [this] { m_elsewhere->setChecked(true); });
    connect(m_folder, &QLineEdit::editingFinished, this, &RestoreDialog::askForPlan);
    for (QRadioButton* each : {m_original, m_elsewhere, m_beside, m_overwrite, m_skip})
        connect(each, &QRadioButton::toggled, this, [this](bool isOn) {
            if (isOn)
                askForPlan();
        });
    connect(m_go, &QPushButton::clicked, this, &RestoreDialog::restore);
    connect(m_close, &QPushButton::clicked, this, &RestoreDialog::reject);
    connect(state, &HelperState::jobProgressed, this, &RestoreDialog::showProgress);
    connect(state, &HelperState::jobEnded, this, &RestoreDialog::showEnd);
    connect(state, &HelperState::stageChanged, this, [this] {
        if (m_state->stage() == HelperState::Stage::Ready || m_isDone)
            return;
        m_job.clear();
        m_go->setEnabled(false);
        m_plan->show(Tone::Bad, tr("The helper stopped."),
                     tr("What was restored so far is whole. Open the moment again to go on."));
    });
    askForPlan();
}

void RestoreDialog::build()
{
    QString what = QFile::decodeName(m_request.paths.value(0));
    what = what.mid(what.lastIndexOf(QLatin1Char('/')) + 1);
    if (m_request.paths.size() > 1)
        what = tr("%n item(s)", nullptr, int(m_request.paths.size()));
    auto* title = new ElidedLabel(tr("Restore %1").arg(what));
    title->setFont(theme::headingFont());
    auto* moment =
        new TextLabel(TextLabel::Voice::Small, tr("as of %1").arg(formatMoment(m_request.moment)));

    auto* whereGroup = new QButtonGroup(this);
    whereGroup->addButton(m_original);
    whereGroup->addButton(m_elsewhere);
    auto* conflictGroup = new QButtonGroup(this);
    for (QRadioButton* each : {m_beside, m_overwrite, m_skip})
        conflictGroup->addButton(each);
    m_folder->setAccessibleName(tr("Folder to restore into"));
    m_choose->setAccessibleName(tr("Choose the folder to restore into"));
    auto* original = new ElidedLabel(m_request.originalFolder.isEmpty()
                                         ? tr("not possible: the volume is not mounted now")
                                         : m_request.originalFolder);
    original->setContentsMargins(24, 0, 0, 0);
    original->setQuiet();
    auto* folderLine = new QHBoxLayout;
    folderLine->setContentsMargins(24, 0, 0, 0);
    folderLine->addWidget(m_folder, 1);
    folderLine->addWidget(m_choose);

    auto* choices = new QVBoxLayout(m_choices);
    choices->setContentsMargins(0, 0, 0, 0);
    choices->setSpacing(6);
    choices->addWidget(new TextLabel(TextLabel::Voice::Heading, tr("Where to")));
    choices->addWidget(m_original);
    choices->addWidget(original);
    choices->addWidget(m_elsewhere);
    choices->addLayout(folderLine);
    choices->addSpacing(10);
    choices->addWidget(
        new TextLabel(TextLabel::Voice::Heading, tr("If something of that name is there")));
    for (QRadioButton* each : {m_beside, m_overwrite, m_skip})
        choices->addWidget(each);

    m_bar->setTextVisible(false);
    m_bar->setAccessibleName(tr("Progress of the restore"));
    m_bar->hide();
    m_progress->hide();
    m_go->setDefault(true);
    m_go->setEnabled(false);
    auto* buttons = new QHBoxLayout;
    buttons->addStretch(1);
    buttons->addWidget(m_close);
    buttons->addWidget(m_go);

    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(24, 20, 24, 20);
    column->setSpacing(12);
    column->addWidget(title);
    column->addWidget(moment);
    column->addWidget(m_choices);
    column->addWidget(m_plan);
    column->addWidget(m_bar);
    column->addWidget(m_progress);
    column->addStretch(1);
    column->addLayout(buttons);
}

bool RestoreDialog::isOpenFor(const QWidget* parent)
{
    return parent->findChild<RestoreDialog*>() != nullptr;
}

QString RestoreDialog::target() const
{
    return m_original->isChecked() ? m_request.originalFolder : m_folder->text();
}

bus::ConflictPolicy RestoreDialog::conflict() const
{
    if (m_overwrite->isChecked())
        return bus::ConflictPolicy::Overwrite;
    return m_skip->isChecked() ? bus::ConflictPolicy::Skip : bus::ConflictPolicy::Beside;
}

void RestoreDialog::chooseFolder()
{
    auto* dialog = new QFileDialog(this, tr("Folder to restore into"), m_folder->text());
    dialog->setFileMode(QFileDialog::Directory);
    dialog->setOption(QFileDialog::ShowDirsOnly);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& folder) {
        m_folder->setText(folder);
        m_elsewhere->setChecked(true);
        askForPlan();
    });
    dialog->open();
}

void RestoreDialog::askForPlan()
{
    if (!m_job.isEmpty() || m_isDone)
        return;
    const quint32 question = ++m_question;
    m_go->setEnabled(false);
    const QDBusUnixFileDescriptor directory = openDirectory(target());
    if (!directory.isValid()) {
        m_plan->show(Tone::Attention, tr("This folder cannot be opened."),
                     QStringLiteral("%1: %2").arg(target(), qt_error_string(errno)));
        return;
    }
    m_plan->show(Tone::Neutral, tr("Looking what would be done …"));
    m_state->client()->planRestore(m_request.session, m_request.paths, directory, conflict(), this,
                                   [this, question](const Answer<bus::RestoreCounts>& answer) {
                                       if (question == m_question)
                                           showPlan(answer);
                                   });
}

void RestoreDialog::showPlan(const Answer<bus::RestoreCounts>& answer)
{
    if (!answer) {
        m_plan->show(Tone::Bad, answer.error().sentence);
        return;
    }
    const bus::RestoreCounts& counts = *answer;
    QStringList what{tr("%n file(s)", nullptr, int(counts.files))};
    if (counts.directories > 0)
        what << tr("%n folder(s)", nullptr, int(counts.directories));
    if (counts.others > 0)
        what << tr("%n link(s) or other", nullptr, int(counts.others));
    QStringList how;
    if (counts.created > 0)
        how << tr("%1 new").arg(counts.created);
    if (counts.overwritten > 0)
        how << tr("%1 replaced").arg(counts.overwritten);
    if (counts.beside > 0)
        how << tr("%1 beside the existing one").arg(counts.beside);
    if (counts.skipped > 0)
        how << tr("%1 left as it is").arg(counts.skipped);
    how << tr("%1 free there").arg(formatBytes(counts.freeBytes));
    const bool fits = counts.bytes <= counts.freeBytes;
    QString detail = how.join(QStringLiteral(" · "));
    if (!counts.sentence.isEmpty())
        detail += QLatin1Char('\n') + counts.sentence;
    if (!fits)
        detail += QLatin1Char('\n') + tr("There is not enough room for it.");
    const Tone tone = !fits || counts.overwritten > 0 || !counts.sentence.isEmpty()
                          ? Tone::Attention
                          : Tone::Neutral;
    m_plan->show(
        tone, tr("%1, %2 in all", "counts, size").arg(joinNames(what), formatBytes(counts.bytes)),
        detail);
    m_go->setEnabled(true);
}

void RestoreDialog::restore()
{
    const QDBusUnixFileDescriptor directory = openDirectory(target());
    if (!directory.isValid()) {
        askForPlan();
        return;
    }
    m_choices->setEnabled(false);
    m_go->setEnabled(false);
    m_bar->setRange(0, 0);
    m_bar->show();
    m_state->client()->restoreFiles(
        m_request.session, m_request.paths, directory, conflict(), this,
        [this](const Answer<QString>& answer) {
            if (!answer) {
                m_bar->hide();
                m_choices->setEnabled(true);
                m_go->setEnabled(true);
                m_plan->show(Tone::Bad, answer.error().sentence, tr("Nothing was written."));
                return;
            }
            m_job = *answer;
            m_close->setText(tr("Stop"));
            m_state->client()->getJob(m_job, this, [this](const Answer<JobStatus>& job) {
                if (job && job->isFinished())
                    showEnd(*job);
            });
        });
}

void RestoreDialog::showProgress(const QString& path)
{
    if (path != m_job || m_job.isEmpty())
        return;
    for (const JobStatus& job : m_state->runningJobs()) {
        if (job.path != path)
            continue;
        m_bar->setRange(0, job.bytesTotal > 0 ? 1000 : 0);
        if (job.bytesTotal > 0)
            m_bar->setValue(int(1000.0 * double(job.bytesDone) / double(job.bytesTotal)));
        m_progress->setText(progressText(job));
        m_progress->show();
    }
}

void RestoreDialog::showEnd(const JobStatus& job)
{
    if (job.path != m_job || m_job.isEmpty())
        return;
    m_job.clear();
    m_isDone = true;
    m_bar->hide();
    m_progress->hide();
    m_choices->hide();
    m_go->hide();
    m_close->setText(tr("Close"));
    m_close->setEnabled(true);
    m_close->setFocus();
    m_state->client()->jobDetails(job.path, this, [this, job](const Answer<JobDetails>& answer) {
        QString sentence = answer ? answer->sentence : QString();
        if (sentence.isEmpty())
            sentence = tr("Restore: %1").arg(outcomeName(job.outcome));
        QString detail = target();
        if (answer && job.outcome != bus::Outcome::Done) {
            const QStringList firstLines = answer->log.mid(0, 8);
            detail += QLatin1Char('\n') + firstLines.join(QLatin1Char('\n'));
        }
        m_plan->show(toneOf(job.outcome), sentence, detail);
    });
}

void RestoreDialog::reject()
{
    if (m_job.isEmpty()) {
        QDialog::reject();
        return;
    }
    m_close->setEnabled(false);
    m_state->client()->cancelJob(m_job, this, [](const Answer<bool>&) {});
}

} // namespace dormouse::app
