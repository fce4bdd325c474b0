// SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later
/* /dev/dormouse-control: its ioctls, and what the machine's going down means. */
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/reboot.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include "volume.h"

static DEFINE_MUTEX(control_mutex);

/* -- ioctls. Each gets its structure copied in and checked; what it leaves there
 * is copied out even when it fails, for the reason. control_mutex is held. -- */

static long do_info(struct dormouse_info *a)
{
	struct volume *v;

	if (a->reserved[0] || a->reserved[1])
		return -EINVAL;
	a->abi = DORMOUSE_ABI;
	a->format_version = DORMOUSE_FORMAT_VERSION;
	a->max_volumes = DORMOUSE_MAX_VOLUMES;
	a->granule_bytes = DORMOUSE_GRANULE_BYTES;
	a->nr_volumes = 0;
	list_for_each_entry(v, &volumes, link)
		a->nr_volumes++;
	return 0;
}

static long do_attach(struct dormouse_attach *a)
{
	struct dormouse_extent *list = NULL;
	long err;

	memset(a->reason, 0, sizeof(a->reason));
	if (a->flags & ~(DORMOUSE_ATTACH_CREATE | DORMOUSE_ATTACH_EXTERNAL) ||
	    a->fs > DORMOUSE_FS_XFS || a->pad ||
	    (a->store_fd && !(a->flags & DORMOUSE_ATTACH_EXTERNAL)))
		return -EINVAL;
	if (a->flags & DORMOUSE_ATTACH_CREATE) {
		if (!a->nr_extents || a->nr_extents > DORMOUSE_MAX_EXTENTS)
			return -EINVAL;
		list = vmemdup_user(u64_to_user_ptr(a->extents), a->nr_extents * sizeof(*list));
		if (IS_ERR(list))
			return PTR_ERR(list);
	}
	err = volume_attach(a, list);
	kvfree(list);
	return err;
}

static long do_list(struct dormouse_list *a)
{
	u32 __user *to = u64_to_user_ptr(a->handles);
	struct volume *v;

	if (a->pad)
		return -EINVAL;
	a->nr = 0;
	list_for_each_entry(v, &volumes, link) {
		if (a->nr < a->capacity && put_user(v->handle, to + a->nr))
			return -EFAULT;
		a->nr++;
	}
	return a->nr > a->capacity ? -ENOSPC : 0;
}

static long do_snapshot(struct dormouse_snapshot *a)
{
	struct dormouse_snapshot_volume *args;
	struct volume *vs[DORMOUSE_MAX_SNAPSHOT_VOLUMES];
	u32 i, j, nr = 0;
	long err = 0;

	memset(a->reason, 0, sizeof(a->reason));
	if (!a->nr_volumes || a->nr_volumes > DORMOUSE_MAX_SNAPSHOT_VOLUMES || a->pad ||
	    a->timeout_ms > 600000)
		return -EINVAL;
	args = memdup_user(u64_to_user_ptr(a->volumes), a->nr_volumes * sizeof(*args));
	if (IS_ERR(args))
		return PTR_ERR(args);
	for (i = 0; i < a->nr_volumes && !err; i++) {
		if (args[i].flags & ~DORMOUSE_SNAPSHOT_DURABLE || args[i].pad)
			err = -EINVAL;
		for (j = 0; j < i; j++)
			if (args[j].handle == args[i].handle)
				err = -EINVAL;
		if (err)
			break;
		vs[i] = volume_find(args[i].handle);
		if (!vs[i])
			err = -ENOENT;
		else
			nr++;
	}
	if (!err)
		err = snapshot_take(vs, args, nr, a->timeout_ms, &a->frozen_us, a->reason);
	if (!err && copy_to_user(u64_to_user_ptr(a->volumes), args, nr * sizeof(*args)))
		err = -EFAULT;
	while (nr)
		volume_put(vs[--nr]);
	kfree(args);
	return err;
}

static long do_expose(struct volume *v, struct dormouse_expose *a)
{
	struct volume_epoch *e = volume_epoch_find(v, a->epoch);
	long err = 0;

	if (a->pad)
		return -EINVAL;
	if (!e || !(e->flags & DORMOUSE_EPOCH_SNAPSHOT))
		return -ENOENT;
	if (!e->disk)
		err = snapshot_disk_create(v, e);
	if (err)
		return err;
	a->disk_index = snapshot_disk_index(e->disk);
	a->dev_major = MAJOR(snapshot_disk_dev(e->disk));
	a->dev_minor = MINOR(snapshot_disk_dev(e->disk));
	return 0;
}

