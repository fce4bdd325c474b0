// SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later
/*
 * Interception. One ftrace callback on the entry of the block layer,
 * submit_bio_noacct(), decides about every write to a volume:
 *
 *   pass  mark the change map, count it in flight, return: the function runs as
 *         if we were not there
 *   hold  queue the bio to the volume's worker and point the instruction pointer
 *         at an empty function
 *   wait  too much is held: point it at a function of ours that sleeps first
 *
 * The original function is never called from here (as a tail call that would come
 * back here for ever). The worker resubmits a held bio, and it passes because by
 * then it carries our completion, as remainders of splits and requeues do too.
 */
#include <linux/ftrace.h>
#include <linux/delay.h>
#include <linux/mempool.h>
#include "compat.h"
#include "trace.h"
#include "volume.h"

struct counted_write {
	struct volume *volume;
	bio_end_io_t *end_io;
	void *private;
};

/* Somebody inside wait_then_submit(), on his stack. */
struct waiter {
	struct list_head link;
	struct task_struct *task;
	struct bio *bio;
	bool again; /* there was no room after all */
};

static struct kmem_cache *counted_cache;
static mempool_t *counted_pool;
static LIST_HEAD(waiters);
static DEFINE_SPINLOCK(waiters_lock);

static void counted_end_io(struct bio *bio)
{
	struct counted_write *write = bio->bi_private;
	struct volume *v = write->volume;

	bio->bi_end_io = write->end_io;
	bio->bi_private = write->private;
	mempool_free(write, counted_pool);
	/* Whoever waits for zero frees the volume after a grace period. */
	rcu_read_lock();
	this_cpu_dec(*v->in_flight);
	rcu_read_unlock();
	/* Not bi_end_io() itself: a bio that others were chained to has one that is only a
	 * mark, which nobody may call. */
	bio_endio(bio);
}

static void interpose(struct volume *v, struct bio *bio, struct counted_write *write)
{
	write->volume = v;
	write->end_io = bio->bi_end_io;
	write->private = bio->bi_private;
	bio->bi_private = write;
	bio->bi_end_io = counted_end_io;
}

void hook_count(struct volume *v, struct bio *bio)
{
	this_cpu_inc(*v->in_flight);
	interpose(v, bio, mempool_alloc(counted_pool, GFP_NOIO));
}

static bool changes_data(const struct bio *bio)
{
	switch (bio_op(bio)) {
	case REQ_OP_WRITE:
	case REQ_OP_WRITE_ZEROES:
	case REQ_OP_DISCARD:
	case REQ_OP_SECURE_ERASE:
		return bio_sectors(bio) != 0;
	default:
		return false;
	}
}

static bool all_set(const unsigned long *map, u64 offset, u64 length, u32 unit)
{
	u64 first = offset / unit, end = (offset + length - 1) / unit + 1;

	if (end - first == 1)
		return test_bit(first, map);
	return find_next_zero_bit(map, end, first) >= end;
}

/* Sets bits that are not set, so that a hot cache line stays shared. Was there one? */
static bool mark(unsigned long *map, u64 offset, u64 length, u32 unit)
{
	u64 bit, last = (offset + length - 1) / unit;
	bool any = false;

	for (bit = offset / unit; bit <= last; bit++) {
		if (test_bit(bit, map))
			continue;
		set_bit(bit, map);
		any = true;
	}
	return any;
}

