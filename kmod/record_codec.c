// SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later
#include "record_codec.h"

/* Structures that live on disk may not change size by accident. */
_Static_assert(sizeof(struct dormouse_disk_record) == DORMOUSE_RECORD_HEADER_BYTES, "record header");
_Static_assert(sizeof(struct dormouse_disk_super) == 160, "superblock");
_Static_assert(DORMOUSE_SUPER_MAX_EXTENTS * sizeof(struct dormouse_disk_extent) <=
	       DORMOUSE_SUPER_BYTES - DORMOUSE_STORE_BLOCK, "extent table");
_Static_assert(sizeof(struct dormouse_disk_state) == 64, "state");
_Static_assert(sizeof(struct dormouse_disk_epoch) == 72, "epoch");
_Static_assert(sizeof(struct dormouse_disk_sentinel) == 40, "sentinel");

static u32 super_crc(const u8 *copy)
{
	static const u8 zero[4];
	const size_t at = offsetof(struct dormouse_disk_super, crc);
	u32 crc = dormouse_crc32c(0, copy, at);

	crc = dormouse_crc32c(crc, zero, 4);
	return dormouse_crc32c(crc, copy + at + 4, DORMOUSE_SUPER_BYTES - at - 4);
}

void super_pack(const struct store_super *super, const struct store_extent *extents, void *copy)
{
	struct dormouse_disk_super *disk = copy;
	struct dormouse_disk_extent *table = (void *)((u8 *)copy + DORMOUSE_STORE_BLOCK);
	u32 i;

	memset(copy, 0, DORMOUSE_SUPER_BYTES);
	disk->magic = cpu_to_le64(DORMOUSE_SUPER_MAGIC);
	disk->version = cpu_to_le32(DORMOUSE_FORMAT_VERSION);
	memcpy(disk->volume_id, super->volume_id, 16);
	memcpy(disk->store_id, super->store_id, 16);
	disk->generation = cpu_to_le64(super->generation);
	disk->incarnation = cpu_to_le64(super->incarnation);
	disk->fs = cpu_to_le32(super->fs);
	disk->volume_bytes = cpu_to_le64(super->volume_bytes);
	disk->nr_extents = cpu_to_le32(super->nr_extents);
	disk->journal_start = cpu_to_le32(super->journal_start);
	disk->journal_blocks = cpu_to_le32(super->journal_blocks);
	disk->undo_start = cpu_to_le32(super->undo_start);
	disk->undo_blocks = cpu_to_le32(super->undo_blocks);
	disk->checkpoint_block = cpu_to_le32(super->checkpoint_block);
	disk->checkpoint_prev_crc = cpu_to_le32(super->checkpoint_prev_crc);
	disk->checkpoint_sequence = cpu_to_le64(super->checkpoint_sequence);
	disk->undo_base = cpu_to_le32(super->undo_base);
	if (super->external) {
		disk->incompatible = cpu_to_le32(DORMOUSE_FEATURE_EXTERNAL);
		disk->ground_bytes = cpu_to_le64(super->ground_bytes);
		memcpy(disk->ground_id, super->ground_id, 16);
	}
	for (i = 0; i < super->nr_extents; i++) {
		table[i].offset = cpu_to_le64(extents[i].offset);
		table[i].length = cpu_to_le64(extents[i].length);
		table[i].since = cpu_to_le64(extents[i].since);
	}
	disk->crc = cpu_to_le32(super_crc(copy));
}

/* Of the device that the store lies on. */
static u64 ground_bytes(const struct store_super *super)
{
	return super->external ? super->ground_bytes : super->volume_bytes;
}

/* Rule E: block-aligned, not empty, ascending on the device or not, but disjoint
 * from its neighbours in the list and inside the device; 4 blocks at both ends. */
static int check_extents(const struct store_super *super, const struct store_extent *extents,
			 u64 *store_blocks)
{
	u64 total = 0;
	u32 i, j;

	if (!super->nr_extents || super->nr_extents > DORMOUSE_SUPER_MAX_EXTENTS)
		return -EUCLEAN;
	for (i = 0; i < super->nr_extents; i++) {
		const struct store_extent *e = &extents[i];

		if (!e->length || e->offset % DORMOUSE_STORE_BLOCK ||
		    e->length % DORMOUSE_STORE_BLOCK || e->offset > ground_bytes(super) ||
		    e->length > ground_bytes(super) - e->offset)
			return -EUCLEAN;
		for (j = 0; j < i; j++)
			if (e->offset < extents[j].offset + extents[j].length &&
			    extents[j].offset < e->offset + e->length)
				return -EUCLEAN;
		total += e->length / DORMOUSE_STORE_BLOCK;
	}
	if (extents[0].length < DORMOUSE_SUPER_BYTES ||
	    extents[super->nr_extents - 1].length < DORMOUSE_SUPER_BYTES)
		return -EUCLEAN;
	*store_blocks = total;
	return 0;
}

