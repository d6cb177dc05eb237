/*
 * kmeans.c - Lloyd's algorithm over eight-bit rows; see omen/kmeans.h.
 *
 * Rows meet centroids in tiles small enough for the caches; the tile's integer
 * products come from one kernel, and what remains a pair is one multiply-add
 * and a comparison.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <string.h>

#include "omen/kmeans.h"
#include "omen/simd.h"

#define TILE_ROWS 64
#define TILE_CENTROIDS 256

OmenStatus
omen_byte_rows_init(OmenByteRows *rows, OmenArena *arena, uint32_t dim, uint32_t count, int with_extra)
{
	rows->dim = dim;
	rows->count = count;
	rows->values = omen_arena_zero(arena, count, dim);
	rows->scale = omen_arena_zero(arena, count, sizeof(float));
	rows->extra = with_extra ? omen_arena_zero(arena, count, sizeof(float)) : NULL;
	if (rows->values == NULL || rows->scale == NULL || (with_extra && rows->extra == NULL))
		return OMEN_NO_MEMORY;
	return OMEN_OK;
}

float
omen_bytes_from_floats(const float *in, uint32_t dim, int8_t *values)
{
	float		widest = omen_simd->max_abs_f32(in, dim);
	float		inverse = 127.0f / widest;

	if (!(widest > 1e-35f) || !isfinite(widest) || !isfinite(inverse))
	{
		memset(values, 0, dim);
		return 0;
	}
	omen_simd->i8_from_f32(in, inverse, dim, values);
	return widest / 127.0f;
}

void
omen_floats_from_bytes(const int8_t *values, float scale, uint32_t dim, float *out)
{
	for (uint32_t i = 0; i < dim; i++)
		out[i] = scale * (float) values[i];
}

float
omen_byte_row_norm_sq(const OmenByteRows *rows, uint32_t i)
{
	const int8_t *row = rows->values + (size_t) i * rows->dim;
	float		norm_sq;
	int32_t		sum = 0;

	for (uint32_t d = 0; d < rows->dim; d++)
		sum += row[d] * row[d];
	norm_sq = rows->scale[i] * rows->scale[i] * (float) sum;
	return rows->extra ? norm_sq + rows->extra[i] * rows->extra[i] : norm_sq;
}

/* The state of one row's search for its centroid. */
typedef struct Nearest
{
	float		distance;
	uint32_t	list;
} Nearest;

/* Meets one row's products with `count` centroids; distances leave the row's own length out. */
static void
take_nearest(Nearest *best, const int32_t *products, float row_scale, float row_extra,
			 const OmenByteRows *centroids, const float *norm_sq, uint32_t first, uint32_t count)
{
	float		distance[TILE_CENTROIDS];
	const float *scale = centroids->scale + first;
	float		least = INFINITY;

	for (uint32_t c = 0; c < count; c++)
		distance[c] = norm_sq[first + c] - 2.0f * row_scale * scale[c] * (float) products[c];
	if (centroids->extra)
		for (uint32_t c = 0; c < count; c++)
			distance[c] -= 2.0f * row_extra * centroids->extra[first + c];
	for (uint32_t c = 0; c < count; c++)
		least = distance[c] < least ? distance[c] : least;
	if (!(least < best->distance))
		return;
	best->distance = least;
	for (uint32_t c = 0; c < count; c++)
		if (distance[c] == least)
		{
			best->list = first + c;
			return;
		}
}

OmenStatus
omen_assign(const OmenByteRows *rows, const OmenByteRows *centroids, const float *norm_sq,
			uint32_t *list, const OmenProgress *progress)
{
	int32_t		products[TILE_ROWS * TILE_CENTROIDS];
	uint32_t	dim = rows->dim;

	for (uint32_t r = 0; r < rows->count; r += TILE_ROWS)
	{
		uint32_t	row_count = rows->count - r < TILE_ROWS ? rows->count - r : TILE_ROWS;
		Nearest		best[TILE_ROWS];

		for (uint32_t i = 0; i < row_count; i++)
			best[i] = (Nearest) {INFINITY, 0};
		for (uint32_t c = 0; c < centroids->count; c += TILE_CENTROIDS)
		{
			uint32_t	left = centroids->count - c;
			uint32_t	count = left < TILE_CENTROIDS ? left : TILE_CENTROIDS;

			omen_simd->dots_i8(rows->values + (size_t) r * dim, row_count,
							   centroids->values + (size_t) c * dim, count,
							   dim, products, TILE_CENTROIDS);
			for (uint32_t i = 0; i < row_count; i++)
				take_nearest(&best[i], products + i * TILE_CENTROIDS, rows->scale[r + i],
							 rows->extra ? rows->extra[r + i] : 0.0f, centroids, norm_sq, c, count);
		}
		for (uint32_t i = 0; i < row_count; i++)
			list[r + i] = best[i].list;
		if (progress && !progress->step(progress->context, r + row_count, rows->count))
			return OMEN_CANCELLED;
	}
	return OMEN_OK;
}

static void
copy_row(const OmenByteRows *from, uint32_t i, OmenByteRows *to, uint32_t j)
{
	memcpy(to->values + (size_t) j * to->dim, from->values + (size_t) i * from->dim, from->dim);
	to->scale[j] = from->scale[i];
	if (to->extra)
		to->extra[j] = from->extra[i];
}