/* Whether the write may go on at once; then it is counted. Under rcu_read_lock. */
static bool pass(struct volume *v, struct bio *bio, u64 offset, u64 length)
{
	struct counted_write *write;

	/* Before joining the count: once a gate is closed for a grace period, nobody
	 * joins and leaves again, so that the sum over processors can only be too
	 * large while it is taken. Acquire: see gate_open(). */
	if (smp_load_acquire(&v->gate))
		return false;
	if (length > DORMOUSE_HELD_BUDGET) /* marking it would take long */
		return false;
	write = mempool_alloc(counted_pool, GFP_NOWAIT | __GFP_NOWARN);
	if (!write)
		return false;
	this_cpu_inc(*v->in_flight);
	/* Snapshots that ended without being on record as ended: the volume has failed. */
	if (!all_set(v->intents, offset, length, DORMOUSE_REGION_BYTES) ||
	    (smp_load_acquire(&v->preserving) ?
	     !all_set(v->undo.copied, offset, length, DORMOUSE_UNIT_BYTES) :
	     READ_ONCE(v->failed)) ||
	    sentinel_touches(v, offset, length) || store_guards(v, offset, length)) {
		this_cpu_dec(*v->in_flight);
		mempool_free(write, counted_pool);
		return false;
	}
	if (mark(v->touched, offset, length, DORMOUSE_REGION_BYTES))
		worker_expect(v, (offset + length - 1) / DORMOUSE_REGION_BYTES);
	mark(v->map, offset, length, DORMOUSE_GRANULE_BYTES);
	interpose(v, bio, write);
	volume_stat_add(v, passed_writes, 1);
	return true;
}

/* Where the bio would have gone; our caller's callers see it as submitted. */
static notrace noinline void held_elsewhere(struct bio *bio)
{
	barrier();
}

static bool has_room(struct block_device *bdev)
{
	struct volume *v;
	bool room = true;

	rcu_read_lock();
	list_for_each_entry_rcu(v, &volumes, link)
		if (v->disk == bdev->bd_disk && !READ_ONCE(v->failed) &&
		    READ_ONCE(v->held_bytes) > DORMOUSE_HELD_BUDGET)
			room = false;
	rcu_read_unlock();
	return room;
}

/* Runs in place of submit_bio_noacct(), in its caller's context: may sleep. Whoever was
 * quicker may have taken the room meanwhile; then the hook says so, for if it sent us here
 * a second time, that would be deeper in the stack each time. */
static notrace noinline void wait_then_submit(struct bio *bio)
{
	struct waiter self = { .task = current, .bio = bio };
	struct block_device *bdev = bio->bi_bdev;
	unsigned long flags;

	spin_lock_irqsave(&waiters_lock, flags);
	list_add(&self.link, &waiters);
	spin_unlock_irqrestore(&waiters_lock, flags);
	do {
		/* Polled rather than woken: the volume may go away meanwhile. */
		while (!has_room(bdev))
			schedule_timeout_uninterruptible(1);
		self.again = false;
		submit_bio_noacct(bio);
	} while (READ_ONCE(self.again));
	spin_lock_irqsave(&waiters_lock, flags);
	list_del(&self.link);
	spin_unlock_irqrestore(&waiters_lock, flags);
}

/* Whether this very task waits with this bio already; then it does so again. */
static bool wait_again(const struct bio *bio)
{
	struct waiter *waiter;
	unsigned long flags;
	bool found = false;

	spin_lock_irqsave(&waiters_lock, flags);
	list_for_each_entry(waiter, &waiters, link)
		if (waiter->task == current && waiter->bio == bio) {
			WRITE_ONCE(waiter->again, true);
			found = true;
		}
	spin_unlock_irqrestore(&waiters_lock, flags);
	return found;
}

static bool may_wait(const struct bio *bio)
{
	return !current->bio_list && !(current->flags & (PF_MEMALLOC | PF_KTHREAD)) &&
	       !(bio->bi_opf & REQ_NOWAIT) && !in_atomic() && !irqs_disabled();
}

static struct gendisk *probe_disk;
static atomic_t probed;

void hook_probe(struct gendisk *disk)
{
	atomic_set(&probed, 0);
	WRITE_ONCE(probe_disk, disk);
}

int hook_probed(void)
{
	return atomic_read(&probed);
}

/* Under rcu_read_lock. */
static void hold(struct volume *v, struct bio *bio, struct ftrace_regs *fregs)
{
	unsigned long flags;

	trace_dormouse_hold(v->handle, bio);
	bio->bi_opf &= ~REQ_NOWAIT;
	bio_clear_polled(bio);
	spin_lock_irqsave(&v->lock, flags);
	bio_list_add(&v->held, bio);
	v->held_bytes += bio->bi_iter.bi_size;
	hold_times_begin(v, bio);
	spin_unlock_irqrestore(&v->lock, flags);
	volume_stat_add(v, held_writes, 1);
	worker_kick(v);
	compat_divert(fregs, held_elsewhere);
}

