// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The cryptography of format 1, all of it. Internal to the library.
 *
 * Keyed BLAKE2b-256 names blocks; XChaCha20-Poly1305 with a random 24-byte nonce
 * seals everything. Both from libsodium, about 1 GB/s a core without any special
 * hardware, where zstd is slower and so are most disks. AES-256-GCM is faster
 * with hardware, but its 12-byte nonces would have to be counted across writers
 * that do not know of each other.
 *
 * Threads: everything const may be used from several threads at once.
 */
#pragma once

#include "helper/base/secret.h"
#include "helper/repository/format.h"

namespace dormouse {

/// The subkeys of a master key, in locked memory.
class Keys
{
public:
    explicit Keys(const Secret& master);

    [[nodiscard]] const std::uint8_t* key(format::Subkey which) const;

    /// The name of a block or a map node.
    [[nodiscard]] Hash256 objectId(format::ObjectKind kind, ByteView plain) const;

    /// nonce | ciphertext | tag.
    [[nodiscard]] Bytes seal(format::Subkey which, ByteView associated, ByteView plain) const;

    /// What seal() was given; Corrupt if a bit of anything differs.
    [[nodiscard]] Result<Bytes> unseal(format::Subkey which, ByteView associated,
                                       ByteView sealed) const;

    /// What makes the stored form of an object. Pure; the expensive part of a backup.
    [[nodiscard]] Bytes encodeObject(format::ObjectKind kind, const Hash256& id, ByteView plain,
                                     int compressionLevel) const;

    /// Authenticates, decompresses, and compares the hash with the id.
    [[nodiscard]] Result<Bytes> decodeObject(format::ObjectKind kind, const Hash256& id,
                                             ByteView stored) const;

private:
    Secret m_subkeys;
};

/// The same with any key, and with a nonce of the caller's where one is given
/// (test vectors; a nonce must never be used twice with a key).
[[nodiscard]] Bytes sealWithKey(const std::uint8_t* key, ByteView associated, ByteView plain,
                                const std::uint8_t* nonce = nullptr);
/// Into memory of the caller's, so that keys never pass through ordinary memory.
[[nodiscard]] bool unsealWithKey(const std::uint8_t* key, ByteView associated, ByteView sealed,
                                 std::uint8_t* plain);

/// BLAKE2b-256, without a key or with one of 16 to 64 bytes.
[[nodiscard]] Hash256 hash256(ByteView bytes, ByteView key = {});

/// Every byte zero?
[[nodiscard]] bool isAllZero(ByteView bytes);

} // namespace dormouse
