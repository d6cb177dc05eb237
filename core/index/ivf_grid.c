/*
 * ivf_grid.c - how far a search must go for a recall, from the nearest rows of
 * some queries.
 *
 * A search looks at the lists in the order of their distance.  Three things
 * tell it that a list need not be looked at:
 *
 *   z         the list can hardly hold one of the k best (the stop rule)
 *   reach     it lies so much farther than the nearest list, in the rule's
 *             units: what a query among many like lists needs, it gets
 *   patience  for so many lists, and a quarter of those before, nearly nothing
 *             new has come: what differs from query to query ends by itself
 *
 * It skips lists beyond z, and ends where both reach and patience do.  For each
 * query it is known which list holds each neighbour, so for each reach and each
 * patience where the search would end, and for each z what it would have found
 * and scanned by then.  Added up over all queries, this gives for each recall
 * the three that scan least.
 *
 * Sources: the stop rule is our own; ending when nothing new comes is the
 * "patience" of Teofili and Lin (2025) for graphs, and reach the pruning of
 * Chen et al., "SPANN" (NeurIPS 2021).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ivf_calibrate.h"
#include "omen/select.h"

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
#define PROBE_STEPS 72
#define REACH_STEPS 16
#define PATIENCE_STEPS 20
#define CHOICES (REACH_STEPS * PATIENCE_STEPS)

/* A query of which less than this share is found has failed; ... */
#define QUERY_FLOOR 0.7
/* ... of so many of them a search that aims this high lets one in twenty-five fail at most. */
#define FLOOR_LEVEL 0.955f
#define FAILED_SHARE 0.04
/* So much dearer than the cheapest choice may be one with a wider reach: strangers need it. */
#define REACH_WORTH 1.1

/* Queries farther from their nearest list than this share of the calibration's own are strangers. */
#define STRANGE_FROM 0.99

static const float reach_step[REACH_STEPS] = {
	0.0f, 0.03f, 0.06f, 0.09f, 0.12f, 0.15f, 0.18f, 0.22f, 0.26f, 0.3f, 0.35f, 0.42f, 0.5f, 0.65f, 0.9f, 1.5f
};

typedef struct Steps
{
	uint32_t	patience[PATIENCE_STEPS];	/* the last: all lists */
	uint32_t	probes[PROBE_STEPS];	/* so many lists from the nearest on; the last: all */
	uint32_t	probes_count;
} Steps;

/* What searches find, scan and fail in, all queries together. */
typedef struct Outcome
{
	double		found;
	double		scanned;
	double		failed;
} Outcome;

typedef struct Grid
{
	OmenKeyed  *z;				/* every neighbour's z: where the steps of Z come from */
	uint32_t	z_count;
	float		z_step[Z_STEPS];	/* ascending; the last is infinite */
	Outcome		choice[CHOICES][Z_STEPS];
	double		lists[CHOICES]; /* where they end */
	Outcome		fixed[PROBE_STEPS];	/* with a number of lists and nothing else */
	uint32_t	queries;
	uint32_t	neighbours;
} Grid;

/* Which of the calibrator's queries count, and for which of omen_calibration_ks. */
typedef struct Asked
{
	uint32_t	first;
	uint32_t	count;
	uint32_t	first_k;
	uint32_t	end_k;
	OmenKeyed  *nearest;		/* [count] out: how far each is from its nearest list; NULL: not wanted */
} Asked;

/* One query's: what lies in each cell of probes x z, then (added up) below its upper corner. */
typedef struct Cells
{
	double		found[PROBE_STEPS][Z_STEPS];
	double		scanned[PROBE_STEPS][Z_STEPS];
} Cells;

/*
 * Patience of 4, 5, 8, 12, ... and all lists: less would do for the rows that the
 * lists were trained on, not for those that come later.  Probes of 8, 9, 10, ... to
 * all in even steps.
 */
