/*
 * ivf_explain.c - what scans have done, for EXPLAIN (ANALYZE, VERBOSE) and
 * vector_last_scan().
 *
 * A scan keeps its own figures; here they are shown.  Since PostgreSQL 18
 * EXPLAIN asks at each node.  Before, nobody is asked, so the figures follow
 * the plan, summed up by index: they are written when the explained query's
 * execution ends, which is inside EXPLAIN's own group, before "Execution
 * Time"; all formats stay well-formed.  EXPLAIN EXECUTE passes that hook by.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "access/relscan.h"
#include "am/ivf/ivf_am.h"
#include "commands/explain.h"
#if OMEN_EXPLAIN_PER_NODE
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif
#include "executor/executor.h"
#include "funcapi.h"
#include "nodes/nodeFuncs.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

static IvfFigures last_scan;

void
ivf_figures_note(const IvfFigures *figures)
{
	last_scan = *figures;
}

void
ivf_figures_add(IvfFigures *sum, const IvfFigures *figures)
{
	if (figures->scans == 0)
		return;
	sum->index = figures->index;
	sum->scans += figures->scans;
	sum->rounds += figures->rounds;
	sum->lists_probed += figures->lists_probed;
	sum->lists_skipped += figures->lists_skipped;
	sum->codes_scanned += figures->codes_scanned;
	sum->records_read += figures->records_read;
	sum->index_removed += figures->index_removed;
	sum->rows_fetched += figures->rows_fetched;
	sum->rows_removed += figures->rows_removed;
	sum->recall_target = figures->recall_target;
	sum->bounded |= figures->bounded;
}

/* ---- vector_last_scan() ---- */

OMEN_FUNCTION(vector_last_scan);
Datum
vector_last_scan(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	bool		nulls[11];
	Datum		values[11] = {
		ObjectIdGetDatum(last_scan.index),
		Float8GetDatum(last_scan.recall_target),
		Int64GetDatum((int64) last_scan.rounds),
		Int64GetDatum((int64) last_scan.lists_probed),
		Int64GetDatum((int64) last_scan.lists_skipped),
		Int64GetDatum((int64) last_scan.codes_scanned),
		Int64GetDatum((int64) last_scan.records_read),
		Int64GetDatum((int64) last_scan.index_removed),
		Int64GetDatum((int64) last_scan.rows_fetched),
		Int64GetDatum((int64) last_scan.rows_removed),
		BoolGetDatum(last_scan.bounded)
	};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE || desc->natts != lengthof(values))
		elog(ERROR, "vector_last_scan() is declared otherwise than it is built");
	/* Before the first scan: one row of nulls. */
	memset(nulls, last_scan.scans == 0, sizeof(nulls));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* ---- EXPLAIN ---- */

static bool
wants_figures(const ExplainState *es)
{
	return es->analyze && es->verbose;
}

/* The node's figures, when it has scanned an index of ours. */
static bool
figures_of(PlanState *state, IvfFigures *figures)
{
	IndexScanDesc scan = NULL;

	if (IsA(state, IndexScanState))
		scan = ((IndexScanState *) state)->iss_ScanDesc;
	else if (IsA(state, BitmapIndexScanState))
		scan = ((BitmapIndexScanState *) state)->biss_ScanDesc;
	if (scan == NULL || scan->indexRelation->rd_indam->ambeginscan != ivf_begin_scan)
		return false;
	*figures = ivf_scan_figures(scan);
	return figures->scans > 0;
}

static void
show(ExplainState *es, const IvfFigures *figures)
{
	ExplainPropertyFloat("Recall Target", NULL, figures->recall_target, 3, es);
	ExplainPropertyInteger("Rounds", NULL, (int64) figures->rounds, es);
	ExplainPropertyInteger("Lists Probed", NULL, (int64) figures->lists_probed, es);
	ExplainPropertyInteger("Lists Skipped", NULL, (int64) figures->lists_skipped, es);
	ExplainPropertyInteger("Codes Scanned", NULL, (int64) figures->codes_scanned, es);
	ExplainPropertyInteger("Records Read", NULL, (int64) figures->records_read, es);
	ExplainPropertyInteger("Rows Removed by Index Filter", NULL, (int64) figures->index_removed, es);
	ExplainPropertyInteger("Rows Re-ranked", NULL, (int64) figures->rows_fetched, es);
	ExplainPropertyInteger("Rows Removed before Ranking", NULL, (int64) figures->rows_removed, es);
	ExplainPropertyBool("Stopped by Bound", figures->bounded, es);
}

