/*
 * ivf_insert.c - one row into a live index.
 *
 * The row's record goes to a row page with room, its posting to the end of the
 * tail that its list is in; both in one WAL record, so that a crash leaves neither alone.
 *
 * Locks.  The whole insertion holds a share lock on the meta block's "page
 * lock" (a heavyweight lock); maintenance, which rewrites lists, takes it
 * exclusively, so the generation cannot change here.  Buffers are locked in
 * the order row page, directory page, last tail page, new page; or row page,
 * meta page.  Scans lock one buffer at a time.  See README.md.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "am/ivf/ivf_am.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "wal/page_edit.h"
#include "wal/page_patch.h"

/* Pages of the chain of row pages with room that are tried before one is added. */
#define CHAIN_HOPS_MAX 32
/* Nearest lists of which one may be the second. */
#define SECOND_CANDIDATES 12

/* Kept for the statement in indexInfo->ii_AmCache. */
typedef struct IvfInsert
{
	const IvfType *type;
	const IvfModel *model;
	MemoryContext model_context;	/* holds the model */
	MemoryContext context;
	OmenArena	arena;			/* of what depends on the model's size */
	OmenCodeQuery query;
	OmenNearest nearest;
	OmenRanking ranking;		/* with spilling */
	BlockNumber *last;			/* [tails] the last page, as far as known; or OMEN_NO_BLOCK */
	float	   *room;			/* [dim] */
	float	   *scratch;
	uint64		keys[OMEN_KEYS_MAX];	/* of the row */
	OmenRowRecord *record;
	uint8_t    *posting;		/* as in a tail page */
} IvfInsert;

static void *
insert_alloc(Relation index, IvfInsert *insert, size_t count, size_t item_bytes)
{
	void	   *memory = omen_arena_zero(&insert->arena, count, item_bytes);

	if (memory == NULL)
		index_page_report(index, OMEN_NO_MEMORY, "");
	return memory;
}

/* Makes the statement's state fit *meta's model. */
static void
use_model(Relation index, IvfInsert *insert, OmenIvfMeta *meta)
{
	uint32		dim;

	if (insert->model != NULL && insert->model->identity == meta->identity &&
		insert->model->generation == meta->generation)
		return;
	insert->model = NULL;
	omen_arena_reset(&insert->arena);
	MemoryContextReset(insert->model_context);
	insert->model = ivf_model(index, meta, insert->model_context);
	dim = insert->model->view.dim_padded;
	insert->room = insert_alloc(index, insert, meta->dim, sizeof(float));
	insert->scratch = insert_alloc(index, insert, omen_ivf_encode_scratch(dim), sizeof(float));
	insert->record = insert_alloc(index, insert, 1, omen_row_bytes(dim, meta->keys));
	insert->posting = insert_alloc(index, insert, 1, omen_tail_posting_bytes(dim, meta->keys));
	insert->last = insert_alloc(index, insert, omen_tails(meta), sizeof(BlockNumber));
	memset(insert->last, 0xFF, omen_tails(meta) * sizeof(BlockNumber));
	if (omen_code_query_init(&insert->query, &insert->arena, dim) != OMEN_OK ||
		omen_nearest_init(&insert->nearest, &insert->arena, insert->model->view.lists) != OMEN_OK)
		index_page_report(index, OMEN_NO_MEMORY, "");
	if (*insert->model->view.spilled &&
		omen_ranking_init(&insert->ranking, &insert->arena, &insert->model->view) != OMEN_OK)
		index_page_report(index, OMEN_NO_MEMORY, "");
}

static IvfInsert *
begin_insert(Relation index, IndexInfo *info)
{
	IvfInsert  *insert = info->ii_AmCache;

	if (insert == NULL)
	{
		insert = MemoryContextAllocZero(info->ii_Context, sizeof(IvfInsert));
		insert->type = ivf_type(index);
		insert->context = AllocSetContextCreate(info->ii_Context, "ivf insert", ALLOCSET_DEFAULT_SIZES);
		insert->model_context = AllocSetContextCreate(info->ii_Context, "ivf insert model", ALLOCSET_SMALL_SIZES);
		ivf_arena_init(&insert->arena, info->ii_Context);
		info->ii_AmCache = insert;
	}
	return insert;
}

