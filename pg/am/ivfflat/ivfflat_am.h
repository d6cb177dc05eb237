/*
 * ivfflat_am.h - what the files of the access method ivfflat share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_AM_IVFFLAT_H
#define OMEN_AM_IVFFLAT_H

#include "postgres.h"
#include "compat.h"

#include "access/amapi.h"
#include "access/genam.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"
#include "omen/kmeans.h"
#include "omen/rotation.h"
#include "omen/select.h"
#include "page/index_page.h"
#include "utils/rel.h"

/* ---- settings and options (ivfflat_handler.c) ---- */

extern int	ivfflat_probes;
extern int	ivfflat_iterative_scan; /* 0: off, 1: relaxed_order */
extern int	ivfflat_max_probes;

extern void ivfflat_init(void);

typedef struct IvfflatOptions
{
	int32		vl_len_;
	int			lists;
} IvfflatOptions;

#define IVFFLAT_LISTS_DEFAULT 100
#define IVFFLAT_LISTS_MAX 32768

/* ---- operator classes: pgvector's (ivfflat_type.c) ---- */

#define IVFFLAT_DISTANCE_PROC 1 /* (type, type) returns float8 */
#define IVFFLAT_NORM_PROC 2		/* (type) returns float8: there when the metric is cosine */
#define IVFFLAT_PROC_COUNT 5	/* the others are of no use here */

typedef struct IvfflatType
{
	PGFunction	distance;
	bool		norm;
	OmenMetric	metric;			/* Hamming distance is L2's square */
	uint32		element_bits;
	uint32		dim_max;
	/* The elements of a detoasted datum as they lie in it. */
	const void *(*elements) (Datum detoasted, uint32 *dim);
	/* The same as floats, [dim]. */
	void		(*floats) (const void *elements, uint32 dim, float *out);
	float		(*measure) (const void *a, const void *b, uint32 dim);
	double		(*norm_sq) (const void *elements, uint32 dim);
} IvfflatType;

extern const IvfflatType *ivfflat_type(Relation index);

/* Dimensions from the column's type modifier; an error when it has none, or too many. */
extern uint32 ivfflat_dimensions(Relation index, const IvfflatType *type);

/* ---- pages ---- */

#define IVFFLAT_MAGIC 0x46465649u
#define IVFFLAT_VERSION 1
#define IVFFLAT_GENERATION 1	/* pages are never written anew */

typedef struct IvfflatMeta
{
	uint32		magic;
	uint32		version;
	uint32		dim;
	uint32		metric;
	uint32		element_bits;
	uint32		lists;
	uint64		seed;			/* of the rotation */
} IvfflatMeta;

/* A row: this, then its elements, up to a multiple of four bytes. */
typedef struct IvfflatItem
{
	OmenTid		tid;
	uint16		reserved;
	float		inverse;		/* of the vector's length when the metric is cosine, 0 for a zero vector; else 0 */
} IvfflatItem;

/* What a page of lists has of each, behind all centroids of the page. */
typedef struct IvfflatList
{
	uint32		first;			/* block, or OMEN_NO_BLOCK */
	uint32		room;			/* where an insert begins to look for room: any page of the list */
	float		scale;			/* of the centroid's bytes */
	float		norm_sq;		/* of the centroid */
} IvfflatList;

/* ---- the lists of an index (ivfflat_lists.c) ---- */

typedef struct IvfflatLists
{
	Relation	index;
	const IvfflatType *type;
	IvfflatMeta meta;
	OmenArena	arena;
	OmenRotation rotation;
	float	   *mean;			/* [rotation.dim_padded] zeros unless the metric is L2 */
	uint32		space_dim;		/* of the space that is clustered, before padding */
	uint32		item_bytes;
	uint32		items_per_page;
	uint32		lists_per_page;
	BlockNumber list_block;		/* first page of lists */
	float	   *room;			/* [dim] */
	float	   *folded;			/* [space_dim] */
	float	   *scratch;		/* [dim_padded] */
	float	   *point;			/* [dim_padded] the last vector put into space */
	int8_t	   *bytes;			/* [dim_padded] */
	int32_t    *products;		/* [lists_per_page] */
	BlockReader reader;
} IvfflatLists;

