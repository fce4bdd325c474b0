// SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later
/*
 * A store gets more room while it is in use. The undo ring is cut open where its next
 * record goes, so nothing in it moves: from the caller's side a superblock is written
 * anew, and writers see a larger ring. Until that superblock is durable, nothing of
 * ours is written to the new ground.
 */
#include <linux/vmalloc.h>
#include "volume.h"

struct growth {
	struct store_super super;
	struct store_extent *extents, *more;
	struct store_layout *layout;
	struct undo_index index;
};

static void free_growth(struct volume *v, struct growth *g)
{
	kvfree(g->extents);
	kvfree(g->more);
	if (g->layout)
		volume_vfree(v, g->layout, g->layout->bytes);
	undo_free_index(v, &g->index);
}

/* Memory for what it may come to. Not under the store's mutex: it may have to wait for
 * writes that are held. */
static int reserve(struct volume *v, struct growth *g, const struct dormouse_extent *list, u32 nr)
{
	u64 bytes = (u64)v->super.undo_blocks * DORMOUSE_STORE_BLOCK;
	u32 i;

	g->extents = kvcalloc(DORMOUSE_SUPER_MAX_EXTENTS, sizeof(*g->extents), GFP_KERNEL);
	g->more = kvcalloc(nr, sizeof(*g->more), GFP_KERNEL);
	if (!g->extents || !g->more)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		g->more[i].offset = list[i].offset;
		g->more[i].length = list[i].length;
		/* super_grow() judges them; here only the sum must be a size of memory. */
		bytes += min(list[i].length, ground_bytes(v));
		if (bytes > ground_bytes(v))
			return -EINVAL;
	}
	g->layout = store_layout_alloc(v, volume_store(v)->nr_extents + nr + 1);
	if (!g->layout)
		return -ENOMEM;
	return undo_reserve_index(v, bytes / DORMOUSE_STORE_BLOCK, &g->index);
}

/* What the store will be; store_mutex. */
static int plan(struct volume *v, struct growth *g, struct dormouse_grow *a)
{
	const struct store_layout *now = volume_store(v);
	const u64 open = volume_open_epoch(v)->epoch;
	u32 i;
	int err;

	if (v->failed) {
		strscpy(a->reason, v->reason, sizeof(a->reason));
		return -EIO;
	}
	if (volume_is_gone(v))
		return -ENODEV;
	/* Who asked made sure that no live snapshot needs what lies there now. */
	if (a->epoch != open) {
		strscpy(a->reason, "a snapshot was taken meanwhile", sizeof(a->reason));
		return -ESTALE;
	}
	g->super = v->super;
	memcpy(g->extents, now->extents, now->nr_extents * sizeof(*g->extents));
	for (i = 0; i < a->nr_extents; i++)
		g->more[i].since = open;
	err = super_grow(&g->super, g->extents, v->undo.head.block, g->more, a->nr_extents);
	if (err) {
		strscpy(a->reason, err == -ENOSPC ? "the store has too many extents" :
				   "an extent is not aligned, not inside, or the store's already",
			sizeof(a->reason));
		return err;
	}
	err = ground_check(v, g->more, a->nr_extents, a->reason);
	if (!err)
		err = ground_check_copied(v, g->more, a->nr_extents, a->reason);
	return err ? err : store_check_proofs(v, g->more, a->nr_extents, a->nonce, a->reason);
}

/* Readers and the hook see the larger store, then the disk does; store_mutex. What was
 * there before is in `g` afterwards. */
static int change_over(struct volume *v, struct growth *g)
{
	struct store_layout *before = volume_store(v);

	store_layout_fill(g->layout, &g->super, g->extents);
	undo_index_copy(&g->index, &v->undo.index);
	spin_lock_irq(&v->lock);
	swap(v->undo.index, g->index);
	spin_unlock_irq(&v->lock);
	v->super = g->super;
	rcu_assign_pointer(v->layout, g->layout);
	g->layout = before;
	undo_watch_fill(v);
	return store_super_write(v);
}

int volume_grow(struct volume *v, struct dormouse_grow *a, const struct dormouse_extent *list)
{
	struct growth g = { 0 };
	bool changed = false;
	int err = reserve(v, &g, list, a->nr_extents);

	if (err) {
		strscpy(a->reason, err == -ENOMEM ? "there is not enough memory" :
				   "the extents are larger than their device", sizeof(a->reason));
		goto out;
	}
	mutex_lock(&v->store_mutex);
	err = plan(v, &g, a);
	if (!err) {
		changed = true;
		err = change_over(v, &g);
		/* Which of the two the next reader finds is not known. */
		if (err)
			volume_fail(v, "the superblock cannot be written");
	}
	a->store_bytes = volume_store(v)->nr_blocks * DORMOUSE_STORE_BLOCK;
	mutex_unlock(&v->store_mutex);
	if (changed)
		synchronize_rcu(); /* the hook and readers may still look at the old layout */
out:
	free_growth(v, &g);
	return err;
}
