/* SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later */
/*
 * What the pure files (record_codec, change_map, undo_index) need of their
 * surroundings, in the kernel and in user space. Pure means: no allocation, no
 * locking, no I/O, no kernel call; memory is the caller's. They are compiled
 * into the module, and again into the store reader and the unit tests.
 */
#ifndef DORMOUSE_PURE_H
#define DORMOUSE_PURE_H

#ifdef __KERNEL__
#include <linux/types.h>
#include <linux/string.h>
#include <linux/errno.h>
#include <linux/crc32.h>
#include <linux/version.h>
#include <linux/xxhash.h>
#include <asm/byteorder.h>

/* CRC-32C (Castagnoli), initial value and final xor all ones, as iSCSI has it. */
static inline u32 dormouse_crc32c(u32 crc, const void *data, size_t length)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
	return ~crc32c(~crc, data, length);
#else
	return ~__crc32c_le(~crc, data, length);
#endif
}

static inline u64 dormouse_xxh64(const void *data, size_t length)
{
	return xxh64(data, length, 0);
}
#else
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <linux/types.h>
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
#define cpu_to_le16(x) htole16(x)
#define cpu_to_le32(x) htole32(x)
#define cpu_to_le64(x) htole64(x)
#define le16_to_cpu(x) le16toh(x)
#define le32_to_cpu(x) le32toh(x)
#define le64_to_cpu(x) le64toh(x)

#ifdef __cplusplus
extern "C" {
#endif
/* Same functions as in the kernel; user space links sums.c. */
u32 dormouse_crc32c(u32 crc, const void *data, size_t length);
u64 dormouse_xxh64(const void *data, size_t length);
#ifdef __cplusplus
}
#endif
#endif

#endif
