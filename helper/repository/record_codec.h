// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A backup record as the bytes of its file, and back. Internal to the library.
 * Pure functions.
 */
#pragma once

#include "helper/repository/crypto.h"

namespace dormouse {

/// The sealed content: deterministic, for golden bytes.
[[nodiscard]] Bytes encodeRecordBody(const BackupRecord& record);
[[nodiscard]] Result<void> decodeRecordBody(ByteView body, BackupRecord& record);

/// The whole file; the header carries ids, version and flags, and is bound to
/// the content by the seal.
[[nodiscard]] Bytes encodeRecord(const BackupRecord& record, const Keys& keys);
[[nodiscard]] Result<BackupRecord> decodeRecord(ByteView file, const Id128& repositoryId,
                                                const Id128& recordId, const Keys& keys);

} // namespace dormouse
