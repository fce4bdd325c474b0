// SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later
/*
 * Old data of units that are about to be overwritten, appended to the undo ring
 * and indexed. undo_send_open() reads what the open batch (undo_queue.c) names, indexes
 * it and sends the record on its way, up to DORMOUSE_BATCHES at once; done_fn() ends
 * them in the ring's order.
 *
 * A record of a transient snapshot lets its writes go when the old data is in
 * memory: a reader of the snapshot waits until it is in the ring. A record of a
 * durable one keeps them until it and all before it are durable.
 */
#include <linux/sort.h>
#include <linux/vmalloc.h>
#include "trace.h"
#include "volume.h"

#define BUFFER_BYTES (DORMOUSE_STORE_BLOCK + DORMOUSE_BATCH_UNITS * DORMOUSE_UNIT_BYTES)

static struct volume_epoch *oldest_snapshot(struct volume *v)
{
	u32 i;

	for (i = 0; i < v->nr_epochs; i++)
		if (v->epochs[i]->flags & DORMOUSE_EPOCH_SNAPSHOT)
			return v->epochs[i];
	return NULL;
}

static struct volume_epoch *oldest_durable(struct volume *v)
{
	const u32 live = DORMOUSE_EPOCH_SNAPSHOT | DORMOUSE_EPOCH_DURABLE;
	u32 i;

	for (i = 0; i < v->nr_epochs; i++)
		if ((v->epochs[i]->flags & live) == live)
			return v->epochs[i];
	return NULL;
}

/* Frees what no live snapshot needs. In pieces: the hook waits for the lock. */
static void trim(struct volume *v)
{
	struct volume_undo *u = &v->undo;
	const struct volume_epoch *oldest = oldest_snapshot(v);
	bool more;

	u->tail = oldest ? oldest->undo_start : u->head;
	do {
		spin_lock_irq(&v->lock);
		more = undo_index_drop_before(&u->index, u->tail.block, 1024);
		spin_unlock_irq(&v->lock);
		cond_resched();
	} while (more);
}

void undo_snapshot_begins(struct volume *v)
{
	undo_mend(v);
	spin_lock_irq(&v->lock);
	v->undo.sound = v->undo.head;
	spin_unlock_irq(&v->lock);
}

void undo_snapshot_began(struct volume *v)
{
	WRITE_ONCE(v->preserving, true);
	trim(v);
}

void undo_snapshots_ended(struct volume *v, bool durable)
{
	trim(v);
	if (durable && !v->failed && !v->disowned && !v->dying &&
	    journal_state(v, DORMOUSE_RECORD_MAP, 0))
		volume_fail(v, "the journal cannot be written");
	/* Release: if that failed, whoever sees this sees that, too; see pass(). */
	smp_store_release(&v->preserving, oldest_snapshot(v) != NULL);
}

void undo_give_up(struct volume *v, const char *reason)
{
	const bool durable = oldest_durable(v) != NULL;
	u32 i;

	spin_lock_irq(&v->lock);
	for (i = 0; i < v->nr_epochs; i++) {
		struct volume_epoch *e = v->epochs[i];

		if (!(e->flags & DORMOUSE_EPOCH_SNAPSHOT))
			continue;
		e->flags &= ~(DORMOUSE_EPOCH_SNAPSHOT | DORMOUSE_EPOCH_DURABLE);
		e->flags |= DORMOUSE_EPOCH_SNAPSHOT_FAILED;
		event_post(v, DORMOUSE_EVENT_SNAPSHOT_FAILED, e->epoch, reason);
	}
	spin_unlock_irq(&v->lock);
	undo_snapshots_ended(v, durable);
}

/* The store is full: the oldest snapshot ends, which frees what only it needs. If
 * somebody reads it, he is told that it failed. False: there is none left. */
