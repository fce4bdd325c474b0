// SPDX-License-Identifier: GPL-3.0-or-later
#include "repository_support.h"

#include "helper/repository/directory_backend.h"

#include <QTemporaryDir>
#include <QtTest>

using namespace dormouse;
using namespace dormouse::test;

class TestRepository : public QObject
{
    Q_OBJECT

private slots:
    void init()
    {
        m_backend = std::make_shared<MemoryBackend>();
        m_random.seed(2);
    }

    void aPassphraseOpensAndAnotherDoesNot()
    {
        const auto created = createWithPassphrase("hazel");
        QVERIFY(created);
        QVERIFY(!created->repository->isKeyBesideData());
        const auto opened = open("hazel");
        QVERIFY(opened);
        QCOMPARE((*opened)->id().bytes, created->repository->id().bytes);
        QCOMPARE((*opened)->name(), std::string("cellar"));
        QVERIFY((*opened)->exportKey().equals(created->repository->exportKey().view()));
        QCOMPARE(open("Hazel").error().code, Error::Code::WrongKey);
        QCOMPARE(open("").error().code, Error::Code::WrongKey);
        QCOMPARE(Repository::open(m_backend, {}).error().code, Error::Code::WrongKey);
    }

    void theRecoveryKeyOpensHoweverItIsTyped()
    {
        const auto created = createWithPassphrase("hazel");
        std::string text = created->recoveryKeyText;
        QCOMPARE(text.size(), 44u);
        QVERIFY(Repository::open(m_backend, {Unlock::RecoveryKey{text}}));
        for (char& c : text) {
            if (c == '-')
                c = ' ';
            else if (c == '0')
                c = 'o';
            else if (c == '1')
                c = 'l';
            else
                c = static_cast<char>(std::tolower(c));
        }
        QVERIFY(Repository::open(m_backend, {Unlock::RecoveryKey{text}}));
    }

    void aTypingErrorInTheRecoveryKeyIsToldFromAnotherKey()
    {
        const auto created = createWithPassphrase("hazel");
        const std::string text = created->recoveryKeyText;
        int caught = 0;
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (text[i] == '-')
                continue;
            std::string typed = text;
            typed[i] = typed[i] == 'A' ? 'B' : 'A';
            const auto opened = Repository::open(m_backend, {Unlock::RecoveryKey{typed}});
            QVERIFY(!opened);
            caught += opened.error().code == Error::Code::Invalid;
        }
        QCOMPARE(caught, 36);
        QVERIFY(!Repository::open(m_backend, {Unlock::RecoveryKey{text.substr(0, 43)}}));
        QVERIFY(!Repository::open(m_backend, {Unlock::RecoveryKey{text + "A"}}));

