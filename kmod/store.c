// SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later
/*
 * Blocks of the store, and of the volume below the file system, by bios of our own
 * to the whole disk, which for an external store is not the volume's. No file, no page cache: what reads and writes here works
 * while the volume is mounted, dormant, or the machine is going down.
 */
#include <linux/sort.h>
#include <linux/vmalloc.h>
#include "volume.h"

/* Of our own, so that no other user of bios can starve the store of them. */
static struct bio_set store_bios;

int store_init(void)
{
	return bioset_init(&store_bios, 64, 0, BIOSET_NEED_BVECS);
}

void store_exit(void)
{
	bioset_exit(&store_bios);
}

static void store_io_put(struct store_io *io)
{
	if (!atomic_dec_and_test(&io->pending))
		return;
	if (io->end)
		io->end(io);
	else
		complete(&io->done);
}

void store_end_io(struct bio *bio)
{
	struct store_io *io = bio->bi_private;

	if (bio->bi_status)
		io->status = bio->bi_status;
	bio_put(bio);
	store_io_put(io);
}

/* The page at the buffer's beginning, and how much of `length` may be added with it:
 * up to the page's end, or all of it where memory is in one piece. */
static struct page *first_page(const u8 *buffer, u64 length, unsigned int *part)
{
	if (!is_vmalloc_addr(buffer)) {
		*part = length;
		return virt_to_page(buffer);
	}
	*part = min_t(u64, PAGE_SIZE - offset_in_page(buffer), length);
	return vmalloc_to_page(buffer);
}

/* Submits one contiguous range of the disk. */
static void submit_range(struct gendisk *disk, struct store_io *io, blk_opf_t opf, sector_t sector,
			 u8 *buffer, u64 length)
{
	while (length) {
		unsigned int nr = is_vmalloc_addr(buffer) ?
			min_t(u64, DIV_ROUND_UP(length + offset_in_page(buffer), PAGE_SIZE),
			      BIO_MAX_VECS) : 1;
		struct bio *bio = bio_alloc_bioset(disk->part0, nr, opf, GFP_NOIO, &store_bios);

		bio->bi_iter.bi_sector = sector;
		bio->bi_private = io;
		bio->bi_end_io = store_end_io;
		while (length && bio->bi_vcnt < nr) {
			unsigned int part;
			struct page *page = first_page(buffer, length, &part);

			if (bio_add_page(bio, page, part, offset_in_page(buffer)) != part)
				break;
			buffer += part;
			length -= part;
			sector += part >> SECTOR_SHIFT;
		}
		atomic_inc(&io->pending);
		submit_bio_noacct(bio);
	}
}

void store_io_begin(struct store_io *io)
{
	atomic_set(&io->pending, 1);
	io->status = BLK_STS_OK;
	io->end = NULL;
	init_completion(&io->done);
}

int store_io_wait(struct store_io *io)
{
	store_io_put(io);
	wait_for_completion_io(&io->done);
	return blk_status_to_errno(io->status);
}

/* The disk may have got another medium: then nothing here is ours any more. One that
 * is being removed still takes writes, ours as well as those of its file system. */
static bool same_disk(const struct volume *v)
{
	return v->disk->diskseq == v->diskseq;
}

static bool same_ground(const struct volume *v)
{
	return v->ground.disk->diskseq == v->ground.diskseq;
}

static sector_t ground_sector(const struct volume *v, u64 offset)
{
	return v->ground.start + (offset >> SECTOR_SHIFT);
}

/* Where a store block lies on its device, and how many follow it there. */
static u64 locate(const struct store_layout *l, u64 block, u64 *contiguous)
{
	u32 low = 0, high = l->nr_extents;

	while (high - low > 1) {
		u32 middle = (low + high) / 2;

		if (l->first_block[middle] <= block)
			low = middle;
		else
			high = middle;
	}
	block -= l->first_block[low];
	*contiguous = l->extents[low].length / DORMOUSE_STORE_BLOCK - block;
	return l->extents[low].offset + block * DORMOUSE_STORE_BLOCK;
}

static u64 locate_undo(struct volume *v, u64 position, u64 *contiguous)
{
	const struct store_layout *l;
	u64 offset;

	rcu_read_lock();
	l = rcu_dereference(v->layout);
	offset = locate(l, l->undo_start + (position + l->undo_base) % l->undo_blocks, contiguous);
	rcu_read_unlock();
	return offset;
}

/* Reads into a part of `bio`. */
static void submit_clone(struct gendisk *disk, struct store_io *io, sector_t sector,
			 struct bio *bio, u64 at, u64 length)
{
	struct bio *clone = bio_alloc_clone(disk->part0, bio, GFP_NOIO, &store_bios);

