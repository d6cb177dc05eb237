/*
 * toast_reader.c - see toast_reader.h and README.md.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "access/detoast.h"
#include "access/genam.h"
#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/toast_internals.h"
#include "catalog/pg_am_d.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "toast/toast_reader.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

struct ToastReader
{
	Relation	toast;			/* NULL: the table's values are not read here */
	Relation	index;
	IndexScanDesc scan;
	BlockReader blocks;
	ItemPointerData next;		/* behind the value read last */
	char	   *scratch;
	Size		scratch_bytes;
	MemoryContext context;
};

/*
 * Values kept while the reader that opened last is open.  A table of as many
 * entries as fit, found by their identifier's last bits; a newer one takes an
 * older one's entry.
 */
#define KEPT_BYTES ((Size) 8 * 1024 * 1024)	/* a thousand rows of 1,536 dimensions */
#define KEPT_ENTRIES 8192
/* How much of a chunk to have on its way: copying runs ahead from there. */
#define EXPECTED_BYTES 512

static struct
{
	ToastReader *owner;			/* NULL: nothing is kept */
	Oid			toast;
	Size		used;
	char	   *room;			/* [KEPT_BYTES], once and for all */
	uint32		turn;			/* of readers: entries of another's are empty */
	struct
	{
		Oid			value;
		uint32		at;
		uint32		turn;
	}			entries[KEPT_ENTRIES];
}			kept;

static void
forget_kept(void *reader)
{
	if (kept.owner == reader)
		kept.owner = NULL;
}

ToastReader *
toast_reader_open(Relation table, BufferHints *hints, MemoryContext context, bool keep)
{
	ToastReader *reader = MemoryContextAllocZero(context, sizeof(ToastReader));
	MemoryContextCallback *callback;

	reader->context = context;
	if (!OidIsValid(table->rd_rel->reltoastrelid))
		return reader;
	reader->toast = table_open(table->rd_rel->reltoastrelid, AccessShareLock);
	if (reader->toast->rd_rel->relam != HEAP_TABLE_AM_OID)
	{
		table_close(reader->toast, AccessShareLock);
		reader->toast = NULL;
		return reader;
	}
	reader->blocks = (BlockReader) {reader->toast, 0, hints};
	ItemPointerSetInvalid(&reader->next);
	if (!keep)
		return reader;
	/* Whatever ends the query ends the keeping. */
	callback = MemoryContextAlloc(context, sizeof(MemoryContextCallback));
	callback->func = forget_kept;
	callback->arg = reader;
	MemoryContextRegisterResetCallback(context, callback);
	if (kept.room == NULL)
		kept.room = MemoryContextAllocExtended(TopMemoryContext, KEPT_BYTES, MCXT_ALLOC_NO_OOM);
	if (kept.room != NULL)
	{
		kept.owner = reader;
		kept.toast = RelationGetRelid(reader->toast);
		kept.used = 0;
		if (++kept.turn == 0)
		{
			memset(kept.entries, 0, sizeof(kept.entries));
			kept.turn = 1;
		}
	}
	return reader;
}

void
toast_reader_close(ToastReader *reader)
{
	forget_kept(reader);
	if (reader->scan != NULL)
		index_endscan(reader->scan);
	if (reader->index != NULL)
		index_close(reader->index, AccessShareLock);
	if (reader->toast != NULL)
		table_close(reader->toast, AccessShareLock);
	pfree(reader);
}

/* ---- chunks ---- */

