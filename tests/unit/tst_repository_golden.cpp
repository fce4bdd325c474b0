// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Format 1 as it is on disk, kept in tests/golden/repository: a small repository
 * and the vectors of docs/REPOSITORY_FORMAT.md. They must read the same for ever.
 *
 * With DORMOUSE_WRITE_GOLDEN set to an empty folder, this program writes both
 * anew; that is right only together with a new format version.
 */
#include "repository_support.h"

#include "helper/repository/directory_backend.h"
#include "helper/repository/keyring.h"
#include "helper/repository/map_node.h"
#include "helper/repository/record_codec.h"

#include <QTemporaryDir>
#include <QtTest>

#include <filesystem>

using namespace dormouse;
using namespace dormouse::test;

namespace {

constexpr const char* passphrase = "hazel and oak";

/// 0, 1, 2, ... from `first` on.
template <std::size_t N> std::array<std::uint8_t, N> counted(std::uint8_t first)
{
    std::array<std::uint8_t, N> bytes{};
    for (std::uint8_t& byte : bytes)
        byte = first++;
    return bytes;
}

BackupRecord sampleRecord()
{
    BackupRecord record;
    record.recordId.bytes = counted<16>(0x10);
    record.repositoryId.bytes = counted<16>(0x20);
    record.run.machineId.bytes = counted<16>(0x30);
    record.run.machineName = "burrow";
    record.run.runId.bytes = counted<16>(0x40);
    record.run.planId = "plan-1";
    record.run.planName = "Every hour";
    record.run.createdMs = 1'700'000'000'123;
    record.sequence = 7;
    record.previousRecordHash = counted<32>(0x50);
    VolumeRecord volume;
    volume.volumeId.bytes = counted<16>(0x60);
    volume.sizeBytes = 0x1234567800;
    volume.blockSizeBytes = 65536;
    volume.mapRoot = counted<32>(0x70);
    volume.baseRecordId.bytes = counted<16>(0x80);
    volume.newBytes = 1;
    volume.storedBytes = 2;
    volume.mapBytes = 3;
    volume.details.deviceName = "sda2";
    volume.details.fsType = "ext4";
    volume.details.fsUuid = "0b5e";
    volume.details.label = "home";
    volume.details.endsAtEpochId.bytes = counted<16>(0x90);
    volume.details.baseKind = BaseKind::Compared;
    volume.details.baseReason = "history was broken";
    volume.details.changedBytes = 4;
    volume.details.readBytes = 5;
    volume.details.excluded = {{ExclusionKind::Store, {4096, 8192}},
                               {ExclusionKind::Swap, {65536, 4096}}};
    volume.details.sampleFiles = {{"/etc/hostname", 7, counted<32>(0xa0)}};
    record.volumes = {volume};
    record.layout = {{"gpt:disk", {0xee, 0xff}}};
    return record;
}

Secret sampleMasterKey()
{
    return Secret::copyOf(ByteView(counted<32>(0)));
}

/// Everything deterministic of format 1, from fixed inputs.
std::string vectors()
{
    std::string text;
    const auto line = [&text](const std::string& name, ByteView bytes) {
        text += name + " " + toHex(bytes) + "\n";
    };
    const Secret master = sampleMasterKey();
    const Keys keys(master);
    line("master-key", master.view());
    for (std::uint64_t number = 1; number <= 9; ++number)
        line("subkey-" + std::to_string(number),
             {keys.key(static_cast<format::Subkey>(number)), format::keyBytes});

    const auto block = counted<64>(0);
    line("block", block);
    const Hash256 blockId = keys.objectId(format::ObjectKind::Block, block);
    line("block-id", blockId);
    ByteWriter inner;
    inner.u8(static_cast<std::uint8_t>(format::Codec::Stored));
    inner.zeros(3);
    inner.u32(block.size());
    inner.raw(block);
    line("block-inner", inner.bytes());
    ByteWriter associated;
    associated.u8(static_cast<std::uint8_t>(format::ObjectKind::Block));
    associated.raw(blockId);
    line("nonce", counted<24>(0xc0));
    line("block-stored", sealWithKey(keys.key(format::Subkey::Block), associated.bytes(),
                                     inner.bytes(), counted<24>(0xc0).data()));

    MapNode node;
    node.level = 0;
    node.children[0] = blockId;
    node.children[2] = blockId;
    line("map-leaf", encodeNode(node));
    line("map-leaf-id", keys.objectId(format::ObjectKind::MapNode, encodeNode(node)));

    const auto recovery = counted<20>(0x80);
    line("recovery-key", recovery);
    text += "recovery-key-text " + printRecoveryKey(Secret::copyOf(ByteView(recovery))) + "\n";
    line("record-body", encodeRecordBody(sampleRecord()));
    return text;
}

/// The golden repository's volume after its first and its second backup.
Bytes goldenContent(int backup)
{
    Bytes content(150 * 4096 + 1000);
    for (std::size_t i = 0; i < content.size(); ++i) {
        const std::size_t block = i / 4096;
        const bool isHole = block % 10 == 3;
        content[i] = isHole ? 0 : static_cast<std::uint8_t>(i * i / 7 + block);
    }
    if (backup == 2) {
        std::fill_n(content.begin() + 20 * 4096, 4096, 0x5a);
        std::fill_n(content.begin() + 100 * 4096, 3 * 4096, 0);
    }
    return content;
}

void writeGolden(const std::string& folder)
{
    const auto directory = *Directory::open(folder);
    QVERIFY(directory.writeFile("vectors.txt", asBytes(vectors())));
    QVERIFY(directory.makeDirectory("tree"));
    const auto backend = std::make_shared<DirectoryBackend>(*directory.openDirectory("tree"));
    CreateOptions options{"golden", Secret::copyOf(passphrase), PassphraseCost::ForTests};
    auto created = Repository::create(backend, options);
    QVERIFY(created);
    TestVolume volume(0);
    volume.id.bytes = counted<16>(0x60);
    volume.content = goldenContent(1);
    const Id128 machineId{counted<16>(0x30)};
    const auto first = backUp(*created->repository, volume, machineId, {}, 1'700'000'000'000);
    QVERIFY(first);
    volume.content = goldenContent(2);
    volume.changed = {20, 100, 101, 102};
    QVERIFY(backUp(*created->repository, volume, machineId, *first, 1'700'000'060'000));
    const std::string expected = "recovery-key-text " + created->recoveryKeyText + "\nmaster-key " +
                                 toHex(created->repository->exportKey().view()) + "\ncontent-1 " +
                                 toHex(hash256(goldenContent(1))) + "\ncontent-2 " +
                                 toHex(hash256(goldenContent(2))) + "\n";
    QVERIFY(directory.writeFile("expected.txt", asBytes(expected)));
}

} // namespace

