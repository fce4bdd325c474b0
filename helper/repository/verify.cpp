// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Checking a repository: every file of it, then every backup against what was
 * found to be whole.
 */
#include "helper/repository/keyring.h"
#include "helper/repository/map_node.h"

#include <algorithm>
#include <map>

namespace dormouse {

namespace {

constexpr std::size_t maxListedPlaces = 1000;
constexpr std::size_t maxMissingFindings = 1000;

using Kind = VerifyFinding::Kind;

class Verifier
{
public:
    Verifier(std::shared_ptr<RepositoryCore> core, const VerifyOptions& options)
        : m_core(std::move(core)), m_options(options), m_nodes(m_core)
    {
    }

    Result<VerifyReport> run()
    {
        auto done = checkConfigAndKeys();
        if (done)
            done = checkIndex();
        if (done)
            done = checkPacks();
        if (done)
            done = checkRecords();
        if (!done)
            return Failure(done.error());
        return std::move(m_report);
    }

private:
    /// A subtree, or a block, and where in the volume it is.
    struct Range
    {
        std::uint64_t firstBlock = 0;
        std::uint64_t blockCount = 0;
    };

    void add(Kind kind, std::string objectName, std::string message, Id128 packId = {})
    {
        m_report.findings.push_back({kind, std::move(objectName), std::move(message), packId});
    }

    Result<void> checkStop() const
    {
        if (m_options.stop.stop_requested())
            return fail(Error::Code::Cancelled, "the verification was stopped");
        return {};
    }

    /// Damage is a finding; anything else (unplugged, cancelled) ends the check.
    static bool isDamage(const Error& error)
    {
        return error.code == Error::Code::Corrupt || error.code == Error::Code::Io ||
               error.code == Error::Code::NotFound || error.code == Error::Code::WrongKey ||
               error.code == Error::Code::Unsupported || error.code == Error::Code::Denied;
    }

    Result<void> checkConfigAndKeys()
    {
        Backend& backend = *m_core->backend;
        const std::string configName(format::configName);
        const auto config = getWhole(backend, configName, format::maxSmallFileBytes);
        if (!config && !isDamage(config.error()))
            return Failure(config.error());
        const auto decoded = config ? decodeConfig(*config, m_core->keys)
                                    : Result<RepositoryConfig>(Failure(config.error()));
        if (!decoded)
            add(Kind::Config, configName, decoded.error().message);
        using format::SlotKind;
        for (const auto& [name, kind] :
             {std::pair(format::passphraseSlotName, SlotKind::Passphrase),
              std::pair(format::recoverySlotName, SlotKind::Recovery),
              std::pair(format::plainSlotName, SlotKind::Plain)}) {
            const std::string slotName(name);
            const auto file = getWhole(backend, slotName, format::maxSmallFileBytes);
            if (!file && file.error().code == Error::Code::NotFound)
                continue;
            const auto whole =
                file ? checkSlot(*file, kind, m_core->id) : Result<void>(Failure(file.error()));
            if (!whole && !isDamage(whole.error()))
                return whole;
            if (!whole)
                add(Kind::KeySlot, slotName, whole.error().message);
        }
        return {};
    }

    Result<void> checkIndex()
    {
        if (auto loaded = m_core->index.load(); !loaded)
            return loaded;
        for (const BlockIndex::DamagedRun& run : m_core->index.damagedRuns())
            add(Kind::IndexRun, format::runName(run.runId), run.error.message);
        for (const auto& run : m_core->index.runs()) {
            for (std::size_t page = 0; page < run->pageCount(); ++page) {
                const auto entries = run->readPage(*m_core->backend, m_core->keys, page);
                if (entries)
                    continue;
                if (!isDamage(entries.error()))
                    return Failure(entries.error());
                add(Kind::IndexRun, format::runName(run->id()), entries.error().message);
                break;
            }
        }
        return checkStop();
    }

