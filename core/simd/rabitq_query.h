/*
 * rabitq_query.h - a query made ready to meet codes: plain loops that each
 * instruction set's file compiles with its own flags.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_RABITQ_QUERY_H
#define OMEN_RABITQ_QUERY_H

#include <math.h>

#include "simd_kernels.h"

/* Added to what four coordinates have in a subset, to make the least sum zero. */
static inline float
lut_offset(const float *q)
{
	return -((fminf(q[0], 0.0f) + fminf(q[1], 0.0f)) + (fminf(q[2], 0.0f) + fminf(q[3], 0.0f)));
}

static inline void
i16_from_f32(int16_t *out, const float *in, float inverse, uint32_t dim)
{
	for (uint32_t i = 0; i < dim; i++)
		out[i] = (int16_t) (int32_t) rintf(in[i] * inverse);
}

#endif							/* OMEN_RABITQ_QUERY_H */
