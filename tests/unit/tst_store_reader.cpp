// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/snapshot/store_report.h"
#include "tests/unit/store_builder.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTemporaryDir>
#include <QTest>

#include <algorithm>
#include <map>
#include <numeric>
#include <random>
#include <set>

using namespace dormouse;
using namespace dormouse::test;

namespace {

constexpr std::uint64_t granule = DORMOUSE_GRANULE_BYTES;
constexpr std::uint64_t region = DORMOUSE_REGION_BYTES;

} // namespace

class TestStoreReader : public QObject
{
    Q_OBJECT

    QTemporaryDir m_folder;

    Result<StoreReader> tryRead(const StoreBuilder& store)
    {
        const QString path = m_folder.filePath("volume.img");
        store.save(path);
        auto source = StoreSource::open(path.toStdString());
        if (!source)
            return tl::make_unexpected(source.error());
        // Said where, for speed; finding it by searching has its own test.
        return StoreReader::open(std::move(*source),
                                 {store.place(0), store.place(store.super.undo_start + store.super.undo_blocks)});
    }

    StoreReader read(const StoreBuilder& store)
    {
        auto reader = tryRead(store);
        if (!reader)
            qFatal("%s", reader.error().message.c_str());
        return std::move(*reader);
    }

    static Result<Bytes> imageOf(const StoreReader& reader, std::uint64_t epoch,
                                 bool isForced = false)
    {
        Bytes image;
        auto done = reader.reconstruct(epoch, isForced,
                                       [&](std::uint64_t at, ByteView bytes) -> Result<void> {
                                           if (at != image.size())
                                               qFatal("the image has a gap");
                                           image.insert(image.end(), bytes.begin(), bytes.end());
                                           return {};
                                       });
        if (!done)
            return tl::make_unexpected(done.error());
        return image;
    }

    /// Ignoring what is said about age or number of superblock copies.
    static QString findings(const StoreReader& reader)
    {
        QString all;
        for (const StoreFinding& finding : reader.findings())
            all += QString::fromStdString((finding.isDamage ? "DAMAGE " : "note ") +
                                          finding.sentence + "\n");
        return all;
    }

private slots:
    void aFreshStoreIsSound()
    {
        const StoreBuilder store;
        const StoreReader reader = read(store);
        QCOMPARE(findings(reader), QString());
        QCOMPARE(reader.journal().size(), 1u);
        QCOMPARE(reader.state().openEpoch, 1u);
        QVERIFY(!reader.isSealed());
        QCOMPARE(*reader.changes(1), ExtentList{});
        QCOMPARE(reader.volumeId().hex(), std::string("101112131415161718191a1b1c1d1e1f"));
    }

    void theStoreIsFoundBySearching()
    {
        const StoreBuilder store;
        const QString path = m_folder.filePath("disk.img");
        store.save(path);
        auto reader = StoreReader::open(*StoreSource::open(path.toStdString()));
        QVERIFY(reader);
        QCOMPARE(reader->superCopies().size(), 2u);

        // The same volume as a partition of a disk.
        QFile file(path);
        QVERIFY(file.open(QFile::ReadOnly));
        const QByteArray volume = file.readAll();
        QFile disk(m_folder.filePath("partitioned.img"));
        QVERIFY(disk.open(QFile::WriteOnly));
        disk.write(QByteArray(3 << 20, 'p') + volume + QByteArray(1 << 20, 'q'));
        disk.close();
        auto source =
            StoreSource::open(disk.fileName().toStdString(), 3 << 20, std::uint64_t(volume.size()));
        QVERIFY(source);
        QVERIFY(StoreReader::open(std::move(*source)));
    }

    void aVolumeWithoutAStoreSaysSo()
    {
        QFile file(m_folder.filePath("empty.img"));
        QVERIFY(file.open(QFile::WriteOnly) && file.resize(8 << 20));
        const auto reader = StoreReader::open(*StoreSource::open(file.fileName().toStdString()));
        QVERIFY(!reader);
        QCOMPARE(reader.error().code, Error::Code::NotFound);
    }

    void anImageCutShortIsRefused()
    {
        StoreBuilder store;
        store.disk.resize(60 << 20);
        const auto reader = tryRead(store);
        QVERIFY(!reader);
        QCOMPARE(reader.error().code, Error::Code::Corrupt);
    }

