// SPDX-License-Identifier: GPL-3.0-or-later
//
// dormouse-attach: gives the volumes of /etc/dormouse/attach.conf back to the
// kernel module before they are mounted, so that no write of this boot is missed.
//
//   dormouse-attach --all             every volume of the list that is present
//   dormouse-attach --device /dev/X   the one on this device, if it is in the list
//                                     (called by udev, before others see the device)
//   --config FILE                     another list
//
// Prints one line a volume. Exit code: 0 = every volume that is present is
// attached; 1 = at least one is not; 2 = wrong usage. It never waits for a
// device and never takes long: a boot must not hang on a backup program.
#include "helper/attach/attach_config.h"
#include "helper/attach/device_finder.h"
#include "helper/base/unique_fd.h"
#include "kmod/uapi/dormouse_ioctl.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>

#include <fcntl.h>
#include <getopt.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

namespace dormouse {
namespace {

struct Options
{
    bool isAll = false;
    std::string device;
    std::string configPath = kAttachConfigPath;
};

Result<std::string> readList(const std::string& path)
{
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd)
        return failErrno("cannot open " + path);
    std::string text(kMaxAttachConfigBytes, '\0');
    std::size_t length = 0;
    while (length < text.size()) {
        const ssize_t got = ::read(fd.get(), text.data() + length, text.size() - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return failErrno("cannot read " + path);
        if (got == 0)
            break;
        length += static_cast<std::size_t>(got);
    }
    text.resize(length);
    return text;
}

// The module may not be loaded yet: nothing else asks for it this early.
void loadModule()
{
    char program[] = "modprobe";
    char quiet[] = "-q";
    char module[] = "dormouse";
    char* const arguments[] = {program, quiet, module, nullptr};
    char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    char* const environment[] = {path, nullptr};
    pid_t child = 0;
    for (const char* place : {"/usr/sbin/modprobe", "/sbin/modprobe"}) {
        if (::posix_spawn(&child, place, nullptr, nullptr, arguments, environment) == 0) {
            int status = 0;
            while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
            }
            return;
        }
    }
}

Result<UniqueFd> openControl()
{
    UniqueFd control(::open(DORMOUSE_CONTROL_PATH, O_RDWR | O_CLOEXEC));
    if (!control && errno == ENOENT) {
        loadModule();
        control.reset(::open(DORMOUSE_CONTROL_PATH, O_RDWR | O_CLOEXEC));
    }
    if (!control)
        return failErrno("the kernel module is not there");
    dormouse_info info{};
    info.size = sizeof(info);
    if (::ioctl(control.get(), DORMOUSE_IOC_INFO, &info) != 0)
        return failErrno("the kernel module does not answer");
    if (info.abi != DORMOUSE_ABI)
        return fail(Error::Code::Unsupported, "the kernel module is of another version");
    return control;
}

bool isAttached(int control, const AttachEntry& entry)
{
    std::uint32_t handles[256];
    dormouse_list list{};
    list.size = sizeof(list);
    list.capacity = std::size(handles);
    list.handles = reinterpret_cast<std::uintptr_t>(handles);
    if (::ioctl(control, DORMOUSE_IOC_LIST, &list) != 0)
        return false;
    return std::any_of(handles, handles + list.nr, [&](std::uint32_t handle) {
        dormouse_status status{};
        status.size = sizeof(status);
        status.handle = handle;
        return ::ioctl(control, DORMOUSE_IOC_STATUS, &status) == 0 &&
               status.state != DORMOUSE_STATE_GONE &&
               std::equal(entry.volumeId.begin(), entry.volumeId.end(), status.volume_id);
    });
}

std::uint32_t fileSystem(const std::string& type)
{
    if (type == "ext4")
        return DORMOUSE_FS_EXT4;
    return type == "xfs" ? DORMOUSE_FS_XFS : DORMOUSE_FS_OTHER;
}

void report(const AttachEntry& entry, const std::string& what)
{
    std::printf("volume %s (%s): %s\n", volumeIdText(entry.volumeId).c_str(), entry.fsUuid.c_str(),
                what.c_str());
}

/// The device that an external store is on, if it is there and in no doubt.
std::optional<std::string> findStore(const AttachEntry& entry,
                                     const std::vector<FoundDevice>& devices)
{
    std::optional<std::string> found;
    for (const FoundDevice& device : devices) {
        const bool isIt = entry.storeDevice == "device"
                              ? device.storeOf && device.storeOf->bytes == entry.volumeId
                              : device.fsUuid == entry.storeDevice;
        if (isIt && found)
            return std::nullopt;
        if (isIt)
            found = device.path;
    }
    return found;
}

bool attach(int control, const AttachEntry& entry, const std::string& device,
            const std::vector<FoundDevice>& devices)
{
    if (isAttached(control, entry)) {
        report(entry, "attached already");
        return true;
    }
    const UniqueFd fd(::open(device.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat info
    {
    };
    if (!fd || ::fstat(fd.get(), &info) != 0 || !S_ISBLK(info.st_mode)) {
        report(entry, "NOT attached: cannot open " + device + ": " + std::strerror(errno));
        return false;
    }
    dormouse_attach request{};
    request.size = sizeof(request);
    request.device_fd = fd.get();
    request.fs = fileSystem(entry.fsType);
    request.superblock_offset = entry.superblockOffsetBytes;
    request.superblock_offset_b = entry.superblockOffsetBBytes;
    std::copy(entry.volumeId.begin(), entry.volumeId.end(), request.volume_id);
    UniqueFd store;
    if (!entry.storeDevice.empty()) {
        const auto path = findStore(entry, devices);
        if (path)
            store.reset(::open(path->c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
        if (!store) {
            report(entry, "NOT attached on " + device +
                              (path ? ": cannot open " + *path : ": its store is not connected"));
            return false;
        }
        request.flags = DORMOUSE_ATTACH_EXTERNAL;
        request.store_fd = store.get();
    }
    if (::ioctl(control, DORMOUSE_IOC_ATTACH, &request) != 0) {
        const int error = errno;
        request.reason[sizeof(request.reason) - 1] = '\0';
        // The helper may have been quicker.
        if (isAttached(control, entry)) {
            report(entry, "attached already");
            return true;
        }
        report(entry, "NOT attached on " + device + ": " + std::strerror(error) +
                          (request.reason[0] != '\0' ? std::string("; ") + request.reason : ""));
        return false;
    }
    request.reason[sizeof(request.reason) - 1] = '\0';
    if (request.state == DORMOUSE_STATE_UNVERIFIED)
        report(entry, "attached on " + device + ", unverified: " + request.reason);
    else
        report(entry, "attached on " + device);
    return true;
}

bool concerns(const AttachEntry& entry, const FoundDevice& device)
{
    if (device.storeOf)
        return device.storeOf->bytes == entry.volumeId;
    return !device.fsUuid.empty() &&
           (device.fsUuid == entry.fsUuid || device.fsUuid == entry.storeDevice);
}

int run(const Options& options)
{
    const auto text = readList(options.configPath);
    if (!text && text.error().code == Error::Code::NotFound)
        return 0; // nothing is protected
    auto entries = text ? parseAttachConfig(*text) : tl::unexpected(text.error());
    if (!entries) {
        std::fprintf(stderr, "dormouse-attach: %s: %s. No volume was attached.\n",
                     options.configPath.c_str(), entries.error().message.c_str());
        return 1;
    }
    // A volume that has another one's store comes before that.
    std::stable_partition(entries->begin(), entries->end(),
                          [](const AttachEntry& entry) { return entry.storeDevice.empty(); });
    std::vector<FoundDevice> devices;
    if (options.isAll) {
        devices = findDevices();
    } else if (isCandidate(options.device.substr(options.device.rfind('/') + 1))) {
        // One of ours, or what the store of one is on? Then all must be looked for: its like
        // (see the clones below), its store, or the volume that the store is of.
        const FoundDevice named = probeDevice(options.device);
        std::erase_if(*entries, [&named](const AttachEntry& entry) {
            return !concerns(entry, named);
        });
        if (!entries->empty())
            devices = findDevices();
    }

    std::optional<UniqueFd> control;
    bool isGood = true;
    for (const AttachEntry& entry : *entries) {
        std::vector<std::string> holders;
        for (const FoundDevice& device : devices) {
            if (device.fsUuid == entry.fsUuid)
                holders.push_back(device.path);
        }
        if (holders.empty()) {
            if (options.isAll)
                report(entry, "not present");
            continue;
        }
        if (!control) {
            auto opened = openControl();
            if (!opened) {
                std::fprintf(stderr, "dormouse-attach: %s. What is written now is not recorded.\n",
                             opened.error().message.c_str());
                return 1;
            }
            control = std::move(*opened);
        }
        if (holders.size() > 1 && !isAttached(control->get(), entry)) {
            // A clone: attaching the wrong one would give its history to the other.
            report(entry, "NOT attached: " + holders[0] + " and " + holders[1] +
                              " hold the same file system; remove one of them");
            isGood = false;
            continue;
        }
        isGood = attach(control->get(), entry, holders[0], devices) && isGood;
    }
    return isGood ? 0 : 1;
}

} // namespace
} // namespace dormouse

int main(int argc, char** argv)
{
    const option longOptions[] = {{"all", no_argument, nullptr, 'a'},
                                  {"device", required_argument, nullptr, 'd'},
                                  {"config", required_argument, nullptr, 'c'},
                                  {nullptr, 0, nullptr, 0}};
    dormouse::Options options;
    for (int c = 0; (c = ::getopt_long(argc, argv, "", longOptions, nullptr)) != -1;) {
        switch (c) {
        case 'a':
            options.isAll = true;
            break;
        case 'd':
            options.device = optarg;
            break;
        case 'c':
            options.configPath = optarg;
            break;
        default:
            return 2;
        }
    }
    if (optind != argc || options.isAll == !options.device.empty()) {
        std::fprintf(stderr, "usage: dormouse-attach --all | --device DEVICE [--config FILE]\n");
        return 2;
    }
    return dormouse::run(options);
}
