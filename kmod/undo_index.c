// SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later
#include "undo_index.h"

#define NOTHING 0xffffffffu

u32 undo_index_buckets(u32 capacity)
{
	u32 nr = 16;

	while (nr < capacity / 2 && nr < 0x80000000u)
		nr *= 2;
	return nr;
}

/* Fibonacci hashing (Knuth, TAOCP 6.4): neighbours spread over all buckets. */
static u32 *bucket_of(const struct undo_index *index, u32 unit)
{
	return &index->buckets[(u32)(((u64)unit * 0x9e3779b97f4a7c15ull) >> 32) &
			       (index->nr_buckets - 1)];
}

void undo_index_init(struct undo_index *index, struct undo_entry *entries, u32 capacity,
		     u32 *buckets, u32 nr_buckets)
{
	u32 i;

	index->entries = entries;
	index->capacity = capacity;
	index->buckets = buckets;
	index->nr_buckets = nr_buckets;
	index->floor = 0;
	index->tail = 0;
	index->used = 0;
	for (i = 0; i < nr_buckets; i++)
		buckets[i] = NOTHING;
}

int undo_index_add(struct undo_index *index, u32 unit, u64 epoch, u64 block)
{
	u32 *bucket = bucket_of(index, unit);
	struct undo_entry *entry;
	u32 slot;

	if (index->used == index->capacity)
		return -ENOSPC;
	slot = (u32)(((u64)index->tail + index->used) % index->capacity);
	entry = &index->entries[slot];
	if (!index->used)
		index->floor = block;
	entry->block = (u32)block;
	entry->unit = unit;
	entry->epoch = (u32)epoch;
	entry->next = *bucket;
	*bucket = slot;
	index->used++;
	return 0;
}

static u64 block_of(const struct undo_index *index, const struct undo_entry *entry)
{
	return index->floor + (u32)(entry->block - (u32)index->floor);
}

void undo_index_copy(struct undo_index *to, const struct undo_index *from)
{
	u32 i;

	for (i = 0; i < from->used; i++) {
		const struct undo_entry *entry =
			&from->entries[((u64)from->tail + i) % from->capacity];

		undo_index_add(to, entry->unit, entry->epoch, block_of(from, entry));
	}
	to->floor = from->floor;
}

/* The oldest entry is the last of its chain, for chains are newest first. */
static void drop_oldest(struct undo_index *index)
{
	u32 *link = bucket_of(index, index->entries[index->tail].unit);

	while (*link != index->tail)
		link = &index->entries[*link].next;
	*link = NOTHING;
	index->tail = index->tail + 1 == index->capacity ? 0 : index->tail + 1;
	index->used--;
}

bool undo_index_drop_before(struct undo_index *index, u64 block, u32 max)
{
	while (index->used && block_of(index, &index->entries[index->tail]) < block) {
		if (!max--)
			return true;
		drop_oldest(index);
	}
	if (block > index->floor)
		index->floor = block;
	return false;
}

bool undo_index_find(const struct undo_index *index, u32 unit, u64 epoch, u64 *block)
{
	u32 slot = *bucket_of(index, unit);
	bool found = false;

	/* Newest first, so the last one that is not older than the epoch wins. */
	for (; slot != NOTHING; slot = index->entries[slot].next) {
		const struct undo_entry *entry = &index->entries[slot];

		if ((s32)(entry->epoch - (u32)epoch) < 0)
			break; /* and so are all behind it */
		if (entry->unit == unit) {
			*block = block_of(index, entry);
			found = true;
		}
	}
	return found;
}
