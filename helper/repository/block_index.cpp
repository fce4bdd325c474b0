// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/repository/block_index.h"

#include <algorithm>
#include <queue>

namespace dormouse {

namespace {

/// Written runs are at most this long: 56 MiB of entries in memory at once.
constexpr std::size_t entriesPerRun = 1u << 20;
constexpr std::size_t smallRunEntries = entriesPerRun / 4;
constexpr std::size_t manySmallRuns = 16;

} // namespace

Result<void> BlockIndex::load()
{
    const auto listed = m_backend.list(std::string(format::indexPrefix));
    if (!listed)
        return Failure(listed.error());
    Runs known = runs();
    Runs found;
    std::vector<DamagedRun> damaged;
    for (const Backend::ListedObject& object : *listed) {
        const auto id = format::idFromName(object.name);
        if (!id)
            continue;
        const auto same = std::find_if(known.begin(), known.end(),
                                       [&](const auto& run) { return run->id() == *id; });
        if (same != known.end()) {
            found.push_back(*same);
            continue;
        }
        auto run = IndexRun::open(m_backend, m_keys, *id);
        if (run)
            found.push_back(std::move(*run));
        else if (run.error().code == Error::Code::Corrupt)
            damaged.push_back({*id, run.error()});
        else if (run.error().code != Error::Code::NotFound)
            return Failure(run.error());
    }
    const std::lock_guard lock(m_mutex);
    m_runs = std::make_shared<const Runs>(std::move(found));
    m_damaged = std::move(damaged);
    return {};
}

std::shared_ptr<const BlockIndex::Runs> BlockIndex::snapshot() const
{
    const std::lock_guard lock(m_mutex);
    return m_runs;
}

std::vector<BlockIndex::DamagedRun> BlockIndex::damagedRuns() const
{
    const std::lock_guard lock(m_mutex);
    return m_damaged;
}

Result<std::shared_ptr<const BlockIndex::Page>> BlockIndex::page(const IndexRun& run,
                                                                 std::size_t number)
{
    const PageKey key{run.id(), number};
    if (auto cached = m_pages.get(key))
        return cached;
    auto entries = run.readPage(m_backend, m_keys, number);
    if (!entries)
        return Failure(entries.error());
    auto shared = std::make_shared<const Page>(std::move(*entries));
    m_pages.put(key, shared);
    return shared;
}

Result<std::vector<BlockIndex::Place>> BlockIndex::find(const Runs& runs, const Hash256& id)
{
    std::vector<Place> places;
    for (std::size_t runNumber = 0; runNumber < runs.size(); ++runNumber) {
        const IndexRun& run = *runs[runNumber];
        if (!run.mayContain(id))
            continue;
        const IndexRun::PageRange range = run.pagesFor(id);
        for (std::size_t number = range.first; number < range.last; ++number) {
            const auto entries = page(run, number);
            if (!entries)
                return Failure(entries.error());
            auto entry = std::lower_bound(
                (*entries)->begin(), (*entries)->end(), id,
                [](const IndexEntry& left, const Hash256& right) { return left.id < right; });
            for (; entry != (*entries)->end() && entry->id == id; ++entry)
                places.push_back({entry->location, runNumber,
                                  number * format::runPageEntries +
                                      static_cast<std::size_t>(entry - (*entries)->begin())});
        }
    }
    return places;
}

Result<std::vector<Location>> BlockIndex::lookup(const Hash256& id)
{
    auto places = find(*snapshot(), id);
    if (!places && places.error().code == Error::Code::NotFound) {
        // Another program joined runs: what they said is in new ones.
        if (auto loaded = load(); !loaded)
            return Failure(loaded.error());
        places = find(*snapshot(), id);
    }
    if (!places)
        return Failure(places.error());
    std::vector<Location> locations;
    for (const Place& place : *places)
        locations.push_back(place.location);
    return locations;
}

Result<void> BlockIndex::writeRun(const std::vector<IndexEntry>& entries)
{
    if (entries.empty())
        return {};
    const Id128 runId = Id128::random();
    if (auto put = m_backend.put(format::runName(runId), IndexRun::encode(runId, entries, m_keys));
        !put)
        return addContext(put.error(), "cannot write the index");
    auto run = IndexRun::open(m_backend, m_keys, runId);
    if (!run)
        return addContext(run.error(), "cannot read back the index");
    const std::lock_guard lock(m_mutex);
    Runs changed = *m_runs;
    changed.push_back(std::move(*run));
    m_runs = std::make_shared<const Runs>(std::move(changed));
    return {};
}

Result<void> BlockIndex::addRuns(std::vector<IndexEntry> entries)
{
    std::sort(entries.begin(), entries.end());
    for (std::size_t first = 0; first < entries.size(); first += entriesPerRun) {
        const auto begin = entries.begin() + static_cast<std::ptrdiff_t>(first);
        const auto end = entries.begin() + static_cast<std::ptrdiff_t>(
                                               std::min(first + entriesPerRun, entries.size()));
        if (auto written = writeRun({begin, end}); !written)
            return written;
    }
    return {};
}

Result<void> BlockIndex::forEachEntry(const Runs& runs,
                                      const std::function<void(const IndexEntry&)>& visit)
{
    struct Cursor
    {
        const IndexRun* run = nullptr;
        std::size_t nextPage = 0;
        Page entries;
        std::size_t at = 0;
    };
    std::vector<Cursor> cursors(runs.size());
    const auto advance = [this](Cursor& cursor) -> Result<bool> {
        if (++cursor.at < cursor.entries.size())
            return true;
        if (cursor.nextPage == cursor.run->pageCount())
            return false;
        auto entries = cursor.run->readPage(m_backend, m_keys, cursor.nextPage++);
        if (!entries)
            return Failure(entries.error());
        cursor.entries = std::move(*entries);
        cursor.at = 0;
        return true;
    };
    const auto later = [&cursors](std::size_t left, std::size_t right) {
        return cursors[right].entries[cursors[right].at] < cursors[left].entries[cursors[left].at];
    };
    std::priority_queue<std::size_t, std::vector<std::size_t>, decltype(later)> queue(later);
    for (std::size_t i = 0; i < runs.size(); ++i) {
        cursors[i].run = runs[i].get();
        const auto more = advance(cursors[i]);
        if (!more)
            return Failure(more.error());
        if (*more)
            queue.push(i);
    }
    while (!queue.empty()) {
        const std::size_t i = queue.top();
        queue.pop();
        visit(cursors[i].entries[cursors[i].at]);
        const auto more = advance(cursors[i]);
        if (!more)
            return Failure(more.error());
        if (*more)
            queue.push(i);
    }
    return {};
}

Result<void> BlockIndex::rewrite(const Runs& old,
                                 const std::function<bool(const IndexEntry&)>& keep,
                                 std::vector<IndexEntry> added)
{
    std::sort(added.begin(), added.end());
    auto nextAdded = added.begin();
    std::vector<IndexEntry> pending;
    Result<void> written;
    const auto emit = [&](const IndexEntry& entry) {
        if (!written || (!pending.empty() && pending.back() == entry))
            return;
        if (pending.size() == entriesPerRun) {
            written = writeRun(pending);
            pending.clear();
        }
        pending.push_back(entry);
    };
    auto visited = forEachEntry(old, [&](const IndexEntry& entry) {
        for (; nextAdded != added.end() && *nextAdded < entry; ++nextAdded)
            emit(*nextAdded);
        if (keep(entry))
            emit(entry);
    });
    if (!visited)
        return visited;
    for (; nextAdded != added.end(); ++nextAdded)
        emit(*nextAdded);
    if (written)
        written = writeRun(pending);
    if (!written)
        return written;
    std::vector<Id128> oldIds;
    for (const auto& run : old)
        oldIds.push_back(run->id());
    return removeRuns(oldIds);
}

Result<void> BlockIndex::joinSmallRuns()
{
    Runs small;
    for (const auto& run : runs())
        if (run->entryCount() < smallRunEntries)
            small.push_back(run);
    if (small.size() <= manySmallRuns)
        return {};
    return rewrite(small, [](const IndexEntry&) { return true; }, {});
}

Result<void> BlockIndex::removeRuns(const std::vector<Id128>& runIds)
{
    for (const Id128& runId : runIds) {
        auto removed = m_backend.remove(format::runName(runId));
        if (!removed && removed.error().code != Error::Code::NotFound)
            return removed;
        const std::lock_guard lock(m_mutex);
        Runs changed = *m_runs;
        std::erase_if(changed, [&](const auto& run) { return run->id() == runId; });
        m_runs = std::make_shared<const Runs>(std::move(changed));
        std::erase_if(m_damaged, [&](const auto& run) { return run.runId == runId; });
    }
    return {};
}

} // namespace dormouse
