// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/client/helper_state.h"

#include <QAbstractTableModel>

namespace dormouse::app {

// What was done, newest first, as a table.
class ActivityModel : public QAbstractTableModel
{
    Q_OBJECT

public:
    enum Column { When, What, Result, Took, Details, columnCountValue };
    enum Role { EntryRole = Qt::UserRole }; // a bus::ActivityEntry

    explicit ActivityModel(HelperState* state, QObject* parent = nullptr);

    [[nodiscard]] bus::ActivityEntry entry(const QModelIndex& index) const;
    // Everything known of an entry, as text for a bug report.
    [[nodiscard]] QString report(const bus::ActivityEntry& entry) const;

    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation,
                                      int role) const override;

private:
    HelperState* m_state;
    bus::ActivityEntryList m_entries;
};

} // namespace dormouse::app
