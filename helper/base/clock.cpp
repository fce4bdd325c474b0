// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/base/clock.h"

#include <ctime>

namespace dormouse {

namespace {

class SystemClock : public Clock
{
public:
    WallTime now() const override
    {
        return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    }

    Duration monotonic() const override
    {
        timespec time{};
        ::clock_gettime(CLOCK_BOOTTIME, &time);
        return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
    }
};

} // namespace

Clock& systemClock()
{
    static SystemClock clock;
    return clock;
}

} // namespace dormouse
