// SPDX-License-Identifier: GPL-3.0-or-later
//
// dormousectl as a program: its output, its exit codes and what it asks of the
// helper.
#include "tests/gui/private_bus.h"
#include "tests/gui/scenes.h"

#include <QCoreApplication>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTest>
#include <QTimer>

using namespace dormouse;
using dormouse::test::FakeHelper;

class TestCommandLine : public QObject
{
    Q_OBJECT

    PrivateBus m_bus;
    QTemporaryDir m_files;
    std::unique_ptr<FakeHelper> m_helper;

    struct Result
    {
        int exitCode = -1;
        QByteArray out;
        QByteArray err;
    };

private:
    Result run(const QStringList& arguments, const QByteArray& input = {})
    {
        QProcess process;
        process.start(QStringLiteral(DORMOUSECTL), arguments);
        process.write(input);
        process.closeWriteChannel();
        // The fake helper lives in this thread, so the event loop has to run.
        QElapsedTimer time;
        time.start();
        while (process.state() != QProcess::NotRunning && time.elapsed() < 20000)
            QTest::qWait(5);
        return {process.exitCode(), process.readAllStandardOutput(),
                process.readAllStandardError()};
    }

private slots:
    void initTestCase()
    {
        QVERIFY(m_bus.start());
        test::makeFiles(m_files.path());
        m_helper = std::make_unique<FakeHelper>(m_bus.address());
        QVERIFY(m_helper->isOnTheBus());
    }

    void init()
    {
        m_helper->world = test::protectedWorld(m_files.path());
        m_helper->asked.clear();
        m_helper->announce();
    }

    void statusTellsHealthAndVolumes()
    {
        const Result result = run({QStringLiteral("status")});
        QCOMPARE(result.exitCode, 0);
        QVERIFY(result.out.contains("Everything is protected."));
        QVERIFY(result.out.contains("Home"));
    }

    void statusCheckSaysByItsExitCodeThatSomethingIsWrong()
    {
        QCOMPARE(run({QStringLiteral("status"), QStringLiteral("--check")}).exitCode, 0);
        m_helper->world = test::failedWorld(m_files.path());
        QCOMPARE(run({QStringLiteral("status"), QStringLiteral("--check")}).exitCode, 12);
        QCOMPARE(run({QStringLiteral("status")}).exitCode, 0);
    }

    void jsonIsOneDocumentWithStableWords()
    {
        const Result result = run({QStringLiteral("--json"), QStringLiteral("status")});
        QJsonParseError error;
        const QJsonObject object = QJsonDocument::fromJson(result.out, &error).object();
        QCOMPARE(error.error, QJsonParseError::NoError);
        QCOMPARE(object.value("health").toString(), QStringLiteral("good"));
        QCOMPARE(object.value("module").toString(), QStringLiteral("loaded"));
        QCOMPARE(object.value("volumes").toArray().at(0).toObject().value("state").toString(),
                 QStringLiteral("active"));
    }

    void volumesAreFoundByLabelMountPointDeviceAndId()
    {
        const QString id = m_helper->world.volumes[0].id;
        for (const QString& name : {QStringLiteral("Home"), QStringLiteral("/home"),
                                    QStringLiteral("/dev/nvme0n1p3"), id.left(6)}) {
            m_helper->asked.clear();
            QCOMPARE(run({QStringLiteral("snapshot"), name}).exitCode, 0);
            QVERIFY(m_helper->asked.contains(QStringLiteral("TakeSnapshot %1 durable").arg(id)));
        }
        QCOMPARE(run({QStringLiteral("snapshot"), QStringLiteral("nowhere")}).exitCode, 5);
    }

    void backupFollowsTheJobToItsEnd()
    {
        QTimer end;
        connect(&end, &QTimer::timeout, this, [&] {
            if (m_helper->asked.contains(QStringLiteral("RunNow planone"))) {
                m_helper->finishJob(m_helper->lastJob(), bus::Outcome::Done,
                                    QStringLiteral("Backed up."));
                end.stop();
            }
        });
        end.start(200);
        const Result result = run({QStringLiteral("backup")});
        QCOMPARE(result.exitCode, 0);
        QVERIFY(result.out.contains("Backed up."));
    }

    void aFailedJobIsAFailedCommandWithItsReason()
    {
        QTimer end;
        connect(&end, &QTimer::timeout, this, [&] {
            if (!m_helper->asked.isEmpty()) {
                m_helper->finishJob(m_helper->lastJob(), bus::Outcome::Failed,
                                    QStringLiteral("The disk is full."),
                                    {QStringLiteral("no room")});
                end.stop();
            }
        });
        end.start(200);
        const Result result = run({QStringLiteral("backup"), QStringLiteral("planone")});
        QCOMPARE(result.exitCode, 1);
        QVERIFY(result.err.contains("The disk is full."));
        QVERIFY(result.err.contains("no room"));
    }

