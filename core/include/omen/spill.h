/*
 * spill.h - a second list for each row, for neighbours that lie scattered.
 *
 * SOAR (Sun et al., NeurIPS 2023): the second list is chosen so that the row's
 * residual to it is short and points elsewhere than the first, for a query that
 * the one leads astray then finds the row by the other.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_SPILL_H
#define OMEN_SPILL_H

#include "omen/kmeans.h"
#include "omen/select.h"

/*
 * What a residual's part along the first one's direction counts more than the
 * rest of it.  The paper takes 1 to 1.5; more spreads the seconds more evenly
 * over the lists (docs/experiments.md).
 */
#define OMEN_SPILL_LAMBDA 3.0f

typedef struct OmenSpill
{
	const OmenByteRows *centroids;
	const float *norm_sq;		/* [lists] the centroids' squared lengths */
	int32_t    *products;		/* [a tile of rows][lists] */
	OmenKeyed  *candidates;		/* [lists] */
} OmenSpill;

/* For two centroids and more, which must stay.  OMEN_NO_MEMORY. */
OmenStatus	omen_spill_init(OmenSpill *spill, OmenArena *arena, const OmenByteRows *centroids,
							const float *norm_sq);

/* second[i] = another list for row i, whose first is list[i]. */
void		omen_spill_assign(OmenSpill *spill, const OmenByteRows *rows, const uint32_t *list, uint32_t *second);

#endif							/* OMEN_SPILL_H */
