// SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later
/* How a volume is, for programs and for people. */
#include <linux/slab.h>
#include <linux/sysfs.h>
#include "volume.h"

static u32 state_of(struct volume *v)
{
	if (volume_is_gone(v))
		return DORMOUSE_STATE_GONE;
	if (READ_ONCE(v->failed))
		return DORMOUSE_STATE_FAILED;
	return volume_is_held(v) ? DORMOUSE_STATE_ACTIVE : DORMOUSE_STATE_DORMANT;
}

static void sum_stats(struct volume *v, struct dormouse_stats *sum)
{
	int cpu;
	u32 i;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		const u64 *from = (const u64 *)per_cpu_ptr(v->stats, cpu);

		for (i = 0; i < sizeof(*sum) / sizeof(u64); i++)
			((u64 *)sum)[i] += from[i];
	}
}

u64 volume_changed_bytes(const struct volume *v, const u64 *map)
{
	if (!map)
		return 0;
	return min(change_map_count(map, v->geometry.nr_granules) * DORMOUSE_GRANULE_BYTES,
		   v->geometry.bytes);
}

/* store_mutex */
static void fill_status(struct volume *v, struct dormouse_status *s)
{
	const struct volume_epoch *open = volume_open_epoch(v);

	s->handle = v->handle;
	s->state = state_of(v);
	s->mode = v->preserving ? DORMOUSE_MODE_SNAPSHOT : DORMOUSE_MODE_TRACKING;
	s->fs = v->super.fs;
	s->nr_snapshots = volume_snapshots(v);
	s->in_use = volume_in_use(v);
	s->sealed = v->sealed;
	s->dev_major = MAJOR(v->bdev->bd_dev);
	s->dev_minor = MINOR(v->bdev->bd_dev);
	s->store_major = MAJOR(volume_is_external(v) ? v->ground.bdev->bd_dev : v->bdev->bd_dev);
	s->store_minor = MINOR(volume_is_external(v) ? v->ground.bdev->bd_dev : v->bdev->bd_dev);
	s->volume_bytes = v->geometry.bytes;
	s->store_bytes = volume_store(v)->nr_blocks * DORMOUSE_STORE_BLOCK;
	s->undo_bytes = (u64)v->super.undo_blocks * DORMOUSE_STORE_BLOCK;
	s->undo_used_bytes = (v->undo.head.block - v->undo.tail.block) * DORMOUSE_STORE_BLOCK;
	s->changed_bytes = volume_changed_bytes(v, open->map);
	s->memory_bytes = v->memory_bytes;
	s->epoch = open->epoch;
	s->superblock_offset = v->superblock_offset;
	s->superblock_offset_b = v->superblock_offset_b;
	memcpy(s->volume_id, v->id, 16);
	memcpy(s->epoch_id, open->id, 16);
	sum_stats(v, &s->stats);
	memcpy(s->reason, v->reason, sizeof(s->reason));
}

void status_fill(struct volume *v, struct dormouse_status *s)
{
	mutex_lock(&v->store_mutex);
	fill_status(v, s);
	mutex_unlock(&v->store_mutex);
}

int status_print(struct volume *v, char *out, int at)
{
	static const char * const states[] = {
		"?", "active", "dormant", "unverified", "failed", "gone"
	};
	struct dormouse_status *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (!s)
		return at;
	status_fill(v, s);
	at += sysfs_emit_at(out, at,
		"%pUb handle=%u dev=%u:%u store=%u:%u %s %s epoch=%llu changed=%llu snapshots=%u undo=%llu/%llu sealed=%u memory=%llu passed=%llu held=%llu waited=%llu copied=%llu batches=%llu intents=%llu checkpoints=%llu seals=%llu written=%llu %s\n",
		v->id, s->handle, s->dev_major, s->dev_minor, s->store_major, s->store_minor,
		s->mode == DORMOUSE_MODE_SNAPSHOT ? "snapshot" : "tracking",
		states[s->state], s->epoch, s->changed_bytes, s->nr_snapshots,
		s->undo_used_bytes, s->undo_bytes, s->sealed, s->memory_bytes,
		s->stats.passed_writes, s->stats.held_writes, s->stats.waited_writes,
		s->stats.copied_bytes, s->stats.batches, s->stats.intents,
		s->stats.checkpoints, s->stats.seals, s->stats.store_written_bytes,
		s->reason);
	kfree(s);
	return at;
}
