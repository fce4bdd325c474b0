// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QStyledItemDelegate>

namespace dormouse::app {

// Table cells with room around them, and a sign before the text where a
// subclass knows one.
class TableDelegate : public QStyledItemDelegate
{
public:
    using QStyledItemDelegate::QStyledItemDelegate;

    // Left and right of the text; the header (in CalmStyle) keeps the same.
    static constexpr int paddingLeft = 6;
    static constexpr int paddingRight = 14;

    void paint(QPainter* painter, const QStyleOptionViewItem& option,
               const QModelIndex& index) const override;
    [[nodiscard]] QSize sizeHint(const QStyleOptionViewItem& option,
                                 const QModelIndex& index) const override;

protected:
    // Null: no sign in this cell.
    [[nodiscard]] virtual QIcon sign(const QModelIndex& index, const QWidget* view) const;
};

} // namespace dormouse::app
