/*
 * hnsw_build.c - CREATE INDEX: a look at some rows, then every row into a graph
 * in memory, which is then written to pages.
 *
 * Nodes of level 0 come right after the mean, in an order in which linked ones
 * lie together (core's graph_order.c); numbers of upper nodes and of chunks of
 * rows are moved by what lies before them.
 *
 * When maintenance_work_mem is full, the graph is written and the remaining
 * rows are inserted into its pages, as later ones will be, but for the log: the
 * index is logged as a whole in the end.
 *
 * Parallel workers insert into the same memory, then into the same pages
 * (hnsw_parallel.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "access/parallel.h"
#include "access/xloginsert.h"
#include "am/hnsw/hnsw_build.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "optimizer/plancat.h"
#include "pgstat.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"
#include "utils/sampling.h"

/* Blocks that the rows to be looked at come from: what is found only keeps codes precise, and short. */
#define LOOK_BLOCKS 300

/* ---- what the index is fitted to ---- */

static void
look_at_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *state)
{
	HnswBuild  *build = state;
	MemoryContext old;

	if (isnull[0] || build->look.rows >= HNSW_LOOK_ROWS)
		return;
	old = MemoryContextSwitchTo(build->row_context);
	hnsw_look_at(&build->look, &build->vector, PointerGetDatum(PG_DETOAST_DATUM(values[0])));
	MemoryContextSwitchTo(old);
	MemoryContextReset(build->row_context);
}

static void
look_at_table(HnswBuild *build, const HnswType *type)
{
	BlockNumber total = RelationGetNumberOfBlocks(build->heap);
	BlockSamplerData sampler;

	hnsw_look_init(&build->look, build->model);
	BlockSampler_Init(&sampler, total, LOOK_BLOCKS, (uint32) omen_random_next(&build->random));
	while (BlockSampler_HasMore(&sampler) && build->look.rows < HNSW_LOOK_ROWS)
	{
		CHECK_FOR_INTERRUPTS();
		/* Rows of any visibility will do, but a concurrent build has a snapshot to go by. */
		table_index_build_range_scan(build->heap, build->index, build->info, false,
									 !build->info->ii_Concurrent, false,
									 BlockSampler_Next(&sampler), 1, look_at_row, build, NULL);
	}
	if (hnsw_look_finish(&build->look, build->model, &build->meta))
	{
		MemoryContextDelete(build->model->context);
		build->model = hnsw_model_new(build->index, &build->meta, CurrentMemoryContext);
		hnsw_vector_init(&build->vector, build->model, type);
	}
}

/* ---- writing ---- */

static Buffer
next_page(HnswBuild *build, BlockNumber expected)
{
	Buffer		buffer = index_page_new(build->index, build->fork);

	if (BufferGetBlockNumber(buffer) != expected)
		elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(build->index));
	return buffer;
}

static void
write_meta(HnswBuild *build)
{
	Buffer		buffer = ReadBufferExtended(build->index, build->fork, OMEN_META_BLOCK, RBM_NORMAL, NULL);
	PGAlignedBlock page;

	index_page_init(page.data, OMEN_PAGE_META, 0, 0);
	memcpy(omen_page_body(page.data), &build->meta, sizeof(build->meta));
	index_page_set_used(page.data, sizeof(build->meta));
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	index_page_write(build->index, buffer, false, page.data);
}

static void
write_mean(HnswBuild *build)
{
	uint32		bytes = build->model->mean_bytes;

	for (uint32 sequence = 0; sequence * OMEN_BODY_BYTES < bytes; sequence++)
	{
		uint32		take = Min(bytes - sequence * OMEN_BODY_BYTES, OMEN_BODY_BYTES);
		Buffer		buffer = next_page(build, 1 + sequence);
		PGAlignedBlock page;

		index_page_init(page.data, OMEN_PAGE_MODEL, OMEN_HNSW_GENERATION, sequence);
		memcpy(omen_page_body(page.data), (char *) build->model->mean + (size_t) sequence * OMEN_BODY_BYTES, take);
		omen_page_trailer(page.data)->count = take;
		index_page_set_used(page.data, take);
		index_page_write(build->index, buffer, false, page.data);
	}
}

/* Numbers by which upper nodes and rows are moved, and where nodes of level 0 go. */
typedef struct Moves
{
	uint32		upper;
	uint32		rows;
	uint32		first;			/* of level 0 */
	uint32	   *order;			/* [count] which of them comes to each place, counted from the first */
	uint32	   *places;			/* [count] and the place of each */
} Moves;

