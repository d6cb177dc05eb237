/*
 * sparsevec_compare.c - the order of sparse vectors: that of the dense ones they stand for.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "type/comparison.h"
#include "type/sparsevec.h"

/*
 * Walks to the first element in which the two differ.  Where only one has an
 * element, the other's is 0 and the sign decides, unless the shorter vector
 * has ended before it.
 */
static int
compare(const SparseVector *a, const SparseVector *b)
{
	const float *values_a = SPARSEVEC_VALUES(a);
	const float *values_b = SPARSEVEC_VALUES(b);
	int			dim = Min(a->dim, b->dim);

	for (int i = 0;; i++)
	{
		/* past the last element stands one beyond every position */
		int32		index_a = i < a->nnz ? a->indices[i] : PG_INT32_MAX;
		int32		index_b = i < b->nnz ? b->indices[i] : PG_INT32_MAX;

		if (Min(index_a, index_b) >= dim)
			break;
		if (index_a < index_b)
			return values_a[i] < 0 ? -1 : 1;
		if (index_b < index_a)
			return values_b[i] < 0 ? 1 : -1;
		if (values_a[i] != values_b[i])
			return values_a[i] < values_b[i] ? -1 : 1;
	}
	return (a->dim > b->dim) - (a->dim < b->dim);
}

OMEN_COMPARISONS(sparsevec, SparseVector, PG_GETARG_SPARSEVEC_P, compare)
