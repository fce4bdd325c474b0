// SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later
/*
 * What is copied to the undo ring, and with what: the worker fills the open batch with
 * units that held writes overwrite, with the neighbours that are worth copying along,
 * and with the writes that wait for them.
 */
#include "volume.h"

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

static void add_unit(struct undo_batch *b, u64 unit, bool wanted)
{
	b->units[b->nr_units++] = (struct undo_unit){ .number = unit, .wanted = wanted };
}

/* A copy of it is underway, or will be with the open batch. */
static bool is_queued(struct volume *v, u64 unit, bool wanted)
{
	struct undo_batch *b = v->undo.open;
	const u64 epoch = volume_open_epoch(v)->epoch;
	bool found;
	u64 block;
	u32 i;

	for (i = 0; b && i < b->nr_units; i++)
		if (b->units[i].number == unit) {
			b->units[i].wanted |= wanted;
			return true;
		}
	spin_lock_irq(&v->lock);
	found = undo_index_find(&v->undo.index, unit, epoch, &block);
	spin_unlock_irq(&v->lock);
	return found;
}

/* Half of the ring is free, and that is enough for whatever a round may bring. */
static bool is_roomy(struct volume *v)
{
	const u64 used = v->undo.head.block - v->undo.tail.block, ring = v->super.undo_blocks;

	return used * 2 < ring && ring - used > 4 * (1 + DORMOUSE_BATCH_UNITS * DORMOUSE_UNIT_BLOCKS);
}

/* Queues what is not copied of [first, end), as far as the batch has room, but never
 * the store itself. */
static void queue_range(struct volume *v, u64 first, u64 end)
{
	struct volume_undo *u = &v->undo;
	u64 unit;

	end = min(end, v->geometry.nr_units);
	for (unit = first; unit < end && open_batch(v)->nr_units < DORMOUSE_BATCH_UNITS; unit++)
		if (!test_bit(unit, u->copied) && !is_queued(v, unit, false) &&
		    !store_guards(v, unit * DORMOUSE_UNIT_BYTES, DORMOUSE_UNIT_BYTES))
			add_unit(u->open, unit, false);
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

bool undo_preserve(struct volume *v, struct bio *bio, u64 offset, u64 length)
{
	struct volume_undo *u = &v->undo;
	const u64 first = offset / DORMOUSE_UNIT_BYTES;
	const u64 last = (offset + length - 1) / DORMOUSE_UNIT_BYTES;
	u64 unit;

	if (!undo_needed(v, offset, length))
		return false;
	for (unit = first; unit <= last; unit++) {
		if (test_bit(unit, u->copied) || is_queued(v, unit, true))
			continue;
		if (open_batch(v)->nr_units == DORMOUSE_BATCH_UNITS) {
			undo_send_open(v);
			if (!v->preserving)
				return false;
		}
		add_unit(open_batch(v), unit, true);
	}
	queue_more(v, first, last);
	follow_stream(v, first, last);
	bio_list_add(&open_batch(v)->bios, bio);
	return true;
}

void undo_flush(struct volume *v)
{
	struct volume_undo *u = &v->undo;
	const u64 ahead = u->ahead;

	undo_send_open(v);
	u->ahead = 0;
	if (!ahead || !v->preserving || !is_roomy(v))
		return;
	queue_range(v, ahead, ahead + DORMOUSE_BATCH_UNITS);
	undo_send_open(v);
}