static bool end_oldest(struct volume *v)
{
	struct volume_epoch *e = oldest_snapshot(v);
	bool durable, read;

	if (!e)
		return false;
	read = e->disk && snapshot_disk_is_open(e->disk);
	durable = e->flags & DORMOUSE_EPOCH_DURABLE;
	spin_lock_irq(&v->lock);
	e->flags &= ~(DORMOUSE_EPOCH_SNAPSHOT | DORMOUSE_EPOCH_DURABLE);
	e->flags |= DORMOUSE_EPOCH_SNAPSHOT_FAILED;
	spin_unlock_irq(&v->lock);
	event_post(v, read ? DORMOUSE_EVENT_SNAPSHOT_FAILED : DORMOUSE_EVENT_SNAPSHOT_DROPPED,
		   e->epoch, "the store is full");
	undo_snapshots_ended(v, durable);
	return v->preserving;
}

void undo_mend(struct volume *v)
{
	if (!READ_ONCE(v->undo.broken))
		return;
	undo_give_up(v, "the store cannot be written");
	spin_lock_irq(&v->lock);
	v->undo.broken = false;
	spin_unlock_irq(&v->lock);
	worker_kick(v); /* what waited for it is held again */
}

/* Acquire: what its writes have counted and marked is seen then. */
static bool is_underway(struct volume_undo *u)
{
	return smp_load_acquire(&u->nr_underway) != 0;
}

void undo_wait(struct volume *v)
{
	wait_event(v->undo.progress, !is_underway(&v->undo));
}

bool undo_is_idle(struct volume *v)
{
	return !is_underway(&v->undo);
}

static bool is_settled(struct volume *v, u64 block, bool *good)
{
	bool settled;

	spin_lock_irq(&v->lock);
	*good = !v->undo.broken;
	settled = v->undo.written.block > block || v->undo.broken;
	spin_unlock_irq(&v->lock);
	return settled;
}

bool undo_wait_written(struct volume *v, u64 block)
{
	bool good;

	wait_event(v->undo.progress, is_settled(v, block, &good));
	return good;
}

void undo_recorded(struct volume *v, struct undo_place *tail, struct undo_place *head)
{
	const struct volume_epoch *oldest = oldest_durable(v);

	/* After a power cut nobody reads what only transient ones needed. */
	if (!oldest) {
		*tail = *head = v->undo.head;
		return;
	}
	*tail = oldest->undo_start;
	spin_lock_irq(&v->lock);
	*head = v->undo.sound;
	spin_unlock_irq(&v->lock);
}

/* The next record may skip its place and go to the ring's beginning. What an earlier
 * incarnation left in that place, beyond its last record on record, could then pass
 * for it, because it follows the same one. */
int undo_begin(struct volume *v)
{
	struct volume_undo *u = &v->undo;

	if (u->head.block - u->tail.block >= v->super.undo_blocks)
		return 0; /* it is the tail, and that one follows another */
	memset(undo_scratch(u), 0, DORMOUSE_STORE_BLOCK);
	return store_write(v, v->super.undo_start + super_undo_block(&v->super, u->head.block), 1,
			   undo_scratch(u), true);
}

static int by_number(const void *a, const void *b)
{
	const u32 x = ((const struct undo_unit *)a)->number;
	const u32 y = ((const struct undo_unit *)b)->number;

	return x < y ? -1 : x > y;
}

static u32 record_size(const struct undo_batch *b)
{
	return 1 + b->nr_units * DORMOUSE_UNIT_BLOCKS;
}

/* Leaves only what writes wait for; false: that is all of it already. */
static bool drop_extras(struct undo_batch *b)
{
	u32 i, nr = 0;

	for (i = 0; i < b->nr_units; i++)
		if (b->units[i].wanted)
			b->units[nr++] = b->units[i];
	swap(b->nr_units, nr);
	return b->nr_units < nr;
}

/* Room for the record in one piece; false when the snapshots need it all. */
static bool make_room(struct volume *v, const struct undo_batch *b)
{
	struct volume_undo *u = &v->undo;
	const u32 ring = v->super.undo_blocks, blocks = record_size(b);
	u64 head = u->head.block;

	if (super_undo_block(&v->super, head) + blocks > ring)
		head = super_undo_lap(&v->super, head);
	/* The index has room for a ring full of units. */
	if (blocks > ring || head + blocks - u->tail.block > ring ||
	    u->index.capacity - u->index.used < b->nr_units)
		return false;
	u->head.block = head;
	return true;
}

