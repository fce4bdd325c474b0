// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/base/directory.h"

#include <QTemporaryDir>
#include <QtTest>

#include <sys/stat.h>

using namespace dormouse;

class TestDirectory : public QObject
{
    Q_OBJECT

private slots:
    void init()
    {
        m_temporary = std::make_unique<QTemporaryDir>();
        QVERIFY(QDir(m_temporary->path()).mkpath("inside/deep"));
        auto opened = Directory::open(path("inside"));
        QVERIFY(opened);
        m_directory = std::make_unique<Directory>(std::move(*opened));
    }

    void aFileReadsBackAsWritten()
    {
        QVERIFY(m_directory->writeFile("deep/file", asBytes("first")));
        QVERIFY(m_directory->writeFile("deep/file", asBytes("second")));
        QCOMPARE(*m_directory->readFile("deep/file", 100), text("second"));
        QCOMPARE(m_directory->stat("deep/file")->sizeBytes, 6u);
        Bytes middle(3);
        QCOMPARE(*m_directory->readRange("deep/file", 2, middle), 3u);
        QCOMPARE(middle, text("con"));
        QCOMPARE(m_directory->list("deep")->size(), 1u); // no temporary file is left
    }

    void nothingAboveTheDirectoryCanBeNamed()
    {
        QVERIFY(m_directory->writeFile("seen", asBytes("x")));
        QCOMPARE(m_directory->openFile("../outside").error().code, Error::Code::Denied);
        QCOMPARE(m_directory->openFile("/etc/passwd").error().code, Error::Code::Denied);
        QVERIFY(!m_directory->writeFile("../outside", asBytes("x")));
        QVERIFY(!m_directory->writeFile("/tmp/dormouse-outside", asBytes("x")));
        QVERIFY(!m_directory->makeDirectory(".."));
        QVERIFY(!m_directory->remove("deep/.."));
    }

    void aSymbolicLinkIsNeverFollowed()
    {
        QVERIFY(QFile::link("/etc", QString::fromStdString(path("inside/link"))));
        QVERIFY(QFile::link("/etc/passwd", QString::fromStdString(path("inside/deep/file"))));
        QCOMPARE(m_directory->openFile("link/passwd").error().code, Error::Code::Denied);
        QCOMPARE(m_directory->openFile("deep/file").error().code, Error::Code::Denied);
        QCOMPARE(m_directory->openDirectory("link").error().code, Error::Code::Denied);
        QCOMPARE(m_directory->makeDirectory("link").error().code, Error::Code::Denied);
        QCOMPARE(m_directory->stat("link")->type, FileStat::Type::Other);
        // Writing replaces the link itself and leaves its target alone.
        QVERIFY(m_directory->writeFile("deep/file", asBytes("ours")));
        QCOMPARE(m_directory->stat("deep/file")->type, FileStat::Type::File);
    }

    void aFifoNeitherBlocksNorPassesForAFile()
    {
        QCOMPARE(::mkfifo(path("inside/fifo").c_str(), 0600), 0);
        QCOMPARE(m_directory->openFile("fifo").error().code, Error::Code::Denied);
    }

    void aFileLargerThanAllowedIsRefused()
    {
        QVERIFY(m_directory->writeFile("file", Bytes(1000)));
        QCOMPARE(m_directory->readFile("file", 999).error().code, Error::Code::Invalid);
        QVERIFY(m_directory->readFile("file", 1000));
    }

    void creatingTwiceFails()
    {
        QVERIFY(m_directory->createFile("new"));
        QCOMPARE(m_directory->createFile("new").error().code, Error::Code::Exists);
    }

    void removingWhatIsNotThereSaysSo()
    {
        QCOMPARE(m_directory->remove("none").error().code, Error::Code::NotFound);
        QVERIFY(m_directory->makeDirectory("made"));
        QVERIFY(m_directory->makeDirectory("made"));
        QVERIFY(m_directory->removeDirectory("made"));
    }

    void aDescriptorOfAFileIsNotADirectory()
    {
        QVERIFY(m_directory->writeFile("file", {}));
        QCOMPARE(Directory::adopt(std::move(*m_directory->openFile("file"))).error().code,
                 Error::Code::Invalid);
    }

private:
    static Bytes text(std::string_view text) { return Bytes(text.begin(), text.end()); }
    std::string path(const char* name) const
    {
        return m_temporary->filePath(QString::fromLatin1(name)).toStdString();
    }

    std::unique_ptr<QTemporaryDir> m_temporary;
    std::unique_ptr<Directory> m_directory;
};

QTEST_APPLESS_MAIN(TestDirectory)
#include "tst_directory.moc"
