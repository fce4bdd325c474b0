// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/widgets/timeline_view.h"

#include "app/client/format.h"
#include "app/client/restore_points_model.h"
#include "app/client/words.h"
#include "app/widgets/theme.h"

#include <QGuiApplication>
#include <QPainter>
#include <QStyledItemDelegate>

namespace dormouse::app {
namespace {

constexpr qreal snapshotLane = 22;
constexpr qreal backupLane = 40;
constexpr qreal textLeft = 60;

class PointDelegate : public QStyledItemDelegate
{
public:
    using QStyledItemDelegate::QStyledItemDelegate;

    void paint(QPainter* painter, const QStyleOptionViewItem& option,
               const QModelIndex& index) const override
    {
        const auto point = index.data(RestorePointsModel::PointRole).value<bus::RestorePoint>();
        const QPalette palette = QGuiApplication::palette();
        const QRectF rect(option.rect);
        const bool isSelected = option.state & QStyle::State_Selected;
        painter->save();
        painter->setRenderHint(QPainter::Antialiasing);
        if (isSelected || (option.state & QStyle::State_MouseOver)) {
            QColor fill = palette.color(isSelected ? QPalette::Highlight : QPalette::WindowText);
            fill.setAlphaF(isSelected ? (theme::isDark(palette) ? 0.4f : 0.16f) : 0.05f);
            painter->setPen(Qt::NoPen);
            painter->setBrush(fill);
            painter->drawRoundedRect(rect.adjusted(4, 1, -4, -1), 7, 7);
        }
        if (isSelected && (option.state & QStyle::State_HasFocus)) {
            painter->setPen(QPen(palette.color(QPalette::Highlight), 1.5));
            painter->setBrush(Qt::NoBrush);
            painter->drawRoundedRect(rect.adjusted(5, 2, -5, -2), 6, 6);
        }
        const int last = index.model()->rowCount() - 1;
        painter->setPen(QPen(theme::hairline(palette), 2));
        for (const qreal lane : {snapshotLane, backupLane}) {
            const qreal top = index.row() == 0 ? rect.center().y() : rect.top();
            const qreal bottom = index.row() == last ? rect.center().y() : rect.bottom() + 1;
            painter->drawLine(QPointF(lane, top), QPointF(lane, bottom));
        }
        paintMark(painter, point, rect.center().y(), palette);

        QFont font = option.font;
        font.setWeight(QFont::DemiBold);
        painter->setFont(font);
        painter->setPen(palette.color(QPalette::WindowText));
        const QRectF text = rect.adjusted(textLeft, 7, -12, -7);
        const QFontMetricsF metrics(font);
        painter->drawText(text, Qt::AlignTop | Qt::AlignLeft,
                          metrics.elidedText(capitalised(index.data(Qt::DisplayRole).toString()),
                                             Qt::ElideRight, text.width()));
        painter->setFont(theme::smallFont());
        painter->setPen(theme::faint(palette));
        const QFontMetricsF smallMetrics(theme::smallFont());
        painter->drawText(text, Qt::AlignBottom | Qt::AlignLeft,
                          smallMetrics.elidedText(secondLine(point), Qt::ElideRight, text.width()));
        painter->restore();
    }

    QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex&) const override
    {
        return {200, option.fontMetrics.height() * 2 + 18};
    }

private:
    static void paintMark(QPainter* painter, const bus::RestorePoint& point, qreal y,
                          const QPalette& palette)
    {
        if (point.source == bus::RestorePointSource::LocalSnapshot) {
            painter->setPen(QPen(theme::blockPreserved(palette), 2.5));
            painter->setBrush(theme::surface(palette));
            painter->drawEllipse(QPointF(snapshotLane, y), 5.5, 5.5);
            return;
        }
        const QColor color = point.verification == bus::Verification::Damaged
                                 ? theme::tone(palette, Tone::Bad)
                                 : theme::tone(palette, Tone::Working);
        painter->setPen(Qt::NoPen);
        painter->setBrush(color);
        // A full or compared backup is a square, an increment a dot.
        if (point.kind == bus::RestorePointKind::Incremental)
            painter->drawEllipse(QPointF(backupLane, y), 5.5, 5.5);
        else
            painter->drawRoundedRect(QRectF(backupLane - 7, y - 7, 14, 14), 3, 3);
    }

    static QString secondLine(const bus::RestorePoint& point)
    {
        if (point.source == bus::RestorePointSource::LocalSnapshot)
            return point.isDurable ? TimelineView::tr("local snapshot")
                                   : TimelineView::tr("local snapshot, until a power cut");
        QStringList parts{TimelineView::tr("%1 backup", "kind").arg(kindName(point.kind))};
        if (point.changedBytes > 0)
            parts << formatBytes(point.changedBytes);
        if (point.verification == bus::Verification::Good)
            parts << TimelineView::tr("verified");
        if (point.verification == bus::Verification::Damaged)
            parts << TimelineView::tr("damaged");
        return parts.join(QStringLiteral(" · "));
    }
};

} // namespace

TimelineView::TimelineView(QWidget* parent) : QListView(parent)
{
    setItemDelegate(new PointDelegate(this));
    setFrameShape(QFrame::NoFrame);
    setMouseTracking(true);
    setUniformItemSizes(true);
    setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    viewport()->setAutoFillBackground(false);
    setAccessibleName(tr("Restore points"));
}

} // namespace dormouse::app
