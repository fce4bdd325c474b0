// SPDX-License-Identifier: GPL-3.0-or-later
#include "kmod/record_codec.h"

#include <QFile>
#include <QTest>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <vector>

namespace {

using Bytes = std::vector<u8>;
using Extents = std::vector<store_extent>;

constexpr u64 volumeBytes = 1ull << 30;
constexpr u64 block = DORMOUSE_STORE_BLOCK;

QByteArray golden(const char* name)
{
    QFile file(QStringLiteral(DORMOUSE_GOLDEN_DIR "/store/%1").arg(QLatin1String(name)));
    return file.open(QFile::ReadOnly) ? QByteArray::fromHex(file.readAll().simplified())
                                      : QByteArray();
}

Extents sampleExtents()
{
    return {{1 << 20, 4 << 20, 0}, {512 << 20, 8 << 20, 5}, {64 << 20, 4 << 20, 0}};
}

/// Where a block of the store lies on the volume.
u64 placeOf(const Extents& extents, u64 storeBlock)
{
    for (const store_extent& extent : extents) {
        if (storeBlock < extent.length / block)
            return extent.offset + storeBlock * block;
        storeBlock -= extent.length / block;
    }
    qFatal("beyond the store");
}

store_super sampleSuper(const Extents& extents)
{
    store_super super{};
    for (u8 i = 0; i < 16; ++i) {
        super.volume_id[i] = u8(0x10 + i);
        super.store_id[i] = u8(0xa0 + i);
    }
    super.generation = 0x1122334455667788;
    super.incarnation = 3;
    super.fs = 1;
    super.volume_bytes = volumeBytes;
    super.nr_extents = u32(extents.size());
    u64 storeBytes = 0;
    for (const store_extent& extent : extents)
        storeBytes += extent.length;
    if (super_layout(&super, storeBytes / block, 0) != 0)
        qFatal("no layout");
    super.checkpoint_block = 17;
    super.checkpoint_prev_crc = 0xdeadbeef;
    super.checkpoint_sequence = 99;
    super.undo_base = 7;
    return super;
}

Bytes pack(const store_super& super, const Extents& extents)
{
    Bytes copy(DORMOUSE_SUPER_BYTES, 0x55);
    super_pack(&super, extents.data(), copy.data());
    return copy;
}

int unpack(const Bytes& copy)
{
    store_super super{};
    Extents extents(DORMOUSE_SUPER_MAX_EXTENTS);
    return super_unpack(copy.data(), &super, extents.data());
}

/// Puts a value into a packed superblock and makes its CRC right again, as
/// someone would who wants to be believed.
template <typename T> Bytes forged(Bytes copy, std::size_t at, T value)
{
    std::copy_n(reinterpret_cast<const u8*>(&value), sizeof value, copy.begin() + long(at));
    std::fill_n(copy.begin() + offsetof(dormouse_disk_super, crc), 4, u8(0));
    const u32 crc = dormouse_crc32c(0, copy.data(), copy.size());
    std::copy_n(reinterpret_cast<const u8*>(&crc), 4,
                copy.begin() + offsetof(dormouse_disk_super, crc));
    return copy;
}

store_record sampleRecord()
{
    store_record record{};
    record.type = DORMOUSE_RECORD_UNDO;
    for (u8 i = 0; i < 16; ++i)
        record.store_id[i] = u8(0xa0 + i);
    record.incarnation = 3;
    record.sequence = 0x0102030405060708;
    record.epoch = 12;
    record.payload_bytes = 5000;
    record.payload_sum = 0xcafef00d;
    record.prev_crc = 0xdeadbeef;
    return record;
}

} // namespace

class TestRecordCodec : public QObject
{
    Q_OBJECT

private slots:
    void crcIsTheStandardOne()
    {
        QCOMPARE(dormouse_crc32c(0, "123456789", 9), 0xe3069283u); // RFC 3720's check value
        QCOMPARE(dormouse_crc32c(dormouse_crc32c(0, "1234", 4), "56789", 5), 0xe3069283u);
        QCOMPARE(dormouse_crc32c(0, "", 0), 0u);
    }

