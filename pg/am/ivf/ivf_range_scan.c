/*
 * ivf_range_scan.c - rows within a range: for bitmaps, and for scans without
 * an order.
 *
 * Core brings every row pointer that may lie in the range, by bounds that
 * always hold; the executor tests each row.  So the answer is that of a
 * sequential scan, whatever vector.recall_target says.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "access/table.h"
#include "am/ivf/ivf_scan.h"
#include "nodes/tidbitmap.h"
#include "pgstat.h"
#include "type/sphere.h"
#include "utils/memutils.h"

ScanKey
ivf_range_key(IndexScanDesc scan)
{
	for (int i = 0; i < scan->numberOfKeys; i++)
		if (scan->keyData[i].sk_attno == 1 && scan->keyData[i].sk_strategy == IVF_RANGE_STRATEGY &&
			!(scan->keyData[i].sk_flags & (SK_SEARCHARRAY | SK_ISNULL)))
			return &scan->keyData[i];
	return NULL;
}

/* A scan without an order is done with that; another has more to tell. */
static void
note_range(IndexScanDesc scan, const OmenSearchStats *stats)
{
	IvfScan    *ivf = scan->opaque;

	ivf->ranged = *stats;
	if (!ivf->started)
	{
		ivf->figures.index = RelationGetRelid(scan->indexRelation);
		ivf->figures.scans = 1;
		ivf->figures.recall_target = 1;
		ivf_scan_note(ivf);
	}
}

/* Core's search with the model in force; false when lists were rewritten under it. */
static bool
search_once(IndexScanDesc scan, const Sphere *sphere, const OmenFilter *filter, MemoryContext context, bool last,
			OmenRangeTake take, void *taker)
{
	Relation	index = scan->indexRelation;
	const IvfType *type = ivf_type(index);
	OmenIvfMeta meta;
	const IvfModel *model;
	BlockReader reader;
	OmenArena	arena;
	OmenIvfSearch search;
	OmenPoint	point = {0};
	OmenStatus	status;

	ivf_read_meta(index, &meta);
	model = ivf_model(index, &meta, context);
	ivf_arena_init(&arena, context);
	if (omen_ivf_search_init(&search, &arena, &model->view, &meta, index_page_store(&reader, index, NULL)) != OMEN_OK)
		index_page_report(index, OMEN_NO_MEMORY, "");
	point.vector = search.query.vector;
	ivf_point_from_datum(type, &model->rotation, model->view.metric, NULL, 0, PointerGetDatum(sphere->center),
						 palloc(Max(meta.dim, model->view.dim_padded) * sizeof(float)),
						 palloc(model->view.dim_padded * sizeof(float)), &point);
	search.filter = *filter;
	status = omen_ivf_search_range(&search, sphere->radius, take, taker);
	if (status == OMEN_STALE && !last)
		return false;
	if (status != OMEN_OK)
		index_page_report(index, status, search.error.text);
	note_range(scan, &search.stats);
	return true;
}

/*
 * Calls `take` with the row pointers.  When lists were rewritten meanwhile, the
 * search starts over and brings some once more.
 */
