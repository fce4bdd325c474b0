// SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later
/*
 * Old data of units that are about to be overwritten, appended to the undo ring
 * and indexed. A unit counts as preserved (`copied`, index) only when its record
 * is where it has to be, and only then is the write that asked for it let go.
 */
#include <linux/sort.h>
#include "volume.h"

static bool preserved(struct volume *v, u64 unit)
{
	return test_bit(unit, v->undo.copied);
}

bool undo_needed(struct volume *v, u64 offset, u64 length)
{
	u64 first = offset / DORMOUSE_UNIT_BYTES;
	u64 end = (offset + length - 1) / DORMOUSE_UNIT_BYTES + 1;

	return v->preserving && find_next_zero_bit(v->undo.copied, end, first) < end;
}

int undo_preserve(struct volume *v, u64 offset, u64 length)
{
	u64 unit, last = (offset + length - 1) / DORMOUSE_UNIT_BYTES;
	u32 i;
	int err;

	if (!v->preserving)
		return 0;
	for (unit = offset / DORMOUSE_UNIT_BYTES; unit <= last; unit++) {
		if (preserved(v, unit))
			continue;
		for (i = 0; i < v->undo.nr_units; i++)
			if (v->undo.units[i] == unit)
				break;
		if (i < v->undo.nr_units)
			continue;
		if (v->undo.nr_units == DORMOUSE_BATCH_UNITS) {
			err = undo_flush(v);
			if (err)
				return err;
			if (!v->preserving)
				return 0;
		}
		v->undo.units[v->undo.nr_units++] = unit;
	}
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return x < y ? -1 : x > y;
}

/* Before a write that was not copied for a durable snapshot goes on, and before its
 * place in the ring is used again: else a power cut would bring it back with that
 * write in it, or without its data. */
static void end_on_record(struct volume *v, bool durable)
{
	if (durable && !v->failed && journal_state(v, DORMOUSE_RECORD_MAP, 0))
		volume_fail(v, "the journal cannot be written");
}

static struct volume_epoch *oldest_snapshot(struct volume *v)
{
	u32 i;

