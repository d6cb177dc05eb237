/*
 * hnsw.h - what a vector becomes as a node's payload in a graph (graph.h), how
 * payloads are measured, and the index's meta page.
 *
 * Four forms, each as short as its metrics allow.  None needs to be exact: who
 * searches measures the row itself in the end.
 *
 *	codes	dense, L2, inner product, cosine: RaBitQ codes of points in index space (ivf.h)
 *	levels	dense, L1: each coordinate between the row's least and greatest in 2, 4 or 8 bits
 *	bits	Hamming, Jaccard: the bits
 *	sparse	all four metrics: the elements, the greatest of them where they are many
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_HNSW_H
#define OMEN_HNSW_H

#include "omen/graph.h"
#include "omen/ivf.h"

typedef enum OmenHnswForm
{
	OMEN_HNSW_CODES,
	OMEN_HNSW_LEVELS,
	OMEN_HNSW_BITS,
	OMEN_HNSW_SPARSE
} OmenHnswForm;

/* Metrics beside those of ivf (OmenMetric). */
enum
{
	OMEN_HNSW_L1 = OMEN_COSINE + 1,
	OMEN_HNSW_HAMMING,
	OMEN_HNSW_JACCARD
};

/* So many of a code's deviations are its bound. */
#define OMEN_HNSW_EPSILON 2.4f

/* Distances are never NaN, nor infinite: damaged pages, and numbers too large, lead far away. */
static inline float
omen_hnsw_bounded(float distance)
{
	return distance < OMEN_ADD_LAST ? distance : OMEN_ADD_LAST;
}

/* ---- codes ---- */

/* Followed by the code. */
typedef struct OmenHnswFactors
{
	float		add;			/* |x|^2, the lift included */
	float		scale;
	float		error;
	float		lift;			/* inner product: the coordinate added, less than 0 for -sqrt(-lift_sq) */
} OmenHnswFactors;

typedef struct OmenHnswQuery
{
	float		norm_sq;		/* the lift included */
	float		norm;			/* the lift left out */
	float		lift;
	float		step;			/* coordinate ~ step x fine */
	float		sum;			/* of coordinates */
	int16_t		fine[];			/* [dim_padded] */
} OmenHnswQuery;

/* Four bits a dimension where such a node fits on a page, else one. */
uint32_t	omen_hnsw_code_bits(uint32_t dim_padded, uint32_t m);
uint32_t	omen_hnsw_code_bytes(uint32_t dim_padded, uint32_t bits);

/* dim_padded and bits must stay what they were. */
typedef struct OmenHnswCodes
{
	uint32_t	dim_padded;
	uint32_t	bits;
} OmenHnswCodes;

OmenGraphSpace omen_hnsw_space(const OmenHnswCodes *codes);

/* The payload of a row; `scratch` holds dim_padded zeros (the origin). */
void		omen_hnsw_encode(const OmenHnswCodes *codes, const OmenPoint *point, const float *zeros, uint8_t *payload);

/* A point as a query: of a search when `lift` is 0, of a row to be inserted when it is its payload's. */
void		omen_hnsw_query(const OmenHnswCodes *codes, const OmenPoint *point, float lift, OmenHnswQuery *query);

/* ---- levels ---- */

/* Must stay what it was, as all that follow. */
typedef struct OmenHnswLevels
{
	uint32_t	dim;
	uint32_t	bits;			/* a coordinate: 8, or 4 or 2 where a page would not hold that */
} OmenHnswLevels;

uint32_t	omen_hnsw_level_bits(uint32_t dim, uint32_t m);

/* A query is `dim` floats: the row itself. */
OmenGraphSpace omen_hnsw_levels_space(const OmenHnswLevels *levels);
void		omen_hnsw_levels_encode(const OmenHnswLevels *levels, const float *row, uint8_t *payload);

/* ---- bits ---- */

typedef struct OmenHnswBits
{
	uint32_t	bytes;			/* of a row */
	uint32_t	kept;			/* of these in a payload: all, or as many as a page holds, evenly spread */
	uint32_t	metric;			/* OMEN_HNSW_HAMMING or _JACCARD */
} OmenHnswBits;

