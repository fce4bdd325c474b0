// SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later
/*
 * One moment for several volumes:
 *
 *   allocate all → freeze all → close all gates → drain all → flush all
 *   → per volume: write EPOCH, switch → open all gates → thaw all
 *
 * A write that was passed before its gate closed is drained, so it is in the
 * image; any other is held until the switch, so it is in the new epoch's map. No
 * gate opens before the last one is drained: if A was complete before B was
 * submitted, no set of images has B without A.
 */
#include <linux/delay.h>
#include <linux/random.h>
#include <linux/timekeeping.h>
#include "compat.h"
#include "volume.h"

struct moment {
	struct volume *v;
	struct volume_epoch *next; /* allocated; NULL once it is in the table */
	struct block_device *bdev; /* referenced */
	bool frozen, gated;
	bool mounted; /* so a file system was frozen with it */
};

/* Whoever holds the mutex may wait for a device that does not answer. As long as the
 * worker gets on it does, and the mutex is fair. */
static int lock_until(struct volume *v, unsigned long deadline, char *reason)
{
	const u32 rounds = READ_ONCE(v->rounds);

	while (!mutex_trylock(&v->store_mutex)) {
		if (READ_ONCE(v->rounds) != rounds) {
			mutex_lock(&v->store_mutex);
			return 0;
		}
		if (time_after(jiffies, deadline)) {
			strscpy(reason, "the device does not answer", DORMOUSE_REASON_BYTES);
			return -ETIMEDOUT;
		}
		usleep_range(100, 200);
	}
	return 0;
}

static int prepare(struct moment *m, unsigned long deadline, char *reason)
{
	struct volume *v = m->v;
	int err = lock_until(v, deadline, reason);

	if (err)
		return err;
	volume_epochs_tidy(v);
	volume_follow_partition(v);
	get_device(&v->bdev->bd_device);
	m->bdev = v->bdev;
	if (v->failed) {
		strscpy(reason, v->reason, DORMOUSE_REASON_BYTES);
		err = -EIO;
	} else if (!device_is_registered(&v->bdev->bd_device)) {
		strscpy(reason, "the partition is not where it was", DORMOUSE_REASON_BYTES);
		err = -ESTALE;
	} else if (bdev_nr_sectors(v->bdev) != v->nr_sectors) {
		strscpy(reason, "the device has changed its size", DORMOUSE_REASON_BYTES);
		err = -ESTALE;
	} else if (volume_snapshots(v) >= DORMOUSE_MAX_SNAPSHOTS ||
		   v->nr_epochs >= DORMOUSE_MAX_EPOCHS - 1) {
		strscpy(reason, "there are too many snapshots", DORMOUSE_REASON_BYTES);
		err = -ENOSPC;
	}
	mutex_unlock(&v->store_mutex);
	if (err)
		return err;
	/* Not under the mutex: memory may have to wait for writes that are held. */
	m->next = volume_epoch_alloc(v, true);
	if (!m->next) {
		strscpy(reason, "there is not enough memory", DORMOUSE_REASON_BYTES);
		err = -ENOMEM;
	}
	return err;
}

/* Freezing waits for writes that may be held, so gates are still open. */
static int freeze(struct moment *m, char *reason)
{
	int err;

	/* Counts even where nothing is mounted: then nobody can mount meanwhile. */
	err = compat_freeze(m->bdev);
	if (err) {
		strscpy(reason, "the file system could not be frozen", DORMOUSE_REASON_BYTES);
		return err;
	}
	m->frozen = true;
	m->mounted = volume_is_held(m->v);
	return 0;
}

static int close_gate(struct moment *m, unsigned long deadline, char *reason)
{
	int err = lock_until(m->v, deadline, reason);

	if (err)
		return err;
	WRITE_ONCE(m->v->gate, true);
	mutex_unlock(&m->v->store_mutex);
	m->gated = true;
	return 0;
}

static int quiesce(struct moment *m, unsigned long deadline, char *reason)
{
	long left = (long)(deadline - jiffies);
	int err;

	if (!gate_drain(m->v, left > 0 ? jiffies_to_msecs(left) : 0)) {
		strscpy(reason, "writes did not come to an end in time", DORMOUSE_REASON_BYTES);
		return -ETIMEDOUT;
	}
	err = blkdev_issue_flush(m->v->disk->part0);
	if (err)
		strscpy(reason, "the device could not be flushed", DORMOUSE_REASON_BYTES);
	return err;
}

