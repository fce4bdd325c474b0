// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>

#include <functional>
#include <tl/expected.hpp>

namespace dormouse::app {

// Why a call to the helper failed. The sentence is the helper's own (or ours,
// where the call never reached it) and is meant for people.
struct CallError
{
    enum class Kind {
        NotReachable, // no bus, no helper, or it went away
        NotAuthorized,
        NotFound,
        Busy,
        InvalidArgument,
        ModuleMissing,
        Unreachable, // the repository's place
        WrongPassphrase,
        Refused,
        Cancelled,
        Failed,
    };

    Kind kind = Kind::Failed;
    QString sentence;
};

template <typename Value> using Answer = tl::expected<Value, CallError>;
template <typename Value> using Then = std::function<void(const Answer<Value>&)>;

} // namespace dormouse::app