uint32_t	omen_hnsw_bytes_kept(uint32_t bytes, uint32_t m);

/* A query is a payload. */
OmenGraphSpace omen_hnsw_bits_space(const OmenHnswBits *bits);
void		omen_hnsw_bits_encode(const OmenHnswBits *bits, const uint8_t *row, uint8_t *payload);

/* ---- sparse ---- */

/* The greatest number of elements that a row or a query may have. */
#define OMEN_HNSW_ELEMENTS_MAX 16000

typedef struct OmenHnswSparse
{
	uint32_t	kept;			/* elements of a row that its payload has room for */
	uint32_t	metric;			/* OmenMetric, or OMEN_HNSW_L1 */
	float		lift_sq;		/* inner product: squared length that rows are lifted to */
} OmenHnswSparse;

/* Elements, indexes ascending. */
typedef struct OmenSparseRow
{
	const int32_t *indexes;
	const float *values;
	uint32_t	count;
} OmenSparseRow;

/* Room in a payload for `want` elements and what the page has to spare; less where a page holds less. */
uint32_t	omen_hnsw_sparse_kept(uint32_t want, uint32_t m);

OmenGraphSpace omen_hnsw_sparse_space(const OmenHnswSparse *sparse);

/* scratch: row.count items of OmenKeyed. */
void		omen_hnsw_sparse_encode(const OmenHnswSparse *sparse, OmenSparseRow row, OmenKeyed *scratch,
									uint8_t *payload);

/* A row as a query: of a search, or of a row to be inserted, which is lifted. */
void		omen_hnsw_sparse_query(const OmenHnswSparse *sparse, OmenSparseRow row, int lifted, void *query);

/* ---- the meta page ---- */

#define OMEN_HNSW_MAGIC 0x57534E48u
#define OMEN_HNSW_VERSION 1
/* Of all pages: nothing is rewritten as a whole. */
#define OMEN_HNSW_GENERATION 1

/* Pages whose places are given out one by one. */
enum
{
	OMEN_HNSW_NODES,
	OMEN_HNSW_UPPER,
	OMEN_HNSW_ROWS,
	OMEN_HNSW_PLACES
};

typedef struct OmenHnswMeta
{
	uint32_t	magic;
	uint32_t	version;
	uint32_t	dim;
	uint32_t	metric;			/* OmenMetric, or one of those above */
	uint64_t	seed;			/* of the rotation */
	uint64_t	identity;		/* random at build: tells one index's cached model from another's */
	uint32_t	m;
	uint32_t	ef_construction;
	uint32_t	bits;			/* codes, levels: bits a dimension */
	float		lift_sq;		/* inner product: squared length that rows are lifted to */
	uint32_t	entry_number;	/* where searches begin, or OMEN_GRAPH_NONE */
	uint32_t	entry_level;
	uint32_t	room[OMEN_HNSW_PLACES]; /* first of the chain of such pages with room, or OMEN_NO_BLOCK */
	uint32_t	form;			/* OmenHnswForm */
	uint32_t	kept;			/* bits: bytes; sparse: elements */
	uint32_t	reserved;
} OmenHnswMeta;

_Static_assert(sizeof(OmenHnswMeta) == 80, "hnsw meta layout");

/* The most dimensions that an index of this form can have. */
uint32_t	omen_hnsw_dim_max(OmenHnswForm form);

OmenStatus	omen_hnsw_meta_check(const void *page, OmenHnswMeta *meta, OmenError *err);

/* Pages of the mean, dim_padded floats: blocks 1 and on, MODEL pages in a run. */
static inline uint32_t
omen_hnsw_mean_pages(uint32_t dim_padded)
{
	return (dim_padded * 4 + OMEN_BODY_BYTES - 1) / OMEN_BODY_BYTES;
}

/* Items of a page of this kind; an item's number is block x items a page + place in the page. */
static inline uint32_t
omen_hnsw_per_page(uint32_t item_bytes)
{
	return OMEN_BODY_BYTES / item_bytes;
}

#endif							/* OMEN_HNSW_H */
