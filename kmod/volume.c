// SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later
/* Life of a volume, its memory, its epoch table, and how it fails. */
#include <linux/module.h>
#include <linux/vmalloc.h>
#include "volume.h"

LIST_HEAD(volumes);
unsigned int nr_external;

void *volume_zalloc(struct volume *v, size_t bytes)
{
	void *memory = vzalloc(bytes);

	if (memory)
		v->memory_bytes += PAGE_ALIGN(bytes);
	return memory;
}

void volume_vfree(struct volume *v, void *memory, size_t bytes)
{
	if (memory)
		v->memory_bytes -= PAGE_ALIGN(bytes);
	vfree(memory);
}

struct volume *volume_find(u32 handle)
{
	struct volume *v, *found = NULL;

	rcu_read_lock();
	list_for_each_entry_rcu(v, &volumes, link)
		if (v->handle == handle && kref_get_unless_zero(&v->ref)) {
			found = v;
			break;
		}
	rcu_read_unlock();
	return found;
}

static void volume_free(struct kref *ref)
{
	struct volume *v = container_of(ref, struct volume, ref);

	while (v->nr_epochs)
		volume_epoch_free(v, v->epochs[--v->nr_epochs]);
	undo_exit(v);
	if (v->wq)
		destroy_workqueue(v->wq);
	vfree(v->intents);
	vfree(v->touched);
	vfree(v->undo.copied);
	vfree(v->sentinel.scratch);
	undo_free_index(v, &v->undo.index);
	vfree(v->journal.buffer);
	vfree(volume_store(v));
	free_percpu(v->in_flight);
	free_percpu(v->stats);
	ground_put(v);
	put_device(&v->bdev->bd_device);
	module_put(v->driver);
	kfree(v);
}

void volume_put(struct volume *v)
{
	kref_put(&v->ref, volume_free);
}

/* Takes its own reference on the device object and the driver: no open. */
struct volume *volume_alloc(struct block_device *bdev, char *reason)
{
	struct volume *v = kzalloc(sizeof(*v), GFP_KERNEL);

	if (!v)
		return NULL;
	if (!try_module_get(bdev->bd_disk->fops->owner)) {
		strscpy(reason, "the disk's driver is going away", DORMOUSE_REASON_BYTES);
		kfree(v);
		return NULL;
	}
	v->driver = bdev->bd_disk->fops->owner;
	kref_init(&v->ref);
	INIT_LIST_HEAD(&v->link);
	spin_lock_init(&v->lock);
	mutex_init(&v->store_mutex);
	bio_list_init(&v->held);
	get_device(&bdev->bd_device);
	v->bdev = bdev;
	v->disk = bdev->bd_disk;
	v->diskseq = v->disk->diskseq;
	v->start = bdev->bd_start_sect;
	v->nr_sectors = bdev_nr_sectors(bdev);
	v->ground = (struct store_ground){
		.disk = v->disk, .diskseq = v->diskseq,
		.start = v->start, .nr_sectors = v->nr_sectors,
	};
	v->last_write = jiffies;
	v->last_checkpoint = jiffies;
	worker_init(v);
	v->in_flight = alloc_percpu(u64);
	v->stats = alloc_percpu(struct dormouse_stats);
	v->wq = alloc_ordered_workqueue("dormouse", WQ_MEM_RECLAIM | WQ_HIGHPRI);
	v->journal.buffer = volume_zalloc(v, DORMOUSE_SUPER_BYTES);
	if (!v->in_flight || !v->stats || !v->wq || !v->journal.buffer) {
		volume_put(v);
		return NULL;
	}
	return v;
}

int volume_reserve(struct volume *v)
{
	const struct volume_geometry *g = &v->geometry;
	struct volume_undo *u = &v->undo;

	vfree(v->journal.buffer);
	v->journal.buffer = volume_zalloc(v, max_t(size_t, g->state_bytes, DORMOUSE_SUPER_BYTES));
	v->intents = volume_zalloc(v, change_map_words(g->nr_regions) * 8);
	v->touched = volume_zalloc(v, change_map_words(g->nr_regions) * 8);
	u->copied = volume_zalloc(v, change_map_words(g->nr_units) * 8);
	v->sentinel.scratch = volume_zalloc(v, DORMOUSE_STORE_BLOCK);
	if (!v->journal.buffer || !v->intents || !v->touched || !u->copied ||
	    !v->sentinel.scratch || undo_reserve_index(v, v->super.undo_blocks, &u->index))
		return -ENOMEM;
	return undo_init(v);
}

struct volume_epoch *volume_epoch_alloc(struct volume *v, bool with_map)
{
	struct volume_epoch *e = kzalloc(sizeof(*e), GFP_KERNEL);

	if (e && with_map) {
		e->map = volume_zalloc(v, change_map_words(v->geometry.nr_granules) * 8);
		if (!e->map) {
			kfree(e);
			return NULL;
		}
	}
	return e;
}

static void free_map(struct volume *v, struct volume_epoch *e)
{
	volume_vfree(v, e->map, change_map_words(v->geometry.nr_granules) * 8);
	e->map = NULL;
}

void volume_epoch_free(struct volume *v, struct volume_epoch *e)
{
	free_map(v, e);
	kfree(e);
}

struct volume_epoch *volume_epoch_find(struct volume *v, u64 epoch)
{
	u32 i;

	for (i = 0; i < v->nr_epochs; i++)
		if (v->epochs[i]->epoch == epoch)
			return v->epochs[i];
	return NULL;
}

