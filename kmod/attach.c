// SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later
/* Taking a volume under protection, by a new store or by an existing one, and
 * letting it go. control_mutex is held. */
#include <linux/file.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/timekeeping.h>
#include <linux/vmalloc.h>
#include "compat.h"
#include "volume.h"

static int refuse(struct dormouse_attach *a, int err, const char *reason)
{
	strscpy(a->reason, reason, sizeof(a->reason));
	return err;
}

static int check_device(struct dormouse_attach *a, struct block_device *bdev)
{
	const sector_t start = bdev->bd_start_sect, nr = bdev_nr_sectors(bdev);
	struct volume *v;

	if (!nr)
		return refuse(a, -ENXIO, "the device is empty");
	if (nr > DORMOUSE_MAX_VOLUME_BYTES >> SECTOR_SHIFT)
		return refuse(a, -EFBIG, "the device is larger than 32 TiB");
	if (bdev_is_zoned(bdev))
		return refuse(a, -EOPNOTSUPP, "zoned devices are not supported");
	if (bdev_read_only(bdev))
		return refuse(a, -EROFS, "the device is read-only");
	if (blk_queue_dax(bdev->bd_disk->queue))
		return refuse(a, -EOPNOTSUPP, "programs may write to this memory without the block layer");
	if (bdev_physical_block_size(bdev) > DORMOUSE_STORE_BLOCK)
		return refuse(a, -EOPNOTSUPP, "the device's blocks are larger than 4 KiB");
	list_for_each_entry(v, &volumes, link) {
		if (v->disk == bdev->bd_disk && start < v->start + v->nr_sectors &&
		    v->start < start + nr)
			return refuse(a, -EBUSY, "the device, or a part of it, is attached already");
		if (!memcmp(v->id, a->volume_id, 16))
			return refuse(a, -EEXIST, "a volume with this id is attached already");
	}
	if (ground_is_taken(bdev))
		return refuse(a, -EBUSY, "another volume's store is on the device");
	return 0;
}

static int check_extents(struct dormouse_attach *a, const struct store_extent *extents, u64 bytes,
			 u64 *store_blocks)
{
	u32 i, j;

	if (!a->nr_extents || a->nr_extents > DORMOUSE_MAX_EXTENTS)
		return refuse(a, -EINVAL, "the store has too many extents, or none");
	*store_blocks = 0;
	for (i = 0; i < a->nr_extents; i++) {
		const struct store_extent *e = &extents[i];

		if (!e->length || (e->offset | e->length) % DORMOUSE_STORE_BLOCK ||
		    e->offset > bytes || e->length > bytes - e->offset)
			return refuse(a, -EINVAL, "an extent of the store is not aligned or not inside");
		for (j = 0; j < i; j++)
			if (e->offset < extents[j].offset + extents[j].length &&
			    extents[j].offset < e->offset + e->length)
				return refuse(a, -EINVAL, "extents of the store overlap");
		*store_blocks += e->length / DORMOUSE_STORE_BLOCK;
	}
	if (extents[0].length < DORMOUSE_SUPER_BYTES ||
	    extents[a->nr_extents - 1].length < DORMOUSE_SUPER_BYTES)
		return refuse(a, -EINVAL, "the store's first and last extent must have 16 KiB");
	return 0;
}

static int begin_first_epoch(struct volume *v)
{
	struct volume_epoch *e = volume_epoch_alloc(v, true);

	if (!e)
		return -ENOMEM;
	e->epoch = 1;
	e->first_epoch = 1;
	get_random_bytes(e->id, sizeof(e->id));
	memcpy(e->from_id, e->id, sizeof(e->id));
	e->created_ns = ktime_get_real_ns();
	v->epochs[v->nr_epochs++] = e;
	v->map = (unsigned long *)e->map;
	return 0;
}

