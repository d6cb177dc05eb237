/*
 * ivf_cost.c - what the planner is told.
 *
 * The planner compares an ordered scan under a LIMIT with reading and sorting
 * all rows that qualify, found by the table or another index.  It takes of a
 * path's cost the start and, of the rest, the share that LIMIT has of all rows;
 * so the search for the LIMIT's rows is all start, and the rest is what more
 * rows would take.
 *
 * How far a search goes depends on how many of the rows it meets qualify.
 * Conditions on the index's own columns are tested before a distance is paid:
 * more lists are probed, but no more rows are read.  Others are tested on the
 * rows of the table: to find k of them, k / share are fetched.
 *
 * PostgreSQL adds the reading of as many rows as the selectivity says, and
 * takes an ordered path of a selectivity below one for a bitmap's as well,
 * without its order.  Ours would then be of no use, unless it has a range.  So
 * the selectivity of the others is one, and what is added for it is taken off.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "am/ivf/ivf_am.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "utils/selfuncs.h"
#include "utils/spccache.h"

/*
 * In times of cpu_operator_cost, which is taken for 10 ns (see vector_cost.c):
 * a sign code or a centroid's; a posting's key; a four-bit code on its page;
 * a row found in the table, its distance apart; starting at all.
 */
#define CODE_UNITS 0.3
#define KEY_UNITS 0.1
#define RECORD_UNITS 40
#define ROW_UNITS 200
#define START_UNITS 2000
/* Bounds that always hold cost three times as much, and let more records through than rows. */
#define RANGE_CODE_UNITS (3 * CODE_UNITS)
#define RANGE_RECORDS 3

/* Of what the index cannot do; infinity would become NaN on the way. */
#define COST_NEVER 1e100

/* The index's conditions. */
typedef struct Conditions
{
	bool		range;			/* one of them is a range of the vector */
	bool		keys;			/* some are on further columns */
	Selectivity keys_share;		/* rows that meet those, and what the scan takes up besides */
	Selectivity share;			/* that meet all */
} Conditions;

/*
 * Whether the scan takes this condition, which the planner leaves to the row,
 * from its node's filter and tests it on keys (ivf_quals.c): column = ANY (...),
 * value = ANY (column), a bool.
 */
static bool
is_taken_up(const IndexOptInfo *index, const RestrictInfo *info)
{
	Node	   *column = (Node *) info->clause;

	if (IsA(column, ScalarArrayOpExpr))
	{
		const ScalarArrayOpExpr *any = (const ScalarArrayOpExpr *) column;

		if (!any->useOr)
			return false;
		column = strip_implicit_coercions(linitial(any->args));
		if (!IsA(column, Var))
			column = strip_implicit_coercions(lsecond(any->args));
	}
	else if (is_notclause(column))
		column = (Node *) get_notclausearg((Expr *) column);
	else if (IsA(column, BooleanTest))
		column = (Node *) ((BooleanTest *) column)->arg;
	if (!IsA(column, Var) || ((Var *) column)->varno != index->rel->relid)
		return false;
	for (int c = 1; c < index->nkeycolumns; c++)
		if (index->indexkeys[c] == ((Var *) column)->varattno)
			return true;
	return false;
}

static Conditions
look_at_conditions(PlannerInfo *root, const IndexPath *path)
{
	Index		relid = path->indexinfo->rel->relid;
	Conditions	conditions = {false, false, 1, 1};
	List	   *keys = NIL;
	ListCell   *cell;

	foreach(cell, path->indexclauses)
	{
		IndexClause *clause = lfirst_node(IndexClause, cell);

		if (clause->indexcol > 0)
			keys = list_concat(keys, clause->indexquals);
		else
			conditions.range |= IsA(linitial_node(RestrictInfo, clause->indexquals)->clause, OpExpr);
	}
	foreach(cell, path->indexinfo->indrestrictinfo)
	{
		RestrictInfo *info = lfirst_node(RestrictInfo, cell);

		if (is_taken_up(path->indexinfo, info) && !is_redundant_with_indexclauses(info, path->indexclauses))
			keys = lappend(keys, info);
	}
	conditions.keys = keys != NIL;
	conditions.keys_share = clauselist_selectivity(root, keys, relid, JOIN_INNER, NULL);
	conditions.share = clauselist_selectivity(root, get_quals_from_indexclauses(path->indexclauses), relid,
											  JOIN_INNER, NULL);
	return conditions;
}

