// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A volume of a backup as a read-only block device.
 *
 * A FUSE file system with one file, "volume.img", whose bytes come from a
 * BackupView; and a loop device over that file. The FUSE mount is in no name
 * space: nobody but this process can reach the file.
 *
 * The device goes away by itself when it is no longer mounted or open (loop's
 * AUTOCLEAR). When this object is destroyed while it is still in use, reads
 * fail from then on: take the mount down first.
 *
 * Owns a pool of threads that answer reads. Make it before the process blocks
 * in anything that reads the device. Needs /dev/fuse and /dev/loop-control.
 */
#pragma once

#include "helper/base/unique_fd.h"
#include "helper/repository/backup_view.h"

#include <memory>
#include <string>

namespace dormouse {

class BackupImage
{
public:
    [[nodiscard]] static Result<std::unique_ptr<BackupImage>>
    create(std::unique_ptr<BackupView> view);
    ~BackupImage();
    BackupImage(const BackupImage&) = delete;
    BackupImage& operator=(const BackupImage&) = delete;

    [[nodiscard]] const std::string& devicePath() const { return m_devicePath; }

    /// The device now lives only as long as whoever mounted it: call it then.
    void releaseDevice() { m_loop.reset(); }

private:
    class Server;
    explicit BackupImage(std::unique_ptr<Server> server);

    [[nodiscard]] Result<void> makeDevice();

    std::unique_ptr<Server> m_server;
    UniqueFd m_loop;
    std::string m_devicePath;
};

} // namespace dormouse
