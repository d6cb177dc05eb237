/*
 * ivfflat_scan.c - rows of the lists nearest to a query, nearest first.
 *
 * Vectors lie in the lists, so distances are exact and the table is not asked.
 * A batch of lists is read as a whole, its rows' distances go into a heap, and
 * rows leave from there.  The heap holds what work_mem allows; when a batch has
 * more rows, the nearest stay, and once they have left the batch is read again
 * for those behind the last.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "access/relscan.h"
#include "adopt/shared_settings.h"
#include "am/ivfflat/ivfflat_am.h"
#include "pgstat.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

typedef struct Found
{
	float		distance;
	OmenTid		tid;
} Found;

typedef struct IvfflatScan
{
	MemoryContext context;		/* of this rescan: everything below */
	bool		started;
	IvfflatLists lists;
	const void *query;			/* elements; NULL: nothing is nearer than anything */
	float		query_inverse;
	OmenKeyed  *order;			/* [lists] nearest first, as far as probes_max */
	uint32	   *firsts;			/* [lists] */
	uint32		probes_max;
	uint32		batch_first;	/* lists of the batch, in `order` */
	uint32		batch_end;
	Found	   *found;			/* a heap, the nearest on top, once the batch is read */
	uint32		count;
	uint32		room;			/* grows up to room_max */
	uint32		room_max;
	bool		cut;			/* rows no nearer than `limit` were left out */
	Found		limit;
	bool		again;			/* only rows behind `last` are wanted */
	Found		last;			/* that left */
} IvfflatScan;

IndexScanDesc
ivfflat_begin_scan(Relation index, int keys, int orderbys)
{
	IndexScanDesc scan = RelationGetIndexScan(index, keys, orderbys);
	IvfflatScan *state = palloc0(sizeof(IvfflatScan));

	state->context = AllocSetContextCreate(CurrentMemoryContext, "ivfflat scan", ALLOCSET_DEFAULT_SIZES);
	scan->opaque = state;
	return scan;
}

void
ivfflat_rescan(IndexScanDesc scan, ScanKey keys, int key_count, ScanKey orderbys, int orderby_count)
{
	IvfflatScan *state = scan->opaque;
	IvfflatScan fresh = {.context = state->context};

	MemoryContextReset(state->context);
	*state = fresh;
	if (keys != NULL && scan->numberOfKeys > 0)
		memmove(scan->keyData, keys, scan->numberOfKeys * sizeof(ScanKeyData));
	if (orderbys != NULL && scan->numberOfOrderBys > 0)
		memmove(scan->orderByData, orderbys, scan->numberOfOrderBys * sizeof(ScanKeyData));
}

void
ivfflat_end_scan(IndexScanDesc scan)
{
	IvfflatScan *state = scan->opaque;

	MemoryContextDelete(state->context);
	pfree(state);
	scan->opaque = NULL;
}

/* ---- rows found ---- */

static inline bool
is_before(const Found *a, const Found *b)
{
	if (a->distance != b->distance)
		return a->distance < b->distance;
	if (a->tid.block_hi != b->tid.block_hi)
		return a->tid.block_hi < b->tid.block_hi;
	if (a->tid.block_lo != b->tid.block_lo)
		return a->tid.block_lo < b->tid.block_lo;
	return a->tid.offset < b->tid.offset;
}

static int
compare_found(const void *a, const void *b)
{
	return is_before(a, b) ? -1 : is_before(b, a) ? 1 : 0;
}

static void
make_room(IvfflatScan *state)
{
	if (state->room < state->room_max)
	{
		state->room = Min(state->room * 2, state->room_max);
		state->found = repalloc_huge(state->found, state->room * sizeof(Found));
		return;
	}
	qsort(state->found, state->count, sizeof(Found), compare_found);
	state->count /= 2;
	state->cut = true;
	state->limit = state->found[state->count];
}

static inline void
take(IvfflatScan *state, const Found *row)
{
	if ((state->cut && !is_before(row, &state->limit)) || (state->again && !is_before(&state->last, row)))
		return;
	if (state->count == state->room)
	{
		make_room(state);
		if (state->cut && !is_before(row, &state->limit))
			return;
	}
	state->found[state->count++] = *row;
}

static void
sift_down(IvfflatScan *state, uint32 at)
{
	Found		row = state->found[at];

	for (;;)
	{
		uint32		child = 2 * at + 1;

		if (child >= state->count)
			break;
		if (child + 1 < state->count && is_before(&state->found[child + 1], &state->found[child]))
			child++;
		if (!is_before(&state->found[child], &row))
			break;
		state->found[at] = state->found[child];
		at = child;
	}
	state->found[at] = row;
}

/* ---- reading ---- */

