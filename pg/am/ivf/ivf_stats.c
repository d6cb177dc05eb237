/*
 * ivf_stats.c - vector_index_stats(): of what an index consists, and how far
 * its lists still fit the rows; vector_index_calibration().
 *
 * Every page is read once, in the order of the file, past the buffer pool's
 * usual places.  No lock keeps others from changing the index meanwhile, so
 * the figures of a busy index are near, not exact.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "am/ivf/ivf_inspect.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* Rows looked at one by one, before only one a page is. */
#define LOOK_ROWS 20000

typedef struct IvfStats
{
	OmenIvfMeta meta;
	const OmenIvfModel *model;
	uint64		pages[OMEN_PAGE_FREE + 1];	/* of each kind, in force */
	uint64		left_over;		/* pages of other generations, which the next vacuum frees */
	uint64		rows;
	uint64		tail_rows;
	uint64		dead_records;
	uint32	   *list_rows;		/* [lists] postings, removed ones too */
	uint32		looked;			/* rows looked at: */
	double		residual_sq;	/* their squared distances to their centroids */
	double		spread;			/* what their lists were trained to */
	float	   *vector;			/* [dim_padded] */
	float	   *center;
} IvfStats;

double
ivf_residual_sq(const OmenIvfModel *model, const OmenRowRecord *record, float *vector, float *center)
{
	double		lost;
	double		norm_sq;
	double		residual_sq = 0;

	if (record->factors.add == OMEN_ADD_LAST)
		return NAN;
	lost = omen_ivf_decode(model, record, vector, center);
	norm_sq = omen_simd->dot_f32(vector, vector, model->dim_padded) - lost * lost;
	for (uint32 d = 0; d < model->dim_padded; d++)
	{
		double		r = vector[d] - model->mean[d] - center[d];

		residual_sq += r * r;
	}
	residual_sq -= lost * lost;
	if (model->metric == OMEN_INNER_PRODUCT)
	{
		double		gap = sqrt(Max(*model->lift_sq - norm_sq, 0)) - sqrt(model->extra_sq[record->list]);

		residual_sq += gap * gap;
	}
	return Max(residual_sq, 0);
}

/* A row's squared distance to its centroid, beside the mean of those that its list was written with. */
static void
look_at_row(IvfStats *stats, const OmenRowRecord *record)
{
	float		spread = stats->model->start[record->list].spread;
	double		residual_sq = ivf_residual_sq(stats->model, record, stats->vector, stats->center);

	if (!(spread > 0) || !isfinite(residual_sq))
		return;
	stats->residual_sq += residual_sq;
	stats->spread += spread;
}

static void
count_rows(IvfStats *stats, const char *page)
{
	uint32		dim = stats->model->dim_padded;
	uint32		bytes = omen_row_bytes(dim, stats->meta.keys);
	uint32		count = Min(omen_page_trailer_const(page)->count, omen_rows_per_page(dim, stats->meta.keys));
	bool		looked = false;

	for (uint32 i = 0; i < count; i++)
	{
		const OmenRowRecord *record =
			(const OmenRowRecord *) (omen_page_body_const(page) + (size_t) i * bytes);

		stats->rows += record->state == OMEN_ROW_LIVE;
		stats->dead_records += record->state == OMEN_ROW_DEAD;
		/* Once there are many, one a page is enough. */
		if (record->state == OMEN_ROW_LIVE && record->list < stats->model->lists &&
			(!looked || stats->looked < LOOK_ROWS))
		{
			look_at_row(stats, record);
			stats->looked++;
			looked = true;
		}
	}
}

static void
count_tail(IvfStats *stats, const char *page)
{
	uint32		dim = stats->model->dim_padded;
	uint32		posting_bytes = omen_posting_bytes(dim, stats->meta.keys);
	uint32		bytes = omen_tail_posting_bytes(dim, stats->meta.keys);
	uint32		count = Min(omen_page_trailer_const(page)->count, omen_postings_per_tail(dim, stats->meta.keys));

	for (uint32 i = 0; i < count; i++)
	{
		uint32		list;

		memcpy(&list, omen_page_body_const(page) + (size_t) i * bytes + posting_bytes, sizeof(list));
		if (list < stats->model->lists)
			stats->list_rows[list]++;
	}
	stats->tail_rows += count;
}

