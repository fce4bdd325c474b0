// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/client/helper_client.h"

#include <QAbstractListModel>

namespace dormouse::app {

// The restore points of one volume, newest first, fetched a page at a time as a
// view asks for them. DisplayRole is the moment, ToolTipRole says everything.
class RestorePointsModel : public QAbstractListModel
{
    Q_OBJECT

public:
    enum Role { PointRole = Qt::UserRole }; // a bus::RestorePoint

    explicit RestorePointsModel(HelperClient* client, QObject* parent = nullptr);

    void setVolume(const QString& volumeId);
    [[nodiscard]] QString volumeId() const { return m_volumeId; }
    // Asks again; the points that are shown stay until the answer is there.
    void refresh();
    [[nodiscard]] bus::RestorePoint point(const QModelIndex& index) const;
    // Where the point with this id is, or an invalid index.
    [[nodiscard]] QModelIndex find(const QString& pointId) const;

    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
    [[nodiscard]] bool canFetchMore(const QModelIndex& parent) const override;
    void fetchMore(const QModelIndex& parent) override;

signals:
    void loaded(); // the first page is there
    void failed(const QString& sentence);

private:
    HelperClient* m_client;
    QString m_volumeId;
    bus::RestorePointList m_points;
    quint32 m_total = 0;
    quint32 m_generation = 0; // answers to an older question are dropped
    bool m_isAsking = false;
};

} // namespace dormouse::app
