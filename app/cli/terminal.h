// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QByteArray>
#include <QJsonValue>
#include <QString>
#include <QStringList>

namespace dormouse::app::cli {

// Exit codes; part of the command line's interface, in the manual page.
enum ExitCode {
    exitOk = 0,
    exitFailed = 1,
    exitUsage = 2,
    exitNotReachable = 3, // no bus, or no helper
    exitNotAuthorized = 4,
    exitNotFound = 5,
    exitWrongPassphrase = 6,
    exitBusy = 7,
    exitModuleMissing = 8,
    exitUnreachable = 9, // the repository's place is not there
    exitCancelled = 10,
    exitExceptions = 11, // done, but something was left out
    exitNotHealthy = 12, // status --check, doctor
};

// Ends a command: thrown by what it calls, caught in main().
struct CommandFailed
{
    int exitCode = exitFailed;
    QString sentence;
};

// Names are other people's bytes: control characters, which could drive the
// terminal, become "?".
[[nodiscard]] QString printable(const QString& text);

// To stdout, with a newline.
void print(const QString& line);
// To stderr, with a newline.
void complain(const QString& line);
void printJson(const QJsonValue& value);

// Rows of cells as aligned columns; the first row is the heading.
void printTable(const QList<QStringList>& rows);

// One line on stderr that is written over again and again. Where stderr is no
// terminal, only lines with a new `stage` are printed.
class ProgressLine
{
public:
    ProgressLine();
    ~ProgressLine();

    void show(const QString& stage, const QString& text, double share); // share < 0 = not known
    void clear();

private:
    bool m_isTerminal;
    bool m_isShown = false;
    QString m_stage;
};

// "y" or "yes" on the terminal; without a terminal the answer is no.
[[nodiscard]] bool confirm(const QString& question);

// Asked on the terminal without echo, twice if `isNew`.
[[nodiscard]] QByteArray askPassphrase(const QString& prompt, bool isNew);
// From a descriptor or file up to the end, without the last newline.
[[nodiscard]] QByteArray readPassphrase(int fd);
[[nodiscard]] QByteArray readPassphraseFile(const QString& path);

} // namespace dormouse::app::cli
