// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The inside of BackupWriter. Internal to the library.
 *
 * Two locks, always taken in this order: m_mapMutex for the maps, m_mutex for
 * packs and tables. Neither is held while a block is hashed, compressed or
 * encrypted, nor m_mutex while anything is read or written.
 */
#pragma once

#include "helper/repository/map_builder.h"

#include <condition_variable>
#include <deque>

namespace dormouse {

class BackupWriter::Private : public NodeSink
{
public:
    /// `present`: the packs that were there when the writer's intent was.
    Private(std::shared_ptr<RepositoryCore> core, RunInfo run, WriterOptions options,
            const Id128& writerId, PackSet present);

    [[nodiscard]] Result<std::size_t> addVolume(const VolumeSpec& spec);
    [[nodiscard]] Result<void> putBlock(std::size_t volume, std::uint64_t blockNumber,
                                        ByteView bytes);
    [[nodiscard]] Result<void> putHole(std::size_t volume, std::uint64_t blockNumber,
                                       std::uint64_t blockCount);
    [[nodiscard]] Result<Id128> commit(const CommitInfo& info);
    void withdraw();
    [[nodiscard]] Stats stats() const;

    // For the maps; m_mapMutex is held.
    [[nodiscard]] Result<Hash256> putNode(const MapNode& node) override;
    [[nodiscard]] Result<std::shared_ptr<const MapNode>> node(const Hash256& id,
                                                              unsigned level) override;

private:
    struct Volume
    {
        VolumeSpec spec;
        std::uint64_t blockCount = 0;
        std::unique_ptr<MapBuilder> map; ///< under m_mapMutex
        std::atomic<std::uint64_t> newBytes{0};
        std::atomic<std::uint64_t> storedBytes{0};
        std::atomic<std::uint64_t> mapBytes{0};
    };

    [[nodiscard]] Result<void> checkUsable(std::size_t volume) const;
    [[nodiscard]] Result<void> poisonOnError(Result<void> result);
    [[nodiscard]] Result<bool> isKnown(const Hash256& id);
    /// Bytes it took in a pack; 0 if it was known.
    [[nodiscard]] Result<std::uint64_t> storeObject(format::ObjectKind kind, const Hash256& id,
                                                    ByteView plain);
    [[nodiscard]] Result<void> append(format::ObjectKind kind, const Hash256& id, ByteView stored);
    // Both are called with m_mutex locked, unlock it while they write, and
    // return with it locked.
    [[nodiscard]] Result<void> flush(std::unique_lock<std::mutex>& lock,
                                     std::unique_ptr<PackBuilder> pack);
    [[nodiscard]] Result<void> spill(std::unique_lock<std::mutex>& lock);
    [[nodiscard]] Result<void> flushAll();
    [[nodiscard]] Result<BackupRecord> makeRecord(const CommitInfo& info);
    [[nodiscard]] Result<void> checkStillWelcome();

    const std::shared_ptr<RepositoryCore> m_core;
    const RunInfo m_run;
    const WriterOptions m_options;
    const Id128 m_writerId;
    CachedNodes m_nodes;
    std::deque<Volume> m_volumes; ///< grows only in addVolume()
    bool m_isDone = false;

    std::atomic<std::uint64_t> m_blocksPut{0};
    std::atomic<std::uint64_t> m_bytesPut{0};
    std::atomic<std::uint64_t> m_zeroBytes{0};
    std::atomic<std::uint64_t> m_dedupBytes{0};
    std::atomic<std::uint64_t> m_storedBytes{0};
    std::atomic<std::uint64_t> m_mapBytes{0};

    std::mutex m_mapMutex;         // protects the maps and:
    Volume* m_mapVolume = nullptr; ///< whose nodes are being put

    mutable std::mutex m_mutex;   // protects everything below
    std::optional<Error> m_error; ///< the first failed write
    std::condition_variable m_flushEnded;
    bool m_isFlushing = false;
    std::unique_ptr<PackBuilder> m_blockPack;
    std::unique_ptr<PackBuilder> m_nodePack;
    /// This writer's objects that no index run has yet. A location without length
    /// is being made.
    std::unordered_map<Hash256, Location, IdHasher> m_unindexed;
    std::vector<IndexEntry> m_durable; ///< those of them whose pack is written
    PackSet m_present;
    PackSet m_reliedOn; ///< packs of others that hold blocks of this backup
};

} // namespace dormouse
