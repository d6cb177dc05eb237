/*
 * hnsw_parallel.c - building with parallel workers.
 *
 * The leader looks at some rows alone.  Then all, the leader among them, insert
 * the rows that a parallel scan deals them out into one graph in dynamic shared
 * memory (core's graph_memory.c says why that needs so few locks).  When it is
 * full, or a scan has ended, they wait for one another at a barrier; the leader
 * writes the graph to pages; those with rows left insert them into the pages,
 * as live inserts do (README.md says why that is right).
 *
 * A worker's error is thrown in the leader, and the index is gone with its
 * transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#ifdef __linux__
#include <sys/statvfs.h>
#endif

#include "access/parallel.h"
#include "access/table.h"
#include "access/xact.h"
#include "am/build_workers.h"
#include "am/hnsw/hnsw_build.h"
#include "catalog/index.h"
#include "pgstat.h"
#include "storage/dsm_impl.h"
#include "storage/spin.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#define KEY_SHARED UINT64CONST(0x4F4D454E00000101)
#define KEY_SCAN UINT64CONST(0x4F4D454E00000102)
#define KEY_MEAN UINT64CONST(0x4F4D454E00000103)
#define KEY_REGION UINT64CONST(0x4F4D454E00000104)
#define KEY_QUERY_TEXT UINT64CONST(0x4F4D454E00000105)

typedef struct HnswShared
{
	Oid			heap;
	Oid			index;
	bool		concurrent;
	uint32		inserters;
	uint64		seed;
	OmenHnswMeta meta;
	Barrier		barrier;
	pg_atomic_uint64 rows_done;
	slock_t		mutex;			/* of what follows */
	double		table_rows;
	bool		broken_hot_chain;
} HnswShared;

struct HnswTeam
{
	ParallelContext *context;
	HnswShared *shared;
	ParallelTableScanDesc scan;
	Snapshot	snapshot;
};

/* ---- a worker ---- */

PGDLLEXPORT void hnsw_parallel_main(dsm_segment *segment, shm_toc *toc);

void
hnsw_parallel_main(dsm_segment *segment, shm_toc *toc)
{
	HnswShared *shared = shm_toc_lookup(toc, KEY_SHARED, false);
	HnswBuild	build = {.fork = MAIN_FORKNUM};
	Relation	heap;
	Relation	index;
	IndexInfo  *info;

	debug_query_string = shm_toc_lookup(toc, KEY_QUERY_TEXT, true);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);
	heap = table_open(shared->heap, shared->concurrent ? ShareUpdateExclusiveLock : ShareLock);
	index = index_open(shared->index, shared->concurrent ? RowExclusiveLock : AccessExclusiveLock);
	info = BuildIndexInfo(index);
	info->ii_Concurrent = shared->concurrent;

	build.meta = shared->meta;
	hnsw_build_begin(&build, heap, index, info);
	memcpy(build.model->mean, shm_toc_lookup(toc, KEY_MEAN, false), build.model->mean_bytes);
	build.random.state = shared->seed + (uint64) ParallelWorkerNumber + 1;
	build.memory = shm_toc_lookup(toc, KEY_REGION, false);
	build.inserters = shared->inserters;
	build.barrier = &shared->barrier;
	build.rows_done = &shared->rows_done;
	hnsw_build_take_part(&build, table_beginscan_parallel(heap, shm_toc_lookup(toc, KEY_SCAN, false)));
	SpinLockAcquire(&shared->mutex);
	shared->table_rows += build.table_rows;
	shared->broken_hot_chain |= info->ii_BrokenHotChain;
	SpinLockRelease(&shared->mutex);
	hnsw_build_end(&build);
	index_close(index, NoLock);
	table_close(heap, NoLock);
}

/* ---- the leader ---- */

/*
 * As much shared memory as can be had without an error: containers often have
 * no more than 64 MB.  What does not fit goes to pages.
 */
static uint64
limit_to_room(uint64 bytes)
{
#ifdef __linux__
	struct statvfs room;

	if (dynamic_shared_memory_type == DSM_IMPL_POSIX && statvfs("/dev/shm", &room) == 0)
		bytes = Min(bytes, (uint64) room.f_bavail * room.f_frsize / 4 * 3);
#endif
	return Max(bytes, OMEN_GRAPH_MEMORY_MIN);
}

static void
free_team(HnswTeam *team)
{
	if (IsMVCCSnapshot(team->snapshot))
		UnregisterSnapshot(team->snapshot);
	DestroyParallelContext(team->context);
	ExitParallelMode();
	pfree(team);
}

