/*
 * orthonormal.c - QR factorisation of tall matrices, by Cholesky twice.
 *
 * CholeskyQR2 (T. Fukaya, Y. Nakatsukasa, Y. Yanagisawa, Y. Yamamoto:
 * "CholeskyQR2: a simple and communication-avoiding algorithm for computing a
 * tall-skinny QR factorization on a large-scale parallel system", ScalA 2014):
 * G = A^T A, G = R^T R, A := A R^-1, and all of it once more, which brings
 * orthogonality to rounding error.  All work is matrix products, several
 * times as fast as Householder's reflections on matrices this tall.  It needs
 * a condition number below about 1 / sqrt(epsilon); where a Cholesky
 * factorisation fails, or the first pass left the columns far from
 * orthogonal, Householder's take over, from what the matrix then is: its
 * column space has not changed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "orthonormal.h"

/* Rows at a time, so that report is heard and a stop obeyed. */
#define ROWS_A_BLOCK 8192
/* How far from the identity the second Gram matrix may be for Cholesky to mend it. */
#define GRAM_ERROR_MAX 0.25f

static OmenStatus cholesky_pass(float *tall, size_t rows, uint32_t width, float *gram, bool second,
								bool *failed, OmenReport *report, OmenError *err);
static OmenStatus householder(float *tall, size_t rows, uint32_t width, float *upper, OmenError *err);
static void upper_multiply(const float *left, float *right, uint32_t width);

OmenStatus
omen_orthonormalise(float *tall, size_t rows, uint32_t width, float *upper,
					OmenReport *report, OmenError *err)
{
	float	   *product = malloc((size_t) width * width * sizeof(float));
	float	   *gram = malloc((size_t) width * width * sizeof(float));
	OmenStatus	status = OMEN_OK;
	bool		failed = false;

	if (product == NULL || gram == NULL)
		status = omen_fail(err, OMEN_NO_MEMORY, "out of memory orthonormalising");
	for (int pass = 0; pass < 2 && status == OMEN_OK && !failed; pass++)
	{
		status = cholesky_pass(tall, rows, width, gram, pass == 1, &failed, report, err);
		if (status == OMEN_OK && failed)
			status = householder(tall, rows, width, gram, err);
		if (status != OMEN_OK)
			break;
		/* R = R2 R1 */
		if (pass == 1)
			upper_multiply(gram, product, width);
		else
			memcpy(product, gram, (size_t) width * width * sizeof(float));
	}
	if (status == OMEN_OK && upper != NULL)
		memcpy(upper, product, (size_t) width * width * sizeof(float));
	free(product);
	free(gram);
	return status;
}

/*
 * tall := tall R^-1, gram := R, both only if Cholesky succeeds; *failed if
 * not.  In the second pass it also fails when the columns are not nearly
 * orthonormal already.
 */
static OmenStatus
cholesky_pass(float *tall, size_t rows, uint32_t width, float *gram, bool second,
			  bool *failed, OmenReport *report, OmenError *err)
{
	lapack_int	info;

	memset(gram, 0, (size_t) width * width * sizeof(float));
	for (size_t first = 0; first < rows; first += ROWS_A_BLOCK)
	{
		size_t		count = rows - first < ROWS_A_BLOCK ? rows - first : ROWS_A_BLOCK;

		cblas_ssyrk(CblasRowMajor, CblasUpper, CblasTrans, (int) width, (int) count,
					1.0f, tall + first * width, (int) width, 1.0f, gram, (int) width);
		if (!omen_report_add(report, count / 2))
			return omen_fail(err, OMEN_CANCELLED, "stopped on request");
	}
	for (uint32_t r = 0; r < width && second && !*failed; r++)
		for (uint32_t c = r; c < width; c++)
			*failed |= !(fabsf(gram[(size_t) r * width + c] - (r == c ? 1.0f : 0.0f)) < GRAM_ERROR_MAX);
	if (*failed)
		return OMEN_OK;
	info = LAPACKE_spotrf(LAPACK_ROW_MAJOR, 'U', (lapack_int) width, gram, (lapack_int) width);
	*failed = info != 0;
	if (*failed)
		return OMEN_OK;
	for (size_t first = 0; first < rows; first += ROWS_A_BLOCK)
	{
		size_t		count = rows - first < ROWS_A_BLOCK ? rows - first : ROWS_A_BLOCK;

		cblas_strsm(CblasRowMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, (int) count, (int) width,
					1.0f, gram, (int) width, tall + first * width, (int) width);
		if (!omen_report_add(report, count - count / 2))
			return omen_fail(err, OMEN_CANCELLED, "stopped on request");
	}
	return OMEN_OK;
}

/*
 * The same by reflections.  Rows of `tall` are columns to LAPACK, so its LQ
 * factorisation of the transpose is meant: L^T, by rows, is R.
 */
static OmenStatus
householder(float *tall, size_t rows, uint32_t width, float *upper, OmenError *err)
{
	lapack_int	m = (lapack_int) width;
	lapack_int	n = (lapack_int) rows;
	float	   *tau = malloc(width * sizeof(float));
	lapack_int	info = -1;

	if (tau != NULL)
		info = LAPACKE_sgelqf(LAPACK_COL_MAJOR, m, n, tall, m, tau);
	if (info == 0)
	{
		memset(upper, 0, (size_t) width * width * sizeof(float));
		for (uint32_t r = 0; r < width; r++)
			memcpy(upper + (size_t) r * width + r, tall + (size_t) r * width + r, (width - r) * sizeof(float));
		info = LAPACKE_sorglq(LAPACK_COL_MAJOR, m, n, m, tall, m, tau);
	}
	free(tau);
	return info == 0 ? OMEN_OK
		: omen_fail(err, OMEN_NO_MEMORY, "LAPACK could not factorise a matrix of %zu x %u", rows, width);
}

/* right := left x right, both upper triangular; below the diagonal right becomes zero. */
static void
upper_multiply(const float *left, float *right, uint32_t width)
{
	for (uint32_t r = 1; r < width; r++)
		memset(right + (size_t) r * width, 0, r * sizeof(float));
	cblas_strmm(CblasRowMajor, CblasLeft, CblasUpper, CblasNoTrans, CblasNonUnit, (int) width, (int) width,
				1.0f, left, (int) width, right, (int) width);
}
