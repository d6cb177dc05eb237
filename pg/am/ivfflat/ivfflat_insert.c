/*
 * ivfflat_insert.c - one row into its list.
 *
 * A list is a chain of pages that only grows.  Where to begin to look for room
 * is a hint, written apart from the row; any page of the list will do.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "am/ivfflat/ivfflat_am.h"
#include "page/foreign_index.h"
#include "utils/memutils.h"
#include "wal/page_edit.h"

/* Kept for the statement in indexInfo->ii_AmCache. */
typedef struct IvfflatInsert
{
	IvfflatLists lists;
	IvfflatItem *item;
	OmenKeyed  *order;			/* [lists] */
	uint32	   *firsts;			/* [lists] */
	MemoryContext context;		/* reset for each row */
} IvfflatInsert;

static IvfflatInsert *
begin_insert(Relation index, IndexInfo *info)
{
	IvfflatInsert *insert = info->ii_AmCache;
	MemoryContext old;

	if (insert != NULL)
		return insert;
	old = MemoryContextSwitchTo(info->ii_Context);
	insert = palloc0(sizeof(IvfflatInsert));
	ivfflat_lists_open(&insert->lists, index);
	insert->item = palloc(insert->lists.item_bytes);
	insert->order = palloc(insert->lists.meta.lists * sizeof(OmenKeyed));
	insert->firsts = palloc(insert->lists.meta.lists * sizeof(uint32));
	insert->context = AllocSetContextCreate(info->ii_Context, "ivfflat insert", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(old);
	info->ii_AmCache = insert;
	return insert;
}

static void
put_item(const IvfflatLists *lists, char *page, const IvfflatItem *item)
{
	OmenPageTrailer *trailer = omen_page_trailer(page);

	memcpy(ivfflat_item_at(lists, page, trailer->count), item, lists->item_bytes);
	trailer->count++;
	index_page_set_used(page, trailer->count * lists->item_bytes);
}

/* A new page with the row; `before` is the list's last page, or the page that has the list itself. */
static BlockNumber
add_page(const IvfflatLists *lists, uint32 list, Buffer before, uint32 list_place, const IvfflatItem *item)
{
	Buffer		buffer = index_page_new(lists->index, MAIN_FORKNUM);
	BlockNumber block = BufferGetBlockNumber(buffer);
	PageEdit	edit;
	char	   *page;

	page_edit_begin(&edit, lists->index);
	page = page_edit_add(&edit, before);
	if (omen_page_trailer(page)->kind == OMEN_PAGE_DIRECTORY)
	{
		IvfflatList *entry = ivfflat_list_at(lists, page, list_place);

		entry->first = entry->room = block;
	}
	else
		omen_page_trailer(page)->next = block;
	page = page_edit_add_new(&edit, buffer);
	index_page_init(page, OMEN_PAGE_LIST, IVFFLAT_GENERATION, list);
	put_item(lists, page, item);
	page_edit_commit(&edit);
	UnlockReleaseBuffer(buffer);
	return block;
}

/* The page where to look for room; OMEN_NO_BLOCK when the list had none, and has one with the row now. */
static BlockNumber
first_with_room(IvfflatLists *lists, uint32 list, const IvfflatItem *item)
{
	uint32		place;
	Buffer		buffer = ivfflat_list_page(lists, list, BUFFER_LOCK_SHARE, &place);
	BlockNumber block = ivfflat_list_at(lists, BufferGetPage(buffer), place)->room;

	UnlockReleaseBuffer(buffer);
	if (block != OMEN_NO_BLOCK)
		return block;
	buffer = ivfflat_list_page(lists, list, BUFFER_LOCK_EXCLUSIVE, &place);
	block = ivfflat_list_at(lists, BufferGetPage(buffer), place)->room;
	if (block == OMEN_NO_BLOCK)
		add_page(lists, list, buffer, place, item);
	UnlockReleaseBuffer(buffer);
	return block;
}

static void
note_room(IvfflatLists *lists, uint32 list, BlockNumber block)
{
	uint32		place;
	Buffer		buffer = ivfflat_list_page(lists, list, BUFFER_LOCK_EXCLUSIVE, &place);
	PageEdit	edit;

	page_edit_begin(&edit, lists->index);
	ivfflat_list_at(lists, page_edit_add(&edit, buffer), place)->room = block;
	page_edit_commit(&edit);
	UnlockReleaseBuffer(buffer);
}

static void
add_to_list(IvfflatLists *lists, uint32 list, const IvfflatItem *item)
{
	BlockNumber hint = first_with_room(lists, list, item);
	BlockNumber block = hint;

	while (block != OMEN_NO_BLOCK)
	{
		Buffer		buffer = ivfflat_read_items(lists, list, block, BUFFER_LOCK_EXCLUSIVE);
		OmenPageTrailer *trailer = omen_page_trailer(BufferGetPage(buffer));
		BlockNumber at = block;

		CHECK_FOR_INTERRUPTS();
		block = OMEN_NO_BLOCK;
		if (trailer->count < lists->items_per_page)
		{
			PageEdit	edit;

			page_edit_begin(&edit, lists->index);
			put_item(lists, page_edit_add(&edit, buffer), item);
			page_edit_commit(&edit);
		}
		else if (trailer->next == OMEN_NO_BLOCK)
			at = add_page(lists, list, buffer, 0, item);
		else
			block = trailer->next;
		UnlockReleaseBuffer(buffer);
		/* Blocks of a list ascend, so a chain ends. */
		if (block <= at)
			index_page_report(lists->index, OMEN_CORRUPT, "a list runs in a circle");
		if (block == OMEN_NO_BLOCK && at != hint)
			note_room(lists, list, at);
	}
}

bool
ivfflat_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation heap,
			   IndexUniqueCheck unique, bool unchanged, IndexInfo *indexInfo)
{
	IvfflatInsert *insert;
	const void *elements;
	MemoryContext old;

	if (isnull[0])
		return false;
	if (indexInfo->ii_AmCache == NULL && foreign_index(index))
	{
		foreign_index_stamp(index);
		return false;
	}
	insert = begin_insert(index, indexInfo);
	insert->lists.index = insert->lists.reader.relation = index;
	old = MemoryContextSwitchTo(insert->context);
	elements = ivfflat_elements(&insert->lists, PointerGetDatum(PG_DETOAST_DATUM(values[0])));
	ivfflat_to_point(&insert->lists, elements);
	ivfflat_make_item(&insert->lists, elements, tid, insert->item);
	ivfflat_rank(&insert->lists, 1, insert->order, insert->firsts);
	add_to_list(&insert->lists, insert->order[0].value, insert->item);
	MemoryContextSwitchTo(old);
	MemoryContextReset(insert->context);
	return false;
}
