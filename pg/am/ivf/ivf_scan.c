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
#include "miscadmin.h"
#include "omen/select.h"
#include "pgstat.h"
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
	ivf->context = AllocSetContextCreate(CurrentMemoryContext, "ivf scan", ALLOCSET_DEFAULT_SIZES);
	scan->opaque = ivf;
	return scan;
}

/* Back to the state after ivf_begin_scan. */
static void
forget_query(IvfScan *ivf)
{
	IvfScan		fresh = {
		.type = ivf->type,
		.context = ivf->context,
		.past = ivf->past,
		.told = ivf->told,
	};

	ivf_figures_add(&fresh.past, &ivf->figures);
	ordered_rows_forget(&ivf->rows);
	MemoryContextReset(ivf->context);
	*ivf = fresh;
}

void
ivf_rescan(IndexScanDesc scan, ScanKey keys, int key_count, ScanKey orderbys, int orderby_count)
{
	ivf_pending_flush(scan->indexRelation);
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

	ordered_rows_end(&ivf->rows);
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
	ivf->figures.index_removed = search->keys_tested - search->keys_passed + search->keys_spared;
	ivf->figures.rows_fetched = ivf->rows.row_count;
	ivf->figures.rows_removed = ivf->rows.removed;
	ivf->figures.bounded = ivf->search != NULL && ivf->search->stopped;
	ivf_figures_note(&ivf->figures);
}

/* ---- starting ---- */

/* Takes the model in force. */
static void
read_model(IndexScanDesc scan, IvfScan *ivf)
{
	ivf_read_meta(scan->indexRelation, &ivf->meta);
	ivf->model = ivf_model(scan->indexRelation, &ivf->meta, ivf->context);
}

/* Prepares core's search with it. */
static void
begin_search(IndexScanDesc scan, IvfScan *ivf)
{
	Relation	index = scan->indexRelation;
	const OmenIvfModel *model = &ivf->model->view;
	OmenPoint	point;

	ivf->search = ivf_search(index, ivf->model, &ivf->meta,
							 index_page_store(&ivf->reader, index, &ivf->model->hints), ivf->context);
	ivf->query_scale = 1;
	/* A NULL query is farther than anything from anything: any rows will do. */
	if (ivf->query != (Datum) 0)
	{
		float	   *room = palloc(Max(ivf->meta.dim, model->dim_padded) * sizeof(float));
		float	   *scratch = palloc(model->dim_padded * sizeof(float));

		point.vector = ivf->search->query.vector;
		ivf->query_scale = ivf_query_from_datum(ivf->type, &ivf->model->rotation, model, ivf->query, room, scratch,
												&point, &ivf->query_norm_sq);
	}
	ivf->search->filter = ivf->filter;
	ivf->search->scan_max = (uint64) ivf_max_scan_tuples;
	omen_ivf_search_begin(ivf->search);
}

/* What of the conditions further columns of the index can test. */
static void
take_filter(IndexScanDesc scan, IvfScan *ivf)
{
	ScanKeyData *more = NULL;
	int			more_count = 0;

	if (ivf->rows.qual != NULL)
		more_count = ivf_qual_keys(scan->indexRelation, ivf->rows.node, ivf->rows.qual_context, &more);
	ivf->exhausted = !ivf_conditions(scan, more, more_count, &ivf->filter);
}

static void
take_wish(IndexScanDesc scan, IvfScan *ivf)
{
	if (ivf->told > 0)
		ivf->rows.wanted = ivf->told;
	ivf->reader.blocks = RelationGetNumberOfBlocks(scan->indexRelation);
	ivf->grown = ivf->reader.blocks > ivf->meta.written_blocks * 1.2;
	/* The statistics may be old, but the index's pages are there; half of them full of rows, at least. */
	ivf->table_rows = (double) ivf->reader.blocks * omen_rows_per_page(ivf->model->view.dim_padded, ivf->meta.keys) / 2;
	ivf->table_rows = Max(ivf->table_rows, (double) ivf->meta.packed_rows / (1 + *ivf->model->view.spilled));
	ivf->table_rows = Max(ivf->table_rows, scan->heapRelation->rd_rel->reltuples);
	ivf->table_rows = Min(ivf->table_rows, 1e8);
	ivf->rows_asked = ivf->rows.wanted >= 0 ? Max(ivf->rows.wanted, 1) : ROWS_UNKNOWN;
	/* The planner's guess of how many rows qualify tells how many to ask for. */
	if (ivf->rows.share < 1 && ivf->filter.count == 0)
		ivf->rows_asked = ivf->rows_asked * 1.2 / ivf->rows.share + 5;
}

static void
start(IndexScanDesc scan, IvfScan *ivf)
{
	ScanKey		order = &scan->orderByData[0];
	MemoryContext old = MemoryContextSwitchTo(ivf->context);

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
	read_model(scan, ivf);
	ordered_rows_begin(&ivf->rows, scan, ivf->query, &ivf->model->row_hints, ivf->context);
	ivf->range = ivf_range_key(scan);
	if (ivf->range != NULL)
	{
		ivf->rows.within = ivf_within_range;
		ivf->rows.within_context = ivf;
	}
	take_filter(scan, ivf);
	begin_search(scan, ivf);
	take_wish(scan, ivf);
	pgstat_count_index_scan(scan->indexRelation);
	MemoryContextSwitchTo(old);
	ivf->started = true;
}

/* ---- a round ---- */