static void
move(uint32 *number, uint32 by)
{
	if (*number != OMEN_GRAPH_NONE)
		*number += by;
}

static void
move_node(uint32 *number, const Moves *by)
{
	if (*number != OMEN_GRAPH_NONE)
		*number = by->first + by->places[*number - by->first];
}

/* Turns numbers of memory into those of pages. */
static void
move_links(void *item, int place_kind, const Moves *by)
{
	OmenGraphNode *node = item;

	if (place_kind == OMEN_HNSW_ROWS)
	{
		move_node(&((OmenGraphRows *) item)->owner, by);
		move(&((OmenGraphRows *) item)->next, by->rows);
	}
	else if (place_kind == OMEN_HNSW_NODES)
	{
		move(&node->down, by->rows);
		for (uint32 i = 0; i < node->link_count; i++)
			move_node(&omen_graph_links(node)[i], by);
	}
	else
	{
		if (node->level > 1)
			move(&node->down, by->upper);
		else
			move_node(&node->down, by);
		move_node(&node->base, by);
		for (uint32 i = 0; i < node->link_count; i++)
			move(&omen_graph_links(node)[i], by->upper);
	}
}

static BlockNumber
pages_for(HnswBuild *build, int place_kind)
{
	uint32		per_page = build->model->per_page[place_kind];

	return (omen_graph_item_count(build->memory, place_kind) + per_page - 1) / per_page;
}

/* The block that nodes of level 0 begin at. */
static BlockNumber
first_block(const HnswBuild *build)
{
	return 1 + omen_hnsw_mean_pages(build->model->codes.dim_padded);
}

/* All items of one kind, to pages from *block on. */
static void
write_items(HnswBuild *build, int place_kind, const Moves *by, BlockNumber *block)
{
	uint32		per_page = build->model->per_page[place_kind];
	uint32		bytes = build->model->item_bytes[place_kind];
	uint32		all = omen_graph_item_count(build->memory, place_kind);

	for (uint32 done = 0; done < all;)
	{
		uint32		count = Min(all - done, per_page);
		Buffer		buffer = next_page(build, *block);
		bool		has_room = count < per_page;
		PGAlignedBlock page;

		CHECK_FOR_INTERRUPTS();
		index_page_init(page.data, hnsw_page_kind(place_kind), OMEN_HNSW_GENERATION, has_room);
		for (uint32 i = 0; i < count; i++)
		{
			void	   *item = hnsw_item(build->model, page.data, place_kind, i);
			uint32		number = place_kind == OMEN_HNSW_NODES ? by->first + by->order[done + i] : done + i;

			memcpy(item, omen_graph_item(build->memory, place_kind, number), bytes);
			move_links(item, place_kind, by);
		}
		omen_page_trailer(page.data)->count = count;
		index_page_set_used(page.data, count * bytes);
		index_page_write(build->index, buffer, false, page.data);
		if (has_room)
			build->meta.room[place_kind] = *block;
		done += count;
		++*block;
	}
}

/* Nodes that are linked come together. */
static void
order_nodes(HnswBuild *build, OmenArena *arena, Moves *by)
{
	uint32		count = omen_graph_item_count(build->memory, OMEN_HNSW_NODES);

	by->places = omen_arena_alloc(arena, count + 1, sizeof(uint32));
	if (by->places == NULL ||
		omen_graph_order(build->memory, build->model->m, by->first, build->model->per_page[OMEN_HNSW_NODES], arena,
						 &by->order) != OMEN_OK)
		index_page_report(build->index, OMEN_NO_MEMORY, "");
	for (uint32 place = 0; place < count; place++)
		by->places[by->order[place]] = place;
}

/* The graph in memory to pages. */
static void
write_graph(HnswBuild *build)
{
	uint32	   *per_page = build->model->per_page;
	BlockNumber block = first_block(build);
	BlockNumber upper_block = block + pages_for(build, OMEN_HNSW_NODES);
	BlockNumber rows_block = upper_block + pages_for(build, OMEN_HNSW_UPPER);
	OmenGraphEntry entry = omen_graph_memory_entry(build->memory);
	Moves		by = {
		.upper = upper_block * per_page[OMEN_HNSW_UPPER],
		.rows = rows_block * per_page[OMEN_HNSW_ROWS],
		.first = block * per_page[OMEN_HNSW_NODES],
	};
	OmenArena	arena;

	ivf_arena_init(&arena, CurrentMemoryContext);
	order_nodes(build, &arena, &by);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, HNSW_PHASE_WRITE);
	write_items(build, OMEN_HNSW_NODES, &by, &block);
	write_items(build, OMEN_HNSW_UPPER, &by, &block);
	write_items(build, OMEN_HNSW_ROWS, &by, &block);
	build->meta.entry_number = entry.number;
	build->meta.entry_level = entry.level;
	if (entry.level > 0)
		move(&build->meta.entry_number, by.upper);
	else
		move_node(&build->meta.entry_number, &by);
	write_meta(build);
	omen_arena_reset(&arena);
}

