// SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later
/*
 * The journal ring: what must be known after a power cut. A record is durable
 * before the write that depends on it is let go. Reading starts at the last state
 * record that the superblock names; the ring always keeps room for another one.
 */
#include <linux/vmalloc.h>
#include "trace.h"
#include "volume.h"

static void *payload(struct volume *v)
{
	return v->journal.buffer + DORMOUSE_RECORD_HEADER_BYTES;
}

static u32 state_blocks(const struct volume *v)
{
	return v->geometry.state_bytes / DORMOUSE_STORE_BLOCK;
}

/* Appends the record whose payload is in the buffer. -ENOSPC: the ring is full. */
static int append(struct volume *v, u16 type, u32 payload_bytes)
{
	struct volume_journal *j = &v->journal;
	struct store_record record = {
		.type = type,
		.incarnation = v->super.incarnation,
		.sequence = j->sequence,
		.epoch = volume_open_epoch(v)->epoch,
		.payload_bytes = payload_bytes,
		.prev_crc = j->prev_crc,
	};
	const u32 blocks = record_blocks(payload_bytes);
	const u32 ring = v->super.journal_blocks;
	u32 at = j->head, waste = 0;
	int err;

	if (at + blocks > ring) {
		waste = ring - at;
		at = 0;
	}
	if (j->used + waste + blocks > ring)
		return -ENOSPC;
	memset(payload(v) + payload_bytes, 0,
	       (size_t)blocks * DORMOUSE_STORE_BLOCK - DORMOUSE_RECORD_HEADER_BYTES - payload_bytes);
	memcpy(record.store_id, v->super.store_id, 16);
	record.payload_sum = record_sum(&record, payload(v));
	record_pack(&record, j->buffer);
	err = store_write(v, v->super.journal_start + at, blocks, j->buffer, true);
	trace_dormouse_journal(v->handle, type, j->sequence, blocks, err);
	if (err)
		return err;
	j->head = at + blocks;
	j->used += waste + blocks;
	j->sequence++;
	j->prev_crc = record.header_crc;
	v->sealed = false;
	v->sealed_held = false;
	return 0;
}

/* Before a small record: is there still room for the states that may follow? */
static int keep_room(struct volume *v, u32 blocks)
{
	if (v->journal.used + blocks + 2 * state_blocks(v) <= v->super.journal_blocks)
		return 0;
	return journal_checkpoint(v);
}

int journal_intents(struct volume *v, const u32 *regions, u32 nr)
{
	struct dormouse_disk_intent *disk;
	__le32 *numbers;
	u32 i;
	int err = keep_room(v, 1);

	if (err)
		return err;
	disk = payload(v);
	disk->count = cpu_to_le32(nr);
	disk->reserved = 0;
	numbers = (__le32 *)(disk + 1);
	for (i = 0; i < nr; i++)
		numbers[i] = cpu_to_le32(regions[i]);
	err = append(v, DORMOUSE_RECORD_INTENT, sizeof(*disk) + nr * sizeof(*numbers));
	if (err)
		return err;
	for (i = 0; i < nr; i++)
		set_bit(regions[i], v->intents);
	volume_stat_add(v, intents, 1);
	return 0;
}

int journal_sentinels(struct volume *v)
{
	const size_t bytes = v->sentinel.nr_seen * sizeof(*v->sentinel.seen);
	__le32 *header;
	int err = keep_room(v, 1);

	if (err)
		return err;
	header = payload(v);
	header[0] = cpu_to_le32(v->sentinel.nr_seen);
	header[1] = 0;
	memcpy(header + 2, v->sentinel.seen, bytes);
	return append(v, DORMOUSE_RECORD_SENTINEL, 8 + bytes);
}

static u8 *put_epochs(struct volume *v, u8 *out)
{
	u8 *maps = out + v->nr_epochs * sizeof(struct dormouse_disk_epoch) +
		   v->sentinel.nr_seen * sizeof(*v->sentinel.seen);
	struct dormouse_disk_epoch *disk = (void *)out;
	u32 i;

	for (i = 0; i < v->nr_epochs; i++, disk++) {
		const struct volume_epoch *e = v->epochs[i];
		const u32 live = DORMOUSE_EPOCH_SNAPSHOT | DORMOUSE_EPOCH_DURABLE;
		size_t map_bytes = 0;

		if (e->map)
			map_bytes = change_map_encode(e->map, v->geometry.nr_granules, maps);
		maps += map_bytes;
		memset(disk, 0, sizeof(*disk));
		disk->epoch = cpu_to_le64(e->epoch);
		disk->first_epoch = cpu_to_le64(e->first_epoch);
		memcpy(disk->id, e->id, 16);
		memcpy(disk->from_id, e->from_id, 16);
		disk->created_ns = cpu_to_le64(e->created_ns);
		disk->undo_start = cpu_to_le64(e->undo_start.block);
		disk->flags = cpu_to_le32(
			(e->flags & DORMOUSE_EPOCH_ACKED ? DORMOUSE_DISK_EPOCH_ACKED : 0) |
			(e->flags & DORMOUSE_EPOCH_VOID ? DORMOUSE_DISK_EPOCH_VOID : 0) |
			((e->flags & live) == live ? DORMOUSE_DISK_EPOCH_SNAPSHOT : 0) |
			(e->flags & DORMOUSE_EPOCH_FROZEN ? DORMOUSE_DISK_EPOCH_FROZEN : 0));
		disk->map_bytes = cpu_to_le32(map_bytes);
	}
	memcpy(disk, v->sentinel.seen, v->sentinel.nr_seen * sizeof(*v->sentinel.seen));
	return maps;
}

