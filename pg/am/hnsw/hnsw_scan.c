/*
 * hnsw_scan.c - rows of an hnsw index in the order of their exact distance.
 *
 * A scan works in rounds.  A round asks core for the nearest nodes by their
 * codes, then fetches rows from the table in the order of the least distance
 * each can have, until the next cannot beat those found.  The first round
 * looks for hnsw.ef_search nodes, or for as many as the LIMIT above and the
 * conditions want; when they were too few, the next looks for more.
 *
 * The last round, when a search would be no cheaper, or has followed every
 * link, reads all nodes one after another: links are chosen for what is near,
 * and may leave a node that none leads to.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "adopt/shared_settings.h"
#include "am/hnsw/hnsw_am.h"
#include "am/ordered_rows.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"

/* Rows asked for at first when nothing is known. */
#define ROWS_UNKNOWN 50
/* Each such round asks for so many times as many. */
#define ROWS_GROWTH 4
/* A search for more than this share of all nodes costs more than reading them. */
#define SEARCH_SHARE_MAX 0.1

typedef struct HnswScan
{
	const HnswType *type;
	MemoryContext context;		/* of this rescan: everything below */
	bool		started;
	bool		exhausted;		/* there is nothing more to be found */
	HnswModel  *model;
	HnswVector	vector;
	HnswStore	store;
	OmenArena	arena;
	OmenGraphWork work;
	double		node_count;		/* about */
	double		nodes_asked;	/* of the last round */
	OrderedRows rows;
} HnswScan;

IndexScanDesc
hnsw_begin_scan(Relation index, int keys, int orderbys)
{
	IndexScanDesc scan = RelationGetIndexScan(index, keys, orderbys);
	HnswScan   *hnsw = palloc0(sizeof(HnswScan));

	hnsw->type = hnsw_type(index);
	hnsw->context = AllocSetContextCreate(CurrentMemoryContext, "hnsw scan", ALLOCSET_DEFAULT_SIZES);
	scan->opaque = hnsw;
	return scan;
}

/* Back to the state after hnsw_begin_scan. */
static void
forget_query(HnswScan *hnsw)
{
	HnswScan	fresh = {.type = hnsw->type, .context = hnsw->context};

	if (hnsw->started)
		ordered_rows_forget(&hnsw->rows);
	MemoryContextReset(hnsw->context);
	*hnsw = fresh;
}

void
hnsw_rescan(IndexScanDesc scan, ScanKey keys, int key_count, ScanKey orderbys, int orderby_count)
{
	forget_query(scan->opaque);
	if (keys != NULL && scan->numberOfKeys > 0)
		memmove(scan->keyData, keys, scan->numberOfKeys * sizeof(ScanKeyData));
	if (orderbys != NULL && scan->numberOfOrderBys > 0)
		memmove(scan->orderByData, orderbys, scan->numberOfOrderBys * sizeof(ScanKeyData));
}

void
hnsw_end_scan(IndexScanDesc scan)
{
	HnswScan   *hnsw = scan->opaque;

	if (hnsw->started)
		ordered_rows_end(&hnsw->rows);
	MemoryContextDelete(hnsw->context);
	pfree(hnsw);
	scan->opaque = NULL;
}

/* ---- starting ---- */

static void
start(IndexScanDesc scan, HnswScan *hnsw)
{
	Relation	index = scan->indexRelation;
	ScanKey		order = &scan->orderByData[0];
	MemoryContext old = MemoryContextSwitchTo(hnsw->context);
	Datum		query = (Datum) 0;
	OmenHnswMeta meta;
	OmenGraphStore store;

	if (scan->numberOfOrderBys != 1)
		elog(ERROR, "an hnsw index is scanned by ORDER BY distance only");
	if (!IsMVCCSnapshot(scan->xs_snapshot))
		elog(ERROR, "non-MVCC snapshots are not supported by hnsw indexes");
	if (!(order->sk_flags & SK_ISNULL))
		query = PointerGetDatum(PG_DETOAST_DATUM_COPY(order->sk_argument));
	shared_settings_read();
	hnsw_read_meta(index, &meta);
	hnsw->model = hnsw_model(index, &meta, hnsw->context);
	hnsw_vector_init(&hnsw->vector, hnsw->model, hnsw->type);
	store = hnsw_store(&hnsw->store, index, hnsw->model);
	ivf_arena_init(&hnsw->arena, hnsw->context);
	if (omen_graph_work_init(&hnsw->work, &hnsw->arena, &hnsw->model->space, &store, hnsw->model->m, 0) != OMEN_OK)
		index_page_report(index, OMEN_NO_MEMORY, "");
	/* A NULL query is farther than anything from anything: any rows will do. */
	if (query != (Datum) 0)
		hnsw_vector_query(&hnsw->vector, query);
	ordered_rows_begin(&hnsw->rows, scan, query, &hnsw->model->hints, hnsw->context);
	/* The operator class has the inner product of unit vectors, which rows of the table are not. */
	if (hnsw->type->metric == OMEN_COSINE)
		hnsw->rows.distance = &order->sk_func;
	hnsw->node_count = (double) RelationGetNumberOfBlocks(index) * hnsw->model->per_page[OMEN_HNSW_NODES];
	hnsw->nodes_asked = hnsw->rows.wanted >= 0 ? Max(hnsw->rows.wanted, 1) : ROWS_UNKNOWN;
	/* The planner's guess of how many rows qualify tells how many to ask for. */
	if (hnsw->rows.share < 1)
		hnsw->nodes_asked = hnsw->nodes_asked * 1.2 / hnsw->rows.share + 5;
	hnsw->nodes_asked = Max(hnsw->nodes_asked, hnsw_ef_search);
	pgstat_count_index_scan(index);
	MemoryContextSwitchTo(old);
	hnsw->started = true;
}

