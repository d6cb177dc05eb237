/*
 * ivf_writer.c - writing one generation of an index.
 *
 * Rows arrive in the table's order.  Each is assigned to a list and coded;
 * its record goes to a row page at once, its posting through a sort by list,
 * which keeps to maintenance_work_mem and spills beyond it.  Rows are taken in
 * batches, so that assignment can use whole tiles.
 *
 * Row pages are filled in private memory: no lock is held while the table is
 * read.  Nothing points to any of these pages before the meta page does, which
 * is written last.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "am/ivf/ivf_am.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "commands/progress.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "omen/spill.h"
#include "pgstat.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"

#define BATCH 256

struct IvfWriter
{
	Relation	index;
	ForkNumber	fork;
	bool		log;
	OmenIvfModel *model;
	OmenIvfMeta meta;
	OmenArena	arena;
	double		rows;			/* postings: two a row with spilling */

	/* the batch at hand */
	uint32		waiting;
	float	   *vectors;		/* [BATCH][dim_padded] */
	OmenPoint	points[BATCH];
	OmenTid		tids[BATCH];
	uint64	   *keys;			/* [BATCH][keys] */
	OmenByteRows bytes;
	uint32		list[BATCH];
	uint32		second[BATCH];	/* with spilling */
	float		norm_sq[BATCH];
	float		lift_sq[BATCH];

	/* lists */
	OmenAssigner assigner;
	OmenCalibrator *calibrator;
	double	   *spread;			/* [lists] sums of squared residuals */
	uint32	   *own_rows;		/* [lists] whose first list it is */
	uint32	   *list_rows;		/* [lists] postings */
	bool		codes_rows;		/* else only postings were added */
	float		lost;			/* the most that a point lacks */
	float		moved_lost;		/* and one whose record stays as it is */

	/* row pages */
	PGAlignedBlock row_page;
	Buffer		row_buffer;		/* where row_page will go; pinned */
	float	   *scratch;
	OmenRowRecord *record;

	/* postings */
	Tuplesortstate *sort;
	SortCoordinate coordinate;	/* NULL: the sort is this writer's alone */
	int			sort_memory;	/* kB */
	TupleTableSlot *put_slot;
	TupleTableSlot *get_slot;
	bytea	   *posting;
	uint32		posting_bytes;
	uint32	   *packed_map;
	uint32		packed_room;
	uint32	   *key_start;		/* [lists] */
	uint32	   *key_map;
	uint32		key_room;
	uint32	   *directory_map;

	/* rows that come after the lists are written: they go to tails */
	bool		late;
	uint64		late_rows;
	OmenDirectoryEntry *directory;	/* [tails] */
};

static int
check_interrupts(void *context, uint64_t done, uint64_t total)
{
	CHECK_FOR_INTERRUPTS();
	return 1;
}

const OmenProgress ivf_interrupts = {check_interrupts, NULL};

static void *
writer_alloc(IvfWriter *writer, size_t count, size_t item_bytes)
{
	void	   *memory = omen_arena_zero(&writer->arena, count, item_bytes);

	if (memory == NULL)
		index_page_report(writer->index, OMEN_NO_MEMORY, "");
	return memory;
}

static void
writer_check(IvfWriter *writer, OmenStatus status)
{
	if (status != OMEN_OK)
		index_page_report(writer->index, status, "its lists could not be written");
}

/* The sort has maintenance_work_mem less what the model and the calibration take of it. */
static void
begin_sort(IvfWriter *writer, uint32 queries)
{
	Size		taken = writer->model->byte_count + omen_calibrator_bytes(writer->model->dim_padded, queries);
	int			memory = writer->sort_memory - (int) Min(taken / 1024, (Size) writer->sort_memory / 2);

	TupleDesc	desc = CreateTemplateTupleDesc(2);
	AttrNumber	columns[] = {1};
	Oid			operators[] = {Int4LessOperator};
	Oid			collations[] = {InvalidOid};
	bool		nulls_first[] = {false};

	TupleDescInitEntry(desc, 1, "list", INT4OID, -1, 0);
	TupleDescInitEntry(desc, 2, "posting", BYTEAOID, -1, 0);
	writer->put_slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	writer->get_slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	writer->sort = tuplesort_begin_heap(desc, 1, columns, operators, collations, nulls_first,
										Max(memory, 64), writer->coordinate, false);
}

