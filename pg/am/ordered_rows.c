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
	Plan	   *plan;

	rows->wanted = wish.rows;
	rows->share = 1;
	rows->node = wish.node;
	if (wish.node == NULL)
		return;
	plan = wish.node->ss.ps.plan;
	rows->index_qual = wish.node->indexqualorig;
	/* What a subplan may do is not to be seen in the condition. */
	if (!contain_volatile_functions((Node *) plan->qual) && !contain_subplans((Node *) plan->qual))
		rows->qual = wish.node->ss.ps.qual;
	if (rows->qual != NULL || rows->index_qual != NULL)
		rows->qual_context = CreateExprContext(wish.node->ss.ps.state);
	if (rows->qual != NULL && table_rows > 0 && plan->plan_rows < table_rows)
		rows->share = Max(plan->plan_rows / table_rows, 1e-9);
}

void
ordered_rows_begin(OrderedRows *rows, IndexScanDesc scan, Datum query, OrderedHints *hints, MemoryContext context)
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
	rows->table = (BlockReader) {scan->heapRelation, 0, &hints->table};
	rows->toast = toast_reader_open(scan->heapRelation, &hints->toast, context, true);
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
	if (rows->toast != NULL)
		toast_reader_close(rows->toast);
	if (rows->slot != NULL)
		ExecDropSingleTupleTableSlot(rows->slot);
	if (rows->estate != NULL)
		FreeExecutorState(rows->estate);
	rows->fetch = NULL;
	rows->toast = NULL;
	rows->slot = NULL;
	rows->estate = NULL;
}

void
ordered_rows_forget(OrderedRows *rows)
{
	ordered_rows_end(rows);
	/* At the end of the query it is freed with the query's EState, to which it belongs. */
	if (rows->qual_context != NULL)
		FreeExprContext(rows->qual_context, true);
	rows->qual_context = NULL;
}

static bool
passes_conditions(OrderedRows *rows)
{
	bool		passes;

	if (rows->qual_context == NULL)
		return true;
	rows->qual_context->ecxt_scantuple = rows->slot;
	passes = (rows->index_qual == NULL || ExecQual(rows->index_qual, rows->qual_context)) &&
		(rows->qual == NULL || ExecQual(rows->qual, rows->qual_context));
	rows->removed += !passes;
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
fetch_row(OrderedRows *rows, ItemPointerData tid, ItemPointerData place)
{
	OrderedRow	row = {INFINITY, tid, ORDERED_ROW_OUT};
	bool		call_again = false;
	bool		all_dead = false;
	MemoryContext old;
	Datum		value;

	block_reader_turn(&rows->table, rows->fetch, ItemPointerGetBlockNumber(&tid));
	/* The table's fetch moves the tid to the row's live version; the index keeps its own. */
	if (!table_index_fetch_tuple(rows->fetch, &tid, rows->scan->xs_snapshot, rows->slot, &call_again, &all_dead))
		return row;
	if (TTS_IS_BUFFERTUPLE(rows->slot))
		block_reader_note(&rows->table, ItemPointerGetBlockNumber(&tid),
						  ((BufferHeapTupleTableSlot *) rows->slot)->buffer);
	old = MemoryContextSwitchTo(rows->row_context);
	if (indexed_value(rows, &value) &&
		(rows->within == NULL || rows->within(rows->within_context, value, &place)) && passes_conditions(rows))
	{
		row.state = ORDERED_ROW_WAITING;
		if (rows->query != (Datum) 0)
		{
			value = toast_reader_fetch(rows->toast, value, &place);
			row.distance = DatumGetFloat8(FunctionCall2Coll(rows->distance,
															rows->scan->indexRelation->rd_indcollation[0],
															value, rows->query));
		}
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
	if (block >= rows->table.blocks)
		rows->table.blocks = RelationGetNumberOfBlocks(rows->scan->heapRelation);
	return block < rows->table.blocks;
}

void
ordered_rows_expect(OrderedRows *rows, ItemPointerData tid, ItemPointerData place)
{
	if (ItemPointerIsValid(&tid))
		block_reader_expect(&rows->table, ItemPointerGetBlockNumber(&tid), 0,
							SizeOfPageHeaderData + ItemPointerGetOffsetNumber(&tid) * sizeof(ItemIdData));
	toast_reader_expect(rows->toast, &place);
}

void
ordered_rows_expect_value(OrderedRows *rows, ItemPointerData tid, ItemPointerData place)
{
	if (ItemPointerIsValid(&tid))
		block_reader_expect_item(&rows->table, ItemPointerGetBlockNumber(&tid), ItemPointerGetOffsetNumber(&tid),
								 sizeof(HeapTupleHeaderData));
	toast_reader_expect_value(rows->toast, &place);
}

const OrderedRow *
ordered_rows_fetch(OrderedRows *rows, ItemPointerData tid, ItemPointerData place)
{
	SeenRow    *seen;
	bool		found;
	uint32		at;

	if (!ItemPointerIsValid(&tid) || !block_exists(rows, ItemPointerGetBlockNumber(&tid)))
		index_page_report(rows->scan->indexRelation, OMEN_CORRUPT, "a row record points nowhere");
	if (rows->seen == NULL)
	{
		/* First, since it may move the rows. */
		at = remember(rows, fetch_row(rows, tid, place));
		return &rows->rows[at];
	}
	seen = hash_search(rows->seen, &tid, HASH_FIND, &found);
	if (found)
		return &rows->rows[seen->at];
	/* Entered only after the fetch, which may fail. */
	at = remember(rows, fetch_row(rows, tid, place));
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
	block_reader_turn(&rows->table, rows->scan->xs_heapfetch, ItemPointerGetBlockNumber(&row->tid));
	rows->scan->xs_recheck = rows->scan->numberOfKeys > 0;
	rows->scan->xs_recheckorderby = false;
	return true;
}
