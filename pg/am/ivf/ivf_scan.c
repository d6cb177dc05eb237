/*
 * ivf_scan.c - rows of an ivf index in the order of their exact distance.
 *
 * A scan works in rounds.  A round asks core for the best k rows by their
 * codes, then fetches rows from the table in the order of the least distance
 * each can have, until the next cannot beat those found: those are the nearest
 * by exact distance, and only then does the first one leave the scan.
 *
 * How many are wanted is known from the LIMIT above (ivf_limit.c).  Conditions
 * of the scan are tested here, on the row fetched for its distance, so that k
 * means rows that qualify; when too few do, the next round asks for more.
 * Rows once fetched are remembered, and not fetched again by later rounds.
 *
 * When the number wanted is not known, rounds grow.  A later round may find a
 * row nearer than one that has left already.  Such a row is kept back, for
 * rows must leave in order, until the whole index has been searched; then it
 * comes after all others: the only case in which a row is out of order, rather
 * than missing.
 *
 * A condition on the distance besides the order ends a scan that runs out of
 * rows within it: what is left in the range is then fetched as a whole, by
 * bounds that always hold (ivf_range_scan.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "am/ivf/ivf_scan.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "omen/select.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "pgstat.h"
#include "toast/toast_reader.h"
#include "utils/memutils.h"

/* Rows asked for at first when nothing is known. */
#define ROWS_UNKNOWN 50
/* Rows on their way while others are fetched: those sure to be, those that may be, and bytes of the next. */
#define EXPECTED_ROWS 16
#define EXPECTED_DOUBTFUL 4
#define EXPECTED_VALUES 3
/* Each such round asks for so many times as many. */
#define ROWS_GROWTH 4

IndexScanDesc
ivf_begin_scan(Relation index, int keys, int orderbys)
{
	IndexScanDesc scan = RelationGetIndexScan(index, keys, orderbys);
	IvfScan    *ivf = palloc0(sizeof(IvfScan));

	ivf->type = ivf_type(index);
	ivf->distance = index_getprocinfo(index, 1, IVF_DISTANCE_PROC);
	ivf->collation = index->rd_indcollation[0];
	ivf->context = AllocSetContextCreate(CurrentMemoryContext, "ivf scan", ALLOCSET_DEFAULT_SIZES);
	ivf->row_context = AllocSetContextCreate(CurrentMemoryContext, "ivf scan row", ALLOCSET_DEFAULT_SIZES);
	scan->opaque = ivf;
	return scan;
}

static void
close_table(IvfScan *ivf)
{
	if (ivf->fetch != NULL)
		table_index_fetch_end(ivf->fetch);
	if (ivf->toast != NULL)
		toast_reader_close(ivf->toast);
	if (ivf->slot != NULL)
		ExecDropSingleTupleTableSlot(ivf->slot);
	if (ivf->estate != NULL)
		FreeExecutorState(ivf->estate);
	ivf->fetch = NULL;
	ivf->toast = NULL;
	ivf->slot = NULL;
	ivf->estate = NULL;
}

/* Back to the state after ivf_begin_scan. */
static void
forget_query(IvfScan *ivf)
{
	IvfScan		fresh = {
		.type = ivf->type,
		.context = ivf->context,
		.row_context = ivf->row_context,
		.distance = ivf->distance,
		.collation = ivf->collation,
		.past = ivf->past,
		.told = ivf->told,
	};

	ivf_figures_add(&fresh.past, &ivf->figures);
	close_table(ivf);
	if (ivf->qual_context != NULL)
		FreeExprContext(ivf->qual_context, true);
	MemoryContextReset(ivf->context);
	*ivf = fresh;
}

void
ivf_rescan(IndexScanDesc scan, ScanKey keys, int key_count, ScanKey orderbys, int orderby_count)
{
	forget_query(scan->opaque);
	if (keys != NULL && scan->numberOfKeys > 0)
		memmove(scan->keyData, keys, scan->numberOfKeys * sizeof(ScanKeyData));
	if (orderbys != NULL && scan->numberOfOrderBys > 0)
		memmove(scan->orderByData, orderbys, scan->numberOfOrderBys * sizeof(ScanKeyData));
}

