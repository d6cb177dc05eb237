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

#define TILE_ROWS 16
#define TILE_CENTROIDS 256
#define CANDIDATES 32

OmenStatus
omen_spill_init(OmenSpill *spill, OmenArena *arena, const OmenByteRows *centroids, const float *norm_sq)
{
	spill->centroids = centroids;
	spill->norm_sq = norm_sq;
	spill->products = omen_arena_alloc(arena, (size_t) TILE_ROWS * centroids->count, sizeof(int32_t));
	spill->candidates = omen_arena_alloc(arena, centroids->count, sizeof(OmenKeyed));
	return spill->products == NULL || spill->candidates == NULL ? OMEN_NO_MEMORY : OMEN_OK;
}

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

/* The second list of row r, whose bytes' products with all centroids are given. */
static uint32_t
second_of(OmenSpill *spill, const OmenByteRows *rows, uint32_t r, uint32_t list, const int32_t *products)
{
	const OmenByteRows *centroids = spill->centroids;
	OmenKeyed  *near = spill->candidates;
	uint32_t	count = CANDIDATES < centroids->count ? CANDIDATES : centroids->count;
	float		own = omen_byte_row_norm_sq(rows, r);
	float		first = product_of(rows, r, centroids, list, products[list]);
	float		first_sq = own + spill->norm_sq[list] - 2.0f * first;
	float		least = INFINITY;
	uint32_t	second = list == 0;

	for (uint32_t l = 0; l < centroids->count; l++)
		near[l] = (OmenKeyed) {spill->norm_sq[l] - 2.0f * product_of(rows, r, centroids, l, products[l]), l};
	omen_select_least(near, centroids->count, count);
	for (uint32_t i = 0; i < count; i++)
	{
		uint32_t	l = near[i].value;
		float		cost = near[i].key;

		if (l == list)
			continue;
		/* A row on its centroid has no direction to avoid. */
		if (first_sq > 1e-6f * own)
		{
			float		along = own - first - product_of(rows, r, centroids, l, products[l]) +
				product_of_centroids(centroids, list, l);

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

void
omen_spill_assign(OmenSpill *spill, const OmenByteRows *rows, const uint32_t *list, uint32_t *second)
{
	const OmenByteRows *centroids = spill->centroids;
	uint32_t	dim = rows->dim;
	uint32_t	lists = centroids->count;

	for (uint32_t first_row = 0; first_row < rows->count; first_row += TILE_ROWS)
	{
		uint32_t	left = rows->count - first_row;
		uint32_t	tile = left < TILE_ROWS ? left : TILE_ROWS;

		for (uint32_t first = 0; first < lists; first += TILE_CENTROIDS)
			omen_simd->dots_i8(rows->values + (size_t) first_row * dim, tile,
							   centroids->values + (size_t) first * dim,
							   lists - first < TILE_CENTROIDS ? lists - first : TILE_CENTROIDS,
							   dim, spill->products + first, lists);
		for (uint32_t r = 0; r < tile; r++)
			second[first_row + r] = second_of(spill, rows, first_row + r, list[first_row + r],
											  spill->products + (size_t) r * lists);
	}
}