/* Codes the row for its nearest list; *point is where it lies. */
static void
code_row(Relation index, IvfInsert *insert, Datum *values, bool *isnull, ItemPointer tid, OmenPoint *point)
{
	const OmenIvfModel *model = &insert->model->view;
	uint32		list = 0;

	point->vector = insert->query.vector;
	ivf_point_from_datum(insert->type, &insert->model->rotation, model->metric, model->mean, *model->lift_sq,
						 PointerGetDatum(PG_DETOAST_DATUM(values[0])), insert->room, insert->scratch, point);
	point->keys = insert->keys;
	ivf_row_keys(index, values, isnull, insert->keys);
	if (model->lists > 1 && !point->last)
	{
		omen_code_query_prepare(&insert->query);
		list = omen_nearest_list(&insert->nearest, model, &insert->query, omen_point_lift(point));
	}
	omen_ivf_encode(model, point, list,
					ivf_tid(tid),
					insert->scratch, insert->record, insert->posting);
}

/* ---- the row page ---- */

static void
check_page(Relation index, Buffer buffer, OmenPageKind kind, uint32 generation)
{
	OmenError	err;
	OmenStatus	status = omen_page_check(BufferGetPage(buffer), BufferGetBlockNumber(buffer), kind, generation, &err);

	if (status != OMEN_OK)
		index_page_report(index, status, err.text);
}

/*
 * The page, locked.  It is checked before the lock as well: a damaged pointer
 * must not make us wait for a lock that we hold, or out of order.  A page of
 * this generation keeps its kind, so looking without a lock is enough.
 */
static Buffer
read_checked(Relation index, BlockNumber block, OmenPageKind kind, uint32 generation, int lock)
{
	Buffer		buffer;

	if (block >= RelationGetNumberOfBlocks(index))
		index_page_report(index, OMEN_CORRUPT, "a page is missing");
	buffer = ReadBuffer(index, block);
	check_page(index, buffer, kind, generation);
	LockBuffer(buffer, lock);
	check_page(index, buffer, kind, generation);
	return buffer;
}

/* The place of a free record on a page of rows, or -1. */
static int
free_place(const char *page, uint32 dim, uint32 keys)
{
	const OmenPageTrailer *trailer = omen_page_trailer_const(page);
	uint32		per_page = omen_rows_per_page(dim, keys);

	if (trailer->count < per_page)
		return (int) trailer->count;
	if (trailer->count > per_page)
		return -1;
	for (uint32 i = 0; i < per_page; i++)
	{
		const OmenRowRecord *record =
			(const OmenRowRecord *) (omen_page_body_const(page) + (size_t) i * omen_row_bytes(dim, keys));

		if (record->state == OMEN_ROW_FREE)
			return (int) i;
	}
	return -1;
}

/* The page, exclusively locked, when it is one of rows and has room; else InvalidBuffer. */
static Buffer
try_row_page(Relation index, const OmenIvfMeta *meta, uint32 dim, BlockNumber block)
{
	Buffer		buffer;

	if (block == InvalidBlockNumber || block >= RelationGetNumberOfBlocks(index))
		return InvalidBuffer;
	buffer = ReadBuffer(index, block);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	if (!PageIsNew(BufferGetPage(buffer)) &&
		omen_page_check(BufferGetPage(buffer), block, OMEN_PAGE_ROW, meta->row_generation, NULL) == OMEN_OK &&
		free_place(BufferGetPage(buffer), dim, meta->keys) >= 0)
		return buffer;
	UnlockReleaseBuffer(buffer);
	return InvalidBuffer;
}

/* A new row page, in front of the chain of those with room; exclusively locked. */
static Buffer
add_row_page(Relation index, const OmenIvfMeta *meta, uint32 dim)
{
	Buffer		buffer = index_page_new(index, MAIN_FORKNUM);
	BlockNumber block = BufferGetBlockNumber(buffer);
	Buffer		meta_buffer = ReadBuffer(index, OMEN_META_BLOCK);
	PageEdit	edit;
	char	   *page;
	OmenIvfMeta *changed;

	if (block >= OMEN_NO_SLOT / omen_rows_per_page(dim, meta->keys))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("index \"%s\" cannot hold more rows", RelationGetRelationName(index)),
				 errhint("Partition the table.")));
	LockBuffer(meta_buffer, BUFFER_LOCK_EXCLUSIVE);
	page_edit_begin(&edit, index);
	page = page_edit_add_new(&edit, buffer);
	changed = (OmenIvfMeta *) omen_page_body(page_edit_add(&edit, meta_buffer));
	index_page_init(page, OMEN_PAGE_ROW, meta->row_generation, 1);
	omen_page_trailer(page)->next = changed->free_rows;
	changed->free_rows = block;
	page_edit_commit(&edit);
	UnlockReleaseBuffer(meta_buffer);
	return buffer;
}

