// SPDX-License-Identifier: GPL-3.0-or-later
//
// Every page in every state, photographed in light and dark, for eyes to judge.
// What a program can judge is judged here too: nothing may be cut off sideways.
#include "app/client/translation.h"
#include "app/main_window.h"
#include "app/pages/protect_wizard.h"
#include "app/pages/restore_dialog.h"
#include "app/widgets/theme.h"
#include "tests/gui/private_bus.h"
#include "tests/gui/scenes.h"

#include <QApplication>
#include <QDir>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QTest>
#include <QTreeView>

using namespace dormouse;
using namespace dormouse::app;
using dormouse::test::FakeHelper;

namespace {

const char* const pageNames[] = {"overview", "volumes", "restore", "plans", "activity"};

QString shotFolder(const QString& theme)
{
    const QString root =
        qEnvironmentVariable("DORMOUSE_SCREENSHOTS", QStringLiteral("screenshots"));
    const int percent = int(100 * qGuiApp->devicePixelRatio());
    const QString folder = QStringLiteral("%1/%2/%3").arg(root, theme).arg(percent);
    QDir().mkpath(folder);
    return folder;
}

} // namespace

class TestScreenshots : public QObject
{
    Q_OBJECT

    PrivateBus m_bus;
    QTemporaryDir m_files;
    std::unique_ptr<FakeHelper> m_helper;

private:
    void photograph(QWidget* widget, const QString& name)
    {
        for (const bool isDark : {false, true}) {
            QApplication::setPalette(isDark ? theme::darkPalette() : theme::lightPalette());
            QTest::qWait(30);
            const QString path =
                QStringLiteral("%1/%2.png")
                    .arg(shotFolder(isDark ? QStringLiteral("dark") : QStringLiteral("light")),
                         name);
            QVERIFY2(widget->grab().save(path), qPrintable(path));
        }
        QApplication::setPalette(theme::lightPalette());
    }

private slots:
    void initTestCase()
    {
        QVERIFY(m_bus.start());
        test::makeFiles(m_files.path());
        m_helper = std::make_unique<FakeHelper>(m_bus.address());
        QVERIFY(m_helper->isOnTheBus());
    }

    void everyPageInEveryState_data()
    {
        QTest::addColumn<QString>("scene");
        for (const char* scene : {"protected", "dormant", "unverified", "failed", "long-names",
                                  "no-module", "unprotected", "empty"})
            QTest::newRow(scene) << QString::fromLatin1(scene);
    }

    void everyPageInEveryState()
    {
        QFETCH(QString, scene);
        const QString files = m_files.path();
        const QHash<QString, test::World> worlds{
            {QStringLiteral("protected"), test::protectedWorld(files)},
            {QStringLiteral("dormant"), test::dormantWorld(files)},
            {QStringLiteral("unverified"), test::unverifiedWorld(files)},
            {QStringLiteral("failed"), test::failedWorld(files)},
            {QStringLiteral("long-names"), test::longNamesWorld(files)},
            {QStringLiteral("no-module"), test::withoutModule(test::protectedWorld(files))},
            {QStringLiteral("unprotected"), test::unprotectedWorld()},
            {QStringLiteral("empty"), test::emptyWorld()}};
        m_helper->world = worlds.value(scene);
        m_helper->announce();
        HelperClient client;
        HelperState state(&client);
        MainWindow window(&state);
        window.show();
        client.connectToHelper();
        QTRY_COMPARE(state.stage(), HelperState::Stage::Ready);
        for (int page = 0; page < 5; ++page) {
            window.showPage(PageId(page));
            QTest::qWait(page == int(PageId::Restore) ? 250 : 80);
            QVERIFY2(window.width() <= 1160, "a long name widened the window");
            if (page == int(PageId::Activity)) {
                auto* table = window.findChild<QTreeView*>(QStringLiteral("history"));
                if (table && table->model()->rowCount() > 0)
                    table->setCurrentIndex(table->model()->index(0, 0));
            }
            photograph(&window, QStringLiteral("%1-%2").arg(scene, QLatin1String(pageNames[page])));
        }
    }

