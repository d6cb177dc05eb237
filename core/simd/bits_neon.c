/*
 * bits_neon.c - Hamming distance and Jaccard counts by CNT.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <arm_neon.h>

#include "simd_kernels.h"

/* Onto two 64-bit sums: the bits set in sixteen bytes. */
static inline uint64x2_t
add_bits(uint64x2_t sum, uint8x16_t v)
{
	return vpadalq_u32(sum, vpaddlq_u16(vpaddlq_u8(vcntq_u8(v))));
}

uint64_t
omen_hamming_bits_neon(const uint8_t *a, const uint8_t *b, uint32_t bytes)
{
	uint64x2_t	sum = vdupq_n_u64(0);
	uint64_t	count;
	uint32_t	i = 0;

	for (; i + 16 <= bytes; i += 16)
		sum = add_bits(sum, veorq_u8(vld1q_u8(a + i), vld1q_u8(b + i)));
	count = vaddvq_u64(sum);
	for (; i < bytes; i++)
		count += (uint64_t) __builtin_popcount(a[i] ^ b[i]);
	return count;
}

void
omen_jaccard_bits_neon(const uint8_t *a, const uint8_t *b, uint32_t bytes,
					   uint64_t *both, uint64_t *either)
{
	uint64x2_t	sum_and = vdupq_n_u64(0);
	uint64x2_t	sum_or = vdupq_n_u64(0);
	uint32_t	i = 0;

	for (; i + 16 <= bytes; i += 16)
	{
		uint8x16_t	x = vld1q_u8(a + i);
		uint8x16_t	y = vld1q_u8(b + i);

		sum_and = add_bits(sum_and, vandq_u8(x, y));
		sum_or = add_bits(sum_or, vorrq_u8(x, y));
	}
	*both = vaddvq_u64(sum_and);
	*either = vaddvq_u64(sum_or);
	for (; i < bytes; i++)
	{
		*both += (uint64_t) __builtin_popcount(a[i] & b[i]);
		*either += (uint64_t) __builtin_popcount(a[i] | b[i]);
	}
}