static void
search_range(IndexScanDesc scan, OmenRangeTake take, void *taker)
{
	Relation	index = scan->indexRelation;
	ScanKey		key = ivf_range_key(scan);
	MemoryContext context;
	MemoryContext old;
	const Sphere *sphere;
	OmenFilter	filter;

	if (!IsMVCCSnapshot(scan->xs_snapshot))
		elog(ERROR, "non-MVCC snapshots are not supported by ivf indexes");
	pgstat_count_index_scan(index);
	context = AllocSetContextCreate(CurrentMemoryContext, "ivf range scan", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	/* Else no row can meet the conditions. */
	if (ivf_conditions(scan, NULL, 0, &filter))
	{
		if (key == NULL)
			elog(ERROR, "an ivf index is scanned by distance only");
		sphere = omen_sphere_from_datum(key->sk_argument);
		for (int attempt = 0; !search_once(scan, sphere, &filter, context, attempt == 3, take, taker); attempt++)
			;
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

static ItemPointerData
to_tid(Relation index, OmenTid from)
{
	ItemPointerData tid = {{from.block_hi, from.block_lo}, from.offset};

	if (!ItemPointerIsValid(&tid) || from.offset > MaxHeapTuplesPerPage)
		index_page_report(index, OMEN_CORRUPT, "a row record points nowhere");
	return tid;
}

/* ---- a bitmap ---- */

typedef struct BitmapTaker
{
	Relation	index;
	TIDBitmap  *bitmap;
	int64		count;
} BitmapTaker;

static OmenStatus
take_into_bitmap(void *context, const OmenTid *tids, uint32_t count)
{
	BitmapTaker *taker = context;

	for (uint32_t i = 0; i < count; i++)
	{
		ItemPointerData tid = to_tid(taker->index, tids[i]);

		tbm_add_tuples(taker->bitmap, &tid, 1, true);
	}
	taker->count += count;
	return OMEN_OK;
}

/*
 * Without a range the index can say nothing: rows without a vector are not in
 * it.  Its cost is such that no plan asks for that unless all else is forbidden.
 */
static int64
take_every_page(Relation index, TIDBitmap *bitmap)
{
	Relation	table = table_open(index->rd_index->indrelid, NoLock);
	BlockNumber blocks = RelationGetNumberOfBlocks(table);

	table_close(table, NoLock);
	for (BlockNumber block = 0; block < blocks; block++)
		tbm_add_page(bitmap, block);
	return 0;
}

int64
ivf_get_bitmap(IndexScanDesc scan, TIDBitmap *bitmap)
{
	BitmapTaker taker = {scan->indexRelation, bitmap, 0};

	if (ivf_range_key(scan) == NULL)
		return take_every_page(scan->indexRelation, bitmap);
	search_range(scan, take_into_bitmap, &taker);
	return taker.count;
}

/* ---- a list ---- */

typedef struct ListTaker
{
	Relation	index;
	IvfRangeRows *rows;
	MemoryContext context;
} ListTaker;

static OmenStatus
take_into_list(void *context, const OmenTid *tids, uint32_t count)
{
	ListTaker  *taker = context;
	IvfRangeRows *rows = taker->rows;

	if (rows->count + count > rows->room)
	{
		rows->room = Max(rows->room * 2, 1024);
		rows->tids = rows->tids
			? repalloc_huge(rows->tids, rows->room * sizeof(ItemPointerData))
			: MemoryContextAlloc(taker->context, rows->room * sizeof(ItemPointerData));
	}
	for (uint32_t i = 0; i < count; i++)
		rows->tids[rows->count++] = to_tid(taker->index, tids[i]);
	return OMEN_OK;
}

static int
compare_tids(const void *a, const void *b)
{
	return ItemPointerCompare(unconstify(ItemPointerData *, (const ItemPointerData *) a),
							  unconstify(ItemPointerData *, (const ItemPointerData *) b));
}

IvfRangeRows *
ivf_range_rows(IndexScanDesc scan)
{
	IvfRangeRows *rows = palloc0(sizeof(IvfRangeRows));
	ListTaker	taker = {scan->indexRelation, rows, CurrentMemoryContext};
	uint64		kept = 0;

	search_range(scan, take_into_list, &taker);
	/* In the table's order, and each once. */
	if (rows->count > 1)
		qsort(rows->tids, rows->count, sizeof(ItemPointerData), compare_tids);
	for (uint64 i = 0; i < rows->count; i++)
		if (i == 0 || !ItemPointerEquals(&rows->tids[i], &rows->tids[kept - 1]))
			rows->tids[kept++] = rows->tids[i];
	rows->count = kept;
	return rows;
}

bool
ivf_next_of_range(IndexScanDesc scan)
{
	IvfScan    *ivf = scan->opaque;

	if (ivf->range_rows == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(ivf->context);

		ivf->range_rows = ivf_range_rows(scan);
		MemoryContextSwitchTo(old);
	}
	if (ivf->range_rows->next == ivf->range_rows->count)
		return false;
	scan->xs_heaptid = ivf->range_rows->tids[ivf->range_rows->next++];
	scan->xs_recheck = true;
	return true;
}

/* ---- rows that are fetched in order ---- */

/* The operator itself decides, as it would above. */
bool
ivf_within_range(void *scan, Datum value, ItemPointerData *place)
{
	IvfScan    *ivf = scan;

	/* What is read here is kept for the conditions and the distance. */
	if (DatumGetBool(FunctionCall2Coll(&ivf->range->sk_func, ivf->range->sk_collation,
									   toast_reader_fetch(ivf->rows.toast, value, place), ivf->range->sk_argument)))
		return true;
	ivf->left_range = true;
	return false;
}