    void aMapIsExactWhenSealed()
    {
        StoreBuilder store;
        store.intent({2, 3});
        store.mark(2 * region, 1);
        store.mark(3 * region + granule, 2 * granule);
        store.seal();
        const StoreReader reader = read(store);
        QVERIFY(reader.isSealed());
        QCOMPARE(findings(reader), QString());
        QCOMPARE(*reader.changes(1),
                 (ExtentList{{2 * region, granule}, {3 * region + granule, 2 * granule}}));
    }

    void anUnsealedMapIncludesEveryRegionThatMayBeWritten()
    {
        StoreBuilder store;
        store.mark(5 * region, 100);
        store.intent({4});
        store.checkpoint(); // carries the intent of region 4
        store.intent({6, 7});
        const StoreReader reader = read(store);
        QVERIFY(!reader.isSealed());
        QCOMPARE(*reader.changes(1),
                 (ExtentList{{4 * region, region + granule}, {6 * region, 2 * region}}));
    }

    void aRegionAtTheVolumesEndIsCutOff()
    {
        StoreBuilder store; // 64 MiB and five sectors: the last region has one granule
        store.intent({16});
        const StoreReader reader = read(store);
        QCOMPARE(*reader.changes(1), (ExtentList{{64 << 20, 5 * 512}}));
    }

    void theStoresOwnExtentsAreNoChange()
    {
        StoreBuilder store;
        store.mark(0, 64 << 20);
        store.seal();
        const StoreReader reader = read(store);
        QCOMPARE(*reader.changes(1), subtractExtents({{0, 64 << 20}}, store.storeExtents()));
    }

    void closedEpochsKeepTheirMaps()
    {
        StoreBuilder store;
        store.mark(0, 1);
        store.beginEpoch();
        store.intent({6});
        const StoreReader reader = read(store);
        QCOMPARE(*reader.changes(1), (ExtentList{{0, granule}}));
        QCOMPARE(*reader.changes(2), (ExtentList{{6 * region, region}}));
        QCOMPARE(reader.changes(3).error().code, Error::Code::NotFound);
    }

    void voidAndAcknowledgedMapsAreNotGivenOut()
    {
        StoreBuilder store;
        store.epochs[0].flags = DORMOUSE_DISK_EPOCH_VOID;
        store.beginEpoch();
        store.epochs[1].flags = DORMOUSE_DISK_EPOCH_ACKED;
        store.epochs[1].map.clear();
        store.beginEpoch();
        const StoreReader reader = read(store);
        QCOMPARE(findings(reader), QString());
        QCOMPARE(reader.changes(1).error().code, Error::Code::Unverified);
        QCOMPARE(reader.changes(2).error().code, Error::Code::NotFound);
        QVERIFY(reader.changes(3));
    }

    void theJournalGoesRoundItsRing()
    {
        StoreBuilder store;
        for (int lap = 0; lap < 300; ++lap) {
            store.mark(std::uint64_t(lap % 500) * granule, 1);
            if (lap % 10 == 9)
                store.checkpoint();
            else
                store.intent({u32(lap % 17)});
        }
        const StoreReader reader = read(store);
        QCOMPARE(findings(reader), QString());
        QCOMPARE(reader.journal().back().header.sequence, store.journalSequence - 1);
    }

    void aTornLastRecordIsOrdinary()
    {
        StoreBuilder store;
        store.mark(7 * region, 1);
        store.intent({7});
        std::vector<u32> many(2000);
        for (u32 i = 0; i < many.size(); ++i)
            many[i] = 9;
        const std::uint32_t at = store.intent(many); // two blocks, of which one arrived
        const Bytes zeros(4096, 0);
        store.writeStore(store.super.journal_start + at + 1, zeros);
        const StoreReader reader = read(store);
        QVERIFY(!reader.isDamaged());
        QCOMPARE(findings(reader).count("note"), 1);
        QCOMPARE(*reader.changes(1), (ExtentList{{7 * region, region}}));
    }

    void aLostRecordBeforeOthersIsDamage()
    {
        StoreBuilder store;
        const std::uint32_t lost = store.intent({7});
        store.intent({8});
        store.disk[store.place(store.super.journal_start + lost) + 70] ^= 1;
        const StoreReader reader = read(store);
        QVERIFY(reader.isDamaged());
        QVERIFY(findings(reader).contains("changes may be missing"));
    }

    void recordsOfAnEarlierLapAreNotDamage()
    {
        StoreBuilder store;
        for (int lap = 0; lap < 100; ++lap)
            store.intent({u32(lap % 17)});
        store.checkpoint();
        QCOMPARE(findings(read(store)), QString());
    }

