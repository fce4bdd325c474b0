// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Freeing what no record needs.
 *
 * Mark: walk every record's maps, skipping what was seen, and set a bit for
 * every index entry in use: eight megabytes for 67 million blocks. Sweep: remove
 * packs without a used entry at once, so that a full disk gets room first; copy
 * what is in use out of packs that are mostly waste; write the index anew; only
 * then remove the emptied packs. Whenever it is interrupted, every object in use
 * is in at least one pack.
 */
#include "helper/base/log.h"
#include "helper/repository/map_node.h"

#include <algorithm>

namespace dormouse {

namespace {

/// One prune copies at most this many objects; the next one goes on.
constexpr std::size_t maxCopiedEntries = 1u << 20;
constexpr std::size_t copyPackBytes = 32u << 20;
constexpr std::uint64_t progressSteps = 4;

class Pruner
{
public:
    Pruner(std::shared_ptr<RepositoryCore> core, const PruneOptions& options)
        : m_core(std::move(core)), m_options(options), m_nodes(m_core)
    {
    }

    Result<PruneReport> run()
    {
        auto done = prepare();
        if (done)
            done = step(1, markAll());
        if (done)
            done = step(2, classify());
        if (done)
            done = removePacks(m_dead);
        if (done)
            done = step(3, copyUsed());
        if (done && (!m_dead.empty() || !m_emptied.empty()))
            done = rewriteIndex();
        if (done)
            done = step(4, removePacks(m_emptied));
        if (!done)
            return Failure(done.error());
        m_report.packsRewritten = m_emptied.size();
        for (const auto& [packId, bytes] : m_packBytes)
            if (m_dead.count(packId) == 0 && m_emptied.count(packId) == 0)
                m_report.bytesKept += bytes;
        return m_report;
    }

private:
    struct PackUse
    {
        std::uint64_t usedBytes = 0;
        std::uint64_t totalBytes = 0;
        std::uint64_t usedEntries = 0;
    };

    Result<void> step(std::uint64_t number, Result<void> result) const
    {
        if (result && m_options.stop.stop_requested())
            return fail(Error::Code::Cancelled, "the clean-up was stopped; no backup is affected");
        if (result && m_options.progress)
            m_options.progress(number, progressSteps);
        return result;
    }

    Result<void> prepare()
    {
        if (auto cleaned = m_core->backend->removeUnfinished(); !cleaned)
            return cleaned;
        if (auto loaded = m_core->index.load(); !loaded)
            return loaded;
        if (!m_core->index.damagedRuns().empty())
            return fail(Error::Code::Corrupt, "part of the repository's index is damaged. Nothing "
                                              "was removed; rebuild the index first.");
        m_runs = m_core->index.runs();
        for (const auto& run : m_runs)
            m_used.emplace_back(run->entryCount());
        const auto listed = m_core->backend->list(std::string(format::packsPrefix));
        if (!listed)
            return Failure(listed.error());
        for (const Backend::ListedObject& object : *listed)
            if (const auto packId = format::idFromName(object.name))
                m_packBytes.emplace(*packId, object.sizeBytes);
        return {};
    }

    Result<void> markAll()
    {
        const auto files = m_core->readRecordFiles();
        if (!files)
            return Failure(files.error());
        if (!files->damaged.empty())
            return fail(Error::Code::Corrupt,
                        "a backup's record cannot be read, so what it needs is not known. Nothing "
                        "was removed; delete that backup or repair the repository first.");
        for (const RepositoryCore::RecordFile& file : files->files)
            for (const VolumeRecord& volume : file.record.volumes) {
                const std::uint64_t blockCount =
                    volume.sizeBytes / volume.blockSizeBytes +
                    (volume.sizeBytes % volume.blockSizeBytes != 0 ? 1 : 0);
                if (auto marked = markNode(volume.mapRoot, mapHeight(blockCount) - 1); !marked)
                    return marked;
            }
        return {};
    }