static HnswShared *
make_shared(HnswBuild *build, ParallelContext *context, int workers)
{
	HnswShared *shared = shm_toc_allocate(context->toc, sizeof(HnswShared));

	memset(shared, 0, sizeof(*shared));
	shared->heap = RelationGetRelid(build->heap);
	shared->index = RelationGetRelid(build->index);
	shared->concurrent = build->info->ii_Concurrent;
	shared->inserters = (uint32) workers + 1;
	shared->seed = omen_random_next(&build->random);
	shared->meta = build->meta;
	BarrierInit(&shared->barrier, 0);
	pg_atomic_init_u64(&shared->rows_done, 0);
	SpinLockInit(&shared->mutex);
	shm_toc_insert(context->toc, KEY_SHARED, shared);
	return shared;
}

/* Copies so many bytes to where workers find them. */
static void
share(ParallelContext *context, uint64 key, const void *bytes, Size count)
{
	void	   *copy = shm_toc_allocate(context->toc, count);

	memcpy(copy, bytes, count);
	shm_toc_insert(context->toc, key, copy);
}

HnswTeam *
hnsw_team_start(HnswBuild *build, uint64 bytes)
{
	int			workers = index_build_workers(build->heap, build->index);
	HnswTeam   *team;
	ParallelContext *context;
	Size		scan_bytes;
	Size		text_bytes = debug_query_string ? strlen(debug_query_string) + 1 : 0;
	void	   *region;

	if (workers == 0)
		return NULL;
	bytes = limit_to_room(bytes);
	EnterParallelMode();
	team = palloc0(sizeof(HnswTeam));
	team->context = context = CreateParallelContext("$libdir/omendb_vector", "hnsw_parallel_main", workers);
	team->snapshot = build->info->ii_Concurrent ? RegisterSnapshot(GetTransactionSnapshot()) : SnapshotAny;
	scan_bytes = table_parallelscan_estimate(build->heap, team->snapshot);
	shm_toc_estimate_chunk(&context->estimator, sizeof(HnswShared));
	shm_toc_estimate_chunk(&context->estimator, scan_bytes);
	shm_toc_estimate_chunk(&context->estimator, build->model->mean_bytes);
	shm_toc_estimate_chunk(&context->estimator, bytes);
	shm_toc_estimate_chunk(&context->estimator, text_bytes);
	shm_toc_estimate_keys(&context->estimator, 5);
	InitializeParallelDSM(context);
	if (context->seg == NULL)
	{
		free_team(team);
		return NULL;
	}
	team->shared = make_shared(build, context, workers);
	team->scan = shm_toc_allocate(context->toc, scan_bytes);
	table_parallelscan_initialize(build->heap, team->scan, team->snapshot);
	shm_toc_insert(context->toc, KEY_SCAN, team->scan);
	share(context, KEY_MEAN, build->model->mean, build->model->mean_bytes);
	if (text_bytes > 0)
		share(context, KEY_QUERY_TEXT, debug_query_string, text_bytes);
	region = shm_toc_allocate(context->toc, bytes);
	build->inserters = team->shared->inserters;
	build->memory = omen_graph_memory_init(region, bytes, build->meta.m, build->model->space.payload_bytes,
										   (1 + omen_hnsw_mean_pages(build->model->codes.dim_padded)) *
										   build->model->per_page[OMEN_HNSW_NODES]);
	shm_toc_insert(context->toc, KEY_REGION, region);
	build->barrier = &team->shared->barrier;
	build->rows_done = &team->shared->rows_done;
	BarrierAttach(build->barrier);
	LaunchParallelWorkers(context);
	ereport(DEBUG1,
			(errmsg_internal("index \"%s\" is built with %d parallel workers, " UINT64_FORMAT " bytes of shared memory",
							 RelationGetRelationName(build->index), context->nworkers_launched, bytes)));
	return team;
}

TableScanDesc
hnsw_team_scan(HnswTeam *team, HnswBuild *build)
{
	return table_beginscan_parallel(build->heap, team->scan);
}

void
hnsw_team_end(HnswTeam *team, HnswBuild *build)
{
	HnswShared *shared = team->shared;

	WaitForParallelWorkersToFinish(team->context);
	build->table_rows += shared->table_rows;
	build->rows = pg_atomic_read_u64(&shared->rows_done);
	if (shared->broken_hot_chain)
		build->info->ii_BrokenHotChain = true;
	free_team(team);
}
