/*
 * kmeans.c - Lloyd's algorithm over eight-bit rows; see omen/kmeans.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <string.h>

#include "omen/kmeans.h"
#include "omen/simd.h"

/* The first iterations look at fewer rows, but not fewer than so many a list. */
#define ROWS_PER_LIST_MIN 12

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

void
omen_byte_row_copy(const OmenByteRows *from, uint32_t i, OmenByteRows *to, uint32_t j)
{
	memcpy(to->values + (size_t) j * to->dim, from->values + (size_t) i * from->dim, from->dim);
	to->scale[j] = from->scale[i];
	if (to->extra)
		to->extra[j] = from->extra[i];
}

static void
swap_rows(OmenByteRows *rows, uint32_t i, uint32_t j)
{
	int8_t	   *a = rows->values + (size_t) i * rows->dim;
	int8_t	   *b = rows->values + (size_t) j * rows->dim;
	float		scale = rows->scale[i];

	for (uint32_t d = 0; d < rows->dim; d += 64)
	{
		int8_t		piece[64];

		memcpy(piece, a + d, 64);
		memcpy(a + d, b + d, 64);
		memcpy(b + d, piece, 64);
	}
	rows->scale[i] = rows->scale[j];
	rows->scale[j] = scale;
	if (rows->extra)
	{
		float		extra = rows->extra[i];

		rows->extra[i] = rows->extra[j];
		rows->extra[j] = extra;
	}
}

/* Fisher-Yates. */
void
omen_byte_rows_shuffle(OmenByteRows *rows, OmenRandom *random)
{
	for (uint32_t i = 0; i + 1 < rows->count; i++)
	{
		uint32_t	j = i + (uint32_t) omen_random_below(random, rows->count - i);

		if (j != i)
			swap_rows(rows, i, j);
	}
}

uint32_t
omen_kmeans_rows(uint32_t rows, uint32_t lists, uint32_t iteration, uint32_t iterations)
{
	uint64_t	fewest = (uint64_t) lists * ROWS_PER_LIST_MIN;
	uint32_t	thirds = 3 * iteration / iterations;	/* of the way: 0, 1 or 2 */
	uint32_t	share = rows >> (2 - thirds);

	return share > fewest ? share : fewest < rows ? (uint32_t) fewest : rows;
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
		omen_byte_row_copy(rows, row, centroids, i);
	}
	return OMEN_OK;
}

OmenStatus
omen_list_sums_init(OmenListSums *sums, OmenArena *arena, const OmenByteRows *rows, uint32_t lists)
{
	sums->lists = lists;
	sums->dim = rows->dim;
	sums->sum = omen_arena_alloc(arena, (size_t) lists * rows->dim, sizeof(float));
	sums->extra = omen_arena_alloc(arena, lists, sizeof(double));
	sums->count = omen_arena_alloc(arena, lists, sizeof(uint32_t));
	sums->end = omen_arena_alloc(arena, lists, sizeof(uint32_t));
	sums->order = omen_arena_alloc(arena, rows->count, sizeof(uint32_t));
	if (sums->sum == NULL || sums->extra == NULL || sums->count == NULL || sums->end == NULL || sums->order == NULL)
		return OMEN_NO_MEMORY;
	return OMEN_OK;
}

/* Rows in the order of their lists, so that each sum is finished while it is in the cache. */
static void
order_rows(OmenListSums *sums, const uint32_t *list, uint32_t count)
{
	uint32_t	end = 0;

	memset(sums->count, 0, sums->lists * sizeof(uint32_t));
	for (uint32_t r = 0; r < count; r++)
		sums->count[list[r]]++;
	for (uint32_t l = 0; l < sums->lists; l++)
	{
		sums->end[l] = end;
		end += sums->count[l];
	}
	for (uint32_t r = 0; r < count; r++)
		sums->order[sums->end[list[r]]++] = r;
}

void
omen_list_sums_take(OmenListSums *sums, const OmenByteRows *rows, const uint32_t *list)
{
	uint32_t	dim = sums->dim;
	uint32_t	at = 0;

	order_rows(sums, list, rows->count);
	for (uint32_t l = 0; l < sums->lists; l++)
	{
		float	   *sum = sums->sum + (size_t) l * dim;

		memset(sum, 0, dim * sizeof(float));
		sums->extra[l] = 0;
		for (; at < sums->end[l]; at++)
		{
			uint32_t	r = sums->order[at];
			const int8_t *row = rows->values + (size_t) r * dim;
			float		scale = rows->scale[r];

			for (uint32_t d = 0; d < dim; d++)
				sum[d] += scale * (float) row[d];
			if (rows->extra)
				sums->extra[l] += rows->extra[r];
		}
	}
}

/* A row of the fullest list for a list that has none; the fullest is then counted as halved. */
static uint32_t
row_for_empty_list(const OmenByteRows *rows, const uint32_t *list, OmenListSums *sums, OmenRandom *random)
{
	uint32_t	fullest = 0;
	uint64_t	start = omen_random_below(random, rows->count);

	for (uint32_t l = 1; l < sums->lists; l++)
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

void
omen_centroids_move(OmenByteRows *centroids, OmenListSums *sums, const OmenByteRows *rows, const uint32_t *list,
					OmenRandom *random)
{
	uint32_t	dim = centroids->dim;

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
			omen_byte_row_copy(rows, row_for_empty_list(rows, list, sums, random), centroids, l);
}

OmenStatus
omen_kmeans_train(const OmenByteRows *rows, OmenByteRows *centroids, uint32_t iterations,
				  uint64_t seed, OmenArena *scratch, const OmenProgress *progress)
{
	OmenRandom	random = {seed};
	uint32_t   *list = omen_arena_alloc(scratch, rows->count, sizeof(uint32_t));
	OmenAssigner assigner;
	OmenListSums sums;
	OmenStatus	status = start_from_rows(rows, centroids, &random, scratch);

	if (list == NULL || status != OMEN_OK ||
		omen_list_sums_init(&sums, scratch, rows, centroids->count) != OMEN_OK ||
		omen_assigner_init(&assigner, scratch, centroids) != OMEN_OK)
		return OMEN_NO_MEMORY;
	for (uint32_t i = 0; i < iterations && centroids->count > 1; i++)
	{
		OmenByteRows some = *rows;

		some.count = omen_kmeans_rows(rows->count, centroids->count, i, iterations);
		omen_assigner_refresh(&assigner);
		status = omen_assign(&assigner, &some, list, progress);
		if (status != OMEN_OK)
			break;
		omen_list_sums_take(&sums, &some, list);
		omen_centroids_move(centroids, &sums, &some, list, &random);
	}
	return status;
}
