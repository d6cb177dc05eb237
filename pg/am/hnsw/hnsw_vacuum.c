/*
 * hnsw_vacuum.c - taking deleted rows out, and mending the graph.
 *
 * 1. Rows of the table that are gone leave their nodes; a node without rows is
 *    marked dead.  It still leads on.
 * 2. So are the nodes above that stand for it; when searches enter at such a
 *    one, they are given another entry.
 * 3. Live nodes that link to dead ones are led past them (omen_graph_repair).
 * 4. Places of the dead are freed, those above first.
 *
 * Each pass goes over the file page by page, and does again what one that was
 * stopped had done: dead nodes are found by their mark.  Pages and nodes that
 * come to be meanwhile hold no row that could be dead already.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "am/hnsw/hnsw_am.h"
#include "commands/vacuum.h"
#include "page/foreign_index.h"
#include "utils/memutils.h"
#include "wal/page_edit.h"

typedef struct HnswVacuum
{
	HnswStore	store;
	HnswModel  *model;
	BufferAccessStrategy strategy;
	BlockNumber blocks;			/* to be visited */
	IndexBulkDeleteCallback callback;
	void	   *callback_state;
	IndexBulkDeleteResult *stats;
	uint8	   *dead[2];		/* one bit a number: nodes of level 0, nodes above */
	uint64		numbers[2];
	uint64		dead_count;
	OmenGraphEntry best;		/* highest live node seen */
	OmenArena	arena;
	OmenGraphWork work;
} HnswVacuum;

static bool
is_dead(const HnswVacuum *vacuum, int place_kind, uint32 number)
{
	return number < vacuum->numbers[place_kind] && (vacuum->dead[place_kind][number / 8] >> (number % 8) & 1);
}

static void
note_dead(HnswVacuum *vacuum, int place_kind, uint32 number)
{
	if (number >= vacuum->numbers[place_kind])
		return;
	vacuum->dead[place_kind][number / 8] |= (uint8) (1 << number % 8);
	vacuum->dead_count++;
}

static void
note_live(HnswVacuum *vacuum, uint32 level, uint32 number)
{
	if (vacuum->best.number == OMEN_GRAPH_NONE || level > vacuum->best.level)
		vacuum->best = (OmenGraphEntry) {number, level};
}

/* Locks each page of this kind in turn and passes it on; `visit` gives it back. */
static void
visit_pages(HnswVacuum *vacuum, int place_kind, int lock, void (*visit) (HnswVacuum *vacuum, Buffer buffer))
{
	for (BlockNumber block = 1; block < vacuum->blocks; block++)
	{
		Buffer		buffer;
		const OmenPageTrailer *trailer;

		vacuum_delay_point_compat();
		buffer = ReadBufferExtended(vacuum->store.index, MAIN_FORKNUM, block, RBM_NORMAL, vacuum->strategy);
		LockBuffer(buffer, lock);
		trailer = omen_page_trailer_const(BufferGetPage(buffer));
		if (PageIsNew(BufferGetPage(buffer)) || trailer->magic != OMEN_PAGE_MAGIC ||
			trailer->version != OMEN_PAGE_VERSION || trailer->kind != hnsw_page_kind(place_kind))
		{
			UnlockReleaseBuffer(buffer);
			continue;
		}
		if (trailer->count > vacuum->model->per_page[place_kind])
			index_page_report(vacuum->store.index, OMEN_CORRUPT, "a page counts more items than fit");
		visit(vacuum, buffer);
	}
}

static uint32
first_number(const HnswVacuum *vacuum, Buffer buffer, int place_kind)
{
	return BufferGetBlockNumber(buffer) * vacuum->model->per_page[place_kind];
}

static OmenGraphNode *
node_at(const HnswVacuum *vacuum, char *page, int place_kind, uint32 place)
{
	return hnsw_item(vacuum->model, page, place_kind, place);
}

/* ---- first pass: rows ---- */

/* Whether the row is gone from the table. */
static bool
row_is_gone(HnswVacuum *vacuum, OmenGraphRow row)
{
	ItemPointerData tid = {{row.block_hi, row.block_lo}, row.offset};
	bool		gone = vacuum->callback(&tid, vacuum->callback_state);

	if (gone)
		vacuum->stats->tuples_removed++;
	else
		vacuum->stats->num_index_tuples++;
	return gone;
}

/*
 * Takes rows that are gone out of a node's chunks; returns how many remain.
 * The node's page is locked: nobody adds rows meanwhile.
 */
