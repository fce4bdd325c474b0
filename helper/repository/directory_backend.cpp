// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/repository/directory_backend.h"

namespace dormouse {

namespace {

constexpr int maxDepth = 4; // no name of ours is deeper; a hostile disk may be

} // namespace

Result<Bytes> getWhole(Backend& backend, const std::string& name, std::size_t maxBytes)
{
    const auto stat = backend.stat(name);
    if (!stat)
        return Failure(stat.error());
    if (stat->sizeBytes > maxBytes)
        return fail(Error::Code::Corrupt, name + " is too large");
    Bytes bytes(stat->sizeBytes);
    const auto got = backend.getRange(name, 0, bytes);
    if (!got)
        return Failure(got.error());
    bytes.resize(*got);
    return bytes;
}

DirectoryBackend::DirectoryBackend(Directory directory) : m_directory(std::move(directory)) {}

Result<void> DirectoryBackend::put(const std::string& name, ByteView bytes)
{
    auto written = m_directory.writeFile(name, bytes);
    if (written || written.error().code != Error::Code::NotFound)
        return written;
    for (std::size_t slash = name.find('/'); slash != std::string::npos;
         slash = name.find('/', slash + 1)) {
        if (auto made = m_directory.makeDirectory(name.substr(0, slash)); !made)
            return made;
    }
    return m_directory.writeFile(name, bytes);
}

Result<std::size_t> DirectoryBackend::getRange(const std::string& name, std::uint64_t offsetBytes,
                                               MutableByteView into)
{
    return m_directory.readRange(name, offsetBytes, into);
}

Result<void> DirectoryBackend::walk(const std::string& folder, bool wantUnfinished,
                                    std::vector<ListedObject>& found, int depth) const
{
    auto entries = m_directory.list(folder);
    if (!entries)
        return Failure(entries.error());
    for (const DirectoryEntry& entry : *entries) {
        const std::string name = folder.empty() ? entry.name : folder + "/" + entry.name;
        if (entry.type == FileStat::Type::Directory && depth < maxDepth) {
            if (auto walked = walk(name, wantUnfinished, found, depth + 1);
                !walked && walked.error().code != Error::Code::NotFound)
                return walked;
        } else if (entry.type == FileStat::Type::File &&
                   Directory::isTemporaryName(entry.name) == wantUnfinished) {
            const auto stat = m_directory.stat(name);
            if (stat)
                found.push_back({name, stat->sizeBytes});
            else if (stat.error().code != Error::Code::NotFound)
                return Failure(stat.error());
        }
    }
    return {};
}

Result<std::vector<Backend::ListedObject>> DirectoryBackend::list(const std::string& prefix)
{
    std::vector<ListedObject> found;
    std::string folder = prefix;
    while (!folder.empty() && folder.back() == '/')
        folder.pop_back();
    if (auto walked = walk(folder, false, found, 0); !walked) {
        if (walked.error().code == Error::Code::NotFound)
            return found;
        return Failure(walked.error());
    }
    return found;
}

Result<void> DirectoryBackend::remove(const std::string& name)
{
    return m_directory.remove(name);
}

Result<Backend::ObjectStat> DirectoryBackend::stat(const std::string& name)
{
    const auto stat = m_directory.stat(name);
    if (!stat)
        return Failure(stat.error());
    if (stat->type != FileStat::Type::File)
        return fail(Error::Code::Denied, name + " is not a regular file");
    return ObjectStat{stat->sizeBytes, stat->modifiedMs};
}

Result<std::uint64_t> DirectoryBackend::freeSpaceBytes()
{
    return m_directory.freeBytes();
}

Result<void> DirectoryBackend::removeUnfinished()
{
    std::vector<ListedObject> found;
    if (auto walked = walk({}, true, found, 0); !walked)
        return walked;
    for (const ListedObject& object : found)
        if (auto removed = m_directory.remove(object.name);
            !removed && removed.error().code != Error::Code::NotFound)
            return removed;
    return {};
}

} // namespace dormouse
