// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/snapshot/volume_probe.h"

#include "helper/base/unique_fd.h"

#include <blkid/blkid.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace dormouse {
namespace {

namespace fs = std::filesystem;

const fs::path kClassBlock = "/sys/class/block";
constexpr std::uint64_t kSmallestBytes = 64u << 20;

struct FreeProbe
{
    void operator()(blkid_probe probe) const { blkid_free_probe(probe); }
};
using Probe = std::unique_ptr<std::remove_pointer_t<blkid_probe>, FreeProbe>;

struct Mounts
{
    std::vector<std::string> rootMountPoints;
    bool isReadOnly = false;
};

std::string firstLine(const fs::path& path)
{
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

/// mountinfo writes blanks, tabs, newlines and backslashes as \ooo.
std::string unescape(std::string_view text)
{
    const auto isOctal = [](char c) { return c >= '0' && c <= '7'; };
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 3 < text.size() && isOctal(text[i + 1]) &&
            isOctal(text[i + 2]) && isOctal(text[i + 3])) {
            plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                       (text[i + 3] - '0'));
            i += 3;
        } else {
            plain += text[i];
        }
    }
    return plain;
}

std::map<std::string, Mounts> readMounts()
{
    std::map<std::string, Mounts> mounts;
    std::ifstream file("/proc/self/mountinfo");
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string id, parent, device, root, point, options, word;
        words >> id >> parent >> device >> root >> point >> options;
        while (words >> word && word != "-") {
        }
        std::string type, source, superOptions;
        words >> type >> source >> superOptions;
        Mounts& of = mounts[device];
        if (root == "/")
            of.rootMountPoints.push_back(unescape(point));
        of.isReadOnly = superOptions == "ro" || superOptions.starts_with("ro,");
    }
    for (auto& [device, of] : mounts) {
        std::stable_sort(of.rootMountPoints.begin(), of.rootMountPoints.end(),
                         [](const auto& a, const auto& b) { return a.size() < b.size(); });
    }
    return mounts;
}

bool isUsable(const std::string& name)
{
    constexpr std::array<std::string_view, 5> kPrefixes{"dormouse", "ram", "zram", "sr", "fd"};
    if (std::any_of(kPrefixes.begin(), kPrefixes.end(),
                    [&](std::string_view prefix) { return name.starts_with(prefix); }))
        return false;
    std::error_code error;
    const fs::path holders = kClassBlock / name / "holders";
    if (fs::exists(holders, error) && !fs::is_empty(holders, error))
        return false;
    // Loop devices are somebody's disk image, and browsing makes some of them.
    return !name.starts_with("loop") && firstLine(kClassBlock / name / "size") != "0";
}

std::string value(const Probe& probe, const char* name)
{
    const char* text = nullptr;
    if (blkid_probe_lookup_value(probe.get(), name, &text, nullptr) != 0 || text == nullptr)
        return {};
    return text;
}

std::string parentDiskOf(const std::string& name)
{
    std::error_code error;
    if (!fs::exists(kClassBlock / name / "partition", error))
        return name;
    const fs::path real = fs::canonical(kClassBlock / name, error);
    return error ? name : real.parent_path().filename().string();
}

std::string refusalOf(const ProbedVolume& volume, bool isDeviceReadOnly)
{
    if (volume.fsType != "ext4" && volume.fsType != "xfs")
        return "Dormouse protects ext4 and XFS so far; this file system is " + volume.fsType + ".";
    if (volume.fsUuid.empty())
        return "The file system has no UUID, by which it would be found again.";
    if (volume.sizeBytes < kSmallestBytes)
        return "The volume is too small to hold a store.";
    if (isDeviceReadOnly)
        return "The device cannot be written.";
    if (volume.mountPoints.empty())
        return "The volume is not mounted. Mount it, then protect it.";
    if (volume.isMountedReadOnly)
        return "The volume is mounted read-only. Mount it for writing, then protect it.";
    return {};
}

