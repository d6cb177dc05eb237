/*
 * gaussian.h - seeded normally distributed numbers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_GAUSSIAN_H
#define OMEN_GAUSSIAN_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct OmenGaussian
{
	uint64_t	state;
	double		spare;
	bool		has_spare;
} OmenGaussian;

static inline void
omen_gaussian_begin(OmenGaussian *gaussian, uint64_t seed)
{
	gaussian->state = seed;
	gaussian->spare = 0.0;
	gaussian->has_spare = false;
}

/* Uniform 64 bits: splitmix64 (G. Steele, D. Lea, C. Flood, OOPSLA 2014). */
static inline uint64_t
omen_gaussian_bits(OmenGaussian *gaussian)
{
	uint64_t	z = gaussian->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* Mean 0, variance 1, by Marsaglia's polar method. */
static inline float
omen_gaussian_next(OmenGaussian *gaussian)
{
	double		u,
				v,
				square;

	if (gaussian->has_spare)
	{
		gaussian->has_spare = false;
		return (float) gaussian->spare;
	}
	do
	{
		u = (double) (int64_t) omen_gaussian_bits(gaussian) * 0x1p-63;
		v = (double) (int64_t) omen_gaussian_bits(gaussian) * 0x1p-63;
		square = u * u + v * v;
	} while (square >= 1.0 || square == 0.0);
	square = sqrt(-2.0 * log(square) / square);
	gaussian->spare = v * square;
	gaussian->has_spare = true;
	return (float) (u * square);
}

#endif							/* OMEN_GAUSSIAN_H */
