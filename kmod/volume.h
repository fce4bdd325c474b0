/* SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later */
/*
 * A volume: a range of sectors of a disk whose writes are recorded.
 *
 * Contexts
 *   hook     the ftrace callback: any context that may submit a bio; never
 *            sleeps, allocates only from the pools, under rcu_read_lock()
 *   worker   the volume's work item: sleeps, NOIO, under store_mutex
 *   control  ioctls, serialised by control_mutex (control.c)
 *
 * Locks, outermost first
 *   control_mutex   attach, detach, snapshot, drop, expose: one at a time
 *   store_mutex     a volume's rings, sentinels, epoch table: whoever appends
 *   lock            spinlock, irqs off: held bios, undo index, what readers of a
 *                   snapshot need of the epoch table
 *
 * The gate. A write is passed, in one RCU section, by: read the gate, join the
 * count of writes in flight, decide, mark the map. Whoever needs quiet does: close the gate,
 * synchronize_rcu(), wait until the count is zero. Behind a closed gate every
 * write is held, so the maps, the intents and the epoch may be changed.
 */
#ifndef DORMOUSE_VOLUME_H
#define DORMOUSE_VOLUME_H

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include "change_map.h"
#include "record_codec.h"
#include "uapi/dormouse_ioctl.h"
#include "undo_ring.h"

#define DORMOUSE_MAX_VOLUMES 64
#define DORMOUSE_MAX_VOLUME_BYTES (32ull << 40) /* units have numbers of 32 bits */
#define DORMOUSE_MAX_EPOCHS (DORMOUSE_MAX_SNAPSHOTS + 8)
#define DORMOUSE_MAX_MAPS 2      /* closed and not acknowledged; older ones are merged */
#define DORMOUSE_BATCH_BIOS 64
#define DORMOUSE_BATCH_REGIONS 960 /* fit one block beside the headers */
#define DORMOUSE_HELD_BUDGET (32u << 20) /* bytes; beyond, writers wait */
#define DORMOUSE_HOLD_TIMES_BITS 8 /* held writes whose time is taken at once: 256 */
#define DORMOUSE_IDLE_SEAL_MS 3000
#define DORMOUSE_CHECKPOINT_MS 60000

struct snapshot_disk;

/* An epoch that is open, or whose map or snapshot somebody still needs. */
struct volume_epoch {
	u64 epoch, first_epoch; /* its map covers first_epoch..epoch */
	u8 id[16];              /* of its start */
	u8 from_id[16];         /* of the start of first_epoch */
	u64 created_ns;
	struct undo_place undo_start; /* the ring's head when it began */
	u32 flags;          /* DORMOUSE_EPOCH_SNAPSHOT, DURABLE, VOID, ACKED, ..._FAILED */
	u64 *map;           /* NULL once acknowledged */
	struct snapshot_disk *disk; /* exposed */
};

struct volume_geometry {
	u64 bytes;
	u64 nr_granules, nr_regions, nr_units;
	size_t state_bytes;           /* of the largest state record */
};

/*
 * Where the store lies. Nobody changes one that others can see: a store that grows gets
 * a new one, and what lies in the undo ring has the same place in both. RCU;
 * volume_store() under store_mutex.
 */
struct store_layout {
	u64 nr_blocks;
	u32 undo_start, undo_blocks, undo_base;
	u32 nr_extents;
	size_t bytes;                 /* that this takes */
	u64 *first_block;             /* of the store, at which each extent begins */
	struct store_extent *extents; /* in store order */
	struct store_extent *guard;   /* the same, ascending on the device */
	u32 nr_hidden;                /* of them, on the volume itself: all, or none */
};

/* The device that the store lies on. */
struct store_ground {
	struct block_device *bdev; /* referenced, never opened; NULL: the volume's own */
	struct gendisk *disk;
	struct module *driver;
	u64 diskseq;
	bool is_mapped;
	sector_t start, nr_sectors; /* absolute on the disk */
};

