/*
 * ivf_am.h - what the files of the access method ivf share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_AM_IVF_H
#define OMEN_AM_IVF_H

#include "postgres.h"
#include "compat.h"

#include "access/amapi.h"
#include "access/genam.h"
#include "am/ordered_rows.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"
#include "omen/ivf.h"
#include "page/index_page.h"
#include "storage/buffile.h"
#include "utils/rel.h"
#include "utils/tuplesort.h"

/* ---- settings (ivf_handler.c) ---- */

extern double ivf_recall_target;	/* vector.recall_target */
extern int	ivf_probes;			/* ivf.probes; 0: from the recall target */
extern int	ivf_max_scan_tuples;	/* vector.max_scan_tuples; 0: any number */

extern void ivf_init(void);

typedef enum IvfSpill
{
	IVF_SPILL_AUTO,				/* a second list a row where that pays */
	IVF_SPILL_ON,
	IVF_SPILL_OFF
} IvfSpill;

typedef struct IvfOptions
{
	int32		vl_len_;
	int			lists;			/* 0: from the number of rows */
	int			spill;			/* IvfSpill */
} IvfOptions;

#define IVF_MAX_LISTS 262144

/* ---- operator classes (ivf_opclass.c) ---- */

#define IVF_DISTANCE_PROC 1		/* (type, type) returns float8: orders as the operator does */
#define IVF_TYPE_PROC 2			/* (internal) returns internal: the IvfType below */
#define IVF_SPHERE_PROC 3		/* (type, float8) returns the right operand of IVF_RANGE_STRATEGY */
#define IVF_CLOSED_SPHERE_PROC 4	/* the same for distances that may equal the radius */
#define IVF_PROC_COUNT 4

#define IVF_DISTANCE_STRATEGY 1 /* orders */
#define IVF_RANGE_STRATEGY 2	/* (type, sphere): whether the distance is within the sphere's radius */

typedef struct IvfType
{
	OmenMetric	metric;
	int			(*dim) (Datum detoasted);
	/* The elements as floats: in place, or written to `room`, which has so many. */
	const float *(*floats) (Datum detoasted, float *room);
} IvfType;

extern const IvfType *ivf_type(Relation index);

/* The functions of IVF_TYPE_PROC. */
extern Datum ivf_vector_l2_type(PG_FUNCTION_ARGS);
extern Datum ivf_vector_ip_type(PG_FUNCTION_ARGS);
extern Datum ivf_vector_cosine_type(PG_FUNCTION_ARGS);
extern Datum ivf_halfvec_l2_type(PG_FUNCTION_ARGS);
extern Datum ivf_halfvec_ip_type(PG_FUNCTION_ARGS);
extern Datum ivf_halfvec_cosine_type(PG_FUNCTION_ARGS);

/* Dimensions from the column's type modifier; an error when it has none. */
extern int	ivf_dimensions(Relation index);

/* The distance of PROC 1, as a squared distance in index space; of a query that was multiplied, times as much. */
static inline double
ivf_index_distance(OmenMetric metric, double distance, double query_norm_sq, double lift_sq)
{
	if (metric == OMEN_INNER_PRODUCT)
		return 2 * distance + query_norm_sq + lift_sq;
	return metric == OMEN_COSINE ? 2 * distance : distance;
}

/* ---- columns beside the vector (ivf_keys.c) ---- */

extern uint32 ivf_key_count(Relation index);

/* An error unless the first column is a vector and the index can have the others beside it. */
extern void ivf_check_columns(Relation index);

/* Keys of a row's values, the vector's first: keys[ivf_key_count]. */
extern void ivf_row_keys(Relation index, const Datum *values, const bool *isnull, uint64 *keys);

/* Strategies of the key columns' operator classes besides those of btree. */
#define IVF_CONTAINS_STRATEGY 6
#define IVF_OVERLAPS_STRATEGY 7

/* The scan's conditions on keys, and `more` of them; false when no row can meet all. */
extern bool ivf_conditions(IndexScanDesc scan, const ScanKeyData *more, int more_count, OmenFilter *filter);

/*
 * What the scan node's filter demands of the index's columns, as scan keys
 * (ivf_quals.c); returns how many.
 */
extern int	ivf_qual_keys(Relation index, IndexScanState *node, ExprContext *context, ScanKeyData **keys);

/* ---- memory (ivf_model_cache.c) ---- */

/* An arena whose memory is the context's, and is given back with it. */
extern void ivf_arena_init(OmenArena *arena, MemoryContext context);

/* ---- meta page and model (ivf_model_cache.c) ---- */

extern void ivf_read_meta(Relation index, OmenIvfMeta *meta);

