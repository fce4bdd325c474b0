// SPDX-License-Identifier: GPL-3.0-or-later
// dormouse-store as a person or a script meets it.
#include "tests/unit/store_builder.h"

#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QTemporaryDir>
#include <QTest>

using namespace dormouse;
using namespace dormouse::test;

class TestStoreCommand : public QObject
{
    Q_OBJECT

    QTemporaryDir m_folder;
    QByteArray m_output, m_errors;

    QString image() const { return m_folder.filePath("volume.img"); }

    int run(const QStringList& arguments, const QString& outputFile = {})
    {
        QProcess process;
        if (!outputFile.isEmpty())
            process.setStandardOutputFile(outputFile);
        process.start(QStringLiteral(DORMOUSE_STORE_COMMAND), arguments);
        if (!process.waitForFinished(60000) || process.exitStatus() != QProcess::NormalExit)
            return -1;
        m_output = process.readAllStandardOutput();
        m_errors = process.readAllStandardError();
        return process.exitCode();
    }

private slots:
    void printsWhatIsThere()
    {
        StoreBuilder store;
        store.beginEpoch(true);
        store.undo({3});
        store.seal();
        store.save(image());
        QCOMPARE(run({"print", image()}), 0);
        QVERIFY(m_output.contains("SEAL") && m_output.contains("UNDO"));
        QCOMPARE(run({"--json", "print", image()}), 0);
        QVERIFY(QJsonDocument::fromJson(m_output).object()["isSealed"].toBool());
        QCOMPARE(run({"--superblock", QString::number(store.place(0)), "check", image()}), 0);
        QVERIFY(m_output.contains("sound"));
    }

    void damageShowsInTheExitCode()
    {
        StoreBuilder store;
        const auto lost = store.intent({1});
        store.intent({2});
        store.disk[store.place(store.super.journal_start + lost) + 70] ^= 1;
        store.save(image());
        QCOMPARE(run({"check", image()}), 1);
        QVERIFY(m_output.contains("DAMAGE"));
        QCOMPARE(run({"check", "--json", image()}), 1);
        QVERIFY(!QJsonDocument::fromJson(m_output).object()["isSound"].toBool(true));
    }

    void listsAMap()
    {
        StoreBuilder store;
        store.mark(65536, 1);
        store.seal();
        store.save(image());
        QCOMPARE(run({"changes", image(), "1"}), 0);
        QCOMPARE(m_output, QByteArray("65536 65536\n"));
        QCOMPARE(run({"changes", image(), "9"}), 2);
        QVERIFY(m_errors.contains("no epoch 9"));
    }

    void writesASnapshotOnceAndWhole()
    {
        StoreBuilder store;
        const auto epoch = QString::number(store.beginEpoch(true));
        const Bytes reference = store.image();
        store.undo({0});
        store.disk[5] ^= 1;
        store.save(image());
        const QString output = m_folder.filePath("snapshot.img");
        QCOMPARE(run({"snapshot", image(), epoch, output}), 0);
        QFile file(output);
        QVERIFY(file.open(QFile::ReadOnly));
        const QByteArray written = file.readAll();
        QVERIFY(std::equal(written.begin(), written.end(), reference.begin(), reference.end(),
                           [](char a, std::uint8_t b) { return std::uint8_t(a) == b; }));
        QCOMPARE(run({"snapshot", image(), epoch, output}), 2); // never over something
        QVERIFY(m_errors.contains("exists"));
        QCOMPARE(run({"snapshot", image(), "1", m_folder.filePath("other.img")}), 2);
        QVERIFY(!QFile::exists(m_folder.filePath("other.img")));
        QCOMPARE(run({"--force", "snapshot", image(), "1", m_folder.filePath("other.img")}), 0);
    }

    void refusesWhatItDoesNotUnderstand()
    {
        StoreBuilder().save(image());
        for (const QStringList& arguments :
             {QStringList{}, QStringList{"erase", image()}, QStringList{"print"},
              QStringList{"changes", image(), "one"},
              QStringList{"--offset", "-1", "print", image()},
              QStringList{"--what", "print", image()}, QStringList{"print", image(), "extra"}}) {
            QCOMPARE(run(arguments), 2);
            QVERIFY(m_errors.contains("usage"));
        }
        QCOMPARE(run({"print", m_folder.filePath("missing.img")}), 2);
        QCOMPARE(run({"--offset", "99999999999", "print", image()}), 2);
        QCOMPARE(run({"--help"}), 0);
    }

    void aReportThatCannotBeWrittenIsAFailure()
    {
        StoreBuilder().save(image());
        QCOMPARE(run({"check", image()}, QStringLiteral("/dev/full")), 2);
    }
};

QTEST_GUILESS_MAIN(TestStoreCommand)
#include "tst_store_command.moc"
