/*
 * ivf_condition.c - conditions on the keys of 32 postings at a time.
 *
 * A key is what 64 bits tell of a column's value: a condition may let a row
 * pass whose value fails, never the other way.  Comparisons leave no branch
 * in the loops over a lane, so that they take a nanosecond a key or less.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "ivf_condition.h"

/* At most so many values are compared one after another; beyond, each key is looked up. */
#define VALUES_FEW 4

static uint32_t
within(const uint64_t keys[OMEN_BLOCK_CODES], uint64_t low, uint64_t high)
{
	uint32_t	mask = 0;

	/* Below `low` the difference wraps around to something large. */
	for (uint32_t i = 0; i < OMEN_BLOCK_CODES; i++)
		mask |= (uint32_t) (keys[i] - low <= high - low) << i;
	return mask;
}

static uint32_t
covers(const uint64_t keys[OMEN_BLOCK_CODES], uint64_t bits)
{
	uint32_t	mask = 0;

	for (uint32_t i = 0; i < OMEN_BLOCK_CODES; i++)
		mask |= (uint32_t) ((keys[i] & bits) == bits) << i;
	return mask;
}

static int
is_among(const OmenCondition *condition, uint64_t key)
{
	uint32_t	first = 0;
	uint32_t	count = condition->count;

	/* The only place where the key can be is in [first, first + count). */
	while (count > 1)
	{
		uint32_t	half = count / 2;

		first += condition->values[first + half] <= key ? half : 0;
		count -= half;
	}
	return count == 1 && condition->values[first] == key;
}

static uint32_t
among(const OmenCondition *condition, const uint64_t keys[OMEN_BLOCK_CODES])
{
	uint32_t	mask = 0;

	if (condition->count <= VALUES_FEW)
	{
		for (uint32_t v = 0; v < condition->count; v++)
			mask |= within(keys, condition->values[v], condition->values[v]);
		return mask;
	}
	for (uint32_t i = 0; i < OMEN_BLOCK_CODES; i++)
		mask |= (uint32_t) is_among(condition, keys[i]) << i;
	return mask;
}

uint32_t
omen_condition_mask(const OmenCondition *condition, const uint64_t keys[OMEN_BLOCK_CODES])
{
	uint32_t	mask = 0;

	switch (condition->kind)
	{
		case OMEN_WITHIN:
			return condition->low <= condition->high ? within(keys, condition->low, condition->high) : 0;
		case OMEN_AMONG:
			return among(condition, keys);
		case OMEN_COVERS:
			for (uint32_t v = 0; v < condition->count; v++)
				mask |= covers(keys, condition->values[v]);
			return mask;
	}
	return UINT32_MAX;
}

int
omen_condition_met(const OmenCondition *condition, uint64_t key)
{
	switch (condition->kind)
	{
		case OMEN_WITHIN:
			return key >= condition->low && key <= condition->high;
		case OMEN_AMONG:
			return is_among(condition, key);
		case OMEN_COVERS:
			for (uint32_t v = 0; v < condition->count; v++)
				if ((key & condition->values[v]) == condition->values[v])
					return 1;
			return 0;
	}
	return 1;
}

/* ---- of a whole list ---- */

/* A page of the run of keys, held while lanes on it are read. */
typedef struct LaneReader
{
	const uint8_t *body;
	uint64_t	page;
	uintptr_t	handle;
} LaneReader;

static void
release_lanes(OmenIvfSearch *search, LaneReader *reader)
{
	if (reader->body != NULL)
		search->store.release(search->store.context, reader->handle);
	reader->body = NULL;
}

/* The lane's keys, or NULL with the failure in search->error. */
static const uint64_t *
read_lane(OmenIvfSearch *search, LaneReader *reader, uint64_t lane)
{
	uint64_t	page = lane / OMEN_LANES_PER_PAGE;

	if (reader->body == NULL || reader->page != page)
	{
		uint32_t	block = search->model->key_map[page];
		const void *memory;

		release_lanes(search, reader);
		memory = search->store.read(search->store.context, block, &reader->handle);
		if (memory == NULL)
		{
			omen_fail(&search->error, OMEN_STALE, "block %u does not exist", block);
			return NULL;
		}
		reader->body = omen_page_body_const(memory);
		reader->page = page;
		if (omen_page_check(memory, block, OMEN_PAGE_KEYS, search->meta.generation, &search->error) != OMEN_OK)
		{
			release_lanes(search, reader);
			return NULL;
		}
	}
	return (const uint64_t *) (reader->body + lane % OMEN_LANES_PER_PAGE * OMEN_LANE_BYTES);
}

static OmenStatus
room_for_masks(OmenIvfSearch *search, uint32_t blocks)
{
	if (blocks <= search->mask_room)
		return OMEN_OK;
	search->masks = omen_arena_alloc(search->arena, (size_t) blocks * 2, sizeof(uint32_t));
	search->mask_room = search->masks ? blocks * 2 : 0;
	return search->masks ? OMEN_OK : omen_fail(&search->error, OMEN_NO_MEMORY, "out of memory while searching");
}

OmenStatus
omen_ivf_test_list(OmenIvfSearch *search, uint32_t list, uint32_t *passed)
{
	const OmenIvfModel *model = search->model;
	const OmenFilter *filter = &search->filter;
	uint32_t	count = model->start[list].count;
	uint32_t	blocks = (count + OMEN_BLOCK_CODES - 1) / OMEN_BLOCK_CODES;
	uint64_t	lane = (uint64_t) model->key_start[list] * model->keys;
	LaneReader	reader = {NULL};
	OmenStatus	status = room_for_masks(search, blocks);

	*passed = 0;
	if (status != OMEN_OK)
		return status;
	for (uint32_t b = 0; b < blocks; b++, lane += model->keys)
	{
		uint32_t	left = count - b * OMEN_BLOCK_CODES;
		uint32_t	mask = left < OMEN_BLOCK_CODES ? (1u << left) - 1 : UINT32_MAX;

		for (uint32_t c = 0; c < filter->count && mask != 0; c++)
		{
			const uint64_t *keys = read_lane(search, &reader, lane + filter->conditions[c].column);

			if (keys == NULL)
				return search->error.status;
			mask &= omen_condition_mask(&filter->conditions[c], keys);
		}
		search->masks[b] = mask;
		*passed += (uint32_t) __builtin_popcount(mask);
	}
	release_lanes(search, &reader);
	search->stats.keys_tested += count;
	search->stats.keys_passed += *passed;
	return OMEN_OK;
}

int
omen_ivf_test_posting(OmenIvfSearch *search, const uint8_t *keys)
{
	int			passes = 1;

	for (uint32_t c = 0; c < search->filter.count && passes; c++)
	{
		uint64_t	key;

		memcpy(&key, keys + search->filter.conditions[c].column * OMEN_KEY_BYTES, sizeof(key));
		passes = omen_condition_met(&search->filter.conditions[c], key);
	}
	search->stats.keys_tested++;
	search->stats.keys_passed += passes;
	return passes;
}
