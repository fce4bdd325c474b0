// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/repository/repository_core.h"

#include "helper/base/log.h"
#include "helper/repository/record_codec.h"

#include <algorithm>

namespace dormouse {

namespace {

constexpr std::size_t intentHeaderBytes = 48;
constexpr std::size_t rebuildBatchEntries = 1u << 20;

} // namespace

Result<Bytes> RepositoryCore::readObjectAt(format::ObjectKind kind, const Hash256& objectId,
                                           const Location& location)
{
    if (location.lengthBytes > format::maxBlockBytes * 2)
        return fail(Error::Code::Corrupt, "the index gives an object an impossible length");
    Bytes stored(location.lengthBytes);
    const auto got =
        backend->getRange(format::packName(location.packId), location.offsetBytes, stored);
    if (!got)
        return Failure(got.error());
    auto plain = keys.decodeObject(kind, objectId, ByteView(stored).first(*got));
    if (!plain)
        return addContext(plain.error(), "pack " + location.packId.hex() + " at byte " +
                                             std::to_string(location.offsetBytes));
    return plain;
}

Result<Bytes> RepositoryCore::readObject(format::ObjectKind kind, const Hash256& objectId)
{
    Error error{Error::Code::Corrupt,
                "the index does not know block " + toHex(objectId).substr(0, 16)};
    // Twice: what this program knows of the index may be older than the backup,
    // or than a clean-up that moved the object.
    for (const bool isFresh : {false, true}) {
        if (isFresh)
            if (auto loaded = index.load(); !loaded)
                return addContext(loaded.error(), "cannot read the index");
        const auto places = index.lookup(objectId);
        if (!places)
            return addContext(places.error(), "cannot read the index");
        for (const Location& place : *places) {
            auto plain = readObjectAt(kind, objectId, place);
            if (plain)
                return plain;
            error = plain.error();
        }
        if (error.code == Error::Code::Gone)
            break;
    }
    // A pack that is not there is damage of the backup, not a wrong question.
    if (error.code == Error::Code::NotFound)
        error.code = Error::Code::Corrupt;
    return Failure(error);
}

Result<PackSet> RepositoryCore::listPacks()
{
    const auto listed = backend->list(std::string(format::packsPrefix));
    if (!listed)
        return Failure(listed.error());
    PackSet packs;
    for (const Backend::ListedObject& object : *listed) {
        const auto packId = format::idFromName(object.name);
        if (packId && object.name == format::packName(*packId))
            packs.insert(*packId);
    }
    return packs;
}

Result<RepositoryCore::RecordFile> RepositoryCore::readRecordFile(const Id128& recordId)
{
    const auto file = getWhole(*backend, format::recordName(recordId), format::maxRecordBytes);
    if (!file)
        return Failure(file.error());
    auto record = decodeRecord(*file, id, recordId, keys);
    if (!record)
        return Failure(record.error());
    return RecordFile{std::move(*record), hash256(*file)};
}

Result<RepositoryCore::RecordFiles> RepositoryCore::readRecordFiles()
{
    const auto listed = backend->list(std::string(format::recordsPrefix));
    if (!listed)
        return Failure(listed.error());
    RecordFiles result;
    for (const Backend::ListedObject& object : *listed) {
        const auto recordId = format::idFromName(object.name);
        if (!recordId)
            continue;
        auto file = readRecordFile(*recordId);
        if (file)
            result.files.push_back(std::move(*file));
        else if (file.error().code == Error::Code::Gone)
            return Failure(file.error());
        else if (file.error().code != Error::Code::NotFound) // removed meanwhile
            result.damaged.push_back({*recordId, file.error()});
    }
    std::sort(result.files.begin(), result.files.end(), [](const auto& left, const auto& right) {
        return std::tuple(left.record.run.createdMs, left.record.sequence, left.record.recordId) >
               std::tuple(right.record.run.createdMs, right.record.sequence, right.record.recordId);
    });
    return result;
}

Result<void> RepositoryCore::putIntent(format::IntentKind kind, const WriterIntent& intent)
{
    ByteWriter file;
    file.raw(asBytes(format::intentMagic));
    file.u32(format::version);
    file.u32(static_cast<std::uint32_t>(kind));
    file.raw(id.bytes);
    file.raw(intent.writerId.bytes);
    ByteWriter inner;
    inner.raw(intent.machineId.bytes);
    inner.raw(intent.runId.bytes);
    inner.i64(intent.startedMs);
    const Bytes header = file.bytes();
    file.raw(keys.seal(format::Subkey::Intent, header, inner.bytes()));
    return backend->put(format::intentName(intent.writerId), file.bytes());
}

Result<std::vector<IntentFile>> RepositoryCore::listIntents()
{
    const auto listed = backend->list(std::string(format::intentsPrefix));
    if (!listed)
        return Failure(listed.error());
    std::vector<IntentFile> intents;
    for (const Backend::ListedObject& object : *listed) {
        const auto writerId = format::idFromName(object.name);
        if (!writerId)
            continue;
        const auto bytes = getWhole(*backend, object.name, format::maxSmallFileBytes);
        if (!bytes && bytes.error().code == Error::Code::NotFound)
            continue; // it committed meanwhile
        IntentFile file;
        file.isReadable = false;
        file.intent.writerId = *writerId;
        if (bytes && bytes->size() > intentHeaderBytes) {
            ByteReader header(ByteView(*bytes).first(intentHeaderBytes));
            const ByteView magic = header.raw(format::magicBytes);
            const std::uint32_t version = header.u32();
            const auto kind = static_cast<format::IntentKind>(header.u32());
            header.raw(format::idBytes);
            const auto named = header.array<format::idBytes>();
            const auto inner =
                keys.unseal(format::Subkey::Intent, ByteView(*bytes).first(intentHeaderBytes),
                            ByteView(*bytes).subspan(intentHeaderBytes));
            if (inner && asText(magic) == format::intentMagic && version == format::version &&
                named == writerId->bytes) {
                ByteReader reader(*inner);
                file.kind = kind;
                file.intent.machineId.bytes = reader.array<format::idBytes>();
                file.intent.runId.bytes = reader.array<format::idBytes>();
                file.intent.startedMs = reader.i64();
                file.isReadable = reader.ok();
            }
        }
        if (!file.isReadable) {
            // Its own word is lost; the destination still knows when it was put.
            const auto stat = backend->stat(object.name);
            file.intent.startedMs = stat ? stat->modifiedMs : clock.nowMs();
        }
        intents.push_back(file);
    }
    return intents;
}

Result<void> RepositoryCore::rebuildIndex(const MaintenanceProgress& progress)
{
    const auto packs = listPacks();
    if (!packs)
        return Failure(packs.error());
    if (auto loaded = index.load(); !loaded)
        return loaded;
    const BlockIndex::Runs oldRuns = index.runs();
    const auto damagedRuns = index.damagedRuns();

    PackSet silent; // packs that cannot say what they hold
    std::vector<IndexEntry> entries;
    std::uint64_t done = 0;
    for (const Id128& packId : *packs) {
        const auto pack = readPackIndex(*backend, keys, packId);
        if (pack) {
            entries.insert(entries.end(), pack->entries.begin(), pack->entries.end());
        } else if (pack.error().code == Error::Code::Corrupt) {
            logWarning("pack " + packId.hex() + " has no readable index: " + pack.error().message);
            silent.insert(packId);
        } else {
            return Failure(pack.error());
        }
        if (entries.size() >= rebuildBatchEntries) {
            if (auto added = index.addRuns(std::exchange(entries, {})); !added)
                return added;
        }
        if (progress)
            progress(++done, packs->size());
    }
    // What the old runs know of such packs is all there is to find their blocks by.
    if (!silent.empty()) {
        auto visited = index.forEachEntry(oldRuns, [&](const IndexEntry& entry) {
            if (silent.count(entry.location.packId) != 0)
                entries.push_back(entry);
        });
        if (!visited)
            logWarning("the old index is damaged too: " + visited.error().message);
    }
    if (auto added = index.addRuns(std::move(entries)); !added)
        return added;
    std::vector<Id128> old;
    for (const auto& run : oldRuns)
        old.push_back(run->id());
    for (const auto& run : damagedRuns)
        old.push_back(run.runId);
    return index.removeRuns(old);
}

Result<PruneLock> PruneLock::take(RepositoryCore& core, const PruneOptions& options)
{
    // Announce first, look second: a writer does the same, so of two that start
    // together at least one sees the other.
    WriterIntent own;
    own.writerId = Id128::random();
    own.machineId = options.machineId;
    own.startedMs = core.clock.nowMs();
    if (auto put = core.putIntent(format::IntentKind::Prune, own); !put)
        return addContext(put.error(), "cannot announce the clean-up");
    PruneLock lock(core, own.writerId);
    const auto intents = core.listIntents();
    if (!intents)
        return Failure(intents.error());
    for (const IntentFile& file : *intents) {
        if (file.intent.writerId == own.writerId)
            continue;
        const bool isStale = own.startedMs - file.intent.startedMs > options.staleAfterMs;
        if (!isStale && options.deadWriters.count(file.intent.writerId) == 0)
            return fail(Error::Code::Busy,
                        "a backup into this repository is under way. Nothing was removed; "
                        "try again when it has finished.");
        // Revoked: its writer finds its intent gone before it commits.
        auto removed = core.backend->remove(format::intentName(file.intent.writerId));
        if (!removed && removed.error().code != Error::Code::NotFound)
            return Failure(removed.error());
    }
    return lock;
}

PruneLock::~PruneLock()
{
    if (m_core == nullptr)
        return;
    // A destination that is gone has been complained of already.
    const auto removed = m_core->backend->remove(format::intentName(m_id));
    if (!removed && removed.error().code != Error::Code::Gone)
        logWarning("cannot withdraw the clean-up's announcement: " + removed.error().message);
}

} // namespace dormouse
