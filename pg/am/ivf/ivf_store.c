/*
 * ivf_store.c - records and postings of inserted rows into pages of a live index.
 *
 * Records come first, then the postings that lead to them; each page is one
 * change, with one WAL record.  What a crash or an error leaves between them
 * is records without postings.  Their rows belong to a transaction that will
 * never commit, so nobody misses them, and VACUUM frees them with those rows.
 *
 * Locks.  The caller holds a share lock on the meta block's "page lock" (a
 * heavyweight lock); maintenance, which rewrites lists, takes it exclusively,
 * so the generation cannot change here.  Buffers are locked in the order row
 * page, meta page; or directory page, last tail page, new page.  Scans lock
 * one buffer at a time.  See README.md.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "am/ivf/ivf_insert.h"
#include "wal/page_edit.h"
#include "wal/page_patch.h"

/* Pages of the chain of row pages with room that are tried before one is added. */
#define CHAIN_HOPS_MAX 32

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

static void
check_block_for_rows(Relation index, const OmenIvfMeta *meta, uint32 dim, BlockNumber block)
{
	if (block >= OMEN_NO_SLOT / omen_rows_per_page(dim, meta->keys))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("index \"%s\" cannot hold more rows", RelationGetRelationName(index)),
				 errhint("Partition the table.")));
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

	check_block_for_rows(index, meta, dim, block);
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

/* ---- records ---- */

/*
 * Records into the free places of a page, as one change; it is locked and has
 * one at least.  Returns how many found one.
 */
static uint32
fill_row_page(Relation index, const OmenIvfMeta *meta, uint32 dim, Buffer buffer, const uint8 *records, uint32 count,
			  uint32 *slots)
{
	uint32		bytes = omen_row_bytes(dim, meta->keys);
	uint32		per_page = omen_rows_per_page(dim, meta->keys);
	char	   *page = BufferGetPage(buffer);
	uint8	   *body = omen_page_body(page);
	OmenPageTrailer *rows = omen_page_trailer(page);
	uint32		row_count = rows->count;
	uint32		done = 0;
	PagePatch	patch;

	page_patch_begin(&patch, index);
	for (uint32 place = (uint32) free_place(page, dim, meta->keys); place < per_page && done < count;)
	{
		uint32		run = 0;

		/* As many free places in a row as there are: one piece of the patch. */
		for (; place + run < per_page && done + run < count; run++)
		{
			if (place + run < row_count &&
				((const OmenRowRecord *) (body + (size_t) (place + run) * bytes))->state != OMEN_ROW_FREE)
				break;
			slots[done + run] = BufferGetBlockNumber(buffer) * per_page + place + run;
		}
		if (run > 0)
			page_patch_put(&patch, buffer, body + (size_t) place * bytes, records + (size_t) done * bytes, run * bytes);
		done += run;
		place += Max(run, 1);
		row_count = Max(row_count, run > 0 ? place : 0);
	}
	if (row_count > rows->count)
	{
		page_patch_put(&patch, buffer, &rows->count, &row_count, sizeof(row_count));
		page_patch_put_used(&patch, buffer, row_count * bytes);
	}
	page_patch_commit(&patch);
	return done;
}

/* As many records as a page holds to a new one, which is full from the beginning. */
static void
add_full_row_page(Relation index, const OmenIvfMeta *meta, uint32 dim, const uint8 *records, uint32 *slots)
{
	uint32		bytes = omen_row_bytes(dim, meta->keys);
	uint32		per_page = omen_rows_per_page(dim, meta->keys);
	Buffer		buffer = index_page_new(index, MAIN_FORKNUM);
	PGAlignedBlock page;

	check_block_for_rows(index, meta, dim, BufferGetBlockNumber(buffer));
	index_page_init(page.data, OMEN_PAGE_ROW, meta->row_generation, 0);
	memcpy(omen_page_body(page.data), records, (size_t) per_page * bytes);
	omen_page_trailer(page.data)->count = per_page;
	index_page_set_used(page.data, per_page * bytes);
	for (uint32 i = 0; i < per_page; i++)
		slots[i] = BufferGetBlockNumber(buffer) * per_page + i;
	index_page_write(index, buffer, RelationNeedsWAL(index), page.data);
}

/*
 * Each backend goes on with the page it used last; else it takes one of the
 * chain that nobody is at; else it adds one.  So backends inserting at the same
 * time keep apart, and those that come one after another fill the same page.
 */