static long do_unexpose(struct volume *v, const struct dormouse_snapshot_ref *a)
{
	struct volume_epoch *e = volume_epoch_find(v, a->epoch);
	long err;

	if (!e || !e->disk)
		return -ENOENT;
	err = snapshot_disk_destroy(v, e);
	if (!err) {
		mutex_lock(&v->store_mutex);
		volume_epochs_tidy(v);
		mutex_unlock(&v->store_mutex);
	}
	return err;
}

/* store_mutex */
static void fill_epoch(struct volume *v, u32 i, struct dormouse_epoch *out)
{
	const struct volume_epoch *e = v->epochs[i];
	const bool open = i + 1 == v->nr_epochs;

	memset(out, 0, sizeof(*out));
	out->epoch = e->epoch;
	out->first_epoch = e->first_epoch;
	memcpy(out->id, e->id, 16);
	memcpy(out->from_id, e->from_id, 16);
	if (!open)
		memcpy(out->next_id, v->epochs[i + 1]->id, 16);
	out->changed_bytes = volume_changed_bytes(v, e->map);
	if (e->flags & DORMOUSE_EPOCH_SNAPSHOT)
		out->undo_bytes = (v->undo.head.block - e->undo_start.block) * DORMOUSE_STORE_BLOCK;
	out->created_ns = e->created_ns;
	out->flags = e->flags | (open ? DORMOUSE_EPOCH_OPEN : 0) |
		     (e->disk ? DORMOUSE_EPOCH_EXPOSED : 0) |
		     (e->first_epoch != e->epoch ? DORMOUSE_EPOCH_MERGED : 0);
}

static long do_epochs(struct volume *v, struct dormouse_epochs *a)
{
	struct dormouse_epoch __user *to = u64_to_user_ptr(a->epochs);
	struct dormouse_epoch *out;
	u32 i;
	long err = 0;

	out = kvcalloc(DORMOUSE_MAX_EPOCHS, sizeof(*out), GFP_KERNEL);
	if (!out)
		return -ENOMEM;
	mutex_lock(&v->store_mutex);
	a->nr = v->nr_epochs;
	for (i = 0; i < v->nr_epochs; i++)
		fill_epoch(v, i, &out[i]);
	mutex_unlock(&v->store_mutex);
	if (copy_to_user(to, out, min(a->nr, a->capacity) * sizeof(*out)))
		err = -EFAULT;
	else if (a->nr > a->capacity)
		err = -ENOSPC;
	kvfree(out);
	return err;
}

/* Next run of set bits, cut at the extents that the store had when the next epoch began;
 * false: none. */
static bool next_changed(struct volume *v, const struct volume_epoch *e, u64 from,
			 struct dormouse_extent *out)
{
	const struct volume_geometry *g = &v->geometry;
	const struct store_layout *l = volume_store(v);
	const u64 *map = e->map;
	u64 first, end, bit = from / DORMOUSE_GRANULE_BYTES;
	u32 i;

	for (;;) {
		bit = change_map_next_set(map, g->nr_granules, bit);
		if (bit == g->nr_granules)
			return false;
		first = max(from, bit * DORMOUSE_GRANULE_BYTES);
		bit = change_map_next_clear(map, g->nr_granules, bit);
		end = min(bit * DORMOUSE_GRANULE_BYTES, g->bytes);
		for (i = 0; i < l->nr_hidden && first < end; i++) {
			const struct store_extent *own = &l->guard[i];

			if (own->offset + own->length <= first || !store_hides(own, e->epoch + 1))
				continue;
			if (own->offset <= first)
				first = own->offset + own->length;
			else
				end = min(end, own->offset);
		}
		if (first < end)
			break;
		from = first;
		bit = max(bit, from / DORMOUSE_GRANULE_BYTES);
	}
	out->offset = first;
	out->length = end - first;
	return true;
}

