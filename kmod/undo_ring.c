// SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later
/*
 * Old data of units that are about to be overwritten, appended to the undo ring
 * and indexed. The worker fills a batch with units and with the writes that wait
 * for them; undo_flush() reads the old data, indexes it and sends the record on its
 * way, up to DORMOUSE_BATCHES at once; done_fn() ends them in the ring's order.
 *
 * A record of a transient snapshot lets its writes go when the old data is in
 * memory: a reader of the snapshot waits until it is in the ring. A record of a
 * durable one keeps them until it and all before it are durable.
 */
#include <linux/sort.h>
#include <linux/vmalloc.h>
#include "volume.h"

#define BUFFER_BYTES (DORMOUSE_STORE_BLOCK + DORMOUSE_BATCH_UNITS * DORMOUSE_UNIT_BYTES)

static const u32 unit_blocks = DORMOUSE_UNIT_BYTES / DORMOUSE_STORE_BLOCK;

static struct volume_epoch *oldest_snapshot(struct volume *v)
{
	u32 i;

	for (i = 0; i < v->nr_epochs; i++)
		if (v->epochs[i]->flags & DORMOUSE_EPOCH_SNAPSHOT)
			return v->epochs[i];
	return NULL;
}

static bool wants_durable(struct volume *v)
{
	u32 i;

	for (i = 0; i < v->nr_epochs; i++)
		if ((v->epochs[i]->flags & (DORMOUSE_EPOCH_SNAPSHOT | DORMOUSE_EPOCH_DURABLE)) ==
		    (DORMOUSE_EPOCH_SNAPSHOT | DORMOUSE_EPOCH_DURABLE))
			return true;
	return false;
}

/* Before a write that was not copied for a durable snapshot goes on, and before its
 * place in the ring is used again: else a power cut would bring it back with that
 * write in it, or without its data. */
static void end_on_record(struct volume *v, bool durable)
{
	if (durable && !v->failed && journal_state(v, DORMOUSE_RECORD_MAP, 0))
		volume_fail(v, "the journal cannot be written");
}

void undo_trim(struct volume *v)
{
	struct volume_undo *u = &v->undo;
	const struct volume_epoch *oldest = oldest_snapshot(v);

	u->tail = oldest ? oldest->undo_start : u->head;
	spin_lock_irq(&v->lock);
	undo_index_drop_before(&u->index, u->tail.block);
	spin_unlock_irq(&v->lock);
}

void undo_snapshots_changed(struct volume *v)
{
	WRITE_ONCE(v->preserving, oldest_snapshot(v) != NULL);
	undo_trim(v);
}

void undo_give_up(struct volume *v, const char *reason)
{
	const bool durable = wants_durable(v);
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
	undo_snapshots_changed(v);
	end_on_record(v, durable);
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
	undo_snapshots_changed(v);
	end_on_record(v, durable);
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
}

void undo_wait(struct volume *v)
{
	wait_event(v->undo.progress, !READ_ONCE(v->undo.nr_underway));
}

bool undo_wait_written(struct volume *v, u64 block)
{
	struct volume_undo *u = &v->undo;

	wait_event(u->progress, READ_ONCE(u->written.block) > block || READ_ONCE(u->broken));
	return !READ_ONCE(u->broken);
}

struct undo_place undo_recorded_head(struct volume *v)
{
	struct undo_place place;

	/* Without a snapshot nobody reads what is underway, and the tail is the head. */
	if (!v->preserving)
		return v->undo.head;
	spin_lock_irq(&v->lock);
	place = v->undo.written;
	spin_unlock_irq(&v->lock);
	return place;
}

bool undo_needed(struct volume *v, u64 offset, u64 length)
{
	u64 first = offset / DORMOUSE_UNIT_BYTES;
	u64 end = (offset + length - 1) / DORMOUSE_UNIT_BYTES + 1;

	return READ_ONCE(v->preserving) && find_next_zero_bit(v->undo.copied, end, first) < end;
}

static struct undo_batch *open_batch(struct volume *v)
{
	struct volume_undo *u = &v->undo;

	if (u->open)
		return u->open;
	/* done_fn() brings one back and takes none of our locks. */
	wait_event(u->progress, !list_empty_careful(&u->idle));
	spin_lock_irq(&v->lock);
	u->open = list_first_entry(&u->idle, struct undo_batch, link);
	list_del_init(&u->open->link);
	spin_unlock_irq(&v->lock);
	u->open->nr_units = 0;
	bio_list_init(&u->open->bios);
	return u->open;
}

