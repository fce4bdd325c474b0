// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The one place where an Error of the libraries becomes a D-Bus error.
 */
#pragma once

#include "helper/base/result.h"

#include <QString>

namespace dormouse {

/// name: the part after "org.dormouse.Error." (the list is in the Manager's
/// XML); sentence: for people.
struct BusError
{
    QString name;
    QString sentence;

    BusError(QString errorName, QString text)
        : name(std::move(errorName)), sentence(std::move(text))
    {
    }
    BusError(const Error& error); // NOLINT: converts wherever a Result is handed on

    [[nodiscard]] QString fullName() const;
};

template <typename T> using BusResult = tl::expected<T, BusError>;

[[nodiscard]] inline tl::unexpected<BusError> busFail(const char* name, QString sentence)
{
    return tl::unexpected<BusError>(BusError(QString::fromLatin1(name), std::move(sentence)));
}

[[nodiscard]] inline tl::unexpected<BusError> busFail(const Error& error)
{
    return tl::unexpected<BusError>(BusError(error));
}

} // namespace dormouse
