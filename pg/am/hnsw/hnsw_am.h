/*
 * hnsw_am.h - what the files of the access method hnsw share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_AM_HNSW_H
#define OMEN_AM_HNSW_H

#include "postgres.h"
#include "compat.h"

#include "access/amapi.h"
#include "access/genam.h"
#include "am/ivf/ivf_am.h"
#include "am/ordered_rows.h"
#include "omen/hnsw.h"
#include "page/index_page.h"
#include "utils/rel.h"

/* ---- settings and options (hnsw_handler.c) ---- */

typedef enum HnswIterativeScan
{
	HNSW_ITERATIVE_OFF,
	HNSW_ITERATIVE_STRICT,
	HNSW_ITERATIVE_RELAXED
} HnswIterativeScan;

extern int	hnsw_ef_search;
extern int	hnsw_iterative_scan;
extern int	hnsw_max_scan_tuples;
extern double hnsw_scan_mem_multiplier;

extern void hnsw_init(void);

typedef struct HnswOptions
{
	int32		vl_len_;
	int			m;
	int			ef_construction;
} HnswOptions;

#define HNSW_M_DEFAULT 16
#define HNSW_EF_CONSTRUCTION_DEFAULT 64
#define HNSW_EF_SEARCH_DEFAULT 40

/* ---- operator classes: pgvector's (hnsw_opclass.c) ---- */

#define HNSW_DISTANCE_PROC 1	/* (type, type) returns float8 */
#define HNSW_NORM_PROC 2		/* (type) returns float8: there when the metric is cosine */
#define HNSW_SUPPORT_PROC 3		/* (internal) returns internal: pgvector's, of no use here */
#define HNSW_PROC_COUNT 3

typedef struct HnswType
{
	OmenHnswForm form;			/* what becomes of a vector */
	uint32		metric;			/* as in the meta page */
	IvfType		dense;			/* codes, levels: how to read it */
} HnswType;

extern const HnswType *hnsw_type(Relation index);

/* Dimensions from the column's type modifier; an error when it has none, or too many. */
extern uint32 hnsw_dimensions(Relation index);

/* ---- the model: what never changes about an index (hnsw_model.c) ---- */

typedef struct HnswModel
{
	struct HnswModel *next;
	MemoryContext context;
	int			users;
	uint64		last_used;
	uint64		identity;
	OmenHnswForm form;
	uint32		metric;
	uint32		dim;
	uint32		m;
	uint32		ef_construction;
	float		lift_sq;
	OmenRotation rotation;		/* codes */
	float	   *mean;			/* codes: [dim_padded] */
	float	   *zeros;			/* codes: [dim_padded] */
	uint32		mean_bytes;		/* in pages; none but for codes */
	OmenHnswCodes codes;		/* of these, that of the form */
	OmenHnswLevels levels;
	OmenHnswBits bits;
	OmenHnswSparse sparse;
	OmenGraphSpace space;
	uint32		item_bytes[OMEN_HNSW_PLACES];
	uint32		per_page[OMEN_HNSW_PLACES];
	BufferHints places;		/* kept for the next to use the index */
	OrderedHints hints;
} HnswModel;

extern void hnsw_read_meta(Relation index, OmenHnswMeta *meta);

/* How large payloads are, from what else is in *meta, as long as nothing is known of rows. */
extern void hnsw_meta_shape(OmenHnswMeta *meta);

/* Whatever follows from *meta, the mean left at zero. */
extern HnswModel *hnsw_model_new(Relation index, const OmenHnswMeta *meta, MemoryContext parent);

/* The model of *meta, from pages unless this backend has it.  Held until `holder` is reset or deleted. */
extern HnswModel *hnsw_model(Relation index, const OmenHnswMeta *meta, MemoryContext holder);

/* ---- a row or query on its way into the index (hnsw_vector.c) ---- */

typedef struct HnswVector
{
	const HnswModel *model;
	const HnswType *type;
	OmenPoint	point;			/* codes */
	float	   *room;			/* codes, levels: [dim] */
	float	   *scratch;		/* codes: [dim_padded] */
	OmenKeyed  *order;			/* sparse: [OMEN_HNSW_ELEMENTS_MAX] */
	double		norm_sq;		/* of a search's query, codes and sparse */
	uint8	   *payload;
	void	   *query;
} HnswVector;

extern void hnsw_vector_init(HnswVector *vector, const HnswModel *model, const HnswType *type);

/* Fills in payload and query of a row (detoasted, as all values here). */
extern void hnsw_vector_row(HnswVector *vector, Datum value);

