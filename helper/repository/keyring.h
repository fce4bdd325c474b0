// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The configuration file and the key slots: how a master key is kept and found.
 * Internal to the library. Pure functions over bytes; no files here.
 *
 * Both kinds of file end in a plain checksum, so that a damaged file (Corrupt)
 * is told from a wrong passphrase (WrongKey).
 */
#pragma once

#include "helper/repository/crypto.h"
#include "helper/repository/repository.h"

namespace dormouse {

struct RepositoryConfig
{
    Id128 repositoryId;
    bool isKeyBesideData = false;
    std::string name;
    std::int64_t createdMs = 0;
};

/// The file "config".
[[nodiscard]] Bytes encodeConfig(const RepositoryConfig& config, const Keys& keys);

/// What needs no key: id, version, flags. NotFound is the caller's business.
[[nodiscard]] Result<RepositoryInfo> probeConfig(ByteView file);

/// All of it. WrongKey if the keys are of another repository.
[[nodiscard]] Result<RepositoryConfig> decodeConfig(ByteView file, const Keys& keys);

/// A slot holds the master key, sealed with what a person knows.
[[nodiscard]] Result<Bytes> encodePassphraseSlot(const Id128& repositoryId, const Secret& master,
                                                 const Secret& passphrase, PassphraseCost cost);
[[nodiscard]] Bytes encodeRecoverySlot(const Id128& repositoryId, const Secret& master,
                                       const Secret& recoveryKey);
/// Sealed with a key of zeros: everybody can open it.
[[nodiscard]] Bytes encodePlainSlot(const Id128& repositoryId, const Secret& master);

/// The master key. `knowledge` is the passphrase, the recovery key's bytes, or
/// empty, as `kind` asks. Takes as long as the slot's cost says.
[[nodiscard]] Result<Secret> openSlot(ByteView file, format::SlotKind kind,
                                      const Id128& repositoryId, const Secret& knowledge);

/// Only whether the slot's bytes are whole, of this repository and of this kind.
[[nodiscard]] Result<void> checkSlot(ByteView file, format::SlotKind kind,
                                     const Id128& repositoryId);

inline constexpr std::size_t recoveryKeyBytes = 20;

/// "ABCD-EFGH-...", nine groups, the last of them the checksum.
[[nodiscard]] std::string printRecoveryKey(const Secret& recoveryKey);

/// Case, spaces and dashes do not matter; O is 0, I and L are 1. Invalid if it
/// has a typing error (WrongKey would send people looking for another paper).
[[nodiscard]] Result<Secret> parseRecoveryKey(std::string_view text);

} // namespace dormouse
