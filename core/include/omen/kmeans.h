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

/*
 * list[i] = the centroid nearest to row i, for every row.  `norm_sq` holds the
 * centroids' squared lengths.
 */
OmenStatus	omen_assign(const OmenByteRows *rows, const OmenByteRows *centroids, const float *norm_sq,
						uint32_t *list, const OmenProgress *progress);

/*
 * Trains centroids->count centroids (memory already there) by Lloyd's
 * iterations from random rows.  A centroid left without rows takes a row of
 * the fullest list, so that every list has a place.  Deterministic in the seed.
 * rows->count >= centroids->count >= 1.
 */
OmenStatus	omen_kmeans_train(const OmenByteRows *rows, OmenByteRows *centroids, uint32_t iterations,
							  uint64_t seed, OmenArena *scratch, const OmenProgress *progress);

#endif							/* OMEN_KMEANS_H */