/* rebase: reading shall start here from now on, which frees what lies before. */
static int write_state(struct volume *v, u16 type, u32 flags, bool rebase)
{
	struct volume_journal *j = &v->journal;
	struct dormouse_disk_state *disk = payload(v);
	struct undo_place head, tail;
	const u32 prev_crc = j->prev_crc;
	const u64 sequence = j->sequence;
	size_t intents;
	u8 *end;
	int err;

	undo_recorded(v, &tail, &head);
	end = put_epochs(v, (u8 *)(disk + 1));
	intents = change_map_encode((u64 *)v->intents, v->geometry.nr_regions, end);
	disk->open_epoch = cpu_to_le64(volume_open_epoch(v)->epoch);
	disk->nr_epochs = cpu_to_le32(v->nr_epochs);
	disk->flags = cpu_to_le32(flags);
	disk->nr_sentinels = cpu_to_le32(v->sentinel.nr_seen);
	disk->intents_bytes = cpu_to_le32(intents);
	disk->undo_tail = cpu_to_le64(tail.block);
	disk->undo_head = cpu_to_le64(head.block);
	disk->undo_sequence = cpu_to_le64(head.sequence);
	disk->undo_tail_sequence = cpu_to_le64(tail.sequence);
	disk->undo_prev_crc = cpu_to_le32(head.prev_crc);
	disk->undo_tail_prev_crc = cpu_to_le32(tail.prev_crc);
	err = append(v, type, end + intents - (u8 *)disk);
	if (err)
		return err;
	v->last_checkpoint = jiffies;
	volume_stat_add(v, checkpoints, 1);
	if (!rebase && j->used + 3 * state_blocks(v) <= v->super.journal_blocks)
		return 0;
	j->used = record_blocks(end + intents - (u8 *)disk);
	j->tail = j->head - j->used;
	v->super.checkpoint_block = j->tail;
	v->super.checkpoint_sequence = sequence;
	v->super.checkpoint_prev_crc = prev_crc;
	return store_super_write(v);
}

int journal_state(struct volume *v, u16 type, u32 flags)
{
	return write_state(v, type, flags, false);
}

int journal_begin(struct volume *v, u16 type)
{
	return write_state(v, type, 0, true);
}

int journal_checkpoint(struct volume *v)
{
	const size_t words = BITS_TO_LONGS(v->geometry.nr_regions);
	size_t i;

	undo_wait(v); /* what waits there counts on the intents that it found */
	undo_mend(v);
	/* Regions not written since the last checkpoint lose their intent. Whoever
	 * passed by it has marked the map once the grace period is over; whoever
	 * comes later is held and gets a new intent behind this checkpoint. */
	for (i = 0; i < words; i++) {
		unsigned long cold = v->intents[i] & ~xchg(&v->touched[i], 0);

		for (; cold; cold &= cold - 1)
			clear_bit(i * BITS_PER_LONG + __ffs(cold), v->intents);
	}
	synchronize_rcu();
	return journal_state(v, DORMOUSE_RECORD_MAP, 0);
}

/*
 * Everything exact and durable. Closes the gate, which the caller opens again (or
 * does not, when leaving); if it cannot be drained soon, -EAGAIN and no record.
 */
int journal_seal(struct volume *v, bool leaving)
{
	const size_t words = BITS_TO_LONGS(v->geometry.nr_regions);
	const bool held = volume_is_external(v) && volume_is_held(v);
	int err;

	volume_follow_partition(v);
	gate_close(v);
	if (!gate_drain(v, leaving ? 2000 : 100))
		return -EAGAIN;
	undo_mend(v);
	err = blkdev_issue_flush(v->disk->part0);
	if (!err)
		err = sentinel_refresh(v);
	if (err)
		return err;
	memset(v->intents, 0, words * sizeof(long));
	memset(v->touched, 0, words * sizeof(long));
	err = journal_state(v, DORMOUSE_RECORD_SEAL,
			    (leaving && volume_in_use(v) ? DORMOUSE_STATE_LEFT_OPEN : 0) |
			    (held ? DORMOUSE_STATE_HELD : 0));
	if (!err) {
		v->sealed = true;
		v->sealed_held = held;
		volume_stat_add(v, seals, 1);
	}
	return err;
}
