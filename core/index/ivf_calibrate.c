/*
 * ivf_calibrate.c - how far a search must go for a recall, learned from the
 * rows themselves.
 *
 * Some rows serve as queries.  While all rows go by to be coded, the nearest
 * of each query are kept.  Afterwards it is known for each of them how near
 * its list is among the lists (its rank) and how many spreads beyond the stop
 * rule's zero (its z).  A search that looks at the first P lists but skips
 * those beyond Z finds the neighbours with rank < P and z <= Z, and scans the
 * rows of the lists within both: counted on a grid of P and Z, this gives for
 * each recall the pair that scans least.  Where clusters are clear Z does the
 * work, where neighbours lie scattered over many lists P does.
 *
 * Distances here are eight-bit ones, so near ties may fall either way: that
 * changes which of two equal neighbours is asked for, not how far its list is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "omen/ivf.h"
#include "omen/select.h"

/* So many nearest of each query; and for every so-manieth query the greater number besides. */
#define NEIGHBOURS 100
#define NEIGHBOURS_MANY 1000
#define MANY_EVERY 4
#define FEWEST_QUERIES 20
#define TILE_ROWS 64

const float omen_calibration_levels[OMEN_CALIBRATION_LEVELS] = {
	0.50f, 0.60f, 0.70f, 0.80f, 0.85f, 0.90f, 0.92f, 0.94f, 0.95f, 0.96f,
	0.965f, 0.97f, 0.975f, 0.98f, 0.985f, 0.99f, 0.9925f, 0.995f, 0.998f, 1.0f
};
const uint32_t omen_calibration_ks[OMEN_CALIBRATION_KS] = {1, 10, NEIGHBOURS, NEIGHBOURS_MANY};

typedef struct Neighbour
{
	float		distance;		/* the query's own length left out */
	uint32_t	list[2];		/* the same twice without spilling */
} Neighbour;

/* The nearest seen of a query, a heap with the farthest first; then sorted. */
typedef struct Neighbours
{
	uint32_t	count;
	uint32_t	room;			/* one more than asked for: the query itself is among the rows */
	uint32_t	first;			/* where they are */
	uint32_t	reserved;
} Neighbours;

struct OmenCalibrator
{
	OmenByteRows queries;
	Neighbours *neighbours;		/* [queries.count], and behind them, in one piece, */
	Neighbour  *nearest;
	size_t		found_bytes;	/* of both */
	float	   *minus_worst;	/* [queries.count] distance to beat, the query's own length left out; negated */
	int32_t    *products;		/* [TILE_ROWS][queries.count] */
	uint32_t   *near;			/* [queries.count] queries that a row is near, */
	float	   *value;			/* and what near_i32 says of them */
	int			skip_self;
};

/* Room for neighbours of so many queries; the first of every MANY_EVERY has more. */
static uint32_t
neighbours_before(uint32_t queries)
{
	return queries * (NEIGHBOURS + 1) + (queries + MANY_EVERY - 1) / MANY_EVERY * (NEIGHBOURS_MANY - NEIGHBOURS);
}

