/* SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later WITH Linux-syscall-note */
/*
 * Dormouse kernel module: the control interface.
 *
 * /dev/dormouse-control (mode 0600) takes the ioctls below. Every structure
 * starts with its own size and is a multiple of 8 bytes with explicit padding,
 * so that 32- and 64-bit callers agree. The kernel accepts a larger structure
 * when its unknown tail is zero (else -E2BIG) and a smaller one down to the
 * size of ABI 1. Every reserved field must be zero (else -EINVAL).
 *
 * Units: offsets and lengths are bytes, counted from the start of the *volume*
 * (the block device the descriptor names, be it a partition), those of a store from the
 * start of the device that it lies on, and multiples of DORMOUSE_SECTOR_BYTES. Identifiers of 16 bytes are opaque random values.
 *
 * read() on the control device returns whole struct dormouse_event records
 * (blocking unless O_NONBLOCK; poll() works); each open file has its own queue
 * and a queue that overflows drops its oldest events and sets
 * DORMOUSE_EVENT_LOST in the next one it delivers.
 *
 * Ioctls need CAP_SYS_ADMIN. A hostile argument gets an errno and nothing else.
 */
#ifndef DORMOUSE_IOCTL_H
#define DORMOUSE_IOCTL_H

#include <linux/ioctl.h>
#include <linux/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DORMOUSE_ABI 1
#define DORMOUSE_CONTROL_PATH "/dev/dormouse-control"
#define DORMOUSE_SECTOR_BYTES 512
#define DORMOUSE_ID_BYTES 16
#define DORMOUSE_NONCE_BYTES 32
#define DORMOUSE_MAX_EXTENTS 512
#define DORMOUSE_MAX_SNAPSHOT_VOLUMES 16
#define DORMOUSE_MAX_SNAPSHOTS 256
#define DORMOUSE_REASON_BYTES 96

/* What the module is. */
struct dormouse_info {
	__u32 size;
	__u32 abi;            /* out: DORMOUSE_ABI */
	__u32 format_version; /* out: store format this module writes */
	__u32 max_volumes;    /* out */
	__u32 nr_volumes;     /* out: attached now */
	__u32 granule_bytes;  /* out: change-map granule */
	__u64 reserved[2];
};

struct dormouse_extent {
	__u64 offset; /* bytes from the start of the volume, or of the store's device */
	__u64 length; /* bytes */
};

enum dormouse_mode {
	DORMOUSE_MODE_TRACKING = 1, /* no live snapshot: only the change map is kept */
	DORMOUSE_MODE_SNAPSHOT = 2, /* at least one live snapshot: old data is kept too */
};

enum dormouse_state {
	DORMOUSE_STATE_ACTIVE = 1,     /* mounted, or held by another driver */
	DORMOUSE_STATE_DORMANT = 2,    /* neither; still recording */
	DORMOUSE_STATE_UNVERIFIED = 3, /* nobody proved that no one wrote while we were away */
	DORMOUSE_STATE_FAILED = 4,     /* tracking stopped; see reason */
	DORMOUSE_STATE_GONE = 5,       /* the device went away */
};

/* File system on the volume, as user space found it: chooses the sentinels. */
enum dormouse_fs {
	DORMOUSE_FS_OTHER = 0, /* cannot be judged: always unverified after an absence */
	DORMOUSE_FS_EXT4 = 1,
	DORMOUSE_FS_XFS = 2,
};

/*
 * ATTACH: start recording the writes of a volume.
 *
 * CREATE: format a new store in `extents` (of the volume itself, or see EXTERNAL) and
 *   start the first epoch. The first 4 KiB of every extent must hold the proof
 *   record (struct dormouse_extent_proof with this nonce), written by the
 *   caller *through the file* and made durable: the kernel reads it back from
 *   the device, so a wrong extent list can never reach the user's data.
 * without CREATE: recover the store whose first superblock copy is at
 *   `superblock_offset` (its extents are inside). volume_id must match. If it is
 *   not proved that nobody wrote meanwhile, -ESTALE with state = unverified and the
 *   reason: nothing of ours is written, for the store's ground may be somebody
 *   else's by now, and nothing is recorded until a new store is made.
 *
 * EXTERNAL: the store lies on the device that `store_fd` names, not on the volume.
 *   Either that device is a volume, attached now and with its store on itself: the
 *   extents are a file on it. Without CREATE its store must be the one that it had
 *   then, for only so it is known that nobody moved the file meanwhile. -EBUSY: one of
 *   its snapshots needs what lies there (write the file's every block before).
 *   Or it is nobody's (no volume, not mounted, not held): the extent is all of it, in
 *   whole blocks of 4 KiB, and the superblocks lie at its two ends.
 *   A device that lies above the volume must not be named: the volume's writes would
 *   wait for themselves. Loop devices are refused for that reason (-EOPNOTSUPP); for
 *   others the caller looks.
 *
 * The descriptors may be closed afterwards: nothing is kept open.
 */
