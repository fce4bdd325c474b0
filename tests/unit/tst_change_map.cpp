// SPDX-License-Identifier: GPL-3.0-or-later
#include "kmod/change_map.h"
#include "kmod/uapi/dormouse_format.h"

#include <QTest>

#include <random>
#include <set>
#include <vector>

namespace {

/// Exactly as many words as a map of so many bits has: a checker of memory
/// accesses sees every step beyond them.
using Words = std::vector<u64>;

Words emptyMap(u64 bits)
{
    return Words(change_map_words(bits), 0);
}

QByteArray encode(const Words& words, u64 bits)
{
    QByteArray out(qsizetype(change_map_max_encoded(bits)), '\x55');
    out.resize(qsizetype(change_map_encode(words.data(), bits, out.data())));
    return out;
}

int decode(Words& words, u64 bits, const QByteArray& bytes)
{
    // A copy of exactly that size, for the same reason.
    const std::vector<char> exact(bytes.begin(), bytes.end());
    return change_map_decode(words.data(), bits, exact.data(), exact.size());
}

QByteArray numbers(std::initializer_list<u32> values)
{
    QByteArray bytes;
    for (const u32 value : values)
        for (int shift = 0; shift < 32; shift += 8)
            bytes.append(char(value >> shift));
    return bytes;
}

const std::vector<u64> sizes{1, 2, 63, 64, 65, 127, 128, 1000, 4096, 16385};

} // namespace

class TestChangeMap : public QObject
{
    Q_OBJECT

private slots:
    void rangesAndSearchesAgreeWithASet()
    {
        std::mt19937 random(1);
        for (const u64 bits : sizes) {
            for (int round = 0; round < 20; ++round) {
                Words words = emptyMap(bits);
                std::set<u64> model;
                for (u64 range = random() % 8; range > 0; --range) {
                    const u64 first = random() % bits;
                    const u64 count = random() % (bits - first + 1);
                    change_map_set_range(words.data(), first, count);
                    for (u64 bit = first; bit < first + count; ++bit)
                        model.insert(bit);
                }
                QCOMPARE(change_map_count(words.data(), bits), u64(model.size()));
                for (u64 bit = 0; bit < bits; ++bit)
                    QCOMPARE(change_map_test(words.data(), bit), model.contains(bit));
                for (int probe = 0; probe < 50; ++probe) {
                    const u64 from = random() % (bits + 1);
                    const auto set = model.lower_bound(from);
                    QCOMPARE(change_map_next_set(words.data(), bits, from),
                             set == model.end() ? bits : *set);
                    u64 clear = from;
                    while (clear < bits && model.contains(clear))
                        ++clear;
                    QCOMPARE(change_map_next_clear(words.data(), bits, from), clear);
                }
            }
        }
    }

    void mergingIsUnion()
    {
        Words a = emptyMap(200), b = emptyMap(200);
        change_map_set_range(a.data(), 0, 70);
        change_map_set_range(b.data(), 60, 140);
        change_map_merge(a.data(), b.data(), 200);
        QCOMPARE(change_map_count(a.data(), 200), u64(200));
    }

    void roundTripsSparseAndDenseMaps()
    {
        std::mt19937 random(2);
        for (const u64 bits : sizes) {
            for (int density = 1; density <= 64; density *= 2) {
                Words words = emptyMap(bits);
                for (u64 bit = 0; bit < bits; ++bit)
                    if (random() % 64 < unsigned(density))
                        change_map_set_range(words.data(), bit, 1);
                const QByteArray bytes = encode(words, bits);
                QVERIFY(u64(bytes.size()) <= change_map_max_encoded(bits));
                Words decoded = emptyMap(bits);
                QCOMPARE(decode(decoded, bits, bytes), 0);
                QCOMPARE(decoded, words);
            }
        }
    }

    void choosesTheShorterForm()
    {
        Words words = emptyMap(64 * 100);
        change_map_set_range(words.data(), 5, 6000);
        QCOMPARE(encode(words, 6400), numbers({DORMOUSE_MAP_RUNS, 1, 5, 6000}));
        for (u64 bit = 0; bit < 6400; bit += 2)
            change_map_set_range(words.data(), bit, 1);
        Words every = emptyMap(6400);
        for (u64 bit = 0; bit < 6400; bit += 2)
            change_map_set_range(every.data(), bit, 1);
        QCOMPARE(encode(every, 6400).size(), qsizetype(8 + 100 * 8));
    }

