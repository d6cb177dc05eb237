/*
 * ivf_build.c - CREATE INDEX: look at some rows, train lists on them, then
 * pass all rows to the writer.
 *
 * The table is read in three ways: a few hundred blocks to learn how many rows
 * there are and where their mean is; a sample to train on; once as a whole.
 *
 * Workers, if the table gets any, code rows (ivf_parallel.c).
 *
 * Memory: the sample takes at most half of maintenance_work_mem; the sort of
 * postings has the whole of it, after the sample is let go; with workers each
 * participant's sort has its share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "access/parallel.h"
#include "access/tableam.h"
#include "access/xloginsert.h"
#include "am/ivf/ivf_build.h"
#include "commands/progress.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"
#include "utils/sampling.h"

void
ivf_build_begin(IvfBuild *build, Relation heap, Relation index, IndexInfo *info, uint64 seed)
{
	uint32		dim;

	memset(build, 0, sizeof(*build));
	build->heap = heap;
	build->index = index;
	build->info = info;
	ivf_check_columns(index);
	dim = (uint32) ivf_dimensions(index);
	build->type = ivf_type(index);
	build->seed = seed;
	build->row_context = AllocSetContextCreate(CurrentMemoryContext, "ivf row", ALLOCSET_DEFAULT_SIZES);
	ivf_arena_init(&build->arena, CurrentMemoryContext);
	if (omen_rotation_init(&build->rotation, &build->arena, dim, build->seed) != OMEN_OK)
		index_page_report(index, OMEN_NO_MEMORY, "");
	build->room = palloc(dim * sizeof(float));
	build->scratch = palloc(omen_dim_padded(dim) * sizeof(float));
	if (heap != NULL)
		build->toast = toast_reader_open(heap, NULL, CurrentMemoryContext, false);
	ivf_train_begin(&build->training, index, build->type->metric, dim, build->seed);
}

void
ivf_build_end(IvfBuild *build)
{
	ivf_train_end(&build->training);
	omen_arena_reset(&build->arena);
	if (build->toast != NULL)
		toast_reader_close(build->toast);
	pfree(build->room);
	pfree(build->scratch);
	MemoryContextDelete(build->row_context);
}

/* The row's vector in index space, relative to the mean once there is one. */
static OmenPoint
point_of(IvfBuild *build, Datum value, float lift_sq, float *out)
{
	OmenPoint	point = {.vector = out};
	ItemPointerData place;
	MemoryContext old = MemoryContextSwitchTo(build->row_context);

	ItemPointerSetInvalid(&place);
	value = toast_reader_fetch(build->toast, value, &place);
	ivf_point_from_datum(build->type, &build->rotation, build->type->metric, build->training.mean, lift_sq,
						 value, build->room, build->scratch, &point);
	if (ItemPointerIsValid(&place))
		point.place = ivf_tid(&place);
	MemoryContextSwitchTo(old);
	MemoryContextReset(build->row_context);
	return point;
}

static void
look_at_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *state)
{
	IvfBuild   *build = state;
	OmenPoint	point;

	if (isnull[0])
		return;
	build->rows++;
	if (build->training.mean_rows >= IVF_LOOK_ROWS)
		return;
	point = point_of(build, values[0], 0, build->training.vector);
	ivf_train_look(&build->training, &point);
}

static void
sample_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *state)
{
	IvfBuild   *build = state;
	OmenPoint	point;

	if (isnull[0] || !ivf_train_wants(&build->training))
		return;
	point = point_of(build, values[0], 0, build->training.vector);
	/* Lifted to length 0, a row's lift is less its own length. */
	ivf_train_sample(&build->training, &point, -point.lift_sq);
}

void
ivf_build_add_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *state)
{
	IvfBuild   *build = state;
	OmenPoint	point;
	MemoryContext old;

	if (isnull[0])
		return;
	point = point_of(build, values[0], *build->training.model.lift_sq, ivf_writer_next(build->writer));
	old = MemoryContextSwitchTo(build->row_context);
	ivf_row_keys(index, values, isnull, build->keys);
	MemoryContextSwitchTo(old);
	MemoryContextReset(build->row_context);
	point.keys = build->keys;
	ivf_writer_add(build->writer, &point,
				   ivf_tid(tid));
	build->rows++;
	if (build->rows_done == NULL)
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, (int64) build->rows);
	else
	{
		uint64		done = pg_atomic_add_fetch_u64(build->rows_done, 1);

		if (!IsParallelWorker())
			pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, (int64) done);
	}
}

