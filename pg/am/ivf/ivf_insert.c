/*
 * ivf_insert.c - rows into a live index: coded, many at a time.
 *
 * The rows of a batch meet all centroids in tiles, as in a build, and so go
 * where a build would put them.  All of a batch is coded before anything is
 * stored, so that a page is visited once for all that goes to it.
 *
 * Where a vector lies that is out of line, nobody tells an index: what is
 * inserted is the vector itself, and the table has put it elsewhere before.
 * So the new rows are looked at once more for it; without, each search that
 * ranks such a row goes by the TOAST table's index.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "am/ivf/ivf_insert.h"
#include "catalog/pg_am_d.h"
#include "omen/spill.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "toast/toast_reader.h"
#include "utils/memutils.h"

/* A batch on its way into the index. */
typedef struct Coding
{
	Relation	index;
	const IvfPending *rows;
	OmenIvfMeta meta;
	IvfModel   *model;
	OmenAssigner *assigner;
	OmenArena	arena;
	OmenByteRows bytes;			/* of a tile of rows */
	float	   *vectors;		/* of the tile, in index space */
	OmenPoint	points[OMEN_NEAR_ROWS];
	uint32		list[OMEN_NEAR_ROWS];
	uint32		second[OMEN_NEAR_ROWS];
	float	   *scratch;
	uint32		record_bytes;
	uint32		posting_bytes;	/* in a tail */
	uint32		per_row;		/* postings */
	OmenTid    *places;			/* [rows] of values out of line; NULL: none is known */
	uint8	   *records;		/* [rows] */
	uint8	   *postings;		/* [rows x per_row] */
	OmenKeyed  *order;			/* [postings] tail and number */
	uint32		posting_count;
	uint32	   *row_of;			/* [postings] */
	uint32	   *slots;			/* [rows] */
} Coding;

static void *
coding_alloc(Coding *c, size_t count, size_t item_bytes)
{
	void	   *memory = omen_arena_alloc(&c->arena, count, item_bytes);

	if (memory == NULL)
		index_page_report(c->index, OMEN_NO_MEMORY, "");
	return memory;
}

static void
coding_begin(Coding *c)
{
	const OmenIvfModel *model = &c->model->view;
	uint32		dim = model->dim_padded;
	uint32		count = c->rows->count;

	c->assigner = ivf_assigner(c->index, c->model);
	if (omen_byte_rows_init(&c->bytes, &c->arena, dim, Min(count, OMEN_NEAR_ROWS),
							model->metric == OMEN_INNER_PRODUCT) != OMEN_OK)
		index_page_report(c->index, OMEN_NO_MEMORY, "");
	c->vectors = coding_alloc(c, (size_t) Min(count, OMEN_NEAR_ROWS) * dim, sizeof(float));
	c->scratch = coding_alloc(c, omen_ivf_encode_scratch(dim), sizeof(float));
	c->record_bytes = omen_row_bytes(dim, c->meta.keys);
	c->posting_bytes = omen_tail_posting_bytes(dim, c->meta.keys);
	c->per_row = 1 + *model->spilled;
	c->records = coding_alloc(c, count, c->record_bytes);
	c->postings = coding_alloc(c, (size_t) count * c->per_row, c->posting_bytes);
	c->order = coding_alloc(c, (size_t) count * c->per_row, sizeof(OmenKeyed));
	c->row_of = coding_alloc(c, (size_t) count * c->per_row, sizeof(uint32));
	c->slots = coding_alloc(c, count, sizeof(uint32));
}

/* A row's pointer to its vector out of line, as the table has it; false: none. */
static bool
toast_pointer(Relation heap, AttrNumber column, ItemPointer tid, char *pointer)
{
	Buffer		buffer = ReadBuffer(heap, ItemPointerGetBlockNumber(tid));
	OffsetNumber offset = ItemPointerGetOffsetNumber(tid);
	bool		found = false;
	Page		page;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buffer);
	if (offset <= PageGetMaxOffsetNumber(page) && ItemIdIsNormal(PageGetItemId(page, offset)))
	{
		HeapTupleData tuple = {
			.t_len = ItemIdGetLength(PageGetItemId(page, offset)),
			.t_self = *tid,
			.t_tableOid = RelationGetRelid(heap),
			.t_data = (HeapTupleHeader) PageGetItem(page, PageGetItemId(page, offset))
		};
		bool		isnull;
		Datum		value = heap_getattr(&tuple, column, RelationGetDescr(heap), &isnull);

		found = !isnull && VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value));
		if (found)
			memcpy(pointer, DatumGetPointer(value), VARSIZE_EXTERNAL(DatumGetPointer(value)));
	}
	UnlockReleaseBuffer(buffer);
	return found;
}

