/*
 * keys_scalar.c - which of 32 keys meet a condition: the reference.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "simd_kernels.h"

uint32_t
omen_keys_within_scalar(const uint64_t keys[OMEN_BLOCK_CODES], uint64_t low, uint64_t high)
{
	uint32_t	mask = 0;

	/* Below `low` the difference wraps around to something large. */
	for (uint32_t i = 0; i < OMEN_BLOCK_CODES; i++)
		mask |= (uint32_t) (keys[i] - low <= high - low) << i;
	return mask;
}

uint32_t
omen_keys_covering_scalar(const uint64_t keys[OMEN_BLOCK_CODES], uint64_t bits)
{
	uint32_t	mask = 0;

	for (uint32_t i = 0; i < OMEN_BLOCK_CODES; i++)
		mask |= (uint32_t) ((keys[i] & bits) == bits) << i;
	return mask;
}
