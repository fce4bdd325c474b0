// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/widgets/gauges.h"

#include "app/client/format.h"
#include "app/widgets/theme.h"

#include <QGuiApplication>
#include <QHelpEvent>
#include <QLocale>
#include <QPainter>
#include <QPainterPath>
#include <QToolTip>

namespace dormouse::app {

void paintBlocks(QPainter* painter, const QRectF& box, const QColor& color, bool isHatched,
                 const QPalette& palette)
{
    painter->fillRect(box, color);
    if (isHatched)
        painter->fillRect(box, QBrush(theme::surface(palette), Qt::BDiagPattern));
}

void paintDay(QPainter* painter, const QRectF& cell, DayOutcome day, const QPalette& palette)
{
    painter->setRenderHint(QPainter::Antialiasing);
    const QRectF box = cell.adjusted(0.75, 0.75, -0.75, -0.75);
    switch (day) {
    case DayOutcome::Done:
        painter->setPen(Qt::NoPen);
        painter->setBrush(theme::tone(palette, Tone::Good));
        painter->drawRoundedRect(box, 3, 3);
        break;
    case DayOutcome::Failed: {
        const QColor bad = theme::tone(palette, Tone::Bad);
        painter->setBrush(theme::toneWash(palette, Tone::Bad));
        painter->setPen(QPen(bad, 1.5));
        painter->drawRoundedRect(box, 3, 3);
        const QRectF cross = box.adjusted(3, 3, -3, -3);
        painter->drawLine(cross.topLeft(), cross.bottomRight());
        painter->drawLine(cross.topRight(), cross.bottomLeft());
        break;
    }
    case DayOutcome::Overdue: {
        const QColor attention = theme::tone(palette, Tone::Attention);
        painter->setBrush(Qt::NoBrush);
        painter->setPen(QPen(attention, 1.5, Qt::DotLine));
        painter->drawRoundedRect(box, 3, 3);
        painter->setPen(QPen(attention, 1.5));
        const qreal x = box.center().x();
        painter->drawLine(QPointF(x, box.top() + 3), QPointF(x, box.center().y() + 1));
        painter->drawPoint(QPointF(x, box.bottom() - 3));
        break;
    }
    case DayOutcome::Idle:
        painter->setPen(Qt::NoPen);
        painter->setBrush(theme::hairline(palette));
        painter->drawEllipse(box.center(), 2, 2);
        break;
    }
}

StoreGauge::StoreGauge(QWidget* parent) : QWidget(parent)
{
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
}

void StoreGauge::setUse(quint64 usedBytes, quint64 totalBytes)
{
    m_usedBytes = usedBytes;
    m_totalBytes = totalBytes;
    const QString text =
        tr("Store: %1 of %2 used").arg(formatBytes(usedBytes), formatBytes(totalBytes));
    setAccessibleName(text);
    setToolTip(text);
    update();
}

QSize StoreGauge::sizeHint() const
{
    return {160, 10};
}

void StoreGauge::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(Qt::NoPen);
    const qreal radius = height() / 2.0;
    painter.setBrush(theme::hairline(palette()));
    painter.drawRoundedRect(QRectF(rect()), radius, radius);
    if (m_totalBytes == 0 || m_usedBytes == 0)
        return;
    const qreal share = qMin(1.0, qreal(m_usedBytes) / qreal(m_totalBytes));
    QColor fill = theme::blockPreserved(palette());
    if (share >= 0.9)
        fill = theme::tone(palette(), Tone::Bad);
    else if (share >= 0.75)
        fill = theme::tone(palette(), Tone::Attention);
    QRectF bar(rect());
    bar.setWidth(qMax<qreal>(bar.height(), bar.width() * share));
    painter.setBrush(fill);
    painter.drawRoundedRect(bar, radius, radius);
}

BlockMapStrip::BlockMapStrip(QWidget* parent) : QWidget(parent)
{
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
}