#define DORMOUSE_ATTACH_CREATE 1u
#define DORMOUSE_ATTACH_EXTERNAL 2u

struct dormouse_extent_proof {
	__u8 magic[8];                    /* "DORMPRUF" */
	__u8 nonce[DORMOUSE_NONCE_BYTES]; /* same in the ATTACH call */
	__u8 volume_id[DORMOUSE_ID_BYTES];
	__le32 index; /* of the extent in the list */
	__le32 reserved;
};

struct dormouse_attach {
	__u32 size;
	__u32 flags;
	__s32 device_fd;
	__u32 fs; /* enum dormouse_fs */
	__u8 volume_id[DORMOUSE_ID_BYTES];
	__u64 extents;    /* CREATE: pointer to struct dormouse_extent[nr_extents] */
	__u32 nr_extents;
	__u32 journal_bytes; /* CREATE: 0 = choose */
	__u64 superblock_offset; /* in: recover; out: where copy A lies */
	__u64 superblock_offset_b; /* in: recover (0 = unknown); out: copy B */
	__u8 nonce[DORMOUSE_NONCE_BYTES];
	__u32 handle;   /* out: names the volume in other calls until detach */
	__u32 state;    /* out: enum dormouse_state */
	__u8 epoch_id[DORMOUSE_ID_BYTES]; /* out: the open epoch */
	char reason[DORMOUSE_REASON_BYTES]; /* out: why unverified, or why refused */
	__s32 store_fd; /* EXTERNAL; else zero */
	__u32 pad;
};

/*
 * DETACH: seal the store and stop recording. -EBUSY while a snapshot of it is
 * exposed. With FORGET the store is invalidated and never attaches again.
 */
#define DORMOUSE_DETACH_FORGET 1u

struct dormouse_detach {
	__u32 size;
	__u32 flags;
	__u32 handle;
	__u32 pad;
};

/* LIST: handles of attached volumes. -ENOSPC with nr set if `capacity` is short. */
struct dormouse_list {
	__u32 size;
	__u32 capacity; /* of `handles` */
	__u64 handles;  /* pointer to __u32[capacity] */
	__u32 nr;       /* out */
	__u32 pad;
};

struct dormouse_stats {
	__u64 passed_writes;
	__u64 held_writes;
	__u64 waited_writes;
	__u64 copied_bytes;
	__u64 batches;
	__u64 intents;
	__u64 checkpoints;
	__u64 seals;
	__u64 store_written_bytes;
	/* Histogram of a sample of the holds: bucket i counts those of less than 2^(i+4)
	 * microseconds, the last one also all that took longer. */
	__u64 hold_latency_us[16];
};

struct dormouse_status {
	__u32 size;
	__u32 handle; /* in */
	__u32 mode;
	__u32 state;
	__u32 fs;
	__u32 nr_snapshots;
	__u32 in_use;   /* somebody has the device open (mounted or raw) */
	__u32 sealed;   /* the store is clean on disk */
	__u32 dev_major, dev_minor; /* the volume's device now */
	__u64 volume_bytes;
	__u64 store_bytes;   /* all of the store */
	__u64 undo_bytes;    /* size of the undo ring */
	__u64 undo_used_bytes;
	__u64 changed_bytes; /* of the open epoch, in granules */
	__u64 memory_bytes;  /* kernel memory held for this volume */
	__u64 epoch;         /* number of the open epoch */
	__u64 superblock_offset, superblock_offset_b;
	__u8 volume_id[DORMOUSE_ID_BYTES];
	__u8 epoch_id[DORMOUSE_ID_BYTES];
	struct dormouse_stats stats;
	char reason[DORMOUSE_REASON_BYTES];
	__u32 store_major, store_minor; /* the device that the store lies on */
};