/* ---- fetching ---- */

/* What a round has found so far. */
typedef struct Found
{
	float	   *nearest;		/* max-heap of exact distances, in index space */
	uint32		nearest_count;
	uint32		room;
	uint32		qualified;
} Found;

static void
fetch_row(HnswScan *hnsw, OmenGraphRow at, Found *found)
{
	ItemPointerData tid = {{at.block_hi, at.block_lo}, at.offset};
	ItemPointerData place;
	const OrderedRow *row;
	double		distance;

	CHECK_FOR_INTERRUPTS();
	ItemPointerSetInvalid(&place);
	row = ordered_rows_fetch(&hnsw->rows, tid, place);
	if (row->state != ORDERED_ROW_WAITING ||
		(row->distance < hnsw->rows.last_distance && hnsw_iterative_scan != HNSW_ITERATIVE_RELAXED))
		return;
	found->qualified++;
	distance = ivf_index_distance((OmenMetric) hnsw->model->metric, row->distance, hnsw->vector.norm_sq,
								  hnsw->model->lift_sq);
	omen_heap_offer(found->nearest, &found->nearest_count, found->room, (float) Min(distance, OMEN_ADD_LAST));
}

/* All rows of a node. */
static void
fetch_node(HnswScan *hnsw, uint32 number, OmenGraphRow row, uint32 chunk, Found *found)
{
	HnswWalk	walk = {0};

	if (row.offset != 0)
		fetch_row(hnsw, row, found);
	for (;;)
	{
		OmenGraphRows *rows;
		OmenGraphRows copy;
		Buffer		buffer = hnsw_read_rows(&hnsw->store, chunk, number, BUFFER_LOCK_SHARE, &rows);

		if (buffer == InvalidBuffer)
			return;
		copy = *rows;
		UnlockReleaseBuffer(buffer);
		hnsw_walk_step(&walk, hnsw->store.index, chunk);
		for (uint32 i = 0; i < copy.count; i++)
			fetch_row(hnsw, copy.rows[i], found);
		chunk = copy.next;
	}
}

/*
 * Fetches the nodes' rows, the least possible distance first, until so many as
 * there is room for are nearer than the next can be.
 */
static void
fetch_hits(HnswScan *hnsw, Found *found)
{
	OmenGraphWork *work = &hnsw->work;
	OmenKeyed  *order = MemoryContextAllocHuge(hnsw->context, Max(work->hit_count, 1) * sizeof(OmenKeyed));

	for (uint32 i = 0; i < work->hit_count; i++)
		order[i] = (OmenKeyed) {work->hits[i].distance - work->hits[i].bound, i};
	omen_sort_keyed(order, work->hit_count);
	for (uint32 i = 0; i < work->hit_count; i++)
	{
		const OmenGraphHit *hit = &work->hits[order[i].value];

		if (found->nearest_count == found->room && order[i].key > found->nearest[0])
			break;
		fetch_node(hnsw, hit->number, hit->row, hit->down, found);
	}
	pfree(order);
}

/* Fetches the rows of all nodes there are. */
static void
fetch_everything(HnswScan *hnsw, Found *found)
{
	const HnswModel *model = hnsw->model;
	Relation	index = hnsw->store.index;
	BlockNumber blocks = RelationGetNumberOfBlocks(index);
	OmenGraphNode *nodes = MemoryContextAlloc(hnsw->context,
											  model->per_page[OMEN_HNSW_NODES] * sizeof(OmenGraphNode));

	for (BlockNumber block = 1; block < blocks; block++)
	{
		Buffer		buffer = ReadBuffer(index, block);
		char	   *page = BufferGetPage(buffer);
		uint32		count = 0;

		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		if (!PageIsNew(page) && omen_page_check(page, block, OMEN_PAGE_NODE, OMEN_HNSW_GENERATION, NULL) == OMEN_OK)
			count = Min(omen_page_trailer(page)->count, model->per_page[OMEN_HNSW_NODES]);
		for (uint32 place = 0; place < count; place++)
			memcpy(&nodes[place], hnsw_item(model, page, OMEN_HNSW_NODES, place), sizeof(OmenGraphNode));
		UnlockReleaseBuffer(buffer);
		for (uint32 place = 0; place < count; place++)
			if (nodes[place].state == OMEN_NODE_LIVE)
				fetch_node(hnsw, block * model->per_page[OMEN_HNSW_NODES] + place, nodes[place].row,
						   nodes[place].down, found);
	}
	pfree(nodes);
}

