// SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later
/*
 * Before anything is promised: are writes seen, and can they be held? A compiler may
 * have inlined the function that the hook sits on, and a kernel may not let us divert
 * it. So some are sent to a disk that nobody else knows, in each way there is.
 */
#include <linux/completion.h>
#include "compat.h"
#include "volume.h"

static atomic_t arrived;

static void probe_submit(struct bio *bio)
{
	atomic_inc(&arrived);
	bio_endio(bio);
}

static const struct block_device_operations probe_fops = {
	.owner = THIS_MODULE,
	.submit_bio = probe_submit,
};

static void probe_end_io(struct bio *bio)
{
	complete(bio->bi_private);
}

/* Held when it comes first, passed when it comes again. */
static bool is_held_then_passed(struct gendisk *disk, struct page *page,
				void (*submit)(struct bio *))
{
	DECLARE_COMPLETION_ONSTACK(done);
	struct bio *bio = bio_alloc(disk->part0, 1, REQ_OP_WRITE, GFP_KERNEL);
	bool good;

	bio->bi_private = &done;
	bio->bi_end_io = probe_end_io;
	__bio_add_page(bio, page, SECTOR_SIZE, 0);
	atomic_set(&arrived, 0);
	hook_probe(disk);
	submit(bio);
	good = hook_probed() == 1 && !atomic_read(&arrived);
	if (good) {
		submit_bio_noacct(bio);
		good = hook_probed() == 2;
	}
	wait_for_completion(&done);
	hook_probe(NULL);
	bio_put(bio);
	return good && atomic_read(&arrived) == 1;
}

int selftest_run(void)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	struct gendisk *disk = compat_alloc_disk(NULL, PAGE_SECTORS);
	int err = -ENOMEM;

	if (page && disk) {
		disk->fops = &probe_fops;
		disk->flags |= GENHD_FL_HIDDEN; /* nobody can open it */
		snprintf(disk->disk_name, DISK_NAME_LEN, "dormouse-test");
		set_capacity(disk, 1);
		err = add_disk(disk);
	}
	if (!err) {
		err = is_held_then_passed(disk, page, submit_bio) &&
		      is_held_then_passed(disk, page, submit_bio_noacct) ? 0 : -EOPNOTSUPP;
		del_gendisk(disk);
	}
	if (err == -EOPNOTSUPP)
		pr_err("dormouse: this kernel hides writes from us, so nothing can be protected\n");
	if (disk)
		put_disk(disk);
	if (page)
		__free_page(page);
	return err;
}
