/*
 * ivf_calibration.c - vector_calibrate(): an index calibrated with queries
 * that its users ask, which need not lie where its rows lie.
 *
 * The queries' nearest rows are found by measuring every row of the table, as
 * the build does with some of the rows for queries.  Some of the rows are asked
 * here as well: what either kind takes is what the other gets, so that rows
 * find what they are asked to find whatever the queries are.  The new calibration
 * takes the old one's place on the first page of the model, and the meta page counts it, in one
 * WAL record: by that count others see that the model they keep has an old
 * one.  VACUUM's lock on the table keeps the lists from being rewritten
 * meanwhile; training them anew makes a calibration of its own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "access/tableam.h"
#include "am/ivf/ivf_inspect.h"
#include "catalog/index.h"
#include "executor/spi.h"
#include "omen/spill.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "wal/page_edit.h"

#define QUERIES_MAX 2000
#define ROW_QUERIES 1024
#define BATCH 256

/* A row of the index. */
typedef struct ListedRow
{
	ItemPointerData tid;
	uint32		list;
} ListedRow;

typedef struct Calibration
{
	IvfInspected at;
	OmenIvfMeta meta;
	OmenIvfModel model;			/* our own copy */
	OmenRotation rotation;
	OmenArena	arena;
	uint32		dim;			/* padded */
	OmenByteRows queries;
	OmenCalibrator *calibrator;
	OmenCalibrator *of_rows;	/* with rows as queries; NULL: too few */

	/* rows on their way to the calibrator */
	OmenByteRows rows;
	uint32		list[BATCH];
	uint32		second[BATCH];	/* with spilling */
	OmenByteRows centroids;
	OmenAssigner assigner;
	float		norm_sq[BATCH];
	float		lift_sq[BATCH];
	ListedRow  *listed;			/* [listed_count] by tid */
	uint64		listed_count;
	MemoryContext row_context;
	const IvfType *type;
	float	   *room;
	float	   *vector;
	float	   *scratch;
} Calibration;

static void
check_status(const Calibration *c, OmenStatus status, const char *text)
{
	if (status != OMEN_OK)
		index_page_report(c->at.index, status, text);
}

/* ---- queries ---- */

/* The column named, or else the only one that is of the index's type. */
static const char *
query_column(const Calibration *c, Oid table, const char *named)
{
	Oid			type = c->at.index->rd_opcintype[0];
	const char *found = NULL;

	if (get_rel_name(table) == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", table)));
	if (named != NULL)
	{
		if (get_attnum(table, named) == InvalidAttrNumber)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" of relation \"%s\" does not exist", named, get_rel_name(table))));
		return named;
	}
	/* A dropped column has a name, and no type. */
	for (AttrNumber i = 1; get_attname(table, i, true) != NULL; i++)
	{
		if (get_atttype(table, i) != type)
			continue;
		if (found != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_AMBIGUOUS_COLUMN),
					 errmsg("relation \"%s\" has more than one column of type %s", get_rel_name(table),
							format_type_be(type)),
					 errhint("Name the column of queries in the third argument.")));
		found = get_attname(table, i, false);
	}
	if (found == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("relation \"%s\" has no column of type %s", get_rel_name(table), format_type_be(type)),
				 errhint("Name the column of queries in the third argument.")));
	return found;
}

static void
add_query(Calibration *c, OmenByteRows *queries, Datum value)
{
	OmenPoint	point = {.vector = c->vector};
	MemoryContext old = MemoryContextSwitchTo(c->row_context);
	uint32		q = queries->count;
	double		norm_sq;

	ivf_query_from_datum(c->type, &c->rotation, &c->model, PointerGetDatum(PG_DETOAST_DATUM(value)), c->room,
						 c->scratch, &point, &norm_sq);
	MemoryContextSwitchTo(old);
	MemoryContextReset(c->row_context);
	if (point.last)
		return;
	queries->scale[q] = omen_bytes_from_floats(c->vector, c->dim, queries->values + (size_t) q * c->dim);
	queries->count++;
}

/* Reads queries with the caller's own rights. */
static void
read_queries(Calibration *c, Oid table, const char *column)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s::%s FROM %s WHERE %s IS NOT NULL ORDER BY pg_catalog.random() LIMIT %d",
					 quote_identifier(column), format_type_be_qualified(c->at.index->rd_opcintype[0]),
					 quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)), get_rel_name(table)),
					 quote_identifier(column), QUERIES_MAX);
	check_status(c, omen_byte_rows_init(&c->queries, &c->arena, c->dim, QUERIES_MAX, 0), "");
	c->queries.count = 0;
	SPI_connect();
	if (SPI_execute(sql.data, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "queries could not be read");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);

		if (!isnull)
			add_query(c, &c->queries, value);
	}
	SPI_finish();
}

/* ---- rows ---- */

static int
compare_listed(const void *a, const void *b)
{
	const ListedRow *x = a;
	const ListedRow *y = b;

	return ItemPointerCompare(unconstify(ItemPointerData *, &x->tid), unconstify(ItemPointerData *, &y->tid));
}

