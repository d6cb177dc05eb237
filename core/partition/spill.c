/*
 * spill.c - see omen/spill.h.
 *
 * With r the row's residual to its first centroid and s to another, that other
 * costs |s|^2 + lambda <r, s>^2 / |r|^2.
 *
 * Departure from the paper: candidates are the lists nearest to the row, as
 * <r, s> needs the product of two centroids, and a product for each pair would
 * take memory in the square of the lists.  They are near to the row, not to
 * its first centroid: that of a list amid all rows has neighbours which are
 * nowhere near to most rows of the list.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>

#include "omen/simd.h"
#include "omen/spill.h"

#define CANDIDATES 16

/* Inner product of rows i of `a` and j of `b`, given that of their bytes. */
static inline float
product_of(const OmenByteRows *a, uint32_t i, const OmenByteRows *b, uint32_t j, int32_t bytes)
{
	return a->scale[i] * b->scale[j] * (float) bytes + (a->extra ? a->extra[i] * b->extra[j] : 0.0f);
}

static float
product_of_centroids(const OmenByteRows *centroids, uint32_t i, uint32_t j)
{
	uint32_t	dim = centroids->dim;
	int32_t		bytes;

	omen_simd->dots_i8(centroids->values + (size_t) i * dim, 1, centroids->values + (size_t) j * dim, 1, dim,
					   &bytes, 1);
	return product_of(centroids, i, centroids, j, bytes);
}

/* The second list of row r from among those near to it. */
static uint32_t
second_of(const OmenAssigner *assigner, const OmenByteRows *rows, uint32_t r, uint32_t list, const OmenNear *near)
{
	const OmenByteRows *centroids = assigner->centroids;
	float		own = omen_byte_row_norm_sq(rows, r);
	int32_t		bytes;
	float		first;
	float		first_sq;
	float		least = INFINITY;
	uint32_t	second = list == 0;

	omen_simd->dots_i8(rows->values + (size_t) r * rows->dim, 1, centroids->values + (size_t) list * rows->dim, 1,
					   rows->dim, &bytes, 1);
	first = product_of(rows, r, centroids, list, bytes);
	first_sq = own + omen_byte_row_norm_sq(centroids, list) - 2.0f * first;
	for (uint32_t i = 0; i < near->count; i++)
	{
		uint32_t	l = near->list[i];
		float		cost = near->distance[i];

		if (l == list)
			continue;
		/* A row on its centroid has no direction to avoid. */
		if (first_sq > 1e-6f * own)
		{
			float		product = 0.5f * (assigner->norm_sq[l] - near->distance[i]);
			float		along = own - first - product + product_of_centroids(centroids, list, l);

			cost += OMEN_SPILL_LAMBDA * along * along / first_sq;
		}
		if (cost < least)
		{
			least = cost;
			second = l;
		}
	}
	return second;
}

/* `first`: where the nearest are put; NULL when the firsts are given. */
static void
spill(OmenAssigner *assigner, const OmenByteRows *rows, uint32_t *first, const uint32_t *list, uint32_t *second)
{
	OmenNear	near[OMEN_NEAR_ROWS];

	for (uint32_t r = 0; r < rows->count; r += OMEN_NEAR_ROWS)
	{
		uint32_t	left = rows->count - r;
		uint32_t	count = left < OMEN_NEAR_ROWS ? left : OMEN_NEAR_ROWS;

		omen_assign_near(assigner, rows, r, count, CANDIDATES, near);
		for (uint32_t i = 0; i < count; i++)
		{
			if (first != NULL)
				first[r + i] = near[i].list[0];
			second[r + i] = second_of(assigner, rows, r + i, list[r + i], &near[i]);
		}
	}
}

void
omen_spill_assign(OmenAssigner *assigner, const OmenByteRows *rows, uint32_t *list, uint32_t *second)
{
	spill(assigner, rows, list, list, second);
}

void
omen_spill_second(OmenAssigner *assigner, const OmenByteRows *rows, const uint32_t *list, uint32_t *second)
{
	spill(assigner, rows, NULL, list, second);
}
