// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A volume's bytes, as the store reader sees them: a range of a disk image or
 * of a block device. Reads only, never through a file system.
 *
 * Owns its descriptor. Any thread (pread).
 */
#pragma once

#include "helper/base/coding.h"
#include "helper/base/result.h"
#include "helper/base/unique_fd.h"

#include <cstdint>
#include <string>

namespace dormouse {

class StoreSource
{
public:
    /// `offsetBytes`: where the volume begins in the image (a partition);
    /// `lengthBytes`: how long it is, 0 = up to the end.
    [[nodiscard]] static Result<StoreSource>
    open(const std::string& path, std::uint64_t offsetBytes = 0, std::uint64_t lengthBytes = 0);

    [[nodiscard]] std::uint64_t sizeBytes() const { return m_lengthBytes; }

    /// All of `into`, or an error (also beyond the end).
    [[nodiscard]] Result<void> read(std::uint64_t offsetBytes, MutableByteView into) const;

private:
    UniqueFd m_fd;
    std::uint64_t m_offsetBytes = 0;
    std::uint64_t m_lengthBytes = 0;
};

} // namespace dormouse