static int create(struct volume *v, struct dormouse_attach *a, const struct store_extent *extents)
{
	u64 store_blocks;
	int err;

	err = check_extents(a, extents, ground_bytes(v), &store_blocks);
	if (!err && volume_is_external(v)) {
		v->super.external = true;
		v->super.ground_bytes = ground_bytes(v);
		err = ground_identify(v, v->super.ground_id, a->reason);
		if (!err)
			err = ground_check_copied(v, extents, a->nr_extents, a->reason);
	}
	if (!err)
		err = ground_check(v, extents, a->nr_extents, a->reason);
	if (!err)
		err = store_check_proofs(v, extents, a->nr_extents, a->nonce, a->reason);
	if (err)
		return err;
	memcpy(v->super.volume_id, a->volume_id, 16);
	get_random_bytes(v->super.store_id, 16);
	v->super.incarnation = 1;
	v->super.fs = a->fs;
	v->super.volume_bytes = (u64)v->nr_sectors << SECTOR_SHIFT;
	v->super.nr_extents = a->nr_extents;
	v->super.checkpoint_sequence = 1;
	if (super_layout(&v->super, store_blocks, a->journal_bytes))
		return refuse(a, -ENOSPC, "the store is too small");
	err = store_geometry(v, extents);
	if (!err)
		err = volume_reserve(v);
	if (!err)
		err = begin_first_epoch(v);
	if (err)
		return refuse(a, err, "there is not enough memory");
	if (sentinel_init(v, a->fs))
		return refuse(a, -EINVAL, "the file system is not the one that was named");
	v->journal.sequence = 1;
	v->undo.head.sequence = 1;
	v->undo.tail = v->undo.head;
	v->undo.written = v->undo.head;
	return 0;
}

/* Is the ground of an external store still what it was? */
static int find_ground(struct volume *v, struct dormouse_attach *a,
		       const struct store_extent *extents)
{
	u8 id[16];
	int err = ground_identify(v, id, a->reason);

	if (!err && memcmp(id, v->super.ground_id, 16))
		return refuse(a, -ESTALE, memchr_inv(id, 0, 16) ?
			      "the volume that the store is on has begun a new history" :
			      "the volume that the store is on is not attached");
	return err ? err : ground_check(v, extents, v->super.nr_extents, a->reason);
}

static int recover(struct volume *v, struct dormouse_attach *a, struct store_extent *extents)
{
	int err;

	err = store_super_read(v, a->superblock_offset, a->superblock_offset_b, extents, a->reason);
	if (!err && volume_is_external(v))
		err = find_ground(v, a, extents);
	if (err)
		return err;
	err = store_geometry(v, extents);
	if (!err)
		err = volume_reserve(v);
	if (err)
		return refuse(a, err, "there is not enough memory");
	if (sentinel_init(v, v->super.fs))
		return refuse(a, -ESTALE, "the volume has another file system now");
	err = recover_store(v, a->reason);
	if (err)
		return err;
	volume_epochs_tidy(v); /* the buffers have room for our number of maps */
	undo_snapshots_ended(v, false); /* the transient ones */
	v->super.incarnation++;
	return 0;
}

/*
 * The volume is watched from publication on; behind the gate, what comes waits
 * until the first state of this incarnation is durable.
 */
static int start(struct volume *v, struct dormouse_attach *a)
{
	static u32 last_handle; /* control_mutex */
	u16 type = a->flags & DORMOUSE_ATTACH_CREATE ? DORMOUSE_RECORD_EPOCH : DORMOUSE_RECORD_MAP;
	int err;

	err = bypass_watch(v);
	if (err)
		return refuse(a, err, "changes of the device's table cannot be watched");
	v->handle = ++last_handle;
	v->gate = true;
	volume_publish(v);
	synchronize_rcu();
	mutex_lock(&v->store_mutex);
	if (a->flags & DORMOUSE_ATTACH_CREATE) {
		/* Writes submitted before publication may still be on their way; the
		 * first epoch's map owes nothing to them, but the sentinel does. */
		err = blkdev_issue_flush(v->disk->part0);
		if (!err)
			err = sentinel_refresh(v);
	} else {
		/* Between reading the sentinel and now somebody may have written. */
		err = sentinel_verify(v, a->reason) ? undo_begin(v) : -ESTALE;
	}
	if (!err)
		err = journal_begin(v, type);
	mutex_unlock(&v->store_mutex);
	if (err) {
		/* The gate stays closed: what was held meanwhile goes on as it is, and
		 * nothing is written to a store that is perhaps not ours. */
		volume_unpublish(v);
		return err;
	}
	gate_open(v);
	event_post(v, DORMOUSE_EVENT_ATTACHED, 0, "");
	return 0;
}

/* The device of a descriptor, for as long as that is held. */
static struct block_device *device_of(struct fd f)
{
	struct inode *inode;

