/*
 * dots_i8_neon.c - a tile of integer dot products, one row by four columns.
 *
 * Two products of at most 127 * 127 fit sixteen bits, so a low and a high
 * half share a register before they are widened.  (Hence no -128 in the
 * contract.)
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <arm_neon.h>

#include "simd_kernels.h"

static inline int32x4_t
add_products(int32x4_t sum, int8x16_t row, int8x16_t col)
{
	int16x8_t	pairs = vmlal_high_s8(vmull_s8(vget_low_s8(row), vget_low_s8(col)), row, col);

	return vpadalq_s16(sum, pairs);
}

void
omen_dots_i8_neon(const int8_t *rows, uint32_t row_count,
				  const int8_t *cols, uint32_t col_count,
				  uint32_t dim, int32_t *out, uint32_t out_stride)
{
	uint32_t	c = 0;

	for (; c + 4 <= col_count; c += 4)
		for (uint32_t r = 0; r < row_count; r++)
		{
			const int8_t *row = rows + (size_t) r * dim;
			const int8_t *col = cols + (size_t) c * dim;
			int32x4_t	sum0 = vdupq_n_s32(0);
			int32x4_t	sum1 = vdupq_n_s32(0);
			int32x4_t	sum2 = vdupq_n_s32(0);
			int32x4_t	sum3 = vdupq_n_s32(0);

			for (uint32_t i = 0; i < dim; i += 16)
			{
				int8x16_t	x = vld1q_s8(row + i);

				sum0 = add_products(sum0, x, vld1q_s8(col + i));
				sum1 = add_products(sum1, x, vld1q_s8(col + (size_t) dim + i));
				sum2 = add_products(sum2, x, vld1q_s8(col + 2 * (size_t) dim + i));
				sum3 = add_products(sum3, x, vld1q_s8(col + 3 * (size_t) dim + i));
			}
			vst1q_s32(out + (size_t) r * out_stride + c,
					  vpaddq_s32(vpaddq_s32(sum0, sum1), vpaddq_s32(sum2, sum3)));
		}
	for (; c < col_count; c++)
		for (uint32_t r = 0; r < row_count; r++)
		{
			const int8_t *row = rows + (size_t) r * dim;
			const int8_t *col = cols + (size_t) c * dim;
			int32x4_t	sum = vdupq_n_s32(0);

			for (uint32_t i = 0; i < dim; i += 16)
				sum = add_products(sum, vld1q_s8(row + i), vld1q_s8(col + i));
			out[(size_t) r * out_stride + c] = vaddvq_s32(sum);
		}
}

uint32_t
omen_near_i32_neon(const int32_t *products, const float *base, const float *scale, uint32_t count,
				  float factor, float limit, uint32_t *index, float *values)
{
	uint32_t	found = 0;
	uint32_t	c = 0;

	for (; c + 4 <= count; c += 4)
	{
		float32x4_t weight = vmulq_n_f32(vld1q_f32(scale + c), factor);
		float32x4_t value = vsubq_f32(vld1q_f32(base + c), vmulq_f32(weight, vcvtq_f32_s32(vld1q_s32(products + c))));
		float		lanes[4];

		if (vmaxvq_u32(vcltq_f32(value, vdupq_n_f32(limit))) == 0)
			continue;
		vst1q_f32(lanes, value);
		for (uint32_t j = 0; j < 4; j++)
			if (lanes[j] < limit)
			{
				index[found] = c + j;
				values[found++] = lanes[j];
			}
	}
	for (; c < count; c++)
	{
		float		value = base[c] - factor * scale[c] * (float) products[c];

		if (value < limit)
		{
			index[found] = c;
			values[found++] = value;
		}
	}
	return found;
}