/* Copies the chunk at `offset` of a locked page; false when it is not the one expected. */
static bool
copy_chunk(Page page, OffsetNumber offset, Oid value, int32 number, char *out, uint32 bytes)
{
	ItemId		item = PageGetItemId(page, offset);
	HeapTupleHeader tuple;
	char	   *fields;
	char	   *chunk;
	Oid			found_value;
	int32		found_number;

	if (!ItemIdIsNormal(item))
		return false;
	tuple = (HeapTupleHeader) PageGetItem(page, item);
	if (ItemIdGetLength(item) <= tuple->t_hoff + sizeof(Oid) + sizeof(int32) + VARHDRSZ)
		return false;
	/* chunk_id, chunk_seq, chunk_data: never NULL, so at fixed places. */
	fields = (char *) tuple + tuple->t_hoff;
	memcpy(&found_value, fields, sizeof(Oid));
	memcpy(&found_number, fields + sizeof(Oid), sizeof(int32));
	chunk = fields + sizeof(Oid) + sizeof(int32);
	if (found_value != value || found_number != number || VARATT_IS_EXTERNAL(chunk) ||
		VARATT_IS_COMPRESSED(chunk) || VARSIZE_ANY_EXHDR(chunk) != bytes ||
		VARDATA_ANY(chunk) + bytes > (char *) tuple + ItemIdGetLength(item))
		return false;
	memcpy(out, VARDATA_ANY(chunk), bytes);
	return true;
}

/* Reads chunks that follow one another from `place` on; moves it to where they began. */
static bool
read_at(ToastReader *reader, ItemPointerData *place, Oid value, char *out, uint32 bytes)
{
	BlockNumber block = ItemPointerGetBlockNumber(place);
	OffsetNumber offset = ItemPointerGetOffsetNumber(place);
	uint32		done = 0;
	bool		right = true;

	for (int pages = 0; done < bytes && right; pages++, block++, offset = FirstOffsetNumber)
	{
		Buffer		buffer = block_reader_lock(&reader->blocks, block);
		Page		page;

		if (!BufferIsValid(buffer))
			return false;
		page = BufferGetPage(buffer);
		/* A place just behind a page's last chunk is on the next page, if anywhere. */
		if (offset > PageGetMaxOffsetNumber(page))
			right = pages == 0;
		for (; done < bytes && right && offset <= PageGetMaxOffsetNumber(page); offset++)
		{
			uint32		length = Min(bytes - done, TOAST_MAX_CHUNK_SIZE);

			right = copy_chunk(page, offset, value, done / TOAST_MAX_CHUNK_SIZE, out + done, length);
			if (right && done == 0)
				ItemPointerSet(place, block, offset);
			done += length;
			ItemPointerSet(&reader->next, block, offset + 1);
		}
		UnlockReleaseBuffer(buffer);
	}
	return right;
}

/*
 * Finds the chunks by the index.  Any snapshot would do, for the row that was
 * seen keeps its chunks; with SnapshotAny none has to be there.
 */
static bool
read_by_index(ToastReader *reader, ItemPointerData *place, Oid value, char *out, uint32 bytes)
{
	ScanKeyData key;
	ItemPointer found;
	uint32		done = 0;

	if (reader->scan == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(reader->context);

		reader->index = index_open(toast_get_valid_index(RelationGetRelid(reader->toast), AccessShareLock), NoLock);
		reader->scan = OMEN_INDEX_BEGINSCAN(reader->toast, reader->index, SnapshotAny, 1, 0);
		MemoryContextSwitchTo(old);
	}
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(value));
	index_rescan(reader->scan, &key, 1, NULL, 0);
	while (done < bytes && (found = index_getnext_tid(reader->scan, ForwardScanDirection)) != NULL)
	{
		BlockNumber block = ItemPointerGetBlockNumber(found);
		OffsetNumber offset = ItemPointerGetOffsetNumber(found);
		uint32		length = Min(bytes - done, TOAST_MAX_CHUNK_SIZE);
		Buffer		buffer = block_reader_lock(&reader->blocks, block);
		bool		right;

		if (!BufferIsValid(buffer))
			return false;
		right = offset <= PageGetMaxOffsetNumber(BufferGetPage(buffer)) &&
			copy_chunk(BufferGetPage(buffer), offset, value, done / TOAST_MAX_CHUNK_SIZE, out + done, length);
		UnlockReleaseBuffer(buffer);
		if (!right)
			return false;
		if (done == 0)
			*place = *found;
		done += length;
		ItemPointerSet(&reader->next, block, offset + 1);
	}
	return done >= bytes;
}

/* ---- values ---- */

