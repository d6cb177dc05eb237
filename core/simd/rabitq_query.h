/*
 * rabitq_query.h - a query made ready to meet codes: plain loops that each
 * instruction set's file compiles with its own flags.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_RABITQ_QUERY_H
#define OMEN_RABITQ_QUERY_H

#include <math.h>
#include <string.h>

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

static inline float
sum_estimate(uint32_t sum, const OmenSumTerms *terms, float add, float scale)
{
	float		product = terms->step * (float) (int32_t) sum + terms->base;
	float		estimate = add + terms->gap_sq - 2.0f * scale * product;

	return estimate < terms->most ? estimate : terms->most;
}

static inline float
from_bf16(uint16_t half)
{
	uint32_t	bits = (uint32_t) half << 16;
	float		value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static inline uint32_t
sum_bounds(const uint32_t *sums, const OmenSumTerms *terms, const float *add, const uint16_t *scale,
		   const uint16_t *error, float worst, float *estimate, float *lower)
{
	uint32_t	mask = 0;

	for (uint32_t i = 0; i < OMEN_BLOCK_CODES; i++)
		estimate[i] = sum_estimate(sums[i], terms, add[i], from_bf16(scale[i]));
	for (uint32_t i = 0; i < OMEN_BLOCK_CODES; i++)
	{
		float		least = estimate[i] - (terms->gap_error * from_bf16(error[i]) + terms->blur);

		lower[i] = least < terms->most ? least : terms->most;
	}
	for (uint32_t i = 0; i < OMEN_BLOCK_CODES; i++)
		mask |= (uint32_t) (lower[i] < worst) << i;
	return mask;
}

static inline void
sum_estimates(const uint32_t *sums, const OmenSumTerms *terms, const float *add, const float *scale,
			  float *estimate)
{
	for (uint32_t i = 0; i < OMEN_BLOCK_CODES; i++)
		estimate[i] = sum_estimate(sums[i], terms, add[i], scale[i]);
}

#endif							/* OMEN_RABITQ_QUERY_H */
