// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/daemon/validation.h"

#include <QCoreApplication>

#include <algorithm>
#include <charconv>

#include <fcntl.h>
#include <sys/stat.h>

namespace dormouse {

namespace {

QString tr(const char* text)
{
    return QCoreApplication::translate("validation", text);
}

constexpr const char* kWeekdays[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

std::string clockText(quint32 minuteOfDay)
{
    return QStringLiteral("%1:%2")
        .arg(minuteOfDay / 60, 2, 10, QLatin1Char('0'))
        .arg(minuteOfDay % 60, 2, 10, QLatin1Char('0'))
        .toStdString();
}

bool isGoodPath(const QByteArray& path)
{
    if (path.isEmpty() || path.size() > kMaxPathBytes || path.contains('\0'))
        return false;
    if (path == ".")
        return true; // everything
    const auto parts = path.split('/');
    return std::none_of(parts.begin(), parts.end(), [](const QByteArray& part) {
        return part.isEmpty() || part == "." || part == ".." || part.size() > 255;
    });
}

// Duplicated so that it lives as long as we need it, whatever becomes of the message.
BusResult<UniqueFd> duplicated(const QDBusUnixFileDescriptor& fd, struct stat& info)
{
    UniqueFd own(fd.isValid() ? ::fcntl(fd.fileDescriptor(), F_DUPFD_CLOEXEC, 3) : -1);
    if (!own || ::fstat(own.get(), &info) != 0)
        return busFail("InvalidArgument", tr("A file descriptor is missing or cannot be used."));
    return own;
}

bool canRead(int fd)
{
    const int flags = ::fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_PATH) == 0 && (flags & O_ACCMODE) != O_WRONLY;
}

bool canWrite(int fd)
{
    const int flags = ::fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_PATH) == 0 && (flags & O_ACCMODE) != O_RDONLY;
}

} // namespace

BusResult<std::string> checkedId(const QString& id)
{
    const auto isGood = [](QChar c) {
        return (c >= u'a' && c <= u'z') || (c >= u'A' && c <= u'Z') || (c >= u'0' && c <= u'9') ||
               c == u'-' || c == u'_' || c == u':' || c == u'.';
    };
    if (id.isEmpty() || id.size() > kMaxIdChars || !std::all_of(id.begin(), id.end(), isGood))
        return busFail("InvalidArgument", tr("This is not an id."));
    return id.toStdString();
}

BusResult<std::string> checkedStorePlace(const QString& place)
{
    if (place.isEmpty())
        return std::string();
    const QString prefix = QStringLiteral("/dev/");
    if (!place.startsWith(prefix))
        return checkedId(place);
    const QStringList parts = place.mid(prefix.size()).split(u'/');
    const bool isGood = place.size() <= kMaxNameChars &&
                        std::all_of(parts.begin(), parts.end(), [](const QString& part) {
                            return !part.isEmpty() && part != u"." && part != u"..";
                        });
    if (!isGood)
        return busFail("InvalidArgument", tr("This is not the name of a device."));
    return place.toStdString();
}

BusResult<std::vector<std::string>> checkedVolumeIds(const QStringList& ids)
{
    if (ids.isEmpty() || ids.size() > kMaxVolumesPerPlan)
        return busFail("InvalidArgument", tr("Name 1 to %1 volumes.").arg(kMaxVolumesPerPlan));
    std::vector<std::string> checked;
    for (const QString& id : ids) {
        auto one = checkedId(id);
        if (!one)
            return tl::unexpected(one.error());
        if (std::find(checked.begin(), checked.end(), *one) != checked.end())
            return busFail("InvalidArgument", tr("A volume is named twice."));
        checked.push_back(std::move(*one));
    }
    return checked;
}

BusResult<std::string> checkedName(const QString& name)
{
    const QString trimmed = name.trimmed();
    const bool hasControl = std::any_of(trimmed.begin(), trimmed.end(), [](QChar c) {
        return c.category() == QChar::Other_Control || c == QChar::LineSeparator ||
               c == QChar::ParagraphSeparator;
    });
    if (trimmed.isEmpty() || trimmed.size() > kMaxNameChars || hasControl)
        return busFail("InvalidArgument",
                       tr("A name has 1 to %1 characters in one line.").arg(kMaxNameChars));
    return trimmed.toStdString();
}

