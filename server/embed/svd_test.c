/*
 * svd_test.c - the randomized decomposition against LAPACK's dense one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lapacke.h>
#include <math.h>

#include "gaussian.h"
#include "orthonormal.h"
#include "svd.h"

/* A sparse random matrix and the same one dense, row by row. */
static void
matrix_make(size_t rows, size_t cols, double density, uint64_t seed, OmenSparse *sparse, float **dense)
{
	OmenGaussian random;
	size_t		used = 0;

	omen_gaussian_begin(&random, seed);
	*sparse = (OmenSparse) {.rows = rows,.cols = cols};
	sparse->start = calloc(rows + 1, sizeof(*sparse->start));
	sparse->col = malloc(rows * cols * sizeof(*sparse->col));
	sparse->value = malloc(rows * cols * sizeof(*sparse->value));
	*dense = calloc(rows * cols, sizeof(float));
	for (size_t r = 0; r < rows; r++)
	{
		for (size_t c = 0; c < cols; c++)
			if ((double) (omen_gaussian_bits(&random) >> 11) * 0x1p-53 < density)
			{
				/* columns of falling weight, so that the spectrum falls too */
				float		value = omen_gaussian_next(&random) / (1.0f + 0.2f * (float) c);

				sparse->col[used] = (uint32_t) c;
				sparse->value[used++] = value;
				(*dense)[r * cols + c] = value;
			}
		sparse->start[r + 1] = used;
	}
}

static void
dense_values(const float *dense, size_t rows, size_t cols, float *values)
{
	float	   *copy = malloc(rows * cols * sizeof(float));

	memcpy(copy, dense, rows * cols * sizeof(float));
	/* by columns this is the transpose, of the same values */
	assert_int_equal(LAPACKE_sgesdd(LAPACK_COL_MAJOR, 'N', (lapack_int) cols, (lapack_int) rows, copy,
									(lapack_int) cols, values, NULL, 1, NULL, 1), 0);
	free(copy);
}

/* |V^T V - I| at its worst, over the first `used` columns. */
static float
orthogonality_error(const float *v, size_t rows, uint32_t width, uint32_t used)
{
	float		worst = 0.0f;

	for (uint32_t a = 0; a < used; a++)
		for (uint32_t b = a; b < used; b++)
		{
			double		sum = 0.0;

			for (size_t r = 0; r < rows; r++)
				sum += (double) v[r * width + a] * v[r * width + b];
			worst = fmaxf(worst, fabsf((float) sum - (a == b ? 1.0f : 0.0f)));
		}
	return worst;
}

/* |A v_i| must be s_i: the vectors belong to the values. */
static void
assert_vectors_fit(const float *dense, size_t rows, size_t cols, const float *values, const float *right, uint32_t rank)
{
	for (uint32_t i = 0; i < rank; i++)
	{
		double		square = 0.0;

		for (size_t r = 0; r < rows; r++)
		{
			double		sum = 0.0;

			for (size_t c = 0; c < cols; c++)
				sum += (double) dense[r * cols + c] * right[c * rank + i];
			square += sum * sum;
		}
		assert_float_equal((float) sqrt(square), values[i], 2e-3f * values[0]);
	}
}

static void
values_and_vectors_are_lapacks(void **state)
{
	static const struct
	{
		size_t		rows;
		size_t		cols;
		double		density;
		uint32_t	rank;
	}			shapes[] = {
		{120, 80, 0.10, 20}, {80, 120, 0.10, 20}, {300, 60, 0.3, 60},
		{50, 50, 1.0, 10}, {40, 7, 0.5, 7}, {1, 30, 0.5, 1},
	};

	for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++)
	{
		size_t		rows = shapes[s].rows;
		size_t		cols = shapes[s].cols;
		uint32_t	rank = shapes[s].rank;
		OmenSvdOptions options = {.rank = rank,.oversample = 20,.power_iterations = 6,.seed = 7,.threads = 2};
		OmenReport	report = {0};
		OmenError	err = {0};
		OmenSparse	sparse;
		float	   *dense;
		float	   *expected = malloc((rows < cols ? rows : cols) * sizeof(float));
		float	   *values = malloc(rank * sizeof(float));
		float	   *right = malloc(cols * rank * sizeof(float));

		matrix_make(rows, cols, shapes[s].density, 100 + s, &sparse, &dense);
		dense_values(dense, rows, cols, expected);
		assert_int_equal(omen_svd_truncated(&sparse, &options, values, right, &report, &err), OMEN_OK);
		for (uint32_t i = 0; i < rank; i++)
			assert_float_equal(values[i], expected[i], 2e-3f * expected[0]);
		assert_true(orthogonality_error(right, cols, rank, rank) < 1e-4f);
		assert_vectors_fit(dense, rows, cols, values, right, rank);
		/* at its end the report is full, never past it */
		assert_true(report.done == report.total);

		omen_sparse_free(&sparse);
		free(dense);
		free(expected);
		free(values);
		free(right);
	}
}

/* A matrix of rank 5 asked for 12: seven zeros, and their columns zero. */
static void
missing_rank_is_zero(void **state)
{
	const size_t rows = 60;
	const size_t cols = 40;
	const uint32_t rank = 12;
	OmenSvdOptions options = {.rank = rank,.oversample = 8,.power_iterations = 2,.seed = 3,.threads = 1};
	OmenReport	report = {0};
	OmenError	err = {0};
	OmenSparse	sparse;
	float	   *dense;
	float		values[12];
	float	   *right = malloc(cols * rank * sizeof(float));

	matrix_make(rows, cols, 1.0, 9, &sparse, &dense);
	for (size_t r = 5; r < rows; r++)
		for (size_t c = 0; c < cols; c++)
			sparse.value[r * cols + c] = sparse.value[(r % 5) * cols + c] * (float) (1 + r % 3);
	assert_int_equal(omen_svd_truncated(&sparse, &options, values, right, &report, &err), OMEN_OK);
	for (uint32_t i = 0; i < rank; i++)
		assert_true(i < 5 ? values[i] > 1e-3f * values[0] : values[i] == 0.0f);
	for (size_t i = 0; i < cols * rank; i++)
		if (i % rank >= 5)
			assert_true(right[i] == 0.0f);
	assert_true(orthogonality_error(right, cols, rank, 5) < 1e-4f);
	omen_sparse_free(&sparse);
	free(dense);
	free(right);
}

