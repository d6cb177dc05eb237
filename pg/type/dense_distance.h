/*
 * dense_distance.h - the distances between dense vectors as SQL functions, and
 * whether they are within a radius.
 *
 * vector and halfvec differ in their struct and in the kernels they call.
 * This file defines for one of them l2_distance, l2_squared_distance,
 * inner_product, negative_inner_product, cosine_distance, spherical_distance
 * and l1_distance, l2_within, inner_product_within and cosine_within.  Included once by the type's *_function.c, after
 *
 *	DENSE_TYPE				the type's name: "vector"
 *	DENSE_FUNCTION(name)	the name of its SQL function: vector_name
 *	DENSE_ARGUMENT(n)		argument n of an SQL function, detoasted
 *	DENSE_FROM_DATUM(d)		a datum of the type, detoasted
 *	DENSE_KERNEL(op)		the kernel of an operation on its elements
 *	DenseVector				its struct, with dim and x
 *
 * The kernels answer in single precision.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>

#include "omen/simd.h"
#include "toast/toast_reader.h"
#include "type/similarity.h"
#include "type/sphere.h"
#include "type/value_check.h"

typedef struct DensePair
{
	const DenseVector *a;
	const DenseVector *b;
} DensePair;

/* An argument that is only looked at: as a scan at work has read it, if it has. */
static const DenseVector *
get_argument(FunctionCallInfo fcinfo, int n)
{
	Datum		datum = PG_GETARG_DATUM(n);
	struct varlena *read = toast_kept((struct varlena *) DatumGetPointer(datum));

	return DENSE_FROM_DATUM(read != NULL ? PointerGetDatum(read) : datum);
}

/* Both arguments, which must have as many dimensions as each other. */
static DensePair
get_pair(FunctionCallInfo fcinfo)
{
	DensePair	pair = {get_argument(fcinfo, 0), get_argument(fcinfo, 1)};

	omen_check_same_dim(DENSE_TYPE, pair.a->dim, pair.b->dim);
	return pair;
}

/* A vector and the centre of a sphere. */
static DensePair
get_pair_with_center(FunctionCallInfo fcinfo, const Sphere *sphere)
{
	DensePair	pair = {get_argument(fcinfo, 0), DENSE_FROM_DATUM(PointerGetDatum(sphere->center))};

	omen_check_same_dim(DENSE_TYPE, pair.a->dim, pair.b->dim);
	return pair;
}

static float
pair_dot(DensePair pair)
{
	return DENSE_KERNEL(dot)(pair.a->x, pair.b->x, pair.a->dim);
}

static float
pair_l2_squared(DensePair pair)
{
	return DENSE_KERNEL(l2sq)(pair.a->x, pair.b->x, pair.a->dim);
}

static double
pair_l2(DensePair pair)
{
	return sqrt((double) pair_l2_squared(pair));
}

static double
pair_cosine(DensePair pair)
{
	return omen_cosine_distance(DENSE_KERNEL(cosine)(pair.a->x, pair.b->x, pair.a->dim));
}

OMEN_FUNCTION(DENSE_FUNCTION(l2_distance));
Datum
DENSE_FUNCTION(l2_distance)(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(pair_l2(get_pair(fcinfo)));
}

OMEN_FUNCTION(DENSE_FUNCTION(l2_squared_distance));
Datum
DENSE_FUNCTION(l2_squared_distance)(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(pair_l2_squared(get_pair(fcinfo)));
}

OMEN_FUNCTION(DENSE_FUNCTION(inner_product));
Datum
DENSE_FUNCTION(inner_product)(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(pair_dot(get_pair(fcinfo)));
}

OMEN_FUNCTION(DENSE_FUNCTION(negative_inner_product));
Datum
DENSE_FUNCTION(negative_inner_product)(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(-pair_dot(get_pair(fcinfo)));
}

OMEN_FUNCTION(DENSE_FUNCTION(cosine_distance));
Datum
DENSE_FUNCTION(cosine_distance)(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(pair_cosine(get_pair(fcinfo)));
}

OMEN_FUNCTION(DENSE_FUNCTION(spherical_distance));
Datum
DENSE_FUNCTION(spherical_distance)(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(omen_spherical_distance(pair_dot(get_pair(fcinfo))));
}

OMEN_FUNCTION(DENSE_FUNCTION(l1_distance));
Datum
DENSE_FUNCTION(l1_distance)(PG_FUNCTION_ARGS)
{
	DensePair	pair = get_pair(fcinfo);

	PG_RETURN_FLOAT8(DENSE_KERNEL(l1)(pair.a->x, pair.b->x, pair.a->dim));
}

/* ---- within a sphere: the very distances above against its radius ---- */

OMEN_FUNCTION(DENSE_FUNCTION(l2_within));
Datum
DENSE_FUNCTION(l2_within)(PG_FUNCTION_ARGS)
{
	const Sphere *sphere = PG_GETARG_SPHERE_P(1);

	PG_RETURN_BOOL(omen_sphere_holds(sphere, pair_l2(get_pair_with_center(fcinfo, sphere))));
}

OMEN_FUNCTION(DENSE_FUNCTION(inner_product_within));
Datum
DENSE_FUNCTION(inner_product_within)(PG_FUNCTION_ARGS)
{
	const Sphere *sphere = PG_GETARG_SPHERE_P(1);

	PG_RETURN_BOOL(omen_sphere_holds(sphere, -pair_dot(get_pair_with_center(fcinfo, sphere))));
}

OMEN_FUNCTION(DENSE_FUNCTION(cosine_within));
Datum
DENSE_FUNCTION(cosine_within)(PG_FUNCTION_ARGS)
{
	const Sphere *sphere = PG_GETARG_SPHERE_P(1);

	PG_RETURN_BOOL(omen_sphere_holds(sphere, pair_cosine(get_pair_with_center(fcinfo, sphere))));
}