/* ---- rows ---- */

static void
begin_work(HnswBuild *build, OmenGraphStore store)
{
	omen_arena_reset(&build->arena);
	if (omen_graph_work_init(&build->work, &build->arena, &build->model->space, &store, build->model->m,
							 build->model->ef_construction) != OMEN_OK)
		index_page_report(build->index, OMEN_NO_MEMORY, "");
}

static void
continue_in_pages(HnswBuild *build)
{
	begin_work(build, hnsw_store(&build->pages, build->index, build->model));
	build->pages.unlogged = true;
	build->in_pages = true;
}

/*
 * From memory to pages, when all who insert have come here: one of them has
 * found memory full, or its scan has ended.
 */
static void
leave_memory(HnswBuild *build)
{
	if (build->barrier != NULL)
		BarrierArriveAndWait(build->barrier, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
	if (!IsParallelWorker())
		write_graph(build);
	if (build->barrier != NULL)
		BarrierArriveAndWait(build->barrier, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
	continue_in_pages(build);
}

static void
add_to_memory(HnswBuild *build, ItemPointer tid)
{
	OmenGraphRow row = {tid->ip_blkid.bi_hi, tid->ip_blkid.bi_lo, tid->ip_posid};
	uint32		level = omen_graph_draw_level(&build->random, build->model->m);
	OmenStatus	status;

	do
		status = omen_graph_insert(&build->work, build->vector.query, build->vector.payload, row, level,
								   omen_graph_memory_entry(build->memory));
	while (status == OMEN_STALE);
	if (status != OMEN_OK || omen_graph_memory_failed(build->memory))
		index_page_report(build->index, OMEN_NO_MEMORY, "");
}

static void
note_row(HnswBuild *build)
{
	uint64		done = build->rows_done != NULL ? pg_atomic_fetch_add_u64(build->rows_done, 1) + 1 : ++build->rows;

	if (!IsParallelWorker())
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, (int64) done);
}

static void
add_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *state)
{
	HnswBuild  *build = state;
	MemoryContext old;

	if (isnull[0])
		return;
	old = MemoryContextSwitchTo(build->row_context);
	hnsw_vector_row(&build->vector, PointerGetDatum(PG_DETOAST_DATUM(values[0])));
	if (!build->in_pages && omen_graph_memory_is_full(build->memory, build->inserters))
	{
		MemoryContextSwitchTo(old);
		leave_memory(build);
		MemoryContextSwitchTo(build->row_context);
	}
	if (build->in_pages)
		hnsw_add_row(index, &build->work, &build->vector, tid);
	else
		add_to_memory(build, tid);
	MemoryContextSwitchTo(old);
	MemoryContextReset(build->row_context);
	note_row(build);
}

