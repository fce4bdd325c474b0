// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Where every object is: all runs of a repository together. Internal to the
 * library.
 *
 * An id may be in several runs or packs (two writers, healing, an interrupted
 * prune); all its places are candidates, and a place in a pack that is gone
 * means nothing.
 *
 * Threads: any. Lookups go on while runs are added or exchanged.
 */
#pragma once

#include "helper/repository/index_run.h"
#include "helper/repository/lru_cache.h"

#include <functional>

namespace dormouse {

class BlockIndex
{
public:
    using Runs = std::vector<std::shared_ptr<const IndexRun>>;

    struct DamagedRun
    {
        Id128 runId;
        Error error;
    };

    BlockIndex(Backend& backend, const Keys& keys) : m_backend(backend), m_keys(keys) {}

    /// Opens the runs that are in the backend now. A damaged run is left out and
    /// remembered.
    [[nodiscard]] Result<void> load();

    [[nodiscard]] Runs runs() const { return *snapshot(); }
    [[nodiscard]] std::vector<DamagedRun> damagedRuns() const;

    /// All places, in no order; none if it is unknown.
    [[nodiscard]] Result<std::vector<Location>> lookup(const Hash256& id);

    /// An entry, and where among the given runs it is.
    struct Place
    {
        Location location;
        std::size_t runNumber = 0;
        std::size_t entryNumber = 0;
    };

    /// All entries of an id in these runs.
    [[nodiscard]] Result<std::vector<Place>> find(const Runs& runs, const Hash256& id);

    /// Sorts and writes the entries as one or more runs and adds them. On disk
    /// when it returns.
    [[nodiscard]] Result<void> addRuns(std::vector<IndexEntry> entries);

    /// Calls `visit` with every entry of the runs, in order of id. Bounded memory.
    [[nodiscard]] Result<void> forEachEntry(const Runs& runs,
                                            const std::function<void(const IndexEntry&)>& visit);

    /// Writes all entries of `old` that `keep` wants, and `added`, as new runs of
    /// separate id ranges, and only then removes the old ones.
    [[nodiscard]] Result<void> rewrite(const Runs& old,
                                       const std::function<bool(const IndexEntry&)>& keep,
                                       std::vector<IndexEntry> added);

    /// Joins small runs when there are many: every backup adds one.
    [[nodiscard]] Result<void> joinSmallRuns();

    /// Removes files of runs and forgets them; one that is gone already is fine.
    [[nodiscard]] Result<void> removeRuns(const std::vector<Id128>& runIds);

private:
    struct PageKey
    {
        Id128 runId;
        std::size_t page = 0;
        friend bool operator==(const PageKey&, const PageKey&) = default;
    };
    struct PageKeyHasher
    {
        std::size_t operator()(const PageKey& key) const
        {
            return IdHasher()(key.runId) + key.page * 0x9e3779b97f4a7c15ull;
        }
    };
    using Page = std::vector<IndexEntry>;

    [[nodiscard]] Result<std::shared_ptr<const Page>> page(const IndexRun& run, std::size_t number);
    [[nodiscard]] Result<void> writeRun(const std::vector<IndexEntry>& entries);

    Backend& m_backend;
    const Keys& m_keys;
    LruCache<PageKey, Page, PageKeyHasher> m_pages{1024};

    [[nodiscard]] std::shared_ptr<const Runs> snapshot() const;

    mutable std::mutex m_mutex; // protects everything below
    /// Exchanged, never changed: a lookup holds on to the one it began with.
    std::shared_ptr<const Runs> m_runs = std::make_shared<const Runs>();
    std::vector<DamagedRun> m_damaged;
};

} // namespace dormouse
