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

#include "access/parallel.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "am/build_workers.h"
#include "am/ivf/ivf_build.h"
#include "catalog/index.h"
#include "pgstat.h"
#include "storage/buffile.h"
#include "storage/condition_variable.h"
#include "storage/sharedfileset.h"
#include "storage/spin.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/tuplesort.h"

#define KEY_SHARED UINT64CONST(0x4F4D454E00000001)
#define KEY_SCAN UINT64CONST(0x4F4D454E00000002)
#define KEY_SORT UINT64CONST(0x4F4D454E00000003)
#define KEY_QUERY_TEXT UINT64CONST(0x4F4D454E00000004)

typedef struct IvfShared
{
	Oid			heap;
	Oid			index;
	bool		concurrent;
	int			participants;
	uint64		seed;
	OmenIvfMeta meta;
	uint32		queries;
	SharedFileSet files;
	pg_atomic_uint64 rows_done;
	ConditionVariable finished;
	slock_t		mutex;			/* of what follows */
	int			participants_done;
	double		table_rows;
	bool		broken_hot_chain;
} IvfShared;

struct IvfTeam
{
	ParallelContext *context;
	IvfShared  *shared;
	ParallelTableScanDesc scan;
	Sharedsort *sort;
	Snapshot	snapshot;
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
	build->rows_done = &shared->rows_done;
}

/* Codes what rows the scan gives this participant, and says that it is done. */
static void
take_part(IvfBuild *build, IvfShared *shared, ParallelTableScanDesc scan, bool progress)
{
	double		rows = table_index_build_scan(build->heap, build->index, build->info, true, progress,
											  ivf_build_add_row, build, table_beginscan_parallel(build->heap, scan));
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
	SpinLockAcquire(&shared->mutex);
	shared->participants_done++;
	shared->table_rows += rows;
	shared->broken_hot_chain |= build->info->ii_BrokenHotChain;
	SpinLockRelease(&shared->mutex);
	ConditionVariableSignal(&shared->finished);
}

PGDLLEXPORT void ivf_parallel_main(dsm_segment *segment, shm_toc *toc);

void
ivf_parallel_main(dsm_segment *segment, shm_toc *toc)
{
	IvfShared  *shared = shm_toc_lookup(toc, KEY_SHARED, false);
	Sharedsort *sort = shm_toc_lookup(toc, KEY_SORT, false);
	IvfBuild	build;
	OmenByteRows queries;
	Relation	heap;
	Relation	index;
	IndexInfo  *info;

	debug_query_string = shm_toc_lookup(toc, KEY_QUERY_TEXT, true);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);
	heap = table_open(shared->heap, shared->concurrent ? ShareUpdateExclusiveLock : ShareLock);
	index = index_open(shared->index, shared->concurrent ? RowExclusiveLock : AccessExclusiveLock);
	info = BuildIndexInfo(index);
	info->ii_Concurrent = shared->concurrent;
	SharedFileSetAttach(&shared->files, segment);
	tuplesort_attach_shared(sort, segment);

	ivf_build_begin(&build, heap, index, info, shared->seed);
	read_model(&build, shared, &queries);
	begin_writer(&build, shared, sort, &queries);
	take_part(&build, shared, shm_toc_lookup(toc, KEY_SCAN, false), false);
	ivf_build_end(&build);
	index_close(index, NoLock);
	table_close(heap, NoLock);
}

/* ---- the leader ---- */

static void
free_team(IvfTeam *team)
{
	if (IsMVCCSnapshot(team->snapshot))
		UnregisterSnapshot(team->snapshot);
	DestroyParallelContext(team->context);
	ExitParallelMode();
	pfree(team);
}

static IvfShared *
make_shared(IvfBuild *build, ParallelContext *context, const OmenIvfMeta *meta, uint32 queries, int participants)
{
	IvfShared  *shared = shm_toc_allocate(context->toc, sizeof(IvfShared));

	memset(shared, 0, sizeof(*shared));
	shared->heap = RelationGetRelid(build->heap);
	shared->index = RelationGetRelid(build->index);
	shared->concurrent = build->info->ii_Concurrent;
	shared->participants = participants;
	shared->seed = build->seed;
	shared->meta = *meta;
	shared->queries = queries;
	SharedFileSetInit(&shared->files, context->seg);
	pg_atomic_init_u64(&shared->rows_done, 0);
	ConditionVariableInit(&shared->finished);
	SpinLockInit(&shared->mutex);
	shm_toc_insert(context->toc, KEY_SHARED, shared);
	return shared;
}

