/*
 * hnsw_store.c - nodes in index pages, as core's graph reads and writes them.
 *
 * An item's number is block x items a page + place in the page, so finding one
 * is arithmetic.  Pages of three kinds hold items of one size each: nodes of
 * level 0, nodes above, and row pointers of nodes that have several.  Pages
 * with room are chained from the meta page, a chain for each kind.
 *
 * Locks: node page, then page of rows, then meta page; none but those is held
 * while another is waited for, and never two of one kind.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "am/hnsw/hnsw_am.h"
#include "miscadmin.h"
#include "wal/page_edit.h"
#include "wal/page_patch.h"

/* Pages of a chain of those with room that are tried before one is added. */
#define CHAIN_HOPS_MAX 32

OmenPageKind
hnsw_page_kind(int place_kind)
{
	switch (place_kind)
	{
		case OMEN_HNSW_NODES:
			return OMEN_PAGE_NODE;
		case OMEN_HNSW_UPPER:
			return OMEN_PAGE_UPPER;
		default:
			return OMEN_PAGE_ROWS;
	}
}

static int
place_kind_of_level(uint32 level)
{
	return level == 0 ? OMEN_HNSW_NODES : OMEN_HNSW_UPPER;
}

void *
hnsw_item(const HnswModel *model, char *page, int place_kind, uint32 place)
{
	return omen_page_body(page) + (size_t) place * model->item_bytes[place_kind];
}

bool
hnsw_item_is_free(const void *item, int place_kind)
{
	if (place_kind == OMEN_HNSW_ROWS)
		return ((const OmenGraphRows *) item)->owner == OMEN_GRAPH_NONE;
	return ((const OmenGraphNode *) item)->state == OMEN_NODE_FREE;
}

static void
make_free(void *item, int place_kind)
{
	if (place_kind == OMEN_HNSW_ROWS)
		((OmenGraphRows *) item)->owner = OMEN_GRAPH_NONE;
	else
		((OmenGraphNode *) item)->state = OMEN_NODE_FREE;
}

static void
check_page(HnswStore *store, const char *page, BlockNumber block, int place_kind)
{
	OmenError	err;
	OmenStatus	status = omen_page_check(page, block, hnsw_page_kind(place_kind), OMEN_HNSW_GENERATION, &err);

	if (status != OMEN_OK)
		index_page_report(store->index, status, err.text);
	if (omen_page_trailer_const(page)->count > store->model->per_page[place_kind])
		index_page_report(store->index, OMEN_CORRUPT, "a page counts more items than fit");
}

static void
check_block(HnswStore *store, BlockNumber block)
{
	/* Asking for the length is a system call, so only when in doubt. */
	if (block >= store->reader.blocks)
		store->reader.blocks = RelationGetNumberOfBlocks(store->index);
	if (block >= store->reader.blocks)
		index_page_report(store->index, OMEN_CORRUPT, "a page is missing");
}

/*
 * Checked before the lock as well when others may be held: a damaged number
 * must not make us wait for a lock that we hold, or out of order.  Pages of
 * these kinds keep their kind, so looking without a lock is enough.
 */
Buffer
hnsw_read_page(HnswStore *store, BlockNumber block, int place_kind, int lock)
{
	Buffer		buffer;

	check_block(store, block);
	buffer = ReadBuffer(store->index, block);
	if (place_kind == OMEN_HNSW_ROWS)
		check_page(store, BufferGetPage(buffer), block, place_kind);
	LockBuffer(buffer, lock);
	check_page(store, BufferGetPage(buffer), block, place_kind);
	return buffer;
}

/* ---- reading ---- */

/* The item of that number on its (locked) page; NULL when the page does not reach so far. */
static void *
item_numbered(HnswStore *store, const char *page, int place_kind, uint32 number)
{
	uint32		place = number % store->model->per_page[place_kind];

	if (place >= omen_page_trailer_const(page)->count)
		return NULL;
	return hnsw_item(store->model, unconstify(char *, page), place_kind, place);
}

static bool
is_node(const OmenGraphNode *node, uint32 level)
{
	return node != NULL && node->level == level &&
		(node->state == OMEN_NODE_LIVE || node->state == OMEN_NODE_DEAD);
}