	bio_trim(clone, at >> SECTOR_SHIFT, length >> SECTOR_SHIFT);
	clone->bi_iter.bi_sector = sector;
	clone->bi_private = io;
	clone->bi_end_io = store_end_io;
	atomic_inc(&io->pending);
	submit_bio_noacct(clone);
}

void store_clone_origin(struct volume *v, struct store_io *io, struct bio *bio, u64 at,
			u64 offset, u64 length)
{
	submit_clone(v->disk, io, v->start + (offset >> SECTOR_SHIFT), bio, at, length);
}

void store_clone_undo(struct volume *v, struct store_io *io, struct bio *bio, u64 at,
		      u64 position, u64 skip, u64 length)
{
	while (length) {
		u64 contiguous, offset, part;

		position += skip / DORMOUSE_STORE_BLOCK;
		skip %= DORMOUSE_STORE_BLOCK;
		offset = locate_undo(v, position, &contiguous) + skip;
		part = min(length, contiguous * DORMOUSE_STORE_BLOCK - skip);
		submit_clone(v->ground.disk, io, ground_sector(v, offset), bio, at, part);
		at += part;
		skip += part;
		length -= part;
	}
}

/* Between begin and wait (or put): submits all of it. */
static void submit_store(struct volume *v, struct store_io *io, blk_opf_t opf, u64 block,
			 u32 nr_blocks, u8 *buffer)
{
	const struct store_layout *l = volume_store(v);

	if (!same_ground(v) || block + nr_blocks > l->nr_blocks) {
		io->status = BLK_STS_IOERR;
		return;
	}
	while (nr_blocks) {
		u64 contiguous, offset = locate(l, block, &contiguous);
		u64 nr = min_t(u64, nr_blocks, contiguous);

		submit_range(v->ground.disk, io, opf, ground_sector(v, offset), buffer,
			     nr * DORMOUSE_STORE_BLOCK);
		buffer += nr * DORMOUSE_STORE_BLOCK;
		block += nr;
		nr_blocks -= nr;
	}
}

static blk_opf_t write_opf(struct volume *v, u32 nr_blocks, bool durable)
{
	volume_stat_add(v, store_written_bytes, (u64)nr_blocks * DORMOUSE_STORE_BLOCK);
	return REQ_OP_WRITE | REQ_SYNC | REQ_IDLE | (durable ? REQ_FUA : 0);
}

int store_write(struct volume *v, u64 block, u32 nr_blocks, void *buffer, bool durable)
{
	struct store_io io;

	store_io_begin(&io);
	submit_store(v, &io, write_opf(v, nr_blocks, durable), block, nr_blocks, buffer);
	return store_io_wait(&io);
}

void store_write_async(struct volume *v, struct store_io *io, u64 block, u32 nr_blocks,
		       void *buffer, bool durable, void (*end)(struct store_io *io))
{
	store_io_begin(io);
	io->end = end;
	submit_store(v, io, write_opf(v, nr_blocks, durable), block, nr_blocks, buffer);
	store_io_put(io);
}

int store_read(struct volume *v, u64 block, u32 nr_blocks, void *buffer)
{
	struct store_io io;

	store_io_begin(&io);
	submit_store(v, &io, REQ_OP_READ | REQ_SYNC, block, nr_blocks, buffer);
	return store_io_wait(&io);
}

void store_origin_read_begin(struct volume *v, struct store_io *io, u64 offset, u32 length,
			     void *buffer)
{
	if (same_disk(v))
		submit_range(v->disk, io, REQ_OP_READ | REQ_SYNC,
			     v->start + (offset >> SECTOR_SHIFT), buffer, length);
	else
		io->status = BLK_STS_IOERR;
}

int store_origin_read(struct volume *v, u64 offset, u32 length, void *buffer)
{
	struct store_io io;

	store_io_begin(&io);
	store_origin_read_begin(v, &io, offset, length, buffer);
	return store_io_wait(&io);
}

int store_ground_read(struct volume *v, u64 offset, u32 length, void *buffer)
{
	struct store_io io;

	store_io_begin(&io);
	submit_range(v->ground.disk, &io, REQ_OP_READ | REQ_SYNC, ground_sector(v, offset), buffer,
		     length);
	return store_io_wait(&io);
}

