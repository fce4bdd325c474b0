// SPDX-License-Identifier: GPL-3.0-or-later
//
// cut_replayer LOG SIZE KEPT CUTS SEED [PART PARTS [AHEAD [VOLUME GROUND]]]
//
// What a power cut leaves of a volume's disk, thousands of times. LOG is QEMU's
// record of all writes to the disk (its blklogwrites driver: in the order in which
// they completed), SIZE the disk's size in bytes. At each cut the disk is rebuilt:
// what was flushed or written through (FUA) is on it, of the rest a random part.
// Then the store on it is read offline, and must say:
//
//   - every epoch since recording began is known up to the last one whose record is
//     durable, and is covered by a change map;
//   - the maps have every granule that the log shows written in those epochs;
//   - every durable snapshot younger than KEPT epochs lives (the workload drops
//     none of those), and the content of each that lives is, byte for byte, what the
//     log had made of the disk when the snapshot's record was written.
//
// The log knows nothing of the module, so the last two are oracles. Of CUTS cuts,
// PART of PARTS are done (for several processes). With AHEAD, a cut finds as many of
// the log's next writes to the volume on the disk too, without the store's: as if
// writes were let go too early, which must be found out. VOLUME and GROUND: the partitions
// that the volume and its external store are, as OFFSET,LENGTH in bytes. Prints "figure NAME VALUE UNIT"
// lines; exit code 1 if anything is missing or wrong, 2 if the log is unusable.
#include "helper/snapshot/store_reader.h"
#include "kmod/change_map.h"
#include "kmod/uapi/dormouse_format.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace dormouse;

namespace {

// The log's format is dm-log-writes' (drivers/md/dm-log-writes.c in Linux), in sectors
// of 512 bytes.
constexpr std::uint64_t kSectorBytes = 512;
constexpr std::uint64_t kFlush = 1, kFua = 2, kDiscard = 4;

[[noreturn]] void giveUp(const std::string& sentence)
{
    std::fprintf(stderr, "cut_replayer: %s\n", sentence.c_str());
    std::exit(2);
}

struct Write
{
    std::uint64_t offsetBytes = 0;
    std::uint64_t lengthBytes = 0;
    std::uint64_t flags = 0;
    const std::uint8_t* data = nullptr; // none for a discard
};

struct Range
{
    std::uint64_t offsetBytes = 0, lengthBytes = 0;
};

// What is replayed is the volume, or the volume and behind it the device of its store.
class Log
{
public:
    // Of the disk, what lies in these ranges counts, and is addressed as if there were
    // nothing between them.
    Log(const char* path, const std::vector<Range>& ranges)
    {
        const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
        struct stat status
        {
        };
        if (fd < 0 || ::fstat(fd, &status) != 0 || status.st_size < 4096)
            giveUp(std::string("cannot read ") + path);
        m_size = static_cast<std::uint64_t>(status.st_size);
        void* all = ::mmap(nullptr, m_size, PROT_READ, MAP_PRIVATE, fd, 0);
        ::close(fd);
        if (all == MAP_FAILED)
            giveUp("cannot map the log");
        m_bytes = static_cast<const std::uint8_t*>(all);
        // QEMU seldom writes the log's own superblock and leaves the entries' data
        // lengths empty; the entries go on until an empty one.
        for (std::uint64_t at = kSectorBytes; at + kSectorBytes <= m_size;) {
            ByteReader entry(ByteView(m_bytes + at, 32));
            Write write;
            write.offsetBytes = entry.u64() * kSectorBytes;
            write.lengthBytes = entry.u64() * kSectorBytes;
            write.flags = entry.u64();
            if (write.lengthBytes == 0 && write.flags == 0)
                break;
            at += kSectorBytes;
            if ((write.flags & kDiscard) == 0 && write.lengthBytes != 0) {
                if (at + write.lengthBytes > m_size)
                    giveUp("the log ends early");
                write.data = m_bytes + at;
                at += write.lengthBytes;
            }
            std::uint64_t before = 0;
            const std::size_t known = writes.size();
            for (const Range& range : ranges) {
                if (const auto part = partOf(write, range); part.lengthBytes != 0) {
                    writes.push_back(part);
                    writes.back().offsetBytes += before;
                }
                before += range.lengthBytes;
            }
            if (writes.size() == known && (write.flags & kFlush) != 0) // of the whole disk
                writes.push_back({0, 0, write.flags, nullptr});
        }
    }

