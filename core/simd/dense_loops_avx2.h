/*
 * dense_loops_avx2.h - distances between vectors, eight lanes, for any element.
 *
 * A kernel of halves is the kernel of floats with another load.  This file
 * defines l2sq, dot, l1, cosine and norm_sq for one type of element and is
 * included once by the file of each, which has defined
 *
 *	ELEMENT					the type
 *	KERNEL(op)				the name of the kernel of an operation
 *	LOAD(p)					eight elements as floats
 *	LOAD_UP_TO_8(p, count)	the first min(count, 8), zeros after them
 *
 * Four accumulators cover the latency of a fused multiply-add.  A masked
 * load of floats reads nothing outside its mask; the last halves are copied.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <immintrin.h>

#include "lanes_avx2.h"
#include "simd_kernels.h"

float
KERNEL(l2sq)(const ELEMENT *a, const ELEMENT *b, uint32_t dim)
{
	__m256		sum[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
	__m256		diff;
	uint32_t	i = 0;

	for (; i + 32 <= dim; i += 32)
		for (int lane = 0; lane < 4; lane++)
		{
			diff = _mm256_sub_ps(LOAD(a + i + 8 * lane), LOAD(b + i + 8 * lane));
			sum[lane] = _mm256_fmadd_ps(diff, diff, sum[lane]);
		}
	for (; i < dim; i += 8)
	{
		diff = _mm256_sub_ps(LOAD_UP_TO_8(a + i, dim - i), LOAD_UP_TO_8(b + i, dim - i));
		sum[0] = _mm256_fmadd_ps(diff, diff, sum[0]);
	}
	return add_lanes_f32x4(sum);
}

float
KERNEL(dot)(const ELEMENT *a, const ELEMENT *b, uint32_t dim)
{
	__m256		sum[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
	uint32_t	i = 0;

	for (; i + 32 <= dim; i += 32)
		for (int lane = 0; lane < 4; lane++)
			sum[lane] = _mm256_fmadd_ps(LOAD(a + i + 8 * lane), LOAD(b + i + 8 * lane), sum[lane]);
	for (; i < dim; i += 8)
		sum[0] = _mm256_fmadd_ps(LOAD_UP_TO_8(a + i, dim - i), LOAD_UP_TO_8(b + i, dim - i), sum[0]);
	return add_lanes_f32x4(sum);
}

float
KERNEL(l1)(const ELEMENT *a, const ELEMENT *b, uint32_t dim)
{
	const __m256 sign = _mm256_set1_ps(-0.0f);
	__m256		sum[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
	__m256		diff;
	uint32_t	i = 0;

	for (; i + 32 <= dim; i += 32)
		for (int lane = 0; lane < 4; lane++)
		{
			diff = _mm256_sub_ps(LOAD(a + i + 8 * lane), LOAD(b + i + 8 * lane));
			sum[lane] = _mm256_add_ps(sum[lane], _mm256_andnot_ps(sign, diff));
		}
	for (; i < dim; i += 8)
	{
		diff = _mm256_sub_ps(LOAD_UP_TO_8(a + i, dim - i), LOAD_UP_TO_8(b + i, dim - i));
		sum[0] = _mm256_add_ps(sum[0], _mm256_andnot_ps(sign, diff));
	}
	return add_lanes_f32x4(sum);
}

OmenCosineParts
KERNEL(cosine)(const ELEMENT *a, const ELEMENT *b, uint32_t dim)
{
	__m256		dot[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
	__m256		norm_a[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
	__m256		norm_b[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
	__m256		x;
	__m256		y;
	uint32_t	i = 0;

	for (; i + 16 <= dim; i += 16)
		for (int lane = 0; lane < 2; lane++)
		{
			x = LOAD(a + i + 8 * lane);
			y = LOAD(b + i + 8 * lane);
			dot[lane] = _mm256_fmadd_ps(x, y, dot[lane]);
			norm_a[lane] = _mm256_fmadd_ps(x, x, norm_a[lane]);
			norm_b[lane] = _mm256_fmadd_ps(y, y, norm_b[lane]);
		}
	for (; i < dim; i += 8)
	{
		x = LOAD_UP_TO_8(a + i, dim - i);
		y = LOAD_UP_TO_8(b + i, dim - i);
		dot[0] = _mm256_fmadd_ps(x, y, dot[0]);
		norm_a[0] = _mm256_fmadd_ps(x, x, norm_a[0]);
		norm_b[0] = _mm256_fmadd_ps(y, y, norm_b[0]);
	}
	return (OmenCosineParts) {
		.dot = add_lanes_f32(_mm256_add_ps(dot[0], dot[1])),
		.norm_sq_a = add_lanes_f32(_mm256_add_ps(norm_a[0], norm_a[1])),
		.norm_sq_b = add_lanes_f32(_mm256_add_ps(norm_b[0], norm_b[1])),
	};
}

double
KERNEL(norm_sq)(const ELEMENT *a, uint32_t dim)
{
	__m256d		sum[4] = {_mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd()};
	uint32_t	i = 0;

	for (; i + 16 <= dim; i += 16)
		for (int lane = 0; lane < 2; lane++)
			add_squares_f64(LOAD(a + i + 8 * lane), &sum[2 * lane], &sum[2 * lane + 1]);
	for (; i < dim; i += 8)
		add_squares_f64(LOAD_UP_TO_8(a + i, dim - i), &sum[0], &sum[1]);
	return add_lanes_f64x4(sum);
}
