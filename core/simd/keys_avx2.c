/*
 * keys_avx2.c - which of 32 keys meet a condition: four a compare.
 *
 * There is a signed comparison only, so both sides have their sign turned.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <immintrin.h>

#include "simd_kernels.h"

/* Bit i: whether the top bit of lane i is set. */
static inline uint32_t
tops(__m256i lanes)
{
	return (uint32_t) _mm256_movemask_pd(_mm256_castsi256_pd(lanes));
}

uint32_t
omen_keys_within_avx2(const uint64_t keys[OMEN_BLOCK_CODES], uint64_t low, uint64_t high)
{
	const uint64_t sign = UINT64_C(1) << 63;
	/* Subtracting the sign with `low` turns it as well. */
	__m256i		least = _mm256_set1_epi64x((long long) (low ^ sign));
	__m256i		span = _mm256_set1_epi64x((long long) ((high - low) ^ sign));
	uint32_t	beyond = 0;

	for (int i = 0; i < OMEN_BLOCK_CODES; i += 4)
	{
		__m256i		above = _mm256_sub_epi64(_mm256_loadu_si256((const __m256i *) (keys + i)), least);

		beyond |= tops(_mm256_cmpgt_epi64(above, span)) << i;
	}
	return ~beyond;
}

uint32_t
omen_keys_covering_avx2(const uint64_t keys[OMEN_BLOCK_CODES], uint64_t bits)
{
	__m256i		wanted = _mm256_set1_epi64x((long long) bits);
	uint32_t	mask = 0;

	for (int i = 0; i < OMEN_BLOCK_CODES; i += 4)
	{
		__m256i		had = _mm256_and_si256(_mm256_loadu_si256((const __m256i *) (keys + i)), wanted);

		mask |= tops(_mm256_cmpeq_epi64(had, wanted)) << i;
	}
	return mask;
}