static const OmenGraphNode *
store_read(void *context, uint32_t level, uint32_t number, uintptr_t *handle)
{
	HnswStore  *store = context;
	int			kind = place_kind_of_level(level);
	BlockNumber block = number / store->model->per_page[kind];
	const OmenGraphNode *node;
	const char *page;

	if (number == OMEN_GRAPH_NONE)
		return NULL;
	page = store->pages.read(store->pages.context, block, handle);
	if (page == NULL)
		index_page_report(store->index, OMEN_CORRUPT, "a page is missing");
	/*
	 * A page's kind never changes, and behind the items that it counts are
	 * zeros: an empty place.  So its trailer, often in another page of memory
	 * than the node, is looked at once.
	 */
	if (!block_reader_is_marked(&store->reader, block) || level > 0)
	{
		check_page(store, page, block, kind);
		if (level == 0)
			block_reader_mark(&store->reader, block);
	}
	node = hnsw_item(store->model, unconstify(char *, page), kind, number % store->model->per_page[kind]);
	if (!is_node(node, level))
	{
		store->pages.release(store->pages.context, *handle);
		return NULL;
	}
	return node;
}

static void
store_release(void *context, uintptr_t handle)
{
	const OmenPageStore *pages = &((HnswStore *) context)->pages;

	pages->release(pages->context, handle);
}

static void
store_prefetch(void *context, uint32_t level, uint32_t number)
{
	HnswStore  *store = context;
	int			kind = place_kind_of_level(level);
	uint32		bytes = store->model->item_bytes[kind];
	uint32		per_page = store->model->per_page[kind];

	store->pages.expect(store->pages.context, number / per_page, number % per_page * bytes, bytes);
}

Buffer
hnsw_read_rows(HnswStore *store, uint32 number, uint32 owner, int lock, OmenGraphRows **rows)
{
	Buffer		buffer;

	if (number == OMEN_GRAPH_NONE)
		return InvalidBuffer;
	buffer = hnsw_read_page(store, number / store->model->per_page[OMEN_HNSW_ROWS], OMEN_HNSW_ROWS, lock);
	*rows = item_numbered(store, BufferGetPage(buffer), OMEN_HNSW_ROWS, number);
	/* Given to another node meanwhile: then this one's rows are all gone. */
	if (*rows == NULL || (*rows)->owner != owner)
	{
		UnlockReleaseBuffer(buffer);
		return InvalidBuffer;
	}
	if ((*rows)->count > OMEN_GRAPH_ROWS)
		index_page_report(store->index, OMEN_CORRUPT, "a node has more rows than fit");
	return buffer;
}

void
hnsw_walk_step(HnswWalk *walk, Relation index, uint32 chunk)
{
	if (walk->steps > 0 && walk->mark == chunk)
		index_page_report(index, OMEN_CORRUPT, "the rows of a node run in a circle");
	/* The mark moves at each power of two. */
	if ((walk->steps & (walk->steps + 1)) == 0)
		walk->mark = chunk;
	walk->steps++;
}

OmenGraphEntry
hnsw_read_entry(Relation index)
{
	OmenHnswMeta meta;

	hnsw_read_meta(index, &meta);
	return (OmenGraphEntry) {meta.entry_number, meta.entry_level};
}

/* ---- places with room ---- */

static void
begin_edit(const HnswStore *store, PageEdit *edit)
{
	if (store->unlogged)
		page_edit_begin_unlogged(edit);
	else
		page_edit_begin(edit, store->index);
}

/* For what every insertion does a score of times. */
static void
begin_patch(const HnswStore *store, PagePatch *patch)
{
	page_patch_begin(patch, store->unlogged ? NULL : store->index);
}

static Buffer
lock_meta(Relation index, OmenHnswMeta **meta)
{
	Buffer		buffer = ReadBuffer(index, OMEN_META_BLOCK);

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	*meta = (OmenHnswMeta *) omen_page_body(BufferGetPage(buffer));
	return buffer;
}

static OmenHnswMeta *
edit_meta(PageEdit *edit, Buffer buffer)
{
	return (OmenHnswMeta *) omen_page_body(page_edit_add(edit, buffer));
}