/* Fills in the query of a search. */
extern void hnsw_vector_query(HnswVector *vector, Datum value);

/* What an index is fitted to before it is built. */
typedef struct HnswLook
{
	uint32		rows;
	double	   *sum;			/* codes: [dim_padded] of coordinates */
	double		longest_sq;
	uint32	   *elements;		/* sparse: [HNSW_LOOK_ROWS], how many each row has */
} HnswLook;

#define HNSW_LOOK_ROWS 1000
/* Elements of a sparse row that an index made on an empty table has room for. */
#define HNSW_ELEMENTS_UNKNOWN 256

extern void hnsw_look_init(HnswLook *look, const HnswModel *model);
extern void hnsw_look_at(HnswLook *look, HnswVector *vector, Datum value);

/* Whether rows of this form are to be looked at. */
static inline bool
hnsw_wants_look(OmenHnswForm form)
{
	return form == OMEN_HNSW_CODES || form == OMEN_HNSW_SPARSE;
}

/* Enters what was found into model and *meta; whether the latter wants another model now. */
extern bool hnsw_look_finish(HnswLook *look, HnswModel *model, OmenHnswMeta *meta);

/* ---- pages as a store of nodes (hnsw_store.c) ---- */

typedef struct HnswStore
{
	Relation	index;
	const HnswModel *model;
	BlockReader reader;
	OmenPageStore pages;		/* of the reader */
	bool		unlogged;		/* changes leave no record: the index is being built */
} HnswStore;

extern OmenGraphStore hnsw_store(HnswStore *store, Relation index, HnswModel *model);
extern OmenGraphEntry hnsw_read_entry(Relation index);

/* The page, locked; an error unless it is of this kind. */
extern Buffer hnsw_read_page(HnswStore *store, BlockNumber block, int place_kind, int lock);

/* The n-th item of a page, and whether it is free. */
extern void *hnsw_item(const HnswModel *model, char *page, int place_kind, uint32 place);
extern bool hnsw_item_is_free(const void *item, int place_kind);

extern OmenPageKind hnsw_page_kind(int place_kind);

/*
 * Frees items of an exclusively locked page, `wants` telling which, and puts
 * the page in front of the chain of those with room.  Returns how many.
 */
extern uint32 hnsw_free_items(HnswStore *store, Buffer buffer, int place_kind,
							  bool (*wants) (const void *item, uint32 number, void *state), void *state);

/* Follows a node's further rows: the next chunk, locked; InvalidBuffer at the end. */
extern Buffer hnsw_read_rows(HnswStore *store, uint32 number, uint32 owner, int lock, OmenGraphRows **rows);

/*
 * Finds out whether a walk along chunks runs in a circle (Brent 1980): begins
 * as zeros, is told each step, and errors out sooner or later if it does.
 */
typedef struct HnswWalk
{
	uint32		mark;
	uint64		steps;
} HnswWalk;

extern void hnsw_walk_step(HnswWalk *walk, Relation index, uint32 chunk);

/* ---- callbacks ---- */

enum
{
	HNSW_PHASE_LOAD = 2,		/* 1 is PostgreSQL's "initializing" */
	HNSW_PHASE_WRITE
};

extern IndexBuildResult *hnsw_build(Relation heap, Relation index, IndexInfo *indexInfo);
extern void hnsw_build_empty(Relation index);

extern bool hnsw_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation heap,
						IndexUniqueCheck unique, bool unchanged, IndexInfo *indexInfo);

/* Adds one row to the pages; `work` inserts into them. */
extern void hnsw_add_row(Relation index, OmenGraphWork *work, const HnswVector *vector, ItemPointer tid);

extern IndexBulkDeleteResult *hnsw_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
											   IndexBulkDeleteCallback callback, void *callback_state);
extern IndexBulkDeleteResult *hnsw_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats);

extern void hnsw_cost_estimate(PlannerInfo *root, IndexPath *path, double loop_count,
							   Cost *startup, Cost *total, Selectivity *selectivity,
							   double *correlation, double *pages);

extern IndexScanDesc hnsw_begin_scan(Relation index, int keys, int orderbys);
extern void hnsw_rescan(IndexScanDesc scan, ScanKey keys, int key_count, ScanKey orderbys, int orderby_count);
extern bool hnsw_get_tuple(IndexScanDesc scan, ScanDirection direction);
extern void hnsw_end_scan(IndexScanDesc scan);

#endif							/* OMEN_AM_HNSW_H */