/* ---- rounds ---- */

/* Whether an iterative scan has done what it may. */
static bool
at_its_end(HnswScan *hnsw)
{
	return hnsw_iterative_scan != HNSW_ITERATIVE_OFF &&
		(hnsw->work.measured >= (uint64) hnsw_max_scan_tuples ||
		 MemoryContextMemAllocated(hnsw->context, true) > hnsw_scan_mem_multiplier * work_mem * 1024.0);
}

/* One round, or several: lines up more rows to leave, or has found all there is. */
static void
search_round(IndexScanDesc scan, HnswScan *hnsw)
{
	OrderedRows *rows = &hnsw->rows;
	bool		relaxed = hnsw_iterative_scan == HNSW_ITERATIVE_RELAXED;
	int64		batch;

	/* More are taken than the plan said: conditions not tested here, ties, locked rows. */
	if (rows->left >= rows->wanted)
		rows->wanted = -1;
	/* Not knowing, half of what is asked for: neighbours of the rest may be missing. */
	batch = rows->wanted >= 0 ? rows->wanted - rows->left : (int64) (hnsw->nodes_asked - rows->left) / 2;
	batch = Max(batch, 1);
	for (;;)
	{
		bool		everything = hnsw->nodes_asked > hnsw->node_count * SEARCH_SHARE_MAX &&
			hnsw->nodes_asked > HNSW_EF_SEARCH_DEFAULT * 25;
		uint32		ef = (uint32) Min(hnsw->nodes_asked, hnsw->node_count + 1);
		Found		found = {.room = (uint32) Min(batch, (int64) UINT32_MAX / 16)};

		ordered_rows_next_round(rows);
		if (!everything)
		{
			OmenStatus	status;

			found.room = Min(found.room, ef);
			found.nearest = MemoryContextAllocHuge(hnsw->context, found.room * sizeof(float));
			status = omen_graph_search(&hnsw->work, hnsw->vector.query, hnsw_read_entry(scan->indexRelation), ef);
			if (status != OMEN_OK)
				index_page_report(scan->indexRelation, status, "");
			fetch_hits(hnsw, &found);
			pfree(found.nearest);
			/* Every link has been followed. */
			everything = found.qualified < batch && hnsw->work.hit_count < ef;
			if (everything)
				ordered_rows_next_round(rows);
			elog(DEBUG1, "hnsw scan: ef %u, " UINT64_FORMAT " nodes measured, %u hits, %u rows fetched, %u qualify",
				 ef, hnsw->work.measured, hnsw->work.hit_count, rows->row_count, found.qualified);
		}
		if (found.qualified < batch && at_its_end(hnsw))
		{
			hnsw->exhausted = true;
			break;
		}
		if (everything && found.qualified < batch)
		{
			float		nearest;

			found = (Found) {.nearest = &nearest, .room = 1};
			fetch_everything(hnsw, &found);
			hnsw->exhausted = true;
			/* Now nothing is missing: all may leave. */
			batch = PG_INT64_MAX;
			break;
		}
		if (found.qualified >= batch)
			break;
		/* By the share that qualified, and some more; at least twice as many. */
		hnsw->nodes_asked *= Max(2.0, 1.5 * batch / (found.qualified + 1.0));
	}
	ordered_rows_line_up(rows, batch, relaxed);
	/* Should more be asked for than the plan said, or it said nothing. */
	hnsw->nodes_asked *= ROWS_GROWTH;
}

bool
hnsw_get_tuple(IndexScanDesc scan, ScanDirection direction)
{
	HnswScan   *hnsw = scan->opaque;

	Assert(ScanDirectionIsForward(direction));
	if (!hnsw->started)
		start(scan, hnsw);
	while (!ordered_rows_next(&hnsw->rows))
	{
		if (!hnsw->exhausted)
		{
			search_round(scan, hnsw);
			continue;
		}
		/* Rows kept back, behind all others, once there is nothing else. */
		if (hnsw_iterative_scan == HNSW_ITERATIVE_STRICT)
			return false;
		ordered_rows_line_up(&hnsw->rows, PG_INT64_MAX, true);
		if (hnsw->rows.order_count == 0)
			return false;
	}
	return true;
}
