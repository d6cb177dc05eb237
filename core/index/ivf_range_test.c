/*
 * ivf_range_test.c - searching within a range against looking at every row.
 *
 * Goal: that no row within the range is ever left out, whatever the metric,
 * dimension and radius, for duplicates, zero, tiny and huge rows, for rows
 * far off the origin, inserted ones and ones coded from decoded codes; and that
 * most rows outside are left out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../base/random_rows_test.h"
#include "ivf_memory.h"

static uint64_t seed;

/* As the operators give it, in single precision. */
static double
distance(OmenMetric metric, const float *q, const float *x, uint32_t dim)
{
	OmenCosineParts parts;
	double		cosine;

	switch (metric)
	{
		case OMEN_L2:
			return sqrt((double) omen_simd->l2sq_f32(q, x, dim));
		case OMEN_INNER_PRODUCT:
			return -(double) omen_simd->dot_f32(q, x, dim);
		default:
			parts = omen_simd->cosine_f32(q, x, dim);
			cosine = (double) parts.dot / sqrt((double) parts.norm_sq_a * (double) parts.norm_sq_b);
			return cosine > 1 ? 0 : cosine < -1 ? 2 : 1 - cosine;
	}
}

typedef struct Taken
{
	uint8_t    *rows;			/* [count] whether it came */
	uint32_t	count;
	uint32_t	taken;
} Taken;

static OmenStatus
take(void *context, const OmenTid *tids, uint32_t count)
{
	Taken	   *taken = context;

	for (uint32_t i = 0; i < count; i++)
	{
		assert_true(row_of_tid(tids[i]) < taken->count);
		taken->taken += !taken->rows[row_of_tid(tids[i])];
		taken->rows[row_of_tid(tids[i])] = 1;
	}
	return OMEN_OK;
}

/* Which rows a range brings; returns how many. */
static uint32_t
search_range(MemoryIndex *index, const float *query, double radius, uint32_t count, uint8_t *rows)
{
	OmenIvfSearch search;
	OmenArena	arena;
	OmenPoint	point = {0};
	Taken		taken = {rows, count, 0};
	float	   *scratch = malloc(index->model.dim_padded * sizeof(float));

	omen_arena_init(&arena);
	memset(rows, 0, count);
	assert_int_equal(omen_ivf_search_init(&search, &arena, &index->model, &index->meta, memory_index_store(index)),
					 OMEN_OK);
	point.vector = search.query.vector;
	omen_ivf_point(&index->rotation, index->model.metric, NULL, 0, query, scratch, &point);
	assert_int_equal(omen_ivf_search_range(&search, radius, take, &taken), OMEN_OK);
	assert_int_equal(index->held, 0);
	omen_arena_reset(&arena);
	free(scratch);
	return taken.taken;
}

static int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return x < y ? -1 : x > y;
}

typedef struct Tally
{
	uint64_t	within;			/* rows in the ranges */
	uint64_t	brought;
	uint64_t	outside;		/* rows not in them */
} Tally;