struct volume_journal {
	u32 head, tail;   /* blocks in the ring; tail: last checkpoint in the superblock */
	u32 used;         /* blocks from tail to head */
	u64 sequence;     /* of the next record */
	u32 prev_crc;
	void *buffer;     /* geometry.state_bytes, in whole blocks */
};

struct volume_sentinel {
	u32 fs;
	u64 offset, length;   /* ext4: superblock. XFS: the log */
	struct dormouse_disk_sentinel seen[DORMOUSE_SENTINEL_MAX]; /* newest last */
	u32 nr_seen;
	u8 content[DORMOUSE_STORE_BLOCK]; /* ext4: what was last let through */
	void *scratch; /* a block */
};

struct hold_time {
	const struct bio *bio; /* NULL: free. Compared only, for it may be gone */
	u64 since_ns;
};

struct volume {
	struct list_head link; /* RCU, volumes list */
	struct kref ref;
	u32 handle;
	u8 id[16];
	struct block_device *bdev;  /* store_mutex; the device object is referenced, never opened */
	struct gendisk *disk;
	struct module *driver;
	bool is_mapped;             /* the disk is the device mapper's */
	const char *bypassed;       /* why what was written past us is not known; see bypass.c */
	const char *undermined;     /* the same of an external store's device */
	u64 diskseq;
	sector_t start, nr_sectors; /* absolute on the disk */
	struct store_ground ground;

	/* hook */
	unsigned long *intents;     /* regions with a durable intent */
	unsigned long *touched;     /* regions written since the last checkpoint */
	u64 expected_region;        /* where a sequential writer comes to next, or 0 */
	unsigned long *map;         /* the open epoch's; replaced behind the gate */
	bool gate;
	bool failed;                /* nothing is recorded; once disowned, everything passes */
	bool preserving;            /* some snapshot lives: uncopied units are held */
	u64 __percpu *in_flight;
	struct dormouse_stats __percpu *stats;
	unsigned long last_write;   /* jiffies */

	spinlock_t lock;
	struct bio_list held;       /* lock */
	u64 held_bytes;             /* lock; also of the batch in the worker's hands */
	struct hold_time hold_times[1 << DORMOUSE_HOLD_TIMES_BITS]; /* lock */
	struct workqueue_struct *wq;
	struct work_struct work;
	struct delayed_work tick;
	struct work_struct seal;    /* worker_seal_all(); holds a reference */

	struct mutex store_mutex;
	u32 rounds;                 /* of the worker: who waits for the mutex sees that it gets on */
	struct store_super super;
	struct volume_geometry geometry;
	struct store_layout __rcu *layout;
	struct volume_journal journal;
	struct volume_undo undo;
	struct volume_sentinel sentinel;
	bool sealed;
	bool sealed_held;           /* ... and was held then, which an external store says */
	bool dying;                 /* detaching: what is held goes on as it is */
	bool disowned;              /* the superblocks are void: the ground is anybody's */
	unsigned long last_checkpoint;
	u32 missing[DORMOUSE_BATCH_REGIONS]; /* the worker's: regions that want an intent */
	struct volume_epoch *epochs[DORMOUSE_MAX_EPOCHS]; /* oldest first, open last */
	u32 nr_epochs;
	u64 superblock_offset, superblock_offset_b;
	u64 memory_bytes;
	char reason[DORMOUSE_REASON_BYTES];
};

static inline struct volume_epoch *volume_open_epoch(struct volume *v)
{
	return v->epochs[v->nr_epochs - 1];
}

/* store_mutex, or not yet published */
static inline struct store_layout *volume_store(const struct volume *v)
{
	return rcu_dereference_protected(v->layout, true);
}

/* The store lies on another device. */
static inline bool volume_is_external(const struct volume *v)
{
	return v->ground.bdev != NULL;
}

static inline u64 ground_bytes(const struct volume *v)
{
	return (u64)v->ground.nr_sectors << SECTOR_SHIFT;
}

#define volume_stat_add(v, field, n) this_cpu_add((v)->stats->field, n)

