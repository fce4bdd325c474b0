// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/snapshot/store_device.h"

#include "helper/base/unique_fd.h"
#include "helper/snapshot/store_label.h"
#include "helper/snapshot/volume_probe.h"

#include <blkid/blkid.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
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

/// A file system, a partition table, a member of something: whatever libblkid knows.
bool isSomethingOn(int fd)
{
    const std::unique_ptr<std::remove_pointer_t<blkid_probe>, FreeProbe> probe(blkid_new_probe());
    if (!probe || blkid_probe_set_device(probe.get(), fd, 0, 0) != 0)
        return true;
    blkid_probe_enable_superblocks(probe.get(), 1);
    blkid_probe_enable_partitions(probe.get(), 1);
    return blkid_do_safeprobe(probe.get()) != 1; // 1: nothing; -2: more than one thing
}

Result<StoreDevice> look(const std::string& kernelName)
{
    StoreDevice device;
    device.kernelName = kernelName;
    // The kernel writes "!" where the device's name has "/" (cciss!c0d0).
    device.devicePath = "/dev/" + kernelName;
    std::replace(device.devicePath.begin(), device.devicePath.end(), '!', '/');
    if (!isUsableDevice(kernelName))
        return fail(Error::Code::Unsupported,
                    device.devicePath + " cannot hold a store: another device is built upon it, "
                                        "or it is not a disk");
    const UniqueFd fd(::open(device.devicePath.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat info
    {
    };
    int isReadOnly = 0;
    if (!fd || ::fstat(fd.get(), &info) != 0 || !S_ISBLK(info.st_mode) ||
        ::ioctl(fd.get(), BLKGETSIZE64, &device.sizeBytes) != 0 ||
        ::ioctl(fd.get(), BLKROGET, &isReadOnly) != 0)
        return failErrno("cannot look at " + device.devicePath);
    device.deviceMajor = ::major(info.st_rdev);
    device.deviceMinor = ::minor(info.st_rdev);
    if (isReadOnly != 0)
        return fail(Error::Code::Unsupported, device.devicePath + " cannot be written");
    if (device.sizeBytes < kSmallestBytes)
        return fail(Error::Code::Unsupported, device.devicePath + " is too small for a store");
    if (isSomethingOn(fd.get()))
        return fail(Error::Code::Unsupported,
                    "something is on " + device.devicePath +
                        " already; a store takes all of its device. Nothing was changed");
    device.volumeId = storeLabelOf(device.devicePath);
    return device;
}

} // namespace

Result<StoreDevice> findStoreDevice(const std::string& path)
{
    struct stat info
    {
    };
    if (!path.starts_with("/dev/") || ::stat(path.c_str(), &info) != 0 || !S_ISBLK(info.st_mode))
        return fail(Error::Code::Invalid, path + " is not a block device");
    const std::string name = kernelNameOf(::major(info.st_rdev), ::minor(info.st_rdev));
    if (name.empty())
        return fail(Error::Code::Gone, path + " is not there any more");
    return look(name);
}

std::string kernelNameOf(std::uint32_t deviceMajor, std::uint32_t deviceMinor)
{
    std::error_code error;
    const fs::path real = fs::canonical(
        "/sys/dev/block/" + std::to_string(deviceMajor) + ":" + std::to_string(deviceMinor), error);
    return error ? std::string() : real.filename().string();
}

Result<StoreDevice> findStoreOf(const Id128& volumeId)
{
    std::optional<StoreDevice> found;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(kClassBlock, error)) {
        auto device = look(entry.path().filename());
        if (!device || device->volumeId != volumeId)
            continue;
        if (found)
            return fail(Error::Code::Busy, found->devicePath + " and " + device->devicePath +
                                               " hold the same store; remove one of them");
        found = std::move(*device);
    }
    if (!found)
        return fail(Error::Code::NotFound, "the disk that its store is on is not connected");
    return std::move(*found);
}

bool liesAbove(const std::string& upperKernelName, const std::string& lowerKernelName)
{
    if (upperKernelName == lowerKernelName)
        return true;
    std::error_code error;
    const fs::path upper = kClassBlock / upperKernelName;
    // A partition is a part of its disk, and lies above what that is built upon.
    if (fs::exists(upper / "partition", error)) {
        const fs::path real = fs::canonical(upper, error);
        return !error && liesAbove(real.parent_path().filename(), lowerKernelName);
    }
    const fs::directory_iterator slaves(upper / "slaves", error);
    return !error && std::any_of(begin(slaves), end(slaves), [&](const auto& slave) {
        return liesAbove(slave.path().filename(), lowerKernelName);
    });
}

} // namespace dormouse
