// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/repository/keyring.h"

#include <sodium.h>

#include <cstdlib>

namespace dormouse {

namespace {

using format::SlotKind;

constexpr std::size_t configHeaderBytes = 32;
constexpr std::size_t slotHeaderBytes = 64;
constexpr std::size_t slotKindAtByte = 12;
constexpr std::size_t slotRepositoryAtByte = 16;
constexpr std::size_t slotFileBytes =
    slotHeaderBytes + format::keyBytes + format::sealOverheadBytes + format::hashBytes;

// What a slot may ask of the machine that opens it: a hostile one must not take
// all its memory or time.
constexpr std::uint64_t maxSlotMemoryBytes = 1ull << 30;
constexpr std::uint64_t maxSlotPasses = 16;

constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t keyCharacters = 32;
constexpr std::size_t checkCharacters = 4;

void appendChecksum(ByteWriter& file)
{
    file.raw(hash256(file.bytes()));
}

/// The file without its checksum.
Result<ByteView> withoutChecksum(ByteView file, std::string_view what)
{
    if (file.size() < format::hashBytes)
        return fail(Error::Code::Corrupt, std::string(what) + " is too short");
    const ByteView body = file.first(file.size() - format::hashBytes);
    const Hash256 hash = hash256(body);
    if (!std::equal(hash.begin(), hash.end(), file.end() - format::hashBytes))
        return fail(Error::Code::Corrupt, std::string(what) + " is damaged");
    return body;
}

Result<void> checkMagicAndVersion(ByteReader& reader, std::string_view magic, std::string_view what)
{
    if (asText(reader.raw(format::magicBytes)) != magic)
        return fail(Error::Code::Corrupt, std::string(what) + " is not of a Dormouse repository");
    const std::uint32_t version = reader.u32();
    if (!reader.ok())
        return fail(Error::Code::Corrupt, std::string(what) + " is too short");
    if (version != format::version)
        return fail(Error::Code::Unsupported,
                    std::string(what) + " has format version " + std::to_string(version) +
                        "; this program knows version 1. Nothing was changed.");
    return {};
}

Secret recoveryWrappingKey(const Id128& repositoryId, const Secret& recoveryKey)
{
    Secret wrapping(format::keyBytes);
    crypto_generichash_state state;
    crypto_generichash_init(&state, repositoryId.bytes.data(), repositoryId.bytes.size(),
                            wrapping.size());
    const ByteView label = asBytes("dormouse-recovery-v1");
    crypto_generichash_update(&state, label.data(), label.size());
    crypto_generichash_update(&state, recoveryKey.data(), recoveryKey.size());
    crypto_generichash_final(&state, wrapping.data(), wrapping.size());
    sodium_memzero(&state, sizeof state);
    return wrapping;
}

Result<Secret> passphraseWrappingKey(const Secret& passphrase, std::uint64_t passes,
                                     std::uint64_t memoryBytes, ByteView salt)
{
    static_assert(crypto_pwhash_SALTBYTES == format::idBytes);
    Secret wrapping(format::keyBytes);
    if (crypto_pwhash(wrapping.data(), wrapping.size(),
                      reinterpret_cast<const char*>(passphrase.data()), passphrase.size(),
                      salt.data(), passes, memoryBytes, crypto_pwhash_ALG_ARGON2ID13) != 0)
        return fail(Error::Code::NoSpace, "there is not enough memory to test the passphrase");
    return wrapping;
}

Bytes encodeSlot(SlotKind kind, const Id128& repositoryId, std::uint64_t passes,
                 std::uint64_t memoryBytes, ByteView salt, const Secret& wrapping,
                 const Secret& master)
{
    ByteWriter file;
    file.raw(asBytes(format::keyMagic));
    file.u32(format::version);
    file.u8(static_cast<std::uint8_t>(kind));
    file.zeros(3);
    file.raw(repositoryId.bytes);
    file.u64(passes);
    file.u64(memoryBytes);
    file.raw(salt);
    const Bytes header = file.bytes();
    file.raw(sealWithKey(wrapping.data(), header, master.view()));
    appendChecksum(file);
    return file.take();
}

/// Base-32 digits of the bytes, five bits each, most significant first.
std::string base32(ByteView bytes, std::size_t characters)
{
    std::string text;
    std::uint32_t bits = 0;
    int bitCount = 0;
    std::size_t next = 0;
    while (text.size() < characters) {
        if (bitCount < 5) {
            bits = bits << 8 | bytes[next++];
            bitCount += 8;
        }
        bitCount -= 5;
        text.push_back(alphabet[bits >> bitCount & 31]);
    }
    return text;
}

std::string recoveryChecksum(ByteView key)
{
    ByteWriter message;
    message.raw(asBytes("dormouse-recovery-check"));
    message.raw(key);
    Bytes bytes = message.take();
    const Hash256 hash = hash256(bytes);
    wipe(bytes);
    return base32(hash, checkCharacters);
}

} // namespace

Bytes encodeConfig(const RepositoryConfig& config, const Keys& keys)
{
    ByteWriter file;
    file.raw(asBytes(format::configMagic));
    file.u32(format::version);
    file.u32(config.isKeyBesideData ? format::configKeyBesideData : 0);
    file.raw(config.repositoryId.bytes);
    ByteWriter inner;
    inner.i64(config.createdMs);
    inner.text(config.name);
    const Bytes header = file.bytes();
    file.raw(keys.seal(format::Subkey::Config, header, inner.bytes()));
    appendChecksum(file);
    return file.take();
}

Result<RepositoryInfo> probeConfig(ByteView file)
{
    ByteReader versionReader(file);
    if (auto known = checkMagicAndVersion(versionReader, format::configMagic, "the configuration");
        !known)
        return Failure(known.error());
    auto body = withoutChecksum(file, "the repository's configuration");
    if (!body)
        return Failure(body.error());
    ByteReader reader(*body);
    reader.raw(format::magicBytes);
    RepositoryInfo info;
    info.formatVersion = reader.u32();
    const std::uint32_t flags = reader.u32();
    info.isKeyBesideData = (flags & format::configKeyBesideData) != 0;
    info.repositoryId.bytes = reader.array<format::idBytes>();
    if (!reader.ok() || (flags & ~format::configKeyBesideData) != 0)
        return fail(Error::Code::Corrupt, "the repository's configuration makes no sense");
    return info;
}

Result<RepositoryConfig> decodeConfig(ByteView file, const Keys& keys)
{
    const auto info = probeConfig(file);
    if (!info)
        return Failure(info.error());
    const ByteView header = file.first(configHeaderBytes);
    auto inner = keys.unseal(
        format::Subkey::Config, header,
        file.subspan(configHeaderBytes, file.size() - configHeaderBytes - format::hashBytes));
    if (!inner)
        return fail(Error::Code::WrongKey, "the key is not this repository's");
    ByteReader reader(*inner);
    RepositoryConfig config;
    config.repositoryId = info->repositoryId;
    config.isKeyBesideData = info->isKeyBesideData;
    config.createdMs = reader.i64();
    config.name = reader.text(4096);
    if (!reader.atEnd())
        return fail(Error::Code::Corrupt, "the repository's configuration makes no sense");
    return config;
}

Result<Bytes> encodePassphraseSlot(const Id128& repositoryId, const Secret& master,
                                   const Secret& passphrase, PassphraseCost cost)
{
    std::uint64_t passes = crypto_pwhash_OPSLIMIT_MODERATE;
    std::uint64_t memoryBytes = crypto_pwhash_MEMLIMIT_MODERATE;
    if (cost == PassphraseCost::Interactive) {
        passes = crypto_pwhash_OPSLIMIT_INTERACTIVE;
        memoryBytes = crypto_pwhash_MEMLIMIT_INTERACTIVE;
    } else if (cost == PassphraseCost::ForTests) {
        passes = crypto_pwhash_OPSLIMIT_MIN;
        memoryBytes = crypto_pwhash_MEMLIMIT_MIN;
    }
    const Id128 salt = Id128::random();
    auto wrapping = passphraseWrappingKey(passphrase, passes, memoryBytes, salt.bytes);
    if (!wrapping)
        return Failure(wrapping.error());
    return encodeSlot(SlotKind::Passphrase, repositoryId, passes, memoryBytes, salt.bytes,
                      *wrapping, master);
}

Bytes encodeRecoverySlot(const Id128& repositoryId, const Secret& master, const Secret& recoveryKey)
{
    return encodeSlot(SlotKind::Recovery, repositoryId, 0, 0, Id128{}.bytes,
                      recoveryWrappingKey(repositoryId, recoveryKey), master);
}

Bytes encodePlainSlot(const Id128& repositoryId, const Secret& master)
{
    return encodeSlot(SlotKind::Plain, repositoryId, 0, 0, Id128{}.bytes, Secret(format::keyBytes),
                      master);
}

Result<void> checkSlot(ByteView file, SlotKind kind, const Id128& repositoryId)
{
    ByteReader versionReader(file);
    if (auto known = checkMagicAndVersion(versionReader, format::keyMagic, "the key file"); !known)
        return known;
    auto body = withoutChecksum(file, "the key file");
    if (!body)
        return Failure(body.error());
    if (file.size() != slotFileBytes)
        return fail(Error::Code::Corrupt, "the key file has a wrong size");
    if (!std::equal(repositoryId.bytes.begin(), repositoryId.bytes.end(),
                    file.begin() + slotRepositoryAtByte))
        return fail(Error::Code::Corrupt, "the key file is of another repository");
    if (file[slotKindAtByte] != static_cast<std::uint8_t>(kind))
        return fail(Error::Code::Corrupt, "the key file is of another kind");
    return {};
}

Result<Secret> openSlot(ByteView file, SlotKind kind, const Id128& repositoryId,
                        const Secret& knowledge)
{
    if (auto whole = checkSlot(file, kind, repositoryId); !whole)
        return Failure(whole.error());
    ByteReader reader(file);
    reader.raw(slotRepositoryAtByte + format::idBytes);
    const std::uint64_t passes = reader.u64();
    const std::uint64_t memoryBytes = reader.u64();
    const ByteView salt = reader.raw(format::idBytes);
    const ByteView sealed = reader.raw(format::keyBytes + format::sealOverheadBytes);

    Secret wrapping(format::keyBytes);
    if (kind == SlotKind::Passphrase) {
        if (passes > maxSlotPasses || memoryBytes > maxSlotMemoryBytes)
            return fail(Error::Code::Unsupported,
                        "the key file asks for more memory or time than this program gives");
        auto derived = passphraseWrappingKey(knowledge, passes, memoryBytes, salt);
        if (!derived)
            return derived;
        wrapping = std::move(*derived);
    } else if (kind == SlotKind::Recovery) {
        wrapping = recoveryWrappingKey(repositoryId, knowledge);
    }
    Secret master(format::keyBytes);
    if (!unsealWithKey(wrapping.data(), file.first(slotHeaderBytes), sealed, master.data()))
        return fail(Error::Code::WrongKey, kind == SlotKind::Recovery
                                               ? "the recovery key is not this repository's"
                                               : "the passphrase is wrong");
    return master;
}

std::string printRecoveryKey(const Secret& recoveryKey)
{
    std::string digits = base32(recoveryKey.view(), keyCharacters);
    digits += recoveryChecksum(recoveryKey.view());
    std::string text;
    text.reserve(digits.size() + digits.size() / 4); // no copy left behind by growing
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i > 0 && i % 4 == 0)
            text.push_back('-');
        text.push_back(digits[i]);
    }
    wipe(digits);
    return text;
}

