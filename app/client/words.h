// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/client/helper_client.h"
#include "helper/dbus/types.h"

#include <QString>

namespace dormouse::app {

// The contract's numbers as words, for the window and the command line. A
// number this version does not know reads "unknown".

[[nodiscard]] QString stateName(bus::VolumeState state);    // "dormant"
[[nodiscard]] QString modeName(bus::VolumeMode mode);       // "tracking changes"
[[nodiscard]] QString kindName(bus::RestorePointKind kind); // "incremental"
[[nodiscard]] QString outcomeName(bus::Outcome outcome);    // "done"
[[nodiscard]] QString jobName(bus::JobKind kind);           // "Backup"
[[nodiscard]] QString phaseName(bus::JobPhase phase);       // "reading and storing"
[[nodiscard]] QString stateName(bus::JobState state);       // "waiting"
[[nodiscard]] QString healthName(bus::Health health);       // "good"
[[nodiscard]] QString moduleName(bus::ModuleState state);   // "loaded"
[[nodiscard]] QString verificationName(bus::Verification verification);
[[nodiscard]] QString rhythmSentence(const bus::Rhythm& rhythm); // "every 6 hours"
[[nodiscard]] QString planRhythm(const bus::PlanInfo& plan);     // the same, or "by hand only"
[[nodiscard]] QString keepSentence(quint32 keepLast);            // "keeps the last 14 backups"

// "3.1 GB of 12 GB · 85 MB/s · 2 minutes left"; parts that are not known are
// left out, and so is the time while nothing moves.
[[nodiscard]] QString progressText(const JobStatus& job);

// "4.2 MB changed, 1.1 MB stored"; empty if there is nothing to say.
[[nodiscard]] QString figures(const bus::ActivityEntry& entry);

// Stable English words for --json: never translated, never change.
namespace token {
[[nodiscard]] const char* of(bus::VolumeState state);
[[nodiscard]] const char* of(bus::VolumeMode mode);
[[nodiscard]] const char* of(bus::RestorePointKind kind);
[[nodiscard]] const char* of(bus::RestorePointSource source);
[[nodiscard]] const char* of(bus::Outcome outcome);
[[nodiscard]] const char* of(bus::JobKind kind);
[[nodiscard]] const char* of(bus::JobPhase phase);
[[nodiscard]] const char* of(bus::JobState state);
[[nodiscard]] const char* of(bus::Health health);
[[nodiscard]] const char* of(bus::Remedy remedy);
[[nodiscard]] const char* of(bus::ModuleState state);
[[nodiscard]] const char* of(bus::Verification verification);
[[nodiscard]] const char* of(bus::RhythmKind kind);
[[nodiscard]] const char* of(bus::KeyPlace place);
} // namespace token

} // namespace dormouse::app
