/*
 * halfvec_cast.c - to halfvec from its typmods, arrays and vector; to real[].
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "catalog/pg_type.h"
#include "type/halfvec.h"
#include "type/number_array.h"
#include "type/vector.h"

/* Cast of halfvec to halfvec(n): changes nothing, checks n. */
OMEN_FUNCTION(halfvec_to_typmod);
Datum
halfvec_to_typmod(PG_FUNCTION_ARGS)
{
	HalfVector *vec = PG_GETARG_HALFVEC_P(0);

	omen_check_typmod(PG_GETARG_INT32(1), vec->dim);
	PG_RETURN_HALFVEC_P(vec);
}

OMEN_FUNCTION(array_to_halfvec);
Datum
array_to_halfvec(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	int32		typmod = PG_GETARG_INT32(1);
	int			dim = omen_array_count(array);
	float	   *values;
	HalfVector *vec;

	omen_halfvec_check_dim(dim);
	omen_check_typmod(typmod, dim);

	values = omen_array_floats(array, dim);
	vec = omen_halfvec_new(dim);
	omen_halves_from_floats(vec->x, values, dim);
	pfree(values);
	PG_RETURN_HALFVEC_P(vec);
}

OMEN_FUNCTION(halfvec_to_float4);
Datum
halfvec_to_float4(PG_FUNCTION_ARGS)
{
	HalfVector *vec = PG_GETARG_HALFVEC_P(0);
	ArrayType  *array = omen_array_new(FLOAT4OID, sizeof(float4), vec->dim);

	omen_simd->f32_from_f16((float4 *) ARR_DATA_PTR(array), vec->x, vec->dim);
	PG_RETURN_ARRAYTYPE_P(array);
}

OMEN_FUNCTION(vector_to_halfvec);
Datum
vector_to_halfvec(PG_FUNCTION_ARGS)
{
	Vector	   *vec = PG_GETARG_VECTOR_P(0);
	HalfVector *half;

	omen_check_typmod(PG_GETARG_INT32(1), vec->dim);
	half = omen_halfvec_new(vec->dim);
	omen_halves_from_floats(half->x, vec->x, vec->dim);
	PG_RETURN_HALFVEC_P(half);
}