OmenStatus
omen_calibrator_create(OmenCalibrator **calibrator, OmenArena *arena, const OmenIvfModel *model,
					   const OmenByteRows *queries)
{
	OmenCalibrator *c;
	OmenStatus	status;

	*calibrator = NULL;
	if (queries->count < FEWEST_QUERIES || model->lists < 2)
		return OMEN_OK;
	c = omen_arena_zero(arena, 1, sizeof(*c));
	if (c == NULL)
		return OMEN_NO_MEMORY;
	status = omen_byte_rows_init(&c->queries, arena, queries->dim, queries->count, 0);
	c->found_bytes = queries->count * sizeof(Neighbours) + neighbours_before(queries->count) * sizeof(Neighbour);
	c->neighbours = omen_arena_zero(arena, 1, c->found_bytes);
	c->products = omen_arena_alloc(arena, (size_t) TILE_ROWS * queries->count, sizeof(int32_t));
	c->minus_worst = omen_arena_alloc(arena, queries->count, sizeof(float));
	c->near = omen_arena_alloc(arena, queries->count, sizeof(uint32_t));
	c->value = omen_arena_alloc(arena, queries->count, sizeof(float));
	if (status != OMEN_OK || c->neighbours == NULL || c->products == NULL || c->minus_worst == NULL ||
		c->near == NULL || c->value == NULL)
		return OMEN_NO_MEMORY;
	memcpy(c->queries.values, queries->values, (size_t) queries->count * queries->dim);
	memcpy(c->queries.scale, queries->scale, queries->count * sizeof(float));
	c->nearest = (Neighbour *) (c->neighbours + queries->count);
	for (uint32_t q = 0; q < queries->count; q++)
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
	size_t		neighbours = NEIGHBOURS + NEIGHBOURS_MANY / MANY_EVERY + 2;

	return (size_t) queries * (dim_padded + neighbours * sizeof(Neighbour) + TILE_ROWS * sizeof(int32_t));
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

static int
compare_neighbours(const void *a, const void *b)
{
	const Neighbour *x = a;
	const Neighbour *y = b;

	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;
	return x->list[0] < y->list[0] ? -1 : x->list[0] > y->list[0];
}

/* ---- the grid ---- */

#define Z_STEPS 48
#define PROBE_STEPS 40

/* A query of which less than this share is found has failed; ... */
#define QUERY_FLOOR 0.7
/* ... of so many of them a search that aims this high lets one in twenty-five fail at most. */
#define FLOOR_LEVEL 0.955f
#define FAILED_SHARE 0.04

/* Per k: what lies in each cell of probes x z, then (added up) below its upper corner. */
typedef struct Grid
{
	OmenKeyed  *z;				/* every neighbour's z: where the steps of Z come from */
	uint32_t	z_count;
	float		z_step[Z_STEPS];	/* ascending; the last is infinite */
	double		found[PROBE_STEPS][Z_STEPS];
	double		scanned[PROBE_STEPS][Z_STEPS];
	double		failed[PROBE_STEPS][Z_STEPS];	/* queries, added up already */
	uint32_t	queries;
	uint32_t	neighbours;
} Grid;

/* 1, 2, 3, 4, 6, 8, 11, ... lists: a half more each time, and at last all. */
static uint32_t
make_probe_steps(uint32_t *step, uint32_t lists)
{
	uint32_t	count = 0;
	double		next = 1;

	while (count < PROBE_STEPS - 1 && (uint32_t) next < lists)
	{
		step[count++] = (uint32_t) next;
		next = next < 4 ? next + 1 : next * 1.33;
	}
	step[count++] = lists;
	return count;
}

/* The first step that holds a rank (or z). */
static uint32_t
probe_cell(const uint32_t *step, uint32_t count, uint32_t rank)
{
	uint32_t	i = 0;

	while (i + 1 < count && rank >= step[i])
		i++;
	return i;
}

static uint32_t
z_cell(const float *step, float z)
{
	uint32_t	low = 0;
	uint32_t	high = Z_STEPS - 1;

	while (low < high)
	{
		uint32_t	middle = (low + high) / 2;

		if (z <= step[middle])
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static float
z_of(const OmenIvfModel *model, const OmenListRank *rank, float worst)
{
	float		spread = model->start[rank->list].spread;
	float		unit = 2.0f * sqrtf(rank->distance * spread);

	return unit > 0 ? (rank->distance + spread - worst) / unit : -INFINITY;
}

/* One query with its lists ranked, on its way through the grids. */
typedef struct QueryAt
{
	OmenCodeQuery code;
	OmenRanking ranking;
	uint32_t   *rank_of;		/* [lists] */
	int			spilled;		/* neighbours are looked for in their second lists, too */
	OmenKeyed  *order;			/* [lists] */
	OmenListRank *ranks;		/* [lists] nearest first, but for those that a search finds late */
} QueryAt;

/*
 * The lists in the order in which a search with more and more probes comes to
 * them.  It measures, of those coarsely nearest, an eighth and SPARE_LISTS more
 * than it probes: a list that the coarse codes put far behind is found late,
 * however near it is.  To queries far from all rows that happens often.
 */
#define SPARE_LISTS 16

static void
rank_query(const OmenCalibrator *calibrator, uint32_t q, const OmenIvfModel *model, QueryAt *at)
{
	omen_floats_from_bytes(calibrator->queries.values + (size_t) q * model->dim_padded,
						   calibrator->queries.scale[q], model->dim_padded, at->code.vector);
	omen_code_query_prepare(&at->code);
	omen_ranking_begin(&at->ranking, model, &at->code);
	for (uint32_t l = 0; l < model->lists; l++)
		at->order[l] = (OmenKeyed) {at->ranking.coarse[l], l};
	omen_sort_keyed(at->order, model->lists);
	for (uint32_t i = 0; i < model->lists; i++)
		at->rank_of[at->order[i].value] = i;
	omen_ranking_extend(&at->ranking, model, &at->code, model->lists);
	for (uint32_t i = 0; i < model->lists; i++)
	{
		uint32_t	coarse = at->rank_of[at->ranking.ranks[i].list];
		float		probes = coarse > SPARE_LISTS ? (float) (coarse - SPARE_LISTS) / 1.125f : 0.0f;

		at->order[i] = (OmenKeyed) {probes > (float) i ? probes : (float) i, i};
	}
	omen_sort_keyed(at->order, model->lists);
	for (uint32_t i = 0; i < model->lists; i++)
		at->ranks[i] = at->ranking.ranks[at->order[i].value];
	memcpy(at->ranking.ranks, at->ranks, model->lists * sizeof(OmenListRank));
	for (uint32_t i = 0; i < model->lists; i++)
		at->rank_of[at->ranking.ranks[i].list] = i;
}

/* The query's k nearest (sorted), its own row left out; NULL when it has not so many. */
static const Neighbour *
nearest_of(const OmenCalibrator *calibrator, uint32_t q, uint32_t k)
{
	const Neighbours *n = &calibrator->neighbours[q];
	uint32_t	skip = calibrator->skip_self && n->count > 0;

	return n->count < skip + k ? NULL : calibrator->nearest + n->first + skip;
}

/* First pass: the z of each neighbour, in that of its lists where it is less. */
static void
note_z(const OmenCalibrator *calibrator, uint32_t q, const OmenIvfModel *model, const QueryAt *at, uint32_t k,
	   Grid *grid)
{
	const Neighbour *nearest = nearest_of(calibrator, q, k);

	for (uint32_t i = 0; nearest != NULL && i < k; i++)
	{
		float		worst = nearest[k - 1].distance + at->code.norm_sq;
		float		z = z_of(model, &at->ranking.ranks[at->rank_of[nearest[i].list[0]]], worst);

		if (at->spilled)
			z = fminf(z, z_of(model, &at->ranking.ranks[at->rank_of[nearest[i].list[1]]], worst));
		grid->z[grid->z_count++].key = z;
	}
}

static void
add_up(double (*cell)[Z_STEPS], uint32_t probe_steps)
{
	for (uint32_t p = 0; p < probe_steps; p++)
		for (uint32_t z = 0; z < Z_STEPS; z++)
			cell[p][z] += (p > 0 ? cell[p - 1][z] : 0) + (z > 0 ? cell[p][z - 1] : 0) -
				(p > 0 && z > 0 ? cell[p - 1][z - 1] : 0);
}

/* Second pass: neighbours and lists into cells. */
static void
fill_cells(const OmenCalibrator *calibrator, uint32_t q, const OmenIvfModel *model, const QueryAt *at, uint32_t k,
		   const uint32_t *probe_step, uint32_t probe_steps, double (*found)[Z_STEPS], Grid *grid)
{
	const Neighbour *nearest = nearest_of(calibrator, q, k);
	float		worst;

	if (nearest == NULL)
		return;
	worst = nearest[k - 1].distance + at->code.norm_sq;
	memset(found, 0, PROBE_STEPS * sizeof(*found));
	for (uint32_t i = 0; i < k; i++)
	{
		uint32_t	p[2];
		uint32_t	z[2];

		for (uint32_t side = 0; side < 2; side++)
		{
			uint32_t	r = at->rank_of[nearest[i].list[at->spilled ? side : 0]];

			p[side] = probe_cell(probe_step, probe_steps, r);
			z[side] = z_cell(grid->z_step, z_of(model, &at->ranking.ranks[r], worst));
			found[p[side]][z[side]]++;
		}
		/* Found in either, and counted once where in both. */
		found[p[0] > p[1] ? p[0] : p[1]][z[0] > z[1] ? z[0] : z[1]]--;
	}
	add_up(found, probe_steps);
	for (uint32_t step = 0; step < probe_steps; step++)
		for (uint32_t z = 0; z < Z_STEPS; z++)
		{
			grid->found[step][z] += found[step][z];
			grid->failed[step][z] += found[step][z] < QUERY_FLOOR * k;
		}
	grid->queries++;
	grid->neighbours += k;
	for (uint32_t r = 0; r < model->lists; r++)
	{
		const OmenListRank *rank = &at->ranking.ranks[r];

		/* Opening a list, in pages of PostgreSQL, costs about as much as scanning 300 codes. */
		grid->scanned[probe_cell(probe_step, probe_steps, r)][z_cell(grid->z_step, z_of(model, rank, worst))] +=
			model->start[rank->list].count + 300;
	}
}

/* Steps of Z: quantiles of the neighbours' z, closer together towards the top. */
static void
make_z_steps(Grid *grid)
{
	omen_sort_keyed(grid->z, grid->z_count);
	for (uint32_t i = 0; i < Z_STEPS - 1 && grid->z_count > 0; i++)
	{
		double		from_top = pow(0.88, i + 1);
		uint32_t	at = (uint32_t) ((1.0 - from_top) * grid->z_count);

		grid->z_step[i] = grid->z[at < grid->z_count ? at : grid->z_count - 1].key;
	}
	grid->z_step[Z_STEPS - 1] = INFINITY;
}

/* The cheapest pair that finds this share, only thresholds from z_first on; returns its cost a query. */
static double
choose_pair(const Grid *grid, const uint32_t *probe_step, uint32_t probe_steps, uint32_t z_first, float level,
			float *stop_z, uint32_t *probes)
{
	double		least = INFINITY;
	double		failed_max = level > FLOOR_LEVEL ? FAILED_SHARE * grid->queries : grid->queries;

	*stop_z = INFINITY;
	*probes = probe_step[probe_steps - 1];
	for (uint32_t p = 0; p < probe_steps; p++)
		for (uint32_t z = z_first; z < Z_STEPS; z++)
			if (grid->found[p][z] >= (double) level * grid->neighbours && grid->scanned[p][z] < least &&
				grid->failed[p][z] <= failed_max)
			{
				least = grid->scanned[p][z];
				*stop_z = grid->z_step[z];
				*probes = probe_step[p];
			}
	return least / fmax(grid->queries, 1);
}

/* Counts everything: grids[OMEN_CALIBRATION_KS], added up, or NULL when out of memory. */
static Grid *
make_grids(OmenCalibrator *calibrator, const OmenIvfModel *model, int spilled, const uint32_t *probe_step,
		   uint32_t probe_steps, OmenArena *scratch)
{
	uint32_t	queries = calibrator->queries.count;
	Grid	   *grids = omen_arena_zero(scratch, OMEN_CALIBRATION_KS, sizeof(Grid));
	double		(*found)[Z_STEPS] = omen_arena_alloc(scratch, PROBE_STEPS, sizeof(*found));
	QueryAt		at;

	at.spilled = spilled;
	at.rank_of = omen_arena_alloc(scratch, model->lists, sizeof(uint32_t));
	at.order = omen_arena_alloc(scratch, model->lists, sizeof(OmenKeyed));
	at.ranks = omen_arena_alloc(scratch, model->lists, sizeof(OmenListRank));
	if (grids == NULL || found == NULL || at.rank_of == NULL || at.order == NULL || at.ranks == NULL ||
		omen_code_query_init(&at.code, scratch, model->dim_padded) != OMEN_OK ||
		omen_ranking_init(&at.ranking, scratch, model) != OMEN_OK)
		return NULL;
	for (uint32_t s = 0; s < OMEN_CALIBRATION_KS; s++)
	{
		size_t		some = omen_calibration_ks[s] > NEIGHBOURS ? (queries + MANY_EVERY - 1) / MANY_EVERY : queries;

		grids[s].z = omen_arena_zero(scratch, some * omen_calibration_ks[s], sizeof(OmenKeyed));
		if (grids[s].z == NULL)
			return NULL;
	}
	for (uint32_t q = 0; q < queries; q++)
	{
		qsort(calibrator->nearest + calibrator->neighbours[q].first, calibrator->neighbours[q].count,
			  sizeof(Neighbour), compare_neighbours);
		rank_query(calibrator, q, model, &at);
		for (uint32_t s = 0; s < OMEN_CALIBRATION_KS; s++)
			note_z(calibrator, q, model, &at, omen_calibration_ks[s], &grids[s]);
	}
	for (uint32_t s = 0; s < OMEN_CALIBRATION_KS; s++)
		make_z_steps(&grids[s]);
	for (uint32_t q = 0; q < queries; q++)
	{
		rank_query(calibrator, q, model, &at);
		for (uint32_t s = 0; s < OMEN_CALIBRATION_KS; s++)
			fill_cells(calibrator, q, model, &at, omen_calibration_ks[s], probe_step, probe_steps, found,
					   &grids[s]);
	}
	for (uint32_t s = 0; s < OMEN_CALIBRATION_KS; s++)
		add_up(grids[s].scanned, probe_steps);
	return grids;
}

OmenStatus
omen_calibrator_finish(OmenCalibrator *calibrator, OmenIvfModel *model, OmenArena *scratch)
{
	OmenCalibration *out = model->calibration;
	uint32_t	probe_step[PROBE_STEPS];
	uint32_t	probe_steps = make_probe_steps(probe_step, model->lists);
	Grid	   *grids = make_grids(calibrator, model, 1, probe_step, probe_steps, scratch);

	if (grids == NULL)
		return OMEN_NO_MEMORY;
	out->queries = calibrator->queries.count;
	for (uint32_t s = 0; s < OMEN_CALIBRATION_KS; s++)
		for (uint32_t l = 0; l < OMEN_CALIBRATION_LEVELS; l++)
		{
			float		none;

			/* Too few rows for so many neighbours: search everything. */
			out->stop_z[s][l] = INFINITY;
			out->probes[s][l] = out->probes_alone[s][l] = model->lists;
			if (grids[s].neighbours == 0)
				continue;
			choose_pair(&grids[s], probe_step, probe_steps, 0, omen_calibration_levels[l],
						&out->stop_z[s][l], &out->probes[s][l]);
			choose_pair(&grids[s], probe_step, probe_steps, Z_STEPS - 1, omen_calibration_levels[l],
						&none, &out->probes_alone[s][l]);
		}
	return OMEN_OK;
}

OmenStatus
omen_calibrator_cost(OmenCalibrator *calibrator, const OmenIvfModel *model, int spilled, uint32_t k, float level,
					 OmenArena *scratch, double *cost)
{
	uint32_t	probe_step[PROBE_STEPS];
	uint32_t	probe_steps = make_probe_steps(probe_step, model->lists);
	Grid	   *grids = make_grids(calibrator, model, spilled, probe_step, probe_steps, scratch);
	uint32_t	s = 0;
	float		stop_z;
	uint32_t	probes;

	if (grids == NULL)
		return OMEN_NO_MEMORY;
	while (s + 1 < OMEN_CALIBRATION_KS && omen_calibration_ks[s] < k)
		s++;
	*cost = choose_pair(&grids[s], probe_step, probe_steps, 0, level, &stop_z, &probes);
	return OMEN_OK;
}

/*
 * Aims two fifths of the way from the target to one: the codes' bounds lose a
 * little, rows as queries are easier than strangers, and what was measured on
 * a thousand of them is itself not sure within half a percent.
 */
OmenIvfEffort
omen_ivf_effort(const OmenIvfModel *model, uint32_t k, double recall, int grown)
{
	const OmenCalibration *calibration = model->calibration;
	OmenIvfEffort effort = {INFINITY, model->lists};
	uint32_t	below = 0;
	uint32_t	above = 0;
	uint32_t	l = 0;
	/* For more neighbours than were looked at, half of the rest besides. */
	double		aim = recall + (1.0 - recall) * (k > NEIGHBOURS_MANY ? 0.7 : 0.4);
	const uint32_t (*probes)[OMEN_CALIBRATION_LEVELS] = grown ? calibration->probes_alone : calibration->probes;

	if (calibration->queries == 0 || recall >= 1.0)
		return effort;
	while (l + 1 < OMEN_CALIBRATION_LEVELS && omen_calibration_levels[l] < aim)
		l++;
	/* Effort does not grow steadily with k; between two that were looked at, the greater of theirs. */
	while (above + 1 < OMEN_CALIBRATION_KS && omen_calibration_ks[above] < k)
		above++;
	below = above > 0 && omen_calibration_ks[above] > k ? above - 1 : above;
	if (!grown)
		effort.stop_z = fmaxf(calibration->stop_z[below][l], calibration->stop_z[above][l]);
	effort.probes = probes[below][l] > probes[above][l] ? probes[below][l] : probes[above][l];
	/*
	 * Beyond the neighbours that were looked at, the ranking must be followed
	 * further: in proportion to them, which is more than enough in most data.
	 */
	if (k > NEIGHBOURS_MANY)
		effort.probes = (uint32_t) fmin((double) effort.probes * k / NEIGHBOURS_MANY, model->lists);
	if (effort.probes > model->lists || effort.probes == 0)
		effort.probes = model->lists;
	if (!(effort.stop_z == effort.stop_z))
		effort.stop_z = INFINITY;
	return effort;
}