    void superblocksRoundTrip()
    {
        const Extents extents = sampleExtents();
        const store_super super = sampleSuper(extents);
        const Bytes copy = pack(super, extents);
        store_super read{};
        Extents readExtents(DORMOUSE_SUPER_MAX_EXTENTS);
        QCOMPARE(super_unpack(copy.data(), &read, readExtents.data()), 0);
        QVERIFY(std::equal(read.volume_id, read.volume_id + 16, super.volume_id));
        QVERIFY(std::equal(read.store_id, read.store_id + 16, super.store_id));
        QCOMPARE(read.generation, super.generation);
        QCOMPARE(read.incarnation, super.incarnation);
        QCOMPARE(read.fs, super.fs);
        QCOMPARE(read.volume_bytes, super.volume_bytes);
        QCOMPARE(read.nr_extents, super.nr_extents);
        QCOMPARE(read.journal_start, super.journal_start);
        QCOMPARE(read.journal_blocks, super.journal_blocks);
        QCOMPARE(read.undo_start, super.undo_start);
        QCOMPARE(read.undo_blocks, super.undo_blocks);
        QCOMPARE(read.checkpoint_block, super.checkpoint_block);
        QCOMPARE(read.checkpoint_prev_crc, super.checkpoint_prev_crc);
        QCOMPARE(read.checkpoint_sequence, super.checkpoint_sequence);
        QCOMPARE(read.undo_base, super.undo_base);
        for (std::size_t i = 0; i < extents.size(); ++i) {
            QCOMPARE(readExtents[i].offset, extents[i].offset);
            QCOMPARE(readExtents[i].length, extents[i].length);
            QCOMPARE(readExtents[i].since, extents[i].since);
        }
    }

    /// The ring is filled, emptied and grown at random; whatever lives in it stays where
    /// it was, and every block of the new room can be used at once.
    void aStoreThatGrowsMovesNothing_data()
    {
        QTest::addColumn<uint>("seed");
        for (uint seed = 1; seed <= 40; ++seed)
            QTest::addRow("seed %u", seed) << seed;
    }
    void aStoreThatGrowsMovesNothing()
    {
        QFETCH(uint, seed);
        std::mt19937 random(seed);
        Extents extents = sampleExtents();
        store_super super = sampleSuper(extents);
        super.undo_base = random() % super.undo_blocks;
        extents.resize(DORMOUSE_SUPER_MAX_EXTENTS);
        std::map<u64, u64> live; // position -> place
        u64 head = random(), freeBytes = 100 << 20;
        const u64 last = placeOf(extents, u64(super.undo_start) + super.undo_blocks);
        for (int step = 0; step < 400; ++step) {
            const auto dice = random() % 10;
            if (dice < 5) { // a record, whole in the ring
                const u32 blocks = 1 + random() % 257;
                u64 at = head;
                if (super_undo_block(&super, at) + blocks > super.undo_blocks)
                    at = super_undo_lap(&super, at);
                const u64 tail = live.empty() ? head : live.begin()->first;
                if (at + blocks - tail > super.undo_blocks)
                    continue;
                for (u64 i = 0; i < blocks; ++i)
                    live[at + i] =
                        placeOf(extents, super.undo_start + super_undo_block(&super, at + i));
                head = at + blocks;
            } else if (dice < 9) { // the oldest go
                for (auto nr = random() % 300; nr > 0 && !live.empty(); --nr)
                    live.erase(live.begin());
            } else {
                Extents more;
                u64 blocks = 0;
                for (auto nr = 1 + random() % 3; nr > 0; --nr) {
                    const u64 length = (1 + random() % 300) * block;
                    more.push_back({freeBytes, length, 9});
                    freeBytes += length + (random() % 2) * block;
                    blocks += length / block;
                }
                const u32 before = super.undo_blocks;
                QCOMPARE(super_grow(&super, extents.data(), head, more.data(), u32(more.size())), 0);
                QCOMPARE(super.undo_blocks, before + blocks);
                for (const auto& [position, place] : live)
                    QCOMPARE(placeOf(extents, super.undo_start +
                                                  super_undo_block(&super, position)),
                             place);
                // The next record begins in the new ground, and no lap is cut short.
                QCOMPARE(placeOf(extents, super.undo_start + super_undo_block(&super, head)),
                         more[0].offset);
                QCOMPARE(super_undo_block(&super, super_undo_lap(&super, head)), 0u);
                // The journal and both superblocks stay.
                for (u64 b = 0; b < super.undo_start; b += 16)
                    QCOMPARE(placeOf(extents, b), placeOf(sampleExtents(), b));
                QCOMPARE(placeOf(extents, u64(super.undo_start) + super.undo_blocks), last);
                const Bytes copy = pack(super, extents);
                QCOMPARE(unpack(copy), 0);
            }
            // No place serves two positions.
            std::set<u64> places;
            for (const auto& [position, place] : live)
                QVERIFY(places.insert(place).second);
        }
        QVERIFY(super.undo_blocks > 3807);
    }

