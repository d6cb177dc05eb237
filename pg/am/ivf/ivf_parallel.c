/*
 * ivf_parallel.c - coding rows in parallel, as nbtree sorts in parallel.
 *
 * The leader samples and trains alone.  Then model, centroids and calibration
 * queries go into a temporary file, and each participant, the leader among
 * them, reads blocks of the table as a parallel scan deals them out, assigns
 * and codes their rows, writes row pages of its own, and sorts its postings
 * into a run of a shared sort.  What else it found (list sizes, spreads,
 * neighbours for the calibration) it writes to a file of its own.  The leader
 * adds these up, merges the runs, and goes on as without workers.
 *
 * Shared memory holds only the struct below, the scan and the sort's state:
 * all that grows with the index is in temporary files, since containers have
 * 64 MB of shared memory.
 *
 * A worker's row pages hang from nothing before the meta page is written, so
 * an error of anybody leaves what an error of the leader leaves.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "am/build_workers.h"
#include "am/ivf/ivf_build.h"
#include "pgstat.h"
#include "storage/buffile.h"
#include "storage/condition_variable.h"
#include "storage/sharedfileset.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/tuplesort.h"

#define KEY_SORT BUILD_KEY_OWN

typedef struct IvfShared
{
	BuildShared build;
	int			participants;
	uint64		seed;
	OmenIvfMeta meta;
	uint32		queries;
	SharedFileSet files;
	ConditionVariable finished;
	int			participants_done;
} IvfShared;

struct IvfTeam
{
	BuildTeam  *team;
	IvfShared  *shared;
	Sharedsort *sort;
};

/* ---- the model on its way to workers ---- */

static void
write_rows(BufFile *file, const OmenByteRows *rows)
{
	BufFileWrite(file, rows->values, (size_t) rows->count * rows->dim);
	BufFileWrite(file, rows->scale, rows->count * sizeof(float));
	if (rows->extra)
		BufFileWrite(file, rows->extra, rows->count * sizeof(float));
}

static void
read_rows(BufFile *file, OmenByteRows *rows)
{
	omen_buffile_read(file, rows->values, (size_t) rows->count * rows->dim);
	omen_buffile_read(file, rows->scale, rows->count * sizeof(float));
	if (rows->extra)
		omen_buffile_read(file, rows->extra, rows->count * sizeof(float));
}

/* Calibration looks at no lift of a query. */
static OmenByteRows
without_lift(const OmenByteRows *queries)
{
	OmenByteRows rows = *queries;

	rows.extra = NULL;
	return rows;
}

static void
write_model(IvfBuild *build, IvfShared *shared, const OmenByteRows *queries)
{
	BufFile    *file = omen_buffile_create(&shared->files, "model");
	OmenByteRows bare = without_lift(queries);

	BufFileWrite(file, build->training.model.bytes, build->training.model.byte_count);
	write_rows(file, &build->training.centroids);
	write_rows(file, &bare);
	omen_buffile_export(file);
	BufFileClose(file);
}

/* Into build->training, as ivf_train_finish would leave it; and the queries. */
static void
read_model(IvfBuild *build, IvfShared *shared, OmenByteRows *queries)
{
	IvfTraining *training = &build->training;
	OmenIvfModel *model = &training->model;
	BufFile    *file = omen_buffile_open(&shared->files, "model");
	size_t		byte_count = omen_ivf_model_bytes(shared->meta.dim, shared->meta.lists);
	uint8	   *bytes = omen_arena_alloc(&training->arena, 1, byte_count);
	uint32		dim = omen_dim_padded(shared->meta.dim);

	if (bytes == NULL ||
		omen_byte_rows_init(&training->centroids, &training->arena, dim, shared->meta.lists,
							shared->meta.metric == OMEN_INNER_PRODUCT) != OMEN_OK ||
		omen_byte_rows_init(queries, &training->arena, dim, shared->queries, 0) != OMEN_OK)
		index_page_report(build->index, OMEN_NO_MEMORY, "");
	omen_ivf_model_create(model, bytes, shared->meta.dim, shared->meta.lists, (OmenMetric) shared->meta.metric);
	omen_buffile_read(file, bytes, byte_count);
	read_rows(file, &training->centroids);
	read_rows(file, queries);
	BufFileClose(file);
	training->mean = model->mean;
	build->rotation.unit = *model->unit;
}

/* ---- a participant ---- */

/* The writer of one participant; each has its share of the memory. */
static void
begin_writer(IvfBuild *build, IvfShared *shared, Sharedsort *sort, const OmenByteRows *queries)
{
	SortCoordinate coordinate = palloc0(sizeof(SortCoordinateData));

	coordinate->isWorker = true;
	coordinate->nParticipants = -1;
	coordinate->sharedsort = sort;
	build->writer = ivf_writer_create(build->index, MAIN_FORKNUM, false, &build->training.model, &shared->meta);
	ivf_writer_share_sort(build->writer, coordinate, maintenance_work_mem / shared->participants);
	ivf_writer_set_lists(build->writer, &build->training.centroids, queries);
	build->rows_done = &shared->build.rows_done;
}