/* Takes a full page, exclusively locked, off the chain, if it is the first (still). */
static void
unchain_row_page(Relation index, Buffer buffer)
{
	Buffer		meta_buffer = ReadBuffer(index, OMEN_META_BLOCK);

	LockBuffer(meta_buffer, BUFFER_LOCK_EXCLUSIVE);
	if (((OmenIvfMeta *) omen_page_body(BufferGetPage(meta_buffer)))->free_rows == BufferGetBlockNumber(buffer))
	{
		PageEdit	edit;
		OmenPageTrailer *trailer;

		page_edit_begin(&edit, index);
		trailer = omen_page_trailer(page_edit_add(&edit, buffer));
		((OmenIvfMeta *) omen_page_body(page_edit_add(&edit, meta_buffer)))->free_rows = trailer->next;
		trailer->next = OMEN_NO_BLOCK;
		trailer->list = 0;
		page_edit_commit(&edit);
	}
	UnlockReleaseBuffer(meta_buffer);
}

static BlockNumber
first_row_page(Relation index)
{
	Buffer		meta_buffer = ReadBuffer(index, OMEN_META_BLOCK);
	BlockNumber block;

	LockBuffer(meta_buffer, BUFFER_LOCK_SHARE);
	block = ((OmenIvfMeta *) omen_page_body(BufferGetPage(meta_buffer)))->free_rows;
	UnlockReleaseBuffer(meta_buffer);
	return block;
}

/*
 * A page of the chain with room, exclusively locked; InvalidBuffer when the
 * first few are full or others are at them.  A page found full at the chain's
 * front leaves it.  The link to the next is read without a lock: whatever it
 * says, the page it leads to is looked at before it is used.
 */
static Buffer
try_chain(Relation index, const OmenIvfMeta *meta, uint32 dim)
{
	BlockNumber first = first_row_page(index);
	BlockNumber block = first;

	for (int hops = 0; block != OMEN_NO_BLOCK && hops < CHAIN_HOPS_MAX; hops++)
	{
		Buffer		buffer;
		BlockNumber next;

		if (block >= RelationGetNumberOfBlocks(index))
			index_page_report(index, OMEN_CORRUPT, "a page is missing");
		buffer = ReadBuffer(index, block);
		check_page(index, buffer, OMEN_PAGE_ROW, meta->row_generation);
		next = omen_page_trailer_const(BufferGetPage(buffer))->next;
		if (ConditionalLockBuffer(buffer))
		{
			if (free_place(BufferGetPage(buffer), dim, meta->keys) >= 0)
				return buffer;
			if (block == first)
			{
				unchain_row_page(index, buffer);
				next = first = first_row_page(index);
			}
			UnlockReleaseBuffer(buffer);
		}
		else
			ReleaseBuffer(buffer);
		block = next;
	}
	return InvalidBuffer;
}

/*
 * An exclusively locked row page with room.  Each backend goes on with the
 * page it used last; else it takes one of the chain that nobody is at; else it
 * adds one.  So backends inserting at the same time keep apart, and those that
 * come one after another fill the same page.
 */
static Buffer
find_row_page(Relation index, const OmenIvfMeta *meta, uint32 dim)
{
	Buffer		buffer = try_row_page(index, meta, dim, RelationGetTargetBlock(index));

	if (buffer == InvalidBuffer)
		buffer = try_chain(index, meta, dim);
	if (buffer == InvalidBuffer)
		buffer = add_row_page(index, meta, dim);
	RelationSetTargetBlock(index, BufferGetBlockNumber(buffer));
	return buffer;
}

/* ---- the tail ---- */

static OmenDirectoryEntry *
directory_entry(char *page, uint32 tail)
{
	return (OmenDirectoryEntry *) omen_page_body(page) + tail % OMEN_DIRECTORY_PER_PAGE;
}

/* Says in the meta page, once a generation, that scans have to look at tails. */
static void
note_tails(Relation index, OmenIvfMeta *meta)
{
	Buffer		buffer = ReadBuffer(index, OMEN_META_BLOCK);
	PageEdit	edit;
	char	   *page;

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	page_edit_begin(&edit, index);
	page = page_edit_add(&edit, buffer);
	((OmenIvfMeta *) omen_page_body(page))->has_tails = 1;
	page_edit_commit(&edit);
	UnlockReleaseBuffer(buffer);
	meta->has_tails = 1;
}

