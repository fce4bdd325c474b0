// SPDX-License-Identifier: GPL-3.0-or-later
// Epochs, change sets, and the chain that an increment stands on.
#include "helper/catalog/catalog_private.h"
#include "helper/catalog/change_chain.h"
#include "helper/catalog/extent_blob.h"

#include <algorithm>

namespace dormouse {

namespace {

constexpr const char* damagedSetSentence =
    "A stored list of changed blocks was damaged on this computer's disk.";

/// A change set's content; one that cannot be read back is void, not an error:
/// the backup then compares everything, which is always right.
struct Changes
{
    bool isVoid = false;
    std::string voidReason;
    ExtentList extents;
};

Changes readChanges(const Statement& row, int firstColumn)
{
    Changes changes;
    changes.isVoid = row.integer(firstColumn) != 0;
    changes.voidReason = row.text(firstColumn + 1);
    if (changes.isVoid)
        return changes;
    if (auto extents = decodeExtents(row.blob(firstColumn + 2)))
        changes.extents = std::move(*extents);
    else
        changes = {true, damagedSetSentence, {}};
    return changes;
}

EpochRow readEpoch(const Statement& row)
{
    return {row.text(0), row.text(1), row.text(2), static_cast<std::uint64_t>(row.integer(3)),
            row.integer(4)};
}

ChangeSetRow readChangeSet(const Statement& row)
{
    Changes changes = readChanges(row, 3);
    return {row.text(0),
            row.text(1),
            row.text(2),
            changes.isVoid,
            std::move(changes.voidReason),
            std::move(changes.extents),
            row.integer(6)};
}

ChangesBetween broken(ChainBreak by, std::string sentence)
{
    return {std::nullopt, by, std::move(sentence)};
}

/// The links of a volume, with why each void one is void.
struct History
{
    std::vector<ChangeLink> links;
    std::vector<std::string> voidReasons;
    Predecessors predecessors;

