// SPDX-License-Identifier: GPL-3.0-or-later
#include "repository_support.h"

#include <QtTest>

using namespace dormouse;
using namespace dormouse::test;

class TestRepositoryVerify : public QObject
{
    Q_OBJECT

private slots:
    void init()
    {
        m_backend = std::make_shared<MemoryBackend>();
        m_random.seed(4);
        CreateOptions options{"cellar", Secret::copyOf("hazel"), PassphraseCost::ForTests};
        m_repository = Repository::create(m_backend, options)->repository;
        m_key = m_repository->exportKey();
    }

    void aFlippedBitAnywhereIsFound()
    {
        makeTinyBackups();
        const auto whole = m_backend->objects();
        std::set<std::string> kinds;
        for (const auto& [name, bytes] : whole) {
            kinds.insert(name.substr(0, name.find('/')));
            for (std::size_t at = 0; at < bytes.size(); ++at) {
                auto objects = whole;
                objects[name][at] ^= static_cast<std::uint8_t>(1u << (m_random() % 8));
                QVERIFY2(isFoundDamaged(std::move(objects)),
                         (name + " at byte " + std::to_string(at)).c_str());
            }
        }
        QVERIFY((kinds == std::set<std::string>{"config", "keys", "packs", "index", "records"}));
    }

    void aFileCutAtAnyByteIsFound()
    {
        makeTinyBackups();
        const auto whole = m_backend->objects();
        for (const auto& [name, bytes] : whole)
            for (std::size_t size = 0; size < bytes.size(); ++size) {
                auto objects = whole;
                objects[name].resize(size);
                QVERIFY2(isFoundDamaged(std::move(objects)),
                         (name + " cut to " + std::to_string(size)).c_str());
            }
    }

    void aFileThatGrewIsFound()
    {
        makeTinyBackups();
        const auto whole = m_backend->objects();
        for (const auto& [name, bytes] : whole) {
            auto objects = whole;
            objects[name].push_back(0);
            QVERIFY2(isFoundDamaged(std::move(objects)), name.c_str());
        }
    }

    void aMissingFileIsFound()
    {
        makeTinyBackups();
        const auto whole = m_backend->objects();
        for (const auto& [name, bytes] : whole) {
            if (name.starts_with("keys/") || name.starts_with("records/"))
                continue; // a deleted backup, or slot, is not damage
            auto objects = whole;
            objects.erase(name);
            QVERIFY2(isFoundDamaged(std::move(objects)), name.c_str());
        }
    }

    void filesThatChangedPlacesAreFound()
    {
        makeTinyBackups();
        const auto whole = m_backend->objects();
        for (const auto& [left, leftBytes] : whole)
            for (const auto& [right, rightBytes] : whole) {
                if (left >= right)
                    continue;
                auto objects = whole;
                std::swap(objects[left], objects[right]);
                QVERIFY2(isFoundDamaged(std::move(objects)), (left + " and " + right).c_str());
            }
    }

    void aHealthyRepositoryIsHealthy()
    {
        makeTinyBackups();
        for (const VerifyScope scope : {VerifyScope::Structure, VerifyScope::Everything}) {
            std::uint64_t lastDone = 0;
            const auto report = m_repository->verify(
                {scope, {}, [&](std::uint64_t done, std::uint64_t) { lastDone = done; }});
            QVERIFY(report);
            QVERIFY(report->isHealthy());
            QVERIFY(report->affected.empty());
            QCOMPARE(report->recordsChecked, 2u);
            QCOMPARE(report->packsChecked, lastDone);
        }
    }

    void aFlippedByteOfABlockNamesTheBackupAndThePlace()
    {
        TestVolume volume(500 * 4096);
        volume.fill(m_random);
        const Id128 first = *backUp(*m_repository, volume, m_machine, {}, 1);
        volume.fillBlock(77, m_random);
        std::set<std::string> before;
        for (const auto& [name, bytes] : m_backend->objects())
            before.insert(name);
        const Id128 second = *backUp(*m_repository, volume, m_machine, first, 2);
        // The second backup's only block pack holds block 77.
        std::string packName;
        for (const auto& [name, bytes] : m_backend->objects())
            if (name.starts_with("packs/") && before.count(name) == 0 && bytes[12] == 1)
                packName = name;
        m_backend->objects()[packName][1000] ^= 0x10;

        QVERIFY(readBack(*m_repository, first, volume.id));
        const auto read = readBack(*m_repository, second, volume.id);
        QCOMPARE(read.error().code, Error::Code::Corrupt);
        QVERIFY2(read.error().message.find(packName.substr(9)) != std::string::npos,
                 read.error().message.c_str());
        QVERIFY(m_repository->verify()->isHealthy()); // the structure is; the bytes are not
        const auto report = m_repository->verify({VerifyScope::Everything, {}, {}});
        QCOMPARE(report->findings.size(), 1u);
        QCOMPARE(report->findings[0].objectName, packName);
        QCOMPARE(report->affected.size(), 1u);
        QCOMPARE(report->affected[0].recordId.bytes, second.bytes);
        QCOMPARE(report->affected[0].volumeId.bytes, volume.id.bytes);
        QVERIFY((report->affected[0].damaged == ExtentList{{77 * 4096, 4096}}));

        // A later backup that sees the block again heals the earlier one.
        WriterOptions options;
        options.distrustedPacks = report->damagedPacks;
        QVERIFY(backUp(*m_repository, volume, m_machine, {}, 3, nullptr, options));
        QVERIFY(*readBack(*m_repository, second, volume.id) == volume.content);
        QVERIFY(m_repository->verify({VerifyScope::Everything, {}, {}})->affected.empty());
    }