    /// True if the id was marked before.
    Result<bool> mark(const Hash256& id)
    {
        const auto places = m_core->index.find(m_runs, id);
        if (!places)
            return Failure(places.error());
        bool isPresent = false;
        bool wasMarked = false;
        // All copies count as used: which of them is whole is not known here.
        for (const BlockIndex::Place& place : *places) {
            if (m_packBytes.count(place.location.packId) == 0)
                continue;
            isPresent = true;
            auto bit = m_used[place.runNumber][place.entryNumber];
            wasMarked = wasMarked || bit;
            bit = true;
        }
        if (!isPresent)
            return fail(Error::Code::Corrupt,
                        "a backup needs a block that the index does not know. Nothing was removed; "
                        "verify the repository and rebuild its index first.");
        return wasMarked;
    }

    Result<void> markNode(const Hash256& id, unsigned level)
    {
        if (id == holeId)
            return {};
        if (m_options.stop.stop_requested())
            return fail(Error::Code::Cancelled, "the clean-up was stopped; no backup is affected");
        const auto wasMarked = mark(id);
        if (!wasMarked)
            return Failure(wasMarked.error());
        if (*wasMarked)
            return {}; // and with it everything below
        const auto node = m_nodes.node(id, level);
        if (!node)
            return Failure(node.error());
        for (const Hash256& child : (*node)->children) {
            if (child == holeId)
                continue;
            if (level > 0) {
                if (auto marked = markNode(child, level - 1); !marked)
                    return marked;
            } else if (const auto marked = mark(child); !marked) {
                return Failure(marked.error());
            }
        }
        return {};
    }

    /// Calls `visit` with every entry of a pack that is there, and whether it is used.
    template <typename Visit> Result<void> forEachPlaced(Visit visit)
    {
        for (std::size_t runNumber = 0; runNumber < m_runs.size(); ++runNumber) {
            const IndexRun& run = *m_runs[runNumber];
            for (std::size_t page = 0; page < run.pageCount(); ++page) {
                const auto entries = run.readPage(*m_core->backend, m_core->keys, page);
                if (!entries)
                    return Failure(entries.error());
                for (std::size_t i = 0; i < entries->size(); ++i)
                    if (m_packBytes.count((*entries)[i].location.packId) != 0)
                        visit((*entries)[i], m_used[runNumber][page * format::runPageEntries + i]);
            }
        }
        return {};
    }

    Result<void> classify()
    {
        std::unordered_map<Id128, PackUse, IdHasher> uses;
        auto visited = forEachPlaced([&uses](const IndexEntry& entry, bool isUsed) {
            PackUse& use = uses[entry.location.packId];
            use.totalBytes += entry.location.lengthBytes;
            if (isUsed) {
                use.usedBytes += entry.location.lengthBytes;
                ++use.usedEntries;
            }
        });
        if (!visited)
            return visited;
        std::vector<std::pair<double, Id128>> wasteful;
        for (const auto& [packId, bytes] : m_packBytes) {
            const auto use = uses.find(packId);
            // A pack that no run knows is the rest of a backup that never was
            // committed: everything committed is in the index, as marking proved.
            if (use == uses.end() || use->second.usedEntries == 0) {
                m_dead.insert(packId);
                continue;
            }
            const double share = static_cast<double>(use->second.usedBytes) /
                                 static_cast<double>(use->second.totalBytes);
            if (share < m_options.repackBelow)
                wasteful.emplace_back(share, packId);
        }
        std::sort(wasteful.begin(), wasteful.end());
        std::size_t entryCount = 0;
        for (const auto& [share, packId] : wasteful) {
            entryCount += uses[packId].usedEntries;
            if (entryCount > maxCopiedEntries)
                break;
            m_toEmpty.insert(packId);
        }
        return forEachPlaced([this](const IndexEntry& entry, bool isUsed) {
            if (isUsed && m_toEmpty.count(entry.location.packId) != 0)
                m_toCopy[entry.location.packId].push_back(entry);
        });
    }

    /// Is there a readable copy in a pack that stays?
    bool hasOtherCopy(format::ObjectKind kind, const Hash256& id)
    {
        const auto places = m_core->index.find(m_runs, id);
        if (!places)
            return false;
        return std::any_of(places->begin(), places->end(), [&](const BlockIndex::Place& place) {
            const Id128& packId = place.location.packId;
            return m_packBytes.count(packId) != 0 && m_toEmpty.count(packId) == 0 &&
                   m_core->readObjectAt(kind, id, place.location);
        });
    }

