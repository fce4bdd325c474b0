// SPDX-License-Identifier: GPL-3.0-or-later
//
// The real dormoused on a private bus, with a mock polkit, and callers that
// behave as badly as they can. Needs neither root nor the kernel module.
#include "helper/base/id.h"
#include "helper/catalog/catalog.h"
#include "helper/daemon/access_table.h"
#include "helper/daemon/gate.h"
#include "helper/dbus/types.h"
#include "tests/dbus/mock_polkit.h"
#include "tests/dbus/private_bus.h"

#include <QDBusConnectionInterface>
#include <QDBusMetaType>
#include <QDBusPendingCall>
#include <QDBusUnixFileDescriptor>
#include <QDirIterator>
#include <QFile>
#include <QTest>
#include <QXmlStreamReader>

#include <array>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace dormouse;

namespace {

const QString kUnknownId = QStringLiteral("0123456789abcdef0123456789abcdef");
const QString kRoot = QString::fromLatin1(bus::kRootPath);

QDBusUnixFileDescriptor passed(int fd)
{
    QDBusUnixFileDescriptor copy(fd);
    ::close(fd);
    return copy;
}

QDBusUnixFileDescriptor folderFd(const QString& path, int flags = O_RDONLY | O_DIRECTORY)
{
    return passed(::open(path.toUtf8().constData(), flags | O_CLOEXEC));
}

// The read end of a pipe that holds `text`.
QDBusUnixFileDescriptor pipeWith(const QByteArray& text)
{
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0 ||
        ::write(ends[1], text.constData(), text.size()) != text.size())
        return {};
    ::close(ends[1]);
    return passed(ends[0]);
}

struct Pipe
{
    int readEnd = -1;
    QDBusUnixFileDescriptor writeEnd;

    Pipe()
    {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0)
            return;
        readEnd = ends[0];
        writeEnd = passed(ends[1]);
    }
    ~Pipe() { ::close(readEnd); }
    QByteArray readAll()
    {
        writeEnd = {};
        QByteArray all;
        std::array<char, 256> buffer{};
        for (ssize_t got = 0; (got = ::read(readEnd, buffer.data(), buffer.size())) > 0;)
            all.append(buffer.data(), static_cast<int>(got));
        return all;
    }
};

bus::Rhythm daily()
{
    bus::Rhythm rhythm;
    rhythm.kind = bus::RhythmKind::Daily;
    rhythm.minuteOfDay = 12 * 60;
    return rhythm;
}

} // namespace

class TestHelperBus : public QObject
{
    Q_OBJECT

private slots:
    void initTestCase() { bus::registerTypes(); }
    void init();
    void cleanup();

    void saysWhatItIsWithoutTheModule();
    void everyMethodOfTheContractHasARowAndNoOther();
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
    void createsARepositoryAndHandsOverItsKey();
    void opensARepositoryAgainAfterItsCatalogWasLost();
    void tellsNobodyNamesOrPaths();
    void keepsPlansAndAsksMoreWhenTheyKeepLess();
    void runsADuePlanOnceAndRecordsWhy();
    void startsAgainAfterItWasKilled();
    void setsADamagedCatalogAside();
    void stopsWhenItIsAskedTo();

private:
    QString newRepository(const QString& folder, const QByteArray& passphrase,
                          QByteArray* key = {});
    /// A protected volume and a plan, written before the helper starts.
    void seedPlan(bool isDue);
    [[nodiscard]] QString catalogPath() const
    {
        return m_folder->filePath(QStringLiteral("state/catalog.sqlite"));
    }

    std::unique_ptr<PrivateBus> m_bus;
    std::unique_ptr<QTemporaryDir> m_folder;
    std::unique_ptr<QDBusConnection> m_polkitConnection;
    std::unique_ptr<MockPolkit> m_polkit;
    std::unique_ptr<HelperProcess> m_helper;
    std::unique_ptr<QDBusConnection> m_client;
    QString m_volumeId, m_repositoryId, m_planId;
};

