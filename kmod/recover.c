// SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later
/*
 * What a store says after an absence: the last state record that the superblock
 * names, and every record that follows it in an unbroken chain. Every byte is
 * taken for hostile. Before the volume is published, so nothing is locked.
 */
#include <linux/vmalloc.h>
#include "volume.h"

struct recovery {
	struct volume *v;
	char *reason;
	u16 last_type; /* of the last record in the chain */
	u32 state_flags;
	u64 undo_tail, undo_head; /* as the last state has them */
};

static int damaged(struct recovery *r, const char *what)
{
	strscpy(r->reason, what, DORMOUSE_REASON_BYTES);
	return -ESTALE;
}

static int take_epoch(struct recovery *r, const struct dormouse_disk_epoch *disk, const u8 *map)
{
	struct volume *v = r->v;
	const u32 flags = le32_to_cpu(disk->flags), map_bytes = le32_to_cpu(disk->map_bytes);
	struct volume_epoch *e = volume_epoch_alloc(v, map_bytes != 0);

	if (!e)
		return -ENOMEM;
	v->epochs[v->nr_epochs++] = e;
	e->epoch = le64_to_cpu(disk->epoch);
	e->first_epoch = le64_to_cpu(disk->first_epoch);
	memcpy(e->id, disk->id, 16);
	memcpy(e->from_id, disk->from_id, 16);
	e->created_ns = le64_to_cpu(disk->created_ns);
	e->undo_start.block = le64_to_cpu(disk->undo_start);
	if (flags & DORMOUSE_DISK_EPOCH_ACKED)
		e->flags |= DORMOUSE_EPOCH_ACKED;
	if (flags & DORMOUSE_DISK_EPOCH_VOID)
		e->flags |= DORMOUSE_EPOCH_VOID;
	if (flags & DORMOUSE_DISK_EPOCH_FROZEN)
		e->flags |= DORMOUSE_EPOCH_FROZEN;
	if (flags & DORMOUSE_DISK_EPOCH_SNAPSHOT)
		e->flags |= DORMOUSE_EPOCH_SNAPSHOT | DORMOUSE_EPOCH_DURABLE;
	if (map_bytes && change_map_decode(e->map, v->geometry.nr_granules, map, map_bytes))
		return damaged(r, "a change map in the store is damaged");
	return 0;
}

/* Replaces everything known by what the state says. */
static int take_state(struct recovery *r, const u8 *data, u32 bytes)
{
	struct volume *v = r->v;
	const struct dormouse_disk_state *disk = (const void *)data;
	const struct dormouse_disk_epoch *epochs = (const void *)(disk + 1);
	u32 nr_epochs, nr_sentinels, i;
	const u8 *at, *end = data + bytes;
	int err;

	if (bytes < sizeof(*disk))
		return damaged(r, "a state in the store is too short");
	nr_epochs = le32_to_cpu(disk->nr_epochs);
	nr_sentinels = le32_to_cpu(disk->nr_sentinels);
	at = (const u8 *)(epochs + nr_epochs) +
	     (u64)nr_sentinels * sizeof(struct dormouse_disk_sentinel);
	if (!nr_epochs || nr_epochs > DORMOUSE_MAX_EPOCHS ||
	    nr_sentinels > DORMOUSE_SENTINEL_MAX || at > end)
		return damaged(r, "a state in the store is inconsistent");
	while (v->nr_epochs)
		volume_epoch_free(v, v->epochs[--v->nr_epochs]);
	for (i = 0; i < nr_epochs; i++) {
		const u32 map_bytes = le32_to_cpu(epochs[i].map_bytes);

		if (map_bytes > end - at)
			return damaged(r, "a state in the store is inconsistent");
		err = take_epoch(r, &epochs[i], at);
		if (err)
			return err;
		at += map_bytes;
	}
	if (!volume_open_epoch(v)->map ||
	    volume_open_epoch(v)->epoch != le64_to_cpu(disk->open_epoch) ||
	    le32_to_cpu(disk->intents_bytes) != end - at)
		return damaged(r, "a state in the store is inconsistent");
	memset(v->intents, 0, change_map_words(v->geometry.nr_regions) * 8);
	if (change_map_decode((u64 *)v->intents, v->geometry.nr_regions, at, end - at))
		return damaged(r, "the intents in the store are damaged");
	v->sentinel.nr_seen = nr_sentinels;
	memcpy(v->sentinel.seen, epochs + nr_epochs, nr_sentinels * sizeof(*v->sentinel.seen));
	r->state_flags = le32_to_cpu(disk->flags);
	r->undo_tail = le64_to_cpu(disk->undo_tail);
	r->undo_head = le64_to_cpu(disk->undo_head);
	v->undo.tail.block = r->undo_tail;
	v->undo.tail.sequence = le64_to_cpu(disk->undo_tail_sequence);
	v->undo.tail.prev_crc = le32_to_cpu(disk->undo_tail_prev_crc);
	v->undo.head.block = r->undo_head;
	v->undo.head.sequence = le64_to_cpu(disk->undo_sequence);
	v->undo.head.prev_crc = le32_to_cpu(disk->undo_prev_crc);
	return 0;
}