    void whatAStoreCannotGrowByIsRefused()
    {
        Extents extents = sampleExtents();
        const store_super super = sampleSuper(extents);
        extents.resize(DORMOUSE_SUPER_MAX_EXTENTS);
        const auto grown = [&](const Extents& more) {
            Extents table = extents;
            store_super copy = super;
            const int result =
                super_grow(&copy, table.data(), 100, more.data(), u32(more.size()));
            if (result != 0 && (copy.undo_blocks != super.undo_blocks ||
                                copy.nr_extents != super.nr_extents))
                qFatal("a refusal changed something");
            return result;
        };
        QCOMPARE(grown({{100 << 20, block, 0}}), 0);
        QCOMPARE(grown({}), -EINVAL);
        QCOMPARE(grown({{100 << 20, 0, 0}}), -EINVAL);
        QCOMPARE(grown({{(100 << 20) + 512, block, 0}}), -EINVAL);
        QCOMPARE(grown({{100 << 20, block + 512, 0}}), -EINVAL);
        QCOMPARE(grown({{volumeBytes, block, 0}}), -EINVAL);
        QCOMPARE(grown({{100 << 20, ~0ull - block + 1, 0}}), -EINVAL);
        QCOMPARE(grown({{~0ull - block + 1, block, 0}}), -EINVAL);
        QCOMPARE(grown({{(5 << 20) - block, block, 0}}), -EINVAL); // the store's last block there
        QCOMPARE(grown({{100 << 20, 2 * block, 0}, {(100 << 20) + block, block, 0}}), -EINVAL);
        Extents many;
        for (u64 i = 0; i < DORMOUSE_SUPER_MAX_EXTENTS - 4; ++i)
            many.push_back({(100 << 20) + i * 2 * block, block, 0});
        QCOMPARE(grown(many), 0); // with the one that is cut, they are as many as fit
        many.push_back({900 << 20, block, 0});
        QCOMPARE(grown(many), -ENOSPC);
    }

    void theLargestExtentTableFits()
    {
        Extents extents;
        for (u64 i = 0; i < DORMOUSE_SUPER_MAX_EXTENTS; ++i)
            extents.push_back({i * 8 * block, 4 * block, i});
        QCOMPARE(unpack(pack(sampleSuper(extents), extents)), 0);
    }

    void superblocksKeepTheirGoldenBytes()
    {
        const Extents extents = sampleExtents();
        store_super super = sampleSuper(extents);
        super.journal_blocks = 281; // how a store is divided may change, its bytes may not
        super.undo_start = 285;
        super.undo_blocks = 3807;
        const Bytes copy = pack(super, extents);
        QCOMPARE(unpack(copy), 0);
        const QByteArray expected = golden("super.hex");
        QVERIFY(!expected.isEmpty());
        // The head of the first block and of the extent table; the rest is zeros.
        QCOMPARE(QByteArray(reinterpret_cast<const char*>(copy.data()), 128).toHex(),
                 expected.left(128).toHex());
        QCOMPARE(QByteArray(reinterpret_cast<const char*>(copy.data() + block), 72).toHex(),
                 expected.mid(128, 72).toHex());
        QVERIFY(std::all_of(copy.begin() + 128, copy.begin() + block, [](u8 b) { return b == 0; }));
        QVERIFY(std::all_of(copy.begin() + block + 72, copy.end(), [](u8 b) { return b == 0; }));
    }

