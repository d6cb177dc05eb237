/*
 * average.c - avg(vector) and avg(halfvec).
 *
 * The state is a float8 array: the number of rows, then the sum of each
 * dimension; {0} before the first row.  A plain array needs no serialisation
 * to cross from a parallel worker, and is pgvector's own state, so partial
 * aggregates of one can be combined by the other.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "type/halfvec.h"
#include "type/number_array.h"
#include "type/vector.h"
#include "utils/float.h"

typedef struct AverageState
{
	ArrayType  *array;
	float8	   *count;			/* the array's first element */
	float8	   *sums;			/* the others */
	int			dim;			/* 0 before the first row */
} AverageState;

/* Anybody may call the transition functions with any float8 array. */
static AverageState
get_state(FunctionCallInfo fcinfo, int argument, const char *caller)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(argument);
	AverageState state;

	if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] < 1 || ARR_HASNULL(array) ||
		ARR_ELEMTYPE(array) != FLOAT8OID)
		elog(ERROR, "%s: expected state array", caller);

	state.array = array;
	state.count = (float8 *) ARR_DATA_PTR(array);
	state.sums = state.count + 1;
	state.dim = ARR_DIMS(array)[0] - 1;
	return state;
}

static AverageState
new_state(int dim)
{
	ArrayType  *array = omen_array_new(FLOAT8OID, sizeof(float8), dim + 1);
	AverageState state = {array, (float8 *) ARR_DATA_PTR(array), (float8 *) ARR_DATA_PTR(array) + 1, dim};

	return state;
}

static void
check_overflow(AverageState state)
{
	bool		overflow = false;

	for (int i = 0; i < state.dim; i++)
		overflow |= isinf(state.sums[i]) != 0;
	if (unlikely(overflow))
		float_overflow_error();
}

/* The state with one more row; the same array when an aggregate owns it. */
static Datum
add_row(FunctionCallInfo fcinfo, AverageState state, const float *row, int dim)
{
	AverageState next;

	if (state.dim == 0)
	{
		next = new_state(dim);
		for (int i = 0; i < dim; i++)
			next.sums[i] = row[i];
	}
	else
	{
		omen_check_typmod(state.dim, dim);
		next = AggCheckCallContext(fcinfo, NULL) ? state : new_state(dim);
		for (int i = 0; i < dim; i++)
			next.sums[i] = state.sums[i] + row[i];
		check_overflow(next);
	}
	*next.count = *state.count + 1.0;
	PG_RETURN_ARRAYTYPE_P(next.array);
}

OMEN_FUNCTION(vector_accum);
Datum
vector_accum(PG_FUNCTION_ARGS)
{
	AverageState state = get_state(fcinfo, 0, "vector_accum");
	Vector	   *row = PG_GETARG_VECTOR_P(1);

	return add_row(fcinfo, state, row->x, row->dim);
}

OMEN_FUNCTION(halfvec_accum);
Datum
halfvec_accum(PG_FUNCTION_ARGS)
{
	AverageState state = get_state(fcinfo, 0, "halfvec_accum");
	HalfVector *row = PG_GETARG_HALFVEC_P(1);
	float		values[HALFVEC_MAX_DIM];

	omen_simd->f32_from_f16(values, row->x, row->dim);
	return add_row(fcinfo, state, values, row->dim);
}

/* Combines the states of both types. */
OMEN_FUNCTION(vector_combine);
Datum
vector_combine(PG_FUNCTION_ARGS)
{
	AverageState a = get_state(fcinfo, 0, "vector_combine");
	AverageState b = get_state(fcinfo, 1, "vector_combine");
	AverageState sum;

	/* a worker without rows has nothing but its count to add */
	if (a.dim == 0 || b.dim == 0)
	{
		AverageState other = a.dim == 0 ? b : a;

		if (other.dim > 0)
			omen_vector_check_dim(other.dim);
		sum = new_state(other.dim);
		memcpy(sum.sums, other.sums, sizeof(float8) * other.dim);
	}
	else
	{
		omen_vector_check_dim(a.dim);
		omen_check_typmod(a.dim, b.dim);
		sum = new_state(a.dim);
		for (int i = 0; i < a.dim; i++)
			sum.sums[i] = a.sums[i] + b.sums[i];
		check_overflow(sum);
	}
	*sum.count = *a.count + *b.count;
	PG_RETURN_ARRAYTYPE_P(sum.array);
}

OMEN_FUNCTION(vector_avg);
Datum
vector_avg(PG_FUNCTION_ARGS)
{
	AverageState state = get_state(fcinfo, 0, "vector_avg");
	Vector	   *average;

	/* the average of no rows is unknown */
	if (*state.count == 0.0)
		PG_RETURN_NULL();

	omen_vector_check_dim(state.dim);
	average = omen_vector_new(state.dim);
	for (int i = 0; i < state.dim; i++)
		average->x[i] = (float) (state.sums[i] / *state.count);
	omen_vector_check_finite(average);
	PG_RETURN_VECTOR_P(average);
}

OMEN_FUNCTION(halfvec_avg);
Datum
halfvec_avg(PG_FUNCTION_ARGS)
{
	AverageState state = get_state(fcinfo, 0, "halfvec_avg");
	HalfVector *average;
	float		values[HALFVEC_MAX_DIM];

	if (*state.count == 0.0)
		PG_RETURN_NULL();

	omen_halfvec_check_dim(state.dim);
	average = omen_halfvec_new(state.dim);
	for (int i = 0; i < state.dim; i++)
		values[i] = (float) (state.sums[i] / *state.count);
	omen_halves_from_floats(average->x, values, state.dim);
	PG_RETURN_HALFVEC_P(average);
}
