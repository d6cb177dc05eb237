/*
 * keys_neon.c - which of 32 keys meet a condition: two a compare.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <arm_neon.h>

#include "simd_kernels.h"

/* Of eight lanes, all ones or all zeros each, one bit each. */
static inline uint32_t
bits_of_eight(const uint64x2_t lanes[4])
{
	static const uint16_t weights[8] = {1, 2, 4, 8, 16, 32, 64, 128};
	uint32x4_t	low = vcombine_u32(vmovn_u64(lanes[0]), vmovn_u64(lanes[1]));
	uint32x4_t	high = vcombine_u32(vmovn_u64(lanes[2]), vmovn_u64(lanes[3]));
	uint16x8_t	all = vcombine_u16(vmovn_u32(low), vmovn_u32(high));

	return vaddvq_u16(vandq_u16(all, vld1q_u16(weights)));
}

uint32_t
omen_keys_within_neon(const uint64_t keys[OMEN_BLOCK_CODES], uint64_t low, uint64_t high)
{
	uint64x2_t	least = vdupq_n_u64(low);
	uint64x2_t	span = vdupq_n_u64(high - low);
	uint32_t	mask = 0;

	for (int i = 0; i < OMEN_BLOCK_CODES; i += 8)
	{
		uint64x2_t	lanes[4];

		for (int j = 0; j < 4; j++)
			lanes[j] = vcleq_u64(vsubq_u64(vld1q_u64(keys + i + 2 * j), least), span);
		mask |= bits_of_eight(lanes) << i;
	}
	return mask;
}

uint32_t
omen_keys_covering_neon(const uint64_t keys[OMEN_BLOCK_CODES], uint64_t bits)
{
	uint64x2_t	wanted = vdupq_n_u64(bits);
	uint32_t	mask = 0;

	for (int i = 0; i < OMEN_BLOCK_CODES; i += 8)
	{
		uint64x2_t	lanes[4];

		for (int j = 0; j < 4; j++)
			lanes[j] = vceqq_u64(vandq_u64(vld1q_u64(keys + i + 2 * j), wanted), wanted);
		mask |= bits_of_eight(lanes) << i;
	}
	return mask;
}
