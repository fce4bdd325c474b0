// SPDX-License-Identifier: GPL-3.0-or-later
//
// Who may ask the helper for what: callers that polkit refuses, and callers that
// behave as badly as they can.
#include "helper/daemon/gate.h"
#include "tests/dbus/helper_fixture.h"

#include <QDBusPendingCall>
#include <QTest>

#include <array>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace dormouse;

class TestHelperAccess : public HelperFixture
{
    Q_OBJECT

private slots:
    void init();

    void asksPolkitAboutTheBusNameOfTheCaller();
    void refusesWhatPolkitRefuses();
    void refusesEverythingWhenPolkitFails();
    void refusesEverythingWithoutPolkit();
    void oneFailedCheckDoesNotDenyTheNext();
    void answersOthersWhileOneWaitsForPolkit();
    void limitsCallsThatWaitForPolkit();
    void forgetsACallerThatLeavesMidCheck();
    void refusesHostileArguments_data();
    void refusesHostileArguments();
    void refusesWrongKindsOfDescriptors_data();
    void refusesWrongKindsOfDescriptors();
    void survivesMalformedCalls();
};

void TestHelperAccess::init()
{
    HelperFixture::init();
    if (QTest::currentTestFunction() == QByteArrayLiteral("refusesEverythingWithoutPolkit"))
        m_polkit.reset();
    QVERIFY(startHelper());
}

void TestHelperAccess::asksPolkitAboutTheBusNameOfTheCaller()
{
    const QDBusMessage reply = ask(*m_client, managerCall(QStringLiteral("ListVolumes")));
    QCOMPARE(reply.type(), QDBusMessage::ReplyMessage);
    QCOMPARE(m_polkit->questions().size(), 1);
    const auto& question = m_polkit->questions().first();
    QCOMPARE(question.subjectKind, QStringLiteral("system-bus-name"));
    QCOMPARE(question.subjectName, m_client->baseService());
    QCOMPARE(question.action, QStringLiteral("org.dormouse.helper.look"));

    m_polkit->forget();
    (void)ask(*m_client, managerCall(QStringLiteral("ProtectVolume"), {kUnknownId, 0ULL, QString()}));
    QCOMPARE(m_polkit->actions(), QStringList{QStringLiteral("org.dormouse.helper.change")});
}

void TestHelperAccess::refusesWhatPolkitRefuses()
{
    m_polkit->setManner(MockPolkit::Manner::No);
    const QString folder = m_folder->filePath(QStringLiteral("repository"));
    QVERIFY(QDir().mkpath(folder));
    Pipe recovery;
    const auto reply =
        ask(*m_client, managerCall(QStringLiteral("CreateRepository"),
                                   {QStringLiteral("Test"), QVariant::fromValue(folderFd(folder)),
                                    QVariant::fromValue(pipeWith("secret")), true,
                                    QVariant::fromValue(recovery.writeEnd)}));
    QCOMPARE(errorOf(reply), QStringLiteral("NotAuthorized"));
    QVERIFY(QDir(folder).isEmpty());
    QCOMPARE(errorOf(ask(*m_client, managerCall(QStringLiteral("ListVolumes")))),
             QStringLiteral("NotAuthorized"));
}

void TestHelperAccess::refusesEverythingWhenPolkitFails()
{
    m_polkit->setManner(MockPolkit::Manner::Error);
    QCOMPARE(errorOf(ask(*m_client, managerCall(QStringLiteral("ListVolumes")))),
             QStringLiteral("NotAuthorized"));
}

void TestHelperAccess::refusesEverythingWithoutPolkit()
{
    QCOMPARE(errorOf(ask(*m_client, managerCall(QStringLiteral("ListVolumes")))),
             QStringLiteral("NotAuthorized"));
}

// polkit-qt keeps one error for the whole process and denies while it is set.
void TestHelperAccess::oneFailedCheckDoesNotDenyTheNext()
{
    m_polkit->setManner(MockPolkit::Manner::Error);
    (void)ask(*m_client, managerCall(QStringLiteral("ListVolumes")));
    m_polkit->setManner(MockPolkit::Manner::Yes);
    QCOMPARE(ask(*m_client, managerCall(QStringLiteral("ListVolumes"))).type(),
             QDBusMessage::ReplyMessage);
}