/*
 * SNAPSHOT: one moment for n volumes: freeze all, drain, flush, switch epochs,
 * thaw. Either every volume gets its snapshot or none does. A volume mounted
 * nowhere is drained and flushed too.
 */
#define DORMOUSE_SNAPSHOT_DURABLE 1u /* survives a power cut; else transient */

struct dormouse_snapshot_volume {
	__u32 handle;
	__u32 flags; /* DORMOUSE_SNAPSHOT_* */
	__u64 epoch; /* out: number of the epoch that starts here; names the snapshot */
	__u8 epoch_id[DORMOUSE_ID_BYTES]; /* out */
	__u32 frozen; /* out: 1 if a file system was frozen, 0 if none was mounted */
	__u32 pad;
};

struct dormouse_snapshot {
	__u32 size;
	__u32 nr_volumes;
	__u64 volumes;    /* pointer to struct dormouse_snapshot_volume[nr_volumes] */
	__u32 timeout_ms; /* for freeze and drain; 0 = 30000 */
	__u32 pad;
	__u64 frozen_us; /* out: how long the volumes were frozen */
	char reason[DORMOUSE_REASON_BYTES]; /* out, on failure */
};

/* DROP: forget a snapshot; its old data is freed as far as none older needs it. */
struct dormouse_snapshot_ref {
	__u32 size;
	__u32 handle;
	__u64 epoch;
};

/*
 * EXPOSE: make a read-only block device /dev/dormouseN of a snapshot (N =
 * out disk_index). Exposing an exposed one returns the same disk. UNEXPOSE
 * takes it away: -EBUSY while somebody has it open.
 */
struct dormouse_expose {
	__u32 size;
	__u32 handle;
	__u64 epoch;
	__u32 disk_index;           /* out */
	__u32 dev_major, dev_minor; /* out */
	__u32 pad;
};

/* EPOCHS: what is known of the closed epochs and live snapshots, oldest first. */
#define DORMOUSE_EPOCH_OPEN 1u      /* still being written */
#define DORMOUSE_EPOCH_ACKED 2u     /* its map was acknowledged, or merged into a later one */
#define DORMOUSE_EPOCH_VOID 4u      /* its map cannot be trusted: read everything */
#define DORMOUSE_EPOCH_SNAPSHOT 8u  /* its snapshot is live */
#define DORMOUSE_EPOCH_DURABLE 16u  /* ... and durable */
#define DORMOUSE_EPOCH_EXPOSED 32u  /* ... and a disk now */
#define DORMOUSE_EPOCH_SNAPSHOT_FAILED 64u /* its snapshot was given up (store full, error) */
#define DORMOUSE_EPOCH_MERGED 128u  /* map covers first_epoch..epoch */
#define DORMOUSE_EPOCH_FROZEN 256u  /* a file system was mounted, and frozen when it began */

struct dormouse_epoch {
	__u64 epoch;
	__u64 first_epoch; /* == epoch unless MERGED */
	__u8 id[DORMOUSE_ID_BYTES];      /* of this epoch's start */
	__u8 from_id[DORMOUSE_ID_BYTES]; /* of first_epoch's start: == id unless MERGED */
	__u8 next_id[DORMOUSE_ID_BYTES]; /* of the following epoch; zero while open */
	__u64 changed_bytes;
	__u64 undo_bytes; /* old data kept since this epoch began, for its snapshot */
	__u64 created_ns; /* CLOCK_REALTIME at its start, for people only */
	__u32 flags;
	__u32 pad;
};

struct dormouse_epochs {
	__u32 size;
	__u32 handle;
	__u64 epochs;   /* pointer to struct dormouse_epoch[capacity] */
	__u32 capacity;
	__u32 nr;       /* out: how many there are; -ENOSPC if more than capacity */
};

/*
 * CHANGES: the closed epoch's change map as extents, ascending, disjoint,
 * merged, granule-aligned (the last may end at the volume's end), the store's
 * own extents left out. Starts at start_offset; out next_offset == 0 when all
 * was returned. -ENODATA for a void or acknowledged one.
 */