void
ivf_end_scan(IndexScanDesc scan)
{
	IvfScan    *ivf = scan->opaque;

	close_table(ivf);
	/* The conditions' ExprContext belongs to the query's EState, which frees it. */
	MemoryContextDelete(ivf->row_context);
	MemoryContextDelete(ivf->context);
	pfree(ivf);
	scan->opaque = NULL;
}

void
ivf_scan_want(IndexScanDesc scan, int64 rows)
{
	((IvfScan *) scan->opaque)->told = rows;
}

IvfFigures
ivf_scan_figures(IndexScanDesc scan)
{
	IvfScan    *ivf = scan->opaque;
	IvfFigures	sum = ivf->past;

	ivf_figures_add(&sum, &ivf->figures);
	return sum;
}

/* After each round. */
void
ivf_scan_note(IvfScan *ivf)
{
	OmenSearchStats none = {0};
	const OmenSearchStats *search = ivf->search != NULL ? &ivf->search->stats : &none;

	ivf->figures.rounds++;
	ivf->figures.lists_probed = search->lists_probed + ivf->ranged.lists_probed;
	ivf->figures.lists_skipped = search->lists_skipped;
	ivf->figures.codes_scanned = search->codes_scanned + ivf->ranged.codes_scanned;
	ivf->figures.records_read = search->records_read + ivf->ranged.records_read;
	ivf->figures.index_removed = search->keys_tested - search->keys_passed;
	ivf->figures.rows_fetched = ivf->row_count;
	ivf->figures.bounded = ivf->search != NULL && ivf->search->stopped;
	ivf_figures_note(&ivf->figures);
}

/* ---- starting ---- */

/* Prepares core's search with the model in force. */
static void
open_index(IndexScanDesc scan, IvfScan *ivf)
{
	Relation	index = scan->indexRelation;
	const OmenIvfModel *model;
	OmenPoint	point;

	ivf_read_meta(index, &ivf->meta);
	ivf->model = ivf_model(index, &ivf->meta, ivf->context);
	model = &ivf->model->view;
	ivf->search = ivf_search(index, ivf->model, &ivf->meta,
							 index_page_store(&ivf->reader, index, &ivf->model->hints), ivf->context);
	/* A NULL query is farther than anything from anything: any rows will do. */
	if (ivf->query != (Datum) 0)
	{
		float	   *room = palloc(Max(ivf->meta.dim, model->dim_padded) * sizeof(float));
		float	   *scratch = palloc(model->dim_padded * sizeof(float));

		point.vector = ivf->search->query.vector;
		ivf_point_from_datum(ivf->type, &ivf->model->rotation, model->metric, model->mean, *model->lift_sq,
							 ivf->query, room, scratch, &point);
		ivf->query_norm_sq = omen_simd->norm_sq_f32(ivf->type->floats(ivf->query, room), ivf->meta.dim);
	}
	ivf->search->filter = ivf->filter;
	ivf->search->scan_max = (uint64) ivf_max_scan_tuples;
	omen_ivf_search_begin(ivf->search);
}

static void
open_table(IndexScanDesc scan, IvfScan *ivf)
{
	Relation	index = scan->indexRelation;

	ivf->fetch = table_index_fetch_begin(scan->heapRelation);
	ivf->toast = toast_reader_open(scan->heapRelation, &ivf->model->toast_hints, ivf->context, true);
	ivf->table = (BlockReader) {scan->heapRelation, 0, &ivf->model->table_hints};
	ivf->slot = table_slot_create(scan->heapRelation, NULL);
	ivf->column = index->rd_index->indkey.values[0];
	if (ivf->column == 0)
	{
		ivf->info = BuildIndexInfo(index);
		ivf->estate = CreateExecutorState();
		GetPerTupleExprContext(ivf->estate)->ecxt_scantuple = ivf->slot;
	}
}

