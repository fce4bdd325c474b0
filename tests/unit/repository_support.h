// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What the repository's tests share: a backend in memory that can be made to
 * fail, and a volume with a reference copy.
 */
#pragma once

#include "helper/repository/repository.h"

#include <map>
#include <mutex>
#include <random>

namespace dormouse::test {

/// Objects in a map. After `failAfter` further operations that change something,
/// every operation fails, as if the process or the disk had gone.
class MemoryBackend : public Backend
{
public:
    using Objects = std::map<std::string, Bytes>;

    MemoryBackend() = default;
    explicit MemoryBackend(Objects objects) : m_objects(std::move(objects)) {}

    Result<void> put(const std::string& name, ByteView bytes) override
    {
        const std::lock_guard lock(m_mutex);
        if (!mayChange())
            return lost();
        m_objects[name] = Bytes(bytes.begin(), bytes.end());
        return maybeLostAfter();
    }

    Result<std::size_t> getRange(const std::string& name, std::uint64_t offsetBytes,
                                 MutableByteView into) override
    {
        const std::lock_guard lock(m_mutex);
        ++reads;
        if (m_isLost)
            return lost();
        const auto found = m_objects.find(name);
        if (found == m_objects.end())
            return fail(Error::Code::NotFound, name + " is not there");
        const Bytes& bytes = found->second;
        if (offsetBytes >= bytes.size())
            return 0;
        const std::size_t count = std::min<std::size_t>(into.size(), bytes.size() - offsetBytes);
        std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offsetBytes), count, into.begin());
        return count;
    }

    Result<std::vector<ListedObject>> list(const std::string& prefix) override
    {
        const std::lock_guard lock(m_mutex);
        if (m_isLost)
            return lost();
        std::vector<ListedObject> found;
        for (auto at = m_objects.lower_bound(prefix);
             at != m_objects.end() && at->first.starts_with(prefix); ++at)
            found.push_back({at->first, at->second.size()});
        return found;
    }

    Result<void> remove(const std::string& name) override
    {
        const std::lock_guard lock(m_mutex);
        if (!mayChange())
            return lost();
        if (m_objects.erase(name) == 0)
            return fail(Error::Code::NotFound, name + " is not there");
        return maybeLostAfter();
    }

    Result<ObjectStat> stat(const std::string& name) override
    {
        const std::lock_guard lock(m_mutex);
        if (m_isLost)
            return lost();
        const auto found = m_objects.find(name);
        if (found == m_objects.end())
            return fail(Error::Code::NotFound, name + " is not there");
        return ObjectStat{found->second.size(), 0};
    }

    Result<std::uint64_t> freeSpaceBytes() override { return std::uint64_t{1} << 40; }
    Result<void> removeUnfinished() override { return {}; }

    /// Fails the k-th changing operation from now (0 is the next one). With
    /// `takesEffect` it happens, but nobody hears of it.
    void failAfter(int operations, bool takesEffect = false)
    {
        m_left = operations;
        m_takesEffect = takesEffect;
    }
    bool isLost() const { return m_isLost; }

    Objects& objects() { return m_objects; }

    std::uint64_t totalBytes(const std::string& prefix = {}) const
    {
        std::uint64_t sum = 0;
        for (const auto& [name, bytes] : m_objects)
            if (name.starts_with(prefix))
                sum += bytes.size();
        return sum;
    }

    int reads = 0;

private:
    bool mayChange()
    {
        if (m_isLost)
            return false;
        if (m_left >= 0 && m_left-- == 0) {
            m_isLost = true;
            return m_takesEffect;
        }
        return true;
    }
    Result<void> maybeLostAfter() const
    {
        if (m_isLost)
            return lost();
        return {};
    }
    static Failure lost() { return fail(Error::Code::Gone, "the destination is gone"); }

    std::mutex m_mutex;
    Objects m_objects;
    int m_left = -1;
    bool m_takesEffect = false;
    bool m_isLost = false;
};

/// A volume as the engine would see it, and what was changed since the last backup.
struct TestVolume
{
    Id128 id = Id128::random();
    std::uint32_t blockSizeBytes = 4096;
    Bytes content;
    std::set<std::uint64_t> changed;