/* A copy of it is underway, or will be with the open batch. */
static bool is_queued(struct volume *v, u64 unit)
{
	const struct undo_batch *b = v->undo.open;
	const u64 epoch = volume_open_epoch(v)->epoch;
	bool found;
	u64 block;
	u32 i;

	for (i = 0; b && i < b->nr_units; i++)
		if (b->units[i] == unit)
			return true;
	spin_lock_irq(&v->lock);
	found = undo_index_find(&v->undo.index, unit, epoch, &block);
	spin_unlock_irq(&v->lock);
	return found;
}

static bool is_roomy(struct volume *v)
{
	return (v->undo.head.block - v->undo.tail.block) * 2 < v->super.undo_blocks;
}

/* Queues what is not copied of [first, end), as far as the batch has room, but never
 * the store itself. */
static void queue_range(struct volume *v, u64 first, u64 end)
{
	struct volume_undo *u = &v->undo;
	u64 unit;

	end = min(end, v->geometry.nr_units);
	for (unit = first; unit < end && open_batch(v)->nr_units < DORMOUSE_BATCH_UNITS; unit++)
		if (!test_bit(unit, u->copied) && !is_queued(v, unit) &&
		    !store_guards(v, unit * DORMOUSE_UNIT_BYTES, DORMOUSE_UNIT_BYTES))
			u->open->units[u->open->nr_units++] = unit;
}

/*
 * How much to copy beside what a write overwrites. One copy of a neighbourhood costs
 * little more than one of a unit, but where writes are scattered it is for nothing.
 * So a unit is copied alone when its neighbourhood is first written, and the rest
 * with the second write. If most neighbourhoods see a second one (an eighth of those
 * copied alone have already), a whole batch is copied with the first; every eighth
 * is still copied alone, to notice when that changes.
 */
static void queue_more(struct volume *v, u64 first, u64 last)
{
	struct volume_undo *u = &v->undo;
	const u64 start = round_down(first, DORMOUSE_NEIGHBOURS);
	const u64 end = min_t(u64, round_up(last + 1, DORMOUSE_NEIGHBOURS), v->geometry.nr_units);
	const bool known = find_next_bit(u->copied, end, start) < end;

	if (!is_roomy(v) || last - first >= DORMOUSE_NEIGHBOURS)
		return;
	if (u->alone >= 512) {
		u->alone /= 2;
		u->again /= 2;
	}
	if (known) {
		u->again++;
		queue_range(v, start, end);
	} else if (u->alone >= 32 && u->again * 8 > u->alone && u->probe++ % 8) {
		queue_range(v, round_down(first, DORMOUSE_BATCH_UNITS),
			    round_up(last + 1, DORMOUSE_BATCH_UNITS));
	} else {
		u->alone++;
	}
}

/* A stream of large writes: the next batch is copied while this one is written. */
static void follow_stream(struct volume *v, u64 first, u64 last)
{
	struct volume_undo *u = &v->undo;

	if (last - first >= DORMOUSE_NEIGHBOURS && u->stream >= first &&
	    u->stream <= last + 1 + DORMOUSE_BATCH_UNITS && is_roomy(v)) {
		u->ahead = max(last + 1, u->stream);
		u->stream = u->ahead + DORMOUSE_BATCH_UNITS;
	} else {
		u->stream = last + 1;
	}
}

static void flush(struct volume *v);

bool undo_preserve(struct volume *v, struct bio *bio, u64 offset, u64 length)
{
	struct volume_undo *u = &v->undo;
	const u64 first = offset / DORMOUSE_UNIT_BYTES;
	const u64 last = (offset + length - 1) / DORMOUSE_UNIT_BYTES;
	u64 unit;

	if (!undo_needed(v, offset, length))
		return false;
	for (unit = first; unit <= last; unit++) {
		if (test_bit(unit, u->copied) || is_queued(v, unit))
			continue;
		if (open_batch(v)->nr_units == DORMOUSE_BATCH_UNITS) {
			flush(v);
			if (!v->preserving)
				return false;
		}
		open_batch(v)->units[u->open->nr_units++] = unit;
	}
	queue_more(v, first, last);
	follow_stream(v, first, last);
	bio_list_add(&open_batch(v)->bios, bio);
	return true;
}

static int by_number(const void *a, const void *b)
{
	const u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return x < y ? -1 : x > y;
}

