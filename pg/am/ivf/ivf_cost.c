/*
 * ivf_cost.c - what the planner is told.
 *
 * The planner compares an ordered index scan under a LIMIT with reading
 * everything and sorting.  The scan's own cost is nearly all up front (finding
 * the nearest); then each row costs its fetch.  A condition makes the planner
 * expect to fetch rows in proportion to its selectivity, which is what the
 * scan does, so very selective conditions lead it to another index and a sort.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "am/ivf/ivf_am.h"
#include "nodes/pathnodes.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/float.h"
#include "utils/selfuncs.h"

/*
 * Measured at 384 to 1,536 dimensions: a sign code takes about 1/100 of the
 * time of an operator call, a centroid code the same, a four-bit code and its
 * page about 40 times that of an operator, a row fetched for its distance
 * about 400.
 */
#define COST_CODE (0.01 * cpu_operator_cost)
#define COST_RECORD (40 * cpu_operator_cost)
#define COST_FETCH (400 * cpu_operator_cost)
/* Bounds that always hold cost three times as much, and let more records through than rows. */
#define COST_RANGE_CODE (3 * COST_CODE)
#define RANGE_RECORDS 3
/* For ten rows: records read, and rows fetched. */
#define RECORDS 60
#define FETCHES 20

/* Whether there is a condition on the vector. */
static bool
has_range(const IndexPath *path)
{
	ListCell   *cell;

	foreach(cell, path->indexclauses)
	{
		IndexClause *clause = lfirst_node(IndexClause, cell);

		if (clause->indexcol == 0 && IsA(linitial_node(RestrictInfo, clause->indexquals)->clause, OpExpr))
			return true;
	}
	return false;
}

void
ivf_cost_estimate(PlannerInfo *root, IndexPath *path, double loop_count,
				  Cost *startup, Cost *total, Selectivity *selectivity,
				  double *correlation, double *pages)
{
	IndexOptInfo *index = path->indexinfo;
	double		rows = Max(index->tuples, 1);
	double		lists = omen_ivf_lists_for((uint64) rows);
	double		probed = Min(lists, 10 + sqrt(lists));

	*selectivity = clauselist_selectivity(root, get_quals_from_indexclauses(path->indexclauses),
										  index->rel->relid, JOIN_INNER, NULL);
	*correlation = 0;
	*pages = index->pages;
	if (path->indexorderbys == NIL)
	{
		if (has_range(path))
		{
			*startup = (lists + rows) * COST_RANGE_CODE;
			*total = *startup + Min(rows, rows * *selectivity * RANGE_RECORDS) * COST_RECORD;
		}
		else
			/* Good for nothing but distances. */
			*startup = *total = get_float8_infinity();
		return;
	}
	*startup = (lists + rows * probed / lists) * COST_CODE;
	*startup += Min(rows, RECORDS) * COST_RECORD + Min(rows, FETCHES) * COST_FETCH;
	*total = *startup + rows * (COST_CODE + COST_RECORD + COST_FETCH + cpu_index_tuple_cost);
}
