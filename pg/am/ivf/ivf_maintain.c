/*
 * ivf_maintain.c - lists rewritten as the table changes.
 *
 * Inserts lengthen tails, deletes leave holes, and a table that has grown
 * wants more lists than it was trained for.  VACUUM therefore rewrites the
 * lists when a quarter of the rows wait in tails or a third of the postings
 * are gone (repacking: same model, same codes; or splitting and merging some
 * of them on the way, ivf_rebalance.c), and trains new ones when the rows have
 * nearly doubled (retraining).  So an index made on an
 * empty table grows into what CREATE INDEX would have made of the full one.
 *
 * Retraining works from the row records' four-bit codes, not from the table:
 * vacuum's snapshot does not keep TOAST rows from others.  How long the
 * error of a code is, is known, and goes into the new code's bound.
 *
 * A new generation is written beside the old one and comes into force with
 * the meta page.  Inserts go on meanwhile, into the old one's row pages and
 * tails.  How far each tail was taken over is remembered, and in retraining,
 * which takes rows from their pages, a bit a slot for those that it has; once
 * the lists are written, the old tails are walked on, again and again until
 * little is new, and the last time with inserts waiting (on the meta
 * block's page lock): not for long, since those would have an autovacuum
 * cancelled.  Slots do not change hands, for only VACUUM frees them, and that
 * is who works here.  Scans that come upon a page of the old generation that
 * is gone start over with the new.
 * If this stops half-way, by an error, a cancel or a
 * crash, the old generation is still in force and the new one's pages belong
 * to none: the next vacuum frees them before it begins.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "am/ivf/ivf_inspect.h"
#include "am/ivf/ivf_maintain.h"
#include "commands/vacuum.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "wal/page_edit.h"

/* Walk tails again, while inserts go on, until so few rows were new. */
#define LATE_ROWS_FEW 2000
#define LATE_ROUNDS_MAX 10

/*
 * Retrain when rows are so many times those trained on, and there are enough
 * for two lists: less than twice, so that a table that doubled, but for a few
 * rows deleted, is searched as fast as before.
 */
#define RETRAIN_GROWTH 1.9
#define RETRAIN_ROWS_MIN 1024
/* Repack when tails hold so large a share of the rows, and this many pages at least. */
#define REPACK_TAIL_SHARE 0.25
#define REPACK_TAIL_PAGES_MIN 8
#define REPACK_DEAD_SHARE 0.33
/* When asked: retrain when rows are so much farther from their centroids than they were, or lists too few, too many. */
#define DRIFT_MAX 1.2
#define DRIFT_LOOKS 512			/* blocks */
#define LISTS_MISFIT 1.5
/* Retrain, to rows in fewer pages, when the part of the file in use is so many times what is needed. */
#define BLOAT_MAX 3
#define BLOAT_BLOCKS_MIN 64

typedef enum IvfWork
{
	WORK_NONE,
	WORK_REPACK,
	WORK_REBALANCE,				/* repacking with lists split and merged, or calibrated anew; or just repacking */
	WORK_RETRAIN
} IvfWork;

static const char *const done[] = {"nothing to do", "lists repacked", "lists split and merged", "lists trained anew"};

/* A checked page, share-locked; release by the store. */
static const void *
read_page(IvfMaintenance *m, BlockNumber block, OmenPageKind kind, uint32 generation, uintptr_t *handle)
{
	const void *page = m->store.read(m->store.context, block, handle);
	OmenError	err;
	OmenStatus	status;

	if (page == NULL)
		index_page_report(m->index, OMEN_CORRUPT, "a page is missing");
	status = omen_page_check(page, block, kind, generation, &err);
	if (status != OMEN_OK)
		index_page_report(m->index, status, err.text);
	return page;
}

