/*
 * simd.h - the arithmetic kernels, one table per instruction set.
 *
 * The table is chosen once: omen_simd_select() takes the best set that both
 * this build and this processor have, or the one named by OMENDB_SIMD
 * (scalar, avx2, avx512, neon).  `scalar` is the reference: every other table
 * must agree with it, exactly for integers and within the tolerance stated in
 * simd_test.c for floats.
 *
 * Lengths are in elements unless named `bytes`.  No pointer needs more
 * alignment than its element has.
 * A length of zero is allowed everywhere and gives zero.  Non-finite input
 * gives whatever IEEE arithmetic gives; no kernel traps.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_SIMD_H
#define OMEN_SIMD_H

#include "omen/status.h"

typedef uint16_t OmenHalf;		/* IEEE 754 binary16, as its bits */

/* What cosine similarity needs, found in one pass. */
typedef struct OmenCosineParts
{
	float		dot;
	float		norm_sq_a;
	float		norm_sq_b;
} OmenCosineParts;

/* What a sign code's factors are made of (omen/rabitq.h). */
typedef struct OmenSignSums
{
	float		norm_sq;		/* of the residual */
	float		l1;				/* sum of its magnitudes */
	float		center_product; /* sum of the center's coordinates, signed as the residual's */
} OmenSignSums;

/* How well a four-bit code fits its residual r; u are its levels, -7.5 to 7.5. */
typedef struct OmenU4Fit
{
	float		product;		/* <u, r> */
	float		norm_sq;		/* |u|^2 */
} OmenU4Fit;

/* Width of a scan block: codes that are scored together. */
#define OMEN_BLOCK_CODES 32
/* Highest entry of a scan lookup table: 8 of them fit eight bits (4 positions x 2 nibbles). */
#define OMEN_LUT_MAX 31

/* For sum_bounds and sum_estimates: the same for all codes of a list. */
typedef struct OmenSumTerms
{
	float		step;
	float		base;
	float		gap_sq;
	float		gap_error;
	float		blur;
	float		most;
} OmenSumTerms;

