/*
 * ivf_condition.c - conditions on the keys of 32 postings at a time.
 *
 * A key is what 64 bits tell of a column's value: a condition may let a row
 * pass whose value fails, never the other way.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "omen/ivf.h"

/* At most so many values are compared one after another; beyond, each key is looked up. */
#define VALUES_FEW 16

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
			mask |= omen_simd->keys_within(keys, condition->values[v], condition->values[v]);
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
			if (condition->low > condition->high)
				return 0;
			return omen_simd->keys_within(keys, condition->low, condition->high);
		case OMEN_AMONG:
			return among(condition, keys);
		case OMEN_COVERS:
			for (uint32_t v = 0; v < condition->count; v++)
				mask |= omen_simd->keys_covering(keys, condition->values[v]);
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