static void
end_sort(IvfWriter *writer)
{
	tuplesort_end(writer->sort);
	ExecDropSingleTupleTableSlot(writer->put_slot);
	ExecDropSingleTupleTableSlot(writer->get_slot);
	writer->sort = NULL;
}

IvfWriter *
ivf_writer_create(Relation index, ForkNumber fork, bool log, OmenIvfModel *model, const OmenIvfMeta *meta)
{
	IvfWriter  *writer = palloc0(sizeof(IvfWriter));
	uint32		dim = model->dim_padded;

	writer->index = index;
	writer->fork = fork;
	writer->log = log;
	writer->model = model;
	writer->meta = *meta;
	ivf_arena_init(&writer->arena, CurrentMemoryContext);
	model->keys = meta->keys;
	writer->vectors = writer_alloc(writer, (size_t) BATCH * dim, sizeof(float));
	writer->keys = writer_alloc(writer, (size_t) BATCH * meta->keys + 1, sizeof(uint64));
	writer->key_start = writer_alloc(writer, model->lists, sizeof(uint32));
	writer_check(writer, omen_byte_rows_init(&writer->bytes, &writer->arena, dim, BATCH,
											 model->metric == OMEN_INNER_PRODUCT));
	writer->spread = writer_alloc(writer, model->lists, sizeof(double));
	writer->own_rows = writer_alloc(writer, model->lists, sizeof(uint32));
	writer->list_rows = writer_alloc(writer, model->lists, sizeof(uint32));
	writer->scratch = writer_alloc(writer, omen_ivf_encode_scratch(dim), sizeof(float));
	writer->record = writer_alloc(writer, 1, omen_row_bytes(dim, writer->meta.keys));
	writer->posting_bytes = omen_posting_bytes(dim, writer->meta.keys);
	writer->posting = writer_alloc(writer, 1, VARHDRSZ + writer->posting_bytes);
	SET_VARSIZE(writer->posting, VARHDRSZ + writer->posting_bytes);
	writer->row_buffer = InvalidBuffer;
	writer->sort_memory = maintenance_work_mem;
	return writer;
}

void
ivf_writer_set_lists(IvfWriter *writer, const OmenByteRows *centroids, const OmenByteRows *queries)
{
	writer_check(writer, omen_assigner_init(&writer->assigner, &writer->arena, centroids));
	omen_assigner_refresh(&writer->assigner);
	if (queries != NULL)
		writer_check(writer, omen_calibrator_create(&writer->calibrator, &writer->arena, writer->model, queries));
	begin_sort(writer, queries ? queries->count : 0);
}

/* ---- row pages ---- */

static void
flush_row_page(IvfWriter *writer)
{
	OmenPageTrailer *trailer = omen_page_trailer(writer->row_page.data);

	if (writer->row_buffer == InvalidBuffer)
		return;
	index_page_set_used(writer->row_page.data,
						trailer->count * omen_row_bytes(writer->model->dim_padded, writer->meta.keys));
	LockBuffer(writer->row_buffer, BUFFER_LOCK_EXCLUSIVE);
	index_page_write(writer->index, writer->row_buffer, writer->log, writer->row_page.data);
	writer->row_buffer = InvalidBuffer;
}

