// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/client/activity_model.h"

#include "app/client/format.h"
#include "app/client/words.h"

namespace dormouse::app {

ActivityModel::ActivityModel(HelperState* state, QObject* parent)
    : QAbstractTableModel(parent), m_state(state), m_entries(state->activity())
{
    connect(state, &HelperState::activityChanged, this, [this] {
        // The list only grows at its head: rows are put in, so that a selection
        // stays where it is.
        const bus::ActivityEntryList& now = m_state->activity();
        const qsizetype added = now.size() - m_entries.size();
        const bool isGrown =
            added > 0 && !m_entries.isEmpty() && now[added].id == m_entries.first().id;
        if (isGrown) {
            beginInsertRows({}, 0, int(added - 1));
            m_entries = now;
            endInsertRows();
        } else if (added != 0 || now.isEmpty() || now.first().id != m_entries.first().id) {
            beginResetModel();
            m_entries = now;
            endResetModel();
        }
    });
    connect(state, &HelperState::volumesChanged, this, [this] {
        if (!m_entries.isEmpty())
            emit dataChanged(index(0, What), index(int(m_entries.size() - 1), What));
    });
}

bus::ActivityEntry ActivityModel::entry(const QModelIndex& index) const
{
    return index.isValid() ? m_entries.value(index.row()) : bus::ActivityEntry();
}

QString ActivityModel::report(const bus::ActivityEntry& entry) const
{
    QStringList lines;
    lines << QStringLiteral("%1: %2").arg(jobName(entry.kind), outcomeName(entry.outcome));
    lines << tr("Started: %1").arg(formatMoment(QDateTime::fromSecsSinceEpoch(entry.startedTime)));
    lines
        << tr("Finished: %1").arg(formatMoment(QDateTime::fromSecsSinceEpoch(entry.finishedTime)));
    if (!entry.volumeIds.isEmpty())
        lines << tr("Volumes: %1").arg(m_state->volumeNames(entry.volumeIds));
    const QString numbers = figures(entry);
    if (!numbers.isEmpty())
        lines << numbers;
    lines << entry.sentence;
    lines << tr("Dormouse helper %1, run %2").arg(m_state->helperVersion(), entry.id);
    return lines.join(QLatin1Char('\n'));
}

int ActivityModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : int(m_entries.size());
}

int ActivityModel::columnCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : columnCountValue;
}

QVariant ActivityModel::data(const QModelIndex& index, int role) const
{
    if (!index.isValid() || index.row() >= m_entries.size())
        return {};
    const bus::ActivityEntry& entry = m_entries[index.row()];
    if (role == EntryRole)
        return QVariant::fromValue(entry);
    if (role == Qt::ToolTipRole && index.column() == When)
        return formatMoment(QDateTime::fromSecsSinceEpoch(entry.finishedTime));
    if (role != Qt::DisplayRole && role != Qt::ToolTipRole)
        return {};
    switch (index.column()) {
    case When:
        return formatWhen(QDateTime::fromSecsSinceEpoch(entry.finishedTime));
    case What:
        return entry.volumeIds.isEmpty()
                   ? jobName(entry.kind)
                   : tr("%1 of %2", "job, volumes")
                         .arg(jobName(entry.kind), m_state->volumeNames(entry.volumeIds));
    case Result:
        return outcomeName(entry.outcome);
    case Took:
        return formatClock(qMax<qint64>(0, entry.finishedTime - entry.startedTime));
    case Details: {
        const QString numbers = figures(entry);
        return numbers.isEmpty() ? entry.sentence : numbers;
    }
    default:
        return {};
    }
}

QVariant ActivityModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || role != Qt::DisplayRole)
        return {};
    switch (section) {
    case When:
        return tr("When");
    case What:
        return tr("What");
    case Result:
        return tr("Result");
    case Took:
        return tr("Took");
    case Details:
        return tr("Details");
    default:
        return {};
    }
}

} // namespace dormouse::app
