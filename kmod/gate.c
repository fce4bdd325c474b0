// SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later
/* Quiet: behind a closed gate no new write passes; see volume.h. */
#include <linux/delay.h>
#include "volume.h"

/* Afterwards every write that passed is counted in flight, and no other passes. */
void gate_close(struct volume *v)
{
	WRITE_ONCE(v->gate, true);
	synchronize_rcu();
}

/* A write may join on one processor and leave on another: only the sum counts.
 * Behind the gate nobody joins; one that leaves meanwhile is seen or is not. */
static u64 in_flight(struct volume *v)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*per_cpu_ptr(v->in_flight, cpu));
	return sum;
}

bool gate_drain(struct volume *v, unsigned int timeout_ms)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(timeout_ms);

	/* What waits for the undo ring joins the count before it leaves there. */
	while (!undo_is_idle(v) || in_flight(v)) {
		if (time_after(jiffies, deadline))
			return false;
		usleep_range(50, 200);
	}
	return true;
}

void gate_open(struct volume *v)
{
	/* Whoever sees it open sees the new epoch's map too. */
	smp_store_release(&v->gate, false);
	worker_kick(v);
}
