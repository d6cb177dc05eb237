/*
 * hnsw.h - graphs (graph.h) over codes: what a vector becomes as a node's
 * payload, how payloads are measured, and the index's meta page.
 *
 * Rows and queries are points in index space (ivf.h: rotated, relative to the
 * mean, every metric turned into squared L2).  A payload is the four-bit code
 * of a row (one bit where a page would not hold four) with its factors.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_HNSW_H
#define OMEN_HNSW_H

#include "omen/graph.h"
#include "omen/ivf.h"

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
	uint32_t	metric;			/* OmenMetric */
	uint64_t	seed;			/* of the rotation */
	uint64_t	identity;		/* random at build: tells one index's cached model from another's */
	uint32_t	m;
	uint32_t	ef_construction;
	uint32_t	code_bits;
	float		lift_sq;		/* inner product: squared length that rows are lifted to */
	uint32_t	entry_number;	/* where searches begin, or OMEN_GRAPH_NONE */
	uint32_t	entry_level;
	uint32_t	room[OMEN_HNSW_PLACES]; /* first of the chain of such pages with room, or OMEN_NO_BLOCK */
	uint32_t	reserved;
} OmenHnswMeta;

_Static_assert(sizeof(OmenHnswMeta) == 72, "hnsw meta layout");

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