/* Neighbours in the volume are read together, and all at once. */
static int read_old_data(struct volume *v, struct undo_batch *b)
{
	u8 *data = b->buffer + DORMOUSE_STORE_BLOCK;
	struct blk_plug plug;
	struct store_io io;
	u32 i = 0;

	store_io_begin(&io);
	blk_start_plug(&plug);
	while (i < b->nr_units) {
		u64 offset = (u64)b->units[i].number * DORMOUSE_UNIT_BYTES;
		u32 run = 1;
		u64 length;

		while (i + run < b->nr_units && b->units[i + run].number == b->units[i].number + run)
			run++;
		length = min((u64)run * DORMOUSE_UNIT_BYTES, v->geometry.bytes - offset);
		store_origin_read_begin(v, &io, offset, length, data);
		memset(data + length, 0, (u64)run * DORMOUSE_UNIT_BYTES - length);
		data += (u64)run * DORMOUSE_UNIT_BYTES;
		i += run;
	}
	blk_finish_plug(&plug);
	return store_io_wait(&io);
}

/* The record's first block and its header. */
static void pack(struct volume *v, struct undo_batch *b)
{
	struct volume_undo *u = &v->undo;
	const u32 blocks = record_size(b);
	struct store_record record = {
		.type = DORMOUSE_RECORD_UNDO,
		.incarnation = v->super.incarnation,
		.sequence = u->head.sequence,
		.epoch = volume_open_epoch(v)->epoch,
		.prev_crc = u->head.prev_crc,
		.payload_bytes = blocks * DORMOUSE_STORE_BLOCK - DORMOUSE_RECORD_HEADER_BYTES,
	};
	struct dormouse_disk_undo *disk = b->buffer + DORMOUSE_RECORD_HEADER_BYTES;
	__le32 *numbers = (__le32 *)(disk + 1);
	u32 i;

	memset(b->buffer, 0, DORMOUSE_STORE_BLOCK);
	disk->nr_units = cpu_to_le32(b->nr_units);
	disk->data_offset = cpu_to_le32(DORMOUSE_STORE_BLOCK);
	for (i = 0; i < b->nr_units; i++)
		numbers[i] = cpu_to_le32(b->units[i].number);
	memcpy(record.store_id, v->super.store_id, 16);
	if (!b->durable)
		record.flags = DORMOUSE_RECORD_UNSUMMED;
	record.payload_sum = record_sum(&record, disk);
	record_pack(&record, b->buffer);
	b->behind.block = u->head.block + blocks;
	b->behind.sequence = u->head.sequence + 1;
	b->behind.prev_crc = record.header_crc;
}

void undo_watch_fill(struct volume *v)
{
	struct volume_undo *u = &v->undo;
	const u32 used = div64_u64((u->head.block - u->tail.block) * 1000, v->super.undo_blocks);
	const u32 level = used >= 900 ? 900 : used >= 750 ? 750 : 0;

	if (level > u->warned)
		event_post(v, DORMOUSE_EVENT_STORE_LOW, used, "");
	u->warned = level;
}

static void set_copied(struct volume *v, const struct undo_batch *b)
{
	u32 i;

	for (i = 0; i < b->nr_units; i++)
		set_bit(b->units[i].number, v->undo.copied);
}

static void release_all(struct volume *v, struct bio_list *bios)
{
	struct bio *bio;

	while ((bio = bio_list_pop(bios)))
		worker_release(v, bio);
}

static void written(struct store_io *io)
{
	struct undo_batch *b = container_of(io, struct undo_batch, io);
	struct volume *v = b->volume;
	unsigned long flags;

	/* Under the lock: without it, the volume may be gone once it is complete. */
	spin_lock_irqsave(&v->lock, flags);
	b->complete = true;
	queue_work(v->undo.wq, &v->undo.done);
	spin_unlock_irqrestore(&v->lock, flags);
}