static OmenDirectoryEntry
read_entry(IvfMaintenance *m, uint32 tail)
{
	uintptr_t	handle;
	const void *page = read_page(m, m->model->view.directory_map[tail / OMEN_DIRECTORY_PER_PAGE],
								 OMEN_PAGE_DIRECTORY, m->meta.generation, &handle);
	OmenDirectoryEntry entry;

	memcpy(&entry, omen_page_body_const(page) + (tail % OMEN_DIRECTORY_PER_PAGE) * sizeof(entry), sizeof(entry));
	m->store.release(m->store.context, handle);
	return entry;
}

/* ---- deciding ---- */

static void
count_tails(IvfMaintenance *m)
{
	m->tail_rows = 0;
	m->tail_pages = 0;
	for (uint32 t = 0; t < omen_tails(&m->meta) && m->meta.has_tails; t++)
	{
		OmenDirectoryEntry entry = read_entry(m, t);
		uintptr_t	handle;
		const void *page;

		if (entry.tail_last == OMEN_NO_BLOCK)
			continue;
		page = read_page(m, entry.tail_last, OMEN_PAGE_TAIL, m->meta.generation, &handle);
		m->tail_rows += (double) (entry.tail_pages - 1) * omen_postings_per_tail(m->dim, m->meta.keys) +
			omen_page_trailer_const(page)->count;
		m->tail_pages += entry.tail_pages;
		m->store.release(m->store.context, handle);
	}
}

bool
ivf_maintain_visit_rows(IvfMaintenance *m, BlockNumber block,
						void (*visit) (IvfMaintenance *m, const OmenRowRecord *record))
{
	uint32		bytes = omen_row_bytes(m->dim, m->meta.keys);
	uint32		per_page = omen_rows_per_page(m->dim, m->meta.keys);
	Buffer		buffer;
	PGAlignedBlock copy;
	const OmenPageTrailer *trailer = omen_page_trailer_const(copy.data);

	vacuum_delay_point_compat();
	buffer = ReadBufferExtended(m->index, MAIN_FORKNUM, block, RBM_NORMAL, m->strategy);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	memcpy(copy.data, BufferGetPage(buffer), BLCKSZ);
	UnlockReleaseBuffer(buffer);
	if (PageIsNew(copy.data) ||
		omen_page_check(copy.data, block, OMEN_PAGE_ROW, m->meta.row_generation, NULL) != OMEN_OK)
		return false;
	for (uint32 i = 0; i < Min(trailer->count, per_page); i++)
	{
		const OmenRowRecord *record =
			(const OmenRowRecord *) (omen_page_body_const(copy.data) + (size_t) i * bytes);

		m->slot = block * per_page + i;
		if (record->state == OMEN_ROW_LIVE && record->list < m->meta.lists)
			visit(m, record);
	}
	return true;
}

const OmenRowRecord *
ivf_maintain_record(IvfMaintenance *m, uint32 slot, PGAlignedBlock *copy)
{
	uint32		per_page = omen_rows_per_page(m->dim, m->meta.keys);
	uintptr_t	handle;
	const void *page = read_page(m, slot / per_page, OMEN_PAGE_ROW, m->meta.row_generation, &handle);
	const OmenRowRecord *record = (const OmenRowRecord *)
		(omen_page_body_const(copy->data) + (size_t) (slot % per_page) * omen_row_bytes(m->dim, m->meta.keys));

	memcpy(copy->data, page, BLCKSZ);
	m->store.release(m->store.context, handle);
	return record->state == OMEN_ROW_LIVE && record->list < m->meta.lists ? record : NULL;
}

/* How much farther rows are from their centroids than when the lists were written, by a sample: 1 for as far. */
static void
measure_record(IvfMaintenance *m, const OmenRowRecord *record)
{
	double		spread = m->model->view.start[record->list].spread;
	double		residual_sq = ivf_residual_sq(&m->model->view, record, m->vector, m->scratch);

	if (spread > 0 && isfinite(residual_sq))
	{
		m->residual_sq += residual_sq;
		m->spread += spread;
	}
}

