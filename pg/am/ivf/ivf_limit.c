/*
 * ivf_limit.c - how many rows the executor will ask a scan for, and which it
 * will throw away.
 *
 * An access method is told neither LIMIT nor the conditions on columns outside
 * its index.  Without them a scan must guess how far to search, and can only
 * go on searching after rows have left it, when a nearer one found late can
 * not be put in front any more.  So at executor start the plan is walked: each
 * of our index scans below a Limit, with nothing between that changes which
 * rows come out in what order, is noted with its Limit.  Nothing depends on
 * finding it: a scan not noted works in growing batches.
 *
 * Nodes that compare neighbours, such as Unique, would give wrong answers if a
 * row came late: below those a scan is asked for everything at once.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "am/ivf/ivf_am.h"
#include "common/int.h"
#include "executor/executor.h"
#include "lib/ilist.h"
#include "nodes/nodeFuncs.h"
#include "utils/memutils.h"

/* What the nodes above an index scan make of its rows. */
typedef struct Above
{
	LimitState *limit;			/* takes rows as they come; NULL: none */
	bool		needs_order;	/* a row out of order would make the answer wrong */
} Above;

/* One index scan of a running query; unlinked when the query's memory goes. */
typedef struct NotedScan
{
	dlist_node	link;
	IndexScanState *node;
	LimitState *limit;			/* NULL: below none */
	bool		needs_order;
} NotedScan;

static dlist_head noted_scans = DLIST_STATIC_INIT(noted_scans);
static ExecutorStart_hook_type previous_start;

static void
forget_scan(void *arg)
{
	dlist_delete(&((NotedScan *) arg)->link);
}

static void
note_scan(IndexScanState *node, const Above *above)
{
	MemoryContext context = node->ss.ps.state->es_query_cxt;
	NotedScan  *noted = MemoryContextAlloc(context, sizeof(NotedScan));
	MemoryContextCallback *callback = MemoryContextAlloc(context, sizeof(MemoryContextCallback));

	noted->node = node;
	noted->limit = above->limit;
	noted->needs_order = above->needs_order;
	dlist_push_head(&noted_scans, &noted->link);
	callback->func = forget_scan;
	callback->arg = noted;
	MemoryContextRegisterResetCallback(context, callback);
}

static void walk_plan(PlanState *state, const Above *above);

static void
walk_plans(PlanState **states, int count, const Above *above)
{
	for (int i = 0; i < count; i++)
		walk_plan(states[i], above);
}

static void
walk_children(PlanState *state, const Above *above)
{
	ListCell   *cell;

	walk_plan(outerPlanState(state), above);
	walk_plan(innerPlanState(state), above);
	if (IsA(state, CustomScanState))
		foreach(cell, ((CustomScanState *) state)->custom_ps)
			walk_plan(lfirst(cell), above);
}

/* Plans of their own, whatever is above the node they hang on. */
static void
walk_subplans(List *subplans)
{
	Above		nothing = {NULL, false};
	ListCell   *cell;

	foreach(cell, subplans)
		walk_plan(((SubPlanState *) lfirst(cell))->planstate, &nothing);
}

/* Whether it compares each row with the one before it. */
static bool
compares_neighbours(PlanState *state)
{
	switch (nodeTag(state))
	{
		case T_UniqueState:
		case T_GroupState:
		case T_SetOpState:
		case T_MergeJoinState:
			return true;
		case T_AggState:
			return ((Agg *) state->plan)->aggstrategy == AGG_SORTED || ((Agg *) state->plan)->aggstrategy == AGG_MIXED;
		default:
			return false;
	}
}

static void
walk_plan(PlanState *state, const Above *above)
{
	Above		below = {NULL};

	if (state == NULL)
		return;
	check_stack_depth();
	below.needs_order = !IsA(state, SortState) && (above->needs_order || compares_neighbours(state));
	walk_subplans(state->initPlan);
	walk_subplans(state->subPlan);
	switch (nodeTag(state))
	{
		case T_LimitState:
			below.limit = (LimitState *) state;
			walk_plan(outerPlanState(state), &below);
			break;
		case T_IndexScanState:
			if (((IndexScan *) state->plan)->indexorderby != NIL)
				note_scan((IndexScanState *) state, above);
			break;
		case T_ResultState:
		case T_LockRowsState:
		case T_IncrementalSortState:
			/* A filter here drops rows that the scan cannot know of. */
			below.limit = state->qual ? NULL : above->limit;
			walk_plan(outerPlanState(state), &below);
			break;
		case T_SubqueryScanState:
			below.limit = state->qual ? NULL : above->limit;
			walk_plan(((SubqueryScanState *) state)->subplan, &below);
			break;
		case T_AppendState:
			below.limit = above->limit;
			walk_plans(((AppendState *) state)->appendplans, ((AppendState *) state)->as_nplans, &below);
			break;
		case T_MergeAppendState:
			below.limit = above->limit;
			walk_plans(((MergeAppendState *) state)->mergeplans, ((MergeAppendState *) state)->ms_nplans, &below);
			break;
		default:
			walk_children(state, &below);
			break;
	}
}

static void
executor_start(QueryDesc *query, int eflags)
{
	/* Workers cannot see what this backend keeps in its memory. */
	if (query->plannedstmt->parallelModeNeeded)
		ivf_pending_flush_all();
	if (previous_start)
		previous_start(query, eflags);
	else
		standard_ExecutorStart(query, eflags);
	if (query->planstate != NULL && !(eflags & EXEC_FLAG_EXPLAIN_ONLY))
		walk_plan(query->planstate, &(Above) {NULL});
}

void
ivf_limit_init(void)
{
	previous_start = ExecutorStart_hook;
	ExecutorStart_hook = executor_start;
}

IvfWish
ivf_limit_of(IndexScanDesc scan)
{
	IvfWish		wish = {-1, NULL};
	dlist_iter	iter;

	dlist_foreach(iter, &noted_scans)
	{
		NotedScan  *noted = dlist_container(NotedScan, link, iter.cur);

		if (noted->node->iss_ScanDesc != scan)
			continue;
		wish.node = noted->node;
		if (noted->needs_order)
			wish.rows = PG_INT64_MAX;
		/* ExecLimit has computed its numbers before it asks for a row. */
		if (noted->limit != NULL && !noted->limit->noCount && noted->limit->lstate != LIMIT_INITIAL)
		{
			if (pg_add_s64_overflow(noted->limit->count, noted->limit->offset, &wish.rows))
				wish.rows = PG_INT64_MAX - 1;
			/* WITH TIES looks at one row more. */
			if (noted->limit->limitOption == LIMIT_OPTION_WITH_TIES)
				wish.rows++;
		}
		break;
	}
	return wish;
}
