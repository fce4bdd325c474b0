/* SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later */
/*
 * Where the undo ring has the old data of which unit: a chained hash over
 * entries that live in the order of the ring, so that freeing the ring's tail
 * frees the oldest entries and nothing moves. 16 bytes an entry and 4 a bucket,
 * in memory of the caller's, all of it reserved beforehand: 8 GiB of scattered
 * 16 KiB units take 9 MiB. Pure: see pure.h. The caller locks.
 */
#ifndef DORMOUSE_UNDO_INDEX_H
#define DORMOUSE_UNDO_INDEX_H

#include "pure.h"

#ifdef __cplusplus
extern "C" {
#endif

struct undo_entry {
	u32 block; /* low half of the ring position of the data (counted up, not wrapped) */
	u32 unit;
	u32 epoch; /* low 32 bits of the epoch in which it was copied */
	u32 next;  /* slot of an older entry of the same bucket */
};

struct undo_index {
	struct undo_entry *entries; /* capacity of them, used as a ring */
	u32 *buckets;               /* nr_buckets of them */
	u32 capacity;
	u64 floor;      /* no entry lies before this block, nor 2^32 blocks behind it */
	u32 nr_buckets; /* a power of two */
	u32 tail;       /* slot of the oldest entry */
	u32 used;       /* entries */
};

/* Buckets for a capacity: the power of two at or above it. */
u32 undo_index_buckets(u32 capacity);

/* Takes `entries` (capacity) and `buckets` (nr_buckets) as its memory. */
void undo_index_init(struct undo_index *index, struct undo_entry *entries, u32 capacity,
		     u32 *buckets, u32 nr_buckets);

/* Into an empty index of at least the same capacity, which answers the same then. */
void undo_index_copy(struct undo_index *to, const struct undo_index *from);

/* -ENOSPC when full. Blocks must not go down from call to call. */
int undo_index_add(struct undo_index *index, u32 unit, u64 epoch, u64 block);

/* Drops the entries whose block lies before `block`, at most so many; true: there are more. */
bool undo_index_drop_before(struct undo_index *index, u64 block, u32 max);

/*
 * The content of `unit` at the start of `epoch`: the first copy made in that epoch
 * or a later one. True and *block, or false: the origin still has it.
 */
bool undo_index_find(const struct undo_index *index, u32 unit, u64 epoch, u64 *block);

#ifdef __cplusplus
}
#endif
#endif
