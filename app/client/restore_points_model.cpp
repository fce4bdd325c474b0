// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/client/restore_points_model.h"

#include "app/client/format.h"
#include "app/client/words.h"

namespace dormouse::app {

RestorePointsModel::RestorePointsModel(HelperClient* client, QObject* parent)
    : QAbstractListModel(parent), m_client(client)
{
}

void RestorePointsModel::setVolume(const QString& volumeId)
{
    if (m_volumeId == volumeId)
        return;
    beginResetModel();
    m_volumeId = volumeId;
    m_points.clear();
    m_total = 0;
    endResetModel();
    refresh();
}

void RestorePointsModel::refresh()
{
    const quint32 generation = ++m_generation;
    m_isAsking = false;
    if (m_volumeId.isEmpty())
        return;
    m_client->listRestorePoints(m_volumeId, 0, bus::kMaxPage, this,
                                [this, generation](const Answer<RestorePointPage>& answer) {
                                    if (generation != m_generation)
                                        return;
                                    if (!answer) {
                                        emit failed(answer.error().sentence);
                                        return;
                                    }
                                    beginResetModel();
                                    m_points = answer->points;
                                    m_total = answer->total;
                                    endResetModel();
                                    emit loaded();
                                });
}

bus::RestorePoint RestorePointsModel::point(const QModelIndex& index) const
{
    return index.isValid() ? m_points.value(index.row()) : bus::RestorePoint();
}

QModelIndex RestorePointsModel::find(const QString& pointId) const
{
    for (int row = 0; row < m_points.size(); ++row) {
        if (m_points[row].id == pointId)
            return index(row);
    }
    return {};
}

int RestorePointsModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : int(m_points.size());
}

QVariant RestorePointsModel::data(const QModelIndex& index, int role) const
{
    if (!index.isValid() || index.row() >= m_points.size())
        return {};
    const bus::RestorePoint& point = m_points[index.row()];
    const QDateTime time = QDateTime::fromSecsSinceEpoch(point.time);
    switch (role) {
    case Qt::DisplayRole:
        return formatWhen(time);
    case Qt::AccessibleTextRole:
        return tr("%1, %2", "moment, kind").arg(formatWhen(time), kindName(point.kind));
    case Qt::ToolTipRole: {
        QStringList lines{formatMoment(time)};
        if (point.source == bus::RestorePointSource::Backup) {
            lines << tr("Backup: %1. %2 read, %3 new in the repository.")
                         .arg(kindName(point.kind), formatBytes(point.changedBytes),
                              formatBytes(point.storedBytes));
            if (!point.reason.isEmpty())
                lines << point.reason;
            lines << tr("Check: %1.").arg(verificationName(point.verification));
        } else {
            lines << (point.isDurable ? tr("Local snapshot; survives a power cut.")
                                      : tr("Local snapshot; goes with a power cut."));
        }
        return lines.join(QLatin1Char('\n'));
    }
    case PointRole:
        return QVariant::fromValue(point);
    default:
        return {};
    }
}

bool RestorePointsModel::canFetchMore(const QModelIndex& parent) const
{
    return !parent.isValid() && !m_isAsking && m_points.size() < qsizetype(m_total);
}

void RestorePointsModel::fetchMore(const QModelIndex&)
{
    m_isAsking = true;
    const quint32 generation = m_generation;
    m_client->listRestorePoints(m_volumeId, quint32(m_points.size()), bus::kMaxPage, this,
                                [this, generation](const Answer<RestorePointPage>& answer) {
                                    if (generation != m_generation)
                                        return;
                                    m_isAsking = false;
                                    if (!answer || answer->points.isEmpty()) {
                                        m_total = quint32(m_points.size());
                                        return;
                                    }
                                    beginInsertRows(
                                        {}, int(m_points.size()),
                                        int(m_points.size() + answer->points.size() - 1));
                                    m_points += answer->points;
                                    endInsertRows();
                                });
}

} // namespace dormouse::app