/* Everything but the mean, which is zero. */
extern void ivfflat_lists_init(IvfflatLists *lists, Relation index, const IvfflatMeta *meta);

/* The same from an index's pages; an error when they are not ours. */
extern void ivfflat_lists_open(IvfflatLists *lists, Relation index);

/* Puts elements of the index's dimensions into the clustered space: lists->point. */
extern void ivfflat_to_point(IvfflatLists *lists, const void *elements);

/* The elements of a detoasted datum; an error when its dimensions are not the index's. */
extern const void *ivfflat_elements(const IvfflatLists *lists, Datum detoasted);

/* 1 / length, or 0 where there is none. */
extern float ivfflat_inverse_length(const IvfflatLists *lists, const void *elements);

/* Fills in an item of lists->item_bytes. */
extern void ivfflat_make_item(const IvfflatLists *lists, const void *elements, ItemPointer tid, IvfflatItem *item);

/* How a row's vector is far from the query's, smaller being nearer; infinity when that is no number. */
extern float ivfflat_distance(const IvfflatLists *lists, const void *query, float query_inverse,
							  const IvfflatItem *item);

/*
 * The lists nearest to lists->point: `want` of them, nearest first, into order
 * (value: the list) and, by their numbers, their first blocks.  order and
 * firsts have room for all.
 */
extern void ivfflat_rank(IvfflatLists *lists, uint32 want, OmenKeyed *order, uint32 *firsts);

/* The page that has a list, locked; *place is its place there. */
extern Buffer ivfflat_list_page(IvfflatLists *lists, uint32 list, int lock, uint32 *place);
extern IvfflatList *ivfflat_list_at(const IvfflatLists *lists, char *page, uint32 place);
extern int8_t *ivfflat_centroid_at(const IvfflatLists *lists, char *page, uint32 place);

static inline uint32
ivfflat_pages_of_lists(const IvfflatLists *lists)
{
	return (lists->meta.lists + lists->lists_per_page - 1) / lists->lists_per_page;
}

/* A page of rows of this list, locked; an error when it is not one. */
extern Buffer ivfflat_read_items(IvfflatLists *lists, uint32 list, BlockNumber block, int lock);

static inline IvfflatItem *
ivfflat_item_at(const IvfflatLists *lists, char *page, uint32 place)
{
	return (IvfflatItem *) (omen_page_body(page) + place * lists->item_bytes);
}

/* ---- callbacks ---- */

enum
{
	IVFFLAT_PHASE_KMEANS = 2,	/* 1 is PostgreSQL's "initializing" */
	IVFFLAT_PHASE_ASSIGN,
	IVFFLAT_PHASE_LOAD
};

extern IndexBuildResult *ivfflat_build(Relation heap, Relation index, IndexInfo *indexInfo);
extern void ivfflat_build_empty(Relation index);

extern bool ivfflat_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation heap,
						   IndexUniqueCheck unique, bool unchanged, IndexInfo *indexInfo);

extern IndexBulkDeleteResult *ivfflat_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
												  IndexBulkDeleteCallback callback, void *callback_state);
extern IndexBulkDeleteResult *ivfflat_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats);

extern IndexScanDesc ivfflat_begin_scan(Relation index, int keys, int orderbys);
extern void ivfflat_rescan(IndexScanDesc scan, ScanKey keys, int key_count, ScanKey orderbys, int orderby_count);
extern bool ivfflat_get_tuple(IndexScanDesc scan, ScanDirection direction);
extern void ivfflat_end_scan(IndexScanDesc scan);

#endif							/* OMEN_AM_IVFFLAT_H */
