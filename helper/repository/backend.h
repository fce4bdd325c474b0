// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Where a repository's objects live: a directory today, an object store later.
 *
 * An object is an immutable run of bytes under a name such as
 * "packs/3f/3f0c..."; names are lower-case letters, digits, '-', '.' and '/'.
 * Nothing here knows about encryption or about what the bytes mean.
 *
 * A reader sees a whole object or none: put() is atomic and durable when it
 * returns. No operation needs more than exFAT, NTFS, SMB, NFS or S3 offer.
 *
 * Threads: every function may be called from several threads at once.
 * Errors: NotFound, NoSpace, Io, Gone (unplugged), Denied.
 */
#pragma once

#include "helper/base/coding.h"
#include "helper/base/result.h"

#include <string>
#include <vector>

namespace dormouse {

class Backend
{
public:
    struct ObjectStat
    {
        std::uint64_t sizeBytes = 0;
        std::int64_t modifiedMs = 0; ///< by the destination's clock
    };

    struct ListedObject
    {
        std::string name; ///< whole name, prefix included
        std::uint64_t sizeBytes = 0;
    };

    virtual ~Backend() = default;

    /// Stores the object, replacing one of that name. After a failure the old
    /// object, if any, is whole.
    [[nodiscard]] virtual Result<void> put(const std::string& name, ByteView bytes) = 0;

    /// Fills `into` from `offsetBytes` on; returns how many bytes there were.
    [[nodiscard]] virtual Result<std::size_t>
    getRange(const std::string& name, std::uint64_t offsetBytes, MutableByteView into) = 0;

    /// All objects whose name begins with the folder `prefix` ("packs/"), by
    /// name. An absent folder is an empty list. Unfinished puts are left out.
    [[nodiscard]] virtual Result<std::vector<ListedObject>> list(const std::string& prefix) = 0;

    /// Removes durably. NotFound if there is none.
    [[nodiscard]] virtual Result<void> remove(const std::string& name) = 0;

    [[nodiscard]] virtual Result<ObjectStat> stat(const std::string& name) = 0;

    /// What may still be written; Unsupported where the question makes no sense.
    [[nodiscard]] virtual Result<std::uint64_t> freeSpaceBytes() = 0;

    /// Drops leftovers of interrupted puts. Only called while no writer exists.
    [[nodiscard]] virtual Result<void> removeUnfinished() = 0;
};

/// The whole object; Corrupt if it is larger than `maxBytes`.
[[nodiscard]] Result<Bytes> getWhole(Backend& backend, const std::string& name,
                                     std::size_t maxBytes);

} // namespace dormouse