    void keepsItsGoldenBytes()
    {
        Words runs = emptyMap(1000);
        change_map_set_range(runs.data(), 0, 1);
        change_map_set_range(runs.data(), 64, 10);
        change_map_set_range(runs.data(), 999, 1);
        QCOMPARE(encode(runs, 1000).toHex(), QByteArray("00000000"
                                                        "03000000"
                                                        "0000000001000000"
                                                        "400000000a000000"
                                                        "e703000001000000"));
        Words dense = emptyMap(70);
        for (u64 bit = 1; bit < 70; bit += 2)
            change_map_set_range(dense.data(), bit, 1);
        QCOMPARE(encode(dense, 70).toHex(), QByteArray("01000000"
                                                       "02000000"
                                                       "aaaaaaaaaaaaaaaa"
                                                       "2a00000000000000"));
        QCOMPARE(encode(emptyMap(70), 70).toHex(), QByteArray("0000000000000000"));
    }

    void decodingAddsToWhatIsThere()
    {
        Words words = emptyMap(100);
        change_map_set_range(words.data(), 50, 1);
        QCOMPARE(decode(words, 100, numbers({DORMOUSE_MAP_RUNS, 1, 10, 2})), 0);
        QCOMPARE(change_map_count(words.data(), 100), u64(3));
    }

    void everyTruncationIsRefused()
    {
        for (const bool dense : {false, true}) {
            Words words = emptyMap(500);
            for (u64 bit = 0; bit < 500; bit += dense ? 2 : 100)
                change_map_set_range(words.data(), bit, 1);
            const QByteArray bytes = encode(words, 500);
            for (qsizetype length = 0; length < bytes.size(); ++length) {
                Words decoded = emptyMap(500);
                QCOMPARE(decode(decoded, 500, bytes.left(length)), -EINVAL);
            }
            Words decoded = emptyMap(500);
            QCOMPARE(decode(decoded, 500, bytes + QByteArray(8, '\0')), -EINVAL);
        }
    }

    void flippedBitsNeverLeaveTheMap()
    {
        // Without a checksum of its own a flipped bit may decode; it must then
        // still be a map of this size.
        Words words = emptyMap(500);
        for (u64 bit = 0; bit < 500; bit += 50)
            change_map_set_range(words.data(), bit, 20);
        QByteArray bytes = encode(words, 500);
        for (qsizetype bit = 0; bit < bytes.size() * 8; ++bit) {
            bytes[bit / 8] = char(bytes[bit / 8] ^ (1 << bit % 8));
            Words decoded = emptyMap(500);
            if (decode(decoded, 500, bytes) == 0) {
                QCOMPARE(decoded.back() >> (500 % 64), u64(0));
            }
            bytes[bit / 8] = char(bytes[bit / 8] ^ (1 << bit % 8));
        }
    }

    void refusesWhatTheEncoderNeverWrites_data()
    {
        QTest::addColumn<QByteArray>("bytes");
        const auto runs = u32(DORMOUSE_MAP_RUNS), form1 = u32(DORMOUSE_MAP_WORDS);
        QTest::newRow("unknown form") << numbers({2, 0});
        QTest::newRow("empty run") << numbers({runs, 1, 5, 0});
        QTest::newRow("beyond the end") << numbers({runs, 1, 99, 2});
        QTest::newRow("start beyond the end") << numbers({runs, 1, 100, 1});
        QTest::newRow("wrapping run") << numbers({runs, 1, 1, 0xffffffff});
        QTest::newRow("overlapping") << numbers({runs, 2, 1, 5, 5, 1});
        QTest::newRow("touching") << numbers({runs, 2, 1, 5, 6, 1});
        QTest::newRow("descending") << numbers({runs, 2, 50, 5, 1, 1});
        QTest::newRow("count too large") << numbers({runs, 0xffffffff, 1, 1});
        QTest::newRow("count wraps to the length") << numbers({runs, 0x20000001, 1, 1});
        QTest::newRow("words missing") << numbers({form1, 1, 1, 0});
        QTest::newRow("words too many") << numbers({form1, 3, 1, 0, 1, 0, 1, 0});
        QTest::newRow("bits beyond the end") << numbers({form1, 2, 1, 0, 0, 1u << 4});
    }
    void refusesWhatTheEncoderNeverWrites()
    {
        QFETCH(QByteArray, bytes);
        Words words = emptyMap(100);
        QCOMPARE(decode(words, 100, bytes), -EINVAL);
    }
};

QTEST_GUILESS_MAIN(TestChangeMap)
#include "tst_change_map.moc"
