/*
 * dots_i8_avx512.c - a tile of integer dot products by VNNI.
 *
 * VPDPBUSD multiplies unsigned by signed bytes, so rows are shifted by 128
 * (one exclusive or) and 128 times the column's sum taken off again; the
 * shifted sums may wrap, the difference may not.  A tile of two rows by
 * twelve columns fills the registers with independent sums, columns coming
 * straight from the first-level cache; tiles of one column group run down all
 * rows while the group stays there.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <immintrin.h>

#include "lanes_avx512.h"
#include "simd_kernels.h"

#define TILE_COLS 12

/* The sums of four registers' lanes, in order. */
static inline __m128i
add_lanes_of_four(__m512i a, __m512i b, __m512i c, __m512i d)
{
	__m512i		ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
	__m512i		cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
	__m512i		abcd = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
	__m256i		half = _mm256_add_epi32(_mm512_castsi512_si256(abcd), _mm512_extracti64x4_epi64(abcd, 1));

	return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

/*
 * sum += row . col, in place.  As an intrinsic, GCC 12 moves each sum to
 * another register and back, runs out of them, and keeps most on the stack,
 * at a third of the speed; for the same reason a tile's sums are variables of
 * their own, written out by macros, and not an array.
 */
#define MULTIPLY_ADD(sum, row, col) \
	__asm__("vpdpbusd %2, %1, %0" : "+v" (sum) : "v" (row), "v" (col))

#define FOUR(X) X(0) X(1) X(2) X(3)
#define TWELVE(X) FOUR(X) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)

#define START_TWO(c) __m512i sum_##c = _mm512_setzero_si512(), next_##c = _mm512_setzero_si512();
#define START_ONE(c) __m512i sum_##c = _mm512_setzero_si512();
#define STEP_TWO(c) \
	{ \
		__m512i		col = _mm512_loadu_si512(cols + (size_t) c * dim + i); \
		\
		MULTIPLY_ADD(sum_##c, row, col); \
		MULTIPLY_ADD(next_##c, next_row, col); \
	}
#define STEP_ONE(c) \
	MULTIPLY_ADD(sum_##c, row, _mm512_loadu_si512(cols + (size_t) c * dim + i));
#define STORE(prefix, out, a, b, c, d) \
	store_four(add_lanes_of_four(prefix##_##a, prefix##_##b, prefix##_##c, prefix##_##d), correction + a, (out) + a)

static inline __m512i
load_shifted(const int8_t *row)
{
	return _mm512_xor_si512(_mm512_loadu_si512(row), _mm512_set1_epi8((char) 0x80));
}

static inline void
store_four(__m128i sums, const int32_t *correction, int32_t *out)
{
	_mm_storeu_si128((__m128i *) out, _mm_sub_epi32(sums, _mm_loadu_si128((const __m128i *) correction)));
}

/* In all of these `correction` holds 128 times the sum of each column. */
static __attribute__((noinline)) void
dot_2x12(const int8_t *rows, const int8_t *cols, uint32_t dim, const int32_t *correction,
		 int32_t *out, uint32_t out_stride)
{
	TWELVE(START_TWO)

	for (uint32_t i = 0; i < dim; i += 64)
	{
		__m512i		row = load_shifted(rows + i);
		__m512i		next_row = load_shifted(rows + dim + i);

		TWELVE(STEP_TWO)
	}
	STORE(sum, out, 0, 1, 2, 3);
	STORE(sum, out, 4, 5, 6, 7);
	STORE(sum, out, 8, 9, 10, 11);
	STORE(next, out + out_stride, 0, 1, 2, 3);
	STORE(next, out + out_stride, 4, 5, 6, 7);
	STORE(next, out + out_stride, 8, 9, 10, 11);
}

static __attribute__((noinline)) void
dot_1x12(const int8_t *row_start, const int8_t *cols, uint32_t dim, const int32_t *correction, int32_t *out)
{
	TWELVE(START_ONE)

	for (uint32_t i = 0; i < dim; i += 64)
	{
		__m512i		row = load_shifted(row_start + i);

		TWELVE(STEP_ONE)
	}
	STORE(sum, out, 0, 1, 2, 3);
	STORE(sum, out, 4, 5, 6, 7);
	STORE(sum, out, 8, 9, 10, 11);
}

static __attribute__((noinline)) void
dot_1x4(const int8_t *row_start, const int8_t *cols, uint32_t dim, const int32_t *correction, int32_t *out)
{
	FOUR(START_ONE)

	for (uint32_t i = 0; i < dim; i += 64)
	{
		__m512i		row = load_shifted(row_start + i);

		FOUR(STEP_ONE)
	}
	STORE(sum, out, 0, 1, 2, 3);
}

static void
sum_columns(const int8_t *cols, uint32_t count, uint32_t dim, int32_t *correction)
{
	const __m512i ones = _mm512_set1_epi8(1);

	for (uint32_t c = 0; c < count; c++)
	{
		__m512i		sum = _mm512_setzero_si512();

		for (uint32_t i = 0; i < dim; i += 64)
			sum = _mm512_dpbusd_epi32(sum, ones, _mm512_loadu_si512(cols + (size_t) c * dim + i));
		correction[c] = 128 * _mm512_reduce_add_epi32(sum);
	}
}

static int32_t
dot_one(const int8_t *row, const int8_t *col, uint32_t dim, int32_t correction)
{
	__m512i		sum = _mm512_setzero_si512();

	for (uint32_t i = 0; i < dim; i += 64)
		sum = _mm512_dpbusd_epi32(sum, load_shifted(row + i), _mm512_loadu_si512(col + i));
	return (int32_t) ((uint32_t) _mm512_reduce_add_epi32(sum) - (uint32_t) correction);
}

void
omen_dots_i8_avx512(const int8_t *rows, uint32_t row_count,
					const int8_t *cols, uint32_t col_count,
					uint32_t dim, int32_t *out, uint32_t out_stride)
{
	int32_t		correction[TILE_COLS];
	uint32_t	c = 0;

	for (; c + TILE_COLS <= col_count; c += TILE_COLS)
	{
		const int8_t *tile_cols = cols + (size_t) c * dim;
		uint32_t	r = 0;

		sum_columns(tile_cols, TILE_COLS, dim, correction);
		for (; r + 2 <= row_count; r += 2)
			dot_2x12(rows + (size_t) r * dim, tile_cols, dim, correction,
					 out + (size_t) r * out_stride + c, out_stride);
		if (r < row_count)
			dot_1x12(rows + (size_t) r * dim, tile_cols, dim, correction, out + (size_t) r * out_stride + c);
	}
	for (; c + 4 <= col_count; c += 4)
	{
		const int8_t *tile_cols = cols + (size_t) c * dim;

		sum_columns(tile_cols, 4, dim, correction);
		for (uint32_t r = 0; r < row_count; r++)
			dot_1x4(rows + (size_t) r * dim, tile_cols, dim, correction, out + (size_t) r * out_stride + c);
	}
	for (; c < col_count; c++)
	{
		const int8_t *col = cols + (size_t) c * dim;

		sum_columns(col, 1, dim, correction);
		for (uint32_t r = 0; r < row_count; r++)
			out[(size_t) r * out_stride + c] = dot_one(rows + (size_t) r * dim, col, dim, correction[0]);
	}
}

uint32_t
omen_near_i32_avx512(const int32_t *products, const float *base, const float *scale, uint32_t count,
				  float factor, float limit, uint32_t *index, float *values)
{
	const __m512i step = _mm512_set1_epi32(16);
	__m512i		lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	uint32_t	found = 0;

	for (uint32_t c = 0; c < count; c += 16)
	{
		__mmask16	mask = mask_up_to_16(count - c);
		__m512		weight = _mm512_mul_ps(_mm512_set1_ps(factor), _mm512_maskz_loadu_ps(mask, scale + c));
		__m512		product = _mm512_cvtepi32_ps(_mm512_maskz_loadu_epi32(mask, products + c));
		__m512		value = _mm512_sub_ps(_mm512_maskz_loadu_ps(mask, base + c), _mm512_mul_ps(weight, product));
		__mmask16	below = _mm512_mask_cmp_ps_mask(mask, value, _mm512_set1_ps(limit), _CMP_LT_OQ);

		if (below != 0)
		{
			uint32_t	few = (uint32_t) __builtin_popcount(below);

			/* VPCOMPRESSD to memory takes a hundred cycles on Zen 4. */
			_mm512_mask_storeu_epi32(index + found, mask_up_to_16(few), _mm512_maskz_compress_epi32(below, lane));
			_mm512_mask_storeu_ps(values + found, mask_up_to_16(few), _mm512_maskz_compress_ps(below, value));
			found += few;
		}
		lane = _mm512_add_epi32(lane, step);
	}
	return found;
}
