/*
 * random_rows_test.h - data for tests of codecs, clustering and search: a seed that
 * can be given, normal numbers, rows around topics.
 *
 * OMEN_TEST_SEED sets the seed; every program that uses it prints it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_RANDOM_ROWS_H
#define OMEN_RANDOM_ROWS_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "omen/random.h"

static inline uint64_t
test_seed(uint64_t otherwise)
{
	const char *given = getenv("OMEN_TEST_SEED");
	uint64_t	seed = given ? strtoull(given, NULL, 10) : otherwise;

	printf("# seed %llu (OMEN_TEST_SEED)\n", (unsigned long long) seed);
	fflush(stdout);
	return seed;
}

static inline float
random_normal(OmenRandom *random)
{
	double		u = omen_random_unit(random) + 1e-300;

	return (float) (sqrt(-2 * log(u)) * cos(2 * M_PI * omen_random_unit(random)));
}

/* rows[count][dim], to be freed: around `topics` centres, off the origin, lengths varying. */
static inline float *
random_rows(uint32_t count, uint32_t dim, uint32_t topics, OmenRandom *random)
{
	float	   *rows = malloc((size_t) count * dim * sizeof(float));
	float	   *centres = malloc((size_t) topics * dim * sizeof(float));

	for (uint32_t i = 0; i < topics * dim; i++)
		centres[i] = 0.5f + random_normal(random);
	for (uint32_t r = 0; r < count; r++)
	{
		uint32_t	t = (uint32_t) omen_random_below(random, topics);
		float		length = 0.5f + (float) omen_random_unit(random);

		for (uint32_t d = 0; d < dim; d++)
			rows[(size_t) r * dim + d] = length * (centres[t * dim + d] + 0.7f * random_normal(random));
	}
	free(centres);
	return rows;
}

#endif							/* OMEN_RANDOM_ROWS_H */
