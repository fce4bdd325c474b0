// SPDX-License-Identifier: GPL-2.0-only OR GPL-3.0-or-later
#include "change_map.h"
#include "uapi/dormouse_format.h"

bool change_map_test(const u64 *words, u64 bit)
{
	return words[bit / 64] >> (bit % 64) & 1;
}

void change_map_set_range(u64 *words, u64 first, u64 count)
{
	while (count) {
		u64 in_word = 64 - first % 64;
		u64 nr = count < in_word ? count : in_word;
		u64 mask = nr == 64 ? ~0ull : ((1ull << nr) - 1) << (first % 64);

		words[first / 64] |= mask;
		first += nr;
		count -= nr;
	}
}

u64 change_map_count(const u64 *words, u64 nr_bits)
{
	u64 total = 0;
	size_t i;

	for (i = 0; i < change_map_words(nr_bits); i++) {
		u64 word = words[i];

		/* Kernighan's count; a library call would not be pure. */
		for (; word; word &= word - 1)
			total++;
	}
	return total;
}

void change_map_merge(u64 *into, const u64 *from, u64 nr_bits)
{
	size_t i;

	for (i = 0; i < change_map_words(nr_bits); i++)
		into[i] |= from[i];
}

static u64 next_bit(const u64 *words, u64 nr_bits, u64 from, u64 flip)
{
	while (from < nr_bits) {
		u64 word = (words[from / 64] ^ flip) >> (from % 64);

		if (!word) {
			from += 64 - from % 64;
			continue;
		}
		while (!(word & 1)) {
			word >>= 1;
			from++;
		}
		return from < nr_bits ? from : nr_bits;
	}
	return nr_bits;
}

u64 change_map_next_set(const u64 *words, u64 nr_bits, u64 from)
{
	return next_bit(words, nr_bits, from, 0);
}

u64 change_map_next_clear(const u64 *words, u64 nr_bits, u64 from)
{
	return next_bit(words, nr_bits, from, ~0ull);
}

static void put32(u8 *out, u32 value)
{
	__le32 le = cpu_to_le32(value);

	memcpy(out, &le, 4);
}

static u32 get32(const u8 *in)
{
	__le32 le;

	memcpy(&le, in, 4);
	return le32_to_cpu(le);
}

size_t change_map_encode(const u64 *words, u64 nr_bits, void *out)
{
	const size_t nr_words = change_map_words(nr_bits);
	u8 *bytes = out;
	u32 runs = 0;
	u64 bit = change_map_next_set(words, nr_bits, 0);
	size_t i;

	while (bit < nr_bits) {
		u64 end = change_map_next_clear(words, nr_bits, bit);

		if (runs == nr_words)
			goto as_words;
		put32(bytes + 8 + runs * 8, (u32)bit);
		put32(bytes + 12 + runs * 8, (u32)(end - bit));
		runs++;
		/* In a live map `end` may have become set; a run must not touch the
		 * one before it, and an intent on record answers for that bit. */
		bit = change_map_next_set(words, nr_bits, end + 1);
	}
	put32(bytes, DORMOUSE_MAP_RUNS);
	put32(bytes + 4, runs);
	return 8 + (size_t)runs * 8;

as_words:
	put32(bytes, DORMOUSE_MAP_WORDS);
	put32(bytes + 4, (u32)nr_words);
	for (i = 0; i < nr_words; i++) {
		__le64 le = cpu_to_le64(words[i]);

		memcpy(bytes + 8 + i * 8, &le, 8);
	}
	return 8 + nr_words * 8;
}

int change_map_decode(u64 *words, u64 nr_bits, const void *data, size_t length)
{
	const u8 *bytes = data;
	u64 next = 0; /* the least bit that a run may start at */
	u32 form, count, i;

	if (length < 8)
		return -EINVAL;
	form = get32(bytes);
	count = get32(bytes + 4);
	if (length != 8 + (u64)count * 8)
		return -EINVAL;
	if (form == DORMOUSE_MAP_WORDS) {
		if (count != change_map_words(nr_bits))
			return -EINVAL;
		for (i = 0; i < count; i++) {
			__le64 le;

			memcpy(&le, bytes + 8 + (size_t)i * 8, 8);
			if (i == count - 1 && nr_bits % 64 && le64_to_cpu(le) >> (nr_bits % 64))
				return -EINVAL;
			words[i] |= le64_to_cpu(le);
		}
		return 0;
	}
	if (form != DORMOUSE_MAP_RUNS)
		return -EINVAL;
	for (i = 0; i < count; i++) {
		u64 first = get32(bytes + 8 + (size_t)i * 8);
		u64 nr = get32(bytes + 12 + (size_t)i * 8);

		if (!nr || first < next || first + nr > nr_bits)
			return -EINVAL;
		change_map_set_range(words, first, nr);
		next = first + nr + 1;
	}
	return 0;
}