/* Codes what rows the scan gives this participant, and says that it is done. */
static void
take_part(IvfBuild *build, IvfShared *shared, TableScanDesc scan)
{
	double		rows = table_index_build_scan(build->heap, build->index, build->info, true, !IsParallelWorker(),
											  ivf_build_add_row, build, scan);
	BufFile    *file = NULL;

	if (IsParallelWorker())
	{
		char		name[32];

		snprintf(name, sizeof(name), "share %d", ParallelWorkerNumber);
		file = omen_buffile_create(&shared->files, name);
	}
	ivf_writer_end_share(build->writer, file);
	if (file != NULL)
	{
		omen_buffile_export(file);
		BufFileClose(file);
	}
	SpinLockAcquire(&shared->build.mutex);
	shared->participants_done++;
	build_share_add(&shared->build, rows, build->info);
	SpinLockRelease(&shared->build.mutex);
	ConditionVariableSignal(&shared->finished);
}

PGDLLEXPORT void ivf_parallel_main(dsm_segment *segment, shm_toc *toc);

void
ivf_parallel_main(dsm_segment *segment, shm_toc *toc)
{
	Sharedsort *sort = shm_toc_lookup(toc, KEY_SORT, false);
	IvfBuild	build;
	OmenByteRows queries;
	Relation	heap;
	Relation	index;
	IndexInfo  *info;
	IvfShared  *shared = build_worker_begin(toc, &heap, &index, &info);

	SharedFileSetAttach(&shared->files, segment);
	tuplesort_attach_shared(sort, segment);

	ivf_build_begin(&build, heap, index, info, shared->seed);
	read_model(&build, shared, &queries);
	begin_writer(&build, shared, sort, &queries);
	take_part(&build, shared, build_worker_scan(toc, heap));
	ivf_build_end(&build);
	build_worker_end(heap, index);
}

/* ---- the leader ---- */

IvfTeam *
ivf_team_start(IvfBuild *build, const OmenIvfMeta *meta, const OmenByteRows *queries)
{
	int			workers = index_build_workers(build->heap, build->index);
	IvfTeam    *ivf;
	BuildTeam  *team;
	IvfShared  *shared;
	Size		sort_bytes;

	if (workers == 0)
		return NULL;
	team = build_team_plan(build->heap, build->index, build->info, workers, "ivf_parallel_main");
	sort_bytes = tuplesort_estimate_shared(workers + 1);
	shm_toc_estimate_chunk(&team->context->estimator, sort_bytes);
	shm_toc_estimate_keys(&team->context->estimator, 1);
	shared = build_team_share(team, build->heap, build->index, build->info, sizeof(IvfShared));
	if (shared == NULL)
		return NULL;
	shared->participants = workers + 1;
	shared->seed = build->seed;
	shared->meta = *meta;
	shared->queries = queries->count;
	SharedFileSetInit(&shared->files, team->context->seg);
	ConditionVariableInit(&shared->finished);
	ivf = palloc(sizeof(IvfTeam));
	*ivf = (IvfTeam) {team, shared, build_team_chunk(team, KEY_SORT, sort_bytes)};
	tuplesort_initialize_shared(ivf->sort, workers + 1, team->context->seg);
	write_model(build, shared, queries);
	if (build_team_launch(team, build->index) == 0)
	{
		ivf_team_end(ivf, build);
		return NULL;
	}
	begin_writer(build, shared, ivf->sort, queries);
	return ivf;
}

/* Waits for all who code rows; a worker's error is thrown here. */
static void
wait_for_all(IvfTeam *ivf)
{
	IvfShared  *shared = ivf->shared;
	int			participants = ivf->team->context->nworkers_launched + 1;
	bool		done = false;

	/* One that could not start would be waited for in vain. */
	WaitForParallelWorkersToAttach(ivf->team->context);
	while (!done)
	{
		SpinLockAcquire(&shared->build.mutex);
		done = shared->participants_done == participants;
		SpinLockRelease(&shared->build.mutex);
		if (!done)
			ConditionVariableSleep(&shared->finished, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
	}
	ConditionVariableCancelSleep();
}

double
ivf_team_code_rows(IvfTeam *ivf, IvfBuild *build)
{
	IvfShared  *shared = ivf->shared;
	int			launched = ivf->team->context->nworkers_launched;
	SortCoordinate coordinate = palloc0(sizeof(SortCoordinateData));

	take_part(build, shared, table_beginscan_parallel(build->heap, ivf->team->scan));
	wait_for_all(ivf);
	coordinate->isWorker = false;
	coordinate->nParticipants = launched + 1;
	coordinate->sharedsort = ivf->sort;
	ivf_writer_begin_merge(build->writer, coordinate);
	for (int i = 0; i < launched; i++)
	{
		char		name[32];
		BufFile    *file;

		snprintf(name, sizeof(name), "share %d", i);
		file = omen_buffile_open(&shared->files, name);
		ivf_writer_add_share(build->writer, file);
		BufFileClose(file);
	}
	return shared->build.table_rows;
}

void
ivf_team_end(IvfTeam *ivf, IvfBuild *build)
{
	build_team_end(ivf->team, build->info);
	pfree(ivf);
}
