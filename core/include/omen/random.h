/*
 * random.h - the one source of randomness: SplitMix64 (Steele, Lea, Flood,
 * OOPSLA 2014).  Small, seedable, the same on every machine; not for secrets.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_RANDOM_H
#define OMEN_RANDOM_H

#include <stdint.h>

typedef struct OmenRandom
{
	uint64_t	state;
} OmenRandom;

static inline uint64_t
omen_random_next(OmenRandom *random)
{
	uint64_t	z = (random->state += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

/* Uniform in 0 .. bound - 1; bound > 0.  The bias is below bound / 2^64. */
static inline uint64_t
omen_random_below(OmenRandom *random, uint64_t bound)
{
	return (uint64_t) (((unsigned __int128) omen_random_next(random) * bound) >> 64);
}

/* Uniform in [0, 1). */
static inline double
omen_random_unit(OmenRandom *random)
{
	return (double) (omen_random_next(random) >> 11) * 0x1.0p-53;
}

#endif							/* OMEN_RANDOM_H */