/* Puts writer->record on the row page at hand, or the next; returns its slot. */
static uint32
store_record(IvfWriter *writer)
{
	uint32		dim = writer->model->dim_padded;
	uint32		bytes = omen_row_bytes(dim, writer->meta.keys);
	uint32		per_page = omen_rows_per_page(dim, writer->meta.keys);
	OmenPageTrailer *trailer = omen_page_trailer(writer->row_page.data);
	BlockNumber block;

	if (writer->row_buffer != InvalidBuffer && trailer->count == per_page)
		flush_row_page(writer);
	if (writer->row_buffer == InvalidBuffer)
	{
		writer->row_buffer = index_page_reserve(writer->index, writer->fork, writer->log, OMEN_PAGE_ROW,
												writer->meta.row_generation);
		index_page_init(writer->row_page.data, OMEN_PAGE_ROW, writer->meta.row_generation, 0);
	}
	block = BufferGetBlockNumber(writer->row_buffer);
	if (block >= OMEN_NO_SLOT / per_page)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("index \"%s\" cannot hold more rows", RelationGetRelationName(writer->index)),
				 errhint("Partition the table.")));
	memcpy(omen_page_body(writer->row_page.data) + trailer->count * bytes, writer->record, bytes);
	return block * per_page + trailer->count++;
}

/* ---- batches ---- */

static void
put_posting(IvfWriter *writer, uint32 list)
{
	TupleTableSlot *slot = writer->put_slot;

	ExecClearTuple(slot);
	slot->tts_values[0] = Int32GetDatum((int32) list);
	slot->tts_values[1] = PointerGetDatum(writer->posting);
	slot->tts_isnull[0] = slot->tts_isnull[1] = false;
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(writer->sort, slot);
	if (writer->late)
		writer->late_rows++;
	else
	{
		writer->list_rows[list]++;
		writer->rows++;
	}
}

/* The mean squared residual counts the lift as the coordinate it is, and an error as none. */
static double
residual_sq(IvfWriter *writer, const OmenPoint *point, uint32 row, uint32 list)
{
	OmenIvfModel *model = writer->model;
	double		gap = 0;

	omen_ivf_centroid(model, list, writer->scratch);
	if (model->metric == OMEN_INNER_PRODUCT)
		gap = writer->bytes.extra[row] - sqrt(model->extra_sq[list]);
	return Max(omen_simd->l2sq_f32(point->vector, writer->scratch, model->dim_padded) + gap * gap -
			   (double) point->lost * point->lost, 0.0);
}

static void
flush_batch(IvfWriter *writer)
{
	OmenIvfModel *model = writer->model;
	uint32		dim = model->dim_padded;
	OmenByteRows *bytes = &writer->bytes;
	uint8	   *posting = (uint8 *) VARDATA(writer->posting);
	bool		spilled = *model->spilled != 0;

	if (writer->waiting == 0)
		return;
	bytes->count = writer->waiting;
	for (uint32 r = 0; r < writer->waiting; r++)
	{
		const OmenPoint *point = &writer->points[r];

		bytes->scale[r] = omen_bytes_from_floats(point->vector, dim, bytes->values + (size_t) r * dim);
		writer->lift_sq[r] = point->lift_sq;
		writer->norm_sq[r] = omen_simd->dot_f32(point->vector, point->vector, dim) - point->lost * point->lost;
		if (bytes->extra)
			bytes->extra[r] = sqrtf(Max(point->lift_sq, 0.0f));
		writer->list[r] = 0;
	}
	if (spilled)
		omen_spill_assign(&writer->assigner, bytes, writer->list, writer->second);
	else if (model->lists > 1)
		writer_check(writer, omen_assign(&writer->assigner, bytes, writer->list, NULL));
	if (writer->calibrator)
		omen_calibrator_add(writer->calibrator, bytes, writer->list, spilled ? writer->second : NULL,
							writer->norm_sq, writer->lift_sq);
	for (uint32 r = 0; r < writer->waiting; r++)
	{
		uint32		list = writer->list[r];
		uint32		slot;

		omen_ivf_encode(model, &writer->points[r], list, writer->tids[r], writer->scratch, writer->record, posting);
		slot = store_record(writer);
		memcpy(posting + writer->posting_bytes - sizeof(slot), &slot, sizeof(slot));
		put_posting(writer, list);
		writer->own_rows[list]++;
		if (!writer->points[r].last)
			writer->spread[list] += residual_sq(writer, &writer->points[r], r, list);
		if (spilled && !writer->points[r].last)
		{
			list = writer->second[r];
			omen_ivf_encode_posting(model, &writer->points[r], list, writer->scratch, posting);
			memcpy(posting + writer->posting_bytes - sizeof(slot), &slot, sizeof(slot));
			put_posting(writer, list);
		}
	}
	writer->waiting = 0;
}