static uint64
clean_rows(HnswVacuum *vacuum, uint32 owner, uint32 chunk)
{
	uint64		remain = 0;
	HnswWalk	walk = {0};
	OmenGraphRows *rows;
	Buffer		buffer;

	while ((buffer = hnsw_read_rows(&vacuum->store, chunk, owner, BUFFER_LOCK_EXCLUSIVE, &rows)) != InvalidBuffer)
	{
		OmenGraphRows kept = *rows;

		hnsw_walk_step(&walk, vacuum->store.index, chunk);
		kept.count = 0;
		for (uint32 r = 0; r < rows->count; r++)
			if (!row_is_gone(vacuum, rows->rows[r]))
				kept.rows[kept.count++] = rows->rows[r];
		remain += kept.count;
		if (kept.count < rows->count)
		{
			PageEdit	edit;
			char	   *page;

			page_edit_begin(&edit, vacuum->store.index);
			page = page_edit_add(&edit, buffer);
			memcpy(hnsw_item(vacuum->model, page, OMEN_HNSW_ROWS, chunk % vacuum->model->per_page[OMEN_HNSW_ROWS]),
				   &kept, sizeof(kept));
			page_edit_commit(&edit);
		}
		chunk = kept.next;
		UnlockReleaseBuffer(buffer);
	}
	return remain;
}

static void
clean_nodes(HnswVacuum *vacuum, Buffer buffer)
{
	char	   *page = BufferGetPage(buffer);
	uint32		count = omen_page_trailer(page)->count;
	uint32		first = first_number(vacuum, buffer, OMEN_HNSW_NODES);
	bool	   *gone = palloc0(count + 1);
	bool	   *empty = palloc0(count + 1);
	bool		changed = false;

	for (uint32 place = 0; place < count; place++)
	{
		const OmenGraphNode *node = node_at(vacuum, page, OMEN_HNSW_NODES, place);

		if (node->state == OMEN_NODE_LIVE)
		{
			uint64		remain = clean_rows(vacuum, first + place, node->down);

			if (node->row.offset != 0)
				gone[place] = row_is_gone(vacuum, node->row);
			empty[place] = remain == 0 && (gone[place] || node->row.offset == 0);
			changed |= gone[place] || empty[place];
		}
		if (empty[place] || node->state == OMEN_NODE_DEAD)
			note_dead(vacuum, OMEN_HNSW_NODES, first + place);
		else if (node->state == OMEN_NODE_LIVE)
			note_live(vacuum, 0, first + place);
	}
	if (changed)
	{
		PageEdit	edit;

		page_edit_begin(&edit, vacuum->store.index);
		page = page_edit_add(&edit, buffer);
		for (uint32 place = 0; place < count; place++)
		{
			OmenGraphNode *node = node_at(vacuum, page, OMEN_HNSW_NODES, place);

			if (gone[place])
				node->row = (OmenGraphRow) {0, 0, 0};
			if (empty[place])
				node->state = OMEN_NODE_DEAD;
		}
		page_edit_commit(&edit);
	}
	UnlockReleaseBuffer(buffer);
	pfree(gone);
	pfree(empty);
}

/* ---- second pass: nodes above ---- */

static void
mark_upper(HnswVacuum *vacuum, Buffer buffer)
{
	char	   *page = BufferGetPage(buffer);
	uint32		count = omen_page_trailer(page)->count;
	uint32		first = first_number(vacuum, buffer, OMEN_HNSW_UPPER);
	bool		changed = false;
	PageEdit	edit;

	for (uint32 place = 0; place < count; place++)
	{
		const OmenGraphNode *node = node_at(vacuum, page, OMEN_HNSW_UPPER, place);

		if (node->state == OMEN_NODE_DEAD || is_dead(vacuum, OMEN_HNSW_NODES, node->base))
		{
			changed |= node->state == OMEN_NODE_LIVE;
			if (node->state != OMEN_NODE_FREE)
				note_dead(vacuum, OMEN_HNSW_UPPER, first + place);
		}
		else if (node->state == OMEN_NODE_LIVE)
			note_live(vacuum, node->level, first + place);
	}
	if (changed)
	{
		page_edit_begin(&edit, vacuum->store.index);
		page = page_edit_add(&edit, buffer);
		for (uint32 place = 0; place < count; place++)
		{
			OmenGraphNode *node = node_at(vacuum, page, OMEN_HNSW_UPPER, place);

			if (node->state == OMEN_NODE_LIVE && is_dead(vacuum, OMEN_HNSW_UPPER, first + place))
				node->state = OMEN_NODE_DEAD;
		}
		page_edit_commit(&edit);
	}
	UnlockReleaseBuffer(buffer);
}

