// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * One sorted, immutable part of the block index. Internal to the library.
 *
 * A run's entries lie in sealed pages of 256, in order of id. In memory there
 * is only its head: the first bytes of each page's first id, to find a page, and
 * a filter that says "certainly not here" to 99 of 100 unknown ids; about a byte
 * and a half an entry, so that an index of 67 million blocks needs 100 MiB.
 *
 * Threads: everything const may be used from several threads at once.
 */
#pragma once

#include "helper/repository/backend.h"
#include "helper/repository/crypto.h"

#include <memory>

namespace dormouse {

class IndexRun
{
public:
    /// The file of a run. Entries must be sorted and at most format::runMaxEntries.
    [[nodiscard]] static Bytes encode(const Id128& runId, const std::vector<IndexEntry>& entries,
                                      const Keys& keys);

    /// Reads the head.
    [[nodiscard]] static Result<std::shared_ptr<const IndexRun>>
    open(Backend& backend, const Keys& keys, const Id128& runId);

    [[nodiscard]] const Id128& id() const { return m_id; }
    [[nodiscard]] std::uint64_t entryCount() const { return m_entryCount; }
    [[nodiscard]] std::size_t pageCount() const { return m_fences.size(); }

    /// False: the id is not in this run. True: it probably is.
    [[nodiscard]] bool mayContain(const Hash256& id) const;

    /// The pages [first, last) that could hold the id.
    struct PageRange
    {
        std::size_t first = 0;
        std::size_t last = 0;
    };
    [[nodiscard]] PageRange pagesFor(const Hash256& id) const;

    [[nodiscard]] Result<std::vector<IndexEntry>> readPage(Backend& backend, const Keys& keys,
                                                           std::size_t page) const;

private:
    [[nodiscard]] std::size_t entriesOfPage(std::size_t page) const;

    Id128 m_id;
    std::uint64_t m_entryCount = 0;
    std::uint64_t m_pagesAtBytes = 0;
    std::vector<std::uint64_t>
        m_fences; ///< first eight bytes of the first id, as a big-endian number
    Bytes m_filter;
};

} // namespace dormouse
