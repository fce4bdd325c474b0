// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/pages/restore_page.h"

#include "app/client/file_list_model.h"
#include "app/client/format.h"
#include "app/client/restore_points_model.h"
#include "app/client/words.h"
#include "app/pages/restore_dialog.h"
#include "app/widgets/card.h"
#include "app/widgets/icons.h"
#include "app/widgets/path_bar.h"
#include "app/widgets/table_delegate.h"
#include "app/widgets/timeline_view.h"

#include <QAction>
#include <QComboBox>
#include <QDesktopServices>
#include <QFile>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QHideEvent>
#include <QPushButton>
#include <QSplitter>
#include <QStackedWidget>
#include <QTreeView>
#include <QUrl>

namespace dormouse::app {
namespace {

class FileDelegate : public TableDelegate
{
public:
    using TableDelegate::TableDelegate;

protected:
    [[nodiscard]] QIcon sign(const QModelIndex& index, const QWidget*) const override
    {
        const auto* model = qobject_cast<const FileListModel*>(index.model());
        if (!model || index.column() != FileListModel::Name)
            return {};
        const FileEntry entry = model->entry(index);
        return icon(entry.isFolder() ? QStringLiteral("folder")
                    : entry.isLink() ? QStringLiteral("link")
                                     : QStringLiteral("file"));
    }
};

} // namespace

RestorePage::RestorePage(HelperState* state, QWidget* parent)
    : Page(state, tr("Restore"), false, parent),
      m_points(new RestorePointsModel(state->client(), this)), m_files(new FileListModel(this)),
      m_volume(new QComboBox), m_timeline(new TimelineView), m_whole(new QStackedWidget),
      m_nothing(new EmptyState(QStringLiteral("restore"))), m_side(new QStackedWidget),
      m_sideText(new EmptyState(QStringLiteral("clock"))),
      m_momentTitle(new TextLabel(TextLabel::Voice::Heading)),
      m_momentDetail(new TextLabel(TextLabel::Voice::Small)), m_pathBar(new PathBar),
      m_up(new QPushButton(icon(QStringLiteral("up")), QString())), m_table(new QTreeView),
      m_restore(new QPushButton(icon(QStringLiteral("restore")), tr("Restore …"))),
      m_openFolder(new QPushButton(icon(QStringLiteral("browse")), tr("Open in file manager"))),
      m_selection(new TextLabel(TextLabel::Voice::Small))
{
    m_volume->setAccessibleName(tr("Volume"));
    m_volume->setMinimumWidth(220);
    m_volume->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    actions()->addWidget(m_volume);

    m_timeline->setObjectName(QStringLiteral("timeline"));
    m_timeline->setModel(m_points);
    auto* timelineCard = new Card;
    auto* timelineColumn = new QVBoxLayout(timelineCard);
    timelineColumn->setContentsMargins(6, 10, 6, 10);
    timelineColumn->addWidget(m_timeline);
    timelineCard->setMinimumWidth(240);

    m_table->setObjectName(QStringLiteral("files"));
    m_table->setModel(m_files);
    m_table->setRootIsDecorated(false);
    m_table->setUniformRowHeights(true);
    m_table->setAllColumnsShowFocus(true);
    m_table->setFrameShape(QFrame::NoFrame);
    m_table->setSelectionMode(QAbstractItemView::ExtendedSelection);
    m_table->setItemDelegate(new FileDelegate(m_table));
    m_table->setAccessibleName(tr("Files of that moment"));
    m_table->viewport()->setAutoFillBackground(false);
    QHeaderView* header = m_table->header();
    header->setSectionsMovable(false);
    header->setStretchLastSection(false);
    header->setSectionResizeMode(FileListModel::Name, QHeaderView::Stretch);
    header->resizeSection(FileListModel::Size, 100);
    header->resizeSection(FileListModel::Modified, 180);

    m_up->setAccessibleName(tr("Up one folder"));
    m_up->setToolTip(tr("Up one folder"));
    m_restore->setProperty("prominent", true);

    auto* files = new QWidget;
    auto* momentLine = new QVBoxLayout;
    momentLine->setSpacing(2);
    momentLine->addWidget(m_momentTitle);
    momentLine->addWidget(m_momentDetail);
    auto* pathLine = new QHBoxLayout;
    pathLine->addWidget(m_up);
    pathLine->addWidget(m_pathBar, 1);
    auto* buttons = new QHBoxLayout;
    buttons->addWidget(m_selection, 1);
    buttons->addWidget(m_openFolder);
    buttons->addWidget(m_restore);
    auto* filesColumn = new QVBoxLayout(files);
    filesColumn->setContentsMargins(0, 0, 0, 0);
    filesColumn->setSpacing(10);
    filesColumn->addLayout(pathLine);
    filesColumn->addWidget(m_table, 1);
    filesColumn->addLayout(buttons);
    m_side->addWidget(m_sideText);
    m_side->addWidget(files);

    auto* sideCard = new Card;
    auto* sideColumn = new QVBoxLayout(sideCard);
    sideColumn->setContentsMargins(16, 14, 16, 14);
    sideColumn->setSpacing(10);
    sideColumn->addLayout(momentLine);
    sideColumn->addWidget(m_side, 1);

    auto* splitter = new QSplitter;
    splitter->addWidget(timelineCard);
    splitter->addWidget(sideCard);
    splitter->setStretchFactor(1, 1);
    splitter->setSizes({310, 690});
    splitter->setHandleWidth(12);
    splitter->setChildrenCollapsible(false);
    m_whole->addWidget(m_nothing);
    m_whole->addWidget(splitter);
    content()->addWidget(m_whole, 1);

    auto* upAction = new QAction(tr("Up one folder"), m_table);
    upAction->setShortcuts({QKeySequence(Qt::Key_Backspace), QKeySequence(Qt::ALT | Qt::Key_Up)});
    upAction->setShortcutContext(Qt::WidgetShortcut);
    m_table->addAction(upAction);
    const auto goUp = [this] { goTo(m_path.left(qMax<qsizetype>(0, m_path.lastIndexOf('/')))); };
    connect(upAction, &QAction::triggered, this, goUp);
    connect(m_up, &QPushButton::clicked, this, goUp);
    connect(m_volume, &QComboBox::activated, this,
            [this] { showVolume(m_volume->currentData().toString()); });
    connect(m_points, &RestorePointsModel::loaded, this, &RestorePage::pointsLoaded);
    connect(m_points, &RestorePointsModel::failed, this,
            [this](const QString& sentence) { emit noticed(Tone::Bad, sentence); });
    connect(m_timeline->selectionModel(), &QItemSelectionModel::currentChanged, this,
            &RestorePage::momentChosen);
    connect(m_pathBar, &PathBar::pathChosen, this, &RestorePage::goTo);
    connect(m_table, &QTreeView::activated, this, &RestorePage::activate);
    connect(m_table->selectionModel(), &QItemSelectionModel::selectionChanged, this,
            &RestorePage::updateButtons);
    connect(m_files, &FileListModel::loaded, this, [this] {
        showSide(Side::Files);
        m_table->scrollToTop();
        if (m_files->rowCount() > 0)
            m_table->selectionModel()->setCurrentIndex(m_files->index(0, 0),
                                                       QItemSelectionModel::NoUpdate);
        updateButtons();
    });
    connect(m_files, &FileListModel::failed, this, [this](bool wasThere, const QString& reason) {
        showSide(wasThere ? Side::Failed : Side::Missing, reason);
    });
    connect(m_sideText, &EmptyState::buttonClicked, this, [this] { goTo(QByteArray()); });
    connect(m_nothing, &EmptyState::buttonClicked, this, [this] {
        if (this->state()->hasProtectedVolume())
            emit pageWanted(PageId::Volumes, QString());
        else
            emit protectWanted(QString());
    });
    connect(m_restore, &QPushButton::clicked, this, &RestorePage::restoreSelected);
    connect(m_openFolder, &QPushButton::clicked, this, [this] {
        QDesktopServices::openUrl(
            QUrl::fromLocalFile(m_browse.path + QLatin1Char('/') + QFile::decodeName(m_path)));
    });
    connect(state, &HelperState::volumesChanged, this, &RestorePage::refreshVolumes);
    connect(state, &HelperState::restorePointsChanged, this, [this](const QString& volumeId) {
        if (volumeId == m_points->volumeId())
            m_points->refresh();
    });
    connect(state, &HelperState::stageChanged, this, [this] {
        // A session belongs to the helper that gave it.
        if (this->state()->stage() != HelperState::Stage::Ready) {
            m_browse = {};
            m_point = {};
            showSide(Side::NoMoment);
        } else {
            m_points->refresh();
        }
    });
    showSide(Side::NoMoment);
    refreshVolumes();
}

RestorePage::~RestorePage()
{
    client()->endBrowse(m_browse.session);
}

void RestorePage::showEvent(QShowEvent* event)
{
    Page::showEvent(event);
    // Whoever comes here wants to see files: the newest moment is opened.
    if (m_point.id.isEmpty() && m_points->rowCount() > 0)
        m_timeline->setCurrentIndex(m_points->index(0));
}

void RestorePage::hideEvent(QHideEvent* event)
{
    Page::hideEvent(event);
    // Another page was chosen (not: the window was minimised): nothing stays
    // mounted for a page that nobody looks at.
    if (!event->spontaneous() && window()->isVisible() && !RestoreDialog::isOpenFor(this)) {
        closeMoment();
        m_timeline->selectionModel()->clear();
        showSide(Side::NoMoment);
    }
}

void RestorePage::refreshVolumes()
{
    const QString current = m_wantedVolume.isEmpty() ? m_points->volumeId() : m_wantedVolume;
    m_volume->clear();
    for (const bus::VolumeInfo& volume : state()->volumes()) {
        if (!volume.id.isEmpty()) // a forgotten one's backups are still there
            m_volume->addItem(icon(QStringLiteral("drive")), displayName(volume), volume.id);
    }
    int index = m_volume->findData(current);
    if (index < 0 && m_volume->count() > 0)
        index = 0;
    m_volume->setCurrentIndex(index);
    m_volume->setVisible(m_volume->count() > 0);
    const QString id = m_volume->currentData().toString();
    if (!id.isEmpty() && id != m_points->volumeId())
        showVolume(id);
    if (id.isEmpty())
        pointsLoaded();
}

void RestorePage::showVolume(const QString& volumeId)
{
    const int index = m_volume->findData(volumeId);
    if (index < 0) {
        m_wantedVolume = volumeId;
        return;
    }
    m_wantedVolume.clear();
    m_volume->setCurrentIndex(index);
    if (m_points->volumeId() == volumeId)
        return;
    closeMoment();
    m_path.clear();
    showSide(Side::NoMoment);
    m_points->setVolume(volumeId);
}

void RestorePage::pointsLoaded()
{
    const bool hasPoints = m_points->rowCount() > 0;
    m_whole->setCurrentIndex(hasPoints ? 1 : 0);
    if (!state()->hasProtectedVolume())
        m_nothing->setText(tr("Nothing to restore yet"),
                           tr("Protect a volume first. From then on you can go back to each "
                              "snapshot and each backup of it here."),
                           tr("Protect a volume …"));
    else if (!hasPoints)
        m_nothing->setText(
            tr("No restore point yet"),
            tr("Take a snapshot or back up; each becomes a moment to go back to, listed here."),
            tr("Show volumes"));
    // The list was read anew: the opened moment stays marked, without opening it
    // again.
    const QModelIndex open = m_point.id.isEmpty() ? QModelIndex() : m_points->find(m_point.id);
    if (open.isValid()) {
        const QSignalBlocker blocker(m_timeline->selectionModel());
        m_timeline->setCurrentIndex(open);
    } else if (hasPoints && isVisible() && m_point.id.isEmpty()) {
        m_timeline->setCurrentIndex(m_points->index(0));
    }
}

void RestorePage::momentChosen()
{
    const bus::RestorePoint point = m_points->point(m_timeline->currentIndex());
    if (point.id.isEmpty() || (point.id == m_point.id && !m_browse.session.isEmpty()))
        return;
    openMoment(point);
}

void RestorePage::openMoment(const bus::RestorePoint& point)
{
    closeMoment();
    m_point = point;
    const QDateTime time = QDateTime::fromSecsSinceEpoch(point.time);
    m_momentTitle->setText(
        tr("%1, %2", "volume, moment").arg(state()->volumeName(point.volumeId), formatWhen(time)));
    m_momentDetail->setText(m_points->data(m_timeline->currentIndex(), Qt::ToolTipRole)
                                .toString()
                                .split(QLatin1Char('\n'))
                                .mid(0, 2)
                                .join(QStringLiteral(" · ")));
    showSide(Side::Opening);
    const quint32 question = ++m_opening;
    client()->browse(point.id, point.volumeId, this,
                     [this, question](const Answer<BrowseSession>& answer) {
                         if (question != m_opening) {
                             if (answer) // somebody chose another moment meanwhile
                                 client()->endBrowse(answer->session);
                             return;
                         }
                         if (!answer) {
                             showSide(Side::Failed, answer.error().sentence);
                             return;
                         }
                         m_browse = *answer;
                         goTo(m_path);
                     });
}

void RestorePage::closeMoment()
{
    ++m_opening;
    m_files->show(QString(), QByteArray());
    client()->endBrowse(m_browse.session);
    m_browse = {};
    m_point = {};
}

void RestorePage::goTo(const QByteArray& path)
{
    if (m_browse.path.isEmpty())
        return;
    m_path = path;
    m_pathBar->setPath(state()->volumeName(m_point.volumeId), path);
    m_up->setEnabled(!path.isEmpty());
    m_files->show(m_browse.path, path);
}

void RestorePage::activate(const QModelIndex& index)
{
    const FileEntry entry = m_files->entry(index);
    if (entry.isFolder())
        goTo(m_path.isEmpty() ? entry.name : m_path + '/' + entry.name);
    else
        restoreSelected();
}

void RestorePage::showSide(Side side, const QString& reason)
{
    m_side->setCurrentIndex(side == Side::Files ? 1 : 0);
    const bool hasMoment = side != Side::NoMoment;
    m_momentTitle->setVisible(hasMoment);
    m_momentDetail->setVisible(hasMoment);
    switch (side) {
    case Side::NoMoment:
        m_sideText->setText(tr("Choose a moment"), tr("The files as they were then appear here."));
        break;
    case Side::Opening:
        m_sideText->setText(tr("Opening this moment …"),
                            tr("It is mounted read-only; nothing is changed."));
        break;
    case Side::Missing:
        m_sideText->setText(
            tr("This folder did not exist then"),
            tr("%1 was not there at that moment. Choose another moment, or begin at the top.")
                .arg(QFile::decodeName(m_path)),
            tr("Go to the top"));
        break;
    case Side::Failed:
        m_sideText->setText(tr("This cannot be opened"), reason,
                            m_browse.session.isEmpty() ? QString() : tr("Go to the top"));
        break;
    case Side::Files:
        break;
    }
}

QByteArrayList RestorePage::selectedPaths() const
{
    QByteArrayList paths;
    for (const QModelIndex& index : m_table->selectionModel()->selectedRows()) {
        const QByteArray name = m_files->entry(index).name;
        paths << (m_path.isEmpty() ? name : m_path + '/' + name);
    }
    return paths;
}

void RestorePage::updateButtons()
{
    const qsizetype count = m_table->selectionModel()->selectedRows().size();
    m_restore->setEnabled(count > 0);
    if (m_files->rowCount() == 0)
        m_selection->setText(tr("This folder was empty."));
    else if (count == 0)
        m_selection->setText(tr("Select what you want back."));
    else
        m_selection->setText(tr("%n selected", nullptr, int(count)));
}

void RestorePage::restoreSelected()
{
    const QByteArrayList paths = selectedPaths();
    if (paths.isEmpty())
        return;
    RestoreDialog::Request request;
    request.session = m_browse.session;
    request.paths = paths;
    request.moment = QDateTime::fromSecsSinceEpoch(m_point.time);
    if (const bus::VolumeInfo* volume = state()->volume(m_point.volumeId);
        volume && !volume->mountPoint.isEmpty())
        request.originalFolder = volume->mountPoint +
                                 (volume->mountPoint.endsWith(QLatin1Char('/')) ? "" : "/") +
                                 QFile::decodeName(m_path);
    auto* dialog = new RestoreDialog(state(), request, this);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->open();
}

} // namespace dormouse::app
