// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The file that holds a store's room. Private to the library: see store_setup.h.
 *
 * Owns the open file; remove() or abandon() by destruction unless keep() was
 * called. All names are resolved by descriptors beneath the root of a mount
 * that the caller made, without following symbolic links.
 */
#pragma once

#include "helper/base/extent_list.h"
#include "helper/base/id.h"
#include "helper/base/result.h"
#include "helper/base/unique_fd.h"

#include <array>
#include <functional>
#include <stop_token>
#include <string>

namespace dormouse {

inline constexpr char kStoreFolder[] = ".dormouse";
inline constexpr char kStoreFile[] = "store";

/// The name of the file with another volume's store.
[[nodiscard]] std::string storeFileOf(const Id128& volumeId);

/// A part of the file that lies in one piece on the device.
struct StorePiece
{
    std::uint64_t fileOffsetBytes = 0;
    Extent extent; ///< whole store blocks

    friend bool operator==(const StorePiece&, const StorePiece&) = default;
};

[[nodiscard]] ExtentList extentsOf(const std::vector<StorePiece>& pieces);

/// A proof record at this place of a file or device, which is open with O_DIRECT; not yet
/// durable.
[[nodiscard]] Result<void> writeProof(int fd, std::uint64_t offsetBytes, const Id128& volumeId,
                                      ByteView nonce, std::uint32_t index);

class StoreFile
{
public:
    /// A new, empty one. Exists if there is one: it may be in use.
    [[nodiscard]] static Result<StoreFile> create(int rootFd, const std::string& name);
    /// One that is there, to ask for its extents; it stays when this goes.
    [[nodiscard]] static Result<StoreFile> openExisting(int rootFd, const std::string& name);
    /// One that is there, to be proved again. Removed unless keep() is called.
    [[nodiscard]] static Result<StoreFile> reopen(int rootFd, const std::string& name);
    /// Takes away what an earlier store left. Fine if there is none.
    [[nodiscard]] static Result<void> remove(int rootFd, const std::string& name);

    StoreFile(StoreFile&&) = default;
    StoreFile& operator=(StoreFile&&) = delete;
    /// Removes the file unless keep() was called.
    ~StoreFile();

    [[nodiscard]] Result<std::uint64_t> sizeBytes() const;

    /// Allocates more behind its end, durably; what lies there now is left as it is.
    [[nodiscard]] Result<void> extendTo(std::uint64_t bytes) const;
    /// Gives back what lies behind.
    [[nodiscard]] Result<void> cutTo(std::uint64_t bytes) const;

    /// Allocates and writes zeros from `from` up to `bytes`, durably.
    [[nodiscard]] Result<void>
    fill(std::uint64_t from, std::uint64_t bytes, const std::stop_token& stop,
         const std::function<void(std::uint64_t, std::uint64_t)>& progress) const;

    /// Where it lies on the device, in file order. Refuses what cannot be pinned.
    /// On a file system with smaller blocks than the store's, the edges of pieces
    /// that are not aligned are left unused.
    [[nodiscard]] Result<std::vector<StorePiece>> pieces() const;

    /// A proof record at the start of each piece, durably.
    [[nodiscard]] Result<void> writeProofs(const std::vector<StorePiece>& pieces,
                                           const Id128& volumeId, ByteView nonce) const;

    [[nodiscard]] Result<void> makeImmutable() const;
    [[nodiscard]] Result<void> makeMutable() const;

    /// Everything so far can no longer be replayed from the journal.
    [[nodiscard]] Result<void> settle() const;

    void keep() { m_isKept = true; }

private:
    StoreFile(UniqueFd root, std::string name, UniqueFd file)
        : m_root(std::move(root)), m_name(std::move(name)), m_file(std::move(file))
    {
    }

    UniqueFd m_root;
    std::string m_name;
    UniqueFd m_file;
    bool m_isKept = false;
};

} // namespace dormouse
