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
#include <string.h>

#include "omen/ivf.h"
#include "omen/select.h"

#define NEIGHBOURS 100
/* One more, for the query itself among the rows. */
#define KEPT (NEIGHBOURS + 1)
#define FEWEST_QUERIES 20
#define TILE_ROWS 64

const float omen_calibration_levels[OMEN_CALIBRATION_LEVELS] = {
	0.50f, 0.60f, 0.70f, 0.80f, 0.85f, 0.90f, 0.92f, 0.94f, 0.95f, 0.96f,
	0.965f, 0.97f, 0.975f, 0.98f, 0.985f, 0.99f, 0.9925f, 0.995f, 0.998f, 1.0f
};
const uint32_t omen_calibration_ks[OMEN_CALIBRATION_KS] = {1, 10, NEIGHBOURS};

typedef struct Neighbours
{
	uint32_t	count;
	OmenKeyed	nearest[KEPT];	/* key: distance, value: list; unordered until full, worst at 0 after */
} Neighbours;

struct OmenCalibrator
{
	OmenByteRows queries;
	Neighbours *neighbours;		/* [queries.count] */
	float	   *minus_worst;	/* [queries.count] distance to beat, the query's own length left out; negated */
	int32_t    *products;		/* [TILE_ROWS][queries.count] */
	uint32_t   *near;			/* [queries.count] queries that a row is near, */
	float	   *value;			/* and what near_i32 says of them */
	int			skip_self;
};

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
	c->neighbours = omen_arena_zero(arena, queries->count, sizeof(Neighbours));
	c->products = omen_arena_alloc(arena, (size_t) TILE_ROWS * queries->count, sizeof(int32_t));
	c->minus_worst = omen_arena_alloc(arena, queries->count, sizeof(float));
	c->near = omen_arena_alloc(arena, queries->count, sizeof(uint32_t));
	c->value = omen_arena_alloc(arena, queries->count, sizeof(float));
	if (status != OMEN_OK || c->neighbours == NULL || c->products == NULL || c->minus_worst == NULL ||
		c->near == NULL || c->value == NULL)
		return OMEN_NO_MEMORY;
	memcpy(c->queries.values, queries->values, (size_t) queries->count * queries->dim);
	memcpy(c->queries.scale, queries->scale, queries->count * sizeof(float));
	for (uint32_t q = 0; q < queries->count; q++)
		c->minus_worst[q] = -INFINITY;
	/* A row's nearest by inner product need not be itself. */
	c->skip_self = model->metric != OMEN_INNER_PRODUCT;
	*calibrator = c;
	return OMEN_OK;
}

/* Keeps the KEPT nearest; linear in KEPT only when one is replaced, which is rare. */
static void
keep(Neighbours *n, float distance, uint32_t list, float *minus_worst)
{
	uint32_t	worst = 0;

	if (n->count < KEPT)
		n->nearest[n->count++] = (OmenKeyed) {distance, list};
	else
		n->nearest[0] = (OmenKeyed) {distance, list};
	if (n->count < KEPT)
		return;
	for (uint32_t i = 1; i < KEPT; i++)
		if (n->nearest[i].key > n->nearest[worst].key)
			worst = i;
	{
		OmenKeyed	t = n->nearest[0];

		n->nearest[0] = n->nearest[worst];
		n->nearest[worst] = t;
	}
	*minus_worst = -n->nearest[0].key;
}