    void aStoreOnAnotherDeviceKeepsItsGoldenBytes()
    {
        // Beyond the volume's end, which is not the device's.
        const Extents extents{{volumeBytes + (1 << 20), 16 << 20, 0}};
        store_super super = sampleSuper(extents);
        super.journal_blocks = 281;
        super.undo_start = 285;
        super.undo_blocks = 3807;
        QCOMPARE(unpack(pack(super, extents)), -EUCLEAN);
        super.external = true;
        super.ground_bytes = volumeBytes + (17 << 20);
        for (u8 i = 0; i < 16; ++i)
            super.ground_id[i] = u8(0xc0 + i);
        const Bytes copy = pack(super, extents);
        store_super read{};
        Extents table(DORMOUSE_SUPER_MAX_EXTENTS);
        QCOMPARE(super_unpack(copy.data(), &read, table.data()), 0);
        QVERIFY(read.external && !super_is_bare(&read));
        QCOMPARE(read.ground_bytes, super.ground_bytes);
        QVERIFY(std::equal(std::begin(read.ground_id), std::end(read.ground_id), super.ground_id));
        const QByteArray expected = golden("super_external.hex");
        QVERIFY(!expected.isEmpty());
        QCOMPARE(QByteArray(reinterpret_cast<const char*>(copy.data()), 160).toHex(),
                 expected.left(160).toHex());
        QCOMPARE(QByteArray(reinterpret_cast<const char*>(copy.data() + block), 24).toHex(),
                 expected.mid(160, 24).toHex());
        super.ground_bytes -= block;
        QCOMPARE(unpack(pack(super, extents)), -EUCLEAN);
        std::fill(std::begin(super.ground_id), std::end(super.ground_id), u8(0));
        QVERIFY(super_is_bare(&super));
    }

    void everyFlippedBitOfASuperblockIsFound()
    {
        const Extents extents = sampleExtents();
        Bytes copy = pack(sampleSuper(extents), extents);
        // Every bit that means something, and some of the padding.
        for (std::size_t bit = 0; bit < copy.size() * 8; bit += bit < 256 * 8          ? 1
                                                                : bit / 8 % block < 72 ? 1
                                                                                       : 509) {
            copy[bit / 8] ^= u8(1 << bit % 8);
            QVERIFY(unpack(copy) < 0);
            copy[bit / 8] ^= u8(1 << bit % 8);
        }
        QCOMPARE(unpack(copy), 0);
    }

    void everyTornWriteOfASuperblockIsFound()
    {
        const Extents extents = sampleExtents();
        const Bytes before(DORMOUSE_SUPER_BYTES, 0);
        store_super super = sampleSuper(extents);
        const Bytes old = pack(super, extents);
        super.generation++;
        super.checkpoint_block++;
        const Bytes next = pack(super, extents);
        for (std::size_t torn = 512; torn < next.size(); torn += 512) {
            Bytes copy = before;
            std::copy_n(next.begin(), long(torn), copy.begin());
            // Behind the last byte that is not zero, a torn copy is a whole one.
            QCOMPARE(unpack(copy), torn > block ? 0 : -EUCLEAN);
            copy = old;
            std::copy_n(next.begin(), long(torn), copy.begin());
            QCOMPARE(unpack(copy), 0); // all that differs lies in the first sector
        }
    }

    void aNewerFormatIsRefusedAsSuch()
    {
        const Extents extents = sampleExtents();
        const Bytes copy = pack(sampleSuper(extents), extents);
        QCOMPARE(unpack(forged(copy, offsetof(dormouse_disk_super, version), u32(2))), -EOPNOTSUPP);
        QCOMPARE(unpack(forged(copy, offsetof(dormouse_disk_super, incompatible), u32(2))),
                 -EOPNOTSUPP);
        QCOMPARE(unpack(Bytes(DORMOUSE_SUPER_BYTES, 0)), -EINVAL);
    }

