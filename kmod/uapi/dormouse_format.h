/* SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later WITH Linux-syscall-note */
/*
 * Dormouse store, format version 1 (experimental). docs/STORE_FORMAT.md is the
 * specification; this header is its structures. All numbers are little-endian,
 * all structures are packed by hand, and every number here lives on disk: never
 * change one.
 *
 * The store is the concatenation of its extents, addressed in blocks of 4 KiB:
 *
 *   [superblock A: 4][journal ring][undo ring][superblock B: 4]
 */
#ifndef DORMOUSE_FORMAT_H
#define DORMOUSE_FORMAT_H

#include <linux/types.h>

#define DORMOUSE_FORMAT_VERSION 1
#define DORMOUSE_STORE_BLOCK 4096u
#define DORMOUSE_SUPER_BLOCKS 4u        /* of one superblock copy, extent table included */
#define DORMOUSE_UNIT_BYTES 16384u      /* copy unit of the undo ring */
#define DORMOUSE_GRANULE_BYTES 65536u   /* bit of a change map */
#define DORMOUSE_REGION_BYTES 4194304u  /* bit of an intent map */
#define DORMOUSE_STORE_MIN_BYTES (8u << 20)
#define DORMOUSE_JOURNAL_MIN_BYTES (1u << 20)

#define DORMOUSE_SUPER_MAGIC 0x31504255534d5244ull  /* "DRMSUBP1" */
#define DORMOUSE_RECORD_MAGIC 0x4345524du           /* "MREC" */

struct dormouse_disk_extent {
	__le64 offset; /* bytes from the start of the device that the store lies on */
	__le64 length; /* bytes */
	__le64 since;  /* the epoch that was open when the store got it; 0: from the first */
};

/* First block of a superblock copy; the extent table follows in its other blocks. */
struct dormouse_disk_super {
	__le64 magic;
	__le32 version;
	__le32 crc; /* CRC-32C of the whole copy (4 blocks) with this field zero */
	__u8 volume_id[16];
	__u8 store_id[16];    /* new with every CREATE */
	__le64 generation;    /* higher = newer; both copies are written, A first */
	__le64 incarnation;   /* raised by every attach; records of others are not read */
	__le32 incompatible;  /* unknown bit set: refuse */
	__le32 fs;            /* enum dormouse_fs */
	__le64 volume_bytes;
	__le32 nr_extents;
	__le32 reserved;
	__le32 journal_start, journal_blocks; /* store blocks */
	__le32 undo_start, undo_blocks;
	__le32 checkpoint_block;    /* block in the journal ring where reading starts */
	__le32 checkpoint_prev_crc; /* what that record's prev_crc must be */
	__le64 checkpoint_sequence; /* what that record's sequence must be */
	__le32 undo_base; /* where in the undo ring its position 0 lies */
	__le32 reserved2;
	/* EXTERNAL; else zero */
	__u8 ground_id[16];  /* the store of the volume whose file this is in; zero: none */
	__le64 ground_bytes; /* size of the device that the store lies on */
	__le64 reserved3;
};

/* Features that a reader must know. */
#define DORMOUSE_FEATURE_EXTERNAL 1u /* the store lies on another device */

enum dormouse_record_type {
	DORMOUSE_RECORD_EPOCH = 1,    /* a new epoch began; state follows */
	DORMOUSE_RECORD_INTENT = 2,   /* regions that may be written from now on */
	DORMOUSE_RECORD_MAP = 3,      /* checkpoint; state follows */
	DORMOUSE_RECORD_SEAL = 4,     /* everything exact and durable; state follows */
	DORMOUSE_RECORD_UNDO = 5,     /* undo ring: extents, then their old data */
	DORMOUSE_RECORD_SENTINEL = 6, /* sentinel contents that are ours from now on */
};

