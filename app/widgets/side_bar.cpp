// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/widgets/side_bar.h"

#include "app/widgets/icons.h"
#include "app/widgets/theme.h"

#include <QGuiApplication>
#include <QPainter>
#include <QStyledItemDelegate>

namespace dormouse::app {
namespace {

constexpr int rowHeight = 40;
constexpr int iconSize = 20;

class PageDelegate : public QStyledItemDelegate
{
public:
    using QStyledItemDelegate::QStyledItemDelegate;

    void paint(QPainter* painter, const QStyleOptionViewItem& option,
               const QModelIndex& index) const override
    {
        const QPalette palette = QGuiApplication::palette();
        const bool isSelected = option.state & QStyle::State_Selected;
        const bool isHovered = option.state & QStyle::State_MouseOver;
        const QRectF pill = QRectF(option.rect).adjusted(8, 2, -8, -2);
        painter->save();
        painter->setRenderHint(QPainter::Antialiasing);
        QColor accent = palette.color(QPalette::Highlight);
        if (theme::isDark(palette))
            accent = accent.lighter(150);
        if (isSelected || isHovered) {
            QColor fill = isSelected ? accent : palette.color(QPalette::WindowText);
            fill.setAlphaF(isSelected ? 0.15f : 0.06f);
            painter->setPen(Qt::NoPen);
            painter->setBrush(fill);
            painter->drawRoundedRect(pill, 7, 7);
        }
        if ((option.state & QStyle::State_HasFocus) && isSelected) {
            painter->setPen(QPen(accent, 1.5));
            painter->setBrush(Qt::NoBrush);
            painter->drawRoundedRect(pill.adjusted(1, 1, -1, -1), 6, 6);
        }
        const QColor ink = isSelected ? (theme::isDark(palette) ? accent.lighter(125) : accent)
                                      : palette.color(QPalette::WindowText);
        const QString drawing = index.data(Qt::UserRole).toString();
        painter->drawPixmap(
            QPointF(pill.left() + 12, pill.center().y() - iconSize / 2.0),
            iconPixmap(drawing, ink, iconSize, painter->device()->devicePixelRatioF()));
        QFont font = option.font;
        font.setWeight(isSelected ? QFont::DemiBold : QFont::Normal);
        painter->setFont(font);
        painter->setPen(ink);
        painter->drawText(pill.adjusted(12 + iconSize + 12, 0, -8, 0), Qt::AlignVCenter,
                          index.data(Qt::DisplayRole).toString());
        painter->restore();
    }

    QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex&) const override
    {
        return {160, qMax(rowHeight, option.fontMetrics.height() + 20)};
    }
};

} // namespace

SideBar::SideBar(QWidget* parent) : QListWidget(parent)
{
    setItemDelegate(new PageDelegate(this));
    setFrameShape(QFrame::NoFrame);
    setMouseTracking(true);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    viewport()->setAutoFillBackground(false);
    setAccessibleName(tr("Pages"));
}

void SideBar::addPage(const QString& iconName, const QString& title)
{
    auto* item = new QListWidgetItem(title, this);
    item->setData(Qt::UserRole, iconName);
}

} // namespace dormouse::app
