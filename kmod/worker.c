// SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later
/*
 * The worker of a volume: takes held writes in batches, makes durable what each
 * of them depends on (intents, sentinel contents, old data), and lets them go.
 * Its tick seals the store when the volume is idle, checkpoints now and then, and
 * notices that the disk is gone.
 */
#include "trace.h"
#include "volume.h"

/* Regions: in a row before there is any expectation; expected at most at once; ahead of
 * the writer when more are expected. */
enum { INTENTS_IN_A_ROW = 4, INTENTS_AHEAD = 16, INTENTS_LOW = 8 };

static bool is_dataless(const struct bio *bio)
{
	return bio_op(bio) == REQ_OP_DISCARD;
}

/* Nothing is recorded any more: held writes go on as they are. */
static bool is_over(struct volume *v)
{
	return READ_ONCE(v->failed) || READ_ONCE(v->dying);
}

/* Up to a batch of held bios, oldest first. They count as held until released. */
static bool take_batch(struct volume *v, struct bio_list *batch)
{
	struct bio *bio;
	int nr = 0;

	bio_list_init(batch);
	spin_lock_irq(&v->lock);
	while (nr++ < DORMOUSE_BATCH_BIOS && (bio = bio_list_pop(&v->held)))
		bio_list_add(batch, bio);
	spin_unlock_irq(&v->lock);
	return !bio_list_empty(batch);
}

/* A journal error ends recording, never the write. */
static bool holds(struct volume *v, int err, const char *reason)
{
	if (err)
		volume_fail(v, reason);
	return !err;
}

/*
 * How many regions behind this one get their intent with it. A write that comes right
 * behind regions with intents goes on there, as a rule, and would wait for the journal
 * every 4 MiB: as many as there are before it, as a file's read-ahead grows. What is
 * never written counts as changed only if the power is cut before the next checkpoint.
 */
static u64 intents_ahead(struct volume *v, u64 region)
{
	u64 before = 0;

	while (before < INTENTS_AHEAD && before < region &&
	       test_bit(region - before - 1, v->intents))
		before++;
	if (before < INTENTS_IN_A_ROW)
		return 0;
	return min(before, v->geometry.nr_regions - 1 - region);
}

void worker_expect(struct volume *v, u64 region)
{
	u64 low = region + INTENTS_LOW;

	if (low >= v->geometry.nr_regions || test_bit(low, v->intents) ||
	    !region || !test_bit(region - 1, v->intents))
		return;
	WRITE_ONCE(v->expected_region, region + 1);
	worker_kick(v);
}

/* Regions that a sequential writer will soon come to, found by worker_expect(). */
static u32 find_expected(struct volume *v, u32 *regions)
{
	u64 ahead, region = xchg(&v->expected_region, 0);
	u32 nr;

	if (!region)
		return 0;
	region = find_next_zero_bit(v->intents, v->geometry.nr_regions, region);
	if (region >= v->geometry.nr_regions)
		return 0;
	ahead = intents_ahead(v, region);
	for (nr = 0; nr < ahead; nr++)
		regions[nr] = region + nr;
	return nr;
}

/* All regions of all writes get a durable intent. A checkpoint on the way may
 * retire one that an earlier round found, so this ends when a round finds none. */
static bool ensure_intents(struct volume *v, struct bio_list *batch)
{
	u32 *missing = v->missing;
	u64 offset, length, skip, region, last, ahead;
	u32 nr = find_expected(v, missing);
	u64 run = nr ? missing[0] : 0;
	struct bio *bio;
	int err = 0;

	do {
		bio_list_for_each(bio, batch) {
			if (!volume_overlap(v, bio, &offset, &length, &skip))
				continue;
			region = offset / DORMOUSE_REGION_BYTES;
			last = (offset + length - 1) / DORMOUSE_REGION_BYTES;
			for (; region <= last; region++) {
				set_bit(region, v->touched);
				if (test_bit(region, v->intents) || nr == DORMOUSE_BATCH_REGIONS ||
				    (nr && region >= run && region <= missing[nr - 1]))
					continue;
				run = region;
				missing[nr++] = region;
				ahead = intents_ahead(v, region);
				for (; ahead && nr < DORMOUSE_BATCH_REGIONS; ahead--, nr++)
					missing[nr] = missing[nr - 1] + 1;
			}
		}
		if (!nr)
			return true;
		err = journal_intents(v, missing, nr);
		nr = 0;
	} while (!err);
	return holds(v, err, "the journal cannot be written");
}

