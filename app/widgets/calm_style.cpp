// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/widgets/calm_style.h"

#include "app/widgets/theme.h"

#include <QAbstractItemView>
#include <QPainter>
#include <QPushButton>
#include <QStyleOption>

namespace dormouse::app {
namespace {

constexpr qreal cornerRadius = 6;

bool isProminent(const QStyleOption* option, const QWidget* widget)
{
    const auto* button = qstyleoption_cast<const QStyleOptionButton*>(option);
    const bool isDefault = button && (button->features & QStyleOptionButton::DefaultButton);
    return (isDefault || (widget && widget->property("prominent").toBool())) &&
           (option->state & QStyle::State_Enabled);
}

void drawButtonPanel(const QStyleOption* option, QPainter* painter, const QWidget* widget)
{
    const QPalette& palette = option->palette;
    const bool enabled = option->state & QStyle::State_Enabled;
    const bool down = option->state & (QStyle::State_Sunken | QStyle::State_On);
    const bool hover = enabled && (option->state & QStyle::State_MouseOver);
    QColor fill = palette.color(QPalette::Button);
    QColor border = theme::hairline(palette);
    if (isProminent(option, widget)) {
        fill = palette.color(QPalette::Highlight);
        border = fill.darker(108);
    }
    const bool dark = theme::isDark(palette);
    if (down)
        fill = dark ? fill.lighter(120) : fill.darker(108);
    else if (hover)
        fill = dark ? fill.lighter(110) : fill.darker(103);
    if (!enabled)
        fill.setAlphaF(0.5f);
    const QRectF rect = QRectF(option->rect).adjusted(0.5, 0.5, -0.5, -0.5);
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    painter->setPen(QPen(border, 1));
    painter->setBrush(fill);
    painter->drawRoundedRect(rect, cornerRadius, cornerRadius);
    painter->restore();
}

void drawFocusRing(const QStyleOption* option, QPainter* painter)
{
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    QColor ring = option->palette.color(QPalette::Highlight);
    if (theme::isDark(option->palette))
        ring = ring.lighter(150);
    painter->setPen(QPen(ring, 2));
    painter->setBrush(Qt::NoBrush);
    painter->drawRoundedRect(QRectF(option->rect).adjusted(1, 1, -1, -1), cornerRadius,
                             cornerRadius);
    painter->restore();
}

void drawField(const QStyleOption* option, QPainter* painter)
{
    const bool focused = option->state & QStyle::State_HasFocus;
    QColor border =
        theme::hairline(option->palette).darker(theme::isDark(option->palette) ? 70 : 112);
    if (focused)
        border = option->palette.color(QPalette::Highlight);
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    painter->setPen(QPen(border, focused ? 2 : 1));
    painter->setBrush(option->palette.color(QPalette::Base));
    const qreal inset = focused ? 1 : 0.5;
    painter->drawRoundedRect(QRectF(option->rect).adjusted(inset, inset, -inset, -inset),
                             cornerRadius, cornerRadius);
    painter->restore();
}

} // namespace

CalmStyle::CalmStyle() : QProxyStyle(QStringLiteral("fusion")) {}

void CalmStyle::polish(QWidget* widget)
{
    QProxyStyle::polish(widget);
    if (qobject_cast<QPushButton*>(widget))
        widget->setAttribute(Qt::WA_Hover);
}

void CalmStyle::drawPrimitive(PrimitiveElement element, const QStyleOption* option,
                              QPainter* painter, const QWidget* widget) const
{
    switch (element) {
    case PE_PanelButtonCommand:
        drawButtonPanel(option, painter, widget);
        return;
    case PE_PanelLineEdit: {
        const auto* frame = qstyleoption_cast<const QStyleOptionFrame*>(option);
        // A line edit inside a spin or combo box has no frame of its own.
        if (frame && frame->lineWidth > 0) {
            drawField(option, painter);
            return;
        }
        painter->fillRect(option->rect, Qt::transparent);
        return;
    }
    case PE_FrameFocusRect:
        if (!qobject_cast<const QAbstractItemView*>(widget)) {
            drawFocusRing(option, painter);
            return;
        }
        break;
    case PE_FrameDefaultButton:
        return; // the fill says it
    default:
        break;
    }
    QProxyStyle::drawPrimitive(element, option, painter, widget);
}

void CalmStyle::drawControl(ControlElement element, const QStyleOption* option, QPainter* painter,
                            const QWidget* widget) const
{
    if (element == CE_PushButtonLabel && isProminent(option, widget)) {
        QStyleOptionButton button(*qstyleoption_cast<const QStyleOptionButton*>(option));
        const QColor onAccent = button.palette.color(QPalette::HighlightedText);
        button.palette.setColor(QPalette::ButtonText, onAccent);
        if (!button.icon.isNull()) // the icon in the text's colour
            button.icon = QIcon(button.icon.pixmap(
                button.iconSize, painter->device()->devicePixelRatioF(), QIcon::Selected));
        QProxyStyle::drawControl(element, &button, painter, widget);
        return;
    }
    if (element == CE_ProgressBarGroove || element == CE_ProgressBarContents) {
        const auto* bar = qstyleoption_cast<const QStyleOptionProgressBar*>(option);
        const qreal height = qMin<qreal>(8, option->rect.height());
        QRectF groove(option->rect);
        groove.setTop(groove.center().y() - height / 2);
        groove.setHeight(height);
        painter->save();
        painter->setRenderHint(QPainter::Antialiasing);
        painter->setPen(Qt::NoPen);
        if (element == CE_ProgressBarGroove) {
            painter->setBrush(theme::hairline(option->palette));
            painter->drawRoundedRect(groove, height / 2, height / 2);
        } else if (bar && bar->maximum > bar->minimum) {
            const qreal share = qreal(bar->progress - bar->minimum) / (bar->maximum - bar->minimum);
            if (share > 0) {
                groove.setWidth(qMax(height, groove.width() * share));
                painter->setBrush(theme::tone(option->palette, Tone::Working));
                painter->drawRoundedRect(groove, height / 2, height / 2);
            }
        } else {
            // Unknown length: a still, hatched bar; nothing pretends to move.
            painter->setBrush(
                QBrush(theme::tone(option->palette, Tone::Working), Qt::BDiagPattern));
            painter->drawRoundedRect(groove, height / 2, height / 2);
        }
        painter->restore();
        return;
    }
    QProxyStyle::drawControl(element, option, painter, widget);
}

int CalmStyle::pixelMetric(PixelMetric metric, const QStyleOption* option,
                           const QWidget* widget) const
{
    switch (metric) {
    case PM_ButtonShiftHorizontal:
    case PM_ButtonShiftVertical:
        return 0;
    case PM_ButtonMargin:
        return 14;
    default:
        return QProxyStyle::pixelMetric(metric, option, widget);
    }
}

QSize CalmStyle::sizeFromContents(ContentsType type, const QStyleOption* option, const QSize& size,
                                  const QWidget* widget) const
{
    QSize result = QProxyStyle::sizeFromContents(type, option, size, widget);
    if (type == CT_PushButton)
        result = QSize(result.width() + 8, qMax(result.height(), 34));
    else if (type == CT_LineEdit || type == CT_ComboBox || type == CT_SpinBox)
        result.setHeight(qMax(result.height(), 34));
    return result;
}

int CalmStyle::styleHint(StyleHint hint, const QStyleOption* option, const QWidget* widget,
                         QStyleHintReturn* data) const
{
    if (hint == SH_EtchDisabledText)
        return 0;
    return QProxyStyle::styleHint(hint, option, widget, data);
}

} // namespace dormouse::app
