// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/repository/crypto.h"

#include <sodium.h>
#include <zstd.h>

#include <cstdlib>
#include <memory>

namespace dormouse {

namespace {

constexpr std::size_t objectHeaderBytes = 8;
constexpr std::size_t subkeyCount = 9;

using CompressContext = std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)>;
using DecompressContext = std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)>;

ZSTD_CCtx* compressContext()
{
    thread_local CompressContext context(ZSTD_createCCtx(), &ZSTD_freeCCtx);
    return context.get();
}

ZSTD_DCtx* decompressContext()
{
    thread_local DecompressContext context(ZSTD_createDCtx(), &ZSTD_freeDCtx);
    return context.get();
}

std::array<std::uint8_t, 1 + format::hashBytes> objectAssociated(format::ObjectKind kind,
                                                                 const Hash256& id)
{
    std::array<std::uint8_t, 1 + format::hashBytes> associated{};
    associated[0] = static_cast<std::uint8_t>(kind);
    std::copy(id.begin(), id.end(), associated.begin() + 1);
    return associated;
}

format::Subkey sealKeyOf(format::ObjectKind kind)
{
    return kind == format::ObjectKind::Block ? format::Subkey::Block : format::Subkey::Node;
}

} // namespace

Keys::Keys(const Secret& master) : m_subkeys(subkeyCount * format::keyBytes)
{
    static_assert(crypto_kdf_KEYBYTES == format::keyBytes);
    if (master.size() != format::keyBytes)
        std::abort();
    for (std::size_t i = 0; i < subkeyCount; ++i)
        crypto_kdf_derive_from_key(m_subkeys.data() + i * format::keyBytes, format::keyBytes, i + 1,
                                   "dormouse", master.data());
}

const std::uint8_t* Keys::key(format::Subkey which) const
{
    return m_subkeys.data() + (static_cast<std::size_t>(which) - 1) * format::keyBytes;
}

Hash256 Keys::objectId(format::ObjectKind kind, ByteView plain) const
{
    const auto which =
        kind == format::ObjectKind::Block ? format::Subkey::BlockId : format::Subkey::NodeId;
    return hash256(plain, {key(which), format::keyBytes});
}

Bytes Keys::seal(format::Subkey which, ByteView associated, ByteView plain) const
{
    return sealWithKey(key(which), associated, plain);
}

Result<Bytes> Keys::unseal(format::Subkey which, ByteView associated, ByteView sealed) const
{
    if (sealed.size() < format::sealOverheadBytes)
        return fail(Error::Code::Corrupt, "too short to be authentic");
    Bytes plain(sealed.size() - format::sealOverheadBytes);
    if (!unsealWithKey(key(which), associated, sealed, plain.data()))
        return fail(Error::Code::Corrupt, "not authentic: damaged, or not of this repository");
    return plain;
}

Bytes Keys::encodeObject(format::ObjectKind kind, const Hash256& id, ByteView plain,
                         int compressionLevel) const
{
    Bytes inner(objectHeaderBytes + ZSTD_compressBound(plain.size()));
    const std::size_t compressed = ZSTD_compressCCtx(
        compressContext(), inner.data() + objectHeaderBytes, inner.size() - objectHeaderBytes,
        plain.data(), plain.size(), compressionLevel);
    auto codec = format::Codec::Zstd;
    std::size_t bodyBytes = compressed;
    if (ZSTD_isError(compressed) != 0 || compressed >= plain.size()) {
        codec = format::Codec::Stored;
        bodyBytes = plain.size();
        std::copy(plain.begin(), plain.end(), inner.begin() + objectHeaderBytes);
    }
    ByteWriter header;
    header.u8(static_cast<std::uint8_t>(codec));
    header.zeros(3);
    header.u32(static_cast<std::uint32_t>(plain.size()));
    std::copy(header.bytes().begin(), header.bytes().end(), inner.begin());
    return seal(sealKeyOf(kind), objectAssociated(kind, id),
                ByteView(inner).first(objectHeaderBytes + bodyBytes));
}

Result<Bytes> Keys::decodeObject(format::ObjectKind kind, const Hash256& id, ByteView stored) const
{
    auto inner = unseal(sealKeyOf(kind), objectAssociated(kind, id), stored);
    if (!inner)
        return inner;
    ByteReader reader(*inner);
    const auto codec = static_cast<format::Codec>(reader.u8());
    const ByteView padding = reader.raw(3);
    const std::uint32_t plainBytes = reader.u32();
    const ByteView body = reader.raw(reader.remaining());
    if (!reader.ok() || !isAllZero(padding) || plainBytes > format::maxBlockBytes)
        return fail(Error::Code::Corrupt, "the object's header makes no sense");

    Bytes plain(plainBytes);
    if (codec == format::Codec::Zstd) {
        const std::size_t got = ZSTD_decompressDCtx(decompressContext(), plain.data(), plain.size(),
                                                    body.data(), body.size());
        if (ZSTD_isError(got) != 0 || got != plain.size())
            return fail(Error::Code::Corrupt, "the object does not decompress");
    } else if (codec == format::Codec::Stored && body.size() == plain.size()) {
        std::copy(body.begin(), body.end(), plain.begin());
    } else {
        return fail(Error::Code::Corrupt, "the object's header makes no sense");
    }
    // Authentic bytes may still be wrong ones: memory of the writer may have
    // failed between hashing and sealing. A restore must not pass that on.
    if (objectId(kind, plain) != id)
        return fail(Error::Code::Corrupt, "the object is not what its name says");
    return plain;
}

Bytes sealWithKey(const std::uint8_t* key, ByteView associated, ByteView plain,
                  const std::uint8_t* nonce)
{
    static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == format::nonceBytes);
    static_assert(crypto_aead_xchacha20poly1305_ietf_ABYTES == format::tagBytes);
    Bytes sealed(plain.size() + format::sealOverheadBytes);
    if (nonce != nullptr)
        std::copy(nonce, nonce + format::nonceBytes, sealed.begin());
    else
        randomBytes(MutableByteView(sealed).first(format::nonceBytes));
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.data() + format::nonceBytes, nullptr,
                                               plain.data(), plain.size(), associated.data(),
                                               associated.size(), nullptr, sealed.data(), key);
    return sealed;
}

bool unsealWithKey(const std::uint8_t* key, ByteView associated, ByteView sealed,
                   std::uint8_t* plain)
{
    return sealed.size() >= format::sealOverheadBytes &&
           crypto_aead_xchacha20poly1305_ietf_decrypt(
               plain, nullptr, nullptr, sealed.data() + format::nonceBytes,
               sealed.size() - format::nonceBytes, associated.data(), associated.size(),
               sealed.data(), key) == 0;
}

Hash256 hash256(ByteView bytes, ByteView key)
{
    Hash256 hash{};
    crypto_generichash(hash.data(), hash.size(), bytes.data(), bytes.size(),
                       key.empty() ? nullptr : key.data(), key.size());
    return hash;
}

bool isAllZero(ByteView bytes)
{
    // Comparing the bytes with themselves, one further, is memcmp's speed.
    return bytes.empty() ||
           (bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

} // namespace dormouse
