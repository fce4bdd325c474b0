// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A SnapshotProvider over buffers in memory that stand for volumes.
 *
 * write() changes a volume and remembers what was changed; take() copies all
 * volumes into files (the moment) and stores their change sets in the catalog,
 * as the kernel module and the collector would.
 */
#pragma once

#include "helper/catalog/catalog.h"
#include "helper/engine/snapshot_provider.h"

#include <map>
#include <sys/mman.h>
#include <unistd.h>

namespace dormouse {

class ImageSnapshots : public SnapshotProvider
{
public:
    static constexpr std::uint64_t kGranuleBytes = 65536;

    struct Volume
    {
        Bytes bytes;
        Id128 epochId = Id128::random();
        ExtentList changed;
        ExtentList free;
        ExtentList store;
        ExtentList unrecorded;
        bool isAllocationKnown = true;
        bool isNextSetVoid = false;
    };

    explicit ImageSnapshots(std::string catalogPath) : m_catalogPath(std::move(catalogPath)) {}

    Volume& volume(const std::string& volumeId) { return m_volumes[volumeId]; }

    void write(const std::string& volumeId, std::uint64_t offset, ByteView bytes)
    {
        Volume& volume = m_volumes[volumeId];
        std::copy(bytes.begin(), bytes.end(), volume.bytes.begin() + static_cast<long>(offset));
        const std::uint64_t first = offset / kGranuleBytes * kGranuleBytes;
        const std::uint64_t end = std::min<std::uint64_t>(
            (offset + bytes.size() + kGranuleBytes - 1) / kGranuleBytes * kGranuleBytes,
            volume.bytes.size());
        volume.changed.push_back({first, end - first});
    }

    [[nodiscard]] Result<std::unique_ptr<FrozenMoment>>
    take(const std::vector<std::string>& volumeIds) override;

    int taken = 0;
    int released = 0;

private:
    std::string m_catalogPath;
    std::map<std::string, Volume> m_volumes;
};

class ImageVolume : public FrozenVolume
{
public:
    explicit ImageVolume(ImageSnapshots::Volume state)
        : m_state(std::move(state)), m_fd(::memfd_create("volume", MFD_CLOEXEC))
    {
        // What the store holds is not the user's: the module shows zeros.
        for (const Extent& extent : m_state.store)
            std::fill_n(m_state.bytes.begin() + static_cast<long>(extent.offsetBytes),
                        extent.lengthBytes, std::uint8_t{0});
        (void)writeAll(m_fd.get(), m_state.bytes);
    }

    [[nodiscard]] int fd() const override { return m_fd.get(); }
    [[nodiscard]] std::uint64_t sizeBytes() const override { return m_state.bytes.size(); }
    [[nodiscard]] Id128 epochId() const override { return m_state.epochId; }
    [[nodiscard]] ExtentList storeExtents() const override { return m_state.store; }
    [[nodiscard]] Allocation allocation() override
    {
        if (!m_state.isAllocationKnown)
            return {false, "nobody knows", {}, {}, {}};
        return {true, {}, m_state.free, {}, m_state.unrecorded};
    }
    [[nodiscard]] std::vector<SampleFile> sampleFiles(std::uint64_t, std::stop_token) override
    {
        return {};
    }

private:
    ImageSnapshots::Volume m_state;
    UniqueFd m_fd;
};

class ImageMoment : public FrozenMoment
{
public:
    explicit ImageMoment(ImageSnapshots& owner) : m_owner(owner) {}
    ~ImageMoment() override { (void)release(); }
    void add(std::unique_ptr<ImageVolume> volume) { m_volumes.push_back(std::move(volume)); }

    [[nodiscard]] std::size_t count() const override { return m_volumes.size(); }
    [[nodiscard]] FrozenVolume& volume(std::size_t index) override { return *m_volumes[index]; }
    [[nodiscard]] std::int64_t createdMs() const override { return 1'700'000'000'000; }
    [[nodiscard]] Result<void> release() override
    {
        m_owner.released += m_isReleased ? 0 : 1;
        m_isReleased = true;
        return {};
    }

private:
    ImageSnapshots& m_owner;
    std::vector<std::unique_ptr<ImageVolume>> m_volumes;
    bool m_isReleased = false;
};

inline Result<std::unique_ptr<FrozenMoment>>
ImageSnapshots::take(const std::vector<std::string>& volumeIds)
{
    auto catalog = Catalog::connect(m_catalogPath);
    if (!catalog)
        return tl::unexpected(catalog.error());
    ++taken;
    auto moment = std::make_unique<ImageMoment>(*this);
    for (const std::string& volumeId : volumeIds) {
        Volume& volume = m_volumes[volumeId];
        const Id128 next = Id128::random();
        auto done = catalog->recordEpoch({volumeId, next.hex(), volume.epochId.hex(), 1, 0});
        if (done)
            done = catalog->storeChangeSet(
                {volumeId, volume.epochId.hex(), next.hex(), volume.isNextSetVoid,
                 volume.isNextSetVoid ? "Somebody may have written." : "",
                 volume.isNextSetVoid ? ExtentList() : mergeExtents(volume.changed), 0});
        if (!done)
            return tl::unexpected(done.error());
        volume.epochId = next;
        volume.changed.clear();
        volume.isNextSetVoid = false;
        moment->add(std::make_unique<ImageVolume>(volume));
    }
    return moment;
}

} // namespace dormouse