static inline ItemPointerData
item_pointer(OmenTid tid)
{
	return (ItemPointerData) {{tid.block_hi, tid.block_lo}, tid.offset};
}

static const OrderedRow *
row_of_hit(IvfScan *ivf, const OmenHit *hit)
{
	CHECK_FOR_INTERRUPTS();
	return ordered_rows_fetch(&ivf->rows, item_pointer(hit->tid), item_pointer(hit->place));
}

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

			read_model(scan, ivf);
			begin_search(scan, ivf);
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
 *
 * Core counts rows that the snapshot does not see, or that fail a condition,
 * among its k best, and brings those that may be nearer than the k-th of them.
 * Rows beyond that place are brought only where their bounds are wide: some of
 * those that there are.  So once a row was turned down, only rows within it
 * count.
 */
static uint32
fetch_hits(IvfScan *ivf, int64 wanted)
{
	const OmenIvfModel *model = &ivf->model->view;
	uint32		room = (uint32) Min(wanted, (int64) ivf->search->hit_count);
	float	   *nearest = MemoryContextAllocHuge(ivf->context, Max(room, 1) * sizeof(float));
	uint32		nearest_count = 0;
	uint32		qualified = 0;
	uint32		within = 0;
	uint32		turned_down = 0;
	uint32		expected = 0;
	uint32		expected_values = 0;
	float		limit = ivf->query == (Datum) 0 ? INFINITY : ivf->search->limit;

	for (uint32 i = 0; i < ivf->search->hit_count; i++)
	{
		const OmenHit *hit = &ivf->search->hits[i];
		const OrderedRow *row;
		double		distance;
		uint32		until;

		if (wanted <= ivf->search->hit_count && nearest_count == room && room > 0 &&
			hit->estimate - hit->bound > nearest[0] + ivf->search->rounding)
			break;
		until = i + (nearest_count < room && i + EXPECTED_ROWS <= room ? EXPECTED_ROWS : EXPECTED_DOUBTFUL);
		until = Min(Max(until, Min(room, EXPECTED_ROWS)), ivf->search->hit_count);
		while (expected < until)
		{
			const OmenHit *next = &ivf->search->hits[expected++];

			ordered_rows_expect(&ivf->rows, item_pointer(next->tid), item_pointer(next->place));
		}
		for (until = Min(i + EXPECTED_VALUES + 1, ivf->search->hit_count); expected_values < until; expected_values++)
		{
			const OmenHit *next = &ivf->search->hits[expected_values];

			ordered_rows_expect_value(&ivf->rows, item_pointer(next->tid), item_pointer(next->place));
		}
		row = row_of_hit(ivf, hit);
		turned_down += row->state == ORDERED_ROW_OUT;
		if (row->state != ORDERED_ROW_WAITING || row->distance < ivf->rows.last_distance)
			continue;
		qualified++;
		distance = ivf_index_distance(model->metric, row->distance * ivf->query_scale, ivf->query_norm_sq,
									  *model->lift_sq);
		distance = Min(distance, OMEN_ADD_LAST);
		within += distance <= limit;
		omen_heap_offer(nearest, &nearest_count, room, (float) distance);
	}
	pfree(nearest);
	return turned_down > 0 ? within : qualified;
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
		const OrderedRow *row;

		row = row_of_hit(ivf, &hit);
		qualified += row->state == ORDERED_ROW_WAITING && row->distance >= ivf->rows.last_distance;
	}
	return qualified;
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
	if (ivf->rows.left >= ivf->rows.wanted)
		ivf->rows.wanted = -1;
	/* Not knowing, half of what is asked for: neighbours of the rest may be missing. */
	batch = ivf->rows.wanted >= 0 ? ivf->rows.wanted - ivf->rows.left
		: (int64) (ivf->rows_asked - ivf->rows.left) / 2;
	batch = Max(batch, 1);
	/* A range without a limit is wanted whole, and then it comes in order. */
	if (ivf->range != NULL && ivf->rows.wanted < 0)
	{
		ivf->left_range = true;
		batch = PG_INT64_MAX;
	}
	for (;;)
	{
		bool		everything = ivf->rows_asked >= ivf->table_rows || ivf->left_range;
		uint32		k = everything ? OMEN_K_ALL : (uint32) ivf->rows_asked;

		ordered_rows_next_round(&ivf->rows);
		if (everything && ivf->range != NULL)
			qualified = fetch_range(scan, ivf);
		else
		{
			run_search(scan, ivf, k, effort_for(ivf, k));
			qualified = fetch_hits(ivf, batch);
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
	ordered_rows_line_up(&ivf->rows, batch, false);
	/* Should more be asked for than the plan said, or it said nothing. */
	ivf->rows_asked *= ROWS_GROWTH;
}

bool
ivf_get_tuple(IndexScanDesc scan, ScanDirection direction)
{
	IvfScan    *ivf = scan->opaque;

	Assert(ScanDirectionIsForward(direction));
	if (scan->numberOfOrderBys == 0)
		return ivf_next_of_range(scan);
	if (!ivf->started)
		start(scan, ivf);
	while (!ordered_rows_next(&ivf->rows))
	{
		if (!ivf->exhausted)
		{
			search_round(scan, ivf);
			continue;
		}
		/* Rows kept back, behind all others, once there is nothing else. */
		ordered_rows_line_up(&ivf->rows, PG_INT64_MAX, true);
		if (ivf->rows.order_count == 0)
			return false;
	}
	return true;
}
