// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/snapshot/store_report.h"

#include "kmod/change_map.h"

#include <algorithm>
#include <cstdio>

namespace dormouse {

namespace {

std::string number(std::uint64_t value)
{
    return std::to_string(value);
}

/// Our sentences and names are ASCII; the rest is escaped for safety.
std::string quoted(std::string_view text)
{
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            char escaped[8];
            std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned char>(c));
            out += escaped;
        } else {
            out += c;
        }
    }
    return out + '"';
}

const char* boolean(bool value)
{
    return value ? "true" : "false";
}

template <typename List, typename Write> std::string array(const List& list, Write write)
{
    std::string out = "[";
    for (const auto& member : list) {
        if (out.size() > 1)
            out += ",";
        out += write(member);
    }
    return out + "]";
}

std::string typeName(std::uint16_t type)
{
    switch (type) {
    case DORMOUSE_RECORD_EPOCH:
        return "EPOCH";
    case DORMOUSE_RECORD_INTENT:
        return "INTENT";
    case DORMOUSE_RECORD_MAP:
        return "MAP";
    case DORMOUSE_RECORD_SEAL:
        return "SEAL";
    case DORMOUSE_RECORD_UNDO:
        return "UNDO";
    case DORMOUSE_RECORD_SENTINEL:
        return "SENTINEL";
    default:
        return "type " + number(type);
    }
}

std::uint64_t granulesOf(const StoreEpoch& epoch, const StoreReader& reader)
{
    if (!epoch.map)
        return 0;
    return change_map_count(epoch.map->data(), store_nr_granules(reader.super().volume_bytes));
}

std::string extentJson(const Extent& extent)
{
    return "{\"offsetBytes\":" + number(extent.offsetBytes) +
           ",\"lengthBytes\":" + number(extent.lengthBytes) + "}";
}

std::string storeExtentJson(const store_extent& extent)
{
    return "{\"offsetBytes\":" + number(extent.offset) +
           ",\"lengthBytes\":" + number(extent.length) +
           ",\"sinceEpoch\":" + number(extent.since) + "}";
}

std::string recordJson(const StoreRecordInfo& info)
{
    return "{\"type\":" + quoted(typeName(info.header.type)) + ",\"block\":" + number(info.block) +
           ",\"sequence\":" + number(info.header.sequence) +
           ",\"incarnation\":" + number(info.header.incarnation) +
           ",\"epoch\":" + number(info.header.epoch) +
           ",\"payloadBytes\":" + number(info.header.payload_bytes) +
           ",\"count\":" + number(info.count) + "}";
}

std::string recordText(const StoreRecordInfo& info)
{
    return "  " + typeName(info.header.type) + " block " + number(info.block) + ", sequence " +
           number(info.header.sequence) + ", incarnation " + number(info.header.incarnation) +
           ", epoch " + number(info.header.epoch) + ", " + number(info.header.payload_bytes) +
           " bytes, count " + number(info.count) + "\n";
}

std::string epochJson(const StoreEpoch& epoch, const StoreReader& reader)
{
    return "{\"epoch\":" + number(epoch.number) + ",\"firstEpoch\":" + number(epoch.firstNumber) +
           ",\"id\":" + quoted(epoch.id.hex()) +
           ",\"fromId\":" + quoted(epoch.fromId.hex()) + ",\"createdNs\":" + number(epoch.createdNs) +
           ",\"undoStart\":" + number(epoch.undoStart) +
           ",\"isOpen\":" + boolean(epoch.number == reader.state().openEpoch) +
           ",\"isAcknowledged\":" + boolean(epoch.isAcknowledged) +
           ",\"isVoid\":" + boolean(epoch.isVoid) +
           ",\"hasSnapshot\":" + boolean(epoch.hasSnapshot) +
           ",\"hasMap\":" + boolean(epoch.map.has_value()) +
           ",\"changedGranules\":" + number(granulesOf(epoch, reader)) + "}";
}

std::string epochText(const StoreEpoch& epoch, const StoreReader& reader)
{
    std::string line = "  epoch " + number(epoch.number);
    if (epoch.firstNumber != epoch.number)
        line += " (map since epoch " + number(epoch.firstNumber) + ")";
    line += " " + epoch.id.hex() + ":";
    if (epoch.number == reader.state().openEpoch)
        line += " open,";
    if (epoch.isVoid)
        line += " void,";
    if (epoch.isAcknowledged)
        line += " acknowledged,";
    if (epoch.hasSnapshot)
        line += " durable snapshot,";
    if (epoch.map)
        line += " " + number(granulesOf(epoch, reader) * (DORMOUSE_GRANULE_BYTES / 1024)) +
                " KiB in its map";
    else
        line += " no map";
    return line + "\n";
}

} // namespace