BusResult<Rhythm> checkedRhythm(const bus::Rhythm& rhythm)
{
    std::string text;
    const bool isTime = rhythm.minuteOfDay < 24 * 60;
    switch (rhythm.kind) {
    case bus::RhythmKind::Every:
        if (rhythm.everyMinutes > 0 && rhythm.everyMinutes % 60 == 0)
            text = "every " + std::to_string(rhythm.everyMinutes / 60) + "h";
        else
            text = "every " + std::to_string(rhythm.everyMinutes) + "min";
        break;
    case bus::RhythmKind::Daily:
        if (isTime)
            text = "daily " + clockText(rhythm.minuteOfDay);
        break;
    case bus::RhythmKind::Weekly:
        if (isTime && rhythm.weekday >= 1 && rhythm.weekday <= 7)
            text = std::string("weekly ") + kWeekdays[rhythm.weekday - 1] + " " +
                   clockText(rhythm.minuteOfDay);
        break;
    case bus::RhythmKind::Unknown:
        break;
    }
    if (text.empty())
        return busFail("InvalidArgument", tr("This rhythm does not exist."));
    auto parsed = Rhythm::parse(text);
    if (!parsed)
        return busFail(parsed.error());
    return *parsed;
}

bus::Rhythm busRhythm(const Rhythm& rhythm)
{
    // The canonical text is the interface that policy promises to keep.
    const QStringList words = QString::fromStdString(rhythm.format()).split(QLatin1Char(' '));
    bus::Rhythm result;
    const auto minuteOf = [](const QString& clock) {
        return clock.section(QLatin1Char(':'), 0, 0).toUInt() * 60 +
               clock.section(QLatin1Char(':'), 1, 1).toUInt();
    };
    if (words.size() == 2 && words[0] == QLatin1String("every")) {
        result.kind = bus::RhythmKind::Every;
        const bool isHours = words[1].endsWith(QLatin1Char('h'));
        QString number = words[1];
        number.chop(isHours ? 1 : 3);
        result.everyMinutes = number.toUInt() * (isHours ? 60 : 1);
    } else if (words.size() == 2 && words[0] == QLatin1String("daily")) {
        result.kind = bus::RhythmKind::Daily;
        result.minuteOfDay = minuteOf(words[1]);
    } else if (words.size() == 3) {
        result.kind = bus::RhythmKind::Weekly;
        result.minuteOfDay = minuteOf(words[2]);
        for (quint32 day = 0; day < 7; ++day) {
            if (words[1] == QLatin1String(kWeekdays[day]))
                result.weekday = day + 1;
        }
    }
    return result;
}

BusResult<std::vector<std::string>> checkedPaths(const QByteArrayList& paths)
{
    if (paths.isEmpty() || paths.size() > kMaxRestorePaths)
        return busFail("InvalidArgument",
                       tr("Name 1 to %1 files or folders.").arg(kMaxRestorePaths));
    std::vector<std::string> checked;
    for (const QByteArray& path : paths) {
        if (!isGoodPath(path))
            return busFail("InvalidArgument", tr("A path is not relative to the restore point."));
        checked.push_back(path.toStdString());
    }
    return checked;
}

BusResult<UniqueFd> checkedDirectory(const QDBusUnixFileDescriptor& fd)
{
    struct stat info
    {
    };
    auto own = duplicated(fd, info);
    if (own && (!S_ISDIR(info.st_mode) || (::fcntl(own->get(), F_GETFL) & O_PATH) != 0))
        return busFail("InvalidArgument", tr("This file descriptor is not an open folder."));
    return own;
}

BusResult<UniqueFd> checkedSecretSource(const QDBusUnixFileDescriptor& fd)
{
    struct stat info
    {
    };
    auto own = duplicated(fd, info);
    if (own && ((!S_ISFIFO(info.st_mode) && !S_ISREG(info.st_mode)) || !canRead(own->get())))
        return busFail("InvalidArgument",
                       tr("The passphrase must come through a pipe or a regular file."));
    return own;
}

BusResult<UniqueFd> checkedSecretSink(const QDBusUnixFileDescriptor& fd)
{
    struct stat info
    {
    };
    auto own = duplicated(fd, info);
    if (own && (!S_ISFIFO(info.st_mode) || !canWrite(own->get())))
        return busFail("InvalidArgument", tr("The recovery key can only be written to a pipe."));
    return own;
}

} // namespace dormouse