    std::vector<Write> writes;

private:
    static Write partOf(Write write, const Range& range)
    {
        const std::uint64_t from = std::max(write.offsetBytes, range.offsetBytes);
        const std::uint64_t to = std::min(write.offsetBytes + write.lengthBytes,
                                          range.offsetBytes + range.lengthBytes);
        if (write.data != nullptr && from < to)
            write.data += from - write.offsetBytes;
        write.offsetBytes = from - range.offsetBytes;
        write.lengthBytes = from < to ? to - from : 0;
        return write;
    }

    const std::uint8_t* m_bytes = nullptr;
    std::uint64_t m_size = 0;
};

// The disk: bytes that the store reader reads through a descriptor's path.
class Disk
{
public:
    explicit Disk(std::uint64_t sizeBytes) : m_size(sizeBytes)
    {
        m_fd = ::memfd_create("disk", MFD_CLOEXEC);
        if (m_fd < 0 || ::ftruncate(m_fd, static_cast<off_t>(sizeBytes)) != 0)
            giveUp("no memory for the disk");
        void* all = ::mmap(nullptr, sizeBytes, PROT_READ | PROT_WRITE, MAP_SHARED, m_fd, 0);
        if (all == MAP_FAILED)
            giveUp("no memory for the disk");
        bytes = static_cast<std::uint8_t*>(all);
    }
    [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(m_fd); }
    [[nodiscard]] std::uint64_t size() const { return m_size; }

    void apply(const Write& write)
    {
        if (write.lengthBytes == 0)
            return;
        if (write.offsetBytes + write.lengthBytes > m_size)
            giveUp("the log has a write behind the disk's end");
        if (write.data != nullptr)
            std::memcpy(bytes + write.offsetBytes, write.data, write.lengthBytes);
        else
            std::memset(bytes + write.offsetBytes, 0, write.lengthBytes);
    }

    std::uint8_t* bytes = nullptr;

private:
    int m_fd = -1;
    std::uint64_t m_size;
};

using Granules = std::set<std::uint64_t>;

// What the log tells of an epoch.
struct Epoch
{
    Granules written;
    Bytes image; // when it began; the store's extents are zeros
};

struct Totals
{
    std::uint64_t cuts = 0, snapshots = 0, maps = 0, problems = 0;
    std::uint64_t mappedBytes = 0, writtenBytes = 0;
};

class Replay
{
public:
    // volumeBytes: less than sizeBytes if what is behind is the device of its store.
    Replay(const Log& log, std::uint64_t sizeBytes, std::uint64_t volumeBytes,
           std::uint64_t snapshotsKept)
        : m_log(log), m_base(sizeBytes), m_state(sizeBytes), m_volumeBytes(volumeBytes),
          m_snapshotsKept(snapshotsKept)
    {
        for (const Write& write : log.writes)
            m_state.apply(write);
        auto reader = open();
        if (!reader)
            giveUp("there is no sound store at the end of the log: " + reader.error().message);
        m_extents = reader->storeExtents();
        for (store_extent& extent : m_extents)
            extent.offset += storeBase();
        for (const auto& copy : reader->superCopies())
            m_superOffsets.push_back(copy.offsetBytes);
        m_journal = {reader->super().journal_start, reader->super().journal_blocks};
        std::memset(m_state.bytes, 0, sizeBytes);
    }

    void run(std::uint64_t cuts, std::uint64_t seed, std::uint64_t part, std::uint64_t parts,
             std::uint64_t ahead)
    {
        m_ahead = ahead;
        const auto chosen = choose(cuts, seed);
        std::uint64_t number = 0;
        auto next = chosen.begin();
        for (std::size_t i = 0; i < m_log.writes.size(); ++i) {
            follow(i);
            for (; next != chosen.end() && *next == i; ++next, ++number)
                if (m_isRecording && number % parts == part)
                    cut(i, seed + number);
        }
        if (m_durableEpoch == 0)
            giveUp("the log never made an epoch durable");
    }

    Totals totals;

private:
    [[nodiscard]] Result<StoreReader> open() const
    {
        auto source = StoreSource::open(m_state.path(), 0, m_volumeBytes);
        if (!source)
            return tl::unexpected(source.error());
        if (storeBase() == 0)
            return StoreReader::open(std::move(*source), m_superOffsets);
        auto ground = StoreSource::open(m_state.path(), m_volumeBytes);
        if (!ground)
            return tl::unexpected(ground.error());
        return StoreReader::open(std::move(*source), m_superOffsets, std::move(*ground));
    }

