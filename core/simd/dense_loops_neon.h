/*
 * dense_loops_neon.h - distances between vectors, four lanes, for any element.
 *
 * A kernel of halves is the kernel of floats with another load.  This file
 * defines l2sq, dot, l1, cosine and norm_sq for one type of element and is
 * included once by the file of each, which has defined
 *
 *	ELEMENT					the type
 *	KERNEL(op)				the name of the kernel of an operation
 *	LOAD(p)					four elements as floats
 *	LOAD_UP_TO_4(p, count)	the first min(count, 4), zeros after them
 *
 * Four accumulators cover the latency of a fused multiply-add.  The last one
 * to three elements are copied first, to read nothing behind them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <arm_neon.h>

#include "lanes_neon.h"
#include "simd_kernels.h"

float
KERNEL(l2sq)(const ELEMENT *a, const ELEMENT *b, uint32_t dim)
{
	float32x4_t sum[4] = {vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0)};
	float32x4_t diff;
	uint32_t	i = 0;

	for (; i + 16 <= dim; i += 16)
		for (int lane = 0; lane < 4; lane++)
		{
			diff = vsubq_f32(LOAD(a + i + 4 * lane), LOAD(b + i + 4 * lane));
			sum[lane] = vfmaq_f32(sum[lane], diff, diff);
		}
	for (; i < dim; i += 4)
	{
		diff = vsubq_f32(LOAD_UP_TO_4(a + i, dim - i), LOAD_UP_TO_4(b + i, dim - i));
		sum[0] = vfmaq_f32(sum[0], diff, diff);
	}
	return add_lanes_f32x4(sum);
}

float
KERNEL(dot)(const ELEMENT *a, const ELEMENT *b, uint32_t dim)
{
	float32x4_t sum[4] = {vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0)};
	uint32_t	i = 0;

	for (; i + 16 <= dim; i += 16)
		for (int lane = 0; lane < 4; lane++)
			sum[lane] = vfmaq_f32(sum[lane], LOAD(a + i + 4 * lane), LOAD(b + i + 4 * lane));
	for (; i < dim; i += 4)
		sum[0] = vfmaq_f32(sum[0], LOAD_UP_TO_4(a + i, dim - i), LOAD_UP_TO_4(b + i, dim - i));
	return add_lanes_f32x4(sum);
}

float
KERNEL(l1)(const ELEMENT *a, const ELEMENT *b, uint32_t dim)
{
	float32x4_t sum[4] = {vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0)};
	uint32_t	i = 0;

	for (; i + 16 <= dim; i += 16)
		for (int lane = 0; lane < 4; lane++)
			sum[lane] = vaddq_f32(sum[lane], vabdq_f32(LOAD(a + i + 4 * lane), LOAD(b + i + 4 * lane)));
	for (; i < dim; i += 4)
		sum[0] = vaddq_f32(sum[0], vabdq_f32(LOAD_UP_TO_4(a + i, dim - i), LOAD_UP_TO_4(b + i, dim - i)));
	return add_lanes_f32x4(sum);
}

OmenCosineParts
KERNEL(cosine)(const ELEMENT *a, const ELEMENT *b, uint32_t dim)
{
	float32x4_t dot[2] = {vdupq_n_f32(0), vdupq_n_f32(0)};
	float32x4_t norm_a[2] = {vdupq_n_f32(0), vdupq_n_f32(0)};
	float32x4_t norm_b[2] = {vdupq_n_f32(0), vdupq_n_f32(0)};
	float32x4_t x;
	float32x4_t y;
	uint32_t	i = 0;

	for (; i + 8 <= dim; i += 8)
		for (int lane = 0; lane < 2; lane++)
		{
			x = LOAD(a + i + 4 * lane);
			y = LOAD(b + i + 4 * lane);
			dot[lane] = vfmaq_f32(dot[lane], x, y);
			norm_a[lane] = vfmaq_f32(norm_a[lane], x, x);
			norm_b[lane] = vfmaq_f32(norm_b[lane], y, y);
		}
	for (; i < dim; i += 4)
	{
		x = LOAD_UP_TO_4(a + i, dim - i);
		y = LOAD_UP_TO_4(b + i, dim - i);
		dot[0] = vfmaq_f32(dot[0], x, y);
		norm_a[0] = vfmaq_f32(norm_a[0], x, x);
		norm_b[0] = vfmaq_f32(norm_b[0], y, y);
	}
	return (OmenCosineParts) {
		.dot = vaddvq_f32(vaddq_f32(dot[0], dot[1])),
		.norm_sq_a = vaddvq_f32(vaddq_f32(norm_a[0], norm_a[1])),
		.norm_sq_b = vaddvq_f32(vaddq_f32(norm_b[0], norm_b[1])),
	};
}

double
KERNEL(norm_sq)(const ELEMENT *a, uint32_t dim)
{
	float64x2_t sum[4] = {vdupq_n_f64(0), vdupq_n_f64(0), vdupq_n_f64(0), vdupq_n_f64(0)};
	uint32_t	i = 0;

	for (; i + 8 <= dim; i += 8)
		for (int lane = 0; lane < 2; lane++)
			add_squares_f64(LOAD(a + i + 4 * lane), &sum[2 * lane], &sum[2 * lane + 1]);
	for (; i < dim; i += 4)
		add_squares_f64(LOAD_UP_TO_4(a + i, dim - i), &sum[0], &sum[1]);
	return add_lanes_f64x4(sum);
}