static bool ensure_sentinels(struct volume *v, struct bio_list *batch)
{
	u64 offset, length, skip;
	bool noted = false;
	struct bio *bio;
	int err = 0;

	bio_list_for_each(bio, batch) {
		if (!volume_overlap(v, bio, &offset, &length, &skip) ||
		    !sentinel_touches(v, offset, length))
			continue;
		err = sentinel_note(v, bio, offset);
		if (err)
			break;
		noted = true;
	}
	if (!err && noted)
		err = journal_sentinels(v);
	return holds(v, err, "the sentinel cannot be recorded");
}

/* What has to wait for its old data leaves the batch. */
static void preserve(struct volume *v, struct bio_list *batch)
{
	u64 offset, length, skip;
	struct bio_list ready;
	struct bio *bio;

	bio_list_init(&ready);
	while ((bio = bio_list_pop(batch)))
		if (is_dataless(bio) || !volume_overlap(v, bio, &offset, &length, &skip) ||
		    !undo_preserve(v, bio, offset, length))
			bio_list_add(&ready, bio);
	undo_flush(v);
	*batch = ready;
}

static void mark(struct volume *v, u64 offset, u64 length)
{
	u64 granule = offset / DORMOUSE_GRANULE_BYTES;

	for (; granule <= (offset + length - 1) / DORMOUSE_GRANULE_BYTES; granule++)
		set_bit(granule, v->map);
}

/* Another volume that the bio touches and that is still trusted; referenced; NULL. */
static struct volume *find_other(struct volume *v, struct bio *bio)
{
	struct volume *other, *found = NULL;
	u64 offset, length, skip;

	rcu_read_lock();
	list_for_each_entry_rcu(other, &volumes, link)
		if (other != v && other->disk == v->disk && !READ_ONCE(other->disowned) &&
		    volume_overlap(other, bio, &offset, &length, &skip)) {
			kref_get(&other->ref);
			found = other;
			break;
		}
	rcu_read_unlock();
	return found;
}

void worker_release(struct volume *v, struct bio *bio)
{
	u64 offset, length, skip;
	struct volume *other;

	trace_dormouse_release(v->handle, bio);
	spin_lock_irq(&v->lock);
	v->held_bytes -= bio->bi_iter.bi_size;
	hold_times_end(v, bio);
	spin_unlock_irq(&v->lock);
	if (!volume_overlap(v, bio, &offset, &length, &skip)) {
		submit_bio_noacct(bio); /* held for its external store's sake */
		return;
	}
	if (!is_over(v)) {
		/* Advisory, and a snapshot needs what it would throw away. */
		if (is_dataless(bio) && undo_needed(v, offset, length)) {
			bio_endio(bio);
			return;
		}
		mark(v, offset, length);
		hook_count(v, bio);
	}
	/* A write of the whole disk may reach into other volumes, which cannot see
	 * it once it carries our completion: they are told. */
	while ((other = find_other(v, bio))) {
		/* The hook gives such a write to the first in the list: no circle. */
		mutex_lock_nested(&other->store_mutex, SINGLE_DEPTH_NESTING);
		volume_fail(other, "written across its border through the whole disk");
		volume_disown(other);
		mutex_unlock(&other->store_mutex);
		volume_put(other);
	}
	submit_bio_noacct(bio);
}

