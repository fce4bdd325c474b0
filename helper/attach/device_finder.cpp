// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/attach/device_finder.h"

#include "helper/snapshot/store_label.h"

#include <blkid/blkid.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <string_view>

namespace dormouse {

namespace {

namespace fs = std::filesystem;

const fs::path kClassBlock = "/sys/class/block";

struct FreeProbe
{
    void operator()(blkid_probe probe) const { blkid_free_probe(probe); }
};
using Probe = std::unique_ptr<std::remove_pointer_t<blkid_probe>, FreeProbe>;

std::string value(const Probe& probe, const char* name)
{
    const char* text = nullptr;
    if (blkid_probe_lookup_value(probe.get(), name, &text, nullptr) != 0 || text == nullptr)
        return {};
    return text;
}

} // namespace

FoundDevice probeDevice(const std::string& path)
{
    FoundDevice found{path, {}, {}, {}};
    const Probe probe(blkid_new_probe_from_filename(path.c_str()));
    if (!probe)
        return found;
    blkid_probe_enable_superblocks(probe.get(), 1);
    blkid_probe_set_superblocks_flags(probe.get(), BLKID_SUBLKS_UUID | BLKID_SUBLKS_TYPE);
    if (blkid_do_safeprobe(probe.get()) == 0) {
        found.fsUuid = value(probe, "UUID");
        found.fsType = value(probe, "TYPE");
    }
    if (found.fsUuid.empty())
        found.storeOf = storeLabelOf(path);
    return found;
}

bool isCandidate(const std::string& kernelName)
{
    constexpr std::array<std::string_view, 5> kLeftOut{"dormouse", "ram", "zram", "sr", "fd"};
    if (std::any_of(kLeftOut.begin(), kLeftOut.end(),
                    [&](std::string_view prefix) { return kernelName.starts_with(prefix); }))
        return false;
    std::error_code error;
    const fs::path holders = kClassBlock / kernelName / "holders";
    return fs::is_empty(holders, error) || error;
}

std::vector<FoundDevice> findDevices()
{
    std::vector<FoundDevice> all;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(kClassBlock, error)) {
        const std::string name = entry.path().filename();
        if (!isCandidate(name))
            continue;
        // The kernel writes "!" where the device's name has "/" (cciss!c0d0).
        std::string node = name;
        std::replace(node.begin(), node.end(), '!', '/');
        FoundDevice found = probeDevice("/dev/" + node);
        if (!found.fsUuid.empty() || found.storeOf)
            all.push_back(std::move(found));
    }
    return all;
}

} // namespace dormouse