/* The old data of the batch into its buffer, and a place for it. What is only copied
 * along costs no snapshot: neither its room nor, on a bad disk, its reading. */
static bool fetch(struct volume *v, struct undo_batch *b)
{
	const u64 head = v->undo.head.block;

	sort(b->units, b->nr_units, sizeof(*b->units), by_number, NULL);
	for (;;) {
		if (!b->nr_units || !v->preserving)
			return false;
		if (!make_room(v, b)) {
			if (!drop_extras(b) && !end_oldest(v))
				return false;
			continue;
		}
		if (!read_old_data(v, b))
			return true;
		v->undo.head.block = head; /* nothing begins where there is room for it */
		if (!drop_extras(b))
			undo_give_up(v, "old data cannot be read");
	}
}

/* Indexes the batch and sends it on its way. */
static void send(struct volume *v, struct undo_batch *b)
{
	struct volume_undo *u = &v->undo;
	const u64 place = u->head.block;
	struct bio_list bios;
	u32 i;

	b->durable = oldest_durable(v) != NULL;
	trace_dormouse_undo(v->handle, u->head.sequence, b->nr_units, b->durable);
	pack(v, b);
	b->complete = false;
	bio_list_init(&bios);
	spin_lock_irq(&v->lock);
	for (i = 0; i < b->nr_units; i++)
		WARN_ON_ONCE(undo_index_add(&u->index, b->units[i].number,
					    volume_open_epoch(v)->epoch,
					    place + 1 + (u64)i * DORMOUSE_UNIT_BLOCKS));
	list_add_tail(&b->link, &u->underway);
	u->nr_underway++;
	if (!b->durable) {
		bio_list_merge(&bios, &b->bios);
		bio_list_init(&b->bios);
	}
	spin_unlock_irq(&v->lock);
	u->head = b->behind;
	volume_stat_add(v, copied_bytes, (u64)b->nr_units * DORMOUSE_UNIT_BYTES);
	volume_stat_add(v, batches, 1);
	undo_watch_fill(v);
	if (!b->durable) {
		set_copied(v, b);
		release_all(v, &bios);
	}
	store_write_async(v, &b->io, v->super.undo_start + super_undo_block(&v->super, place),
			  record_size(b), b->buffer, b->durable, written);
}

void undo_send_open(struct volume *v)
{
	struct volume_undo *u = &v->undo;
	struct undo_batch *b = u->open;

	if (!b)
		return;
	u->open = NULL;
	if (fetch(v, b)) {
		send(v, b);
		return;
	}
	spin_lock_irq(&v->lock);
	if (u->broken) {
		/* What they wait for may be what failed: the worker ends the snapshots first. */
		bio_list_merge_head(&v->held, &b->bios);
		bio_list_init(&b->bios);
	} else if (v->preserving && !list_empty(&u->underway)) {
		/* They wait for units that others copy; the last of those is the last. */
		struct undo_batch *last = list_last_entry(&u->underway, struct undo_batch, link);

		bio_list_merge(&last->bios, &b->bios);
		bio_list_init(&b->bios);
	}
	spin_unlock_irq(&v->lock);
	release_all(v, &b->bios);
	spin_lock_irq(&v->lock);
	list_add(&b->link, &u->idle);
	spin_unlock_irq(&v->lock);
}

/* Takes the oldest record that is underway off, if it is complete. Its writes are in
 * `bios`, or held again if they must not go on. */
