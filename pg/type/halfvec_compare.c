/*
 * halfvec_compare.c - the order of half vectors, for btree, DISTINCT and GROUP BY.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "type/comparison.h"
#include "type/halfvec.h"

/*
 * Maps finite halves to integers of the same order: sign and magnitude to
 * two's complement, both zeros to 0.
 */
static inline int
half_rank(OmenHalf half)
{
	int			magnitude = half & HALF_MAGNITUDE;

	return half != magnitude ? -magnitude : magnitude;
}

int
omen_halfvec_compare(const HalfVector *a, const HalfVector *b)
{
	int			shared = Min(a->dim, b->dim);

	for (int i = 0; i < shared; i++)
	{
		int			rank_a = half_rank(a->x[i]);
		int			rank_b = half_rank(b->x[i]);

		if (rank_a != rank_b)
			return rank_a < rank_b ? -1 : 1;
	}
	return (a->dim > b->dim) - (a->dim < b->dim);
}

OMEN_COMPARISONS(halfvec, HalfVector, PG_GETARG_HALFVEC_P, omen_halfvec_compare)