float *
ivf_writer_next(IvfWriter *writer)
{
	return writer->vectors + (size_t) writer->waiting * writer->model->dim_padded;
}

void
ivf_writer_add(IvfWriter *writer, const OmenPoint *point, OmenTid tid)
{
	uint64	   *keys = writer->keys + (size_t) writer->waiting * writer->meta.keys;

	writer->codes_rows = true;
	writer->lost = Max(writer->lost, point->lost);
	if (writer->meta.keys > 0)
		memcpy(keys, point->keys, writer->meta.keys * sizeof(uint64));
	writer->points[writer->waiting] = *point;
	writer->points[writer->waiting].keys = keys;
	writer->tids[writer->waiting] = tid;
	if (++writer->waiting == BATCH)
		flush_batch(writer);
}

void
ivf_writer_add_posting(IvfWriter *writer, uint32 list, const uint8 *posting)
{
	if (writer->sort == NULL)
		begin_sort(writer, 0);
	memcpy(VARDATA(writer->posting), posting, writer->posting_bytes);
	put_posting(writer, list);
}

void
ivf_writer_note_moved(IvfWriter *writer, float lost)
{
	writer->moved_lost = Max(writer->moved_lost, lost);
}

void
ivf_writer_calibrate(IvfWriter *writer, OmenCalibrator *calibrator)
{
	writer->calibrator = calibrator;
}

/* ---- several writers ---- */

void
ivf_writer_share_sort(IvfWriter *writer, SortCoordinate coordinate, int memory)
{
	writer->coordinate = coordinate;
	writer->sort_memory = memory;
}

void
ivf_writer_end_share(IvfWriter *writer, BufFile *file)
{
	uint32		lists = writer->model->lists;

	flush_batch(writer);
	tuplesort_performsort(writer->sort);
	end_sort(writer);
	if (file == NULL)
		return;
	/* Its last row page keeps the room it has: nobody else's chain leads there. */
	flush_row_page(writer);
	BufFileWrite(file, &writer->rows, sizeof(writer->rows));
	BufFileWrite(file, &writer->codes_rows, sizeof(writer->codes_rows));
	BufFileWrite(file, writer->list_rows, lists * sizeof(uint32));
	BufFileWrite(file, writer->own_rows, lists * sizeof(uint32));
	BufFileWrite(file, writer->spread, lists * sizeof(double));
	if (writer->calibrator)
		BufFileWrite(file, unconstify(void *, omen_calibrator_found(writer->calibrator)),
					 omen_calibrator_found_bytes(writer->calibrator));
}

void
ivf_writer_begin_merge(IvfWriter *writer, SortCoordinate coordinate)
{
	writer->coordinate = coordinate;
	writer->sort_memory = maintenance_work_mem;
	begin_sort(writer, 0);
}

