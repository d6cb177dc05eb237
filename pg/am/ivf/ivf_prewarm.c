/*
 * ivf_prewarm.c - vector_prewarm(): an index's pages into shared buffers, as
 * after a restart, before the first query has to wait for each.
 *
 * What every search goes through (meta page, model, directory, lists and
 * tails) is known from the model, but for tails: those are chains, so the
 * directory's entries are followed.  Blocks are read in the order of the file,
 * with as many on their way from disk as maintenance_io_concurrency says.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "am/ivf/ivf_inspect.h"
#include "storage/bufmgr.h"

typedef struct Prewarm
{
	Relation	index;
	BlockNumber blocks;			/* of the index */
	BlockNumber *list;			/* to be read; NULL: all */
	uint64		count;
	uint64		room;
} Prewarm;

static void
add_block(Prewarm *prewarm, BlockNumber block)
{
	/* A page of a generation that has gone meanwhile does no harm, one that is not there would. */
	if (block >= prewarm->blocks)
		return;
	if (prewarm->count == prewarm->room)
	{
		prewarm->room *= 2;
		prewarm->list = repalloc_huge(prewarm->list, prewarm->room * sizeof(BlockNumber));
	}
	prewarm->list[prewarm->count++] = block;
}

static int
compare_blocks(const void *a, const void *b)
{
	BlockNumber x = *(const BlockNumber *) a;
	BlockNumber y = *(const BlockNumber *) b;

	return x < y ? -1 : x > y;
}

static BlockNumber
block_at(const Prewarm *prewarm, uint64 i)
{
	return prewarm->list == NULL ? (BlockNumber) i : prewarm->list[i];
}

static void
read_blocks(Prewarm *prewarm)
{
	uint64		ahead = 0;

	if (prewarm->list != NULL)
		qsort(prewarm->list, prewarm->count, sizeof(BlockNumber), compare_blocks);
	for (uint64 i = 0; i < prewarm->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (; ahead < prewarm->count && ahead <= i + (uint64) maintenance_io_concurrency; ahead++)
			if (maintenance_io_concurrency > 0)
				PrefetchBuffer(prewarm->index, MAIN_FORKNUM, block_at(prewarm, ahead));
		ReleaseBuffer(ReadBuffer(prewarm->index, block_at(prewarm, i)));
	}
}

/* The blocks of a tail's chain, which is as long as the directory says at most. */
static void
add_tail(Prewarm *prewarm, OmenPageStore store, const OmenDirectoryEntry *entry)
{
	BlockNumber block = entry->tail_first;

	for (uint32 i = 0; i < entry->tail_pages && block < prewarm->blocks; i++)
	{
		uintptr_t	handle;
		const void *page = store.read(store.context, block, &handle);

		if (page == NULL)
			return;
		add_block(prewarm, block);
		block = omen_page_trailer_const(page)->kind == OMEN_PAGE_TAIL ?
			omen_page_trailer_const(page)->next : OMEN_NO_BLOCK;
		store.release(store.context, handle);
	}
}

/* What a search goes through. */
static void
add_lists(Prewarm *prewarm)
{
	OmenIvfMeta meta;
	const OmenIvfModel *model;
	BlockReader reader;
	OmenPageStore store = index_page_store(&reader, prewarm->index, NULL);
	OmenDirectoryEntry *entries = palloc(OMEN_BODY_BYTES);
	BlockNumber block;

	ivf_read_meta(prewarm->index, &meta);
	/* The model is read, too, and stays with this backend; others read its pages. */
	model = &ivf_model(prewarm->index, &meta, CurrentMemoryContext)->view;
	add_block(prewarm, OMEN_META_BLOCK);
	block = meta.model_block;
	for (size_t bytes = 0; bytes < model->byte_count + omen_ivf_map_bytes(&meta); bytes += OMEN_BODY_BYTES)
	{
		uintptr_t	handle;
		const void *page = block < prewarm->blocks ? store.read(store.context, block, &handle) : NULL;

		if (page == NULL)
			break;
		add_block(prewarm, block);
		block = omen_page_trailer_const(page)->next;
		store.release(store.context, handle);
	}
	for (uint32 p = 0; p < meta.packed_pages; p++)
		add_block(prewarm, model->packed_map[p]);
	for (uint32 p = 0; p < meta.key_pages; p++)
		add_block(prewarm, model->key_map[p]);
	for (uint32 p = 0; p < omen_directory_pages(omen_tails(&meta)); p++)
	{
		uintptr_t	handle;
		const void *page = store.read(store.context, model->directory_map[p], &handle);

		if (page == NULL)
			break;
		add_block(prewarm, model->directory_map[p]);
		memcpy(entries, omen_page_body_const(page), OMEN_BODY_BYTES);
		store.release(store.context, handle);
		for (uint32 i = 0; i < OMEN_DIRECTORY_PER_PAGE && p * OMEN_DIRECTORY_PER_PAGE + i < omen_tails(&meta); i++)
			add_tail(prewarm, store, &entries[i]);
	}
}

OMEN_FUNCTION(vector_prewarm);
Datum
vector_prewarm(PG_FUNCTION_ARGS)
{
	bool		everything = PG_GETARG_BOOL(1);
	IvfInspected inspected = ivf_inspect_open(PG_GETARG_OID(0), AccessShareLock);
	Prewarm		prewarm = {inspected.index, RelationGetNumberOfBlocks(inspected.index)};
	Datum		values[2];
	bool		nulls[2] = {false, false};

	if (everything)
		prewarm.count = prewarm.blocks;
	else
	{
		prewarm.room = 1024;
		prewarm.list = palloc(prewarm.room * sizeof(BlockNumber));
		add_lists(&prewarm);
	}
	read_blocks(&prewarm);
	ivf_inspect_close(&inspected, AccessShareLock);
	values[0] = Int64GetDatum((int64) prewarm.count);
	values[1] = Int64GetDatum((int64) (prewarm.count * BLCKSZ));
	return ivf_inspect_row(fcinfo, values, nulls, 2);
}
