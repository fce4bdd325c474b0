// SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later
/* Events for whoever has the control device open: a queue for each open file,
 * which drops its oldest when nobody reads it. */
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include "volume.h"

#define EVENT_QUEUE 64

struct event_queue {
	struct list_head link; /* files_lock */
	wait_queue_head_t wait;
	struct dormouse_event events[EVENT_QUEUE]; /* files_lock; a ring */
	u32 first, nr;
	bool lost;
};

static LIST_HEAD(files);
static DEFINE_SPINLOCK(files_lock);

/* Any context. */
void event_post(struct volume *v, u32 type, u64 value, const char *reason)
{
	struct event_queue *file;
	unsigned long flags;

	spin_lock_irqsave(&files_lock, flags);
	list_for_each_entry(file, &files, link) {
		struct dormouse_event *event;

		if (file->nr == EVENT_QUEUE) {
			file->first = (file->first + 1) % EVENT_QUEUE;
			file->nr--;
			file->lost = true;
		}
		event = &file->events[(file->first + file->nr++) % EVENT_QUEUE];
		memset(event, 0, sizeof(*event));
		event->size = sizeof(*event);
		event->type = type;
		event->handle = v->handle;
		event->value = value;
		event->time_ns = ktime_get_real_ns();
		memcpy(event->volume_id, v->id, 16);
		strscpy(event->reason, reason, sizeof(event->reason));
		wake_up_interruptible(&file->wait);
	}
	spin_unlock_irqrestore(&files_lock, flags);
}

int events_open(struct inode *inode, struct file *filp)
{
	struct event_queue *file = kzalloc(sizeof(*file), GFP_KERNEL);

	if (!file)
		return -ENOMEM;
	init_waitqueue_head(&file->wait);
	filp->private_data = file;
	spin_lock_irq(&files_lock);
	list_add_tail(&file->link, &files);
	spin_unlock_irq(&files_lock);
	return 0;
}

int events_release(struct inode *inode, struct file *filp)
{
	struct event_queue *file = filp->private_data;

	spin_lock_irq(&files_lock);
	list_del(&file->link);
	spin_unlock_irq(&files_lock);
	kfree(file);
	return 0;
}

static bool take_event(struct event_queue *file, struct dormouse_event *event)
{
	bool taken = false;

	spin_lock_irq(&files_lock);
	if (file->nr) {
		*event = file->events[file->first];
		if (file->lost)
			event->flags |= DORMOUSE_EVENT_LOST;
		file->lost = false;
		file->first = (file->first + 1) % EVENT_QUEUE;
		file->nr--;
		taken = true;
	}
	spin_unlock_irq(&files_lock);
	return taken;
}

ssize_t events_read(struct file *filp, char __user *to, size_t length, loff_t *at)
{
	struct event_queue *file = filp->private_data;
	struct dormouse_event event;
	size_t done = 0;

	if (length < sizeof(event))
		return -EINVAL;
	while (length - done >= sizeof(event)) {
		if (!take_event(file, &event)) {
			if (done)
				break;
			if (filp->f_flags & O_NONBLOCK)
				return -EAGAIN;
			if (wait_event_interruptible(file->wait, READ_ONCE(file->nr)))
				return -ERESTARTSYS;
			continue;
		}
		if (copy_to_user(to + done, &event, sizeof(event)))
			return done ? done : -EFAULT;
		done += sizeof(event);
	}
	return done;
}

__poll_t events_poll(struct file *filp, poll_table *table)
{
	struct event_queue *file = filp->private_data;

	poll_wait(filp, &file->wait, table);
	return READ_ONCE(file->nr) ? EPOLLIN | EPOLLRDNORM : 0;
}
