/*
 * ivf_recall.c - vector_recall(): which share of the true nearest rows
 * searches of an index find.
 *
 * Some rows of the table, drawn at random, are the queries; each one's own row
 * is left out of its answer and of the truth.  First they are searched for by
 * the index, as any query would be, for k rows besides their own.  Then the
 * table is read once, every row measured against every query by the operator's
 * own distance.  A row found counts when it is no farther than the k-th
 * nearest, so equally near rows do as well as each other.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "access/tableam.h"
#include "am/ivf/ivf_inspect.h"
#include "catalog/index.h"
#include "omen/random.h"
#include "omen/select.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#define SAMPLES_MAX 10000
#define K_MAX 10000

typedef struct RecallQuery
{
	ItemPointerData tid;		/* of the row that it is */
	Datum		value;			/* 0: its row is not visible */
	float	   *nearest;		/* max-heap of the k least distances */
	uint32		nearest_count;
	double	   *found;			/* [found_count] distances of the rows found */
	uint32		found_count;
	IvfFigures	figures;
} RecallQuery;

/* A row that the index found for a query. */
typedef struct FoundRow
{
	ItemPointerData tid;
	uint32		query;
	uint32		place;			/* in its `found` */
} FoundRow;

typedef struct Recall
{
	IvfInspected at;
	Snapshot	snapshot;
	FmgrInfo   *distance;
	Oid			collation;
	RecallQuery *queries;
	uint32		count;
	uint32		k;
	FoundRow   *rows;			/* [row_count] by tid once all are there */
	uint64		row_count;
	uint64		row_room;
	MemoryContext row_context;
} Recall;

/* ---- drawing queries ---- */

/* `want` of the index's live records, each as likely as any other. */
static void
draw(Recall *recall, uint32 want)
{
	Relation	index = recall->at.index;
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
	BlockNumber blocks = RelationGetNumberOfBlocks(index);
	OmenRandom	random;
	OmenIvfMeta meta;
	uint32		dim;
	uint64		seed;
	uint64		seen = 0;

	if (!pg_strong_random(&seed, sizeof(seed)))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values")));
	random.state = seed;
	ivf_read_meta(index, &meta);
	dim = omen_dim_padded(meta.dim);
	for (BlockNumber block = 1; block < blocks; block++)
	{
		Buffer		buffer;
		const char *page;
		uint32		count;

		CHECK_FOR_INTERRUPTS();
		buffer = ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		page = BufferGetPage(buffer);
		count = PageIsNew((Page) page) ||
			omen_page_check(page, block, OMEN_PAGE_ROW, meta.row_generation, NULL) != OMEN_OK ? 0
			: Min(omen_page_trailer_const(page)->count, omen_rows_per_page(dim, meta.keys));
		for (uint32 i = 0; i < count; i++)
		{
			const OmenRowRecord *record = (const OmenRowRecord *)
				(omen_page_body_const(page) + (size_t) i * omen_row_bytes(dim, meta.keys));
			ItemPointerData tid = {{record->tid.block_hi, record->tid.block_lo}, record->tid.offset};
			uint64		at;

			if (record->state != OMEN_ROW_LIVE || !ItemPointerIsValid(&tid))
				continue;
			at = seen < want ? seen : omen_random_below(&random, seen + 1);
			if (at < want)
				recall->queries[at].tid = tid;
			seen++;
		}
		UnlockReleaseBuffer(buffer);
	}
	recall->count = (uint32) Min(seen, (uint64) want);
	FreeAccessStrategy(strategy);
}

/* Their vectors; of those whose rows are not visible, none. */
static void
fetch_queries(Recall *recall)
{
	IvfRowFetch rows;

	ivf_row_fetch_begin(&rows, &recall->at, recall->snapshot);
	for (uint32 q = 0; q < recall->count; q++)
	{
		Datum		value = ivf_row_fetch(&rows, recall->queries[q].tid);

		if (value != (Datum) 0)
			recall->queries[q].value = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
	}
	ivf_row_fetch_end(&rows);
}

/* ---- searching ---- */

