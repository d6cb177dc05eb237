/*
 * number_array.h - PostgreSQL arrays of numbers, in and out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_NUMBER_ARRAY_H
#define OMEN_NUMBER_ARRAY_H

#include "compat.h"

#include "utils/array.h"

/* The number of elements of an array that may become a vector: one dimension (or none), no nulls. */
extern int	omen_array_count(ArrayType *array);

/*
 * The `count` elements of an int4, float4, float8 or numeric array as floats,
 * palloc'd.  What does not fit becomes infinite; numeric errors out instead.
 */
extern float *omen_array_floats(ArrayType *array, int count);

/* A one-dimensional array without nulls, its elements not yet set; palloc'd. */
extern ArrayType *omen_array_new(Oid element_type, Size element_bytes, int count);

#endif							/* OMEN_NUMBER_ARRAY_H */
