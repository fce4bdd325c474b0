// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/catalog/catalog_schema.h"

#include <array>
#include <utility>

namespace dormouse {

namespace {

// A released migration never changes: golden databases of every version are
// upgraded in tests/unit/tst_catalog_migration.cpp.
constexpr std::array<Migration, 2> migrations{{{R"sql(
PRAGMA application_id = 0x444f524d;

CREATE TABLE volumes (
    volume_id            TEXT PRIMARY KEY CHECK (length(volume_id) = 32),
    fs_uuid              TEXT NOT NULL,
    fs_type              TEXT NOT NULL,
    label                TEXT NOT NULL,
    size_bytes           INTEGER NOT NULL,
    last_device          TEXT NOT NULL,
    last_mount_point     TEXT NOT NULL,
    superblock_a_bytes   INTEGER NOT NULL,
    superblock_b_bytes   INTEGER NOT NULL,
    store_path           TEXT NOT NULL,
    store_extents        BLOB NOT NULL,
    is_protected         INTEGER NOT NULL,
    added_at_ms          INTEGER NOT NULL
) STRICT;

CREATE TABLE repositories (
    repository_id        TEXT PRIMARY KEY,
    name                 TEXT NOT NULL,
    fs_uuid              TEXT NOT NULL,
    path                 TEXT NOT NULL,
    key_kept             INTEGER NOT NULL,
    head_record_hash     BLOB NOT NULL,
    head_sequence        INTEGER NOT NULL,
    added_at_ms          INTEGER NOT NULL
) STRICT;

CREATE TABLE plans (
    plan_id              TEXT PRIMARY KEY,
    name                 TEXT NOT NULL,
    repository_id        TEXT NOT NULL REFERENCES repositories ON DELETE RESTRICT,
    rhythm               TEXT NOT NULL,
    keep_last            INTEGER NOT NULL,
    enabled              INTEGER NOT NULL,
    paused_until_ms      INTEGER,
    created_at_ms        INTEGER NOT NULL
) STRICT;

CREATE TABLE plan_volumes (
    plan_id              TEXT NOT NULL REFERENCES plans ON DELETE CASCADE,
    position             INTEGER NOT NULL,
    volume_id            TEXT NOT NULL REFERENCES volumes ON DELETE RESTRICT,
    PRIMARY KEY (plan_id, position),
    UNIQUE (plan_id, volume_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    run_id               INTEGER PRIMARY KEY AUTOINCREMENT,
    plan_id              TEXT NOT NULL REFERENCES plans ON DELETE CASCADE,
    slot_ms              INTEGER,
    started_at_ms        INTEGER NOT NULL,
    finished_at_ms       INTEGER,
    outcome              INTEGER NOT NULL,
    reason               TEXT NOT NULL,
    changed_bytes        INTEGER NOT NULL,
    read_bytes           INTEGER NOT NULL,
    stored_bytes         INTEGER NOT NULL,
    record_id            TEXT NOT NULL
) STRICT;
CREATE INDEX runs_by_plan ON runs (plan_id, run_id);

CREATE TABLE epochs (
    position             INTEGER PRIMARY KEY AUTOINCREMENT,
    volume_id            TEXT NOT NULL REFERENCES volumes ON DELETE CASCADE,
    epoch_id             TEXT NOT NULL CHECK (length(epoch_id) = 32),
    predecessor_id       TEXT NOT NULL,
    number               INTEGER NOT NULL,
    created_at_ms        INTEGER NOT NULL,
    UNIQUE (volume_id, epoch_id)
) STRICT;

CREATE TABLE change_sets (
    position             INTEGER PRIMARY KEY AUTOINCREMENT,
    volume_id            TEXT NOT NULL REFERENCES volumes ON DELETE CASCADE,
    from_epoch_id        TEXT NOT NULL CHECK (length(from_epoch_id) = 32),
    to_epoch_id          TEXT NOT NULL CHECK (length(to_epoch_id) = 32),
    is_void              INTEGER NOT NULL,
    void_reason          TEXT NOT NULL,
    extents              BLOB NOT NULL,
    stored_at_ms         INTEGER NOT NULL,
    UNIQUE (volume_id, from_epoch_id, to_epoch_id)
) STRICT;

-- Outlives its plan and names volumes of other machines: no reference to them.
CREATE TABLE backups (
    position             INTEGER PRIMARY KEY AUTOINCREMENT,
    record_id            TEXT NOT NULL,
    volume_id            TEXT NOT NULL,
    repository_id        TEXT NOT NULL REFERENCES repositories ON DELETE CASCADE,
    plan_id              TEXT NOT NULL,
    epoch_id             TEXT NOT NULL,
    kind                 INTEGER NOT NULL,
    reason               TEXT NOT NULL,
    is_complete          INTEGER NOT NULL,
    created_at_ms        INTEGER NOT NULL,
    volume_bytes         INTEGER NOT NULL,
    changed_bytes        INTEGER NOT NULL,
    read_bytes           INTEGER NOT NULL,
    stored_bytes         INTEGER NOT NULL,
    UNIQUE (repository_id, record_id, volume_id)
) STRICT;
CREATE INDEX backups_by_volume ON backups (volume_id, created_at_ms);

CREATE TABLE jobs (
    job_id               INTEGER PRIMARY KEY AUTOINCREMENT,
    kind                 TEXT NOT NULL,
    volume_id            TEXT NOT NULL,
    plan_id              TEXT NOT NULL,
    outcome              INTEGER NOT NULL,
    sentence             TEXT NOT NULL,
    started_at_ms        INTEGER NOT NULL,
    finished_at_ms       INTEGER NOT NULL
) STRICT;

CREATE TABLE verifications (
    verification_id      INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id        TEXT NOT NULL REFERENCES repositories ON DELETE CASCADE,
    record_id            TEXT NOT NULL,
    volume_id            TEXT NOT NULL,
    kind                 INTEGER NOT NULL,
    passed               INTEGER NOT NULL,
    sentence             TEXT NOT NULL,
    checked_bytes        INTEGER NOT NULL,
    finished_at_ms       INTEGER NOT NULL
) STRICT;
CREATE INDEX verifications_by_repository ON verifications (repository_id, verification_id);

CREATE TABLE settings (
    key                  TEXT PRIMARY KEY,
    value                TEXT NOT NULL
) STRICT, WITHOUT ROWID;
)sql"},
                                                {R"sql(
ALTER TABLE volumes ADD COLUMN store_device TEXT NOT NULL DEFAULT '';
)sql"}}};

struct QueryRow
{
    Query query;
    const char* sql;
};

// "INSERT ... ON CONFLICT DO UPDATE", never "REPLACE": replacing deletes the
// old row first, and everything that refers to it would go with it.
constexpr std::array<QueryRow, static_cast<std::size_t>(Query::Count)> queries{{
    {Query::PutVolume,
     "INSERT INTO volumes VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (volume_id) DO UPDATE SET "
     "fs_uuid=excluded.fs_uuid, fs_type=excluded.fs_type, label=excluded.label, "
     "size_bytes=excluded.size_bytes, last_device=excluded.last_device, "
     "last_mount_point=excluded.last_mount_point, "
     "superblock_a_bytes=excluded.superblock_a_bytes, "
     "superblock_b_bytes=excluded.superblock_b_bytes, store_path=excluded.store_path, "
     "store_extents=excluded.store_extents, is_protected=excluded.is_protected, "
     "added_at_ms=excluded.added_at_ms, store_device=excluded.store_device"},
    {Query::GetVolume, "SELECT * FROM volumes WHERE volume_id=?"},
    {Query::GetProtectedVolume,
     "SELECT * FROM volumes WHERE fs_uuid=? AND is_protected<>0 ORDER BY added_at_ms DESC LIMIT 1"},
    {Query::ListVolumes, "SELECT * FROM volumes ORDER BY added_at_ms, volume_id"},
    {Query::RemoveVolume, "DELETE FROM volumes WHERE volume_id=?"},

    {Query::PutRepository,
     "INSERT INTO repositories VALUES (?,?,?,?,?,?,?,?) ON CONFLICT (repository_id) DO UPDATE SET "
     "name=excluded.name, fs_uuid=excluded.fs_uuid, path=excluded.path, "
     "key_kept=excluded.key_kept, head_record_hash=excluded.head_record_hash, "
     "head_sequence=excluded.head_sequence, added_at_ms=excluded.added_at_ms"},
    {Query::GetRepository, "SELECT * FROM repositories WHERE repository_id=?"},
    {Query::ListRepositories, "SELECT * FROM repositories ORDER BY added_at_ms, repository_id"},
    {Query::SetRepositoryHead,
     "UPDATE repositories SET head_record_hash=?, head_sequence=? WHERE repository_id=?"},
    {Query::RemoveRepository, "DELETE FROM repositories WHERE repository_id=?"},

    {Query::PutPlan,
     "INSERT INTO plans VALUES (?,?,?,?,?,?,?,?) ON CONFLICT (plan_id) DO UPDATE SET "
     "name=excluded.name, repository_id=excluded.repository_id, rhythm=excluded.rhythm, "
     "keep_last=excluded.keep_last, enabled=excluded.enabled, "
     "paused_until_ms=excluded.paused_until_ms, created_at_ms=excluded.created_at_ms"},
    {Query::GetPlan, "SELECT * FROM plans WHERE plan_id=?"},
    {Query::ListPlans, "SELECT * FROM plans ORDER BY created_at_ms, plan_id"},
    {Query::RemovePlan, "DELETE FROM plans WHERE plan_id=?"},
    {Query::AddPlanVolume, "INSERT INTO plan_volumes VALUES (?,?,?)"},
    {Query::ListPlanVolumes,
     "SELECT volume_id FROM plan_volumes WHERE plan_id=? ORDER BY position"},
    {Query::ClearPlanVolumes, "DELETE FROM plan_volumes WHERE plan_id=?"},

    {Query::AddRun, "INSERT INTO runs VALUES (NULL,?,?,?,?,?,?,?,?,?,?)"},
    {Query::UpdateRun,
     "UPDATE runs SET slot_ms=?, started_at_ms=?, finished_at_ms=?, outcome=?, reason=?, "
     "changed_bytes=?, read_bytes=?, stored_bytes=?, record_id=? WHERE run_id=?"},
    {Query::ListRuns, "SELECT * FROM runs WHERE plan_id=? ORDER BY run_id DESC LIMIT ?"},
    {Query::InterruptRuns, "UPDATE runs SET outcome=4, finished_at_ms=?, reason=? WHERE outcome=0"},

    // What was unknown is filled in, what is known stays.
    {Query::RecordEpoch,
     "INSERT INTO epochs (volume_id, epoch_id, predecessor_id, number, created_at_ms) "
     "VALUES (?,?,?,?,?) ON CONFLICT (volume_id, epoch_id) DO UPDATE SET "
     "predecessor_id=iif(predecessor_id='', excluded.predecessor_id, predecessor_id), "
     "number=iif(number=0, excluded.number, number), "
     "created_at_ms=iif(created_at_ms=0, excluded.created_at_ms, created_at_ms)"},
    {Query::ListEpochs,
     "SELECT volume_id, epoch_id, predecessor_id, number, created_at_ms FROM epochs "
     "WHERE volume_id=? ORDER BY position DESC LIMIT ?"},
    {Query::ListPredecessors, "SELECT epoch_id, predecessor_id FROM epochs WHERE volume_id=?"},
    {Query::GetChangeSet, "SELECT is_void, void_reason, extents FROM change_sets "
                          "WHERE volume_id=? AND from_epoch_id=? AND to_epoch_id=?"},
    {Query::PutChangeSet,
     "INSERT INTO change_sets (volume_id, from_epoch_id, to_epoch_id, is_void, void_reason, "
     "extents, stored_at_ms) VALUES (?,?,?,?,?,?,?) "
     "ON CONFLICT (volume_id, from_epoch_id, to_epoch_id) DO UPDATE SET "
     "is_void=excluded.is_void, void_reason=excluded.void_reason, extents=excluded.extents, "
     "stored_at_ms=excluded.stored_at_ms"},
    {Query::ListChangeSets,
     "SELECT volume_id, from_epoch_id, to_epoch_id, is_void, void_reason, extents, stored_at_ms "
     "FROM change_sets WHERE volume_id=? ORDER BY position"},
    {Query::ListChangeLinks,
     "SELECT from_epoch_id, to_epoch_id, is_void, void_reason FROM change_sets "
     "WHERE volume_id=? ORDER BY position"},
    {Query::RemoveChangeSet,
     "DELETE FROM change_sets WHERE volume_id=? AND from_epoch_id=? AND to_epoch_id=?"},
    // Of every plan that exists: its newest complete backup in each
    // repository, and whatever it may still resume.
    {Query::ListNeededEpochs,
     "SELECT DISTINCT epoch_id FROM backups AS b WHERE volume_id=? AND epoch_id<>'' "
     "AND EXISTS (SELECT 1 FROM plans WHERE plans.plan_id=b.plan_id) "
     "AND (is_complete=0 OR position=(SELECT position FROM backups AS n "
     "WHERE n.volume_id=b.volume_id AND n.repository_id=b.repository_id AND n.plan_id=b.plan_id "
     "AND n.is_complete<>0 ORDER BY n.created_at_ms DESC, n.position DESC LIMIT 1))"},

    {Query::PutBackup,
     "INSERT INTO backups (record_id, volume_id, repository_id, plan_id, epoch_id, kind, reason, "
     "is_complete, created_at_ms, volume_bytes, changed_bytes, read_bytes, stored_bytes) "
     "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?) "
     "ON CONFLICT (repository_id, record_id, volume_id) DO UPDATE SET "
     "plan_id=excluded.plan_id, epoch_id=excluded.epoch_id, kind=excluded.kind, "
     "reason=excluded.reason, is_complete=excluded.is_complete, "
     "created_at_ms=excluded.created_at_ms, volume_bytes=excluded.volume_bytes, "
     "changed_bytes=excluded.changed_bytes, read_bytes=excluded.read_bytes, "
     "stored_bytes=excluded.stored_bytes"},
    {Query::ListBackups,
     "SELECT record_id, volume_id, repository_id, plan_id, epoch_id, kind, reason, is_complete, "
     "created_at_ms, volume_bytes, changed_bytes, read_bytes, stored_bytes FROM backups "
     "WHERE (?1='' OR repository_id=?1) AND (?2='' OR plan_id=?2) AND (?3='' OR volume_id=?3) "
     "ORDER BY created_at_ms DESC, position DESC"},
    {Query::NewestBackup,
     "SELECT record_id, volume_id, repository_id, plan_id, epoch_id, kind, reason, is_complete, "
     "created_at_ms, volume_bytes, changed_bytes, read_bytes, stored_bytes FROM backups "
     "WHERE repository_id=? AND plan_id=? AND volume_id=? AND is_complete<>0 "
     "ORDER BY created_at_ms DESC, position DESC LIMIT 1"},
    {Query::RemoveBackups, "DELETE FROM backups WHERE repository_id=? AND record_id=?"},

    {Query::AddJob, "INSERT INTO jobs VALUES (NULL,?,?,?,?,?,?,?)"},
    {Query::ListJobs,
     "SELECT * FROM jobs WHERE (?1='' OR volume_id=?1) ORDER BY job_id DESC LIMIT ?2"},
    {Query::AddVerification, "INSERT INTO verifications VALUES (NULL,?,?,?,?,?,?,?,?)"},
    {Query::ListVerifications,
     "SELECT * FROM verifications WHERE repository_id=?1 AND (?2='' OR record_id=?2) "
     "ORDER BY verification_id DESC LIMIT ?3"},

    {Query::PutSetting,
     "INSERT INTO settings VALUES (?,?) ON CONFLICT (key) DO UPDATE SET value=excluded.value"},
    {Query::GetSetting, "SELECT value FROM settings WHERE key=?"},
}};

constexpr bool queriesAreInOrder()
{
    for (std::size_t i = 0; i < queries.size(); ++i)
        if (static_cast<std::size_t>(queries[i].query) != i)
            return false;
    return true;
}
static_assert(queriesAreInOrder());

} // namespace

std::span<const Migration> catalogMigrations()
{
    return migrations;
}

const char* queryText(Query query)
{
    return queries[static_cast<std::size_t>(query)].sql;
}

} // namespace dormouse