/* Where the rows' vectors lie; nowhere, if the first one's is in its row, for it is of the others' length. */
static void
find_places(Coding *c)
{
	AttrNumber	column = c->index->rd_index->indkey.values[0];
	Relation	heap = table_open(c->index->rd_index->indrelid, NoLock);
	ToastReader *reader = NULL;

	for (uint32 r = 0; column > 0 && heap->rd_rel->relam == HEAP_TABLE_AM_OID && r < c->rows->count; r++)
	{
		char		pointer[TOAST_POINTER_SIZE];
		ItemPointerData place;

		if (!toast_pointer(heap, column, &c->rows->tids[r], pointer))
		{
			if (r == 0)
				break;
			continue;
		}
		if (r == 0)
		{
			reader = toast_reader_open(heap, NULL, CurrentMemoryContext, false);
			c->places = palloc0(c->rows->count * sizeof(OmenTid));
		}
		ItemPointerSetInvalid(&place);
		toast_reader_fetch(reader, PointerGetDatum(pointer), &place);
		if (ItemPointerIsValid(&place))
			c->places[r] = ivf_tid(&place);
	}
	if (reader != NULL)
		toast_reader_close(reader);
	table_close(heap, NoLock);
}

/* The points of a tile of rows, and the lists that they belong to. */
static void
place_tile(Coding *c, uint32 first, uint32 count)
{
	const OmenIvfModel *model = &c->model->view;
	const IvfPending *rows = c->rows;
	uint32		dim = model->dim_padded;

	c->bytes.count = count;
	for (uint32 i = 0; i < count; i++)
	{
		OmenPoint  *point = &c->points[i];

		*point = (OmenPoint) {.vector = c->vectors + (size_t) i * dim};
		omen_ivf_point(&c->model->rotation, model->metric, model->mean, *model->lift_sq,
					   rows->vectors + (size_t) (first + i) * rows->dim, c->scratch, point);
		point->keys = rows->keys + (size_t) (first + i) * rows->key_count;
		if (c->places != NULL)
			point->place = c->places[first + i];
		c->bytes.scale[i] = omen_bytes_from_floats(point->vector, dim, c->bytes.values + (size_t) i * dim);
		if (c->bytes.extra)
			c->bytes.extra[i] = omen_point_lift(point);
	}
	if (c->per_row > 1)
		omen_spill_assign(c->assigner, &c->bytes, c->list, c->second);
	else
		omen_assign(c->assigner, &c->bytes, c->list, NULL);
}

/* Where the next posting goes, which is of this row and list. */
static uint8 *
next_posting(Coding *c, uint32 row, uint32 list)
{
	uint8	   *posting = c->postings + (size_t) c->posting_count * c->posting_bytes;

	memcpy(posting + c->posting_bytes - sizeof(list), &list, sizeof(list));
	/* A tail's number is below 2^24, which a float holds. */
	c->order[c->posting_count] = (OmenKeyed) {(float) (list / c->meta.lists_per_tail), c->posting_count};
	c->row_of[c->posting_count++] = row;
	return posting;
}

static void
code_rows(Coding *c)
{
	const OmenIvfModel *model = &c->model->view;

	for (uint32 first = 0; first < c->rows->count; first += OMEN_NEAR_ROWS)
	{
		uint32		count = Min(c->rows->count - first, OMEN_NEAR_ROWS);

		CHECK_FOR_INTERRUPTS();
		place_tile(c, first, count);
		for (uint32 i = 0; i < count; i++)
		{
			uint32		r = first + i;

			omen_ivf_encode(model, &c->points[i], c->list[i], ivf_tid(&c->rows->tids[r]), c->scratch,
							(OmenRowRecord *) (c->records + (size_t) r * c->record_bytes),
							next_posting(c, r, c->list[i]));
			if (c->per_row > 1 && !c->points[i].last)
				omen_ivf_encode_posting(model, &c->points[i], c->second[i], c->scratch,
										next_posting(c, r, c->second[i]));
		}
	}
}

void
ivf_insert_rows(Relation index, IvfPending *rows)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "ivf insert", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Coding	   *c = palloc0(sizeof(Coding));
	uint32		slot_at;

	c->index = index;
	c->rows = rows;
	ivf_arena_init(&c->arena, context);
	find_places(c);
	LockPage(index, OMEN_META_BLOCK, ShareLock);
	ivf_read_meta(index, &c->meta);
	c->model = ivf_model(index, &c->meta, context);
	coding_begin(c);
	code_rows(c);

	rows->torn = true;
	ivf_store_records(index, &c->meta, c->model->view.dim_padded, c->records, rows->count, c->slots);
	slot_at = omen_posting_bytes(c->model->view.dim_padded, c->meta.keys) - (uint32) sizeof(uint32);
	for (uint32 i = 0; i < c->posting_count; i++)
		memcpy(c->postings + (size_t) i * c->posting_bytes + slot_at, &c->slots[c->row_of[i]], sizeof(uint32));
	ivf_store_postings(index, c->model, &c->meta, c->postings, c->order, c->posting_count);
	rows->torn = false;
	UnlockPage(index, OMEN_META_BLOCK, ShareLock);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