static bool
has_drifted(IvfMaintenance *m)
{
	BlockNumber blocks = RelationGetNumberOfBlocks(m->index);
	OmenRandom	random = {m->meta.seed};

	for (uint32 i = 0; i < DRIFT_LOOKS && blocks > 1; i++)
		ivf_maintain_visit_rows(m, 1 + (BlockNumber) omen_random_below(&random, blocks - 1), measure_record);
	return m->residual_sq > DRIFT_MAX * m->spread;
}

double
ivf_maintain_rows(const IvfMaintenance *m)
{
	double		postings = m->meta.packed_rows + m->tail_rows - m->meta.dead_postings;

	return postings / (1 + *m->model->view.spilled);
}

uint32
ivf_maintain_lists(const IvfMaintenance *m, double rows)
{
	IvfOptions *options = (IvfOptions *) m->index->rd_options;

	return options && options->lists > 0 ? (uint32) options->lists : omen_ivf_lists_for((uint64) rows);
}

/* How lists are to be rewritten. */
static IvfWork
rewriting_due(IvfMaintenance *m)
{
	IvfBalance	balance;

	if (ivf_maintain_rows(m) < RETRAIN_ROWS_MIN)
		return WORK_REPACK;
	balance = ivf_balance(m);
	if (balance == IVF_OVERTURNED || (balance == IVF_BALANCED && has_drifted(m)))
		return WORK_RETRAIN;
	return m->meta.metric == OMEN_INNER_PRODUCT ? WORK_REPACK : WORK_REBALANCE;
}

static IvfWork
work_due(IvfMaintenance *m)
{
	double		postings = m->meta.packed_rows + m->tail_rows;
	double		rows = ivf_maintain_rows(m);

	if (rows >= RETRAIN_ROWS_MIN && rows >= RETRAIN_GROWTH * m->meta.trained_rows)
		return WORK_RETRAIN;
	if ((m->tail_pages >= REPACK_TAIL_PAGES_MIN && m->tail_rows >= REPACK_TAIL_SHARE * postings) ||
		(m->meta.dead_postings >= REPACK_DEAD_SHARE * postings && postings >= RETRAIN_ROWS_MIN))
		return rewriting_due(m);
	return WORK_NONE;
}

/* ---- a new generation ---- */

uint32
ivf_maintain_begin_generation(IvfMaintenance *m)
{
	Buffer		buffer = ReadBuffer(m->index, OMEN_META_BLOCK);
	PageEdit	edit;
	OmenIvfMeta *meta;

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	page_edit_begin(&edit, m->index);
	meta = (OmenIvfMeta *) omen_page_body(page_edit_add(&edit, buffer));
	m->meta.last_generation = ++meta->last_generation;
	page_edit_commit(&edit);
	UnlockReleaseBuffer(buffer);
	return m->meta.last_generation;
}

/* ---- rows that come meanwhile ---- */

/* Gives every slot there is by now its bit. */
static void
cover_slots(IvfMaintenance *m)
{
	uint64		slots = (uint64) RelationGetNumberOfBlocks(m->index) * omen_rows_per_page(m->dim, m->meta.keys);
	Size		had = m->taken ? m->slots / 8 + 1 : 0;
	Size		bytes = slots / 8 + 1;

	if (m->taken == NULL)
		m->taken = MemoryContextAllocHuge(CurrentMemoryContext, bytes);
	else if (bytes > had)
		m->taken = repalloc_huge(m->taken, bytes);
	if (bytes > had)
		memset(m->taken + had, 0, bytes - had);
	m->slots = Max(m->slots, slots);
}