void TestHelperBus::init()
{
    m_bus = std::make_unique<PrivateBus>();
    QVERIFY(m_bus->isRunning());
    m_folder = std::make_unique<QTemporaryDir>();
    m_polkitConnection = std::make_unique<QDBusConnection>(m_bus->connect());
    m_polkit = std::make_unique<MockPolkit>(*m_polkitConnection);
    m_client = std::make_unique<QDBusConnection>(m_bus->connect());
    m_helper = std::make_unique<HelperProcess>(*m_bus, m_folder->path());
    const QString test = QString::fromLatin1(QTest::currentTestFunction());
    const bool isSeeded = test.contains(QLatin1String("Plan"));
    if (isSeeded)
        seedPlan(test.contains(QLatin1String("Due")));
    if (test == QLatin1String("refusesEverythingWithoutPolkit"))
        m_polkit.reset();
    QVERIFY2(m_helper->start(), qPrintable(m_helper->log()));
}

void TestHelperBus::cleanup()
{
    if (QTest::currentTestFailed())
        qWarning("helper's log:\n%s", qPrintable(m_helper->log()));
    m_helper.reset();
    PrivateBus::disconnect(*m_client);
    m_polkit.reset();
    PrivateBus::disconnect(*m_polkitConnection);
    m_bus.reset();
}

void TestHelperBus::seedPlan(bool isDue)
{
    QVERIFY(QDir().mkpath(m_folder->filePath(QStringLiteral("state"))));
    auto catalog = Catalog::open(catalogPath().toStdString());
    QVERIFY(catalog);
    VolumeRow volume;
    volume.volumeId = Id128::random().hex();
    volume.fsUuid = "not-there";
    volume.fsType = "ext4";
    volume.sizeBytes = 1 << 30;
    volume.isProtected = true;
    QVERIFY(catalog->putVolume(volume));
    RepositoryRow repository;
    repository.repositoryId = Id128::random().hex();
    repository.name = "gone";
    repository.path = m_folder->filePath(QStringLiteral("gone")).toStdString();
    repository.keyKept = KeyKept::BesideData;
    QVERIFY(catalog->putRepository(repository));
    PlanRow plan;
    plan.planId = Id128::random().hex();
    plan.name = "due";
    plan.repositoryId = repository.repositoryId;
    plan.volumeIds = {volume.volumeId};
    plan.rhythm = "every 1h";
    plan.keepLast = 5;
    plan.createdAtMs = 1'700'000'000'000; // many slots ago
    if (!isDue)
        plan.enabled = false;
    QVERIFY(catalog->putPlan(plan));
    m_volumeId = QString::fromStdString(volume.volumeId);
    m_repositoryId = QString::fromStdString(repository.repositoryId);
    m_planId = QString::fromStdString(plan.planId);
}