/* The lists of all rows, from their records: those that these are coded relative to. */
static void
read_lists(Calibration *c)
{
	Relation	index = c->at.index;
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
	BlockNumber blocks = RelationGetNumberOfBlocks(index);
	uint32		per_page = omen_rows_per_page(c->dim, c->meta.keys);
	uint32		bytes = omen_row_bytes(c->dim, c->meta.keys);

	c->listed = MemoryContextAllocHuge(CurrentMemoryContext, (Size) blocks * per_page * sizeof(ListedRow));
	for (BlockNumber block = 1; block < blocks; block++)
	{
		Buffer		buffer;
		const char *page;

		CHECK_FOR_INTERRUPTS();
		buffer = ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		page = BufferGetPage(buffer);
		if (!PageIsNew((Page) page) &&
			omen_page_check(page, block, OMEN_PAGE_ROW, c->meta.row_generation, NULL) == OMEN_OK)
			for (uint32 i = 0; i < Min(omen_page_trailer_const(page)->count, per_page); i++)
			{
				const OmenRowRecord *record =
					(const OmenRowRecord *) (omen_page_body_const(page) + (size_t) i * bytes);

				if (record->state == OMEN_ROW_LIVE && record->list < c->meta.lists)
					c->listed[c->listed_count++] = (ListedRow) {
						{{record->tid.block_hi, record->tid.block_lo}, record->tid.offset}, record->list};
			}
		UnlockReleaseBuffer(buffer);
	}
	FreeAccessStrategy(strategy);
	qsort(c->listed, c->listed_count, sizeof(ListedRow), compare_listed);
}

/* A row whose list has been retired is in the nearest of those that have not. */
static uint32
list_in_force(Calibration *c, uint32 r)
{
	OmenNear	near;

	if (!omen_list_retired(&c->model, c->list[r]))
		return c->list[r];
	omen_assign_near(&c->assigner, &c->rows, r, 1, 1, &near);
	return near.list[0];
}

static void
add_batch(Calibration *c)
{
	bool		spilled = *c->model.spilled != 0;

	if (c->rows.count == 0)
		return;
	for (uint32 r = 0; r < c->rows.count; r++)
		c->list[r] = list_in_force(c, r);
	if (spilled)
		omen_spill_second(&c->assigner, &c->rows, c->list, c->second);
	omen_calibrator_add(c->calibrator, &c->rows, c->list, spilled ? c->second : NULL, c->norm_sq, c->lift_sq);
	if (c->of_rows != NULL)
		omen_calibrator_add(c->of_rows, &c->rows, c->list, spilled ? c->second : NULL, c->norm_sq, c->lift_sq);
	c->rows.count = 0;
}

static void
add_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *state)
{
	Calibration *c = state;
	ListedRow	key = {*tid};
	const ListedRow *listed;
	OmenPoint	point = {.vector = c->vector};
	MemoryContext old;
	uint32		r = c->rows.count;

	CHECK_FOR_INTERRUPTS();
	if (isnull[0])
		return;
	/* One inserted since the lists were read is none of the lists' either. */
	listed = bsearch(&key, c->listed, c->listed_count, sizeof(ListedRow), compare_listed);
	if (listed == NULL)
		return;
	old = MemoryContextSwitchTo(c->row_context);
	ivf_point_from_datum(c->type, &c->rotation, c->model.metric, c->model.mean, *c->model.lift_sq,
						 PointerGetDatum(PG_DETOAST_DATUM(values[0])), c->room, c->scratch, &point);
	MemoryContextSwitchTo(old);
	MemoryContextReset(c->row_context);
	if (point.last)
		return;
	c->rows.scale[r] = omen_bytes_from_floats(c->vector, c->dim, c->rows.values + (size_t) r * c->dim);
	c->norm_sq[r] = omen_simd->dot_f32(c->vector, c->vector, c->dim);
	c->lift_sq[r] = point.lift_sq;
	if (c->rows.extra != NULL)
		c->rows.extra[r] = sqrtf(Max(point.lift_sq, 0.0f));
	c->list[r] = listed->list;
	if (++c->rows.count == BATCH)
		add_batch(c);
}

/* Rows from all over the table ask, too. */
static void
ask_rows(Calibration *c, Snapshot snapshot)
{
	uint64		count = Min(c->listed_count, ROW_QUERIES);
	OmenByteRows queries;
	IvfRowFetch rows;

	check_status(c, omen_byte_rows_init(&queries, &c->arena, c->dim, (uint32) Max(count, 1), 0), "");
	queries.count = 0;
	ivf_row_fetch_begin(&rows, &c->at, snapshot);
	for (uint64 i = 0; i < count; i++)
	{
		Datum		value = ivf_row_fetch(&rows, c->listed[i * c->listed_count / count].tid);

		CHECK_FOR_INTERRUPTS();
		if (value != (Datum) 0)
			add_query(c, &queries, value);
	}
	ivf_row_fetch_end(&rows);
	check_status(c, omen_calibrator_create(&c->of_rows, &c->arena, &c->model, &queries), "");
}

/*
 * From the table, for a code's error would be a stranger's noise: it grows
 * with the distance, and what looks nearest is what the noise has brought near.
 */
