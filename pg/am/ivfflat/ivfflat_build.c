/*
 * ivfflat_build.c - CREATE INDEX: look at some rows, train lists on them, sort
 * all rows by their list, write each list's pages one behind another.
 *
 * Memory: the sample takes at most half of maintenance_work_mem, then the sort
 * the whole of it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "access/tableam.h"
#include "access/xloginsert.h"
#include "am/ivf/ivf_train.h"
#include "am/ivfflat/ivfflat_am.h"
#include "catalog/index.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "commands/progress.h"
#include "executor/executor.h"
#include "toast/toast_reader.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"
#include "utils/sampling.h"
#include "utils/tuplesort.h"

#define ITERATIONS 20
/* Rows assigned at a time. */
#define BATCH 64

typedef struct IvfflatBuild
{
	Relation	heap;
	Relation	index;
	IndexInfo  *info;
	ForkNumber	fork;
	IvfflatLists lists;
	IvfTraining training;
	ToastReader *toast;
	double		rows;
	MemoryContext row_context;

	OmenAssigner assigner;
	OmenArena	arena;
	OmenByteRows batch;
	char	   *items;			/* [BATCH] varlenas */
	uint32		item_stride;
	Tuplesortstate *sort;
	TupleTableSlot *slot;

	IvfflatList *entries;		/* [lists] */
} IvfflatBuild;

static void
build_check(IvfflatBuild *build, OmenStatus status)
{
	if (status != OMEN_OK)
		index_page_report(build->index, status, "its lists could not be built");
}

/* ---- sampling ---- */

/* The row's vector in the lists' space: build->lists.point. */
static const void *
take_value(IvfflatBuild *build, Datum value)
{
	ItemPointerData place;
	const void *elements;

	value = toast_reader_fetch(build->toast, value, &place);
	elements = ivfflat_elements(&build->lists, value);
	ivfflat_to_point(&build->lists, elements);
	return elements;
}

static void
look_at_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *state)
{
	IvfflatBuild *build = state;
	OmenPoint	point = {.vector = build->lists.point};
	MemoryContext old;

	if (isnull[0])
		return;
	build->rows++;
	if (build->training.mean_rows >= IVF_LOOK_ROWS)
		return;
	old = MemoryContextSwitchTo(build->row_context);
	take_value(build, values[0]);
	ivf_train_look(&build->training, &point);
	MemoryContextSwitchTo(old);
	MemoryContextReset(build->row_context);
}

static void
sample_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *state)
{
	IvfflatBuild *build = state;
	OmenPoint	point = {.vector = build->lists.point};
	MemoryContext old;

	if (isnull[0] || !ivf_train_wants(&build->training))
		return;
	old = MemoryContextSwitchTo(build->row_context);
	take_value(build, values[0]);
	ivf_train_sample(&build->training, &point, 0);
	MemoryContextSwitchTo(old);
	MemoryContextReset(build->row_context);
}

/* Calls back for the rows of so many random blocks. */
static void
read_blocks(IvfflatBuild *build, BlockNumber blocks, IndexBuildCallback callback)
{
	BlockNumber total = RelationGetNumberOfBlocks(build->heap);
	BlockSamplerData sampler;

	BlockSampler_Init(&sampler, total, (int) Min(blocks, (BlockNumber) INT_MAX),
					  (uint32) omen_random_next(&build->training.random));
	while (BlockSampler_HasMore(&sampler))
	{
		CHECK_FOR_INTERRUPTS();
		/* Rows of any visibility will do, but a concurrent build has a snapshot to go by. */
		table_index_build_range_scan(build->heap, build->index, build->info, false,
									 !build->info->ii_Concurrent, false,
									 BlockSampler_Next(&sampler), 1, callback, build, NULL);
	}
}

/*
 * Rows for lists that the sample has none for: those it has, each moved by as
 * much as it is long, in a random direction.
 */
