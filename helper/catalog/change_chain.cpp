// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/catalog/change_chain.h"

#include <algorithm>
#include <set>

namespace dormouse {

namespace {

/// Whether `epoch` is proved to lie in [link.from, link.to): walking back from
/// the link's end must come by it, and then arrive at the link's beginning.
bool startsWithin(const std::string& epoch, const ChangeLink& link,
                  const Predecessors& predecessors)
{
    if (epoch == link.from)
        return true;
    std::set<std::string> seen;
    bool passedEpoch = false;
    std::string at = link.to;
    while (at != link.from) {
        const auto previous = predecessors.find(at);
        if (previous == predecessors.end() || previous->second.empty() || !seen.insert(at).second)
            return false;
        at = previous->second;
        passedEpoch = passedEpoch || at == epoch;
    }
    return passedEpoch;
}

} // namespace

std::optional<std::vector<std::size_t>> findChain(const std::vector<ChangeLink>& links,
                                                  const Predecessors& predecessors,
                                                  const std::string& from, const std::string& to,
                                                  bool evenVoid)
{
    if (from == to)
        return std::vector<std::size_t>{};

    // Depth first over the graph of epochs, each visited once. `path` holds the
    // links taken; `next` the place to continue at for each epoch on the path.
    std::set<std::string> seen{to};
    std::vector<std::size_t> path;
    std::vector<std::size_t> next{0};
    std::string at = to;
    while (!next.empty()) {
        bool descended = false;
        while (next.back() < links.size() && !descended) {
            const std::size_t index = next.back()++;
            const ChangeLink& link = links[index];
            if (link.to != at || (link.isVoid && !evenVoid))
                continue;
            if (startsWithin(from, link, predecessors)) {
                path.push_back(index);
                std::reverse(path.begin(), path.end());
                return path;
            }
            if (seen.insert(link.from).second) {
                path.push_back(index);
                next.push_back(0);
                at = link.from;
                descended = true;
            }
        }
        if (!descended) {
            next.pop_back();
            if (!path.empty()) {
                at = links[path.back()].to;
                path.pop_back();
            }
        }
    }
    return std::nullopt;
}

std::vector<bool> linksNeeded(const std::vector<ChangeLink>& links,
                              const Predecessors& predecessors,
                              const std::vector<std::string>& starts)
{
    std::vector<bool> needed(links.size(), false);
    std::set<std::string> seen(starts.begin(), starts.end());
    std::vector<std::string> pending(seen.begin(), seen.end());
    while (!pending.empty()) {
        const std::string epoch = pending.back();
        pending.pop_back();
        for (std::size_t index = 0; index < links.size(); ++index) {
            if (needed[index] || !startsWithin(epoch, links[index], predecessors))
                continue;
            needed[index] = true;
            if (seen.insert(links[index].to).second)
                pending.push_back(links[index].to);
        }
    }
    return needed;
}

} // namespace dormouse
