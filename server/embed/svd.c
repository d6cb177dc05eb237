/*
 * svd.c - randomized truncated singular value decomposition.
 *
 *   Y = A G, G Gaussian (cols x l, l = rank + oversample);   Q = orth(Y)
 *   repeat:  Z = orth(A^T Q);  Q = orth(A Z)                 (algorithm 4.4)
 *   B^T = A^T Q = P R;  R = W S X^T                          (algorithm 5.1)
 *   so A ~ Q B = (Q X) S (P W)^T: right vectors P W, values S.
 *
 * B^T is tall, so its SVD is that of a small R after one more QR.  The left
 * vectors are not formed: rows are folded in like any other text.
 *
 * Only the sparse products run on several threads.  The dense work is matrix
 * products on one, where the serial OpenBLAS is near the processor's peak and
 * sums in a fixed order.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gaussian.h"
#include "orthonormal.h"
#include "svd.h"

typedef struct Sketch
{
	const OmenSparse *matrix;
	OmenSparse	transposed;
	uint32_t	width;			/* l */
	float	   *left;			/* rows x l: Y, then Q */
	float	   *right;			/* cols x l: G, Z, then B^T, then P */
	float	   *upper;			/* l x l: R */
} Sketch;

static OmenStatus sketch_range(Sketch *sketch, const OmenSvdOptions *options, OmenReport *report, OmenError *err);
static OmenStatus sketch_decompose(Sketch *sketch, uint32_t rank, float *values, float *right, OmenError *err);

OmenStatus
omen_svd_truncated(const OmenSparse *matrix, const OmenSvdOptions *options,
				   float *values, float *right, OmenReport *report, OmenError *err)
{
	Sketch		sketch = {.matrix = matrix};
	size_t		width = (size_t) options->rank + options->oversample;
	uint32_t	rank = options->rank;
	OmenStatus	status;

	/* an OpenBLAS with threads of its own, should the loader have found that one, is to keep to one */
	openblas_set_num_threads(1);

	if (width > matrix->rows)
		width = matrix->rows;
	if (width > matrix->cols)
		width = matrix->cols;
	memset(values, 0, rank * sizeof(float));
	memset(right, 0, matrix->cols * rank * sizeof(float));
	if (width == 0)
		return OMEN_OK;

	sketch.width = (uint32_t) width;
	sketch.left = malloc(matrix->rows * width * sizeof(float));
	sketch.right = malloc(matrix->cols * width * sizeof(float));
	sketch.upper = malloc(width * width * sizeof(float));
	if (sketch.left == NULL || sketch.right == NULL || sketch.upper == NULL)
		status = omen_fail(err, OMEN_NO_MEMORY, "out of memory decomposing a matrix of %zu x %zu",
						   matrix->rows, matrix->cols);
	else
		status = omen_sparse_transpose(matrix, &sketch.transposed, err);
	if (status == OMEN_OK)
		status = sketch_range(&sketch, options, report, err);
	if (status == OMEN_OK)
		status = sketch_decompose(&sketch, rank, values, right, err);
	omen_sparse_free(&sketch.transposed);
	free(sketch.left);
	free(sketch.right);
	free(sketch.upper);
	return status;
}

/* Finds P (in sketch->right) and R. */
static OmenStatus
sketch_range(Sketch *sketch, const OmenSvdOptions *options, OmenReport *report, OmenError *err)
{
	const OmenSparse *matrix = sketch->matrix;
	uint32_t	width = sketch->width;
	OmenGaussian gaussian;
	OmenStatus	status = OMEN_OK;

	/* each side: a product (one unit a row) and two passes of orthonormalisation */
	omen_report_begin(report, "decomposing", 3 * (matrix->rows + matrix->cols) * (options->power_iterations + 1));
	omen_gaussian_begin(&gaussian, options->seed);
	for (size_t i = 0; i < matrix->cols * width; i++)
		sketch->right[i] = omen_gaussian_next(&gaussian);

	for (uint32_t pass = 0; pass <= options->power_iterations && status == OMEN_OK; pass++)
	{
		bool		last = pass == options->power_iterations;

		status = omen_sparse_multiply(matrix, sketch->right, width, sketch->left, options->threads, report, err);
		if (status == OMEN_OK)
			status = omen_orthonormalise(sketch->left, matrix->rows, width, NULL, report, err);
		if (status == OMEN_OK)
			status = omen_sparse_multiply(&sketch->transposed, sketch->left, width, sketch->right,
										  options->threads, report, err);
		if (status == OMEN_OK)
			status = omen_orthonormalise(sketch->right, matrix->cols, width, last ? sketch->upper : NULL,
										 report, err);
	}
	return status;
}

/* values = the leading ones of R, right = P W without the columns of (numerically) zero values. */
static OmenStatus
sketch_decompose(Sketch *sketch, uint32_t rank, float *values, float *right, OmenError *err)
{
	uint32_t	width = sketch->width;
	uint32_t	found = 0;
	float	   *all = malloc(width * sizeof(float));
	float	   *w = malloc((size_t) width * width * sizeof(float));
	float	   *x = malloc((size_t) width * width * sizeof(float));
	lapack_int	info = -1;

	/* row-major LAPACKE hands over the transpose as it stands: R^T = X S W^T */
	for (uint32_t r = 1; r < width; r++)
		memset(sketch->upper + (size_t) r * width, 0, r * sizeof(float));
	if (all != NULL && w != NULL && x != NULL)
		info = LAPACKE_sgesdd(LAPACK_COL_MAJOR, 'A', (lapack_int) width, (lapack_int) width, sketch->upper,
							  (lapack_int) width, all, x, (lapack_int) width, w, (lapack_int) width);
	if (info == 0)
	{
		while (found < width && found < rank && all[found] > all[0] * (float) width * 1.2e-7f)
			found++;
		memcpy(values, all, found * sizeof(float));
		/* column-major W^T is row-major W */
		cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int) sketch->matrix->cols, (int) found, (int) width,
					1.0f, sketch->right, (int) width, w, (int) width, 0.0f, right, (int) rank);
	}
	free(all);
	free(w);
	free(x);
	return info == 0 ? OMEN_OK
		: omen_fail(err, OMEN_NO_MEMORY, "LAPACK could not decompose a matrix of %u x %u", width, width);
}