/* Ranges that hold none, one, some and all of the rows; not one may be missing. */
static void
check_query(MemoryIndex *index, const float *rows, uint32_t count, const float *query, Tally *tally)
{
	uint32_t	dim = index->model.dim;
	uint8_t    *came = malloc(count);
	double	   *distances = malloc(count * sizeof(double));
	double	   *sorted = malloc(count * sizeof(double));
	uint32_t	at[] = {0, 1, count / 100, count / 10, count / 2, count - 1};

	for (uint32_t r = 0; r < count; r++)
		sorted[r] = distances[r] = distance(index->model.metric, query, rows + (size_t) r * dim, dim);
	qsort(sorted, count, sizeof(double), compare_doubles);
	for (uint32_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
	{
		double		radius = sorted[at[i] < count ? at[i] : count - 1];

		if (isnan(radius))
			continue;
		tally->brought += search_range(index, query, radius, count, came);
		for (uint32_t r = 0; r < count; r++)
		{
			if (!came[r] && distances[r] <= radius)
				print_error("metric %d dim %u row %u: %.9g within %.9g is missing\n", index->model.metric, dim, r,
							distances[r], radius);
			assert_true(came[r] || !(distances[r] <= radius));
			tally->within += distances[r] <= radius;
			tally->outside += !(distances[r] <= radius);
		}
	}
	/* What is not a number as a bound leaves nothing out. */
	assert_int_equal(search_range(index, query, NAN, count, came), count);
	assert_int_equal(search_range(index, query, INFINITY, count, came), count);
	free(came);
	free(distances);
	free(sorted);
}

static void
test_nothing_is_missing(void **state)
{
	static const OmenMetric metrics[] = {OMEN_L2, OMEN_INNER_PRODUCT, OMEN_COSINE};
	static const uint32_t dims[] = {1, 2, 7, 64, 100, 384, 1000};
	OmenRandom	random = {seed};

	for (uint32_t i = 0; i < sizeof(dims) / sizeof(dims[0]); i++)
		for (uint32_t m = 0; m < 3; m++)
		{
			uint32_t	dim = dims[i];
			uint32_t	count = i % 2 ? 33 : 1500;
			uint32_t	built = count * 2 / 3;
			float	   *rows = random_rows(count + 20, dim, 30, &random);
			MemoryIndex index;
			Tally		tally = {0};

			assert_int_equal(memory_index_build(&index, rows, built, dim, 0, metrics[m], 1 + built / 60, seed),
							 OMEN_OK);
			for (uint32_t r = built; r < count; r++)
				assert_int_equal(memory_index_insert(&index, rows + (size_t) r * dim, r), OMEN_OK);
			/* Rows themselves, and strangers. */
			for (uint32_t q = 0; q < 8; q++)
				check_query(&index, rows, count, rows + (size_t) (q % 2 ? count + q : q * count / 8) * dim, &tally);
			print_message("# metric %d dim %u: of %llu rows outside %.1f %% came\n", metrics[m], dim,
						  (unsigned long long) tally.outside,
						  100.0 * (double) (tally.brought - tally.within) / (double) tally.outside);
			/* The ranges reach up to the middle of all rows; in few dimensions cosines are all alike. */
			assert_true(dim < 10 || tally.brought - tally.within < tally.outside / 2);
			memory_index_free(&index);
			free(rows);
		}
}

/* Duplicates, zeros, tiny and huge rows, and all of them far off the origin. */
static void
test_odd_rows(void **state)
{
	static const OmenMetric metrics[] = {OMEN_L2, OMEN_INNER_PRODUCT, OMEN_COSINE};
	static const float factors[] = {1, 1e-12f, 1e-22f, 1e10f, 1e18f};
	const uint32_t dim = 70;
	const uint32_t count = 600;
	OmenRandom	random = {seed + 1};

	for (uint32_t f = 0; f < sizeof(factors) / sizeof(factors[0]); f++)
		for (uint32_t m = 0; m < 3; m++)
			for (uint32_t away = 0; away < 2; away++)
			{
				float	   *rows = random_rows(count, dim, 8, &random);
				MemoryIndex index;
				Tally		tally = {0};

				for (uint32_t r = 0; r < count; r++)
					for (uint32_t d = 0; d < dim; d++)
					{
						float	   *x = &rows[(size_t) r * dim + d];

						*x = r % 10 == 0 ? rows[d] : r % 50 == 1 ? 0.0f : *x * factors[f];
						*x *= r % 50 == 2 ? 1e-3f : r % 50 == 3 ? 30.0f : 1.0f;
						*x += away ? 1e4f * factors[f] : 0.0f;
					}
				assert_int_equal(memory_index_build(&index, rows, count, dim, 0, metrics[m], 9, seed), OMEN_OK);
				for (uint32_t q = 0; q < 12; q++)
					check_query(&index, rows, count, rows + (size_t) (q * 17 % count) * dim, &tally);
				memory_index_free(&index);
				free(rows);
			}
}

/* Rows coded anew from their four-bit codes, twice: what was lost each time is made up for. */
static void
test_decoded_rows(void **state)
{
	const uint32_t dim = 128;
	const uint32_t built = 60;
	const uint32_t count = 700;
	OmenRandom	random = {seed + 2};
	float	   *rows = random_rows(count, dim, 10, &random);
	float	   *scratch = malloc(1024 * sizeof(float));
	float	   *decoded = malloc(dim * sizeof(float));
	MemoryIndex index;
	Tally		tally = {0};

	assert_int_equal(memory_index_build(&index, rows, count, dim, 0, OMEN_L2, 6, seed), OMEN_OK);
	for (uint32_t round = 0; round < 2; round++)
	{
		MemoryIndex again;
		float		lost = 0;

		/* The first rows make the lists; the others follow as they are decoded. */
		assert_int_equal(memory_index_build(&again, rows, built, dim, 0, OMEN_L2, 3 + round, seed), OMEN_OK);
		for (uint32_t b = 0; b < index.page_count; b++)
		{
			uint8_t    *page = index.pages + (size_t) b * OMEN_PAGE_BYTES;
			uint32_t	records = omen_page_trailer(page)->kind == OMEN_PAGE_ROW ? omen_page_trailer(page)->count : 0;

			for (uint32_t i = 0; i < records; i++)
			{
				const OmenRowRecord *record =
					(const OmenRowRecord *) (omen_page_body(page) + (size_t) i * omen_row_bytes(dim, 0));
				OmenPoint	point = {.vector = decoded};

				if (row_of_tid(record->tid) < built)
					continue;
				point.lost = omen_ivf_decode(&index.model, record, decoded, scratch);
				lost = point.lost > lost ? point.lost : lost;
				for (uint32_t d = 0; d < dim; d++)
					decoded[d] -= again.model.mean[d];
				assert_int_equal(memory_index_add(&again, &point, row_of_tid(record->tid)), OMEN_OK);
			}
		}
		again.meta.lost = index.meta.lost + lost;
		memory_index_free(&index);
		index = again;
		for (uint32_t q = 0; q < 30; q++)
			check_query(&index, rows, count, rows + (size_t) (q * 7) * dim, &tally);
	}
	memory_index_free(&index);
	free(rows);
	free(scratch);
	free(decoded);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_missing),
		cmocka_unit_test(test_odd_rows),
		cmocka_unit_test(test_decoded_rows),
	};

	OmenError	err;

	seed = test_seed(20261121);
	if (omen_simd_select(NULL, &err) != OMEN_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