	for (i = 0; i < v->nr_epochs; i++)
		if (v->epochs[i]->flags & DORMOUSE_EPOCH_SNAPSHOT)
			return v->epochs[i];
	return NULL;
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

/* Makes room for `blocks` in one piece; -ENOSPC when the snapshots need it all. */
static int make_room(struct volume *v, u32 blocks)
{
	struct volume_undo *u = &v->undo;
	const u32 ring = v->super.undo_blocks;
	u64 head = u->head;

	if (head % ring + blocks > ring)
		head += ring - head % ring;
	if (blocks > ring || head + blocks - u->tail > ring)
		return -ENOSPC;
	u->head = head;
	return 0;
}

/* One bio's worth a run: neighbours in the volume are read together. */
static int read_old_data(struct volume *v, u8 *data)
{
	struct volume_undo *u = &v->undo;
	u32 i = 0;
	int err;

	while (i < u->nr_units) {
		u64 offset = (u64)u->units[i] * DORMOUSE_UNIT_BYTES;
		u32 run = 1;
		u64 length;

		while (i + run < u->nr_units && u->units[i + run] == u->units[i] + run)
			run++;
		length = min((u64)run * DORMOUSE_UNIT_BYTES, v->geometry.bytes - offset);
		err = store_origin_read(v, offset, length, data);
		if (err)
			return err;
		memset(data + length, 0, (u64)run * DORMOUSE_UNIT_BYTES - length);
		data += (u64)run * DORMOUSE_UNIT_BYTES;
		i += run;
	}
	return 0;
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

/* Says so, once each time, when the ring fills beyond three quarters and nine tenths. */
static void watch_fill(struct volume *v)
{
	struct volume_undo *u = &v->undo;
	const u32 used = div64_u64((u->head - u->tail) * 1000, v->super.undo_blocks);
	const u32 level = used >= 900 ? 900 : used >= 750 ? 750 : 0;

	if (level > u->warned)
		event_post(v, DORMOUSE_EVENT_STORE_LOW, used, "");
	u->warned = level;
}

int undo_flush(struct volume *v)
{
	struct volume_undo *u = &v->undo;
	struct store_record record = { .type = DORMOUSE_RECORD_UNDO };
	struct dormouse_disk_undo *disk;
	const u64 epoch = volume_open_epoch(v)->epoch;
	const u32 unit_blocks = DORMOUSE_UNIT_BYTES / DORMOUSE_STORE_BLOCK;
	u32 blocks, i;
	__le32 *numbers;
	int err;

	if (!u->nr_units)
		return 0;
	sort(u->units, u->nr_units, sizeof(*u->units), by_number, NULL);
	blocks = 1 + u->nr_units * unit_blocks;
	while (make_room(v, blocks))
		if (!end_oldest(v))
			goto done;
	memset(u->buffer, 0, DORMOUSE_STORE_BLOCK);
	disk = u->buffer + DORMOUSE_RECORD_HEADER_BYTES;
	disk->nr_units = cpu_to_le32(u->nr_units);
	disk->data_offset = cpu_to_le32(DORMOUSE_STORE_BLOCK);
	numbers = (__le32 *)(disk + 1);
	for (i = 0; i < u->nr_units; i++)
		numbers[i] = cpu_to_le32(u->units[i]);
	err = read_old_data(v, u->buffer + DORMOUSE_STORE_BLOCK);
	if (err) {
		undo_give_up(v, "old data cannot be read");
		goto done;
	}
	memcpy(record.store_id, v->super.store_id, 16);
	record.incarnation = v->super.incarnation;
	record.sequence = u->sequence;
	record.epoch = epoch;
	record.prev_crc = u->prev_crc;
	record.payload_bytes = blocks * DORMOUSE_STORE_BLOCK - DORMOUSE_RECORD_HEADER_BYTES;
	record.payload_crc = dormouse_crc32c(0, u->buffer + DORMOUSE_RECORD_HEADER_BYTES,
					     record.payload_bytes);
	record_pack(&record, u->buffer);
	err = store_write(v, v->super.undo_start + u->head % v->super.undo_blocks, blocks,
			  u->buffer, wants_durable(v));
	if (err) {
		undo_give_up(v, "the store cannot be written");
		goto done;
	}
	spin_lock_irq(&v->lock);
	for (i = 0; i < u->nr_units && !err; i++)
		err = undo_index_add(&u->index, u->units[i], epoch,
				     u->head + 1 + (u64)i * unit_blocks);
	spin_unlock_irq(&v->lock);
	if (err) { /* the index is as large as the ring, so this is a bug of ours */
		undo_give_up(v, "the undo index is full");
		goto done;
	}
	for (i = 0; i < u->nr_units; i++)
		set_bit(u->units[i], u->copied);
	u->head += blocks;
	u->sequence++;
	u->prev_crc = record.header_crc;
	volume_stat_add(v, copied_bytes, (u64)u->nr_units * DORMOUSE_UNIT_BYTES);
	volume_stat_add(v, batches, 1);
	watch_fill(v);
done:
	u->nr_units = 0;
	return 0; /* a snapshot may have failed, but never the write */
}

void undo_snapshots_changed(struct volume *v)
{
	bool preserving = false;
	u32 i;

	for (i = 0; i < v->nr_epochs; i++)
		preserving |= !!(v->epochs[i]->flags & DORMOUSE_EPOCH_SNAPSHOT);
	WRITE_ONCE(v->preserving, preserving);
	undo_trim(v);
}

void undo_trim(struct volume *v)
{
	struct volume_undo *u = &v->undo;
	const struct volume_epoch *oldest = oldest_snapshot(v);

	u->tail = oldest ? oldest->undo_start : u->head;
	u->tail_sequence = oldest ? oldest->undo_sequence : u->sequence;
	u->tail_prev_crc = oldest ? oldest->undo_prev_crc : u->prev_crc;
	spin_lock_irq(&v->lock);
	undo_index_drop_before(&u->index, u->tail);
	spin_unlock_irq(&v->lock);
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
