/*
 * bits_scalar.c - Hamming distance and Jaccard counts, eight bytes a step.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "simd_kernels.h"

static inline uint64_t
load_u64(const uint8_t *p)
{
	uint64_t	word;

	memcpy(&word, p, sizeof(word));
	return word;
}

uint64_t
omen_hamming_bits_scalar(const uint8_t *a, const uint8_t *b, uint32_t bytes)
{
	uint64_t	count = 0;
	uint32_t	i = 0;

	for (; i + 8 <= bytes; i += 8)
		count += __builtin_popcountll(load_u64(a + i) ^ load_u64(b + i));
	for (; i < bytes; i++)
		count += __builtin_popcount(a[i] ^ b[i]);
	return count;
}

void
omen_jaccard_bits_scalar(const uint8_t *a, const uint8_t *b, uint32_t bytes,
						 uint64_t *both, uint64_t *either)
{
	uint64_t	count_and = 0;
	uint64_t	count_or = 0;
	uint32_t	i = 0;

	for (; i + 8 <= bytes; i += 8)
	{
		count_and += __builtin_popcountll(load_u64(a + i) & load_u64(b + i));
		count_or += __builtin_popcountll(load_u64(a + i) | load_u64(b + i));
	}
	for (; i < bytes; i++)
	{
		count_and += __builtin_popcount(a[i] & b[i]);
		count_or += __builtin_popcount(a[i] | b[i]);
	}
	*both = count_and;
	*either = count_or;
}
