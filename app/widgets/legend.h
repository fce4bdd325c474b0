// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

class QHBoxLayout;

namespace dormouse::app {

// What the looks in a drawing mean: a swatch painted as the drawing paints it,
// and a word.
class Legend : public QWidget
{
    Q_OBJECT

public:
    enum class Swatch { Changed, Store, Ground, Done, Failed, Overdue, Idle };

    explicit Legend(QWidget* parent = nullptr);
    void addItem(Swatch swatch, const QString& text);

private:
    QHBoxLayout* m_row;
};

} // namespace dormouse::app
