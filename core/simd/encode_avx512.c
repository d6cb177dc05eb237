/*
 * encode_avx512.c - coding rows, sixteen coordinates a register.
 *
 * Products and sums that decide an integer are rounded apart, as in the scalar
 * kernel; the others are fused.  Two registers a step, so that sums do not
 * wait for each other.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <immintrin.h>

#include "simd_kernels.h"

float
omen_max_abs_f32_avx512(const float *values, uint32_t dim)
{
	__m512		widest[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};

	/* Of a NaN and a number, VMAXPS gives its second operand. */
	for (uint32_t i = 0; i < dim; i += 32)
		for (int h = 0; h < 2; h++)
			widest[h] = _mm512_max_ps(_mm512_abs_ps(_mm512_loadu_ps(values + i + 16 * h)), widest[h]);
	return _mm512_reduce_max_ps(_mm512_max_ps(widest[0], widest[1]));
}

void
omen_i8_from_f32_avx512(const float *values, float inverse, uint32_t dim, int8_t *out)
{
	const __m512 by = _mm512_set1_ps(inverse);
	const __m512 half = _mm512_set1_ps(0.5f);
	const __m512 sign = _mm512_set1_ps(-0.0f);

	for (uint32_t i = 0; i < dim; i += 16)
	{
		__m512		v = _mm512_mul_ps(_mm512_loadu_ps(values + i), by);
		__m512		away = _mm512_or_ps(_mm512_and_ps(v, sign), half);
		__mmask16	number = _mm512_cmp_ps_mask(v, v, _CMP_ORD_Q);
		__m512i		n = _mm512_maskz_cvttps_epi32(number, _mm512_add_ps(v, away));

		_mm_storeu_si128((__m128i *) (out + i), _mm512_cvtepi32_epi8(n));
	}
}

OmenSignSums
omen_sign_code_f32_avx512(const float *residual, const float *center, uint32_t dim, uint8_t *code)
{
	const __m512 zero = _mm512_setzero_ps();
	__m512		square[2] = {zero, zero};
	__m512		absolute[2] = {zero, zero};
	__m512		product[2] = {zero, zero};

	for (uint32_t i = 0; i < dim; i += 32)
		for (int h = 0; h < 2; h++)
		{
			__m512		r = _mm512_loadu_ps(residual + i + 16 * h);
			__m512		c = _mm512_loadu_ps(center + i + 16 * h);
			__mmask16	positive = _mm512_cmp_ps_mask(r, zero, _CMP_GE_OQ);

			square[h] = _mm512_fmadd_ps(r, r, square[h]);
			absolute[h] = _mm512_add_ps(absolute[h], _mm512_abs_ps(r));
			product[h] = _mm512_add_ps(product[h], _mm512_mask_sub_ps(c, (__mmask16) ~positive, zero, c));
			_store_mask16((__mmask16 *) (void *) (code + i / 8 + 2 * h), positive);
		}
	return (OmenSignSums) {
		_mm512_reduce_add_ps(_mm512_add_ps(square[0], square[1])),
		_mm512_reduce_add_ps(_mm512_add_ps(absolute[0], absolute[1])),
		_mm512_reduce_add_ps(_mm512_add_ps(product[0], product[1]))
	};
}

static inline __m512i
u4_levels(__m512 values, __m512 inverse)
{
	__m512		level = _mm512_add_ps(_mm512_mul_ps(values, inverse), _mm512_set1_ps(8.0f));

	level = _mm512_max_ps(level, _mm512_setzero_ps());
	return _mm512_cvttps_epi32(_mm512_min_ps(level, _mm512_set1_ps(15.0f)));
}

OmenU4Fit
omen_u4_fit_f32_avx512(const float *residual, float inverse, uint32_t dim)
{
	const __m512 by = _mm512_set1_ps(inverse);
	__m512		product[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
	__m512		square[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};

	for (uint32_t i = 0; i < dim; i += 32)
		for (int h = 0; h < 2; h++)
		{
			__m512		r = _mm512_loadu_ps(residual + i + 16 * h);
			__m512		u = _mm512_sub_ps(_mm512_cvtepi32_ps(u4_levels(r, by)), _mm512_set1_ps(7.5f));

			product[h] = _mm512_fmadd_ps(u, r, product[h]);
			square[h] = _mm512_fmadd_ps(u, u, square[h]);
		}
	return (OmenU4Fit) {
		_mm512_reduce_add_ps(_mm512_add_ps(product[0], product[1])),
		_mm512_reduce_add_ps(_mm512_add_ps(square[0], square[1]))
	};
}

float
omen_u4_code_f32_avx512(const float *residual, const float *center, float inverse, uint32_t dim, uint8_t *code)
{
	const __m512 by = _mm512_set1_ps(inverse);
	__m512		product[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};

	for (uint32_t i = 0; i < dim; i += 32)
		for (int h = 0; h < 2; h++)
		{
			__m512i		level = u4_levels(_mm512_loadu_ps(residual + i + 16 * h), by);
			__m512		u = _mm512_sub_ps(_mm512_cvtepi32_ps(level), _mm512_set1_ps(7.5f));
			/* the odd dimension's level, four bits above the even one's */
			__m512i		pairs = _mm512_or_si512(level, _mm512_srli_epi64(level, 28));

			product[h] = _mm512_fmadd_ps(u, _mm512_loadu_ps(center + i + 16 * h), product[h]);
			_mm_storel_epi64((__m128i *) (code + i / 2 + 8 * h), _mm512_cvtepi64_epi8(pairs));
		}
	return _mm512_reduce_add_ps(_mm512_add_ps(product[0], product[1]));
}
