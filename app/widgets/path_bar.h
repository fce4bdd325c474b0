// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QByteArray>
#include <QWidget>

class QHBoxLayout;
class QToolButton;

namespace dormouse::app {

// Where one is in a volume, as buttons that lead back up: "Home > ada > notes".
// Deep paths show their last parts; the buttons' tooltips say the whole.
class PathBar : public QWidget
{
    Q_OBJECT

public:
    explicit PathBar(QWidget* parent = nullptr);

    // `rootName` is what to call the volume itself; `path` is below it.
    void setPath(const QString& rootName, const QByteArray& path);

signals:
    void pathChosen(const QByteArray& path);

private:
    void addButton(const QString& text, const QByteArray& path, bool isLast);

    QHBoxLayout* m_row;
};

} // namespace dormouse::app