    Result<void> copyUsed()
    {
        for (auto& [packId, entries] : m_toCopy) {
            if (m_options.stop.stop_requested())
                return fail(Error::Code::Cancelled,
                            "the clean-up was stopped; no backup is affected");
            const auto file =
                getWhole(*m_core->backend, format::packName(packId), format::maxPackBytes);
            if (!file)
                return Failure(file.error());
            const auto pack = parsePack(*file, m_core->keys, packId);
            bool isEmptied = pack.has_value();
            std::sort(entries.begin(), entries.end(), [](const auto& left, const auto& right) {
                return left.location < right.location;
            });
            for (const IndexEntry& entry : entries) {
                if (!isEmptied)
                    break;
                const Location& at = entry.location;
                if (std::uint64_t{at.offsetBytes} + at.lengthBytes > file->size()) {
                    isEmptied = false;
                    break;
                }
                const ByteView stored = ByteView(*file).subspan(at.offsetBytes, at.lengthBytes);
                if (m_copied.count(entry.id) != 0 || hasOtherCopy(pack->kind, entry.id))
                    continue;
                // Not one damaged object may be copied into a fresh pack.
                isEmptied = m_core->keys.decodeObject(pack->kind, entry.id, stored).has_value();
                if (!isEmptied)
                    break;
                if (auto copied = copy(pack->kind, entry.id, stored); !copied)
                    return copied;
            }
            if (isEmptied)
                m_emptied.insert(packId);
            else
                logWarning("pack " + packId.hex() + " is damaged and stays as it is");
        }
        for (auto& [kind, builder] : m_builders)
            if (auto put = flush(*builder); !put)
                return put;
        return {};
    }

    Result<void> copy(format::ObjectKind kind, const Hash256& id, ByteView stored)
    {
        auto& builder = m_builders[kind];
        if (!builder)
            builder = std::make_unique<PackBuilder>(kind, copyPackBytes + format::maxBlockBytes);
        builder->append(id, stored);
        m_copied.insert(id);
        if (builder->sizeBytes() < copyPackBytes)
            return {};
        auto put = flush(*builder);
        m_builders.erase(kind);
        return put;
    }

    Result<void> flush(PackBuilder& builder)
    {
        if (builder.empty())
            return {};
        m_added.insert(m_added.end(), builder.entries().begin(), builder.entries().end());
        auto put =
            m_core->backend->put(format::packName(builder.id()), builder.finish(m_core->keys));
        if (!put)
            return addContext(put.error(), "cannot store a pack");
        return put;
    }

    Result<void> rewriteIndex()
    {
        return m_core->index.rewrite(
            m_runs,
            [this](const IndexEntry& entry) {
                const Id128& packId = entry.location.packId;
                return m_packBytes.count(packId) != 0 && m_dead.count(packId) == 0 &&
                       m_emptied.count(packId) == 0;
            },
            std::move(m_added));
    }

    Result<void> removePacks(const PackSet& packs)
    {
        for (const Id128& packId : packs) {
            auto removed = m_core->backend->remove(format::packName(packId));
            if (!removed && removed.error().code != Error::Code::NotFound)
                return removed;
            ++m_report.packsRemoved;
            m_report.bytesFreed += m_packBytes[packId];
        }
        return {};
    }

    const std::shared_ptr<RepositoryCore> m_core;
    const PruneOptions& m_options;
    CachedNodes m_nodes;
    PruneReport m_report;
    BlockIndex::Runs m_runs;
    std::vector<std::vector<bool>> m_used; ///< per run, per entry
    std::unordered_map<Id128, std::uint64_t, IdHasher> m_packBytes;
    PackSet m_dead;
    PackSet m_toEmpty;
    PackSet m_emptied;
    std::unordered_map<Id128, std::vector<IndexEntry>, IdHasher> m_toCopy;
    std::unordered_set<Hash256, IdHasher> m_copied;
    std::unordered_map<format::ObjectKind, std::unique_ptr<PackBuilder>> m_builders;
    std::vector<IndexEntry> m_added;
};

} // namespace

Result<PruneReport> Repository::prune(const PruneOptions& options)
{
    auto lock = PruneLock::take(*m_core, options);
    if (!lock)
        return Failure(lock.error());
    return Pruner(m_core, options).run();
}

} // namespace dormouse