/* A new, empty tail page, linked behind the last (or the first of its tail); returns its block. */
static BlockNumber
add_tail_page(Relation index, const OmenIvfMeta *meta, Buffer directory_buffer, uint32 tail)
{
	OmenDirectoryEntry entry = *directory_entry(BufferGetPage(directory_buffer), tail);
	Buffer		last = InvalidBuffer;
	Buffer		buffer;
	BlockNumber block;
	PageEdit	edit;
	OmenDirectoryEntry *changed;

	if (entry.tail_last != OMEN_NO_BLOCK)
		last = read_checked(index, entry.tail_last, OMEN_PAGE_TAIL, meta->generation, BUFFER_LOCK_EXCLUSIVE);
	buffer = index_page_new(index, MAIN_FORKNUM);
	block = BufferGetBlockNumber(buffer);

	page_edit_begin(&edit, index);
	index_page_init(page_edit_add_new(&edit, buffer), OMEN_PAGE_TAIL, meta->generation, tail);
	changed = directory_entry(page_edit_add(&edit, directory_buffer), tail);
	if (last != InvalidBuffer)
		omen_page_trailer(page_edit_add(&edit, last))->next = block;
	else
		changed->tail_first = block;
	changed->tail_last = block;
	changed->tail_pages++;
	page_edit_commit(&edit);

	UnlockReleaseBuffer(buffer);
	if (last != InvalidBuffer)
		UnlockReleaseBuffer(last);
	return block;
}

/* The tail's page, exclusively locked, if it has room; else InvalidBuffer. */
static Buffer
tail_page_with_room(Relation index, const IvfInsert *insert, const OmenIvfMeta *meta, BlockNumber block, uint32 tail)
{
	Buffer		buffer;
	const OmenPageTrailer *trailer;

	if (block == OMEN_NO_BLOCK)
		return InvalidBuffer;
	buffer = read_checked(index, block, OMEN_PAGE_TAIL, meta->generation, BUFFER_LOCK_EXCLUSIVE);
	trailer = omen_page_trailer_const(BufferGetPage(buffer));
	if (trailer->list != tail)
		index_page_report(index, OMEN_CORRUPT, "a page belongs to another tail");
	if (trailer->count < omen_postings_per_tail(insert->model->view.dim_padded, meta->keys))
		return buffer;
	UnlockReleaseBuffer(buffer);
	return InvalidBuffer;
}

/*
 * The tail's last page, exclusively locked, with room.  Where it was last is
 * remembered: a page of this generation stays in its tail, and one that has
 * room is the last.
 */
static Buffer
find_tail_page(Relation index, IvfInsert *insert, const OmenIvfMeta *meta, uint32 tail)
{
	Buffer		buffer = tail_page_with_room(index, insert, meta, insert->last[tail], tail);
	Buffer		directory;

	if (buffer != InvalidBuffer)
		return buffer;
	directory = read_checked(index, insert->model->view.directory_map[tail / OMEN_DIRECTORY_PER_PAGE],
							 OMEN_PAGE_DIRECTORY, meta->generation, BUFFER_LOCK_EXCLUSIVE);
	do
	{
		BlockNumber last = directory_entry(BufferGetPage(directory), tail)->tail_last;

		/* Full: but another may have been faster. */
		if (last == insert->last[tail])
			last = add_tail_page(index, meta, directory, tail);
		insert->last[tail] = last;
		buffer = tail_page_with_room(index, insert, meta, last, tail);
	} while (buffer == InvalidBuffer);
	UnlockReleaseBuffer(directory);
	return buffer;
}

/* ---- record and posting ---- */

/* The posting, its slot and list filled in, behind the others of its page. */
static void
put_posting(PagePatch *patch, IvfInsert *insert, const OmenIvfMeta *meta, Buffer tail_buffer, uint32 slot,
			uint32 list)
{
	uint32		dim = insert->model->view.dim_padded;
	uint32		posting_bytes = omen_posting_bytes(dim, meta->keys);
	uint32		tail_posting_bytes = omen_tail_posting_bytes(dim, meta->keys);
	char	   *page = BufferGetPage(tail_buffer);
	OmenPageTrailer *postings = omen_page_trailer(page);
	uint32		count = postings->count + 1;

	memcpy(insert->posting + posting_bytes - sizeof(slot), &slot, sizeof(slot));
	memcpy(insert->posting + posting_bytes, &list, sizeof(list));
	page_patch_put(patch, tail_buffer, omen_page_body(page) + (size_t) postings->count * tail_posting_bytes,
				   insert->posting, tail_posting_bytes);
	page_patch_put(patch, tail_buffer, &postings->count, &count, sizeof(count));
	page_patch_put_used(patch, tail_buffer, count * tail_posting_bytes);
}

