/* SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later */
/*
 * Tracepoints, for whoever wonders what a volume is doing:
 *   echo 1 >/sys/kernel/tracing/events/dormouse/enable
 * Sectors are of 512 bytes and count from the disk's beginning.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM dormouse

#if !defined(DORMOUSE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define DORMOUSE_TRACE_H

#include <linux/bio.h>
#include <linux/tracepoint.h>

DECLARE_EVENT_CLASS(dormouse_write,
	TP_PROTO(u32 volume, const struct bio *bio),
	TP_ARGS(volume, bio),
	TP_STRUCT__entry(
		__field(u32, volume)
		__field(u32, op)
		__field(u64, sector)
		__field(u32, sectors)
	),
	TP_fast_assign(
		__entry->volume = volume;
		__entry->op = bio_op(bio);
		__entry->sector = bio->bi_iter.bi_sector;
		__entry->sectors = bio_sectors(bio);
	),
	TP_printk("volume=%u op=%u sector=%llu sectors=%u", __entry->volume, __entry->op,
		  __entry->sector, __entry->sectors)
);

DEFINE_EVENT(dormouse_write, dormouse_hold,
	TP_PROTO(u32 volume, const struct bio *bio), TP_ARGS(volume, bio));
DEFINE_EVENT(dormouse_write, dormouse_release,
	TP_PROTO(u32 volume, const struct bio *bio), TP_ARGS(volume, bio));

/* A record of old data was sent to the undo ring. */
TRACE_EVENT(dormouse_undo,
	TP_PROTO(u32 volume, u64 sequence, u32 units, bool durable),
	TP_ARGS(volume, sequence, units, durable),
	TP_STRUCT__entry(
		__field(u32, volume)
		__field(u64, sequence)
		__field(u32, units)
		__field(bool, durable)
	),
	TP_fast_assign(
		__entry->volume = volume;
		__entry->sequence = sequence;
		__entry->units = units;
		__entry->durable = durable;
	),
	TP_printk("volume=%u sequence=%llu units=%u durable=%d", __entry->volume,
		  __entry->sequence, __entry->units, __entry->durable)
);

/* A journal record is durable, or could not be written. */
TRACE_EVENT(dormouse_journal,
	TP_PROTO(u32 volume, u16 type, u64 sequence, u32 blocks, int err),
	TP_ARGS(volume, type, sequence, blocks, err),
	TP_STRUCT__entry(
		__field(u32, volume)
		__field(u16, type)
		__field(u64, sequence)
		__field(u32, blocks)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->volume = volume;
		__entry->type = type;
		__entry->sequence = sequence;
		__entry->blocks = blocks;
		__entry->err = err;
	),
	TP_printk("volume=%u type=%s sequence=%llu blocks=%u err=%d", __entry->volume,
		  __print_symbolic(__entry->type, { 1, "EPOCH" }, { 2, "INTENT" }, { 3, "MAP" },
				   { 4, "SEAL" }, { 6, "SENTINEL" }),
		  __entry->sequence, __entry->blocks, __entry->err)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
