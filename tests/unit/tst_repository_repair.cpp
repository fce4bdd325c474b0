// SPDX-License-Identifier: GPL-3.0-or-later
// What repair() saves, and that it loses nothing which was there.
#include "repository_support.h"

#include <QtTest>

using namespace dormouse;
using namespace dormouse::test;

namespace {

/// A disk with a place that it does not give out.
class BadSectorBackend : public MemoryBackend
{
public:
    using MemoryBackend::MemoryBackend;
    std::string badName;

    Result<std::size_t> getRange(const std::string& name, std::uint64_t offsetBytes,
                                 MutableByteView into) override
    {
        if (name == badName)
            return fail(Error::Code::Io, "the disk does not answer");
        return MemoryBackend::getRange(name, offsetBytes, into);
    }
};

} // namespace

class TestRepositoryRepair : public QObject
{
    Q_OBJECT

private slots:
    void init()
    {
        m_random.seed(11);
        m_backups.clear();
        m_backend = std::make_shared<BadSectorBackend>();
        CreateOptions options{"cellar", Secret::copyOf("hazel"), PassphraseCost::ForTests};
        m_repository = Repository::create(m_backend, options)->repository;
        m_key = m_repository->exportKey();
        TestVolume volume(300 * 4096);
        volume.fill(m_random);
        std::optional<Id128> base;
        for (int i = 0; i < 3; ++i) {
            base = *backUp(*m_repository, volume, m_machine, base, i);
            m_backups.emplace_back(*base, volume.content);
            for (int n = 0; n < 5; ++n)
                volume.fillBlock(m_random() % 300, m_random);
        }
        m_volumeId = volume.id;
    }

    void aHealthyRepositoryStaysAsItIs()
    {
        const auto report = m_repository->repair();
        QVERIFY(report);
        QCOMPARE(report->packsReplaced, 0u);
        QCOMPARE(report->recordsRemoved, 0u);
        QVERIFY(report->leftAlone.empty());
        checkAll(*m_repository, 3);
    }

    /// Whatever is flipped or cut: afterwards nothing is wrong but what is missing, each
    /// backup that misses nothing is whole, and the same content backed up again makes all
    /// of them so whose records were not what was hit.
    void whateverIsDamagedTheRestIsSaved()
    {
        const auto whole = m_backend->objects();
        int saved = 0, lost = 0;
        for (int round = 0; round < 150; ++round) {
            auto objects = whole;
            const std::string name = damageSomething(objects, round % 3);
            const auto backend = std::make_shared<MemoryBackend>(std::move(objects));
            const auto repository = open(backend);
            QVERIFY2(repository, name.c_str());
            const auto report = (*repository)->repair();
            QVERIFY2(report, name.c_str());
            saved += int(report->objectsSaved);
            lost += int(report->objectsLost);
            const auto again = open(backend);
            const auto after = (*again)->verify({VerifyScope::Everything, {}, {}});
            for (const VerifyFinding& finding : after->findings)
                QVERIFY2(finding.kind == VerifyFinding::Kind::MissingObject ||
                             finding.kind == VerifyFinding::Kind::Sequence,
                         (name + ": " + finding.message).c_str());
            const std::size_t left = name.starts_with("records/") ? 2 : 3;
            QCOMPARE(readable(**again) + after->affected.size(), left);
            // One pack or map is at most hit; the backups of the other contents are whole.
            for (const auto& [recordId, content] : m_backups) {
                TestVolume volume(content.size());
                volume.id = m_volumeId;
                volume.content = content;
                QVERIFY(backUp(**again, volume, m_machine, {}, 9));
            }
            checkAll(**again, left);
            QVERIFY((*again)->prune());
            checkAll(**again, left);
        }
        QVERIFY(saved > 1000 && lost > 20);
    }

