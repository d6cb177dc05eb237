/*
 * build_workers.c - see build_workers.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "am/build_workers.h"
#include "optimizer/paths.h"
#include "optimizer/optimizer.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

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
