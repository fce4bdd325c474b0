/* SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later */
/*
 * The undo ring of a volume: old data of blocks that were overwritten while a
 * snapshot lived. A batch is filled by the worker (`open`), then read, indexed and
 * written (`underway`), then idle again. Under a transient snapshot its writes go on
 * once the old data is in memory; under a durable one once the record, and all before
 * it, are on the disk.
 */
#ifndef DORMOUSE_UNDO_RING_H
#define DORMOUSE_UNDO_RING_H

#include <linux/bio.h>
#include <linux/completion.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "uapi/dormouse_format.h"
#include "undo_index.h"

#define DORMOUSE_BATCH_UNITS 64  /* old data copied by one record: 1 MiB */
/* Store blocks of a unit's old data. */
#define DORMOUSE_UNIT_BLOCKS (DORMOUSE_UNIT_BYTES / DORMOUSE_STORE_BLOCK)
#define DORMOUSE_BATCHES 4       /* records on their way at once, each with its buffer */
#define DORMOUSE_NEIGHBOURS 16   /* units of a neighbourhood: 256 KiB */

struct volume;

/* A place in the undo ring: the next record's block, its sequence, and the header
 * CRC of the one before it. */
struct undo_place {
	u64 block; /* counted up */
	u64 sequence;
	u32 prev_crc;
};

/* Several of our bios at once: begin, submit, wait for all (0 or -errno), or be called
 * when all are done. */
struct store_io {
	atomic_t pending;
	blk_status_t status;
	struct completion done;
	void (*end)(struct store_io *io); /* any context */
};

struct undo_unit {
	u32 number;
	bool wanted; /* a write waits for it; else it is copied along */
};

/* One record of the undo ring and the writes that wait for it. */
struct undo_batch {
	struct list_head link;     /* lock; idle, or underway in the ring's order */
	struct volume *volume;
	struct store_io io;
	bool complete;             /* lock */
	bool durable;
	struct bio_list bios;      /* lock, once underway */
	struct undo_place behind;  /* what follows the record */
	u32 nr_units;
	struct undo_unit units[DORMOUSE_BATCH_UNITS];
	void *buffer;              /* a header block and the units' old data */
};

struct volume_undo {
	struct undo_place head, tail;
	struct undo_place written;  /* lock; up to where the ring is done with */
	struct undo_place sound;    /* lock; up to where all of it is written */
	struct undo_index index;    /* lock */
	unsigned long *copied;      /* units that a write need not wait for, since the newest snapshot */
	/* How dense writes are (queue_more()): neighbourhoods of which one unit was
	 * copied alone, and those of them that were written again. Both fade. */
	u32 alone, again, probe;
	u64 stream;                 /* the unit where a stream of large writes would go on */
	u64 ahead;                  /* to be copied before anybody asks; 0: nothing */
	u32 warned;                 /* per mille at which the last STORE_LOW was posted */
	struct undo_batch *open;    /* store_mutex */
	struct list_head idle, underway; /* lock */
	u32 nr_underway;            /* lock; until their writes are let go */
	bool broken;                /* lock; a record could not be written */
	wait_queue_head_t progress; /* a batch is done */
	struct workqueue_struct *wq;
	struct work_struct done;
	struct undo_batch batches[DORMOUSE_BATCHES];
};

/* undo_ring.c; store_mutex, unless it says otherwise. */
int undo_init(struct volume *v); /* memory for the batches; undo_exit() frees it */
void undo_exit(struct volume *v);
/* Memory for an index of a ring of so many blocks. */
int undo_reserve_index(struct volume *v, u64 undo_blocks, struct undo_index *index);
void undo_free_index(struct volume *v, struct undo_index *index);
/* Room for a whole record, while nothing is underway. */
static inline void *undo_scratch(struct volume_undo *u)
{
	return u->batches[0].buffer;
}
/* Sends the open batch on its way, if there is one. Where the ring is full, the oldest
 * snapshots end. */
void undo_send_open(struct volume *v);
/* Until nothing is underway and its writes are let go. No lock. */
void undo_wait(struct volume *v);
bool undo_is_idle(struct volume *v); /* is it so now? No lock. */
/* A reader's: until what lies at this block of the ring is written. False: it never
 * will be. No lock. */
bool undo_wait_written(struct volume *v, u64 block);
/* Says so, once each time, when the ring fills beyond three quarters and nine tenths. */
void undo_watch_fill(struct volume *v);
void undo_mend(struct volume *v); /* gives up the snapshots if a record could not be written */
void undo_give_up(struct volume *v, const char *reason); /* every snapshot fails */
/* A snapshot begins, behind the gate, with nothing underway: before it is on record,
 * and when it is. */
void undo_snapshot_begins(struct volume *v);
void undo_snapshot_began(struct volume *v);
/* Some have ended: their flags are cleared. `durable`: one of them was; then this is on
 * record before any write goes on uncopied or its place in the ring is used again, for
 * else a power cut would bring it back with that write in it, or without its data. */
void undo_snapshots_ended(struct volume *v, bool durable);
/* What a state record says of the ring: what durable snapshots need, all written. */
void undo_recorded(struct volume *v, struct undo_place *tail, struct undo_place *head);
/* Of an old store: before the first record of this incarnation. */
int undo_begin(struct volume *v);

/* undo_queue.c; store_mutex. */
/* Queues what the held write overwrites. True: it waits, and comes back through
 * worker_release(). Follow a round of these by undo_flush(). */
bool undo_preserve(struct volume *v, struct bio *bio, u64 offset, u64 length);
/* Ends the round: sends the open batch, and what a stream of writes will ask for next. */
void undo_flush(struct volume *v);
/* Does a live snapshot need what is there now? No lock. */
bool undo_needed(struct volume *v, u64 offset, u64 length);

#endif
