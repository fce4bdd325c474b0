// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/widgets/theme.h"

#include "app/widgets/calm_style.h"

#include <QApplication>
#include <QFontDatabase>
#include <QFontInfo>
#include <QStyle>

namespace dormouse::app::theme {
namespace {

QColor mix(const QColor& a, const QColor& b, qreal share)
{
    return QColor::fromRgbF(float(a.redF() * (1 - share) + b.redF() * share),
                            float(a.greenF() * (1 - share) + b.greenF() * share),
                            float(a.blueF() * (1 - share) + b.blueF() * share));
}

QPalette makePalette(const QColor& window, const QColor& base, const QColor& text,
                     const QColor& button, const QColor& accent, const QColor& faintText,
                     const QColor& disabledText)
{
    QPalette palette(button, window);
    palette.setColor(QPalette::Window, window);
    palette.setColor(QPalette::WindowText, text);
    palette.setColor(QPalette::Base, base);
    palette.setColor(QPalette::AlternateBase, mix(base, window, 0.5));
    palette.setColor(QPalette::Text, text);
    palette.setColor(QPalette::Button, button);
    palette.setColor(QPalette::ButtonText, text);
    palette.setColor(QPalette::BrightText, Qt::white);
    palette.setColor(QPalette::ToolTipBase, base);
    palette.setColor(QPalette::ToolTipText, text);
    palette.setColor(QPalette::Highlight, accent);
    palette.setColor(QPalette::HighlightedText, Qt::white);
    palette.setColor(QPalette::Link, accent);
    palette.setColor(QPalette::PlaceholderText, faintText);
    for (auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText})
        palette.setColor(QPalette::Disabled, role, disabledText);
    palette.setColor(QPalette::Disabled, QPalette::Highlight, mix(accent, window, 0.6));
    return palette;
}

} // namespace

bool isDark(const QPalette& palette)
{
    return palette.color(QPalette::Window).lightnessF() <
           palette.color(QPalette::WindowText).lightnessF();
}

QColor tone(const QPalette& palette, Tone tone)
{
    const bool dark = isDark(palette);
    switch (tone) {
    case Tone::Good:
        return dark ? QColor(0x6fcf97) : QColor(0x22784a);
    case Tone::Dormant:
        return dark ? QColor(0xaab2f0) : QColor(0x4f58a8);
    case Tone::Working:
        return dark ? QColor(0x6cc5cf) : QColor(0x1c6d78);
    case Tone::Attention:
        return dark ? QColor(0xf0bd5e) : QColor(0x92600a);
    case Tone::Bad:
        return dark ? QColor(0xff8f84) : QColor(0xb3322a);
    case Tone::Neutral:
        break;
    }
    return faint(palette);
}

QColor toneWash(const QPalette& palette, Tone tone)
{
    if (tone == Tone::Neutral)
        return surface(palette);
    return mix(surface(palette), theme::tone(palette, tone), isDark(palette) ? 0.14 : 0.09);
}

QString toneIcon(Tone tone)
{
    switch (tone) {
    case Tone::Good:
        return QStringLiteral("ok");
    case Tone::Dormant:
        return QStringLiteral("moon");
    case Tone::Working:
        return QStringLiteral("backup");
    case Tone::Attention:
        return QStringLiteral("warning");
    case Tone::Bad:
        return QStringLiteral("failed");
    case Tone::Neutral:
        break;
    }
    return QStringLiteral("info");
}

QColor surface(const QPalette& palette)
{
    return palette.color(QPalette::Base);
}

QColor hairline(const QPalette& palette)
{
    return mix(palette.color(QPalette::Window), palette.color(QPalette::WindowText), 0.13);
}

QColor faint(const QPalette& palette)
{
    return mix(palette.color(QPalette::WindowText), palette.color(QPalette::Window), 0.36);
}

QColor blockAllocated(const QPalette& palette)
{
    return isDark(palette) ? QColor(0x5d6b75) : QColor(0xb9c4cb);
}

QColor blockChanged(const QPalette& palette)
{
    return isDark(palette) ? QColor(0xf0a352) : QColor(0xd57a1c);
}

QColor blockPreserved(const QPalette& palette)
{
    return isDark(palette) ? QColor(0x9aa4ee) : QColor(0x5f69c0);
}

QColor blockStore(const QPalette& palette)
{
    return isDark(palette) ? QColor(0x4fb3bd) : QColor(0x1c6d78);
}

QPalette lightPalette()
{
    return makePalette(QColor(0xf5f4f0), QColor(0xffffff), QColor(0x22252a), QColor(0xfcfbf8),
                       QColor(0x1f6a75), QColor(0x6e7178), QColor(0x9a9ca0));
}

QPalette darkPalette()
{
    return makePalette(QColor(0x1d2126), QColor(0x272c32), QColor(0xe8e8e6), QColor(0x343a42),
                       QColor(0x2f7f8b), QColor(0x9aa0a6), QColor(0x6d737a));
}

void install(QApplication& application)
{
    // A desktop with a style of its own (Breeze, Kvantum ...) keeps it.
    const QString current = application.style()->name();
    if (current != QLatin1String("fusion") && current != QLatin1String("windows"))
        return;
    const bool dark = isDark(application.palette());
    application.setStyle(new CalmStyle);
    application.setPalette(dark ? darkPalette() : lightPalette());
    // Qt's fallback font is often small and bitmap-like; Inter and Noto are
    // what Debian desktops bring.
    const QString family = QFontInfo(application.font()).family();
    if (family.startsWith(QLatin1String("DejaVu"))) {
        const QStringList families = QFontDatabase::families();
        for (const QString& better : {QStringLiteral("Inter"), QStringLiteral("Noto Sans")}) {
            if (families.contains(better)) {
                QFont font(better);
                font.setPointSizeF(10);
                application.setFont(font);
                break;
            }
        }
    }
}

QFont titleFont()
{
    QFont font = QApplication::font();
    font.setPointSizeF(font.pointSizeF() * 1.75);
    font.setWeight(QFont::DemiBold);
    return font;
}

QFont headingFont()
{
    QFont font = QApplication::font();
    font.setPointSizeF(font.pointSizeF() * 1.15);
    font.setWeight(QFont::DemiBold);
    return font;
}

QFont smallFont()
{
    QFont font = QApplication::font();
    font.setPointSizeF(font.pointSizeF() * 0.9);
    return font;
}

} // namespace dormouse::app::theme