void
ivf_store_records(Relation index, const OmenIvfMeta *meta, uint32 dim, const uint8 *records, uint32 count,
				  uint32 *slots)
{
	uint32		bytes = omen_row_bytes(dim, meta->keys);
	uint32		per_page = omen_rows_per_page(dim, meta->keys);

	for (uint32 done = 0; done < count;)
	{
		Buffer		buffer = try_row_page(index, meta, dim, RelationGetTargetBlock(index));

		if (buffer == InvalidBuffer)
			buffer = try_chain(index, meta, dim);
		if (buffer == InvalidBuffer && count - done >= per_page)
		{
			add_full_row_page(index, meta, dim, records + (size_t) done * bytes, slots + done);
			done += per_page;
			continue;
		}
		if (buffer == InvalidBuffer)
			buffer = add_row_page(index, meta, dim);
		RelationSetTargetBlock(index, BufferGetBlockNumber(buffer));
		done += fill_row_page(index, meta, dim, buffer, records + (size_t) done * bytes, count - done, slots + done);
		UnlockReleaseBuffer(buffer);
	}
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
tail_page_with_room(Relation index, const IvfModel *model, const OmenIvfMeta *meta, BlockNumber block, uint32 tail)
{
	Buffer		buffer;
	const OmenPageTrailer *trailer;

	if (block == OMEN_NO_BLOCK)
		return InvalidBuffer;
	buffer = read_checked(index, block, OMEN_PAGE_TAIL, meta->generation, BUFFER_LOCK_EXCLUSIVE);
	trailer = omen_page_trailer_const(BufferGetPage(buffer));
	if (trailer->list != tail)
		index_page_report(index, OMEN_CORRUPT, "a page belongs to another tail");
	if (trailer->count < omen_postings_per_tail(model->view.dim_padded, meta->keys))
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
find_tail_page(Relation index, IvfModel *model, const OmenIvfMeta *meta, uint32 tail)
{
	Buffer		buffer = tail_page_with_room(index, model, meta, model->last_tail_page[tail], tail);
	Buffer		directory;

	if (buffer != InvalidBuffer)
		return buffer;
	directory = read_checked(index, model->view.directory_map[tail / OMEN_DIRECTORY_PER_PAGE],
							 OMEN_PAGE_DIRECTORY, meta->generation, BUFFER_LOCK_EXCLUSIVE);
	do
	{
		BlockNumber last = directory_entry(BufferGetPage(directory), tail)->tail_last;

		/* Full: but another may have been faster. */
		if (last == model->last_tail_page[tail])
			last = add_tail_page(index, meta, directory, tail);
		model->last_tail_page[tail] = last;
		buffer = tail_page_with_room(index, model, meta, last, tail);
	} while (buffer == InvalidBuffer);
	UnlockReleaseBuffer(directory);
	return buffer;
}

/* ---- postings ---- */

/* Those of one tail, gathered, behind what its last page holds; returns how many had room there. */
static uint32
fill_tail_page(Relation index, IvfModel *model, const OmenIvfMeta *meta, uint32 tail, const uint8 *postings,
			   const OmenKeyed *order, uint32 count)
{
	uint32		bytes = omen_tail_posting_bytes(model->view.dim_padded, meta->keys);
	uint32		per_page = omen_postings_per_tail(model->view.dim_padded, meta->keys);
	Buffer		buffer = find_tail_page(index, model, meta, tail);
	char	   *page = BufferGetPage(buffer);
	OmenPageTrailer *trailer = omen_page_trailer(page);
	uint32		take = Min(count, per_page - trailer->count);
	uint32		posting_count = trailer->count + take;
	PGAlignedBlock gathered;
	PagePatch	patch;

	for (uint32 i = 0; i < take; i++)
		memcpy(gathered.data + (size_t) i * bytes, postings + (size_t) order[i].value * bytes, bytes);
	page_patch_begin(&patch, index);
	page_patch_put(&patch, buffer, omen_page_body(page) + (size_t) trailer->count * bytes, gathered.data, take * bytes);
	page_patch_put(&patch, buffer, &trailer->count, &posting_count, sizeof(posting_count));
	page_patch_put_used(&patch, buffer, posting_count * bytes);
	page_patch_commit(&patch);
	UnlockReleaseBuffer(buffer);
	return take;
}

void
ivf_store_postings(Relation index, IvfModel *model, OmenIvfMeta *meta, const uint8 *postings, OmenKeyed *order,
				   uint32 count)
{
	if (!meta->has_tails)
		note_tails(index, meta);
	if (model->last_tail_page == NULL)
	{
		model->last_tail_page = MemoryContextAllocHuge(model->context, omen_tails(meta) * sizeof(BlockNumber));
		memset(model->last_tail_page, 0xFF, omen_tails(meta) * sizeof(BlockNumber));
	}
	omen_sort_keyed(order, count);
	for (uint32 done = 0; done < count;)
	{
		uint32		end = done + 1;

		while (end < count && order[end].key == order[done].key)
			end++;
		while (done < end)
			done += fill_tail_page(index, model, meta, (uint32) order[done].key, postings, order + done, end - done);
	}
}
