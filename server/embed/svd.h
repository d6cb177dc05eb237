/*
 * svd.h - the leading singular values and vectors of a large sparse matrix.
 *
 * N. Halko, P. G. Martinsson, J. A. Tropp: "Finding structure with randomness:
 * probabilistic algorithms for constructing approximate matrix
 * decompositions", SIAM Review 53 (2011), algorithms 4.4 and 5.1.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_SVD_H
#define OMEN_SVD_H

#include "sparse.h"

typedef struct OmenSvdOptions
{
	uint32_t	rank;			/* values and vectors wanted */
	uint32_t	oversample;		/* further columns of the sketch, which buy accuracy */
	uint32_t	power_iterations;	/* passes over the matrix and back; each sharpens the spectrum */
	uint64_t	seed;
	unsigned	threads;
} OmenSvdOptions;

/*
 * Approximates matrix ~ U diag(values) right^T.  values (rank of them) come in
 * descending order; right is cols x rank by rows, its columns orthonormal.  A
 * matrix of lower rank has zeros for the rest, values and columns.  The same
 * seed gives the same bytes on the same machine, whatever the threads.
 */
OmenStatus	omen_svd_truncated(const OmenSparse *matrix, const OmenSvdOptions *options,
							   float *values, float *right, OmenReport *report, OmenError *err);

#endif							/* OMEN_SVD_H */