/* A place on the page, or -1. */
static int
free_place(HnswStore *store, const char *page, int place_kind)
{
	uint32		count = omen_page_trailer_const(page)->count;

	if (count < store->model->per_page[place_kind])
		return (int) count;
	for (uint32 place = 0; place < count; place++)
		if (hnsw_item_is_free(hnsw_item(store->model, (char *) page, place_kind, place), place_kind))
			return (int) place;
	return -1;
}

/* A new page in front of the chain of those with room; exclusively locked. */
static Buffer
add_page(HnswStore *store, int place_kind)
{
	Relation	index = store->index;
	Buffer		buffer = index_page_new(index, MAIN_FORKNUM);
	BlockNumber block = BufferGetBlockNumber(buffer);
	OmenHnswMeta *meta;
	Buffer		meta_buffer;
	PageEdit	edit;
	char	   *page;

	if (block >= OMEN_GRAPH_NONE / store->model->per_page[place_kind])
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("index \"%s\" cannot hold more rows", RelationGetRelationName(index)),
				 errhint("Partition the table.")));
	meta_buffer = lock_meta(index, &meta);
	begin_edit(store, &edit);
	page = page_edit_add_new(&edit, buffer);
	meta = edit_meta(&edit, meta_buffer);
	index_page_init(page, hnsw_page_kind(place_kind), OMEN_HNSW_GENERATION, 1);
	omen_page_trailer(page)->next = meta->room[place_kind];
	meta->room[place_kind] = block;
	page_edit_commit(&edit);
	UnlockReleaseBuffer(meta_buffer);
	return buffer;
}

/* Takes a full page, exclusively locked, off its chain, if it is the first (still). */
static void
unchain_page(HnswStore *store, Buffer buffer, int place_kind)
{
	OmenHnswMeta *meta;
	Buffer		meta_buffer = lock_meta(store->index, &meta);

	if (meta->room[place_kind] == BufferGetBlockNumber(buffer))
	{
		PageEdit	edit;
		OmenPageTrailer *trailer;

		begin_edit(store, &edit);
		trailer = omen_page_trailer(page_edit_add(&edit, buffer));
		edit_meta(&edit, meta_buffer)->room[place_kind] = trailer->next;
		trailer->next = OMEN_NO_BLOCK;
		trailer->list = 0;
		page_edit_commit(&edit);
	}
	UnlockReleaseBuffer(meta_buffer);
}

static BlockNumber
first_with_room(HnswStore *store, int place_kind)
{
	OmenHnswMeta meta;

	hnsw_read_meta(store->index, &meta);
	return meta.room[place_kind];
}

/*
 * An exclusively locked page with room: the first of the chain that has any
 * and that nobody is at, or else a new one.  So backends inserting at the same
 * time keep apart, and those that come one after another fill the same page.
 * The link to the next is read without a lock: whatever it says, the page it
 * leads to is looked at before it is used.
 */
static Buffer
page_with_room(HnswStore *store, int place_kind)
{
	BlockNumber first = first_with_room(store, place_kind);
	BlockNumber block = first;

	for (int hops = 0; block != OMEN_NO_BLOCK && hops < CHAIN_HOPS_MAX; hops++)
	{
		Buffer		buffer;
		BlockNumber next;

		check_block(store, block);
		buffer = ReadBuffer(store->index, block);
		check_page(store, BufferGetPage(buffer), block, place_kind);
		next = omen_page_trailer_const(BufferGetPage(buffer))->next;
		if (ConditionalLockBuffer(buffer))
		{
			if (free_place(store, BufferGetPage(buffer), place_kind) >= 0)
				return buffer;
			if (block == first)
			{
				unchain_page(store, buffer, place_kind);
				next = first = first_with_room(store, place_kind);
			}
			UnlockReleaseBuffer(buffer);
		}
		else
			ReleaseBuffer(buffer);
		block = next;
	}
	return add_page(store, place_kind);
}

/* Puts an item on the page being edited; returns its number. */
static uint32
put_item(HnswStore *store, char *page, BlockNumber block, int place_kind, const void *item)
{
	OmenPageTrailer *trailer = omen_page_trailer(page);
	uint32		place = (uint32) free_place(store, page, place_kind);

	memcpy(hnsw_item(store->model, page, place_kind, place), item, store->model->item_bytes[place_kind]);
	if (place == trailer->count)
		trailer->count++;
	index_page_set_used(page, trailer->count * store->model->item_bytes[place_kind]);
	return block * store->model->per_page[place_kind] + place;
}