    explicit TestVolume(std::size_t sizeBytes) : content(sizeBytes) {}

    std::uint64_t blockCount() const
    {
        return (content.size() + blockSizeBytes - 1) / blockSizeBytes;
    }
    ByteView block(std::uint64_t number) const
    {
        const std::size_t at = number * blockSizeBytes;
        return ByteView(content).subspan(
            at, std::min<std::size_t>(blockSizeBytes, content.size() - at));
    }
    template <typename Random> void fillBlock(std::uint64_t number, Random& random)
    {
        const std::size_t at = number * blockSizeBytes;
        for (std::size_t i = at; i < std::min(content.size(), at + blockSizeBytes); ++i)
            content[i] = static_cast<std::uint8_t>(random());
        changed.insert(number);
    }
    void clearBlock(std::uint64_t number)
    {
        const std::size_t at = number * blockSizeBytes;
        for (std::size_t i = at; i < std::min(content.size(), at + blockSizeBytes); ++i)
            content[i] = 0;
        changed.insert(number);
    }
    template <typename Random> void fill(Random& random)
    {
        for (std::uint64_t block = 0; block < blockCount(); ++block)
            fillBlock(block, random);
    }
};

inline Unlock storedKey(const Repository& repository)
{
    return Unlock{Unlock::StoredKey{repository.exportKey()}};
}

inline RunInfo runInfo(const Id128& machineId, std::int64_t createdMs = 1'700'000'000'000)
{
    RunInfo run;
    run.machineId = machineId;
    run.machineName = "burrow";
    run.runId = Id128::random();
    run.planId = "plan-1";
    run.planName = "Every hour";
    run.createdMs = createdMs;
    return run;
}

/// Backs up what changed, or everything without a base. Small packs, so that
/// even small volumes have several.
inline Result<Id128> backUp(Repository& repository, TestVolume& volume, const Id128& machineId,
                            std::optional<Id128> baseRecordId = {},
                            std::int64_t createdMs = 1'700'000'000'000,
                            BackupWriter::Stats* stats = nullptr, WriterOptions options = {})
{
    if (options.packTargetBytes == WriterOptions().packTargetBytes) {
        options.packTargetBytes = 256u << 10;
        options.mapPackTargetBytes = 16u << 10;
    }
    auto writer = repository.beginBackup(runInfo(machineId, createdMs), options);
    if (!writer)
        return Failure(writer.error());
    BackupWriter::VolumeSpec spec{volume.id, volume.content.size(), volume.blockSizeBytes, {}};
    if (baseRecordId)
        spec.base = BackupWriter::Base{*baseRecordId, volume.id};
    const auto number = (*writer)->addVolume(spec);
    if (!number)
        return Failure(number.error());
    if (baseRecordId) {
        for (const std::uint64_t block : volume.changed)
            if (auto put = (*writer)->putBlock(*number, block, volume.block(block)); !put)
                return Failure(put.error());
    } else {
        for (std::uint64_t block = 0; block < volume.blockCount(); ++block)
            if (auto put = (*writer)->putBlock(*number, block, volume.block(block)); !put)
                return Failure(put.error());
    }
    VolumeDetails details;
    details.fsType = "ext4";
    details.label = "home";
    details.baseKind = baseRecordId ? BaseKind::Incremental : BaseKind::Full;
    auto recordId = (*writer)->commit({{details}, {}});
    if (stats != nullptr)
        *stats = (*writer)->stats();
    if (recordId)
        volume.changed.clear();
    return recordId;
}

/// The whole volume as the backup has it.
inline Result<Bytes> readBack(const Repository& repository, const Id128& recordId,
                              const Id128& volumeId)
{
    const auto record = repository.readRecord(recordId);
    if (!record)
        return Failure(record.error());
    const auto view = repository.openView(*record, volumeId);
    if (!view)
        return Failure(view.error());
    Bytes bytes((*view)->size());
    if (auto read = (*view)->read(0, bytes); !read)
        return Failure(read.error());
    return bytes;
}

} // namespace dormouse::test
