/*
 * similarity.h - from inner products to angles, the same for every type.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_SIMILARITY_H
#define OMEN_SIMILARITY_H

#include <math.h>

#include "omen/simd.h"

/* Rounding may carry a cosine past 1; NaN stays NaN. */
static inline double
omen_clamp_cosine(double cosine)
{
	if (cosine > 1.0)
		return 1.0;
	if (cosine < -1.0)
		return -1.0;
	return cosine;
}

/*
 * 1 - cosine, 0 to 2; NaN when a vector is zero.  One root of the product
 * keeps cosine(v, v) at exactly 1 where two roots would not.
 */
static inline double
omen_cosine_distance(OmenCosineParts parts)
{
	double		norms = sqrt((double) parts.norm_sq_a * (double) parts.norm_sq_b);

	return 1.0 - omen_clamp_cosine((double) parts.dot / norms);
}

/* The angle between two unit vectors over pi: a metric, 0 to 1. */
static inline double
omen_spherical_distance(float dot)
{
	return acos(omen_clamp_cosine(dot)) / M_PI;
}

#endif							/* OMEN_SIMILARITY_H */
