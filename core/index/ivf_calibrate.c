/*
 * ivf_calibrate.c - the nearest rows of some queries, found while all rows go
 * by to be coded.
 *
 * Rows of the table serve as queries.  ivf_grid.c makes of what was found how
 * far a search must go for a recall.
 *
 * Distances here are eight-bit ones, so near ties may fall either way: that
 * changes which of two equal neighbours is asked for, not how far its list is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ivf_calibrate.h"
#include "omen/random.h"
#include "omen/select.h"

#define FEWEST_QUERIES 20
#define TILE_ROWS 64
/* For every so many queries one of a stranger's. */
#define STRANGERS_EVERY 4

const float omen_calibration_levels[OMEN_CALIBRATION_LEVELS] = {
	0.50f, 0.60f, 0.70f, 0.80f, 0.85f, 0.90f, 0.92f, 0.94f, 0.95f, 0.96f,
	0.965f, 0.97f, 0.975f, 0.98f, 0.985f, 0.99f, 0.9925f, 0.995f, 0.998f, 1.0f
};
const uint32_t omen_calibration_ks[OMEN_CALIBRATION_KS] = {1, 10, OMEN_NEIGHBOURS, OMEN_NEIGHBOURS_MANY};

static uint32_t
strangers_for(uint32_t queries)
{
	return (queries + STRANGERS_EVERY - 1) / STRANGERS_EVERY;
}

/* Room for neighbours of so many queries; the first of every OMEN_NEIGHBOURS_MANY_EVERY has more. */
static uint32_t
neighbours_before(uint32_t queries)
{
	return queries * (OMEN_NEIGHBOURS + 1) + (queries + OMEN_NEIGHBOURS_MANY_EVERY - 1) / OMEN_NEIGHBOURS_MANY_EVERY *
		(OMEN_NEIGHBOURS_MANY - OMEN_NEIGHBOURS);
}

/* So many times as long as rows, on average, queries are made by inner product. */
#define LENGTHENED 2.0

static float
normal(OmenRandom *random)
{
	double		u = 1.0 - omen_random_unit(random);

	return (float) (sqrt(-2.0 * log(u)) * cos(6.283185307179586 * omen_random_unit(random)));
}

/* out = a query, relative to the rows' origin instead of their mean. */
static double
read_query(const OmenByteRows *queries, uint32_t q, const float *mean, float *out)
{
	omen_floats_from_bytes(queries->values + (size_t) q * queries->dim, queries->scale[q], queries->dim, out);
	for (uint32_t d = 0; d < queries->dim; d++)
		out[d] += mean[d];
	return sqrt(omen_simd->norm_sq_f32(out, queries->dim));
}

/* The same the other way about, multiplied by `by`. */
static void
write_query(OmenByteRows *queries, uint32_t q, const float *mean, double by, float *in)
{
	for (uint32_t d = 0; d < queries->dim; d++)
		in[d] = (float) (in[d] * by) - mean[d];
	queries->scale[q] = omen_bytes_from_floats(in, queries->dim, queries->values + (size_t) q * queries->dim);
}

/*
 * Copies the queries that have a direction; returns their number.  By inner
 * product rows so short beside the longest that eight bits hold nothing of
 * them would ask for what rounding left.
 */
static uint32_t
take_queries(OmenByteRows *to, const OmenByteRows *from, const OmenIvfModel *model, float *room)
{
	uint32_t	count = 0;

	for (uint32_t q = 0; q < from->count; q++)
	{
		double		rounding = from->scale[q] * sqrt(from->dim);

		if (model->metric == OMEN_INNER_PRODUCT && read_query(from, q, model->mean, room) < rounding)
			continue;
		memcpy(to->values + (size_t) count * from->dim, from->values + (size_t) q * from->dim, from->dim);
		to->scale[count++] = from->scale[q];
	}
	if (count >= FEWEST_QUERIES)
		return count;
	memcpy(to->values, from->values, (size_t) from->count * from->dim);
	memcpy(to->scale, from->scale, from->count * sizeof(float));
	return from->count;
}

