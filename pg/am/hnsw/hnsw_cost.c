/*
 * hnsw_cost.c - what the planner is told.
 *
 * As with ivf: nearly all of a scan's cost is up front, then each row costs its
 * fetch.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "adopt/shared_settings.h"
#include "am/hnsw/hnsw_am.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "page/foreign_index.h"
#include "utils/selfuncs.h"

/* Measured at 768 dimensions: a node takes about as long as an operator call, a fetched row 400 times that. */
#define COST_NODE (1.0 * cpu_operator_cost)
#define COST_FETCH (400 * cpu_operator_cost)
/* Nodes met for each of ef, and on the way there on each level. */
#define NODES_EACH 14
/* For ten rows. */
#define FETCHES 20
/* Infinity would become NaN on the way. */
#define COST_NEVER 1e100

void
hnsw_cost_estimate(PlannerInfo *root, IndexPath *path, double loop_count,
				   Cost *startup, Cost *total, Selectivity *selectivity,
				   double *correlation, double *pages)
{
	IndexOptInfo *index = path->indexinfo;
	double		rows = Max(index->tuples, 1);
	double		nodes;

	shared_settings_read();
	nodes = (hnsw_ef_search + log(rows)) * NODES_EACH;
	*selectivity = 1;
	*correlation = 0;
	*pages = index->pages;
	/* Good for nothing but an order by distance, and in pgvector's format not for that. */
	if (path->indexorderbys == NIL || foreign_index_path(path))
	{
		*startup = *total = COST_NEVER;
		OMEN_NEVER_TAKE(path);
		return;
	}
	*startup = Min(rows, nodes) * COST_NODE + Min(rows, FETCHES) * COST_FETCH;
	*total = *startup + rows * (COST_NODE + COST_FETCH + cpu_index_tuple_cost);
}
