// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What callers hand in, judged before anything is done with it.
 *
 * Pure functions (the descriptor ones ask the kernel about the descriptor
 * only). Everything else a caller can name is an id that is looked up.
 */
#pragma once

#include "helper/base/unique_fd.h"
#include "helper/daemon/bus_error.h"
#include "helper/dbus/types.h"
#include "helper/policy/rhythm.h"

#include <QByteArrayList>
#include <QDBusUnixFileDescriptor>
#include <QStringList>

#include <string>
#include <vector>

namespace dormouse {

inline constexpr int kMaxNameChars = 200;
inline constexpr int kMaxIdChars = 128;
inline constexpr int kMaxVolumesPerPlan = 16;
inline constexpr int kMaxRestorePaths = 10000;
inline constexpr int kMaxPathBytes = 4095;

/// Letters, digits and "-_:." only, 1 to kMaxIdChars of them.
[[nodiscard]] BusResult<std::string> checkedId(const QString& id);
/// Where a store may go: empty, an id, or a name beneath /dev that leads nowhere else.
[[nodiscard]] BusResult<std::string> checkedStorePlace(const QString& place);
/// Ids, none twice, at least one, at most kMaxVolumesPerPlan.
[[nodiscard]] BusResult<std::vector<std::string>> checkedVolumeIds(const QStringList& ids);
/// What people call a thing: not empty, one line, no control characters.
[[nodiscard]] BusResult<std::string> checkedName(const QString& name);
[[nodiscard]] BusResult<Rhythm> checkedRhythm(const bus::Rhythm& rhythm);
[[nodiscard]] bus::Rhythm busRhythm(const Rhythm& rhythm);
/// Relative, without empty parts, "." and ".."; "." alone is everything.
[[nodiscard]] BusResult<std::vector<std::string>> checkedPaths(const QByteArrayList& paths);

/// Our own copies of descriptors that came over the bus.
[[nodiscard]] BusResult<UniqueFd> checkedDirectory(const QDBusUnixFileDescriptor& fd);
/// A pipe that can be read, or a regular file.
[[nodiscard]] BusResult<UniqueFd> checkedSecretSource(const QDBusUnixFileDescriptor& fd);
/// A pipe that can be written.
[[nodiscard]] BusResult<UniqueFd> checkedSecretSink(const QDBusUnixFileDescriptor& fd);

} // namespace dormouse