static int take_intents(struct recovery *r, const u8 *data, u32 bytes)
{
	const struct dormouse_disk_intent *disk = (const void *)data;
	const __le32 *numbers = (const void *)(disk + 1);
	u32 i, count;

	if (bytes < sizeof(*disk))
		return damaged(r, "an intent in the store is damaged");
	count = le32_to_cpu(disk->count);
	if (bytes != sizeof(*disk) + (u64)count * sizeof(*numbers))
		return damaged(r, "an intent in the store is damaged");
	for (i = 0; i < count; i++) {
		if (le32_to_cpu(numbers[i]) >= r->v->geometry.nr_regions)
			return damaged(r, "an intent in the store is damaged");
		set_bit(le32_to_cpu(numbers[i]), r->v->intents);
	}
	return 0;
}

static int take_sentinels(struct recovery *r, const u8 *data, u32 bytes)
{
	u32 count = bytes >= 8 ? le32_to_cpu(*(const __le32 *)data) : 0;

	if (bytes < 8 || count > DORMOUSE_SENTINEL_MAX ||
	    bytes != 8 + count * sizeof(*r->v->sentinel.seen))
		return damaged(r, "a sentinel in the store is damaged");
	r->v->sentinel.nr_seen = count;
	memcpy(r->v->sentinel.seen, data + 8, count * sizeof(*r->v->sentinel.seen));
	return 0;
}

/* One record at `at` into the journal buffer. -ENOENT: the chain ends before it; what
 * cannot be read (-EIO) is not an end, for it may have been written. */
static int read_record(struct volume *v, u32 at, u64 sequence, u32 prev_crc,
		       struct store_record *record)
{
	u8 *buffer = v->journal.buffer;
	u32 blocks;

	if (at >= v->super.journal_blocks)
		return -ENOENT;
	if (store_read(v, v->super.journal_start + at, 1, buffer))
		return -EIO;
	if (record_unpack(buffer, record) || memcmp(record->store_id, v->super.store_id, 16) ||
	    record->incarnation != v->super.incarnation || record->sequence != sequence ||
	    record->prev_crc != prev_crc)
		return -ENOENT;
	if ((u64)record->payload_bytes + DORMOUSE_RECORD_HEADER_BYTES > v->geometry.state_bytes)
		return -EIO; /* it is ours, but larger than ours are */
	blocks = record_blocks(record->payload_bytes);
	if (blocks > v->super.journal_blocks - at)
		return -ENOENT;
	if (blocks > 1 && store_read(v, v->super.journal_start + at, blocks, buffer))
		return -EIO;
	return record_sum(record, buffer + DORMOUSE_RECORD_HEADER_BYTES) == record->payload_sum ?
	       0 : -ENOENT;
}

static int take_record(struct recovery *r, const struct store_record *record)
{
	const u8 *data = r->v->journal.buffer + DORMOUSE_RECORD_HEADER_BYTES;

	switch (record->type) {
	case DORMOUSE_RECORD_EPOCH:
	case DORMOUSE_RECORD_MAP:
	case DORMOUSE_RECORD_SEAL:
		return take_state(r, data, record->payload_bytes);
	case DORMOUSE_RECORD_INTENT:
		return take_intents(r, data, record->payload_bytes);
	case DORMOUSE_RECORD_SENTINEL:
		return take_sentinels(r, data, record->payload_bytes);
	default:
		return damaged(r, "the store has a record that this version does not know");
	}
}