static void
invent_rows(IvfflatBuild *build)
{
	OmenByteRows *sample = &build->training.sample;
	OmenRandom *random = &build->training.random;
	OmenByteRows all;
	float	   *row = palloc(sample->dim * sizeof(float));

	build_check(build, omen_byte_rows_init(&all, &build->training.sample_arena, sample->dim,
										   build->lists.meta.lists, 0));
	for (uint32 i = 0; i < all.count; i++)
	{
		uint32		from = sample->count > 0 ? i % sample->count : 0;
		float		most = 1;

		if (i < sample->count)
		{
			omen_byte_row_copy(sample, i, &all, i);
			continue;
		}
		memset(row, 0, sample->dim * sizeof(float));
		if (sample->count > 0)
		{
			omen_floats_from_bytes(sample->values + (size_t) from * sample->dim, sample->scale[from],
								   sample->dim, row);
			most = sqrtf(3 * omen_byte_row_norm_sq(sample, from) / sample->dim);
		}
		for (uint32 d = 0; d < sample->dim; d++)
			row[d] += most * (float) (2 * omen_random_unit(random) - 1);
		all.scale[i] = omen_bytes_from_floats(row, sample->dim, all.values + (size_t) i * sample->dim);
	}
	pfree(row);
	*sample = all;
}

/* Centroids of unit length, unless the metric is L2. */
static void
lengthen(IvfflatBuild *build)
{
	OmenByteRows *centroids = &build->training.centroids;

	if (build->lists.type->metric == OMEN_L2)
		return;
	for (uint32 i = 0; i < centroids->count; i++)
	{
		float		norm_sq = omen_byte_row_norm_sq(centroids, i);

		if (norm_sq > 0)
			centroids->scale[i] /= sqrtf(norm_sq);
	}
}

/*
 * Lloyd's iterations.  By direction, centroids are moved out to the sphere
 * after each (spherical k-means: Dhillon and Modha, 2001): a mean of unlike
 * rows is short, near to everything, and would gather a tenth of all rows.
 */
static void
find_centroids(IvfflatBuild *build, OmenArena *scratch)
{
	IvfTraining *training = &build->training;
	OmenByteRows *centroids = &training->centroids;
	uint32	   *list = omen_arena_alloc(scratch, training->sample.count, sizeof(uint32));
	OmenAssigner assigner;
	OmenListSums sums;

	if (list == NULL)
		index_page_report(build->index, OMEN_NO_MEMORY, "");
	omen_byte_rows_shuffle(&training->sample, &training->random);
	for (uint32 i = 0; i < centroids->count; i++)
		omen_byte_row_copy(&training->sample, i, centroids, i);
	build_check(build, omen_list_sums_init(&sums, scratch, &training->sample, centroids->count));
	build_check(build, omen_assigner_init(&assigner, scratch, centroids));
	/* A row for each list, as when some were invented, is where it ends already: 32,768 lists would take minutes. */
	for (uint32 i = 0; i < ITERATIONS && training->sample.count > centroids->count && centroids->count > 1; i++)
	{
		OmenByteRows some = training->sample;

		some.count = omen_kmeans_rows(some.count, centroids->count, i, ITERATIONS);
		lengthen(build);
		omen_assigner_refresh(&assigner);
		build_check(build, omen_assign(&assigner, &some, list, &ivf_interrupts));
		omen_list_sums_take(&sums, &some, list);
		omen_centroids_move(centroids, &sums, &some, list, &training->random);
	}
	lengthen(build);
}