/* volume.c: life and lookup. */
extern struct list_head volumes; /* RCU for readers, control_mutex for writers */
extern unsigned int nr_external; /* of them, that have an external store */
struct volume *volume_find(u32 handle);        /* referenced; NULL */
void volume_put(struct volume *v);
struct volume *volume_alloc(struct block_device *bdev, char *reason);
int volume_reserve(struct volume *v);          /* everything the geometry asks for */
void volume_publish(struct volume *v);         /* the hook sees it from now on */
void volume_unpublish(struct volume *v);       /* and does not any more; held bios are let go */
void *volume_zalloc(struct volume *v, size_t bytes); /* vmalloc, accounted */
void volume_vfree(struct volume *v, void *memory, size_t bytes); /* the same, given back */
struct volume_epoch *volume_epoch_alloc(struct volume *v, bool with_map);
void volume_epoch_free(struct volume *v, struct volume_epoch *e);
struct volume_epoch *volume_epoch_find(struct volume *v, u64 epoch);
/* Removes entries that nobody needs and merges maps above the limit; store_mutex. */
void volume_epochs_tidy(struct volume *v);
u32 volume_snapshots(const struct volume *v); /* that are live; store_mutex */
/* Somebody has the device open, or (the partition table was read again, and it is not
 * the same any more) we cannot know. No lock. */
bool volume_in_use(struct volume *v);
/* It is mounted, or another driver (device mapper, RAID, swap) has it. Not the many who
 * open a device for a moment to look what it is. No lock. */
bool volume_is_held(struct volume *v);
/* Reading the partition table again makes new devices of the same partitions: finds
 * the volume's. store_mutex. */
void volume_follow_partition(struct volume *v);
/* The disk was taken away, or has another medium, so there will be no more writes; or so
 * was the store's, so there will be no more records. */
bool volume_is_gone(const struct volume *v);
bool volume_is_there(const struct volume *v); /* its own disk is */
/* Ends recording for good; any context that may sleep, store_mutex held or not. */
void volume_fail(struct volume *v, const char *reason);
/* No later boot may trust the store: makes the superblocks void, once. From then on
 * nothing of ours is written. Until then the hook holds every write, also when the
 * volume has failed. store_mutex. */
void volume_disown(struct volume *v);

/* gate.c: quiet. */
void gate_close(struct volume *v);
bool gate_drain(struct volume *v, unsigned int timeout_ms); /* false: time is up */
void gate_open(struct volume *v);

/* worker.c: held writes. */
void worker_init(struct volume *v);
void worker_kick(struct volume *v);
/* From the hook: this region was written, for the first time in a while. */
void worker_expect(struct volume *v, u64 region);
/* Lets a held write go. Any context that may sleep. */
void worker_release(struct volume *v, struct bio *bio);
/* Lets every held bio go as it is; for failed and detached volumes. */
void worker_release_all(struct volume *v);
/* Seals all volumes, each by itself; whether all ended in time. When the machine goes
 * down: who unloads the module while one has not ended, takes its code away. */
bool worker_seal_all(unsigned int timeout_ms);

/* store.c: blocks of the store and of the volume, synchronously. Buffers are
 * kernel memory, in one piece or of vmalloc, whole 4 KiB blocks. store_mutex or not yet published. */
int store_init(void);
void store_exit(void);
int store_write(struct volume *v, u64 block, u32 nr_blocks, void *buffer, bool durable);
int store_read(struct volume *v, u64 block, u32 nr_blocks, void *buffer);
int store_origin_read(struct volume *v, u64 offset, u32 length, void *buffer);
/* Between store_io_begin() and store_io_wait(): one of several such reads. */
void store_origin_read_begin(struct volume *v, struct store_io *io, u64 offset, u32 length,
			     void *buffer);
int store_geometry(struct volume *v, const struct store_extent *extents);
/* Of the device that the store lies on. */
int store_ground_read(struct volume *v, u64 offset, u32 length, void *buffer);
/* Memory for so many extents, to be filled and freed by vfree(). */
struct store_layout *store_layout_alloc(struct volume *v, u32 nr_extents);
void store_layout_fill(struct store_layout *layout, const struct store_super *super,
		       const struct store_extent *extents);