    void eitherSuperblockCopyIsEnough()
    {
        for (const std::uint64_t block : {0u, 4096u - DORMOUSE_SUPER_BLOCKS}) {
            StoreBuilder store;
            store.disk[store.place(block) + 50] ^= 1;
            const StoreReader reader = read(store);
            QCOMPARE(reader.superCopies().size(), 1u);
            QVERIFY(findings(reader).contains("superblock copy"));
        }
        StoreBuilder store;
        store.disk[store.place(0) + 50] ^= 1;
        store.disk[store.place(4096 - DORMOUSE_SUPER_BLOCKS) + 50] ^= 1;
        QVERIFY(!tryRead(store));
    }

    void theNewerSuperblockCopyCounts()
    {
        StoreBuilder store;
        const Bytes before = store.disk;
        store.checkpoint();
        store.mark(granule, 1);
        store.seal();
        // Copy B is still the old one.
        const auto b = long(store.place(4096 - DORMOUSE_SUPER_BLOCKS));
        std::copy_n(before.begin() + b, DORMOUSE_SUPER_BYTES, store.disk.begin() + b);
        const StoreReader reader = read(store);
        QCOMPARE(reader.super().generation, store.super.generation);
        QVERIFY(!reader.isDamaged());
        QCOMPARE(*reader.changes(1), (ExtentList{{granule, granule}}));
    }

    void snapshotsAreRebuiltToTheByte()
    {
        std::mt19937 random(12);
        StoreBuilder store;
        const ExtentList own = store.storeExtents();
        std::map<std::uint64_t, Bytes> references;
        std::vector<std::set<u32>> copied; // per epoch
        const auto snapshot = [&] {
            const std::uint64_t epoch = store.beginEpoch(true);
            references[epoch] = store.image();
            copied.emplace_back();
        };
        snapshot();
        for (int step = 0; step < 3000; ++step) {
            if (step % 200 == 199) {
                if (references.size() >= 3 || !store.undoFits(64 * 4)) {
                    store.dropSnapshot(references.begin()->first);
                    references.erase(references.begin());
                }
                store.checkpoint();
                snapshot();
            }
            const auto units = u32(store_nr_units(store.volumeBytes));
            std::set<u32> batch;
            for (auto count = 1 + random() % 4; count > 0; --count) {
                const u32 unit = random() % 3 == 0 ? units - 1 : u32(random() % 600);
                const Extent extent{std::uint64_t(unit) * DORMOUSE_UNIT_BYTES, DORMOUSE_UNIT_BYTES};
                if (subtractExtents({extent}, own) == ExtentList{extent})
                    batch.insert(unit);
            }
            std::vector<u32> fresh;
            for (const u32 unit : batch)
                if (copied.back().insert(unit).second)
                    fresh.push_back(unit);
            while (!fresh.empty() && !store.undoFits(fresh.size())) {
                QVERIFY(references.size() > 1);
                store.dropSnapshot(references.begin()->first);
                references.erase(references.begin());
                store.checkpoint();
            }
            if (!fresh.empty())
                store.undo(fresh);
            for (const u32 unit : batch) {
                const std::uint64_t at = std::uint64_t(unit) * DORMOUSE_UNIT_BYTES;
                for (std::uint64_t b = at; b < at + DORMOUSE_UNIT_BYTES && b < store.volumeBytes;
                     b += 7)
                    store.disk[b] = std::uint8_t(random());
            }
        }
        QVERIFY(store.undoHead > store.super.undo_blocks); // it went round
        const StoreReader reader = read(store);
        QCOMPARE(findings(reader), QString());
        QVERIFY(references.size() >= 2);
        for (const auto& [epoch, reference] : references) {
            const auto image = imageOf(reader, epoch);
            QVERIFY2(image, image ? "" : image.error().message.c_str());
            QVERIFY(*image == reference);
        }
    }