    // Where the device that the store lies on begins.
    [[nodiscard]] std::uint64_t storeBase() const
    {
        return m_volumeBytes < m_base.size() ? m_volumeBytes : 0;
    }

    // A third each: around a MAP record (the end of a snapshot waits for one), at
    // flushes and write-throughs, and anywhere.
    [[nodiscard]] std::vector<std::size_t> choose(std::uint64_t cuts, std::uint64_t seed) const
    {
        std::mt19937_64 random(seed);
        std::vector<std::size_t> ends, boundaries;
        for (std::size_t i = 0; i < m_log.writes.size(); ++i) {
            const Write& write = m_log.writes[i];
            store_record record{};
            if (write.data != nullptr && isInJournal(write.offsetBytes) &&
                record_unpack(write.data, &record) == 0 && record.type == DORMOUSE_RECORD_MAP)
                for (std::size_t at = i; at < std::min(i + 4, m_log.writes.size()); ++at)
                    ends.push_back(at);
            if ((write.flags & (kFlush | kFua)) != 0)
                boundaries.push_back(i);
        }
        std::vector<std::size_t> chosen;
        for (std::vector<std::size_t>* some : {&ends, &boundaries}) {
            std::shuffle(some->begin(), some->end(), random);
            some->resize(std::min(some->size(), static_cast<std::size_t>(cuts / 3)));
            chosen.insert(chosen.end(), some->begin(), some->end());
        }
        while (chosen.size() < cuts)
            chosen.push_back(random() % m_log.writes.size());
        std::sort(chosen.begin(), chosen.end());
        return chosen;
    }

    [[nodiscard]] bool isInStore(std::uint64_t offsetBytes) const
    {
        return std::any_of(m_extents.begin(), m_extents.end(), [&](const store_extent& extent) {
            return offsetBytes >= extent.offset && offsetBytes - extent.offset < extent.length;
        });
    }

    // The journal's place of a byte of the volume; for what a record begins with.
    [[nodiscard]] bool isInJournal(std::uint64_t offsetBytes) const
    {
        std::uint64_t block = 0;
        for (const store_extent& extent : m_extents) {
            if (offsetBytes >= extent.offset && offsetBytes - extent.offset < extent.length) {
                block += (offsetBytes - extent.offset) / DORMOUSE_STORE_BLOCK;
                return block >= m_journal.first && block < m_journal.first + m_journal.second;
            }
            block += extent.length / DORMOUSE_STORE_BLOCK;
        }
        return false;
    }

    // Takes the log's next write into account.
    void follow(std::size_t i)
    {
        const Write& write = m_log.writes[i];
        if (write.data != nullptr && isInJournal(write.offsetBytes))
            noteRecord(write);
        else if (m_isRecording && write.lengthBytes != 0)
            noteWritten(write);
        if (m_isRecording)
            noteSuper(write);
        m_pending.push_back(i);
        if ((write.flags & kFlush) == 0)
            return;
        for (const std::size_t one : m_pending)
            m_base.apply(m_log.writes[one]);
        m_pending.clear();
        if (m_hasStore)
            m_durableEpoch = m_lastEpoch;
    }

    // The first epoch's record comes before the superblocks; no attach was answered until
    // there are both, of which the second is only written when the first is durable.
    void noteSuper(const Write& write)
    {
        const std::uint64_t second = storeBase() + m_superOffsets.back();
        m_hasStore = m_hasStore || (second >= write.offsetBytes &&
                                    second - write.offsetBytes < write.lengthBytes);
    }

    void noteRecord(const Write& write)
    {
        store_record record{};
        if (record_unpack(write.data, &record) != 0 || record.type != DORMOUSE_RECORD_EPOCH)
            return;
        m_isRecording = true;
        m_lastEpoch = record.epoch;
        // Everything that completed is in the image: it was drained before.
        Epoch& epoch = m_epochs[record.epoch];
        epoch.image.assign(m_base.bytes, m_base.bytes + m_base.size());
        for (const std::size_t one : m_pending)
            overlay(epoch.image, m_log.writes[one]);
        hideStore(0, epoch.image);
        if (record.epoch > m_snapshotsKept + 2)
            m_epochs[record.epoch - m_snapshotsKept - 2].image = Bytes(); // = {} would keep its memory
    }