void
toast_reader_expect(ToastReader *reader, const ItemPointerData *place)
{
	if (reader->toast != NULL && ItemPointerIsValid(place))
		block_reader_expect(&reader->blocks, ItemPointerGetBlockNumber(place), 0,
							SizeOfPageHeaderData + ItemPointerGetOffsetNumber(place) * sizeof(ItemIdData));
}

void
toast_reader_expect_value(ToastReader *reader, const ItemPointerData *place)
{
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(place);
	OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(place);

	if (reader->toast == NULL || !ItemPointerIsValid(place))
		return;
	block_reader_expect_item(&reader->blocks, block, offset, EXPECTED_BYTES);
	block_reader_expect_item(&reader->blocks, block, offset + 1, EXPECTED_BYTES);
}

static inline uint32
entry_of(Oid value)
{
	return value % KEPT_ENTRIES;
}

struct varlena *
toast_kept(const struct varlena *pointer)
{
	struct varatt_external external;
	uint32		entry;

	if (kept.owner == NULL || !VARATT_IS_EXTERNAL_ONDISK(pointer))
		return NULL;
	VARATT_EXTERNAL_GET_POINTER(external, pointer);
	entry = entry_of(external.va_valueid);
	return external.va_toastrelid == kept.toast && kept.entries[entry].turn == kept.turn &&
		external.va_valueid == kept.entries[entry].value ?
		(struct varlena *) (kept.room + kept.entries[entry].at) : NULL;
}

/* Memory for a value of so many bytes: kept if there is room, else good until the next. */
static char *
room_for(ToastReader *reader, Size bytes)
{
	if (kept.owner == reader && kept.used + bytes <= KEPT_BYTES)
		return kept.room + kept.used;
	if (reader->scratch_bytes < bytes)
	{
		if (reader->scratch != NULL)
			pfree(reader->scratch);
		reader->scratch = MemoryContextAlloc(reader->context, bytes);
		reader->scratch_bytes = bytes;
	}
	return reader->scratch;
}

static void
remember(Oid value, const char *at, Size bytes)
{
	if (at != kept.room + kept.used)
		return;
	kept.entries[entry_of(value)].value = value;
	kept.entries[entry_of(value)].at = (uint32) kept.used;
	kept.entries[entry_of(value)].turn = kept.turn;
	kept.used += MAXALIGN(bytes);
}

Datum
toast_reader_fetch(ToastReader *reader, Datum value, ItemPointerData *place)
{
	struct varlena *pointer = (struct varlena *) DatumGetPointer(value);
	struct varatt_external external;
	struct varlena *known;
	uint32		bytes;
	char	   *out;

	if (!VARATT_IS_EXTERNAL_ONDISK(pointer) || reader->toast == NULL)
	{
		ItemPointerSetInvalid(place);
		return PointerGetDatum(PG_DETOAST_DATUM(value));
	}
	VARATT_EXTERNAL_GET_POINTER(external, pointer);
	bytes = VARATT_EXTERNAL_GET_EXTSIZE(external);
	if (VARATT_EXTERNAL_IS_COMPRESSED(external) || bytes == 0 ||
		external.va_toastrelid != RelationGetRelid(reader->toast))
	{
		ItemPointerSetInvalid(place);
		return PointerGetDatum(PG_DETOAST_DATUM(value));
	}
	if (kept.owner == reader && (known = toast_kept(pointer)) != NULL)
		return PointerGetDatum(known);
	CHECK_FOR_INTERRUPTS();
	out = room_for(reader, bytes + VARHDRSZ);
	if (!ItemPointerIsValid(place))
		*place = reader->next;
	if (!(ItemPointerIsValid(place) && read_at(reader, place, external.va_valueid, out + VARHDRSZ, bytes)) &&
		!read_by_index(reader, place, external.va_valueid, out + VARHDRSZ, bytes))
	{
		/* Something is unusual: whatever it is, PostgreSQL reads it or says what is wrong. */
		ItemPointerSetInvalid(place);
		return PointerGetDatum(PG_DETOAST_DATUM(value));
	}
	SET_VARSIZE(out, bytes + VARHDRSZ);
	if (kept.owner == reader)
		remember(external.va_valueid, out, bytes + VARHDRSZ);
	return PointerGetDatum(out);
}
