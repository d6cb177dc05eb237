/*
 * sparse.h - sparse matrices by rows, and their products with dense ones.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_SPARSE_H
#define OMEN_SPARSE_H

#include "worker_rows.h"

/* Compressed sparse rows: row r owns entries start[r] .. start[r + 1] - 1. */
typedef struct OmenSparse
{
	size_t		rows;
	size_t		cols;
	size_t	   *start;			/* rows + 1 of them */
	uint32_t   *col;
	float	   *value;
} OmenSparse;

void		omen_sparse_free(OmenSparse *matrix);

/* *transposed becomes the transpose, its rows in ascending column order. */
OmenStatus	omen_sparse_transpose(const OmenSparse *matrix, OmenSparse *transposed, OmenError *err);

/*
 * out (rows x width) = matrix x dense (cols x width), both dense by rows.
 * Each output row is summed in the order of its entries, whatever the threads.
 */
OmenStatus	omen_sparse_multiply(const OmenSparse *matrix, const float *dense, size_t width, float *out,
								 unsigned threads, OmenReport *report, OmenError *err);

#endif							/* OMEN_SPARSE_H */
