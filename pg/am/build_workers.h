/*
 * build_workers.h - parallel workers for a CREATE INDEX over vectors: how many
 * it may take, and what every such build shares with them.
 *
 * An access method puts a BuildShared in front of what it shares besides, and
 * builds in this order:
 *
 *	leader: build_team_plan, shm_toc_estimate_chunk for what is its own,
 *	build_team_share, chunks of its own, build_team_launch, the work,
 *	build_team_end
 *
 *	worker: build_worker_begin, the work, build_share_add, build_worker_end
 *
 * A worker's error is thrown in the leader.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_BUILD_WORKERS_H
#define OMEN_BUILD_WORKERS_H

#include "access/parallel.h"
#include "access/tableam.h"
#include "nodes/execnodes.h"
#include "port/atomics.h"
#include "storage/spin.h"
#include "utils/relcache.h"

/*
 * As many as for any index of this table (its parallel_workers,
 * max_parallel_maintenance_workers, memory, size), where the size counts values
 * kept out of line too: PostgreSQL looks at the table's main part alone, which
 * is small where vectors are long.  0 without a table, or inside a parallel
 * operation.
 */
extern int	index_build_workers(Relation heap, Relation index);

/* First in an access method's own struct, which is zero otherwise. */
typedef struct BuildShared
{
	Oid			heap;
	Oid			index;
	bool		concurrent;
	pg_atomic_uint64 rows_done;
	slock_t		mutex;			/* of what follows, and of what the access method says */
	double		table_rows;
	bool		broken_hot_chain;
} BuildShared;

typedef struct BuildTeam
{
	ParallelContext *context;
	ParallelTableScanDesc scan;
	BuildShared *shared;
	Snapshot	snapshot;
	Size		scan_bytes;
	Size		text_bytes;
} BuildTeam;

/* Keys of the table of contents from here on are an access method's own. */
#define BUILD_KEY_OWN UINT64CONST(0x4F4D454E00000100)

/* Enters parallel mode for that many workers, which begin in the library's `function`. */
extern BuildTeam *build_team_plan(Relation heap, Relation index, IndexInfo *info, int workers, const char *function);

/* Makes the shared memory, team->shared of so many bytes in it; NULL when there is none to be had. */
extern void *build_team_share(BuildTeam *team, Relation heap, Relation index, IndexInfo *info, Size bytes);

/* A chunk of so many bytes for workers to look up; estimated before. */
extern void *build_team_chunk(BuildTeam *team, uint64 key, Size bytes);

/* How many workers have been begun. */
extern int	build_team_launch(BuildTeam *team, Relation index);

/* Waits for all, and leaves parallel mode. */
extern void build_team_end(BuildTeam *team, IndexInfo *info);

/* Opens what is built, in a worker; returns the access method's struct. */
extern void *build_worker_begin(shm_toc *toc, Relation *heap, Relation *index, IndexInfo **info);
extern TableScanDesc build_worker_scan(shm_toc *toc, Relation heap);
extern void build_worker_end(Relation heap, Relation index);

/* Adds up what a participant's scan found; the mutex is held. */
extern void build_share_add(BuildShared *shared, double table_rows, const IndexInfo *info);

#endif							/* OMEN_BUILD_WORKERS_H */
