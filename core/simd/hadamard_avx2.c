/*
 * hadamard_avx2.c - Walsh-Hadamard transform, 64 values at a time in registers.
 *
 * Strides 1, 2 and 4 lie inside a register: the neighbour is shuffled over
 * and self added with its sign (self * -1 is exact, so this rounds like the
 * subtraction it stands for).  Strides 8 to 32 lie between registers, and
 * the rest take two strides a pass over memory.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <immintrin.h>

#include "simd_kernels.h"

static inline void
butterfly(__m256 *x, __m256 *y)
{
	__m256		sum = _mm256_add_ps(*x, *y);

	*y = _mm256_sub_ps(*x, *y);
	*x = sum;
}

static inline __m256
transform_8(__m256 v)
{
	const __m256 sign1 = _mm256_setr_ps(1, -1, 1, -1, 1, -1, 1, -1);
	const __m256 sign2 = _mm256_setr_ps(1, 1, -1, -1, 1, 1, -1, -1);
	const __m256 sign4 = _mm256_setr_ps(1, 1, 1, 1, -1, -1, -1, -1);

	v = _mm256_fmadd_ps(v, sign1, _mm256_permute_ps(v, 0xb1));
	v = _mm256_fmadd_ps(v, sign2, _mm256_permute_ps(v, 0x4e));
	v = _mm256_fmadd_ps(v, sign4, _mm256_permute2f128_ps(v, v, 1));
	return v;
}

/* Strides 1 to 32 of 64 values. */
static inline void
transform_64(float *values)
{
	__m256		v[8];

#pragma GCC unroll 8
	for (int i = 0; i < 8; i++)
		v[i] = transform_8(_mm256_loadu_ps(values + 8 * i));
#pragma GCC unroll 3
	for (int step = 1; step < 8; step *= 2)
#pragma GCC unroll 8
		for (int i = 0; i < 8; i++)
			if ((i & step) == 0)
				butterfly(&v[i], &v[i + step]);
#pragma GCC unroll 8
	for (int i = 0; i < 8; i++)
		_mm256_storeu_ps(values + 8 * i, v[i]);
}

static void
pass_one_stride(float *values, uint32_t n, uint32_t stride)
{
	for (uint32_t base = 0; base < n; base += 2 * stride)
		for (uint32_t i = base; i < base + stride; i += 8)
		{
			__m256		x = _mm256_loadu_ps(values + i);
			__m256		y = _mm256_loadu_ps(values + i + stride);

			butterfly(&x, &y);
			_mm256_storeu_ps(values + i, x);
			_mm256_storeu_ps(values + i + stride, y);
		}
}

static void
pass_two_strides(float *values, uint32_t n, uint32_t stride)
{
	for (uint32_t base = 0; base < n; base += 4 * stride)
		for (uint32_t i = base; i < base + stride; i += 8)
		{
			__m256		a = _mm256_loadu_ps(values + i);
			__m256		b = _mm256_loadu_ps(values + i + stride);
			__m256		c = _mm256_loadu_ps(values + i + 2 * stride);
			__m256		d = _mm256_loadu_ps(values + i + 3 * stride);

			butterfly(&a, &b);
			butterfly(&c, &d);
			butterfly(&a, &c);
			butterfly(&b, &d);
			_mm256_storeu_ps(values + i, a);
			_mm256_storeu_ps(values + i + stride, b);
			_mm256_storeu_ps(values + i + 2 * stride, c);
			_mm256_storeu_ps(values + i + 3 * stride, d);
		}
}

void
omen_hadamard_f32_avx2(float *values, uint32_t n)
{
	uint32_t	stride;

	if (n < 8)
	{
		omen_hadamard_f32_scalar(values, n);
		return;
	}
	if (n < 64)
	{
		for (uint32_t i = 0; i < n; i += 8)
			_mm256_storeu_ps(values + i, transform_8(_mm256_loadu_ps(values + i)));
		stride = 8;
	}
	else
	{
		for (uint32_t i = 0; i < n; i += 64)
			transform_64(values + i);
		stride = 64;
	}
	for (; stride * 4 <= n; stride *= 4)
		pass_two_strides(values, n, stride);
	if (stride * 2 <= n)
		pass_one_stride(values, n, stride);
}