#if OMEN_EXPLAIN_PER_NODE

static explain_per_node_hook_type previous_node;

static void
explain_node(PlanState *state, List *ancestors, const char *relationship, const char *plan_name, ExplainState *es)
{
	IvfFigures	figures;

	if (previous_node)
		previous_node(state, ancestors, relationship, plan_name, es);
	if (wants_figures(es) && figures_of(state, &figures))
		show(es, &figures);
}

void
ivf_explain_init(void)
{
	previous_node = explain_per_node_hook;
	explain_per_node_hook = explain_node;
}

#else

static ExplainOneQuery_hook_type previous_query;
static ExecutorEnd_hook_type previous_end;

/* The query that is being explained, if its figures are wanted. */
static ExplainState *explained;
static const char *explained_text;

/* Adds a node's figures to those of its index, and goes on below. */
static bool
gather(PlanState *state, void *context)
{
	List	  **sums = context;
	IvfFigures	figures;

	if (figures_of(state, &figures))
	{
		IvfFigures *sum = NULL;
		ListCell   *cell;

		foreach(cell, *sums)
			if (((IvfFigures *) lfirst(cell))->index == figures.index)
				sum = lfirst(cell);
		if (sum == NULL)
		{
			sum = palloc0(sizeof(IvfFigures));
			*sums = lappend(*sums, sum);
		}
		ivf_figures_add(sum, &figures);
	}
	return planstate_tree_walker(state, gather, context);
}

static void
show_all(ExplainState *es, List *sums)
{
	ListCell   *cell;

	if (sums == NIL)
		return;
	ExplainOpenGroup("Vector Scans", "Vector Scans", false, es);
	foreach(cell, sums)
	{
		const IvfFigures *figures = lfirst(cell);
		char	   *name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(figures->index)),
													  get_rel_name(figures->index));

		ExplainOpenGroup("Vector Scan", NULL, true, es);
		if (es->format == EXPLAIN_FORMAT_TEXT)
		{
			appendStringInfoSpaces(es->str, es->indent * 2);
			appendStringInfo(es->str, "Vector Scan using %s:\n", name);
			es->indent++;
		}
		else
			ExplainPropertyText("Index", name, es);
		ExplainPropertyInteger("Scans", NULL, (int64) figures->scans, es);
		show(es, figures);
		if (es->format == EXPLAIN_FORMAT_TEXT)
			es->indent--;
		ExplainCloseGroup("Vector Scan", NULL, true, es);
	}
	ExplainCloseGroup("Vector Scans", "Vector Scans", false, es);
}

static void
executor_end(QueryDesc *query)
{
	/* Functions of the query run queries of their own, from other texts and without instruments. */
	if (explained != NULL && query->sourceText == explained_text && query->instrument_options != 0 &&
		query->planstate != NULL)
	{
		List	   *sums = NIL;

		gather(query->planstate, &sums);
		show_all(explained, sums);
	}
	if (previous_end)
		previous_end(query);
	else
		standard_ExecutorEnd(query);
}

static void
explain_query(Query *query, int options, IntoClause *into, ExplainState *es, const char *text,
			  ParamListInfo params, QueryEnvironment *environment)
{
	ExplainState *outer = explained;
	const char *outer_text = explained_text;

	explained = wants_figures(es) ? es : NULL;
	explained_text = text;
	PG_TRY();
	{
		if (previous_query)
			previous_query(query, options, into, es, text, params, environment);
		else
			OMEN_EXPLAIN_QUERY(query, options, into, es, text, params, environment);
	}
	PG_FINALLY();
	{
		explained = outer;
		explained_text = outer_text;
	}
	PG_END_TRY();
}

void
ivf_explain_init(void)
{
	previous_query = ExplainOneQuery_hook;
	ExplainOneQuery_hook = explain_query;
	previous_end = ExecutorEnd_hook;
	ExecutorEnd_hook = executor_end;
}

#endif