/*
 * The scan's conditions, when it does no harm to test them here as well as
 * above: they are tested again for rows that leave.
 */
static void
take_conditions(IndexScanDesc scan, IvfScan *ivf, IvfWish wish)
{
	ScanKeyData *more = NULL;
	int			more_count = 0;

	/* What a subplan may do is not to be seen in the condition. */
	if (wish.node != NULL && wish.node->ss.ps.qual != NULL &&
		!contain_volatile_functions((Node *) wish.node->ss.ps.plan->qual) &&
		!contain_subplans((Node *) wish.node->ss.ps.plan->qual))
		ivf->qual = wish.node->ss.ps.qual;
	if (wish.node != NULL)
		ivf->index_qual = wish.node->indexqualorig;
	if (ivf->qual != NULL || ivf->index_qual != NULL)
		ivf->qual_context = CreateExprContext(wish.node->ss.ps.state);
	if (ivf->qual != NULL)
		more_count = ivf_qual_keys(scan->indexRelation, wish.node, ivf->qual_context, &more);
	ivf->exhausted = !ivf_conditions(scan, more, more_count, &ivf->filter);
}

static void
take_wish(IndexScanDesc scan, IvfScan *ivf, IvfWish wish)
{
	ivf->wanted = ivf->told > 0 ? ivf->told : wish.rows;
	ivf->reader.blocks = RelationGetNumberOfBlocks(scan->indexRelation);
	ivf->grown = ivf->reader.blocks > ivf->meta.written_blocks * 1.2;
	/* The statistics may be old, but the index's pages are there; half of them full of rows, at least. */
	ivf->table_rows = (double) ivf->reader.blocks * omen_rows_per_page(ivf->model->view.dim_padded, ivf->meta.keys) / 2;
	ivf->table_rows = Max(ivf->table_rows, (double) ivf->meta.packed_rows / (1 + *ivf->model->view.spilled));
	ivf->table_rows = Max(ivf->table_rows, scan->heapRelation->rd_rel->reltuples);
	ivf->table_rows = Min(ivf->table_rows, 1e8);
	/* The planner's guess of how many rows qualify tells how many to ask for. */
	ivf->rows_asked = ivf->wanted >= 0 ? Max(ivf->wanted, 1) : ROWS_UNKNOWN;
	if (ivf->qual != NULL && ivf->filter.count == 0 && scan->heapRelation->rd_rel->reltuples > 0)
	{
		double		share = wish.node->ss.ps.plan->plan_rows / scan->heapRelation->rd_rel->reltuples;

		if (share < 1)
			ivf->rows_asked = ivf->rows_asked * 1.2 / Max(share, 1e-9) + 5;
	}
}

static void
start(IndexScanDesc scan, IvfScan *ivf)
{
	ScanKey		order = &scan->orderByData[0];
	MemoryContext old = MemoryContextSwitchTo(ivf->context);
	IvfWish		wish = ivf_limit_of(scan);

	if (scan->numberOfOrderBys != 1)
		elog(ERROR, "an ivf index is scanned by ORDER BY distance only");
	if (!IsMVCCSnapshot(scan->xs_snapshot))
		elog(ERROR, "non-MVCC snapshots are not supported by ivf indexes");
	if (!(order->sk_flags & SK_ISNULL))
		ivf->query = PointerGetDatum(PG_DETOAST_DATUM_COPY(order->sk_argument));
	ivf->recall = ivf_recall_target;
	ivf->figures = (IvfFigures) {
		.index = RelationGetRelid(scan->indexRelation),
		.scans = 1,
		.recall_target = ivf->recall,
	};
	ivf->last_distance = -INFINITY;
	take_conditions(scan, ivf, wish);
	open_index(scan, ivf);
	open_table(scan, ivf);
	take_wish(scan, ivf, wish);
	ivf->range = ivf_range_key(scan);
	pgstat_count_index_scan(scan->indexRelation);
	MemoryContextSwitchTo(old);
	ivf->started = true;
}

/* ---- fetching rows ---- */