void TestHelperAccess::answersOthersWhileOneWaitsForPolkit()
{
    m_polkit->setManner(MockPolkit::Manner::Never);
    const QDBusPendingCall waiting =
        m_client->asyncCall(managerCall(QStringLiteral("ListPlans")), 60000);
    QTRY_COMPARE(m_polkit->questions().size(), 1);
    m_polkit->setManner(MockPolkit::Manner::Yes);
    const QDBusConnection other = m_bus->connect();
    QCOMPARE(ask(other, managerCall(QStringLiteral("ListPlans"))).type(),
             QDBusMessage::ReplyMessage);
    QVERIFY(!waiting.isFinished());
    m_polkit->answerNow(m_polkit->questions().first(), true); // late
    QTRY_VERIFY(waiting.isFinished());
    QVERIFY(!waiting.isError());
    PrivateBus::disconnect(other);
}

void TestHelperAccess::limitsCallsThatWaitForPolkit()
{
    m_polkit->setManner(MockPolkit::Manner::Never);
    QList<QDBusPendingCall> waiting;
    for (int i = 0; i < Gate::kMaxPendingPerUser; ++i)
        waiting.append(m_client->asyncCall(managerCall(QStringLiteral("ListPlans")), 60000));
    QTRY_COMPARE(m_polkit->questions().size(), Gate::kMaxPendingPerUser);
    // Another connection of the same user does not help.
    const QDBusConnection other = m_bus->connect();
    QCOMPARE(errorOf(ask(other, managerCall(QStringLiteral("ListPlans")))),
             QStringLiteral("TooManyRequests"));
    // One answered makes room for one.
    m_polkit->answerNow(m_polkit->questions().first(), false);
    QTRY_VERIFY(waiting.first().isFinished());
    m_polkit->setManner(MockPolkit::Manner::Yes);
    QCOMPARE(ask(other, managerCall(QStringLiteral("ListPlans"))).type(),
             QDBusMessage::ReplyMessage);
    PrivateBus::disconnect(other);
}

void TestHelperAccess::forgetsACallerThatLeavesMidCheck()
{
    m_polkit->setManner(MockPolkit::Manner::Never);
    const QString folder = m_folder->filePath(QStringLiteral("repository"));
    QVERIFY(QDir().mkpath(folder));
    auto leaver = std::make_unique<QDBusConnection>(m_bus->connect());
    {
        Pipe recovery;
        (void)leaver->asyncCall(
            managerCall(QStringLiteral("CreateRepository"),
                        {QStringLiteral("Test"), QVariant::fromValue(folderFd(folder)),
                         QVariant::fromValue(pipeWith("secret")), true,
                         QVariant::fromValue(recovery.writeEnd)}));
        QTRY_COMPARE(m_polkit->questions().size(), 1);
    }
    PrivateBus::disconnect(*leaver);
    leaver.reset(); // the last reference: only now it leaves the bus
    const auto question = m_polkit->questions().first();
    QTRY_COMPARE(m_polkit->cancelled(), QStringList{question.cancellationId}); // dialog goes away
    m_polkit->answerNow(question, true);
    m_polkit->setManner(MockPolkit::Manner::Yes);
    // Room is free again, and nothing was made.
    QCOMPARE(ask(*m_client, managerCall(QStringLiteral("ListRepositories"))).type(),
             QDBusMessage::ReplyMessage);
    QTest::qWait(300);
    QVERIFY(QDir(folder).isEmpty());
}

