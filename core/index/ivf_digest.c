/*
 * ivf_digest.c - what a list's packed keys are, in a few bytes: enough to tell
 * of most lists without a row that qualifies that they have none.
 *
 * A column's digest of a list is the least and the greatest key, and a table
 * of bits with one for each key, by a hash (Bloom 1970, with one function).
 * The first tells of ranges, most where a column goes with the vector, the
 * second of single values.  Neither ever says no where there is such a key.
 *
 * The key that no value has (NULL's) is left out of least and greatest, which
 * would else say nothing in a column that has some; ranges that include it
 * are left to the bits, or to the keys.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "omen/ivf.h"

/* Four bits a posting, so that at most one in five is set where keys differ ... */
#define POSTINGS_PER_WORD 16
/* ... but no more than half a kilobyte a list. */
#define WORDS_MAX 64
/* At most so many values are looked for one by one. */
#define VALUES_FEW 32

#define KEY_NONE UINT64_MAX

int
omen_digest_words_valid(uint32_t words)
{
	return words > 0 && words <= WORDS_MAX && (words & (words - 1)) == 0;
}

size_t
omen_digest_bytes(uint32_t lists, uint32_t keys, uint32_t words)
{
	return (size_t) lists * keys * (2 + words) * sizeof(uint64_t);
}

void
omen_digest_lay_out(OmenDigests *digests, uint8_t *bytes, uint32_t lists, uint32_t keys, uint32_t words)
{
	size_t		cells = (size_t) lists * keys;

	digests->words = words;
	digests->low = (uint64_t *) bytes;
	digests->high = digests->low + cells;
	digests->bits = digests->high + cells;
}

OmenStatus
omen_digests_begin(OmenIvfModel *model, OmenIvfMeta *meta, uint64_t postings, OmenArena *arena)
{
	size_t		cells = (size_t) model->lists * meta->keys;
	uint32_t	words = 1;
	uint8_t    *bytes;

	meta->digest_words = 0;
	if (meta->keys == 0)
		return OMEN_OK;
	while (words < WORDS_MAX && words < postings / model->lists / POSTINGS_PER_WORD)
		words *= 2;
	bytes = omen_arena_zero(arena, omen_digest_bytes(model->lists, meta->keys, words), 1);
	if (bytes == NULL)
		return OMEN_NO_MEMORY;
	omen_digest_lay_out(&model->digests, bytes, model->lists, meta->keys, words);
	memset(model->digests.low, 0xFF, cells * sizeof(uint64_t));
	meta->digest_words = words;
	return OMEN_OK;
}

/* The place of a key's bit, by the golden ratio (Knuth, vol. 3, 6.4). */
static inline uint32_t
bit_of(uint64_t key, uint32_t words)
{
	return (uint32_t) ((key * UINT64_C(0x9E3779B97F4A7C15)) >> 48) % (words * 64);
}

void
omen_digest_add(const OmenIvfModel *model, uint32_t list, const uint8_t *keys)
{
	const OmenDigests *digests = &model->digests;

	for (uint32_t c = 0; c < model->keys; c++)
	{
		size_t		cell = (size_t) c * model->lists + list;
		uint64_t	key;
		uint32_t	bit;

		memcpy(&key, keys + c * OMEN_KEY_BYTES, sizeof(key));
		bit = bit_of(key, digests->words);
		digests->bits[cell * digests->words + bit / 64] |= UINT64_C(1) << bit % 64;
		if (key == KEY_NONE)
			continue;
		if (key < digests->low[cell])
			digests->low[cell] = key;
		if (key > digests->high[cell])
			digests->high[cell] = key;
	}
}

int
omen_digest_has(const OmenIvfModel *model, uint32_t list, const uint8_t *keys)
{
	const OmenDigests *digests = &model->digests;

	for (uint32_t c = 0; c < model->keys; c++)
	{
		size_t		cell = (size_t) c * model->lists + list;
		uint64_t	key;
		uint32_t	bit;

		memcpy(&key, keys + c * OMEN_KEY_BYTES, sizeof(key));
		bit = bit_of(key, digests->words);
		if (!(digests->bits[cell * digests->words + bit / 64] >> bit % 64 & 1) ||
			(key != KEY_NONE && (key < digests->low[cell] || key > digests->high[cell])))
			return 0;
	}
	return 1;
}

/* Leaves those lists possible that reach into low .. high. */
static void
keep_within(const OmenIvfModel *model, uint32_t column, uint64_t low, uint64_t high, uint8_t *possible)
{
	const uint64_t *list_low = model->digests.low + (size_t) column * model->lists;
	const uint64_t *list_high = model->digests.high + (size_t) column * model->lists;

	for (uint32_t l = 0; l < model->lists; l++)
		possible[l] &= (list_low[l] <= high) & (list_high[l] >= low);
}

/* And those that may have one of these keys. */
static void
keep_any(const OmenIvfModel *model, uint32_t column, const uint64_t *keys, uint32_t count, uint8_t *possible)
{
	uint32_t	words = model->digests.words;
	const uint64_t *bits = model->digests.bits + (size_t) column * model->lists * words;

	for (uint32_t l = 0; l < model->lists; l++, bits += words)
	{
		uint64_t	found = 0;

		if (!possible[l])
			continue;
		for (uint32_t v = 0; v < count; v++)
		{
			uint32_t	bit = bit_of(keys[v], words);

			found |= bits[bit / 64] >> bit % 64;
		}
		possible[l] = found & 1;
	}
}

void
omen_digest_test(const OmenIvfModel *model, const OmenFilter *filter, uint8_t *possible)
{
	memset(possible, 1, model->lists);
	for (uint32_t i = 0; i < filter->count; i++)
	{
		const OmenCondition *condition = &filter->conditions[i];
		const uint64_t *values = condition->kind == OMEN_WITHIN ? &condition->low : condition->values;
		uint32_t	count = condition->kind == OMEN_WITHIN ? 1 : condition->count;
		uint64_t	low = count > 0 ? values[0] : UINT64_MAX;
		uint64_t	high = condition->kind == OMEN_WITHIN ? condition->high : count > 0 ? values[count - 1] : 0;

		if (condition->kind == OMEN_COVERS)
			continue;
		if (high != KEY_NONE)
			keep_within(model, condition->column, low, high, possible);
		if (count <= VALUES_FEW && (condition->kind == OMEN_AMONG || low == high))
			keep_any(model, condition->column, values, count, possible);
	}
}
