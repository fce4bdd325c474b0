// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/client/translation.h"

#include <QCoreApplication>
#include <QLocale>
#include <QTranslator>

namespace dormouse::app {

void installTranslation(QCoreApplication& application)
{
    auto* translator = new QTranslator(&application);
    const QString folder = QStringLiteral(":/translations");
    if (translator->load(QLocale(), QStringLiteral("dormouse"), QStringLiteral("_"), folder) ||
        translator->load(QStringLiteral("dormouse_en"), folder))
        QCoreApplication::installTranslator(translator);
}

} // namespace dormouse::app
