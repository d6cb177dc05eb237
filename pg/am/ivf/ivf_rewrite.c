/*
 * ivf_rewrite.c - the plain spelling of a range becomes the one an index answers.
 *
 * `embedding <-> q < r` compares two numbers: no index sees that it is a
 * condition on a column.  Before planning it is put as `embedding <<->>
 * sphere(q, r)`, which means the same to the last bit: both operators call the
 * same distance function and compare as float8 does; both are NULL when any of
 * the three is, and neither sphere() nor the comparison can fail where the
 * other spelling would not.  `<=` takes a closed sphere; r on the left, q
 * before the column, and the functions' names instead of operators are the same.
 *
 * It is done only where it may help: in WHERE and ON, for a column (or
 * expression) that has an ivf index with that distance, and a q that does not
 * come from the same table.  Elsewhere a query stays as it was written.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "access/table.h"
#include "am/ivf/ivf_am.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"

/* pg_operator.dat names only the first of them. */
#define FLOAT8_LESS_EQUAL_OPERATOR 673
#define FLOAT8_GREATER_OPERATOR 674
#define FLOAT8_GREATER_EQUAL_OPERATOR 675

static planner_hook_type previous_planner;

/* A comparison of a distance, as written. */
typedef struct Comparison
{
	Node	   *distance;		/* OpExpr or FuncExpr with two arguments */
	Node	   *radius;
	bool		closed;
} Comparison;

/* What an index says about a distance of its column. */
typedef struct RangeOperator
{
	Oid			sphere;			/* function */
	Oid			operator;
} RangeOperator;

/* The arguments of a call that may be of a distance function, else NIL; *function is its function. */
static List *
distance_arguments(Node *node, Oid *function)
{
	List	   *arguments = NIL;

	if (IsA(node, OpExpr) && ((OpExpr *) node)->opresulttype == FLOAT8OID)
	{
		arguments = ((OpExpr *) node)->args;
		*function = get_opcode(((OpExpr *) node)->opno);
	}
	else if (IsA(node, FuncExpr) && ((FuncExpr *) node)->funcresulttype == FLOAT8OID)
	{
		arguments = ((FuncExpr *) node)->args;
		*function = ((FuncExpr *) node)->funcid;
	}
	return list_length(arguments) == 2 ? arguments : NIL;
}

/* Whether the comparison may be one of a distance with a radius above it. */
static bool
take_apart(OpExpr *clause, Comparison *comparison)
{
	bool		distance_first;

	switch (clause->opno)
	{
		case Float8LessOperator:
		case FLOAT8_LESS_EQUAL_OPERATOR:
			distance_first = true;
			break;
		case FLOAT8_GREATER_OPERATOR:
		case FLOAT8_GREATER_EQUAL_OPERATOR:
			distance_first = false;
			break;
		default:
			return false;
	}
	comparison->distance = distance_first ? linitial(clause->args) : lsecond(clause->args);
	comparison->radius = distance_first ? lsecond(clause->args) : linitial(clause->args);
	comparison->closed = clause->opno == FLOAT8_LESS_EQUAL_OPERATOR || clause->opno == FLOAT8_GREATER_EQUAL_OPERATOR;
	return true;
}

/*
 * Follows a column of subqueries and views down to the table it is taken from;
 * NULL when it is computed on the way.
 */
static RangeTblEntry *
table_of_var(Query *query, Var *var, AttrNumber *column)
{
	while (var->varlevelsup == 0 && var->varno > 0 && var->varno <= list_length(query->rtable))
	{
		RangeTblEntry *entry = rt_fetch(var->varno, query->rtable);
		TargetEntry *target;

		*column = var->varattno;
		if (entry->rtekind == RTE_RELATION)
			return entry;
		if (entry->rtekind != RTE_SUBQUERY)
			return NULL;
		target = get_tle_by_resno(entry->subquery->targetList, var->varattno);
		if (target == NULL || !IsA(target->expr, Var))
			return NULL;
		query = entry->subquery;
		var = (Var *) target->expr;
	}
	return NULL;
}

/* Whether the index has this operand, of the table at `varno`, as its first column. */
static bool
index_has(Relation index, Node *operand, AttrNumber column, Index varno)
{
	Node	   *indexed;

	if (column != 0)
		return index->rd_index->indkey.values[0] == column;
	if (index->rd_index->indkey.values[0] != 0)
		return false;
	indexed = copyObject(linitial(RelationGetIndexExpressions(index)));
	ChangeVarNodes(indexed, 1, varno, 0);
	return equal(indexed, eval_const_expressions(NULL, copyObject(operand)));
}