static void
read_list(IvfflatScan *state, uint32 list)
{
	IvfflatLists *lists = &state->lists;
	BlockNumber block = state->firsts[list];

	while (block != OMEN_NO_BLOCK)
	{
		Buffer		buffer = ivfflat_read_items(lists, list, block, BUFFER_LOCK_SHARE);
		char	   *page = BufferGetPage(buffer);
		uint32		count = omen_page_trailer(page)->count;
		BlockNumber next = omen_page_trailer(page)->next;

		/* On its way from memory while this one is looked at. */
		if (next != OMEN_NO_BLOCK)
			block_reader_expect(&lists->reader, next, OMEN_PAGE_HEAD_BYTES, lists->items_per_page * lists->item_bytes);
		for (uint32 i = 0; i < count; i++)
		{
			const IvfflatItem *item = ivfflat_item_at(lists, page, i);
			Found		row = {0, item->tid};

			if (state->query != NULL)
				row.distance = ivfflat_distance(lists, state->query, state->query_inverse, item);
			take(state, &row);
		}
		UnlockReleaseBuffer(buffer);
		CHECK_FOR_INTERRUPTS();
		/* Blocks of a list ascend, so a chain ends. */
		if (next <= block)
			index_page_report(lists->index, OMEN_CORRUPT, "a list runs in a circle");
		block = next;
	}
}

static void
read_batch(IvfflatScan *state)
{
	state->count = 0;
	state->cut = false;
	for (uint32 i = state->batch_first; i < state->batch_end; i++)
		read_list(state, state->order[i].value);
	for (uint32 i = state->count / 2; i-- > 0;)
		sift_down(state, i);
}

static void
start(IndexScanDesc scan, IvfflatScan *state)
{
	ScanKey		order = &scan->orderByData[0];
	MemoryContext old = MemoryContextSwitchTo(state->context);
	IvfflatLists *lists = &state->lists;
	uint32		probes;
	uint32		probes_max;

	if (scan->numberOfOrderBys != 1)
		elog(ERROR, "an ivfflat index is scanned by ORDER BY distance only");
	/* Between pages row pointers are remembered, and no pin. */
	if (!IsMVCCSnapshot(scan->xs_snapshot))
		elog(ERROR, "non-MVCC snapshots are not supported by ivfflat indexes");
	shared_settings_read();
	probes = probes_max = (uint32) ivfflat_probes;
	ivfflat_lists_open(lists, scan->indexRelation);
	if (ivfflat_iterative_scan != 0)
		probes_max = Max(probes, (uint32) ivfflat_max_probes);
	state->batch_end = Min(probes, lists->meta.lists);
	state->probes_max = Min(probes_max, lists->meta.lists);
	state->order = palloc(lists->meta.lists * sizeof(OmenKeyed));
	state->firsts = palloc(lists->meta.lists * sizeof(uint32));
	memset(lists->point, 0, lists->rotation.dim_padded * sizeof(float));
	if (!(order->sk_flags & SK_ISNULL))
	{
		state->query = ivfflat_elements(lists, PointerGetDatum(PG_DETOAST_DATUM_COPY(order->sk_argument)));
		ivfflat_to_point(lists, state->query);
		if (lists->type->metric == OMEN_COSINE)
			state->query_inverse = ivfflat_inverse_length(lists, state->query);
	}
	ivfflat_rank(lists, state->probes_max, state->order, state->firsts);
	state->room = 256;
	state->room_max = Max(256, (uint32) Min(work_mem * INT64CONST(1024) / (int64) sizeof(Found), INT_MAX));
	state->found = palloc(state->room * sizeof(Found));
	read_batch(state);
	pgstat_count_index_scan(scan->indexRelation);
	MemoryContextSwitchTo(old);
	state->started = true;
}

bool
ivfflat_get_tuple(IndexScanDesc scan, ScanDirection direction)
{
	IvfflatScan *state = scan->opaque;

	Assert(ScanDirectionIsForward(direction));
	if (!state->started)
		start(scan, state);
	while (state->count == 0)
	{
		/* Rows left out come next, then the next lists. */
		state->again = state->cut;
		if (!state->cut)
		{
			if (state->batch_end >= state->probes_max)
				return false;
			state->batch_first = state->batch_end;
			state->batch_end = Min(state->batch_end + (uint32) ivfflat_probes, state->probes_max);
		}
		read_batch(state);
	}
	state->last = state->found[0];
	state->found[0] = state->found[--state->count];
	if (state->count > 0)
		sift_down(state, 0);
	ItemPointerSet(&scan->xs_heaptid,
				   (BlockNumber) state->last.tid.block_hi << 16 | state->last.tid.block_lo, state->last.tid.offset);
	scan->xs_recheck = false;
	scan->xs_recheckorderby = false;
	return true;
}
