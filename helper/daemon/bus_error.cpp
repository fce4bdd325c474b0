// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/daemon/bus_error.h"

#include "helper/dbus/types.h"

namespace dormouse {

namespace {

QString nameOf(Error::Code code)
{
    switch (code) {
    case Error::Code::Invalid:
        return QStringLiteral("InvalidArgument");
    case Error::Code::NotFound:
        return QStringLiteral("NotFound");
    case Error::Code::Exists:
    case Error::Code::Denied:
    case Error::Code::Unsupported:
    case Error::Code::Unverified:
        return QStringLiteral("Refused");
    case Error::Code::Busy:
        return QStringLiteral("Busy");
    case Error::Code::WrongKey:
        return QStringLiteral("WrongPassphrase");
    case Error::Code::Cancelled:
        return QStringLiteral("Cancelled");
    case Error::Code::Gone:
        return QStringLiteral("Unreachable");
    case Error::Code::NoSpace:
    case Error::Code::Io:
    case Error::Code::Corrupt:
    case Error::Code::Internal:
        break;
    }
    return QStringLiteral("Failed");
}

} // namespace

BusError::BusError(const Error& error)
    : name(nameOf(error.code)), sentence(QString::fromStdString(error.message))
{
}

QString BusError::fullName() const
{
    return QLatin1String(bus::kErrorPrefix) + name;
}

} // namespace dormouse
