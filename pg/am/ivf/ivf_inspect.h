/*
 * ivf_inspect.h - what the functions share that let a user look into an index.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_IVF_INSPECT_H
#define OMEN_IVF_INSPECT_H

#include "am/ivf/ivf_am.h"

#include "funcapi.h"

typedef struct IvfInspected
{
	Relation	table;
	Relation	index;
} IvfInspected;

/*
 * Opens an ivf index, and its table with `lock`, for its owner; errors out
 * when it is none, or not his.  The index itself is locked against being
 * dropped or rebuilt.
 */
extern IvfInspected ivf_inspect_open(Oid oid, LOCKMODE lock);

/* Gives relations and locks back. */
extern void ivf_inspect_close(IvfInspected *inspected, LOCKMODE lock);

/* The rows that a function of RETURNS TABLE gives, to be filled with tuplestore_putvalues(). */
extern Tuplestorestate *ivf_inspect_rows(FunctionCallInfo fcinfo, TupleDesc *desc);

/* Returns one row of so many columns. */
extern Datum ivf_inspect_row(FunctionCallInfo fcinfo, Datum *values, const bool *nulls, int columns);

#endif							/* OMEN_IVF_INSPECT_H */
