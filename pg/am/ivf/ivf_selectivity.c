/*
 * ivf_selectivity.c - how many rows a range of the vector holds, for the planner.
 *
 * PostgreSQL keeps no statistics of wide values, and a histogram of vectors
 * would tell nothing of a ball's content.  But the lists of an ivf index are a
 * picture of the rows: so many lie around each centroid, at such a distance on
 * average.  A row's squared distance from the centre of the range is about
 * distance + spread of its list, give or take 2 sqrt(distance x spread) times
 * the cosine of a random angle: how many of a list lie within the radius
 * follows, and the sum over all lists is the estimate.
 *
 * Without such an index, or with a range not known when planning, the guess is
 * PostgreSQL's own for the like.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "access/genam.h"
#include "am/ivf/ivf_am.h"
#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"
#include "type/sphere.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/selfuncs.h"

/* What contsel says. */
#define UNKNOWN_SHARE 0.001
/* Rows vary in fewer directions than they have dimensions: embeddings of text in some dozens. */
#define DIRECTIONS_MAX 64

static double
share_by_lists(const OmenIvfSearch *search, double radius_sq)
{
	const OmenIvfModel *model = search->model;
	double		directions = Min(model->dim, DIRECTIONS_MAX);
	double		within = 0;
	double		rows = 0;

	for (uint32 l = 0; l < model->lists; l++)
	{
		double		distance = omen_ranking_distance(&search->ranking, model, &search->query, l);
		double		spread = model->start[l].spread;
		double		deviation = 2 * sqrt(distance * spread / directions);
		double		beyond = distance + spread - radius_sq;

		rows += model->start[l].count;
		if (deviation > 0)
			within += model->start[l].count * 0.5 * erfc(beyond / deviation * M_SQRT1_2);
		else if (beyond <= 0)
			within += model->start[l].count;
	}
	return rows > 0 ? within / rows : UNKNOWN_SHARE;
}

static double
share_by_index(Oid indexoid, const Sphere *sphere)
{
	/* The planner holds a lock on every index of the table. */
	Relation	index = index_open(indexoid, NoLock);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "ivf selectivity", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	const IvfType *type = ivf_type(index);
	double		share = UNKNOWN_SHARE;
	OmenIvfMeta meta;

	ivf_read_meta(index, &meta);
	/* Of another dimension, or an index of no rows: let the query say so. */
	if (meta.dim > 0 && type->dim(PointerGetDatum(sphere->center)) == (int) meta.dim && !isnan(sphere->radius))
	{
		IvfModel   *model = ivf_model(index, &meta, context);
		const OmenIvfModel *view = &model->view;
		OmenIvfSearch search;
		OmenArena	arena;
		OmenPoint	point = {0};
		float	   *room = palloc(Max(meta.dim, view->dim_padded) * sizeof(float));
		double		radius = sphere->radius;
		double		norm_sq;
		double		scale;

		ivf_arena_init(&arena, context);
		if (omen_ivf_search_init(&search, &arena, view, &meta, (OmenPageStore) {NULL}) != OMEN_OK)
			index_page_report(index, OMEN_NO_MEMORY, "");
		point.vector = search.query.vector;
		scale = ivf_query_from_datum(type, &model->rotation, view, PointerGetDatum(sphere->center), room,
									 palloc(view->dim_padded * sizeof(float)), &point, &norm_sq);
		omen_ivf_search_begin(&search);
		if (view->metric == OMEN_L2)
			radius = radius > 0 ? radius * radius : 0;
		share = share_by_lists(&search, ivf_index_distance(view->metric, radius * scale, norm_sq, *view->lift_sq));
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	index_close(index, NoLock);
	return share;
}

/* An index of all rows on this column (or expression) that answers the operator. */
static Oid
index_for(const VariableStatData *vardata, Oid operator)
{
	ListCell   *cell;

	if (vardata->rel == NULL)
		return InvalidOid;
	foreach(cell, vardata->rel->indexlist)
	{
		IndexOptInfo *index = lfirst_node(IndexOptInfo, cell);
		Node	   *var = vardata->var;
		bool		same;

		if (index->hypothetical || index->indpred != NIL || !op_in_opfamily(operator, index->opfamily[0]))
			continue;
		if (index->indexkeys[0] != 0)
			same = IsA(var, Var) && ((Var *) var)->varattno == index->indexkeys[0];
		else
			same = equal(var, linitial(index->indexprs));
		if (same)
			return index->indexoid;
	}
	return InvalidOid;
}

OMEN_FUNCTION(vector_within_sel);
Datum
vector_within_sel(PG_FUNCTION_ARGS)
{
	PlannerInfo *root = (PlannerInfo *) PG_GETARG_POINTER(0);
	Oid			operator = PG_GETARG_OID(1);
	List	   *args = (List *) PG_GETARG_POINTER(2);
	double		share = UNKNOWN_SHARE;
	VariableStatData vardata;
	Node	   *other;
	bool		left;

	if (!get_restriction_variable(root, args, PG_GETARG_INT32(3), &vardata, &other, &left))
		PG_RETURN_FLOAT8(share);
	if (left && IsA(other, Const) && ((Const *) other)->constisnull)
		share = 0;
	else if (left && IsA(other, Const))
	{
		Oid			index = index_for(&vardata, operator);

		if (OidIsValid(index))
			share = share_by_index(index, omen_sphere_from_datum(((Const *) other)->constvalue));
	}
	ReleaseVariableStats(vardata);
	CLAMP_PROBABILITY(share);
	PG_RETURN_FLOAT8(share);
}
