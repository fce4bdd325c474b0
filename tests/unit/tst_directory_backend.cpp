// SPDX-License-Identifier: GPL-3.0-or-later
#include "repository_support.h"

#include "helper/repository/directory_backend.h"

#include <QTemporaryDir>
#include <QtTest>

#include <filesystem>

using namespace dormouse;
using namespace dormouse::test;

class TestDirectoryBackend : public QObject
{
    Q_OBJECT

private slots:
    void init()
    {
        m_folder = std::make_unique<QTemporaryDir>();
        m_backend = std::make_shared<DirectoryBackend>(
            std::move(*Directory::open(m_folder->path().toStdString())));
    }

    void foldersAppearWhenAnObjectNeedsThem()
    {
        QVERIFY(m_backend->list("packs/")->empty());
        QVERIFY(m_backend->put("packs/ab/one", asBytes("1")));
        QVERIFY(m_backend->put("packs/cd/two", asBytes("22")));
        QVERIFY(m_backend->put("config", asBytes("333")));
        const auto listed = m_backend->list("packs/");
        QCOMPARE(listed->size(), 2u);
        QCOMPARE((*listed)[0].name, std::string("packs/ab/one"));
        QCOMPARE((*listed)[1].sizeBytes, 2u);
        QVERIFY(m_backend->remove("packs/ab/one"));
        QCOMPARE(m_backend->remove("packs/ab/one").error().code, Error::Code::NotFound);
        QCOMPARE(m_backend->stat("packs/ab/one").error().code, Error::Code::NotFound);
        QVERIFY(*m_backend->freeSpaceBytes() > 0);
    }

    void unfinishedPutsAreNeitherListedNorKept()
    {
        QVERIFY(m_backend->put("packs/ab/one", asBytes("1")));
        write("packs/ab/.tmp-0123456789abcdef", "half");
        write(".tmp-fedcba9876543210", "half");
        QCOMPARE(m_backend->list("packs/")->size(), 1u);
        QVERIFY(m_backend->removeUnfinished());
        QCOMPARE(QDir(m_folder->filePath("packs/ab")).entryList(QDir::Files | QDir::Hidden).size(),
                 1);
        QVERIFY(!QFile::exists(m_folder->filePath(".tmp-fedcba9876543210")));
    }

    void aForeignLinkIsNotFollowed()
    {
        const QTemporaryDir outside;
        QVERIFY(QFile::link(outside.path(), m_folder->filePath("records")));
        QVERIFY(!m_backend->put("records/abc", asBytes("1")));
        QVERIFY(!m_backend->list("records/"));
        QVERIFY(QDir(outside.path()).isEmpty());
    }

    void anotherUsersFilesDoNotDisturb()
    {
        QVERIFY(Repository::create(m_backend, {}));
        write("System Volume Information", "x");
        QVERIFY(QDir(m_folder->path()).mkpath("lost+found/deep/er/and/er/still"));
        const auto repository = Repository::open(m_backend, {});
        QVERIFY(repository);
        QVERIFY((*repository)->verify()->isHealthy());
        QVERIFY((*repository)->prune());
    }

    void nothingStaysOpenSoTheDiskCanBeEjected()
    {
        TestVolume volume(400'000);
        std::mt19937_64 random(7);
        volume.fill(random);
        const int before = openFiles();
        {
            auto repository = Repository::create(m_backend, {})->repository;
            const auto record = backUp(*repository, volume, Id128::random());
            QVERIFY(readBack(*repository, *record, volume.id));
            QVERIFY(repository->verify({VerifyScope::Everything, {}, {}})->isHealthy());
            QCOMPARE(openFiles(), before); // the backend's one descriptor, no other
        }
        m_backend.reset();
        QCOMPARE(openFiles(), before - 1);
    }

private:
    void write(const char* name, const char* text)
    {
        QFile file(m_folder->filePath(QString::fromLatin1(name)));
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write(text);
    }
    static int openFiles()
    {
        const std::filesystem::directory_iterator entries("/proc/self/fd");
        return static_cast<int>(std::distance(begin(entries), end(entries)));
    }

    std::unique_ptr<QTemporaryDir> m_folder;
    std::shared_ptr<DirectoryBackend> m_backend;
};

QTEST_APPLESS_MAIN(TestDirectoryBackend)
#include "tst_directory_backend.moc"
