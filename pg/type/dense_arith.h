/*
 * dense_arith.h - dense vectors from dense vectors as SQL functions: + - * ||,
 * parts, unit length, signs.
 *
 * vector and halfvec differ only in how their elements are worked on.  This
 * file defines for one of them add, sub, mul, concat, subvector, l2_normalize,
 * binary_quantize and dims.  Included once by the type's *_function.c, after
 * what dense_distance.h asks for and
 *
 *	DENSE_INTERNAL(name)	the name of its C function: omen_vector_name
 *	overflowed(element)		is it infinite?
 *	add, subtract			(DenseVector *out, a, b), element by element; out may be a
 *	multiply				(DenseVector *out, a, b), out being neither of them; true when
 *							a product is 0 and neither factor is
 *	divide					(DenseVector *out, vec, divisor)
 *	set_signs				(bits, vec): omen_bits_set_positive of its elements
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>

#include "omen/simd.h"
#include "type/bits.h"
#include "type/part.h"
#include "type/value_check.h"
#include "utils/float.h"

static void
check_same_dim(const DenseVector *a, const DenseVector *b)
{
	omen_check_same_dim(DENSE_TYPE, a->dim, b->dim);
}

/* Finite operands can only overflow to infinity. */
static void
check_overflow(const DenseVector *vec)
{
	bool		overflow = false;

	for (int i = 0; i < vec->dim; i++)
		overflow |= overflowed(vec->x[i]);
	if (unlikely(overflow))
		float_overflow_error();
}

/*
 * Also the transition and combine function of sum: there the first argument
 * is the running sum, which is ours to change.
 */
OMEN_FUNCTION(DENSE_FUNCTION(add));
Datum
DENSE_FUNCTION(add)(PG_FUNCTION_ARGS)
{
	DenseVector *a = DENSE_ARGUMENT(0);
	DenseVector *b = DENSE_ARGUMENT(1);
	DenseVector *sum;

	check_same_dim(a, b);
	if (AggCheckCallContext(fcinfo, NULL) == AGG_CONTEXT_AGGREGATE)
		sum = a;
	else
		sum = DENSE_INTERNAL(new)(a->dim);
	add(sum, a, b);
	check_overflow(sum);
	PG_RETURN_POINTER(sum);
}

OMEN_FUNCTION(DENSE_FUNCTION(sub));
Datum
DENSE_FUNCTION(sub)(PG_FUNCTION_ARGS)
{
	DenseVector *a = DENSE_ARGUMENT(0);
	DenseVector *b = DENSE_ARGUMENT(1);
	DenseVector *difference;

	check_same_dim(a, b);
	difference = DENSE_INTERNAL(new)(a->dim);
	subtract(difference, a, b);
	check_overflow(difference);
	PG_RETURN_POINTER(difference);
}

OMEN_FUNCTION(DENSE_FUNCTION(mul));
Datum
DENSE_FUNCTION(mul)(PG_FUNCTION_ARGS)
{
	DenseVector *a = DENSE_ARGUMENT(0);
	DenseVector *b = DENSE_ARGUMENT(1);
	DenseVector *product;
	bool		underflow;

	check_same_dim(a, b);
	product = DENSE_INTERNAL(new)(a->dim);
	underflow = multiply(product, a, b);
	check_overflow(product);
	if (unlikely(underflow))
		float_underflow_error();
	PG_RETURN_POINTER(product);
}

OMEN_FUNCTION(DENSE_FUNCTION(concat));
Datum
DENSE_FUNCTION(concat)(PG_FUNCTION_ARGS)
{
	DenseVector *a = DENSE_ARGUMENT(0);
	DenseVector *b = DENSE_ARGUMENT(1);
	int			dim = a->dim + b->dim;
	DenseVector *joined;

	DENSE_INTERNAL(check_dim)(dim);
	joined = DENSE_INTERNAL(new)(dim);
	memcpy(joined->x, a->x, sizeof(a->x[0]) * a->dim);
	memcpy(joined->x + a->dim, b->x, sizeof(b->x[0]) * b->dim);
	PG_RETURN_POINTER(joined);
}

OMEN_FUNCTION(DENSE_FUNCTION(subvector));
Datum
DENSE_FUNCTION(subvector)(PG_FUNCTION_ARGS)
{
	DenseVector *vec = DENSE_ARGUMENT(0);
	OmenPart	part = omen_part(vec->dim, PG_GETARG_INT32(1), PG_GETARG_INT32(2));
	DenseVector *result;

	DENSE_INTERNAL(check_dim)(part.count);
	result = DENSE_INTERNAL(new)(part.count);
	memcpy(result->x, vec->x + part.first, sizeof(vec->x[0]) * part.count);
	PG_RETURN_POINTER(result);
}

/* The zero vector has no direction; it stays as it is. */
OMEN_FUNCTION(DENSE_FUNCTION(l2_normalize));
Datum
DENSE_FUNCTION(l2_normalize)(PG_FUNCTION_ARGS)
{
	DenseVector *vec = DENSE_ARGUMENT(0);
	double		norm = sqrt(DENSE_KERNEL(norm_sq)(vec->x, vec->dim));
	DenseVector *unit = DENSE_INTERNAL(new)(vec->dim);

	if (norm > 0)
	{
		divide(unit, vec, norm);
		check_overflow(unit);
	}
	PG_RETURN_POINTER(unit);
}

OMEN_FUNCTION(DENSE_FUNCTION(binary_quantize));
Datum
DENSE_FUNCTION(binary_quantize)(PG_FUNCTION_ARGS)
{
	DenseVector *vec = DENSE_ARGUMENT(0);
	VarBit	   *signs = omen_bits_new(vec->dim);

	set_signs(VARBITS(signs), vec);
	PG_RETURN_VARBIT_P(signs);
}

/* Reads the header alone: a long vector stays in its TOAST table. */
OMEN_FUNCTION(DENSE_FUNCTION(dims));
Datum
DENSE_FUNCTION(dims)(PG_FUNCTION_ARGS)
{
	DenseVector *head = (DenseVector *) PG_DETOAST_DATUM_SLICE(PG_GETARG_DATUM(0), 0,
															   offsetof(DenseVector, x) - VARHDRSZ);

	if (unlikely(VARSIZE(head) < offsetof(DenseVector, x)))
		omen_report_corrupt(DENSE_TYPE);
	PG_RETURN_INT32(head->dim);
}
