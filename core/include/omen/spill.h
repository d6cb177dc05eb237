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

/* What a residual's part along the first one's direction counts more than the rest of it. */
#define OMEN_SPILL_LAMBDA 1.5f

typedef struct OmenSpill
{
	const OmenByteRows *centroids;
	const float *norm_sq;		/* [lists] the centroids' squared lengths */
	uint32_t	near_count;
	uint32_t   *near;			/* [lists][near_count] each centroid's nearest others */
	float	   *near_product;	/* [lists][near_count] their inner products with it */
	uint32_t   *near_to;		/* [lists] how many lists each is among the nearest of */
} OmenSpill;

/* For two centroids and more, which must stay.  OMEN_NO_MEMORY. */
OmenStatus	omen_spill_init(OmenSpill *spill, OmenArena *arena, const OmenByteRows *centroids,
							const float *norm_sq);

/* second[i] = another list for row i, whose first is list[i]. */
void		omen_spill_assign(const OmenSpill *spill, const OmenByteRows *rows, const uint32_t *list,
							  uint32_t *second);

#endif							/* OMEN_SPILL_H */
