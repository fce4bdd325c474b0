// SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later
/* Checksums for user space; the kernel has its own. CRC-32C is table-driven with the
 * reflected polynomial 0x82f63b78 (RFC 3720, appendix B.4); XXH64 is libxxhash's. */
#include "pure.h"
#include <xxhash.h>

u32 dormouse_crc32c(u32 crc, const void *data, size_t length)
{
	static u32 table[256];
	const u8 *byte = data;
	size_t i;

	if (!table[1]) {
		u32 value;
		int bit;

		for (i = 0; i < 256; i++) {
			value = (u32)i;
			for (bit = 0; bit < 8; bit++)
				value = value & 1 ? value >> 1 ^ 0x82f63b78u : value >> 1;
			table[i] = value;
		}
	}
	crc = ~crc;
	for (i = 0; i < length; i++)
		crc = crc >> 8 ^ table[(crc ^ byte[i]) & 0xff];
	return ~crc;
}

u64 dormouse_xxh64(const void *data, size_t length)
{
	return XXH64(data, length, 0);
}
