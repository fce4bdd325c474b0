// SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later
/*
 * What changes a volume's content and is no bio to it: requests that a program sends to
 * the drive itself (SG_IO, NVMe passthrough), and another table put beneath a device
 * of the device mapper (an LVM snapshot merged into it). What exactly changes, nobody can
 * tell, but that it happens can be noticed: the change map is void from then on, so
 * that the next backup compares, and the snapshots end, for they may show what
 * was never there at once. If it is the device of an external store, that has ended.
 */
#include <linux/blk-mq.h>
#include <linux/ftrace.h>
#include <linux/tracepoint.h>
#include "compat.h"
#include "volume.h"

/* Any context. */
static void notrace note(const struct gendisk *disk, const char *reason)
{
	struct volume *v;

	rcu_read_lock();
	list_for_each_entry_rcu(v, &volumes, link) {
		if (v->disk == disk)
			WRITE_ONCE(v->bypassed, reason);
		else if (v->ground.disk == disk)
			WRITE_ONCE(v->undermined, reason);
		else
			continue;
		worker_kick(v);
	}
	rcu_read_unlock();
}

bool bypass_settle(struct volume *v)
{
	const char *reason = xchg(&v->undermined, NULL);

	if (reason)
		volume_fail(v, "something other than a write changed the store's device");
	reason = xchg(&v->bypassed, NULL);
	if (!reason || v->failed || v->disowned || v->dying)
		return false;
	pr_warn("dormouse: volume %pUb: %s; what changed is not known\n", v->id, reason);
	volume_open_epoch(v)->flags |= DORMOUSE_EPOCH_VOID;
	undo_give_up(v, reason);
	if (journal_state(v, DORMOUSE_RECORD_MAP, 0))
		volume_fail(v, "the journal cannot be written");
	return true;
}

/* -- requests past the block layer's bios -- */

static struct tracepoint *issue_point;

static void on_issue(void *data, struct request *rq)
{
	if (blk_rq_is_passthrough(rq) && req_op(rq) == REQ_OP_DRV_OUT && rq->q->disk)
		note(rq->q->disk, "a program wrote to the drive itself");
}

static void find_issue_point(struct tracepoint *point, void *data)
{
	if (!strcmp(point->name, "block_rq_issue"))
		issue_point = point;
}

/* -- tables of the device mapper -- */

/* Before the new table is in place; its writers wait until it is. */
static void notrace on_table(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			     struct ftrace_regs *fregs)
{
	const void *device = compat_first_argument(fregs);
	const struct volume *v;

	rcu_read_lock();
	list_for_each_entry_rcu(v, &volumes, link)
		if (v->is_mapped && v->disk->private_data == device)
			note(v->disk, "its device got another table");
		else if (v->ground.is_mapped && v->ground.disk->private_data == device)
			note(v->ground.disk, "its device got another table");
	rcu_read_unlock();
}

static struct ftrace_ops table_ops = {
	.func = on_table,
	.flags = COMPAT_FTRACE_FLAGS | FTRACE_OPS_FL_PERMANENT,
};
static bool watches_tables; /* control_mutex */

static bool is_mapped(const struct gendisk *disk)
{
	return !strncmp(disk->disk_name, "dm-", 3);
}

/* The device mapper may have been loaded since the last time, or anew. */
int bypass_watch(struct volume *v)
{
	char name[] = "dm_swap_table";
	int err;

	v->is_mapped = is_mapped(v->disk);
	v->ground.is_mapped = is_mapped(v->ground.disk);
	if (!v->is_mapped && !v->ground.is_mapped)
		return 0;
	err = ftrace_set_filter(&table_ops, name, strlen(name), 1);
	if (!err && !watches_tables)
		err = register_ftrace_function(&table_ops);
	if (err)
		return err;
	watches_tables = true;
	return 0;
}

int bypass_init(void)
{
	for_each_kernel_tracepoint(find_issue_point, NULL);
	return issue_point ? tracepoint_probe_register(issue_point, on_issue, NULL) : -ENOENT;
}

void bypass_exit(void)
{
	if (watches_tables)
		unregister_ftrace_function(&table_ops);
	tracepoint_probe_unregister(issue_point, on_issue, NULL);
	tracepoint_synchronize_unregister();
	synchronize_rcu_tasks();
}