void BlockMapStrip::setMap(const QByteArray& changed, const QByteArray& store)
{
    if (m_changed == changed && m_store == store)
        return;
    m_changed = changed;
    m_store = store;
    qsizetype touched = 0;
    for (const char share : changed)
        touched += share != 0;
    const QString text =
        changed.isEmpty() ? tr("Map of the volume: not known yet")
                          : tr("Map of the volume: changes since the last backup in %1 of %2 parts")
                                .arg(touched)
                                .arg(changed.size());
    setAccessibleName(text);
    setToolTip(text);
    update();
}

QSize BlockMapStrip::sizeHint() const
{
    return {300, 26};
}

void BlockMapStrip::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    QPainterPath outline;
    outline.addRoundedRect(QRectF(rect()), 5, 5);
    painter.setClipPath(outline);
    const QColor ground = theme::hairline(palette());
    painter.fillRect(rect(), ground);

    painter.setRenderHint(QPainter::Antialiasing, false);
    const auto paintParts = [&](const QByteArray& parts, const QColor& color, bool hatched) {
        const qsizetype count = parts.size();
        for (qsizetype i = 0; i < count; ++i) {
            const int share = quint8(parts[i]);
            if (share == 0)
                continue;
            const qreal left = qreal(width()) * qreal(i) / qreal(count);
            const qreal right = qreal(width()) * qreal(i + 1) / qreal(count);
            // At least one pixel wide, and never paler than a third.
            const QRectF part(left, 0, qMax(1.0, right - left), height());
            QColor ink = color;
            ink.setAlphaF(float(0.35 + 0.65 * share / 255.0));
            paintBlocks(&painter, part, ink, hatched, palette());
        }
    };
    paintParts(m_changed, theme::blockChanged(palette()), false);
    paintParts(m_store, theme::blockStore(palette()), true);
}

DayStrip::DayStrip(QWidget* parent) : QWidget(parent)
{
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    setMouseTracking(true);
}

void DayStrip::setDays(const QList<DayOutcome>& days, const QDate& today)
{
    m_days = days.mid(qMax<qsizetype>(0, days.size() - dayCount));
    while (m_days.size() < dayCount)
        m_days.prepend(DayOutcome::Idle);
    m_today = today;
    setAccessibleName(tr("Last 30 days: done on %1, failed on %2, overdue on %3")
                          .arg(m_days.count(DayOutcome::Done))
                          .arg(m_days.count(DayOutcome::Failed))
                          .arg(m_days.count(DayOutcome::Overdue)));
    update();
}

QSize DayStrip::sizeHint() const
{
    return {dayCount * 14, 22};
}

QRectF DayStrip::cell(int index) const
{
    const qreal step = qMin(18.0, qreal(width()) / dayCount);
    const qreal side = qMin(step - 3, qreal(height()));
    // Today ends at the right edge, where the eye looks first.
    const qreal left = width() - step * dayCount;
    return {left + index * step + 3, (height() - side) / 2, side, side};
}

void DayStrip::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    for (int i = 0; i < m_days.size(); ++i)
        paintDay(&painter, cell(i), m_days[i], palette());
}

bool DayStrip::event(QEvent* event)
{
    if (event->type() == QEvent::ToolTip) {
        const auto* help = static_cast<QHelpEvent*>(event);
        for (int i = 0; i < m_days.size(); ++i) {
            if (!cell(i).contains(help->pos()))
                continue;
            const QString date =
                QLocale().toString(m_today.addDays(i - m_days.size() + 1), QLocale::LongFormat);
            QString what;
            switch (m_days[i]) {
            case DayOutcome::Done:
                what = tr("backed up");
                break;
            case DayOutcome::Failed:
                what = tr("failed");
                break;
            case DayOutcome::Overdue:
                what = tr("overdue");
                break;
            case DayOutcome::Idle:
                what = tr("nothing was due");
                break;
            }
            QToolTip::showText(help->globalPos(),
                               tr("%1: %2", "date: what happened").arg(date, what), this);
            return true;
        }
        QToolTip::hideText();
        return true;
    }
    return QWidget::event(event);
}

} // namespace dormouse::app
