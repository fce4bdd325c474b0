// SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later
/*
 * Sentinels: places that whoever mounts the volume for writing must change. Their
 * contents that are ours are on record before each write to them is let go; so
 * when we come back and find another content, somebody wrote while we were away.
 *
 *   ext4  the superblock, 1024 bytes at 1024: every read-write mount writes it.
 *   XFS   the log: the sector where the last log write began, and the one where
 *         the next must begin. Mounting read-write, even just to unmount again,
 *         writes there.
 *
 * Nothing can be said about other file systems; they are never verified.
 */
#include <linux/vmalloc.h>
#include "compat.h"
#include "volume.h"

#define EXT4_SUPER_OFFSET 1024
#define EXT4_SUPER_BYTES 1024
#define SECTOR 512u

/* Fields of the XFS superblock (fs/xfs/libxfs/xfs_format.h, struct xfs_dsb). */
#define XFS_MAGIC 0x58465342 /* "XFSB" */
#define XFS_BLOCKSIZE 4
#define XFS_LOGSTART 48
#define XFS_AGBLOCKS 84
#define XFS_LOGBLOCKS 96
#define XFS_AGBLKLOG 124

/* Of a log record's header (fs/xfs/libxfs/xfs_log_format.h, xlog_rec_header). */
#define XLOG_MAGIC 0xfeedbabe
#define XLOG_LEN 12

static int find_xfs_log(struct volume *v, const u8 *sb)
{
	u64 start, block;
	u32 size, log2;

	if (get_unaligned_be32(sb) != XFS_MAGIC)
		return -EINVAL;
	start = get_unaligned_be64(sb + XFS_LOGSTART);
	size = get_unaligned_be32(sb + XFS_BLOCKSIZE);
	log2 = sb[XFS_AGBLKLOG];
	if (!start || !size || log2 > 32) /* no start: the log is on another device */
		return -EINVAL;
	block = (start >> log2) * get_unaligned_be32(sb + XFS_AGBLOCKS) +
		(start & ((1ull << log2) - 1));
	v->sentinel.offset = block * size;
	v->sentinel.length = (u64)get_unaligned_be32(sb + XFS_LOGBLOCKS) * size;
	if (!v->sentinel.length || v->sentinel.offset > v->geometry.bytes ||
	    v->sentinel.length > v->geometry.bytes - v->sentinel.offset)
		return -EINVAL;
	return 0;
}

/* Some disks take no reads of less than 4 KiB. Clobbers the scratch block. */
static int read_part(struct volume *v, u64 offset, u32 length, void *out)
{
	const u32 skip = offset % DORMOUSE_STORE_BLOCK;
	const u64 start = offset - skip;
	u32 bytes;
	int err;

	if (start >= v->geometry.bytes)
		return -EINVAL;
	bytes = min_t(u64, v->geometry.bytes - start, DORMOUSE_STORE_BLOCK);
	if (length > bytes || skip > bytes - length)
		return -EINVAL;
	err = store_origin_read(v, start, bytes, v->sentinel.scratch);
	if (!err)
		memcpy(out, v->sentinel.scratch + skip, length);
	return err;
}

static void digest(struct dormouse_disk_sentinel *s, const void *data)
{
	s->crc = cpu_to_le32(dormouse_crc32c(0, data, le32_to_cpu(s->length)));
	s->digest = cpu_to_le64(sentinel_digest(le64_to_cpu(s->digest), data,
						le32_to_cpu(s->length)));
}

static struct dormouse_disk_sentinel *push(struct volume *v)
{
	struct volume_sentinel *s = &v->sentinel;
	struct dormouse_disk_sentinel *entry;

	/* Forgetting the oldest can only make us doubt, never trust. */
	if (s->nr_seen == DORMOUSE_SENTINEL_MAX) {
		memmove(s->seen, s->seen + 1, (s->nr_seen - 1) * sizeof(*s->seen));
		s->nr_seen--;
	}
	entry = &s->seen[s->nr_seen++];
	memset(entry, 0, sizeof(*entry));
	entry->digest = cpu_to_le64(SENTINEL_DIGEST_SEED);
	return entry;
}

static void push_ext4(struct volume *v)
{
	struct dormouse_disk_sentinel *entry = push(v);

	entry->offset = cpu_to_le64(EXT4_SUPER_OFFSET);
	entry->length = cpu_to_le32(EXT4_SUPER_BYTES);
	digest(entry, v->sentinel.content + EXT4_SUPER_OFFSET);
}

int sentinel_init(struct volume *v, u32 fs)
{
	u8 *block = v->journal.buffer;
	int err = store_origin_read(v, 0, DORMOUSE_STORE_BLOCK, block);

	if (err)
		return err;
	memcpy(v->sentinel.content, block, DORMOUSE_STORE_BLOCK);
	v->sentinel.fs = fs;
	if (fs == DORMOUSE_FS_EXT4) {
		if (block[EXT4_SUPER_OFFSET + 56] != 0x53 || block[EXT4_SUPER_OFFSET + 57] != 0xef)
			return -EINVAL;
		v->sentinel.offset = EXT4_SUPER_OFFSET;
		v->sentinel.length = EXT4_SUPER_BYTES;
		return 0;
	}
	return fs == DORMOUSE_FS_XFS ? find_xfs_log(v, block) : 0;
}

bool sentinel_touches(struct volume *v, u64 offset, u64 length)
{
	const struct volume_sentinel *s = &v->sentinel;

	return offset < s->offset + s->length && s->offset < offset + length;
}

/* Copies what the bio will leave in [from, from + length) over `content`; the bio
 * begins at `at` of the volume, which may be negative. */