/* Random distinct rows, by a partial Fisher-Yates shuffle. */
static OmenStatus
start_from_rows(const OmenByteRows *rows, OmenByteRows *centroids, OmenRandom *random, OmenArena *scratch)
{
	uint32_t   *order = omen_arena_alloc(scratch, rows->count, sizeof(uint32_t));

	if (order == NULL)
		return OMEN_NO_MEMORY;
	for (uint32_t i = 0; i < rows->count; i++)
		order[i] = i;
	for (uint32_t i = 0; i < centroids->count; i++)
	{
		uint32_t	j = i + (uint32_t) omen_random_below(random, rows->count - i);
		uint32_t	row = order[j];

		order[j] = order[i];
		copy_row(rows, row, centroids, i);
	}
	return OMEN_OK;
}

typedef struct ListSums
{
	float	   *sum;			/* [lists][dim] */
	double	   *extra;			/* [lists] */
	uint32_t   *count;			/* [lists] */
} ListSums;

static void
add_rows(const OmenByteRows *rows, const uint32_t *list, ListSums *sums)
{
	for (uint32_t r = 0; r < rows->count; r++)
	{
		float	   *sum = sums->sum + (size_t) list[r] * rows->dim;
		const int8_t *row = rows->values + (size_t) r * rows->dim;
		float		scale = rows->scale[r];

		for (uint32_t d = 0; d < rows->dim; d++)
			sum[d] += scale * (float) row[d];
		sums->count[list[r]]++;
		if (rows->extra)
			sums->extra[list[r]] += rows->extra[r];
	}
}

/* A row of the fullest list for a list that has none; the fullest is then counted as halved. */
static uint32_t
row_for_empty_list(const OmenByteRows *rows, const uint32_t *list, ListSums *sums, uint32_t lists,
				   OmenRandom *random)
{
	uint32_t	fullest = 0;
	uint64_t	start = omen_random_below(random, rows->count);

	for (uint32_t l = 1; l < lists; l++)
		if (sums->count[l] > sums->count[fullest])
			fullest = l;
	sums->count[fullest] /= 2;
	for (uint32_t i = 0; i < rows->count; i++)
	{
		uint32_t	row = (uint32_t) ((start + i) % rows->count);

		if (list[row] == fullest)
			return row;
	}
	return (uint32_t) start;
}

static void
move_centroids(const OmenByteRows *rows, const uint32_t *list, OmenByteRows *centroids, ListSums *sums,
			   OmenRandom *random)
{
	uint32_t	dim = rows->dim;

	for (uint32_t l = 0; l < centroids->count; l++)
	{
		float	   *sum = sums->sum + (size_t) l * dim;
		float		inverse;

		if (sums->count[l] == 0)
			continue;
		inverse = 1.0f / (float) sums->count[l];
		for (uint32_t d = 0; d < dim; d++)
			sum[d] *= inverse;
		centroids->scale[l] = omen_bytes_from_floats(sum, dim, centroids->values + (size_t) l * dim);
		if (centroids->extra)
			centroids->extra[l] = (float) (sums->extra[l] * inverse);
	}
	for (uint32_t l = 0; l < centroids->count; l++)
		if (sums->count[l] == 0)
			copy_row(rows, row_for_empty_list(rows, list, sums, centroids->count, random), centroids, l);
}

OmenStatus
omen_kmeans_train(const OmenByteRows *rows, OmenByteRows *centroids, uint32_t iterations,
				  uint64_t seed, OmenArena *scratch, const OmenProgress *progress)
{
	OmenRandom	random = {seed};
	uint32_t	lists = centroids->count;
	float	   *norm_sq = omen_arena_alloc(scratch, lists, sizeof(float));
	uint32_t   *list = omen_arena_alloc(scratch, rows->count, sizeof(uint32_t));
	ListSums	sums = {
		omen_arena_alloc(scratch, (size_t) lists * rows->dim, sizeof(float)),
		omen_arena_alloc(scratch, lists, sizeof(double)),
		omen_arena_alloc(scratch, lists, sizeof(uint32_t)),
	};
	OmenStatus	status;

	if (norm_sq == NULL || list == NULL || sums.sum == NULL || sums.extra == NULL || sums.count == NULL)
		return OMEN_NO_MEMORY;
	status = start_from_rows(rows, centroids, &random, scratch);
	for (uint32_t i = 0; i < iterations && status == OMEN_OK && lists > 1; i++)
	{
		for (uint32_t l = 0; l < lists; l++)
			norm_sq[l] = omen_byte_row_norm_sq(centroids, l);
		status = omen_assign(rows, centroids, norm_sq, list, progress);
		if (status != OMEN_OK)
			break;
		memset(sums.sum, 0, (size_t) lists * rows->dim * sizeof(float));
		memset(sums.extra, 0, lists * sizeof(double));
		memset(sums.count, 0, lists * sizeof(uint32_t));
		add_rows(rows, list, &sums);
		move_centroids(rows, list, centroids, &sums, &random);
	}
	return status;
}
