// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/browse/browse_request.h"

#include "helper/base/directory.h"

#include <cstring>

#include <sys/stat.h>

namespace dormouse {
namespace {

constexpr char kRunFolder[] = "/run/dormouse";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kMaxBytes = 64u << 10;
constexpr std::size_t kMaxText = 4096;

/// The folder of requests, root's alone; made if `make`.
Result<Directory> openFolder(bool make)
{
    if (make) {
        if (::mkdir(kRunFolder, 0755) != 0 && errno != EEXIST)
            return failErrno("cannot make /run/dormouse");
        if (::mkdir(kBrowseRequestFolder, 0700) != 0 && errno != EEXIST)
            return failErrno("cannot make the folder of requests");
    }
    return Directory::open(kBrowseRequestFolder);
}

Result<Bytes> take(const std::string& name)
{
    const auto folder = openFolder(false);
    if (!folder)
        return tl::unexpected(folder.error());
    auto bytes = folder->readFile(name, kMaxBytes);
    if (!bytes)
        return bytes;
    if (const auto removed = folder->remove(name); !removed)
        return tl::unexpected(removed.error());
    return bytes;
}

} // namespace

Result<void> writeBrowseRequest(const BrowseRequest& request)
{
    const auto folder = openFolder(true);
    if (!folder)
        return tl::unexpected(folder.error());
    ByteWriter writer;
    writer.u32(kVersion);
    writer.u32(request.uid);
    writer.u32(request.gid);
    writer.text(request.fsType);
    writer.u32(request.idleSeconds);
    writer.u8(request.backup ? 1 : 0);
    if (request.backup) {
        writer.text(request.backup->repositoryPath);
        writer.blob(request.backup->key.view());
        writer.raw(request.backup->recordId.bytes);
        writer.raw(request.backup->volumeId.bytes);
    } else {
        writer.text(request.devicePath);
    }
    Bytes bytes = writer.take();
    const auto written = folder->writeFile(request.sessionId.hex(), bytes);
    wipe(bytes);
    return written;
}

Result<BrowseRequest> takeBrowseRequest(const Id128& sessionId)
{
    auto bytes = take(sessionId.hex());
    if (!bytes)
        return addContext(bytes.error(), "there is no such request");
    ByteReader reader(*bytes);
    BrowseRequest request;
    request.sessionId = sessionId;
    if (reader.u32() != kVersion)
        reader.setFailed();
    request.uid = reader.u32();
    request.gid = reader.u32();
    request.fsType = reader.text(kMaxText);
    request.idleSeconds = reader.u32();
    if (reader.u8() == 1) {
        BrowseRequest::Backup backup;
        backup.repositoryPath = reader.text(kMaxText);
        backup.key = Secret::copyOf(reader.blob(kMaxText));
        backup.recordId.bytes = reader.array<16>();
        backup.volumeId.bytes = reader.array<16>();
        request.backup = std::move(backup);
    } else {
        request.devicePath = reader.text(kMaxText);
    }
    const bool isWhole = reader.atEnd();
    wipe(*bytes);
    if (!isWhole)
        return fail(Error::Code::Invalid, "the request cannot be understood");
    return request;
}

Result<void> writeBrowseAnswer(const Id128& sessionId, const BrowseAnswer& answer)
{
    const auto folder = openFolder(true);
    if (!folder)
        return tl::unexpected(folder.error());
    ByteWriter writer;
    writer.text(answer.path);
    writer.text(answer.error);
    return folder->writeFile(sessionId.hex() + ".answer", writer.bytes());
}

Result<std::optional<BrowseAnswer>> takeBrowseAnswer(const Id128& sessionId)
{
    const auto bytes = take(sessionId.hex() + ".answer");
    if (!bytes && bytes.error().code == Error::Code::NotFound)
        return std::nullopt;
    if (!bytes)
        return tl::unexpected(bytes.error());
    ByteReader reader(*bytes);
    BrowseAnswer answer;
    answer.path = reader.text(kMaxText);
    answer.error = reader.text(kMaxText);
    if (!reader.atEnd())
        return fail(Error::Code::Invalid, "the answer cannot be understood");
    return answer;
}

std::string browseMountPath(uid_t uid, const Id128& sessionId)
{
    return std::string(kBrowseMountFolder) + "/" + std::to_string(uid) + "/" + sessionId.hex();
}

} // namespace dormouse