/* Whether the row in this slot is still to be taken over, which it then counts as. */
static bool
take_slot(IvfMaintenance *m, uint32 slot)
{
	uint8		bit = (uint8) (1 << slot % 8);

	/* The page may have come to be since. */
	if (slot >= m->slots)
		cover_slots(m);
	if (slot >= m->slots)
		index_page_report(m->index, OMEN_CORRUPT, "a posting leads past the end");
	if ((m->taken[slot / 8] & bit) != 0)
		return false;
	m->taken[slot / 8] |= bit;
	return true;
}

/* Takes over what a tail holds that was not taken yet; returns how many postings. */
static uint64
take_tail(IvfMaintenance *m, uint32 tail)
{
	uint32		bytes = omen_posting_bytes(m->dim, m->meta.keys);
	uint32		tail_bytes = omen_tail_posting_bytes(m->dim, m->meta.keys);
	OmenDirectoryEntry entry = read_entry(m, tail);
	IvfTailPlace *walked = &m->walked[tail];
	uint32		pages = 0;
	uint64		count = 0;

	if (walked->block == OMEN_NO_BLOCK)
		walked->block = entry.tail_first;
	for (BlockNumber block = walked->block; block != OMEN_NO_BLOCK;)
	{
		uintptr_t	handle;
		const void *page = read_page(m, block, OMEN_PAGE_TAIL, m->meta.generation, &handle);
		PGAlignedBlock copy;
		const OmenPageTrailer *trailer;

		/* Copied, because adding to the writer may write its sort to disk. */
		memcpy(copy.data, page, BLCKSZ);
		m->store.release(m->store.context, handle);
		trailer = omen_page_trailer_const(copy.data);
		if (trailer->list != tail || trailer->count > omen_postings_per_tail(m->dim, m->meta.keys) ||
			++pages > entry.tail_pages)
			index_page_report(m->index, OMEN_CORRUPT, "a tail page is not what the directory says");
		if (block != walked->block)
			*walked = (IvfTailPlace) {block, 0};
		for (; walked->postings < trailer->count; walked->postings++)
		{
			const uint8 *posting = omen_page_body_const(copy.data) + (size_t) walked->postings * tail_bytes;
			uint32		slot;
			uint32		list;

			memcpy(&slot, posting + bytes - sizeof(slot), sizeof(slot));
			memcpy(&list, posting + bytes, sizeof(list));
			if (list >= m->meta.lists || list / m->meta.lists_per_tail != tail)
				index_page_report(m->index, OMEN_CORRUPT, "a posting is in the wrong tail");
			if (slot == OMEN_NO_SLOT || (m->taken != NULL && !take_slot(m, slot)))
				continue;
			m->take(m, list, posting, slot);
			count++;
		}
		/* What was linked behind since the entry was read waits for the next walk. */
		block = block == entry.tail_last ? OMEN_NO_BLOCK : trailer->next;
	}
	return count;
}

void
ivf_maintain_rewind_tails(IvfMaintenance *m)
{
	for (uint32 t = 0; t < omen_tails(&m->meta); t++)
		m->walked[t] = (IvfTailPlace) {OMEN_NO_BLOCK, 0};
}

uint64
ivf_maintain_take_tails(IvfMaintenance *m)
{
	OmenIvfMeta now;
	uint64		count = 0;

	ivf_read_meta(m->index, &now);
	if (!now.has_tails)
		return 0;
	for (uint32 t = 0; t < omen_tails(&m->meta); t++)
		count += take_tail(m, t);
	return count;
}

void
ivf_maintain_finish_generation(IvfMaintenance *m, bool keeps_row_pages)
{
	OmenIvfMeta now;

	ivf_writer_begin_late(m->writer);
	for (int round = 0; round < LATE_ROUNDS_MAX && ivf_maintain_take_tails(m) > LATE_ROWS_FEW; round++)
		;
	LockPage(m->index, OMEN_META_BLOCK, ExclusiveLock);
	ivf_maintain_take_tails(m);
	ivf_read_meta(m->index, &now);
	ivf_writer_finish(m->writer, keeps_row_pages ? now.free_rows : OMEN_NO_BLOCK);
	UnlockPage(m->index, OMEN_META_BLOCK, ExclusiveLock);
}

