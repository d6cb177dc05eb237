/*
 * sparse_avx512.c - inner product of two sparse vectors, sixteen entries a step.
 *
 * Blocks of sixteen indexes are compared each with each, by comparing one
 * block with every index of the other, broadcast from memory.  Both lists
 * ascend, so the values of the entries found on either side, moved together
 * by VPCOMPRESS, face each other.  Then the block that ends lower moves on.
 * (After Diez-Canas, "Faster-than-native alternatives for x86 VP2INTERSECT
 * instructions", 2021.)
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <immintrin.h>

#include "lanes_avx512.h"
#include "simd_kernels.h"

/* Which lanes hold one of the `count` numbers, at most sixteen of them. */
static inline __mmask16
lanes_among(__m512i lanes, const int32_t *numbers, uint32_t count)
{
	__mmask16	found = 0;

	if (count >= 16)
	{
#pragma GCC unroll 16
		for (int i = 0; i < 16; i++)
			found |= _mm512_cmpeq_epi32_mask(lanes, _mm512_set1_epi32(numbers[i]));
		return found;
	}
	for (uint32_t i = 0; i < count; i++)
		found |= _mm512_cmpeq_epi32_mask(lanes, _mm512_set1_epi32(numbers[i]));
	return found;
}

float
omen_dot_sparse_avx512(const int32_t *index_a, const float *value_a, uint32_t count_a,
					   const int32_t *index_b, const float *value_b, uint32_t count_b)
{
	__m512		sum = _mm512_setzero_ps();
	uint32_t	i = 0;
	uint32_t	j = 0;

	while (i < count_a && j < count_b)
	{
		uint32_t	block_a = count_a - i < 16 ? count_a - i : 16;
		uint32_t	block_b = count_b - j < 16 ? count_b - j : 16;
		__mmask16	valid_a = mask_up_to_16(block_a);
		__mmask16	valid_b = mask_up_to_16(block_b);
		int32_t		last_a = index_a[i + block_a - 1];
		int32_t		last_b = index_b[j + block_b - 1];
		__m512i		lanes_a = _mm512_maskz_loadu_epi32(valid_a, index_a + i);
		__mmask16	found_a = valid_a & lanes_among(lanes_a, index_b + j, block_b);

		if (found_a != 0)
		{
			__m512i		lanes_b = _mm512_maskz_loadu_epi32(valid_b, index_b + j);
			__mmask16	found_b = valid_b & lanes_among(lanes_b, index_a + i, block_a);

			sum = _mm512_fmadd_ps(_mm512_maskz_compress_ps(found_a, _mm512_maskz_loadu_ps(valid_a, value_a + i)),
								  _mm512_maskz_compress_ps(found_b, _mm512_maskz_loadu_ps(valid_b, value_b + j)),
								  sum);
		}
		i += last_a <= last_b ? block_a : 0;
		j += last_b <= last_a ? block_b : 0;
	}
	return _mm512_reduce_add_ps(sum);
}