static void
seed_and_threads_decide_the_bytes(void **state)
{
	const uint32_t rank = 10;
	OmenSparse	sparse;
	float	   *dense;
	float		values[4][10];
	float	   *right[4];

	matrix_make(3000, 70, 0.1, 5, &sparse, &dense);
	for (int i = 0; i < 4; i++)
	{
		OmenSvdOptions options = {.rank = rank,.oversample = 5,.power_iterations = 1,.seed = i == 3 ? 2 : 1,
		.threads = i == 1 ? 1 : 3};
		OmenReport	report = {0};

		right[i] = malloc(70 * rank * sizeof(float));
		assert_int_equal(omen_svd_truncated(&sparse, &options, values[i], right[i], &report, NULL), OMEN_OK);
	}
	for (int i = 1; i < 3; i++)
	{
		assert_memory_equal(values[0], values[i], sizeof(values[0]));
		assert_memory_equal(right[0], right[i], 70 * rank * sizeof(float));
	}
	assert_memory_not_equal(right[0], right[3], 70 * rank * sizeof(float));
	for (int i = 0; i < 4; i++)
		free(right[i]);
	omen_sparse_free(&sparse);
	free(dense);
}

/* Columns from well to badly to not at all independent: Q orthonormal, Q R the matrix again. */
static void
any_columns_become_orthonormal(void **state)
{
	const size_t rows = 500;
	const uint32_t width = 30;

	for (int kind = 0; kind < 4; kind++)
	{
		float	   *tall = malloc(rows * width * sizeof(float));
		float	   *before = malloc(rows * width * sizeof(float));
		float	   *upper = malloc(width * width * sizeof(float));
		OmenGaussian random;
		OmenReport	report = {0};

		omen_gaussian_begin(&random, 77);
		for (size_t i = 0; i < rows * width; i++)
			tall[i] = omen_gaussian_next(&random);
		for (size_t r = 0; r < rows; r++)
			for (uint32_t c = 1; c < width; c++)
				if (kind == 1)
					tall[r * width + c] *= powf(10.0f, -0.25f * (float) c);	/* condition 10^7 */
				else if (kind == 2)
					tall[r * width + c] = tall[r * width] + 1e-4f * tall[r * width + c]; /* nearly parallel */
				else if (kind == 3 && c % 2 == 1)
					tall[r * width + c] = tall[r * width + c - 1];	/* parallel */
		memcpy(before, tall, rows * width * sizeof(float));
		assert_int_equal(omen_orthonormalise(tall, rows, width, upper, &report, NULL), OMEN_OK);
		assert_true(orthogonality_error(tall, rows, width, width) < 1e-4f);
		for (size_t r = 0; r < rows; r++)
			for (uint32_t c = 0; c < width; c++)
			{
				double		sum = 0.0;

				for (uint32_t i = 0; i <= c; i++)
					sum += (double) tall[r * width + i] * upper[i * width + c];
				assert_float_equal((float) sum, before[r * width + c], 1e-3f);
			}
		free(tall);
		free(before);
		free(upper);
	}
}

static void
the_transpose_is_one(void **state)
{
	OmenSparse	sparse;
	OmenSparse	transposed;
	float	   *dense;

	matrix_make(50, 33, 0.1, 13, &sparse, &dense);
	assert_int_equal(omen_sparse_transpose(&sparse, &transposed, NULL), OMEN_OK);
	assert_int_equal(transposed.rows, 33);
	assert_int_equal(transposed.start[33], sparse.start[50]);
	for (size_t c = 0; c < 33; c++)
		for (size_t e = transposed.start[c]; e < transposed.start[c + 1]; e++)
		{
			assert_true(transposed.value[e] == dense[transposed.col[e] * 33 + c]);
			assert_true(e == transposed.start[c] || transposed.col[e - 1] < transposed.col[e]);
		}
	omen_sparse_free(&sparse);
	omen_sparse_free(&transposed);
	free(dense);
}

static bool
stop_at_once(void *arg, const char *phase, uint64_t done, uint64_t total)
{
	return false;
}

static void
a_stop_is_obeyed(void **state)
{
	OmenSvdOptions options = {.rank = 5,.oversample = 5,.power_iterations = 3,.seed = 1,.threads = 2};
	OmenReport	report = {.tell = stop_at_once};
	OmenSparse	sparse;
	float	   *dense;
	float		values[5];
	float	   *right = malloc(50 * 5 * sizeof(float));

	matrix_make(5000, 50, 0.1, 1, &sparse, &dense);
	assert_int_equal(omen_svd_truncated(&sparse, &options, values, right, &report, NULL), OMEN_CANCELLED);
	omen_sparse_free(&sparse);
	free(dense);
	free(right);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_and_vectors_are_lapacks),
		cmocka_unit_test(missing_rank_is_zero),
		cmocka_unit_test(seed_and_threads_decide_the_bytes),
		cmocka_unit_test(any_columns_become_orthonormal),
		cmocka_unit_test(the_transpose_is_one),
		cmocka_unit_test(a_stop_is_obeyed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
