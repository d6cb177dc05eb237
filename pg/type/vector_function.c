/*
 * vector_function.c - distances and arithmetic of vector: what is its own, the
 * rest being that of every dense type.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "omen/simd.h"
#include "type/bits.h"
#include "type/vector.h"

#define DENSE_TYPE "vector"
#define DENSE_FUNCTION(name) vector_##name
#define DENSE_INTERNAL(name) omen_vector_##name
#define DENSE_ARGUMENT(n) PG_GETARG_VECTOR_P(n)
#define DENSE_FROM_DATUM(datum) DatumGetVector(datum)
#define DENSE_KERNEL(op) omen_simd->op##_f32

typedef Vector DenseVector;

static inline bool
overflowed(float element)
{
	return isinf(element) != 0;
}

static void
add(Vector *out, const Vector *a, const Vector *b)
{
	for (int i = 0, dim = a->dim; i < dim; i++)
		out->x[i] = a->x[i] + b->x[i];
}

static void
subtract(Vector *out, const Vector *a, const Vector *b)
{
	for (int i = 0, dim = a->dim; i < dim; i++)
		out->x[i] = a->x[i] - b->x[i];
}

static bool
multiply(Vector *out, const Vector *a, const Vector *b)
{
	bool		underflow = false;

	for (int i = 0, dim = a->dim; i < dim; i++)
	{
		out->x[i] = a->x[i] * b->x[i];
		underflow |= out->x[i] == 0 && a->x[i] != 0 && b->x[i] != 0;
	}
	return underflow;
}

static void
divide(Vector *out, const Vector *vec, double divisor)
{
	for (int i = 0, dim = vec->dim; i < dim; i++)
		out->x[i] = (float) (vec->x[i] / divisor);
}

static void
set_signs(bits8 *bits, const Vector *vec)
{
	omen_bits_set_positive(bits, vec->x, vec->dim);
}

#include "type/dense_distance.h"
#include "type/dense_arith.h"

/* Summed in double. */
OMEN_FUNCTION(vector_norm);
Datum
vector_norm(PG_FUNCTION_ARGS)
{
	Vector	   *vec = PG_GETARG_VECTOR_P(0);

	PG_RETURN_FLOAT8(sqrt(omen_simd->norm_sq_f32(vec->x, vec->dim)));
}
