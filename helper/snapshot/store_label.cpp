// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/snapshot/store_label.h"

#include "helper/base/unique_fd.h"
#include "kmod/uapi/dormouse_format.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

#include <endian.h>
#include <fcntl.h>
#include <unistd.h>

namespace dormouse {

namespace {

struct FreeMemory
{
    void operator()(void* memory) const { std::free(memory); }
};

} // namespace

std::optional<Id128> storeLabelOf(const std::string& devicePath)
{
    const UniqueFd fd(::open(devicePath.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC | O_NONBLOCK));
    const std::unique_ptr<void, FreeMemory> block(
        std::aligned_alloc(DORMOUSE_STORE_BLOCK, DORMOUSE_STORE_BLOCK));
    if (!fd || !block ||
        ::pread(fd.get(), block.get(), DORMOUSE_STORE_BLOCK, 0) != ssize_t{DORMOUSE_STORE_BLOCK})
        return std::nullopt;
    dormouse_disk_super super{};
    std::memcpy(&super, block.get(), sizeof(super));
    if (le64toh(super.magic) != DORMOUSE_SUPER_MAGIC ||
        (le32toh(super.incompatible) & DORMOUSE_FEATURE_EXTERNAL) == 0)
        return std::nullopt;
    Id128 id;
    std::copy(std::begin(super.volume_id), std::end(super.volume_id), id.bytes.begin());
    return id;
}

} // namespace dormouse