    void thePassphraseComesFromAFileAndTheKeyGoesToOne()
    {
        const QString keyFile = m_files.filePath(QStringLiteral("key.txt"));
        const Result result = run({QStringLiteral("repo"), QStringLiteral("create"), m_files.path(),
                                   QStringLiteral("--name"), QStringLiteral("New"),
                                   QStringLiteral("--passphrase-file"), QStringLiteral("-"),
                                   QStringLiteral("--recovery-key-file"), keyFile},
                                  "correct horse\n");
        QCOMPARE(result.exitCode, 0);
        QCOMPARE(m_helper->passphrase, QByteArray("correct horse"));
        QVERIFY(!result.out.contains("ABCD-EFGH"));
        QFile key(keyFile);
        QVERIFY(key.open(QIODevice::ReadOnly));
        QCOMPARE(key.readAll(), QByteArray("ABCD-EFGH-JKLM-NPQR-STUV-WXYZ-2345-6789\n"));
        QCOMPARE(key.permissions() & (QFile::ReadGroup | QFile::ReadOther), QFile::Permissions());
    }

    void aWrongPassphraseHasItsOwnExitCode()
    {
        const Result result = run({QStringLiteral("repo"), QStringLiteral("open"), m_files.path(),
                                   QStringLiteral("--passphrase-file"), QStringLiteral("-")},
                                  "wrong\n");
        QCOMPARE(result.exitCode, 6);
    }

    void aPlanIsMadeFromWords()
    {
        const Result result = run(
            {QStringLiteral("plans"), QStringLiteral("create"), QStringLiteral("--name"),
             QStringLiteral("Nightly"), QStringLiteral("--volume"), QStringLiteral("Home"),
             QStringLiteral("--volume"), QStringLiteral("Photos"), QStringLiteral("--repo"),
             QStringLiteral("Blue disk"), QStringLiteral("--weekly"), QStringLiteral("Sun 02:30"),
             QStringLiteral("--keep"), QStringLiteral("5"), QStringLiteral("--json")});
        QCOMPARE(result.exitCode, 0);
        const QJsonObject rhythm =
            QJsonDocument::fromJson(result.out).object().value("rhythm").toObject();
        QCOMPARE(rhythm.value("kind").toString(), QStringLiteral("weekly"));
        QCOMPARE(rhythm.value("weekday").toInt(), 7);
        QCOMPARE(rhythm.value("minuteOfDay").toInt(), 150);
        QCOMPARE(run({QStringLiteral("plans"), QStringLiteral("create"), QStringLiteral("--name"),
                      QStringLiteral("x"), QStringLiteral("--every"), QStringLiteral("soon")})
                     .exitCode,
                 2);
    }

    void browseListsAndRunsAProgramInside()
    {
        Result result = run({QStringLiteral("browse"), QStringLiteral("latest"),
                             QStringLiteral("/home/Documents")});
        QCOMPARE(result.exitCode, 0);
        QVERIFY(result.out.contains("Letter to the landlord.odt"));
        QVERIFY(m_helper->asked.contains(QStringLiteral("EndBrowse session1")));
        result = run({QStringLiteral("browse"), QStringLiteral("latest-backup"),
                      QStringLiteral("--"), QStringLiteral("sh"), QStringLiteral("-c"),
                      QStringLiteral("cat 'notes 10.txt' | wc -c; exit 7")});
        QCOMPARE(result.exitCode, 7);
        QCOMPARE(result.out.trimmed(), QByteArray("812"));
    }

    void restoreWithoutYesAndWithoutATerminalWritesNothing()
    {
        const QString target = m_files.path();
        Result result = run({QStringLiteral("restore"), QStringLiteral("latest"),
                             QStringLiteral("notes 9.txt"), QStringLiteral("--to"), target});
        QCOMPARE(result.exitCode, 10);
        QVERIFY(m_helper->asked.filter(QStringLiteral("RestoreFiles")).isEmpty());
        result = run({QStringLiteral("restore"), QStringLiteral("latest"),
                      QStringLiteral("../etc/passwd"), QStringLiteral("--to"), target});
        QCOMPARE(result.exitCode, 2);
    }

    void notAuthorisedHasItsOwnExitCode()
    {
        m_helper->world.mayChange = false;
        QCOMPARE(run({QStringLiteral("snapshot"), QStringLiteral("Home")}).exitCode, 4);
    }

    void doctorFindsTheMissingModule()
    {
        m_helper->world = test::withoutModule(m_helper->world);
        m_helper->announce();
        const Result result = run({QStringLiteral("doctor")});
        QCOMPARE(result.exitCode, 12);
        QVERIFY(result.out.contains("kernel module: not loaded"));
    }

    void controlCharactersInNamesDoNotReachTheTerminal()
    {
        m_helper->world.volumes[0].label = QStringLiteral("evil\x1b[2J");
        const Result result = run({QStringLiteral("volumes")});
        QVERIFY(!result.out.contains('\x1b'));
    }

    void withoutAHelperTheExitCodeSaysSo()
    {
        m_helper.reset();
        QCOMPARE(run({QStringLiteral("status")}).exitCode, 3);
        QCOMPARE(run({QStringLiteral("doctor")}).exitCode, 3);
    }
};

QTEST_GUILESS_MAIN(TestCommandLine)
#include "tst_command_line.moc"