int super_unpack(const void *copy, struct store_super *super, struct store_extent *extents)
{
	const struct dormouse_disk_super *disk = copy;
	const struct dormouse_disk_extent *table =
		(const void *)((const u8 *)copy + DORMOUSE_STORE_BLOCK);
	u64 store_blocks;
	u32 i;
	int err;

	if (le64_to_cpu(disk->magic) != DORMOUSE_SUPER_MAGIC)
		return -EINVAL;
	if (le32_to_cpu(disk->crc) != super_crc(copy))
		return -EUCLEAN;
	if (le32_to_cpu(disk->version) != DORMOUSE_FORMAT_VERSION ||
	    le32_to_cpu(disk->incompatible) & ~DORMOUSE_FEATURE_EXTERNAL)
		return -EOPNOTSUPP;
	memcpy(super->volume_id, disk->volume_id, 16);
	memcpy(super->store_id, disk->store_id, 16);
	super->generation = le64_to_cpu(disk->generation);
	super->incarnation = le64_to_cpu(disk->incarnation);
	super->fs = le32_to_cpu(disk->fs);
	super->volume_bytes = le64_to_cpu(disk->volume_bytes);
	super->external = le32_to_cpu(disk->incompatible) & DORMOUSE_FEATURE_EXTERNAL;
	super->ground_bytes = le64_to_cpu(disk->ground_bytes);
	memcpy(super->ground_id, disk->ground_id, 16);
	super->nr_extents = le32_to_cpu(disk->nr_extents);
	super->journal_start = le32_to_cpu(disk->journal_start);
	super->journal_blocks = le32_to_cpu(disk->journal_blocks);
	super->undo_start = le32_to_cpu(disk->undo_start);
	super->undo_blocks = le32_to_cpu(disk->undo_blocks);
	super->checkpoint_block = le32_to_cpu(disk->checkpoint_block);
	super->checkpoint_prev_crc = le32_to_cpu(disk->checkpoint_prev_crc);
	super->checkpoint_sequence = le64_to_cpu(disk->checkpoint_sequence);
	super->undo_base = le32_to_cpu(disk->undo_base);
	if (super->nr_extents > DORMOUSE_SUPER_MAX_EXTENTS)
		return -EUCLEAN;
	for (i = 0; i < super->nr_extents; i++) {
		extents[i].offset = le64_to_cpu(table[i].offset);
		extents[i].length = le64_to_cpu(table[i].length);
		extents[i].since = le64_to_cpu(table[i].since);
	}
	err = check_extents(super, extents, &store_blocks);
	if (err)
		return err;
	if (super->journal_start != DORMOUSE_SUPER_BLOCKS || !super->journal_blocks ||
	    super->undo_start != (u64)super->journal_start + super->journal_blocks ||
	    !super->undo_blocks || super->undo_base >= super->undo_blocks ||
	    (u64)super->undo_start + super->undo_blocks + DORMOUSE_SUPER_BLOCKS != store_blocks ||
	    super->checkpoint_block >= super->journal_blocks)
		return -EUCLEAN;
	return 0;
}

int super_grow(struct store_super *super, struct store_extent *extents, u64 head,
	       const struct store_extent *more, u32 nr_more)
{
	const u32 in_ring = super_undo_block(super, head);
	u64 cut = ((u64)super->undo_start + in_ring) * DORMOUSE_STORE_BLOCK, blocks = 0;
	u32 i, j, at = 0, pieces = 0;

	for (i = 0; i < nr_more; i++) {
		const struct store_extent *e = &more[i];

		if (!e->length || (e->offset | e->length) % DORMOUSE_STORE_BLOCK ||
		    e->offset > ground_bytes(super) || e->length > ground_bytes(super) - e->offset)
			return -EINVAL;
		for (j = 0; j < i + super->nr_extents; j++) {
			const struct store_extent *other = j < i ? &more[j] : &extents[j - i];

			if (e->offset < other->offset + other->length &&
			    other->offset < e->offset + e->length)
				return -EINVAL;
		}
		blocks += e->length / DORMOUSE_STORE_BLOCK;
	}
	/* The extent that is cut in two, if the cut is not between two. */
	while (cut >= extents[at].length)
		cut -= extents[at++].length;
	pieces = nr_more + (cut != 0);
	if (!nr_more || super->nr_extents + pieces > DORMOUSE_SUPER_MAX_EXTENTS ||
	    blocks > 0x7fffffffu - super->undo_blocks - super->undo_start)
		return nr_more ? -ENOSPC : -EINVAL;
	for (i = super->nr_extents; i-- > at;)
		extents[i + pieces] = extents[i];
	if (cut) {
		extents[at] = extents[at + pieces];
		extents[at].length = cut;
		extents[at + pieces].offset += cut;
		extents[at + pieces].length -= cut;
		at++;
	}
	memcpy(&extents[at], more, nr_more * sizeof(*more));
	super->nr_extents += pieces;
	super->undo_blocks += (u32)blocks;
	super->undo_base = (u32)((in_ring + super->undo_blocks - head % super->undo_blocks) %
				 super->undo_blocks);
	return 0;
}