/* Lists from a sample of the rows: build->training.centroids. */
static void
train(IvfflatBuild *build)
{
	IvfTraining *training = &build->training;
	uint32		lists = build->lists.meta.lists;
	BlockNumber total = build->heap ? RelationGetNumberOfBlocks(build->heap) : 0;
	BlockNumber blocks = Min(total, IVF_LOOK_BLOCKS);
	double		rows;
	OmenArena	scratch;

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, IVFFLAT_PHASE_KMEANS);
	if (total > 0)
		read_blocks(build, blocks, look_at_row);
	rows = total > 0 ? build->rows * total / blocks : 0;
	ivf_train_begin_sample(training, lists, rows);
	/* Directions are those from the origin. */
	if (build->lists.type->metric == OMEN_L2)
		memcpy(build->lists.mean, training->mean, training->dim_padded * sizeof(float));
	if (rows > 0)
		read_blocks(build, training->sample_room, sample_row);
	if (training->sample.count < lists)
	{
		if (build->heap != NULL)
			ereport(NOTICE,
					(errmsg("ivfflat index created with %u rows for %u lists", training->sample.count, lists),
					 errdetail("Searches will find less than they could."),
					 errhint("REINDEX once the table has its rows, or use an index USING ivf, which adapts.")));
		invent_rows(build);
	}
	ivf_arena_init(&scratch, CurrentMemoryContext);
	build_check(build, omen_byte_rows_init(&training->centroids, &training->arena, training->dim_padded, lists, 0));
	find_centroids(build, &scratch);
	omen_arena_reset(&scratch);
	ivf_train_forget_sample(training);
}

/* ---- assigning ---- */

static void
begin_sort(IvfflatBuild *build)
{
	TupleDesc	desc = CreateTemplateTupleDesc(2);
	AttrNumber	columns[] = {1};
	Oid			operators[] = {Int4LessOperator};
	Oid			collations[] = {InvalidOid};
	bool		nulls_first[] = {false};

	TupleDescInitEntry(desc, 1, "list", INT4OID, -1, 0);
	TupleDescInitEntry(desc, 2, "item", BYTEAOID, -1, 0);
	build->slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	build->sort = tuplesort_begin_heap(desc, 1, columns, operators, collations, nulls_first,
									   maintenance_work_mem, NULL, false);
	ivf_arena_init(&build->arena, CurrentMemoryContext);
	build_check(build, omen_assigner_init(&build->assigner, &build->arena, &build->training.centroids));
	omen_assigner_refresh(&build->assigner);
	build_check(build, omen_byte_rows_init(&build->batch, &build->arena, build->training.dim_padded, BATCH, 0));
	build->batch.count = 0;
	build->item_stride = MAXALIGN(VARHDRSZ + build->lists.item_bytes);
	build->items = palloc((Size) BATCH * build->item_stride);
}

static struct varlena *
batch_item(IvfflatBuild *build, uint32 place)
{
	return (struct varlena *) (build->items + (Size) place * build->item_stride);
}

static void
sort_batch(IvfflatBuild *build)
{
	uint32		list[BATCH];

	build_check(build, omen_assign(&build->assigner, &build->batch, list, &ivf_interrupts));
	for (uint32 i = 0; i < build->batch.count; i++)
	{
		ExecClearTuple(build->slot);
		build->slot->tts_values[0] = Int32GetDatum((int32) list[i]);
		build->slot->tts_values[1] = PointerGetDatum(batch_item(build, i));
		build->slot->tts_isnull[0] = build->slot->tts_isnull[1] = false;
		ExecStoreVirtualTuple(build->slot);
		tuplesort_puttupleslot(build->sort, build->slot);
	}
	build->batch.count = 0;
}

static void
add_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *state)
{
	IvfflatBuild *build = state;
	OmenByteRows *batch = &build->batch;
	uint32		at = batch->count;
	MemoryContext old;
	const void *elements;

	if (isnull[0])
		return;
	old = MemoryContextSwitchTo(build->row_context);
	elements = take_value(build, values[0]);
	SET_VARSIZE(batch_item(build, at), VARHDRSZ + build->lists.item_bytes);
	ivfflat_make_item(&build->lists, elements, tid, (IvfflatItem *) VARDATA(batch_item(build, at)));
	MemoryContextSwitchTo(old);
	MemoryContextReset(build->row_context);
	batch->scale[at] = omen_bytes_from_floats(build->lists.point, batch->dim,
											  batch->values + (size_t) at * batch->dim);
	batch->count++;
	build->rows++;
	if (batch->count == BATCH)
		sort_batch(build);
}

/* ---- writing ---- */

/* The next block of the index, which must be this one. */
static Buffer
next_block(IvfflatBuild *build, BlockNumber block)
{
	Buffer		buffer = index_page_new(build->index, build->fork);

	if (BufferGetBlockNumber(buffer) != block)
		elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(build->index));
	return buffer;
}