/* Behind the gate: the new epoch becomes the open one, durably or not at all. */
static int switch_epoch(struct moment *m, u32 flags, char *reason)
{
	struct volume *v = m->v;
	struct volume_epoch *e = m->next, *before;
	unsigned long *copied = v->undo.copied;
	bool bypassed;
	int err;

	mutex_lock(&v->store_mutex);
	bypassed = bypass_settle(v);
	undo_snapshot_begins(v);
	before = volume_open_epoch(v);
	e->epoch = before->epoch + 1;
	e->first_epoch = e->epoch;
	get_random_bytes(e->id, sizeof(e->id));
	memcpy(e->from_id, e->id, sizeof(e->id));
	e->created_ns = ktime_get_real_ns();
	e->undo_start = v->undo.head;
	e->flags = DORMOUSE_EPOCH_SNAPSHOT |
		   (flags & DORMOUSE_SNAPSHOT_DURABLE ? DORMOUSE_EPOCH_DURABLE : 0) |
		   (m->mounted ? DORMOUSE_EPOCH_FROZEN : 0) |
		   (bypassed ? DORMOUSE_EPOCH_VOID : 0);
	spin_lock_irq(&v->lock);
	v->epochs[v->nr_epochs++] = e;
	spin_unlock_irq(&v->lock);
	err = v->failed ? -EIO : journal_state(v, DORMOUSE_RECORD_EPOCH, 0);
	if (err) {
		spin_lock_irq(&v->lock);
		v->nr_epochs--;
		spin_unlock_irq(&v->lock);
		/* The record may be there all the same, and then it lies. */
		volume_fail(v, "the journal cannot be written");
		strscpy(reason, "the journal cannot be written", DORMOUSE_REASON_BYTES);
	} else {
		memset(copied, 0, change_map_words(v->geometry.nr_units) * 8);
		WRITE_ONCE(v->map, (unsigned long *)e->map);
		undo_snapshot_began(v);
		m->next = NULL;
	}
	mutex_unlock(&v->store_mutex);
	return err;
}

static void release(struct moment *m)
{
	if (m->gated)
		gate_open(m->v);
	m->gated = false;
}

int snapshot_take(struct volume **vs, struct dormouse_snapshot_volume *args, u32 nr,
		  u32 timeout_ms, u64 *frozen_us, char *reason)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(timeout_ms ?: 30000);
	struct moment *moments;
	ktime_t frozen_at = 0;
	u32 i, taken = 0;
	int err = 0;

	moments = kcalloc(nr, sizeof(*moments), GFP_KERNEL);
	if (!moments)
		return -ENOMEM;
	for (i = 0; i < nr && !err; i++) {
		moments[i].v = vs[i];
		err = prepare(&moments[i], deadline, reason);
	}
	for (i = 0; i < nr && !err; i++) {
		if (!i)
			frozen_at = ktime_get();
		err = freeze(&moments[i], reason);
		args[i].frozen = moments[i].mounted;
	}
	if (err)
		goto out;
	for (i = 0; i < nr && !err; i++)
		err = close_gate(&moments[i], deadline, reason);
	synchronize_rcu();
	for (i = 0; i < nr && !err; i++)
		err = quiesce(&moments[i], deadline, reason);
	for (i = 0; i < nr && !err; i++) {
		err = switch_epoch(&moments[i], args[i].flags, reason);
		if (!err) {
			struct volume_epoch *e = volume_open_epoch(vs[i]);

			args[i].epoch = e->epoch;
			memcpy(args[i].epoch_id, e->id, 16);
			taken++;
		}
	}
	/* None or all: an epoch that began stays as a mere boundary. */
	for (i = 0; err && i < taken; i++)
		snapshot_drop(vs[i], volume_epoch_find(vs[i], args[i].epoch));
out:
	for (i = 0; i < nr; i++)
		if (moments[i].v)
			release(&moments[i]);
	for (i = 0; i < nr; i++)
		if (moments[i].frozen)
			compat_thaw(moments[i].bdev);
	*frozen_us = frozen_at ? ktime_us_delta(ktime_get(), frozen_at) : 0;
	for (i = 0; i < nr; i++) {
		if (moments[i].next)
			volume_epoch_free(vs[i], moments[i].next);
		if (moments[i].bdev)
			put_device(&moments[i].bdev->bd_device);
		if (!err)
			event_post(vs[i], DORMOUSE_EVENT_SNAPSHOT, args[i].epoch, "");
	}
	kfree(moments);
	return err;
}

int snapshot_drop(struct volume *v, struct volume_epoch *e)
{
	bool durable;
	int err;

	if (!e || !(e->flags & (DORMOUSE_EPOCH_SNAPSHOT | DORMOUSE_EPOCH_SNAPSHOT_FAILED)))
		return -ENOENT;
	err = snapshot_disk_destroy(v, e);
	if (err)
		return err;
	mutex_lock(&v->store_mutex);
	durable = e->flags & DORMOUSE_EPOCH_DURABLE;
	e->flags &= ~(DORMOUSE_EPOCH_SNAPSHOT | DORMOUSE_EPOCH_DURABLE |
		      DORMOUSE_EPOCH_SNAPSHOT_FAILED);
	undo_snapshots_ended(v, durable);
	event_post(v, DORMOUSE_EVENT_SNAPSHOT_DROPPED, e->epoch, "");
	volume_epochs_tidy(v);
	mutex_unlock(&v->store_mutex);
	return 0;
}
