/*
 * bits_avx2.c - Hamming distance and Jaccard counts by nibble lookup
 * (Mula, Kurz, Lemire, "Faster population counts using AVX2 instructions",
 * 2018), and what is left over by POPCNT, which every AVX2 processor has.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <immintrin.h>

#include "lanes_avx2.h"
#include "simd_kernels.h"

/* Bits set in each 64 bits of v. */
static inline __m256i
count_bits(__m256i v)
{
	const __m256i bits_of_nibble = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,
													0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
	const __m256i nibble = _mm256_set1_epi8(15);
	__m256i		low = _mm256_shuffle_epi8(bits_of_nibble, _mm256_and_si256(v, nibble));
	__m256i		high = _mm256_shuffle_epi8(bits_of_nibble, _mm256_and_si256(_mm256_srli_epi16(v, 4), nibble));

	return _mm256_sad_epu8(_mm256_add_epi8(low, high), _mm256_setzero_si256());
}

static inline uint64_t
load_u64(const uint8_t *p)
{
	uint64_t	word;

	memcpy(&word, p, sizeof(word));
	return word;
}

uint64_t
omen_hamming_bits_avx2(const uint8_t *a, const uint8_t *b, uint32_t bytes)
{
	__m256i		sum = _mm256_setzero_si256();
	uint64_t	count = 0;
	uint32_t	i = 0;

	for (; i + 32 <= bytes; i += 32)
		sum = _mm256_add_epi64(sum, count_bits(_mm256_xor_si256(_mm256_loadu_si256((const __m256i *) (a + i)),
																_mm256_loadu_si256((const __m256i *) (b + i)))));
	for (; i + 8 <= bytes; i += 8)
		count += (uint64_t) __builtin_popcountll(load_u64(a + i) ^ load_u64(b + i));
	for (; i < bytes; i++)
		count += (uint64_t) __builtin_popcount(a[i] ^ b[i]);
	return count + add_lanes_u64(sum);
}

void
omen_jaccard_bits_avx2(const uint8_t *a, const uint8_t *b, uint32_t bytes,
					   uint64_t *both, uint64_t *either)
{
	__m256i		sum_and = _mm256_setzero_si256();
	__m256i		sum_or = _mm256_setzero_si256();
	uint64_t	count_and = 0;
	uint64_t	count_or = 0;
	uint32_t	i = 0;

	for (; i + 32 <= bytes; i += 32)
	{
		__m256i		x = _mm256_loadu_si256((const __m256i *) (a + i));
		__m256i		y = _mm256_loadu_si256((const __m256i *) (b + i));

		sum_and = _mm256_add_epi64(sum_and, count_bits(_mm256_and_si256(x, y)));
		sum_or = _mm256_add_epi64(sum_or, count_bits(_mm256_or_si256(x, y)));
	}
	for (; i + 8 <= bytes; i += 8)
	{
		count_and += (uint64_t) __builtin_popcountll(load_u64(a + i) & load_u64(b + i));
		count_or += (uint64_t) __builtin_popcountll(load_u64(a + i) | load_u64(b + i));
	}
	for (; i < bytes; i++)
	{
		count_and += (uint64_t) __builtin_popcount(a[i] & b[i]);
		count_or += (uint64_t) __builtin_popcount(a[i] | b[i]);
	}
	*both = count_and + add_lanes_u64(sum_and);
	*either = count_or + add_lanes_u64(sum_or);
}