static bool take_done(struct volume *v, struct bio_list *bios)
{
	struct volume_undo *u = &v->undo;
	struct undo_batch *b;

	bio_list_init(bios);
	spin_lock_irq(&v->lock);
	b = list_first_entry_or_null(&u->underway, struct undo_batch, link);
	if (!b || !b->complete) {
		spin_unlock_irq(&v->lock);
		return false;
	}
	if (b->io.status)
		u->broken = true;
	if (u->broken) {
		/* The worker ends the snapshots first. */
		bio_list_merge_head(&v->held, &b->bios);
	} else {
		if (b->durable)
			set_copied(v, b);
		bio_list_merge(bios, &b->bios);
	}
	u->written = b->behind;
	if (!u->broken && u->sound.block < b->behind.block)
		u->sound = b->behind;
	list_move(&b->link, &u->idle);
	spin_unlock_irq(&v->lock);
	return true;
}

static void done_fn(struct work_struct *work)
{
	struct volume_undo *u = container_of(work, struct volume_undo, done);
	struct volume *v = container_of(u, struct volume, undo);
	struct bio_list bios;

	while (take_done(v, &bios)) {
		release_all(v, &bios);
		spin_lock_irq(&v->lock);
		smp_store_release(&u->nr_underway, u->nr_underway - 1);
		spin_unlock_irq(&v->lock);
		wake_up_all(&u->progress);
		if (READ_ONCE(u->broken))
			worker_kick(v);
	}
}

/* In one piece, if there is one: that halves the cost of its I/O. */
static void *alloc_buffer(struct volume *v, size_t bytes)
{
	void *buffer = alloc_pages_exact(bytes, GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN |
						__GFP_NORETRY);

	if (!buffer)
		return volume_zalloc(v, bytes);
	v->memory_bytes += bytes;
	return buffer;
}

static void free_buffer(void *buffer, size_t bytes)
{
	if (is_vmalloc_addr(buffer))
		vfree(buffer);
	else if (buffer)
		free_pages_exact(buffer, bytes);
}

static size_t entries_bytes(u32 capacity)
{
	return (size_t)capacity * sizeof(struct undo_entry);
}

static size_t buckets_bytes(u32 nr_buckets)
{
	return (size_t)nr_buckets * sizeof(u32);
}

int undo_reserve_index(struct volume *v, u64 undo_blocks, struct undo_index *index)
{
	const u32 capacity = undo_blocks / DORMOUSE_UNIT_BLOCKS;
	const u32 nr_buckets = undo_index_buckets(capacity);
	struct undo_entry *entries = volume_zalloc(v, entries_bytes(capacity));
	u32 *buckets = volume_zalloc(v, buckets_bytes(nr_buckets));

	if (!entries || !buckets) {
		volume_vfree(v, entries, entries_bytes(capacity));
		volume_vfree(v, buckets, buckets_bytes(nr_buckets));
		return -ENOMEM;
	}
	undo_index_init(index, entries, capacity, buckets, nr_buckets);
	return 0;
}

void undo_free_index(struct volume *v, struct undo_index *index)
{
	volume_vfree(v, index->entries, entries_bytes(index->capacity));
	volume_vfree(v, index->buckets, buckets_bytes(index->nr_buckets));
}

int undo_init(struct volume *v)
{
	struct volume_undo *u = &v->undo;
	u32 i;

	INIT_LIST_HEAD(&u->idle);
	INIT_LIST_HEAD(&u->underway);
	init_waitqueue_head(&u->progress);
	INIT_WORK(&u->done, done_fn);
	u->wq = alloc_ordered_workqueue("dormouse_undo", WQ_MEM_RECLAIM | WQ_HIGHPRI);
	if (!u->wq)
		return -ENOMEM;
	for (i = 0; i < DORMOUSE_BATCHES; i++) {
		struct undo_batch *b = &u->batches[i];

		b->volume = v;
		b->buffer = alloc_buffer(v, BUFFER_BYTES);
		if (!b->buffer)
			return -ENOMEM;
		list_add_tail(&b->link, &u->idle);
	}
	return 0;
}

void undo_exit(struct volume *v)
{
	u32 i;

	if (v->undo.wq)
		destroy_workqueue(v->undo.wq);
	for (i = 0; i < DORMOUSE_BATCHES; i++)
		free_buffer(v->undo.batches[i].buffer, BUFFER_BYTES);
}
