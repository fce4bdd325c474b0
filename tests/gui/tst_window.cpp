// SPDX-License-Identifier: GPL-3.0-or-later
//
// The real window against a fake helper: what it says in each state, what its
// buttons ask for, and that everything can be reached and read without eyes or
// mouse.
#include "app/client/translation.h"
#include "app/main_window.h"
#include "app/pages/protect_wizard.h"
#include "app/pages/restore_dialog.h"
#include "app/widgets/card.h"
#include "app/widgets/theme.h"
#include "app/widgets/volume_card.h"
#include "tests/gui/private_bus.h"
#include "tests/gui/scenes.h"

#include <QAbstractItemView>
#include <QApplication>
#include <QCheckBox>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QStackedWidget>
#include <QTest>
#include <QToolButton>
#include <QTreeView>

using namespace dormouse;
using namespace dormouse::app;
using dormouse::test::FakeHelper;

class TestWindow : public QObject
{
    Q_OBJECT

    PrivateBus m_bus;
    QTemporaryDir m_files;
    std::unique_ptr<FakeHelper> m_helper;
    std::unique_ptr<HelperClient> m_client;
    std::unique_ptr<HelperState> m_state;
    std::unique_ptr<MainWindow> m_window;

private:
    void open(const test::World& world)
    {
        m_helper->world = world;
        m_helper->asked.clear();
        m_helper->announce();
        m_client = std::make_unique<HelperClient>();
        m_state = std::make_unique<HelperState>(m_client.get());
        m_window = std::make_unique<MainWindow>(m_state.get());
        m_window->show();
        m_client->connectToHelper();
        QTRY_VERIFY(m_state->stage() == HelperState::Stage::Ready ||
                    m_state->stage() == HelperState::Stage::NotAllowed);
    }

    [[nodiscard]] bool says(const QString& words, QWidget* where = nullptr) const
    {
        const QList<QLabel*> labels = (where ? where : m_window.get())->findChildren<QLabel*>();
        return std::any_of(labels.begin(), labels.end(), [&](const QLabel* label) {
            return label->isVisible() && label->text().contains(words);
        });
    }

    QPushButton* button(const QString& words, QWidget* where = nullptr) const
    {
        for (QPushButton* each : (where ? where : m_window.get())->findChildren<QPushButton*>()) {
            if (each->isVisible() &&
                (each->text().contains(words) || each->accessibleName().contains(words)))
                return each;
        }
        return nullptr;
    }

private slots:
    void initTestCase()
    {
        QVERIFY(m_bus.start());
        test::makeFiles(m_files.path());
        m_helper = std::make_unique<FakeHelper>(m_bus.address());
        QVERIFY(m_helper->isOnTheBus());
    }

    void cleanup()
    {
        m_window.reset();
        m_state.reset();
        m_client.reset();
    }

    void healthIsSaidInTheHelpersSentence()
    {
        open(test::protectedWorld(m_files.path()));
        QVERIFY(says(m_helper->world.health.sentence));
        m_helper->world.health = {
            bus::Health::Failed, QStringLiteral("It went wrong."), bus::Remedy::ShowActivity, {}};
        m_helper->announce();
        QTRY_VERIFY(says(QStringLiteral("It went wrong.")));
        button(QStringLiteral("Show what happened"))->click();
        QCOMPARE(m_window->page(), PageId::Activity);
    }

    void aDormantVolumeSaysThatNothingIsLost()
    {
        open(test::dormantWorld(m_files.path()));
        m_window->showPage(PageId::Volumes);
        QTRY_VERIFY(says(QStringLiteral("Not mounted. Every change is still recorded.")));
        QVERIFY(says(QStringLiteral("dormant")));
    }

    void snapshotAndBackupAreAskedFor()
    {
        open(test::protectedWorld(m_files.path()));
        m_window->showPage(PageId::Volumes);
        const QString id = m_helper->world.volumes[0].id;
        QPushButton* snapshot = button(QStringLiteral("Take a snapshot of Home"));
        QVERIFY(snapshot && snapshot->isEnabled());
        snapshot->click();
        QTRY_VERIFY(m_helper->asked.contains(QStringLiteral("TakeSnapshot %1 durable").arg(id)));
        QTRY_VERIFY(says(QStringLiteral("The snapshot of Home is taken.")));
        button(QStringLiteral("Back up Home now"))->click();
        QTRY_VERIFY(m_helper->asked.contains(QStringLiteral("RunNow planone")));
        QTRY_COMPARE(m_state->runningJobs().size(), 1);
        QTRY_VERIFY(button(QStringLiteral("Stop")));
        button(QStringLiteral("Stop"))->click();
        QTRY_COMPARE(m_state->runningJobs().size(), 0);
    }