/*
 * Inner product: brings all queries to one length, as searches do
 * (omen_ivf_query): as long as the first `own` are made.  Any would give the same order of rows.  Among lists a long
 * query prefers those of long rows, a short one those of scattered rows; twice
 * the rows' own length finds most with least.
 */
static void
even_lengths(OmenByteRows *queries, uint32_t own, OmenIvfModel *model, float *room)
{
	float	   *length = &model->calibration->query_length;
	double		sum = 0;
	double		squares = 0;

	for (uint32_t q = 0; q < own; q++)
	{
		double		given = read_query(queries, q, model->mean, room);

		sum += given;
		squares += given * given;
	}
	if (!(*length > 0) && sum > 0 && isfinite(squares))
		*length = (float) (LENGTHENED * squares / sum);
	for (uint32_t q = 0; q < queries->count && *length > 0; q++)
	{
		double		given = read_query(queries, q, model->mean, room);

		if (given > 0 && isfinite(*length / given))
			write_query(queries, q, model->mean, *length / given, room);
	}
}

/*
 * Behind the first `own` queries, strangers: as long as one of those, in no
 * direction that the rows have.  Noise added to queries would lie between, and
 * such a mixture tells how to find neither.
 */
static void
add_strangers(OmenByteRows *queries, uint32_t own, const OmenIvfModel *model, float *room)
{
	uint32_t	dim = queries->dim;
	OmenRandom	random = {own};

	for (uint32_t q = own; q < queries->count; q++)
	{
		uint32_t	like = (q - own) * STRANGERS_EVERY % own;
		double		length;

		omen_floats_from_bytes(queries->values + (size_t) like * dim, queries->scale[like], dim, room);
		length = sqrt(omen_simd->norm_sq_f32(room, dim) / dim);
		for (uint32_t d = 0; d < dim; d++)
			room[d] = (float) length * normal(&random) + model->mean[d];
		length = model->metric == OMEN_COSINE ? sqrt(omen_simd->norm_sq_f32(room, dim)) : 1;
		write_query(queries, q, model->mean, length > 0 ? 1 / length : 1, room);
	}
}

OmenStatus
omen_calibrator_create(OmenCalibrator **calibrator, OmenArena *arena, OmenIvfModel *model,
					   const OmenByteRows *queries)
{
	OmenCalibrator *c;
	OmenStatus	status;
	uint32_t	count = queries->count + strangers_for(queries->count);
	float	   *room;

	*calibrator = NULL;
	if (queries->count < FEWEST_QUERIES || model->lists < 2)
		return OMEN_OK;
	c = omen_arena_zero(arena, 1, sizeof(*c));
	if (c == NULL)
		return OMEN_NO_MEMORY;
	status = omen_byte_rows_init(&c->queries, arena, queries->dim, count, 0);
	c->found_bytes = count * sizeof(Neighbours) + neighbours_before(count) * sizeof(Neighbour);
	c->neighbours = omen_arena_zero(arena, 1, c->found_bytes);
	c->products = omen_arena_alloc(arena, (size_t) TILE_ROWS * count, sizeof(int32_t));
	c->minus_worst = omen_arena_alloc(arena, count, sizeof(float));
	c->near = omen_arena_alloc(arena, count, sizeof(uint32_t));
	c->value = omen_arena_alloc(arena, count, sizeof(float));
	room = omen_arena_alloc(arena, queries->dim, sizeof(float));
	if (status != OMEN_OK || c->neighbours == NULL || c->products == NULL || c->minus_worst == NULL ||
		c->near == NULL || c->value == NULL || room == NULL)
		return OMEN_NO_MEMORY;
	c->own = take_queries(&c->queries, queries, model, room);
	count = c->queries.count = c->own + strangers_for(c->own);
	add_strangers(&c->queries, c->own, model, room);
	if (model->metric == OMEN_INNER_PRODUCT)
		even_lengths(&c->queries, c->own, model, room);
	c->nearest = (Neighbour *) (c->neighbours + count);
	for (uint32_t q = 0; q < count; q++)
	{
		c->minus_worst[q] = -INFINITY;
		c->neighbours[q].first = neighbours_before(q);
		c->neighbours[q].room = neighbours_before(q + 1) - neighbours_before(q);
	}
	/* A row's nearest by inner product need not be itself. */
	c->skip_self = model->metric != OMEN_INNER_PRODUCT;
	*calibrator = c;
	return OMEN_OK;
}

