/*
 * ivfflat_vacuum.c - deleted rows leave their pages.
 *
 * Each page by itself: its remaining rows move together.  A scan copies row
 * pointers from a page under its lock, so none sees a row twice or not at all.
 * Pages stay in their lists; inserts are told of the first with room.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "am/ivfflat/ivfflat_am.h"
#include "commands/vacuum.h"
#include "page/foreign_index.h"
#include "utils/memutils.h"
#include "wal/page_edit.h"

typedef struct IvfflatVacuum
{
	IvfflatLists lists;
	IndexBulkDeleteResult *stats;
	IndexBulkDeleteCallback callback;
	void	   *callback_state;
	BlockNumber *room;			/* [lists] first page where something was deleted */
	bool	   *dead;			/* [items_per_page] */
} IvfflatVacuum;

static void
clean_page(IvfflatVacuum *vacuum, Buffer buffer)
{
	IvfflatLists *lists = &vacuum->lists;
	char	   *page = BufferGetPage(buffer);
	uint32		list = omen_page_trailer(page)->list;
	uint32		count = omen_page_trailer(page)->count;
	uint32		kept = 0;
	PageEdit	edit;

	if (list >= lists->meta.lists || count > lists->items_per_page)
		index_page_report(lists->index, OMEN_CORRUPT, "a page of rows holds impossible numbers");
	for (uint32 i = 0; i < count; i++)
	{
		OmenTid		at = ivfflat_item_at(lists, page, i)->tid;
		ItemPointerData tid = {{at.block_hi, at.block_lo}, at.offset};

		vacuum->dead[i] = vacuum->callback(&tid, vacuum->callback_state);
		kept += !vacuum->dead[i];
	}
	vacuum->stats->num_index_tuples += kept;
	vacuum->stats->tuples_removed += count - kept;
	if (kept == count)
		return;
	if (vacuum->room[list] == OMEN_NO_BLOCK)
		vacuum->room[list] = BufferGetBlockNumber(buffer);
	page_edit_begin(&edit, lists->index);
	page = page_edit_add(&edit, buffer);
	kept = 0;
	for (uint32 i = 0; i < count; i++)
	{
		if (vacuum->dead[i])
			continue;
		if (i != kept)
			memcpy(ivfflat_item_at(lists, page, kept), ivfflat_item_at(lists, page, i), lists->item_bytes);
		kept++;
	}
	omen_page_trailer(page)->count = kept;
	index_page_set_used(page, kept * lists->item_bytes);
	page_edit_commit(&edit);
}

/* Inserts begin at the first page with room from now on. */
static void
note_room(IvfflatVacuum *vacuum)
{
	IvfflatLists *lists = &vacuum->lists;

	for (uint32 list = 0; list < lists->meta.lists; list++)
	{
		uint32		place;
		Buffer		buffer;

		if (vacuum->room[list] == OMEN_NO_BLOCK)
			continue;
		buffer = ivfflat_list_page(lists, list, BUFFER_LOCK_EXCLUSIVE, &place);
		if (vacuum->room[list] < ivfflat_list_at(lists, BufferGetPage(buffer), place)->room)
		{
			PageEdit	edit;

			page_edit_begin(&edit, lists->index);
			ivfflat_list_at(lists, page_edit_add(&edit, buffer), place)->room = vacuum->room[list];
			page_edit_commit(&edit);
		}
		UnlockReleaseBuffer(buffer);
	}
}

IndexBulkDeleteResult *
ivfflat_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
					IndexBulkDeleteCallback callback, void *callback_state)
{
	IvfflatVacuum vacuum = {.callback = callback, .callback_state = callback_state};
	MemoryContext context;
	MemoryContext old;
	BlockNumber blocks;

	if (foreign_index(info->index))
	{
		foreign_index_stamp(info->index);
		return stats;
	}
	if (stats == NULL)
		stats = palloc0(sizeof(IndexBulkDeleteResult));
	stats->num_index_tuples = 0;
	stats->estimated_count = false;
	vacuum.stats = stats;
	context = AllocSetContextCreate(CurrentMemoryContext, "ivfflat vacuum", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	ivfflat_lists_open(&vacuum.lists, info->index);
	vacuum.dead = palloc(vacuum.lists.items_per_page * sizeof(bool));
	vacuum.room = palloc(vacuum.lists.meta.lists * sizeof(BlockNumber));
	memset(vacuum.room, 0xFF, vacuum.lists.meta.lists * sizeof(BlockNumber));
	/* Pages added meanwhile hold no row that could be dead already. */
	blocks = RelationGetNumberOfBlocks(info->index);
	for (BlockNumber block = vacuum.lists.list_block + ivfflat_pages_of_lists(&vacuum.lists); block < blocks; block++)
	{
		Buffer		buffer = ReadBufferExtended(info->index, MAIN_FORKNUM, block, RBM_NORMAL, info->strategy);

		vacuum_delay_point_compat();
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		if (omen_page_check(BufferGetPage(buffer), block, OMEN_PAGE_LIST, IVFFLAT_GENERATION, NULL) == OMEN_OK)
			clean_page(&vacuum, buffer);
		UnlockReleaseBuffer(buffer);
	}
	note_room(&vacuum);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	stats->num_pages = blocks;
	return stats;
}

IndexBulkDeleteResult *
ivfflat_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
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
