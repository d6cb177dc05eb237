/*
 * vector_compare.c - the order of vectors, for btree, DISTINCT and GROUP BY.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "type/comparison.h"
#include "type/vector.h"

int
omen_vector_compare(const Vector *a, const Vector *b)
{
	int			shared = Min(a->dim, b->dim);

	/* no element is NaN, so unequal means smaller or greater */
	for (int i = 0; i < shared; i++)
	{
		if (a->x[i] != b->x[i])
			return a->x[i] < b->x[i] ? -1 : 1;
	}
	return (a->dim > b->dim) - (a->dim < b->dim);
}

OMEN_COMPARISONS(vector, Vector, PG_GETARG_VECTOR_P, omen_vector_compare)
