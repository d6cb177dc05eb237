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

/*
 * What a residual's part along the first one's direction counts more than the
 * rest of it.  The paper takes 1 to 1.5; more spreads the seconds more evenly
 * over the lists (docs/experiments.md).
 */
#define OMEN_SPILL_LAMBDA 3.0f

/*
 * The first list of each row, which is the nearest, and its second.  Of two
 * lists at least; those left out are neither (kmeans.h).
 */
void		omen_spill_assign(OmenAssigner *assigner, const OmenByteRows *rows, uint32_t *list, uint32_t *second);

/* The second of rows whose first is given. */
void		omen_spill_second(OmenAssigner *assigner, const OmenByteRows *rows, const uint32_t *list,
							  uint32_t *second);

#endif							/* OMEN_SPILL_H */
