// SPDX-License-Identifier: GPL-3.0-or-later
//
// What the helper does for a caller it serves: its contract, repositories, plans,
// and how it starts, stops and starts again.
#include "helper/base/id.h"
#include "helper/catalog/catalog.h"
#include "helper/daemon/access_table.h"
#include "tests/dbus/helper_fixture.h"

#include <QDBusMetaType>
#include <QDBusPendingCall>
#include <QDir>
#include <QDirIterator>
#include <QFile>
#include <QTest>
#include <QXmlStreamReader>

using namespace dormouse;

class TestHelperBus : public HelperFixture
{
    Q_OBJECT

private slots:
    void init();

    void saysWhatItIsWithoutTheModule();
    void everyMethodOfTheContractHasARowAndNoOther();
    void createsARepositoryAndHandsOverItsKey();
    void opensARepositoryAgainAfterItsCatalogWasLost();
    void tellsNobodyNamesOrPaths();
    void keepsPlansAndAsksMoreWhenTheyKeepLess();
    void runsADuePlanOnceAndRecordsWhy();
    void startsAgainAfterItWasKilled();
    void setsADamagedCatalogAside();
    void stopsWhenItIsAskedTo();

private:
    /// A protected volume and a plan, written before the helper starts.
    void seedPlan(bool isDue);

    QString m_volumeId, m_repositoryId, m_planId;
};

void TestHelperBus::init()
{
    HelperFixture::init();
    const QString test = QString::fromLatin1(QTest::currentTestFunction());
    if (test.contains(QLatin1String("Plan")))
        seedPlan(test.contains(QLatin1String("Due")));
    QVERIFY(startHelper());
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
    // Another passphrase: by who knows what opens it now, or has the recovery key.
    const QString ownPath = kRoot + QStringLiteral("/repository/") + id;
    const auto setPassphrase = [&](const QByteArray& current, const QByteArray& wanted) {
        Pipe newKey;
        return errorOf(ask(*m_client,
                           helperCall(ownPath, QString::fromLatin1(bus::kRepositoryInterface),
                                      QStringLiteral("SetPassphrase"),
                                      {QVariant::fromValue(pipeWith(current + '\n')),
                                       QVariant::fromValue(pipeWith(wanted + '\n')),
                                       QVariant::fromValue(newKey.writeEnd)})));
    };
    const auto opens = [&](const QByteArray& secret) {
        return errorOf(ask(*m_client, managerCall(QStringLiteral("OpenRepository"),
                                                  {QVariant::fromValue(folderFd(folder)),
                                                   QVariant::fromValue(pipeWith(secret))})));
    };
    QCOMPARE(setPassphrase("wrong horse", "hazel"), QStringLiteral("WrongPassphrase"));
    QCOMPARE(setPassphrase("correct horse", ""), QStringLiteral("InvalidArgument"));
    QCOMPARE(opens("correct horse"), QString());
    QCOMPARE(setPassphrase("correct horse", "hazel"), QString());
    QCOMPARE(opens("correct horse"), QStringLiteral("WrongPassphrase"));
    QCOMPARE(opens("hazel"), QString());
    QCOMPARE(setPassphrase(key, "correct horse"), QString());
    QCOMPARE(opens("correct horse"), QString());
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
    const auto outcomeOf = [&](const QString& method) {
        const auto job =
            ask(*m_client, helperCall(path, QString::fromLatin1(bus::kRepositoryInterface), method))
                .arguments()
                .value(0)
                .value<QDBusObjectPath>();
        QVariantMap state;
        const auto isFinished = [&] {
            state = qdbus_cast<QVariantMap>(
                ask(*m_client,
                    helperCall(job.path(), QStringLiteral("org.freedesktop.DBus.Properties"),
                               QStringLiteral("GetAll"), {QString::fromLatin1(bus::kJobInterface)}))
                    .arguments()
                    .value(0));
            return state.value(QStringLiteral("State")).toUInt() ==
                   static_cast<uint>(bus::JobState::Finished);
        };
        if (!QTest::qWaitFor(isFinished, 20000))
            return bus::Outcome::None;
        return bus::Outcome(state.value(QStringLiteral("Outcome")).toUInt());
    };
    // An empty one verifies.
    QCOMPARE(outcomeOf(QStringLiteral("Verify")), bus::Outcome::Done);
    const auto activity = qdbus_cast<bus::ActivityEntryList>(
        ask(*m_client, managerCall(QStringLiteral("ListActivity"), {0U, 10U}))
            .arguments()
            .value(0));
    QCOMPARE(activity.size(), 1);
    QCOMPARE(activity.first().kind, bus::JobKind::Verify);
    QVERIFY(!activity.first().sentence.isEmpty());

    // A piece of the index that is none: found, mended, gone.
    QVERIFY(QDir().mkpath(folder + QStringLiteral("/index")));
    QFile junk(folder + QStringLiteral("/index/") + QString(32, QLatin1Char('7')));
    QVERIFY(junk.open(QFile::WriteOnly) && junk.write("not an index") > 0);
    junk.close();
    QCOMPARE(outcomeOf(QStringLiteral("Verify")), bus::Outcome::Failed);
    m_polkit->forget();
    QCOMPARE(outcomeOf(QStringLiteral("Repair")), bus::Outcome::Done);
    QCOMPARE(m_polkit->actions(), QStringList{QStringLiteral("org.dormouse.helper.delete")});
    QVERIFY(!junk.exists());
    QCOMPARE(outcomeOf(QStringLiteral("Verify")), bus::Outcome::Done);

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
