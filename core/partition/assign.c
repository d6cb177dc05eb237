/*
 * assign.c - the centroid nearest to each row; see omen/kmeans.h.
 *
 * Rows meet centroids in tiles small enough for the caches; the tile's integer
 * products come from one kernel, and what remains a pair is one multiply-add
 * and a comparison.
 *
 * Rows and centroids have been rotated at random, so their first coordinates
 * are a random projection, which keeps distances within about sqrt(2 / length)
 * of themselves (Johnson & Lindenstrauss 1984).  Many centroids are therefore
 * compared by a prefix, and measured in full only where they are among the
 * nearest by that.  A few rows in a thousand so miss their nearest centroid
 * for another nearly as near.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <string.h>

#include "omen/kmeans.h"
#include "omen/simd.h"

#define TILE_ROWS OMEN_NEAR_ROWS
#define TILE_CENTROIDS 256

/* With fewer centroids, or dimensions not well above a prefix, all are measured in full. */
#define PREFIX_CENTROIDS_MIN 256
#define PREFIX_MIN 128
/* Measured in full beyond those that are wanted: so the nearest is among them 995 times in a thousand. */
#define KEPT_MORE 7

/* A sixth of the dimensions, in whole steps of the kernel's; 0: no prefix is worth while. */
static uint32_t
prefix_for(uint32_t dim, uint32_t centroids)
{
	uint32_t	prefix = dim / 6 / 64 * 64;

	prefix = prefix < PREFIX_MIN ? PREFIX_MIN : prefix;
	return centroids < PREFIX_CENTROIDS_MIN || prefix > dim / 4 ? 0 : prefix;
}

OmenStatus
omen_assigner_init(OmenAssigner *assigner, OmenArena *arena, const OmenByteRows *centroids)
{
	uint32_t	prefix = prefix_for(centroids->dim, centroids->count);
	int			lifted = centroids->extra != NULL;

	memset(assigner, 0, sizeof(*assigner));
	assigner->centroids = centroids;
	assigner->norm_sq = omen_arena_zero(arena, centroids->count, sizeof(float));
	if (assigner->norm_sq == NULL)
		return OMEN_NO_MEMORY;
	if (prefix == 0)
		return OMEN_OK;
	assigner->prefix_norm_sq = omen_arena_zero(arena, centroids->count, sizeof(float));
	if (assigner->prefix_norm_sq == NULL ||
		omen_byte_rows_init(&assigner->prefixes, arena, prefix, centroids->count, lifted) != OMEN_OK ||
		omen_byte_rows_init(&assigner->row_prefixes, arena, prefix, TILE_ROWS, lifted) != OMEN_OK ||
		omen_byte_rows_init(&assigner->kept, arena, centroids->dim, OMEN_NEAR_MAX, lifted) != OMEN_OK)
		return OMEN_NO_MEMORY;
	return OMEN_OK;
}

/* to[j] = the first coordinates of from[i], as many as `to` has; its lift counts as much less. */
static void
copy_prefix(const OmenByteRows *from, uint32_t i, OmenByteRows *to, uint32_t j)
{
	memcpy(to->values + (size_t) j * to->dim, from->values + (size_t) i * from->dim, to->dim);
	to->scale[j] = from->scale[i];
	if (to->extra)
		to->extra[j] = from->extra[i] * sqrtf((float) to->dim / (float) from->dim);
}

void
omen_assigner_refresh(OmenAssigner *assigner)
{
	const OmenByteRows *centroids = assigner->centroids;

	for (uint32_t l = 0; l < centroids->count; l++)
	{
		assigner->norm_sq[l] = omen_byte_row_norm_sq(centroids, l);
		if (assigner->prefixes.count == 0)
			continue;
		copy_prefix(centroids, l, &assigner->prefixes, l);
		assigner->prefix_norm_sq[l] = omen_byte_row_norm_sq(&assigner->prefixes, l);
	}
}

void
omen_assigner_leave_out(OmenAssigner *assigner, uint32_t centroid)
{
	assigner->norm_sq[centroid] = INFINITY;
	if (assigner->prefixes.count > 0)
		assigner->prefix_norm_sq[centroid] = INFINITY;
}

/* Takes a centroid among the `keep` nearest. */
static void
take_one(OmenNear *near, uint32_t keep, float distance, uint32_t list)
{
	uint32_t	at = near->count < keep ? near->count++ : keep - 1;

	for (; at > 0 && distance < near->distance[at - 1]; at--)
	{
		near->distance[at] = near->distance[at - 1];
		near->list[at] = near->list[at - 1];
	}
	near->distance[at] = distance;
	near->list[at] = list;
}

/*
 * One row meets up to TILE_CENTROIDS centroids by its products with them; its
 * own length is left out of distances.  Ties go to the lower list, as lists
 * come in order.
 */