    void whileABackupRuns()
    {
        m_helper->world = test::protectedWorld(m_files.path());
        m_helper->announce();
        HelperClient client;
        HelperState state(&client);
        MainWindow window(&state);
        window.show();
        client.connectToHelper();
        QTRY_COMPARE(state.stage(), HelperState::Stage::Ready);
        m_helper->startJob(
            bus::JobKind::Backup,
            {{QStringLiteral("PlanId"), QStringLiteral("planone")},
             {QStringLiteral("VolumeIds"),
              QStringList{m_helper->world.volumes[0].id, m_helper->world.volumes[1].id}},
             {QStringLiteral("Phase"), quint32(bus::JobPhase::Reading)},
             {QStringLiteral("BytesDone"), qulonglong(1'300'000'000)},
             {QStringLiteral("BytesTotal"), qulonglong(4'100'000'000)},
             {QStringLiteral("RateBytesPerSecond"), qulonglong(83'000'000)},
             {QStringLiteral("EtaSeconds"), qlonglong(340)}});
        QTRY_COMPARE(state.runningJobs().size(), 1);
        for (const PageId page : {PageId::Overview, PageId::Activity, PageId::Plans}) {
            window.showPage(page);
            QTest::qWait(80);
            photograph(&window,
                       QStringLiteral("running-%1").arg(QLatin1String(pageNames[int(page)])));
        }
        m_helper->finishJob(m_helper->lastJob(), bus::Outcome::Done);
        QTRY_COMPARE(state.runningJobs().size(), 0);
    }

    void theWizard()
    {
        m_helper->world = test::unprotectedWorld();
        m_helper->announce();
        HelperClient client;
        HelperState state(&client);
        client.connectToHelper();
        QTRY_COMPARE(state.stage(), HelperState::Stage::Ready);
        ProtectWizard wizard(&state, m_helper->world.volumes[0].candidateId);
        wizard.show();
        const char* const steps[] = {"what", "where", "when", "summary"};
        for (const char* step : steps) {
            QTest::qWait(60);
            photograph(&wizard, QStringLiteral("wizard-%1").arg(QLatin1String(step)));
            if (qstrcmp(step, "where") == 0) {
                const QList<QLineEdit*> fields = wizard.findChildren<QLineEdit*>();
                for (QLineEdit* field : fields) {
                    if (field->accessibleName().startsWith(QLatin1String("Folder")))
                        field->setText(m_files.path());
                    if (field->accessibleName().contains(QLatin1String("assphrase")))
                        field->setText(QStringLiteral("correct horse"));
                }
            }
            for (QPushButton* button : wizard.findChildren<QPushButton*>()) {
                if (button->text() == QLatin1String("Next"))
                    button->click();
            }
        }
    }

    void theRestoreDialog()
    {
        m_helper->world = test::protectedWorld(m_files.path());
        m_helper->announce();
        HelperClient client;
        HelperState state(&client);
        client.connectToHelper();
        QTRY_COMPARE(state.stage(), HelperState::Stage::Ready);
        RestoreDialog::Request request;
        request.session = QStringLiteral("session1");
        request.paths = {"Documents", "notes 9.txt"};
        request.moment = QDateTime::currentDateTime().addSecs(-7200);
        request.originalFolder = m_files.path();
        RestoreDialog dialog(&state, request);
        dialog.show();
        QTest::qWait(150);
        photograph(&dialog, QStringLiteral("restore-dialog"));
    }

    void withoutTheHelper()
    {
        m_helper.reset();
        HelperClient client;
        HelperState state(&client);
        MainWindow window(&state);
        window.show();
        client.connectToHelper();
        QTRY_COMPARE(state.stage(), HelperState::Stage::NoHelper);
        photograph(&window, QStringLiteral("no-helper"));
    }
};

int main(int argc, char** argv)
{
    QApplication application(argc, argv);
    installTranslation(application);
    QApplication::setStyle(QStringLiteral("fusion"));
    theme::install(application);
    TestScreenshots test;
    return QTest::qExec(&test, argc, argv);
}

#include "tst_screenshots.moc"
