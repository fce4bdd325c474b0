// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/pages/page.h"

class QLabel;
class QPushButton;
class QStackedWidget;
class QTreeView;

namespace dormouse::app {

class ActivityModel;
class Card;
class EmptyState;
class TextLabel;

// What runs now and what was done, with the reason where something was not.
class HistoryPage : public Page
{
    Q_OBJECT

public:
    explicit HistoryPage(HelperState* state, QWidget* parent = nullptr);

private:
    void refresh();
    void showSelected();

    ActivityModel* m_model;
    Card* m_jobsCard;
    QTreeView* m_table;
    Card* m_tableCard;
    EmptyState* m_empty;
    Card* m_detailCard;
    TextLabel* m_detailTitle;
    TextLabel* m_detail;
    QPushButton* m_copy;
};

} // namespace dormouse::app