/* ---- repacking ---- */

static void
take_posting(IvfMaintenance *m, uint32 list, const uint8 *posting, uint32 slot)
{
	ivf_writer_add_posting(m->writer, list, posting);
}

static OmenStatus
take_unpacked(void *context, uint32_t list, const uint8_t *posting)
{
	IvfMaintenance *m = context;
	uint32		slot;

	memcpy(&slot, posting + omen_posting_bytes(m->dim, m->meta.keys) - sizeof(slot), sizeof(slot));
	m->take(m, list, posting, slot);
	return OMEN_OK;
}

void
ivf_maintain_take_packed(IvfMaintenance *m, uint32 list)
{
	OmenArena	arena;
	OmenError	err;
	OmenStatus	status;

	CHECK_FOR_INTERRUPTS();
	ivf_arena_init(&arena, CurrentMemoryContext);
	status = omen_ivf_unpack(&m->model->view, &m->meta, m->store, &arena, list, take_unpacked, m, &err);
	if (status != OMEN_OK)
		index_page_report(m->index, status, err.text);
	omen_arena_reset(&arena);
}

static void
repack(IvfMaintenance *m)
{
	const OmenIvfModel *old = &m->model->view;
	OmenIvfModel model;
	OmenIvfMeta meta = m->meta;
	OmenArena	arena;
	uint8	   *bytes;

	ivf_arena_init(&arena, CurrentMemoryContext);
	bytes = omen_arena_alloc(&arena, 1, old->byte_count);
	if (bytes == NULL)
		index_page_report(m->index, OMEN_NO_MEMORY, "");
	omen_ivf_model_create(&model, bytes, old->dim, old->lists, old->metric);
	memcpy(bytes, old->bytes, old->byte_count);
	meta.generation = ivf_maintain_begin_generation(m);
	meta.last_generation = meta.generation;
	meta.moved_share += (float) (m->tail_rows / Max(m->meta.packed_rows + m->tail_rows, 1));
	m->writer = ivf_writer_create(m->index, MAIN_FORKNUM, RelationNeedsWAL(m->index), &model, &meta);
	m->take = take_posting;
	for (uint32 l = 0; l < old->lists; l++)
		ivf_maintain_take_packed(m, l);
	ivf_maintain_take_tails(m);
	ivf_maintain_finish_generation(m, true);
	omen_arena_reset(&arena);
}

/* ---- retraining ---- */

OmenPoint
ivf_maintain_decode(IvfMaintenance *m, const OmenRowRecord *record, float *out, float *norm_sq)
{
	OmenPoint	point = {.vector = out, .place = record->place};

	point.lost = omen_ivf_decode(&m->model->view, record, out, m->scratch);
	*norm_sq = Max(omen_simd->dot_f32(out, out, m->dim) - point.lost * point.lost, 0.0f);
	point.last = record->factors.add == OMEN_ADD_LAST;
	return point;
}

static void
subtract_mean(IvfMaintenance *m, OmenPoint *point)
{
	for (uint32 d = 0; d < m->dim; d++)
		point->vector[d] -= m->training.mean[d];
}

static void
look_at_record(IvfMaintenance *m, const OmenRowRecord *record)
{
	float		norm_sq;
	OmenPoint	point = ivf_maintain_decode(m, record, m->vector, &norm_sq);

	ivf_train_look(&m->training, &point);
}

static void
sample_record(IvfMaintenance *m, const OmenRowRecord *record)
{
	float		norm_sq;
	OmenPoint	point;

	if (!ivf_train_wants(&m->training))
		return;
	point = ivf_maintain_decode(m, record, m->vector, &norm_sq);
	subtract_mean(m, &point);
	ivf_train_sample(&m->training, &point, norm_sq);
}

