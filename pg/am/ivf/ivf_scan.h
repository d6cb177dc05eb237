/*
 * ivf_scan.h - a scan at work, as the files of the scan share it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_IVF_SCAN_H
#define OMEN_IVF_SCAN_H

#include "access/relscan.h"
#include "access/tableam.h"
#include "am/ivf/ivf_am.h"
#include "toast/toast_reader.h"

typedef enum FetchedState
{
	FETCHED_WAITING,			/* qualifies and has not left the scan */
	FETCHED_LEFT,
	FETCHED_OUT					/* invisible, or fails the conditions */
} FetchedState;

/* A row fetched from the table. */
typedef struct FetchedRow
{
	double		distance;		/* as the operator orders; NaN becomes infinity */
	ItemPointerData tid;
	FetchedState state;
} FetchedRow;

/* A fetched row by its tid, for rounds after the first. */
typedef struct SeenRow
{
	ItemPointerData tid;		/* hash key */
	uint32		at;
} SeenRow;

/* Row pointers of a range, in the table's order. */
typedef struct IvfRangeRows
{
	ItemPointerData *tids;		/* no two alike */
	uint64		count;
	uint64		room;
	uint64		next;
} IvfRangeRows;

typedef struct IvfScan
{
	const IvfType *type;
	MemoryContext context;		/* of this rescan: everything below */
	MemoryContext row_context;	/* of one fetched row */
	bool		started;
	bool		exhausted;		/* the whole index has been searched */

	/* the query */
	Datum		query;			/* detoasted; 0 when NULL */
	double		query_norm_sq;
	FmgrInfo   *distance;
	Oid			collation;

	/* the search */
	OmenIvfMeta meta;
	IvfModel   *model;
	BlockReader reader;
	OmenIvfSearch *search;
	double		recall;
	OmenFilter	filter;			/* by columns beside the vector */
	double		table_rows;		/* about */
	bool		grown;			/* by a fifth or more since the lists were written */

	/* the table */
	IndexFetchTableData *fetch;
	ToastReader *toast;
	BlockReader table;			/* for what its rows' pages are expected by */
	TupleTableSlot *slot;
	AttrNumber	column;			/* 0: an expression */
	IndexInfo  *info;
	EState	   *estate;			/* for an expression */
	ExprState  *qual;
	ExprState  *index_qual;		/* what the conditions on keys stand for */
	ExprContext *qual_context;	/* NULL: neither is known */

	/* what is wanted, and what there is */
	int64		wanted;			/* -1: unknown */
	double		rows_asked;		/* of the last round */
	FetchedRow *rows;
	uint32		row_count;
	uint32		row_room;
	struct HTAB *seen;			/* NULL in the first round */
	uint32	   *order;			/* rows ready to leave, nearest first */
	uint32		order_count;
	uint32		order_next;
	int64		left;			/* rows that have left */
	double		last_distance;	/* of the last that left */

	IvfFigures	figures;		/* of this rescan */
	IvfFigures	past;			/* of those before it */
	int64		told;			/* rows that will be asked for, by ivf_scan_want(); 0: not told */

	/* a condition on the distance */
	ScanKey		range;			/* NULL: none */
	bool		left_range;		/* a row beyond it has been seen */
	OmenSearchStats ranged;		/* what finding its rows took */
	IvfRangeRows *range_rows;	/* of a scan without an order */
} IvfScan;

/* Tells of a round what it has done (ivf_scan.c). */
extern void ivf_scan_note(IvfScan *ivf);

/* ---- a condition on the distance (ivf_range_scan.c) ---- */

/* The scan's condition on the vector, or NULL. */
extern ScanKey ivf_range_key(IndexScanDesc scan);

/* Whether the value, whose place in the TOAST table may be known, is in the range, if there is one. */
extern bool ivf_within_range(IvfScan *ivf, Datum value, ItemPointerData *place);

/* Row pointers that may lie in the range: all that do, and some that do not.  In the current context. */
extern IvfRangeRows *ivf_range_rows(IndexScanDesc scan);

/* The next row of a scan without an order. */
extern bool ivf_next_of_range(IndexScanDesc scan);

#endif							/* OMEN_IVF_SCAN_H */