void
ivf_writer_add_share(IvfWriter *writer, BufFile *file)
{
	uint32		lists = writer->model->lists;
	uint32	   *list_rows = palloc_extended(lists * sizeof(uint32), MCXT_ALLOC_HUGE);
	uint32	   *own_rows = palloc_extended(lists * sizeof(uint32), MCXT_ALLOC_HUGE);
	double	   *spread = palloc_extended(lists * sizeof(double), MCXT_ALLOC_HUGE);
	double		rows;
	bool		codes_rows;

	omen_buffile_read(file, &rows, sizeof(rows));
	omen_buffile_read(file, &codes_rows, sizeof(codes_rows));
	omen_buffile_read(file, list_rows, lists * sizeof(uint32));
	omen_buffile_read(file, own_rows, lists * sizeof(uint32));
	omen_buffile_read(file, spread, lists * sizeof(double));
	writer->rows += rows;
	writer->codes_rows |= codes_rows;
	for (uint32 l = 0; l < lists; l++)
	{
		writer->list_rows[l] += list_rows[l];
		writer->own_rows[l] += own_rows[l];
		writer->spread[l] += spread[l];
	}
	pfree(list_rows);
	pfree(own_rows);
	pfree(spread);
	if (writer->calibrator)
	{
		size_t		bytes = omen_calibrator_found_bytes(writer->calibrator);
		void	   *found = palloc(bytes);

		omen_buffile_read(file, found, bytes);
		omen_calibrator_add_found(writer->calibrator, found);
		pfree(found);
	}
}

/* ---- lists ---- */

/* Notes the block of a run's next page, whose place in it is returned. */
static uint32
note_page(IvfWriter *writer, uint32 **map, uint32 *room, uint32 *pages, BlockNumber block)
{
	if (*pages == *room)
	{
		uint32		larger = *room ? *room * 2 : 1024;
		uint32	   *grown = writer_alloc(writer, larger, sizeof(uint32));

		if (*room > 0)
			memcpy(grown, *map, *room * sizeof(uint32));
		*map = grown;
		*room = larger;
	}
	(*map)[*pages] = block;
	return (*pages)++;
}

static OmenStatus
emit_packed(void *context, OmenPageKind kind, const uint8_t *body, uint32_t used)
{
	IvfWriter  *writer = context;
	Buffer		buffer = index_page_new(writer->index, writer->fork);
	BlockNumber block = BufferGetBlockNumber(buffer);
	uint32		place = kind == OMEN_PAGE_KEYS
		? note_page(writer, &writer->key_map, &writer->key_room, &writer->meta.key_pages, block)
		: note_page(writer, &writer->packed_map, &writer->packed_room, &writer->meta.packed_pages, block);
	PGAlignedBlock page;

	index_page_init(page.data, kind, writer->meta.generation, place);
	memcpy(omen_page_body(page.data), body, used);
	omen_page_trailer(page.data)->count = used;
	index_page_set_used(page.data, used);
	index_page_write(writer->index, buffer, writer->log, page.data);
	CHECK_FOR_INTERRUPTS();
	return OMEN_OK;
}

static void
write_lists(IvfWriter *writer)
{
	OmenIvfModel *model = writer->model;
	OmenPacker	packer;
	bool		more;
	int64		written = 0;

	writer_check(writer, omen_digests_begin(model, &writer->meta, (uint64) writer->rows, &writer->arena));
	tuplesort_performsort(writer->sort);
	writer_check(writer, omen_packer_init(&packer, &writer->arena, model->dim_padded, model->keys,
										  emit_packed, writer));
	more = tuplesort_gettupleslot(writer->sort, true, false, writer->get_slot, NULL);
	for (uint32 l = 0; l < model->lists; l++)
	{
		writer_check(writer, omen_packer_list(&packer, &model->start[l].place));
		writer->key_start[l] = packer.blocks;
		model->start[l].count = writer->list_rows[l];
		for (uint32 i = 0; i < writer->list_rows[l] && more; i++)
		{
			bool		isnull;
			bytea	   *posting;

			Assert(DatumGetInt32(slot_getattr(writer->get_slot, 1, &isnull)) == (int32) l);
			posting = DatumGetByteaPP(slot_getattr(writer->get_slot, 2, &isnull));
			writer_check(writer, omen_packer_add(&packer, (uint8 *) VARDATA_ANY(posting)));
			omen_digest_add(model, l, (uint8 *) VARDATA_ANY(posting) + omen_sign_code_bytes(model->dim_padded));
			more = tuplesort_gettupleslot(writer->sort, true, false, writer->get_slot, NULL);
			if (++written % 1024 == 0)
				pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, written);
		}
	}
	writer_check(writer, omen_packer_finish(&packer));
	end_sort(writer);
}