typedef struct OmenSimd
{
	const char *name;

	/* ---- f32 ---- */
	float		(*l2sq_f32) (const float *a, const float *b, uint32_t dim);
	float		(*dot_f32) (const float *a, const float *b, uint32_t dim);
	float		(*l1_f32) (const float *a, const float *b, uint32_t dim);
	OmenCosineParts (*cosine_f32) (const float *a, const float *b, uint32_t dim);
	double		(*norm_sq_f32) (const float *a, uint32_t dim);	/* accumulated in double */

	/* ---- f16, accumulated in float ---- */
	float		(*l2sq_f16) (const OmenHalf *a, const OmenHalf *b, uint32_t dim);
	float		(*dot_f16) (const OmenHalf *a, const OmenHalf *b, uint32_t dim);
	float		(*l1_f16) (const OmenHalf *a, const OmenHalf *b, uint32_t dim);
	OmenCosineParts (*cosine_f16) (const OmenHalf *a, const OmenHalf *b, uint32_t dim);
	double		(*norm_sq_f16) (const OmenHalf *a, uint32_t dim);
	void		(*f32_from_f16) (float *out, const OmenHalf *in, uint32_t dim);
	/* round to nearest, ties to even; overflow gives infinity */
	void		(*f16_from_f32) (OmenHalf *out, const float *in, uint32_t dim);

	/* ---- bits ---- */
	uint64_t	(*hamming_bits) (const uint8_t *a, const uint8_t *b, uint32_t bytes);
	/* *both = |a AND b|, *either = |a OR b| */
	void		(*jaccard_bits) (const uint8_t *a, const uint8_t *b, uint32_t bytes,
								 uint64_t *both, uint64_t *either);

	/* ---- sparse: index arrays ascending without repeats ---- */
	float		(*dot_sparse) (const int32_t *index_a, const float *value_a, uint32_t count_a,
							   const int32_t *index_b, const float *value_b, uint32_t count_b);

	/* ---- keys of columns beside the vector, 32 at a time ---- */

	/* Bit i: low <= keys[i] <= high, where low <= high. */
	uint32_t	(*keys_within) (const uint64_t keys[OMEN_BLOCK_CODES], uint64_t low, uint64_t high);
	/* Bit i: keys[i] has all of these bits. */
	uint32_t	(*keys_covering) (const uint64_t keys[OMEN_BLOCK_CODES], uint64_t bits);

	/* ---- RaBitQ ----
	 *
	 * A query's tables.  lut_fill writes `dim` x 4 entries (dim is a multiple
	 * of 4), 16 for each four coordinates: entry k is the sum of the
	 * coordinates whose bit is set in k, less the least such sum, times
	 * `inverse`, rounded and at most OMEN_LUT_MAX.  i16_from_f32 rounds
	 * in[i] * inverse, which fits.  Tables may differ by one in the last
	 * place where a product lies halfway.
	 */
	void		(*lut_fill) (const float *query, uint32_t dim, float inverse, uint8_t *lut);
	void		(*i16_from_f32) (int16_t *out, const float *in, float inverse, uint32_t dim);

	/*
	 * Adds to sums[0..31] the scores of the 32 codes of one block (or of a
	 * run of its byte positions: blocks are cut at page ends).  `codes` holds
	 * `positions` rows of 32 bytes, row p byte j being byte p of code j.
	 * `lut` holds 32 bytes a position: 16 entries for the low nibble, then 16
	 * for the high one, each at most OMEN_LUT_MAX.
	 */
	void		(*lut_scan) (const uint8_t *lut, const uint8_t *codes, uint32_t positions,
							 uint32_t sums[OMEN_BLOCK_CODES]);

	/*
	 * What a block's table sums tell of its codes, in these roundings:
	 * estimate[i] = add[i] + gap_sq - 2 scale[i] x (step x sums[i] + base), and
	 * lower[i] = estimate[i] - (gap_error x error[i] + blur), both `most` when greater
	 * or NaN; scale and error are bfloat16.  Returns bit i: lower[i] < worst.
	 */
	uint32_t	(*sum_bounds) (const uint32_t sums[OMEN_BLOCK_CODES], const OmenSumTerms *terms,
							   const float add[OMEN_BLOCK_CODES], const uint16_t scale[OMEN_BLOCK_CODES],
							   const uint16_t error[OMEN_BLOCK_CODES], float worst,
							   float estimate[OMEN_BLOCK_CODES], float lower[OMEN_BLOCK_CODES]);
	/* The estimates alone, with scales as floats. */
	void		(*sum_estimates) (const uint32_t sums[OMEN_BLOCK_CODES], const OmenSumTerms *terms,
								  const float add[OMEN_BLOCK_CODES], const float scale[OMEN_BLOCK_CODES],
								  float estimate[OMEN_BLOCK_CODES]);

	/*
	 * Sum of code[i] * query[i].  u4: two dimensions a byte, even dimension
	 * in the low nibble; dim is even.  The caller scales the query so that
	 * the sum of absolute products fits int32.
	 */
	int32_t		(*dot_u4_i16) (const uint8_t *code, const int16_t *query, uint32_t dim);
	int32_t		(*dot_u8_i16) (const uint8_t *code, const int16_t *query, uint32_t dim);

	/*
	 * A tile of integer dot products for clustering: out[r * out_stride + c] =
	 * sum over i of rows[r * dim + i] * cols[c * dim + i], r < row_count,
	 * c < col_count.  Values lie in -127..127 (never -128), dim is a multiple
	 * of 64 and at most 16,384, so no sum overflows int32.  Fastest when rows
	 * and cols begin at multiples of 64 bytes.
	 */
	void		(*dots_i8) (const int8_t *rows, uint32_t row_count,
							const int8_t *cols, uint32_t col_count,
							uint32_t dim, int32_t *out, uint32_t out_stride);

	/*
	 * What is near, of a tile's row: wherever value = base[c] - factor *
	 * scale[c] * products[c] is below the limit, c and the value are put at
	 * the end of index[] and values[], which have room for `count`.  Returns
	 * how many.
	 */
	uint32_t	(*near_i32) (const int32_t *products, const float *base, const float *scale, uint32_t count,
							 float factor, float limit, uint32_t *index, float *values);

	/* ---- coding rows; dim is a multiple of 64 ---- */

	/* The greatest magnitude; NaN counts as none. */
	float		(*max_abs_f32) (const float *values, uint32_t dim);
	/* values x inverse to the nearest integer, halves away from zero, NaN as 0; no product beyond 127.4 */
	void		(*i8_from_f32) (const float *values, float inverse, uint32_t dim, int8_t *out);
	/* Bit i of byte p is set where dimension 8p + i of the residual is not negative. */
	OmenSignSums (*sign_code_f32) (const float *residual, const float *center, uint32_t dim, uint8_t *code);
	/*
	 * Levels 0 .. 15 of values x inverse + 8, cut off; two a byte, the even
	 * dimension in the low nibble.  Values are finite.  The fit alone, to
	 * choose `inverse` by; then the code, and <u, center> as the result.
	 */
	OmenU4Fit	(*u4_fit_f32) (const float *residual, float inverse, uint32_t dim);
	float		(*u4_code_f32) (const float *residual, const float *center, float inverse, uint32_t dim,
								uint8_t *code);

	/* In-place Walsh-Hadamard transform of n (a power of two) values, unnormalised. */
	void		(*hadamard_f32) (float *values, uint32_t n);
} OmenSimd;

/* The chosen table.  Scalar until omen_simd_select() has run; never NULL. */
extern const OmenSimd *omen_simd;

/*
 * Chooses omen_simd.  `name` forces one; NULL means the environment's
 * OMENDB_SIMD, else the best.  OMEN_UNSUPPORTED, and no change, when the named
 * set is unknown, not built in, or not had by this processor.
 */
OmenStatus	omen_simd_select(const char *name, OmenError *err);

/* Every table this processor can run, scalar first, best last; returns their number. */
uint32_t	omen_simd_available(const OmenSimd **tables, uint32_t max);

#endif							/* OMEN_SIMD_H */
