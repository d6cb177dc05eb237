/*
 * ivf_quals.c - conditions of a scan that the planner does not hand to an
 * access method, though the index has their columns.
 *
 * Before PostgreSQL 17 a column IN (...) is no condition of an ordered index
 * scan unless the column is the first; before 16 a bool column is none of any
 * extension's index; and value = ANY (labels) has its column on the wrong side
 * on every version.  They are left to the scan node, whose filter is at hand
 * (ivf_limit.c): what it demands of our columns becomes scan keys here.  The
 * filter itself is tested on the row all the same.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "access/relscan.h"
#include "access/stratnum.h"
#include "am/ivf/ivf_am.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/typcache.h"

/* The index's column that this expression is, from 1; 0: none. */
static AttrNumber
column_of(Relation index, Index table, Node *expression)
{
	Var		   *var;

	while (expression != NULL && IsA(expression, RelabelType))
		expression = (Node *) ((RelabelType *) expression)->arg;
	if (expression == NULL || !IsA(expression, Var))
		return 0;
	var = (Var *) expression;
	if (var->varno != table || var->varattno <= 0)
		return 0;
	for (int c = 1; c < IndexRelationGetNumberOfKeyAttributes(index); c++)
		if (index->rd_index->indkey.values[c] == var->varattno)
			return (AttrNumber) (c + 1);
	return 0;
}

/* What the expression is worth now; NULL in *isnull. */
static Datum
value_of(Node *expression, IndexScanState *node, ExprContext *context, bool *isnull)
{
	ExprState  *state = ExecInitExpr((Expr *) expression, &node->ss.ps);

	return ExecEvalExprSwitchContext(state, context, isnull);
}

static bool
is_value(Node *expression)
{
	return !contain_var_clause(expression) && !contain_volatile_functions(expression) &&
		!contain_subplans(expression);
}

/* column = ANY (array), value = ANY (column) */
static bool
key_of_any(Relation index, IndexScanState *node, ExprContext *context, const ScalarArrayOpExpr *any, ScanKey key)
{
	Index		table = ((Scan *) node->ss.ps.plan)->scanrelid;
	Node	   *left = linitial(any->args);
	Node	   *right = lsecond(any->args);
	AttrNumber	column = column_of(index, table, left);
	bool		isnull;

	if (!any->useOr)
		return false;
	key->sk_collation = any->inputcollid;
	if (column > 0 && is_value(right))
	{
		Oid			family = index->rd_opfamily[column - 1];
		int			strategy;
		Oid			left_type;

		if (!op_in_opfamily(any->opno, family) || any->inputcollid != index->rd_indcollation[column - 1])
			return false;
		get_op_opfamily_properties(any->opno, family, false, &strategy, &left_type, &key->sk_subtype);
		key->sk_flags = SK_SEARCHARRAY;
		key->sk_attno = column;
		key->sk_strategy = (StrategyNumber) strategy;
		key->sk_argument = value_of(right, node, context, &isnull);
		return !isnull;
	}
	column = column_of(index, table, right);
	if (column > 0 && is_value(left) && index->rd_opcintype[column - 1] == ANYARRAYOID &&
		any->inputcollid == index->rd_indcollation[column - 1])
	{
		Oid			element = exprType(left);
		TypeCacheEntry *type = lookup_type_cache(element, TYPECACHE_EQ_OPR);
		Datum		value;

		/* Signatures are of this equality alone. */
		if (type->eq_opr != any->opno || get_element_type(exprType(right)) != element)
			return false;
		value = value_of(left, node, context, &isnull);
		if (isnull)
			return false;
		key->sk_attno = column;
		key->sk_strategy = IVF_CONTAINS_STRATEGY;
		key->sk_argument = PointerGetDatum(construct_array(&value, 1, element, type->typlen, type->typbyval,
														   type->typalign));
		return true;
	}
	return false;
}

/* column, NOT column, column IS TRUE, column IS FALSE */
static bool
key_of_bool(Relation index, IndexScanState *node, Node *qual, ScanKey key)
{
	bool		wanted = true;

	if (is_notclause(qual))
	{
		qual = (Node *) get_notclausearg(qual);
		wanted = false;
	}
	else if (IsA(qual, BooleanTest))
	{
		const BooleanTest *test = (const BooleanTest *) qual;

		if (test->booltesttype != IS_TRUE && test->booltesttype != IS_FALSE)
			return false;
		wanted = test->booltesttype == IS_TRUE;
		qual = (Node *) test->arg;
	}
	key->sk_attno = column_of(index, ((Scan *) node->ss.ps.plan)->scanrelid, qual);
	if (key->sk_attno == 0 || index->rd_opcintype[key->sk_attno - 1] != BOOLOID)
		return false;
	key->sk_strategy = BTEqualStrategyNumber;
	key->sk_argument = BoolGetDatum(wanted);
	return true;
}

int
ivf_qual_keys(Relation index, IndexScanState *node, ExprContext *context, ScanKeyData **keys)
{
	List	   *quals = node->ss.ps.plan->qual;
	ListCell   *cell;
	int			count = 0;

	*keys = palloc0(Max(list_length(quals), 1) * sizeof(ScanKeyData));
	if (ivf_key_count(index) == 0)
		return 0;
	foreach(cell, quals)
	{
		Node	   *qual = lfirst(cell);
		ScanKey		key = &(*keys)[count];

		if (IsA(qual, ScalarArrayOpExpr)
			? key_of_any(index, node, context, (ScalarArrayOpExpr *) qual, key)
			: key_of_bool(index, node, qual, key))
			count++;
		else
			memset(key, 0, sizeof(*key));
	}
	return count;
}
