// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A repository in a directory of a local disk or a mounted share.
 *
 * Owns the directory's descriptor for as long as it lives, and nothing else:
 * no file stays open between calls, so that after the last Repository,
 * BackupView and DirectoryBackend are gone the disk can be ejected.
 *
 * Objects are files of the same name beneath the directory (see Directory for
 * how names are resolved). An unfinished put is a file named ".tmp-*".
 */
#pragma once

#include "helper/base/directory.h"
#include "helper/repository/backend.h"

namespace dormouse {

class DirectoryBackend : public Backend
{
public:
    explicit DirectoryBackend(Directory directory);

    [[nodiscard]] Result<void> put(const std::string& name, ByteView bytes) override;
    [[nodiscard]] Result<std::size_t> getRange(const std::string& name, std::uint64_t offsetBytes,
                                               MutableByteView into) override;
    [[nodiscard]] Result<std::vector<ListedObject>> list(const std::string& prefix) override;
    [[nodiscard]] Result<void> remove(const std::string& name) override;
    [[nodiscard]] Result<ObjectStat> stat(const std::string& name) override;
    [[nodiscard]] Result<std::uint64_t> freeSpaceBytes() override;
    [[nodiscard]] Result<void> removeUnfinished() override;

private:
    [[nodiscard]] Result<void> walk(const std::string& folder, bool wantUnfinished,
                                    std::vector<ListedObject>& found, int depth) const;

    Directory m_directory;
};

} // namespace dormouse