static void
find_live(HnswVacuum *vacuum, Buffer buffer)
{
	char	   *page = BufferGetPage(buffer);

	for (uint32 place = 0; place < omen_page_trailer(page)->count; place++)
		if (node_at(vacuum, page, OMEN_HNSW_NODES, place)->state == OMEN_NODE_LIVE)
			note_live(vacuum, 0, first_number(vacuum, buffer, OMEN_HNSW_NODES) + place);
	UnlockReleaseBuffer(buffer);
}

/* Searches enter at the highest live node from now on, if they enter at a dead one. */
static void
replace_entry(HnswVacuum *vacuum)
{
	Relation	index = vacuum->store.index;
	Buffer		buffer = ReadBuffer(index, OMEN_META_BLOCK);
	OmenHnswMeta *meta;

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	meta = (OmenHnswMeta *) omen_page_body(BufferGetPage(buffer));
	if (meta->entry_number != OMEN_GRAPH_NONE &&
		is_dead(vacuum, meta->entry_level == 0 ? OMEN_HNSW_NODES : OMEN_HNSW_UPPER, meta->entry_number))
	{
		PageEdit	edit;

		page_edit_begin(&edit, index);
		meta = (OmenHnswMeta *) omen_page_body(page_edit_add(&edit, buffer));
		meta->entry_number = vacuum->best.number;
		meta->entry_level = vacuum->best.level;
		page_edit_commit(&edit);
	}
	UnlockReleaseBuffer(buffer);
}

/* ---- third pass: links ---- */

static void
repair_page(HnswVacuum *vacuum, Buffer buffer, int place_kind)
{
	char	   *page = BufferGetPage(buffer);
	uint32		count = omen_page_trailer(page)->count;
	uint32		first = first_number(vacuum, buffer, place_kind);
	bool	   *broken = palloc0(count + 1);
	uint8	   *levels = palloc0(count + 1);

	for (uint32 place = 0; place < count; place++)
	{
		const OmenGraphNode *node = node_at(vacuum, page, place_kind, place);
		uint32		links = Min(node->link_count, omen_graph_room(vacuum->model->m, node->level));

		for (uint32 i = 0; i < links && node->state == OMEN_NODE_LIVE && !broken[place]; i++)
			broken[place] = is_dead(vacuum, place_kind, omen_graph_links_const(node)[i]);
		levels[place] = node->level;
	}
	UnlockReleaseBuffer(buffer);
	for (uint32 place = 0; place < count; place++)
		if (broken[place])
		{
			OmenStatus	status = omen_graph_repair(&vacuum->work, levels[place], first + place,
												   hnsw_read_entry(vacuum->store.index));

			if (status != OMEN_OK)
				index_page_report(vacuum->store.index, status, "");
		}
	pfree(broken);
	pfree(levels);
}

static void
repair_nodes(HnswVacuum *vacuum, Buffer buffer)
{
	repair_page(vacuum, buffer, OMEN_HNSW_NODES);
}

static void
repair_upper(HnswVacuum *vacuum, Buffer buffer)
{
	repair_page(vacuum, buffer, OMEN_HNSW_UPPER);
}

/* ---- fourth pass: places ---- */

static bool
is_dead_upper(const void *item, uint32 number, void *state)
{
	return ((const OmenGraphNode *) item)->state == OMEN_NODE_DEAD && is_dead(state, OMEN_HNSW_UPPER, number);
}

static bool
is_dead_node(const void *item, uint32 number, void *state)
{
	return ((const OmenGraphNode *) item)->state == OMEN_NODE_DEAD && is_dead(state, OMEN_HNSW_NODES, number);
}

static bool
is_rows_of_dead(const void *item, uint32 number, void *state)
{
	const OmenGraphRows *rows = item;

	return rows->owner != OMEN_GRAPH_NONE && is_dead(state, OMEN_HNSW_NODES, rows->owner);
}

static void
free_upper(HnswVacuum *vacuum, Buffer buffer)
{
	hnsw_free_items(&vacuum->store, buffer, OMEN_HNSW_UPPER, is_dead_upper, vacuum);
	UnlockReleaseBuffer(buffer);
}

