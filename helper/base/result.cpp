// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/base/result.h"

#include <system_error>

namespace dormouse {

Failure fail(Error::Code code, std::string message)
{
    return Failure(Error{code, std::move(message)});
}

Failure failErrno(std::string_view what, int errnoValue)
{
    std::string message(what);
    message += ": ";
    message += std::generic_category().message(errnoValue);
    return Failure(Error{codeFromErrno(errnoValue), std::move(message)});
}

Error::Code codeFromErrno(int errnoValue)
{
    switch (errnoValue) {
    case EINVAL:
    case ENAMETOOLONG:
    case EISDIR:
    case ENOTDIR:
        return Error::Code::Invalid;
    case ENOENT:
        return Error::Code::NotFound;
    case EEXIST:
    case ENOTEMPTY:
        return Error::Code::Exists;
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP: // openat2: a symbolic link in the path
    case EXDEV: // openat2: the path leaves its directory or file system
        return Error::Code::Denied;
    case EBUSY:
    case EAGAIN:
    case ETXTBSY:
        return Error::Code::Busy;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return Error::Code::NoSpace;
    case ENODEV:
    case ENXIO:
    case ESTALE:
    case ENOMEDIUM:
        return Error::Code::Gone;
    case ENOSYS:
    case EOPNOTSUPP:
    case ENOTTY:
        return Error::Code::Unsupported;
    case ECANCELED:
        return Error::Code::Cancelled;
    default:
        return Error::Code::Io;
    }
}

Failure addContext(Error error, std::string_view context)
{
    std::string message(context);
    message += ": ";
    message += error.message;
    error.message = std::move(message);
    return Failure(std::move(error));
}

std::string_view codeName(Error::Code code)
{
    switch (code) {
    case Error::Code::Invalid:
        return "invalid";
    case Error::Code::NotFound:
        return "not-found";
    case Error::Code::Exists:
        return "exists";
    case Error::Code::Denied:
        return "denied";
    case Error::Code::Busy:
        return "busy";
    case Error::Code::NoSpace:
        return "no-space";
    case Error::Code::Io:
        return "io";
    case Error::Code::Corrupt:
        return "corrupt";
    case Error::Code::WrongKey:
        return "wrong-key";
    case Error::Code::Unsupported:
        return "unsupported";
    case Error::Code::Cancelled:
        return "cancelled";
    case Error::Code::Unverified:
        return "unverified";
    case Error::Code::Gone:
        return "gone";
    case Error::Code::Internal:
        return "internal";
    }
    return "internal";
}

} // namespace dormouse