uint32
hnsw_free_items(HnswStore *store, Buffer buffer, int place_kind,
				bool (*wants) (const void *item, uint32 number, void *state), void *state)
{
	BlockNumber block = BufferGetBlockNumber(buffer);
	char	   *page = BufferGetPage(buffer);
	uint32		count = omen_page_trailer(page)->count;
	uint32		first = block * store->model->per_page[place_kind];
	uint32		freed = 0;
	bool	   *gone = palloc0(count + 1);

	for (uint32 place = 0; place < count; place++)
	{
		gone[place] = wants(hnsw_item(store->model, page, place_kind, place), first + place, state);
		freed += gone[place];
	}
	if (freed > 0)
	{
		OmenHnswMeta *meta;
		Buffer		meta_buffer = lock_meta(store->index, &meta);
		PageEdit	edit;
		OmenPageTrailer *trailer;

		begin_edit(store, &edit);
		page = page_edit_add(&edit, buffer);
		trailer = omen_page_trailer(page);
		for (uint32 place = 0; place < count; place++)
			if (gone[place])
				make_free(hnsw_item(store->model, page, place_kind, place), place_kind);
		if (trailer->list == 0)
		{
			meta = edit_meta(&edit, meta_buffer);
			trailer->list = 1;
			trailer->next = meta->room[place_kind];
			meta->room[place_kind] = block;
		}
		page_edit_commit(&edit);
		UnlockReleaseBuffer(meta_buffer);
	}
	pfree(gone);
	return freed;
}

/* ---- writing ---- */

static uint32_t
store_add(void *context, const OmenGraphNode *node)
{
	HnswStore  *store = context;
	int			kind = place_kind_of_level(node->level);
	uint32		bytes = store->model->item_bytes[kind];
	Buffer		buffer = page_with_room(store, kind);
	char	   *page = BufferGetPage(buffer);
	OmenPageTrailer *trailer = omen_page_trailer(page);
	uint32		place = (uint32) free_place(store, page, kind);
	uint32		number = BufferGetBlockNumber(buffer) * store->model->per_page[kind] + place;
	uint32		count = trailer->count + 1;
	PagePatch	patch;

	begin_patch(store, &patch);
	page_patch_put(&patch, buffer, hnsw_item(store->model, page, kind, place), node, bytes);
	if (place == trailer->count)
	{
		page_patch_put(&patch, buffer, &trailer->count, &count, sizeof(count));
		page_patch_put_used(&patch, buffer, count * bytes);
	}
	page_patch_commit(&patch);
	UnlockReleaseBuffer(buffer);
	return number;
}

/* The row to the first chunk of rows of a node, whose page is locked, if that has room. */
static bool
add_to_rows(HnswStore *store, uint32 owner, uint32 number, OmenGraphRow row)
{
	OmenGraphRows *rows;
	Buffer		buffer = hnsw_read_rows(store, number, owner, BUFFER_LOCK_EXCLUSIVE, &rows);
	bool		fits = buffer != InvalidBuffer && rows->count < OMEN_GRAPH_ROWS;

	if (fits)
	{
		PageEdit	edit;
		char	   *page;

		begin_edit(store, &edit);
		page = page_edit_add(&edit, buffer);
		rows = hnsw_item(store->model, page, OMEN_HNSW_ROWS, number % store->model->per_page[OMEN_HNSW_ROWS]);
		rows->rows[rows->count++] = row;
		page_edit_commit(&edit);
	}
	if (buffer != InvalidBuffer)
		UnlockReleaseBuffer(buffer);
	return fits;
}

