// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/base/log.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <string>

namespace dormouse {

namespace {

std::atomic<LogLevel> g_level{LogLevel::Info};

} // namespace

void setLogLevel(LogLevel level)
{
    g_level = level;
}

void log(LogLevel level, std::string_view message)
{
    if (level > g_level.load())
        return;
    static const bool isJournal = std::getenv("JOURNAL_STREAM") != nullptr;
    std::string line;
    if (isJournal)
        line = "<" + std::to_string(static_cast<int>(level)) + ">";
    line += message;
    // A message with line breaks could otherwise pass for lines of its own.
    std::replace(line.begin(), line.end(), '\n', ' ');
    line += '\n';
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

} // namespace dormouse