	if (!fd_file(f))
		return ERR_PTR(-EBADF);
	inode = fd_file(f)->f_mapping->host;
	if (!S_ISBLK(inode->i_mode) || !(fd_file(f)->f_mode & FMODE_READ))
		return ERR_PTR(-ENOTBLK);
	return I_BDEV(inode);
}

static int take_ground(struct volume *v, struct dormouse_attach *a)
{
	struct fd f = fdget(a->store_fd);
	struct block_device *bdev = device_of(f);
	int err = IS_ERR(bdev) ? PTR_ERR(bdev) : ground_take(v, bdev, a->reason);

	if (fd_file(f))
		fdput(f);
	return err;
}

int volume_attach(struct dormouse_attach *a, const struct dormouse_extent *list)
{
	struct fd f = fdget(a->device_fd);
	struct block_device *bdev = device_of(f);
	struct store_extent *extents;
	struct volume *v = NULL;
	u32 i, nr = 0;
	int err;

	extents = kvcalloc(DORMOUSE_MAX_EXTENTS, sizeof(*extents), GFP_KERNEL);
	err = -ENOMEM;
	if (!extents)
		goto out;
	err = PTR_ERR_OR_ZERO(bdev);
	if (err)
		goto out;
	volume_reap(); /* it may be what comes back */
	err = check_device(a, bdev);
	if (err)
		goto out;
	list_for_each_entry(v, &volumes, link)
		nr++;
	err = -ENOSPC;
	if (nr >= DORMOUSE_MAX_VOLUMES)
		goto out;
	err = -ENOMEM;
	v = volume_alloc(bdev, a->reason);
	if (!v)
		goto out;
	memcpy(v->id, a->volume_id, 16);
	if (a->flags & DORMOUSE_ATTACH_EXTERNAL) {
		err = take_ground(v, a);
		if (err)
			goto drop;
	}
	if (a->flags & DORMOUSE_ATTACH_CREATE) {
		for (i = 0; i < a->nr_extents; i++)
			extents[i] = (struct store_extent){
				.offset = list[i].offset, .length = list[i].length };
		err = create(v, a, extents);
	} else {
		err = recover(v, a, extents);
	}
	if (!err)
		err = start(v, a);
	if (err == -ESTALE)
		a->state = DORMOUSE_STATE_UNVERIFIED;
drop:
	if (err) {
		volume_put(v);
		goto out;
	}
	a->handle = v->handle;
	a->state = volume_is_held(v) ? DORMOUSE_STATE_ACTIVE : DORMOUSE_STATE_DORMANT;
	a->superblock_offset = v->superblock_offset;
	a->superblock_offset_b = v->superblock_offset_b;
	memcpy(a->epoch_id, volume_open_epoch(v)->id, 16);
out:
	kvfree(extents);
	if (fd_file(f))
		fdput(f);
	return err;
}

bool volume_reap(void)
{
	struct volume *v, *next;
	bool all = true;

	list_for_each_entry_safe(v, next, &volumes, link) {
		if (!volume_is_gone(v))
			continue;
		volume_fail(v, volume_is_there(v) ? "the disk that its store is on was taken away" :
						    "the disk was taken away");
		if (volume_detach(v, false))
			all = false;
		else
			pr_info("dormouse: let go of a volume whose disk was taken away\n");
	}
	return all;
}

int volume_detach(struct volume *v, bool forget)
{
	u32 i;
	int err = 0;

	for (i = 0; i < v->nr_epochs; i++) {
		err = snapshot_disk_destroy(v, v->epochs[i]);
		if (err)
			return err;
	}
	mutex_lock(&v->store_mutex);
	if (forget) {
		volume_disown(v);
		volume_fail(v, "forgotten");
	} else if (!v->failed) {
		err = journal_seal(v, true);
		if (err) {
			pr_warn("dormouse: volume %pUb left unsealed (%d)\n", v->id, err);
			/* Whoever is writing writes on, and his sentinel may stay the
			 * same until a power cut: the next reader must not trust. */
			if (journal_state(v, DORMOUSE_RECORD_MAP, DORMOUSE_STATE_LEFT_OPEN))
				volume_disown(v);
		}
	}
	mutex_unlock(&v->store_mutex);
	event_post(v, DORMOUSE_EVENT_DETACHED, 0, "");
	volume_unpublish(v);
	volume_put(v);
	return 0;
}
