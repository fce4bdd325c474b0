// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QListView>

namespace dormouse::app {

// Restore points (of a RestorePointsModel) along a vertical line, newest on
// top, in two layers: local snapshots on the left lane with a ring, backups on
// the right lane with a filled mark; each says what it is.
class TimelineView : public QListView
{
    Q_OBJECT

public:
    explicit TimelineView(QWidget* parent = nullptr);
};

} // namespace dormouse::app