    /// It grew while its ring was wrapped round and a snapshot lived, in which some of
    /// the new ground was in use (and is copied), the rest free.
    void aGrownStoreIsReadLikeAnyOther()
    {
        constexpr std::uint64_t ground = 56 << 20, groundBytes = 1 << 20;
        constexpr u32 groundUnit = ground / DORMOUSE_UNIT_BYTES;
        StoreBuilder store;
        u32 nextUnit = 400;
        const auto overwrite = [&](u32 units) {
            std::vector<u32> batch(units);
            std::iota(batch.begin(), batch.end(), nextUnit);
            nextUnit += units;
            QVERIFY(store.undoFits(units));
            store.undo(batch);
            for (const u32 unit : batch)
                store.disk[std::uint64_t(unit) * DORMOUSE_UNIT_BYTES + 9] ^= 0x5a;
        };
        for (int i = 0; i < 3; ++i) {
            const std::uint64_t gone = store.beginEpoch(true);
            overwrite(250);
            store.dropSnapshot(gone);
        }
        std::fill_n(store.disk.begin() + ground, DORMOUSE_UNIT_BYTES, std::uint8_t(0xab));
        std::fill_n(store.disk.begin() + ground + (512 << 10), 4096, std::uint8_t(0xee)); // free
        store.mark(ground, DORMOUSE_UNIT_BYTES);
        const std::uint64_t before = store.epochs.back().number;
        const std::uint64_t epoch = store.beginEpoch(true);
        Bytes reference = store.image();
        std::fill_n(reference.begin() + ground + (512 << 10), 4096, std::uint8_t(0));
        overwrite(200);
        overwrite(100);
        store.undo({groundUnit});
        QVERIFY(store.undoHead > store.super.undo_blocks &&
                store.undoTail < store.super.undo_blocks);
        const std::uint64_t room = store.undoTail + store.super.undo_blocks - store.undoHead;
        store.mark(ground, groundBytes);
        store.grow(ground, groundBytes);
        QCOMPARE(store.undoTail + store.super.undo_blocks - store.undoHead,
                 room + groundBytes / DORMOUSE_STORE_BLOCK);
        overwrite(240);
        const std::uint64_t later = store.beginEpoch(true);
        store.checkpoint();
        const Bytes laterReference = store.image();

        const StoreReader reader = read(store);
        QCOMPARE(findings(reader), QString());
        for (const auto& [number, expected] : {std::pair(epoch, reference), {later, laterReference}}) {
            const auto image = imageOf(reader, number);
            QVERIFY2(image, image ? "" : image.error().message.c_str());
            QVERIFY(*image == expected);
        }
        // The map before has what was a file's then; the one after leaves the store out.
        const auto isIn = [&](std::uint64_t number) {
            const auto changed = reader.changes(number);
            return changed && std::any_of(changed->begin(), changed->end(), [](const Extent& one) {
                       return one.offsetBytes <= ground && ground < one.endBytes();
                   });
        };
        QVERIFY(isIn(before));
        QVERIFY(!isIn(epoch));
    }

    void undoBehindTheLastStateCounts()
    {
        StoreBuilder store;
        const std::uint64_t epoch = store.beginEpoch(true);
        const Bytes reference = store.image();
        store.undo({0, 5});
        store.disk[0] ^= 1;
        store.disk[5 * DORMOUSE_UNIT_BYTES] ^= 1;
        const StoreReader reader = read(store);
        QCOMPARE(findings(reader), QString());
        QVERIFY(*imageOf(reader, epoch) == reference);
    }

    void aTornUndoRecordWasNeverRelied()
    {
        StoreBuilder store;
        const std::uint64_t epoch = store.beginEpoch(true);
        store.undo({5});
        store.disk[5 * DORMOUSE_UNIT_BYTES] ^= 1;
        const Bytes reference = [&] {
            Bytes image = store.image();
            image[5 * DORMOUSE_UNIT_BYTES] ^= 1;
            return image;
        }();
        const std::uint64_t torn = store.undo({9}); // its write was not let go
        const Bytes zeros(4096, 0);
        store.writeStore(store.super.undo_start + torn + 2, zeros);
        const StoreReader reader = read(store);
        QVERIFY(!reader.isDamaged());
        QCOMPARE(reader.undo().size(), 1u);
        QVERIFY(*imageOf(reader, epoch) == reference);
    }

    void damagedOldDataIsToldAndNotGivenOut()
    {
        StoreBuilder store;
        const std::uint64_t first = store.beginEpoch(true);
        const std::uint64_t bad = store.undo({5});
        const std::uint64_t second = store.beginEpoch(true);
        store.undo({6});
        store.checkpoint();
        store.disk[store.place(store.super.undo_start + bad + 1) + 100] ^= 1;
        const StoreReader reader = read(store);
        QVERIFY(reader.isDamaged());
        QCOMPARE(imageOf(reader, first).error().code, Error::Code::Corrupt);
        QVERIFY(imageOf(reader, second)); // needs nothing of it
    }