    void interruptedAnywhereNothingMoreIsLost()
    {
        auto objects = m_backend->objects();
        for (auto& [name, bytes] : objects)
            if (name.starts_with("packs/"))
                bytes[bytes.size() / 2] ^= 0x10; // every pack
        std::size_t before = 0;
        bool isDone = false;
        for (int step = 0; !isDone && step < 200; ++step) {
            const auto backend = std::make_shared<MemoryBackend>(objects);
            before = readable(**open(backend));
            backend->failAfter(step, step % 2 == 1);
            {
                const auto repository = open(backend);
                isDone = repository && (*repository)->repair();
            }
            const auto later = std::make_shared<MemoryBackend>(backend->objects());
            const auto repository = open(later);
            QVERIFY(repository);
            RepairOptions options;
            options.who.staleAfterMs = -1; // whoever was interrupted does not come back
            QVERIFY((*repository)->repair(options));
            QCOMPARE(readable(**repository), before);
            const auto after = (*repository)->verify({VerifyScope::Everything, {}, {}});
            QVERIFY(after->damagedPacks.empty());
        }
        QVERIFY(isDone);
    }

    void whatCannotBeReadNowIsLeftAlone()
    {
        for (const auto& [name, bytes] : m_backend->objects())
            if (name.starts_with("packs/"))
                m_backend->badName = name;
        const auto report = m_repository->repair();
        QVERIFY(report);
        QCOMPARE(report->leftAlone.size(), 1u);
        QCOMPARE(report->packsReplaced, 0u);
        m_backend->badName.clear();
        checkAll(*m_repository, 3);
    }

    void nobodyRepairsWhileSomebodyWrites()
    {
        auto writer = m_repository->beginBackup(runInfo(m_machine), {});
        QCOMPARE(m_repository->repair().error().code, Error::Code::Busy);
    }

    void aRepairCanBeStopped()
    {
        std::stop_source stop;
        stop.request_stop();
        RepairOptions options;
        options.stop = stop.get_token();
        QCOMPARE(m_repository->repair(options).error().code, Error::Code::Cancelled);
        checkAll(*m_repository, 3);
    }

private:
    Result<std::shared_ptr<Repository>> open(const std::shared_ptr<Backend>& backend) const
    {
        return Repository::open(backend, {Unlock::StoredKey{m_key.clone()}});
    }

    /// A bit, an end, or all of a pack, of an index run or of a record.
    std::string damageSomething(MemoryBackend::Objects& objects, int how)
    {
        std::vector<std::string> names;
        for (const auto& [name, bytes] : objects)
            if (name.starts_with("packs/") || name.starts_with("index/") ||
                name.starts_with("records/"))
                names.push_back(name);
        const std::string name = names[m_random() % names.size()];
        Bytes& bytes = objects[name];
        if (how == 0)
            bytes[m_random() % bytes.size()] ^= std::uint8_t(1u << m_random() % 8);
        else if (how == 1)
            bytes.resize(m_random() % bytes.size());
        else if (name.starts_with("records/"))
            bytes.assign(bytes.size(), 0);
        else
            objects.erase(name);
        return name;
    }

    /// How many of the backups are what was backed up; none may be anything else.
    std::size_t readable(const Repository& repository) const
    {
        std::size_t count = 0;
        for (const auto& [recordId, content] : m_backups) {
            const auto read = readBack(repository, recordId, m_volumeId);
            if (read && *read != content)
                qFatal("a backup is read as if it were right");
            count += read.has_value();
        }
        return count;
    }

    void checkAll(const Repository& repository, std::size_t expected) const
    {
        QCOMPARE(readable(repository), expected);
    }

    std::shared_ptr<BadSectorBackend> m_backend;
    std::shared_ptr<Repository> m_repository;
    Secret m_key;
    std::mt19937_64 m_random;
    Id128 m_volumeId;
    std::vector<std::pair<Id128, Bytes>> m_backups;
    const Id128 m_machine = Id128::random();
};

QTEST_APPLESS_MAIN(TestRepositoryRepair)
#include "tst_repository_repair.moc"