static void
add_record(IvfMaintenance *m, const OmenRowRecord *record)
{
	float		norm_sq;
	OmenPoint	point = ivf_maintain_decode(m, record, ivf_writer_next(m->writer), &norm_sq);

	subtract_mean(m, &point);
	if (m->meta.metric == OMEN_INNER_PRODUCT)
		point.lift_sq = *m->training.model.lift_sq - norm_sq;
	point.keys = m->keys;
	memcpy(m->keys, omen_row_keys(record, m->dim), m->meta.keys * sizeof(uint64));
	ivf_writer_add(m->writer, &point, record->tid);
}

static void
take_record(IvfMaintenance *m, const OmenRowRecord *record)
{
	if (take_slot(m, m->slot))
		add_record(m, record);
}

/* The posting's own code is of no use to new lists. */
static void
take_posted_record(IvfMaintenance *m, uint32 list, const uint8 *posting, uint32 slot)
{
	PGAlignedBlock copy;
	const OmenRowRecord *record = ivf_maintain_record(m, slot, &copy);

	if (record != NULL)
		add_record(m, record);
}

static void
retrain(IvfMaintenance *m)
{
	IvfTraining *training = &m->training;
	BlockNumber blocks = RelationGetNumberOfBlocks(m->index);
	double		rows = ivf_maintain_rows(m);
	uint32		lists = ivf_maintain_lists(m, rows);
	OmenByteRows queries;
	OmenIvfMeta meta = m->meta;
	uint64		seed;

	if (!pg_strong_random(&seed, sizeof(seed)))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values")));
	ivf_train_begin(training, m->index, (OmenMetric) m->meta.metric, m->meta.dim, seed);
	training->unit = *m->model->view.unit;
	for (uint32 i = 0; i < IVF_LOOK_BLOCKS && blocks > 1; i++)
		ivf_maintain_visit_rows(m, 1 + (BlockNumber) omen_random_below(&training->random, blocks - 1), look_at_record);
	ivf_train_begin_sample(training, lists, rows);
	for (BlockNumber block = 1; block < blocks; block++)
		ivf_maintain_visit_rows(m, block, sample_record);
	ivf_train_finish(training, lists, rows);

	meta.generation = ivf_maintain_begin_generation(m);
	meta.last_generation = meta.generation;
	meta.row_generation = meta.generation;
	meta.free_rows = OMEN_NO_BLOCK;
	meta.lists = training->model.lists;
	meta.trained_rows = (uint64) rows;
	m->writer = ivf_writer_create(m->index, MAIN_FORKNUM, RelationNeedsWAL(m->index), &training->model, &meta);
	queries = ivf_train_queries(training);
	ivf_writer_set_lists(m->writer, &training->centroids, &queries);
	ivf_train_forget_sample(training);
	cover_slots(m);
	for (BlockNumber block = 1; block < blocks; block++)
		ivf_maintain_visit_rows(m, block, take_record);
	m->take = take_posted_record;
	ivf_maintain_finish_generation(m, false);
	ivf_train_end(training);
}

/* ---- the whole ---- */

/* Blocks of the index, were it made anew: more or less. */
static double
blocks_needed(const IvfMaintenance *m)
{
	double		rows = ivf_maintain_rows(m);
	double		postings = rows * (1 + *m->model->view.spilled);

	return rows / omen_rows_per_page(m->dim, m->meta.keys) +
		(postings * omen_posting_bytes(m->dim, m->meta.keys) + m->model->view.byte_count) / OMEN_BODY_BYTES;
}