    [[nodiscard]] bool knows(const std::string& epochId) const
    {
        return predecessors.contains(epochId) ||
               std::any_of(links.begin(), links.end(), [&](const ChangeLink& link) {
                   return link.from == epochId || link.to == epochId;
               });
    }
};

Result<History> readHistory(Statement& links, Statement& predecessors)
{
    History history;
    auto linksRead = readAll(links, [&](const Statement& row) {
        history.links.push_back({row.text(0), row.text(1), row.integer(2) != 0});
        history.voidReasons.push_back(row.text(3));
        return true;
    });
    if (!linksRead)
        return passOn(linksRead);
    auto predecessorsRead = readAll(predecessors, [&](const Statement& row) {
        history.predecessors.emplace(row.text(0), row.text(1));
        return true;
    });
    if (!predecessorsRead)
        return passOn(predecessorsRead);
    return history;
}

ChangesBetween explainBreak(const History& history, const std::string& from, const std::string& to)
{
    if (!history.knows(from))
        return broken(ChainBreak::UnknownStart,
                      "This computer no longer knows the moment of the last backup, so nothing "
                      "says what changed since.");
    if (!history.knows(to))
        return broken(ChainBreak::UnknownEnd,
                      "The moment of this snapshot was never recorded, so nothing says what "
                      "changed before it.");
    if (auto chain = findChain(history.links, history.predecessors, from, to, true))
        for (const std::size_t index : *chain)
            if (history.links[index].isVoid)
                return broken(ChainBreak::Void, history.voidReasons[index]);
    return broken(ChainBreak::Missing,
                  "The record of what changed since the last backup has a gap.");
}

} // namespace

Result<void> Catalog::recordEpoch(const EpochRow& row)
{
    return d->start(Query::RecordEpoch)
        .bind(row.volumeId)
        .bind(row.epochId)
        .bind(row.predecessorId)
        .bind(static_cast<std::int64_t>(row.number))
        .bind(row.createdAtMs)
        .run();
}

Result<std::vector<EpochRow>> Catalog::epochs(const std::string& volumeId, int limit)
{
    return readAll(d->start(Query::ListEpochs).bind(volumeId).bind(std::int64_t(limit)), readEpoch);
}

Result<void> Catalog::storeChangeSet(const ChangeSetRow& row)
{
    if (row.fromEpochId == row.toEpochId)
        return fail(Error::Code::Invalid, "A change set must lead from one epoch to another.");

    auto transaction = Transaction::begin(d->database);
    if (!transaction)
        return passOn(transaction);
    auto before = readOne(
        d->start(Query::GetChangeSet).bind(row.volumeId).bind(row.fromEpochId).bind(row.toEpochId),
        [](const Statement& found) { return readChanges(found, 0); });
    if (!before)
        return passOn(before);

    Changes changes{row.isVoid, row.voidReason, row.extents};
    if (*before) {
        if ((*before)->isVoid && !changes.isVoid)
            changes = **before;
        changes.extents.insert(changes.extents.end(), (*before)->extents.begin(),
                               (*before)->extents.end());
    }
    if (changes.isVoid) {
        changes.extents.clear();
        if (changes.voidReason.empty())
            changes.voidReason = "The record of what changed cannot be trusted.";
    }

    auto done = d->start(Query::PutChangeSet)
                    .bind(row.volumeId)
                    .bind(row.fromEpochId)
                    .bind(row.toEpochId)
                    .bind(std::int64_t(changes.isVoid))
                    .bind(changes.voidReason)
                    .bind(encodeExtents(mergeExtents(std::move(changes.extents))))
                    .bind(row.storedAtMs)
                    .run();
    if (done)
        done = transaction->commit();
    return done;
}

Result<std::vector<ChangeSetRow>> Catalog::changeSets(const std::string& volumeId)
{
    return readAll(d->start(Query::ListChangeSets).bind(volumeId), readChangeSet);
}

Result<ChangesBetween> Catalog::changesBetween(const std::string& volumeId,
                                               const std::string& fromEpochId,
                                               const std::string& toEpochId)
{
    // One transaction: another thread's pruning must not fall between the links
    // and their extents.
    auto transaction = Transaction::beginReading(d->database);
    if (!transaction)
        return passOn(transaction);
    auto history = readHistory(d->start(Query::ListChangeLinks).bind(volumeId),
                               d->start(Query::ListPredecessors).bind(volumeId));
    if (!history)
        return passOn(history);
    auto chain = findChain(history->links, history->predecessors, fromEpochId, toEpochId, false);
    if (!chain)
        return explainBreak(*history, fromEpochId, toEpochId);

    ExtentList all;
    for (const std::size_t index : *chain) {
        const ChangeLink& link = history->links[index];
        auto changes =
            readOne(d->start(Query::GetChangeSet).bind(volumeId).bind(link.from).bind(link.to),
                    [](const Statement& found) { return readChanges(found, 0); });
        if (!changes)
            return passOn(changes);
        if (!*changes)
            return broken(ChainBreak::Missing, "The record of what changed has a gap.");
        if ((*changes)->isVoid)
            return broken(ChainBreak::Void, (*changes)->voidReason);
        all.insert(all.end(), (*changes)->extents.begin(), (*changes)->extents.end());
    }
    return ChangesBetween{mergeExtents(std::move(all)), ChainBreak::None, {}};
}

Result<int> Catalog::pruneChangeSets(const std::string& volumeId,
                                     const std::vector<std::string>& pinnedEpochIds)
{
    auto transaction = Transaction::begin(d->database);
    if (!transaction)
        return passOn(transaction);
    auto starts = readAll(d->start(Query::ListNeededEpochs).bind(volumeId),
                          [](const Statement& row) { return row.text(0); });
    if (!starts)
        return passOn(starts);
    starts->insert(starts->end(), pinnedEpochIds.begin(), pinnedEpochIds.end());
    auto history = readHistory(d->start(Query::ListChangeLinks).bind(volumeId),
                               d->start(Query::ListPredecessors).bind(volumeId));
    if (!history)
        return passOn(history);

    const auto needed = linksNeeded(history->links, history->predecessors, *starts);
    int removed = 0;
    for (std::size_t index = 0; index < needed.size(); ++index) {
        if (needed[index])
            continue;
        const ChangeLink& link = history->links[index];
        auto done =
            d->start(Query::RemoveChangeSet).bind(volumeId).bind(link.from).bind(link.to).run();
        if (!done)
            return passOn(done);
        ++removed;
    }
    if (auto done = transaction->commit(); !done)
        return passOn(done);
    return removed;
}

} // namespace dormouse