static void
free_rows(HnswVacuum *vacuum, Buffer buffer)
{
	hnsw_free_items(&vacuum->store, buffer, OMEN_HNSW_ROWS, is_rows_of_dead, vacuum);
	UnlockReleaseBuffer(buffer);
}

static void
free_nodes(HnswVacuum *vacuum, Buffer buffer)
{
	hnsw_free_items(&vacuum->store, buffer, OMEN_HNSW_NODES, is_dead_node, vacuum);
	UnlockReleaseBuffer(buffer);
}

static void
begin_vacuum(HnswVacuum *vacuum, Relation index)
{
	OmenHnswMeta meta;
	OmenGraphStore store;

	hnsw_read_meta(index, &meta);
	vacuum->model = hnsw_model(index, &meta, CurrentMemoryContext);
	store = hnsw_store(&vacuum->store, index, vacuum->model);
	vacuum->blocks = RelationGetNumberOfBlocks(index);
	vacuum->best.number = OMEN_GRAPH_NONE;
	for (int kind = OMEN_HNSW_NODES; kind <= OMEN_HNSW_UPPER; kind++)
	{
		vacuum->numbers[kind] = (uint64) vacuum->blocks * vacuum->model->per_page[kind];
		vacuum->dead[kind] = MemoryContextAllocExtended(CurrentMemoryContext, vacuum->numbers[kind] / 8 + 1,
														MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	}
	ivf_arena_init(&vacuum->arena, CurrentMemoryContext);
	if (omen_graph_work_init(&vacuum->work, &vacuum->arena, &vacuum->model->space, &store, vacuum->model->m,
							 vacuum->model->ef_construction) != OMEN_OK)
		index_page_report(index, OMEN_NO_MEMORY, "");
}

IndexBulkDeleteResult *
hnsw_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
				 IndexBulkDeleteCallback callback, void *callback_state)
{
	HnswVacuum	vacuum = {
		.strategy = info->strategy,
		.callback = callback,
		.callback_state = callback_state,
	};
	MemoryContext context;
	MemoryContext old;

	if (foreign_index(info->index))
	{
		foreign_index_stamp(info->index);
		return stats;
	}
	context = AllocSetContextCreate(CurrentMemoryContext, "hnsw vacuum", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	if (stats == NULL)
		stats = MemoryContextAllocZero(old, sizeof(IndexBulkDeleteResult));
	vacuum.stats = stats;
	stats->num_index_tuples = 0;
	stats->estimated_count = false;
	begin_vacuum(&vacuum, info->index);
	visit_pages(&vacuum, OMEN_HNSW_NODES, BUFFER_LOCK_EXCLUSIVE, clean_nodes);
	if (vacuum.dead_count > 0)
	{
		visit_pages(&vacuum, OMEN_HNSW_UPPER, BUFFER_LOCK_EXCLUSIVE, mark_upper);
		/* Inserts have gone on. */
		vacuum.blocks = RelationGetNumberOfBlocks(info->index);
		if (vacuum.best.number == OMEN_GRAPH_NONE)
			visit_pages(&vacuum, OMEN_HNSW_NODES, BUFFER_LOCK_SHARE, find_live);
		replace_entry(&vacuum);
		visit_pages(&vacuum, OMEN_HNSW_UPPER, BUFFER_LOCK_SHARE, repair_upper);
		visit_pages(&vacuum, OMEN_HNSW_NODES, BUFFER_LOCK_SHARE, repair_nodes);
		visit_pages(&vacuum, OMEN_HNSW_UPPER, BUFFER_LOCK_EXCLUSIVE, free_upper);
		visit_pages(&vacuum, OMEN_HNSW_ROWS, BUFFER_LOCK_EXCLUSIVE, free_rows);
		visit_pages(&vacuum, OMEN_HNSW_NODES, BUFFER_LOCK_EXCLUSIVE, free_nodes);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	stats->num_pages = RelationGetNumberOfBlocks(info->index);
	return stats;
}

IndexBulkDeleteResult *
hnsw_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	if (info->analyze_only)
		return stats;
	if (stats == NULL)
	{
		/* Nothing was deleted: the table's count is the index's, but for NULLs. */
		stats = palloc0(sizeof(IndexBulkDeleteResult));
		stats->num_index_tuples = info->num_heap_tuples;
		stats->estimated_count = true;
	}
	stats->num_pages = RelationGetNumberOfBlocks(info->index);
	return stats;
}