IvfTeam *
ivf_team_start(IvfBuild *build, const OmenIvfMeta *meta, const OmenByteRows *queries)
{
	int			workers = index_build_workers(build->heap, build->index);
	IvfTeam    *team;
	ParallelContext *context;
	Size		scan_bytes;
	Size		sort_bytes;
	Size		text_bytes = debug_query_string ? strlen(debug_query_string) + 1 : 0;

	if (workers == 0)
		return NULL;
	EnterParallelMode();
	team = palloc0(sizeof(IvfTeam));
	team->context = context = CreateParallelContext("$libdir/omendb_vector", "ivf_parallel_main", workers);
	team->snapshot = build->info->ii_Concurrent ? RegisterSnapshot(GetTransactionSnapshot()) : SnapshotAny;
	scan_bytes = table_parallelscan_estimate(build->heap, team->snapshot);
	sort_bytes = tuplesort_estimate_shared(workers + 1);
	shm_toc_estimate_chunk(&context->estimator, sizeof(IvfShared));
	shm_toc_estimate_chunk(&context->estimator, scan_bytes);
	shm_toc_estimate_chunk(&context->estimator, sort_bytes);
	shm_toc_estimate_chunk(&context->estimator, text_bytes);
	shm_toc_estimate_keys(&context->estimator, 4);
	InitializeParallelDSM(context);
	if (context->seg == NULL)
	{
		free_team(team);
		return NULL;
	}
	team->shared = make_shared(build, context, meta, queries->count, workers + 1);
	team->scan = shm_toc_allocate(context->toc, scan_bytes);
	table_parallelscan_initialize(build->heap, team->scan, team->snapshot);
	shm_toc_insert(context->toc, KEY_SCAN, team->scan);
	team->sort = shm_toc_allocate(context->toc, sort_bytes);
	tuplesort_initialize_shared(team->sort, workers + 1, context->seg);
	shm_toc_insert(context->toc, KEY_SORT, team->sort);
	if (text_bytes > 0)
		shm_toc_insert(context->toc, KEY_QUERY_TEXT,
					   memcpy(shm_toc_allocate(context->toc, text_bytes), debug_query_string, text_bytes));
	write_model(build, team->shared, queries);
	LaunchParallelWorkers(context);
	if (context->nworkers_launched == 0)
	{
		WaitForParallelWorkersToFinish(context);
		free_team(team);
		return NULL;
	}
	ereport(DEBUG1,
			(errmsg_internal("index \"%s\" is built with %d parallel workers", RelationGetRelationName(build->index),
							 context->nworkers_launched)));
	begin_writer(build, team->shared, team->sort, queries);
	return team;
}

/* Waits for all who code rows; a worker's error is thrown here. */
static void
wait_for_all(IvfTeam *team)
{
	IvfShared  *shared = team->shared;
	int			participants = team->context->nworkers_launched + 1;
	bool		done = false;

	/* One that could not start would be waited for in vain. */
	WaitForParallelWorkersToAttach(team->context);
	while (!done)
	{
		SpinLockAcquire(&shared->mutex);
		done = shared->participants_done == participants;
		SpinLockRelease(&shared->mutex);
		if (!done)
			ConditionVariableSleep(&shared->finished, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
	}
	ConditionVariableCancelSleep();
}

double
ivf_team_code_rows(IvfTeam *team, IvfBuild *build)
{
	IvfShared  *shared = team->shared;
	int			launched = team->context->nworkers_launched;
	SortCoordinate coordinate = palloc0(sizeof(SortCoordinateData));

	take_part(build, shared, team->scan, true);
	wait_for_all(team);
	coordinate->isWorker = false;
	coordinate->nParticipants = launched + 1;
	coordinate->sharedsort = team->sort;
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
	if (shared->broken_hot_chain)
		build->info->ii_BrokenHotChain = true;
	return shared->table_rows;
}

void
ivf_team_end(IvfTeam *team)
{
	WaitForParallelWorkersToFinish(team->context);
	free_team(team);
}
