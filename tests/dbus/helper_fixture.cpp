// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/dbus/helper_fixture.h"

#include <QTest>

#include <array>

#include <unistd.h>

using namespace dormouse;

QDBusUnixFileDescriptor passed(int fd)
{
    QDBusUnixFileDescriptor copy(fd);
    ::close(fd);
    return copy;
}

QDBusUnixFileDescriptor folderFd(const QString& path, int flags)
{
    return passed(::open(path.toUtf8().constData(), flags | O_CLOEXEC));
}

QDBusUnixFileDescriptor pipeWith(const QByteArray& text)
{
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0 ||
        ::write(ends[1], text.constData(), text.size()) != text.size())
        return {};
    ::close(ends[1]);
    return passed(ends[0]);
}

Pipe::Pipe()
{
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
        return;
    readEnd = ends[0];
    writeEnd = passed(ends[1]);
}

Pipe::~Pipe()
{
    ::close(readEnd);
}

QByteArray Pipe::readAll()
{
    writeEnd = {};
    QByteArray all;
    std::array<char, 256> buffer{};
    for (ssize_t got = 0; (got = ::read(readEnd, buffer.data(), buffer.size())) > 0;)
        all.append(buffer.data(), static_cast<int>(got));
    return all;
}

bus::Rhythm daily()
{
    bus::Rhythm rhythm;
    rhythm.kind = bus::RhythmKind::Daily;
    rhythm.minuteOfDay = 12 * 60;
    return rhythm;
}

void HelperFixture::initTestCase()
{
    bus::registerTypes();
}

void HelperFixture::init()
{
    m_bus = std::make_unique<PrivateBus>();
    QVERIFY(m_bus->isRunning());
    m_folder = std::make_unique<QTemporaryDir>();
    m_polkitConnection = std::make_unique<QDBusConnection>(m_bus->connect());
    m_polkit = std::make_unique<MockPolkit>(*m_polkitConnection);
    m_client = std::make_unique<QDBusConnection>(m_bus->connect());
    m_helper = std::make_unique<HelperProcess>(*m_bus, m_folder->path());
}

bool HelperFixture::startHelper()
{
    if (m_helper->start())
        return true;
    qWarning("helper's log:\n%s", qPrintable(m_helper->log()));
    return false;
}

void HelperFixture::cleanup()
{
    if (QTest::currentTestFailed())
        qWarning("helper's log:\n%s", qPrintable(m_helper->log()));
    m_helper.reset();
    PrivateBus::disconnect(*m_client);
    m_polkit.reset();
    PrivateBus::disconnect(*m_polkitConnection);
    m_bus.reset();
}

QString HelperFixture::newRepository(const QString& folder, const QByteArray& passphrase,
                                     QByteArray* key)
{
    QDir().mkpath(folder);
    Pipe recovery;
    const QDBusMessage reply =
        ask(*m_client, managerCall(QStringLiteral("CreateRepository"),
                                   {QStringLiteral("Test"), QVariant::fromValue(folderFd(folder)),
                                    QVariant::fromValue(pipeWith(passphrase + '\n')), true,
                                    QVariant::fromValue(recovery.writeEnd)}));
    if (reply.type() == QDBusMessage::ErrorMessage) {
        qWarning("%s", qPrintable(reply.errorMessage()));
        return {};
    }
    if (key != nullptr)
        *key = recovery.readAll().trimmed();
    return reply.arguments().value(0).toString();
}

QString HelperFixture::catalogPath() const
{
    return m_folder->filePath(QStringLiteral("state/catalog.sqlite"));
}
