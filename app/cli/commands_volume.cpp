// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/commands.h"
#include "app/cli/json.h"
#include "app/cli/session.h"
#include "app/client/format.h"
#include "app/client/helper_state.h"

#include <QCommandLineParser>

namespace dormouse::app::cli {

namespace {

// A protected volume's id, or the device itself.
QString storePlace(Session& session, const QString& place)
{
    for (const bus::VolumeInfo& volume : session.volumes()) {
        if (volume.isProtected && volume.device == place)
            return volume.id;
    }
    return place.startsWith(QLatin1String("/dev/")) ? place : session.findProtectedVolume(place).id;
}

} // namespace

int runProtect(Session& session, const QStringList& arguments)
{
    QCommandLineParser parser;
    parser.addOption(
        {QStringLiteral("store"), Session::tr("size of the store"), QStringLiteral("SIZE")});
    parser.addOption({QStringLiteral("store-on"),
                      Session::tr("another protected volume, or a device with nothing on it"),
                      QStringLiteral("PLACE")});
    parse(parser, arguments, 1, 1);
    const QString storeText = parser.value(QStringLiteral("store"));
    const quint64 storeBytes = storeText.isEmpty() ? 0 : parseSize(storeText);
    const QString place = parser.value(QStringLiteral("store-on"));
    session.connectToHelper();
    const QString storeOn = place.isEmpty() ? QString() : storePlace(session, place);
    const bus::VolumeInfo volume = session.findVolume(parser.positionalArguments().first());
    if (volume.isProtected)
        throw CommandFailed{
            exitFailed,
            Session::tr("%1 is protected already.").arg(printable(displayName(volume)))};
    if (!volume.isProtectable)
        throw CommandFailed{exitFailed, printable(volume.refusal)};
    const auto job = session.await<QString>([&](auto then) {
        session.client().protectVolume(volume.candidateId, storeBytes, storeOn, &session, then);
    });
    return session.follow(job);
}

int runGrow(Session& session, const QStringList& arguments)
{
    QCommandLineParser parser;
    parser.addOption({QStringLiteral("by"), Session::tr("how much more"), QStringLiteral("SIZE")});
    parse(parser, arguments, 1, 1);
    const QString byText = parser.value(QStringLiteral("by"));
    const quint64 bytes = byText.isEmpty() ? 0 : parseSize(byText);
    session.connectToHelper();
    const bus::VolumeInfo volume =
        session.findProtectedVolume(parser.positionalArguments().first());
    const auto job = session.await<QString>(
        [&](auto then) { session.client().growStore(volume.id, bytes, &session, then); });
    return session.follow(job);
}

int runForget(Session& session, const QStringList& arguments)
{
    QCommandLineParser parser;
    parser.addOption({QStringLiteral("yes"), Session::tr("do not ask")});
    parse(parser, arguments, 1, 1);
    session.connectToHelper();
    const bus::VolumeInfo volume =
        session.findProtectedVolume(parser.positionalArguments().first());
    if (!parser.isSet(QStringLiteral("yes")) &&
        !confirm(
            Session::tr("Stop protecting %1? Its %n local snapshot(s) will be lost; backups stay.",
                        nullptr, int(volume.snapshotCount))
                .arg(printable(displayName(volume)))))
        throw CommandFailed{exitCancelled, Session::tr("Nothing was changed.")};
    session.await<bool>(
        [&](auto then) { session.client().forgetVolume(volume.id, &session, then); });
    if (!session.isJson())
        print(Session::tr("%1 is not protected any more.").arg(printable(displayName(volume))));
    return exitOk;
}

int runSnapshot(Session& session, const QStringList& arguments)
{
    QCommandLineParser parser;
    parser.addOption({QStringLiteral("transient"), Session::tr("need not survive a power cut")});
    parser.addOption({QStringLiteral("volume"), Session::tr("with drop: of which volume"),
                      QStringLiteral("VOLUME")});
    parse(parser, arguments, 1, -1);
    QStringList words = parser.positionalArguments();
    session.connectToHelper();
    if (words.first() == QLatin1String("drop")) {
        if (words.size() != 2)
            throw CommandFailed{exitUsage,
                                Session::tr("Use: snapshot drop POINT [--volume VOLUME]")};
        const bus::RestorePoint point =
            session.findRestorePoint(words[1], parser.value(QStringLiteral("volume")));
        if (point.source != bus::RestorePointSource::LocalSnapshot)
            throw CommandFailed{exitFailed,
                                Session::tr("That is a backup, not a local snapshot. Use "
                                            "\"dormousectl repo forget-backup\".")};
        session.await<bool>([&](auto then) {
            session.client().dropSnapshot(point.volumeId, point.epoch, &session, then);
        });
        return exitOk;
    }
    QStringList ids;
    QStringList names;
    for (const QString& word : words) {
        const bus::VolumeInfo volume = session.findProtectedVolume(word);
        ids << volume.id;
        names << displayName(volume);
    }
    const auto pointIds = session.await<QStringList>([&](auto then) {
        session.client().takeSnapshot(ids, !parser.isSet(QStringLiteral("transient")), &session,
                                      then);
    });
    if (session.isJson()) {
        QJsonArray points;
        for (qsizetype i = 0; i < pointIds.size(); ++i)
            points.append(QJsonObject{{"volumeId", ids.value(i)}, {"restorePointId", pointIds[i]}});
        printJson(points);
        return exitOk;
    }
    for (qsizetype i = 0; i < pointIds.size(); ++i)
        print(printable(Session::tr("%1: snapshot %2").arg(names.value(i), pointIds[i])));
    return exitOk;
}

int runMap(Session& session, const QStringList& arguments)
{
    QCommandLineParser parser;
    parse(parser, arguments, 1, 1);
    session.connectToHelper();
    const bus::VolumeInfo volume =
        session.findProtectedVolume(parser.positionalArguments().first());
    constexpr quint32 buckets = 72;
    const auto map = session.await<ChangeMapSummary>([&](auto then) {
        session.client().getChangeMapSummary(volume.id, buckets, &session, then);
    });
    if (session.isJson()) {
        const auto shares = [](const QByteArray& bytes) {
            QJsonArray array;
            for (const char byte : bytes)
                array.append(int(quint8(byte)));
            return array;
        };
        printJson(QJsonObject{{"volumeId", volume.id},
                              {"changed", shares(map.changed)},
                              {"store", shares(map.store)}});
        return exitOk;
    }
    QString line;
    for (qsizetype i = 0; i < map.changed.size(); ++i) {
        const int changed = quint8(map.changed[i]);
        const int store = i < map.store.size() ? quint8(map.store[i]) : 0;
        line += QLatin1Char(changed > 127 ? '#' : changed > 0 ? '+' : store > 0 ? 's' : '.');
    }
    print(line);
    print(Session::tr(
        "# mostly changed since the last backup, + partly changed, s store, . unchanged"));
    return exitOk;
}

} // namespace dormouse::app::cli