Result<Secret> parseRecoveryKey(std::string_view text)
{
    Secret key(recoveryKeyBytes);
    std::string check;
    std::uint32_t bits = 0;
    int bitCount = 0;
    std::size_t digits = 0;
    std::size_t next = 0;
    for (char c : text) {
        if (c == '-' || c == ' ' || c == '\n' || c == '\t' || c == '\r')
            continue;
        if (c >= 'a' && c <= 'z')
            c = static_cast<char>(c - 'a' + 'A');
        if (c == 'O')
            c = '0';
        if (c == 'I' || c == 'L')
            c = '1';
        const std::size_t value = alphabet.find(c);
        if (value == std::string_view::npos || digits == keyCharacters + checkCharacters)
            return fail(Error::Code::Invalid, "this is not a recovery key: it has nine groups of "
                                              "four letters or digits");
        if (digits++ >= keyCharacters) {
            check.push_back(c);
            continue;
        }
        bits = bits << 5 | static_cast<std::uint32_t>(value);
        bitCount += 5;
        if (bitCount >= 8) {
            bitCount -= 8;
            key.data()[next++] = static_cast<std::uint8_t>(bits >> bitCount);
        }
    }
    if (digits != keyCharacters + checkCharacters)
        return fail(Error::Code::Invalid,
                    "the recovery key is incomplete: it has nine groups of four");
    if (check != recoveryChecksum(key.view()))
        return fail(Error::Code::Invalid, "the recovery key has a typing error");
    return key;
}

} // namespace dormouse
