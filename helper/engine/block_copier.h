// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Reads planned blocks of frozen volumes and puts them into a backup.
 *
 * One thread (the caller's) reads ahead in device order, in pieces of a
 * megabyte; a pool hashes, compresses, encrypts and stores them (all inside
 * BackupWriter::putBlock). Memory: two pieces a worker and two more.
 *
 * The first error of any thread ends the copying; copy() returns it after
 * everything in flight has come to rest.
 */
#pragma once

#include "helper/base/result.h"
#include "helper/engine/block_plan.h"
#include "helper/repository/backup_writer.h"

#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace dormouse {

class BlockCopier
{
public:
    /// `progress` is told how many planned bytes were dealt with since the last
    /// call; one call at a time, from the pool's threads.
    BlockCopier(BackupWriter& writer, unsigned workers,
                std::function<void(std::uint64_t bytes)> progress);
    ~BlockCopier();
    BlockCopier(const BlockCopier&) = delete;
    BlockCopier& operator=(const BlockCopier&) = delete;

    struct Source
    {
        int fd = -1;
        std::uint64_t sizeBytes = 0;
        std::size_t volume = 0; ///< in the writer
        std::uint32_t blockBytes = 0;
    };

    /// Returns how many bytes were read. `plan` must stay until it returns.
    [[nodiscard]] Result<std::uint64_t> copy(const Source& source, const BlockPlan& plan,
                                             const std::stop_token& stop);

private:
    struct FreeMemory
    {
        void operator()(void* memory) const { std::free(memory); }
    };
    using Buffer = std::unique_ptr<std::uint8_t[], FreeMemory>;
    struct Piece
    {
        Buffer data;
        std::uint64_t offsetBytes = 0;
        std::size_t bytes = 0;
        const Source* source = nullptr;
        const BlockPlan* plan = nullptr;
    };

    void work();
    [[nodiscard]] Result<void> put(const Piece& piece);
    [[nodiscard]] Result<Buffer> takeBuffer();
    [[nodiscard]] Result<void> waitUntilIdle();
    [[nodiscard]] Result<void> copyRange(const Source& source, const BlockPlan& plan,
                                         const Extent& range, const std::stop_token& stop);

    BackupWriter& m_writer;
    std::function<void(std::uint64_t)> m_progress;

    std::mutex m_mutex; // protects all below
    std::condition_variable m_changed;
    std::deque<Piece> m_queue;
    std::vector<Buffer> m_free;
    std::size_t m_buffers = 0;
    Result<void> m_outcome;
    bool m_isEnding = false;

    std::vector<std::thread> m_workers;
};

} // namespace dormouse