/* Whoever writes over an external store is held until it is void, then comes again. */
static bool hold_for_store(struct bio *bio, struct ftrace_regs *fregs)
{
	struct volume *v;

	list_for_each_entry_rcu(v, &volumes, link)
		if (volume_is_external(v) && !READ_ONCE(v->disowned) && ground_is_hit(v, bio)) {
			hold(v, bio, fregs);
			return true;
		}
	return false;
}

static void notrace hook_callback(unsigned long ip, unsigned long parent_ip,
				  struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	struct bio *bio = compat_first_argument(fregs);
	u64 offset, length, skip;
	struct volume *v;
	bool failed;

	if (!op_is_write(bio_op(bio)) || !bio->bi_bdev || !changes_data(bio) ||
	    bio->bi_end_io == counted_end_io || bio->bi_end_io == store_end_io)
		return;
	if (unlikely(bio->bi_bdev->bd_disk == READ_ONCE(probe_disk))) {
		if (atomic_inc_return(&probed) % 2)
			compat_divert(fregs, held_elsewhere);
		return;
	}
	rcu_read_lock();
	if (unlikely(READ_ONCE(nr_external)) && hold_for_store(bio, fregs)) {
		rcu_read_unlock();
		return;
	}
	list_for_each_entry_rcu(v, &volumes, link) {
		if (!volume_overlap(v, bio, &offset, &length, &skip))
			continue;
		/* Until the store is void, a power cut would leave one that looks good
		 * and does not know of this write; and our last write, which makes it
		 * void, would hit the data of whoever writes over it. So all wait. */
		failed = READ_ONCE(v->failed);
		if (failed && READ_ONCE(v->disowned))
			continue;
		WRITE_ONCE(v->last_write, jiffies);
		if (!failed && length == bio->bi_iter.bi_size && pass(v, bio, offset, length))
			break;
		if (!failed && READ_ONCE(v->held_bytes) > DORMOUSE_HELD_BUDGET && may_wait(bio)) {
			if (wait_again(bio)) {
				compat_divert(fregs, held_elsewhere);
				break;
			}
			volume_stat_add(v, waited_writes, 1);
			compat_divert(fregs, wait_then_submit);
			break;
		}
		hold(v, bio, fregs);
		break;
	}
	rcu_read_unlock();
}

static struct ftrace_ops hook_ops = {
	.func = hook_callback,
	/* PERMANENT: else kernel.ftrace_enabled=0 would unhook us silently. */
	.flags = COMPAT_FTRACE_FLAGS | FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT,
};

int hook_init(void)
{
	int err = -ENOMEM;

	counted_cache = KMEM_CACHE(counted_write, 0);
	if (!counted_cache)
		return err;
	counted_pool = mempool_create_slab_pool(1024, counted_cache);
	if (!counted_pool)
		goto no_pool;
	err = ftrace_set_filter_ip(&hook_ops, (unsigned long)submit_bio_noacct, 0, 0);
	if (err)
		goto no_hook;
	err = register_ftrace_function(&hook_ops);
	if (err) {
		if (err == -EBUSY)
			pr_err("dormouse: another module (a live patch?) owns the entry of the block layer; writes cannot be seen, so nothing is protected\n");
		goto no_hook;
	}
	return 0;

no_hook:
	mempool_destroy(counted_pool);
no_pool:
	kmem_cache_destroy(counted_cache);
	return err;
}

void hook_exit(void)
{
	int err;

	/* Our text must not go away while somebody may still jump to it. */
	while ((err = unregister_ftrace_function(&hook_ops)) != 0) {
		pr_err_ratelimited("dormouse: cannot unhook (%d), trying again\n", err);
		msleep(1000);
	}
	/* A task that was sent to us and is not there yet is in no list: it does not sleep
	 * on its way, so a grace period of tasks later it is. */
	synchronize_rcu_tasks();
	while (!list_empty_careful(&waiters))
		msleep(1);
	synchronize_rcu_tasks();
	mempool_destroy(counted_pool);
	kmem_cache_destroy(counted_cache);
}
