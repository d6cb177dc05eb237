/*
 * ordered_rows.c - see ordered_rows.h.
 *
 * Conditions of the scan are tested here, on the row fetched for its distance,
 * so that the rows wanted are rows that qualify.  They are tested again above.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "am/ivf/ivf_am.h"
#include "am/ordered_rows.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/memutils.h"

/* A fetched row by its pointer, for rounds after the first. */
typedef struct SeenRow
{
	ItemPointerData tid;		/* hash key */
	uint32		at;
} SeenRow;

/*
 * How many rows are wanted, and the scan's conditions, when it does no harm to
 * test them here as well as above.
 */
static void
take_wish(OrderedRows *rows)
{
	IvfWish		wish = ivf_limit_of(rows->scan);
	float4		table_rows = rows->scan->heapRelation->rd_rel->reltuples;

	rows->wanted = wish.rows;
	rows->share = 1;
	/* What a subplan may do is not to be seen in the condition. */
	if (wish.node == NULL || wish.node->ss.ps.qual == NULL ||
		contain_volatile_functions((Node *) wish.node->ss.ps.plan->qual) ||
		contain_subplans((Node *) wish.node->ss.ps.plan->qual))
		return;
	rows->qual = wish.node->ss.ps.qual;
	rows->qual_context = CreateExprContext(wish.node->ss.ps.state);
	if (table_rows > 0 && wish.node->ss.ps.plan->plan_rows < table_rows)
		rows->share = Max(wish.node->ss.ps.plan->plan_rows / table_rows, 1e-9);
}

void
ordered_rows_begin(OrderedRows *rows, IndexScanDesc scan, Datum query, MemoryContext context)
{
	Relation	index = scan->indexRelation;

	memset(rows, 0, sizeof(*rows));
	rows->scan = scan;
	rows->context = context;
	rows->row_context = AllocSetContextCreate(context, "fetched row", ALLOCSET_DEFAULT_SIZES);
	rows->query = query;
	rows->distance = index_getprocinfo(index, 1, IVF_DISTANCE_PROC);
	rows->last_distance = -INFINITY;
	rows->fetch = table_index_fetch_begin(scan->heapRelation);
	rows->slot = table_slot_create(scan->heapRelation, NULL);
	rows->column = index->rd_index->indkey.values[0];
	if (rows->column == 0)
	{
		rows->info = BuildIndexInfo(index);
		rows->estate = CreateExecutorState();
		GetPerTupleExprContext(rows->estate)->ecxt_scantuple = rows->slot;
	}
	take_wish(rows);
}

void
ordered_rows_end(OrderedRows *rows)
{
	if (rows->fetch != NULL)
		table_index_fetch_end(rows->fetch);
	if (rows->slot != NULL)
		ExecDropSingleTupleTableSlot(rows->slot);
	if (rows->estate != NULL)
		FreeExecutorState(rows->estate);
	rows->fetch = NULL;
	rows->slot = NULL;
	rows->estate = NULL;
}

static bool
passes_conditions(OrderedRows *rows)
{
	bool		passes;

	if (rows->qual == NULL)
		return true;
	rows->qual_context->ecxt_scantuple = rows->slot;
	passes = ExecQual(rows->qual, rows->qual_context);
	ResetExprContext(rows->qual_context);
	return passes;
}

/* The indexed value of the row in the slot; false when it is NULL. */
static bool
indexed_value(OrderedRows *rows, Datum *value)
{
	bool		isnull[INDEX_MAX_KEYS];
	Datum		values[INDEX_MAX_KEYS];

	if (rows->column != 0)
		*value = slot_getattr(rows->slot, rows->column, isnull);
	else
	{
		ResetPerTupleExprContext(rows->estate);
		FormIndexDatum(rows->info, rows->slot, rows->estate, values, isnull);
		*value = values[0];
	}
	return !isnull[0];
}

