/*
 * sparsevec_cast.c - sparsevec to and from the dense types and arrays.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "type/halfvec.h"
#include "type/number_array.h"
#include "type/sparsevec.h"

/* Cast of sparsevec to sparsevec(n): changes nothing, checks n. */
OMEN_FUNCTION(sparsevec_to_typmod);
Datum
sparsevec_to_typmod(PG_FUNCTION_ARGS)
{
	SparseVector *vec = PG_GETARG_SPARSEVEC_P(0);

	omen_check_typmod(PG_GETARG_INT32(1), vec->dim);
	PG_RETURN_SPARSEVEC_P(vec);
}

OMEN_FUNCTION(array_to_sparsevec);
Datum
array_to_sparsevec(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	int32		typmod = PG_GETARG_INT32(1);
	int			dim = omen_array_count(array);
	float	   *values;
	SparseVector *vec;

	omen_sparsevec_check_dim(dim);
	omen_check_typmod(typmod, dim);

	values = omen_array_floats(array, dim);
	vec = omen_sparsevec_from_floats(values, dim);
	pfree(values);
	PG_RETURN_SPARSEVEC_P(vec);
}

OMEN_FUNCTION(vector_to_sparsevec);
Datum
vector_to_sparsevec(PG_FUNCTION_ARGS)
{
	Vector	   *vec = PG_GETARG_VECTOR_P(0);

	omen_check_typmod(PG_GETARG_INT32(1), vec->dim);
	PG_RETURN_SPARSEVEC_P(omen_sparsevec_from_floats(vec->x, vec->dim));
}

OMEN_FUNCTION(halfvec_to_sparsevec);
Datum
halfvec_to_sparsevec(PG_FUNCTION_ARGS)
{
	HalfVector *half = PG_GETARG_HALFVEC_P(0);
	float		values[HALFVEC_MAX_DIM];

	omen_check_typmod(PG_GETARG_INT32(1), half->dim);
	omen_simd->f32_from_f16(values, half->x, half->dim);
	PG_RETURN_SPARSEVEC_P(omen_sparsevec_from_floats(values, half->dim));
}

/* The position of element i, which a damaged page may have put outside the vector. */
static int32
get_position(const SparseVector *vec, int i)
{
	int32		position = vec->indices[i];

	if (unlikely(position < 0 || position >= vec->dim))
		omen_report_corrupt("sparsevec");
	return position;
}

OMEN_FUNCTION(sparsevec_to_vector);
Datum
sparsevec_to_vector(PG_FUNCTION_ARGS)
{
	SparseVector *sparse = PG_GETARG_SPARSEVEC_P(0);
	Vector	   *vec;

	omen_vector_check_dim(sparse->dim);
	omen_check_typmod(PG_GETARG_INT32(1), sparse->dim);

	vec = omen_vector_new(sparse->dim);
	for (int i = 0; i < sparse->nnz; i++)
		vec->x[get_position(sparse, i)] = SPARSEVEC_VALUES(sparse)[i];
	PG_RETURN_VECTOR_P(vec);
}

OMEN_FUNCTION(sparsevec_to_halfvec);
Datum
sparsevec_to_halfvec(PG_FUNCTION_ARGS)
{
	SparseVector *sparse = PG_GETARG_SPARSEVEC_P(0);
	OmenHalf	halves[SPARSEVEC_MAX_NNZ];
	HalfVector *half;

	omen_halfvec_check_dim(sparse->dim);
	omen_check_typmod(PG_GETARG_INT32(1), sparse->dim);

	omen_halves_from_floats(halves, SPARSEVEC_VALUES(sparse), sparse->nnz);
	half = omen_halfvec_new(sparse->dim);
	for (int i = 0; i < sparse->nnz; i++)
		half->x[get_position(sparse, i)] = halves[i];
	PG_RETURN_HALFVEC_P(half);
}