std::optional<ProbedVolume> probe(const std::string& name,
                                  const std::map<std::string, Mounts>& mounts)
{
    ProbedVolume volume;
    volume.kernelName = name;
    // The kernel writes "!" where the device's name has "/" (cciss!c0d0).
    volume.devicePath = "/dev/" + name;
    std::replace(volume.devicePath.begin(), volume.devicePath.end(), '!', '/');
    const UniqueFd fd(::open(volume.devicePath.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat info
    {
    };
    if (!fd || ::fstat(fd.get(), &info) != 0 || !S_ISBLK(info.st_mode))
        return std::nullopt;
    volume.deviceMajor = ::major(info.st_rdev);
    volume.deviceMinor = ::minor(info.st_rdev);

    const Probe blkid(blkid_new_probe());
    if (!blkid || blkid_probe_set_device(blkid.get(), fd.get(), 0, 0) != 0)
        return std::nullopt;
    blkid_probe_enable_superblocks(blkid.get(), 1);
    blkid_probe_set_superblocks_flags(blkid.get(), BLKID_SUBLKS_UUID | BLKID_SUBLKS_TYPE |
                                                       BLKID_SUBLKS_LABEL | BLKID_SUBLKS_USAGE);
    if (blkid_do_safeprobe(blkid.get()) != 0 || value(blkid, "USAGE") != "filesystem")
        return std::nullopt;
    volume.fsUuid = value(blkid, "UUID");
    volume.fsType = value(blkid, "TYPE");
    volume.label = value(blkid, "LABEL");
    volume.sizeBytes = static_cast<std::uint64_t>(blkid_probe_get_size(blkid.get()));
    volume.parentDisk = parentDiskOf(name);
    const auto found = mounts.find(firstLine(kClassBlock / name / "dev"));
    if (found != mounts.end()) {
        volume.mountPoints = found->second.rootMountPoints;
        volume.isMountedReadOnly = found->second.isReadOnly;
    }
    volume.refusal = refusalOf(volume, firstLine(kClassBlock / name / "ro") == "1");
    return volume;
}

} // namespace

Result<std::vector<ProbedVolume>> probeVolumes()
{
    const auto mounts = readMounts();
    std::vector<ProbedVolume> all;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(kClassBlock, error)) {
        const std::string name = entry.path().filename();
        if (!isUsable(name))
            continue;
        if (auto volume = probe(name, mounts))
            all.push_back(std::move(*volume));
    }
    if (error)
        return fail(Error::Code::Io, "cannot list block devices: " + error.message());
    std::sort(all.begin(), all.end(), [](const ProbedVolume& a, const ProbedVolume& b) {
        return a.kernelName < b.kernelName;
    });
    for (ProbedVolume& volume : all) {
        const auto twin = std::find_if(all.begin(), all.end(), [&](const ProbedVolume& other) {
            return &other != &volume && !other.fsUuid.empty() && other.fsUuid == volume.fsUuid;
        });
        if (twin != all.end() && volume.refusal.empty())
            volume.refusal = "The device " + twin->devicePath +
                             " holds the same file system (a clone). Remove one of them.";
    }
    return all;
}

bool isUsableDevice(const std::string& kernelName)
{
    return isUsable(kernelName);
}

Result<ProbedVolume> findVolume(const std::string& fsUuid)
{
    auto all = probeVolumes();
    if (!all)
        return tl::unexpected(all.error());
    ProbedVolume* found = nullptr;
    for (ProbedVolume& volume : *all) {
        if (volume.fsUuid != fsUuid)
            continue;
        if (found != nullptr)
            return fail(Error::Code::Busy, found->devicePath + " and " + volume.devicePath +
                                               " hold the same file system; remove one of them");
        found = &volume;
    }
    if (found == nullptr)
        return fail(Error::Code::NotFound, "the volume is not connected");
    return std::move(*found);
}

} // namespace dormouse