/* A model as this backend keeps it; many scans may use one. */
typedef struct IvfModel
{
	struct IvfModel *next;
	OmenIvfModel view;
	OmenRotation rotation;
	BufferHints hints;
	OrderedHints row_hints;
	struct IvfSearchRoom *idle; /* a search's memory that no scan uses, or NULL */
	uint64		identity;
	uint32		generation;
	uint32		calibrations;
	int			users;
	uint64		last_used;
	MemoryContext context;
	Size		shared_bytes;	/* of the view's, not in the context; nobody writes them */
	/* for inserts; NULL before the first (ivf_assigner, ivf_store.c) */
	OmenAssigner *assigner;
	BlockNumber *last_tail_page;	/* [tails] as far as known; or OMEN_NO_BLOCK */
} IvfModel;

/*
 * The model of *meta, read from pages unless this backend has it.  *meta is
 * read again when the model was replaced meanwhile.  Held until `holder` is
 * reset or deleted.
 */
extern IvfModel *ivf_model(Relation index, OmenIvfMeta *meta, MemoryContext holder);

/*
 * The same past the cache: OMEN_OK, with the view laid over memory of the
 * arena, or what is wrong.
 */
extern OmenStatus ivf_read_model(Relation index, const OmenIvfMeta *meta, OmenArena *arena,
								 OmenIvfModel *view, OmenError *err);

/* What finds rows' lists; kept with the model. */
extern OmenAssigner *ivf_assigner(Relation index, IvfModel *model);

/*
 * A search with this model, from memory that the scan before left if possible:
 * allocating it anew is a good part of what a short query costs.  Held until
 * `holder` is reset or deleted; take the model with the same holder first.
 */
extern OmenIvfSearch *ivf_search(Relation index, IvfModel *model, const OmenIvfMeta *meta,
								 OmenPageStore store, MemoryContext holder);

/*
 * Writes the model's bytes and page map to new pages of the meta page's
 * generation; meta->model_block becomes the chain's first.  A buffer stays
 * locked from one page to the next, as with any chain that nobody can reach
 * yet.
 */
extern void ivf_write_model(Relation index, ForkNumber fork, bool log, const OmenIvfModel *model, OmenIvfMeta *meta);

/* ---- a row's way into the index ---- */

static inline OmenTid
ivf_tid(const ItemPointerData *tid)
{
	return (OmenTid) {tid->ip_blkid.bi_hi, tid->ip_blkid.bi_lo, tid->ip_posid};
}

/* The vector of a detoasted datum in index space; errors out when its dimension is not the index's. */
extern void ivf_point_from_datum(const IvfType *type, const OmenRotation *rotation, OmenMetric metric,
								 const float *mean, float lift_sq, Datum detoasted,
								 float *room, float *scratch, OmenPoint *point);

/*
 * A query's, by omen_ivf_query(): returns what products are multiplied by, with
 * the squared length that the query was brought to in *norm_sq.
 */
extern double ivf_query_from_datum(const IvfType *type, const OmenRotation *rotation, const OmenIvfModel *model,
								   Datum detoasted, float *room, float *scratch, OmenPoint *point,
								   double *norm_sq);

/* ---- building (ivf_writer.c, ivf_build.c) ---- */

/*
 * Writes one generation of an index: row records as they come, then lists,
 * model, directory, and last the meta page, which makes it the one in force.
 */
typedef struct IvfWriter IvfWriter;

/*
 * `model` has its centroids; `meta` has everything but what the writer finds
 * out: where the model is, and how many rows and pages there are.
 */
extern IvfWriter *ivf_writer_create(Relation index, ForkNumber fork, bool log, OmenIvfModel *model,
									const OmenIvfMeta *meta);

/*
 * Before the first row: the centroids as they were trained, to assign rows by,
 * and rows to calibrate with (or NULL).  They must stay till the finish.
 */
extern void ivf_writer_set_lists(IvfWriter *writer, const OmenByteRows *centroids,
								 const OmenByteRows *queries);

/*
 * One writer of several (ivf_parallel.c).  Before its lists are set: the sort
 * that they share, and this one's memory in kB.
 */
extern void ivf_writer_share_sort(IvfWriter *writer, SortCoordinate coordinate, int memory);

/* After its last row: ends its part of the sort, and writes what it found out to `file` (if not NULL). */
extern void ivf_writer_end_share(IvfWriter *writer, BufFile *file);

/* The leader's, when all have ended: merges what they sorted, and adds what each found out. */
extern void ivf_writer_begin_merge(IvfWriter *writer, SortCoordinate coordinate);
extern void ivf_writer_add_share(IvfWriter *writer, BufFile *file);

/* Where the next row's point belongs: [dim_padded] floats to be filled. */
extern float *ivf_writer_next(IvfWriter *writer);

/* Takes the point (whose vector is at ivf_writer_next()); it is assigned, coded and stored. */
extern void ivf_writer_add(IvfWriter *writer, const OmenPoint *point, OmenTid tid);

/* For rows whose records stay as they are: a posting, its slot filled in. */
extern void ivf_writer_add_posting(IvfWriter *writer, uint32 list, const uint8 *posting);

/* Such a posting was made of its record, which tells the row but for so much. */
extern void ivf_writer_note_moved(IvfWriter *writer, float lost);