static OrderedRow
fetch_row(OrderedRows *rows, ItemPointerData tid)
{
	OrderedRow	row = {INFINITY, tid, ORDERED_ROW_OUT};
	bool		call_again = false;
	bool		all_dead = false;
	MemoryContext old;
	Datum		value;

	/* The table's fetch moves the tid to the row's live version; the index keeps its own. */
	if (!table_index_fetch_tuple(rows->fetch, &tid, rows->scan->xs_snapshot, rows->slot, &call_again, &all_dead))
		return row;
	old = MemoryContextSwitchTo(rows->row_context);
	if (indexed_value(rows, &value) && passes_conditions(rows))
	{
		row.state = ORDERED_ROW_WAITING;
		if (rows->query != (Datum) 0)
			row.distance = DatumGetFloat8(FunctionCall2Coll(rows->distance,
															rows->scan->indexRelation->rd_indcollation[0],
															value, rows->query));
		/* PostgreSQL sorts NaN behind everything. */
		if (isnan(row.distance))
			row.distance = INFINITY;
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(rows->row_context);
	return row;
}

static uint32
remember(OrderedRows *rows, OrderedRow row)
{
	if (rows->row_count == rows->row_room)
	{
		rows->row_room = rows->row_room ? rows->row_room * 2 : 64;
		rows->rows = rows->rows
			? repalloc_huge(rows->rows, rows->row_room * sizeof(OrderedRow))
			: MemoryContextAlloc(rows->context, rows->row_room * sizeof(OrderedRow));
	}
	rows->rows[rows->row_count] = row;
	return rows->row_count++;
}

void
ordered_rows_next_round(OrderedRows *rows)
{
	HASHCTL		control = {
		.keysize = sizeof(ItemPointerData),
		.entrysize = sizeof(SeenRow),
		.hcxt = rows->context,
	};

	if (rows->seen != NULL || rows->row_count == 0)
		return;
	rows->seen = hash_create("rows seen", Max(256, rows->row_count * 4), &control,
							 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (uint32 i = 0; i < rows->row_count; i++)
	{
		SeenRow    *seen = hash_search(rows->seen, &rows->rows[i].tid, HASH_ENTER, NULL);

		seen->at = i;
	}
}

/* Asking for the table's length is a system call, so only when in doubt. */
static bool
block_exists(OrderedRows *rows, BlockNumber block)
{
	if (block >= rows->table_blocks)
		rows->table_blocks = RelationGetNumberOfBlocks(rows->scan->heapRelation);
	return block < rows->table_blocks;
}

const OrderedRow *
ordered_rows_fetch(OrderedRows *rows, ItemPointerData tid)
{
	SeenRow    *seen;
	bool		found;
	uint32		at;

	if (!ItemPointerIsValid(&tid) || !block_exists(rows, ItemPointerGetBlockNumber(&tid)))
		index_page_report(rows->scan->indexRelation, OMEN_CORRUPT, "a row record points nowhere");
	if (rows->seen == NULL)
	{
		/* First, since it may move the rows. */
		at = remember(rows, fetch_row(rows, tid));
		return &rows->rows[at];
	}
	seen = hash_search(rows->seen, &tid, HASH_FIND, &found);
	if (found)
		return &rows->rows[seen->at];
	/* Entered only after the fetch, which may fail. */
	at = remember(rows, fetch_row(rows, tid));
	seen = hash_search(rows->seen, &tid, HASH_ENTER, &found);
	seen->at = at;
	return &rows->rows[at];
}

static OrderedRows *sorting;	/* qsort's third argument */

static int
compare_rows(const void *a, const void *b)
{
	const OrderedRow *x = &sorting->rows[*(const uint32 *) a];
	const OrderedRow *y = &sorting->rows[*(const uint32 *) b];

	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;
	return ItemPointerCompare(unconstify(ItemPointerData *, &x->tid), unconstify(ItemPointerData *, &y->tid));
}

void
ordered_rows_line_up(OrderedRows *rows, int64 most, bool late)
{
	if (rows->order != NULL)
		pfree(rows->order);
	rows->order = MemoryContextAllocHuge(rows->context, Max(rows->row_count, 1) * sizeof(uint32));
	rows->order_count = 0;
	rows->order_next = 0;
	for (uint32 i = 0; i < rows->row_count; i++)
		if (rows->rows[i].state == ORDERED_ROW_WAITING && (late || rows->rows[i].distance >= rows->last_distance))
			rows->order[rows->order_count++] = i;
	sorting = rows;
	qsort(rows->order, rows->order_count, sizeof(uint32), compare_rows);
	rows->order_count = (uint32) Min((int64) rows->order_count, most);
}

bool
ordered_rows_next(OrderedRows *rows)
{
	OrderedRow *row;

	if (rows->order_next >= rows->order_count)
		return false;
	row = &rows->rows[rows->order[rows->order_next++]];
	row->state = ORDERED_ROW_LEFT;
	if (rows->left++ == 0 || row->distance > rows->last_distance)
		rows->last_distance = row->distance;
	rows->scan->xs_heaptid = row->tid;
	rows->scan->xs_recheck = false;
	rows->scan->xs_recheckorderby = false;
	return true;
}
