// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Where the time comes from.
 *
 * Whatever decides by time takes a Clock, so that tests can live through a year
 * in seconds. Two clocks in one: wall time, which people read and which may
 * jump, and a monotonic time that goes on during suspend (CLOCK_BOOTTIME), for
 * measuring how long something took.
 *
 * Threads: now() and monotonic() may be called from any thread.
 */
#pragma once

#include <atomic>
#include <chrono>

namespace dormouse {

class Clock
{
public:
    using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;
    using Duration = std::chrono::nanoseconds;

    virtual ~Clock() = default;

    /// UTC.
    [[nodiscard]] virtual WallTime now() const = 0;

    /// Since some fixed moment; never goes backwards.
    [[nodiscard]] virtual Duration monotonic() const = 0;

    /// Milliseconds since 1970-01-01 UTC: how formats and the catalog keep wall time.
    [[nodiscard]] std::int64_t nowMs() const { return now().time_since_epoch().count(); }
};

/// The machine's own time. Never destroyed.
[[nodiscard]] Clock& systemClock();

/// Stands still until told otherwise.
class FakeClock : public Clock
{
public:
    explicit FakeClock(WallTime start = WallTime(std::chrono::milliseconds(1'700'000'000'000)))
        : m_wallMs(start.time_since_epoch().count())
    {
    }

    [[nodiscard]] WallTime now() const override
    {
        return WallTime(std::chrono::milliseconds(m_wallMs.load()));
    }
    [[nodiscard]] Duration monotonic() const override { return Duration(m_monotonicNs.load()); }

    /// Time passes, on both clocks.
    void advance(std::chrono::milliseconds by)
    {
        m_wallMs += by.count();
        m_monotonicNs += Duration(by).count();
    }

    /// Somebody sets the wall clock; monotonic time does not notice.
    void setWall(WallTime to) { m_wallMs = to.time_since_epoch().count(); }

private:
    std::atomic<std::int64_t> m_wallMs;
    std::atomic<std::int64_t> m_monotonicNs{0};
};

} // namespace dormouse