    // All that is the store's at the log's end; what it grew by was free before.
    void hideStore(std::uint64_t offsetBytes, MutableByteView bytes) const
    {
        for (const store_extent& extent : m_extents) {
            const std::uint64_t from = std::max<std::uint64_t>(extent.offset, offsetBytes);
            const std::uint64_t to =
                std::min<std::uint64_t>(extent.offset + extent.length, offsetBytes + bytes.size());
            if (from < to)
                std::memset(bytes.data() + (from - offsetBytes), 0, to - from);
        }
    }

    static void overlay(Bytes& image, const Write& write)
    {
        if (write.data != nullptr)
            std::memcpy(image.data() + write.offsetBytes, write.data, write.lengthBytes);
        else if (write.lengthBytes != 0)
            std::memset(image.data() + write.offsetBytes, 0, write.lengthBytes);
    }

    void noteWritten(const Write& write)
    {
        const std::uint64_t end = write.offsetBytes + write.lengthBytes;
        for (std::uint64_t at = write.offsetBytes; at < end; at += DORMOUSE_STORE_BLOCK)
            if (!isInStore(at))
                m_epochs[m_lastEpoch].written.insert(at / DORMOUSE_GRANULE_BYTES);
    }

    void cut(std::size_t at, std::uint64_t seed)
    {
        std::mt19937_64 random(seed);
        const unsigned keepPercent = static_cast<unsigned>(random() % 5) * 25;
        std::memcpy(m_state.bytes, m_base.bytes, m_base.size());
        for (const std::size_t one : m_pending) {
            const Write& write = m_log.writes[one];
            if ((write.flags & kFua) != 0 || random() % 100 < keepPercent)
                m_state.apply(write);
        }
        const Granules written = m_epochs[m_lastEpoch].written;
        for (std::size_t next = at + 1; next <= at + m_ahead && next < m_log.writes.size();
             ++next) {
            const Write& write = m_log.writes[next];
            if (write.lengthBytes == 0 || isInStore(write.offsetBytes))
                continue;
            m_state.apply(write);
            noteWritten(write);
        }
        ++totals.cuts;
        check("write " + std::to_string(at) + ", seed " + std::to_string(seed));
        m_epochs[m_lastEpoch].written = written;
    }

    void complain(const std::string& where, const std::string& sentence)
    {
        ++totals.problems;
        std::printf("not ok %s: %s\n", where.c_str(), sentence.c_str());
    }

    void check(const std::string& where)
    {
        const auto reader = open();
        if (!reader) {
            if (m_durableEpoch != 0)
                complain(where, "the store cannot be read: " + reader.error().message);
            return;
        }
        for (const StoreFinding& finding : reader->findings())
            if (finding.isDamage)
                complain(where, finding.sentence);
        const StoreState& state = reader->state();
        if (state.openEpoch < m_durableEpoch || state.openEpoch > m_lastEpoch) {
            complain(where, "epoch " + std::to_string(state.openEpoch) + " is open, but " +
                                std::to_string(m_durableEpoch) + " was durable");
            return;
        }
        checkMaps(where, *reader);
        checkSnapshots(where, *reader);
    }

    void checkMaps(const std::string& where, const StoreReader& reader)
    {
        std::uint64_t next = 1;
        for (const StoreEpoch& epoch : reader.state().epochs) {
            if (!epoch.map)
                continue;
            if (epoch.firstNumber > next)
                complain(where, "no map covers epoch " + std::to_string(next));
            next = epoch.number + 1;
            Granules written;
            for (std::uint64_t number = epoch.firstNumber; number <= epoch.number; ++number)
                if (const auto known = m_epochs.find(number); known != m_epochs.end())
                    written.insert(known->second.written.begin(), known->second.written.end());
            std::uint64_t missing = 0;
            for (const std::uint64_t granule : written)
                missing += change_map_test(epoch.map->data(), granule) ? 0 : 1;
            if (missing != 0)
                complain(where, std::to_string(missing) + " of " + std::to_string(written.size()) +
                                    " granules are missing in the map of epoch " +
                                    std::to_string(epoch.number));
            totals.mappedBytes +=
                change_map_count(epoch.map->data(), store_nr_granules(m_volumeBytes)) *
                DORMOUSE_GRANULE_BYTES;
            totals.writtenBytes += written.size() * DORMOUSE_GRANULE_BYTES;
            ++totals.maps;
        }
        if (next != reader.state().openEpoch + 1)
            complain(where, "no map covers epoch " + std::to_string(next));
    }