static long do_changes(struct volume *v, struct dormouse_changes *a)
{
	struct dormouse_extent __user *to = u64_to_user_ptr(a->extents);
	const u32 capacity = min_t(u32, a->capacity, 65536);
	struct dormouse_extent *list, extent;
	struct volume_epoch *e;
	u64 from = a->start_offset;
	long err = 0;

	if (!capacity)
		return -EINVAL;
	list = kvcalloc(capacity, sizeof(*list), GFP_KERNEL);
	if (!list)
		return -ENOMEM;
	a->nr = 0;
	a->next_offset = 0;
	mutex_lock(&v->store_mutex);
	e = volume_epoch_find(v, a->epoch);
	if (!e)
		err = -ENOENT;
	else if (e == volume_open_epoch(v))
		err = -EBUSY;
	else if (!e->map || e->flags & DORMOUSE_EPOCH_VOID)
		err = -ENODATA;
	while (!err && from < v->geometry.bytes && next_changed(v, e, from, &extent)) {
		if (a->nr == capacity) {
			a->next_offset = extent.offset;
			break;
		}
		list[a->nr++] = extent;
		from = extent.offset + extent.length;
	}
	mutex_unlock(&v->store_mutex);
	if (!err && copy_to_user(to, list, a->nr * sizeof(*list)))
		err = -EFAULT;
	kvfree(list);
	return err;
}

static long do_ack(struct volume *v, const struct dormouse_ack *a)
{
	long err = -ENOENT;
	u32 i;

	mutex_lock(&v->store_mutex);
	for (i = 0; i + 1 < v->nr_epochs; i++)
		if (v->epochs[i]->epoch <= a->epoch) {
			v->epochs[i]->flags |= DORMOUSE_EPOCH_ACKED;
			err = 0;
		}
	volume_epochs_tidy(v);
	mutex_unlock(&v->store_mutex);
	return err;
}

static long do_seal(struct volume *v)
{
	long err;

	mutex_lock(&v->store_mutex);
	err = v->failed ? -EIO : journal_seal(v, false);
	if (!v->failed)
		gate_open(v);
	mutex_unlock(&v->store_mutex);
	return err;
}

static long do_grow(struct volume *v, struct dormouse_grow *a)
{
	struct dormouse_extent *list;
	long err;

	memset(a->reason, 0, sizeof(a->reason));
	if (a->pad || !a->nr_extents || a->nr_extents > DORMOUSE_MAX_EXTENTS)
		return -EINVAL;
	list = vmemdup_user(u64_to_user_ptr(a->extents), a->nr_extents * sizeof(*list));
	if (IS_ERR(list))
		return PTR_ERR(list);
	err = volume_grow(v, a, list);
	kvfree(list);
	return err;
}

union control_argument {
	u32 size;
	struct dormouse_info info;
	struct dormouse_attach attach;
	struct dormouse_detach detach;
	struct dormouse_list list;
	struct dormouse_status status;
	struct dormouse_snapshot snapshot;
	struct dormouse_snapshot_ref ref;
	struct dormouse_expose expose;
	struct dormouse_epochs epochs;
	struct dormouse_changes changes;
	struct dormouse_ack ack;
	struct dormouse_seal seal;
	struct dormouse_grow grow;
};

/* The handle follows the size in all of these. */
static long do_volume(unsigned int cmd, union control_argument *a)
{
	u32 handle = cmd == DORMOUSE_IOC_DETACH ? a->detach.handle : a->ref.handle;
	struct volume *v = volume_find(handle);
	long err;

	if (!v)
		return -ENOENT;
	switch (cmd) {
	case DORMOUSE_IOC_DETACH:
		err = a->detach.pad || a->detach.flags & ~DORMOUSE_DETACH_FORGET ? -EINVAL :
		      volume_detach(v, a->detach.flags & DORMOUSE_DETACH_FORGET);
		break;
	case DORMOUSE_IOC_STATUS:
		status_fill(v, &a->status);
		err = 0;
		break;
	case DORMOUSE_IOC_DROP:
		err = snapshot_drop(v, volume_epoch_find(v, a->ref.epoch));
		break;
	case DORMOUSE_IOC_EXPOSE:
		err = do_expose(v, &a->expose);
		break;
	case DORMOUSE_IOC_UNEXPOSE:
		err = do_unexpose(v, &a->ref);
		break;
	case DORMOUSE_IOC_EPOCHS:
		err = do_epochs(v, &a->epochs);
		break;
	case DORMOUSE_IOC_CHANGES:
		err = do_changes(v, &a->changes);
		break;
	case DORMOUSE_IOC_ACK:
		err = do_ack(v, &a->ack);
		break;
	case DORMOUSE_IOC_SEAL:
		err = do_seal(v);
		break;
	case DORMOUSE_IOC_GROW:
		err = do_grow(v, &a->grow);
		break;
	default:
		err = -ENOTTY;
	}
	volume_put(v);
	return err;
}