/* What the index offers for ranges of the distance that `function` computes. */
static bool
range_operator(Relation index, Oid function, bool closed, RangeOperator *range)
{
	Oid			family = index->rd_opfamily[0];
	Oid			type = index->rd_opcintype[0];
	Oid			distance;

	if (index->rd_indam->amgetbitmap != ivf_get_bitmap || !index->rd_index->indisvalid)
		return false;
	distance = get_opfamily_member(family, type, type, IVF_DISTANCE_STRATEGY);
	range->sphere = get_opfamily_proc(family, type, type, closed ? IVF_CLOSED_SPHERE_PROC : IVF_SPHERE_PROC);
	if (!OidIsValid(distance) || get_opcode(distance) != function || !OidIsValid(range->sphere))
		return false;
	range->operator = get_opfamily_member(family, type, get_func_rettype(range->sphere), IVF_RANGE_STRATEGY);
	return OidIsValid(range->operator);
}

/* Looks among the indexes of the operand's table. */
static bool
find_index(Query *query, Node *operand, Oid function, bool closed, RangeOperator *range)
{
	RangeTblEntry *entry = NULL;
	AttrNumber	column = 0;
	int			varno = 0;
	Relation	table;
	List	   *indexes;
	ListCell   *cell;
	bool		found = false;

	if (IsA(operand, Var))
		entry = table_of_var(query, (Var *) operand, &column);
	else if (bms_get_singleton_member(pull_varnos(NULL, operand), &varno))
	{
		entry = rt_fetch(varno, query->rtable);
		if (entry->rtekind != RTE_RELATION)
			entry = NULL;
	}
	if (entry == NULL || (entry->relkind != RELKIND_RELATION && entry->relkind != RELKIND_PARTITIONED_TABLE &&
						  entry->relkind != RELKIND_MATVIEW))
		return false;
	/* Whoever parsed or rewrote the query holds its locks. */
	table = table_open(entry->relid, NoLock);
	indexes = RelationGetIndexList(table);
	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);

		found = range_operator(index, function, closed, range) && index_has(index, operand, column, varno);
		index_close(index, AccessShareLock);
		if (found)
			break;
	}
	list_free(indexes);
	table_close(table, NoLock);
	return found;
}

/* Whether both take columns of the same table: then the one is no constant to an index on the other. */
static bool
same_table(Node *operand, Node *other)
{
	return bms_overlap(pull_varnos(NULL, operand), pull_varnos(NULL, other));
}

/* Puts the clause as a range, in place, when an index may answer it. */
static void
rewrite_clause(Query *query, OpExpr *clause)
{
	Comparison	comparison;
	Oid			function = InvalidOid;
	List	   *arguments;

	if (!take_apart(clause, &comparison))
		return;
	arguments = distance_arguments(comparison.distance, &function);
	for (int i = 0; i < list_length(arguments); i++)
	{
		Node	   *operand = list_nth(arguments, i);
		Node	   *center = list_nth(arguments, 1 - i);
		RangeOperator range;

		if (contain_vars_of_level(operand, 0) && !same_table(operand, center) &&
			!same_table(operand, comparison.radius) &&
			find_index(query, operand, function, comparison.closed, &range))
		{
			FuncExpr   *sphere = makeFuncExpr(range.sphere, get_func_rettype(range.sphere),
											  list_make2(center, comparison.radius), InvalidOid, InvalidOid,
											  COERCE_EXPLICIT_CALL);

			clause->opno = range.operator;
			clause->opfuncid = get_opcode(range.operator);
			clause->args = list_make2(operand, sphere);
			return;
		}
	}
}

typedef struct Walk
{
	Query	   *query;
	bool		in_conditions;
} Walk;

static bool
walk(Node *node, void *context)
{
	Walk	   *at = context;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Walk		inner = {(Query *) node, false};

		return query_tree_walker((Query *) node, walk, &inner, 0);
	}
	if (IsA(node, FromExpr))
	{
		Walk		inner = {at->query, true};

		return expression_tree_walker((Node *) ((FromExpr *) node)->fromlist, walk, context) ||
			walk(((FromExpr *) node)->quals, &inner);
	}
	if (IsA(node, JoinExpr))
	{
		Walk		inner = {at->query, true};

		return walk(((JoinExpr *) node)->larg, context) || walk(((JoinExpr *) node)->rarg, context) ||
			walk(((JoinExpr *) node)->quals, &inner);
	}
	if (at->in_conditions && IsA(node, OpExpr))
		rewrite_clause(at->query, (OpExpr *) node);
	return expression_tree_walker(node, walk, context);
}

static PlannedStmt *
plan(Query *query, const char *text, int options, ParamListInfo parameters)
{
	/* The planner may change the query it is given, and so may we. */
	walk((Node *) query, NULL);
	if (previous_planner)
		return previous_planner(query, text, options, parameters);
	return standard_planner(query, text, options, parameters);
}

void
ivf_rewrite_init(void)
{
	previous_planner = planner_hook;
	planner_hook = plan;
}
