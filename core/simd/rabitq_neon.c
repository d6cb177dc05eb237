/*
 * rabitq_neon.c - scoring RaBitQ codes, sixteen codes a register.
 *
 * As rabitq_avx2.c: nibbles looked up by TBL, sums kept in eight bits for
 * four positions, then in sixteen, then in the caller's 32.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <arm_neon.h>

#include "rabitq_query.h"
#include "simd_kernels.h"

/* Positions until a 16-bit sum of entries must be emptied: 2 * 31 * 1,024 < 2^16. */
#define POSITIONS_BEFORE_FLUSH 1024
#define PREFETCH_BYTES 1024

static inline uint8x16_t
score_half(uint8x16_t table_low, uint8x16_t table_high, const uint8_t *codes)
{
	uint8x16_t	row = vld1q_u8(codes);

	return vaddq_u8(vqtbl1q_u8(table_low, vandq_u8(row, vdupq_n_u8(15))),
					vqtbl1q_u8(table_high, vshrq_n_u8(row, 4)));
}

/* sums[0..7] += the eight values */
static inline void
flush_sums(uint16x8_t values, uint32_t *sums)
{
	vst1q_u32(sums, vaddw_u16(vld1q_u32(sums), vget_low_u16(values)));
	vst1q_u32(sums + 4, vaddw_high_u16(vld1q_u32(sums + 4), values));
}

void
omen_lut_scan_neon(const uint8_t *lut, const uint8_t *codes, uint32_t positions,
				   uint32_t sums[OMEN_BLOCK_CODES])
{
	while (positions > 0)
	{
		uint32_t	run = positions < POSITIONS_BEFORE_FLUSH ? positions : POSITIONS_BEFORE_FLUSH;
		uint16x8_t	wide[4] = {vdupq_n_u16(0), vdupq_n_u16(0), vdupq_n_u16(0), vdupq_n_u16(0)};

		for (uint32_t p = 0; p < run;)
		{
			uint32_t	group_end = p + 4 < run ? p + 4 : run;
			uint8x16_t	first = vdupq_n_u8(0);
			uint8x16_t	second = vdupq_n_u8(0);

			__builtin_prefetch(codes + PREFETCH_BYTES);
			__builtin_prefetch(codes + PREFETCH_BYTES + 64);
			for (; p < group_end; p++)
			{
				uint8x16_t	table_low = vld1q_u8(lut);
				uint8x16_t	table_high = vld1q_u8(lut + 16);

				first = vaddq_u8(first, score_half(table_low, table_high, codes));
				second = vaddq_u8(second, score_half(table_low, table_high, codes + 16));
				lut += 32;
				codes += 32;
			}
			wide[0] = vaddw_u8(wide[0], vget_low_u8(first));
			wide[1] = vaddw_high_u8(wide[1], first);
			wide[2] = vaddw_u8(wide[2], vget_low_u8(second));
			wide[3] = vaddw_high_u8(wide[3], second);
		}
		for (int i = 0; i < 4; i++)
			flush_sums(wide[i], sums + 8 * i);
		positions -= run;
	}
}

int32_t
omen_dot_u4_i16_neon(const uint8_t *code, const int16_t *query, uint32_t dim)
{
	int32x4_t	even = vdupq_n_s32(0);
	int32x4_t	odd = vdupq_n_s32(0);
	int32_t		total;
	uint32_t	i = 0;

	for (; i + 16 <= dim; i += 16)
	{
		uint8x8_t	bytes = vld1_u8(code + i / 2);
		int16x8_t	low = vreinterpretq_s16_u16(vmovl_u8(vand_u8(bytes, vdup_n_u8(15))));
		int16x8_t	high = vreinterpretq_s16_u16(vmovl_u8(vshr_n_u8(bytes, 4)));
		int16x8x2_t q = vld2q_s16(query + i);	/* even dimensions, odd dimensions */

		even = vmlal_s16(even, vget_low_s16(low), vget_low_s16(q.val[0]));
		even = vmlal_high_s16(even, low, q.val[0]);
		odd = vmlal_s16(odd, vget_low_s16(high), vget_low_s16(q.val[1]));
		odd = vmlal_high_s16(odd, high, q.val[1]);
	}
	total = vaddvq_s32(vaddq_s32(even, odd));
	for (; i < dim; i += 2)
		total += (code[i / 2] & 15) * query[i] + (code[i / 2] >> 4) * query[i + 1];
	return total;
}

int32_t
omen_dot_u8_i16_neon(const uint8_t *code, const int16_t *query, uint32_t dim)
{
	int32x4_t	sum[2] = {vdupq_n_s32(0), vdupq_n_s32(0)};
	int32_t		total;
	uint32_t	i = 0;

	for (; i + 8 <= dim; i += 8)
	{
		int16x8_t	wide = vreinterpretq_s16_u16(vmovl_u8(vld1_u8(code + i)));
		int16x8_t	q = vld1q_s16(query + i);

		sum[0] = vmlal_s16(sum[0], vget_low_s16(wide), vget_low_s16(q));
		sum[1] = vmlal_high_s16(sum[1], wide, q);
	}
	total = vaddvq_s32(vaddq_s32(sum[0], sum[1]));
	for (; i < dim; i++)
		total += code[i] * query[i];
	return total;
}

void
omen_lut_fill_neon(const float *query, uint32_t dim, float inverse, uint8_t *lut)
{
	for (uint32_t i = 0; i < dim; i += 4)
	{
		const float *q = query + i;
		float		entry[16] = {lut_offset(q)};

		/* Every subset's sum from the one without its highest member. */
		for (uint32_t j = 0; j < 4; j++)
			for (uint32_t k = 0; k < (1u << j); k++)
				entry[k | (1u << j)] = entry[k] + q[j];
		for (uint32_t k = 0; k < 16; k++)
		{
			float		level = entry[k] * inverse + 0.5f;

			level = level > 0.0f ? level : 0.0f;
			level = level < OMEN_LUT_MAX ? level : (float) OMEN_LUT_MAX;
			lut[i * 4 + k] = (uint8_t) level;
		}
	}
}

void
omen_i16_from_f32_neon(int16_t *out, const float *in, float inverse, uint32_t dim)
{
	i16_from_f32(out, in, inverse, dim);
}

uint32_t
omen_sum_bounds_neon(const uint32_t sums[OMEN_BLOCK_CODES], const OmenSumTerms *terms,
					 const float add[OMEN_BLOCK_CODES], const uint16_t scale[OMEN_BLOCK_CODES],
					 const uint16_t error[OMEN_BLOCK_CODES], float worst,
					 float estimate[OMEN_BLOCK_CODES], float lower[OMEN_BLOCK_CODES])
{
	return sum_bounds(sums, terms, add, scale, error, worst, estimate, lower);
}

void
omen_sum_estimates_neon(const uint32_t sums[OMEN_BLOCK_CODES], const OmenSumTerms *terms,
						const float add[OMEN_BLOCK_CODES], const float scale[OMEN_BLOCK_CODES],
						float estimate[OMEN_BLOCK_CODES])
{
	sum_estimates(sums, terms, add, scale, estimate);
}
