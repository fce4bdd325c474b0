// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * /etc/dormouse/attach.conf: which volumes to find and attach at boot.
 *
 * Written by dormoused whenever protection changes, read by dormouse-attach
 * before anything is mounted. It is beneath /etc and not in /var/lib/dormouse
 * because /var may be a volume of its own that is not mounted yet.
 *
 *     dormouse-attach 1
 *     # a comment
 *     volume ID FSUUID FSTYPE SUPERBLOCK SUPERBLOCK_B [STORE]
 *
 * ID: 32 hexadecimal digits. FSUUID and FSTYPE as blkid prints them. The two
 * offsets of the store's superblock copies are bytes from the start of the device
 * that it is on; 0 for the second means that it is not known. STORE is that device if it is
 * not the volume's own: "device" = all of one, which says so itself; else the FSUUID of
 * another volume in the list, in a file on which it is.
 *
 * Unknown versions are refused as a whole; a line that cannot be understood is
 * an error with its number, because a volume that is silently not attached has
 * a gap in its history.
 *
 * Pure functions; no Qt.
 */
#pragma once

#include "helper/base/result.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dormouse {

inline constexpr char kAttachConfigPath[] = "/etc/dormouse/attach.conf";
inline constexpr std::size_t kMaxAttachConfigBytes = 1 << 20;

struct AttachEntry
{
    std::array<std::uint8_t, 16> volumeId{};
    std::string fsUuid;
    std::string fsType;
    std::uint64_t superblockOffsetBytes = 0;
    std::uint64_t superblockOffsetBBytes = 0;
    std::string storeDevice; ///< empty = the volume's own

    friend bool operator==(const AttachEntry&, const AttachEntry&) = default;
};

[[nodiscard]] std::string formatAttachConfig(const std::vector<AttachEntry>& entries);
[[nodiscard]] Result<std::vector<AttachEntry>> parseAttachConfig(std::string_view text);

[[nodiscard]] std::string volumeIdText(const std::array<std::uint8_t, 16>& id);

} // namespace dormouse
