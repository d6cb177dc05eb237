/*
 * vector_cast.c - to vector from its typmods, arrays and halfvec; to real[].
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "catalog/pg_type.h"
#include "type/halfvec.h"
#include "type/number_array.h"
#include "type/vector.h"

/* Cast of vector to vector(n): changes nothing, checks n. */
OMEN_FUNCTION(vector_to_typmod);
Datum
vector_to_typmod(PG_FUNCTION_ARGS)
{
	Vector	   *vec = PG_GETARG_VECTOR_P(0);

	omen_check_typmod(PG_GETARG_INT32(1), vec->dim);
	PG_RETURN_VECTOR_P(vec);
}

OMEN_FUNCTION(array_to_vector);
Datum
array_to_vector(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	int32		typmod = PG_GETARG_INT32(1);
	int			dim = omen_array_count(array);
	float	   *values;
	Vector	   *vec;

	omen_vector_check_dim(dim);
	omen_check_typmod(typmod, dim);

	values = omen_array_floats(array, dim);
	vec = omen_vector_new(dim);
	memcpy(vec->x, values, sizeof(float) * dim);
	pfree(values);
	omen_vector_check_finite(vec);
	PG_RETURN_VECTOR_P(vec);
}

OMEN_FUNCTION(vector_to_float4);
Datum
vector_to_float4(PG_FUNCTION_ARGS)
{
	Vector	   *vec = PG_GETARG_VECTOR_P(0);
	ArrayType  *array = omen_array_new(FLOAT4OID, sizeof(float4), vec->dim);

	memcpy(ARR_DATA_PTR(array), vec->x, sizeof(float4) * vec->dim);
	PG_RETURN_ARRAYTYPE_P(array);
}

OMEN_FUNCTION(halfvec_to_vector);
Datum
halfvec_to_vector(PG_FUNCTION_ARGS)
{
	HalfVector *half = PG_GETARG_HALFVEC_P(0);
	Vector	   *vec;

	omen_check_typmod(PG_GETARG_INT32(1), half->dim);
	vec = omen_vector_new(half->dim);
	omen_simd->f32_from_f16(vec->x, half->x, half->dim);
	PG_RETURN_VECTOR_P(vec);
}
