/*
 * bits_avx512.c - Hamming distance and Jaccard counts by VPOPCNTDQ.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <immintrin.h>

#include "lanes_avx512.h"
#include "simd_kernels.h"

uint64_t
omen_hamming_bits_avx512(const uint8_t *a, const uint8_t *b, uint32_t bytes)
{
	__m512i		sum[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
	uint32_t	i = 0;

	for (; i + 128 <= bytes; i += 128)
		for (int lane = 0; lane < 2; lane++)
		{
			__m512i		x = _mm512_loadu_si512(a + i + 64 * lane);
			__m512i		y = _mm512_loadu_si512(b + i + 64 * lane);

			sum[lane] = _mm512_add_epi64(sum[lane], _mm512_popcnt_epi64(_mm512_xor_si512(x, y)));
		}
	while (i < bytes)
	{
		__mmask64	mask = mask_up_to_64(bytes - i);
		__m512i		x = _mm512_maskz_loadu_epi8(mask, a + i);
		__m512i		y = _mm512_maskz_loadu_epi8(mask, b + i);

		sum[0] = _mm512_add_epi64(sum[0], _mm512_popcnt_epi64(_mm512_xor_si512(x, y)));
		i += bytes - i < 64 ? bytes - i : 64;
	}
	return (uint64_t) _mm512_reduce_add_epi64(_mm512_add_epi64(sum[0], sum[1]));
}

void
omen_jaccard_bits_avx512(const uint8_t *a, const uint8_t *b, uint32_t bytes,
						 uint64_t *both, uint64_t *either)
{
	__m512i		sum_and = _mm512_setzero_si512();
	__m512i		sum_or = _mm512_setzero_si512();
	uint32_t	i = 0;

	while (i < bytes)
	{
		__mmask64	mask = mask_up_to_64(bytes - i);
		__m512i		x = _mm512_maskz_loadu_epi8(mask, a + i);
		__m512i		y = _mm512_maskz_loadu_epi8(mask, b + i);

		sum_and = _mm512_add_epi64(sum_and, _mm512_popcnt_epi64(_mm512_and_si512(x, y)));
		sum_or = _mm512_add_epi64(sum_or, _mm512_popcnt_epi64(_mm512_or_si512(x, y)));
		i += bytes - i < 64 ? bytes - i : 64;
	}
	*both = (uint64_t) _mm512_reduce_add_epi64(sum_and);
	*either = (uint64_t) _mm512_reduce_add_epi64(sum_or);
}