/*
 * How many times as many codes a search for every row would scan as if all of
 * so many lists, of which some may be in use, were of one length.  (ivf_stats.c)
 */
extern double ivf_imbalance(const uint32 *list_rows, uint32 lists, uint32 used);

/* A calibrator that has seen all rows, in the lists that are to be written. */
extern void ivf_writer_calibrate(IvfWriter *writer, OmenCalibrator *calibrator);

/*
 * Writes the lists, with inserts still going to the generation in force.  Rows
 * added from here on go to tails of the new one.
 */
extern void ivf_writer_begin_late(IvfWriter *writer);

/* Everything but the rows; free_rows as in the meta page.  Returns the number of rows in lists. */
extern double ivf_writer_finish(IvfWriter *writer, BlockNumber free_rows);

extern const OmenProgress ivf_interrupts;	/* core's long work asks here */

extern IndexBuildResult *ivf_build(Relation heap, Relation index, IndexInfo *indexInfo);
extern void ivf_build_empty(Relation index);

enum
{
	IVF_PHASE_SAMPLE = 2,		/* 1 is PostgreSQL's "initializing" */
	IVF_PHASE_TRAIN,
	IVF_PHASE_CODE,
	IVF_PHASE_WRITE
};

/* ---- the other callbacks ---- */

extern bool ivf_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation heap,
					   IndexUniqueCheck unique, bool unchanged, IndexInfo *indexInfo);

/* Rows that this transaction has inserted: into the index, before somebody may miss them (ivf_pending.c). */
extern void ivf_pending_init(void);
extern void ivf_pending_flush(Relation index);
extern void ivf_pending_flush_all(void);

extern IndexBulkDeleteResult *ivf_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
											  IndexBulkDeleteCallback callback, void *callback_state);
extern IndexBulkDeleteResult *ivf_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats);

/*
 * Frees pages of other generations than those in force, and shortens the file
 * when nobody else uses it.  Returns the block behind the last that is in use.
 */
extern BlockNumber ivf_sweep(Relation index, BufferAccessStrategy strategy);

/*
 * Rewrites the lists, or trains them anew, when that is due; frees pages left
 * over when it did or when rows were `deleted`.  See ivf_maintain.c.
 */
extern void ivf_maintain(Relation index, BufferAccessStrategy strategy, bool deleted);

/*
 * A row's squared distance to its centroid, from its four-bit code; NaN when it
 * has none.  vector, center: [dim_padded] floats of room.  (ivf_stats.c)
 */
extern double ivf_residual_sq(const OmenIvfModel *model, const OmenRowRecord *record, float *vector, float *center);

extern void ivf_cost_estimate(PlannerInfo *root, IndexPath *path, double loop_count,
							  Cost *startup, Cost *total, Selectivity *selectivity,
							  double *correlation, double *pages);

extern IndexScanDesc ivf_begin_scan(Relation index, int keys, int orderbys);
extern void ivf_rescan(IndexScanDesc scan, ScanKey keys, int key_count, ScanKey orderbys, int orderby_count);
extern bool ivf_get_tuple(IndexScanDesc scan, ScanDirection direction);
extern void ivf_end_scan(IndexScanDesc scan);

/* ---- what scans have done (ivf_explain.c) ---- */

typedef struct IvfFigures
{
	Oid			index;
	uint64		scans;			/* each rescan counts */
	uint64		rounds;
	uint64		lists_probed;
	uint64		lists_skipped;	/* by the stop rule */
	uint64		codes_scanned;
	uint64		records_read;
	uint64		index_removed;	/* by conditions on the index's own columns, no distance paid */
	uint64		rows_fetched;	/* from the table, to be ranked by their exact distance */
	uint64		rows_removed;	/* of those, by the conditions of the scan */
	double		recall_target;
	bool		bounded;		/* a bound ended it before it was done */
} IvfFigures;

/* Of all that the scan has done so far, rescans included. */
extern IvfFigures ivf_scan_figures(IndexScanDesc scan);

/* Tells what one query has done so far: vector_last_scan() shows the last that was told. */
extern void ivf_figures_note(const IvfFigures *figures);

extern void ivf_figures_add(IvfFigures *sum, const IvfFigures *figures);

extern void ivf_explain_init(void);

/* Rows within a range (ivf_range_scan.c). */
extern int64 ivf_get_bitmap(IndexScanDesc scan, TIDBitmap *bitmap);

/* Finds conditions on plain distances that the index can answer (ivf_rewrite.c). */
extern void ivf_rewrite_init(void);

/* For scans that no plan node is above: how many rows will be asked for after each rescan. */
extern void ivf_scan_want(IndexScanDesc scan, int64 rows);

/* ---- what the executor wants of a scan (ivf_limit.c) ---- */

typedef struct IvfWish
{
	int64		rows;			/* how many will be asked for; -1: not known */
	IndexScanState *node;		/* NULL: not known */
} IvfWish;

extern void ivf_limit_init(void);
extern IvfWish ivf_limit_of(IndexScanDesc scan);

#endif							/* OMEN_AM_IVF_H */