void
hnsw_build_take_part(HnswBuild *build, TableScanDesc scan)
{
	/* The leader is there before its workers, or they might pass without it. */
	int			phase = IsParallelWorker() ? BarrierAttach(build->barrier) : 0;

	/* A worker may come when memory is being written, or was. */
	if (phase == 1)
		BarrierArriveAndWait(build->barrier, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
	if (phase > 0)
		continue_in_pages(build);
	else
		begin_work(build, omen_graph_memory_store(build->memory));
	if (build->heap != NULL)
		build->table_rows = table_index_build_scan(build->heap, build->index, build->info, true, !IsParallelWorker(),
												   add_row, build, scan);
	if (!build->in_pages && !IsParallelWorker())
		leave_memory(build);
	if (build->barrier != NULL)
		BarrierArriveAndDetach(build->barrier);
}

void
hnsw_build_begin(HnswBuild *build, Relation heap, Relation index, IndexInfo *info)
{
	build->heap = heap;
	build->index = index;
	build->info = info;
	build->row_context = AllocSetContextCreate(CurrentMemoryContext, "hnsw row", ALLOCSET_DEFAULT_SIZES);
	build->model = hnsw_model_new(index, &build->meta, CurrentMemoryContext);
	hnsw_vector_init(&build->vector, build->model, hnsw_type(index));
	ivf_arena_init(&build->arena, CurrentMemoryContext);
}

void
hnsw_build_end(HnswBuild *build)
{
	omen_arena_reset(&build->arena);
	MemoryContextDelete(build->row_context);
	MemoryContextDelete(build->model->context);
}

/* ---- the leader ---- */

static void
begin_meta(HnswBuild *build, Relation index)
{
	HnswOptions *options = (HnswOptions *) index->rd_options;
	const HnswType *type = hnsw_type(index);
	uint64		seed;

	if (!pg_strong_random(&seed, sizeof(seed)))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values")));
	build->random.state = seed;
	build->meta = (OmenHnswMeta) {
		.magic = OMEN_HNSW_MAGIC,
		.version = OMEN_HNSW_VERSION,
		.dim = hnsw_dimensions(index),
		.form = type->form,
		.metric = type->metric,
		.seed = seed,
		.identity = omen_random_next(&build->random),
		.m = options ? options->m : HNSW_M_DEFAULT,
		.ef_construction = options ? options->ef_construction : HNSW_EF_CONSTRUCTION_DEFAULT,
		.entry_number = OMEN_GRAPH_NONE,
		.room = {OMEN_NO_BLOCK, OMEN_NO_BLOCK, OMEN_NO_BLOCK},
	};
	if (build->meta.ef_construction < 2 * build->meta.m)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("ef_construction must be at least twice m")));
	hnsw_meta_shape(&build->meta);
}

/* What the graph needs, as far as maintenance_work_mem allows. */
static uint64
memory_wanted(HnswBuild *build)
{
	BlockNumber pages;
	double		rows = 0;
	double		visible;
	uint64		bytes;

	if (build->heap != NULL)
		estimate_rel_size(build->heap, NULL, &pages, &rows, &visible);
	bytes = omen_graph_memory_bytes(build->meta.m, build->model->space.payload_bytes, (uint64) (rows * 1.1 + 1000),
									build->inserters);
	return Min(bytes, (uint64) maintenance_work_mem * 1024);
}

static void
build_fork(HnswBuild *build, Relation heap, Relation index, IndexInfo *info, ForkNumber fork)
{
	BuildTeam  *team;
	uint64		bytes;

	memset(build, 0, sizeof(*build));
	build->fork = fork;
	build->inserters = 1;
	begin_meta(build, index);
	hnsw_build_begin(build, heap, index, info);
	UnlockReleaseBuffer(next_page(build, OMEN_META_BLOCK));
	if (heap != NULL && hnsw_wants_look(build->model->form))
		look_at_table(build, hnsw_type(index));
	write_mean(build);

	bytes = memory_wanted(build);
	team = heap != NULL ? hnsw_team_start(build, bytes) : NULL;
	if (team == NULL)
	{
		bytes = Max(bytes, OMEN_GRAPH_MEMORY_MIN);
		build->memory = omen_graph_memory_init(MemoryContextAllocHuge(CurrentMemoryContext, bytes), bytes,
											   build->meta.m, build->model->space.payload_bytes,
											   first_block(build) * build->model->per_page[OMEN_HNSW_NODES]);
	}
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, HNSW_PHASE_LOAD);
	hnsw_build_take_part(build, team != NULL ? hnsw_team_scan(team, build) : NULL);
	if (team != NULL)
		hnsw_team_end(team, build);
	else
		pfree(build->memory);
	if (RelationNeedsWAL(index) || fork == INIT_FORKNUM)
		log_newpage_range(index, fork, 0, RelationGetNumberOfBlocksInFork(index, fork), true);
	hnsw_build_end(build);
}

IndexBuildResult *
hnsw_build(Relation heap, Relation index, IndexInfo *indexInfo)
{
	IndexBuildResult *result = palloc(sizeof(IndexBuildResult));
	HnswBuild	build;

	build_fork(&build, heap, index, indexInfo, MAIN_FORKNUM);
	result->heap_tuples = build.table_rows;
	result->index_tuples = (double) build.rows;
	return result;
}

/* The initial fork of an unlogged index: what a crash resets it to. */
void
hnsw_build_empty(Relation index)
{
	HnswBuild	build;

	build_fork(&build, NULL, index, NULL, INIT_FORKNUM);
}
