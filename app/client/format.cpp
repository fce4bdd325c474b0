// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/client/format.h"

#include <QCoreApplication>
#include <QLocale>

#include <sys/stat.h>

namespace dormouse::app {
namespace {

struct Format
{
    Q_DECLARE_TR_FUNCTIONS(Format)
};

QString clockTime(const QDateTime& when)
{
    return formatClockTime(when.toLocalTime().time());
}

QString onDay(const QDateTime& when, const QDateTime& now)
{
    const QDate day = when.toLocalTime().date();
    const qint64 daysAhead = now.toLocalTime().date().daysTo(day);
    const QString time = clockTime(when);
    if (daysAhead == 0)
        return Format::tr("today at %1").arg(time);
    if (daysAhead == -1)
        return Format::tr("yesterday at %1").arg(time);
    if (daysAhead == 1)
        return Format::tr("tomorrow at %1").arg(time);
    if (qAbs(daysAhead) < 7)
        return Format::tr("%1 at %2", "weekday, time")
            .arg(QLocale().dayName(day.dayOfWeek()), time);
    return Format::tr("%1 at %2", "date, time")
        .arg(QLocale().toString(day, QStringLiteral("d MMM yyyy")), time);
}

} // namespace

QString formatClockTime(const QTime& time)
{
    // Some locales ("C" among them) put seconds into their short format.
    return QLocale().toString(
        time, QLocale().timeFormat(QLocale::ShortFormat).remove(QStringLiteral(":ss")));
}

QString capitalised(const QString& text)
{
    return text.left(1).toUpper() + text.mid(1);
}

QString formatBytes(quint64 bytes)
{
    if (bytes < 1000)
        return Format::tr("%n byte(s)", nullptr, int(bytes));
    // Three digits are enough: "4.2 GB", "131 MB".
    quint64 leading = bytes;
    while (leading >= 1000)
        leading /= 1000;
    const int precision = leading < 100 && bytes >= 1000 * 1000 ? 1 : 0;
    return QLocale().formattedDataSize(qint64(bytes), precision, QLocale::DataSizeSIFormat);
}

QString formatRate(quint64 bytesPerSecond)
{
    return Format::tr("%1/s", "amount of data per second").arg(formatBytes(bytesPerSecond));
}

QString formatWhen(const QDateTime& when, const QDateTime& now)
{
    if (!when.isValid())
        return Format::tr("never");
    const qint64 ahead = now.secsTo(when);
    if (ahead > -60 && ahead <= 0)
        return Format::tr("just now");
    if (ahead > 0 && ahead < 60)
        return Format::tr("in less than a minute");
    if (ahead < 0 && ahead > -3600)
        return Format::tr("%n minute(s) ago", nullptr, int(-ahead / 60));
    if (ahead > 0 && ahead < 3600)
        return Format::tr("in %n minute(s)", nullptr, int(ahead / 60));
    return onDay(when, now);
}

QString formatDuration(qint64 seconds)
{
    if (seconds < 60)
        return Format::tr("less than a minute");
    if (seconds < 90 * 60)
        return Format::tr("%n minute(s)", nullptr, int((seconds + 30) / 60));
    if (seconds < 36 * 3600)
        return Format::tr("%n hour(s)", nullptr, int((seconds + 1800) / 3600));
    return Format::tr("%n day(s)", nullptr, int((seconds + 43200) / 86400));
}

QString formatClock(qint64 seconds)
{
    const auto two = [](qint64 value) {
        return QStringLiteral("%1").arg(value, 2, 10, QLatin1Char('0'));
    };
    if (seconds >= 3600)
        return QStringLiteral("%1:%2:%3")
            .arg(seconds / 3600)
            .arg(two(seconds / 60 % 60), two(seconds % 60));
    return QStringLiteral("%1:%2").arg(seconds / 60).arg(two(seconds % 60));
}

QString formatMoment(const QDateTime& when)
{
    if (!when.isValid())
        return Format::tr("never");
    return QLocale().toString(when.toLocalTime(), QStringLiteral("d MMM yyyy, HH:mm:ss"));
}

QString joinNames(const QStringList& names)
{
    if (names.size() < 2)
        return names.value(0);
    return Format::tr("%1 and %2", "end of a list")
        .arg(names.mid(0, names.size() - 1).join(Format::tr(", ", "between list items")),
             names.last());
}

QString formatMode(quint32 mode)
{
    QString text = QStringLiteral("-rwxrwxrwx");
    for (int bit = 0; bit < 9; ++bit) {
        if (!(mode & (0400u >> bit)))
            text[bit + 1] = QLatin1Char('-');
    }
    if (S_ISDIR(mode))
        text[0] = QLatin1Char('d');
    else if (S_ISLNK(mode))
        text[0] = QLatin1Char('l');
    else if (S_ISFIFO(mode))
        text[0] = QLatin1Char('p');
    else if (S_ISSOCK(mode))
        text[0] = QLatin1Char('s');
    else if (S_ISBLK(mode))
        text[0] = QLatin1Char('b');
    else if (S_ISCHR(mode))
        text[0] = QLatin1Char('c');
    if (mode & S_ISUID)
        text[3] = QLatin1Char(mode & S_IXUSR ? 's' : 'S');
    if (mode & S_ISGID)
        text[6] = QLatin1Char(mode & S_IXGRP ? 's' : 'S');
    if (mode & S_ISVTX)
        text[9] = QLatin1Char(mode & S_IXOTH ? 't' : 'T');
    return text;
}

} // namespace dormouse::app