/* Rule P: each extent begins with what the caller wrote through the file. */
int store_check_proofs(struct volume *v, const struct store_extent *extents, u32 nr,
		       const u8 *nonce, char *reason);
int store_super_write(struct volume *v);
int store_super_read(struct volume *v, u64 offset_a, u64 offset_b,
		     struct store_extent *extents, char *reason);
void store_super_invalidate(struct volume *v); /* zeroes both copies */
/* Whether the store is there: on the volume; on the device that it lies on. No lock. */
bool store_guards(struct volume *v, u64 offset, u64 length);
bool store_lies_at(struct volume *v, u64 offset, u64 length);
/* An extent that every snapshot of this epoch, and the change map of the one before it,
 * leaves out. One that the store got later was free in it, or is none of its concern. */
static inline bool store_hides(const struct store_extent *extent, u64 epoch)
{
	return extent->since < epoch;
}
void store_end_io(struct bio *bio); /* marks our own bios */

void store_io_begin(struct store_io *io);
int store_io_wait(struct store_io *io);
/* Does not wait: end(io) comes when all of it is done, also on an error. */
void store_write_async(struct volume *v, struct store_io *io, u64 block, u32 nr_blocks,
		       void *buffer, bool durable, void (*end)(struct store_io *io));
/* Reads into `bio` at its byte `at`: of the volume, or of the undo ring from byte
 * `skip` behind `position` on. Multiples of 512. No lock. */
void store_clone_origin(struct volume *v, struct store_io *io, struct bio *bio, u64 at,
			u64 offset, u64 length);
void store_clone_undo(struct volume *v, struct store_io *io, struct bio *bio, u64 at,
		      u64 position, u64 skip, u64 length);

/* ground.c: a store on another device; control_mutex. An errno comes with a reason. */
/* Takes references on it, if it may be the ground of a store. */
int ground_take(struct volume *v, struct block_device *bdev, char *reason);
void ground_put(struct volume *v);
/* The id of the store that the volume on that device has; zero: it is no volume. */
int ground_identify(struct volume *v, u8 *id, char *reason);
/* Whether a store may be there; v->super.ground_id is known. */
int ground_check(struct volume *v, const struct store_extent *extents, u32 nr, char *reason);
/* Whether no snapshot of the volume on that device needs what is there. */
int ground_check_copied(struct volume *v, const struct store_extent *extents, u32 nr,
			char *reason);
/* A volume may not begin on what is the ground of another's store. */
bool ground_is_taken(struct block_device *bdev);
/* Somebody else's write hits the store. Any context. */
bool ground_is_hit(struct volume *v, struct bio *bio);

/* journal.c; store_mutex. All are durable when they return 0. */
int journal_intents(struct volume *v, const u32 *regions, u32 nr);
int journal_sentinels(struct volume *v);
int journal_state(struct volume *v, u16 type, u32 flags);
int journal_begin(struct volume *v, u16 type); /* first state of an incarnation */
int journal_checkpoint(struct volume *v); /* retires cold intents, writes MAP */
int journal_seal(struct volume *v, bool leaving); /* leaves the gate closed */

/* recover.c: what a store says; before the volume is published. */
int recover_store(struct volume *v, char *reason);

/* sentinel.c; store_mutex. */
int sentinel_init(struct volume *v, u32 fs);
bool sentinel_touches(struct volume *v, u64 offset, u64 length);
int sentinel_note(struct volume *v, struct bio *bio, u64 offset);
int sentinel_refresh(struct volume *v); /* from the device, behind the gate */
bool sentinel_verify(struct volume *v, char *reason);

/* snapshot_disk.c; control_mutex. */
int snapshot_disk_create(struct volume *v, struct volume_epoch *e);
int snapshot_disk_destroy(struct volume *v, struct volume_epoch *e); /* -EBUSY while it is open */
bool snapshot_disk_is_open(const struct snapshot_disk *disk); /* store_mutex serves too */
u32 snapshot_disk_index(const struct snapshot_disk *disk);
dev_t snapshot_disk_dev(const struct snapshot_disk *disk);
int snapshot_disk_init(void);
void snapshot_disk_exit(void);

