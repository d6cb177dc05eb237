/*
 * ivf_check_table.c - vector_check(): records against rows of the table.
 *
 * The table is read as CREATE INDEX CONCURRENTLY reads it, with a snapshot
 * that is older than the sweep: each row comes with the row pointer that an
 * index keeps for it, and must be among the records.  How far a four-bit code
 * is from its vector, its factors tell: so a record whose code is another
 * row's is found without encoding again, which on another processor would
 * give other last bits.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/tableam.h"
#include "am/ivf/ivf_check.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "utils/memutils.h"

/*
 * A code's error may be longer than its factors say where it was made from
 * another code: those were added as if at right angles.
 */
#define LOST_SLACK 1.5
/* Of the vector's length, for arithmetic in single precision. */
#define ROUNDING 1e-4
#define LAST_NEAR 1e-3

typedef struct TableCheck
{
	IvfCheck   *check;
	const IvfType *type;
	OmenRotation rotation;
	MemoryContext row_context;
	float	   *room;			/* [dim] */
	float	   *scratch;
	float	   *vector;			/* [dim_padded] */
	float	   *decoded;		/* [dim_padded] */
	float	   *center;
	PGAlignedBlock page;		/* of records */
	BlockNumber block;			/* which it is */
} TableCheck;

static int
compare_pointers(const void *a, const void *b)
{
	const CheckedPointer *x = a;
	const CheckedPointer *y = b;

	return ItemPointerCompare(unconstify(ItemPointerData *, &x->tid), unconstify(ItemPointerData *, &y->tid));
}

static void
check_duplicates(IvfCheck *check)
{
	for (uint64 i = 1; i < check->pointer_count; i++)
		if (compare_pointers(&check->pointers[i - 1], &check->pointers[i]) == 0)
			check_report(check, check_block_of(check, check->pointers[i].slot), CHECK_NOTHING,
						 check->pointers[i].slot, "a record points to row (%u,%u), as another does",
						 ItemPointerGetBlockNumber(&check->pointers[i].tid),
						 ItemPointerGetOffsetNumber(&check->pointers[i].tid));
}

/* ---- a row and its record ---- */

/* The record as it is now; NULL when it is there no more. */
static const OmenRowRecord *
read_record(TableCheck *t, uint32 slot)
{
	uint32		per_page = t->check->per_page;
	const OmenRowRecord *record = check_record(t->check, t->page.data, slot % per_page);

	if (t->block != slot / per_page && !check_read_page(t->check, slot / per_page, &t->page))
		return NULL;
	t->block = slot / per_page;
	return record->state == OMEN_ROW_LIVE && record->list < t->check->meta.lists ? record : NULL;
}

static bool
codes_vector(TableCheck *t, const OmenRowRecord *record, Datum value)
{
	const OmenIvfModel *model = &t->check->model;
	OmenPoint	point = {.vector = t->vector};
	double		lost;
	double		distance_sq;
	double		length;

	ivf_point_from_datum(t->type, &t->rotation, model->metric, model->mean, *model->lift_sq,
						 PointerGetDatum(PG_DETOAST_DATUM(value)), t->room, t->scratch, &point);
	/* What lies near the end of what a float holds is beyond it for the one sum and within for the other. */
	if (record->factors.add == OMEN_ADD_LAST)
		return point.last || omen_simd->norm_sq_f32(t->vector, t->check->dim) > LAST_NEAR * OMEN_ADD_LAST;
	if (point.last)
		return record->factors.add > LAST_NEAR * OMEN_ADD_LAST;
	lost = omen_ivf_decode(model, record, t->decoded, t->center);
	for (uint32 d = 0; d < t->check->dim; d++)
		t->decoded[d] -= model->mean[d];
	distance_sq = omen_simd->l2sq_f32(t->vector, t->decoded, t->check->dim);
	length = sqrt(omen_simd->dot_f32(t->vector, t->vector, t->check->dim)) +
		sqrt(omen_simd->dot_f32(model->mean, model->mean, t->check->dim));
	/* Not finite: nothing can be said. */
	return !(sqrt(distance_sq) > LOST_SLACK * lost + ROUNDING * length);
}

static bool
has_keys(TableCheck *t, const OmenRowRecord *record, const Datum *values, const bool *isnull)
{
	uint64		keys[OMEN_KEYS_MAX];

	ivf_row_keys(t->check->index, values, isnull, keys);
	return memcmp(keys, omen_row_keys(record, t->check->dim), t->check->meta.keys * sizeof(uint64)) == 0;
}