static int read_journal(struct recovery *r)
{
	struct volume *v = r->v;
	struct volume_journal *j = &v->journal;
	struct store_record record;
	u32 start = v->super.checkpoint_block;
	int err;

	j->head = start;
	j->sequence = v->super.checkpoint_sequence;
	j->prev_crc = v->super.checkpoint_prev_crc;
	for (;;) {
		u32 at = j->head;

		/* A record that did not fit before the ring's end is at its beginning. */
		err = read_record(v, at, j->sequence, j->prev_crc, &record);
		if (err == -ENOENT && j->head) {
			at = 0;
			err = read_record(v, at, j->sequence, j->prev_crc, &record);
		}
		if (err == -ENOENT)
			break;
		if (err)
			return damaged(r, "the journal in the store cannot be read");
		err = take_record(r, &record);
		if (err)
			return err;
		r->last_type = record.type;
		j->head = at + record_blocks(record.payload_bytes);
		j->sequence++;
		j->prev_crc = record.header_crc;
	}
	if (!v->nr_epochs)
		return damaged(r, "the journal in the store cannot be read");
	j->tail = start;
	j->used = (j->head + v->super.journal_blocks - start) % v->super.journal_blocks;
	return 0;
}

/* 0, -ENOENT or -EIO, as of read_record(). */
static int undo_header(struct volume *v, u64 at, struct store_record *record)
{
	const struct undo_place *head = &v->undo.head;
	void *buffer = undo_scratch(&v->undo);

	if (store_read(v, v->super.undo_start + super_undo_block(&v->super, at), 1, buffer))
		return -EIO;
	return !record_unpack(buffer, record) && record->type == DORMOUSE_RECORD_UNDO &&
	       !memcmp(record->store_id, v->super.store_id, 16) &&
	       record->sequence == head->sequence && record->prev_crc == head->prev_crc ?
	       0 : -ENOENT;
}

/* Indexes one record; what was appended after the state is checked in full, for
 * only there a power cut can have torn it. -ENOENT: the chain ends before it. */
static int take_undo(struct recovery *r, u64 at, const struct store_record *record)
{
	struct volume *v = r->v;
	u8 *buffer = undo_scratch(&v->undo);
	const struct dormouse_disk_undo *disk = (void *)(buffer + DORMOUSE_RECORD_HEADER_BYTES);
	const __le32 *numbers = (const void *)(disk + 1);
	const u32 unit_blocks = DORMOUSE_UNIT_BYTES / DORMOUSE_STORE_BLOCK;
	const u32 blocks = record_blocks(record->payload_bytes);
	const u32 nr = le32_to_cpu(disk->nr_units);
	u32 i;

	if (!nr || nr > DORMOUSE_BATCH_UNITS || blocks != 1 + nr * unit_blocks ||
	    le32_to_cpu(disk->data_offset) != DORMOUSE_STORE_BLOCK ||
	    super_undo_block(&v->super, at) + blocks > v->super.undo_blocks)
		return -ENOENT;
	if (at >= r->undo_head) {
		if (record->flags & DORMOUSE_RECORD_UNSUMMED)
			return -ENOENT;
		if (store_read(v, v->super.undo_start + super_undo_block(&v->super, at), blocks,
			       buffer))
			return -EIO;
		if (record_sum(record, buffer + DORMOUSE_RECORD_HEADER_BYTES) != record->payload_sum)
			return -ENOENT;
	}
	for (i = 0; i < nr; i++)
		if (le32_to_cpu(numbers[i]) >= v->geometry.nr_units)
			return -ENOENT;
	for (i = 0; i < nr; i++) {
		if (undo_index_add(&v->undo.index, le32_to_cpu(numbers[i]), record->epoch,
				   at + 1 + (u64)i * unit_blocks))
			return -ENOENT;
	}
	return 0;
}