/* snapshot.c; control_mutex. */
int snapshot_take(struct volume **vs, struct dormouse_snapshot_volume *args, u32 nr,
		  u32 timeout_ms, u64 *frozen_us, char *reason);
int snapshot_drop(struct volume *v, struct volume_epoch *e);

/* attach.c; control_mutex. */
int volume_attach(struct dormouse_attach *a, const struct dormouse_extent *extents);
int volume_detach(struct volume *v, bool forget); /* -EBUSY while a snapshot is read */
/* Detaches those that are gone; false: some snapshot of one is still being read. */
bool volume_reap(void);

/* hook.c */
int hook_init(void);
void hook_exit(void);
/* Counts the bio in flight and interposes its completion; may sleep. */
void hook_count(struct volume *v, struct bio *bio);
/* Writes to this disk are held, passed, held, passed..., and counted; NULL: to none. */
void hook_probe(struct gendisk *disk);
int hook_probed(void); /* how many since */

/* bypass.c: writes that are no bios. */
int bypass_init(void);
void bypass_exit(void);
/* Before the volume is published; control_mutex. */
int bypass_watch(struct volume *v);
/* Ends what cannot be trusted any more, if something was noticed; store_mutex. True: the
 * next epoch's map cannot be trusted either, for it may be on its way yet. */
bool bypass_settle(struct volume *v);

/* hold_times.c; lock held. */
void hold_times_begin(struct volume *v, const struct bio *bio);
void hold_times_end(struct volume *v, const struct bio *bio);

/* selftest.c */
int selftest_run(void); /* -EOPNOTSUPP: writes cannot be seen or not be held */

/* status.c */
u64 volume_changed_bytes(const struct volume *v, const u64 *map); /* in whole granules */
void status_fill(struct volume *v, struct dormouse_status *s); /* takes store_mutex */
/* A line about it at out[at] of a page; where the next one begins. control_mutex. */
int status_print(struct volume *v, char *out, int at);

/* grow.c; control_mutex. */
int volume_grow(struct volume *v, struct dormouse_grow *a, const struct dormouse_extent *list);

/* events.c: event_post() from any context; the rest is the control device's. */
int events_open(struct inode *inode, struct file *filp);
int events_release(struct inode *inode, struct file *filp);
ssize_t events_read(struct file *filp, char __user *to, size_t length, loff_t *at);
__poll_t events_poll(struct file *filp, struct poll_table_struct *table);
void event_post(struct volume *v, u32 type, u64 value, const char *reason);

/* control.c */
void control_reap(void); /* volume_reap(), soon; any context */
int control_init(void);
void control_exit(void);

/*
 * The part of a range of a disk that the bio touches, in bytes: *offset and *length, and
 * *skip, the bytes of the bio before it (a bio of the whole disk may start before
 * the range). False if it touches nothing of it.
 */
static inline bool sectors_overlap(struct bio *bio, const struct gendisk *disk, sector_t start,
				   sector_t nr_sectors, u64 *offset, u64 *length, u64 *skip)
{
	sector_t first = bio->bi_iter.bi_sector, last;

	if (!bio_flagged(bio, BIO_REMAPPED))
		first += bio->bi_bdev->bd_start_sect;
	last = first + bio_sectors(bio);
	if (bio->bi_bdev->bd_disk != disk || last <= start || first >= start + nr_sectors)
		return false;
	*skip = first < start ? (start - first) << SECTOR_SHIFT : 0;
	if (first < start)
		first = start;
	last = min(last, start + nr_sectors);
	*offset = (first - start) << SECTOR_SHIFT;
	*length = (last - first) << SECTOR_SHIFT;
	return true;
}

/* The part of the volume that the bio touches. */
static inline bool volume_overlap(const struct volume *v, struct bio *bio, u64 *offset,
				  u64 *length, u64 *skip)
{
	return sectors_overlap(bio, v->disk, v->start, v->nr_sectors, offset, length, skip);
}

#endif
