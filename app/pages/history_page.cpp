// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/pages/history_page.h"

#include "app/client/activity_model.h"
#include "app/client/format.h"
#include "app/client/words.h"
#include "app/widgets/card.h"
#include "app/widgets/icons.h"
#include "app/widgets/job_row.h"
#include "app/widgets/table_delegate.h"
#include "app/widgets/tones.h"

#include <QClipboard>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QPushButton>
#include <QTreeView>

namespace dormouse::app {
namespace {

// A sign before the word, so that the colour says nothing alone.
class HistoryDelegate : public TableDelegate
{
public:
    using TableDelegate::TableDelegate;

protected:
    [[nodiscard]] QIcon sign(const QModelIndex& index, const QWidget* view) const override
    {
        if (index.column() != ActivityModel::Result)
            return {};
        const auto entry = index.data(ActivityModel::EntryRole).value<bus::ActivityEntry>();
        const Tone tone = toneOf(entry.outcome);
        return QIcon(iconPixmap(theme::toneIcon(tone),
                                theme::tone(QGuiApplication::palette(), tone), 18,
                                view ? view->devicePixelRatioF() : 1.0));
    }
};

} // namespace

HistoryPage::HistoryPage(HelperState* state, QWidget* parent)
    : Page(state, tr("Activity"), false, parent), m_model(new ActivityModel(state, this)),
      m_jobsCard(new Card), m_table(new QTreeView), m_tableCard(new Card),
      m_empty(new EmptyState(QStringLiteral("activity"))), m_detailCard(new Card),
      m_detailTitle(new TextLabel(TextLabel::Voice::Heading)),
      m_detail(new TextLabel(TextLabel::Voice::Body)),
      m_copy(new QPushButton(icon(QStringLiteral("copy")), tr("Copy for a report")))
{
    auto* jobsColumn = new QVBoxLayout(m_jobsCard);
    jobsColumn->setContentsMargins(20, 16, 20, 16);
    jobsColumn->addWidget(new JobList(state));
    content()->addWidget(m_jobsCard);

    m_empty->setText(tr("Nothing has been done yet"),
                     tr("Backups, snapshots, restores and checks are listed here, with what they "
                        "did and, where one did not work, why."));
    content()->addWidget(m_empty, 1);

    m_table->setObjectName(QStringLiteral("history"));
    m_table->setModel(m_model);
    m_table->setRootIsDecorated(false);
    m_table->setUniformRowHeights(true);
    m_table->setAllColumnsShowFocus(true);
    m_table->setFrameShape(QFrame::NoFrame);
    m_table->setAccessibleName(tr("What was done"));
    m_table->setItemDelegate(new HistoryDelegate(m_table));
    m_table->viewport()->setAutoFillBackground(false);
    QHeaderView* header = m_table->header();
    header->setSectionsMovable(false);
    header->setStretchLastSection(true);
    header->resizeSection(ActivityModel::When, 170);
    header->resizeSection(ActivityModel::What, 240);
    header->resizeSection(ActivityModel::Result, 180);
    header->resizeSection(ActivityModel::Took, 80);
    auto* tableColumn = new QVBoxLayout(m_tableCard);
    tableColumn->setContentsMargins(8, 8, 8, 8);
    tableColumn->addWidget(m_table);
    content()->addWidget(m_tableCard, 1);

    m_detail->setTextInteractionFlags(Qt::TextSelectableByMouse);
    auto* detailHead = new QHBoxLayout;
    detailHead->addWidget(m_detailTitle, 1);
    detailHead->addWidget(m_copy);
    auto* detailColumn = new QVBoxLayout(m_detailCard);
    detailColumn->setContentsMargins(20, 14, 20, 14);
    detailColumn->addLayout(detailHead);
    detailColumn->addWidget(m_detail);
    content()->addWidget(m_detailCard);

    connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
            &HistoryPage::showSelected);
    connect(m_copy, &QPushButton::clicked, this, [this] {
        QGuiApplication::clipboard()->setText(
            m_model->report(m_model->entry(m_table->currentIndex())));
        emit noticed(Tone::Good, tr("Copied."));
    });
    connect(m_model, &QAbstractItemModel::modelReset, this, &HistoryPage::refresh);
    connect(m_model, &QAbstractItemModel::rowsInserted, this, &HistoryPage::refresh);
    connect(state, &HelperState::jobsChanged, this, &HistoryPage::refresh);
    refresh();
}

void HistoryPage::refresh()
{
    const bool hasJobs = !state()->runningJobs().isEmpty();
    const bool hasHistory = m_model->rowCount() > 0;
    m_jobsCard->setVisible(hasJobs);
    m_tableCard->setVisible(hasHistory);
    m_empty->setVisible(!hasHistory && !hasJobs);
    showSelected();
}

void HistoryPage::showSelected()
{
    const QModelIndex index = m_table->currentIndex();
    m_detailCard->setVisible(index.isValid());
    if (!index.isValid())
        return;
    const bus::ActivityEntry entry = m_model->entry(index);
    m_detailTitle->setText(
        tr("%1: %2", "what: result")
            .arg(m_model->index(index.row(), ActivityModel::What).data().toString(),
                 outcomeName(entry.outcome)));
    QStringList lines{
        entry.sentence, figures(entry),
        tr("Started %1, took %2.")
            .arg(formatMoment(QDateTime::fromSecsSinceEpoch(entry.startedTime)),
                 formatClock(qMax<qint64>(0, entry.finishedTime - entry.startedTime)))};
    lines.removeAll(QString());
    m_detail->setText(lines.join(QLatin1Char('\n')));
}

} // namespace dormouse::app
