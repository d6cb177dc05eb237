/*
 * kmeans.h - lists from rows, in integers.
 *
 * Rows and centroids are eight-bit vectors with a scale each: value = scale x
 * integer.  Clustering on them is indistinguishable from clustering on floats
 * and several times faster, and a centroid *is* its eight-bit form: residuals
 * are taken from it, so nothing is lost by the rounding.
 *
 * A row may have one more coordinate, `extra`, kept in float: inner product
 * search is L2 search once every row is lifted to the same length (Neyshabur
 * & Srebro, ICML 2015), and `extra` is that lift.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_KMEANS_H
#define OMEN_KMEANS_H

#include "omen/arena.h"
#include "omen/random.h"

typedef struct OmenByteRows
{
	uint32_t	dim;			/* a multiple of 64 */
	uint32_t	count;
	int8_t	   *values;			/* [count][dim], -127..127 */
	float	   *scale;			/* [count] */
	float	   *extra;			/* [count] or NULL */
} OmenByteRows;

/* Asked now and then during long work; false stops it with OMEN_CANCELLED. */
typedef struct OmenProgress
{
	int			(*step) (void *context, uint64_t done, uint64_t total);
	void	   *context;
} OmenProgress;

OmenStatus	omen_byte_rows_init(OmenByteRows *rows, OmenArena *arena, uint32_t dim, uint32_t count,
								int with_extra);

/* values[dim] = in / scale, rounded; returns scale (0 for a zero or non-finite row, stored as zeros). */
float		omen_bytes_from_floats(const float *in, uint32_t dim, int8_t *values);

/* out[dim] = scale x values. */
void		omen_floats_from_bytes(const int8_t *values, float scale, uint32_t dim, float *out);

/* Squared length of row i, `extra` included. */
float		omen_byte_row_norm_sq(const OmenByteRows *rows, uint32_t i);

/* to[j] = from[i]; of one dimension, both with `extra` or without. */
void		omen_byte_row_copy(const OmenByteRows *from, uint32_t i, OmenByteRows *to, uint32_t j);

/*
 * Finds the nearest centroid of rows.  Rows must have been rotated at random
 * (rotation.h): many centroids are compared by their first coordinates, and in
 * full only where those are near.
 */
typedef struct OmenAssigner
{
	const OmenByteRows *centroids;
	float	   *norm_sq;		/* [centroids] squared lengths */
	OmenByteRows prefixes;		/* of the centroids; count is 0 when all are compared in full */
	float	   *prefix_norm_sq;
	OmenByteRows row_prefixes;	/* of a tile of rows at work */
	OmenByteRows kept;			/* centroids to compare a row with in full */
} OmenAssigner;

/* Memory for these centroids, which must stay where they are. */
OmenStatus	omen_assigner_init(OmenAssigner *assigner, OmenArena *arena, const OmenByteRows *centroids);

/* To be called before the first use, and when centroids have moved. */
void		omen_assigner_refresh(OmenAssigner *assigner);

/* list[i] = the centroid nearest to row i; with many centroids now and then one nearly as near. */
OmenStatus	omen_assign(OmenAssigner *assigner, const OmenByteRows *rows, uint32_t *list,
						const OmenProgress *progress);

/* From now on no row goes to this centroid; some must be left. */
void		omen_assigner_leave_out(OmenAssigner *assigner, uint32_t centroid);

#define OMEN_NEAR_ROWS 64
#define OMEN_NEAR_MAX 24

/* Centroids near to a row, the nearest first; of squared distances the row's own length is left out. */
typedef struct OmenNear
{
	uint32_t	count;
	float		distance[OMEN_NEAR_MAX];
	uint32_t	list[OMEN_NEAR_MAX];
} OmenNear;

/* near[i]: the `keep` centroids, OMEN_NEAR_MAX - 7 at most, nearest to row first_row + i, of OMEN_NEAR_ROWS at most. */
void		omen_assign_near(OmenAssigner *assigner, const OmenByteRows *rows, uint32_t first_row,
							 uint32_t row_count, uint32_t keep, OmenNear *near);

/* What Lloyd's step needs of rows: for each list, their sum and how many they are. */
typedef struct OmenListSums
{
	uint32_t	lists;
	uint32_t	dim;
	float	   *sum;			/* [lists][dim] */
	double	   *extra;			/* [lists] */
	uint32_t   *count;			/* [lists] */
	uint32_t   *end;			/* [lists] in `order` */
	uint32_t   *order;			/* [rows] list by list */
} OmenListSums;

/* Memory for sums over as many rows as these. */
OmenStatus	omen_list_sums_init(OmenListSums *sums, OmenArena *arena, const OmenByteRows *rows, uint32_t lists);
void		omen_list_sums_take(OmenListSums *sums, const OmenByteRows *rows, const uint32_t *list);

/*
 * Each centroid to the mean of its rows; one left without takes a row of the
 * fullest list, so that every list has a place.  `rows` may be some of those
 * that were summed.  The sums are used up.
 */
void		omen_centroids_move(OmenByteRows *centroids, OmenListSums *sums, const OmenByteRows *rows,
								const uint32_t *list, OmenRandom *random);

/* Puts rows into random order. */
void		omen_byte_rows_shuffle(OmenByteRows *rows, OmenRandom *random);

/* How many of so many rows, in random order, an iteration needs to look at: fewer at first. */
uint32_t	omen_kmeans_rows(uint32_t rows, uint32_t lists, uint32_t iteration, uint32_t iterations);

/*
 * Trains centroids->count centroids (memory already there) by Lloyd's
 * iterations from random rows, the first iterations over the first of the
 * rows only, which should therefore be in random order.  Deterministic in the
 * seed.  rows->count >= centroids->count >= 1.
 */
OmenStatus	omen_kmeans_train(const OmenByteRows *rows, OmenByteRows *centroids, uint32_t iterations,
							  uint64_t seed, OmenArena *scratch, const OmenProgress *progress);

#endif							/* OMEN_KMEANS_H */