static void
note_found(Recall *recall, uint32 q, ItemPointer tid)
{
	RecallQuery *query = &recall->queries[q];

	if (recall->row_count == recall->row_room)
	{
		recall->row_room = recall->row_room ? recall->row_room * 2 : 1024;
		recall->rows = recall->rows
			? repalloc_huge(recall->rows, recall->row_room * sizeof(FoundRow))
			: palloc(recall->row_room * sizeof(FoundRow));
	}
	query->found[query->found_count] = INFINITY;
	recall->rows[recall->row_count++] = (FoundRow) {*tid, q, query->found_count++};
}

static void
search(Recall *recall)
{
	IndexScanDesc scan = OMEN_BEGIN_ORDERED_SCAN(recall->at.table, recall->at.index, recall->snapshot);

	/* One more than is asked for: the query's own row. */
	ivf_scan_want(scan, (int64) recall->k + 1);
	for (uint32 q = 0; q < recall->count; q++)
	{
		RecallQuery *query = &recall->queries[q];
		IvfFigures	before = ivf_scan_figures(scan);
		ScanKeyData order = {.sk_flags = SK_ORDER_BY, .sk_attno = 1, .sk_argument = query->value};
		ItemPointer tid;
		bool		self = false;

		if (query->value == (Datum) 0)
			continue;
		query->nearest = palloc(recall->k * sizeof(float));
		query->found = palloc((recall->k + 1) * sizeof(double));
		index_rescan(scan, NULL, 0, &order, 1);
		for (uint32 i = 0; i <= recall->k && (tid = index_getnext_tid(scan, ForwardScanDirection)) != NULL; i++)
		{
			CHECK_FOR_INTERRUPTS();
			if (ItemPointerEquals(tid, &query->tid))
				self = true;
			else if (query->found_count < recall->k || !self)
				note_found(recall, q, tid);
		}
		/* When its own row is not among them, the last is one too many. */
		if (query->found_count > recall->k)
		{
			query->found_count--;
			recall->row_count--;
		}
		query->figures = ivf_scan_figures(scan);
		query->figures.lists_probed -= before.lists_probed;
		query->figures.rows_fetched -= before.rows_fetched;
	}
	index_endscan(scan);
}

/* ---- the truth ---- */

static int
compare_found(const void *a, const void *b)
{
	const FoundRow *x = a;
	const FoundRow *y = b;

	return ItemPointerCompare(unconstify(ItemPointerData *, &x->tid), unconstify(ItemPointerData *, &y->tid));
}