    void aStoreIsMadeLarger()
    {
        open(test::protectedWorld(m_files.path()));
        m_window->showPage(PageId::Volumes);
        QAction* grow = nullptr;
        for (QAction* action : m_window->findChildren<QAction*>()) {
            if (!grow && action->text() == QLatin1String("Make the store larger"))
                grow = action; // of the first card
        }
        QVERIFY(grow && grow->isEnabled());
        grow->trigger();
        QTRY_VERIFY(m_helper->asked.contains(
            QStringLiteral("GrowStore %1 0").arg(m_helper->world.volumes[0].id)));
        QTRY_COMPARE(m_state->runningJobs().size(), 1);
        QCOMPARE(m_window->page(), PageId::Overview);
        QTRY_VERIFY(says(QStringLiteral("More room for a store")));
    }

    void aRefusalIsShownInTheHelpersWords()
    {
        test::World world = test::protectedWorld(m_files.path());
        world.mayChange = false;
        open(world);
        m_window->showPage(PageId::Volumes);
        button(QStringLiteral("Take a snapshot of Home"))->click();
        QTRY_VERIFY(says(QStringLiteral("An administrator has to allow this.")));
    }

    void whoMayNotLookIsToldSo()
    {
        test::World world = test::protectedWorld(m_files.path());
        world.mayLook = false;
        open(world);
        QTRY_COMPARE(m_state->stage(), HelperState::Stage::NotAllowed);
        QVERIFY(says(QStringLiteral("You may not look")));
        m_helper->world.mayLook = true;
        button(QStringLiteral("Try again"))->click();
        QTRY_COMPARE(m_state->stage(), HelperState::Stage::Ready);
    }

    void withoutTheModuleTheWindowSaysWhatStillWorks()
    {
        open(test::withoutModule(test::protectedWorld(m_files.path())));
        QTRY_VERIFY(says(QStringLiteral("The kernel module is not loaded")));
        QVERIFY(button(QStringLiteral("Copy the command")));
        m_window->showPage(PageId::Volumes);
        QVERIFY(!button(QStringLiteral("Take a snapshot of Home"))->isEnabled());
        QVERIFY(button(QStringLiteral("Browse restore points of Home"))->isEnabled());
    }

    void theFilesOfAMomentAreShownAndTheFolderStaysWhenTheMomentChanges()
    {
        open(test::protectedWorld(m_files.path()));
        m_window->showPage(PageId::Restore);
        auto* files = m_window->findChild<QTreeView*>(QStringLiteral("files"));
        QVERIFY(files);
        QTRY_VERIFY(files->model()->rowCount() > 5);
        const QModelIndex documents = files->model()->index(1, 0);
        QCOMPARE(documents.data().toString(), QStringLiteral("Documents"));
        emit files->activated(documents);
        QTRY_COMPARE(files->model()->rowCount(), 1);
        auto* timeline = m_window->findChild<QAbstractItemView*>(QStringLiteral("timeline"));
        timeline->setCurrentIndex(timeline->model()->index(1, 0));
        QTRY_VERIFY(m_helper->asked.contains(
            QStringLiteral("Browse backup1 %1").arg(m_helper->world.volumes[0].id)));
        QVERIFY(m_helper->asked.contains(QStringLiteral("EndBrowse session1")));
        QTRY_COMPARE(files->model()->rowCount(), 1);
        QTest::qWait(50);
        QCOMPARE(files->model()->index(0, 0).data().toString(),
                 QStringLiteral("Letter to the landlord.odt"));
        m_window->showPage(PageId::Overview);
        QTRY_COMPARE(m_helper->asked.count(QStringLiteral("EndBrowse session1")), 2);
    }

    void nothingIsRestoredBeforeThePlanWasShown()
    {
        open(test::protectedWorld(m_files.path()));
        RestoreDialog::Request request;
        request.session = QStringLiteral("session1");
        request.paths = {"notes 9.txt"};
        request.originalFolder = m_files.path();
        RestoreDialog dialog(m_state.get(), request);
        dialog.show();
        QTRY_VERIFY(says(QStringLiteral("214 files, 12 folders and 3 links or other"), &dialog));
        QVERIFY(m_helper->asked.filter(QStringLiteral("RestoreFiles")).isEmpty());
        QPushButton* go = button(QStringLiteral("Restore"), &dialog);
        QTRY_VERIFY(go->isEnabled());
        go->click();
        QTRY_VERIFY(
            m_helper->asked.contains(QStringLiteral("RestoreFiles session1 [notes 9.txt] 1 0")));
        m_helper->finishJob(m_helper->lastJob(), bus::Outcome::DoneWithExceptions,
                            QStringLiteral("Restored all but one."),
                            {QStringLiteral("a/b: no permission")});
        QTRY_VERIFY(says(QStringLiteral("Restored all but one."), &dialog));
        QVERIFY(says(QStringLiteral("a/b: no permission"), &dialog));
    }