/* ---- tails ---- */

static void
tail_page_out(IvfWriter *writer, Buffer buffer, char *page, BlockNumber next)
{
	OmenPageTrailer *trailer = omen_page_trailer(page);

	trailer->next = next;
	index_page_set_used(page, trailer->count * (writer->posting_bytes + sizeof(uint32)));
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	index_page_write(writer->index, buffer, writer->log, page);
}

/* The late rows' postings, a chain of pages for each tail that has any. */
static void
write_tails(IvfWriter *writer)
{
	uint32		per_page = omen_postings_per_tail(writer->model->dim_padded, writer->meta.keys);
	Buffer		buffer = InvalidBuffer;
	PGAlignedBlock page;
	OmenPageTrailer *trailer = omen_page_trailer(page.data);

	tuplesort_performsort(writer->sort);
	while (tuplesort_gettupleslot(writer->sort, true, false, writer->get_slot, NULL))
	{
		bool		isnull;
		uint32		list = (uint32) DatumGetInt32(slot_getattr(writer->get_slot, 1, &isnull));
		uint32		tail = list / writer->meta.lists_per_tail;
		bytea	   *posting = DatumGetByteaPP(slot_getattr(writer->get_slot, 2, &isnull));
		uint8	   *at;

		if (buffer == InvalidBuffer || trailer->list != tail || trailer->count == per_page)
		{
			Buffer		next = index_page_reserve(writer->index, writer->fork, writer->log, OMEN_PAGE_TAIL,
												  writer->meta.generation);
			BlockNumber block = BufferGetBlockNumber(next);

			if (buffer != InvalidBuffer)
				tail_page_out(writer, buffer, page.data, trailer->list == tail ? block : OMEN_NO_BLOCK);
			index_page_init(page.data, OMEN_PAGE_TAIL, writer->meta.generation, tail);
			if (writer->directory[tail].tail_pages++ == 0)
				writer->directory[tail].tail_first = block;
			writer->directory[tail].tail_last = block;
			buffer = next;
		}
		at = omen_page_body(page.data) + trailer->count++ * (writer->posting_bytes + sizeof(uint32));
		memcpy(at, VARDATA_ANY(posting), writer->posting_bytes);
		memcpy(at + writer->posting_bytes, &list, sizeof(list));
	}
	if (buffer != InvalidBuffer)
		tail_page_out(writer, buffer, page.data, OMEN_NO_BLOCK);
	end_sort(writer);
}

/* The model says where directory pages are, and is written before them. */
static void
reserve_directory(IvfWriter *writer)
{
	uint32		tails = omen_tails(&writer->meta);

	writer->directory_map = writer_alloc(writer, omen_directory_pages(tails), sizeof(uint32));
	writer->directory = writer_alloc(writer, tails, sizeof(OmenDirectoryEntry));
	for (uint32 t = 0; t < tails; t++)
		writer->directory[t] = (OmenDirectoryEntry) {OMEN_NO_BLOCK, OMEN_NO_BLOCK, 0, 0};
	for (uint32 p = 0; p < omen_directory_pages(tails); p++)
	{
		Buffer		buffer = index_page_reserve(writer->index, writer->fork, writer->log, OMEN_PAGE_DIRECTORY,
												writer->meta.generation);

		writer->directory_map[p] = BufferGetBlockNumber(buffer);
		ReleaseBuffer(buffer);
	}
}