static bool
passes_conditions(IvfScan *ivf)
{
	bool		passes;

	if (ivf->qual_context == NULL)
		return true;
	ivf->qual_context->ecxt_scantuple = ivf->slot;
	/* As the executor does: what the keys have let pass, then the rest. */
	passes = (ivf->index_qual == NULL || ExecQual(ivf->index_qual, ivf->qual_context)) &&
		(ivf->qual == NULL || ExecQual(ivf->qual, ivf->qual_context));
	ivf->figures.rows_removed += !passes;
	ResetExprContext(ivf->qual_context);
	return passes;
}

/* The indexed value of the row in the slot; false when it is NULL. */
static bool
indexed_value(IvfScan *ivf, Datum *value)
{
	bool		isnull[INDEX_MAX_KEYS];
	Datum		values[INDEX_MAX_KEYS];

	if (ivf->column != 0)
		*value = slot_getattr(ivf->slot, ivf->column, isnull);
	else
	{
		ResetPerTupleExprContext(ivf->estate);
		FormIndexDatum(ivf->info, ivf->slot, ivf->estate, values, isnull);
		*value = values[0];
	}
	return !isnull[0];
}

/* Fetches the row at tid and says what it is worth. */
static FetchedRow
fetch_row(IndexScanDesc scan, IvfScan *ivf, ItemPointerData tid, ItemPointerData place)
{
	FetchedRow	row = {INFINITY, tid, FETCHED_OUT};
	bool		call_again = false;
	bool		all_dead = false;
	MemoryContext old;
	Datum		value;

	block_reader_turn(&ivf->table, ivf->fetch, ItemPointerGetBlockNumber(&tid));
	/* The table's fetch moves the tid to the row's live version; the index keeps its own. */
	if (!table_index_fetch_tuple(ivf->fetch, &tid, scan->xs_snapshot, ivf->slot, &call_again, &all_dead))
		return row;
	if (TTS_IS_BUFFERTUPLE(ivf->slot))
		buffer_hints_note(ivf->table.hints, ItemPointerGetBlockNumber(&tid),
						  ((BufferHeapTupleTableSlot *) ivf->slot)->buffer);
	old = MemoryContextSwitchTo(ivf->row_context);
	if (indexed_value(ivf, &value) && ivf_within_range(ivf, value, &place) && passes_conditions(ivf))
	{
		row.state = FETCHED_WAITING;
		if (ivf->query != (Datum) 0)
		{
			value = toast_reader_fetch(ivf->toast, value, &place);
			row.distance = DatumGetFloat8(FunctionCall2Coll(ivf->distance, ivf->collation, value, ivf->query));
		}
		/* PostgreSQL sorts NaN behind everything. */
		if (isnan(row.distance))
			row.distance = INFINITY;
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(ivf->row_context);
	return row;
}

static uint32
remember(IvfScan *ivf, FetchedRow row)
{
	if (ivf->row_count == ivf->row_room)
	{
		ivf->row_room = ivf->row_room ? ivf->row_room * 2 : 64;
		ivf->rows = ivf->rows
			? repalloc_huge(ivf->rows, ivf->row_room * sizeof(FetchedRow))
			: MemoryContextAlloc(ivf->context, ivf->row_room * sizeof(FetchedRow));
	}
	ivf->rows[ivf->row_count] = row;
	return ivf->row_count++;
}

/* From the second round on rows are looked up by tid before they are fetched. */
static void
begin_seen(IvfScan *ivf)
{
	HASHCTL		control = {
		.keysize = sizeof(ItemPointerData),
		.entrysize = sizeof(SeenRow),
		.hcxt = ivf->context,
	};

	ivf->seen = hash_create("ivf rows seen", Max(256, ivf->row_count * 4), &control,
							HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (uint32 i = 0; i < ivf->row_count; i++)
	{
		SeenRow    *seen = hash_search(ivf->seen, &ivf->rows[i].tid, HASH_ENTER, NULL);

		seen->at = i;
	}
}

static inline ItemPointerData
item_pointer(OmenTid tid)
{
	return (ItemPointerData) {{tid.block_hi, tid.block_lo}, tid.offset};
}

/* Has a hit's row and its vector on their way. */
static void
expect_hit(IvfScan *ivf, const OmenHit *hit)
{
	ItemPointerData tid = item_pointer(hit->tid);
	ItemPointerData place = item_pointer(hit->place);

	if (ItemPointerIsValid(&tid))
		block_reader_expect(&ivf->table, ItemPointerGetBlockNumber(&tid), 0,
							SizeOfPageHeaderData + ItemPointerGetOffsetNumber(&tid) * sizeof(ItemIdData));
	toast_reader_expect(ivf->toast, &place);
}

/* And, once its pages are there, what they point to. */
static void
expect_value(IvfScan *ivf, const OmenHit *hit)
{
	ItemPointerData tid = item_pointer(hit->tid);
	ItemPointerData place = item_pointer(hit->place);

	block_reader_expect_item(&ivf->table, ItemPointerGetBlockNumberNoCheck(&tid),
							 ItemPointerGetOffsetNumberNoCheck(&tid), sizeof(HeapTupleHeaderData));
	toast_reader_expect_value(ivf->toast, &place);
}

/* Asking for the table's length is a system call, so only when in doubt. */
static bool
block_exists(IndexScanDesc scan, IvfScan *ivf, BlockNumber block)
{
	if (block >= ivf->table.blocks)
		ivf->table.blocks = RelationGetNumberOfBlocks(scan->heapRelation);
	return block < ivf->table.blocks;
}

/* The row of a hit: remembered, or fetched now. */
static const FetchedRow *
row_of_hit(IndexScanDesc scan, IvfScan *ivf, const OmenHit *hit)
{
	ItemPointerData tid = item_pointer(hit->tid);
	ItemPointerData place = item_pointer(hit->place);
	SeenRow    *seen;
	bool		found;
	uint32		at;

	if (!ItemPointerIsValid(&tid) || !block_exists(scan, ivf, ItemPointerGetBlockNumber(&tid)))
		index_page_report(scan->indexRelation, OMEN_CORRUPT, "a row record points nowhere");
	if (ivf->seen == NULL)
		at = remember(ivf, fetch_row(scan, ivf, tid, place));
	else
	{
		seen = hash_search(ivf->seen, &tid, HASH_FIND, &found);
		if (!found)
		{
			/* Entered only after the fetch, which may fail. */
			at = remember(ivf, fetch_row(scan, ivf, tid, place));
			seen = hash_search(ivf->seen, &tid, HASH_ENTER, &found);
			seen->at = at;
		}
		at = seen->at;
	}
	return &ivf->rows[at];
}

/* ---- a round ---- */

/* Core's search, once more with the model in force now when lists were rewritten under it. */
static void
run_search(IndexScanDesc scan, IvfScan *ivf, uint32 k, OmenIvfEffort effort)
{
	for (int attempt = 0;; attempt++)
	{
		OmenStatus	status = omen_ivf_search_run(ivf->search, k, effort);

		if (status == OMEN_OK)
			return;
		if (status == OMEN_STALE && attempt < 3)
		{
			uint32		generation = ivf->meta.generation;
			OmenError	err = ivf->search->error;
			MemoryContext old = MemoryContextSwitchTo(ivf->context);

			open_index(scan, ivf);
			MemoryContextSwitchTo(old);
			if (ivf->meta.generation == generation)
				index_page_report(scan->indexRelation, OMEN_CORRUPT, err.text);
			effort.probes = Max(effort.probes, ivf->model->view.lists);
			continue;
		}
		index_page_report(scan->indexRelation, status, ivf->search->error.text);
	}
}

/*
 * Fetches hits, the least possible distance first, until `wanted` rows that
 * have not left are nearer than the next hit can be.  Returns how many
 * qualified.
 */
static uint32
fetch_hits(IndexScanDesc scan, IvfScan *ivf, int64 wanted)
{
	const OmenIvfModel *model = &ivf->model->view;
	uint32		room = (uint32) Min(wanted, (int64) ivf->search->hit_count);
	float	   *nearest = MemoryContextAllocHuge(ivf->context, Max(room, 1) * sizeof(float));
	uint32		nearest_count = 0;
	uint32		qualified = 0;
	uint32		expected = 0;

	for (uint32 i = 0; i < ivf->search->hit_count; i++)
	{
		const OmenHit *hit = &ivf->search->hits[i];
		const FetchedRow *row;
		double		distance;
		uint32		until;

		if (wanted <= ivf->search->hit_count && nearest_count == room && room > 0 &&
			hit->estimate - hit->bound > nearest[0])
			break;
		until = i + (nearest_count < room && i + EXPECTED_ROWS <= room ? EXPECTED_ROWS : EXPECTED_DOUBTFUL);
		until = Min(Max(until, Min(room, EXPECTED_ROWS)), ivf->search->hit_count);
		while (expected < until)
			expect_hit(ivf, &ivf->search->hits[expected++]);
		if (i + EXPECTED_VALUES < ivf->search->hit_count)
			expect_value(ivf, &ivf->search->hits[i + EXPECTED_VALUES]);
		CHECK_FOR_INTERRUPTS();
		row = row_of_hit(scan, ivf, hit);
		if (row->state != FETCHED_WAITING || row->distance < ivf->last_distance)
			continue;
		qualified++;
		distance = ivf_index_distance(model->metric, row->distance, ivf->query_norm_sq, *model->lift_sq);
		omen_heap_offer(nearest, &nearest_count, room, (float) Min(distance, OMEN_ADD_LAST));
	}
	pfree(nearest);
	return qualified;
}

/* All rows of the range; returns how many qualified. */
static uint32
fetch_range(IndexScanDesc scan, IvfScan *ivf)
{
	MemoryContext old = MemoryContextSwitchTo(ivf->context);
	IvfRangeRows *rows = ivf_range_rows(scan);
	uint32		qualified = 0;

	MemoryContextSwitchTo(old);
	for (uint64 i = 0; i < rows->count; i++)
	{
		OmenHit		hit = {
			.tid = {rows->tids[i].ip_blkid.bi_hi, rows->tids[i].ip_blkid.bi_lo, rows->tids[i].ip_posid}
		};
		const FetchedRow *row;

		CHECK_FOR_INTERRUPTS();
		row = row_of_hit(scan, ivf, &hit);
		qualified += row->state == FETCHED_WAITING && row->distance >= ivf->last_distance;
	}
	return qualified;
}

static IvfScan *sorting;		/* qsort's third argument */

static int
compare_rows(const void *a, const void *b)
{
	const FetchedRow *x = &sorting->rows[*(const uint32 *) a];
	const FetchedRow *y = &sorting->rows[*(const uint32 *) b];

	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;
	return ItemPointerCompare(unconstify(ItemPointerData *, &x->tid), unconstify(ItemPointerData *, &y->tid));
}

/*
 * Lines up the rows that may leave now, nearest first: the best `most`, since
 * behind those there may be rows not fetched yet; none nearer than one that
 * has left.
 */
static void
line_up(IvfScan *ivf, int64 most)
{
	if (ivf->order != NULL)
		pfree(ivf->order);
	ivf->order = MemoryContextAllocHuge(ivf->context, Max(ivf->row_count, 1) * sizeof(uint32));
	ivf->order_count = 0;
	ivf->order_next = 0;
	for (uint32 i = 0; i < ivf->row_count; i++)
		if (ivf->rows[i].state == FETCHED_WAITING && ivf->rows[i].distance >= ivf->last_distance)
			ivf->order[ivf->order_count++] = i;
	sorting = ivf;
	qsort(ivf->order, ivf->order_count, sizeof(uint32), compare_rows);
	ivf->order_count = (uint32) Min((int64) ivf->order_count, most);
}

/* Rows kept back, behind all others, once there is nothing else. */
static void
line_up_late(IvfScan *ivf)
{
	ivf->last_distance = -INFINITY;
	line_up(ivf, ivf->row_count);
}

/* The effort for the best k: everything, the setting's, or the calibrated. */
static OmenIvfEffort
effort_for(IvfScan *ivf, uint32 k)
{
	const OmenIvfModel *model = &ivf->model->view;
	OmenIvfEffort effort;

	if (k == OMEN_K_ALL || ivf_probes > 0)
		return omen_ivf_fixed_effort(k == OMEN_K_ALL ? model->lists : (uint32) ivf_probes);
	effort = omen_ivf_effort(model, k, ivf->recall, ivf->grown);
	ivf->search->filter.recall = ivf->recall;
	ivf->search->filter.grown = ivf->grown;
	return effort;
}

/* One round, or several: lines up more rows to leave, or has searched everything. */
static void
search_round(IndexScanDesc scan, IvfScan *ivf)
{
	int64		batch;
	uint32		qualified;

	/* More are taken than the plan said: conditions not tested here, ties, locked rows. */
	if (ivf->left >= ivf->wanted)
		ivf->wanted = -1;
	/* Not knowing, half of what is asked for: neighbours of the rest may be missing. */
	batch = ivf->wanted >= 0 ? ivf->wanted - ivf->left : (int64) (ivf->rows_asked - ivf->left) / 2;
	batch = Max(batch, 1);
	/* A range without a limit is wanted whole, and then it comes in order. */
	if (ivf->range != NULL && ivf->wanted < 0)
	{
		ivf->left_range = true;
		batch = PG_INT64_MAX;
	}
	for (;;)
	{
		bool		everything = ivf->rows_asked >= ivf->table_rows || ivf->left_range;
		uint32		k = everything ? OMEN_K_ALL : (uint32) ivf->rows_asked;

		if (ivf->row_count > 0 && ivf->seen == NULL)
			begin_seen(ivf);
		if (everything && ivf->range != NULL)
			qualified = fetch_range(scan, ivf);
		else
		{
			run_search(scan, ivf, k, effort_for(ivf, k));
			qualified = fetch_hits(scan, ivf, batch);
			everything = everything || ivf->search->all_found;
		}
		ivf_scan_note(ivf);
		if (ivf->search->stopped)
		{
			ereport(NOTICE,
					(errmsg("scan of index \"%s\" stopped at vector.max_scan_tuples = %d",
							RelationGetRelationName(scan->indexRelation), ivf_max_scan_tuples)));
			everything = true;
		}
		ivf->exhausted = everything && (qualified < batch || ivf->search->stopped);
		if (qualified >= batch || everything)
			break;
		/* By the share that qualified, and some more; at least twice as many. */
		ivf->rows_asked *= Max(2.0, 1.5 * batch / (qualified + 1.0));
	}
	line_up(ivf, batch);
	/* Should more be asked for than the plan said, or it said nothing. */
	ivf->rows_asked *= ROWS_GROWTH;
}

bool
ivf_get_tuple(IndexScanDesc scan, ScanDirection direction)
{
	IvfScan    *ivf = scan->opaque;
	FetchedRow *row;

	Assert(ScanDirectionIsForward(direction));
	if (scan->numberOfOrderBys == 0)
		return ivf_next_of_range(scan);
	if (!ivf->started)
		start(scan, ivf);
	while (ivf->order_next >= ivf->order_count)
	{
		if (ivf->exhausted)
		{
			if (ivf->last_distance == -INFINITY)
				return false;
			line_up_late(ivf);
			if (ivf->order_count == 0)
				return false;
			continue;
		}
		search_round(scan, ivf);
	}
	row = &ivf->rows[ivf->order[ivf->order_next++]];
	row->state = FETCHED_LEFT;
	if (ivf->left++ == 0 || row->distance > ivf->last_distance)
		ivf->last_distance = row->distance;
	scan->xs_heaptid = row->tid;
	block_reader_turn(&ivf->table, scan->xs_heapfetch, ItemPointerGetBlockNumber(&row->tid));
	scan->xs_recheck = scan->numberOfKeys > 0;
	scan->xs_recheckorderby = false;
	return true;
}
