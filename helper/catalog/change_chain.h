// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * How change sets join to answer for an interval of a volume's history.
 *
 * Identifiers only, no extents and no database, so that every rule can be
 * tested by itself. A link is the interval (from, to]. Chains are followed
 * from their end backwards: the predecessors that snapshots recorded then tell
 * whether a merged link, one that skips epochs, covers a beginning in its
 * middle. Private to the library; pure functions, any thread.
 */
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace dormouse {

struct ChangeLink
{
    std::string from;
    std::string to;
    bool isVoid = false;
};

/// Epoch to the one before it, where known (empty = unknown).
using Predecessors = std::map<std::string, std::string>;

/// Links (by index) whose union covers (from, to], or nullopt. Equal ends need
/// none. Void links are used only with `evenVoid`, to explain a failure.
[[nodiscard]] std::optional<std::vector<std::size_t>>
findChain(const std::vector<ChangeLink>& links, const Predecessors& predecessors,
          const std::string& from, const std::string& to, bool evenVoid);

/// For each link, whether some chain that starts at one of `starts` can use it.
/// Void links count: they are the explanation that a later question will need.
[[nodiscard]] std::vector<bool> linksNeeded(const std::vector<ChangeLink>& links,
                                            const Predecessors& predecessors,
                                            const std::vector<std::string>& starts);

} // namespace dormouse
