// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QColor>
#include <QIcon>
#include <QString>

namespace dormouse::app {

// Dormouse's own icon set: line drawings from resources/icons/actions, painted
// in the text colour of the palette *at the time of painting*, so that one
// QIcon stays right when the desktop changes between light and dark.
// `name` is the file name without ".svg".
QIcon icon(const QString& name);

// The same drawing in a fixed colour, for state signs ("moon" in the dormant
// colour); the caller asks again when the theme changes.
QPixmap iconPixmap(const QString& name, const QColor& color, int size, qreal devicePixelRatio);

// The sleeping dormouse, in colour.
QIcon applicationIcon();

} // namespace dormouse::app