    Result<void> checkPacks()
    {
        const auto listed = m_core->backend->list(std::string(format::packsPrefix));
        if (!listed)
            return Failure(listed.error());
        std::uint64_t done = 0;
        for (const Backend::ListedObject& object : *listed) {
            if (auto goesOn = checkStop(); !goesOn)
                return goesOn;
            const auto packId = format::idFromName(object.name);
            if (!packId || object.name != format::packName(*packId)) {
                add(Kind::Pack, object.name, "a file that is not a pack is among the packs");
                continue;
            }
            m_packs.insert(*packId);
            ++m_report.packsChecked;
            const auto checked = m_options.scope == VerifyScope::Everything
                                     ? checkWholePack(*packId)
                                     : checkPackIndex(*packId);
            if (!checked && !isDamage(checked.error()))
                return checked;
            if (!checked) {
                m_suspects.insert(*packId);
                m_report.damagedPacks.insert(*packId);
                add(Kind::Pack, object.name, checked.error().message, *packId);
            }
            if (m_options.progress)
                m_options.progress(++done, listed->size());
        }
        return {};
    }

    Result<void> checkPackIndex(const Id128& packId)
    {
        const auto index = readPackIndex(*m_core->backend, m_core->keys, packId);
        if (!index)
            return Failure(index.error());
        return {};
    }

    Result<void> checkWholePack(const Id128& packId)
    {
        const auto file =
            getWhole(*m_core->backend, format::packName(packId), format::maxPackBytes);
        if (!file)
            return Failure(file.error());
        m_report.bytesChecked += file->size();
        const auto index = parsePack(*file, m_core->keys, packId);
        if (!index)
            return Failure(index.error());
        std::size_t damagedCount = 0;
        for (const IndexEntry& entry : index->entries) {
            const ByteView stored =
                ByteView(*file).subspan(entry.location.offsetBytes, entry.location.lengthBytes);
            damagedCount += !m_core->keys.decodeObject(index->kind, entry.id, stored);
        }
        if (damagedCount > 0)
            return fail(Error::Code::Corrupt, std::to_string(damagedCount) + " of the pack's " +
                                                  std::to_string(index->entries.size()) +
                                                  " objects are damaged");
        return {};
    }

    Result<void> checkRecords()
    {
        const auto files = m_core->readRecordFiles();
        if (!files)
            return Failure(files.error());
        for (const RecordList::Damaged& damaged : files->damaged)
            add(Kind::Record, format::recordName(damaged.recordId), damaged.error.message);

        std::map<std::pair<Id128, std::uint64_t>, std::set<Hash256>> heads;
        for (const RepositoryCore::RecordFile& file : files->files)
            heads[{file.record.run.machineId, file.record.sequence}].insert(file.fileHash);
        for (const RepositoryCore::RecordFile& file : files->files) {
            const BackupRecord& record = file.record;
            ++m_report.recordsChecked;
            // A predecessor that was deleted is no finding; one that was exchanged is.
            const auto before = heads.find({record.run.machineId, record.sequence - 1});
            if (before != heads.end() && before->second.count(record.previousRecordHash) == 0)
                add(Kind::Sequence, format::recordName(record.recordId),
                    "the backup before this one is not the one that it was written after");
            for (const VolumeRecord& volume : record.volumes)
                if (auto checked = checkVolume(record, volume); !checked)
                    return checked;
        }
        return {};
    }