class TestRepositoryGolden : public QObject
{
    Q_OBJECT

private slots:
    void initTestCase()
    {
        if (const char* folder = std::getenv("DORMOUSE_WRITE_GOLDEN"))
            writeGolden(folder);
        // A copy: opening must not be able to change the original.
        std::filesystem::copy(golden() + "/tree", m_copy.path().toStdString(),
                              std::filesystem::copy_options::recursive);
        const auto file = Directory::open(golden())->readFile("expected.txt", 10'000);
        QVERIFY(file);
        const auto lines = QString::fromStdString(std::string(asText(*file)))
                               .split(QLatin1Char('\n'), Qt::SkipEmptyParts);
        for (const QString& line : lines) {
            const auto space = line.indexOf(QLatin1Char(' '));
            m_expected[line.left(space).toStdString()] = line.mid(space + 1).toStdString();
        }
    }

    void everyVectorIsWhatItAlwaysWas()
    {
        const auto file = Directory::open(golden())->readFile("vectors.txt", 100'000);
        QVERIFY(file);
        QCOMPARE(QString::fromStdString(vectors()),
                 QString::fromStdString(std::string(asText(*file))));
    }

    void theStoredBlockOfTheVectorsOpens()
    {
        const Keys keys(sampleMasterKey());
        const auto block = counted<64>(0);
        const auto stored = fromHex(vector("block-stored"));
        const auto plain = keys.decodeObject(
            format::ObjectKind::Block, keys.objectId(format::ObjectKind::Block, block), *stored);
        QVERIFY(plain);
        QVERIFY(std::equal(block.begin(), block.end(), plain->begin(), plain->end()));
    }

    void theRecordOfTheVectorsReadsBack()
    {
        const auto body = fromHex(vector("record-body"));
        BackupRecord record;
        record.recordId = sampleRecord().recordId;
        record.repositoryId = sampleRecord().repositoryId;
        QVERIFY(decodeRecordBody(*body, record));
        QVERIFY(record == sampleRecord());
        for (std::size_t size = 0; size < body->size(); ++size) {
            BackupRecord cut;
            QVERIFY(!decodeRecordBody(ByteView(*body).first(size), cut));
        }
    }

    void aRecordWithFieldsOfALaterProgramIsRead()
    {
        Bytes body = encodeRecordBody(sampleRecord());
        body.resize(body.size() - 4); // the count of further fields
        ByteWriter writer;
        writer.raw(body);
        writer.u32(1);
        writer.u32(4711);
        writer.text("from the future");
        BackupRecord record;
        QVERIFY(decodeRecordBody(writer.bytes(), record));
        QCOMPARE(record.volumes.size(), 1u);
    }

    void theGoldenRepositoryOpensInEveryWay()
    {
        QVERIFY(Repository::open(backend(), {Unlock::Passphrase{Secret::copyOf(passphrase)}}));
        QVERIFY(
            Repository::open(backend(), {Unlock::RecoveryKey{m_expected["recovery-key-text"]}}));
        const auto key = fromHex(m_expected["master-key"]);
        const auto opened =
            Repository::open(backend(), {Unlock::StoredKey{Secret::copyOf(ByteView(*key))}});
        QVERIFY(opened);
        QCOMPARE((*opened)->name(), std::string("golden"));
        QCOMPARE(
            Repository::open(backend(), {Unlock::Passphrase{Secret::copyOf("hazel")}}).error().code,
            Error::Code::WrongKey);
    }

    void theGoldenBackupsReadAsTheyWereWritten()
    {
        const auto repository =
            *Repository::open(backend(), {Unlock::Passphrase{Secret::copyOf(passphrase)}});
        const auto list = repository->listRecords();
        QCOMPARE(list->records.size(), 2u);
        QCOMPARE(list->damaged.size(), 0u);
        const Id128 volumeId{counted<16>(0x60)};
        for (int backup : {1, 2}) {
            const BackupRecord& record = list->records[2 - static_cast<std::size_t>(backup)];
            QCOMPARE(record.sequence, static_cast<std::uint64_t>(backup));
            QCOMPARE(record.run.machineName, std::string("burrow"));
            QCOMPARE(record.run.createdMs, 1'700'000'000'000 + (backup - 1) * 60'000);
            const auto content = readBack(*repository, record.recordId, volumeId);
            QVERIFY(content);
            QVERIFY(*content == goldenContent(backup));
            QCOMPARE(toHex(hash256(*content)), m_expected["content-" + std::to_string(backup)]);
        }
        QVERIFY(repository->verify({VerifyScope::Everything, {}, {}})->isHealthy());
    }

private:
    static std::string golden()
    {
        const char* fresh = std::getenv("DORMOUSE_WRITE_GOLDEN");
        return fresh != nullptr ? fresh : DORMOUSE_GOLDEN_DIR "/repository";
    }
    std::shared_ptr<Backend> backend() const
    {
        return std::make_shared<DirectoryBackend>(*Directory::open(m_copy.path().toStdString()));
    }
    static std::string vector(const std::string& name)
    {
        const std::string text = vectors();
        const std::size_t at = text.find("\n" + name + " ") + name.size() + 2;
        return text.substr(at, text.find('\n', at) - at);
    }

    QTemporaryDir m_copy;
    std::map<std::string, std::string> m_expected;
};

QTEST_APPLESS_MAIN(TestRepositoryGolden)
#include "tst_repository_golden.moc"
