/*
 * hadamard_avx512.c - Walsh-Hadamard transform, 256 values at a time in registers.
 *
 * Strides 1 to 8 lie inside a register: the neighbour is shuffled over
 * and self added with its sign (self * -1 is exact, so this rounds like the
 * subtraction it stands for).  Strides 16 to 128 lie between registers, and
 * the rest take two strides a pass over memory.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <immintrin.h>

#include "simd_kernels.h"

static inline void
butterfly(__m512 *x, __m512 *y)
{
	__m512		sum = _mm512_add_ps(*x, *y);

	*y = _mm512_sub_ps(*x, *y);
	*x = sum;
}

static inline __m512
transform_16(__m512 v)
{
	const __m512 sign1 = _mm512_setr_ps(1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1);
	const __m512 sign2 = _mm512_setr_ps(1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1);
	const __m512 sign4 = _mm512_setr_ps(1, 1, 1, 1, -1, -1, -1, -1, 1, 1, 1, 1, -1, -1, -1, -1);
	const __m512 sign8 = _mm512_setr_ps(1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1, -1);

	v = _mm512_fmadd_ps(v, sign1, _mm512_permute_ps(v, 0xb1));
	v = _mm512_fmadd_ps(v, sign2, _mm512_permute_ps(v, 0x4e));
	v = _mm512_fmadd_ps(v, sign4, _mm512_shuffle_f32x4(v, v, 0xb1));
	v = _mm512_fmadd_ps(v, sign8, _mm512_shuffle_f32x4(v, v, 0x4e));
	return v;
}

/* Strides 1 to 128 of 256 values. */
static inline void
transform_256(float *values)
{
	__m512		v[16];

#pragma GCC unroll 16
	for (int i = 0; i < 16; i++)
		v[i] = transform_16(_mm512_loadu_ps(values + 16 * i));
#pragma GCC unroll 4
	for (int step = 1; step < 16; step *= 2)
#pragma GCC unroll 16
		for (int i = 0; i < 16; i++)
			if ((i & step) == 0)
				butterfly(&v[i], &v[i + step]);
#pragma GCC unroll 16
	for (int i = 0; i < 16; i++)
		_mm512_storeu_ps(values + 16 * i, v[i]);
}

static void
pass_one_stride(float *values, uint32_t n, uint32_t stride)
{
	for (uint32_t base = 0; base < n; base += 2 * stride)
		for (uint32_t i = base; i < base + stride; i += 16)
		{
			__m512		x = _mm512_loadu_ps(values + i);
			__m512		y = _mm512_loadu_ps(values + i + stride);

			butterfly(&x, &y);
			_mm512_storeu_ps(values + i, x);
			_mm512_storeu_ps(values + i + stride, y);
		}
}

static void
pass_two_strides(float *values, uint32_t n, uint32_t stride)
{
	for (uint32_t base = 0; base < n; base += 4 * stride)
		for (uint32_t i = base; i < base + stride; i += 16)
		{
			__m512		a = _mm512_loadu_ps(values + i);
			__m512		b = _mm512_loadu_ps(values + i + stride);
			__m512		c = _mm512_loadu_ps(values + i + 2 * stride);
			__m512		d = _mm512_loadu_ps(values + i + 3 * stride);

			butterfly(&a, &b);
			butterfly(&c, &d);
			butterfly(&a, &c);
			butterfly(&b, &d);
			_mm512_storeu_ps(values + i, a);
			_mm512_storeu_ps(values + i + stride, b);
			_mm512_storeu_ps(values + i + 2 * stride, c);
			_mm512_storeu_ps(values + i + 3 * stride, d);
		}
}

void
omen_hadamard_f32_avx512(float *values, uint32_t n)
{
	uint32_t	stride;

	if (n < 16)
	{
		omen_hadamard_f32_scalar(values, n);
		return;
	}
	if (n < 256)
	{
		for (uint32_t i = 0; i < n; i += 16)
			_mm512_storeu_ps(values + i, transform_16(_mm512_loadu_ps(values + i)));
		stride = 16;
	}
	else
	{
		for (uint32_t i = 0; i < n; i += 256)
			transform_256(values + i);
		stride = 256;
	}
	for (; stride * 4 <= n; stride *= 4)
		pass_two_strides(values, n, stride);
	if (stride * 2 <= n)
		pass_one_stride(values, n, stride);
}
