// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/repository/index_run.h"

#include <algorithm>

namespace dormouse {

namespace {

std::uint64_t bigEndian8(const std::uint8_t* bytes)
{
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i)
        value = value << 8 | bytes[i];
    return value;
}

std::uint64_t littleEndian8(const std::uint8_t* bytes)
{
    std::uint64_t value = 0;
    for (int i = 7; i >= 0; --i)
        value = value << 8 | bytes[i];
    return value;
}

std::size_t filterBytesFor(std::uint64_t entryCount)
{
    return static_cast<std::size_t>((entryCount * format::filterBitsPerEntry + 63) / 64 * 8);
}

/// Calls `probe` with each bit of the filter that stands for the id, until it
/// returns false. Ids are hashes already: their own bytes choose the bits.
template <typename Probe>
bool forEachFilterBit(const Hash256& id, std::size_t filterBytes, Probe probe)
{
    const std::uint64_t bitCount = std::uint64_t{filterBytes} * 8;
    const std::uint64_t first = littleEndian8(id.data() + 8);
    const std::uint64_t step = littleEndian8(id.data() + 16) | 1;
    for (unsigned i = 0; i < format::filterProbes; ++i)
        if (!probe((first + i * step) % bitCount))
            return false;
    return true;
}

std::size_t pageBytes(std::size_t entries)
{
    return entries * format::runEntryBytes + format::sealOverheadBytes;
}

Bytes pageAssociated(const Id128& runId, std::size_t page)
{
    ByteWriter associated;
    associated.raw(runId.bytes);
    associated.u32(static_cast<std::uint32_t>(page));
    return associated.take();
}

} // namespace

Bytes IndexRun::encode(const Id128& runId, const std::vector<IndexEntry>& entries, const Keys& keys)
{
    Bytes filter(filterBytesFor(entries.size()));
    for (const IndexEntry& entry : entries)
        forEachFilterBit(entry.id, filter.size(), [&filter](std::uint64_t bit) {
            filter[bit / 8] |= static_cast<std::uint8_t>(1u << (bit % 8));
            return true;
        });
    ByteWriter head;
    const std::size_t pageCount =
        (entries.size() + format::runPageEntries - 1) / format::runPageEntries;
    for (std::size_t page = 0; page < pageCount; ++page)
        head.raw(ByteView(entries[page * format::runPageEntries].id).first(8));
    head.raw(filter);

    ByteWriter file;
    file.raw(asBytes(format::indexMagic));
    file.u32(format::version);
    file.u32(format::runPageEntries);
    file.u64(entries.size());
    file.u32(static_cast<std::uint32_t>(head.size() + format::sealOverheadBytes));
    file.u32(0);
    file.raw(runId.bytes);
    const Bytes header = file.bytes();
    file.raw(keys.seal(format::Subkey::IndexRun, header, head.bytes()));
    for (std::size_t page = 0; page < pageCount; ++page) {
        const std::size_t first = page * format::runPageEntries;
        const std::size_t last = std::min(first + format::runPageEntries, entries.size());
        ByteWriter plain;
        for (std::size_t i = first; i < last; ++i) {
            plain.raw(entries[i].id);
            plain.raw(entries[i].location.packId.bytes);
            plain.u32(entries[i].location.offsetBytes);
            plain.u32(entries[i].location.lengthBytes);
        }
        file.raw(keys.seal(format::Subkey::IndexRun, pageAssociated(runId, page), plain.bytes()));
    }
    return file.take();
}

