// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/widgets/table_delegate.h"

#include "app/widgets/calm_style.h"

#include <QApplication>
#include <QPainter>

namespace dormouse::app {
namespace {

constexpr int signSize = 18;

} // namespace

void TableDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option,
                          const QModelIndex& index) const
{
    QStyleOptionViewItem cell = option;
    initStyleOption(&cell, index);
    const QWidget* view = option.widget;
    QStyle* style = view ? view->style() : QApplication::style();
    style->drawPrimitive(QStyle::PE_PanelItemViewItem, &cell, painter, view);

    QRect room = option.rect.adjusted(paddingLeft, 0, -paddingRight, 0);
    const QIcon drawing = sign(index, view);
    if (!drawing.isNull()) {
        drawing.paint(painter,
                      QRect(room.left(), room.center().y() - signSize / 2, signSize, signSize));
        room.setLeft(room.left() + signSize + 8);
    }
    painter->save();
    const bool isSelected = cell.state & QStyle::State_Selected;
    const bool hasOwnStyle = qobject_cast<const CalmStyle*>(style) != nullptr;
    painter->setPen(cell.palette.color(isSelected && !hasOwnStyle ? QPalette::HighlightedText
                                                                  : QPalette::Text));
    painter->setFont(cell.font);
    painter->drawText(
        room, int((cell.displayAlignment & Qt::AlignHorizontal_Mask) | Qt::AlignVCenter),
        cell.fontMetrics.elidedText(
            cell.text, index.column() == 0 ? Qt::ElideMiddle : Qt::ElideRight, room.width()));
    painter->restore();
}

QSize TableDelegate::sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const
{
    const QSize size = QStyledItemDelegate::sizeHint(option, index);
    return {size.width() + paddingLeft + paddingRight, qMax(size.height() + 12, signSize + 12)};
}

QIcon TableDelegate::sign(const QModelIndex&, const QWidget*) const
{
    return {};
}

} // namespace dormouse::app
