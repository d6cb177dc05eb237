/*
 * ivf_vacuum.c - taking deleted rows out.
 *
 * Two passes over the file.  The first reads row records, marks those of
 * deleted rows dead and notes their slots; the second takes postings that
 * point to those slots out of lists.  Only then are the records freed for new
 * rows: a slot is not reused while a posting for its old row is there.  A
 * crash in between leaves dead records whose postings lead nowhere: scans pass
 * over them, and the next vacuum, which notes dead records as well, finishes.
 *
 * Row and list pages are told apart by their trailers, so the passes need no
 * model, and pages that come to be meanwhile hold no row that could be dead
 * already.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "am/ivf/ivf_am.h"
#include "commands/vacuum.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "wal/page_edit.h"

typedef struct IvfVacuum
{
	Relation	index;
	BufferAccessStrategy strategy;
	OmenIvfMeta meta;
	uint32		dim;			/* padded */
	uint32		row_bytes;
	uint32		rows_per_page;
	IndexBulkDeleteCallback callback;
	void	   *callback_state;
	IndexBulkDeleteResult *stats;
	uint8	   *dead;			/* one bit a slot */
	uint64		slots;
	uint64		dead_count;
	uint64		postings_removed;
} IvfVacuum;

static bool
is_dead(const IvfVacuum *vacuum, uint32 slot)
{
	return slot < vacuum->slots && (vacuum->dead[slot / 8] >> (slot % 8) & 1);
}

static OmenRowRecord *
record_at(const IvfVacuum *vacuum, char *page, uint32 place)
{
	return (OmenRowRecord *) (omen_page_body(page) + (size_t) place * vacuum->row_bytes);
}

/* Locks each page of the file in turn and passes those of this kind and generation on. */
static void
visit_pages(IvfVacuum *vacuum, bool (*wants) (const OmenPageTrailer *trailer, const OmenIvfMeta *meta),
			void (*visit) (IvfVacuum *vacuum, Buffer buffer), BlockNumber blocks)
{
	for (BlockNumber block = 1; block < blocks; block++)
	{
		Buffer		buffer;
		const OmenPageTrailer *trailer;

		vacuum_delay_point_compat();
		buffer = ReadBufferExtended(vacuum->index, MAIN_FORKNUM, block, RBM_NORMAL, vacuum->strategy);
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		trailer = omen_page_trailer_const(BufferGetPage(buffer));
		if (!PageIsNew(BufferGetPage(buffer)) && trailer->magic == OMEN_PAGE_MAGIC &&
			trailer->version == OMEN_PAGE_VERSION && wants(trailer, &vacuum->meta))
			visit(vacuum, buffer);
		UnlockReleaseBuffer(buffer);
	}
}

/* ---- first pass ---- */

static bool
wants_rows(const OmenPageTrailer *trailer, const OmenIvfMeta *meta)
{
	return trailer->kind == OMEN_PAGE_ROW && trailer->generation == meta->row_generation;
}

static uint32
row_count(IvfVacuum *vacuum, Buffer buffer)
{
	uint32		count = omen_page_trailer_const(BufferGetPage(buffer))->count;

	if (count > vacuum->rows_per_page)
		index_page_report(vacuum->index, OMEN_CORRUPT, "a row page counts more rows than fit");
	return count;
}

static void
note_dead(IvfVacuum *vacuum, uint32 slot)
{
	if (slot >= vacuum->slots)
		return;
	vacuum->dead[slot / 8] |= (uint8) (1 << slot % 8);
	vacuum->dead_count++;
}

static void
find_dead_rows(IvfVacuum *vacuum, Buffer buffer)
{
	uint32		count = row_count(vacuum, buffer);
	uint32		first_slot = BufferGetBlockNumber(buffer) * vacuum->rows_per_page;
	bool		changed = false;
	PageEdit	edit;
	char	   *page = BufferGetPage(buffer);
	bool	   *gone = palloc0(count + 1);

	for (uint32 i = 0; i < count; i++)
	{
		const OmenRowRecord *record = record_at(vacuum, page, i);

		if (record->state == OMEN_ROW_LIVE)
		{
			ItemPointerData tid = {{record->tid.block_hi, record->tid.block_lo}, record->tid.offset};

			gone[i] = vacuum->callback(&tid, vacuum->callback_state);
			changed |= gone[i];
			if (gone[i])
				vacuum->stats->tuples_removed++;
			else
				vacuum->stats->num_index_tuples++;
		}
		if (gone[i] || record->state == OMEN_ROW_DEAD)
			note_dead(vacuum, first_slot + i);
	}
	if (changed)
	{
		page_edit_begin(&edit, vacuum->index);
		page = page_edit_add(&edit, buffer);
		for (uint32 i = 0; i < count; i++)
			if (gone[i])
				record_at(vacuum, page, i)->state = OMEN_ROW_DEAD;
		page_edit_commit(&edit);
	}
	pfree(gone);
}

