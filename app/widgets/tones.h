// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/widgets/theme.h"
#include "helper/dbus/types.h"

namespace dormouse::app {

// The tone in which each state of the contract is shown.
[[nodiscard]] Tone toneOf(bus::Health health);
[[nodiscard]] Tone toneOf(bus::VolumeState state);
[[nodiscard]] Tone toneOf(bus::Outcome outcome);

} // namespace dormouse::app