std::string storeAsText(const StoreReader& reader)
{
    const store_super& super = reader.super();
    std::string out = "volume " + reader.volumeId().hex() + ", " + number(super.volume_bytes) +
                      " bytes\nstore  " + reader.storeId().hex() + ", generation " +
                      number(super.generation) + ", incarnation " + number(super.incarnation) +
                      ", file system " + number(super.fs) + "\n";
    if (super.external)
        out += "on another device of " + number(super.ground_bytes) + " bytes\n";
    for (const auto& copy : reader.superCopies())
        out += "superblock at byte " + number(copy.offsetBytes) + ", generation " +
               number(copy.generation) + "\n";
    for (const store_extent& extent : reader.storeExtents())
        out += "extent " + number(extent.offset) + " + " + number(extent.length) +
               (extent.since != 0 ? ", since epoch " + number(extent.since) : "") + "\n";
    out += "journal ring: blocks " + number(super.journal_start) + " + " +
           number(super.journal_blocks) + ", read from block " + number(super.checkpoint_block) +
           "\nundo ring: blocks " + number(super.undo_start) + " + " + number(super.undo_blocks) +
           ", " + number(reader.state().undoTail) + " to " + number(reader.state().undoHead) +
           "\n" + (reader.isSealed() ? "sealed" : "not sealed") +
           (reader.state().wasLeftOpen ? ", left open" : "") + ", " +
           number(reader.state().sentinels.size()) + " sentinels\nepochs\n";
    for (const StoreEpoch& epoch : reader.state().epochs)
        out += epochText(epoch, reader);
    out += "journal\n";
    for (const StoreRecordInfo& info : reader.journal())
        out += recordText(info);
    out += "undo ring\n";
    for (const StoreUndoRecord& record : reader.undo())
        out += recordText(record.info);
    return out;
}

std::string storeAsJson(const StoreReader& reader)
{
    const store_super& super = reader.super();
    const StoreState& state = reader.state();
    return "{\"volumeId\":" + quoted(reader.volumeId().hex()) +
           ",\"storeId\":" + quoted(reader.storeId().hex()) +
           ",\"volumeBytes\":" + number(super.volume_bytes) +
           ",\"generation\":" + number(super.generation) +
           ",\"incarnation\":" + number(super.incarnation) + ",\"fileSystem\":" + number(super.fs) +
           ",\"isExternal\":" + boolean(super.external) +
           ",\"superblocks\":" +
           array(reader.superCopies(),
                 [](const StoreReader::SuperCopy& copy) {
                     return "{\"offsetBytes\":" + number(copy.offsetBytes) +
                            ",\"generation\":" + number(copy.generation) + "}";
                 }) +
           ",\"storeExtents\":" + array(reader.storeExtents(), storeExtentJson) +
           ",\"journalBlocks\":" + number(super.journal_blocks) +
           ",\"undoBlocks\":" + number(super.undo_blocks) +
           ",\"undoTail\":" + number(state.undoTail) + ",\"undoHead\":" + number(state.undoHead) +
           ",\"isSealed\":" + boolean(reader.isSealed()) +
           ",\"wasLeftOpen\":" + boolean(state.wasLeftOpen) +
           ",\"sentinels\":" + number(state.sentinels.size()) + ",\"epochs\":" +
           array(state.epochs, [&](const StoreEpoch& epoch) { return epochJson(epoch, reader); }) +
           ",\"journal\":" + array(reader.journal(), recordJson) + ",\"undo\":" +
           array(reader.undo(),
                 [](const StoreUndoRecord& record) { return recordJson(record.info); }) +
           "}\n";
}

std::string findingsAsText(const StoreReader& reader)
{
    std::string out;
    for (const StoreFinding& finding : reader.findings())
        out += (finding.isDamage ? "DAMAGE: " : "note: ") + finding.sentence + "\n";
    const std::string size = number(reader.journal().size()) + " journal records, " +
                             number(reader.undo().size()) + " undo records";
    return out + (reader.isDamaged() ? "The store is damaged: " : "The store is sound: ") + size +
           ".\n";
}

std::string findingsAsJson(const StoreReader& reader)
{
    return std::string("{\"isSound\":") + boolean(!reader.isDamaged()) +
           ",\"isSealed\":" + boolean(reader.isSealed()) +
           ",\"journalRecords\":" + number(reader.journal().size()) +
           ",\"undoRecords\":" + number(reader.undo().size()) + ",\"findings\":" +
           array(reader.findings(),
                 [](const StoreFinding& finding) {
                     return std::string("{\"isDamage\":") + boolean(finding.isDamage) +
                            ",\"sentence\":" + quoted(finding.sentence) + "}";
                 }) +
           "}\n";
}

std::string extentsAsText(const ExtentList& extents)
{
    std::string out;
    for (const Extent& extent : extents)
        out += number(extent.offsetBytes) + " " + number(extent.lengthBytes) + "\n";
    return out;
}

std::string extentsAsJson(const ExtentList& extents)
{
    return "{\"totalBytes\":" + number(totalBytes(extents)) +
           ",\"extents\":" + array(extents, extentJson) + "}\n";
}

} // namespace dormouse
