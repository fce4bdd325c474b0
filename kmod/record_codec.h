/* SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later */
/*
 * Bytes of superblocks and records to values and back, with every check that
 * needs nothing but the bytes (docs/STORE_FORMAT.md names the rules). Pure: see
 * pure.h. Everything that unpacks expects hostile bytes and answers -EINVAL
 * (not one of ours) or -EUCLEAN (ours, but damaged), -EOPNOTSUPP (newer format).
 */
#ifndef DORMOUSE_RECORD_CODEC_H
#define DORMOUSE_RECORD_CODEC_H

#include "pure.h"
#include "uapi/dormouse_format.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DORMOUSE_SUPER_BYTES (DORMOUSE_SUPER_BLOCKS * DORMOUSE_STORE_BLOCK)
/* Extents that fit behind the superblock's first block. */
#define DORMOUSE_SUPER_MAX_EXTENTS 512u

struct store_extent {
	u64 offset, length; /* bytes, on the device that the store lies on */
	u64 since;          /* the epoch that was open when the store got it; 0: from the first */
};

struct store_super {
	u8 volume_id[16];
	u8 store_id[16];
	u64 generation;
	u64 incarnation;
	u32 fs;
	u64 volume_bytes;
	bool external;      /* the store lies on another device, of ground_bytes */
	u64 ground_bytes;
	u8 ground_id[16];   /* the store of the volume whose file it is in; zero: none */
	u32 nr_extents;
	u32 journal_start, journal_blocks;
	u32 undo_start, undo_blocks;
	u32 undo_base; /* see super_undo_block() */
	u32 checkpoint_block;
	u32 checkpoint_prev_crc;
	u64 checkpoint_sequence;
};

/* The store is all of a device that has nothing else on it. */
static inline bool super_is_bare(const struct store_super *super)
{
	u32 i;

	for (i = 0; i < sizeof(super->ground_id); i++)
		if (super->ground_id[i])
			return false;
	return super->external;
}

/* Fills `copy` (DORMOUSE_SUPER_BYTES) for writing. */
void super_pack(const struct store_super *super, const struct store_extent *extents, void *copy);

/* Checks and unpacks; `extents` has room for DORMOUSE_SUPER_MAX_EXTENTS. */
int super_unpack(const void *copy, struct store_super *super, struct store_extent *extents);

/* A geometry for a store of `store_blocks` on a volume of `volume_bytes`;
 * journal_bytes 0 = choose. -ENOSPC if it is too small. */
int super_layout(struct store_super *super, u64 store_blocks, u64 journal_bytes);

/* Where in the ring a position of the undo ring lies. Positions count blocks up for ever. */
static inline u32 super_undo_block(const struct store_super *super, u64 position)
{
	return (u32)((position + super->undo_base) % super->undo_blocks);
}

/* The first position behind `position` that lies at the ring's beginning. */
static inline u64 super_undo_lap(const struct store_super *super, u64 position)
{
	return position + (super->undo_blocks - super_undo_block(super, position));
}

/*
 * The store grows by `more`: the undo ring is cut open at `head`, where its next record
 * goes, and they are put in between. So nothing that is in the ring moves, no position
 * changes, and all of the new room is free at once. `extents` has room for
 * DORMOUSE_SUPER_MAX_EXTENTS. -EINVAL: they are not whole blocks of its device, or part
 * of the store already. -ENOSPC: too many pieces or blocks. Then nothing has changed.
 */
int super_grow(struct store_super *super, struct store_extent *extents, u64 head,
	       const struct store_extent *more, u32 nr_more);

/* Bits of a volume's maps. */
static inline u64 store_nr_granules(u64 volume_bytes)
{
	return (volume_bytes + DORMOUSE_GRANULE_BYTES - 1) / DORMOUSE_GRANULE_BYTES;
}

static inline u64 store_nr_regions(u64 volume_bytes)
{
	return (volume_bytes + DORMOUSE_REGION_BYTES - 1) / DORMOUSE_REGION_BYTES;
}

static inline u64 store_nr_units(u64 volume_bytes)
{
	return (volume_bytes + DORMOUSE_UNIT_BYTES - 1) / DORMOUSE_UNIT_BYTES;
}

struct store_record {
	u16 type;
	u16 flags;         /* DORMOUSE_RECORD_UNSUMMED */
	u8 store_id[16];
	u64 incarnation;
	u64 sequence;
	u64 epoch;
	u32 payload_bytes;
	u32 payload_sum;
	u32 prev_crc;
	u32 header_crc; /* out of pack and unpack */
};

/* Blocks that a record takes in its ring, header and padding included. */
static inline u32 record_blocks(u32 payload_bytes)
{
	return (u32)(((u64)payload_bytes + DORMOUSE_RECORD_HEADER_BYTES + DORMOUSE_STORE_BLOCK - 1) /
		     DORMOUSE_STORE_BLOCK);
}

/* Writes DORMOUSE_RECORD_HEADER_BYTES to `header` and sets header_crc. */
void record_pack(struct store_record *record, void *header);

/* The checksum that a record's payload must have. */
u32 record_sum(const struct store_record *record, const void *payload);

/* Checks magic and header CRC only; the caller compares ids, sequence, prev_crc. */
int record_unpack(const void *header, struct store_record *record);

/* Strong enough to tell contents apart beside a CRC: FNV-1a, 64 bits. */
u64 sentinel_digest(u64 seed, const void *data, size_t length);
#define SENTINEL_DIGEST_SEED 0xcbf29ce484222325ull

#ifdef __cplusplus
}
#endif
#endif
