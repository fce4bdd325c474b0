// SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later
/* Load and unload. */
#include <linux/module.h>
#include "volume.h"
#define CREATE_TRACE_POINTS
#include "trace.h"

static int __init dormouse_init(void)
{
	int err = store_init();

	if (err)
		return err;
	err = snapshot_disk_init();
	if (err)
		goto no_disks;
	err = hook_init();
	if (err)
		goto no_hook;
	err = bypass_init();
	if (err)
		goto no_bypass;
	err = selftest_run();
	if (!err)
		err = control_init();
	if (err)
		goto no_control;
	return 0;

no_control:
	bypass_exit();
no_bypass:
	hook_exit();
no_hook:
	snapshot_disk_exit();
no_disks:
	store_exit();
	return err;
}

static void __exit dormouse_exit(void)
{
	control_exit();
	bypass_exit();
	hook_exit();
	/* Volumes are freed by whoever lets go last, which may be a grace period. */
	rcu_barrier();
	snapshot_disk_exit();
	store_exit();
}

module_init(dormouse_init);
module_exit(dormouse_exit);
MODULE_DESCRIPTION("Block-level snapshots and changed-block tracking");
MODULE_LICENSE("GPL");
