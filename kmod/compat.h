/* SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later */
/* Where kernels differ, in one screen: 6.1, 6.12 and later. */
#ifndef DORMOUSE_COMPAT_H
#define DORMOUSE_COMPAT_H

#include <linux/blkdev.h>
#include <linux/ftrace.h>
#include <linux/version.h>

#define KERNEL_AT_LEAST(a, b) (LINUX_VERSION_CODE >= KERNEL_VERSION(a, b, 0))

#if KERNEL_AT_LEAST(6, 12)
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

static __always_inline void *compat_first_argument(struct ftrace_regs *fregs)
{
#if KERNEL_AT_LEAST(6, 2)
	return (void *)ftrace_regs_get_argument(fregs, 0);
#else
	return (void *)arch_ftrace_get_regs(fregs)->di;
#endif
}

static __always_inline void compat_divert(struct ftrace_regs *fregs, void *function)
{
#if KERNEL_AT_LEAST(6, 2)
	ftrace_regs_set_instruction_pointer(fregs, (unsigned long)function);
#else
	ftrace_instruction_pointer_set(fregs, (unsigned long)function);
#endif
}

/* Without full registers 6.1 cannot give us the argument. */
#if KERNEL_AT_LEAST(6, 2)
#define COMPAT_FTRACE_FLAGS 0
#else
#define COMPAT_FTRACE_FLAGS FTRACE_OPS_FL_SAVE_REGS
#endif

static inline int compat_freeze(struct block_device *bdev)
{
#if KERNEL_AT_LEAST(6, 8)
	return bdev_freeze(bdev);
#else
	return freeze_bdev(bdev);
#endif
}

static inline int compat_thaw(struct block_device *bdev)
{
#if KERNEL_AT_LEAST(6, 8)
	return bdev_thaw(bdev);
#else
	return thaw_bdev(bdev);
#endif
}

/* A disk that takes bios, with the block sizes of another if one is given; NULL
 * without memory. */
static inline struct gendisk *compat_alloc_disk(struct block_device *like, u32 max_sectors)
{
#if KERNEL_AT_LEAST(6, 9)
	struct queue_limits limits = {
		.logical_block_size = like ? bdev_logical_block_size(like) : SECTOR_SIZE,
		.physical_block_size = like ? bdev_physical_block_size(like) : SECTOR_SIZE,
		.max_hw_sectors = max_sectors,
	};
	struct gendisk *disk = blk_alloc_disk(&limits, NUMA_NO_NODE);

	return IS_ERR(disk) ? NULL : disk;
#else
	struct gendisk *disk = blk_alloc_disk(NUMA_NO_NODE);

	if (disk && like) {
		blk_queue_logical_block_size(disk->queue, bdev_logical_block_size(like));
		blk_queue_physical_block_size(disk->queue, bdev_physical_block_size(like));
	}
	if (disk)
		blk_queue_max_hw_sectors(disk->queue, max_sectors);
	return disk;
#endif
}

/* Before 6.12, struct fd had its file in the open. */
#ifndef fd_file
#define fd_file(f) ((f).file)
#endif

#endif