/* Makes room for `blocks` in one piece; -ENOSPC when the snapshots need it all. */
static int make_room(struct volume *v, u32 blocks)
{
	struct volume_undo *u = &v->undo;
	const u32 ring = v->super.undo_blocks;
	u64 head = u->head.block;

	if (head % ring + blocks > ring)
		head += ring - head % ring;
	if (blocks > ring || head + blocks - u->tail.block > ring)
		return -ENOSPC;
	u->head.block = head;
	return 0;
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
		u64 offset = (u64)b->units[i] * DORMOUSE_UNIT_BYTES;
		u32 run = 1;
		u64 length;

		while (i + run < b->nr_units && b->units[i + run] == b->units[i] + run)
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
	const u32 blocks = 1 + b->nr_units * unit_blocks;
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
		numbers[i] = cpu_to_le32(b->units[i]);
	memcpy(record.store_id, v->super.store_id, 16);
	if (!b->durable)
		record.flags = DORMOUSE_RECORD_UNSUMMED;
	record.payload_sum = record_sum(&record, disk);
	record_pack(&record, b->buffer);
	b->behind.block = u->head.block + blocks;
	b->behind.sequence = u->head.sequence + 1;
	b->behind.prev_crc = record.header_crc;
}

/* Says so, once each time, when the ring fills beyond three quarters and nine tenths. */
static void watch_fill(struct volume *v)
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
		set_bit(b->units[i], v->undo.copied);
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

	spin_lock_irqsave(&v->lock, flags);
	b->complete = true;
	spin_unlock_irqrestore(&v->lock, flags);
	queue_work(v->undo.wq, &v->undo.done);
}

/* Reads, indexes and sends the batch on its way; an error: nothing was begun. */
static int send(struct volume *v, struct undo_batch *b)
{
	struct volume_undo *u = &v->undo;
	const u32 blocks = 1 + b->nr_units * unit_blocks;
	const u64 epoch = volume_open_epoch(v)->epoch;
	struct bio_list bios;
	u64 place;
	u32 i;
	int err;

	sort(b->units, b->nr_units, sizeof(*b->units), by_number, NULL);
	while (make_room(v, blocks))
		if (!end_oldest(v))
			return -ENOSPC;
	err = read_old_data(v, b);
	if (err) {
		undo_give_up(v, "old data cannot be read");
		return err;
	}
	b->durable = wants_durable(v);
	pack(v, b);
	b->complete = false;
	place = u->head.block;
	bio_list_init(&bios);
	spin_lock_irq(&v->lock);
	for (i = 0; i < b->nr_units && !err; i++)
		err = undo_index_add(&u->index, b->units[i], epoch,
				     place + 1 + (u64)i * unit_blocks);
	if (!err) {
		list_add_tail(&b->link, &u->underway);
		u->nr_underway++;
		if (!b->durable)
			bio_list_merge(&bios, &b->bios);
		if (!b->durable)
			bio_list_init(&b->bios);
	}
	spin_unlock_irq(&v->lock);
	if (err) { /* the index is as large as the ring, so this is a bug of ours */
		undo_give_up(v, "the undo index is full");
		return err;
	}
	u->head = b->behind;
	volume_stat_add(v, copied_bytes, (u64)b->nr_units * DORMOUSE_UNIT_BYTES);
	volume_stat_add(v, batches, 1);
	watch_fill(v);
	if (!b->durable) {
		set_copied(v, b);
		release_all(v, &bios);
	}
	store_write_async(v, &b->io, v->super.undo_start + place % v->super.undo_blocks, blocks,
			  b->buffer, b->durable, written);
	return 0;
}

static void flush(struct volume *v)
{
	struct volume_undo *u = &v->undo;
	struct undo_batch *b = u->open;

	if (!b)
		return;
	u->open = NULL;
	if (b->nr_units && v->preserving && !send(v, b))
		return;
	spin_lock_irq(&v->lock);
	/* Its writes wait for units that others copy; the last of those is the last. */
	if (v->preserving && !b->nr_units && !list_empty(&u->underway)) {
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

void undo_flush(struct volume *v)
{
	struct volume_undo *u = &v->undo;
	const u64 ahead = u->ahead;

	flush(v);
	u->ahead = 0;
	if (!ahead || !v->preserving)
		return;
	queue_range(v, ahead, ahead + DORMOUSE_BATCH_UNITS);
	flush(v);
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
		u->nr_underway--;
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
