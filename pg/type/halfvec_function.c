/*
 * halfvec_function.c - distances and arithmetic of halfvec: what is its own, the
 * rest being that of every dense type.
 *
 * Arithmetic widens to single precision, a block at a time, and rounds back.
 * Rounding twice gives what rounding once would: single precision's 24 digits
 * are twice half's 11 and two more (Figueroa, "When is double rounding
 * innocuous?", 1995).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "omen/simd.h"
#include "type/bits.h"
#include "type/halfvec.h"

#define DENSE_TYPE "halfvec"
#define DENSE_FUNCTION(name) halfvec_##name
#define DENSE_INTERNAL(name) omen_halfvec_##name
#define DENSE_ARGUMENT(n) PG_GETARG_HALFVEC_P(n)
#define DENSE_FROM_DATUM(datum) DatumGetHalfVector(datum)
#define DENSE_KERNEL(op) omen_simd->op##_f16

/* Elements widened at a time: their floats stay in the first-level cache. */
#define BLOCK_DIM 512

typedef HalfVector DenseVector;

static inline bool
overflowed(OmenHalf element)
{
	return !omen_half_is_finite(element);
}

typedef void (*BlockOperation) (float *restrict a, const float *restrict b, int count);

static void
add_block(float *restrict a, const float *restrict b, int count)
{
	for (int i = 0; i < count; i++)
		a[i] += b[i];
}

static void
subtract_block(float *restrict a, const float *restrict b, int count)
{
	for (int i = 0; i < count; i++)
		a[i] -= b[i];
}

static void
multiply_block(float *restrict a, const float *restrict b, int count)
{
	for (int i = 0; i < count; i++)
		a[i] *= b[i];
}

static void
combine(HalfVector *out, const HalfVector *a, const HalfVector *b, BlockOperation operation)
{
	float		left[BLOCK_DIM];
	float		right[BLOCK_DIM];

	for (int start = 0; start < a->dim; start += BLOCK_DIM)
	{
		int			count = Min(BLOCK_DIM, a->dim - start);

		omen_simd->f32_from_f16(left, a->x + start, count);
		omen_simd->f32_from_f16(right, b->x + start, count);
		operation(left, right, count);
		omen_simd->f16_from_f32(out->x + start, left, count);
	}
}

static void
add(HalfVector *out, const HalfVector *a, const HalfVector *b)
{
	combine(out, a, b, add_block);
}

static void
subtract(HalfVector *out, const HalfVector *a, const HalfVector *b)
{
	combine(out, a, b, subtract_block);
}

static bool
multiply(HalfVector *out, const HalfVector *a, const HalfVector *b)
{
	bool		underflow = false;

	combine(out, a, b, multiply_block);
	for (int i = 0; i < a->dim; i++)
		underflow |= omen_half_is_zero(out->x[i]) &&
			!omen_half_is_zero(a->x[i]) && !omen_half_is_zero(b->x[i]);
	return underflow;
}

static void
divide(HalfVector *out, const HalfVector *vec, double divisor)
{
	float		block[BLOCK_DIM];

	for (int start = 0; start < vec->dim; start += BLOCK_DIM)
	{
		int			count = Min(BLOCK_DIM, vec->dim - start);

		omen_simd->f32_from_f16(block, vec->x + start, count);
		for (int i = 0; i < count; i++)
			block[i] = (float) (block[i] / divisor);
		omen_simd->f16_from_f32(out->x + start, block, count);
	}
}

static void
set_signs(bits8 *bits, const HalfVector *vec)
{
	float		block[BLOCK_DIM];

	StaticAssertStmt(BLOCK_DIM % 8 == 0, "a block must end at a byte");
	for (int start = 0; start < vec->dim; start += BLOCK_DIM)
	{
		int			count = Min(BLOCK_DIM, vec->dim - start);

		omen_simd->f32_from_f16(block, vec->x + start, count);
		omen_bits_set_positive(bits + start / 8, block, count);
	}
}

#include "type/dense_distance.h"
#include "type/dense_arith.h"

/* Summed in double. */
OMEN_FUNCTION(halfvec_l2_norm);
Datum
halfvec_l2_norm(PG_FUNCTION_ARGS)
{
	HalfVector *vec = PG_GETARG_HALFVEC_P(0);

	PG_RETURN_FLOAT8(sqrt(omen_simd->norm_sq_f16(vec->x, vec->dim)));
}
