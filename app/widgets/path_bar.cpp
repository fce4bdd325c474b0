// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/widgets/path_bar.h"

#include "app/widgets/card.h"

#include <QFile>
#include <QHBoxLayout>
#include <QToolButton>

namespace dormouse::app {
namespace {

constexpr qsizetype shownParts = 4;
constexpr int widestPart = 180;

} // namespace

PathBar::PathBar(QWidget* parent) : QWidget(parent), m_row(new QHBoxLayout(this))
{
    m_row->setContentsMargins(0, 0, 0, 0);
    m_row->setSpacing(2);
    setAccessibleName(tr("Folder"));
    // A long name must not widen the window.
    setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
}

void PathBar::addButton(const QString& text, const QByteArray& path, bool isLast)
{
    auto* button = new QToolButton;
    button->setAutoRaise(true);
    button->setFocusPolicy(Qt::TabFocus);
    if (isLast) {
        QFont bold = button->font();
        bold.setWeight(QFont::DemiBold);
        button->setFont(bold);
    }
    button->setText(button->fontMetrics()
                        .elidedText(text, Qt::ElideMiddle, widestPart)
                        .replace(QLatin1Char('&'), QLatin1String("&&")));
    button->setToolTip(path.isEmpty() ? text : QFile::decodeName(path));
    button->setAccessibleName(tr("Go to %1").arg(text));
    connect(button, &QToolButton::clicked, this, [this, path] { emit pathChosen(path); });
    m_row->addWidget(button);
}

void PathBar::setPath(const QString& rootName, const QByteArray& path)
{
    while (QLayoutItem* item = m_row->takeAt(0)) {
        if (item->widget())
            item->widget()->deleteLater();
        delete item;
    }
    const QList<QByteArray> parts = path.isEmpty() ? QList<QByteArray>() : path.split('/');
    const qsizetype firstShown = qMax<qsizetype>(0, parts.size() - shownParts);
    addButton(rootName, QByteArray(), parts.isEmpty());
    if (firstShown > 0)
        m_row->addWidget(new TextLabel(TextLabel::Voice::Small, QStringLiteral("› …")));
    QByteArray whole;
    for (qsizetype i = 0; i < parts.size(); ++i) {
        whole += (i > 0 ? "/" : "") + parts[i];
        if (i < firstShown)
            continue;
        m_row->addWidget(new TextLabel(TextLabel::Voice::Small, QStringLiteral("›")));
        addButton(QFile::decodeName(parts[i]), whole, i + 1 == parts.size());
    }
    m_row->addStretch(1);
}

} // namespace dormouse::app
