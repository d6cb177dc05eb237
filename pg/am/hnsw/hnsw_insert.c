/*
 * hnsw_insert.c - one row into a live index.
 *
 * All the work is core's, over the pages; see README.md for why no lock spans
 * its steps.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "am/hnsw/hnsw_am.h"
#include "page/foreign_index.h"
#include "utils/memutils.h"

/* Kept for the statement in indexInfo->ii_AmCache. */
typedef struct HnswInsert
{
	HnswVector	vector;
	HnswStore	store;
	OmenArena	arena;
	OmenGraphWork work;
	MemoryContext context;		/* reset for each row */
} HnswInsert;

static HnswInsert *
begin_insert(Relation index, IndexInfo *info)
{
	HnswInsert *insert = info->ii_AmCache;
	MemoryContext old;
	OmenHnswMeta meta;
	HnswModel  *model;
	OmenGraphStore store;

	if (insert != NULL)
		return insert;
	old = MemoryContextSwitchTo(info->ii_Context);
	insert = palloc0(sizeof(HnswInsert));
	hnsw_read_meta(index, &meta);
	model = hnsw_model(index, &meta, info->ii_Context);
	hnsw_vector_init(&insert->vector, model, hnsw_type(index));
	store = hnsw_store(&insert->store, index, model);
	ivf_arena_init(&insert->arena, info->ii_Context);
	if (omen_graph_work_init(&insert->work, &insert->arena, &model->space, &store, model->m,
							 model->ef_construction) != OMEN_OK)
		index_page_report(index, OMEN_NO_MEMORY, "");
	insert->context = AllocSetContextCreate(info->ii_Context, "hnsw insert", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(old);
	info->ii_AmCache = insert;
	return insert;
}

static uint32
draw_level(uint32 m)
{
	static OmenRandom random;

	while (random.state == 0)
		if (!pg_strong_random(&random.state, sizeof(random.state)))
			ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values")));
	return omen_graph_draw_level(&random, m);
}

void
hnsw_add_row(Relation index, OmenGraphWork *work, const HnswVector *vector, ItemPointer tid)
{
	OmenGraphRow row = {tid->ip_blkid.bi_hi, tid->ip_blkid.bi_lo, tid->ip_posid};
	uint32		level = draw_level(work->m);
	OmenGraphEntry entry = {OMEN_GRAPH_NONE, 0};

	for (;;)
	{
		uint32		before = entry.number;
		OmenStatus	status;

		entry = hnsw_read_entry(index);
		status = omen_graph_insert(work, vector->query, vector->payload, row, level, entry);
		if (status == OMEN_OK)
			return;
		if (status != OMEN_STALE)
			index_page_report(index, status, "");
		/* Vacuum names another entry before it frees one. */
		if (entry.number == before)
			index_page_report(index, OMEN_CORRUPT, "its entry leads nowhere");
	}
}

bool
hnsw_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation heap,
			IndexUniqueCheck unique, bool unchanged, IndexInfo *indexInfo)
{
	HnswInsert *insert;
	MemoryContext old;

	if (isnull[0])
		return false;
	if (indexInfo->ii_AmCache == NULL && foreign_index(index))
	{
		foreign_index_stamp(index);
		return false;
	}
	insert = begin_insert(index, indexInfo);
	insert->store.index = insert->store.reader.relation = index;
	old = MemoryContextSwitchTo(insert->context);
	hnsw_vector_row(&insert->vector, PointerGetDatum(PG_DETOAST_DATUM(values[0])));
	hnsw_add_row(index, &insert->work, &insert->vector, tid);
	MemoryContextSwitchTo(old);
	MemoryContextReset(insert->context);
	return false;
}