void
omen_calibrator_add(OmenCalibrator *calibrator, const OmenByteRows *rows, const uint32_t *list,
					const float *norm_sq, const float *lift_sq)
{
	uint32_t	count = calibrator->queries.count;

	for (uint32_t first = 0; first < rows->count; first += TILE_ROWS)
	{
		uint32_t	left = rows->count - first;
		uint32_t	tile = left < TILE_ROWS ? left : TILE_ROWS;

		omen_simd->dots_i8(rows->values + (size_t) first * rows->dim, tile,
						   calibrator->queries.values, count, rows->dim, calibrator->products, count);
		for (uint32_t r = 0; r < tile; r++)
		{
			const int32_t *products = calibrator->products + (size_t) r * count;
			float		own = norm_sq[first + r] + lift_sq[first + r];
			float		scale = 2.0f * rows->scale[first + r];
			/* own - scale x product < worst, the other way about: -worst - scale x product < -own */
			uint32_t	near = omen_simd->near_i32(products, calibrator->minus_worst, calibrator->queries.scale, count,
												   scale, -own, calibrator->near, calibrator->value);

			for (uint32_t i = 0; i < near; i++)
			{
				uint32_t	q = calibrator->near[i];
				float		distance = own - scale * calibrator->queries.scale[q] * (float) products[q];

				keep(&calibrator->neighbours[q], distance, list[first + r], &calibrator->minus_worst[q]);
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
	return calibrator->queries.count * sizeof(Neighbours);
}

void
omen_calibrator_add_found(OmenCalibrator *calibrator, const void *found)
{
	const Neighbours *other = found;

	for (uint32_t q = 0; q < calibrator->queries.count; q++)
		for (uint32_t i = 0; i < other[q].count; i++)
		{
			const OmenKeyed *n = &other[q].nearest[i];

			if (n->key < -calibrator->minus_worst[q])
				keep(&calibrator->neighbours[q], n->key, n->value, &calibrator->minus_worst[q]);
		}
}

/* ---- the grid ---- */

#define Z_STEPS 48
#define PROBE_STEPS 40

/* Per k: what lies in each cell of probes x z, then (added up) below its upper corner. */
typedef struct Grid
{
	OmenKeyed  *z;				/* every neighbour's z: where the steps of Z come from */
	uint32_t	z_count;
	float		z_step[Z_STEPS];	/* ascending; the last is infinite */
	double		found[PROBE_STEPS][Z_STEPS];
	double		scanned[PROBE_STEPS][Z_STEPS];
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
} QueryAt;

static void
rank_query(const OmenCalibrator *calibrator, uint32_t q, const OmenIvfModel *model, QueryAt *at)
{
	omen_floats_from_bytes(calibrator->queries.values + (size_t) q * model->dim_padded,
						   calibrator->queries.scale[q], model->dim_padded, at->code.vector);
	omen_code_query_prepare(&at->code);
	omen_ranking_begin(&at->ranking, model, &at->code);
	omen_ranking_extend(&at->ranking, model, &at->code, model->lists);
	for (uint32_t i = 0; i < model->lists; i++)
		at->rank_of[at->ranking.ranks[i].list] = i;
}

/* The query's k nearest (sorted), its own row left out; NULL when it has not so many. */
static const OmenKeyed *
nearest_of(const OmenCalibrator *calibrator, uint32_t q, uint32_t k)
{
	const Neighbours *n = &calibrator->neighbours[q];
	uint32_t	skip = calibrator->skip_self && n->count > 0;

	return n->count < skip + k ? NULL : n->nearest + skip;
}

/* First pass: the z of each neighbour. */
static void
note_z(const OmenCalibrator *calibrator, uint32_t q, const OmenIvfModel *model, const QueryAt *at, uint32_t k,
	   Grid *grid)
{
	const OmenKeyed *nearest = nearest_of(calibrator, q, k);

	for (uint32_t i = 0; nearest != NULL && i < k; i++)
	{
		const OmenListRank *rank = &at->ranking.ranks[at->rank_of[nearest[i].value]];

		grid->z[grid->z_count++].key = z_of(model, rank, nearest[k - 1].key + at->code.norm_sq);
	}
}

/* Second pass: neighbours and lists into cells. */
static void
fill_cells(const OmenCalibrator *calibrator, uint32_t q, const OmenIvfModel *model, const QueryAt *at, uint32_t k,
		   const uint32_t *probe_step, uint32_t probe_steps, Grid *grid)
{
	const OmenKeyed *nearest = nearest_of(calibrator, q, k);
	float		worst;

	if (nearest == NULL)
		return;
	worst = nearest[k - 1].key + at->code.norm_sq;
	for (uint32_t i = 0; i < k; i++)
	{
		uint32_t	r = at->rank_of[nearest[i].value];

		grid->found[probe_cell(probe_step, probe_steps, r)]
			[z_cell(grid->z_step, z_of(model, &at->ranking.ranks[r], worst))]++;
		grid->neighbours++;
	}
	for (uint32_t r = 0; r < model->lists; r++)
	{
		const OmenListRank *rank = &at->ranking.ranks[r];

		/* Opening a list costs about as much as scanning forty codes. */
		grid->scanned[probe_cell(probe_step, probe_steps, r)][z_cell(grid->z_step, z_of(model, rank, worst))] +=
			model->start[rank->list].count + 40;
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

/* The cheapest pair that finds this share; only thresholds from z_first on. */
static void
choose_pair(const Grid *grid, const uint32_t *probe_step, uint32_t probe_steps, uint32_t z_first, float level,
			float *stop_z, uint32_t *probes)
{
	double		least = INFINITY;

	*stop_z = INFINITY;
	*probes = probe_step[probe_steps - 1];
	for (uint32_t p = 0; p < probe_steps; p++)
		for (uint32_t z = z_first; z < Z_STEPS; z++)
			if (grid->found[p][z] >= (double) level * grid->neighbours && grid->scanned[p][z] < least)
			{
				least = grid->scanned[p][z];
				*stop_z = grid->z_step[z];
				*probes = probe_step[p];
			}
}

OmenStatus
omen_calibrator_finish(OmenCalibrator *calibrator, OmenIvfModel *model, OmenArena *scratch)
{
	OmenCalibration *out = model->calibration;
	uint32_t	queries = calibrator->queries.count;
	uint32_t	probe_step[PROBE_STEPS];
	uint32_t	probe_steps = make_probe_steps(probe_step, model->lists);
	Grid	   *grids = omen_arena_zero(scratch, OMEN_CALIBRATION_KS, sizeof(Grid));
	QueryAt		at;

	at.rank_of = omen_arena_alloc(scratch, model->lists, sizeof(uint32_t));
	if (grids == NULL || at.rank_of == NULL ||
		omen_code_query_init(&at.code, scratch, model->dim_padded) != OMEN_OK ||
		omen_ranking_init(&at.ranking, scratch, model) != OMEN_OK)
		return OMEN_NO_MEMORY;
	for (uint32_t s = 0; s < OMEN_CALIBRATION_KS; s++)
	{
		grids[s].z = omen_arena_zero(scratch, (size_t) queries * omen_calibration_ks[s], sizeof(OmenKeyed));
		if (grids[s].z == NULL)
			return OMEN_NO_MEMORY;
	}
	for (uint32_t q = 0; q < queries; q++)
	{
		omen_sort_keyed(calibrator->neighbours[q].nearest, calibrator->neighbours[q].count);
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
			fill_cells(calibrator, q, model, &at, omen_calibration_ks[s], probe_step, probe_steps, &grids[s]);
	}

	out->queries = queries;
	for (uint32_t s = 0; s < OMEN_CALIBRATION_KS; s++)
	{
		add_up(grids[s].found, probe_steps);
		add_up(grids[s].scanned, probe_steps);
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
	}
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
	double		aim = recall + (1.0 - recall) * (k > NEIGHBOURS ? 0.7 : 0.4);
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
	if (k > NEIGHBOURS)
		effort.probes = (uint32_t) fmin((double) effort.probes * k / NEIGHBOURS, model->lists);
	if (effort.probes > model->lists || effort.probes == 0)
		effort.probes = model->lists;
	if (!(effort.stop_z == effort.stop_z))
		effort.stop_z = INFINITY;
	return effort;
}
