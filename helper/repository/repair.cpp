// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Making a damaged repository whole again, as far as it is still there.
 *
 * Every pack is read. What of a damaged one is authentic is copied to a new pack, which is
 * durable and in the index before the damaged one goes; then the index is made anew from the
 * packs. What could not be read at all is left alone: it may be the cable. Interrupted
 * anywhere, nothing is lost that was there, and the next repair goes on.
 */
#include "helper/repository/repository_core.h"

#include <map>

namespace dormouse {

namespace {

constexpr std::size_t salvagePackBytes = 32u << 20;

class Repairer
{
public:
    Repairer(std::shared_ptr<RepositoryCore> core, const RepairOptions& options)
        : m_core(std::move(core)), m_options(options)
    {
    }

    Result<RepairReport> run()
    {
        auto done = m_core->index.load();
        if (done)
            done = judgePacks();
        if (done)
            done = askOldIndex();
        if (done)
            done = salvageAll();
        if (done)
            done = removeDamaged();
        if (done && m_report.leftAlone.empty()) // else the old one knows more
            done = m_core->rebuildIndex({});
        if (done)
            done = removeRecords();
        if (!done)
            return Failure(done.error());
        return std::move(m_report);
    }

private:
    /// A pack that is not what it should be, and what should be in it.
    struct Damaged
    {
        std::optional<format::ObjectKind> kind; ///< none: its own index is damaged, too
        std::vector<IndexEntry> entries;
    };

    Result<void> checkStop() const
    {
        if (m_options.stop.stop_requested())
            return fail(Error::Code::Cancelled,
                        "the repair was stopped; what was mended stays mended");
        return {};
    }

    /// The whole file; none if it cannot be read now, which is said.
    Result<std::optional<Bytes>> readPack(const Id128& packId)
    {
        auto file = getWhole(*m_core->backend, format::packName(packId), format::maxPackBytes);
        if (file)
            return std::optional<Bytes>(std::move(*file));
        if (file.error().code == Error::Code::Corrupt) // larger than any pack
            return std::optional<Bytes>(Bytes());
        if (file.error().code != Error::Code::Io && file.error().code != Error::Code::Denied)
            return Failure(file.error());
        m_report.leftAlone.push_back(format::packName(packId) + ": " + file.error().message);
        return std::optional<Bytes>();
    }

    [[nodiscard]] bool isWhole(format::ObjectKind kind, const IndexEntry& entry,
                               ByteView file) const
    {
        const std::uint64_t at = entry.location.offsetBytes;
        return at <= file.size() && entry.location.lengthBytes <= file.size() - at &&
               m_core->keys.decodeObject(kind, entry.id,
                                         file.subspan(at, entry.location.lengthBytes));
    }

    Result<void> judgePacks()
    {
        const auto packs = m_core->listPacks();
        if (!packs)
            return Failure(packs.error());
        std::uint64_t done = 0;
        for (const Id128& packId : *packs) {
            if (auto goesOn = checkStop(); !goesOn)
                return goesOn;
            auto file = readPack(packId);
            if (!file)
                return Failure(file.error());
            if (*file)
                judgePack(packId, **file);
            if (m_options.progress)
                m_options.progress(++done, packs->size());
        }
        return {};
    }

    void judgePack(const Id128& packId, ByteView file)
    {
        auto index = parsePack(file, m_core->keys, packId);
        if (!index) {
            m_damaged[packId] = {};
            return;
        }
        for (const IndexEntry& entry : index->entries) {
            if (isWhole(index->kind, entry, file))
                continue;
            m_damaged[packId] = {index->kind, std::move(index->entries)};
            return;
        }
    }

    /// What packs without an index of their own should hold.
    Result<void> askOldIndex()
    {
        bool isNeeded = false;
        for (const auto& [packId, pack] : m_damaged)
            isNeeded = isNeeded || !pack.kind;
        if (!isNeeded)
            return {};
        const auto visited =
            m_core->index.forEachEntry(m_core->index.runs(), [&](const IndexEntry& entry) {
                const auto pack = m_damaged.find(entry.location.packId);
                if (pack != m_damaged.end() && !pack->second.kind)
                    pack->second.entries.push_back(entry);
            });
        if (!visited && visited.error().code != Error::Code::Corrupt)
            return visited;
        return {}; // a damaged index tells what it can
    }

    Result<void> salvageAll()
    {
        for (const auto& [packId, pack] : m_damaged) {
            if (auto goesOn = checkStop(); !goesOn)
                return goesOn;
            const auto file = readPack(packId);
            if (!file)
                return Failure(file.error());
            if (!*file)
                continue;
            for (const IndexEntry& entry : pack.entries) {
                if (auto saved = salvage(pack, entry, **file); !saved)
                    return saved;
            }
            m_emptied.push_back(packId);
        }
        for (auto& [kind, builder] : m_builders) {
            if (auto put = flush(builder); !put)
                return put;
        }
        return {};
    }

    Result<void> salvage(const Damaged& pack, const IndexEntry& entry, ByteView file)
    {
        for (const auto kind : {format::ObjectKind::Block, format::ObjectKind::MapNode}) {
            if ((pack.kind && *pack.kind != kind) || !isWhole(kind, entry, file))
                continue;
            auto& builder = m_builders[kind];
            if (!builder)
                builder = std::make_unique<PackBuilder>(kind, salvagePackBytes);
            (void)builder->append(entry.id, file.subspan(entry.location.offsetBytes,
                                                         entry.location.lengthBytes));
            ++m_report.objectsSaved;
            return builder->sizeBytes() < salvagePackBytes ? Result<void>() : flush(builder);
        }
        ++m_report.objectsLost;
        return {};
    }

    Result<void> flush(std::unique_ptr<PackBuilder>& builder)
    {
        if (!builder)
            return {};
        const auto pack = std::move(builder);
        auto put = m_core->backend->put(format::packName(pack->id()), pack->finish(m_core->keys));
        if (!put)
            return addContext(put.error(), "cannot store what was saved");
        return m_core->index.addRuns(pack->entries());
    }

    Result<void> removeDamaged()
    {
        for (const Id128& packId : m_emptied) {
            const auto removed = m_core->backend->remove(format::packName(packId));
            if (!removed && removed.error().code != Error::Code::NotFound)
                return Failure(removed.error());
            ++m_report.packsReplaced;
        }
        return {};
    }

    /// A record that is not authentic opens nothing; it only keeps prune from its work.
    Result<void> removeRecords()
    {
        const auto files = m_core->readRecordFiles();
        if (!files)
            return Failure(files.error());
        for (const RecordList::Damaged& damaged : files->damaged) {
            const std::string name = format::recordName(damaged.recordId);
            if (damaged.error.code != Error::Code::Corrupt) {
                m_report.leftAlone.push_back(name + ": " + damaged.error.message);
                continue;
            }
            const auto removed = m_core->backend->remove(name);
            if (!removed && removed.error().code != Error::Code::NotFound)
                return Failure(removed.error());
            ++m_report.recordsRemoved;
        }
        return {};
    }

    const std::shared_ptr<RepositoryCore> m_core;
    const RepairOptions& m_options;
    RepairReport m_report;
    std::map<Id128, Damaged> m_damaged;
    std::vector<Id128> m_emptied;
    std::map<format::ObjectKind, std::unique_ptr<PackBuilder>> m_builders;
};

} // namespace

Result<RepairReport> Repository::repair(const RepairOptions& options)
{
    auto lock = PruneLock::take(*m_core, options.who);
    if (!lock)
        return Failure(lock.error());
    return Repairer(m_core, options).run();
}

} // namespace dormouse
