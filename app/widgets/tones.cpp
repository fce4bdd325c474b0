// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/widgets/tones.h"

namespace dormouse::app {

Tone toneOf(bus::Health health)
{
    switch (health) {
    case bus::Health::Good:
        return Tone::Good;
    case bus::Health::Unverified:
    case bus::Health::Attention:
    case bus::Health::Unprotected:
        return Tone::Attention;
    case bus::Health::Failed:
        return Tone::Bad;
    case bus::Health::Unknown:
        break;
    }
    return Tone::Neutral;
}

Tone toneOf(bus::VolumeState state)
{
    switch (state) {
    case bus::VolumeState::Active:
        return Tone::Good;
    case bus::VolumeState::Dormant:
        return Tone::Dormant;
    case bus::VolumeState::Unverified:
    case bus::VolumeState::NotAttached:
        return Tone::Attention;
    case bus::VolumeState::Failed:
        return Tone::Bad;
    case bus::VolumeState::None:
    case bus::VolumeState::Gone:
        break;
    }
    return Tone::Neutral;
}

Tone toneOf(bus::Outcome outcome)
{
    switch (outcome) {
    case bus::Outcome::Done:
        return Tone::Good;
    case bus::Outcome::DoneWithExceptions:
    case bus::Outcome::Interrupted:
    case bus::Outcome::Skipped:
        return Tone::Attention;
    case bus::Outcome::Failed:
        return Tone::Bad;
    case bus::Outcome::None:
    case bus::Outcome::Cancelled:
        break;
    }
    return Tone::Neutral;
}

} // namespace dormouse::app