    void forgedSuperblocksAreRefused_data()
    {
        QTest::addColumn<qulonglong>("at");
        QTest::addColumn<qulonglong>("value");
        QTest::addColumn<int>("valueBytes");
        const auto row = [](const char* name, std::size_t at, u64 value, int bytes) {
            QTest::newRow(name) << qulonglong(at) << qulonglong(value) << bytes;
        };
        const auto super = [](std::size_t at) { return at; };
        const auto extent = [](u64 i, std::size_t at) { return block + i * 24 + at; };
        row("no extents", super(offsetof(dormouse_disk_super, nr_extents)), 0, 4);
        row("too many extents", super(offsetof(dormouse_disk_super, nr_extents)), 513, 4);
        row("as many as fit a number", super(offsetof(dormouse_disk_super, nr_extents)), ~0u, 4);
        row("extents beyond the volume", super(offsetof(dormouse_disk_super, volume_bytes)),
            2 << 20, 8);
        row("journal elsewhere", super(offsetof(dormouse_disk_super, journal_start)), 5, 4);
        row("no journal", super(offsetof(dormouse_disk_super, journal_blocks)), 0, 4);
        row("no undo ring", super(offsetof(dormouse_disk_super, undo_blocks)), 0, 4);
        row("undo ring elsewhere", super(offsetof(dormouse_disk_super, undo_start)), 7, 4);
        row("undo ring begins outside", super(offsetof(dormouse_disk_super, undo_base)), ~0u, 4);
        row("undo ring too long", super(offsetof(dormouse_disk_super, undo_blocks)), ~0u, 4);
        row("checkpoint outside", super(offsetof(dormouse_disk_super, checkpoint_block)), ~0u, 4);
        row("extent unaligned", extent(0, 0), (1 << 20) + 512, 8);
        row("extent empty", extent(1, 8), 0, 8);
        row("extent wraps", extent(1, 8), ~0ull - block + 1, 8);
        row("extent starts far out", extent(1, 0), ~0ull - block + 1, 8);
        row("extents overlap", extent(2, 0), 512 << 20, 8);
    }
    void forgedSuperblocksAreRefused()
    {
        QFETCH(qulonglong, at);
        QFETCH(qulonglong, value);
        QFETCH(int, valueBytes);
        const Extents extents = sampleExtents();
        const Bytes copy = pack(sampleSuper(extents), extents);
        QCOMPARE(
            unpack(valueBytes == 8 ? forged(copy, at, u64(value)) : forged(copy, at, u32(value))),
            -EUCLEAN);
    }

    void anExtentTooShortForASuperblockIsRefused()
    {
        const Extents extents{{0, 2 * block, 0}, {1 << 20, 16 << 20, 0}};
        QCOMPARE(unpack(pack(sampleSuper(extents), extents)), -EUCLEAN);
    }

    void layoutsCoverTheStore()
    {
        std::mt19937_64 random(6);
        for (int round = 0; round < 2000; ++round) {
            store_super super{};
            super.volume_bytes = (1 + random() % (1ull << 34)) * 512;
            const u64 blocks = random() % (1ull << (10 + random() % 24));
            const u64 journal = random() % 3 == 0 ? random() % (64 << 20) : 0;
            const int laid = super_layout(&super, blocks, journal);
            if (blocks * block < DORMOUSE_STORE_MIN_BYTES || blocks > 0xffffffff)
                QCOMPARE(laid, -ENOSPC);
            if (laid != 0) {
                QCOMPARE(laid, -ENOSPC);
                continue;
            }
            QCOMPARE(super.journal_start, DORMOUSE_SUPER_BLOCKS);
            QVERIFY(super.journal_blocks * block >= DORMOUSE_JOURNAL_MIN_BYTES);
            QVERIFY(super.journal_blocks * block >= journal);
            QCOMPARE(super.undo_start, super.journal_start + super.journal_blocks);
            QCOMPARE(u64(super.undo_start) + super.undo_blocks + DORMOUSE_SUPER_BLOCKS, blocks);
        }
    }

    void recordsRoundTrip()
    {
        store_record record = sampleRecord();
        Bytes header(DORMOUSE_RECORD_HEADER_BYTES, 0x55);
        record_pack(&record, header.data());
        store_record read{};
        QCOMPARE(record_unpack(header.data(), &read), 0);
        QCOMPARE(read.type, record.type);
        QVERIFY(std::equal(read.store_id, read.store_id + 16, record.store_id));
        QCOMPARE(read.incarnation, record.incarnation);
        QCOMPARE(read.sequence, record.sequence);
        QCOMPARE(read.epoch, record.epoch);
        QCOMPARE(read.payload_bytes, record.payload_bytes);
        QCOMPARE(read.payload_sum, record.payload_sum);
        QCOMPARE(read.prev_crc, record.prev_crc);
        QCOMPARE(read.header_crc, record.header_crc);
    }