int store_check_proofs(struct volume *v, const struct store_extent *extents, u32 nr,
		       const u8 *nonce, char *reason)
{
	const struct dormouse_extent_proof *proof = v->journal.buffer;
	u32 i;

	for (i = 0; i < nr; i++) {
		int err = store_ground_read(v, extents[i].offset, DORMOUSE_STORE_BLOCK,
					    v->journal.buffer);

		if (err) {
			strscpy(reason, "the store's ground cannot be read", DORMOUSE_REASON_BYTES);
			return err;
		}
		if (memcmp(proof->magic, "DORMPRUF", 8) ||
		    memcmp(proof->nonce, nonce, DORMOUSE_NONCE_BYTES) ||
		    memcmp(proof->volume_id, v->id, 16) || le32_to_cpu(proof->index) != i) {
			strscpy(reason, "the extents are not where the store file is",
				DORMOUSE_REASON_BYTES);
			return -EINVAL;
		}
	}
	return 0;
}

static int by_offset(const void *a, const void *b)
{
	const struct store_extent *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

struct store_layout *store_layout_alloc(struct volume *v, u32 nr_extents)
{
	struct store_layout *l = NULL;
	const size_t bytes = sizeof(*l) + nr_extents * (sizeof(*l->first_block) +
							sizeof(*l->extents) + sizeof(*l->guard));

	l = volume_zalloc(v, bytes);
	if (l) {
		l->bytes = bytes;
		l->nr_extents = nr_extents;
		l->extents = (void *)(l + 1);
		l->guard = l->extents + nr_extents;
		l->first_block = (void *)(l->guard + nr_extents);
	}
	return l;
}

void store_layout_fill(struct store_layout *l, const struct store_super *super,
		       const struct store_extent *extents)
{
	u64 block = 0;
	u32 i;

	l->nr_extents = super->nr_extents;
	l->nr_hidden = super->external ? 0 : super->nr_extents;
	l->undo_start = super->undo_start;
	l->undo_blocks = super->undo_blocks;
	l->undo_base = super->undo_base;
	for (i = 0; i < l->nr_extents; i++) {
		l->extents[i] = extents[i];
		l->guard[i] = extents[i];
		l->first_block[i] = block;
		block += extents[i].length / DORMOUSE_STORE_BLOCK;
	}
	l->nr_blocks = block;
	sort(l->guard, l->nr_extents, sizeof(*l->guard), by_offset, NULL);
}

/* Derives v->geometry and v->layout from v->super and the extents; memory goes with the
 * volume. */
int store_geometry(struct volume *v, const struct store_extent *extents)
{
	struct volume_geometry *g = &v->geometry;
	struct store_layout *l = store_layout_alloc(v, v->super.nr_extents);

	if (!l)
		return -ENOMEM;
	store_layout_fill(l, &v->super, extents);
	RCU_INIT_POINTER(v->layout, l);
	g->bytes = (u64)v->nr_sectors << SECTOR_SHIFT;
	g->nr_granules = store_nr_granules(g->bytes);
	g->nr_regions = store_nr_regions(g->bytes);
	g->nr_units = store_nr_units(g->bytes);
	g->state_bytes = round_up(DORMOUSE_RECORD_HEADER_BYTES +
		sizeof(struct dormouse_disk_state) +
		DORMOUSE_MAX_EPOCHS * sizeof(struct dormouse_disk_epoch) +
		DORMOUSE_SENTINEL_MAX * sizeof(struct dormouse_disk_sentinel) +
		(DORMOUSE_MAX_MAPS + 1) * change_map_max_encoded(g->nr_granules) +
		change_map_max_encoded(g->nr_regions), DORMOUSE_STORE_BLOCK);
	v->superblock_offset = l->extents[0].offset;
	v->superblock_offset_b = l->extents[l->nr_extents - 1].offset +
		l->extents[l->nr_extents - 1].length - DORMOUSE_SUPER_BYTES;
	return 0;
}

/* The first store extent that ends behind `offset` decides; the list is sorted. */
bool store_lies_at(struct volume *v, u64 offset, u64 length)
{
	const struct store_layout *l;
	u32 low = 0, high;
	bool guards;

	rcu_read_lock();
	l = rcu_dereference(v->layout);
	high = l->nr_extents;
	while (low < high) {
		u32 middle = (low + high) / 2;

		if (l->guard[middle].offset + l->guard[middle].length <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	guards = low < l->nr_extents && l->guard[low].offset < offset + length;
	rcu_read_unlock();
	return guards;
}

bool store_guards(struct volume *v, u64 offset, u64 length)
{
	return !volume_is_external(v) && store_lies_at(v, offset, length);
}

/* Copy A, then B: one of them is whole at any moment. */
int store_super_write(struct volume *v)
{
	u8 *copy = v->journal.buffer;
	int err;

	v->super.generation++;
	super_pack(&v->super, volume_store(v)->extents, copy);
	err = store_write(v, 0, DORMOUSE_SUPER_BLOCKS, copy, true);
	if (err)
		return err;
	return store_write(v, volume_store(v)->nr_blocks - DORMOUSE_SUPER_BLOCKS,
			   DORMOUSE_SUPER_BLOCKS, copy, true);
}

/* Whether it can be the store's, as far as its own words go. */
static bool is_of(const struct volume *v, const struct store_super *super)
{
	return !memcmp(super->volume_id, v->id, 16) &&
	       super->volume_bytes == (u64)v->nr_sectors << SECTOR_SHIFT &&
	       super->external == volume_is_external(v) &&
	       (!super->external || super->ground_bytes == ground_bytes(v));
}

/* The newest valid copy of this volume's; -ESTALE and a reason if there is none. */
int store_super_read(struct volume *v, u64 offset_a, u64 offset_b,
		     struct store_extent *extents, char *reason)
{
	const u64 offsets[2] = { offset_a, offset_b };
	const u64 bytes = ground_bytes(v);
	struct store_extent *table;
	struct store_super super;
	int found = 0;
	void *copy;
	int i, err = 0;

	copy = vmalloc(DORMOUSE_SUPER_BYTES);
	table = kvmalloc_array(DORMOUSE_SUPER_MAX_EXTENTS, sizeof(*table), GFP_KERNEL);
	if (!copy || !table) {
		err = -ENOMEM;
		goto out;
	}
	for (i = 0; i < 2; i++) {
		if ((i && !offsets[i]) || offsets[i] % DORMOUSE_STORE_BLOCK ||
		    bytes < DORMOUSE_SUPER_BYTES || offsets[i] > bytes - DORMOUSE_SUPER_BYTES)
			continue;
		if (store_ground_read(v, offsets[i], DORMOUSE_SUPER_BYTES, copy) ||
		    super_unpack(copy, &super, table) || !is_of(v, &super))
			continue;
		if (found++ && super.generation <= v->super.generation)
			continue;
		v->super = super;
		memcpy(extents, table, super.nr_extents * sizeof(*table));
	}
	if (!found) {
		strscpy(reason, "the store is not there any more", DORMOUSE_REASON_BYTES);
		err = -ESTALE;
	} else if (found == 1 && super_is_bare(&v->super)) {
		strscpy(reason, "something else was made at one end of the store's device",
			DORMOUSE_REASON_BYTES);
		err = -ESTALE;
	}
out:
	kvfree(table);
	vfree(copy);
	return err;
}

/* A superblock copy, whatever the disk says of its medium. */
static int super_io(struct volume *v, blk_opf_t opf, u64 offset, void *copy)
{
	struct store_io io;

	store_io_begin(&io);
	submit_range(v->ground.disk, &io, opf | REQ_SYNC, ground_sector(v, offset), copy,
		     DORMOUSE_SUPER_BYTES);
	return store_io_wait(&io);
}

/* A removable disk that was reset says that it has another medium. If somebody still
 * uses what is there, and our store is on it, then it is the same. */
static bool is_ours(struct volume *v, u64 offset)
{
	const struct dormouse_disk_super *disk = v->journal.buffer;

	return same_ground(v) ||
	       (!volume_is_external(v) && volume_in_use(v) && !super_io(v, REQ_OP_READ, offset, v->journal.buffer) &&
		le64_to_cpu(disk->magic) == DORMOUSE_SUPER_MAGIC &&
		le64_to_cpu(disk->incarnation) == v->super.incarnation &&
		!memcmp(disk->store_id, v->super.store_id, sizeof(disk->store_id)));
}

void store_super_invalidate(struct volume *v)
{
	const u64 copies[2] = { v->superblock_offset, v->superblock_offset_b };
	bool failed[2] = { false, false };
	void *copy = v->journal.buffer;
	int i;

	if (!get_capacity(v->ground.disk)) /* taken away: every write would fail, and complain */
		return;
	for (i = 0; i < 2; i++) {
		if (!is_ours(v, copies[i]))
			continue;
		memset(copy, 0, DORMOUSE_SUPER_BYTES);
		failed[i] = super_io(v, REQ_OP_WRITE | REQ_FUA, copies[i], copy);
	}
	if (failed[0] == failed[1])
		return;
	/* The copy that stays must not be the one that counts. */
	v->super.generation++;
	v->super.checkpoint_sequence = U64_MAX;
	super_pack(&v->super, volume_store(v)->extents, copy);
	super_io(v, REQ_OP_WRITE | REQ_FUA, copies[failed[0]], copy);
}
