/*
 * ivf_scan.h - a scan at work, as the files of the scan share it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_IVF_SCAN_H
#define OMEN_IVF_SCAN_H

#include "access/relscan.h"
#include "am/ivf/ivf_am.h"
#include "am/ordered_rows.h"

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
	bool		started;
	bool		exhausted;		/* the whole index has been searched */

	/* the query */
	Datum		query;			/* detoasted; 0 when NULL */
	double		query_norm_sq;	/* when it has been multiplied by */
	double		query_scale;

	/* the search */
	OmenIvfMeta meta;
	IvfModel   *model;
	BlockReader reader;
	OmenIvfSearch *search;
	double		recall;
	OmenFilter	filter;			/* by columns beside the vector */
	double		table_rows;		/* about */
	bool		grown;			/* by a fifth or more since the lists were written */

	OrderedRows rows;			/* fetched, and on their way out */
	double		rows_asked;		/* of the last round */

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

/* Whether the value is in the range: an OrderedCondition of an IvfScan that has one. */
extern bool ivf_within_range(void *scan, Datum value, ItemPointerData *place);

/* Row pointers that may lie in the range: all that do, and some that do not.  In the current context. */
extern IvfRangeRows *ivf_range_rows(IndexScanDesc scan);

/* The next row of a scan without an order. */
extern bool ivf_next_of_range(IndexScanDesc scan);

#endif							/* OMEN_IVF_SCAN_H */