/* The newest snapshot's epoch is the one whose copies count as preserved. */
static void mark_copied(struct volume *v)
{
	const struct volume_epoch *newest = NULL;
	u64 unit, block;
	u32 i;

	for (i = 0; i < v->nr_epochs; i++)
		if (v->epochs[i]->flags & DORMOUSE_EPOCH_SNAPSHOT)
			newest = v->epochs[i];
	if (!newest)
		return;
	for (unit = 0; unit < v->geometry.nr_units; unit++)
		if (undo_index_find(&v->undo.index, unit, newest->epoch, &block))
			set_bit(unit, v->undo.copied);
}

static int read_undo(struct recovery *r)
{
	struct volume *v = r->v;
	struct volume_undo *u = &v->undo;
	struct store_record record;
	bool wanted = false;
	int err;
	u32 i;

	for (i = 0; i < v->nr_epochs; i++)
		wanted |= !!(v->epochs[i]->flags & DORMOUSE_EPOCH_SNAPSHOT);
	if (!wanted) /* only transient ones, which a power cut ends */
		return 0;
	u->head = u->tail;
	for (;;) {
		u64 at = u->head.block;

		for (i = 0; i < v->nr_epochs; i++) {
			struct undo_place *start = &v->epochs[i]->undo_start;

			if (start->block <= at && !start->sequence) {
				start->sequence = u->head.sequence;
				start->prev_crc = u->head.prev_crc;
			}
		}
		err = undo_header(v, at, &record);
		if (err == -ENOENT) {
			at = super_undo_lap(&v->super, at);
			err = undo_header(v, at, &record);
		}
		if (!err)
			err = take_undo(r, at, &record);
		if (err == -ENOENT)
			break;
		if (err)
			return damaged(r, "old data in the store cannot be read");
		u->head.block = at + record_blocks(record.payload_bytes);
		u->head.sequence++;
		u->head.prev_crc = record.header_crc;
	}
	if (u->head.block < r->undo_head)
		return damaged(r, "old data in the store is damaged");
	mark_copied(v);
	return 0;
}

/*
 * Fills the volume from its store. -ESTALE and a reason: the store does not say,
 * or the sentinels do not prove, what happened to the volume; nothing was written.
 */
int recover_store(struct volume *v, char *reason)
{
	struct recovery r = { .v = v, .reason = reason };
	struct volume_epoch *open;
	u64 region;
	int err;

	err = read_journal(&r);
	if (err)
		return err;
	if (r.state_flags & DORMOUSE_STATE_LEFT_OPEN) {
		strscpy(reason, "recording had ended while the volume was in use",
			DORMOUSE_REASON_BYTES);
		return -ESTALE;
	}
	/* The store's disk may have been away, and what was written meanwhile need not
	 * show in the sentinel: only a new mount changes that. */
	if (v->ground.disk != v->disk &&
	    (r.last_type != DORMOUSE_RECORD_SEAL || r.state_flags & DORMOUSE_STATE_HELD)) {
		strscpy(reason, "its store is on another disk, and recording ended while it was in use",
			DORMOUSE_REASON_BYTES);
		return -ESTALE;
	}
	if (!sentinel_verify(v, reason))
		return -ESTALE;
	err = read_undo(&r);
	if (err)
		return err;
	v->undo.written = v->undo.head;
	v->undo.sound = v->undo.head;
	if (r.last_type == DORMOUSE_RECORD_SEAL)
		memset(v->intents, 0, change_map_words(v->geometry.nr_regions) * 8);
	open = volume_open_epoch(v);
	for (region = 0; region < v->geometry.nr_regions; region++) {
		u64 first = region * (DORMOUSE_REGION_BYTES / DORMOUSE_GRANULE_BYTES);
		u64 nr = min_t(u64, DORMOUSE_REGION_BYTES / DORMOUSE_GRANULE_BYTES,
			       v->geometry.nr_granules - first);

		/* Whatever an intent allowed may have been written. */
		if (test_bit(region, v->intents))
			change_map_set_range(open->map, first, nr);
	}
	memset(v->intents, 0, change_map_words(v->geometry.nr_regions) * 8);
	v->map = (unsigned long *)open->map;
	return 0;
}
