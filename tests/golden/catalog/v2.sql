-- SPDX-License-Identifier: GPL-3.0-or-later
-- A catalog of version 2: where a store is, was added. Never changes.
PRAGMA application_id=0x444f524d;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
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
, store_device TEXT NOT NULL DEFAULT '') STRICT;
INSERT INTO volumes VALUES('00000000000000000000000000000001','uuid-1','ext4','Größe',1099511627776,'/dev/vdb1','/home',4096,1048576,'.dormouse/store',X'010c0110ef011066bee032',1,1001,'');
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
INSERT INTO repositories VALUES('00000000000000000000000000000010','Disk 10','repo-10','backups',1,X'010203',7,2010);
INSERT INTO repositories VALUES('00000000000000000000000000000011','Disk 11','repo-11','backups',1,X'010203',7,2011);
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
INSERT INTO plans VALUES('00000000000000000000000000000020','Every night','00000000000000000000000000000010','daily 02:30',14,1,NULL,3020);
CREATE TABLE plan_volumes (
    plan_id              TEXT NOT NULL REFERENCES plans ON DELETE CASCADE,
    position             INTEGER NOT NULL,
    volume_id            TEXT NOT NULL REFERENCES volumes ON DELETE RESTRICT,
    PRIMARY KEY (plan_id, position),
    UNIQUE (plan_id, volume_id)
) STRICT, WITHOUT ROWID;
INSERT INTO plan_volumes VALUES('00000000000000000000000000000020',0,'00000000000000000000000000000001');
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
INSERT INTO runs VALUES(1,'00000000000000000000000000000020',100,101,NULL,0,'',0,0,0,'');
CREATE TABLE epochs (
    position             INTEGER PRIMARY KEY AUTOINCREMENT,
    volume_id            TEXT NOT NULL REFERENCES volumes ON DELETE CASCADE,
    epoch_id             TEXT NOT NULL CHECK (length(epoch_id) = 32),
    predecessor_id       TEXT NOT NULL,
    number               INTEGER NOT NULL,
    created_at_ms        INTEGER NOT NULL,
    UNIQUE (volume_id, epoch_id)
) STRICT;
INSERT INTO epochs VALUES(1,'00000000000000000000000000000001','00000000000000000000000000000501','',1,1);
INSERT INTO epochs VALUES(2,'00000000000000000000000000000001','00000000000000000000000000000502','00000000000000000000000000000501',2,2);
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
INSERT INTO change_sets VALUES(1,'00000000000000000000000000000001','00000000000000000000000000000501','00000000000000000000000000000502',0,'',X'01100001090206cff4fd',1);
INSERT INTO change_sets VALUES(2,'00000000000000000000000000000001','00000000000000000000000000000502','00000000000000000000000000000503',1,'Left open.',X'0100a5efc3e2',1);
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
INSERT INTO backups VALUES(1,'00000000000000000000000000000100','00000000000000000000000000000001','00000000000000000000000000000010','00000000000000000000000000000020','00000000000000000000000000000501',0,'',1,1000,0,0,0,0);
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
INSERT INTO jobs VALUES(1,'backup','00000000000000000000000000000001','00000000000000000000000000000020',1,'Done.',1,2);
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
INSERT INTO verifications VALUES(1,'00000000000000000000000000000010','00000000000000000000000000000100','00000000000000000000000000000001',2,1,'All read.',9,3);
CREATE TABLE settings (
    key                  TEXT PRIMARY KEY,
    value                TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO settings VALUES('language','de');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('runs',1);
INSERT INTO sqlite_sequence VALUES('backups',1);
INSERT INTO sqlite_sequence VALUES('epochs',2);
INSERT INTO sqlite_sequence VALUES('change_sets',2);
INSERT INTO sqlite_sequence VALUES('jobs',1);
INSERT INTO sqlite_sequence VALUES('verifications',1);
CREATE INDEX runs_by_plan ON runs (plan_id, run_id);
CREATE INDEX backups_by_volume ON backups (volume_id, created_at_ms);
CREATE INDEX verifications_by_repository ON verifications (repository_id, verification_id);
COMMIT;
PRAGMA user_version=2;