static void
count_page(IvfStats *stats, const char *page)
{
	const OmenPageTrailer *trailer = omen_page_trailer_const(page);
	bool		lists;

	if (index_page_is_recyclable(page))
	{
		stats->pages[OMEN_PAGE_FREE]++;
		return;
	}
	if (trailer->magic != OMEN_PAGE_MAGIC || trailer->kind > OMEN_PAGE_FREE)
		return;
	lists = trailer->kind != OMEN_PAGE_META && trailer->kind != OMEN_PAGE_ROW;
	if ((lists && trailer->generation != stats->meta.generation) ||
		(trailer->kind == OMEN_PAGE_ROW && trailer->generation != stats->meta.row_generation))
	{
		stats->left_over++;
		return;
	}
	stats->pages[trailer->kind]++;
	if (trailer->kind == OMEN_PAGE_ROW)
		count_rows(stats, page);
	if (trailer->kind == OMEN_PAGE_TAIL)
		count_tail(stats, page);
}

static void
count_pages(IvfStats *stats, Relation index, BlockNumber blocks)
{
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
	PGAlignedBlock copy;

	for (BlockNumber block = 0; block < blocks; block++)
	{
		Buffer		buffer;

		CHECK_FOR_INTERRUPTS();
		buffer = ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		memcpy(copy.data, BufferGetPage(buffer), BLCKSZ);
		UnlockReleaseBuffer(buffer);
		count_page(stats, copy.data);
	}
	FreeAccessStrategy(strategy);
}

static int
compare_counts(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	return x < y ? -1 : x > y;
}

double
ivf_imbalance(const uint32 *list_rows, uint32 lists, uint32 used)
{
	double		sum = 0;
	double		square = 0;

	for (uint32 l = 0; l < lists; l++)
	{
		sum += list_rows[l];
		square += (double) list_rows[l] * list_rows[l];
	}
	return sum > 0 ? square * used / (sum * sum) : 1;
}

static const char *
metric_name(uint32 metric)
{
	return metric == OMEN_L2 ? "l2" : metric == OMEN_COSINE ? "cosine" : "inner product";
}

static Datum
bytes_of(uint64 pages)
{
	return Int64GetDatum((int64) (pages * BLCKSZ));
}

#define STATS_COLUMNS 26

