/*
 * dots_i8_avx2.c - a tile of integer dot products, two rows by three columns.
 *
 * |row| times column with row's sign: products of at most 127 * 127, two of
 * which fit sixteen bits, so the saturating multiply-add never saturates.
 * (Hence no -128 in the contract.)
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <immintrin.h>

#include "lanes_avx2.h"
#include "simd_kernels.h"

#define TILE_COLS 3

/* Sums are variables of their own: GCC 12 keeps an array of them in memory. */
#define THREE(X) X(0) X(1) X(2)
#define START(c) __m256i sum_##c = _mm256_setzero_si256(), next_##c = _mm256_setzero_si256();
#define STEP(c) \
	{ \
		__m256i		col = _mm256_loadu_si256((const __m256i *) (cols + (size_t) c * dim + i)); \
		\
		sum_##c = add_products(sum_##c, magnitude, _mm256_sign_epi8(col, row)); \
		next_##c = add_products(next_##c, next_magnitude, _mm256_sign_epi8(col, next_row)); \
	}
#define STORE(c) \
	out[c] = add_lanes_i32(sum_##c); \
	next_out[c] = add_lanes_i32(next_##c);

static inline __m256i
add_products(__m256i sum, __m256i magnitude, __m256i signed_col)
{
	return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(magnitude, signed_col),
												   _mm256_set1_epi16(1)));
}

static __attribute__((noinline)) void
dot_2x3(const int8_t *rows, const int8_t *cols, uint32_t dim, int32_t *out, int32_t *next_out)
{
	THREE(START)

	for (uint32_t i = 0; i < dim; i += 32)
	{
		__m256i		row = _mm256_loadu_si256((const __m256i *) (rows + i));
		__m256i		next_row = _mm256_loadu_si256((const __m256i *) (rows + dim + i));
		__m256i		magnitude = _mm256_abs_epi8(row);
		__m256i		next_magnitude = _mm256_abs_epi8(next_row);

		THREE(STEP)
	}
	THREE(STORE)
}

static int32_t
dot_one(const int8_t *row_start, const int8_t *col, uint32_t dim)
{
	__m256i		sum = _mm256_setzero_si256();

	for (uint32_t i = 0; i < dim; i += 32)
	{
		__m256i		row = _mm256_loadu_si256((const __m256i *) (row_start + i));

		sum = add_products(sum, _mm256_abs_epi8(row),
						   _mm256_sign_epi8(_mm256_loadu_si256((const __m256i *) (col + i)), row));
	}
	return add_lanes_i32(sum);
}

void
omen_dots_i8_avx2(const int8_t *rows, uint32_t row_count,
				  const int8_t *cols, uint32_t col_count,
				  uint32_t dim, int32_t *out, uint32_t out_stride)
{
	for (uint32_t c = 0; c < col_count; c += TILE_COLS)
	{
		const int8_t *tile_cols = cols + (size_t) c * dim;
		uint32_t	r = 0;

		for (; r + 2 <= row_count && c + TILE_COLS <= col_count; r += 2)
		{
			int32_t    *tile_out = out + (size_t) r * out_stride + c;

			dot_2x3(rows + (size_t) r * dim, tile_cols, dim, tile_out, tile_out + out_stride);
		}
		for (; r < row_count; r++)
			for (uint32_t i = 0; i < TILE_COLS && c + i < col_count; i++)
				out[(size_t) r * out_stride + c + i] =
					dot_one(rows + (size_t) r * dim, tile_cols + (size_t) i * dim, dim);
	}
}

uint32_t
omen_near_i32_avx2(const int32_t *products, const float *base, const float *scale, uint32_t count,
				  float factor, float limit, uint32_t *index, float *values)
{
	uint32_t	found = 0;
	uint32_t	c = 0;

	for (; c + 8 <= count; c += 8)
	{
		__m256		weight = _mm256_mul_ps(_mm256_set1_ps(factor), _mm256_loadu_ps(scale + c));
		__m256		product = _mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i *) (products + c)));
		__m256		value = _mm256_sub_ps(_mm256_loadu_ps(base + c), _mm256_mul_ps(weight, product));
		int			below = _mm256_movemask_ps(_mm256_cmp_ps(value, _mm256_set1_ps(limit), _CMP_LT_OQ));
		float		lanes[8];

		if (below == 0)
			continue;
		_mm256_storeu_ps(lanes, value);
		for (; below != 0; below &= below - 1)
		{
			uint32_t	j = (uint32_t) __builtin_ctz((unsigned) below);

			index[found] = c + j;
			values[found++] = lanes[j];
		}
	}
	/* one by one to the end, without writing past it */
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
