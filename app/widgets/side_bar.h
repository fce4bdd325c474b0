// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QListWidget>

namespace dormouse::app {

// The pages of the window as a list: arrow keys, Home/End and the first letter
// choose, as in every list.
class SideBar : public QListWidget
{
    Q_OBJECT

public:
    explicit SideBar(QWidget* parent = nullptr);

    void addPage(const QString& iconName, const QString& title);
};

} // namespace dormouse::app