/* What PostgreSQL adds for reading every row of the table, in its order: see cost_index(). */
static Cost
added_for_rows(PlannerInfo *root, const IndexPath *path)
{
	RelOptInfo *rel = path->indexinfo->rel;
	List	   *others = NIL;
	QualCost	quals;
	double		random_page;
	double		next_page;
	ListCell   *cell;

	foreach(cell, path->indexinfo->indrestrictinfo)
	{
		RestrictInfo *info = lfirst_node(RestrictInfo, cell);

		if (!info->pseudoconstant && !is_redundant_with_indexclauses(info, path->indexclauses))
			others = lappend(others, info);
	}
	cost_qual_eval(&quals, others, root);
	get_tablespace_page_costs(rel->reltablespace, &random_page, &next_page);
	return rel->tuples * (cpu_tuple_cost + quals.per_tuple) +
		(rel->pages > 0 ? random_page + (rel->pages - 1) * next_page : 0);
}

/* Pages in no order: as PostgreSQL charges a bitmap's, in memory or not. */
static Cost
cost_of_pages(PlannerInfo *root, const IndexPath *path, double rows)
{
	RelOptInfo *rel = path->indexinfo->rel;
	double		pages = index_pages_fetched(rows, rel->pages, path->indexinfo->pages, root);
	double		random_page;
	double		next_page;

	get_tablespace_page_costs(rel->reltablespace, &random_page, &next_page);
	pages = Min(pages, Max(rel->pages, 1));
	return pages * (random_page - (random_page - next_page) * sqrt(pages / Max(rel->pages, 1)));
}

/* Lists probed for the nearest `rows` rows of all. */
static double
lists_probed(double lists, double rows)
{
	return Min(lists, (10 + sqrt(lists)) * pow(Max(rows / 10, 1), 0.4));
}

void
ivf_cost_estimate(PlannerInfo *root, IndexPath *path, double loop_count,
				  Cost *startup, Cost *total, Selectivity *selectivity,
				  double *correlation, double *pages)
{
	IndexOptInfo *index = path->indexinfo;
	double		rows = Max(index->tuples, 1);
	double		lists = omen_ivf_lists_for((uint64) rows);
	Conditions	conditions = look_at_conditions(root, path);
	double		qualify = Max(index->rel->rows, 1) / Max(index->rel->tuples, 1);
	QualCost	distance;
	Cost		row;
	Cost		rest;
	double		wanted;
	double		met;
	double		fetched;
	double		probed;

	*selectivity = conditions.share;
	*correlation = 1;
	*pages = index->pages;
	if (path->indexorderbys == NIL)
	{
		/* Good for nothing but distances. */
		*startup = *total = COST_NEVER;
		if (!conditions.range)
			OMEN_NEVER_TAKE(path);
		else
		{
			*startup = (START_UNITS + (lists + rows) * RANGE_CODE_UNITS) * cpu_operator_cost;
			*total = *startup + Min(rows, rows * *selectivity * RANGE_RECORDS) * RECORD_UNITS * cpu_operator_cost;
			*correlation = 0;
		}
		return;
	}
	cost_qual_eval_node(&distance, (Node *) path->indexorderbys, root);
	row = (ROW_UNITS + 2 * RECORD_UNITS) * cpu_operator_cost + distance.per_tuple;

	/* So many rows that qualify; so many of the index's, near or far, to find them; so many of those read. */
	wanted = root->limit_tuples > 0 ? root->limit_tuples : 25;
	wanted = Min(wanted, rows * qualify);
	met = Min(rows, wanted / Max(qualify, 1e-9));
	fetched = Min(rows * conditions.keys_share, 10 + 1.3 * met * conditions.keys_share);
	probed = lists_probed(lists, met);
	/* Digests tell of lists without such a row; how the rows lie, nothing tells here, so: as if by chance. */
	if (conditions.keys)
		probed = Min(probed, lists * (1 - pow(1 - Min(conditions.keys_share, 1), rows / lists)) + 1);

	*startup = (START_UNITS + lists * CODE_UNITS) * cpu_operator_cost;
	*startup += rows * probed / lists * cpu_operator_cost *
		(conditions.keys ? KEY_UNITS + conditions.keys_share * CODE_UNITS : CODE_UNITS);
	*startup += fetched * row + cost_of_pages(root, path, fetched);
	if (conditions.range)
	{
		*total = *startup + (lists + rows) * RANGE_CODE_UNITS * cpu_operator_cost;
		return;
	}
	*selectivity = 1;
	rest = rows * CODE_UNITS * cpu_operator_cost + rows * conditions.keys_share * row +
		cost_of_pages(root, path, rows * conditions.keys_share);
	/* LIMIT will add its share of the rest, but its rows are in the start. */
	*startup = Max(*startup - rest * wanted / Max(rows * qualify, 1), 0);
	*total = *startup + rest - added_for_rows(root, path);
}
