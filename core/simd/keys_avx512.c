/*
 * keys_avx512.c - which of 32 keys meet a condition: eight a compare.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <immintrin.h>

#include "simd_kernels.h"

uint32_t
omen_keys_within_avx512(const uint64_t keys[OMEN_BLOCK_CODES], uint64_t low, uint64_t high)
{
	__m512i		least = _mm512_set1_epi64((long long) low);
	__m512i		span = _mm512_set1_epi64((long long) (high - low));
	uint32_t	mask = 0;

	for (int i = 0; i < OMEN_BLOCK_CODES; i += 8)
	{
		__m512i		above = _mm512_sub_epi64(_mm512_loadu_si512(keys + i), least);

		mask |= (uint32_t) _mm512_cmple_epu64_mask(above, span) << i;
	}
	return mask;
}

uint32_t
omen_keys_covering_avx512(const uint64_t keys[OMEN_BLOCK_CODES], uint64_t bits)
{
	__m512i		wanted = _mm512_set1_epi64((long long) bits);
	uint32_t	mask = 0;

	for (int i = 0; i < OMEN_BLOCK_CODES; i += 8)
	{
		__m512i		missing = _mm512_andnot_si512(_mm512_loadu_si512(keys + i), wanted);

		mask |= (uint32_t) _mm512_testn_epi64_mask(missing, missing) << i;
	}
	return mask;
}