/* ---- second pass ---- */

static bool
wants_postings(const OmenPageTrailer *trailer, const OmenIvfMeta *meta)
{
	return trailer->kind == OMEN_PAGE_TAIL && trailer->generation == meta->generation;
}

static void
clean_tail(IvfVacuum *vacuum, Buffer buffer)
{
	uint32		bytes = omen_tail_posting_bytes(vacuum->dim, vacuum->meta.keys);
	uint32		slot_at = omen_posting_bytes(vacuum->dim, vacuum->meta.keys) - sizeof(uint32);
	const char *before = BufferGetPage(buffer);
	uint32		count = omen_page_trailer_const(before)->count;
	uint32		found = 0;
	PageEdit	edit;
	char	   *page;

	if (count > omen_postings_per_tail(vacuum->dim, vacuum->meta.keys))
		index_page_report(vacuum->index, OMEN_CORRUPT, "a tail page counts more postings than fit");
	for (uint32 i = 0; i < count; i++)
	{
		uint32		slot;

		memcpy(&slot, omen_page_body_const(before) + (size_t) i * bytes + slot_at, sizeof(slot));
		found += is_dead(vacuum, slot);
	}
	if (found == 0)
		return;
	page_edit_begin(&edit, vacuum->index);
	page = page_edit_add(&edit, buffer);
	for (uint32 i = 0; i < count; i++)
	{
		uint8	   *at = omen_page_body(page) + (size_t) i * bytes + slot_at;
		uint32		slot;

		memcpy(&slot, at, sizeof(slot));
		if (is_dead(vacuum, slot))
		{
			slot = OMEN_NO_SLOT;
			memcpy(at, &slot, sizeof(slot));
		}
	}
	page_edit_commit(&edit);
	vacuum->postings_removed += found;
}

/* The slots of one packed block: where they are on their page. */
static void
clean_slots(IvfVacuum *vacuum, Buffer buffer, uint32 offset, uint32 width)
{
	uint32		slots[OMEN_BLOCK_CODES];
	uint32		found = 0;
	PageEdit	edit;

	memcpy(slots, omen_page_body_const(BufferGetPage(buffer)) + offset, width * sizeof(uint32));
	for (uint32 i = 0; i < width; i++)
		if (is_dead(vacuum, slots[i]))
		{
			slots[i] = OMEN_NO_SLOT;
			found++;
		}
	if (found == 0)
		return;
	page_edit_begin(&edit, vacuum->index);
	memcpy(omen_page_body(page_edit_add(&edit, buffer)) + offset, slots, width * sizeof(uint32));
	page_edit_commit(&edit);
	vacuum->postings_removed += found;
}

/* Lists are walked by the model: a packed page alone does not tell where its blocks begin. */
static void
clean_packed(IvfVacuum *vacuum, const OmenIvfModel *model)
{
	uint32		code_bytes = omen_sign_code_bytes(vacuum->dim);
	BlockNumber blocks = RelationGetNumberOfBlocks(vacuum->index);
	Buffer		buffer = InvalidBuffer;
	uint32		held = 0;

	for (uint32 l = 0; l < model->lists; l++)
	{
		OmenPackedPlace place = model->start[l].place;

		for (uint32 done = 0; done < model->start[l].count;)
		{
			uint32		width = Min(model->start[l].count - done, OMEN_BLOCK_CODES);

			omen_packed_pass_codes(&place, width, code_bytes);
			if (place.page >= vacuum->meta.packed_pages || model->packed_map[place.page] >= blocks)
				index_page_report(vacuum->index, OMEN_CORRUPT, "a list runs past the packed pages");
			if (buffer == InvalidBuffer || held != place.page)
			{
				OmenError	err;
				OmenStatus	status;

				if (buffer != InvalidBuffer)
					UnlockReleaseBuffer(buffer);
				vacuum_delay_point_compat();
				buffer = ReadBufferExtended(vacuum->index, MAIN_FORKNUM, model->packed_map[place.page],
											RBM_NORMAL, vacuum->strategy);
				LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
				held = place.page;
				status = omen_page_check(BufferGetPage(buffer), model->packed_map[place.page],
										 OMEN_PAGE_PACKED, vacuum->meta.generation, &err);
				if (status != OMEN_OK)
					index_page_report(vacuum->index, status, err.text);
			}
			clean_slots(vacuum, buffer, place.offset + 8 * width, width);
			place.offset += OMEN_POSTING_FACTOR_BYTES * width;
			done += width;
		}
	}
	if (buffer != InvalidBuffer)
		UnlockReleaseBuffer(buffer);
}

