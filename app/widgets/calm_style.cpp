// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/widgets/calm_style.h"

#include "app/widgets/table_delegate.h"
#include "app/widgets/theme.h"

#include <QAbstractItemView>
#include <QAbstractSpinBox>
#include <QComboBox>
#include <QHeaderView>
#include <QLineEdit>
#include <QPainter>
#include <QPushButton>
#include <QScrollBar>
#include <QStyleOption>

namespace dormouse::app {
namespace {

constexpr qreal cornerRadius = 6;
constexpr int fieldHeight = 34;
constexpr int scrollBarWidth = 10;

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
    if (qobject_cast<QPushButton*>(widget) || qobject_cast<QScrollBar*>(widget))
        widget->setAttribute(Qt::WA_Hover);
    if (auto* header = qobject_cast<QHeaderView*>(widget))
        header->viewport()->setAutoFillBackground(false); // the card shows through
    // Fields beside buttons are as high as they are, also where room is short.
    const bool isField = (qobject_cast<QLineEdit*>(widget) &&
                          !qobject_cast<QAbstractSpinBox*>(widget->parentWidget()) &&
                          !qobject_cast<QComboBox*>(widget->parentWidget())) ||
                         qobject_cast<QComboBox*>(widget) ||
                         qobject_cast<QAbstractSpinBox*>(widget);
    if (isField)
        widget->setMinimumHeight(fieldHeight);
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
    case PE_PanelItemViewItem:
    case PE_PanelItemViewRow: {
        // A wash instead of a solid bar: signs in the row keep their colours.
        const bool isSelected = option->state & State_Selected;
        if (isSelected) {
            QColor wash = option->palette.color(QPalette::Highlight);
            wash.setAlphaF(theme::isDark(option->palette) ? 0.42f : 0.16f);
            painter->fillRect(option->rect,
                              element == PE_PanelItemViewRow ? QColor(Qt::transparent) : wash);
        }
        return;
    }
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
    if (element == CE_HeaderSection || element == CE_HeaderEmptyArea) {
        painter->save();
        painter->setPen(theme::hairline(option->palette));
        painter->drawLine(option->rect.bottomLeft(), option->rect.bottomRight());
        painter->restore();
        return;
    }
    if (element == CE_HeaderLabel) {
        const auto* header = qstyleoption_cast<const QStyleOptionHeader*>(option);
        painter->save();
        painter->setFont(theme::smallFont());
        painter->setPen(theme::faint(option->palette));
        painter->drawText(option->rect.adjusted(TableDelegate::paddingLeft - 2, 0,
                                                4 - TableDelegate::paddingRight, 0),
                          int(header->textAlignment) | Qt::AlignVCenter, header->text);
        painter->restore();
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

void CalmStyle::drawComplexControl(ComplexControl control, const QStyleOptionComplex* option,
                                   QPainter* painter, const QWidget* widget) const
{
    if (control != CC_ScrollBar) {
        QProxyStyle::drawComplexControl(control, option, painter, widget);
        return;
    }
    const QRect slider = subControlRect(CC_ScrollBar, option, SC_ScrollBarSlider, widget);
    const bool isActive = option->state & (State_MouseOver | State_Sunken);
    QColor ink = option->palette.color(QPalette::WindowText);
    ink.setAlphaF(isActive ? 0.45f : 0.25f);
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    painter->setPen(Qt::NoPen);
    painter->setBrush(ink);
    const QRectF handle = QRectF(slider).adjusted(2, 2, -2, -2);
    const qreal radius = qMin(handle.width(), handle.height()) / 2;
    painter->drawRoundedRect(handle, radius, radius);
    painter->restore();
}

QRect CalmStyle::subControlRect(ComplexControl control, const QStyleOptionComplex* option,
                                SubControl part, const QWidget* widget) const
{
    const auto* bar = qstyleoption_cast<const QStyleOptionSlider*>(option);
    if (control != CC_ScrollBar || !bar)
        return QProxyStyle::subControlRect(control, option, part, widget);
    // No arrows: the whole length is groove.
    const bool isUpright = bar->orientation == Qt::Vertical;
    const int length = isUpright ? bar->rect.height() : bar->rect.width();
    const int range = bar->maximum - bar->minimum;
    int handle = length;
    if (range > 0)
        handle = qBound(qMin(32, length),
                        int(qint64(length) * bar->pageStep / (range + bar->pageStep)), length);
    const int start = sliderPositionFromValue(bar->minimum, bar->maximum, bar->sliderPosition,
                                              length - handle, bar->upsideDown);
    const auto along = [&](int from, int extent) {
        return isUpright
                   ? QRect(bar->rect.left(), bar->rect.top() + from, bar->rect.width(), extent)
                   : QRect(bar->rect.left() + from, bar->rect.top(), extent, bar->rect.height());
    };
    switch (part) {
    case SC_ScrollBarSlider:
        return along(start, handle);
    case SC_ScrollBarSubPage:
        return along(0, start);
    case SC_ScrollBarAddPage:
        return along(start + handle, length - start - handle);
    case SC_ScrollBarGroove:
        return bar->rect;
    default:
        return {};
    }
}

QRect CalmStyle::subElementRect(SubElement element, const QStyleOption* option,
                                const QWidget* widget) const
{
    const QRect rect = QProxyStyle::subElementRect(element, option, widget);
    if (element == SE_LineEditContents && qobject_cast<const QLineEdit*>(widget) &&
        !qobject_cast<const QAbstractSpinBox*>(widget->parentWidget()))
        return rect.adjusted(7, 0, -7, 0);
    return rect;
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
    case PM_ScrollBarExtent:
        return scrollBarWidth;
    default:
        return QProxyStyle::pixelMetric(metric, option, widget);
    }
}

QSize CalmStyle::sizeFromContents(ContentsType type, const QStyleOption* option, const QSize& size,
                                  const QWidget* widget) const
{
    QSize result = QProxyStyle::sizeFromContents(type, option, size, widget);
    if (type == CT_PushButton)
        result = QSize(result.width() + 8, qMax(result.height(), fieldHeight));
    else if (type == CT_LineEdit || type == CT_ComboBox || type == CT_SpinBox)
        result.setHeight(qMax(result.height(), fieldHeight));
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
