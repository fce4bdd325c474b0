// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What a repository, its writers and its views share. Internal to the library.
 *
 * Threads: any; it has no state of its own that changes but the index.
 */
#pragma once

#include "helper/base/clock.h"
#include "helper/repository/block_index.h"
#include "helper/repository/pack.h"
#include "helper/repository/repository.h"

#include <unordered_set>

namespace dormouse {

using PackSet = std::unordered_set<Id128, IdHasher>;

/// An intent as the repository's folder has it.
struct IntentFile
{
    WriterIntent intent;
    format::IntentKind kind = format::IntentKind::Writer;
    bool isReadable = true; ///< a damaged one still counts as somebody at work
};

class RepositoryCore
{
public:
    RepositoryCore(std::shared_ptr<Backend> backendHandle, Secret masterKey, Id128 repositoryId,
                   std::string repositoryName, bool keyBesideData, Clock& clockToUse)
        : backend(std::move(backendHandle)), master(std::move(masterKey)), keys(master),
          id(repositoryId), name(std::move(repositoryName)), isKeyBesideData(keyBesideData),
          clock(clockToUse), index(*backend, keys)
    {
    }

    const std::shared_ptr<Backend> backend;
    const Secret master;
    const Keys keys;
    const Id128 id;
    const std::string name;
    std::atomic<bool> isKeyBesideData;
    Clock& clock;
    BlockIndex index;

    /// The content of a block or map node, from whichever place still has it.
    [[nodiscard]] Result<Bytes> readObject(format::ObjectKind kind, const Hash256& objectId);

    /// The same from one place.
    [[nodiscard]] Result<Bytes> readObjectAt(format::ObjectKind kind, const Hash256& objectId,
                                             const Location& location);

    [[nodiscard]] Result<PackSet> listPacks();

    /// Records as they are in the backend; also the hash of each file.
    struct RecordFile
    {
        BackupRecord record;
        Hash256 fileHash{};
    };
    [[nodiscard]] Result<RecordFile> readRecordFile(const Id128& recordId);
    struct RecordFiles
    {
        std::vector<RecordFile> files; ///< newest first
        std::vector<RecordList::Damaged> damaged;
    };
    [[nodiscard]] Result<RecordFiles> readRecordFiles();

    [[nodiscard]] Result<void> putIntent(format::IntentKind kind, const WriterIntent& intent);
    [[nodiscard]] Result<std::vector<IntentFile>> listIntents();

    /// Reads all packs' own indexes and writes the runs anew. Caller holds a prune
    /// intent, or knows that nobody writes.
    [[nodiscard]] Result<void> rebuildIndex(const MaintenanceProgress& progress);
};

/// Announces that packs are about to be removed and that nobody may start
/// writing; withdraws when it ends. Busy while a writer or another pruner counts.
class PruneLock
{
public:
    [[nodiscard]] static Result<PruneLock> take(RepositoryCore& core, const PruneOptions& options);

    PruneLock(PruneLock&& other) noexcept
        : m_core(std::exchange(other.m_core, nullptr)), m_id(other.m_id)
    {
    }
    PruneLock(const PruneLock&) = delete;
    ~PruneLock();

private:
    PruneLock(RepositoryCore& core, const Id128& id) : m_core(&core), m_id(id) {}

    RepositoryCore* m_core;
    Id128 m_id;
};

} // namespace dormouse
