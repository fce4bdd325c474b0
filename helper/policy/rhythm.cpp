// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/policy/rhythm.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <utility>

namespace dormouse {

namespace {

using std::chrono::days;
using std::chrono::minutes;
using std::chrono::sys_days;

constexpr minutes wholeDay{24 * 60};
constexpr std::array<std::string_view, 7> weekdayNames{"sun", "mon", "tue", "wed",
                                                       "thu", "fri", "sat"};

std::vector<std::string> lowerCaseWords(std::string_view text)
{
    std::vector<std::string> words;
    bool inWord = false;
    for (const unsigned char c : text) {
        if (std::isspace(c) != 0) {
            inWord = false;
            continue;
        }
        if (!inWord)
            words.emplace_back();
        inWord = true;
        words.back().push_back(static_cast<char>(std::tolower(c)));
    }
    return words;
}

/// All of `text` as a number of one or two digits.
std::optional<int> smallNumber(std::string_view text)
{
    int number = 0;
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (text.empty() || text.size() > 2 || error != std::errc() || stop != end || number < 0)
        return std::nullopt;
    return number;
}

std::optional<minutes> clockTime(std::string_view text)
{
    const auto colon = text.find(':');
    if (colon == std::string_view::npos || text.size() - colon != 3)
        return std::nullopt;
    const auto hour = smallNumber(text.substr(0, colon));
    const auto minute = smallNumber(text.substr(colon + 1));
    if (!hour || !minute || *hour > 23 || *minute > 59)
        return std::nullopt;
    return minutes(*hour * 60 + *minute);
}

/// "4h", "15min"
std::optional<minutes> stepLength(std::string_view text)
{
    const auto unitAt = text.find_first_not_of("0123456789");
    if (unitAt == std::string_view::npos)
        return std::nullopt;
    const auto number = smallNumber(text.substr(0, unitAt));
    const auto unit = text.substr(unitAt);
    if (number && unit == "h")
        return minutes(*number * 60);
    if (number && unit == "min")
        return minutes(*number);
    return std::nullopt;
}

std::string clockText(minutes sinceMidnight)
{
    const auto twoDigits = [](long number) {
        return std::string{static_cast<char>('0' + number / 10),
                           static_cast<char>('0' + number % 10)};
    };
    return twoDigits(sinceMidnight.count() / 60) + ":" + twoDigits(sinceMidnight.count() % 60);
}

} // namespace

Result<Rhythm> Rhythm::every(minutes step)
{
    constexpr long hour = 60;
    const long count = step.count();
    const bool dividesHour = count > 0 && count < hour && hour % count == 0;
    const bool dividesDay =
        count >= hour && step < wholeDay && count % hour == 0 && 24 % (count / hour) == 0;
    if (!dividesHour && !dividesDay)
        return fail(Error::Code::Invalid,
                    "A plan can run every 1, 2, 3, 4, 6, 8 or 12 hours, or every 1, 2, 3, 4, 5, 6, "
                    "10, 12, 15, 20 or 30 minutes.");
    Rhythm rhythm;
    rhythm.m_kind = Kind::Every;
    rhythm.m_step = step;
    return rhythm;
}

Result<Rhythm> Rhythm::daily(minutes sinceMidnight)
{
    if (sinceMidnight < minutes(0) || sinceMidnight >= wholeDay)
        return fail(Error::Code::Invalid, "The time of day must lie between 00:00 and 23:59.");
    Rhythm rhythm;
    rhythm.m_kind = Kind::Daily;
    rhythm.m_sinceMidnight = sinceMidnight;
    return rhythm;
}

Result<Rhythm> Rhythm::weekly(std::chrono::weekday day, minutes sinceMidnight)
{
    if (!day.ok())
        return fail(Error::Code::Invalid, "There is no such day of the week.");
    auto rhythm = daily(sinceMidnight);
    if (rhythm) {
        rhythm->m_kind = Kind::Weekly;
        rhythm->m_weekday = day;
    }
    return rhythm;
}

Result<Rhythm> Rhythm::parse(std::string_view text)
{
    const auto words = lowerCaseWords(text);
    if (words.size() == 2 && words[0] == "every") {
        if (const auto step = stepLength(words[1]))
            return every(*step);
    } else if (words.size() == 2 && words[0] == "daily") {
        if (const auto time = clockTime(words[1]))
            return daily(*time);
    } else if (words.size() == 3 && words[0] == "weekly") {
        const auto name = std::find(weekdayNames.begin(), weekdayNames.end(), words[1]);
        const auto time = clockTime(words[2]);
        if (name != weekdayNames.end() && time)
            return weekly(std::chrono::weekday(static_cast<unsigned>(name - weekdayNames.begin())),
                          *time);
    }
    return fail(Error::Code::Invalid,
                "This rhythm cannot be understood. Write, for example, \"every 4h\", "
                "\"every 15min\", \"daily 18:30\" or \"weekly mon 09:00\".");
}

std::string Rhythm::format() const
{
    switch (m_kind) {
    case Kind::Every:
        if (m_step.count() % 60 == 0)
            return "every " + std::to_string(m_step.count() / 60) + "h";
        return "every " + std::to_string(m_step.count()) + "min";
    case Kind::Daily:
        return "daily " + clockText(m_sinceMidnight);
    case Kind::Weekly:
        break;
    }
    return "weekly " + std::string(weekdayNames[m_weekday.c_encoding()]) + " " +
           clockText(m_sinceMidnight);
}

/// The slots whose wall-clock time lies on that local day, in no order.
void Rhythm::appendSlotsOf(sys_days day, std::vector<Moment>& slots) const
{
    if (m_kind == Kind::Every) {
        for (minutes at{0}; at < wholeDay; at += m_step)
            for (const Moment instant : instantsOf(day, at))
                slots.push_back(instant);
    } else if (m_kind == Kind::Daily || std::chrono::weekday(day) == m_weekday) {
        slots.push_back(instantOf(day, m_sinceMidnight));
    }
}

// Both look one day further than seems needed on either side: a zone that
// skips a calendar day, or a slot moved out of a gap, stays within it.

Moment Rhythm::next(Moment after) const
{
    const sys_days today = localDay(after);
    const int lastDay = m_kind == Kind::Weekly ? 15 : 3;
    std::optional<Moment> best;
    for (int offset = -1; offset <= lastDay && !(best && offset > 2); ++offset) {
        std::vector<Moment> slots;
        appendSlotsOf(today + days(offset), slots);
        for (const Moment slot : slots)
            if (slot > after && (!best || slot < *best))
                best = slot;
    }
    return best.value_or(after + days(lastDay)); // a slot a week always falls within
}

Moment Rhythm::previous(Moment atOrBefore) const
{
    const sys_days today = localDay(atOrBefore);
    const int firstDay = m_kind == Kind::Weekly ? -15 : -3;
    std::optional<Moment> best;
    for (int offset = 1; offset >= firstDay && !(best && offset < -2); --offset) {
        std::vector<Moment> slots;
        appendSlotsOf(today + days(offset), slots);
        for (const Moment slot : slots)
            if (slot <= atOrBefore && (!best || slot > *best))
                best = slot;
    }
    return best.value_or(atOrBefore - days(-firstDay));
}

} // namespace dormouse
