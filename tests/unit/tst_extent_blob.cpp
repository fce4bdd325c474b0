// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/base/coding.h"
#include "helper/catalog/extent_blob.h"

#include <QTest>

#include <random>

using namespace dormouse;

class TestExtentBlob : public QObject
{
    Q_OBJECT

private slots:
    void roundTrips_data()
    {
        QTest::addColumn<int>("unitBytes");
        QTest::newRow("bytes") << 1;
        QTest::newRow("sectors") << 512;
        QTest::newRow("granules") << 65536;
    }
    void roundTrips()
    {
        QFETCH(int, unitBytes);
        std::mt19937_64 random(3);
        for (int round = 0; round < 200; ++round) {
            ExtentList extents;
            const auto count = random() % 50;
            for (std::uint64_t i = 0; i < count; ++i)
                extents.push_back({random() % (1ull << 30) * std::uint64_t(unitBytes),
                                   random() % 1000 * std::uint64_t(unitBytes)});
            extents = mergeExtents(extents);
            const auto decoded = decodeExtents(encodeExtents(extents));
            QVERIFY(decoded);
            QCOMPARE(*decoded, extents);
        }
    }

    void keepsItsGoldenBytes()
    {
        const ExtentList extents{{0, 65536}, {10 * 65536, 3 * 65536}, {1000 * 65536, 65536}};
        QCOMPARE(QString::fromStdString(toHex(encodeExtents(extents))),
                 QStringLiteral("011000010903db0701a20f50dd"));
    }

    void reachesTheEndOfTheLargestVolume()
    {
        const ExtentList extents{{0, 1}, {~std::uint64_t(0) - 4, 4}};
        QCOMPARE(*decodeExtents(encodeExtents(extents)), extents);
    }

    void aGranuleMapStaysSmall()
    {
        ExtentList extents; // every other granule of 16 GiB
        for (std::uint64_t granule = 0; granule < 262144; granule += 2)
            extents.push_back({granule * 65536, 65536});
        QVERIFY(encodeExtents(extents).size() <= extents.size() * 2 + 16);
    }

    void everyTruncationIsFound()
    {
        const auto blob = encodeExtents({{512, 1024}, {8192, 512}, {1 << 20, 4096}});
        for (std::size_t length = 0; length < blob.size(); ++length)
            QVERIFY(!decodeExtents(ByteView(blob).first(length)));
    }

    void everyFlippedBitIsFound()
    {
        auto blob = encodeExtents({{512, 1024}, {8192, 512}, {1 << 20, 4096}});
        for (std::size_t bit = 0; bit < blob.size() * 8; ++bit) {
            blob[bit / 8] ^= std::uint8_t(1 << bit % 8);
            QVERIFY(!decodeExtents(blob));
            blob[bit / 8] ^= std::uint8_t(1 << bit % 8);
        }
        QVERIFY(decodeExtents(blob));
    }
};

QTEST_GUILESS_MAIN(TestExtentBlob)
#include "tst_extent_blob.moc"