/* Somebody else writes where the store is: it is his ground from now on. */
static void yield_store(struct volume *v, struct bio_list *batch)
{
	struct bio *bio;

	bio_list_for_each(bio, batch)
		if (ground_is_hit(v, bio))
			volume_fail(v, "the store was overwritten");
}

static void work_fn(struct work_struct *work)
{
	struct volume *v = container_of(work, struct volume, work);
	struct bio_list batch;
	struct bio *bio;
	bool more;

	do {
		mutex_lock(&v->store_mutex);
		bypass_settle(v);
		undo_mend(v);
		more = !READ_ONCE(v->gate) || is_over(v);
		if (more) {
			more = take_batch(v, &batch);
			if (!is_over(v))
				yield_store(v, &batch);
			if (!is_over(v) && ensure_intents(v, &batch) && ensure_sentinels(v, &batch))
				preserve(v, &batch);
			/* Writes go unrecorded from here on. */
			if (v->failed)
				volume_disown(v);
			while ((bio = bio_list_pop(&batch)))
				worker_release(v, bio);
		}
		WRITE_ONCE(v->rounds, v->rounds + 1);
		mutex_unlock(&v->store_mutex);
	} while (more);
}

void worker_kick(struct volume *v)
{
	queue_work(v->wq, &v->work);
}

void worker_release_all(struct volume *v)
{
	worker_kick(v);
	flush_work(&v->work);
}

static int seal_idle(struct volume *v)
{
	int err = journal_seal(v, false);

	gate_open(v);
	return err;
}

static void tick_fn(struct work_struct *work)
{
	struct volume *v = container_of(to_delayed_work(work), struct volume, tick);
	const unsigned long idle = msecs_to_jiffies(DORMOUSE_IDLE_SEAL_MS);
	int err = 0;

	mutex_lock(&v->store_mutex);
	if (volume_is_gone(v)) {
		control_reap();
	} else if (!v->dying && !v->failed && !v->gate) {
		if (!v->sealed && time_after(jiffies, READ_ONCE(v->last_write) + idle))
			err = seal_idle(v);
		else if (v->sealed_held && !volume_is_held(v))
			err = seal_idle(v); /* after an absence it counts that nobody had it */
		else if (!v->sealed && time_after(jiffies, v->last_checkpoint +
						  msecs_to_jiffies(DORMOUSE_CHECKPOINT_MS)))
			err = journal_checkpoint(v);
		if (err && err != -EAGAIN)
			volume_fail(v, "the journal cannot be written");
	}
	if (!v->dying)
		queue_delayed_work(v->wq, &v->tick, msecs_to_jiffies(1000));
	mutex_unlock(&v->store_mutex);
}

static atomic_t sealing;
static DECLARE_WAIT_QUEUE_HEAD(all_sealed);

static void seal_fn(struct work_struct *work)
{
	struct volume *v = container_of(work, struct volume, seal);

	mutex_lock(&v->store_mutex);
	if (!v->dying && !v->failed)
		seal_idle(v);
	mutex_unlock(&v->store_mutex);
	volume_put(v);
	if (atomic_dec_and_test(&sealing))
		wake_up(&all_sealed);
}

bool worker_seal_all(unsigned int timeout_ms)
{
	struct volume *v;

	rcu_read_lock();
	list_for_each_entry_rcu(v, &volumes, link) {
		if (!kref_get_unless_zero(&v->ref))
			continue;
		atomic_inc(&sealing);
		if (queue_work(system_unbound_wq, &v->seal))
			continue;
		atomic_dec(&sealing); /* asked before, and not done: not the last reference */
		volume_put(v);
	}
	rcu_read_unlock();
	return wait_event_timeout(all_sealed, !atomic_read(&sealing), msecs_to_jiffies(timeout_ms));
}

void worker_init(struct volume *v)
{
	INIT_WORK(&v->seal, seal_fn);
	INIT_WORK(&v->work, work_fn);
	INIT_DELAYED_WORK(&v->tick, tick_fn);
}
