/*
 * ivf_build.h - what a build and its parallel workers share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_IVF_BUILD_H
#define OMEN_IVF_BUILD_H

#include "am/ivf/ivf_train.h"
#include "port/atomics.h"
#include "toast/toast_reader.h"

typedef struct IvfBuild
{
	Relation	heap;			/* NULL: an empty index for the initial fork */
	Relation	index;
	IndexInfo  *info;
	const IvfType *type;
	uint64		seed;
	OmenArena	arena;
	OmenRotation rotation;
	float	   *room;			/* [dim] */
	float	   *scratch;
	uint64		keys[OMEN_KEYS_MAX];	/* of the row at hand */
	MemoryContext row_context;	/* reset for each row */
	ToastReader *toast;
	double		rows;			/* of the table blocks read so far */
	IvfTraining training;
	IvfWriter  *writer;
	pg_atomic_uint64 *rows_done;	/* by all who code rows, or NULL: alone */
} IvfBuild;

extern void ivf_build_begin(IvfBuild *build, Relation heap, Relation index, IndexInfo *info, uint64 seed);
extern void ivf_build_end(IvfBuild *build);

/* Codes a row: for table_index_build_scan, the build as its state. */
extern void ivf_build_add_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *state);

/* Workers at work for a build (ivf_parallel.c). */
typedef struct IvfTeam IvfTeam;

/* Starts workers for coding rows; NULL when there are to be none.  The build has its model. */
extern IvfTeam *ivf_team_start(IvfBuild *build, const OmenIvfMeta *meta, const OmenByteRows *queries);

/* Codes all rows together, this process too; returns how many the table has.  The writer then has all. */
extern double ivf_team_code_rows(IvfTeam *ivf, IvfBuild *build);

/* When the writer has written its lists. */
extern void ivf_team_end(IvfTeam *ivf, IvfBuild *build);

#endif							/* OMEN_IVF_BUILD_H */