/* Calls back for the rows of so many random blocks. */
static void
read_blocks(IvfBuild *build, BlockNumber blocks, IndexBuildCallback callback)
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

/* About how many rows the index will have; also finds their mean. */
static double
look_at_table(IvfBuild *build)
{
	BlockNumber total = RelationGetNumberOfBlocks(build->heap);
	BlockNumber blocks = Min(total, IVF_LOOK_BLOCKS);

	if (total == 0)
		return 0;
	read_blocks(build, blocks, look_at_row);
	return build->rows * total / blocks;
}

static double
build_fork(IvfBuild *build, ForkNumber fork)
{
	IvfTraining *training = &build->training;
	IvfOptions *options = (IvfOptions *) build->index->rd_options;
	double		rows = build->heap ? look_at_table(build) : 0;
	uint32		lists = options && options->lists > 0 ? (uint32) options->lists : omen_ivf_lists_for((uint64) rows);
	OmenByteRows queries;
	OmenIvfMeta meta;
	IvfTeam    *team;
	double		index_rows;

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, IVF_PHASE_SAMPLE);
	ivf_train_begin_sample(training, lists, rows);
	build->rotation.unit = training->unit;
	if (rows > 0)
		read_blocks(build, training->sample_room, sample_row);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, IVF_PHASE_TRAIN);
	ivf_train_finish(training, lists, rows);

	meta = (OmenIvfMeta) {
		.magic = OMEN_META_MAGIC,
		.version = OMEN_META_VERSION,
		.dim = training->dim,
		.metric = training->metric,
		.seed = build->seed,
		.identity = omen_random_next(&training->random),
		.generation = 1,
		.row_generation = 1,
		.last_generation = 1,
		.free_rows = OMEN_NO_BLOCK,
		.lists = training->model.lists,
		.trained_rows = (uint64) rows,
		.keys = ivf_key_count(build->index),
	};
	queries = ivf_train_queries(training);
	team = ivf_team_start(build, &meta, &queries);
	if (team == NULL)
	{
		build->writer = ivf_writer_create(build->index, fork, false, &training->model, &meta);
		ivf_writer_set_lists(build->writer, &training->centroids, &queries);
	}
	ivf_train_forget_sample(training);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, IVF_PHASE_CODE);
	build->rows = 0;
	if (team != NULL)
		build->rows = ivf_team_code_rows(team, build);
	else if (build->heap)
		build->rows = table_index_build_scan(build->heap, build->index, build->info, true, true,
											 ivf_build_add_row, build, NULL);
	index_rows = ivf_writer_finish(build->writer, OMEN_NO_BLOCK);
	if (team != NULL)
		ivf_team_end(team, build);
	return index_rows;
}

static uint64
random_seed(void)
{
	uint64		seed;

	if (!pg_strong_random(&seed, sizeof(seed)))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values")));
	return seed;
}

/* The page that says where everything is must be the first. */
static void
reserve_meta(Relation index, ForkNumber fork)
{
	Buffer		buffer = index_page_new(index, fork);

	if (BufferGetBlockNumber(buffer) != OMEN_META_BLOCK)
		elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index));
	UnlockReleaseBuffer(buffer);
}

IndexBuildResult *
ivf_build(Relation heap, Relation index, IndexInfo *indexInfo)
{
	IndexBuildResult *result = palloc(sizeof(IndexBuildResult));
	IvfBuild	build;

	ivf_build_begin(&build, heap, index, indexInfo, random_seed());
	reserve_meta(index, MAIN_FORKNUM);
	result->index_tuples = build_fork(&build, MAIN_FORKNUM);
	result->heap_tuples = build.rows;
	if (RelationNeedsWAL(index))
		log_newpage_range(index, MAIN_FORKNUM, 0, RelationGetNumberOfBlocks(index), true);
	ivf_build_end(&build);
	return result;
}

/* The initial fork of an unlogged index: what a crash resets it to. */
void
ivf_build_empty(Relation index)
{
	IvfBuild	build;

	ivf_build_begin(&build, NULL, index, NULL, random_seed());
	reserve_meta(index, INIT_FORKNUM);
	build_fork(&build, INIT_FORKNUM);
	log_newpage_range(index, INIT_FORKNUM, 0, RelationGetNumberOfBlocksInFork(index, INIT_FORKNUM), true);
	ivf_build_end(&build);
}
