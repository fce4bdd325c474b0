// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/commands.h"
#include "app/cli/session.h"
#include "app/client/translation.h"

#include <QCoreApplication>

#include <algorithm>

namespace dormouse::app::cli {
namespace {

const Command commands[] = {
    {"status", "[--check]", "how everything stands, in one sentence and a table", runStatus},
    {"volumes", "", "volumes that are, or could be, protected", runVolumes},
    {"protect", "VOLUME [--store SIZE] [--store-on PLACE]",
     "set up a store and start recording changes", runProtect},
    {"grow", "VOLUME [--by SIZE]", "give a volume's store more room", runGrow},
    {"forget", "VOLUME [--yes]", "stop protecting a volume; backups stay", runForget},
    {"snapshot", "VOLUME... [--transient] | drop POINT [--volume VOLUME]",
     "take (or drop) a local snapshot, one moment for all", runSnapshot},
    {"map", "VOLUME", "where the volume changed since its last backup", runMap},
    {"repo",
     "list | create FOLDER | open FOLDER | set-passphrase REPO | verify REPO | repair REPO | "
     "forget REPO | forget-backup POINT",
     "places for backups", runRepository},
    {"plans",
     "list | create | update PLAN | run PLAN | pause PLAN [--for 4h] | resume PLAN | remove PLAN",
     "what is backed up where and when", runPlans},
    {"backup", "[PLAN] [--no-wait]", "run a plan now", runBackup},
    {"points", "[VOLUME]", "restore points: local snapshots and backups, newest first", runPoints},
    {"browse", "POINT [PATH] [--volume VOLUME] [--hold | -- PROGRAM ...]",
     "list, hold open, or run a program in a restore point", runBrowse},
    {"restore", "POINT PATH... --to FOLDER [--volume VOLUME] [--conflict HOW] [--dry-run] [--yes]",
     "restore files and folders", runRestore},
    {"jobs", "[watch JOB | cancel JOB | log JOB]", "what is running now", runJobs},
    {"activity", "[--limit N]", "what was done, newest first", runActivity},
    {"doctor", "", "check everything and say what would help", runDoctor},
};

void printHelp()
{
    print(QStringLiteral("dormousectl [--json] COMMAND ...\n\n"
                         "Backups and snapshots with Dormouse, from the shell.\n"));
    for (const Command& command : commands) {
        print(QStringLiteral("  %1 %2").arg(QLatin1String(command.name),
                                            QLatin1String(command.synopsis)));
        print(QStringLiteral("        %1").arg(QLatin1String(command.summary)));
    }
    print(QStringLiteral(
        "\n"
        "plans create takes --name NAME, --volume VOLUME (again for more), --repo REPO, --keep N "
        "and\n"
        "one of --every 30m|6h, --daily HH:MM, --weekly \"Mon HH:MM\", --by-hand.\n"
        "repo create takes --name NAME, --no-encryption, --recovery-key-file FILE; it and repo "
        "open\n"
        "read the passphrase from the terminal, --passphrase-fd N or --passphrase-file FILE.\n"
        "\n"
        "VOLUME, PLAN, REPO: a name, mount point, device, or an id or its first characters.\n"
        "POINT: an id (or its first characters), \"latest\" or \"latest-backup\".\n"
        "\n"
        "Exit codes: 0 done, 1 failed, 2 used wrongly, 3 helper not reachable, 4 not authorised,\n"
        "5 not found, 6 wrong passphrase, 7 busy, 8 kernel module missing, 9 repository not "
        "there,\n"
        "10 cancelled, 11 done with exceptions, 12 not healthy (status --check, doctor)."));
}

int run(QStringList arguments)
{
    // --json may stand anywhere before "--", which begins another program's words.
    const qsizetype dashes = arguments.indexOf(QStringLiteral("--"));
    const qsizetype end = dashes < 0 ? arguments.size() : dashes;
    bool isJson = false;
    for (qsizetype i = end - 1; i >= 0; --i) {
        if (arguments[i] == QLatin1String("--json")) {
            arguments.removeAt(i);
            isJson = true;
        }
    }
    const QString word = arguments.value(0, QStringLiteral("status"));
    if (word == QLatin1String("--help") || word == QLatin1String("-h") ||
        word == QLatin1String("help")) {
        printHelp();
        return exitOk;
    }
    if (word == QLatin1String("--version")) {
        print(QStringLiteral("dormousectl " DORMOUSE_VERSION));
        return exitOk;
    }
    const auto command =
        std::find_if(std::begin(commands), std::end(commands),
                     [&](const Command& each) { return word == QLatin1String(each.name); });
    if (command == std::end(commands))
        throw CommandFailed{exitUsage,
                            Session::tr("There is no command \"%1\". See \"dormousectl --help\".")
                                .arg(printable(word))};
    const QStringList rest = arguments.mid(1);
    if (rest.mid(0, rest.indexOf(QStringLiteral("--"))).contains(QStringLiteral("--help"))) {
        print(QStringLiteral("dormousectl %1 %2\n\n  %3")
                  .arg(QLatin1String(command->name), QLatin1String(command->synopsis),
                       QLatin1String(command->summary)));
        return exitOk;
    }
    Session session(isJson);
    return command->run(session, rest);
}

} // namespace
} // namespace dormouse::app::cli

int main(int argc, char** argv)
{
    QCoreApplication application(argc, argv);
    QCoreApplication::setApplicationName(QStringLiteral("dormousectl"));
    dormouse::app::installTranslation(application);
    try {
        return dormouse::app::cli::run(application.arguments().mid(1));
    } catch (const dormouse::app::cli::CommandFailed& failure) {
        dormouse::app::cli::complain(QStringLiteral("dormousectl: ") + failure.sentence);
        return failure.exitCode;
    }
}