static void overlay(struct bio *bio, s64 at, s64 from, s64 length, u8 *content)
{
	struct bvec_iter iter;
	struct bio_vec bv;

	if (bio_op(bio) != REQ_OP_WRITE) {
		s64 start = max(at, from), end = min(at + (s64)bio->bi_iter.bi_size, from + length);

		if (start < end && bio_op(bio) != REQ_OP_DISCARD)
			memset(content + (start - from), 0, end - start);
		return;
	}
	bio_for_each_segment(bv, bio, iter) {
		s64 start = max(at, from), end = min(at + (s64)bv.bv_len, from + length);

		if (start < end) {
			u8 *data = bvec_kmap_local(&bv);

			memcpy(content + (start - from), data + (start - at), end - start);
			kunmap_local(data);
		}
		at += bv.bv_len;
	}
}

/* XFS: the log goes on behind the end of this write, or at its beginning again. */
static int note_log_write(struct volume *v, u64 offset, u64 end, const u8 *first_sector)
{
	struct volume_sentinel *s = &v->sentinel;
	struct dormouse_disk_sentinel *entry;
	u8 next[SECTOR];
	int err;

	if (end >= s->offset + s->length)
		end = s->offset;
	err = read_part(v, end, SECTOR, next);
	if (err)
		return err;
	entry = push(v);
	entry->offset = cpu_to_le64(offset);
	entry->length = cpu_to_le32(SECTOR);
	digest(entry, first_sector);
	entry->next_offset = cpu_to_le64(end);
	entry->next_length = cpu_to_le32(SECTOR);
	entry->next_crc = cpu_to_le32(dormouse_crc32c(0, next, SECTOR));
	return 0;
}

/* A mount stamps empty headers over the blocks ahead of the log's head, which
 * does not move: only what lies behind the last write looks different now. */
static int note_log_stamp(struct volume *v, struct bio *bio, s64 at)
{
	struct volume_sentinel *s = &v->sentinel;
	struct dormouse_disk_sentinel last, *entry;
	u8 next[SECTOR];
	int err;

	if (!s->nr_seen)
		return 0;
	last = s->seen[s->nr_seen - 1];
	err = read_part(v, le64_to_cpu(last.next_offset), SECTOR, next);
	if (err)
		return err;
	overlay(bio, at, le64_to_cpu(last.next_offset), SECTOR, next);
	entry = push(v);
	*entry = last;
	entry->next_crc = cpu_to_le32(dormouse_crc32c(0, next, SECTOR));
	return 0;
}

int sentinel_note(struct volume *v, struct bio *bio, u64 offset)
{
	struct volume_sentinel *s = &v->sentinel;
	u64 length, skip;
	u8 sector[SECTOR] = { 0 };

	volume_overlap(v, bio, &offset, &length, &skip);
	if (s->fs == DORMOUSE_FS_EXT4) {
		overlay(bio, (s64)offset - (s64)skip, 0, DORMOUSE_STORE_BLOCK, s->content);
		push_ext4(v);
		return 0;
	}
	if (s->fs != DORMOUSE_FS_XFS)
		return 0;
	overlay(bio, (s64)offset - (s64)skip, offset, SECTOR, sector);
	if (get_unaligned_be32(sector) == XLOG_MAGIC && !get_unaligned_be32(sector + XLOG_LEN))
		return note_log_stamp(v, bio, (s64)offset - (s64)skip);
	return note_log_write(v, offset, offset + length, sector);
}

/* Behind the gate, flushed: what is on the device is the only content that counts. */
int sentinel_refresh(struct volume *v)
{
	struct volume_sentinel *s = &v->sentinel;
	struct dormouse_disk_sentinel last;
	u8 *block = v->journal.buffer;
	int err;

	if (s->fs == DORMOUSE_FS_EXT4) {
		err = store_origin_read(v, 0, DORMOUSE_STORE_BLOCK, block);
		if (err)
			return err;
		memcpy(s->content, block, DORMOUSE_STORE_BLOCK);
		s->nr_seen = 0;
		push_ext4(v);
	} else if (s->fs == DORMOUSE_FS_XFS && s->nr_seen > 1) {
		last = s->seen[s->nr_seen - 1];
		s->seen[0] = last;
		s->nr_seen = 1;
	}
	return 0;
}

static bool is_there(struct volume *v, const struct dormouse_disk_sentinel *entry)
{
	struct dormouse_disk_sentinel now = *entry;
	const u64 offset = le64_to_cpu(entry->offset), next = le64_to_cpu(entry->next_offset);
	const u32 length = le32_to_cpu(entry->length);
	u8 *block = v->journal.buffer;

	if (!length || length % SECTOR || read_part(v, offset, length, block))
		return false;
	now.digest = cpu_to_le64(SENTINEL_DIGEST_SEED);
	digest(&now, block);
	if (now.crc != entry->crc || now.digest != entry->digest)
		return false;
	if (!entry->next_length)
		return true;
	return !read_part(v, next, SECTOR, block) &&
	       dormouse_crc32c(0, block, SECTOR) == le32_to_cpu(entry->next_crc);
}

bool sentinel_verify(struct volume *v, char *reason)
{
	u32 i;

	if (v->sentinel.fs == DORMOUSE_FS_OTHER) {
		strscpy(reason, "this file system cannot prove that nobody wrote to it",
			DORMOUSE_REASON_BYTES);
		return false;
	}
	for (i = v->sentinel.nr_seen; i-- > 0;)
		if (is_there(v, &v->sentinel.seen[i]))
			return true;
	strscpy(reason, v->sentinel.nr_seen ? "the volume was written while nobody was watching" :
		"nothing is on record to compare the volume with", DORMOUSE_REASON_BYTES);
	return false;
}
