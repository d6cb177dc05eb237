/*
 * sparse.c - sparse matrices by rows, and their products with dense ones.
 *
 * The product walks the sparse row and adds multiples of dense rows: every
 * dense row is read in one run, and the sum stays in cache.  The transpose is
 * built once, so that products from the other side walk rows too.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "sparse.h"

#define ROWS_A_CHUNK 512

/* The inner loop is worth a wider instruction set where the processor has one. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define OMEN_WIDE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define OMEN_WIDE
#endif

void
omen_sparse_free(OmenSparse *matrix)
{
	free(matrix->start);
	free(matrix->col);
	free(matrix->value);
	memset(matrix, 0, sizeof(*matrix));
}

OmenStatus
omen_sparse_transpose(const OmenSparse *matrix, OmenSparse *transposed, OmenError *err)
{
	size_t		entries = matrix->start[matrix->rows];

	*transposed = (OmenSparse) {.rows = matrix->cols,.cols = matrix->rows};
	transposed->start = calloc(matrix->cols + 2, sizeof(*transposed->start));
	transposed->col = malloc((entries + 1) * sizeof(*transposed->col));
	transposed->value = malloc((entries + 1) * sizeof(*transposed->value));
	if (transposed->start == NULL || transposed->col == NULL || transposed->value == NULL)
	{
		omen_sparse_free(transposed);
		return omen_fail(err, OMEN_NO_MEMORY, "out of memory transposing the term matrix");
	}
	/* Counted one place late, start[c + 1] serves as the fill position of row c and ends as its end. */
	for (size_t e = 0; e < entries; e++)
		transposed->start[matrix->col[e] + 2]++;
	for (size_t c = 2; c <= matrix->cols; c++)
		transposed->start[c] += transposed->start[c - 1];
	for (size_t r = 0; r < matrix->rows; r++)
		for (size_t e = matrix->start[r]; e < matrix->start[r + 1]; e++)
		{
			size_t		to = transposed->start[matrix->col[e] + 1]++;

			transposed->col[to] = (uint32_t) r;
			transposed->value[to] = matrix->value[e];
		}
	return OMEN_OK;
}

typedef struct Product
{
	const OmenSparse *matrix;
	const float *dense;
	size_t		width;
	float	   *out;
} Product;

OMEN_WIDE static void
product_rows(void *arg, size_t first, size_t count)
{
	const Product *product = arg;
	const OmenSparse *matrix = product->matrix;
	size_t		width = product->width;

	for (size_t r = first; r < first + count; r++)
	{
		float	   *restrict out = product->out + r * width;

		memset(out, 0, width * sizeof(*out));
		for (size_t e = matrix->start[r]; e < matrix->start[r + 1]; e++)
		{
			const float *restrict row = product->dense + (size_t) matrix->col[e] * width;
			float		value = matrix->value[e];

			for (size_t i = 0; i < width; i++)
				out[i] += value * row[i];
		}
	}
}

OmenStatus
omen_sparse_multiply(const OmenSparse *matrix, const float *dense, size_t width, float *out,
					 unsigned threads, OmenReport *report, OmenError *err)
{
	Product		product = {matrix, dense, width, out};

	return omen_rows_share(threads, matrix->rows, ROWS_A_CHUNK, product_rows, &product, report, err);
}