static void
write_page(IvfflatBuild *build, BlockNumber block, char *page, uint32 used)
{
	index_page_set_used(page, used);
	index_page_write(build->index, next_block(build, block), false, page);
}

static void
write_items(IvfflatBuild *build)
{
	IvfflatLists *lists = &build->lists;
	BlockNumber block = lists->list_block + ivfflat_pages_of_lists(lists);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(build->slot->tts_tupleDescriptor, &TTSOpsMinimalTuple);
	uint32		at = lists->meta.lists; /* of the page at hand; none yet */
	PGAlignedBlock page;
	OmenPageTrailer *trailer = omen_page_trailer(page.data);
	int64		done = 0;

	while (tuplesort_gettupleslot(build->sort, true, false, slot, NULL))
	{
		bool		isnull;
		uint32		list = (uint32) DatumGetInt32(slot_getattr(slot, 1, &isnull));
		struct varlena *item = (struct varlena *) DatumGetPointer(slot_getattr(slot, 2, &isnull));

		CHECK_FOR_INTERRUPTS();
		if (list != at || trailer->count == lists->items_per_page)
		{
			if (at < lists->meta.lists)
			{
				if (list == at)
					trailer->next = block + 1;
				write_page(build, block++, page.data, trailer->count * lists->item_bytes);
			}
			index_page_init(page.data, OMEN_PAGE_LIST, IVFFLAT_GENERATION, list);
			if (list != at)
				build->entries[list].first = block;
			build->entries[list].room = block;
			at = list;
		}
		memcpy(ivfflat_item_at(lists, page.data, trailer->count++), VARDATA_ANY(item), lists->item_bytes);
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, ++done);
	}
	if (at < lists->meta.lists)
		write_page(build, block, page.data, trailer->count * lists->item_bytes);
	ExecDropSingleTupleTableSlot(slot);
}

/* The page of this place in the run of lists. */
static void
fill_list_page(IvfflatBuild *build, char *page, uint32 sequence)
{
	IvfflatLists *lists = &build->lists;
	const OmenByteRows *centroids = &build->training.centroids;
	uint32		first = sequence * lists->lists_per_page;
	uint32		count = Min(lists->meta.lists - first, lists->lists_per_page);

	index_page_init(page, OMEN_PAGE_DIRECTORY, IVFFLAT_GENERATION, sequence);
	for (uint32 i = 0; i < count; i++)
	{
		memcpy(ivfflat_centroid_at(lists, page, i), centroids->values + (size_t) (first + i) * centroids->dim,
			   centroids->dim);
		*ivfflat_list_at(lists, page, i) = build->entries[first + i];
	}
	index_page_set_used(page, OMEN_BODY_BYTES);
}

/* Meta page, mean, and lists that have no rows yet. */
static void
write_head(IvfflatBuild *build)
{
	IvfflatLists *lists = &build->lists;
	PGAlignedBlock page;
	uint32		left = lists->rotation.dim_padded * sizeof(float);

	index_page_init(page.data, OMEN_PAGE_META, 0, 0);
	memcpy(omen_page_body(page.data), &lists->meta, sizeof(lists->meta));
	write_page(build, OMEN_META_BLOCK, page.data, sizeof(lists->meta));
	for (uint32 sequence = 0; left > 0; sequence++)
	{
		uint32		take = Min(left, OMEN_BODY_BYTES);

		index_page_init(page.data, OMEN_PAGE_MODEL, IVFFLAT_GENERATION, sequence);
		memcpy(omen_page_body(page.data), (char *) lists->mean + (size_t) sequence * OMEN_BODY_BYTES, take);
		write_page(build, 1 + sequence, page.data, take);
		left -= take;
	}
	build->entries = palloc(lists->meta.lists * sizeof(IvfflatList));
	for (uint32 i = 0; i < lists->meta.lists; i++)
		build->entries[i] = (IvfflatList) {OMEN_NO_BLOCK, OMEN_NO_BLOCK, build->training.centroids.scale[i],
			omen_byte_row_norm_sq(&build->training.centroids, i)};
	for (uint32 sequence = 0; sequence < ivfflat_pages_of_lists(lists); sequence++)
	{
		fill_list_page(build, page.data, sequence);
		write_page(build, lists->list_block + sequence, page.data, OMEN_BODY_BYTES);
	}
}