/* Starts every record, at a block boundary; the payload follows, padded with zeros. */
struct dormouse_disk_record {
	__le32 magic;
	__le16 type;
	__le16 flags;        /* DORMOUSE_RECORD_UNSUMMED */
	__u8 store_id[16];
	__le64 incarnation;
	__le64 sequence;     /* of its ring, +1 a record */
	__le64 epoch;        /* open epoch when it was written */
	__le32 payload_bytes;
	__le32 payload_sum;  /* CRC-32C; of UNDO the low half of XXH64 with seed 0 */
	__le32 prev_crc;     /* header_crc of the record before it in its ring */
	__le32 header_crc;   /* CRC-32C of this header with this field zero */
};
#define DORMOUSE_RECORD_HEADER_BYTES 64u
/* UNDO while only transient snapshots lived: payload_sum is zero. Nobody reads it
 * after a power cut. */
#define DORMOUSE_RECORD_UNSUMMED 1u

/* INTENT payload: le32 count, le32 zero, then le32 region numbers. */
struct dormouse_disk_intent {
	__le32 count;
	__le32 reserved;
	/* __le32 region[count] */
};

/*
 * UNDO payload: this, `nr_units` times le32 unit number (ascending), zeros up to
 * the next block boundary *of the record*, then the units' data in that order
 * (a last unit that the volume's end cuts off is filled with zeros).
 */
struct dormouse_disk_undo {
	__le32 nr_units;
	__le32 data_offset; /* bytes from the start of the record; a multiple of 4096 */
};

/* One acceptable content of the sentinel range, as seen by SENTINEL and states. */
struct dormouse_disk_sentinel {
	__le64 offset;    /* bytes from the start of the volume */
	__le32 length;    /* bytes, a multiple of 512, at most 4096 */
	__le32 crc;       /* CRC-32C of the content */
	__le64 next_offset; /* XFS: where the log goes on; else zero */
	__le32 next_length; /* XFS: 512; else zero */
	__le32 next_crc;
	__le64 digest; /* FNV-1a-64 of the content, beside the CRC */
};

/* SENTINEL payload: le32 count, le32 zero, then entries, newest last. */
#define DORMOUSE_SENTINEL_MAX 32u

#define DORMOUSE_STATE_LEFT_OPEN 1u /* somebody had the volume open when we left */
#define DORMOUSE_STATE_HELD 2u      /* SEAL of an external store: it was mounted, or held */

/* Payload of EPOCH, MAP and SEAL. Followed by, in this order: nr_epochs epoch
 * entries, nr_sentinels sentinels, the epochs' maps in the same order, then the
 * carried intents as one more map (bits are regions). */
struct dormouse_disk_state {
	__le64 open_epoch;
	__le32 nr_epochs; /* the open one is the last */
	__le32 flags;     /* DORMOUSE_STATE_* */
	__le32 nr_sentinels;
	__le32 intents_bytes; /* encoded */
	/* Positions: blocks, counted up without wrapping; in the ring at (position +
	 * undo_base) modulo undo_blocks. */
	__le64 undo_tail, undo_head;
	__le64 undo_sequence;        /* of the next UNDO record */
	__le64 undo_tail_sequence;   /* of the record at undo_tail */
	__le32 undo_prev_crc;        /* header_crc of the last UNDO record */
	__le32 undo_tail_prev_crc;   /* prev_crc that the record at undo_tail has */
};

#define DORMOUSE_DISK_EPOCH_ACKED 1u
#define DORMOUSE_DISK_EPOCH_VOID 2u
#define DORMOUSE_DISK_EPOCH_SNAPSHOT 4u  /* a durable snapshot lives */
#define DORMOUSE_DISK_EPOCH_FROZEN 8u    /* a file system was frozen when it began */
struct dormouse_disk_epoch {
	__le64 epoch, first_epoch; /* its map covers first_epoch..epoch */
	__u8 id[16];      /* of its start */
	__u8 from_id[16]; /* of the start of first_epoch */
	__le64 created_ns;
	__le64 undo_start; /* undo_head when it began */
	__le32 flags;
	__le32 map_bytes; /* encoded */
};

/*
 * Encoded map: le32 form, le32 count, then
 *   form 0: count times (le32 first bit, le32 number of bits), ascending, disjoint,
 *           not touching
 *   form 1: count times le64, bit b in word b/64 at b%64
 */
#define DORMOUSE_MAP_RUNS 0u
#define DORMOUSE_MAP_WORDS 1u

#endif