        const auto other = std::make_shared<MemoryBackend>();
        CreateOptions options{"other", Secret::copyOf("x"), PassphraseCost::ForTests};
        const auto otherCreated = Repository::create(other, options);
        QCOMPARE(Repository::open(m_backend, {Unlock::RecoveryKey{otherCreated->recoveryKeyText}})
                     .error()
                     .code,
                 Error::Code::WrongKey);
    }

    void theStoredKeyOpensAndAnotherRepositorysDoesNot()
    {
        const auto created = createWithPassphrase("hazel");
        QVERIFY(Repository::open(m_backend, storedKey(*created->repository)));
        const auto other = Repository::create(std::make_shared<MemoryBackend>(), {});
        QCOMPARE(Repository::open(m_backend, storedKey(*other->repository)).error().code,
                 Error::Code::WrongKey);
        QCOMPARE(
            Repository::open(m_backend, {Unlock::StoredKey{Secret::copyOf("short")}}).error().code,
            Error::Code::WrongKey);
    }

    void withoutAPasswordTheRepositorySaysSo()
    {
        const auto created = Repository::create(m_backend, {});
        QVERIFY(created);
        QVERIFY(created->recoveryKeyText.empty());
        QVERIFY(created->repository->isKeyBesideData());
        QVERIFY(Repository::probe(*m_backend)->isKeyBesideData);
        QVERIFY(Repository::open(m_backend, {}));
        QCOMPARE(open("anything").error().code, Error::Code::WrongKey);
    }

    void aPassphraseCanBeSetLater()
    {
        const auto created = Repository::create(m_backend, {});
        TestVolume volume(40'000);
        volume.fill(m_random);
        const auto record = backUp(*created->repository, volume, m_machine);
        const auto recovery =
            created->repository->setPassphrase(Secret::copyOf("hazel"), PassphraseCost::ForTests);
        QVERIFY(recovery);
        QVERIFY(!created->repository->isKeyBesideData());
        QVERIFY(!Repository::probe(*m_backend)->isKeyBesideData);
        QCOMPARE(Repository::open(m_backend, {}).error().code, Error::Code::WrongKey);
        QVERIFY(Repository::open(m_backend, {Unlock::RecoveryKey{*recovery}}));
        const auto opened = open("hazel");
        QVERIFY(opened);
        QVERIFY(*readBack(**opened, *record, volume.id) == volume.content);

        QVERIFY((*opened)->setPassphrase(Secret::copyOf("nut"), PassphraseCost::ForTests)->empty());
        QVERIFY(open("nut"));
        QCOMPARE(open("hazel").error().code, Error::Code::WrongKey);
        QVERIFY(Repository::open(m_backend, {Unlock::RecoveryKey{*recovery}}));
    }

    void aPlaceIsNotTakenTwice()
    {
        QCOMPARE(Repository::open(m_backend, {}).error().code, Error::Code::NotFound);
        QVERIFY(Repository::create(m_backend, {}));
        QCOMPARE(Repository::create(m_backend, {}).error().code, Error::Code::Exists);
        TestVolume volume(40'000);
        volume.fill(m_random);
        QVERIFY(backUp(**Repository::open(m_backend, {}), volume, m_machine));
        m_backend->objects().erase("config");
        QCOMPARE(Repository::create(m_backend, {}).error().code, Error::Code::Invalid);
    }

    void aNewerFormatIsRefusedAndLeftAlone()
    {
        QVERIFY(Repository::create(m_backend, {}));
        m_backend->objects()["config"][8] = 2;
        const auto before = m_backend->objects();
        QCOMPARE(Repository::open(m_backend, {}).error().code, Error::Code::Unsupported);
        QVERIFY(before == m_backend->objects());
    }

    void oneDamagedRecordDoesNotHideTheOthers()
    {
        const auto repository = Repository::create(m_backend, {})->repository;
        TestVolume volume(40'000);
        std::vector<Id128> ids;
        for (int i = 0; i < 3; ++i) {
            volume.fillBlock(static_cast<std::uint64_t>(i), m_random);
            ids.push_back(*backUp(*repository, volume, m_machine, {}, 1000 + i));
        }
        m_backend->objects()["records/" + ids[1].hex()][60] ^= 1;
        const auto list = repository->listRecords();
        QCOMPARE(list->records.size(), 2u);
        QCOMPARE(list->records[0].recordId.bytes, ids[2].bytes);
        QCOMPARE(list->damaged.size(), 1u);
        QCOMPARE(list->damaged[0].recordId.bytes, ids[1].bytes);
    }

    void aRecordUnderAnotherNameOrRepositoryIsRefused()
    {
        const auto repository = Repository::create(m_backend, {})->repository;
        TestVolume volume(40'000);
        volume.fill(m_random);
        const Id128 id = *backUp(*repository, volume, m_machine);
        const Id128 alias = Id128::random();
        m_backend->objects()["records/" + alias.hex()] =
            m_backend->objects()["records/" + id.hex()];
        QCOMPARE(repository->readRecord(alias).error().code, Error::Code::Corrupt);

        const auto other = std::make_shared<MemoryBackend>();
        const auto stranger = Repository::create(other, {})->repository;
        other->objects()["records/" + id.hex()] = m_backend->objects()["records/" + id.hex()];
        QCOMPARE(stranger->readRecord(id).error().code, Error::Code::Corrupt);
    }

    void recordsOfAMachineAreChained()
    {
        const auto repository = Repository::create(m_backend, {})->repository;
        TestVolume volume(40'000);
        const Id128 otherMachine = Id128::random();
        volume.fillBlock(0, m_random);
        QVERIFY(backUp(*repository, volume, m_machine, {}, 1));
        QVERIFY(backUp(*repository, volume, otherMachine, {}, 2));
        QVERIFY(backUp(*repository, volume, m_machine, {}, 3));
        const auto list = repository->listRecords();
        QCOMPARE(list->records[2].sequence, 1u);
        QCOMPARE(list->records[1].sequence, 1u);
        QCOMPARE(list->records[0].sequence, 2u);
        QVERIFY(list->records[2].previousRecordHash == Hash256{});
        QVERIFY(list->records[0].previousRecordHash != Hash256{});
    }

    void aLostIndexIsMadeAgainFromThePacks()
    {
        const auto repository = Repository::create(m_backend, {})->repository;
        TestVolume volume(4'000'000);
        volume.fill(m_random);
        const auto record = backUp(*repository, volume, m_machine);
        std::erase_if(m_backend->objects(),
                      [](const auto& object) { return object.first.starts_with("index/"); });
        const auto opened = Repository::open(m_backend, {});
        QVERIFY(opened);
        QVERIFY(*readBack(**opened, *record, volume.id) == volume.content);
        QVERIFY((*opened)->verify()->isHealthy());
    }

    void aDamagedIndexRunIsMadeAgainFromThePacks()
    {
        const auto repository = Repository::create(m_backend, {})->repository;
        TestVolume volume(400'000);
        volume.fill(m_random);
        const auto first = backUp(*repository, volume, m_machine);
        const Bytes before = volume.content;
        volume.fillBlock(5, m_random);
        QVERIFY(backUp(*repository, volume, m_machine, *first));
        for (auto& [name, bytes] : m_backend->objects())
            if (name.starts_with("index/"))
                bytes[bytes.size() / 2] ^= 4;
        const auto opened = Repository::open(m_backend, {});
        QVERIFY(opened);
        QVERIFY(!readBack(**opened, *first, volume.id));
        QVERIFY((*opened)->rebuildIndex());
        QVERIFY(*readBack(**opened, *first, volume.id) == before);
        QVERIFY((*opened)->verify({VerifyScope::Everything, {}, {}})->isHealthy());
    }

    void noPlaintextReachesTheDisk()
    {
        const QTemporaryDir folder;
        const auto backend = std::make_shared<DirectoryBackend>(
            std::move(*Directory::open(folder.path().toStdString())));
        const std::string needle = "THE-DORMOUSE-SLEEPS-IN-THE-HAZEL";
        CreateOptions options{"name-of-the-cellar", Secret::copyOf("pass-of-the-hazel"),
                              PassphraseCost::ForTests};
        const auto created = Repository::create(backend, options);
        TestVolume volume(400'000);
        volume.fill(m_random);
        for (std::size_t at = 0; at + needle.size() < volume.content.size(); at += 1000)
            std::copy(needle.begin(), needle.end(),
                      volume.content.begin() + static_cast<std::ptrdiff_t>(at));
        QVERIFY(backUp(*created->repository, volume, m_machine));
        const auto left = created->repository->beginBackup(runInfo(m_machine)); // an intent, too
        const Secret key = created->repository->exportKey();

        std::string all;
        QDirIterator files(folder.path(), QDir::Files | QDir::Hidden, QDirIterator::Subdirectories);
        int count = 0;
        for (; files.hasNext(); ++count) {
            QFile file(files.next());
            QVERIFY(file.open(QIODevice::ReadOnly));
            all += file.readAll().toStdString();
        }
        QVERIFY(count > 5);
        QVERIFY(all.size() > 400'000);
        for (const std::string& secret :
             {needle.substr(0, 12), std::string("name-of-the"), std::string("pass-of-the"),
              std::string("burrow"), std::string("Every hour"), std::string("plan-1"),
              std::string("ext4"), std::string(key.text().substr(0, 8)), m_machine.hex(),
              std::string(asText(m_machine.bytes)), std::string(asText(volume.id.bytes)),
              created->recoveryKeyText.substr(0, 9)})
            QVERIFY2(all.find(secret) == std::string::npos, secret.c_str());
    }

    void equalBlocksLookDifferentInEveryRepository()
    {
        TestVolume volume(4096);
        volume.fill(m_random);
        std::vector<Bytes> packs;
        for (int i = 0; i < 2; ++i) {
            const auto backend = std::make_shared<MemoryBackend>();
            QVERIFY(backUp(*Repository::create(backend, {})->repository, volume, m_machine));
            Bytes all;
            for (const auto& [name, bytes] : backend->objects())
                all.insert(all.end(), bytes.begin(), bytes.end());
            packs.push_back(all);
        }
        // No 12 bytes in a row are in both, save what every header says.
        int shared = 0;
        for (std::size_t i = 0; i + 12 < packs[0].size(); ++i)
            shared += std::search(packs[1].begin(), packs[1].end(), packs[0].begin() + i,
                                  packs[0].begin() + i + 12) != packs[1].end();
        QVERIFY2(shared < 250, std::to_string(shared).c_str());
    }

private:
    Result<Repository::Created> createWithPassphrase(const char* text)
    {
        CreateOptions options{"cellar", Secret::copyOf(text), PassphraseCost::ForTests};
        return Repository::create(m_backend, options);
    }
    Result<std::shared_ptr<Repository>> open(const char* passphrase)
    {
        return Repository::open(m_backend, {Unlock::Passphrase{Secret::copyOf(passphrase)}});
    }

    std::shared_ptr<MemoryBackend> m_backend;
    std::mt19937_64 m_random;
    const Id128 m_machine = Id128::random();
};

QTEST_APPLESS_MAIN(TestRepository)
#include "tst_repository.moc"
