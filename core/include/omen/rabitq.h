/*
 * rabitq.h - RaBitQ codes: a vector's residual as one bit, or four bits, a
 * dimension, with an unbiased estimate of its distance to a query and a bound
 * on how wrong the estimate is.
 *
 * Gao & Long, SIGMOD 2024 (one bit); Gao et al., SIGMOD 2025 (more bits).
 *
 * All vectors here are already rotated (rotation.h) and `dim` is the padded
 * dimension.  A vector x in the list of centroid c has the residual r = x - c;
 * a query q has g = q - c.  With u the code's values (-1/+1 for signs, -7.5 ..
 * 7.5 for four bits) and scale = |r|^2 / <u, r>,
 *
 *   |q - x|^2  ~  |r|^2 + |g|^2 - 2 scale <u, g>
 *              =  add + |g|^2 - 2 scale <u, q>,    add = |r|^2 + 2 scale <u, c>
 *
 * so that one table made from q serves every list.  The error is at most
 * epsilon x error x |g| but for a probability that falls as exp(-epsilon^2)
 * (SIGMOD 2024, theorem 3.2).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_RABITQ_H
#define OMEN_RABITQ_H

#include "omen/arena.h"
#include "omen/simd.h"

typedef struct OmenCodeFactors
{
	float		add;
	float		scale;
	float		error;
} OmenCodeFactors;

/* `add` of a row that has no place among finite distances: it comes last, but it comes. */
#define OMEN_ADD_LAST 3.0e38f

/* Bytes of a code. */
#define omen_sign_code_bytes(dim) ((dim) / 8)
#define omen_u4_code_bytes(dim) ((dim) / 2)

/* ---- bfloat16, in which the scanned factors are stored: float's range, eight bits of precision ---- */

static inline float
omen_float_from_bf16(uint16_t half)
{
	union
	{
		uint32_t	bits;
		float		value;
	}			u = {(uint32_t) half << 16};

	return u.value;
}

/* Rounds a finite, non-negative value to nearest, or (up) to the next above. */
static inline uint16_t
omen_bf16_from_float(float value, int up)
{
	union
	{
		float		value;
		uint32_t	bits;
	}			u = {value};

	return (uint16_t) ((u.bits + (up ? 0xFFFF : 0x7FFF + ((u.bits >> 16) & 1))) >> 16);
}

/* ---- encoding ---- */

/*
 * The sign code of `residual`: bit i of byte p is set where dimension 8p + i
 * is not negative.  `factors->scale` is already rounded to bfloat16 and
 * `add` computed with the rounded value, so nothing is lost by storing it so;
 * `error` is rounded up.  A zero residual gives scale and error 0.
 */
void		omen_sign_encode(const float *residual, const float *center, uint32_t dim,
							 uint8_t *code, OmenCodeFactors *factors);

/* The four-bit code, even dimensions in low nibbles.  Factors are full floats. */
void		omen_u4_encode(const float *residual, const float *center, uint32_t dim,
						   uint8_t *code, OmenCodeFactors *factors);

/*
 * out = the residual from its four-bit code, scaled so that products with it
 * are right on average: |out|^2 = |residual|^2 + error_norm^2, where *error_norm
 * is the length of what is wrong, at most.  (The least-squares reconstruction, shorter,
 * would put all that lies near the residual too far from it.)
 */
void		omen_u4_decode(const uint8_t *code, const OmenCodeFactors *factors, uint32_t dim,
						   float *out, float *error_norm);

/* ---- scoring ---- */

/* A query made ready to meet codes. */
typedef struct OmenCodeQuery
{
	uint32_t	dim;
	float	   *vector;			/* [dim] the rotated query */
	float		sum;			/* of its coordinates */
	float		norm_sq;
	uint8_t    *lut;			/* [dim / 8][32], for omen_simd->lut_scan */
	float		lut_step;		/* sum over set bits of q ~ lut_step x table sum + lut_base */
	float		lut_base;
	int16_t    *fine;			/* [dim] q ~ fine_step x fine */
	float		fine_step;
} OmenCodeQuery;

/* Allocates for queries of this dimension; query->vector is then the caller's to fill. */
OmenStatus	omen_code_query_init(OmenCodeQuery *query, OmenArena *arena, uint32_t dim);

/* Makes the tables from query->vector. */
void		omen_code_query_prepare(OmenCodeQuery *query);

/* <u, q> for a sign code whose table sum is `sum`. */
static inline float
omen_sign_product(const OmenCodeQuery *query, uint32_t sum)
{
	return 2.0f * (query->lut_step * (float) sum + query->lut_base) - query->sum;
}

/* <u, q> for a four-bit code. */
float		omen_u4_product(const OmenCodeQuery *query, const uint8_t *code);

/*
 * Lays `count` (at most 32) codes of code_bytes each, found `stride` bytes
 * apart, out as one block: out[p * width + j] = byte p of code j, for j <
 * width; lanes past count are zero.
 */
void		omen_block_pack(const uint8_t *codes, size_t stride, uint32_t count, uint32_t code_bytes,
							uint32_t width, uint8_t *out);

#endif							/* OMEN_RABITQ_H */