static void
take_nearest(OmenNear *nearest, uint32_t keep, const int32_t *products, float row_scale, float row_extra,
			 const OmenByteRows *centroids, const float *norm_sq, uint32_t first, uint32_t count)
{
	float		limit = nearest->count < keep ? INFINITY : nearest->distance[keep - 1];
	uint32_t	index[TILE_CENTROIDS];
	float		distance[TILE_CENTROIDS];
	float		base[TILE_CENTROIDS];
	uint32_t	near;

	norm_sq += first;
	if (centroids->extra)
	{
		for (uint32_t c = 0; c < count; c++)
			base[c] = norm_sq[c] - 2.0f * row_extra * centroids->extra[first + c];
		norm_sq = base;
	}
	near = omen_simd->near_i32(products, norm_sq, centroids->scale + first, count, 2.0f * row_scale, limit,
							   index, distance);
	for (uint32_t i = 0; i < near; i++)
		if (nearest->count < keep || distance[i] < nearest->distance[keep - 1])
			take_one(nearest, keep, distance[i], first + index[i]);
}

/* Up to TILE_ROWS rows meet all centroids. */
static void
meet_all(const OmenByteRows *rows, uint32_t first_row, uint32_t row_count, const OmenByteRows *centroids,
		 const float *norm_sq, uint32_t keep, OmenNear *nearest)
{
	int32_t		products[TILE_ROWS * TILE_CENTROIDS];
	uint32_t	dim = rows->dim;

	for (uint32_t i = 0; i < row_count; i++)
		nearest[i].count = 0;
	for (uint32_t c = 0; c < centroids->count; c += TILE_CENTROIDS)
	{
		uint32_t	left = centroids->count - c;
		uint32_t	count = left < TILE_CENTROIDS ? left : TILE_CENTROIDS;

		omen_simd->dots_i8(rows->values + (size_t) first_row * dim, row_count,
						   centroids->values + (size_t) c * dim, count, dim, products, TILE_CENTROIDS);
		for (uint32_t i = 0; i < row_count; i++)
			take_nearest(&nearest[i], keep, products + i * TILE_CENTROIDS, rows->scale[first_row + i],
						 rows->extra ? rows->extra[first_row + i] : 0.0f, centroids, norm_sq, c, count);
	}
}

/* Those that are near by their prefixes, measured in full: the `keep` nearest of them, of equal ones the lower. */
static void
measure_near(OmenAssigner *assigner, const OmenByteRows *rows, uint32_t row, uint32_t keep, OmenNear *near)
{
	OmenByteRows *kept = &assigner->kept;
	uint32_t	count = near->count;
	int32_t		products[OMEN_NEAR_MAX];
	float		norm_sq[OMEN_NEAR_MAX];
	uint32_t	order[OMEN_NEAR_MAX] = {0};

	for (uint32_t k = 0; k < count; k++)
	{
		uint32_t	at = k;

		for (; at > 0 && order[at - 1] > near->list[k]; at--)
			order[at] = order[at - 1];
		order[at] = near->list[k];
	}
	for (uint32_t k = 0; k < count; k++)
	{
		omen_byte_row_copy(assigner->centroids, order[k], kept, k);
		norm_sq[k] = assigner->norm_sq[order[k]];
	}
	omen_simd->dots_i8(rows->values + (size_t) row * rows->dim, 1, kept->values, count, rows->dim, products,
					   OMEN_NEAR_MAX);
	near->count = 0;
	take_nearest(near, keep, products, rows->scale[row], rows->extra ? rows->extra[row] : 0.0f, kept, norm_sq, 0,
				 count);
	for (uint32_t k = 0; k < near->count; k++)
		near->list[k] = order[near->list[k]];
}

/* A row so long that its distances are no numbers is as near to one as to another. */
static void
take_any(const OmenAssigner *assigner, OmenNear *near)
{
	uint32_t	list = 0;

	while (list + 1 < assigner->centroids->count && assigner->norm_sq[list] == INFINITY)
		list++;
	near->count = 1;
	near->distance[0] = 0;
	near->list[0] = list;
}

void
omen_assign_near(OmenAssigner *assigner, const OmenByteRows *rows, uint32_t first_row, uint32_t row_count,
				 uint32_t keep, OmenNear *near)
{
	if (assigner->prefixes.count == 0)
	{
		meet_all(rows, first_row, row_count, assigner->centroids, assigner->norm_sq, keep, near);
		for (uint32_t i = 0; i < row_count; i++)
			if (near[i].count == 0)
				take_any(assigner, &near[i]);
		return;
	}
	for (uint32_t i = 0; i < row_count; i++)
		copy_prefix(rows, first_row + i, &assigner->row_prefixes, i);
	meet_all(&assigner->row_prefixes, 0, row_count, &assigner->prefixes, assigner->prefix_norm_sq,
			 keep + KEPT_MORE, near);
	for (uint32_t i = 0; i < row_count; i++)
	{
		measure_near(assigner, rows, first_row + i, keep, &near[i]);
		if (near[i].count == 0)
			take_any(assigner, &near[i]);
	}
}

OmenStatus
omen_assign(OmenAssigner *assigner, const OmenByteRows *rows, uint32_t *list, const OmenProgress *progress)
{
	OmenNear	near[TILE_ROWS];

	for (uint32_t r = 0; r < rows->count; r += TILE_ROWS)
	{
		uint32_t	count = rows->count - r < TILE_ROWS ? rows->count - r : TILE_ROWS;

		omen_assign_near(assigner, rows, r, count, 1, near);
		for (uint32_t i = 0; i < count; i++)
			list[r + i] = near[i].list[0];
		if (progress && !progress->step(progress->context, r + count, rows->count))
			return OMEN_CANCELLED;
	}
	return OMEN_OK;
}