OMEN_FUNCTION(vector_index_stats);
Datum
vector_index_stats(PG_FUNCTION_ARGS)
{
	IvfInspected inspected = ivf_inspect_open(PG_GETARG_OID(0), AccessShareLock);
	BlockNumber blocks = RelationGetNumberOfBlocks(inspected.index);
	IvfStats	stats = {{0}};
	Datum		values[STATS_COLUMNS];
	bool		nulls[STATS_COLUMNS] = {false};
	uint64		search;
	uint32		lists;
	uint32		retired = 0;
	int			n = 0;

	ivf_read_meta(inspected.index, &stats.meta);
	stats.model = &ivf_model(inspected.index, &stats.meta, CurrentMemoryContext)->view;
	lists = stats.model->lists;
	stats.list_rows = MemoryContextAllocHuge(CurrentMemoryContext, lists * sizeof(uint32));
	stats.vector = palloc(stats.model->dim_padded * sizeof(float));
	stats.center = palloc(stats.model->dim_padded * sizeof(float));
	for (uint32 l = 0; l < lists; l++)
	{
		stats.list_rows[l] = stats.model->start[l].count;
		retired += omen_list_retired(stats.model, l);
	}
	count_pages(&stats, inspected.index, blocks);
	/* Retired ones, which have none, come first, and do not count. */
	qsort(stats.list_rows, lists, sizeof(uint32), compare_counts);
	stats.list_rows += retired;
	lists -= retired;
	search = stats.pages[OMEN_PAGE_META] + stats.pages[OMEN_PAGE_MODEL] + stats.pages[OMEN_PAGE_DIRECTORY] +
		stats.pages[OMEN_PAGE_PACKED] + stats.pages[OMEN_PAGE_KEYS] + stats.pages[OMEN_PAGE_TAIL];

	values[n++] = Int64GetDatum((int64) stats.rows);
	values[n++] = Int32GetDatum((int32) lists);
	values[n++] = Int32GetDatum((int32) stats.meta.dim);
	values[n++] = CStringGetTextDatum(metric_name(stats.meta.metric));
	values[n++] = Int64GetDatum((int64) stats.meta.generation);
	values[n++] = Int64GetDatum((int64) stats.meta.trained_rows);
	values[n++] = Int32GetDatum((int32) stats.model->calibration->queries);
	values[n++] = Int64GetDatum((int64) stats.tail_rows);
	values[n++] = Int64GetDatum((int64) stats.meta.dead_postings);
	values[n++] = Int64GetDatum((int64) stats.dead_records);
	values[n++] = Int32GetDatum((int32) stats.list_rows[lists - 1]);
	values[n++] = Int32GetDatum((int32) stats.list_rows[lists / 2]);
	values[n++] = Float8GetDatum(ivf_imbalance(stats.list_rows, lists, lists));
	nulls[n] = stats.spread <= 0;
	values[n++] = Float8GetDatum(stats.spread > 0 ? stats.residual_sq / stats.spread : 0);
	values[n++] = bytes_of(blocks);
	values[n++] = bytes_of(stats.pages[OMEN_PAGE_META]);
	values[n++] = bytes_of(stats.pages[OMEN_PAGE_MODEL]);
	values[n++] = bytes_of(stats.pages[OMEN_PAGE_DIRECTORY]);
	values[n++] = bytes_of(stats.pages[OMEN_PAGE_PACKED] + stats.pages[OMEN_PAGE_KEYS]);
	values[n++] = bytes_of(stats.pages[OMEN_PAGE_TAIL]);
	values[n++] = bytes_of(stats.pages[OMEN_PAGE_ROW]);
	values[n++] = bytes_of(stats.pages[OMEN_PAGE_FREE]);
	values[n++] = bytes_of(stats.left_over);
	values[n++] = bytes_of(search);
	nulls[n] = stats.rows == 0;
	values[n++] = Float8GetDatum(stats.rows > 0 ? (double) search * BLCKSZ / stats.rows : 0);
	nulls[n] = stats.rows == 0;
	values[n++] = Float8GetDatum(stats.rows > 0 ? (double) stats.pages[OMEN_PAGE_ROW] * BLCKSZ / stats.rows : 0);
	Assert(n == STATS_COLUMNS);
	ivf_inspect_close(&inspected, AccessShareLock);
	return ivf_inspect_row(fcinfo, values, nulls, STATS_COLUMNS);
}

/* ---- the calibration ---- */

OMEN_FUNCTION(vector_index_calibration);
Datum
vector_index_calibration(PG_FUNCTION_ARGS)
{
	IvfInspected inspected = ivf_inspect_open(PG_GETARG_OID(0), AccessShareLock);
	TupleDesc	desc;
	Tuplestorestate *rows = ivf_inspect_rows(fcinfo, &desc);
	OmenIvfMeta meta;
	const OmenIvfModel *model;

	ivf_read_meta(inspected.index, &meta);
	model = &ivf_model(inspected.index, &meta, CurrentMemoryContext)->view;
	for (uint32 s = 0; s < OMEN_CALIBRATION_KS && model->calibration->queries > 0; s++)
		for (uint32 l = 0; l < OMEN_CALIBRATION_LEVELS; l++)
		{
			OmenIvfEffort effort = omen_ivf_effort(model, omen_calibration_ks[s], omen_calibration_levels[l], 0);
			OmenIvfEffort grown = omen_ivf_effort(model, omen_calibration_ks[s], omen_calibration_levels[l], 1);
			Datum		values[] = {
				Int32GetDatum((int32) omen_calibration_ks[s]),
				Float4GetDatum(omen_calibration_levels[l]),
				Int32GetDatum((int32) effort.lists),
				Float4GetDatum(effort.stop_z),
				Float4GetDatum(effort.reach),
				Int32GetDatum((int32) effort.patience),
				Int32GetDatum((int32) grown.probes)
			};
			bool		nulls[lengthof(values)] = {false};

			tuplestore_putvalues(rows, desc, values, nulls);
		}
	ivf_inspect_close(&inspected, AccessShareLock);
	return (Datum) 0;
}
