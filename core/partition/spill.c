/*
 * spill.c - see omen/spill.h.
 *
 * With r the row's residual to its first centroid and s to another, that other
 * costs |s|^2 + lambda <r, s>^2 / |r|^2.
 *
 * Departure from the paper: candidates are the lists nearest to the first
 * list's centroid, found once a list, rather than all.  A list that is near to
 * many others, having its centroid amid all rows, is nobody's second: it would
 * take a tenth of the rows, and be scanned by nearly every query.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>

#include "omen/select.h"
#include "omen/simd.h"
#include "omen/spill.h"

#define CANDIDATES 32
#define TILE_CENTROIDS 256
/* A list is near to too many when to so many times as lists are on average. */
#define HUB_FACTOR 6

/* Inner product of rows i of `a` and j of `b`, given that of their bytes. */
static inline float
product_of(const OmenByteRows *a, uint32_t i, const OmenByteRows *b, uint32_t j, int32_t bytes)
{
	return a->scale[i] * b->scale[j] * (float) bytes + (a->extra ? a->extra[i] * b->extra[j] : 0.0f);
}

/* The centroids nearest to centroid `list`, and their products with it. */
static void
find_near(OmenSpill *spill, uint32_t list, OmenKeyed *keyed, float *product)
{
	const OmenByteRows *centroids = spill->centroids;
	uint32_t	dim = centroids->dim;
	int32_t		bytes[TILE_CENTROIDS];
	uint32_t	others = 0;
	size_t		at = (size_t) list * spill->near_count;

	for (uint32_t first = 0; first < centroids->count; first += TILE_CENTROIDS)
	{
		uint32_t	left = centroids->count - first;
		uint32_t	count = left < TILE_CENTROIDS ? left : TILE_CENTROIDS;

		omen_simd->dots_i8(centroids->values + (size_t) list * dim, 1, centroids->values + (size_t) first * dim,
						   count, dim, bytes, TILE_CENTROIDS);
		for (uint32_t c = first; c < first + count; c++)
		{
			product[c] = product_of(centroids, list, centroids, c, bytes[c - first]);
			if (c != list)
				keyed[others++] = (OmenKeyed) {spill->norm_sq[c] - 2.0f * product[c], c};
		}
	}
	omen_select_least(keyed, others, spill->near_count);
	for (uint32_t i = 0; i < spill->near_count; i++)
	{
		spill->near[at + i] = keyed[i].value;
		spill->near_product[at + i] = product[keyed[i].value];
		spill->near_to[keyed[i].value]++;
	}
}

OmenStatus
omen_spill_init(OmenSpill *spill, OmenArena *arena, const OmenByteRows *centroids, const float *norm_sq)
{
	uint32_t	lists = centroids->count;
	OmenKeyed  *keyed = omen_arena_alloc(arena, lists, sizeof(OmenKeyed));
	float	   *product = omen_arena_alloc(arena, lists, sizeof(float));

	spill->centroids = centroids;
	spill->norm_sq = norm_sq;
	spill->near_count = lists - 1 < CANDIDATES ? lists - 1 : CANDIDATES;
	spill->near = omen_arena_alloc(arena, (size_t) lists * spill->near_count, sizeof(uint32_t));
	spill->near_product = omen_arena_alloc(arena, (size_t) lists * spill->near_count, sizeof(float));
	spill->near_to = omen_arena_zero(arena, lists, sizeof(uint32_t));
	if (keyed == NULL || product == NULL || spill->near == NULL || spill->near_product == NULL ||
		spill->near_to == NULL)
		return OMEN_NO_MEMORY;
	for (uint32_t l = 0; l < lists; l++)
		find_near(spill, l, keyed, product);
	return OMEN_OK;
}

void
omen_spill_assign(const OmenSpill *spill, const OmenByteRows *rows, const uint32_t *list, uint32_t *second)
{
	const OmenByteRows *centroids = spill->centroids;
	uint32_t	dim = rows->dim;

	for (uint32_t r = 0; r < rows->count; r++)
	{
		const int8_t *row = rows->values + (size_t) r * dim;
		const uint32_t *near = spill->near + (size_t) list[r] * spill->near_count;
		const float *near_product = spill->near_product + (size_t) list[r] * spill->near_count;
		float		own = omen_byte_row_norm_sq(rows, r);
		float		least = INFINITY;
		float		first;
		float		first_sq;
		int32_t		bytes;

		omen_simd->dots_i8(row, 1, centroids->values + (size_t) list[r] * dim, 1, dim, &bytes, 1);
		first = product_of(rows, r, centroids, list[r], bytes);
		first_sq = own + spill->norm_sq[list[r]] - 2.0f * first;
		second[r] = near[0];
		for (uint32_t i = 0; i < spill->near_count; i++)
		{
			float		product;
			float		along;
			float		cost;

			if (spill->near_to[near[i]] > HUB_FACTOR * spill->near_count)
				continue;
			omen_simd->dots_i8(row, 1, centroids->values + (size_t) near[i] * dim, 1, dim, &bytes, 1);
			product = product_of(rows, r, centroids, near[i], bytes);
			along = own - first - product + near_product[i];
			cost = spill->norm_sq[near[i]] - 2.0f * product;
			/* A row on its centroid has no direction to avoid. */
			if (first_sq > 1e-6f * own)
				cost += OMEN_SPILL_LAMBDA * along * along / first_sq;
			if (cost < least)
			{
				least = cost;
				second[r] = near[i];
			}
		}
	}
}