    void theWizardProtectsAndInsistsOnTheRecoveryKey()
    {
        open(test::unprotectedWorld());
        ProtectWizard wizard(m_state.get(), m_helper->world.volumes[0].candidateId);
        wizard.show();
        QPushButton* next = button(QStringLiteral("Next"), &wizard);
        QVERIFY(next->isEnabled());
        next->click();
        QVERIFY(!next->isEnabled()); // no folder, no passphrase
        for (QLineEdit* field : wizard.findChildren<QLineEdit*>()) {
            if (field->accessibleName() == QLatin1String("Folder of the repository"))
                field->setText(m_files.path());
            if (field->accessibleName().contains(QLatin1String("assphrase")))
                field->setText(QStringLiteral("correct horse"));
        }
        QVERIFY(next->isEnabled());
        next->click();
        next->click();
        QVERIFY(says(QStringLiteral("What: Home"), &wizard));
        next->click(); // "Protect"
        QTRY_VERIFY(!m_helper->asked.isEmpty());
        QCOMPARE(m_helper->asked.first(),
                 QStringLiteral("ProtectVolume %1 0").arg(m_helper->world.volumes[0].candidateId));
        QTest::qWait(50);
        m_helper->finishJob(m_helper->lastJob(), bus::Outcome::Done, {}, {},
                            QStringLiteral("newvolume"));
        QTRY_VERIFY(m_helper->asked.contains(QStringLiteral("CreateRepository Backups 1")));
        QCOMPARE(m_helper->passphrase, QByteArray("correct horse"));
        QTRY_VERIFY(
            m_helper->asked.contains(QStringLiteral("CreatePlan Home [newvolume] keep 30")));
        QTRY_VERIFY(m_helper->asked.contains(QStringLiteral("RunNow plan1")));
        auto* key = wizard.findChild<QLineEdit*>(QStringLiteral("recoveryKey"));
        QTRY_VERIFY(key->isVisible());
        QCOMPARE(key->text(), QStringLiteral("ABCD-EFGH-JKLM-NPQR-STUV-WXYZ-2345-6789"));
        QVERIFY(!next->isEnabled());
        wizard.reject();
        QVERIFY2(wizard.isVisible(), "closing would lose the only copy of the key");
        for (QCheckBox* box : wizard.findChildren<QCheckBox*>()) {
            if (box->text().contains(QLatin1String("safe place")))
                box->click();
        }
        next->click();
        QVERIFY(!wizard.isVisible());
        m_helper->finishJob(m_helper->lastJob(), bus::Outcome::Done);
    }

    void everythingIsReachableByKeyboardAndHasAName_data()
    {
        QTest::addColumn<int>("page");
        for (int page = 0; page < 5; ++page)
            QTest::addRow("page %d", page) << page;
    }

    void everythingIsReachableByKeyboardAndHasAName()
    {
        QFETCH(int, page);
        open(test::protectedWorld(m_files.path()));
        m_window->showPage(PageId(page));
        QTest::qWait(150);
        QSet<QWidget*> reached;
        QWidget* start = m_window->focusWidget() ? m_window->focusWidget() : m_window.get();
        QWidget* each = start;
        do {
            reached.insert(each);
            each = each->nextInFocusChain();
        } while (each != start && each);
        for (QWidget* widget : m_window->findChildren<QWidget*>()) {
            const bool isControl = qobject_cast<QAbstractButton*>(widget) ||
                                   qobject_cast<QLineEdit*>(widget) ||
                                   qobject_cast<QAbstractItemView*>(widget);
            // A header that sorts nothing is no control.
            if (!isControl || qobject_cast<QHeaderView*>(widget) || !widget->isVisible() ||
                widget->objectName().startsWith(QLatin1String("qt_")))
                continue;
            const QString what = QStringLiteral("%1 \"%2\"")
                                     .arg(QLatin1String(widget->metaObject()->className()),
                                          widget->accessibleName());
            QVERIFY2(reached.contains(widget),
                     qPrintable(what + QStringLiteral(" is not in the focus chain")));
            if (widget->isEnabled())
                QVERIFY2(widget->focusPolicy() & Qt::TabFocus,
                         qPrintable(what + QStringLiteral(" cannot be reached by Tab")));
            auto* button = qobject_cast<QAbstractButton*>(widget);
            QVERIFY2(!widget->accessibleName().isEmpty() || (button && !button->text().isEmpty()),
                     qPrintable(what + QStringLiteral(" has no accessible name")));
        }
    }

    void theWindowComesBackWhenTheHelperDoes()
    {
        open(test::protectedWorld(m_files.path()));
        m_helper.reset();
        QTRY_COMPARE(m_state->stage(), HelperState::Stage::NoHelper);
        QVERIFY(says(QStringLiteral("The Dormouse helper is not running")));
        m_helper = std::make_unique<FakeHelper>(m_bus.address());
        m_helper->world = test::protectedWorld(m_files.path());
        m_helper->announce();
        QTRY_COMPARE(m_state->stage(), HelperState::Stage::Ready);
        QVERIFY(says(m_helper->world.health.sentence));
    }
};

int main(int argc, char** argv)
{
    QApplication application(argc, argv);
    installTranslation(application);
    QApplication::setStyle(QStringLiteral("fusion"));
    theme::install(application);
    TestWindow test;
    return QTest::qExec(&test, argc, argv);
}

#include "tst_window.moc"