    void aStoreOnAnotherDevice()
    {
        StoreBuilder store;
        store.super.external = true;
        store.super.ground_bytes = store.volumeBytes;
        store.writeSuper();
        const std::uint64_t epoch = store.beginEpoch(true);
        store.mark(0, 64 << 20);
        store.undo({5, 70});
        store.checkpoint();
        // The volume: another image of the same size, of which two units are known from before.
        const QString ground = m_folder.filePath("ground.img");
        const QString volume = m_folder.filePath("volume.img");
        store.save(ground);
        Bytes now(store.volumeBytes, 0x77);
        QFile file(volume);
        QVERIFY(file.open(QFile::WriteOnly));
        file.write(reinterpret_cast<const char*>(now.data()), qint64(now.size()));
        file.close();
        const auto source = [](const QString& path) {
            return *StoreSource::open(path.toStdString());
        };
        const auto reader = StoreReader::open(source(volume), {}, source(ground));
        QVERIFY(reader);
        QCOMPARE(findings(*reader), QString());
        // Nothing of the volume is the store's, so nothing is left out.
        QCOMPARE(*reader->changes(epoch), (ExtentList{{0, 64 << 20}}));
        for (const std::uint64_t unit : {5, 70})
            std::copy_n(store.disk.begin() + long(unit * DORMOUSE_UNIT_BYTES), DORMOUSE_UNIT_BYTES,
                        now.begin() + long(unit * DORMOUSE_UNIT_BYTES));
        QVERIFY(*imageOf(*reader, epoch) == now);
        // Neither kind is taken for the other.
        QCOMPARE(StoreReader::open(source(ground)).error().code, Error::Code::NotFound);
        const StoreBuilder resident;
        resident.save(volume);
        QCOMPARE(StoreReader::open(source(ground), {}, source(volume)).error().code,
                 Error::Code::NotFound);
    }

    void missingOldDataIsDamageOnlyWhileASnapshotNeedsIt()
    {
        StoreBuilder store;
        const std::uint64_t epoch = store.beginEpoch(true);
        const std::uint64_t lost = store.undo({5});
        store.checkpoint();
        StoreBuilder dropped = store;
        const Bytes zeros(4096, 0);
        store.writeStore(store.super.undo_start + lost, zeros);
        QVERIFY(read(store).isDamaged());

        dropped.writeStore(dropped.super.undo_start + lost, zeros);
        dropped.epochs.back().flags = 0; // a transient one: its old data may be lost
        dropped.checkpoint();
        const StoreReader reader = read(dropped);
        QVERIFY(!reader.isDamaged());
        QCOMPARE(imageOf(reader, epoch).error().code, Error::Code::NotFound);
        QVERIFY(imageOf(reader, epoch, true));
    }

    void wrongStatesAreRefused_data()
    {
        QTest::addColumn<int>("kind");
        QTest::addColumn<bool>("isDamage");
        QTest::newRow("as it should be") << 0 << false;
        QTest::newRow("region outside") << 1 << true;
        QTest::newRow("unknown record type") << 2 << true;
        QTest::newRow("epochs out of order") << 3 << true;
        QTest::newRow("seal with intents") << 4 << true;
        QTest::newRow("map of an epoch missing") << 5 << true;
        QTest::newRow("snapshot whose data was freed") << 6 << true;
        QTest::newRow("sentinel outside") << 7 << true;
        QTest::newRow("payload too long") << 8 << true;
        QTest::newRow("unknown state flag") << 9 << true;
        QTest::newRow("sentinel as it should be") << 10 << false;
        QTest::newRow("intent with a wrong count") << 11 << true;
    }
    void wrongStatesAreRefused()
    {
        QFETCH(int, kind);
        QFETCH(bool, isDamage);
        StoreBuilder store;
        store.beginEpoch();
        const dormouse_disk_sentinel good{1024, 1024, 1, 0, 0, 0, 2};
        Bytes payload = store.statePayload();
        switch (kind) {
        case 1:
            store.intent({17});
            break;
        case 2:
            store.append(99, payload);
            break;
        case 3:
            std::swap(store.epochs[0], store.epochs[1]);
            store.state(DORMOUSE_RECORD_MAP);
            break;
        case 4:
            store.intent({1});
            store.state(DORMOUSE_RECORD_SEAL);
            break;
        case 5:
            store.epochs[0].map.clear();
            store.state(DORMOUSE_RECORD_MAP);
            break;
        case 6:
            store.undo({1});
            store.trim();
            store.epochs[0].flags = DORMOUSE_DISK_EPOCH_SNAPSHOT;
            store.state(DORMOUSE_RECORD_MAP);
            break;
        case 7:
            store.sentinels = {{64 << 20, 4096, 1, 0, 0, 0, 2}};
            store.state(DORMOUSE_RECORD_MAP);
            break;
        case 8:
            payload.push_back(0);
            store.append(DORMOUSE_RECORD_MAP, payload);
            break;
        case 9:
            store.state(DORMOUSE_RECORD_MAP, 4);
            break;
        case 10: {
            ByteWriter out;
            out.u32(1);
            out.u32(0);
            StoreBuilder::put(out, good);
            store.append(DORMOUSE_RECORD_SENTINEL, out.bytes());
            break;
        }
        case 11: {
            ByteWriter out;
            out.u32(2);
            out.u32(0);
            out.u32(1);
            store.append(DORMOUSE_RECORD_INTENT, out.bytes());
            break;
        }
        default:
            break;
        }
        const StoreReader reader = read(store);
        QVERIFY2(reader.isDamaged() == isDamage, qPrintable(findings(reader)));
        if (kind == 10)
            QCOMPARE(reader.state().sentinels.size(), 1u);
    }