int super_layout(struct store_super *super, u64 store_blocks, u64 journal_bytes)
{
	/* Three of the largest states (three maps and some) fit: the last one, the
	 * next one, and what is lost where the ring begins again. */
	u64 map = store_nr_granules(super->volume_bytes) / 8 + DORMOUSE_STORE_BLOCK;
	u64 journal = DORMOUSE_JOURNAL_MIN_BYTES + 11 * map;

	if (journal_bytes > journal)
		journal = journal_bytes;
	journal = (journal + DORMOUSE_STORE_BLOCK - 1) / DORMOUSE_STORE_BLOCK;
	if (store_blocks * DORMOUSE_STORE_BLOCK < DORMOUSE_STORE_MIN_BYTES ||
	    store_blocks < journal + 2 * DORMOUSE_SUPER_BLOCKS + 64 || store_blocks > 0xffffffffu)
		return -ENOSPC;
	super->journal_start = DORMOUSE_SUPER_BLOCKS;
	super->journal_blocks = (u32)journal;
	super->undo_start = super->journal_start + super->journal_blocks;
	super->undo_blocks = (u32)(store_blocks - super->undo_start - DORMOUSE_SUPER_BLOCKS);
	return 0;
}

void record_pack(struct store_record *record, void *header)
{
	struct dormouse_disk_record *disk = header;

	memset(header, 0, DORMOUSE_RECORD_HEADER_BYTES);
	disk->magic = cpu_to_le32(DORMOUSE_RECORD_MAGIC);
	disk->type = cpu_to_le16(record->type);
	disk->flags = cpu_to_le16(record->flags);
	memcpy(disk->store_id, record->store_id, 16);
	disk->incarnation = cpu_to_le64(record->incarnation);
	disk->sequence = cpu_to_le64(record->sequence);
	disk->epoch = cpu_to_le64(record->epoch);
	disk->payload_bytes = cpu_to_le32(record->payload_bytes);
	disk->payload_sum = cpu_to_le32(record->payload_sum);
	disk->prev_crc = cpu_to_le32(record->prev_crc);
	record->header_crc = dormouse_crc32c(0, header, DORMOUSE_RECORD_HEADER_BYTES);
	disk->header_crc = cpu_to_le32(record->header_crc);
}

u32 record_sum(const struct store_record *record, const void *payload)
{
	if (record->flags & DORMOUSE_RECORD_UNSUMMED)
		return 0;
	if (record->type == DORMOUSE_RECORD_UNDO) /* large, and while somebody waits */
		return (u32)dormouse_xxh64(payload, record->payload_bytes);
	return dormouse_crc32c(0, payload, record->payload_bytes);
}

int record_unpack(const void *header, struct store_record *record)
{
	struct dormouse_disk_record disk;
	u32 crc;

	memcpy(&disk, header, sizeof(disk));
	if (le32_to_cpu(disk.magic) != DORMOUSE_RECORD_MAGIC)
		return -EINVAL;
	crc = le32_to_cpu(disk.header_crc);
	disk.header_crc = 0;
	if (dormouse_crc32c(0, &disk, sizeof(disk)) != crc)
		return -EUCLEAN;
	record->type = le16_to_cpu(disk.type);
	record->flags = le16_to_cpu(disk.flags);
	if (record->flags & ~(record->type == DORMOUSE_RECORD_UNDO ? DORMOUSE_RECORD_UNSUMMED : 0u))
		return -EINVAL;
	memcpy(record->store_id, disk.store_id, 16);
	record->incarnation = le64_to_cpu(disk.incarnation);
	record->sequence = le64_to_cpu(disk.sequence);
	record->epoch = le64_to_cpu(disk.epoch);
	record->payload_bytes = le32_to_cpu(disk.payload_bytes);
	record->payload_sum = le32_to_cpu(disk.payload_sum);
	record->prev_crc = le32_to_cpu(disk.prev_crc);
	record->header_crc = crc;
	return 0;
}

u64 sentinel_digest(u64 seed, const void *data, size_t length)
{
	const u8 *byte = data;
	size_t i;

	for (i = 0; i < length; i++)
		seed = (seed ^ byte[i]) * 0x100000001b3ull;
	return seed;
}