/* ---- third pass, over row pages that had dead rows ---- */

/*
 * Frees the dead rows' places, and puts the page in front of the chain of row
 * pages with room, unless it is there already.  Locks the row page, then the
 * meta page, as whoever takes pages off the chain does.
 */
static void
free_dead_rows(IvfVacuum *vacuum, Buffer buffer)
{
	uint32		count = row_count(vacuum, buffer);
	uint32		first_slot = BufferGetBlockNumber(buffer) * vacuum->rows_per_page;
	Buffer		meta_buffer;
	PageEdit	edit;
	char	   *page;
	OmenPageTrailer *trailer;
	bool		any = false;

	for (uint32 i = 0; i < count && !any; i++)
		any = is_dead(vacuum, first_slot + i);
	if (!any)
		return;
	meta_buffer = ReadBuffer(vacuum->index, OMEN_META_BLOCK);
	LockBuffer(meta_buffer, BUFFER_LOCK_EXCLUSIVE);
	page_edit_begin(&edit, vacuum->index);
	page = page_edit_add(&edit, buffer);
	for (uint32 i = 0; i < count; i++)
		if (is_dead(vacuum, first_slot + i) && record_at(vacuum, page, i)->state == OMEN_ROW_DEAD)
			record_at(vacuum, page, i)->state = OMEN_ROW_FREE;
	trailer = omen_page_trailer(page);
	if (trailer->list == 0)
	{
		OmenIvfMeta *meta = (OmenIvfMeta *) omen_page_body(page_edit_add(&edit, meta_buffer));

		trailer->list = 1;
		trailer->next = meta->free_rows;
		meta->free_rows = BufferGetBlockNumber(buffer);
	}
	page_edit_commit(&edit);
	UnlockReleaseBuffer(meta_buffer);
}

/* Adds what was removed to the meta page, by which maintenance decides. */
static void
count_removed(IvfVacuum *vacuum)
{
	Buffer		buffer = ReadBuffer(vacuum->index, OMEN_META_BLOCK);
	PageEdit	edit;

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	page_edit_begin(&edit, vacuum->index);
	((OmenIvfMeta *) omen_page_body(page_edit_add(&edit, buffer)))->dead_postings += vacuum->postings_removed;
	page_edit_commit(&edit);
	UnlockReleaseBuffer(buffer);
}

IndexBulkDeleteResult *
ivf_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
				IndexBulkDeleteCallback callback, void *callback_state)
{
	IvfVacuum	vacuum = {
		.index = info->index,
		.strategy = info->strategy,
		.callback = callback,
		.callback_state = callback_state,
	};
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "ivf vacuum", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	BlockNumber blocks = RelationGetNumberOfBlocks(info->index);
	const IvfModel *model;

	if (stats == NULL)
		stats = MemoryContextAllocZero(old, sizeof(IndexBulkDeleteResult));
	vacuum.stats = stats;
	stats->num_index_tuples = 0;
	stats->estimated_count = false;
	/* Maintenance may not rewrite lists under us; inserts go on. */
	LockPage(info->index, OMEN_META_BLOCK, ShareLock);
	ivf_read_meta(info->index, &vacuum.meta);
	vacuum.dim = omen_dim_padded(vacuum.meta.dim);
	vacuum.row_bytes = omen_row_bytes(vacuum.dim, vacuum.meta.keys);
	vacuum.rows_per_page = omen_rows_per_page(vacuum.dim, vacuum.meta.keys);
	model = ivf_model(info->index, &vacuum.meta, context);
	vacuum.slots = (uint64) blocks * vacuum.rows_per_page;
	vacuum.dead = MemoryContextAllocExtended(context, vacuum.slots / 8 + 1, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	visit_pages(&vacuum, wants_rows, find_dead_rows, blocks);
	if (vacuum.dead_count > 0)
	{
		clean_packed(&vacuum, &model->view);
		visit_pages(&vacuum, wants_postings, clean_tail, RelationGetNumberOfBlocks(info->index));
		visit_pages(&vacuum, wants_rows, free_dead_rows, blocks);
		count_removed(&vacuum);
	}
	UnlockPage(info->index, OMEN_META_BLOCK, ShareLock);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	stats->num_pages = RelationGetNumberOfBlocks(info->index);
	return stats;
}

IndexBulkDeleteResult *
ivf_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	if (info->analyze_only)
		return stats;
	ivf_maintain(info->index, info->strategy, stats != NULL);
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
