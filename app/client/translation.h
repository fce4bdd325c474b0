// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

class QCoreApplication;

namespace dormouse::app {

// Installs the texts of the person's language, or (also for English, which has
// plurals too) English. Call once, before anything is shown.
void installTranslation(QCoreApplication& application);

} // namespace dormouse::app