void
omen_calibrator_of_strangers(OmenCalibrator *calibrator)
{
	calibrator->skip_self = 0;
}

size_t
omen_calibrator_bytes(uint32_t dim_padded, uint32_t queries)
{
	size_t		neighbours = OMEN_NEIGHBOURS + OMEN_NEIGHBOURS_MANY / OMEN_NEIGHBOURS_MANY_EVERY + 2;

	return (size_t) (queries + strangers_for(queries)) *
		(dim_padded + neighbours * sizeof(Neighbour) + TILE_ROWS * sizeof(int32_t));
}

/* Moves the item at `at` of a heap down to where it belongs. */
static void
sift_down(Neighbour *heap, uint32_t count, uint32_t at)
{
	Neighbour	item = heap[at];

	for (uint32_t child; (child = 2 * at + 1) < count; at = child)
	{
		if (child + 1 < count && heap[child + 1].distance > heap[child].distance)
			child++;
		if (heap[child].distance <= item.distance)
			break;
		heap[at] = heap[child];
	}
	heap[at] = item;
}

static void
keep(OmenCalibrator *calibrator, uint32_t q, Neighbour neighbour)
{
	Neighbours *n = &calibrator->neighbours[q];
	Neighbour  *nearest = calibrator->nearest + n->first;

	if (n->count < n->room)
	{
		nearest[n->count++] = neighbour;
		if (n->count < n->room)
			return;
		for (uint32_t i = n->room / 2; i-- > 0;)
			sift_down(nearest, n->room, i);
	}
	else
	{
		nearest[0] = neighbour;
		sift_down(nearest, n->room, 0);
	}
	calibrator->minus_worst[q] = -nearest[0].distance;
}

void
omen_calibrator_add(OmenCalibrator *calibrator, const OmenByteRows *rows, const uint32_t *list,
					const uint32_t *second, const float *norm_sq, const float *lift_sq)
{
	uint32_t	count = calibrator->queries.count;

	for (uint32_t first = 0; first < rows->count; first += TILE_ROWS)
	{
		uint32_t	left = rows->count - first;
		uint32_t	tile = left < TILE_ROWS ? left : TILE_ROWS;

		omen_simd->dots_i8(rows->values + (size_t) first * rows->dim, tile,
						   calibrator->queries.values, count, rows->dim, calibrator->products, count);
		for (uint32_t r = first; r < first + tile; r++)
		{
			const int32_t *products = calibrator->products + (size_t) (r - first) * count;
			float		own = norm_sq[r] + lift_sq[r];
			float		scale = 2.0f * rows->scale[r];
			/* own - scale x product < worst, the other way about: -worst - scale x product < -own */
			uint32_t	near = omen_simd->near_i32(products, calibrator->minus_worst, calibrator->queries.scale, count,
												   scale, -own, calibrator->near, calibrator->value);

			for (uint32_t i = 0; i < near; i++)
			{
				uint32_t	q = calibrator->near[i];
				float		distance = own - scale * calibrator->queries.scale[q] * (float) products[q];

				keep(calibrator, q, (Neighbour) {distance, {list[r], second ? second[r] : list[r]}});
			}
		}
	}
}

const void *
omen_calibrator_found(const OmenCalibrator *calibrator)
{
	return calibrator->neighbours;
}

size_t
omen_calibrator_found_bytes(const OmenCalibrator *calibrator)
{
	return calibrator->found_bytes;
}

void
omen_calibrator_add_found(OmenCalibrator *calibrator, const void *found)
{
	const Neighbours *other = found;
	const Neighbour *nearest = (const Neighbour *) (other + calibrator->queries.count);

	for (uint32_t q = 0; q < calibrator->queries.count; q++)
		for (uint32_t i = 0; i < other[q].count; i++)
			if (nearest[other[q].first + i].distance < -calibrator->minus_worst[q])
				keep(calibrator, q, nearest[other[q].first + i]);
}