static void
make_steps(Steps *steps, uint32_t lists)
{
	double		next = 4;
	double		growth = fmax(1.07, pow(lists / (double) OMEN_LISTS_SURE, 1.0 / (PROBE_STEPS - 2)));

	for (uint32_t i = 0; i + 1 < PATIENCE_STEPS; i++, next = fmax(next * 1.45, next + 1))
		steps->patience[i] = (uint32_t) next;
	steps->patience[PATIENCE_STEPS - 1] = lists;
	steps->probes_count = 0;
	for (next = OMEN_LISTS_SURE; steps->probes_count < PROBE_STEPS - 1 && (uint32_t) next < lists;
		 next = fmax(next * growth, next + 1))
		steps->probes[steps->probes_count++] = (uint32_t) next;
	steps->probes[steps->probes_count++] = lists;
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
	OmenKeyed  *order;			/* [lists], and as many as a query has neighbours */
	OmenListRank *ranks;		/* [lists] nearest first, but for those that a search finds late */
	float	   *heap;			/* [OMEN_NEIGHBOURS_MANY] */
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
	uint32_t	skip = calibrator->skip_self && q < calibrator->own && n->count > 0;

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

/* Which of the query's k nearest, and how many rows, lie in the first lists within each z. */
static void
fill_cells(const OmenIvfModel *model, const QueryAt *at, const Neighbour *nearest, uint32_t k, const Steps *steps,
		   const float *z_step, Cells *cells)
{
	float		worst = nearest[k - 1].distance + at->code.norm_sq;

	memset(cells, 0, sizeof(*cells));
	for (uint32_t i = 0; i < k; i++)
	{
		uint32_t	p[2];
		uint32_t	z[2];

		for (uint32_t side = 0; side < 2; side++)
		{
			uint32_t	r = at->rank_of[nearest[i].list[at->spilled ? side : 0]];

			p[side] = probe_cell(steps->probes, steps->probes_count, r);
			z[side] = r < OMEN_LISTS_SURE ? 0 : z_cell(z_step, z_of(model, &at->ranking.ranks[r], worst));
			cells->found[p[side]][z[side]]++;
		}
		/* Found in either, and counted once where in both. */
		cells->found[p[0] > p[1] ? p[0] : p[1]][z[0] > z[1] ? z[0] : z[1]]--;
	}
	for (uint32_t r = 0; r < model->lists; r++)
	{
		const OmenListRank *rank = &at->ranking.ranks[r];
		uint32_t	z = r < OMEN_LISTS_SURE ? 0 : z_cell(z_step, z_of(model, rank, worst));

		cells->scanned[probe_cell(steps->probes, steps->probes_count, r)][z] +=
			model->start[rank->list].count + OMEN_LIST_COST;
		/* Also where it is skipped, its distance has been measured. */
		cells->scanned[probe_cell(steps->probes, steps->probes_count, r)][0] += OMEN_LOOK_COST;
	}
	add_up(cells->found, steps->probes_count);
	add_up(cells->scanned, steps->probes_count);
}

/*
 * Where a search for the best k ends by each patience alone: end[PATIENCE_STEPS]
 * lists.  Of what comes on the way and is pushed out again, only what is among
 * the neighbours kept is known.
 */
static void
find_ends(const QueryAt *at, const Neighbour *nearest, uint32_t known, uint32_t k, const Steps *steps,
		  OmenKeyed *order, float *heap, uint32_t *end)
{
	uint32_t	last[PATIENCE_STEPS] = {0};
	uint32_t	fresh[PATIENCE_STEPS] = {0};
	uint32_t	count = 0;

	for (uint32_t i = 0; i < known; i++)
	{
		uint32_t	first = at->rank_of[nearest[i].list[0]];
		uint32_t	second = at->rank_of[nearest[i].list[at->spilled]];

		order[i] = (OmenKeyed) {(float) (first < second ? first : second), i};
	}
	omen_sort_keyed(order, known);
	for (uint32_t i = 0; i < known; i++)
	{
		uint32_t	rank = (uint32_t) order[i].key;
		float		distance = nearest[order[i].value].distance;

		if (count == k && distance >= heap[0])
			continue;
		omen_heap_offer(heap, &count, k, distance);
		for (uint32_t a = 0; a < PATIENCE_STEPS; a++)
			if (rank < omen_ivf_end(last[a], steps->patience[a]) && ++fresh[a] >= omen_ivf_news(k))
			{
				last[a] = rank;
				fresh[a] = 0;
			}
	}
	for (uint32_t a = 0; a < PATIENCE_STEPS; a++)
		end[a] = omen_ivf_end(last[a], steps->patience[a]);
}

/* How many lists are within each reach: within[REACH_STEPS]. */
static void
find_reach(const OmenIvfModel *model, const QueryAt *at, uint32_t *within)
{
	uint32_t	lists = 1;

	for (uint32_t s = 0; s < REACH_STEPS; s++)
	{
		float		most = omen_ivf_reach(model, at->ranking.ranks[0].distance, reach_step[s]);

		while (lists < model->lists && at->ranking.ranks[lists].distance <= most)
			lists++;
		within[s] = lists;
	}
}

static void
count_outcome(Outcome *outcome, double found, double scanned, uint32_t k)
{
	outcome->found += found;
	outcome->scanned += scanned;
	outcome->failed += found < QUERY_FLOOR * k;
}

/* Second pass: what each choice makes of the query. */
static void
count_choices(const OmenCalibrator *calibrator, uint32_t q, const OmenIvfModel *model, const QueryAt *at, uint32_t k,
			  const Steps *steps, Cells *cells, Grid *grid)
{
	const Neighbour *nearest = nearest_of(calibrator, q, k);
	uint32_t	known = calibrator->neighbours[q].count - (uint32_t) (nearest - calibrator->nearest -
																	  calibrator->neighbours[q].first);
	uint32_t	end[PATIENCE_STEPS];
	uint32_t	within[REACH_STEPS];

	fill_cells(model, at, nearest, k, steps, grid->z_step, cells);
	find_ends(at, nearest, known, k, steps, at->order, at->heap, end);
	find_reach(model, at, within);
	for (uint32_t c = 0; c < CHOICES; c++)
	{
		uint32_t	lists = end[c % PATIENCE_STEPS];
		uint32_t	p;

		lists = lists > within[c / PATIENCE_STEPS] ? lists : within[c / PATIENCE_STEPS];
		lists = lists < model->lists ? lists : model->lists;
		grid->lists[c] += lists;
		p = probe_cell(steps->probes, steps->probes_count, lists - 1);
		for (uint32_t z = 0; z < Z_STEPS; z++)
			count_outcome(&grid->choice[c][z], cells->found[p][z], cells->scanned[p][z], k);
	}
	for (uint32_t p = 0; p < steps->probes_count; p++)
		count_outcome(&grid->fixed[p], cells->found[p][Z_STEPS - 1], cells->scanned[p][Z_STEPS - 1], k);
	grid->queries++;
	grid->neighbours += k;
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

static int
is_enough(const Grid *grid, const Outcome *outcome, float level)
{
	return outcome->found >= (double) level * grid->neighbours &&
		(level <= FLOOR_LEVEL || outcome->failed <= FAILED_SHARE * grid->queries);
}

/*
 * The cheapest choice that finds this share: *choice, or CHOICES when there is
 * none, with the step of z in *z.  Returns its cost a query.
 */
static double
choose(const Grid *grid, float level, uint32_t *choice, uint32_t *z_of_choice)
{
	double		least = INFINITY;
	double		most;

	*choice = CHOICES;
	*z_of_choice = Z_STEPS - 1;
	for (uint32_t c = 0; c < CHOICES; c++)
		for (uint32_t z = 0; z < Z_STEPS; z++)
			if (grid->choice[c][z].scanned < least && is_enough(grid, &grid->choice[c][z], level))
			{
				least = grid->choice[c][z].scanned;
				*choice = c;
				*z_of_choice = z;
			}
	most = least * REACH_WORTH;
	for (uint32_t c = CHOICES; c-- > 0 && *choice < CHOICES;)
		for (uint32_t z = 0; z < Z_STEPS; z++)
			if (c / PATIENCE_STEPS > *choice / PATIENCE_STEPS && grid->choice[c][z].scanned <= most &&
				is_enough(grid, &grid->choice[c][z], level))
			{
				*choice = c;
				*z_of_choice = z;
			}
	return least / fmax(grid->queries, 1);
}

/* Counts what is asked for: grids[OMEN_CALIBRATION_KS], the others empty, or NULL when out of memory. */
static Grid *
make_grids(OmenCalibrator *calibrator, Asked asked, const OmenIvfModel *model, int spilled, const Steps *steps,
		   OmenArena *scratch)
{
	uint32_t	most = model->lists > OMEN_NEIGHBOURS_MANY ? model->lists : OMEN_NEIGHBOURS_MANY;
	Grid	   *grids = omen_arena_zero(scratch, OMEN_CALIBRATION_KS, sizeof(Grid));
	Cells	   *cells = omen_arena_alloc(scratch, 1, sizeof(*cells));
	QueryAt		at;

	at.spilled = spilled;
	at.rank_of = omen_arena_alloc(scratch, model->lists, sizeof(uint32_t));
	at.order = omen_arena_alloc(scratch, most + 1, sizeof(OmenKeyed));
	at.ranks = omen_arena_alloc(scratch, model->lists, sizeof(OmenListRank));
	at.heap = omen_arena_alloc(scratch, OMEN_NEIGHBOURS_MANY, sizeof(float));
	if (grids == NULL || cells == NULL || at.rank_of == NULL || at.order == NULL || at.ranks == NULL ||
		at.heap == NULL || omen_code_query_init(&at.code, scratch, model->dim_padded) != OMEN_OK ||
		omen_ranking_init(&at.ranking, scratch, model) != OMEN_OK)
		return NULL;
	for (uint32_t s = asked.first_k; s < asked.end_k; s++)
	{
		size_t		some = omen_calibration_ks[s] > OMEN_NEIGHBOURS ?
			asked.count / OMEN_NEIGHBOURS_MANY_EVERY + 1 : asked.count;

		grids[s].z = omen_arena_zero(scratch, some * omen_calibration_ks[s], sizeof(OmenKeyed));
		if (grids[s].z == NULL)
			return NULL;
	}
	for (uint32_t q = asked.first; q < asked.first + asked.count; q++)
	{
		qsort(calibrator->nearest + calibrator->neighbours[q].first, calibrator->neighbours[q].count,
			  sizeof(Neighbour), compare_neighbours);
		rank_query(calibrator, q, model, &at);
		if (asked.nearest != NULL)
			asked.nearest[q - asked.first].key = at.ranking.ranks[0].distance;
		for (uint32_t s = asked.first_k; s < asked.end_k; s++)
			note_z(calibrator, q, model, &at, omen_calibration_ks[s], &grids[s]);
	}
	for (uint32_t s = asked.first_k; s < asked.end_k; s++)
		make_z_steps(&grids[s]);
	for (uint32_t q = asked.first; q < asked.first + asked.count; q++)
	{
		rank_query(calibrator, q, model, &at);
		for (uint32_t s = asked.first_k; s < asked.end_k; s++)
			if (nearest_of(calibrator, q, omen_calibration_ks[s]) != NULL)
				count_choices(calibrator, q, model, &at, omen_calibration_ks[s], steps, cells, &grids[s]);
	}
	return grids;
}

/* What reach is measured in: the mean of the lists' spreads, for a row. */
static float
mean_spread(const OmenIvfModel *model)
{
	double		sum = 0;
	double		rows = 0;

	for (uint32_t l = 0; l < model->lists; l++)
	{
		sum += (double) model->start[l].count * model->start[l].spread;
		rows += model->start[l].count;
	}
	return rows > 0 ? (float) (sum / rows) : 0.0f;
}

/* What the grids say for each k and each level. */
static void
fill_efforts(const Grid *grids, const Steps *steps, uint32_t lists, OmenEfforts *out)
{
	for (uint32_t s = 0; s < OMEN_CALIBRATION_KS; s++)
		for (uint32_t l = 0; l < OMEN_CALIBRATION_LEVELS; l++)
		{
			float		level = omen_calibration_levels[l];
			uint32_t	c;
			uint32_t	z;
			uint32_t	p = 0;

			/* Too few rows for so many neighbours: search everything. */
			out->stop_z[s][l] = INFINITY;
			out->reach[s][l] = INFINITY;
			out->patience[s][l] = out->lists[s][l] = out->lists_alone[s][l] = lists;
			if (grids[s].neighbours == 0)
				continue;
			choose(&grids[s], level, &c, &z);
			if (c < CHOICES)
			{
				out->stop_z[s][l] = grids[s].z_step[z];
				out->reach[s][l] = reach_step[c / PATIENCE_STEPS];
				out->patience[s][l] = steps->patience[c % PATIENCE_STEPS];
				out->lists[s][l] = (uint32_t) (grids[s].lists[c] / grids[s].queries);
			}
			while (p + 1 < steps->probes_count && !is_enough(&grids[s], &grids[s].fixed[p], level))
				p++;
			out->lists_alone[s][l] = steps->probes[p];
		}
}

OmenStatus
omen_calibrator_finish(OmenCalibrator *calibrator, OmenIvfModel *model, OmenArena *scratch)
{
	OmenCalibration *out = model->calibration;
	uint32_t	own = calibrator->own;
	Asked		asked = {0, own, 0, OMEN_CALIBRATION_KS, omen_arena_zero(scratch, own, sizeof(OmenKeyed))};
	Steps		steps;
	Grid	   *grids;

	if (asked.nearest == NULL)
		return OMEN_NO_MEMORY;
	make_steps(&steps, model->lists);
	out->spread = mean_spread(model);
	grids = make_grids(calibrator, asked, model, 1, &steps, scratch);
	if (grids == NULL)
		return OMEN_NO_MEMORY;
	fill_efforts(grids, &steps, model->lists, &out->own);
	omen_sort_keyed(asked.nearest, own);
	out->strange = asked.nearest[(uint32_t) (STRANGE_FROM * (own - 1))].key;
	asked = (Asked) {own, calibrator->queries.count - own, 0, OMEN_CALIBRATION_KS, NULL};
	grids = make_grids(calibrator, asked, model, 1, &steps, scratch);
	if (grids == NULL)
		return OMEN_NO_MEMORY;
	fill_efforts(grids, &steps, model->lists, &out->strangers);
	out->queries = own;
	return OMEN_OK;
}

OmenStatus
omen_calibrator_cost(OmenCalibrator *calibrator, OmenIvfModel *model, int spilled, uint32_t k, float level,
					 OmenArena *scratch, double *cost)
{
	Steps		steps;
	Grid	   *grids;
	uint32_t	s = 0;
	uint32_t	choice;
	uint32_t	z;

	make_steps(&steps, model->lists);
	model->calibration->spread = mean_spread(model);
	while (s + 1 < OMEN_CALIBRATION_KS && omen_calibration_ks[s] < k)
		s++;
	grids = make_grids(calibrator, (Asked) {0, calibrator->own, s, s + 1, NULL}, model, spilled, &steps, scratch);
	if (grids == NULL)
		return OMEN_NO_MEMORY;
	*cost = choose(&grids[s], level, &choice, &z);
	return OMEN_OK;
}