    // The workload: an epoch that three divides began with a transient snapshot.
    void checkSnapshots(const std::string& where, const StoreReader& reader)
    {
        const std::uint64_t open = reader.state().openEpoch;
        std::set<std::uint64_t> living;
        for (const StoreEpoch& epoch : reader.state().epochs)
            if (epoch.hasSnapshot)
                living.insert(epoch.number);
        for (std::uint64_t number = 2; number <= open; ++number) {
            if (number % 3 != 0 && number + m_snapshotsKept > open && living.count(number) == 0)
                complain(where, "the durable snapshot " + std::to_string(number) + " is gone");
        }
        for (const std::uint64_t number : living) {
            const Bytes& image = m_epochs[number].image;
            if (image.empty())
                continue;
            std::uint64_t different = 0;
            const auto done = reader.reconstruct(
                number, false, [&](std::uint64_t offsetBytes, ByteView bytes) -> Result<void> {
                    Bytes piece(bytes.begin(), bytes.end());
                    hideStore(offsetBytes, piece);
                    if (std::memcmp(image.data() + offsetBytes, piece.data(), piece.size()) != 0)
                        different += bytes.size();
                    return {};
                });
            ++totals.snapshots;
            if (!done)
                complain(where, "snapshot " + std::to_string(number) + ": " + done.error().message);
            else if (different != 0)
                complain(where, "snapshot " + std::to_string(number) + " is not what was (" +
                                    std::to_string(different) + " bytes in pieces that differ)");
        }
    }

    const Log& m_log;
    Disk m_base;  // everything durable
    Disk m_state; // what a cut left
    std::uint64_t m_volumeBytes;
    std::uint64_t m_snapshotsKept;
    std::vector<std::size_t> m_pending;
    std::vector<store_extent> m_extents;
    std::vector<std::uint64_t> m_superOffsets;
    std::pair<std::uint64_t, std::uint64_t> m_journal; // first store block, number
    std::map<std::uint64_t, Epoch> m_epochs;
    std::uint64_t m_lastEpoch = 0, m_durableEpoch = 0;
    std::uint64_t m_ahead = 0;
    bool m_isRecording = false, m_hasStore = false;
};

Range rangeOf(const char* text)
{
    char* rest = nullptr;
    Range range;
    range.offsetBytes = std::strtoull(text, &rest, 10);
    range.lengthBytes = *rest == ',' ? std::strtoull(rest + 1, nullptr, 10) : 0;
    return range;
}

} // namespace

int main(int argc, char** argv)
{
    if (argc != 6 && argc != 8 && argc != 9 && argc != 11)
        giveUp("usage: cut_replayer LOG SIZE KEPT CUTS SEED [PART PARTS [AHEAD [VOLUME GROUND]]]");
    const auto number = [&](int i) { return std::strtoull(argv[i], nullptr, 10); };
    std::vector<Range> ranges{{0, number(2)}};
    if (argc == 11)
        ranges = {rangeOf(argv[9]), rangeOf(argv[10])};
    const Log log(argv[1], ranges);
    Replay replay(log, ranges.front().lengthBytes + (argc == 11 ? ranges.back().lengthBytes : 0),
                  ranges.front().lengthBytes, number(3));
    replay.run(number(4), number(5), argc > 6 ? number(6) : 0, argc > 6 ? number(7) : 1,
               argc > 8 ? number(8) : 0);
    const Totals& totals = replay.totals;
    std::printf("figure writes %zu writes\n", log.writes.size());
    std::printf("figure cuts %llu cuts\n", static_cast<unsigned long long>(totals.cuts));
    std::printf("figure maps %llu maps\n", static_cast<unsigned long long>(totals.maps));
    std::printf("figure snapshots %llu images\n",
                static_cast<unsigned long long>(totals.snapshots));
    std::printf("figure mapped %llu bytes\n", static_cast<unsigned long long>(totals.mappedBytes));
    std::printf("figure written %llu bytes\n",
                static_cast<unsigned long long>(totals.writtenBytes));
    std::printf("figure problems %llu sentences\n",
                static_cast<unsigned long long>(totals.problems));
    return totals.problems == 0 ? 0 : 1;
}