static void
look_at_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *state)
{
	TableCheck *t = state;
	IvfCheck   *check = t->check;
	CheckedPointer key = {*tid};
	CheckedPointer *pointer;
	const OmenRowRecord *record;
	MemoryContext old;

	CHECK_FOR_INTERRUPTS();
	if (isnull[0])
		return;
	pointer = check->pointer_count == 0 ? NULL
		: bsearch(&key, check->pointers, check->pointer_count, sizeof(CheckedPointer), compare_pointers);
	if (pointer == NULL)
	{
		check_report(check, CHECK_NOTHING, CHECK_NOTHING, CHECK_NOTHING, "row (%u,%u) of the table is not in the index",
					 ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid));
		return;
	}
	pointer->seen = true;
	record = read_record(t, pointer->slot);
	if (record == NULL)
		return;
	/* Of a row that never came to be visible, this is nothing wrong: see ivf_store.c. */
	if (!(check->posted[pointer->slot / 8] >> pointer->slot % 8 & 1))
		check_report(check, check_block_of(check, pointer->slot), record->list, pointer->slot,
					 "a record has no posting, so no search finds row (%u,%u)",
					 ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid));
	old = MemoryContextSwitchTo(t->row_context);
	if (!codes_vector(t, record, values[0]))
		check_report(check, check_block_of(check, pointer->slot), record->list, pointer->slot,
					 "a record's code is not that of row (%u,%u), which it points to",
					 ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid));
	if (!has_keys(t, record, values, isnull))
		check_report(check, check_block_of(check, pointer->slot), record->list, pointer->slot,
					 "a record's keys are not those of row (%u,%u), which it points to",
					 ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid));
	MemoryContextSwitchTo(old);
	MemoryContextReset(t->row_context);
}

static void
check_rows(IvfCheck *check)
{
	TableCheck *t = palloc0(sizeof(TableCheck));
	IndexInfo  *info = BuildIndexInfo(check->index);
	TableScanDesc scan = table_beginscan_strat(check->table, check->snapshot, 0, NULL, true, false);

	t->check = check;
	t->type = ivf_type(check->index);
	t->row_context = AllocSetContextCreate(CurrentMemoryContext, "vector_check row", ALLOCSET_DEFAULT_SIZES);
	t->room = palloc(Max(check->meta.dim, check->dim) * sizeof(float));
	t->scratch = palloc(check->dim * sizeof(float));
	t->vector = palloc(check->dim * sizeof(float));
	t->decoded = palloc(check->dim * sizeof(float));
	t->center = palloc(check->dim * sizeof(float));
	t->block = InvalidBlockNumber;
	if (omen_rotation_init(&t->rotation, &check->arena, check->meta.dim, check->meta.seed) != OMEN_OK)
		index_page_report(check->index, OMEN_NO_MEMORY, "");
	t->rotation.unit = *check->model.unit;
	/* With a snapshot, as a concurrent build: rows not visible to it are passed over. */
	info->ii_Concurrent = true;
	table_index_build_scan(check->table, check->index, info, false, false, look_at_row, t, scan);
	MemoryContextDelete(t->row_context);
}

/* ---- records whose rows the snapshot does not see ---- */

/* Rows deleted since, or not committed yet, are still there; a place that holds none is not. */
static const char *
wrong_with_place(Page page, OffsetNumber offset)
{
	ItemId		item;

	if (offset > PageGetMaxOffsetNumber(page))
		return "to a place that its block does not have";
	item = PageGetItemId(page, offset);
	if (!ItemIdIsUsed(item))
		return "to a place without a row";
	if (ItemIdIsNormal(item) && HeapTupleHeaderIsHeapOnly((HeapTupleHeader) PageGetItem(page, item)))
		return "into the middle of a row's versions";
	return NULL;
}

static void
check_unseen(IvfCheck *check)
{
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
	BlockNumber blocks = RelationGetNumberOfBlocks(check->table);
	bool		heap = check->table->rd_rel->relam == HEAP_TABLE_AM_OID;

	for (uint64 i = 0; i < check->pointer_count; i++)
	{
		const CheckedPointer *pointer = &check->pointers[i];
		BlockNumber block = ItemPointerGetBlockNumber(&pointer->tid);
		const char *wrong = NULL;

		if (pointer->seen)
			continue;
		CHECK_FOR_INTERRUPTS();
		if (block >= blocks && block >= (blocks = RelationGetNumberOfBlocks(check->table)))
			wrong = "to a block that does not exist";
		else if (heap)
		{
			Buffer		buffer = ReadBufferExtended(check->table, MAIN_FORKNUM, block, RBM_NORMAL, strategy);

			LockBuffer(buffer, BUFFER_LOCK_SHARE);
			wrong = wrong_with_place(BufferGetPage(buffer), ItemPointerGetOffsetNumber(&pointer->tid));
			UnlockReleaseBuffer(buffer);
		}
		if (wrong != NULL)
			check_report(check, check_block_of(check, pointer->slot), CHECK_NOTHING, pointer->slot,
						 "a record points to row (%u,%u): %s", block,
						 ItemPointerGetOffsetNumber(&pointer->tid), wrong);
	}
	FreeAccessStrategy(strategy);
}

void
check_table(IvfCheck *check)
{
	if (check->pointer_count > 0)
		qsort(check->pointers, check->pointer_count, sizeof(CheckedPointer), compare_pointers);
	check_duplicates(check);
	check_rows(check);
	check_unseen(check);
}