/* The lists again, with their rows. */
static void
rewrite_lists(IvfflatBuild *build)
{
	IvfflatLists *lists = &build->lists;
	PGAlignedBlock page;

	for (uint32 sequence = 0; sequence < ivfflat_pages_of_lists(lists); sequence++)
	{
		Buffer		buffer = ReadBuffer(build->index, lists->list_block + sequence);

		fill_list_page(build, page.data, sequence);
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		index_page_write(build->index, buffer, false, page.data);
	}
}

/* ---- the whole ---- */

static void
begin_build(IvfflatBuild *build, Relation heap, Relation index, IndexInfo *info, ForkNumber fork)
{
	const IvfflatType *type = ivfflat_type(index);
	IvfflatOptions *options = (IvfflatOptions *) index->rd_options;
	IvfflatMeta meta = {
		.magic = IVFFLAT_MAGIC,
		.version = IVFFLAT_VERSION,
		.dim = ivfflat_dimensions(index, type),
		.metric = type->metric,
		.element_bits = type->element_bits,
		.lists = options ? options->lists : IVFFLAT_LISTS_DEFAULT,
	};

	if (IndexRelationGetNumberOfKeyAttributes(index) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("access method \"ivfflat\" does not support multicolumn indexes")));
	if (!pg_strong_random(&meta.seed, sizeof(meta.seed)))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values")));
	memset(build, 0, sizeof(*build));
	build->heap = heap;
	build->index = index;
	build->info = info;
	build->fork = fork;
	build->row_context = AllocSetContextCreate(CurrentMemoryContext, "ivfflat row", ALLOCSET_DEFAULT_SIZES);
	ivfflat_lists_init(&build->lists, index, &meta);
	ivf_train_begin(&build->training, index, OMEN_L2, build->lists.space_dim, meta.seed);
	if (heap != NULL)
		build->toast = toast_reader_open(heap, NULL, CurrentMemoryContext, false);
}

static void
end_build(IvfflatBuild *build)
{
	if (build->toast != NULL)
		toast_reader_close(build->toast);
	ivf_train_end(&build->training);
	omen_arena_reset(&build->arena);
	omen_arena_reset(&build->lists.arena);
	MemoryContextDelete(build->row_context);
}

IndexBuildResult *
ivfflat_build(Relation heap, Relation index, IndexInfo *indexInfo)
{
	IndexBuildResult *result = palloc(sizeof(IndexBuildResult));
	IvfflatBuild build;

	begin_build(&build, heap, index, indexInfo, MAIN_FORKNUM);
	train(&build);
	write_head(&build);
	begin_sort(&build);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, IVFFLAT_PHASE_ASSIGN);
	build.rows = 0;
	result->heap_tuples = table_index_build_scan(heap, index, indexInfo, true, true, add_row, &build, NULL);
	sort_batch(&build);
	tuplesort_performsort(build.sort);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, IVFFLAT_PHASE_LOAD);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, (int64) build.rows);
	write_items(&build);
	tuplesort_end(build.sort);
	ExecDropSingleTupleTableSlot(build.slot);
	rewrite_lists(&build);
	result->index_tuples = build.rows;
	if (RelationNeedsWAL(index))
		log_newpage_range(index, MAIN_FORKNUM, 0, RelationGetNumberOfBlocks(index), true);
	end_build(&build);
	return result;
}

/* The initial fork of an unlogged index: what a crash resets it to. */
void
ivfflat_build_empty(Relation index)
{
	IvfflatBuild build;

	begin_build(&build, NULL, index, NULL, INIT_FORKNUM);
	train(&build);
	write_head(&build);
	log_newpage_range(index, INIT_FORKNUM, 0, RelationGetNumberOfBlocksInFork(index, INIT_FORKNUM), true);
	end_build(&build);
}
