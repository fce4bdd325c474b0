// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QDateTime>
#include <QString>

namespace dormouse::app {

// Numbers and times as people read them, for the window and the command line.
// All text is translated; every function is pure (the present is a parameter).

// "4.2 GB" (powers of 1000, as disks are sold); "0 bytes".
QString formatBytes(quint64 bytes);

// "18 MB/s".
QString formatRate(quint64 bytesPerSecond);

// "just now", "5 minutes ago", "today at 14:02", "yesterday at 14:02",
// "Monday at 14:02", "12 Nov 2026 at 14:02"; for the future "in 5 minutes",
// "tomorrow at 02:00" ... An invalid time is "never".
QString formatWhen(const QDateTime& when, const QDateTime& now = QDateTime::currentDateTime());

// "14:02", as the locale writes it, without seconds.
QString formatClockTime(const QTime& time);

// "Yesterday at 14:02": where a sentence begins.
QString capitalised(const QString& text);

// "less than a minute", "4 minutes", "2 hours", "3 days".
QString formatDuration(qint64 seconds);

// "0:42", "12:05", "1:02:03": for the length of a finished job.
QString formatClock(qint64 seconds);

// "12 Nov 2026, 14:02:31": where an exact moment is asked for.
QString formatMoment(const QDateTime& when);

// "a", "a and b", "a, b and c".
QString joinNames(const QStringList& names);

// Unix mode bits as `ls -l` shows them: "drwxr-xr-x".
QString formatMode(quint32 mode);

} // namespace dormouse::app
