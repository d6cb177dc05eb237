/*
 * ordered_rows.h - rows of a table that an index proposes, fetched for their
 * exact distance, and given back in its order.
 *
 * An access method proposes row pointers, the likeliest first
 * (ordered_rows_fetch), says how many may leave (ordered_rows_line_up), and
 * lets them leave (ordered_rows_next); then it may propose more.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_ORDERED_ROWS_H
#define OMEN_ORDERED_ROWS_H

#include "postgres.h"
#include "compat.h"

#include "access/relscan.h"
#include "access/tableam.h"
#include "nodes/execnodes.h"
#include "page/block_reader.h"
#include "toast/toast_reader.h"

typedef enum OrderedRowState
{
	ORDERED_ROW_WAITING,		/* qualifies and has not left the scan */
	ORDERED_ROW_LEFT,
	ORDERED_ROW_OUT				/* invisible, or fails the conditions */
} OrderedRowState;

typedef struct OrderedRow
{
	double		distance;		/* as the operator orders; NaN becomes infinity */
	ItemPointerData tid;
	OrderedRowState state;
} OrderedRow;

/* Where blocks of a table and of its TOAST table were last; outlives the scan. */
typedef struct OrderedHints
{
	BufferHints table;
	BufferHints toast;
} OrderedHints;

/* A condition on the indexed value besides those of the scan; `place` as for toast_reader_fetch(). */
typedef bool (*OrderedCondition) (void *context, Datum value, ItemPointerData *place);

typedef struct OrderedRows
{
	IndexScanDesc scan;
	MemoryContext context;		/* of everything below */
	MemoryContext row_context;	/* of one fetched row */
	Datum		query;			/* detoasted; 0 when NULL */
	FmgrInfo   *distance;

	/* the table */
	IndexFetchTableData *fetch;
	BlockReader table;
	ToastReader *toast;
	TupleTableSlot *slot;
	AttrNumber	column;			/* 0: an expression */
	struct IndexInfo *info;
	EState	   *estate;			/* for an expression */

	/* conditions, tested as the executor does: what the keys have let pass, then the rest */
	IndexScanState *node;		/* NULL: the plan is not known */
	ExprState  *index_qual;
	ExprState  *qual;
	ExprContext *qual_context;	/* NULL: neither is known */
	OrderedCondition within;	/* NULL: none */
	void	   *within_context;
	uint64		removed;		/* rows that failed them */

	/* what is wanted, and what there is */
	int64		wanted;			/* -1: unknown */
	double		share;			/* of the rows that qualify, as the planner has it */
	OrderedRow *rows;
	uint32		row_count;
	uint32		row_room;
	struct HTAB *seen;			/* rows by their pointer; NULL in the first round */
	uint32	   *order;			/* rows ready to leave, nearest first */
	uint32		order_count;
	uint32		order_next;
	int64		left;			/* rows that have left */
	double		last_distance;	/* of the last that left */
} OrderedRows;

/* Opens the table; `context` is that of the rescan. */
extern void ordered_rows_begin(OrderedRows *rows, IndexScanDesc scan, Datum query, OrderedHints *hints,
							   MemoryContext context);

/* Closes the table. */
extern void ordered_rows_end(OrderedRows *rows);

/* Closes the table and forgets the conditions, for the query goes on without this scan. */
extern void ordered_rows_forget(OrderedRows *rows);

/* A later round begins, which may propose rows a second time. */
extern void ordered_rows_next_round(OrderedRows *rows);

/* The row will be fetched; its value's place in the TOAST table may be known. */
extern void ordered_rows_expect(OrderedRows *rows, ItemPointerData tid, ItemPointerData place);

/* And, once the pages are on their way, what they point to. */
extern void ordered_rows_expect_value(OrderedRows *rows, ItemPointerData tid, ItemPointerData place);

/* The row, fetched unless it was before.  An error when the table does not reach so far. */
extern const OrderedRow *ordered_rows_fetch(OrderedRows *rows, ItemPointerData tid, ItemPointerData place);

/*
 * Lines up the rows that may leave now, nearest first: the best `most`, since
 * behind those there may be rows not fetched yet; none nearer than one that
 * has left, unless `late`.
 */
extern void ordered_rows_line_up(OrderedRows *rows, int64 most, bool late);

/* The next row of those lined up, in scan->xs_heaptid; false when there is none. */
extern bool ordered_rows_next(OrderedRows *rows);

#endif							/* OMEN_ORDERED_ROWS_H */
