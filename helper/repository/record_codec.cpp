// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/repository/record_codec.h"

namespace dormouse {

namespace {

constexpr std::size_t headerBytes = 48;
constexpr std::size_t maxTextBytes = 64u << 10;
constexpr std::size_t maxLayoutBytes = 32u << 20;
/// The least that a member of each list takes, so that counts can be believed.
constexpr std::size_t minVolumeBytes = 140;
constexpr std::size_t excludedBytes = 17;
constexpr std::size_t minSampleBytes = 44;
constexpr std::size_t minLayoutBytes = 8;
constexpr std::size_t minExtraBytes = 8;

Bytes encodeHeader(const BackupRecord& record)
{
    ByteWriter header;
    header.raw(asBytes(format::recordMagic));
    header.u32(format::version);
    header.u32(record.isIncomplete ? format::recordIncomplete : 0);
    header.raw(record.repositoryId.bytes);
    header.raw(record.recordId.bytes);
    return header.take();
}

void encodeVolume(ByteWriter& writer, const VolumeRecord& volume)
{
    writer.raw(volume.volumeId.bytes);
    writer.u64(volume.sizeBytes);
    writer.u32(volume.blockSizeBytes);
    writer.raw(volume.mapRoot);
    writer.raw(volume.baseRecordId.bytes);
    writer.u64(volume.newBytes);
    writer.u64(volume.storedBytes);
    writer.u64(volume.mapBytes);
    const VolumeDetails& details = volume.details;
    writer.text(details.deviceName);
    writer.text(details.fsType);
    writer.text(details.fsUuid);
    writer.text(details.label);
    writer.raw(details.endsAtEpochId.bytes);
    writer.u8(static_cast<std::uint8_t>(details.baseKind));
    writer.text(details.baseReason);
    writer.u64(details.changedBytes);
    writer.u64(details.readBytes);
    writer.u32(static_cast<std::uint32_t>(details.excluded.size()));
    for (const ExcludedExtent& excluded : details.excluded) {
        writer.u8(static_cast<std::uint8_t>(excluded.kind));
        writer.u64(excluded.extent.offsetBytes);
        writer.u64(excluded.extent.lengthBytes);
    }
    writer.u32(static_cast<std::uint32_t>(details.sampleFiles.size()));
    for (const SampleFile& file : details.sampleFiles) {
        writer.text(file.path);
        writer.u64(file.sizeBytes);
        writer.raw(file.hash);
    }
}

VolumeRecord decodeVolume(ByteReader& reader)
{
    VolumeRecord volume;
    volume.volumeId.bytes = reader.array<format::idBytes>();
    volume.sizeBytes = reader.u64();
    volume.blockSizeBytes = reader.u32();
    volume.mapRoot = reader.array<format::hashBytes>();
    volume.baseRecordId.bytes = reader.array<format::idBytes>();
    volume.newBytes = reader.u64();
    volume.storedBytes = reader.u64();
    volume.mapBytes = reader.u64();
    VolumeDetails& details = volume.details;
    details.deviceName = reader.text(maxTextBytes);
    details.fsType = reader.text(maxTextBytes);
    details.fsUuid = reader.text(maxTextBytes);
    details.label = reader.text(maxTextBytes);
    details.endsAtEpochId.bytes = reader.array<format::idBytes>();
    details.baseKind = static_cast<BaseKind>(reader.u8());
    details.baseReason = reader.text(maxTextBytes);
    details.changedBytes = reader.u64();
    details.readBytes = reader.u64();
    details.excluded.resize(reader.count(excludedBytes));
    for (ExcludedExtent& excluded : details.excluded) {
        excluded.kind = static_cast<ExclusionKind>(reader.u8());
        excluded.extent.offsetBytes = reader.u64();
        excluded.extent.lengthBytes = reader.u64();
    }
    details.sampleFiles.resize(reader.count(minSampleBytes));
    for (SampleFile& file : details.sampleFiles) {
        file.path = reader.text(maxTextBytes);
        file.sizeBytes = reader.u64();
        file.hash = reader.array<format::hashBytes>();
    }
    const std::uint32_t block = volume.blockSizeBytes;
    if (block < format::minBlockBytes || block > format::maxBlockBytes ||
        (block & (block - 1)) != 0 || details.baseKind > BaseKind::Compared)
        reader.setFailed();
    return volume;
}

} // namespace

Bytes encodeRecordBody(const BackupRecord& record)
{
    ByteWriter writer;
    writer.raw(record.run.machineId.bytes);
    writer.text(record.run.machineName);
    writer.raw(record.run.runId.bytes);
    writer.text(record.run.planId);
    writer.text(record.run.planName);
    writer.i64(record.run.createdMs);
    writer.u64(record.sequence);
    writer.raw(record.previousRecordHash);
    writer.u32(static_cast<std::uint32_t>(record.volumes.size()));
    for (const VolumeRecord& volume : record.volumes)
        encodeVolume(writer, volume);
    writer.u32(static_cast<std::uint32_t>(record.layout.size()));
    for (const LayoutPart& part : record.layout) {
        writer.text(part.name);
        writer.blob(part.bytes);
    }
    writer.u32(0); // further fields: none yet
    return writer.take();
}

Result<void> decodeRecordBody(ByteView body, BackupRecord& record)
{
    ByteReader reader(body);
    record.run.machineId.bytes = reader.array<format::idBytes>();
    record.run.machineName = reader.text(maxTextBytes);
    record.run.runId.bytes = reader.array<format::idBytes>();
    record.run.planId = reader.text(maxTextBytes);
    record.run.planName = reader.text(maxTextBytes);
    record.run.createdMs = reader.i64();
    record.sequence = reader.u64();
    record.previousRecordHash = reader.array<format::hashBytes>();
    const std::uint32_t volumeCount = reader.count(minVolumeBytes);
    for (std::uint32_t i = 0; i < volumeCount && reader.ok(); ++i)
        record.volumes.push_back(decodeVolume(reader));
    const std::uint32_t partCount = reader.count(minLayoutBytes);
    for (std::uint32_t i = 0; i < partCount && reader.ok(); ++i) {
        LayoutPart part;
        part.name = reader.text(maxTextBytes);
        const ByteView bytes = reader.blob(maxLayoutBytes);
        part.bytes.assign(bytes.begin(), bytes.end());
        record.layout.push_back(std::move(part));
    }
    // Fields that later writers of this version add: known by number, skipped
    // by readers that do not know them.
    const std::uint32_t extraCount = reader.count(minExtraBytes);
    for (std::uint32_t i = 0; i < extraCount && reader.ok(); ++i) {
        reader.u32();
        reader.blob(maxLayoutBytes);
    }
    if (!reader.atEnd())
        return fail(Error::Code::Corrupt, "the record's content makes no sense");
    return {};
}

Bytes encodeRecord(const BackupRecord& record, const Keys& keys)
{
    ByteWriter file;
    const Bytes header = encodeHeader(record);
    file.raw(header);
    file.raw(keys.seal(format::Subkey::Record, header, encodeRecordBody(record)));
    return file.take();
}

Result<BackupRecord> decodeRecord(ByteView file, const Id128& repositoryId, const Id128& recordId,
                                  const Keys& keys)
{
    ByteReader reader(file);
    const ByteView magic = reader.raw(format::magicBytes);
    const std::uint32_t version = reader.u32();
    const std::uint32_t flags = reader.u32();
    BackupRecord record;
    record.repositoryId.bytes = reader.array<format::idBytes>();
    record.recordId.bytes = reader.array<format::idBytes>();
    record.isIncomplete = (flags & format::recordIncomplete) != 0;
    if (!reader.ok() || asText(magic) != format::recordMagic)
        return fail(Error::Code::Corrupt, "this is not a backup record");
    if (version != format::version)
        return fail(Error::Code::Unsupported, "a newer program wrote this backup record");
    if (record.repositoryId != repositoryId || record.recordId != recordId)
        return fail(Error::Code::Corrupt, "the record is under a name that is not its own");
    const auto body =
        keys.unseal(format::Subkey::Record, file.first(headerBytes), file.subspan(headerBytes));
    if (!body)
        return addContext(body.error(), "the record");
    if (auto decoded = decodeRecordBody(*body, record); !decoded)
        return Failure(decoded.error());
    return record;
}

} // namespace dormouse
