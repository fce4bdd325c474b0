// SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later
/*
 * The ground of an external store: a file on another volume, or a device of its own.
 *
 * What makes ours what we find there after an absence? A file: the volume it is on was
 * proved unchanged since it was made, for it still has the store (the id tells) that it had
 * then. A device of its own: both superblocks, at its two ends, are whole; whatever
 * else is made on a device is made at one end of it.
 */
#include <linux/major.h>
#include <linux/module.h>
#include "volume.h"

static int refuse(char *reason, int err, const char *why)
{
	strscpy(reason, why, DORMOUSE_REASON_BYTES);
	return err;
}

static bool is_same_range(const struct volume *v, const struct store_ground *g)
{
	return v->disk == g->disk && v->start == g->start && v->nr_sectors == g->nr_sectors;
}

static bool overlaps(const struct store_ground *g, const struct gendisk *disk, sector_t start,
		     sector_t nr)
{
	return g->disk == disk && g->start < start + nr && start < g->start + g->nr_sectors;
}

/* The attached volume that the store is on; NULL: none. */
static struct volume *find_below(const struct volume *v)
{
	struct volume *below;

	list_for_each_entry(below, &volumes, link)
		if (below != v && is_same_range(below, &v->ground))
			return below;
	return NULL;
}

int ground_take(struct volume *v, struct block_device *bdev, char *reason)
{
	const struct store_ground g = {
		.bdev = bdev, .disk = bdev->bd_disk, .diskseq = bdev->bd_disk->diskseq,
		.driver = bdev->bd_disk->fops->owner,
		.start = bdev->bd_start_sect, .nr_sectors = bdev_nr_sectors(bdev),
	};

	if (overlaps(&g, v->disk, v->start, v->nr_sectors))
		return refuse(reason, -EINVAL, "the store's device is a part of the volume");
	if (!g.nr_sectors)
		return refuse(reason, -ENXIO, "the store's device is empty");
	if (bdev_is_zoned(bdev))
		return refuse(reason, -EOPNOTSUPP, "a store cannot be on a zoned device");
	if (blk_queue_dax(bdev->bd_disk->queue))
		return refuse(reason, -EOPNOTSUPP, "programs may write over a store on this memory unseen");
	if (bdev_read_only(bdev))
		return refuse(reason, -EROFS, "the store's device is read-only");
	if (g.disk->major == LOOP_MAJOR)
		return refuse(reason, -EOPNOTSUPP,
			      "a store cannot be on a loop device: it may lie above the volume");
	/* A snapshot is read in blocks of the volume's. */
	if (bdev_physical_block_size(bdev) > DORMOUSE_STORE_BLOCK ||
	    bdev_logical_block_size(bdev) > queue_logical_block_size(v->disk->queue))
		return refuse(reason, -EOPNOTSUPP, "the blocks of the store's device are too large");
	if (!try_module_get(g.driver))
		return refuse(reason, -ENODEV, "the driver of the store's device is going away");
	get_device(&bdev->bd_device);
	v->ground = g;
	return 0;
}

void ground_put(struct volume *v)
{
	if (!volume_is_external(v))
		return;
	put_device(&v->ground.bdev->bd_device);
	module_put(v->ground.driver);
}

int ground_identify(struct volume *v, u8 *id, char *reason)
{
	const struct volume *below = find_below(v), *other;

	memset(id, 0, 16);
	if (below) {
		if (volume_is_external(below))
			return refuse(reason, -EINVAL, "the volume that the store is on must have its own on itself");
		if (READ_ONCE(below->failed))
			return refuse(reason, -EIO, "the volume that the store is on is not recorded any more");
		memcpy(id, below->super.store_id, 16);
		return 0;
	}
	if (READ_ONCE(v->ground.bdev->bd_holder))
		return refuse(reason, -EBUSY,
			      "the store's device is mounted, or in use, and is not a protected volume");
	list_for_each_entry(other, &volumes, link)
		if (overlaps(&v->ground, other->disk, other->start, other->nr_sectors))
			return refuse(reason, -EBUSY, "the store's device overlaps a protected volume");
	return 0;
}

int ground_check(struct volume *v, const struct store_extent *extents, u32 nr, char *reason)
{
	const u64 whole = round_down(ground_bytes(v), DORMOUSE_STORE_BLOCK);
	struct volume *other;
	s64 from, to, shift;
	u32 i;

	if (super_is_bare(&v->super) && (nr != 1 || extents->offset || extents->length != whole))
		return refuse(reason, -EINVAL, "the store must be all of its device");
	list_for_each_entry(other, &volumes, link) {
		if (other == v || READ_ONCE(other->disowned) ||
		    !overlaps(&v->ground, other->ground.disk, other->ground.start,
			      other->ground.nr_sectors))
			continue;
		shift = ((s64)v->ground.start - (s64)other->ground.start) * SECTOR_SIZE;
		for (i = 0; i < nr; i++) {
			from = max_t(s64, (s64)extents[i].offset + shift, 0);
			to = (s64)(extents[i].offset + extents[i].length) + shift;
			if (from < to && store_lies_at(other, from, to - from))
				return refuse(reason, -EBUSY, "another volume's store is there");
		}
	}
	return 0;
}

int ground_check_copied(struct volume *v, const struct store_extent *extents, u32 nr,
			char *reason)
{
	const struct volume *below = find_below(v);
	u64 unit, end;
	u32 i;

	/* Snapshots are taken under control_mutex, too. */
	if (!below || !READ_ONCE(below->preserving))
		return 0;
	for (i = 0; i < nr; i++) {
		unit = extents[i].offset / DORMOUSE_UNIT_BYTES;
		end = DIV_ROUND_UP(extents[i].offset + extents[i].length, DORMOUSE_UNIT_BYTES);
		if (find_next_zero_bit(below->undo.copied, end, unit) < end)
			return refuse(reason, -EBUSY,
				      "a snapshot of the volume that the store is on needs what lies there");
	}
	return 0;
}

bool ground_is_taken(struct block_device *bdev)
{
	const sector_t start = bdev->bd_start_sect, nr = bdev_nr_sectors(bdev);
	const struct volume *v;

	list_for_each_entry(v, &volumes, link)
		if (super_is_bare(&v->super) && !READ_ONCE(v->disowned) &&
		    overlaps(&v->ground, bdev->bd_disk, start, nr))
			return true;
	return false;
}

bool ground_is_hit(struct volume *v, struct bio *bio)
{
	const struct store_ground *g = &v->ground;
	u64 offset, length, skip;

	return sectors_overlap(bio, g->disk, g->start, g->nr_sectors, &offset, &length, &skip) &&
	       store_lies_at(v, offset, length);
}
