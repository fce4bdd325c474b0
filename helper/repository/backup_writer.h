// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Writes one backup: all volumes of one moment.
 *
 *     auto writer = repository->beginBackup(run, {});
 *     auto volume = (*writer)->addVolume({volumeId, sizeBytes, blockSizeBytes, base});
 *     (*writer)->putBlock(*volume, blockNumber, bytes);      // what was read
 *     (*writer)->putHole(*volume, blockNumber, blockCount);  // what is free now
 *     auto recordId = (*writer)->commit({{details}, {}});
 *
 * Nothing of it is a backup until commit() has returned the record's id; a
 * crash before that leaves only unreferenced packs, which prune takes away.
 *
 * Blocks that neither putBlock() nor putHole() named are what the base backup
 * has there, or holes without a base. Naming a block again replaces it. A block
 * of zeros is a hole.
 *
 * Threads: putBlock() and putHole() may be called from several threads at once;
 * hashing, compressing and encrypting run in the calling thread outside every
 * lock, so a pool of callers is the parallel stage. Two threads must not name
 * the same block at once. addVolume(), commit() and abandon() are called by one
 * thread, commit() and abandon() after all puts have returned.
 *
 * Memory: two packs of data (one filling, one being written), one of map nodes,
 * the table of blocks not yet in an index run, open map leaves: at most about
 * 150 MiB with the default sizes, whatever the size of the volumes.
 *
 * Errors: the first failed write (NoSpace, Io, Gone) is repeated by every later
 * call; the writer can then only be abandoned.
 */
#pragma once

#include "helper/repository/backup_record.h"

#include <atomic>
#include <memory>
#include <set>

namespace dormouse {

struct WriterOptions
{
    /// zstd level of blocks. 3 keeps up with a disk on one core.
    int compressionLevel = 3;
    /// A data pack is written when it has grown to this.
    std::size_t packTargetBytes = 32u << 20;
    /// The same for packs of map nodes.
    std::size_t mapPackTargetBytes = 8u << 20;
    /// Packs that verification found damaged: what they hold is not trusted, so
    /// that blocks seen again are stored again and older backups heal.
    std::set<Id128> distrustedPacks;
};

class BackupWriter
{
public:
    struct Base
    {
        Id128 recordId;
        Id128 volumeId; ///< of the volume inside that record
    };

    struct VolumeSpec
    {
        Id128 volumeId;
        std::uint64_t sizeBytes = 0; ///< need not be a multiple of the block size
        /// A power of two, 4 KiB to 1 MiB. With a base: the base's.
        std::uint32_t blockSizeBytes = 64u << 10;
        std::optional<Base> base;
    };

    struct CommitInfo
    {
        std::vector<VolumeDetails> volumes; ///< in the order of addVolume()
        std::vector<LayoutPart> layout;
    };

    /// Counted since the writer began; readable at any time for progress.
    struct Stats
    {
        std::uint64_t blocksPut = 0;   ///< putBlock() calls that finished
        std::uint64_t bytesPut = 0;    ///< of those, as given
        std::uint64_t zeroBytes = 0;   ///< of those, zeros
        std::uint64_t dedupBytes = 0;  ///< of those, already known
        std::uint64_t newBytes = 0;    ///< of those, stored, before compression
        std::uint64_t storedBytes = 0; ///< stored, as they are in the packs
        std::uint64_t mapBytes = 0;    ///< map nodes in the packs
    };

    /// Abandons unless committed.
    ~BackupWriter();
    BackupWriter(const BackupWriter&) = delete;
    BackupWriter& operator=(const BackupWriter&) = delete;

    /// Starts a volume and returns its number in this writer (0, 1, ...).
    /// NotFound or Invalid if the base is not there or does not fit. A volume
    /// that grew or shrank since its base is fine: blocks beyond the base's end
    /// are holes until they are put.
    [[nodiscard]] Result<std::size_t> addVolume(const VolumeSpec& spec);

    /// The block at `blockNumber * blockSizeBytes`. `bytes` is one whole block;
    /// only the volume's last block may be as short as the volume ends.
    [[nodiscard]] Result<void> putBlock(std::size_t volume, std::uint64_t blockNumber,
                                        ByteView bytes);

    /// These blocks hold nothing (any more) and read back as zeros.
    [[nodiscard]] Result<void> putHole(std::size_t volume, std::uint64_t blockNumber,
                                       std::uint64_t blockCount);

    /// Makes the backup exist: packs, then index, then record, each durable
    /// before the next. Gone if the writer's intent was revoked or packs it
    /// relies on were removed meanwhile (nothing is lost; run again).
    [[nodiscard]] Result<Id128> commit(const CommitInfo& info);

    /// Forgets the backup. What is already in the repository stays until the
    /// next prune. Safe to call twice.
    void abandon();

    [[nodiscard]] Stats stats() const;

private:
    friend class Repository;
    class Private;
    explicit BackupWriter(std::unique_ptr<Private> d);

    std::unique_ptr<Private> d;
};

} // namespace dormouse