    void everyTruncatedStateIsRefused()
    {
        StoreBuilder store;
        store.beginEpoch();
        store.intent({1});
        store.mark(0, 1);
        store.sentinels = {{1024, 1024, 1, 0, 0, 0, 2}};
        const Bytes payload = store.statePayload();
        QVERIFY(decodeState(payload, store.volumeBytes));
        for (std::size_t length = 0; length < payload.size(); ++length)
            QVERIFY(!decodeState(ByteView(payload).first(length), store.volumeBytes));
    }

    void randomDamageNeverGivesAWrongImage()
    {
        // A snapshot is rebuilt as it was, or refused. The volume itself and
        // the store's padding hold no promise, so damage goes to the records.
        std::mt19937 random(13);
        StoreBuilder store;
        const std::uint64_t epoch = store.beginEpoch(true);
        const Bytes reference = store.image();
        for (u32 unit = 0; unit < 40; unit += 2) {
            store.undo({unit});
            store.disk[std::uint64_t(unit) * DORMOUSE_UNIT_BYTES] ^= 0xff;
        }
        store.checkpoint();
        int refused = 0;
        for (int round = 0; round < 40; ++round) {
            const bool isJournal = round % 2 == 0;
            const std::uint64_t block =
                isJournal ? store.super.journal_start + random() % store.journalHead
                          : store.super.undo_start + random() % store.undoHead;
            std::uint8_t& byte = store.disk[store.place(block) + random() % 200];
            const std::uint8_t right = byte;
            byte ^= std::uint8_t(1 << random() % 8);
            const auto reader = tryRead(store);
            byte = right;
            const auto image = reader ? imageOf(*reader, epoch)
                                      : Result<Bytes>(tl::make_unexpected(reader.error()));
            if (!image || reader->isDamaged())
                ++refused;
            else
                QVERIFY(*image == reference);
        }
        QVERIFY(refused >= 10);
    }

    void reportsAreJson()
    {
        StoreBuilder store;
        store.beginEpoch(true);
        store.undo({3});
        store.mark(0, 1);
        store.seal();
        const StoreReader reader = read(store);
        const auto parse = [](const std::string& text) {
            QJsonParseError error{};
            const auto document = QJsonDocument::fromJson(QByteArray::fromStdString(text), &error);
            if (error.error != QJsonParseError::NoError)
                qFatal("%s", qPrintable(error.errorString()));
            return document.object();
        };
        const QJsonObject report = parse(storeAsJson(reader));
        QCOMPARE(report["epochs"].toArray().size(), 2);
        QCOMPARE(report["isSealed"].toBool(), true);
        QCOMPARE(report["undo"].toArray()[0].toObject()["count"].toInt(), 1);
        QCOMPARE(parse(findingsAsJson(reader))["isSound"].toBool(), true);
        QCOMPARE(parse(extentsAsJson({{0, 65536}}))["totalBytes"].toInt(), 65536);
        QVERIFY(storeAsText(reader).find("durable snapshot") != std::string::npos);
        QVERIFY(findingsAsText(reader).find("sound") != std::string::npos);
    }
};

QTEST_GUILESS_MAIN(TestStoreReader)
#include "tst_store_reader.moc"
