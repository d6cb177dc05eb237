/*
 * comparison.h - the SQL functions of an order: six operators and btree's cmp.
 *
 *	OMEN_COMPARISONS(vector, Vector, PG_GETARG_VECTOR_P, omen_vector_compare)
 *
 * defines vector_lt, _le, _eq, _ne, _ge, _gt and _cmp over a function that
 * answers as strcmp does.  Sorts call these many times in one memory context:
 * copies are freed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_COMPARISON_H
#define OMEN_COMPARISON_H

#include "compat.h"

#define OMEN_COMPARISONS(type, Struct, get_argument, compare) \
	static int \
	compare_arguments(FunctionCallInfo fcinfo) \
	{ \
		Struct	   *a = get_argument(0); \
		Struct	   *b = get_argument(1); \
		int			order = compare(a, b); \
		\
		PG_FREE_IF_COPY(a, 0); \
		PG_FREE_IF_COPY(b, 1); \
		return order; \
	} \
	OMEN_ORDER_FUNCTION(type##_lt, PG_RETURN_BOOL(compare_arguments(fcinfo) < 0)) \
	OMEN_ORDER_FUNCTION(type##_le, PG_RETURN_BOOL(compare_arguments(fcinfo) <= 0)) \
	OMEN_ORDER_FUNCTION(type##_eq, PG_RETURN_BOOL(compare_arguments(fcinfo) == 0)) \
	OMEN_ORDER_FUNCTION(type##_ne, PG_RETURN_BOOL(compare_arguments(fcinfo) != 0)) \
	OMEN_ORDER_FUNCTION(type##_ge, PG_RETURN_BOOL(compare_arguments(fcinfo) >= 0)) \
	OMEN_ORDER_FUNCTION(type##_gt, PG_RETURN_BOOL(compare_arguments(fcinfo) > 0)) \
	OMEN_ORDER_FUNCTION(type##_cmp, PG_RETURN_INT32(compare_arguments(fcinfo)))

#define OMEN_ORDER_FUNCTION(name, answer) \
	OMEN_FUNCTION(name); \
	Datum \
	name(PG_FUNCTION_ARGS) \
	{ \
		answer; \
	}

#endif							/* OMEN_COMPARISON_H */