static int
store_add_row(void *context, uint32_t number, const uint8_t *payload, OmenGraphRow row)
{
	HnswStore  *store = context;
	const HnswModel *model = store->model;
	uint32		place = number % model->per_page[OMEN_HNSW_NODES];
	Buffer		buffer = hnsw_read_page(store, number / model->per_page[OMEN_HNSW_NODES], OMEN_HNSW_NODES,
										BUFFER_LOCK_EXCLUSIVE);
	OmenGraphNode *node = item_numbered(store, BufferGetPage(buffer), OMEN_HNSW_NODES, number);
	bool		there = is_node(node, 0) && node->state == OMEN_NODE_LIVE &&
		memcmp(omen_graph_links(node) + 2 * model->m, payload, model->space.payload_bytes) == 0;
	PageEdit	edit;

	if (there && node->row.offset == 0)
	{
		begin_edit(store, &edit);
		node = hnsw_item(model, page_edit_add(&edit, buffer), OMEN_HNSW_NODES, place);
		node->row = row;
		page_edit_commit(&edit);
	}
	else if (there && !add_to_rows(store, number, node->down, row))
	{
		OmenGraphRows rows = {.owner = number, .next = node->down, .count = 1, .rows = {row}};
		Buffer		rows_buffer = page_with_room(store, OMEN_HNSW_ROWS);

		begin_edit(store, &edit);
		node = hnsw_item(model, page_edit_add(&edit, buffer), OMEN_HNSW_NODES, place);
		node->down = put_item(store, page_edit_add(&edit, rows_buffer), BufferGetBlockNumber(rows_buffer),
							  OMEN_HNSW_ROWS, &rows);
		page_edit_commit(&edit);
		UnlockReleaseBuffer(rows_buffer);
	}
	UnlockReleaseBuffer(buffer);
	return there;
}

static int
store_change_links(void *context, uint32_t level, uint32_t number, const uint32_t *was, uint32_t was_count,
				   const uint32_t *links, uint32_t link_count)
{
	HnswStore  *store = context;
	int			kind = place_kind_of_level(level);
	Buffer		buffer = hnsw_read_page(store, number / store->model->per_page[kind], kind, BUFFER_LOCK_EXCLUSIVE);
	OmenGraphNode *node = item_numbered(store, BufferGetPage(buffer), kind, number);
	bool		same;

	/* Another node in its place, or none: nothing to be done any more. */
	if (!is_node(node, level))
	{
		UnlockReleaseBuffer(buffer);
		return true;
	}
	same = Min(node->link_count, omen_graph_room(store->model->m, level)) == was_count &&
		memcmp(omen_graph_links(node), was, was_count * sizeof(uint32)) == 0;
	if (same)
	{
		uint16		count = (uint16) link_count;
		uint32		from = 0;
		PagePatch	patch;

		/* Most often one is added behind the others. */
		while (from < was_count && from < link_count && was[from] == links[from])
			from++;
		begin_patch(store, &patch);
		if (from < link_count)
			page_patch_put(&patch, buffer, omen_graph_links(node) + from, links + from,
						   (link_count - from) * sizeof(uint32));
		page_patch_put(&patch, buffer, &node->link_count, &count, sizeof(count));
		page_patch_commit(&patch);
	}
	UnlockReleaseBuffer(buffer);
	return same;
}

static OmenGraphEntry
store_raise_entry(void *context, uint32_t level, uint32_t number, uint32_t dead_end)
{
	HnswStore  *store = context;
	OmenHnswMeta *meta;
	Buffer		buffer = lock_meta(store->index, &meta);
	OmenGraphEntry entry = {meta->entry_number, meta->entry_level};

	if (entry.number == OMEN_GRAPH_NONE || level > entry.level || entry.number == dead_end)
	{
		PageEdit	edit;

		entry = (OmenGraphEntry) {number, level};
		begin_edit(store, &edit);
		meta = edit_meta(&edit, buffer);
		meta->entry_number = number;
		meta->entry_level = level;
		page_edit_commit(&edit);
	}
	UnlockReleaseBuffer(buffer);
	return entry;
}

OmenGraphStore
hnsw_store(HnswStore *store, Relation index, HnswModel *model)
{
	*store = (HnswStore) {.index = index, .model = model};
	store->pages = index_page_store(&store->reader, index, &model->places);
	return (OmenGraphStore) {
		.read = store_read,
		.release = store_release,
		.prefetch = store_prefetch,
		.add = store_add,
		.add_row = store_add_row,
		.change_links = store_change_links,
		.raise_entry = store_raise_entry,
		.context = store,
	};
}