/* What is due when somebody asks for it: lists that fit the rows, and nothing left in tails. */
static IvfWork
work_asked_for(IvfMaintenance *m)
{
	double		rows = ivf_maintain_rows(m);
	double		suits = ivf_maintain_lists(m, rows);
	double		lists = 0;

	for (uint32 l = 0; l < m->meta.lists; l++)
		lists += !omen_list_retired(&m->model->view, l);
	if (rows >= RETRAIN_ROWS_MIN && (suits > LISTS_MISFIT * lists || lists > LISTS_MISFIT * suits))
		return WORK_RETRAIN;
	if (m->tail_rows > 0 || m->meta.dead_postings > 0)
		return rewriting_due(m);
	return rows >= RETRAIN_ROWS_MIN && has_drifted(m) ? WORK_RETRAIN : WORK_NONE;
}

/* One look and what it finds to do; *bloated when rows are few for the part of the file in use. */
static IvfWork
maintain_once(Relation index, BufferAccessStrategy strategy, bool deleted, bool asked_for, bool compact, bool *bloated)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "ivf maintenance", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	IvfMaintenance *m = palloc0(sizeof(IvfMaintenance));
	IvfWork		work;

	m->index = index;
	m->strategy = strategy;
	m->store = index_page_store(&m->reader, index, NULL);

	LockPage(index, OMEN_META_BLOCK, ShareLock);
	ivf_read_meta(index, &m->meta);
	m->dim = omen_dim_padded(m->meta.dim);
	m->model = ivf_model(index, &m->meta, context);
	m->walked = MemoryContextAllocHuge(context, omen_tails(&m->meta) * sizeof(IvfTailPlace));
	ivf_maintain_rewind_tails(m);
	m->vector = palloc(m->dim * sizeof(float));
	m->scratch = palloc(m->dim * sizeof(float));
	count_tails(m);
	work = compact ? WORK_RETRAIN : asked_for ? work_asked_for(m) : work_due(m);
	UnlockPage(index, OMEN_META_BLOCK, ShareLock);
	/* What a rewrite left behind that failed: freed first, or one failing every time would grow the file. */
	if (m->meta.last_generation != m->meta.generation)
		ivf_sweep(index, strategy);

	/* The look at the lists has walked the tails. */
	ivf_maintain_rewind_tails(m);
	if (work == WORK_REBALANCE && !ivf_rebalance(m))
		work = WORK_REPACK;
	if (work == WORK_REPACK)
		repack(m);
	else if (work == WORK_RETRAIN)
		retrain(m);
	if (work != WORK_NONE)
		ereport(DEBUG1, (errmsg_internal("index \"%s\": %s", RelationGetRelationName(index), done[work])));
	if (work != WORK_NONE || deleted)
		*bloated = ivf_sweep(index, strategy) > BLOAT_MAX * blocks_needed(m) + BLOAT_BLOCKS_MIN;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return work;
}

static IvfWork
maintain(Relation index, BufferAccessStrategy strategy, bool deleted, bool asked_for)
{
	bool		bloated = false;
	IvfWork		work = maintain_once(index, strategy, deleted, asked_for, false, &bloated);

	/* The rows that are left, and the lists that they need, move to the front of the file. */
	if (bloated)
		work = maintain_once(index, strategy, false, false, true, &bloated);
	return work;
}

void
ivf_maintain(Relation index, BufferAccessStrategy strategy, bool deleted)
{
	maintain(index, strategy, deleted, false);
}

/* vector_maintain(index): what VACUUM does when it is due, and more, now.  Returns what was done. */
OMEN_FUNCTION(vector_maintain);
Datum
vector_maintain(PG_FUNCTION_ARGS)
{
	IvfInspected inspected;
	IvfWork		work;

	PreventCommandDuringRecovery("vector_maintain()");
	/* VACUUM's own lock: two never work on one index, nor while it is built. */
	inspected = ivf_inspect_open(PG_GETARG_OID(0), ShareUpdateExclusiveLock);
	work = maintain(inspected.index, NULL, false, true);
	ivf_inspect_close(&inspected, ShareUpdateExclusiveLock);
	PG_RETURN_TEXT_P(cstring_to_text(done[work]));
}
