// SPDX-License-Identifier: GPL-3.0-or-later
#define FUSE_USE_VERSION 314
#include "helper/browse/backup_image.h"

#include "helper/base/log.h"

#include <chrono>
#include <cstring>
#include <future>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

namespace dormouse {
namespace {

constexpr char kFileName[] = "volume.img";
constexpr fuse_ino_t kFileInode = 2;
constexpr int kPatienceSeconds = 3;
constexpr double kForeverSeconds = 1e6; // a backup never changes

const BackupView& viewOf(fuse_req_t request)
{
    return *static_cast<const BackupView*>(fuse_req_userdata(request));
}

struct stat attributesOf(fuse_req_t request, fuse_ino_t inode)
{
    struct stat info
    {
    };
    info.st_ino = inode;
    if (inode == kFileInode) {
        info.st_mode = S_IFREG | 0400;
        info.st_nlink = 1;
        info.st_size = static_cast<off_t>(viewOf(request).size());
    } else {
        info.st_mode = S_IFDIR | 0500;
        info.st_nlink = 2;
    }
    return info;
}

void lookup(fuse_req_t request, fuse_ino_t parent, const char* name)
{
    if (parent != FUSE_ROOT_ID || std::strcmp(name, kFileName) != 0) {
        fuse_reply_err(request, ENOENT);
        return;
    }
    fuse_entry_param entry{};
    entry.ino = kFileInode;
    entry.attr = attributesOf(request, kFileInode);
    entry.attr_timeout = kForeverSeconds;
    entry.entry_timeout = kForeverSeconds;
    fuse_reply_entry(request, &entry);
}

void getAttributes(fuse_req_t request, fuse_ino_t inode, fuse_file_info*)
{
    const struct stat info = attributesOf(request, inode);
    fuse_reply_attr(request, &info, kForeverSeconds);
}

void openFile(fuse_req_t request, fuse_ino_t inode, fuse_file_info* file)
{
    if (inode != kFileInode || (file->flags & O_ACCMODE) != O_RDONLY) {
        fuse_reply_err(request, EACCES);
        return;
    }
    file->keep_cache = 1;
    fuse_reply_open(request, file);
}

void readFile(fuse_req_t request, fuse_ino_t, std::size_t bytes, off_t offset, fuse_file_info*)
{
    const BackupView& view = viewOf(request);
    const auto from = static_cast<std::uint64_t>(offset);
    if (from >= view.size()) {
        fuse_reply_buf(request, nullptr, 0);
        return;
    }
    std::vector<std::uint8_t> buffer(std::min<std::uint64_t>(bytes, view.size() - from));
    if (const auto done = view.read(from, buffer); !done) {
        logWarning("a backup that is being looked at could not be read: " + done.error().message);
        fuse_reply_err(request, EIO);
        return;
    }
    fuse_reply_buf(request, reinterpret_cast<const char*>(buffer.data()), buffer.size());
}

constexpr fuse_lowlevel_ops makeOperations()
{
    fuse_lowlevel_ops operations{};
    operations.lookup = lookup;
    operations.getattr = getAttributes;
    operations.open = openFile;
    operations.read = readFile;
    return operations;
}

constexpr fuse_lowlevel_ops kOperations = makeOperations();

/// A FUSE file system in no name space; `channel` is its /dev/fuse.
Result<UniqueFd> mountFuse(const UniqueFd& channel)
{
    const UniqueFd context(::fsopen("fuse", FSOPEN_CLOEXEC));
    if (!context)
        return failErrno("cannot use FUSE");
    const auto set = [&](const char* key, const std::string& value) {
        return ::fsconfig(context.get(), FSCONFIG_SET_STRING, key, value.c_str(), 0) == 0;
    };
    const bool isSet = set("source", "dormouse") && set("fd", std::to_string(channel.get())) &&
                       set("rootmode", "40000") && set("user_id", "0") && set("group_id", "0") &&
                       ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0;
    if (!isSet)
        return failErrno("cannot set up FUSE");
    UniqueFd mount(
        ::fsmount(context.get(), FSMOUNT_CLOEXEC,
                  MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
    if (!mount)
        return failErrno("cannot mount with FUSE");
    return mount;
}

} // namespace

/// The FUSE side: a session, its threads, and the hidden mount.
class BackupImage::Server
{
public:
    explicit Server(std::unique_ptr<BackupView> view) : m_view(std::move(view)) {}
    ~Server();

    [[nodiscard]] Result<void> start();
    [[nodiscard]] Result<UniqueFd> openImage() const;

private:
    std::unique_ptr<BackupView> m_view;
    UniqueFd m_channel; // the session's copy is another descriptor
    UniqueFd m_mount;
    fuse_session* m_session = nullptr;
    std::thread m_thread;
    std::future<void> m_ended;
};

Result<void> BackupImage::Server::start()
{
    m_channel.reset(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
    if (!m_channel)
        return failErrno("cannot open /dev/fuse");
    auto mount = mountFuse(m_channel);
    if (!mount)
        return tl::unexpected(mount.error());
    m_mount = std::move(*mount);

    char program[] = "dormouse-browse";
    char* arguments[] = {program, nullptr};
    fuse_args args = FUSE_ARGS_INIT(1, arguments);
    m_session = fuse_session_new(&args, &kOperations, sizeof(kOperations), m_view.get());
    fuse_opt_free_args(&args);
    const std::string place = "/dev/fd/" + std::to_string(m_channel.get());
    if (m_session == nullptr || fuse_session_mount(m_session, place.c_str()) != 0)
        return fail(Error::Code::Internal, "cannot start the FUSE session");
    (void)m_channel.release(); // the session closes it
    std::promise<void> ended;
    m_ended = ended.get_future();
    m_thread = std::thread([session = m_session, ended = std::move(ended)]() mutable {
        fuse_loop_config* config = fuse_loop_cfg_create();
        fuse_loop_cfg_set_clone_fd(config, 0);
        fuse_session_loop_mt(session, config);
        fuse_loop_cfg_destroy(config);
        ended.set_value();
    });
    return {};
}

BackupImage::Server::~Server()
{
    // With its last user the file system goes, and with that the loop ends.
    if (m_session != nullptr)
        fuse_session_exit(m_session);
    m_mount.reset();
    if (!m_thread.joinable())
        return;
    if (m_ended.wait_for(std::chrono::seconds(kPatienceSeconds)) == std::future_status::ready) {
        m_thread.join();
        fuse_session_destroy(m_session);
    } else {
        // Somebody still has the device open, lazily unmounted. The threads answer
        // until the process ends, which is what destroys this: leave them theirs.
        logWarning("a browsed backup is still in use");
        m_thread.detach();
        (void)m_view.release();
    }
}

Result<UniqueFd> BackupImage::Server::openImage() const
{
    UniqueFd fd(::openat(m_mount.get(), kFileName, O_RDONLY | O_CLOEXEC));
    if (!fd)
        return failErrno("cannot open the backup's image");
    return fd;
}

BackupImage::BackupImage(std::unique_ptr<Server> server) : m_server(std::move(server)) {}

BackupImage::~BackupImage() = default;

Result<std::unique_ptr<BackupImage>> BackupImage::create(std::unique_ptr<BackupView> view)
{
    auto server = std::make_unique<Server>(std::move(view));
    if (const auto started = server->start(); !started)
        return tl::unexpected(started.error());
    std::unique_ptr<BackupImage> image(new BackupImage(std::move(server)));
    if (const auto made = image->makeDevice(); !made)
        return tl::unexpected(made.error());
    return image;
}

Result<void> BackupImage::makeDevice()
{
    const auto file = m_server->openImage();
    if (!file)
        return tl::unexpected(file.error());
    const UniqueFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
    if (!control)
        return failErrno("cannot use loop devices");
    // Somebody else may take the free one first.
    for (int attempt = 0; attempt < 32; ++attempt) {
        const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
        if (number < 0)
            return failErrno("there is no free loop device");
        m_devicePath = "/dev/loop" + std::to_string(number);
        m_loop.reset(::open(m_devicePath.c_str(), O_RDWR | O_CLOEXEC));
        if (!m_loop)
            return failErrno("cannot open " + m_devicePath);
        loop_config config{};
        config.fd = static_cast<__u32>(file->get());
        config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
        std::strncpy(reinterpret_cast<char*>(config.info.lo_file_name), "dormouse-backup",
                     LO_NAME_SIZE - 1);
        if (::ioctl(m_loop.get(), LOOP_CONFIGURE, &config) == 0)
            return {};
        if (errno != EBUSY)
            return failErrno("cannot set up " + m_devicePath);
    }
    return fail(Error::Code::Busy, "there is no free loop device");
}

} // namespace dormouse