static void
write_directory(IvfWriter *writer)
{
	uint32		tails = omen_tails(&writer->meta);

	for (uint32 p = 0; p < omen_directory_pages(tails); p++)
	{
		Buffer		buffer = ReadBufferExtended(writer->index, writer->fork, writer->directory_map[p], RBM_NORMAL,
												NULL);
		uint32		first = p * OMEN_DIRECTORY_PER_PAGE;
		uint32		count = Min(tails - first, OMEN_DIRECTORY_PER_PAGE);
		PGAlignedBlock page;

		index_page_init(page.data, OMEN_PAGE_DIRECTORY, writer->meta.generation, p);
		memcpy(omen_page_body(page.data), writer->directory + first, count * sizeof(OmenDirectoryEntry));
		index_page_set_used(page.data, count * sizeof(OmenDirectoryEntry));
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		index_page_write(writer->index, buffer, writer->log, page.data);
	}
}

static void
write_meta(IvfWriter *writer)
{
	Buffer		buffer = ReadBufferExtended(writer->index, writer->fork, OMEN_META_BLOCK, RBM_NORMAL, NULL);
	PGAlignedBlock page;

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	index_page_init(page.data, OMEN_PAGE_META, 0, 0);
	memcpy(omen_page_body(page.data), &writer->meta, sizeof(OmenIvfMeta));
	index_page_set_used(page.data, sizeof(OmenIvfMeta));
	index_page_write(writer->index, buffer, writer->log, page.data);
}

static void
finish_lists(IvfWriter *writer)
{
	OmenIvfModel *model = writer->model;

	if (writer->sort == NULL)
		begin_sort(writer, 0);
	flush_batch(writer);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, IVF_PHASE_WRITE);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, (int64) writer->rows);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, 0);
	writer->meta.packed_pages = 0;
	writer->meta.key_pages = 0;
	write_lists(writer);
	if (writer->codes_rows)
		writer->meta.imbalance = (float) ivf_imbalance(writer->list_rows, model->lists, model->lists);
	if (writer->codes_rows)
		for (uint32 l = 0; l < model->lists; l++)
			model->start[l].spread = writer->own_rows[l] ? (float) (writer->spread[l] / writer->own_rows[l]) : 0.0f;
	if (writer->calibrator)
		writer_check(writer, omen_calibrator_finish(writer->calibrator, model, &writer->arena));
	writer->calibrator = NULL;
	writer->meta.lists_per_tail = omen_ivf_lists_per_tail((uint64) writer->rows, model->lists, model->dim_padded,
														  model->keys);
	reserve_directory(writer);
	model->packed_map = writer->packed_map;
	model->directory_map = writer->directory_map;
	model->key_start = writer->key_start;
	model->key_map = writer->key_map;
	ivf_write_model(writer->index, writer->fork, writer->log, model, &writer->meta);
	writer->meta.packed_rows = (uint64) writer->rows;
	writer->meta.dead_postings = 0;
}

void
ivf_writer_begin_late(IvfWriter *writer)
{
	finish_lists(writer);
	writer->late = true;
	begin_sort(writer, 0);
}

double
ivf_writer_finish(IvfWriter *writer, BlockNumber free_rows)
{
	if (!writer->late)
		finish_lists(writer);
	flush_batch(writer);
	if (writer->row_buffer != InvalidBuffer)
	{
		/* The last row page has room, most likely: the first of the chain that inserts look at. */
		omen_page_trailer(writer->row_page.data)->list = 1;
		omen_page_trailer(writer->row_page.data)->next = free_rows;
		free_rows = BufferGetBlockNumber(writer->row_buffer);
	}
	flush_row_page(writer);
	if (writer->late)
		write_tails(writer);
	write_directory(writer);
	/* What is lost now comes on top of what the decoded records may have been wrong by. */
	writer->meta.lost += writer->lost;
	writer->meta.moved_lost = writer->codes_rows ? 0 : Max(writer->meta.moved_lost, writer->moved_lost);
	if (writer->codes_rows)
		writer->meta.moved_share = 0;
	writer->meta.free_rows = free_rows;
	writer->meta.has_tails = writer->late_rows > 0;
	writer->meta.written_blocks = RelationGetNumberOfBlocksInFork(writer->index, writer->fork);
	write_meta(writer);
	omen_arena_reset(&writer->arena);
	return writer->rows / (1 + *writer->model->spilled);
}