/* The first of the rows found at this tid, or where it would be. */
static uint64
first_found(const Recall *recall, ItemPointer tid)
{
	uint64		low = 0;
	uint64		high = recall->row_count;

	while (low < high)
	{
		uint64		middle = (low + high) / 2;

		if (ItemPointerCompare(&recall->rows[middle].tid, tid) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
measure_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *state)
{
	Recall	   *recall = state;
	MemoryContext old;
	uint64		at;
	Datum		value;

	CHECK_FOR_INTERRUPTS();
	if (isnull[0])
		return;
	old = MemoryContextSwitchTo(recall->row_context);
	at = first_found(recall, tid);
	value = PointerGetDatum(PG_DETOAST_DATUM(values[0]));
	for (uint32 q = 0; q < recall->count; q++)
	{
		RecallQuery *query = &recall->queries[q];
		double		distance;

		if (query->value == (Datum) 0 || ItemPointerEquals(tid, &query->tid))
			continue;
		distance = DatumGetFloat8(FunctionCall2Coll(recall->distance, recall->collation, value, query->value));
		/* PostgreSQL sorts NaN behind everything. */
		if (isnan(distance))
			distance = INFINITY;
		omen_heap_offer(query->nearest, &query->nearest_count, recall->k, (float) distance);
		for (uint64 i = at; i < recall->row_count && ItemPointerEquals(&recall->rows[i].tid, tid); i++)
			if (recall->rows[i].query == q)
				query->found[recall->rows[i].place] = (float) distance;
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(recall->row_context);
}

static void
measure(Recall *recall)
{
	IndexInfo  *info = BuildIndexInfo(recall->at.index);
	TableScanDesc scan = table_beginscan_strat(recall->at.table, recall->snapshot, 0, NULL, true, false);

	if (recall->row_count > 0)
		qsort(recall->rows, recall->row_count, sizeof(FoundRow), compare_found);
	/* With a snapshot, as a concurrent build: rows not visible to it are passed over. */
	info->ii_Concurrent = true;
	table_index_build_scan(recall->at.table, recall->at.index, info, false, false, measure_row, recall, scan);
}

/* ---- the sum ---- */

static int
compare_recalls(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return x < y ? -1 : x > y;
}

/* Of a query that has neighbours. */
static double
recall_of(const RecallQuery *query)
{
	uint32		right = 0;

	for (uint32 i = 0; i < query->found_count; i++)
		right += query->found[i] <= query->nearest[0];
	return (double) Min(right, query->nearest_count) / query->nearest_count;
}

static Datum
sum_up(FunctionCallInfo fcinfo, const Recall *recall)
{
	double	   *recalls = palloc((recall->count + 1) * sizeof(double));
	uint32		n = 0;
	uint32		twentieth;
	double		all = 0;
	double		worst = 0;
	double		lists = 0;
	double		fetched = 0;
	Datum		values[5];
	bool		nulls[5];

	for (uint32 q = 0; q < recall->count; q++)
	{
		const RecallQuery *query = &recall->queries[q];

		if (query->value == (Datum) 0 || query->nearest_count == 0)
			continue;
		recalls[n++] = recall_of(query);
		lists += (double) query->figures.lists_probed;
		fetched += (double) query->figures.rows_fetched;
	}
	qsort(recalls, n, sizeof(double), compare_recalls);
	twentieth = Max((n + 19) / 20, 1);
	for (uint32 i = 0; i < n; i++)
	{
		all += recalls[i];
		worst += i < twentieth ? recalls[i] : 0;
	}
	memset(nulls, n == 0, sizeof(nulls));
	nulls[0] = false;
	values[0] = Int32GetDatum((int32) n);
	values[1] = Float8GetDatum(all / Max(n, 1));
	values[2] = Float8GetDatum(worst / twentieth);
	values[3] = Float8GetDatum(lists / Max(n, 1));
	values[4] = Float8GetDatum(fetched / Max(n, 1));
	return ivf_inspect_row(fcinfo, values, nulls, lengthof(values));
}

static uint32
argument_within(FunctionCallInfo fcinfo, int argument, const char *name, int32 most)
{
	int32		value = PG_GETARG_INT32(argument);

	if (value < 1 || value > most)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be between 1 and %d", name, most)));
	return (uint32) value;
}

OMEN_FUNCTION(vector_recall);
Datum
vector_recall(PG_FUNCTION_ARGS)
{
	uint32		samples = argument_within(fcinfo, 1, "samples", SAMPLES_MAX);
	Recall		recall = {.k = argument_within(fcinfo, 2, "k", K_MAX)};
	IvfOwnerRights rights;

	recall.at = ivf_inspect_open(PG_GETARG_OID(0), AccessShareLock);
	recall.snapshot = RegisterSnapshot(GetLatestSnapshot());
	ivf_inspect_snapshot(&recall.at, recall.snapshot);
	rights = ivf_take_owner_rights(recall.at.table);
	recall.distance = index_getprocinfo(recall.at.index, 1, IVF_DISTANCE_PROC);
	recall.collation = recall.at.index->rd_indcollation[0];
	recall.queries = palloc0(samples * sizeof(RecallQuery));
	recall.row_context = AllocSetContextCreate(CurrentMemoryContext, "vector_recall row", ALLOCSET_DEFAULT_SIZES);
	draw(&recall, samples);
	fetch_queries(&recall);
	search(&recall);
	measure(&recall);
	ivf_give_back_rights(&rights);
	UnregisterSnapshot(recall.snapshot);
	ivf_inspect_close(&recall.at, AccessShareLock);
	return sum_up(fcinfo, &recall);
}