static void remove_epoch(struct volume *v, u32 i)
{
	struct volume_epoch *e = v->epochs[i];

	spin_lock_irq(&v->lock);
	v->nr_epochs--;
	memmove(&v->epochs[i], &v->epochs[i + 1], (v->nr_epochs - i) * sizeof(*v->epochs));
	spin_unlock_irq(&v->lock);
	volume_epoch_free(v, e);
}

/* The two oldest closed maps become one, which the later epoch has from then on. */
static void merge_oldest_maps(struct volume *v)
{
	struct volume_epoch *a = NULL, *b = NULL;
	u32 i;

	for (i = 0; i + 1 < v->nr_epochs && !b; i++) {
		if (!v->epochs[i]->map)
			continue;
		if (a)
			b = v->epochs[i];
		else
			a = v->epochs[i];
	}
	if (!b)
		return;
	change_map_merge(b->map, a->map, v->geometry.nr_granules);
	b->flags |= a->flags & DORMOUSE_EPOCH_VOID;
	b->first_epoch = a->first_epoch;
	memcpy(b->from_id, a->from_id, 16);
	free_map(v, a);
	a->flags |= DORMOUSE_EPOCH_ACKED;
}

static u32 closed_maps(const struct volume *v)
{
	u32 i, maps = 0;

	for (i = 0; i + 1 < v->nr_epochs; i++)
		maps += !!v->epochs[i]->map;
	return maps;
}

void volume_epochs_tidy(struct volume *v)
{
	u32 i;

	for (i = 0; i + 1 < v->nr_epochs; i++)
		if (v->epochs[i]->flags & DORMOUSE_EPOCH_ACKED)
			free_map(v, v->epochs[i]);
	while (closed_maps(v) > DORMOUSE_MAX_MAPS - 1)
		merge_oldest_maps(v);
	for (i = 0; i + 1 < v->nr_epochs;) {
		struct volume_epoch *e = v->epochs[i];

		if (e->map || e->disk || e->flags & DORMOUSE_EPOCH_SNAPSHOT)
			i++;
		else
			remove_epoch(v, i);
	}
}

u32 volume_snapshots(const struct volume *v)
{
	u32 i, nr = 0;

	for (i = 0; i < v->nr_epochs; i++)
		nr += !!(v->epochs[i]->flags & DORMOUSE_EPOCH_SNAPSHOT);
	return nr;
}

/* A whole disk has one device for all its life. */
void volume_follow_partition(struct volume *v)
{
	struct block_device *part, *before = v->bdev, *found = NULL;
	unsigned long i;

	if (device_is_registered(&before->bd_device))
		return;
	rcu_read_lock();
	xa_for_each(&v->disk->part_tbl, i, part)
		if (part->bd_start_sect == v->start && bdev_nr_sectors(part) == v->nr_sectors &&
		    kobject_get_unless_zero(&part->bd_device.kobj)) {
			found = part;
			break;
		}
	rcu_read_unlock();
	if (!found)
		return;
	WRITE_ONCE(v->bdev, found);
	put_device(&before->bd_device); /* it is freed after a grace period */
}

bool volume_in_use(struct volume *v)
{
	struct block_device *bdev;
	bool used;

	rcu_read_lock();
	bdev = READ_ONCE(v->bdev);
	used = atomic_read(&bdev->bd_openers) > 0 || !device_is_registered(&bdev->bd_device);
	rcu_read_unlock();
	return used;
}

bool volume_is_held(struct volume *v)
{
	struct block_device *bdev;
	bool held;

	rcu_read_lock();
	bdev = READ_ONCE(v->bdev);
	held = READ_ONCE(bdev->bd_holder) || !device_is_registered(&bdev->bd_device);
	rcu_read_unlock();
	return held;
}

static bool is_there(const struct gendisk *disk, u64 diskseq)
{
	return disk->diskseq == diskseq && !test_bit(GD_DEAD, &disk->state);
}

bool volume_is_there(const struct volume *v)
{
	return is_there(v->disk, v->diskseq);
}

bool volume_is_gone(const struct volume *v)
{
	return !volume_is_there(v) || !is_there(v->ground.disk, v->ground.diskseq);
}

void volume_publish(struct volume *v)
{
	WRITE_ONCE(nr_external, nr_external + volume_is_external(v));
	list_add_tail_rcu(&v->link, &volumes);
	queue_delayed_work(v->wq, &v->tick, HZ);
}

void volume_unpublish(struct volume *v)
{
	WRITE_ONCE(v->dying, true);
	cancel_delayed_work_sync(&v->tick);
	list_del_rcu(&v->link);
	WRITE_ONCE(nr_external, nr_external - volume_is_external(v));
	synchronize_rcu();
	worker_release_all(v);
	undo_wait(v);
	flush_workqueue(v->undo.wq); /* it kicks the worker last */
	worker_release_all(v); /* what a broken record gave back */
	/* A counted write comes back through us, however long that takes. */
	gate_drain(v, UINT_MAX / 2);
	synchronize_rcu();
}

void volume_fail(struct volume *v, const char *reason)
{
	if (READ_ONCE(v->failed))
		return;
	strscpy(v->reason, reason, sizeof(v->reason));
	WRITE_ONCE(v->failed, true);
	pr_warn("dormouse: volume %pUb failed: %s\n", v->id, reason);
	event_post(v, DORMOUSE_EVENT_FAILED, 0, reason);
	worker_kick(v);
}

void volume_disown(struct volume *v)
{
	if (v->disowned)
		return;
	undo_wait(v); /* nothing of ours may land on what is somebody else's then */
	store_super_invalidate(v);
	WRITE_ONCE(v->disowned, true);
}
