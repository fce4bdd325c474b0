// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Where backups live: content-addressed, compressed, encrypted.
 *
 * A Repository holds the unlocked master key (in locked memory), the opened
 * index and the backend, and hands out writers and views that share them; it
 * may be destroyed before they are. The format is docs/REPOSITORY_FORMAT.md.
 *
 * Nothing here knows of devices, snapshots, the catalog or the bus. Everything
 * can be found again from the backend alone: there is no local state.
 *
 * Threads: all functions may be called from several threads at once; prune(), repair()
 * and rebuildIndex() refuse (Busy) while a writer of any machine is at work.
 * Errors: WrongKey, Corrupt, Unsupported (a newer format), and the backend's.
 */
#pragma once

#include "helper/base/clock.h"
#include "helper/repository/backend.h"
#include "helper/repository/backup_record.h"
#include "helper/repository/backup_view.h"
#include "helper/repository/backup_writer.h"
#include "helper/repository/maintenance.h"

#include <memory>
#include <variant>

namespace dormouse {

class RepositoryCore;

/// Exactly one way in.
struct Unlock
{
    struct Passphrase
    {
        Secret text;
    };
    /// As it was printed: case, spaces and dashes do not matter.
    struct RecoveryKey
    {
        std::string text;
    };
    /// What exportKey() gave, kept root-only for unattended runs.
    struct StoredKey
    {
        Secret key;
    };
    /// For a repository without a password: the key lies beside the data.
    struct NoPassword
    {
    };

    std::variant<NoPassword, Passphrase, RecoveryKey, StoredKey> way;
};

/// How hard guessing a passphrase is made. Recorded in the repository.
enum class PassphraseCost {
    Normal,      ///< 256 MiB and about a second
    Interactive, ///< 64 MiB and about a tenth of a second
    ForTests,    ///< the least that Argon2id allows; protects nothing
};

struct CreateOptions
{
    std::string name; ///< for people; encrypted
    /// None: there is no password, the key lies beside the data, and everybody
    /// who has the disk can read it. Still encrypted in form; no plaintext format
    /// exists.
    std::optional<Secret> passphrase;
    PassphraseCost cost = PassphraseCost::Normal;
};

/// What can be known of a repository without its key.
struct RepositoryInfo
{
    Id128 repositoryId;
    std::uint32_t formatVersion = 0;
    bool isKeyBesideData = false;
};

/// All records that could be read, newest first, and those that could not.
struct RecordList
{
    struct Damaged
    {
        Id128 recordId;
        Error error;
    };

    std::vector<BackupRecord> records;
    std::vector<Damaged> damaged;
};

/// A writer that announced itself and has not committed or withdrawn.
struct WriterIntent
{
    Id128 writerId;
    Id128 machineId;
    Id128 runId;
    std::int64_t startedMs = 0;
};

class Repository
{
public:
    struct Created
    {
        std::shared_ptr<Repository> repository;
        /// To be printed and kept apart: nine groups of four characters, the last a
        /// checksum. It opens the repository when the passphrase is forgotten. Empty
        /// without a passphrase. Shown once, stored nowhere: wipe() it after use.
        std::string recoveryKeyText;
    };

    /// Makes a repository. Exists if the place has one already; Invalid if it holds
    /// anything else of our names.
    [[nodiscard]] static Result<Created> create(std::shared_ptr<Backend> backend,
                                                const CreateOptions& options,
                                                Clock& clock = systemClock());

    /// Opens one. WrongKey if the way in does not fit; NotFound if there is no
    /// repository; Unsupported if a newer version wrote it.
    [[nodiscard]] static Result<std::shared_ptr<Repository>>
    open(std::shared_ptr<Backend> backend, const Unlock& unlock, Clock& clock = systemClock());

    /// Looks without a key.
    [[nodiscard]] static Result<RepositoryInfo> probe(Backend& backend);

    ~Repository();
    Repository(const Repository&) = delete;
    Repository& operator=(const Repository&) = delete;

    [[nodiscard]] Id128 id() const;
    [[nodiscard]] const std::string& name() const;
    [[nodiscard]] bool isKeyBesideData() const;

    /// The master key for unattended use. Whoever has it can read and write
    /// everything, for good; the daemon keeps it where only root can read.
    [[nodiscard]] Secret exportKey() const;

    /// Sets or replaces the passphrase. No data is rewritten, and copies of the
    /// old key files or of the master key are not revoked. A repository without a
    /// password gets its key beside the data removed and a recovery key made: the
    /// text returned (empty if the repository already has one).
    [[nodiscard]] Result<std::string> setPassphrase(const Secret& passphrase,
                                                    PassphraseCost cost = PassphraseCost::Normal);

    // Records

    [[nodiscard]] Result<RecordList> listRecords() const;
    [[nodiscard]] Result<BackupRecord> readRecord(const Id128& recordId) const;
    /// Deletes the backup. Space comes back with the next prune().
    [[nodiscard]] Result<void> removeRecord(const Id128& recordId);

    // Backups

    /// Announces a writer (its intent) and starts it. Busy while a prune is at work.
    [[nodiscard]] Result<std::unique_ptr<BackupWriter>> beginBackup(const RunInfo& run,
                                                                    WriterOptions options = {});

    /// Opens one volume of a backup for reading; NotFound if it has no such volume.
    [[nodiscard]] Result<std::unique_ptr<BackupView>>
    openView(const BackupRecord& record, const Id128& volumeId,
             BackupView::Options options = {}) const;

    // Upkeep

    /// Writers that are at work, or were when they died.
    [[nodiscard]] Result<std::vector<WriterIntent>> listWriters() const;

    /// Withdraws the intents of this machine's writers and prunes that no longer
    /// run. Called by the daemon when it starts, before it starts any of them.
    [[nodiscard]] Result<void> withdrawWriters(const Id128& machineId);

    /// Frees what no record needs. Refuses with Busy while a writer is at work, and
    /// with Corrupt while a record or the index cannot be read (its blocks would
    /// look unused): verify, repair, then prune.
    [[nodiscard]] Result<PruneReport> prune(const PruneOptions& options = {});

    /// Checks. Findings are in the report; an error means the check itself could
    /// not be done (cancelled, destination gone).
    [[nodiscard]] Result<VerifyReport> verify(const VerifyOptions& options = {}) const;

    /// Makes the index anew from what the packs say of themselves. Busy while a
    /// writer is at work; of the options, those about writers and progress count.
    [[nodiscard]] Result<void> rebuildIndex(const PruneOptions& options = {});

    /// Saves what damaged packs still hold, drops them, the records that nobody can read
    /// any more and index runs that are wrong, and makes the index anew. What a disk does
    /// not give out now is left alone. Backups that miss something afterwards stay, and are
    /// what verify() names; blocks seen again make them whole. Busy while a writer is at work.
    [[nodiscard]] Result<RepairReport> repair(const RepairOptions& options = {});

    [[nodiscard]] Result<std::uint64_t> freeSpaceBytes() const;

private:
    explicit Repository(std::shared_ptr<RepositoryCore> core);

    std::shared_ptr<RepositoryCore> m_core;
};

} // namespace dormouse
