// SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later
/*
 * How long writes are held, as a histogram. A bio has no room for the time at which it
 * was held, so that is kept in a small table beside the volume, at the place that the
 * bio's address gives. Where that is taken the bio is not counted: a sample that does
 * not depend on how long anything takes, except that more are left out when very many
 * are held at once.
 */
#include <linux/hash.h>
#include <linux/ktime.h>
#include "volume.h"

static struct hold_time *place_of(struct volume *v, const struct bio *bio)
{
	return &v->hold_times[hash_ptr(bio, DORMOUSE_HOLD_TIMES_BITS)];
}

void hold_times_begin(struct volume *v, const struct bio *bio)
{
	struct hold_time *place = place_of(v, bio);

	if (!place->bio)
		*place = (struct hold_time){ .bio = bio, .since_ns = ktime_get_ns() };
}

void hold_times_end(struct volume *v, const struct bio *bio)
{
	struct hold_time *place = place_of(v, bio);
	u64 us;

	if (place->bio != bio)
		return;
	us = (ktime_get_ns() - place->since_ns) / NSEC_PER_USEC;
	place->bio = NULL;
	/* fls64(us >> 4): 0 below 16 us, 1 below 32 ... */
	volume_stat_add(v, hold_latency_us[min(fls64(us >> 4), 15)], 1);
}
