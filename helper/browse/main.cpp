// SPDX-License-Identifier: GPL-3.0-or-later
//
// dormouse-browse: keeps one volume of one restore point mounted for one user.
//
//   dormouse-browse SESSION   serve the request of that name (browse_request.h)
//   dormouse-browse --clean   take away what killed ones left
//
// It ends, unmounting, on SIGTERM or SIGINT, when the mount was taken away, or
// after some time in which nobody used it. Exit code 0 unless nothing was mounted.
#include "helper/base/log.h"
#include "helper/browse/backup_image.h"
#include "helper/browse/browse_mount.h"
#include "helper/repository/directory_backend.h"
#include "helper/repository/repository.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string_view>

#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>

namespace dormouse {
namespace {

constexpr int kLookMilliseconds = 5000;

Result<std::unique_ptr<BackupView>> openBackup(const BrowseRequest::Backup& wish)
{
    auto directory = Directory::open(wish.repositoryPath);
    if (!directory)
        return addContext(directory.error(), "the repository is not there");
    Unlock unlock{Unlock::StoredKey{wish.key.clone()}};
    const auto repository =
        Repository::open(std::make_shared<DirectoryBackend>(std::move(*directory)), unlock);
    if (!repository)
        return tl::unexpected(repository.error());
    const auto record = (*repository)->readRecord(wish.recordId);
    if (!record)
        return tl::unexpected(record.error());
    BackupView::Options options;
    options.blockCacheBytes = 32u << 20;
    return (*repository)->openView(*record, wish.volumeId, options);
}

/// Until it is time to go.
void keepMounted(BrowseMount& mount, int signalFd, std::uint32_t idleSeconds)
{
    using Clock = std::chrono::steady_clock;
    // Unused at two looks in a row: half of the time is between them.
    const auto between = std::chrono::seconds(std::max(1u, idleSeconds / 2));
    auto next = Clock::now() + between;
    for (;;) {
        pollfd waiting{signalFd, POLLIN, 0};
        if (::poll(&waiting, 1, kLookMilliseconds) > 0 || !mount.isThere())
            return;
        if (idleSeconds != 0 && Clock::now() >= next) {
            next = Clock::now() + between;
            if (mount.unmountIfUnused())
                return;
        }
    }
}

Result<void> serve(const Id128& sessionId, int signalFd)
{
    auto request = takeBrowseRequest(sessionId);
    if (!request)
        return tl::unexpected(request.error());
    std::unique_ptr<BackupImage> image;
    std::string devicePath = request->devicePath;
    if (request->backup) {
        auto view = openBackup(*request->backup);
        request->backup->key = Secret();
        if (!view)
            return tl::unexpected(view.error());
        auto made = BackupImage::create(std::move(*view));
        if (!made)
            return tl::unexpected(made.error());
        image = std::move(*made);
        devicePath = image->devicePath();
    }
    auto mount = BrowseMount::create(*request, devicePath);
    if (!mount)
        return tl::unexpected(mount.error());
    if (image)
        image->releaseDevice();
    if (const auto told = writeBrowseAnswer(sessionId, {mount->path(), {}}); !told)
        return told;
    ::sd_notify(0, "READY=1");
    keepMounted(*mount, signalFd, request->idleSeconds);
    ::sd_notify(0, "STOPPING=1");
    return {}; // unmounts, then ends the image
}

int run(std::string_view session)
{
    const auto sessionId = Id128::fromHex(session);
    if (!sessionId) {
        std::fprintf(stderr, "dormouse-browse: this is not the name of a session\n");
        return 2;
    }
    ::prctl(PR_SET_DUMPABLE, 0); // it holds a key
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGTERM);
    ::sigaddset(&signals, SIGINT);
    ::sigprocmask(SIG_BLOCK, &signals, nullptr); // before there are threads
    const UniqueFd signalFd(::signalfd(-1, &signals, SFD_CLOEXEC));

    const auto served = serve(*sessionId, signalFd.get());
    if (served)
        return 0;
    logError("cannot show a restore point: " + served.error().message);
    (void)writeBrowseAnswer(*sessionId, {{}, served.error().message});
    return 1;
}

} // namespace
} // namespace dormouse

int main(int argc, char** argv)
{
    if (argc == 2 && std::string_view(argv[1]) == "--clean") {
        dormouse::cleanBrowseMounts();
        return 0;
    }
    if (argc != 2) {
        std::fprintf(stderr, "usage: dormouse-browse SESSION | --clean\n");
        return 2;
    }
    return dormouse::run(argv[1]);
}
