/*
 * rotation.h - a fast random orthogonal transform.
 *
 * RaBitQ needs the coordinates of a residual to look like a random direction's
 * (Gao & Long, SIGMOD 2024, section 3.1); three rounds of random signs and a
 * flat orthogonal matrix do that in O(d log d).  Lengths and angles stay what
 * they were, so distances may be taken on either side.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_ROTATION_H
#define OMEN_ROTATION_H

#include "omen/arena.h"

typedef struct OmenRotation
{
	uint32_t	dim;			/* of the input */
	uint32_t	dim_padded;		/* of the output: dim rounded up to a multiple of 64 */
	uint32_t	block;			/* the power of two in dim_padded */
	uint32_t	block_count;	/* dim_padded / block, odd */
	const uint32_t *signs;		/* [3][dim_padded] a float's sign bit, set = negate */
	const float *mix;			/* block_count x block_count, orthogonal; NULL when 1 */
	float		unit;			/* a power of two that everything is multiplied by besides: 1 */
} OmenRotation;

/* Outputs of every rotation are a multiple of this long: the widest kernel's step. */
#define OMEN_DIM_ALIGN 64

static inline uint32_t
omen_dim_padded(uint32_t dim)
{
	return (dim + OMEN_DIM_ALIGN - 1) / OMEN_DIM_ALIGN * OMEN_DIM_ALIGN;
}

/* The same, with a unit of 1. */
static inline OmenRotation
omen_rotation_alone(const OmenRotation *rotation)
{
	OmenRotation alone = *rotation;

	alone.unit = 1.0f;
	return alone;
}

/* The same dim and seed give the same rotation everywhere.  OMEN_NO_MEMORY. */
OmenStatus	omen_rotation_init(OmenRotation *rotation, OmenArena *arena, uint32_t dim, uint64_t seed);

/*
 * out[dim_padded] = rotation of in[dim] padded with zeros, times the unit.  `scratch` holds 16 x
 * block_count floats, at most dim_padded (unused when that is 1 or 3: may be NULL then).
 */
void		omen_rotation_apply(const OmenRotation *rotation, const float *in, float *out, float *scratch);

#endif							/* OMEN_ROTATION_H */
