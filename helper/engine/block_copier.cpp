// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/engine/block_copier.h"

#include <cerrno>

#include <unistd.h>

namespace dormouse {
namespace {

constexpr std::size_t kPieceBytes = 1u << 20; // a multiple of every block size
constexpr std::size_t kAlignment = 4096;      // of O_DIRECT

Result<void> readFully(int fd, std::uint8_t* into, std::size_t bytes, std::uint64_t offset)
{
    std::size_t done = 0;
    while (done < bytes) {
        const ssize_t got =
            ::pread(fd, into + done, bytes - done, static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return failErrno("the snapshot could not be read; it may have been given up because "
                             "its store was full");
        if (got == 0)
            return fail(Error::Code::Io, "the snapshot ends before the volume does");
        done += static_cast<std::size_t>(got);
    }
    return {};
}

} // namespace

BlockCopier::BlockCopier(BackupWriter& writer, unsigned workers,
                         std::function<void(std::uint64_t)> progress)
    : m_writer(writer), m_progress(std::move(progress))
{
    const unsigned count =
        workers != 0 ? workers : std::max(1u, std::thread::hardware_concurrency());
    m_buffers = 2 * count + 2;
    for (std::size_t i = 0; i < m_buffers; ++i) {
        auto* memory = static_cast<std::uint8_t*>(std::aligned_alloc(kAlignment, kPieceBytes));
        if (memory == nullptr)
            std::abort();
        m_free.emplace_back(memory);
    }
    for (unsigned i = 0; i < count; ++i)
        m_workers.emplace_back([this] { work(); });
}

BlockCopier::~BlockCopier()
{
    {
        const std::lock_guard lock(m_mutex);
        m_isEnding = true;
    }
    m_changed.notify_all();
    for (std::thread& worker : m_workers)
        worker.join();
}

void BlockCopier::work()
{
    std::unique_lock lock(m_mutex);
    for (;;) {
        m_changed.wait(lock, [this] { return m_isEnding || !m_queue.empty(); });
        if (m_queue.empty())
            return;
        Piece piece = std::move(m_queue.front());
        m_queue.pop_front();
        const bool isUseless = !m_outcome;
        lock.unlock();
        const Result<void> done = isUseless ? Result<void>() : put(piece);
        lock.lock();
        if (!done && m_outcome)
            m_outcome = done;
        if (done && !isUseless && m_progress)
            m_progress(piece.bytes);
        m_free.push_back(std::move(piece.data));
        m_changed.notify_all();
    }
}

Result<void> BlockCopier::put(const Piece& piece)
{
    clearUnwanted(piece.plan->wanted, piece.offsetBytes, piece.data.get(), piece.bytes);
    const std::uint32_t blockBytes = piece.source->blockBytes;
    for (std::size_t at = 0; at < piece.bytes; at += blockBytes) {
        const std::size_t bytes = std::min<std::size_t>(blockBytes, piece.bytes - at);
        const auto done =
            m_writer.putBlock(piece.source->volume, (piece.offsetBytes + at) / blockBytes,
                              ByteView(piece.data.get() + at, bytes));
        if (!done)
            return done;
    }
    return {};
}

Result<BlockCopier::Buffer> BlockCopier::takeBuffer()
{
    std::unique_lock lock(m_mutex);
    m_changed.wait(lock, [this] { return !m_free.empty(); });
    if (!m_outcome)
        return tl::unexpected(m_outcome.error());
    Buffer buffer = std::move(m_free.back());
    m_free.pop_back();
    return buffer;
}

Result<void> BlockCopier::waitUntilIdle()
{
    std::unique_lock lock(m_mutex);
    m_changed.wait(lock, [this] { return m_free.size() == m_buffers; });
    return m_outcome;
}

Result<void> BlockCopier::copyRange(const Source& source, const BlockPlan& plan,
                                    const Extent& range, const std::stop_token& stop)
{
    for (std::uint64_t at = range.offsetBytes; at < range.endBytes();) {
        if (stop.stop_requested())
            return fail(Error::Code::Cancelled, "cancelled");
        auto buffer = takeBuffer();
        if (!buffer)
            return tl::unexpected(buffer.error());
        const auto bytes =
            static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, range.endBytes() - at));
        const auto done = readFully(source.fd, buffer->get(), bytes, at);
        const std::lock_guard lock(m_mutex);
        if (!done) {
            m_free.push_back(std::move(*buffer));
            return done;
        }
        m_queue.push_back({std::move(*buffer), at, bytes, &source, &plan});
        m_changed.notify_all();
        at += bytes;
    }
    return {};
}

Result<std::uint64_t> BlockCopier::copy(const Source& source, const BlockPlan& plan,
                                        const std::stop_token& stop)
{
    for (const Extent& hole : plan.holes) {
        const std::uint64_t first = hole.offsetBytes / source.blockBytes;
        const std::uint64_t end = (hole.endBytes() + source.blockBytes - 1) / source.blockBytes;
        if (const auto done = m_writer.putHole(source.volume, first, end - first); !done)
            return tl::unexpected(done.error());
    }
    Result<void> outcome;
    for (const Extent& range : plan.puts) {
        outcome = copyRange(source, plan, range, stop);
        if (!outcome)
            break;
    }
    // Also after a failure: pieces in flight refer to what the caller owns.
    const auto idle = waitUntilIdle();
    if (!outcome)
        return tl::unexpected(outcome.error());
    if (!idle)
        return tl::unexpected(idle.error());
    return plan.putBytes();
}

} // namespace dormouse