struct dormouse_changes {
	__u32 size;
	__u32 handle;
	__u64 epoch;
	__u64 start_offset;
	__u64 extents;  /* pointer to struct dormouse_extent[capacity] */
	__u32 capacity;
	__u32 nr;          /* out */
	__u64 next_offset; /* out */
};

/* ACK: the catalog holds the maps of every closed epoch <= epoch. */
struct dormouse_ack {
	__u32 size;
	__u32 handle;
	__u64 epoch;
};

/* SEAL: make everything durable and mark the store clean now (also the ioctl
 * user space calls before it is asked to prove quiet). */
struct dormouse_seal {
	__u32 size;
	__u32 handle;
};

/*
 * GROW: give the store more room while it is in use; a snapshot that lives, lives on, and
 * may use all of it at once. Each extent begins with a proof record, as for CREATE, with
 * its index in this list. No live snapshot may need what lies in them: the caller makes
 * sure that they were free space in every one. `epoch` is the open epoch's number when
 * he looked: -ESTALE if another snapshot was taken since. -EINVAL: an extent is not where
 * the file is, not whole blocks, or the store's already. -ENOSPC: too many extents.
 */
struct dormouse_grow {
	__u32 size;
	__u32 handle;
	__u64 epoch;
	__u64 extents; /* pointer to struct dormouse_extent[nr_extents] */
	__u32 nr_extents;
	__u32 pad;
	__u8 nonce[DORMOUSE_NONCE_BYTES];
	__u64 store_bytes; /* out: all of the store now */
	char reason[DORMOUSE_REASON_BYTES]; /* out, when refused */
};

enum dormouse_event_type {
	DORMOUSE_EVENT_ATTACHED = 1,
	DORMOUSE_EVENT_DETACHED = 2,
	DORMOUSE_EVENT_STATE = 3,           /* value = enum dormouse_state */
	DORMOUSE_EVENT_SNAPSHOT = 4,        /* value = epoch */
	DORMOUSE_EVENT_SNAPSHOT_FAILED = 5, /* value = epoch */
	DORMOUSE_EVENT_SNAPSHOT_DROPPED = 6,/* value = epoch (asked for, or to make room) */
	DORMOUSE_EVENT_STORE_LOW = 7,       /* value = per mille used */
	DORMOUSE_EVENT_FAILED = 8,
};
#define DORMOUSE_EVENT_LOST 1u

struct dormouse_event {
	__u32 size; /* sizeof(struct dormouse_event) */
	__u32 type;
	__u32 handle;
	__u32 flags;
	__u64 value;
	__u64 time_ns; /* CLOCK_REALTIME */
	__u8 volume_id[DORMOUSE_ID_BYTES];
	char reason[DORMOUSE_REASON_BYTES];
};

#define DORMOUSE_IOC_INFO     _IOWR(0xDA, 1, struct dormouse_info)
#define DORMOUSE_IOC_ATTACH   _IOWR(0xDA, 2, struct dormouse_attach)
#define DORMOUSE_IOC_DETACH   _IOWR(0xDA, 3, struct dormouse_detach)
#define DORMOUSE_IOC_LIST     _IOWR(0xDA, 4, struct dormouse_list)
#define DORMOUSE_IOC_STATUS   _IOWR(0xDA, 5, struct dormouse_status)
#define DORMOUSE_IOC_SNAPSHOT _IOWR(0xDA, 6, struct dormouse_snapshot)
#define DORMOUSE_IOC_DROP     _IOWR(0xDA, 7, struct dormouse_snapshot_ref)
#define DORMOUSE_IOC_EXPOSE   _IOWR(0xDA, 8, struct dormouse_expose)
#define DORMOUSE_IOC_UNEXPOSE _IOWR(0xDA, 9, struct dormouse_snapshot_ref)
#define DORMOUSE_IOC_EPOCHS   _IOWR(0xDA, 10, struct dormouse_epochs)
#define DORMOUSE_IOC_CHANGES  _IOWR(0xDA, 11, struct dormouse_changes)
#define DORMOUSE_IOC_ACK      _IOWR(0xDA, 12, struct dormouse_ack)
#define DORMOUSE_IOC_SEAL     _IOWR(0xDA, 13, struct dormouse_seal)
#define DORMOUSE_IOC_GROW     _IOWR(0xDA, 14, struct dormouse_grow)

#ifdef __cplusplus
}
#endif
#endif
