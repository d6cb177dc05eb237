/*
 * encode_avx2.c - coding rows, 32 coordinates a step.
 *
 * Products and sums that decide an integer are rounded apart, as in the scalar
 * kernel; the others are fused.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lanes_avx2.h"
#include "simd_kernels.h"

static inline __m256
magnitude(__m256 v)
{
	return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), v);
}

/* The low bytes of 32 integers, in order. */
static inline __m256i
bytes_of(const __m256i n[4])
{
	__m256i		packed = _mm256_packs_epi16(_mm256_packs_epi32(n[0], n[1]), _mm256_packs_epi32(n[2], n[3]));

	return _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

float
omen_max_abs_f32_avx2(const float *values, uint32_t dim)
{
	__m256		widest[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
	float		lanes[8];
	float		most = 0;

	/* Of a NaN and a number, VMAXPS gives its second operand. */
	for (uint32_t i = 0; i < dim; i += 32)
		for (int h = 0; h < 4; h++)
			widest[h] = _mm256_max_ps(magnitude(_mm256_loadu_ps(values + i + 8 * h)), widest[h]);
	_mm256_storeu_ps(lanes, _mm256_max_ps(_mm256_max_ps(widest[0], widest[1]), _mm256_max_ps(widest[2], widest[3])));
	for (int j = 0; j < 8; j++)
		most = lanes[j] > most ? lanes[j] : most;
	return most;
}

void
omen_i8_from_f32_avx2(const float *values, float inverse, uint32_t dim, int8_t *out)
{
	const __m256 by = _mm256_set1_ps(inverse);
	const __m256 half = _mm256_set1_ps(0.5f);
	const __m256 sign = _mm256_set1_ps(-0.0f);

	for (uint32_t i = 0; i < dim; i += 32)
	{
		__m256i		n[4];

		for (int h = 0; h < 4; h++)
		{
			__m256		v = _mm256_mul_ps(_mm256_loadu_ps(values + i + 8 * h), by);
			__m256		away = _mm256_or_ps(_mm256_and_ps(v, sign), half);
			__m256		number = _mm256_cmp_ps(v, v, _CMP_ORD_Q);

			n[h] = _mm256_cvttps_epi32(_mm256_and_ps(number, _mm256_add_ps(v, away)));
		}
		_mm256_storeu_si256((__m256i *) (out + i), bytes_of(n));
	}
}

OmenSignSums
omen_sign_code_f32_avx2(const float *residual, const float *center, uint32_t dim, uint8_t *code)
{
	const __m256 zero = _mm256_setzero_ps();
	const __m256 sign = _mm256_set1_ps(-0.0f);
	__m256		square[4] = {zero, zero, zero, zero};
	__m256		absolute[4] = {zero, zero, zero, zero};
	__m256		product[4] = {zero, zero, zero, zero};

	for (uint32_t i = 0; i < dim; i += 32)
		for (int h = 0; h < 4; h++)
		{
			__m256		r = _mm256_loadu_ps(residual + i + 8 * h);
			__m256		c = _mm256_loadu_ps(center + i + 8 * h);
			__m256		positive = _mm256_cmp_ps(r, zero, _CMP_GE_OQ);

			square[h] = _mm256_fmadd_ps(r, r, square[h]);
			absolute[h] = _mm256_add_ps(absolute[h], magnitude(r));
			product[h] = _mm256_add_ps(product[h], _mm256_xor_ps(c, _mm256_andnot_ps(positive, sign)));
			code[i / 8 + h] = (uint8_t) _mm256_movemask_ps(positive);
		}
	return (OmenSignSums) {add_lanes_f32x4(square), add_lanes_f32x4(absolute), add_lanes_f32x4(product)};
}

static inline __m256i
u4_levels(__m256 values, __m256 inverse)
{
	__m256		level = _mm256_add_ps(_mm256_mul_ps(values, inverse), _mm256_set1_ps(8.0f));

	level = _mm256_max_ps(level, _mm256_setzero_ps());
	return _mm256_cvttps_epi32(_mm256_min_ps(level, _mm256_set1_ps(15.0f)));
}

OmenU4Fit
omen_u4_fit_f32_avx2(const float *residual, float inverse, uint32_t dim)
{
	const __m256 zero = _mm256_setzero_ps();
	const __m256 by = _mm256_set1_ps(inverse);
	__m256		product[4] = {zero, zero, zero, zero};
	__m256		square[4] = {zero, zero, zero, zero};

	for (uint32_t i = 0; i < dim; i += 32)
		for (int h = 0; h < 4; h++)
		{
			__m256		r = _mm256_loadu_ps(residual + i + 8 * h);
			__m256		u = _mm256_sub_ps(_mm256_cvtepi32_ps(u4_levels(r, by)), _mm256_set1_ps(7.5f));

			product[h] = _mm256_fmadd_ps(u, r, product[h]);
			square[h] = _mm256_fmadd_ps(u, u, square[h]);
		}
	return (OmenU4Fit) {add_lanes_f32x4(product), add_lanes_f32x4(square)};
}

float
omen_u4_code_f32_avx2(const float *residual, const float *center, float inverse, uint32_t dim, uint8_t *code)
{
	const __m256 zero = _mm256_setzero_ps();
	const __m256 by = _mm256_set1_ps(inverse);
	const __m256i even_and_odd = _mm256_set1_epi16(0x1001);	/* 1 and 16 */
	__m256		product[4] = {zero, zero, zero, zero};

	for (uint32_t i = 0; i < dim; i += 32)
	{
		__m256i		level[4];
		__m256i		pairs;

		for (int h = 0; h < 4; h++)
		{
			__m256		u;

			level[h] = u4_levels(_mm256_loadu_ps(residual + i + 8 * h), by);
			u = _mm256_sub_ps(_mm256_cvtepi32_ps(level[h]), _mm256_set1_ps(7.5f));
			product[h] = _mm256_fmadd_ps(u, _mm256_loadu_ps(center + i + 8 * h), product[h]);
		}
		pairs = _mm256_maddubs_epi16(bytes_of(level), even_and_odd);
		_mm_storeu_si128((__m128i *) (code + i / 2),
						 _mm_packus_epi16(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1)));
	}
	return add_lanes_f32x4(product);
}
