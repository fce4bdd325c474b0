// SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later
/*
 * A snapshot as a read-only block device. Each unit comes from the undo ring if a
 * copy has been made since the snapshot's epoch began, else from the origin. A
 * copy is indexed before the write that it was made for is let go, so a read of
 * the origin is true if the index still has no copy after it has completed.
 * The store's own extents read as zeros; of those that it got while the snapshot lived,
 * what has no copy, for that was free space in the snapshot.
 */
#include <linux/idr.h>
#include <linux/mempool.h>
#include <linux/module.h>
#include "compat.h"
#include "volume.h"

#define MAX_READ_BYTES (1u << 20)
#define MAX_READ_UNITS (MAX_READ_BYTES / DORMOUSE_UNIT_BYTES + 1)

struct snapshot_disk {
	struct volume *volume; /* referenced */
	struct volume_epoch *epoch;
	struct gendisk *disk;
	struct workqueue_struct *wq;
	u32 index;
};

struct snapshot_read {
	struct work_struct work;
	struct snapshot_disk *disk;
	struct bio *bio;
};

static int major;
static DEFINE_IDA(indexes);
static struct kmem_cache *read_cache;
static mempool_t *read_pool;

/* Where unit's content is; false: the origin has it. */
static bool find_copy(struct snapshot_disk *d, u64 unit, u64 *block)
{
	struct volume *v = d->volume;
	bool found;

	spin_lock_irq(&v->lock);
	found = undo_index_find(&v->undo.index, unit, d->epoch->epoch, block);
	spin_unlock_irq(&v->lock);
	return found;
}

static void read_copy(struct snapshot_disk *d, struct store_io *io, struct bio *bio, u64 at,
		      u64 offset, u64 length, u64 block)
{
	struct volume *v = d->volume;

	if (!undo_wait_written(v, block)) {
		io->status = BLK_STS_IOERR;
		return;
	}
	store_clone_undo(v, io, bio, at, block, offset % DORMOUSE_UNIT_BYTES, length);
}

static u64 part_of_unit(u64 offset, u64 end)
{
	return min(end, round_down(offset, DORMOUSE_UNIT_BYTES) + DORMOUSE_UNIT_BYTES) - offset;
}

/* Reads everything as it is known now; sets a bit for each unit from the origin. */
static int read_all(struct snapshot_disk *d, struct bio *bio, u64 start, u64 end,
		    unsigned long *from_origin)
{
	u64 offset = start, run_start = start, block, first = start / DORMOUSE_UNIT_BYTES;
	struct store_io io;

	store_io_begin(&io);
	while (offset < end) {
		u64 part = part_of_unit(offset, end);

		if (find_copy(d, offset / DORMOUSE_UNIT_BYTES, &block)) {
			if (run_start < offset)
				store_clone_origin(d->volume, &io, bio, run_start - start,
						   run_start, offset - run_start);
			read_copy(d, &io, bio, offset - start, offset, part, block);
			run_start = offset + part;
		} else {
			set_bit(offset / DORMOUSE_UNIT_BYTES - first, from_origin);
		}
		offset += part;
	}
	if (run_start < end)
		store_clone_origin(d->volume, &io, bio, run_start - start, run_start,
				   end - run_start);
	return store_io_wait(&io);
}

/* Units that were copied while we read the origin are read again, for good. */
static int read_again(struct snapshot_disk *d, struct bio *bio, u64 start, u64 end,
		      const unsigned long *from_origin)
{
	u64 offset, part, block, first = start / DORMOUSE_UNIT_BYTES;
	struct store_io io;

	store_io_begin(&io);
	for (offset = start; offset < end; offset += part) {
		part = part_of_unit(offset, end);
		if (test_bit(offset / DORMOUSE_UNIT_BYTES - first, from_origin) &&
		    find_copy(d, offset / DORMOUSE_UNIT_BYTES, &block))
			read_copy(d, &io, bio, offset - start, offset, part, block);
	}
	return store_io_wait(&io);
}

static void zero_part(struct bio *bio, u64 at, u64 length)
{
	struct bvec_iter iter;
	struct bio_vec bv;
	u64 position = 0;

	bio_for_each_segment(bv, bio, iter) {
		u64 from = max(position, at), to = min(position + bv.bv_len, at + length);

		if (from < to) {
			u8 *data = bvec_kmap_local(&bv);

			memset(data + (from - position), 0, to - from);
			kunmap_local(data);
		}
		position += bv.bv_len;
	}
}

static void hide_store(struct snapshot_disk *d, struct bio *bio, u64 start, u64 end)
{
	const struct store_layout *l;
	u64 from, to, part, block;
	u32 i;

	rcu_read_lock();
	l = rcu_dereference(d->volume->layout);
	for (i = 0; i < l->nr_hidden; i++) {
		from = max(start, l->guard[i].offset);
		to = min(end, l->guard[i].offset + l->guard[i].length);
		for (; from < to; from += part) {
			part = part_of_unit(from, to);
			if (store_hides(&l->guard[i], d->epoch->epoch) ||
			    !find_copy(d, from / DORMOUSE_UNIT_BYTES, &block))
				zero_part(bio, from - start, part);
		}
	}
	rcu_read_unlock();
}