static long dispatch(unsigned int cmd, union control_argument *a)
{
	switch (cmd) {
	case DORMOUSE_IOC_INFO:
		return do_info(&a->info);
	case DORMOUSE_IOC_ATTACH:
		return do_attach(&a->attach);
	case DORMOUSE_IOC_LIST:
		return do_list(&a->list);
	case DORMOUSE_IOC_SNAPSHOT:
		return do_snapshot(&a->snapshot);
	default:
		return do_volume(cmd, a);
	}
}

static bool known(unsigned int cmd)
{
	switch (cmd) {
	case DORMOUSE_IOC_INFO: case DORMOUSE_IOC_ATTACH: case DORMOUSE_IOC_DETACH:
	case DORMOUSE_IOC_LIST: case DORMOUSE_IOC_STATUS: case DORMOUSE_IOC_SNAPSHOT:
	case DORMOUSE_IOC_DROP: case DORMOUSE_IOC_EXPOSE: case DORMOUSE_IOC_UNEXPOSE:
	case DORMOUSE_IOC_EPOCHS: case DORMOUSE_IOC_CHANGES: case DORMOUSE_IOC_ACK:
	case DORMOUSE_IOC_SEAL: case DORMOUSE_IOC_GROW:
		return true;
	default:
		return false;
	}
}

static long control_ioctl(struct file *filp, unsigned int cmd, unsigned long address)
{
	void __user *user = (void __user *)address;
	const size_t bytes = _IOC_SIZE(cmd);
	union control_argument *a;
	u32 size;
	long err;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (!known(cmd))
		return -ENOTTY;
	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (size < bytes)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	a = kzalloc(sizeof(*a), GFP_KERNEL);
	if (!a)
		return -ENOMEM;
	/* A newer caller's unknown tail must be zero. */
	err = copy_struct_from_user(a, bytes, user, size);
	if (!err) {
		/* Who waits behind a device that does not answer can be killed. */
		err = mutex_lock_killable(&control_mutex);
		if (err)
			goto out;
		err = dispatch(cmd, a);
		mutex_unlock(&control_mutex);
		if (copy_to_user(user, a, bytes) && !err)
			err = -EFAULT;
	}
out:
	kfree(a);
	return err;
}

static const struct file_operations control_fops = {
	.owner = THIS_MODULE,
	.open = events_open,
	.release = events_release,
	.read = events_read,
	.poll = events_poll,
	.unlocked_ioctl = control_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static ssize_t status_show(struct device *device, struct device_attribute *attribute, char *out)
{
	struct volume *v;
	int at = 0;

	if (mutex_lock_killable(&control_mutex))
		return -EINTR;
	list_for_each_entry(v, &volumes, link)
		at = status_print(v, out, at);
	mutex_unlock(&control_mutex);
	return at;
}
static DEVICE_ATTR_RO(status);

static struct attribute *control_attrs[] = { &dev_attr_status.attr, NULL };
ATTRIBUTE_GROUPS(control);

static struct miscdevice control_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "dormouse-control",
	.mode = 0600,
	.fops = &control_fops,
	.groups = control_groups,
};

static void reap_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(reaper, reap_fn);

static void reap_fn(struct work_struct *work)
{
	bool all;

	mutex_lock(&control_mutex);
	all = volume_reap();
	mutex_unlock(&control_mutex);
	if (!all)
		schedule_delayed_work(&reaper, HZ);
}

void control_reap(void)
{
	schedule_delayed_work(&reaper, 0);
}

/* The machine goes down: what is recorded becomes exact and durable; recording
 * itself goes on to the last write. A device that does not answer keeps nobody. */
static int control_reboot(struct notifier_block *block, unsigned long action, void *data)
{
	if (!worker_seal_all(10000))
		pr_warn("dormouse: a device does not answer; what is known of it is as after a power cut\n");
	return NOTIFY_DONE;
}

static struct notifier_block control_notifier = { .notifier_call = control_reboot };

int control_init(void)
{
	int err = misc_register(&control_device);

	if (!err)
		register_reboot_notifier(&control_notifier);
	return err;
}

/* Nobody has the device open any more: the module would be in use. */
void control_exit(void)
{
	struct volume *v, *next;

	unregister_reboot_notifier(&control_notifier);
	misc_deregister(&control_device);
	mutex_lock(&control_mutex);
	list_for_each_entry_safe(v, next, &volumes, link)
		volume_detach(v, false);
	mutex_unlock(&control_mutex);
	/* No tick of theirs asks for it any more. */
	cancel_delayed_work_sync(&reaper);
}
