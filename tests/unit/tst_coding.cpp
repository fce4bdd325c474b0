// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/base/coding.h"
#include "helper/base/id.h"

#include <QtTest>

using namespace dormouse;

class TestCoding : public QObject
{
    Q_OBJECT

private slots:
    void numbersComeBackLittleEndian()
    {
        ByteWriter writer;
        writer.u8(0x01);
        writer.u16(0x0203);
        writer.u32(0x04050607);
        writer.u64(0x08090a0b0c0d0e0fULL);
        writer.i64(-2);
        writer.text("dormouse");
        QCOMPARE(toHex(writer.bytes()), std::string("01030207060504"
                                                    "0f0e0d0c0b0a0908feffffffffffffff08000000"
                                                    "646f726d6f757365"));
        ByteReader reader(writer.bytes());
        QCOMPARE(reader.u8(), 0x01);
        QCOMPARE(reader.u16(), 0x0203);
        QCOMPARE(reader.u32(), 0x04050607u);
        QCOMPARE(reader.u64(), 0x08090a0b0c0d0e0fULL);
        QCOMPARE(reader.i64(), std::int64_t{-2});
        QCOMPARE(reader.text(100), std::string("dormouse"));
        QVERIFY(reader.atEnd());
    }

    void aReaderThatFailedStaysFailed()
    {
        const Bytes bytes{1, 2, 3};
        ByteReader reader(bytes);
        QCOMPARE(reader.u32(), 0u);
        QVERIFY(!reader.ok());
        QCOMPARE(reader.u8(), 0); // three bytes are left, but order is lost
        QVERIFY(!reader.atEnd());
    }

    void aHostileCountSizesNothing()
    {
        ByteWriter writer;
        writer.u32(0xffffffff);
        writer.u64(0);
        ByteReader reader(writer.bytes());
        QCOMPARE(reader.count(8), 0u);
        QVERIFY(!reader.ok());
    }

    void aBlobLargerThanAllowedIsRefused()
    {
        ByteWriter writer;
        writer.text("twelve bytes");
        ByteReader reader(writer.bytes());
        QVERIFY(reader.blob(11).empty());
        QVERIFY(!reader.ok());
    }

    void hexIsReadInEitherCaseAndNothingElse()
    {
        QCOMPARE(*fromHex("00fFAb"), (Bytes{0x00, 0xff, 0xab}));
        QVERIFY(!fromHex("0"));
        QVERIFY(!fromHex("0g"));
        QVERIFY(!fromHex(" 0"));
    }

    void anIdSurvivesItsText()
    {
        const Id128 id = Id128::random();
        QCOMPARE(Id128::fromHex(id.hex())->bytes, id.bytes);
        QVERIFY(!id.isNone());
        QVERIFY(!Id128::fromHex("abcd"));
        QVERIFY(Id128{}.isNone());
    }

    void aSecretIsReadFromAPipeWithoutItsNewline()
    {
        int ends[2];
        QCOMPARE(::pipe(ends), 0);
        QVERIFY(writeAll(ends[1], "correct horse\n"));
        ::close(ends[1]);
        const auto secret = Secret::readFrom(ends[0], 64);
        ::close(ends[0]);
        QVERIFY(secret);
        QVERIFY(secret->equals(asBytes("correct horse")));
    }

    void aSecretThatIsTooLongIsRefused()
    {
        int ends[2];
        QCOMPARE(::pipe(ends), 0);
        QVERIFY(writeAll(ends[1], "12345"));
        ::close(ends[1]);
        const auto secret = Secret::readFrom(ends[0], 4);
        ::close(ends[0]);
        QCOMPARE(secret.error().code, Error::Code::Invalid);
    }

private:
    static bool writeAll(int fd, std::string_view text)
    {
        return ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    }
};

QTEST_APPLESS_MAIN(TestCoding)
#include "tst_coding.moc"
