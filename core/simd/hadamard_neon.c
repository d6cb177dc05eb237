/*
 * hadamard_neon.c - Walsh-Hadamard transform, 64 values at a time in registers.
 *
 * Strides 1 and 2 lie inside a register and are done on pairs of registers,
 * where transposing brings neighbours face to face.  Strides 4 to 32 lie
 * between registers, and the rest take two strides a pass over memory.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <arm_neon.h>

#include "simd_kernels.h"

static inline void
butterfly(float32x4_t *x, float32x4_t *y)
{
	float32x4_t sum = vaddq_f32(*x, *y);

	*y = vsubq_f32(*x, *y);
	*x = sum;
}

/* Strides 1 and 2 of two registers' values. */
static inline void
transform_pair(float32x4_t *x, float32x4_t *y)
{
	/* x0 y0 x2 y2 against x1 y1 x3 y3 */
	float32x4_t even = vtrn1q_f32(*x, *y);
	float32x4_t odd = vtrn2q_f32(*x, *y);
	float64x2_t a;
	float64x2_t b;

	butterfly(&even, &odd);
	*x = vtrn1q_f32(even, odd);
	*y = vtrn2q_f32(even, odd);
	/* x0 x1 y0 y1 against x2 x3 y2 y3 */
	a = vtrn1q_f64(vreinterpretq_f64_f32(*x), vreinterpretq_f64_f32(*y));
	b = vtrn2q_f64(vreinterpretq_f64_f32(*x), vreinterpretq_f64_f32(*y));
	even = vreinterpretq_f32_f64(a);
	odd = vreinterpretq_f32_f64(b);
	butterfly(&even, &odd);
	a = vreinterpretq_f64_f32(even);
	b = vreinterpretq_f64_f32(odd);
	*x = vreinterpretq_f32_f64(vtrn1q_f64(a, b));
	*y = vreinterpretq_f32_f64(vtrn2q_f64(a, b));
}

/* Strides 1 to 32 of 64 values. */
static inline void
transform_64(float *values)
{
	float32x4_t v[16];

#pragma GCC unroll 16
	for (int i = 0; i < 16; i++)
		v[i] = vld1q_f32(values + 4 * i);
#pragma GCC unroll 8
	for (int i = 0; i < 16; i += 2)
		transform_pair(&v[i], &v[i + 1]);
#pragma GCC unroll 4
	for (int step = 1; step < 16; step *= 2)
#pragma GCC unroll 16
		for (int i = 0; i < 16; i++)
			if ((i & step) == 0)
				butterfly(&v[i], &v[i + step]);
#pragma GCC unroll 16
	for (int i = 0; i < 16; i++)
		vst1q_f32(values + 4 * i, v[i]);
}

static void
pass_one_stride(float *values, uint32_t n, uint32_t stride)
{
	for (uint32_t base = 0; base < n; base += 2 * stride)
		for (uint32_t i = base; i < base + stride; i += 4)
		{
			float32x4_t x = vld1q_f32(values + i);
			float32x4_t y = vld1q_f32(values + i + stride);

			butterfly(&x, &y);
			vst1q_f32(values + i, x);
			vst1q_f32(values + i + stride, y);
		}
}

static void
pass_two_strides(float *values, uint32_t n, uint32_t stride)
{
	for (uint32_t base = 0; base < n; base += 4 * stride)
		for (uint32_t i = base; i < base + stride; i += 4)
		{
			float32x4_t a = vld1q_f32(values + i);
			float32x4_t b = vld1q_f32(values + i + stride);
			float32x4_t c = vld1q_f32(values + i + 2 * stride);
			float32x4_t d = vld1q_f32(values + i + 3 * stride);

			butterfly(&a, &b);
			butterfly(&c, &d);
			butterfly(&a, &c);
			butterfly(&b, &d);
			vst1q_f32(values + i, a);
			vst1q_f32(values + i + stride, b);
			vst1q_f32(values + i + 2 * stride, c);
			vst1q_f32(values + i + 3 * stride, d);
		}
}

void
omen_hadamard_f32_neon(float *values, uint32_t n)
{
	uint32_t	stride = 64;

	if (n < 64)
	{
		omen_hadamard_f32_scalar(values, n);
		return;
	}
	for (uint32_t i = 0; i < n; i += 64)
		transform_64(values + i);
	for (; stride * 4 <= n; stride *= 4)
		pass_two_strides(values, n, stride);
	if (stride * 2 <= n)
		pass_one_stride(values, n, stride);
}