/* As one change: the record to a free place of its page, and the posting.  Returns the record's slot. */
static uint32
put_row(Relation index, IvfInsert *insert, const OmenIvfMeta *meta, Buffer row_buffer, Buffer tail_buffer)
{
	uint32		dim = insert->model->view.dim_padded;
	uint32		row_bytes = omen_row_bytes(dim, meta->keys);
	char	   *row_page = BufferGetPage(row_buffer);
	OmenPageTrailer *rows = omen_page_trailer(row_page);
	uint32		place = (uint32) free_place(row_page, dim, meta->keys);
	uint32		slot = BufferGetBlockNumber(row_buffer) * omen_rows_per_page(dim, meta->keys) + place;
	uint32		row_count = rows->count + 1;
	PagePatch	patch;

	page_patch_begin(&patch, index);
	page_patch_put(&patch, row_buffer, omen_page_body(row_page) + (size_t) place * row_bytes,
				   insert->record, row_bytes);
	if (place == rows->count)
	{
		page_patch_put(&patch, row_buffer, &rows->count, &row_count, sizeof(row_count));
		page_patch_put_used(&patch, row_buffer, row_count * row_bytes);
	}
	put_posting(&patch, insert, meta, tail_buffer, slot, insert->record->list);
	page_patch_commit(&patch);
	return slot;
}

/* Returns the row's slot. */
static uint32
store_row(Relation index, IvfInsert *insert, const OmenIvfMeta *meta)
{
	Buffer		row_buffer = find_row_page(index, meta, insert->model->view.dim_padded);
	Buffer		tail_buffer = find_tail_page(index, insert, meta, insert->record->list / meta->lists_per_tail);

	uint32		slot = put_row(index, insert, meta, row_buffer, tail_buffer);

	UnlockReleaseBuffer(tail_buffer);
	UnlockReleaseBuffer(row_buffer);
	return slot;
}

/*
 * The row's posting in a second list, in a WAL record of its own.  Without it,
 * after a crash in between, the row is in its first list only: as right, and a
 * little harder to find.
 */
static void
store_second(Relation index, IvfInsert *insert, const OmenIvfMeta *meta, const OmenPoint *point, uint32 slot)
{
	const OmenIvfModel *model = &insert->model->view;
	uint32		list;
	Buffer		buffer;
	PagePatch	patch;

	omen_ranking_begin(&insert->ranking, model, &insert->query);
	omen_ranking_extend(&insert->ranking, model, &insert->query, SECOND_CANDIDATES);
	list = omen_ranking_second(&insert->ranking, model, &insert->query, insert->record->list, insert->scratch);
	omen_ivf_encode_posting(model, point, list, insert->scratch, insert->posting);
	buffer = find_tail_page(index, insert, meta, list / meta->lists_per_tail);
	page_patch_begin(&patch, index);
	put_posting(&patch, insert, meta, buffer, slot, list);
	page_patch_commit(&patch);
	UnlockReleaseBuffer(buffer);
}

bool
ivf_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation heap,
		   IndexUniqueCheck unique, bool unchanged, IndexInfo *indexInfo)
{
	IvfInsert  *insert;
	OmenIvfMeta meta;
	OmenPoint	point = {0};
	MemoryContext old;
	uint32		slot;

	if (isnull[0])
		return false;
	insert = begin_insert(index, indexInfo);
	old = MemoryContextSwitchTo(insert->context);
	LockPage(index, OMEN_META_BLOCK, ShareLock);
	ivf_read_meta(index, &meta);
	use_model(index, insert, &meta);
	code_row(index, insert, values, isnull, tid, &point);
	if (!meta.has_tails)
		note_tails(index, &meta);
	slot = store_row(index, insert, &meta);
	if (*insert->model->view.spilled && !point.last)
		store_second(index, insert, &meta, &point, slot);
	UnlockPage(index, OMEN_META_BLOCK, ShareLock);
	MemoryContextSwitchTo(old);
	MemoryContextReset(insert->context);
	return false;
}
