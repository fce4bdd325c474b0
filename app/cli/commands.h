// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <QStringList>

class QCommandLineParser;

namespace dormouse::app::cli {

class Session;

// One word of the command line. `run` gets the words after it (without the
// global options) and returns the exit code, or throws CommandFailed.
struct Command
{
    const char* name;
    const char* synopsis; // what follows the name
    const char* summary;  // one line for the help
    int (*run)(Session& session, const QStringList& arguments);
};

// commands_status.cpp
int runStatus(Session& session, const QStringList& arguments);
int runVolumes(Session& session, const QStringList& arguments);
int runJobs(Session& session, const QStringList& arguments);
int runActivity(Session& session, const QStringList& arguments);
int runDoctor(Session& session, const QStringList& arguments);
// commands_volume.cpp
int runProtect(Session& session, const QStringList& arguments);
int runGrow(Session& session, const QStringList& arguments);
int runForget(Session& session, const QStringList& arguments);
int runSnapshot(Session& session, const QStringList& arguments);
int runMap(Session& session, const QStringList& arguments);
// commands_backup.cpp
int runRepository(Session& session, const QStringList& arguments);
int runPlans(Session& session, const QStringList& arguments);
int runBackup(Session& session, const QStringList& arguments);
// commands_restore.cpp
int runPoints(Session& session, const QStringList& arguments);
int runBrowse(Session& session, const QStringList& arguments);
int runRestore(Session& session, const QStringList& arguments);

// Parses `arguments` into `parser`; throws with exitUsage on a mistake, and
// where fewer than `least` or more than `most` (-1 = any) positional arguments
// are left.
void parse(QCommandLineParser& parser, const QStringList& arguments, int least, int most);

// "12G", "512M", "4096": bytes, powers of 1024 as partitioning tools read them.
[[nodiscard]] quint64 parseSize(const QString& text);

} // namespace dormouse::app::cli
