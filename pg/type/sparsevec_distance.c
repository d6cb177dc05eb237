/*
 * sparsevec_distance.c - distances between sparse vectors, norm, unit length.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "omen/simd.h"
#include "type/similarity.h"
#include "type/sparsevec.h"
#include "utils/float.h"

typedef struct SparsePair
{
	const SparseVector *a;
	const SparseVector *b;
	const float *values_a;
	const float *values_b;
} SparsePair;

/* Both arguments, which must have as many dimensions as each other. */
static SparsePair
get_pair(FunctionCallInfo fcinfo)
{
	SparseVector *a = PG_GETARG_SPARSEVEC_P(0);
	SparseVector *b = PG_GETARG_SPARSEVEC_P(1);
	SparsePair	pair = {a, b, SPARSEVEC_VALUES(a), SPARSEVEC_VALUES(b)};

	omen_check_same_dim("sparsevec", a->dim, b->dim);
	return pair;
}

/*
 * The sum of term(difference) over the dimensions where either vector has an
 * element, in ascending order.  `term` is inlined.
 */
static pg_attribute_always_inline float
sum_differences(SparsePair pair, float (*term) (float))
{
	int			i = 0;
	int			j = 0;
	float		sum = 0;

	while (i < pair.a->nnz && j < pair.b->nnz)
	{
		int32		index_a = pair.a->indices[i];
		int32		index_b = pair.b->indices[j];
		float		difference = 0;

		if (index_a <= index_b)
			difference += pair.values_a[i++];
		if (index_b <= index_a)
			difference -= pair.values_b[j++];
		sum += term(difference);
	}
	for (; i < pair.a->nnz; i++)
		sum += term(pair.values_a[i]);
	for (; j < pair.b->nnz; j++)
		sum += term(pair.values_b[j]);
	return sum;
}

static inline float
square(float x)
{
	return x * x;
}

static inline float
magnitude(float x)
{
	return fabsf(x);
}

static float
pair_l2_squared(SparsePair pair)
{
	return sum_differences(pair, square);
}

static float
pair_dot(SparsePair pair)
{
	return omen_simd->dot_sparse(pair.a->indices, pair.values_a, pair.a->nnz,
								 pair.b->indices, pair.values_b, pair.b->nnz);
}

OMEN_FUNCTION(sparsevec_l2_distance);
Datum
sparsevec_l2_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(sqrt((double) pair_l2_squared(get_pair(fcinfo))));
}

OMEN_FUNCTION(sparsevec_l2_squared_distance);
Datum
sparsevec_l2_squared_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(pair_l2_squared(get_pair(fcinfo)));
}

OMEN_FUNCTION(sparsevec_l1_distance);
Datum
sparsevec_l1_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(sum_differences(get_pair(fcinfo), magnitude));
}

OMEN_FUNCTION(sparsevec_inner_product);
Datum
sparsevec_inner_product(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(pair_dot(get_pair(fcinfo)));
}

OMEN_FUNCTION(sparsevec_negative_inner_product);
Datum
sparsevec_negative_inner_product(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(-pair_dot(get_pair(fcinfo)));
}

OMEN_FUNCTION(sparsevec_cosine_distance);
Datum
sparsevec_cosine_distance(PG_FUNCTION_ARGS)
{
	SparsePair	pair = get_pair(fcinfo);
	OmenCosineParts parts = {
		pair_dot(pair),
		omen_simd->dot_f32(pair.values_a, pair.values_a, pair.a->nnz),
		omen_simd->dot_f32(pair.values_b, pair.values_b, pair.b->nnz)
	};

	PG_RETURN_FLOAT8(omen_cosine_distance(parts));
}

OMEN_FUNCTION(sparsevec_l2_norm);
Datum
sparsevec_l2_norm(PG_FUNCTION_ARGS)
{
	SparseVector *vec = PG_GETARG_SPARSEVEC_P(0);

	PG_RETURN_FLOAT8(sqrt(omen_simd->norm_sq_f32(SPARSEVEC_VALUES(vec), vec->nnz)));
}

/* Elements that vanish beside the others are dropped: no stored element is zero. */
OMEN_FUNCTION(sparsevec_l2_normalize);
Datum
sparsevec_l2_normalize(PG_FUNCTION_ARGS)
{
	SparseVector *vec = PG_GETARG_SPARSEVEC_P(0);
	const float *values = SPARSEVEC_VALUES(vec);
	double		norm = sqrt(omen_simd->norm_sq_f32(values, vec->nnz));
	int			kept = 0;
	SparseVector *unit;

	for (int i = 0; i < vec->nnz; i++)
		kept += (float) (values[i] / norm) != 0;

	unit = omen_sparsevec_new(vec->dim, kept);
	kept = 0;
	for (int i = 0; i < vec->nnz; i++)
	{
		float		value = (float) (values[i] / norm);

		if (isinf(value))
			float_overflow_error();
		if (value == 0)
			continue;
		unit->indices[kept] = vec->indices[i];
		SPARSEVEC_VALUES(unit)[kept] = value;
		kept++;
	}
	PG_RETURN_SPARSEVEC_P(unit);
}
