// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * How a call of the helper's libraries fails.
 *
 * A fallible function returns Result<T>: the value, or an Error with a code
 * that programs decide by and a sentence for people. Context is added once, at
 * the place that knows what was being attempted, not at every return.
 *
 *     Result<UniqueFd> fd = directory.openFile("config");
 *     if (!fd)
 *         return addContext(fd.error(), "cannot read the configuration");
 *
 * Plain values, usable in any thread. Messages never contain secrets.
 */
#pragma once

#include <cerrno>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace dormouse {

struct Error
{
    enum class Code {
        Invalid,     ///< the caller asked for something that makes no sense
        NotFound,    ///< no such thing (now)
        Exists,      ///< there already is one
        Denied,      ///< not allowed, or a path that leaves its directory
        Busy,        ///< somebody else uses it; try again later
        NoSpace,     ///< the device or the quota is full
        Io,          ///< the device or the network failed
        Corrupt,     ///< bytes are there and are provably wrong
        WrongKey,    ///< the passphrase, recovery key or stored key does not fit
        Unsupported, ///< a newer format, or a kernel or file system that cannot
        Cancelled,   ///< a stop was asked for
        Unverified,  ///< history is there but cannot be trusted
        Gone,        ///< it was there; unplugged, deleted or revoked meanwhile
        Internal,    ///< a defect of ours
    };

    Code code = Code::Internal;
    std::string message;
};

template <typename T> using Result = tl::expected<T, Error>;

using Failure = tl::unexpected<Error>;

/// `return fail(Error::Code::NotFound, "there is no volume with that id");`
[[nodiscard]] Failure fail(Error::Code code, std::string message);

/// "what: No such file or directory", with the code that fits the errno.
/// Reads errno before anything else can change it.
[[nodiscard]] Failure failErrno(std::string_view what, int errnoValue = errno);

/// The code that stands for an errno value; Io for those without a better one.
[[nodiscard]] Error::Code codeFromErrno(int errnoValue);

/// The same error, its message preceded by "context: ".
[[nodiscard]] Failure addContext(Error error, std::string_view context);

/// A short lower-case word for logs and machine-readable output ("not-found").
[[nodiscard]] std::string_view codeName(Error::Code code);

} // namespace dormouse
