// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/main_window.h"

#include "app/client/words.h"
#include "app/pages/history_page.h"
#include "app/pages/overview_page.h"
#include "app/pages/plans_page.h"
#include "app/pages/protect_wizard.h"
#include "app/pages/restore_page.h"
#include "app/pages/volumes_page.h"
#include "app/widgets/card.h"
#include "app/widgets/icons.h"
#include "app/widgets/side_bar.h"

#include <QAction>
#include <QClipboard>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QPushButton>
#include <QStackedWidget>

namespace dormouse::app {
namespace {

constexpr int noticeMilliseconds = 8000;
const QString loadModuleCommand = QStringLiteral("sudo modprobe dormouse");

} // namespace

MainWindow::MainWindow(HelperState* state, QWidget* parent)
    : QMainWindow(parent), m_state(state), m_sideBar(new SideBar), m_module(new Banner),
      m_notice(new Banner), m_gate(new QStackedWidget),
      m_trouble(new EmptyState(QStringLiteral("plug"))), m_pages(new QStackedWidget),
      m_volumes(new VolumesPage(state)), m_restore(new RestorePage(state))
{
    setWindowTitle(tr("Dormouse"));
    setWindowIcon(applicationIcon());
    resize(1160, 780);
    setMinimumSize(820, 560);

    auto* mark = new QLabel;
    mark->setPixmap(applicationIcon().pixmap(QSize(36, 36), devicePixelRatioF()));
    auto* name = new TextLabel(TextLabel::Voice::Heading, tr("Dormouse"));
    auto* brand = new QHBoxLayout;
    brand->setContentsMargins(16, 20, 16, 16);
    brand->setSpacing(10);
    brand->addWidget(mark);
    brand->addWidget(name, 1);
    auto* side = new QWidget;
    side->setFixedWidth(204);
    auto* sideColumn = new QVBoxLayout(side);
    sideColumn->setContentsMargins(0, 0, 0, 8);
    sideColumn->setSpacing(0);
    sideColumn->addLayout(brand);
    sideColumn->addWidget(m_sideBar, 1);

    addPage(QStringLiteral("overview"), tr("Overview"), new OverviewPage(state));
    addPage(QStringLiteral("volumes"), tr("Volumes"), m_volumes);
    addPage(QStringLiteral("restore"), tr("Restore"), m_restore);
    addPage(QStringLiteral("plans"), tr("Plans"), new PlansPage(state));
    addPage(QStringLiteral("activity"), tr("Activity"), new HistoryPage(state));

    auto* above = new QVBoxLayout;
    above->setContentsMargins(32, 0, 32, 0);
    above->setSpacing(10);
    above->addWidget(m_module);
    above->addWidget(m_notice);
    m_module->hide();
    m_notice->hide();
    auto* known = new QWidget;
    auto* knownColumn = new QVBoxLayout(known);
    knownColumn->setContentsMargins(0, 12, 0, 0);
    knownColumn->setSpacing(0);
    knownColumn->addLayout(above);
    knownColumn->addWidget(m_pages, 1);
    m_gate->addWidget(m_trouble);
    m_gate->addWidget(known);

    auto* whole = new QWidget;
    auto* row = new QHBoxLayout(whole);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(0);
    row->addWidget(side);
    row->addWidget(new Separator);
    row->addWidget(m_gate, 1);
    setCentralWidget(whole);

    connect(m_sideBar, &SideBar::currentRowChanged, m_pages, &QStackedWidget::setCurrentIndex);
    connect(m_trouble, &EmptyState::buttonClicked, this, &MainWindow::helpWithStage);
    connect(m_module, &Banner::buttonClicked, this, [this] {
        QGuiApplication::clipboard()->setText(loadModuleCommand);
        notice(Tone::Good, tr("Copied: %1").arg(loadModuleCommand));
    });
    connect(m_notice, &Banner::buttonClicked, m_notice, &QWidget::hide);
    m_noticeEnd.setSingleShot(true);
    connect(&m_noticeEnd, &QTimer::timeout, m_notice, &QWidget::hide);
    connect(state, &HelperState::stageChanged, this, &MainWindow::stageChanged);
    connect(state, &HelperState::healthChanged, this, &MainWindow::moduleChanged);
    m_sideBar->setCurrentRow(0);
    stageChanged();
    moduleChanged();
    m_sideBar->setFocus();
}

void MainWindow::addPage(const QString& iconName, const QString& title, Page* page)
{
    m_sideBar->addPage(iconName, title);
    m_pages->addWidget(page);
    const int number = m_pages->count();
    auto* action = new QAction(title, this);
    action->setShortcut(QKeySequence(Qt::CTRL | Qt::Key(Qt::Key_0 + number)));
    connect(action, &QAction::triggered, this,
            [this, number] { m_sideBar->setCurrentRow(number - 1); });
    addAction(action);
    connect(page, &Page::noticed, this, &MainWindow::notice);
    connect(page, &Page::pageWanted, this, &MainWindow::showPage);
    connect(page, &Page::protectWanted, this, &MainWindow::protect);
}

void MainWindow::showPage(PageId page, const QString& subjectId)
{
    if (page == PageId::Volumes)
        m_volumes->showVolume(subjectId);
    if (page == PageId::Restore && !subjectId.isEmpty())
        m_restore->showVolume(subjectId);
    m_sideBar->setCurrentRow(int(page));
}

PageId MainWindow::page() const
{
    return PageId(m_sideBar->currentRow());
}

bool MainWindow::parsePage(const QString& name, PageId& page)
{
    static const QStringList names{QStringLiteral("overview"), QStringLiteral("volumes"),
                                   QStringLiteral("restore"), QStringLiteral("plans"),
                                   QStringLiteral("activity")};
    const qsizetype index = names.indexOf(name);
    if (index >= 0)
        page = PageId(index);
    return index >= 0;
}

void MainWindow::protect(const QString& candidateId)
{
    auto* wizard = new ProtectWizard(m_state, candidateId, this);
    wizard->setAttribute(Qt::WA_DeleteOnClose);
    connect(wizard, &QDialog::accepted, this, [this] { showPage(PageId::Overview); });
    wizard->open();
}

void MainWindow::notice(Tone tone, const QString& sentence)
{
    m_notice->show(tone, sentence, QString(), tr("Close"));
    // Good news leaves by itself; a failure waits to be read.
    if (tone == Tone::Good)
        m_noticeEnd.start(noticeMilliseconds);
    else
        m_noticeEnd.stop();
}

void MainWindow::stageChanged()
{
    const HelperState::Stage stage = m_state->stage();
    const bool isReady = stage == HelperState::Stage::Ready;
    m_gate->setCurrentIndex(isReady ? 1 : 0);
    m_sideBar->setEnabled(isReady);
    switch (stage) {
    case HelperState::Stage::Connecting:
        m_trouble->setText(tr("One moment …"), tr("Asking the helper how everything stands."));
        break;
    case HelperState::Stage::NoBus:
        m_trouble->setText(tr("The system message bus does not answer"),
                           tr("Dormouse talks to its helper over it. Your backups are not "
                              "affected; scheduled ones go on if the helper is running."),
                           tr("Try again"));
        break;
    case HelperState::Stage::NoHelper:
        m_trouble->setText(
            tr("The Dormouse helper is not running"),
            tr("It takes snapshots and backups in the background. Backups that exist are safe. If "
               "starting it does not help, install the package dormouse-helper."),
            tr("Start the helper"));
        break;
    case HelperState::Stage::NotAllowed:
        m_trouble->setText(tr("You may not look at the backups of this computer"),
                           m_state->refusal(), tr("Try again"));
        break;
    case HelperState::Stage::Ready:
        break;
    }
}

void MainWindow::helpWithStage()
{
    if (m_state->stage() == HelperState::Stage::NotAllowed)
        m_state->refreshAll();
    else
        m_state->client()->connectToHelper();
}

void MainWindow::moduleChanged()
{
    switch (m_state->moduleState()) {
    case bus::ModuleState::Missing:
        m_module->show(
            Tone::Attention,
            tr("The kernel module is not loaded: changes are not recorded and no backup can run."),
            tr("Restoring from repositories works. Load it with \"%1\"; if it is not installed for "
               "this kernel, install the package dormouse-dkms.")
                .arg(loadModuleCommand),
            tr("Copy the command"));
        m_module->setDrawing(QStringLiteral("module"));
        break;
    case bus::ModuleState::Incompatible:
        m_module->show(
            Tone::Attention,
            tr("The kernel module does not fit this version of Dormouse: no backup can run."),
            tr("Restoring from repositories works. Install dormouse-dkms and dormouse-helper of "
               "the same version, then restart the computer."));
        m_module->setDrawing(QStringLiteral("module"));
        break;
    case bus::ModuleState::Loaded:
    case bus::ModuleState::Unknown:
        m_module->hide();
        break;
    }
}

} // namespace dormouse::app
