/*
 * vector_cost.c - what a function of dense vectors costs, for the planner.
 *
 * One number per function cannot be right: 100 dimensions lie in the row and
 * take 30 ns, 1,536 have to be fetched from a TOAST table and take 150 times
 * as long.  The dimensions are mostly known when planning (from the column's
 * typmod, or the constant on the other side), so these support functions work
 * the cost out.  Where nothing is known the function's COST stands; it is that
 * of a stored vector of 1,536 dimensions.
 *
 * Measured through SQL on PostgreSQL 15, AVX-512 kernels: a call over in-line
 * vectors takes 25 to 35 ns, plus 0.06 ns a byte; fetching a toasted vector,
 * cached, 1.5 to 3 us plus 0.6 to 1 ns a byte, and twice that from a table
 * larger than the processor's caches.  cpu_operator_cost is taken for 10 ns,
 * which is what cpu_tuple_cost, four times as much, means on the same machine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "type/halfvec.h"
#include "type/vector.h"

/* All in units of cpu_operator_cost. */
#define CALL_COST 3.0
#define BYTE_COST (1.0 / 128)
#define FETCH_COST 300.0
#define FETCH_BYTE_COST (1.0 / 8)

/* A row is toasted when it passes 2 kB, and a vector is what makes it so. */
#define IN_LINE_BYTES_MAX 2000

/* The number of dimensions of an argument, or 0 when planning does not tell. */
static int
known_dim(Node *argument)
{
	int32		typmod = exprTypmod(argument);
	Const	   *constant = (Const *) argument;

	if (typmod > 0)
		return typmod;
	/* vector and halfvec have the same header */
	StaticAssertStmt(offsetof(Vector, dim) == offsetof(HalfVector, dim), "headers differ");
	if (IsA(argument, Const) && !constant->constisnull)
		return ((Vector *) PG_DETOAST_DATUM(constant->constvalue))->dim;
	return 0;
}

static List *
call_arguments(Node *call)
{
	if (call == NULL)
		return NIL;
	if (IsA(call, FuncExpr))
		return ((FuncExpr *) call)->args;
	if (IsA(call, OpExpr))
		return ((OpExpr *) call)->args;
	return NIL;
}

/* Answers a cost request for a call whose first argument, at least, is a vector of such elements. */
static Datum
answer_cost(Node *request, Size element_bytes)
{
	SupportRequestCost *cost = (SupportRequestCost *) request;
	List	   *arguments;
	Oid			vector_type;
	int			stored_count = 0;
	int			dim = 0;
	double		bytes;
	double		units;
	ListCell   *cell;

	if (!IsA(request, SupportRequestCost))
		PG_RETURN_POINTER(NULL);
	arguments = call_arguments(cost->node);
	if (arguments == NIL)
		PG_RETURN_POINTER(NULL);

	vector_type = exprType(linitial(arguments));
	foreach(cell, arguments)
	{
		Node	   *argument = strip_implicit_coercions(lfirst(cell));

		if (exprType(argument) != vector_type)
			continue;
		stored_count += IsA(argument, Var);
		dim = Max(dim, known_dim(argument));
	}
	if (dim == 0)
		PG_RETURN_POINTER(NULL);

	bytes = (double) (offsetof(Vector, x) + element_bytes * dim);
	units = CALL_COST + bytes * BYTE_COST;
	if (bytes > IN_LINE_BYTES_MAX)
		units += stored_count * (FETCH_COST + bytes * FETCH_BYTE_COST);

	cost->startup = 0;
	cost->per_tuple = units * cpu_operator_cost;
	PG_RETURN_POINTER(cost);
}

OMEN_FUNCTION(vector_cost);
Datum
vector_cost(PG_FUNCTION_ARGS)
{
	return answer_cost((Node *) PG_GETARG_POINTER(0), sizeof(float));
}

OMEN_FUNCTION(halfvec_cost);
Datum
halfvec_cost(PG_FUNCTION_ARGS)
{
	return answer_cost((Node *) PG_GETARG_POINTER(0), sizeof(OmenHalf));
}