    void flagsAreOfTheirTypeOnly()
    {
        store_record record = sampleRecord();
        record.flags = DORMOUSE_RECORD_UNSUMMED;
        Bytes header(DORMOUSE_RECORD_HEADER_BYTES);
        record_pack(&record, header.data());
        store_record read{};
        QCOMPARE(record_unpack(header.data(), &read), 0);
        QCOMPARE(read.flags, u16(DORMOUSE_RECORD_UNSUMMED));
        record.flags = 2; // of a later version
        record_pack(&record, header.data());
        QVERIFY(record_unpack(header.data(), &read) != 0);
        record.flags = DORMOUSE_RECORD_UNSUMMED;
        record.type = DORMOUSE_RECORD_MAP;
        record_pack(&record, header.data());
        QVERIFY(record_unpack(header.data(), &read) != 0);
    }

    // Vectors: RFC 3720 B.4's polynomial on "123456789"; xxHash's own for "abc".
    void payloadsAreSummedAsTheirTypeSays()
    {
        store_record record{};
        record.type = DORMOUSE_RECORD_INTENT;
        record.payload_bytes = 9;
        QCOMPARE(record_sum(&record, "123456789"), u32(0xe3069283));
        record.type = DORMOUSE_RECORD_UNDO;
        record.payload_bytes = 3;
        QCOMPARE(record_sum(&record, "abc"), u32(0xad770999));
        record.flags = DORMOUSE_RECORD_UNSUMMED;
        QCOMPARE(record_sum(&record, "abc"), u32(0));
    }

    void recordsKeepTheirGoldenBytes()
    {
        store_record record = sampleRecord();
        Bytes header(DORMOUSE_RECORD_HEADER_BYTES);
        record_pack(&record, header.data());
        const QByteArray expected = golden("record.hex");
        QVERIFY(!expected.isEmpty());
        QCOMPARE(QByteArray(reinterpret_cast<const char*>(header.data()), 64).toHex(),
                 expected.toHex());
    }

    void everyFlippedBitOfARecordHeaderIsFound()
    {
        store_record record = sampleRecord();
        Bytes header(DORMOUSE_RECORD_HEADER_BYTES);
        record_pack(&record, header.data());
        for (std::size_t bit = 0; bit < header.size() * 8; ++bit) {
            header[bit / 8] ^= u8(1 << bit % 8);
            store_record read{};
            QVERIFY(record_unpack(header.data(), &read) < 0);
            header[bit / 8] ^= u8(1 << bit % 8);
        }
    }

    void everyTruncationOfARecordHeaderIsFound()
    {
        store_record record = sampleRecord();
        Bytes header(DORMOUSE_RECORD_HEADER_BYTES);
        record_pack(&record, header.data());
        for (std::size_t length = 0; length < header.size(); ++length) {
            Bytes torn(header.size(), 0);
            std::copy_n(header.begin(), long(length), torn.begin());
            store_record read{};
            QVERIFY(record_unpack(torn.data(), &read) < 0);
        }
    }

    void recordsTakeWholeBlocks()
    {
        QCOMPARE(record_blocks(0), 1u);
        QCOMPARE(record_blocks(4096 - 64), 1u);
        QCOMPARE(record_blocks(4096 - 63), 2u);
        QCOMPARE(record_blocks(0xffffffff), 0x100001u);
    }

    void digestsTellContentsApart()
    {
        // FNV-1a's published value for "foobar".
        QCOMPARE(sentinel_digest(SENTINEL_DIGEST_SEED, "foobar", 6), 0x85944171f73967e8ull);
        QCOMPARE(sentinel_digest(sentinel_digest(SENTINEL_DIGEST_SEED, "foo", 3), "bar", 3),
                 0x85944171f73967e8ull);
    }
};

QTEST_GUILESS_MAIN(TestRecordCodec)
#include "tst_record_codec.moc"
