/* SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later */
/*
 * A change map: one bit a granule (or a region, for intents), as 64-bit words,
 * bit b in word b / 64 at b % 64, and its encoded form in the journal
 * (kmod/uapi/dormouse_format.h, "Encoded map"). Pure: see pure.h.
 *
 * On little-endian machines, and only there, the words may be used with the
 * kernel's bit operations on unsigned long; the module supports no other.
 */
#ifndef DORMOUSE_CHANGE_MAP_H
#define DORMOUSE_CHANGE_MAP_H

#include "pure.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Words that a map of so many bits takes. */
static inline size_t change_map_words(u64 nr_bits)
{
	return (size_t)((nr_bits + 63) / 64);
}

/* Bytes that the encoded form takes at most. */
static inline size_t change_map_max_encoded(u64 nr_bits)
{
	return 8 + change_map_words(nr_bits) * 8;
}

bool change_map_test(const u64 *words, u64 bit);
void change_map_set_range(u64 *words, u64 first, u64 count);
u64 change_map_count(const u64 *words, u64 nr_bits);
void change_map_merge(u64 *into, const u64 *from, u64 nr_bits);

/* First set (clear) bit at or after `from`; nr_bits if there is none. */
u64 change_map_next_set(const u64 *words, u64 nr_bits, u64 from);
u64 change_map_next_clear(const u64 *words, u64 nr_bits, u64 from);

/* Writes the shorter of the two forms to `out` (capacity: max_encoded bytes);
 * returns its length. */
size_t change_map_encode(const u64 *words, u64 nr_bits, void *out);

/*
 * Ors the encoded map into `words` (nr_bits of them). 0, or -EINVAL for anything
 * that change_map_encode() would not have written for a map of this size; words
 * may then have been changed in part.
 */
int change_map_decode(u64 *words, u64 nr_bits, const void *data, size_t length);

#ifdef __cplusplus
}
#endif
#endif
