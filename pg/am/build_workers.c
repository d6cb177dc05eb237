/*
 * build_workers.c - see build_workers.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "am/build_workers.h"
#include "catalog/index.h"
#include "optimizer/paths.h"
#include "optimizer/optimizer.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "tcop/tcopprot.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#define KEY_SHARED UINT64CONST(0x4F4D454E00000001)
#define KEY_SCAN UINT64CONST(0x4F4D454E00000002)
#define KEY_QUERY_TEXT UINT64CONST(0x4F4D454E00000003)
#define KEYS 3

/* The setting of that name, lowered by the share of the table that lies in its main part. */
static int
least_scan_size(Relation heap)
{
	double		blocks = RelationGetNumberOfBlocks(heap);
	double		toast_blocks = 0;

	if (OidIsValid(heap->rd_rel->reltoastrelid))
	{
		Relation	toast = table_open(heap->rd_rel->reltoastrelid, AccessShareLock);

		toast_blocks = RelationGetNumberOfBlocks(toast);
		table_close(toast, AccessShareLock);
	}
	return blocks == 0 ? min_parallel_table_scan_size
		: (int) (min_parallel_table_scan_size * (blocks / (blocks + toast_blocks)));
}

int
index_build_workers(Relation heap, Relation index)
{
	int			usual = min_parallel_table_scan_size;
	int			workers = 0;

	if (heap == NULL || IsInParallelMode())
		return 0;
	min_parallel_table_scan_size = least_scan_size(heap);
	PG_TRY();
	{
		workers = plan_create_index_workers(RelationGetRelid(heap), RelationGetRelid(index));
	}
	PG_FINALLY();
	{
		min_parallel_table_scan_size = usual;
	}
	PG_END_TRY();
	return workers;
}

/* ---- the leader ---- */

BuildTeam *
build_team_plan(Relation heap, Relation index, IndexInfo *info, int workers, const char *function)
{
	BuildTeam  *team = palloc0(sizeof(BuildTeam));
	shm_toc_estimator *estimator;

	EnterParallelMode();
	team->context = CreateParallelContext("$libdir/omendb_vector", function, workers);
	team->snapshot = info->ii_Concurrent ? RegisterSnapshot(GetTransactionSnapshot()) : SnapshotAny;
	team->scan_bytes = table_parallelscan_estimate(heap, team->snapshot);
	team->text_bytes = debug_query_string ? strlen(debug_query_string) + 1 : 0;
	estimator = &team->context->estimator;
	shm_toc_estimate_chunk(estimator, team->scan_bytes);
	shm_toc_estimate_chunk(estimator, team->text_bytes);
	shm_toc_estimate_keys(estimator, KEYS);
	return team;
}

static void
free_team(BuildTeam *team)
{
	if (IsMVCCSnapshot(team->snapshot))
		UnregisterSnapshot(team->snapshot);
	DestroyParallelContext(team->context);
	ExitParallelMode();
	pfree(team);
}

void *
build_team_chunk(BuildTeam *team, uint64 key, Size bytes)
{
	void	   *chunk = shm_toc_allocate(team->context->toc, bytes);

	shm_toc_insert(team->context->toc, key, chunk);
	return chunk;
}

void *
build_team_share(BuildTeam *team, Relation heap, Relation index, IndexInfo *info, Size bytes)
{
	BuildShared *shared;

	shm_toc_estimate_chunk(&team->context->estimator, bytes);
	InitializeParallelDSM(team->context);
	if (team->context->seg == NULL)
	{
		free_team(team);
		return NULL;
	}
	team->shared = shared = memset(build_team_chunk(team, KEY_SHARED, bytes), 0, bytes);
	shared->heap = RelationGetRelid(heap);
	shared->index = RelationGetRelid(index);
	shared->concurrent = info->ii_Concurrent;
	pg_atomic_init_u64(&shared->rows_done, 0);
	SpinLockInit(&shared->mutex);
	team->scan = build_team_chunk(team, KEY_SCAN, team->scan_bytes);
	table_parallelscan_initialize(heap, team->scan, team->snapshot);
	if (team->text_bytes > 0)
		memcpy(build_team_chunk(team, KEY_QUERY_TEXT, team->text_bytes), debug_query_string, team->text_bytes);
	return shared;
}

int
build_team_launch(BuildTeam *team, Relation index)
{
	LaunchParallelWorkers(team->context);
	ereport(DEBUG1,
			(errmsg_internal("index \"%s\" is built with %d of %d parallel workers",
							 RelationGetRelationName(index), team->context->nworkers_launched,
							 team->context->nworkers)));
	return team->context->nworkers_launched;
}

void
build_team_end(BuildTeam *team, IndexInfo *info)
{
	WaitForParallelWorkersToFinish(team->context);
	info->ii_BrokenHotChain |= team->shared->broken_hot_chain;
	free_team(team);
}

/* ---- a worker ---- */

void *
build_worker_begin(shm_toc *toc, Relation *heap, Relation *index, IndexInfo **info)
{
	BuildShared *shared = shm_toc_lookup(toc, KEY_SHARED, false);

	debug_query_string = shm_toc_lookup(toc, KEY_QUERY_TEXT, true);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);
	*heap = table_open(shared->heap, shared->concurrent ? ShareUpdateExclusiveLock : ShareLock);
	*index = index_open(shared->index, shared->concurrent ? RowExclusiveLock : AccessExclusiveLock);
	*info = BuildIndexInfo(*index);
	(*info)->ii_Concurrent = shared->concurrent;
	return shared;
}

TableScanDesc
build_worker_scan(shm_toc *toc, Relation heap)
{
	return table_beginscan_parallel(heap, shm_toc_lookup(toc, KEY_SCAN, false));
}

void
build_worker_end(Relation heap, Relation index)
{
	index_close(index, NoLock);
	table_close(heap, NoLock);
}

void
build_share_add(BuildShared *shared, double table_rows, const IndexInfo *info)
{
	shared->table_rows += table_rows;
	shared->broken_hot_chain |= info->ii_BrokenHotChain;
}