Result<std::shared_ptr<const IndexRun>> IndexRun::open(Backend& backend, const Keys& keys,
                                                       const Id128& runId)
{
    const std::string name = format::runName(runId);
    const auto stat = backend.stat(name);
    if (!stat)
        return Failure(stat.error());
    Bytes header(format::runHeaderBytes);
    auto got = backend.getRange(name, 0, header);
    if (!got)
        return Failure(got.error());
    header.resize(*got);

    ByteReader reader(header);
    const ByteView magic = reader.raw(format::magicBytes);
    const std::uint32_t version = reader.u32();
    const std::uint32_t entriesPerPage = reader.u32();
    auto run = std::make_shared<IndexRun>();
    run->m_entryCount = reader.u64();
    const std::uint32_t headBytes = reader.u32();
    const std::uint32_t zero = reader.u32();
    run->m_id.bytes = reader.array<format::idBytes>();
    if (!reader.atEnd() || asText(magic) != format::indexMagic || run->m_id != runId)
        return fail(Error::Code::Corrupt, "this is not the index run it is named after");
    if (version != format::version)
        return fail(Error::Code::Unsupported, "a newer program wrote this index run");

    const std::uint64_t entries = run->m_entryCount;
    const std::size_t pageCount = (entries + format::runPageEntries - 1) / format::runPageEntries;
    const std::size_t filterBytes = filterBytesFor(entries);
    run->m_pagesAtBytes = format::runHeaderBytes + std::uint64_t{headBytes};
    if (zero != 0 || entriesPerPage != format::runPageEntries || entries == 0 ||
        entries > format::runMaxEntries ||
        headBytes != pageCount * 8 + filterBytes + format::sealOverheadBytes ||
        stat->sizeBytes != run->m_pagesAtBytes + entries * format::runEntryBytes +
                               pageCount * format::sealOverheadBytes)
        return fail(Error::Code::Corrupt, "the index run's sizes do not agree");

    Bytes sealed(headBytes);
    got = backend.getRange(name, format::runHeaderBytes, sealed);
    if (!got)
        return Failure(got.error());
    const auto head = keys.unseal(format::Subkey::IndexRun, header, sealed);
    if (!head)
        return addContext(head.error(), "the index run's head");
    for (std::size_t page = 0; page < pageCount; ++page)
        run->m_fences.push_back(bigEndian8(head->data() + page * 8));
    run->m_filter.assign(head->begin() + static_cast<std::ptrdiff_t>(pageCount * 8), head->end());
    return std::shared_ptr<const IndexRun>(std::move(run));
}

bool IndexRun::mayContain(const Hash256& id) const
{
    return forEachFilterBit(id, m_filter.size(), [this](std::uint64_t bit) {
        return (m_filter[bit / 8] >> (bit % 8) & 1) != 0;
    });
}

IndexRun::PageRange IndexRun::pagesFor(const Hash256& id) const
{
    // Pages may begin with equal eight bytes: the id can be in the last page that
    // begins below them, and in all that begin with them.
    const std::uint64_t wanted = bigEndian8(id.data());
    const auto lower = std::lower_bound(m_fences.begin(), m_fences.end(), wanted);
    const auto upper = std::upper_bound(m_fences.begin(), m_fences.end(), wanted);
    PageRange range;
    range.first = static_cast<std::size_t>(lower - m_fences.begin());
    if (range.first > 0)
        --range.first;
    range.last = static_cast<std::size_t>(upper - m_fences.begin());
    return range;
}

std::size_t IndexRun::entriesOfPage(std::size_t page) const
{
    const std::uint64_t first = std::uint64_t{page} * format::runPageEntries;
    return static_cast<std::size_t>(
        std::min<std::uint64_t>(format::runPageEntries, m_entryCount - first));
}

Result<std::vector<IndexEntry>> IndexRun::readPage(Backend& backend, const Keys& keys,
                                                   std::size_t page) const
{
    std::vector<IndexEntry> entries(entriesOfPage(page));
    Bytes sealed(pageBytes(entries.size()));
    const auto got = backend.getRange(
        format::runName(m_id), m_pagesAtBytes + page * pageBytes(format::runPageEntries), sealed);
    if (!got)
        return Failure(got.error());
    const auto plain = keys.unseal(format::Subkey::IndexRun, pageAssociated(m_id, page), sealed);
    if (!plain)
        return addContext(plain.error(), "page " + std::to_string(page) + " of the index run");
    ByteReader reader(*plain);
    for (IndexEntry& entry : entries) {
        entry.id = reader.array<format::hashBytes>();
        entry.location.packId.bytes = reader.array<format::idBytes>();
        entry.location.offsetBytes = reader.u32();
        entry.location.lengthBytes = reader.u32();
    }
    if (!reader.atEnd() || !std::is_sorted(entries.begin(), entries.end()))
        return fail(Error::Code::Corrupt, "a page of the index run makes no sense");
    return entries;
}

} // namespace dormouse
