/*
 * ivf_inspect.h - what the functions share that let a user look into an index.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_IVF_INSPECT_H
#define OMEN_IVF_INSPECT_H

#include "am/ivf/ivf_am.h"

#include "executor/executor.h"
#include "funcapi.h"
#include "utils/snapshot.h"

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

/*
 * Errors out when the snapshot is too old to see by the index what it sees in
 * the table: its HOT chains may be broken for it.
 */
extern void ivf_inspect_snapshot(const IvfInspected *inspected, Snapshot snapshot);

/* Rows of the table by their row pointers, one after another: what the index has of each. */
typedef struct IvfRowFetch
{
	Snapshot	snapshot;
	struct IndexFetchTableData *fetch;
	TupleTableSlot *slot;
	IndexInfo  *info;
	EState	   *estate;
} IvfRowFetch;

extern void ivf_row_fetch_begin(IvfRowFetch *rows, const IvfInspected *at, Snapshot snapshot);

/* The vector, until the next call; 0 when the row is not visible, or has none. */
extern Datum ivf_row_fetch(IvfRowFetch *rows, ItemPointerData tid);
extern void ivf_row_fetch_end(IvfRowFetch *rows);

/* Until given back, code is run as the table's owner's, and with no more rights than his. */
typedef struct IvfOwnerRights
{
	Oid			user;
	int			security;
	int			settings;
} IvfOwnerRights;

extern IvfOwnerRights ivf_take_owner_rights(Relation table);
extern void ivf_give_back_rights(const IvfOwnerRights *rights);

/* The rows that a function of RETURNS TABLE gives, to be filled with tuplestore_putvalues(). */
extern Tuplestorestate *ivf_inspect_rows(FunctionCallInfo fcinfo, TupleDesc *desc);

/* Returns one row of so many columns. */
extern Datum ivf_inspect_row(FunctionCallInfo fcinfo, Datum *values, const bool *nulls, int columns);

#endif							/* OMEN_IVF_INSPECT_H */
