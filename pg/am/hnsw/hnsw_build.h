/*
 * hnsw_build.h - what a build and its parallel workers share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_HNSW_BUILD_H
#define OMEN_HNSW_BUILD_H

#include "am/build_workers.h"
#include "am/hnsw/hnsw_am.h"
#include "access/tableam.h"
#include "port/atomics.h"
#include "storage/barrier.h"

typedef struct HnswBuild
{
	Relation	heap;			/* NULL: an empty index for the initial fork */
	Relation	index;
	IndexInfo  *info;
	ForkNumber	fork;
	OmenHnswMeta meta;
	HnswModel  *model;
	HnswVector	vector;
	MemoryContext row_context;	/* reset for each row */
	OmenRandom	random;
	HnswLook	look;
	double		table_rows;
	uint64		rows;			/* in the index, by all who build */

	/* the graph */
	OmenGraphMemory *memory;
	uint32		inserters;		/* into memory at a time, at most */
	bool		in_pages;		/* no longer in memory */
	OmenArena	arena;
	HnswStore	pages;
	OmenGraphWork work;

	/* with workers; NULL otherwise */
	Barrier    *barrier;		/* phase 0: memory, 1: being written, 2: pages */
	pg_atomic_uint64 *rows_done;
} HnswBuild;

/* The model of build->meta, and what every participant needs besides. */
extern void hnsw_build_begin(HnswBuild *build, Relation heap, Relation index, IndexInfo *info);
extern void hnsw_build_end(HnswBuild *build);

/*
 * Puts into the graph all rows, or those that a parallel scan gives this
 * participant; the leader writes it to pages.
 */
extern void hnsw_build_take_part(HnswBuild *build, TableScanDesc scan);

/*
 * Starts workers that share a region of so many bytes; NULL when there are to
 * be none.  build->memory is that region.
 */
extern BuildTeam *hnsw_team_start(HnswBuild *build, uint64 bytes);

/* This process's part of the team's scan. */
extern TableScanDesc hnsw_team_scan(BuildTeam *team, HnswBuild *build);

/* Waits for all, and adds up what they did. */
extern void hnsw_team_end(BuildTeam *team, HnswBuild *build);

#endif							/* OMEN_HNSW_BUILD_H */
