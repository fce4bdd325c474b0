// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/client/words.h"

#include "app/client/format.h"

#include <QCoreApplication>
#include <QLocale>

namespace dormouse::app {
namespace {

struct Words
{
    Q_DECLARE_TR_FUNCTIONS(Words)
};

QString unknown()
{
    return Words::tr("unknown");
}

} // namespace

QString stateName(bus::VolumeState state)
{
    switch (state) {
    case bus::VolumeState::None:
        return Words::tr("not protected");
    case bus::VolumeState::Active:
        return Words::tr("active");
    case bus::VolumeState::Dormant:
        return Words::tr("dormant");
    case bus::VolumeState::Unverified:
        return Words::tr("unverified");
    case bus::VolumeState::Failed:
        return Words::tr("failed");
    case bus::VolumeState::Gone:
        return Words::tr("absent");
    case bus::VolumeState::NotAttached:
        return Words::tr("not recording");
    }
    return unknown();
}

QString modeName(bus::VolumeMode mode)
{
    switch (mode) {
    case bus::VolumeMode::None:
        return Words::tr("off");
    case bus::VolumeMode::Tracking:
        return Words::tr("tracking changes");
    case bus::VolumeMode::Snapshot:
        return Words::tr("keeping snapshots");
    }
    return unknown();
}

QString kindName(bus::RestorePointKind kind)
{
    switch (kind) {
    case bus::RestorePointKind::Unknown:
        break;
    case bus::RestorePointKind::Snapshot:
        return Words::tr("local snapshot");
    case bus::RestorePointKind::Full:
        return Words::tr("full");
    case bus::RestorePointKind::Incremental:
        return Words::tr("incremental");
    case bus::RestorePointKind::Compared:
        return Words::tr("compared");
    }
    return unknown();
}

QString outcomeName(bus::Outcome outcome)
{
    switch (outcome) {
    case bus::Outcome::None:
        return Words::tr("not yet");
    case bus::Outcome::Done:
        return Words::tr("done");
    case bus::Outcome::DoneWithExceptions:
        return Words::tr("done, with exceptions");
    case bus::Outcome::Failed:
        return Words::tr("failed");
    case bus::Outcome::Cancelled:
        return Words::tr("cancelled");
    case bus::Outcome::Interrupted:
        return Words::tr("interrupted");
    case bus::Outcome::Skipped:
        return Words::tr("skipped");
    }
    return unknown();
}

QString jobName(bus::JobKind kind)
{
    switch (kind) {
    case bus::JobKind::Unknown:
        break;
    case bus::JobKind::Protect:
        return Words::tr("Protection");
    case bus::JobKind::Backup:
        return Words::tr("Backup");
    case bus::JobKind::Restore:
        return Words::tr("Restore");
    case bus::JobKind::Verify:
        return Words::tr("Check of a repository");
    case bus::JobKind::Snapshot:
        return Words::tr("Snapshot");
    case bus::JobKind::Import:
        return Words::tr("Import");
    case bus::JobKind::Repair:
        return Words::tr("Repair of a repository");
    case bus::JobKind::GrowStore:
        return Words::tr("More room for a store");
    }
    return Words::tr("Job");
}

QString phaseName(bus::JobPhase phase)
{
    switch (phase) {
    case bus::JobPhase::None:
        return Words::tr("starting");
    case bus::JobPhase::Preparing:
        return Words::tr("preparing");
    case bus::JobPhase::Snapshotting:
        return Words::tr("taking the snapshot");
    case bus::JobPhase::Reading:
        return Words::tr("reading and storing");
    case bus::JobPhase::Committing:
        return Words::tr("making it durable");
    case bus::JobPhase::CleaningUp:
        return Words::tr("cleaning up");
    case bus::JobPhase::Copying:
        return Words::tr("copying");
    case bus::JobPhase::Verifying:
        return Words::tr("checking");
    }
    return unknown();
}

QString stateName(bus::JobState state)
{
    switch (state) {
    case bus::JobState::Unknown:
        break;
    case bus::JobState::Waiting:
        return Words::tr("waiting");
    case bus::JobState::Running:
        return Words::tr("running");
    case bus::JobState::Cancelling:
        return Words::tr("stopping");
    case bus::JobState::Finished:
        return Words::tr("finished");
    }
    return unknown();
}

QString healthName(bus::Health health)
{
    switch (health) {
    case bus::Health::Unknown:
        break;
    case bus::Health::Good:
        return Words::tr("good");
    case bus::Health::Unverified:
        return Words::tr("unverified");
    case bus::Health::Attention:
        return Words::tr("needs attention");
    case bus::Health::Unprotected:
        return Words::tr("unprotected");
    case bus::Health::Failed:
        return Words::tr("failed");
    }
    return unknown();
}

QString moduleName(bus::ModuleState state)
{
    switch (state) {
    case bus::ModuleState::Unknown:
        break;
    case bus::ModuleState::Loaded:
        return Words::tr("loaded");
    case bus::ModuleState::Missing:
        return Words::tr("not loaded");
    case bus::ModuleState::Incompatible:
        return Words::tr("does not fit this version");
    }
    return unknown();
}

QString verificationName(bus::Verification verification)
{
    switch (verification) {
    case bus::Verification::Never:
        return Words::tr("not checked yet");
    case bus::Verification::Good:
        return Words::tr("verified");
    case bus::Verification::Damaged:
        return Words::tr("damaged");
    }
    return unknown();
}

QString rhythmSentence(const bus::Rhythm& rhythm)
{
    const QString time =
        formatClockTime(QTime(int(rhythm.minuteOfDay / 60 % 24), int(rhythm.minuteOfDay % 60)));
    switch (rhythm.kind) {
    case bus::RhythmKind::Unknown:
        break;
    case bus::RhythmKind::Every:
        if (rhythm.everyMinutes == 60)
            return Words::tr("every hour");
        if (rhythm.everyMinutes % 60 != 0)
            return Words::tr("every %n minute(s)", nullptr, int(rhythm.everyMinutes));
        return Words::tr("every %n hour(s)", nullptr, int(rhythm.everyMinutes / 60));
    case bus::RhythmKind::Daily:
        return Words::tr("every day at %1").arg(time);
    case bus::RhythmKind::Weekly:
        return Words::tr("every %1 at %2", "weekday, time")
            .arg(QLocale().dayName(qBound(1, int(rhythm.weekday), 7)), time);
    }
    return unknown();
}

QString planRhythm(const bus::PlanInfo& plan)
{
    return plan.isEnabled ? rhythmSentence(plan.rhythm) : Words::tr("by hand only");
}

QString keepSentence(quint32 keepLast)
{
    return keepLast == 0 ? Words::tr("keeps every backup")
                         : Words::tr("keeps the last %n backup(s)", nullptr, int(keepLast));
}

QString progressText(const JobStatus& job)
{
    QStringList parts;
    if (job.bytesTotal > 0)
        parts << Words::tr("%1 of %2", "bytes done, bytes in all")
                     .arg(formatBytes(job.bytesDone), formatBytes(job.bytesTotal));
    else if (job.bytesDone > 0)
        parts << formatBytes(job.bytesDone);
    if (job.rateBytesPerSecond > 0)
        parts << formatRate(job.rateBytesPerSecond);
    if (job.etaSeconds >= 0 && job.rateBytesPerSecond > 0)
        parts << Words::tr("%1 left", "duration").arg(formatDuration(job.etaSeconds));
    return parts.join(QStringLiteral(" · "));
}

QString figures(const bus::ActivityEntry& entry)
{
    QStringList parts;
    if (entry.changedBytes > 0 && entry.kind == bus::JobKind::Backup)
        parts << Words::tr("%1 changed").arg(formatBytes(entry.changedBytes));
    if (entry.readBytes > 0)
        parts << Words::tr("%1 read").arg(formatBytes(entry.readBytes));
    if (entry.storedBytes > 0)
        parts << Words::tr("%1 stored").arg(formatBytes(entry.storedBytes));
    return parts.join(Words::tr(", ", "between figures"));
}

namespace token {
namespace {

template <size_t count, typename Enum>
const char* pick(const char* const (&names)[count], Enum value)
{
    return size_t(value) < count ? names[size_t(value)] : "unknown";
}

} // namespace

const char* of(bus::VolumeState state)
{
    return pick({"none", "active", "dormant", "unverified", "failed", "gone", "not-attached"},
                state);
}

const char* of(bus::VolumeMode mode)
{
    return pick({"none", "tracking", "snapshot"}, mode);
}

const char* of(bus::RestorePointKind kind)
{
    return pick({"unknown", "snapshot", "full", "incremental", "compared"}, kind);
}

const char* of(bus::RestorePointSource source)
{
    return pick({"unknown", "local-snapshot", "backup"}, source);
}

const char* of(bus::Outcome outcome)
{
    return pick(
        {"none", "done", "done-with-exceptions", "failed", "cancelled", "interrupted", "skipped"},
        outcome);
}

const char* of(bus::JobKind kind)
{
    return pick({"unknown", "protect", "backup", "restore", "verify", "snapshot", "import",
                 "grow-store"},
                kind);
}

const char* of(bus::JobPhase phase)
{
    return pick({"none", "preparing", "snapshotting", "reading", "committing", "cleaning-up",
                 "copying", "verifying"},
                phase);
}

const char* of(bus::JobState state)
{
    return pick({"unknown", "waiting", "running", "cancelling", "finished"}, state);
}

const char* of(bus::Health health)
{
    return pick({"unknown", "good", "unverified", "attention", "unprotected", "failed"}, health);
}

const char* of(bus::Remedy remedy)
{
    return pick({"none", "load-module", "protect-volume", "create-repository", "create-plan",
                 "run-plan", "connect-repository", "verify-repository", "show-volume",
                 "show-activity"},
                remedy);
}

const char* of(bus::ModuleState state)
{
    return pick({"unknown", "loaded", "missing", "incompatible"}, state);
}

const char* of(bus::Verification verification)
{
    return pick({"never", "good", "damaged"}, verification);
}

const char* of(bus::RhythmKind kind)
{
    return pick({"unknown", "every", "daily", "weekly"}, kind);
}

const char* of(bus::KeyPlace place)
{
    return pick({"unknown", "none", "root-file", "credential"}, place);
}

} // namespace token

} // namespace dormouse::app