void TestHelperAccess::refusesHostileArguments_data()
{
    QTest::addColumn<QString>("method");
    QTest::addColumn<QVariantList>("arguments");
    QTest::addColumn<QString>("error");

    const QString huge(1 << 20, QLatin1Char('a'));
    const QVariant rhythm = QVariant::fromValue(daily());
    bus::Rhythm odd;
    odd.kind = static_cast<bus::RhythmKind>(77);
    bus::Rhythm often;
    often.kind = bus::RhythmKind::Every;
    QStringList many;
    for (int i = 0; i < 100; ++i)
        many.append(QString::number(i));

    const auto row = [](const char* name, const char* method, const QVariantList& arguments,
                        const char* error) {
        QTest::newRow(name) << QString::fromLatin1(method) << arguments
                            << QString::fromLatin1(error);
    };
    row("protect nothing", "ProtectVolume", {QString(), 0ULL, QString()}, "InvalidArgument");
    row("protect a path", "ProtectVolume", {"/dev/sda", 0ULL, QString()}, "InvalidArgument");
    row("protect a huge id", "ProtectVolume", {huge, 0ULL, QString()}, "InvalidArgument");
    row("protect the unknown", "ProtectVolume", {kUnknownId, 0ULL, QString()}, "NotFound");
    row("snapshot of nothing", "TakeSnapshot", {QStringList(), true}, "InvalidArgument");
    row("snapshot of too many", "TakeSnapshot", {many, true}, "InvalidArgument");
    row("snapshot twice", "TakeSnapshot", {QStringList{kUnknownId, kUnknownId}, true},
        "InvalidArgument");
    row("points of a huge id", "ListRestorePoints", {huge, 0U, 10U}, "InvalidArgument");
    row("points, a huge page", "ListRestorePoints", {QString(), 0U, 0xffffffffU},
        "InvalidArgument");
    row("activity, a huge page", "ListActivity", {0U, 1001U}, "InvalidArgument");
    row("map without parts", "GetChangeMapSummary", {kUnknownId, 0U}, "InvalidArgument");
    row("map with too many parts", "GetChangeMapSummary", {kUnknownId, 5000U}, "InvalidArgument");
    row("map of the unknown", "GetChangeMapSummary", {kUnknownId, 10U}, "NotFound");
    row("browse the unknown", "Browse", {kUnknownId, kUnknownId}, "NotFound");
    row("browse upwards", "Browse", {"../../etc", kUnknownId}, "InvalidArgument");
    row("browse nothing", "Browse", {QString(), QString()}, "InvalidArgument");
    row("end the unknown", "EndBrowse", {kUnknownId}, "NotFound");
    row("end a huge one", "EndBrowse", {huge}, "NotFound");
    row("plan, no name", "CreatePlan", {QString(), QStringList{kUnknownId}, kUnknownId, rhythm, 1U},
        "InvalidArgument");
    row("plan, two lines", "CreatePlan", {"a\nb", QStringList{kUnknownId}, kUnknownId, rhythm, 1U},
        "InvalidArgument");
    row("plan, huge name", "CreatePlan", {huge, QStringList{kUnknownId}, kUnknownId, rhythm, 1U},
        "InvalidArgument");
    row("plan, no rhythm", "CreatePlan",
        {"a", QStringList{kUnknownId}, kUnknownId, QVariant::fromValue(odd), 1U},
        "InvalidArgument");
    row("plan, every 0 minutes", "CreatePlan",
        {"a", QStringList{kUnknownId}, kUnknownId, QVariant::fromValue(often), 1U},
        "InvalidArgument");
    row("plan, keeps too many", "CreatePlan",
        {"a", QStringList{kUnknownId}, kUnknownId, rhythm, 0xffffffffU}, "InvalidArgument");
    row("plan of the unknown", "CreatePlan", {"a", QStringList{kUnknownId}, kUnknownId, rhythm, 1U},
        "NotFound");
    row("no such method", "Format", {"/dev/sda"}, "org.freedesktop.DBus.Error.UnknownMethod");
    row("wrong types", "ProtectVolume", {1U, "a"}, "org.freedesktop.DBus.Error.UnknownMethod");
    row("too few arguments", "ProtectVolume", {}, "org.freedesktop.DBus.Error.UnknownMethod");
}

void TestHelperAccess::refusesHostileArguments()
{
    QFETCH(QString, method);
    QFETCH(QVariantList, arguments);
    QFETCH(QString, error);
    if (method == QLatin1String("TakeSnapshot") && error == QLatin1String("NotFound"))
        QSKIP("needs the module");
    const QDBusMessage reply = ask(*m_client, managerCall(method, arguments));
    QCOMPARE(errorOf(reply), error);
    QVERIFY(!reply.errorMessage().isEmpty());
    QVERIFY(m_helper->isRunning());
}

