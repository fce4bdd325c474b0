// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Reads a volume's store without the kernel module: what a rescue system, the
 * tests, and a person who wants to know have.
 *
 * open() finds the superblock, follows the journal from its checkpoint and the
 * undo ring from its tail, exactly as the module does after a power cut
 * (docs/STORE_FORMAT.md), and keeps a list of everything that is not as the
 * format says. A torn last record is ordinary after a power cut; a valid record
 * behind a broken one is damage.
 *
 * Reads the source only, repairs nothing, holds the change maps in memory
 * (16 KiB per GiB of volume and epoch). One thread at a time.
 */
#pragma once

#include "helper/base/extent_list.h"
#include "helper/snapshot/store_payload.h"
#include "helper/snapshot/store_source.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace dormouse {

/// Something that a reader should know.
struct StoreFinding
{
    bool isDamage = false; ///< else ordinary, for instance after a power cut
    std::string sentence;
};

/// One valid record of either ring, in order.
struct StoreRecordInfo
{
    std::uint64_t block = 0; ///< in its ring; of the undo ring counted up without wrapping
    store_record header{};
    std::uint32_t count = 0; ///< epochs, regions, sentinels or units in it
};

struct StoreUndoRecord
{
    StoreRecordInfo info;
    UndoUnits content;
    bool isDataIntact = false; ///< the payload's checksum, data included, is right
};

class StoreReader
{
public:
    /// `superblockOffsetsBytes`: where to look for superblock copies; none =
    /// search all of it. `ground`: the device that an external store lies on; nullopt: the
    /// store is on the volume itself. Reads all old data to check it.
    /// NotFound: no store there. Corrupt: its journal does not begin where the
    /// superblock says. Unsupported: a newer format. Invalid: two stores.
    [[nodiscard]] static Result<StoreReader>
    open(StoreSource source, const std::vector<std::uint64_t>& superblockOffsetsBytes = {},
         std::optional<StoreSource> ground = std::nullopt);

    [[nodiscard]] const store_super& super() const { return m_super; }
    [[nodiscard]] Id128 volumeId() const;
    [[nodiscard]] Id128 storeId() const;
    /// Of the copies that are valid, with their generations.
    struct SuperCopy
    {
        std::uint64_t offsetBytes = 0;
        std::uint64_t generation = 0;
    };
    [[nodiscard]] const std::vector<SuperCopy>& superCopies() const { return m_superCopies; }

    /// Where the store lies, in the order of its blocks.
    [[nodiscard]] const std::vector<store_extent>& storeExtents() const { return m_extents; }

    [[nodiscard]] const std::vector<StoreRecordInfo>& journal() const { return m_journal; }
    [[nodiscard]] const std::vector<StoreUndoRecord>& undo() const { return m_undo; }

    /// The last state, brought up to date by what followed it: the open epoch's
    /// map includes every region that may have been written since.
    [[nodiscard]] const StoreState& state() const { return m_state; }
    /// The journal's last record is a SEAL: everything is exact.
    [[nodiscard]] bool isSealed() const { return m_isSealed; }

    [[nodiscard]] const std::vector<StoreFinding>& findings() const { return m_findings; }
    [[nodiscard]] bool isDamaged() const;

    /// An epoch's change map in normal form, what was the store's own at its end left out.
    /// NotFound for an unknown or acknowledged epoch, Unverified for a void one.
    [[nodiscard]] Result<ExtentList> changes(std::uint64_t epoch) const;

    /// Takes the image's bytes, ascending and without gaps.
    using Sink = std::function<Result<void>(std::uint64_t offsetBytes, ByteView bytes)>;

    /// The volume as it was when `epoch` began: for each unit the first old
    /// copy made in that epoch or a later one, else what the volume holds now;
    /// the store's own extents as zeros (of those that it got later, what has no
    /// copy: that was free). Only for a durable snapshot that lives,
    /// unless `evenWithoutSnapshot`. Corrupt if old data it needs is damaged.
    [[nodiscard]] Result<void> reconstruct(std::uint64_t epoch, bool evenWithoutSnapshot,
                                           const Sink& sink) const;

private:
    StoreReader(StoreSource source, std::optional<StoreSource> ground)
        : m_source(std::move(source)), m_ground(std::move(ground))
    {
    }

    /// What the store lies on.
    [[nodiscard]] const StoreSource& ground() const { return m_ground ? *m_ground : m_source; }

    [[nodiscard]] Result<void> findSuper(const std::vector<std::uint64_t>& offsetsBytes);
    [[nodiscard]] std::vector<std::uint64_t> searchSupers() const;
    [[nodiscard]] Result<void> readJournal();
    enum class Found { Nothing, Torn, Whole };
    [[nodiscard]] Found readRecord(std::uint64_t storeBlock, std::uint64_t roomBlocks,
                                   std::uint64_t sequence, std::uint32_t prevCrc,
                                   store_record& header, Bytes& payload) const;
    [[nodiscard]] Result<void> apply(StoreRecordInfo& info, ByteView payload);
    void lookBehindJournal(std::uint64_t nextSequence);
    [[nodiscard]] bool isUndoNeeded() const;
    void readUndo();
    void judgeUndo(std::uint64_t endBlock);
    /// Extents of the volume that the store had before `epoch` began, or only since then.
    [[nodiscard]] ExtentList extentsBefore(std::uint64_t epoch) const;
    [[nodiscard]] ExtentList extentsSince(std::uint64_t epoch) const;
    [[nodiscard]] Result<void> readStore(std::uint64_t block, MutableByteView into) const;
    void note(bool isDamage, std::string sentence);
    [[nodiscard]] const StoreEpoch* findEpoch(std::uint64_t number) const;

    StoreSource m_source;
    std::optional<StoreSource> m_ground;
    store_super m_super{};
    std::vector<SuperCopy> m_superCopies;
    std::vector<store_extent> m_extents;
    std::vector<StoreRecordInfo> m_journal;
    std::vector<StoreUndoRecord> m_undo;
    StoreState m_state;
    bool m_isSealed = false;
    std::vector<StoreFinding> m_findings;
};

} // namespace dormouse