    Result<void> checkVolume(const BackupRecord& record, const VolumeRecord& volume)
    {
        m_damaged.clear();
        const std::uint64_t blockCount = volume.sizeBytes / volume.blockSizeBytes +
                                         (volume.sizeBytes % volume.blockSizeBytes != 0 ? 1 : 0);
        const unsigned height = mapHeight(blockCount);
        const auto whole = checkNode(volume.mapRoot, height - 1, 0);
        if (!whole)
            return Failure(whole.error());
        if (*whole)
            return {};
        AffectedVolume affected;
        affected.recordId = record.recordId;
        affected.volumeId = volume.volumeId;
        for (const Range& range : m_damaged) {
            Extent extent;
            extent.offsetBytes = range.firstBlock * volume.blockSizeBytes;
            if (extent.offsetBytes >= volume.sizeBytes)
                continue;
            const std::uint64_t last = std::min(range.firstBlock + range.blockCount, blockCount);
            extent.lengthBytes =
                std::min(last * volume.blockSizeBytes, volume.sizeBytes) - extent.offsetBytes;
            affected.damaged.push_back(extent);
        }
        affected.damaged = mergeExtents(std::move(affected.damaged));
        affected.damagedBytes = totalBytes(affected.damaged);
        if (affected.damaged.size() > maxListedPlaces)
            affected.damaged.resize(maxListedPlaces);
        m_report.affected.push_back(std::move(affected));
        return {};
    }

    /// Can the object be read from anywhere?
    Result<bool> isWhole(format::ObjectKind kind, const Hash256& id)
    {
        const auto places = m_core->index.lookup(id);
        if (!places && !isDamage(places.error()))
            return Failure(places.error());
        bool isKnown = false;
        if (places) {
            for (const Location& place : *places) {
                if (m_packs.count(place.packId) == 0)
                    continue;
                isKnown = true;
                if (m_suspects.count(place.packId) == 0)
                    return true;
                if (m_core->readObjectAt(kind, id, place))
                    return true;
            }
        }
        if (!isKnown && m_missing.insert(id).second && m_missing.size() <= maxMissingFindings)
            add(Kind::MissingObject, {},
                "block " + toHex(id).substr(0, 16) + " is in no pack that is there");
        return false;
    }

    Result<bool> checkNode(const Hash256& id, unsigned level, std::uint64_t firstBlock)
    {
        if (id == holeId || m_wholeNodes.count(id) != 0)
            return true;
        if (auto goesOn = checkStop(); !goesOn)
            return Failure(goesOn.error());
        auto whole = isWhole(format::ObjectKind::MapNode, id);
        if (!whole)
            return whole;
        const auto node =
            *whole ? m_nodes.node(id, level) : Result<std::shared_ptr<const MapNode>>(nullptr);
        if (!node && !isDamage(node.error()))
            return Failure(node.error());
        if (!node)
            add(Kind::MissingObject, {}, node.error().message);
        if (!node || !*node) {
            m_damaged.push_back({firstBlock, blocksPerChild(level + 1)});
            return false;
        }
        bool isAllWhole = true;
        for (std::size_t i = 0; i < format::mapFanout; ++i) {
            const Hash256& child = (*node)->children[i];
            if (child == holeId)
                continue;
            const std::uint64_t at = firstBlock + i * blocksPerChild(level);
            const auto childWhole = level > 0 ? checkNode(child, level - 1, at)
                                              : isWhole(format::ObjectKind::Block, child);
            if (!childWhole)
                return childWhole;
            if (!*childWhole && level == 0)
                m_damaged.push_back({at, 1});
            isAllWhole = isAllWhole && *childWhole;
        }
        if (isAllWhole)
            m_wholeNodes.insert(id); // other backups that share it need not look again
        return isAllWhole;
    }

    const std::shared_ptr<RepositoryCore> m_core;
    const VerifyOptions& m_options;
    CachedNodes m_nodes;
    VerifyReport m_report;
    PackSet m_packs;
    PackSet m_suspects; ///< with damage: what is read from them is tried one by one
    std::unordered_set<Hash256, IdHasher> m_wholeNodes;
    std::unordered_set<Hash256, IdHasher> m_missing;
    std::vector<Range> m_damaged; ///< of the volume being checked
};

} // namespace

Result<VerifyReport> Repository::verify(const VerifyOptions& options) const
{
    return Verifier(m_core, options).run();
}

} // namespace dormouse