void TestHelperAccess::refusesWrongKindsOfDescriptors_data()
{
    QTest::addColumn<QString>("what");
    for (const char* what :
         {"a file as folder", "a folder without access", "a socket as folder",
          "a folder as passphrase", "a socket as passphrase", "a writer as passphrase",
          "a device as passphrase", "a reader as recovery key", "a file as recovery key"})
        QTest::newRow(what) << QString::fromLatin1(what);
}

void TestHelperAccess::refusesWrongKindsOfDescriptors()
{
    QFETCH(QString, what);
    const QString folder = m_folder->filePath(QStringLiteral("repository"));
    const QString file = m_folder->filePath(QStringLiteral("file"));
    QVERIFY(QDir().mkpath(folder));
    QFile(file).open(QIODevice::WriteOnly);
    std::array<int, 2> sockets{};
    QCOMPARE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()), 0);
    ::close(sockets[1]);
    const QDBusUnixFileDescriptor socket = passed(sockets[0]);
    Pipe recovery, other;

    QDBusUnixFileDescriptor directory = folderFd(folder);
    QDBusUnixFileDescriptor passphrase = pipeWith("secret");
    QDBusUnixFileDescriptor key = recovery.writeEnd;
    if (what == QLatin1String("a file as folder"))
        directory = folderFd(file, O_RDONLY);
    else if (what == QLatin1String("a folder without access"))
        directory = folderFd(folder, O_PATH);
    else if (what == QLatin1String("a socket as folder"))
        directory = socket;
    else if (what == QLatin1String("a folder as passphrase"))
        passphrase = folderFd(folder);
    else if (what == QLatin1String("a socket as passphrase"))
        passphrase = socket;
    else if (what == QLatin1String("a writer as passphrase"))
        passphrase = other.writeEnd;
    else if (what == QLatin1String("a device as passphrase"))
        passphrase = folderFd(QStringLiteral("/dev/zero"), O_RDONLY);
    else if (what == QLatin1String("a reader as recovery key"))
        key = pipeWith({});
    else
        key = folderFd(file, O_RDWR);
    const auto reply = ask(
        *m_client, managerCall(QStringLiteral("CreateRepository"),
                               {QStringLiteral("Test"), QVariant::fromValue(directory),
                                QVariant::fromValue(passphrase), true, QVariant::fromValue(key)}));
    QCOMPARE(errorOf(reply), QStringLiteral("InvalidArgument"));
    QVERIFY(QDir(folder).isEmpty());
}

void TestHelperAccess::survivesMalformedCalls()
{
    for (const char* path :
         {"/", "/org/dormouse/Helper1/volume/x", "/org/dormouse/Helper1/job/99"}) {
        const auto reply = ask(*m_client, helperCall(QString::fromLatin1(path),
                                                     QString::fromLatin1(bus::kJobInterface),
                                                     QStringLiteral("Cancel")));
        QCOMPARE(reply.type(), QDBusMessage::ErrorMessage);
    }
    // A property that cannot be written, and an interface that is not there.
    const auto written = ask(
        *m_client,
        helperCall(kRoot, QStringLiteral("org.freedesktop.DBus.Properties"), QStringLiteral("Set"),
                   {QString::fromLatin1(bus::kManagerInterface), QStringLiteral("Version"),
                    QVariant::fromValue(QDBusVariant(QStringLiteral("x")))}));
    QCOMPARE(written.type(), QDBusMessage::ErrorMessage);
    // Somebody claims to be polkit's answer.
    const auto forged = helperCall(kRoot, QStringLiteral("org.freedesktop.PolicyKit1.Authority"),
                                   QStringLiteral("CheckAuthorization"));
    QCOMPARE(ask(*m_client, forged).type(), QDBusMessage::ErrorMessage);
    QVERIFY(m_helper->isRunning());
}

QTEST_GUILESS_MAIN(TestHelperAccess)
#include "tst_helper_access.moc"
