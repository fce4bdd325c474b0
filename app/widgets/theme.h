// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QColor>
#include <QFont>
#include <QPalette>

class QApplication;
class QLabel;
class QWidget;

namespace dormouse::app {

// How a thing stands, everywhere in the window: each tone has one colour, one
// sign (so that nobody depends on colour) and one meaning.
enum class Tone {
    Neutral,   // nothing to say
    Good,      // verified, done
    Dormant,   // asleep: not in use, everything safe
    Working,   // a job is running
    Attention, // wants a look: overdue, unverified, store filling up
    Bad,       // failed
};

// The colours Dormouse adds to the desktop's palette, derived from it: a dark
// window gets the light variants. Nothing is cached, so a change of theme
// needs nothing but a repaint.
namespace theme {

bool isDark(const QPalette& palette);
QColor tone(const QPalette& palette, Tone tone);     // for text, signs and bars
QColor toneWash(const QPalette& palette, Tone tone); // for the surface behind them
QString toneIcon(Tone tone);                         // name of its sign
QColor surface(const QPalette& palette);             // a card
QColor hairline(const QPalette& palette);            // its border
QColor faint(const QPalette& palette);               // secondary text
QColor blockAllocated(const QPalette& palette);      // block map and store gauge
QColor blockChanged(const QPalette& palette);
QColor blockPreserved(const QPalette& palette);
QColor blockStore(const QPalette& palette);

// Where the desktop brings no style of its own (Fusion is Qt's fallback), uses
// Dormouse's calm one with its own light or dark palette.
void install(QApplication& application);
QPalette lightPalette();
QPalette darkPalette();

QFont titleFont();   // of a page
QFont headingFont(); // of a card
QFont smallFont();

} // namespace theme

} // namespace dormouse::app
