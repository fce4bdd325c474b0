// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/snapshot/store_source.h"

#include <fcntl.h>
#include <unistd.h>

namespace dormouse {

Result<StoreSource> StoreSource::open(const std::string& path, std::uint64_t offsetBytes,
                                      std::uint64_t lengthBytes)
{
    StoreSource source;
    source.m_fd.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!source.m_fd)
        return failErrno(path);
    // The module writes beneath the page cache: what was read of a device before is old.
    (void)::posix_fadvise(source.m_fd.get(), 0, 0, POSIX_FADV_DONTNEED);
    const off_t end = lseek(source.m_fd.get(), 0, SEEK_END); // of files and block devices
    if (end < 0)
        return failErrno(path);
    const auto endBytes = static_cast<std::uint64_t>(end);
    if (offsetBytes > endBytes || lengthBytes > endBytes - offsetBytes)
        return fail(Error::Code::Invalid, path + " ends before that volume does");
    source.m_offsetBytes = offsetBytes;
    source.m_lengthBytes = lengthBytes != 0 ? lengthBytes : endBytes - offsetBytes;
    return source;
}

Result<void> StoreSource::read(std::uint64_t offsetBytes, MutableByteView into) const
{
    if (offsetBytes > m_lengthBytes || into.size() > m_lengthBytes - offsetBytes)
        return fail(Error::Code::Invalid, "a read beyond the end of the volume");
    std::size_t done = 0;
    while (done < into.size()) {
        const ssize_t count = pread(m_fd.get(), into.data() + done, into.size() - done,
                                    static_cast<off_t>(m_offsetBytes + offsetBytes + done));
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return failErrno("reading the volume");
        if (count == 0)
            return fail(Error::Code::Io, "the volume ended early");
        done += static_cast<std::size_t>(count);
    }
    return {};
}

} // namespace dormouse