static void read_fn(struct work_struct *work)
{
	struct snapshot_read *read = container_of(work, struct snapshot_read, work);
	struct snapshot_disk *d = read->disk;
	struct bio *bio = read->bio;
	const u64 start = bio->bi_iter.bi_sector << SECTOR_SHIFT;
	const u64 end = start + bio->bi_iter.bi_size;
	DECLARE_BITMAP(from_origin, MAX_READ_UNITS) = { 0 };
	int err = 0;

	mempool_free(read, read_pool);
	if (start < end) {
		err = read_all(d, bio, start, end, from_origin);
		if (!err)
			err = read_again(d, bio, start, end, from_origin);
		hide_store(d, bio, start, end);
	}
	/* Given up meanwhile, the volume failed, another medium: what we read proves nothing. */
	if (err || READ_ONCE(d->volume->failed) || volume_is_gone(d->volume) ||
	    !(READ_ONCE(d->epoch->flags) & DORMOUSE_EPOCH_SNAPSHOT))
		bio->bi_status = BLK_STS_IOERR;
	bio_endio(bio);
}

static void snapshot_submit(struct bio *bio)
{
	struct snapshot_disk *d = bio->bi_bdev->bd_disk->private_data;
	struct snapshot_read *read;

	if (bio_op(bio) != REQ_OP_READ) {
		bio_io_error(bio);
		return;
	}
	bio = bio_split_to_limits(bio);
	if (!bio)
		return;
	read = mempool_alloc(read_pool, GFP_NOIO);
	INIT_WORK(&read->work, read_fn);
	read->disk = d;
	read->bio = bio;
	queue_work(d->wq, &read->work);
}

/* The last opener is gone. */
static void snapshot_free(struct gendisk *disk)
{
	struct snapshot_disk *d = disk->private_data;

	ida_free(&indexes, d->index);
	volume_put(d->volume);
	kfree(d);
}

static const struct block_device_operations snapshot_fops = {
	.owner = THIS_MODULE,
	.submit_bio = snapshot_submit,
	.free_disk = snapshot_free,
};

bool snapshot_disk_is_open(const struct snapshot_disk *d)
{
	return atomic_read(&d->disk->part0->bd_openers) > 0;
}

u32 snapshot_disk_index(const struct snapshot_disk *d)
{
	return d->index;
}

dev_t snapshot_disk_dev(const struct snapshot_disk *d)
{
	return disk_devt(d->disk);
}

int snapshot_disk_create(struct volume *v, struct volume_epoch *e)
{
	struct snapshot_disk *d = kzalloc(sizeof(*d), GFP_KERNEL);
	struct gendisk *disk;
	int err = -ENOMEM;

	if (!d)
		return err;
	d->volume = v;
	d->epoch = e;
	err = ida_alloc_max(&indexes, DORMOUSE_MAX_SNAPSHOTS * 4, GFP_KERNEL);
	if (err < 0)
		goto no_index;
	d->index = err;
	err = -ENOMEM;
	d->wq = alloc_workqueue("dormouse_read", WQ_UNBOUND | WQ_MEM_RECLAIM, 16);
	if (!d->wq)
		goto no_wq;
	disk = compat_alloc_disk(v->disk->part0, MAX_READ_BYTES >> SECTOR_SHIFT);
	if (!disk)
		goto no_disk;
	d->disk = disk;
	disk->major = major;
	disk->first_minor = d->index;
	disk->minors = 1;
	disk->flags |= GENHD_FL_NO_PART;
	disk->fops = &snapshot_fops;
	disk->private_data = d;
	snprintf(disk->disk_name, DISK_NAME_LEN, "dormouse%u", d->index);
	set_capacity(disk, v->nr_sectors);
	set_disk_ro(disk, true);
	kref_get(&v->ref);
	err = add_disk(disk);
	if (err) {
		put_disk(disk); /* never added, so snapshot_free() is not called */
		volume_put(v);
		goto no_disk;
	}
	e->disk = d;
	return 0;

no_disk:
	destroy_workqueue(d->wq);
no_wq:
	ida_free(&indexes, d->index);
no_index:
	kfree(d);
	return err;
}

int snapshot_disk_destroy(struct volume *v, struct volume_epoch *e)
{
	struct snapshot_disk *d = e->disk;

	if (!d)
		return 0;
	if (snapshot_disk_is_open(d))
		return -EBUSY;
	/* The worker asks it whether it is open. */
	mutex_lock(&v->store_mutex);
	e->disk = NULL;
	mutex_unlock(&v->store_mutex);
	del_gendisk(d->disk);
	/* Reads that were submitted before; none comes after. */
	destroy_workqueue(d->wq);
	put_disk(d->disk);
	return 0;
}

int snapshot_disk_init(void)
{
	int err = -ENOMEM;

	read_cache = KMEM_CACHE(snapshot_read, 0);
	if (!read_cache)
		return err;
	read_pool = mempool_create_slab_pool(64, read_cache);
	if (!read_pool)
		goto no_pool;
	major = register_blkdev(0, "dormouse");
	if (major >= 0)
		return 0;
	err = major;
	mempool_destroy(read_pool);
no_pool:
	kmem_cache_destroy(read_cache);
	return err;
}

void snapshot_disk_exit(void)
{
	unregister_blkdev(major, "dormouse");
	mempool_destroy(read_pool);
	kmem_cache_destroy(read_cache);
	ida_destroy(&indexes);
}
