// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/client/translation.h"
#include "app/main_window.h"
#include "app/widgets/icons.h"
#include "app/widgets/theme.h"

#include <QApplication>
#include <QCommandLineParser>

#include <cstdio>

int main(int argc, char** argv)
{
    QApplication application(argc, argv);
    QApplication::setApplicationName(QStringLiteral("dormouse"));
    QApplication::setApplicationDisplayName(QStringLiteral("Dormouse"));
    QApplication::setApplicationVersion(QStringLiteral(DORMOUSE_VERSION));
    QGuiApplication::setDesktopFileName(QStringLiteral("org.dormouse.Dormouse"));
    QApplication::setWindowIcon(dormouse::app::applicationIcon());
    dormouse::app::installTranslation(application);

    QCommandLineParser parser;
    parser.setApplicationDescription(
        QApplication::translate("main", "Snapshots and backups that lose nothing."));
    parser.addHelpOption();
    parser.addVersionOption();
    const QCommandLineOption pageOption(
        QStringLiteral("page"),
        QApplication::translate("main",
                                "Begin at this page: overview, volumes, restore, plans, activity."),
        QStringLiteral("name"), QStringLiteral("overview"));
    parser.addOption(pageOption);
    parser.process(application);
    dormouse::app::PageId page = dormouse::app::PageId::Overview;
    if (!dormouse::app::MainWindow::parsePage(parser.value(pageOption), page)) {
        std::fprintf(stderr, "dormouse: there is no page \"%s\"\n",
                     qPrintable(parser.value(pageOption)));
        return 2;
    }

    dormouse::app::theme::install(application);
    dormouse::app::HelperClient client;
    dormouse::app::HelperState state(&client);
    dormouse::app::MainWindow window(&state);
    window.showPage(page);
    window.show();
    client.connectToHelper();
    return QApplication::exec();
}
