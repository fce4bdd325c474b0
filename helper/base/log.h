// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Lines for the journal.
 *
 * One line to standard error each, with the "<N>" prefix that the journal turns
 * into a priority when standard error is a journal stream; on a terminal
 * without it. Secrets, file names of users and passphrases do not belong here.
 *
 * Threads: any; a line is written with one write() and never torn.
 */
#pragma once

#include <string_view>

namespace dormouse {

enum class LogLevel { Error = 3, Warning = 4, Info = 6, Debug = 7 };

/// Lines above this level are dropped. Info from the start.
void setLogLevel(LogLevel level);

void log(LogLevel level, std::string_view message);

inline void logError(std::string_view message)
{
    log(LogLevel::Error, message);
}
inline void logWarning(std::string_view message)
{
    log(LogLevel::Warning, message);
}
inline void logInfo(std::string_view message)
{
    log(LogLevel::Info, message);
}
inline void logDebug(std::string_view message)
{
    log(LogLevel::Debug, message);
}

} // namespace dormouse