    void aLostPackNamesEveryBackupThatNeedsIt()
    {
        TestVolume volume(500 * 4096);
        volume.fill(m_random);
        std::optional<Id128> base;
        for (int i = 0; i < 3; ++i) {
            volume.fillBlock(static_cast<std::uint64_t>(i), m_random);
            base = *backUp(*m_repository, volume, m_machine, base, i);
        }
        std::string largest;
        for (const auto& [name, bytes] : m_backend->objects())
            if (name.starts_with("packs/") &&
                (largest.empty() || bytes.size() > m_backend->objects()[largest].size()))
                largest = name;
        m_backend->objects().erase(largest);
        const auto report = m_repository->verify();
        QVERIFY(!report->isHealthy());
        QCOMPARE(report->affected.size(), 3u);
        QVERIFY(report->affected[0].damagedBytes >= 50 * 4096);
    }

    void aRecordThatWasExchangedBreaksTheChain()
    {
        TestVolume volume(40'000);
        volume.fill(m_random);
        const Id128 first = *backUp(*m_repository, volume, m_machine, {}, 1);
        const auto state = m_backend->objects();
        QVERIFY(backUp(*m_repository, volume, m_machine, {}, 2));
        const auto withSecond = m_backend->objects();
        // The first one is replaced by another backup that claims its number.
        const auto forged = std::make_shared<MemoryBackend>(state);
        forged->objects().erase("records/" + first.hex());
        const auto repository = *Repository::open(forged, {Unlock::StoredKey{m_key.clone()}});
        QVERIFY(backUp(*repository, volume, m_machine, {}, 1));
        for (const auto& [name, bytes] : withSecond)
            if (name != "records/" + first.hex())
                forged->objects()[name] = bytes;
        const auto report = repository->verify();
        QCOMPARE(report->findings.size(), 1u);
        QVERIFY(report->findings[0].kind == VerifyFinding::Kind::Sequence);
    }

    void aVerificationCanBeStopped()
    {
        makeTinyBackups();
        std::stop_source stop;
        stop.request_stop();
        QCOMPARE(m_repository->verify({VerifyScope::Structure, stop.get_token(), {}}).error().code,
                 Error::Code::Cancelled);
    }

private:
    /// Two backups in a few hundred bytes a file.
    void makeTinyBackups()
    {
        TestVolume volume(6 * 4096);
        for (std::uint64_t block = 0; block < 6; ++block)
            std::fill_n(volume.content.begin() + static_cast<std::ptrdiff_t>(block * 4096), 4096,
                        static_cast<std::uint8_t>(block + 1));
        const auto first = backUp(*m_repository, volume, m_machine, {}, 1);
        QVERIFY(first);
        volume.content[0] = 99;
        volume.changed = {0};
        QVERIFY(backUp(*m_repository, volume, m_machine, *first, 2));
    }

    /// True if opening or a full verification says that something is wrong.
    bool isFoundDamaged(MemoryBackend::Objects objects) const
    {
        const auto backend = std::make_shared<MemoryBackend>(std::move(objects));
        const auto opened = Repository::open(backend, {Unlock::StoredKey{m_key.clone()}});
        if (!opened)
            return true;
        const auto report = (*opened)->verify({VerifyScope::Everything, {}, {}});
        return !report || !report->isHealthy();
    }

    std::shared_ptr<MemoryBackend> m_backend;
    std::shared_ptr<Repository> m_repository;
    Secret m_key;
    std::mt19937_64 m_random;
    const Id128 m_machine = Id128::random();
};

QTEST_APPLESS_MAIN(TestRepositoryVerify)
#include "tst_repository_verify.moc"
