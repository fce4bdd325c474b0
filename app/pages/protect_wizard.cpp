// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/pages/protect_wizard.h"

#include "app/client/format.h"
#include "app/client/words.h"
#include "app/pages/rhythm_editor.h"
#include "app/widgets/card.h"
#include "app/widgets/icons.h"

#include <QCheckBox>
#include <QClipboard>
#include <QComboBox>
#include <QDir>
#include <QFile>
#include <QFileDialog>
#include <QFontDatabase>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QPushButton>
#include <QRadioButton>
#include <QSaveFile>
#include <QStackedWidget>

namespace dormouse::app {
namespace {

constexpr char candidateProperty[] = "candidateId";
constexpr char volumeProperty[] = "volumeId";
constexpr qsizetype shortestPassphrase = 8;

QVBoxLayout* makeColumn(QWidget* page)
{
    auto* column = new QVBoxLayout(page);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(8);
    return column;
}

QString escaped(QString text)
{
    return text.replace(QLatin1Char('&'), QLatin1String("&&"));
}

} // namespace

ProtectWizard::ProtectWizard(HelperState* state, const QString& candidateId, QWidget* parent)
    : QDialog(parent), m_state(state), m_run(new ProtectRun(state, this)),
      m_title(new TextLabel(TextLabel::Voice::Title)),
      m_stepText(new TextLabel(TextLabel::Voice::Small)), m_pages(new QStackedWidget),
      m_hint(new TextLabel(TextLabel::Voice::Small)), m_back(new QPushButton(tr("Back"))),
      m_next(new QPushButton(tr("Next"))), m_cancel(new QPushButton(tr("Cancel")))
{
    setWindowTitle(tr("Protect"));
    setMinimumSize(640, 520);
    m_pages->addWidget(makeWhat(candidateId));
    m_pages->addWidget(makeWhere());
    m_pages->addWidget(makeWhen());
    m_pages->addWidget(makeSummary());
    m_pages->addWidget(makeRunning());
    m_pages->addWidget(makeKey());
    m_next->setDefault(true);

    auto* buttons = new QHBoxLayout;
    buttons->addWidget(m_hint, 1);
    buttons->addWidget(m_cancel);
    buttons->addWidget(m_back);
    buttons->addWidget(m_next);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(28, 24, 28, 20);
    column->setSpacing(6);
    column->addWidget(m_stepText);
    column->addWidget(m_title);
    column->addSpacing(14);
    column->addWidget(m_pages, 1);
    column->addLayout(buttons);

    connect(m_back, &QPushButton::clicked, this,
            [this] { goTo(m_step == Running ? Summary : m_step - 1); });
    connect(m_next, &QPushButton::clicked, this, &ProtectWizard::next);
    connect(m_cancel, &QPushButton::clicked, this, &ProtectWizard::reject);
    connect(m_run, &ProtectRun::stepBegan, this,
            [this](const QString& sentence) { m_running->show(Tone::Working, sentence); });
    connect(m_run, &ProtectRun::failed, this, [this](const QString& sentence) {
        m_running->show(Tone::Bad, sentence,
                        tr("What was done so far stays. Mend it and try again."));
        m_back->setVisible(true);
        m_next->setText(tr("Try again"));
        m_next->setVisible(true);
        m_cancel->setEnabled(true);
    });
    connect(m_run, &ProtectRun::finished, this, &ProtectWizard::finish);
    goTo(What);
}

QWidget* ProtectWizard::makeWhat(const QString& candidateId)
{
    auto* page = new QWidget;
    QVBoxLayout* column = makeColumn(page);
    column->addWidget(
        new TextLabel(TextLabel::Voice::Faint,
                      tr("Every change of these volumes is recorded from now on, so that backups "
                         "read only what changed. All of them are backed up as of one moment.")));
    column->addSpacing(6);
    int offered = 0;
    for (const bus::VolumeInfo& volume : m_state->volumes()) {
        if (!volume.isProtected && !volume.isProtectable && volume.refusal.isEmpty())
            continue;
        auto* box = new QCheckBox(escaped(displayName(volume)));
        box->setProperty(candidateProperty, volume.candidateId);
        box->setProperty(volumeProperty, volume.id);
        const bool isPossible = volume.isProtected || volume.isProtectable;
        box->setEnabled(isPossible);
        box->setChecked(isPossible && !candidateId.isEmpty() &&
                        (volume.candidateId == candidateId || volume.id == candidateId));
        connect(box, &QCheckBox::toggled, this, &ProtectWizard::check);
        column->addWidget(box);
        QString line = describe(volume);
        if (volume.isProtected)
            line += tr(" · protected already");
        if (!isPossible)
            line += QStringLiteral("\n") + volume.refusal;
        auto* detail = new TextLabel(TextLabel::Voice::Small, line);
        detail->setWordWrap(true);
        detail->setContentsMargins(26, 0, 0, 6);
        column->addWidget(detail);
        m_volumes.append(box);
        offered += isPossible;
    }
    if (offered == 1 && candidateId.isEmpty()) {
        for (QCheckBox* box : m_volumes)
            box->setChecked(box->isEnabled());
    }
    if (m_volumes.isEmpty())
        column->addWidget(
            new TextLabel(TextLabel::Voice::Body,
                          tr("There is no volume with an ext4 or XFS file system here.")));
    column->addStretch(1);
    return page;
}

QWidget* ProtectWizard::makeWhere()
{
    auto* page = new QWidget;
    QVBoxLayout* column = makeColumn(page);
    column->addWidget(new TextLabel(
        TextLabel::Voice::Faint,
        tr("Backups belong on another disk: if this one breaks, they are what is left.")));
    m_repository = new QComboBox;
    m_repository->setAccessibleName(tr("Repository"));
    for (const bus::RepositoryInfo& repository : m_state->repositories())
        m_repository->addItem(icon(QStringLiteral("drive")), repository.name, repository.id);
    m_repository->addItem(icon(QStringLiteral("plus")), tr("A new repository"), QString());
    m_repository->setCurrentIndex(0);
    column->addSpacing(4);
    column->addWidget(m_repository);

    m_newRepository = new QWidget;
    QVBoxLayout* fresh = makeColumn(m_newRepository);
    m_folder = new QLineEdit;
    m_folder->setPlaceholderText(tr("An empty folder on another disk"));
    m_folder->setAccessibleName(tr("Folder of the repository"));
    auto* choose = new QPushButton(tr("Choose …"));
    choose->setAccessibleName(tr("Choose the folder of the repository"));
    auto* folderLine = new QHBoxLayout;
    folderLine->addWidget(m_folder, 1);
    folderLine->addWidget(choose);
    m_name = new QLineEdit(tr("Backups"));
    m_name->setMaxLength(100);
    m_name->setAccessibleName(tr("Name of the repository"));
    m_encrypted = new QRadioButton(tr("Encrypt with a passphrase"));
    m_plain = new QRadioButton(tr("Do not encrypt: whoever has the disk can read the backups"));
    m_encrypted->setChecked(true);
    m_passphrase = new QLineEdit;
    m_passphrase->setAccessibleName(tr("Passphrase"));
    m_passphrase->setPlaceholderText(tr("Passphrase"));
    m_passphraseAgain = new QLineEdit;
    m_passphraseAgain->setAccessibleName(tr("The same passphrase again"));
    m_passphraseAgain->setPlaceholderText(tr("The same again"));
    for (QLineEdit* edit : {m_passphrase, m_passphraseAgain}) {
        edit->setEchoMode(QLineEdit::Password);
        edit->setMaxLength(256);
    }
    m_passphrases = new QWidget;
    auto* passphraseLine = new QHBoxLayout(m_passphrases);
    passphraseLine->setContentsMargins(26, 0, 0, 0);
    passphraseLine->addWidget(m_passphrase);
    passphraseLine->addWidget(m_passphraseAgain);

    fresh->addWidget(new TextLabel(TextLabel::Voice::Heading, tr("Folder and name")));
    fresh->addLayout(folderLine);
    fresh->addWidget(m_name);
    fresh->addSpacing(8);
    fresh->addWidget(new TextLabel(TextLabel::Voice::Heading, tr("Encryption")));
    fresh->addWidget(m_encrypted);
    fresh->addWidget(m_passphrases);
    fresh->addWidget(m_plain);
    column->addSpacing(8);
    column->addWidget(m_newRepository);
    column->addStretch(1);

    connect(choose, &QPushButton::clicked, this, [this] {
        auto* dialog = new QFileDialog(this, tr("Folder of the repository"), m_folder->text());
        dialog->setFileMode(QFileDialog::Directory);
        dialog->setOption(QFileDialog::ShowDirsOnly);
        dialog->setAttribute(Qt::WA_DeleteOnClose);
        connect(dialog, &QFileDialog::fileSelected, m_folder, &QLineEdit::setText);
        dialog->open();
    });
    connect(m_repository, &QComboBox::currentIndexChanged, this, &ProtectWizard::check);
    for (QLineEdit* edit : {m_folder, m_name, m_passphrase, m_passphraseAgain})
        connect(edit, &QLineEdit::textChanged, this, &ProtectWizard::check);
    connect(m_encrypted, &QRadioButton::toggled, this, &ProtectWizard::check);
    return page;
}

QWidget* ProtectWizard::makeWhen()
{
    auto* page = new QWidget;
    QVBoxLayout* column = makeColumn(page);
    column->addWidget(
        new TextLabel(TextLabel::Voice::Faint, tr("If the computer is off or asleep at that time, "
                                                  "the backup runs once as soon as it is back.")));
    column->addSpacing(8);
    m_rhythm = new RhythmEditor;
    column->addWidget(m_rhythm);
    column->addSpacing(8);
    m_backUpNow = new QCheckBox(tr("Start the first backup now"));
    m_backUpNow->setChecked(true);
    column->addWidget(m_backUpNow);
    column->addStretch(1);
    return page;
}

QWidget* ProtectWizard::makeSummary()
{
    auto* page = new QWidget;
    QVBoxLayout* column = makeColumn(page);
    auto* card = new Card;
    auto* inside = new QVBoxLayout(card);
    inside->setContentsMargins(20, 16, 20, 16);
    m_summary = new TextLabel(TextLabel::Voice::Body);
    inside->addWidget(m_summary);
    column->addWidget(card);
    column->addWidget(new TextLabel(TextLabel::Voice::Faint,
                                    tr("An administrator's password may be asked for.")));
    column->addStretch(1);
    return page;
}

QWidget* ProtectWizard::makeRunning()
{
    auto* page = new QWidget;
    QVBoxLayout* column = makeColumn(page);
    m_running = new Banner;
    column->addWidget(m_running);
    column->addStretch(1);
    return page;
}

QWidget* ProtectWizard::makeKey()
{
    auto* page = new QWidget;
    QVBoxLayout* column = makeColumn(page);
    column->addWidget(new TextLabel(
        TextLabel::Voice::Body, tr("If the passphrase is ever forgotten, this key opens the "
                                   "backups. It is shown only now. Save it or write it down, and "
                                   "keep it apart from this computer and from the backups.")));
    column->addSpacing(6);
    m_key = new QLineEdit;
    m_key->setObjectName(QStringLiteral("recoveryKey"));
    m_key->setReadOnly(true);
    m_key->setAccessibleName(tr("Recovery key"));
    QFont fixed = QFontDatabase::systemFont(QFontDatabase::FixedFont);
    fixed.setPointSizeF(fixed.pointSizeF() * 1.1);
    m_key->setFont(fixed);
    column->addWidget(m_key);
    auto* save = new QPushButton(icon(QStringLiteral("save")), tr("Save to a file …"));
    auto* copy = new QPushButton(icon(QStringLiteral("copy")), tr("Copy"));
    auto* line = new QHBoxLayout;
    line->addWidget(save);
    line->addWidget(copy);
    line->addStretch(1);
    column->addLayout(line);
    column->addSpacing(10);
    m_keyIsSafe = new QCheckBox(tr("The recovery key is in a safe place"));
    column->addWidget(m_keyIsSafe);
    column->addStretch(1);
    connect(save, &QPushButton::clicked, this, &ProtectWizard::saveKey);
    connect(copy, &QPushButton::clicked, this,
            [this] { QGuiApplication::clipboard()->setText(m_key->text()); });
    connect(m_keyIsSafe, &QCheckBox::toggled, this, &ProtectWizard::check);
    return page;
}

bool ProtectWizard::isNewRepository() const
{
    return m_repository->currentData().toString().isEmpty();
}

QString ProtectWizard::whatIsMissing() const
{
    if (m_step == What) {
        const bool hasOne = std::any_of(m_volumes.begin(), m_volumes.end(),
                                        [](const QCheckBox* box) { return box->isChecked(); });
        return hasOne ? QString() : tr("Choose at least one volume.");
    }
    if (m_step == Where && isNewRepository()) {
        if (m_folder->text().isEmpty())
            return tr("Choose a folder.");
        if (m_name->text().trimmed().isEmpty())
            return tr("Give it a name.");
        if (m_encrypted->isChecked()) {
            if (m_passphrase->text().size() < shortestPassphrase)
                return tr("The passphrase needs at least %1 characters.").arg(shortestPassphrase);
            if (m_passphrase->text() != m_passphraseAgain->text())
                return tr("The two passphrases differ.");
        }
    }
    if (m_step == Key && !m_keyIsSafe->isChecked())
        return tr("Without this key, a forgotten passphrase means lost backups.");
    return {};
}

void ProtectWizard::check()
{
    if (m_newRepository)
        m_newRepository->setVisible(isNewRepository());
    if (m_passphrases)
        m_passphrases->setEnabled(m_encrypted->isChecked());
    if (m_key) { // every page is made
        const QString missing = whatIsMissing();
        m_hint->setText(missing);
        m_next->setEnabled(missing.isEmpty());
    }
}

void ProtectWizard::goTo(int step)
{
    static const char* const titles[stepCount] = {QT_TR_NOOP("What to protect"),
                                                  QT_TR_NOOP("Where the backups go"),
                                                  QT_TR_NOOP("When"),
                                                  QT_TR_NOOP("Ready?"),
                                                  QT_TR_NOOP("Setting up"),
                                                  QT_TR_NOOP("Your recovery key")};
    m_step = step;
    m_pages->setCurrentIndex(step);
    m_title->setText(tr(titles[step]));
    m_stepText->setText(step <= Summary ? tr("Step %1 of %2").arg(step + 1).arg(Summary + 1)
                                        : QString());
    m_back->setVisible(step > What && step <= Summary);
    m_cancel->setVisible(step != Key);
    m_next->setVisible(step != Running);
    m_next->setText(step == Summary ? tr("Protect") : step == Key ? tr("Done") : tr("Next"));
    if (step == Summary)
        updateSummary();
    check();
}

void ProtectWizard::next()
{
    switch (m_step) {
    case Summary:
    case Running: // "Try again"
        start();
        break;
    case Key:
        m_isKeySaved = true;
        accept();
        break;
    default:
        goTo(m_step + 1);
        break;
    }
}

void ProtectWizard::updateSummary()
{
    QStringList names;
    for (const QCheckBox* box : m_volumes) {
        if (box->isChecked())
            names << box->text().replace(QLatin1String("&&"), QLatin1String("&"));
    }
    bus::PlanInfo plan;
    m_rhythm->store(plan);
    QStringList lines;
    lines << tr("What: %1").arg(joinNames(names));
    if (isNewRepository())
        lines << tr("Where: the new repository \"%1\" in %2, %3")
                     .arg(m_name->text().trimmed(), m_folder->text(),
                          m_encrypted->isChecked() ? tr("encrypted") : tr("not encrypted"));
    else
        lines << tr("Where: %1").arg(m_repository->currentText());
    lines << tr("When: %1").arg(planRhythm(plan));
    lines << tr("How long: %1").arg(keepSentence(plan.keepLast));
    lines << (m_backUpNow->isChecked() ? tr("The first backup starts now; you can go on working.")
                                       : tr("The first backup runs at its time."));
    m_summary->setText(lines.join(QStringLiteral("\n\n")));
}

void ProtectWizard::start()
{
    ProtectRequest& request = m_run->request();
    QStringList names;
    // What an earlier try protected stays in volumeIds and is not done again.
    const QStringList done = request.volumeIds;
    request.candidateIds.clear();
    request.volumeIds.clear();
    for (const QCheckBox* box : m_volumes) {
        if (!box->isChecked())
            continue;
        names << box->text().replace(QLatin1String("&&"), QLatin1String("&"));
        QString id = box->property(volumeProperty).toString();
        const QString candidate = box->property(candidateProperty).toString();
        for (const bus::VolumeInfo& volume : m_state->volumes()) {
            if (volume.isProtected && volume.candidateId == candidate && !candidate.isEmpty())
                id = volume.id;
        }
        if (id.isEmpty())
            request.candidateIds << candidate;
        else
            request.volumeIds << id;
    }
    if (request.candidateIds.isEmpty() && request.volumeIds.size() < done.size())
        request.volumeIds = done;
    if (!isNewRepository()) {
        request.repositoryId = m_repository->currentData().toString();
    } else if (request.repositoryId.isEmpty()) {
        request.repositoryName = m_name->text().trimmed();
        request.repositoryFolder = m_folder->text();
        request.isEncrypted = m_encrypted->isChecked();
        request.passphrase = request.isEncrypted ? m_passphrase->text().toUtf8() : QByteArray();
    }
    const QString planId = request.plan.id;
    m_rhythm->store(request.plan);
    request.plan.id = planId;
    request.plan.name = joinNames(names).left(100);
    request.shouldBackUpNow = m_backUpNow->isChecked();
    goTo(Running);
    m_cancel->setEnabled(false);
    m_run->start();
}

void ProtectWizard::finish()
{
    m_passphrase->clear();
    m_passphraseAgain->clear();
    if (m_run->recoveryKey().isEmpty()) {
        accept();
        return;
    }
    m_key->setText(QString::fromLatin1(m_run->recoveryKey()));
    m_key->setCursorPosition(0);
    goTo(Key);
}

void ProtectWizard::saveKey()
{
    auto* dialog = new QFileDialog(this, tr("Save the recovery key"),
                                   QDir::home().filePath(tr("dormouse-recovery-key.txt")));
    dialog->setAcceptMode(QFileDialog::AcceptSave);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& path) {
        QSaveFile file(path);
        const QString text = tr("Dormouse recovery key of the repository \"%1\" (%2)\n\n%3\n")
                                 .arg(m_name->text(), m_run->repositoryId(), m_key->text());
        const bool isSaved = file.open(QIODevice::WriteOnly) &&
                             file.setPermissions(QFile::ReadOwner | QFile::WriteOwner) &&
                             file.write(text.toUtf8()) > 0 && file.commit();
        if (isSaved)
            m_keyIsSafe->setChecked(true);
        else
            m_hint->setText(tr("It could not be saved: %1").arg(file.errorString()));
    });
    dialog->open();
}

void ProtectWizard::reject()
{
    // The key exists nowhere else yet: closing the window would lose it.
    if (m_step == Key && !m_isKeySaved && !m_keyIsSafe->isChecked()) {
        check();
        return;
    }
    if (m_step == Running && !m_cancel->isEnabled())
        return;
    if (m_step == Running && !m_run->recoveryKey().isEmpty()) {
        finish();
        return;
    }
    QDialog::reject();
}

} // namespace dormouse::app
