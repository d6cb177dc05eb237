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

/* Pages of the chain of row pages with room that are tried before one is added. */
#define CHAIN_HOPS_MAX 32
/* Lists measured exactly to find the nearest. */
#define NEAREST_CANDIDATES 12

/* Kept for the statement in indexInfo->ii_AmCache. */
typedef struct IvfInsert
{
	const IvfType *type;
	const IvfModel *model;
	MemoryContext model_context;	/* holds the model */
	MemoryContext context;
	OmenArena	arena;			/* of what depends on the model's size */
	OmenCodeQuery query;
	OmenRanking ranking;
	float	   *room;			/* [dim] */
	float	   *scratch;
	OmenRowRecord *record;
	uint8_t    *posting;
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
	insert->posting = insert_alloc(index, insert, 1, omen_posting_bytes(dim, meta->keys));
	if (omen_code_query_init(&insert->query, &insert->arena, dim) != OMEN_OK ||
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

/* Codes the row for its nearest list. */
static void
code_row(IvfInsert *insert, Datum value, ItemPointer tid)
{
	const OmenIvfModel *model = &insert->model->view;
	OmenPoint	point = {.vector = insert->query.vector};
	uint32		list = 0;

	ivf_point_from_datum(insert->type, &insert->model->rotation, model->metric, model->mean, *model->lift_sq,
						 PointerGetDatum(PG_DETOAST_DATUM(value)), insert->room, insert->scratch, &point);
	if (model->lists > 1 && !point.last)
	{
		omen_code_query_prepare(&insert->query);
		omen_ranking_begin(&insert->ranking, model, &insert->query);
		omen_ranking_extend(&insert->ranking, model, &insert->query, NEAREST_CANDIDATES);
		list = insert->ranking.ranks[0].list;
	}
	omen_ivf_encode(model, &point, list,
					(OmenTid) {tid->ip_blkid.bi_hi, tid->ip_blkid.bi_lo, tid->ip_posid},
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

/* Puts the record on the page being edited; returns its slot. */
static uint32
put_record(char *page, BlockNumber block, const OmenRowRecord *record, uint32 dim, uint32 keys)
{
	OmenPageTrailer *trailer = omen_page_trailer(page);
	uint32		bytes = omen_row_bytes(dim, keys);
	int			place = free_place(page, dim, keys);

	memcpy(omen_page_body(page) + (size_t) place * bytes, record, bytes);
	if ((uint32) place == trailer->count)
		trailer->count++;
	index_page_set_used(page, trailer->count * bytes);
	return block * omen_rows_per_page(dim, keys) + (uint32) place;
}

/* ---- the tail ---- */

static void
put_posting(char *page, const uint8_t *posting, uint32 slot, uint32 list, uint32 dim, uint32 keys)
{
	OmenPageTrailer *trailer = omen_page_trailer(page);
	uint32		bytes = omen_posting_bytes(dim, keys);
	uint8_t    *at = omen_page_body(page) + (size_t) trailer->count * omen_tail_posting_bytes(dim, keys);

	memcpy(at, posting, bytes);
	memcpy(at + bytes - sizeof(slot), &slot, sizeof(slot));
	memcpy(at + bytes, &list, sizeof(list));
	trailer->count++;
	index_page_set_used(page, trailer->count * omen_tail_posting_bytes(dim, keys));
}

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

/* Record and posting, the tail's last page having room. */
static bool
append_to_tail(Relation index, IvfInsert *insert, const OmenIvfMeta *meta, BlockNumber last,
			   Buffer row_buffer)
{
	uint32		dim = insert->model->view.dim_padded;
	uint32		list = insert->record->list;
	Buffer		buffer = read_checked(index, last, OMEN_PAGE_TAIL, meta->generation, BUFFER_LOCK_EXCLUSIVE);
	const OmenPageTrailer *trailer = omen_page_trailer_const(BufferGetPage(buffer));
	PageEdit	edit;
	uint32		slot;

	if (trailer->list != list / meta->lists_per_tail)
		index_page_report(index, OMEN_CORRUPT, "a page belongs to another tail");
	if (trailer->count >= omen_postings_per_tail(dim, meta->keys))
	{
		UnlockReleaseBuffer(buffer);
		return false;
	}
	page_edit_begin(&edit, index);
	slot = put_record(page_edit_add(&edit, row_buffer), BufferGetBlockNumber(row_buffer), insert->record, dim,
					  meta->keys);
	put_posting(page_edit_add(&edit, buffer), insert->posting, slot, list, dim, meta->keys);
	page_edit_commit(&edit);
	UnlockReleaseBuffer(buffer);
	return true;
}

/* The same with a new tail page, linked behind the last (or the first of its tail). */
static void
append_to_new_tail(Relation index, IvfInsert *insert, const OmenIvfMeta *meta, Buffer directory_buffer,
				   Buffer row_buffer)
{
	uint32		dim = insert->model->view.dim_padded;
	uint32		list = insert->record->list;
	uint32		tail = list / meta->lists_per_tail;
	OmenDirectoryEntry entry = *directory_entry(BufferGetPage(directory_buffer), tail);
	Buffer		last = InvalidBuffer;
	Buffer		buffer;
	PageEdit	edit;
	OmenDirectoryEntry *changed;
	char	   *page;
	uint32		slot;

	if (entry.tail_last != OMEN_NO_BLOCK)
		last = read_checked(index, entry.tail_last, OMEN_PAGE_TAIL, meta->generation, BUFFER_LOCK_EXCLUSIVE);
	buffer = index_page_new(index, MAIN_FORKNUM);

	page_edit_begin(&edit, index);
	slot = put_record(page_edit_add(&edit, row_buffer), BufferGetBlockNumber(row_buffer), insert->record, dim,
					  meta->keys);
	page = page_edit_add_new(&edit, buffer);
	index_page_init(page, OMEN_PAGE_TAIL, meta->generation, tail);
	put_posting(page, insert->posting, slot, list, dim, meta->keys);
	changed = directory_entry(page_edit_add(&edit, directory_buffer), tail);
	if (last != InvalidBuffer)
		omen_page_trailer(page_edit_add(&edit, last))->next = BufferGetBlockNumber(buffer);
	else
		changed->tail_first = BufferGetBlockNumber(buffer);
	changed->tail_last = BufferGetBlockNumber(buffer);
	changed->tail_pages++;
	page_edit_commit(&edit);

	UnlockReleaseBuffer(buffer);
	if (last != InvalidBuffer)
		UnlockReleaseBuffer(last);
}

static void
store_row(Relation index, IvfInsert *insert, const OmenIvfMeta *meta)
{
	uint32		tail = insert->record->list / meta->lists_per_tail;
	BlockNumber directory = insert->model->view.directory_map[tail / OMEN_DIRECTORY_PER_PAGE];
	Buffer		row_buffer = find_row_page(index, meta, insert->model->view.dim_padded);
	Buffer		buffer = read_checked(index, directory, OMEN_PAGE_DIRECTORY, meta->generation, BUFFER_LOCK_SHARE);
	BlockNumber last = directory_entry(BufferGetPage(buffer), tail)->tail_last;

	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	if (last == OMEN_NO_BLOCK || !append_to_tail(index, insert, meta, last, row_buffer))
	{
		/* Full.  Under the directory's lock, look again: another may have been faster. */
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		last = directory_entry(BufferGetPage(buffer), tail)->tail_last;
		if (last == OMEN_NO_BLOCK || !append_to_tail(index, insert, meta, last, row_buffer))
			append_to_new_tail(index, insert, meta, buffer, row_buffer);
		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	}
	ReleaseBuffer(buffer);
	UnlockReleaseBuffer(row_buffer);
}

bool
ivf_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation heap,
		   IndexUniqueCheck unique, bool unchanged, IndexInfo *indexInfo)
{
	IvfInsert  *insert;
	OmenIvfMeta meta;
	MemoryContext old;

	if (isnull[0])
		return false;
	insert = begin_insert(index, indexInfo);
	old = MemoryContextSwitchTo(insert->context);
	LockPage(index, OMEN_META_BLOCK, ShareLock);
	ivf_read_meta(index, &meta);
	use_model(index, insert, &meta);
	code_row(insert, values[0], tid);
	if (!meta.has_tails)
		note_tails(index, &meta);
	store_row(index, insert, &meta);
	UnlockPage(index, OMEN_META_BLOCK, ShareLock);
	MemoryContextSwitchTo(old);
	MemoryContextReset(insert->context);
	return false;
}
