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

#include "am/build_workers.h"
#include "am/hnsw/hnsw_build.h"
#include "storage/dsm_impl.h"

#define KEY_MEAN BUILD_KEY_OWN
#define KEY_REGION (BUILD_KEY_OWN + 1)

typedef struct HnswShared
{
	BuildShared build;
	uint32		inserters;
	uint64		seed;
	OmenHnswMeta meta;
	Barrier		barrier;
} HnswShared;

/* ---- a worker ---- */

PGDLLEXPORT void hnsw_parallel_main(dsm_segment *segment, shm_toc *toc);

void
hnsw_parallel_main(dsm_segment *segment, shm_toc *toc)
{
	HnswBuild	build = {.fork = MAIN_FORKNUM};
	Relation	heap;
	Relation	index;
	IndexInfo  *info;
	HnswShared *shared = build_worker_begin(toc, &heap, &index, &info);

	build.meta = shared->meta;
	hnsw_build_begin(&build, heap, index, info);
	memcpy(build.model->mean, shm_toc_lookup(toc, KEY_MEAN, false), build.model->mean_bytes);
	build.random.state = shared->seed + (uint64) ParallelWorkerNumber + 1;
	build.memory = shm_toc_lookup(toc, KEY_REGION, false);
	build.inserters = shared->inserters;
	build.barrier = &shared->barrier;
	build.rows_done = &shared->build.rows_done;
	hnsw_build_take_part(&build, build_worker_scan(toc, heap));
	SpinLockAcquire(&shared->build.mutex);
	build_share_add(&shared->build, build.table_rows, info);
	SpinLockRelease(&shared->build.mutex);
	hnsw_build_end(&build);
	build_worker_end(heap, index);
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

BuildTeam *
hnsw_team_start(HnswBuild *build, uint64 bytes)
{
	int			workers = index_build_workers(build->heap, build->index);
	BuildTeam  *team;
	HnswShared *shared;
	void	   *region;

	if (workers == 0)
		return NULL;
	bytes = limit_to_room(bytes);
	team = build_team_plan(build->heap, build->index, build->info, workers, "hnsw_parallel_main");
	shm_toc_estimate_chunk(&team->context->estimator, build->model->mean_bytes);
	shm_toc_estimate_chunk(&team->context->estimator, bytes);
	shm_toc_estimate_keys(&team->context->estimator, 2);
	shared = build_team_share(team, build->heap, build->index, build->info, sizeof(HnswShared));
	if (shared == NULL)
		return NULL;
	shared->inserters = (uint32) workers + 1;
	shared->seed = omen_random_next(&build->random);
	shared->meta = build->meta;
	BarrierInit(&shared->barrier, 0);
	memcpy(build_team_chunk(team, KEY_MEAN, build->model->mean_bytes), build->model->mean, build->model->mean_bytes);
	region = build_team_chunk(team, KEY_REGION, bytes);
	build->inserters = shared->inserters;
	build->memory = omen_graph_memory_init(region, bytes, build->meta.m, build->model->space.payload_bytes,
										   (1 + omen_hnsw_mean_pages(build->model->codes.dim_padded)) *
										   build->model->per_page[OMEN_HNSW_NODES]);
	build->barrier = &shared->barrier;
	build->rows_done = &shared->build.rows_done;
	BarrierAttach(build->barrier);
	build_team_launch(team, build->index);
	return team;
}

TableScanDesc
hnsw_team_scan(BuildTeam *team, HnswBuild *build)
{
	return table_beginscan_parallel(build->heap, team->scan);
}

void
hnsw_team_end(BuildTeam *team, HnswBuild *build)
{
	/* The workers', who have all ended when the team has. */
	WaitForParallelWorkersToFinish(team->context);
	build->table_rows += team->shared->table_rows;
	build->rows = pg_atomic_read_u64(&team->shared->rows_done);
	build_team_end(team, build->info);
}