QString TestHelperBus::newRepository(const QString& folder, const QByteArray& passphrase,
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

void TestHelperBus::saysWhatItIsWithoutTheModule()
{
    if (QFile::exists(QStringLiteral("/dev/dormouse-control")))
        QSKIP("the module is loaded on this machine");
    QTRY_VERIFY(!ask(*m_client, managerCall(QStringLiteral("GetHealth"))).arguments().isEmpty());
    QVariantMap properties;
    QTRY_VERIFY([&] {
        const auto reply =
            ask(*m_client, helperCall(kRoot, QStringLiteral("org.freedesktop.DBus.Properties"),
                                      QStringLiteral("GetAll"),
                                      {QString::fromLatin1(bus::kManagerInterface)}));
        properties = qdbus_cast<QVariantMap>(reply.arguments().value(0));
        return properties.value(QStringLiteral("ModuleState")).toUInt() ==
               static_cast<uint>(bus::ModuleState::Missing);
    }());
    QCOMPARE(properties.value(QStringLiteral("ProtocolVersion")).toUInt(), bus::kProtocolVersion);
    QCOMPARE(properties.value(QStringLiteral("Health")).toUInt(),
             static_cast<uint>(bus::Health::Unprotected));
    const auto health = qdbus_cast<bus::HealthInfo>(
        ask(*m_client, managerCall(QStringLiteral("GetHealth"))).arguments().value(0));
    QCOMPARE(health.remedy, bus::Remedy::LoadModule);
    QVERIFY(!health.sentence.isEmpty());
    const auto snapshot = ask(
        *m_client, managerCall(QStringLiteral("TakeSnapshot"), {QStringList{kUnknownId}, true}));
    QCOMPARE(errorOf(snapshot), QStringLiteral("ModuleMissing"));
}

void TestHelperBus::everyMethodOfTheContractHasARowAndNoOther()
{
    QStringList inContract;
    QDirIterator files(QStringLiteral(DORMOUSE_DBUS_DIR), {QStringLiteral("*.xml")});
    while (files.hasNext()) {
        QFile file(files.next());
        QVERIFY(file.open(QIODevice::ReadOnly));
        QXmlStreamReader xml(&file);
        QString interface;
        while (!xml.atEnd()) {
            if (xml.readNext() != QXmlStreamReader::StartElement)
                continue;
            const QString name = xml.attributes().value(QLatin1String("name")).toString();
            if (xml.name() == QLatin1String("interface"))
                interface = name;
            else if (xml.name() == QLatin1String("method"))
                inContract.append(interface + QLatin1Char('.') + name);
        }
        QVERIFY2(!xml.hasError(), qPrintable(file.fileName()));
    }
    QStringList inTable;
    for (const AccessRow& row : accessTable())
        inTable.append(QLatin1String(row.interface) + QLatin1Char('.') + QLatin1String(row.method));
    inContract.sort();
    inTable.sort();
    QCOMPARE(inTable, inContract);
    QVERIFY(!accessFor(QStringLiteral("org.dormouse.Helper1.Manager"), QStringLiteral("Format")));
}

void TestHelperBus::asksPolkitAboutTheBusNameOfTheCaller()
{
    const QDBusMessage reply = ask(*m_client, managerCall(QStringLiteral("ListVolumes")));
    QCOMPARE(reply.type(), QDBusMessage::ReplyMessage);
    QCOMPARE(m_polkit->questions().size(), 1);
    const auto& question = m_polkit->questions().first();
    QCOMPARE(question.subjectKind, QStringLiteral("system-bus-name"));
    QCOMPARE(question.subjectName, m_client->baseService());
    QCOMPARE(question.action, QStringLiteral("org.dormouse.helper.look"));

    m_polkit->forget();
    (void)ask(*m_client, managerCall(QStringLiteral("ProtectVolume"), {kUnknownId, 0ULL}));
    QCOMPARE(m_polkit->actions(), QStringList{QStringLiteral("org.dormouse.helper.change")});
}

void TestHelperBus::refusesWhatPolkitRefuses()
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

void TestHelperBus::refusesEverythingWhenPolkitFails()
{
    m_polkit->setManner(MockPolkit::Manner::Error);
    QCOMPARE(errorOf(ask(*m_client, managerCall(QStringLiteral("ListVolumes")))),
             QStringLiteral("NotAuthorized"));
}

void TestHelperBus::refusesEverythingWithoutPolkit()
{
    QCOMPARE(errorOf(ask(*m_client, managerCall(QStringLiteral("ListVolumes")))),
             QStringLiteral("NotAuthorized"));
}

// polkit-qt keeps one error for the whole process and denies while it is set.
void TestHelperBus::oneFailedCheckDoesNotDenyTheNext()
{
    m_polkit->setManner(MockPolkit::Manner::Error);
    (void)ask(*m_client, managerCall(QStringLiteral("ListVolumes")));
    m_polkit->setManner(MockPolkit::Manner::Yes);
    QCOMPARE(ask(*m_client, managerCall(QStringLiteral("ListVolumes"))).type(),
             QDBusMessage::ReplyMessage);
}

void TestHelperBus::answersOthersWhileOneWaitsForPolkit()
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

void TestHelperBus::limitsCallsThatWaitForPolkit()
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

void TestHelperBus::forgetsACallerThatLeavesMidCheck()
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

void TestHelperBus::refusesHostileArguments_data()
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
    row("protect nothing", "ProtectVolume", {QString(), 0ULL}, "InvalidArgument");
    row("protect a path", "ProtectVolume", {"/dev/sda", 0ULL}, "InvalidArgument");
    row("protect a huge id", "ProtectVolume", {huge, 0ULL}, "InvalidArgument");
    row("protect the unknown", "ProtectVolume", {kUnknownId, 0ULL}, "NotFound");
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

void TestHelperBus::refusesHostileArguments()
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

void TestHelperBus::refusesWrongKindsOfDescriptors_data()
{
    QTest::addColumn<QString>("what");
    for (const char* what :
         {"a file as folder", "a folder without access", "a socket as folder",
          "a folder as passphrase", "a socket as passphrase", "a writer as passphrase",
          "a device as passphrase", "a reader as recovery key", "a file as recovery key"})
        QTest::newRow(what) << QString::fromLatin1(what);
}

void TestHelperBus::refusesWrongKindsOfDescriptors()
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

void TestHelperBus::survivesMalformedCalls()
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

void TestHelperBus::createsARepositoryAndHandsOverItsKey()
{
    const QString folder = m_folder->filePath(QStringLiteral("repository"));
    QByteArray key;
    const QString id = newRepository(folder, "correct horse", &key);
    QVERIFY(!id.isEmpty());
    QVERIFY2(key.size() >= 36, key.constData());
    const auto list = qdbus_cast<bus::RepositoryInfoList>(
        ask(*m_client, managerCall(QStringLiteral("ListRepositories"))).arguments().value(0));
    QCOMPARE(list.size(), 1);
    QCOMPARE(list.first().id, id);
    QCOMPARE(list.first().name, QStringLiteral("Test"));
    QCOMPARE(list.first().keyPlace, bus::KeyPlace::RootFile);
    QVERIFY(list.first().isReachable);
    QVERIFY(list.first().isEncrypted);
    QCOMPARE(QFile::permissions(m_folder->filePath(QStringLiteral("state/keys/") + id)) &
                 (QFile::ReadGroup | QFile::ReadOther | QFile::WriteGroup | QFile::WriteOther),
             QFile::Permissions());
    // Not twice in the same place, and not over somebody's files.
    QVERIFY(newRepository(folder, "correct horse").isEmpty());

    const QString path = kRoot + QStringLiteral("/repository/") + id;
    // Its object is there before the answer is.
    QCOMPARE(ask(*m_client, helperCall(path, QString::fromLatin1(bus::kRepositoryInterface),
                                       QStringLiteral("GetInfo")))
                 .type(),
             QDBusMessage::ReplyMessage);
    QCOMPARE(errorOf(ask(*m_client, helperCall(path, QString::fromLatin1(bus::kRepositoryInterface),
                                               QStringLiteral("ForgetBackup"),
                                               {QString(32, QLatin1Char('a'))}))),
             QStringLiteral("NotFound"));
    // An empty one verifies.
    const auto job = ask(*m_client, helperCall(path, QString::fromLatin1(bus::kRepositoryInterface),
                                               QStringLiteral("Verify")))
                         .arguments()
                         .value(0)
                         .value<QDBusObjectPath>();
    QVariantMap state;
    QTRY_VERIFY_WITH_TIMEOUT(
        [&] {
            state = qdbus_cast<QVariantMap>(
                ask(*m_client,
                    helperCall(job.path(), QStringLiteral("org.freedesktop.DBus.Properties"),
                               QStringLiteral("GetAll"), {QString::fromLatin1(bus::kJobInterface)}))
                    .arguments()
                    .value(0));
            return state.value(QStringLiteral("State")).toUInt() ==
                   static_cast<uint>(bus::JobState::Finished);
        }(),
        20000);
    QCOMPARE(state.value(QStringLiteral("Outcome")).toUInt(),
             static_cast<uint>(bus::Outcome::Done));
    const auto activity = qdbus_cast<bus::ActivityEntryList>(
        ask(*m_client, managerCall(QStringLiteral("ListActivity"), {0U, 10U}))
            .arguments()
            .value(0));
    QCOMPARE(activity.size(), 1);
    QCOMPARE(activity.first().kind, bus::JobKind::Verify);
    QVERIFY(!activity.first().sentence.isEmpty());

    m_polkit->forget();
    QCOMPARE(ask(*m_client, helperCall(path, QString::fromLatin1(bus::kRepositoryInterface),
                                       QStringLiteral("Forget")))
                 .type(),
             QDBusMessage::ReplyMessage);
    QCOMPARE(m_polkit->actions(), QStringList{QStringLiteral("org.dormouse.helper.delete")});
    QVERIFY(!QFile::exists(m_folder->filePath(QStringLiteral("state/keys/") + id)));
    QVERIFY(!QDir(folder).isEmpty());
}

void TestHelperBus::opensARepositoryAgainAfterItsCatalogWasLost()
{
    const QString folder = m_folder->filePath(QStringLiteral("repository"));
    QByteArray key;
    const QString id = newRepository(folder, "correct horse", &key);
    QVERIFY(!id.isEmpty());
    QVERIFY(m_helper->stop());
    QVERIFY(QDir(m_folder->filePath(QStringLiteral("state"))).removeRecursively());
    QVERIFY(m_helper->start());

    const auto open = [&](const QByteArray& secret) {
        return ask(*m_client, managerCall(QStringLiteral("OpenRepository"),
                                          {QVariant::fromValue(folderFd(folder)),
                                           QVariant::fromValue(pipeWith(secret))}));
    };
    QCOMPARE(errorOf(open("wrong")), QStringLiteral("WrongPassphrase"));
    QCOMPARE(open("correct horse").arguments().value(0).toString(), id);
    QCOMPARE(open(key).arguments().value(0).toString(), id);
    const auto nowhere = ask(*m_client, managerCall(QStringLiteral("OpenRepository"),
                                                    {QVariant::fromValue(folderFd("/usr")),
                                                     QVariant::fromValue(pipeWith("x"))}));
    QCOMPARE(errorOf(nowhere), QStringLiteral("NotFound"));
}

void TestHelperBus::tellsNobodyNamesOrPaths()
{
    QProcess monitor;
    monitor.start(QStringLiteral("dbus-monitor"),
                  {QStringLiteral("--address"), m_bus->address(), QStringLiteral("type='signal'")});
    QVERIFY(monitor.waitForReadyRead(10000));
    const QString folder = m_folder->filePath(QStringLiteral("Secret-Folder"));
    const QString id = newRepository(folder, "correct horse");
    QVERIFY(!id.isEmpty());
    QByteArray heard;
    QTRY_VERIFY([&] {
        heard += monitor.readAll();
        return heard.contains("RepositoriesChanged") && heard.contains("InterfacesAdded");
    }());
    QVERIFY(!heard.contains("Secret-Folder"));
    QVERIFY(!heard.contains("\"Test\""));

    const auto objects =
        ask(*m_client, helperCall(kRoot, QStringLiteral("org.freedesktop.DBus.ObjectManager"),
                                  QStringLiteral("GetManagedObjects")));
    QCOMPARE(objects.signature(), QStringLiteral("a{oa{sa{sv}}}"));
    // Shown without asking polkit, so the same holds for it.
    QProcess show;
    show.start(QStringLiteral("dbus-send"),
               {QStringLiteral("--bus=") + m_bus->address(), QStringLiteral("--print-reply"),
                QStringLiteral("--dest=org.dormouse.Helper1"), kRoot,
                QStringLiteral("org.freedesktop.DBus.ObjectManager.GetManagedObjects")});
    QVERIFY(show.waitForFinished(10000));
    const QByteArray shown = show.readAllStandardOutput();
    QVERIFY2(shown.contains(id.toUtf8()), shown.constData());
    QVERIFY(!shown.contains("Secret-Folder"));
    QVERIFY(!shown.contains("\"Test\""));
    monitor.kill();
    monitor.waitForFinished(5000);
}

void TestHelperBus::keepsPlansAndAsksMoreWhenTheyKeepLess()
{
    const QString path = kRoot + QStringLiteral("/plan/") + m_planId;
    const QString interface = QString::fromLatin1(bus::kPlanInterface);
    const auto plans = [&] {
        return qdbus_cast<bus::PlanInfoList>(
            ask(*m_client, managerCall(QStringLiteral("ListPlans"))).arguments().value(0));
    };
    QCOMPARE(plans().size(), 1);
    QCOMPARE(plans().first().rhythm.everyMinutes, 60U);
    const auto update = [&](uint keepLast) {
        return ask(*m_client,
                   helperCall(path, interface, QStringLiteral("Update"),
                              {QStringLiteral("renamed"), QStringList{m_volumeId}, m_repositoryId,
                               QVariant::fromValue(daily()), keepLast, true}));
    };
    // Its object is there as soon as the helper is.
    QCOMPARE(ask(*m_client, helperCall(path, interface, QStringLiteral("Pause"), {0LL})).type(),
             QDBusMessage::ReplyMessage);
    QCOMPARE(update(9).type(), QDBusMessage::ReplyMessage);
    QCOMPARE(plans().first().name, QStringLiteral("renamed"));
    QCOMPARE(plans().first().rhythm, daily());
    QCOMPARE(plans().first().upcomingTimes.size(), 5);

    QTest::qWait(1000); // until the object knows that it keeps 9 now
    m_polkit->forget();
    QCOMPARE(update(8).type(), QDBusMessage::ReplyMessage);
    QCOMPARE(m_polkit->actions().last(), QStringLiteral("org.dormouse.helper.delete"));

    QCOMPARE(ask(*m_client, helperCall(path, interface, QStringLiteral("Pause"), {-1LL})).type(),
             QDBusMessage::ErrorMessage);
    QCOMPARE(
        ask(*m_client, helperCall(path, interface, QStringLiteral("Pause"), {4102444800LL})).type(),
        QDBusMessage::ReplyMessage);
    QCOMPARE(plans().first().pausedUntil, 4102444800LL);

    bus::Rhythm rhythm;
    rhythm.kind = bus::RhythmKind::Every;
    rhythm.everyMinutes = 15;
    const auto created =
        ask(*m_client, managerCall(QStringLiteral("CreatePlan"),
                                   {QStringLiteral("two"), QStringList{m_volumeId}, m_repositoryId,
                                    QVariant::fromValue(rhythm), 0U}));
    QCOMPARE(created.type(), QDBusMessage::ReplyMessage);
    QCOMPARE(plans().size(), 2);
    QCOMPARE(ask(*m_client, helperCall(path, interface, QStringLiteral("Remove"))).type(),
             QDBusMessage::ReplyMessage);
    QCOMPARE(plans().size(), 1);
    QTRY_COMPARE(ask(*m_client, helperCall(path, interface, QStringLiteral("Remove"))).type(),
                 QDBusMessage::ErrorMessage); // its object is gone
}

void TestHelperBus::runsADuePlanOnceAndRecordsWhy()
{
    bus::PlanInfo plan;
    QTRY_VERIFY_WITH_TIMEOUT(
        [&] {
            const auto plans = qdbus_cast<bus::PlanInfoList>(
                ask(*m_client, managerCall(QStringLiteral("ListPlans"))).arguments().value(0));
            plan = plans.value(0);
            return plan.lastRunTime != 0;
        }(),
        20000);
    QCOMPARE(plan.lastOutcome, bus::Outcome::Skipped); // its repository is not there
    QVERIFY(!plan.lastSentence.isEmpty());
    QVERIFY(plan.nextRunTime > QDateTime::currentSecsSinceEpoch());
    QTest::qWait(1500);
    quint32 total = 0;
    const auto reply = ask(*m_client, managerCall(QStringLiteral("ListActivity"), {0U, 10U}));
    total = reply.arguments().value(1).toUInt();
    QCOMPARE(total, 1U);
}

void TestHelperBus::startsAgainAfterItWasKilled()
{
    const QString folder = m_folder->filePath(QStringLiteral("repository"));
    const QString id = newRepository(folder, "correct horse");
    QVERIFY(!id.isEmpty());
    m_helper->kill();
    QVERIFY(m_helper->start());
    const auto list = qdbus_cast<bus::RepositoryInfoList>(
        ask(*m_client, managerCall(QStringLiteral("ListRepositories"))).arguments().value(0));
    QCOMPARE(list.size(), 1);
    QCOMPARE(list.first().id, id);
}

void TestHelperBus::setsADamagedCatalogAside()
{
    QVERIFY(m_helper->stop());
    QFile file(catalogPath());
    QVERIFY(file.open(QIODevice::WriteOnly | QIODevice::Truncate));
    file.write(QByteArray(100000, 'x'));
    file.close();
    QVERIFY(m_helper->start());
    QCOMPARE(ask(*m_client, managerCall(QStringLiteral("ListPlans"))).type(),
             QDBusMessage::ReplyMessage);
}

void TestHelperBus::stopsWhenItIsAskedTo()
{
    m_polkit->setManner(MockPolkit::Manner::Never);
    const QDBusPendingCall waiting =
        m_client->asyncCall(managerCall(QStringLiteral("ListPlans")), 60000);
    QTRY_COMPARE(m_polkit->questions().size(), 1);
    QVERIFY2(m_helper->stop(), qPrintable(m_helper->log()));
    QTRY_VERIFY(waiting.isFinished());
    QCOMPARE(errorOf(waiting.reply()), QStringLiteral("Cancelled"));
}

QTEST_GUILESS_MAIN(TestHelperBus)
#include "tst_helper_bus.moc"