static void
add_rows(Calibration *c)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = table_beginscan_strat(c->at.table, snapshot, 0, NULL, true, false);
	IndexInfo  *info = BuildIndexInfo(c->at.index);

	check_status(c, omen_byte_rows_init(&c->rows, &c->arena, c->dim, BATCH, c->centroids.extra != NULL), "");
	c->rows.count = 0;
	ivf_inspect_snapshot(&c->at, snapshot);
	read_lists(c);
	ask_rows(c, snapshot);
	/* With a snapshot, as a concurrent build: rows not visible to it are passed over. */
	info->ii_Concurrent = true;
	if (c->listed_count > 0)
		table_index_build_scan(c->at.table, c->at.index, info, false, false, add_row, c, scan);
	add_batch(c);
	UnregisterSnapshot(snapshot);
}

/* ---- into force ---- */

static void
finish(Calibration *c)
{
	OmenCalibration of_rows;

	if (c->of_rows != NULL)
	{
		check_status(c, omen_calibrator_finish(c->of_rows, &c->model, &c->arena), "it could not be calibrated");
		of_rows = *c->model.calibration;
	}
	check_status(c, omen_calibrator_finish(c->calibrator, &c->model, &c->arena), "it could not be calibrated");
	if (c->of_rows != NULL)
		omen_calibration_join(c->model.calibration, &of_rows);
}

/* The calibration onto the model's first page, which begins with its header; counted in the meta page. */
static void
store(Calibration *c)
{
	uint32		at = (uint32) ((uint8 *) c->model.calibration - c->model.bytes);
	Buffer		buffer = ReadBuffer(c->at.index, c->meta.model_block);
	Buffer		meta_buffer = ReadBuffer(c->at.index, OMEN_META_BLOCK);
	PageEdit	edit;
	OmenError	err;

	StaticAssertStmt(sizeof(OmenCalibration) <= OMEN_BODY_BYTES / 2, "a calibration fits its page");
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	check_status(c, omen_page_check(BufferGetPage(buffer), c->meta.model_block, OMEN_PAGE_MODEL,
									c->meta.generation, &err), err.text);
	LockBuffer(meta_buffer, BUFFER_LOCK_EXCLUSIVE);
	page_edit_begin(&edit, c->at.index);
	memcpy(omen_page_body(page_edit_add(&edit, buffer)) + at, c->model.calibration, sizeof(OmenCalibration));
	((OmenIvfMeta *) omen_page_body(page_edit_add(&edit, meta_buffer)))->calibrations++;
	page_edit_commit(&edit);
	UnlockReleaseBuffer(meta_buffer);
	UnlockReleaseBuffer(buffer);
}

OMEN_FUNCTION(vector_calibrate);
Datum
vector_calibrate(PG_FUNCTION_ARGS)
{
	Oid			table = PG_ARGISNULL(1) ? InvalidOid : PG_GETARG_OID(1);
	const char *named = PG_ARGISNULL(2) ? NULL : NameStr(*PG_GETARG_NAME(2));
	Calibration c = {{0}};
	IvfOwnerRights rights;
	uint32		queries;
	OmenError	err;

	if (PG_ARGISNULL(0) || !OidIsValid(table))
		PG_RETURN_NULL();
	c.at = ivf_inspect_open(PG_GETARG_OID(0), ShareUpdateExclusiveLock);
	ivf_arena_init(&c.arena, CurrentMemoryContext);
	ivf_read_meta(c.at.index, &c.meta);
	c.dim = omen_dim_padded(c.meta.dim);
	c.type = ivf_type(c.at.index);
	c.row_context = AllocSetContextCreate(CurrentMemoryContext, "vector_calibrate row", ALLOCSET_DEFAULT_SIZES);
	c.room = palloc(Max(c.meta.dim, c.dim) * sizeof(float));
	c.vector = palloc(c.dim * sizeof(float));
	c.scratch = palloc(c.dim * sizeof(float));
	check_status(&c, ivf_read_model(c.at.index, &c.meta, &c.arena, &c.model, &err), err.text);
	check_status(&c, omen_rotation_init(&c.rotation, &c.arena, c.meta.dim, c.meta.seed), "");
	c.rotation.unit = *c.model.unit;
	read_queries(&c, table, query_column(&c, table, named));
	queries = c.queries.count;
	check_status(&c, omen_calibrator_create(&c.calibrator, &c.arena, &c.model, &c.queries), "");
	if (c.calibrator == NULL && c.meta.lists > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%u queries are too few to calibrate index \"%s\" with", queries,
						RelationGetRelationName(c.at.index))));
	if (c.calibrator != NULL)
	{
		omen_calibrator_of_strangers(c.calibrator);
		/* An index's expressions are its owner's code. */
		check_status(&c, omen_ivf_model_assigner(&c.model, &c.arena, &c.centroids, &c.assigner), "");
		rights = ivf_take_owner_rights(c.at.table);
		add_rows(&c);
		ivf_give_back_rights(&rights);
		finish(&c);
		store(&c);
	}
	ivf_inspect_close(&c.at, ShareUpdateExclusiveLock);
	PG_RETURN_INT32((int32) queries);
}
