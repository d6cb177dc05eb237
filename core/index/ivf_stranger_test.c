/*
 * ivf_stranger_test.c - queries that lie where no rows lie.
 *
 * Goal: by inner product the length of a query changes nothing but its
 * distances, and queries in no direction of the data find as many of their
 * true neighbours as they are asked to, though calibration's own queries are
 * rows.  The truth is found by comparing with every row.
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
#include "omen/select.h"

#define DIM 96
#define ROWS 12000
#define QUERIES 60
#define K 10

static uint64_t seed;

/* Searches for the query as its calibration says. */
static void
search_for(MemoryIndex *index, OmenIvfSearch *search, const float *query, double target)
{
	float	   *scratch = malloc(index->model.dim_padded * sizeof(float));
	OmenPoint	point = {.vector = search->query.vector};

	omen_ivf_query(&index->rotation, &index->model, query, scratch, &point);
	omen_ivf_search_begin(search);
	assert_int_equal(omen_ivf_search_run(search, K, omen_ivf_effort(&index->model, K, target, 0)), OMEN_OK);
	free(scratch);
}

static float
exact(OmenMetric metric, const float *query, const float *row)
{
	OmenCosineParts parts;

	if (metric == OMEN_L2)
		return omen_simd->l2sq_f32(query, row, DIM);
	parts = omen_simd->cosine_f32(query, row, DIM);
	return metric == OMEN_INNER_PRODUCT ? -parts.dot : -parts.dot / sqrtf(parts.norm_sq_a * parts.norm_sq_b);
}

/* How many of the search's hits are no farther than the query's K-th nearest. */
static uint32_t
count_found(const OmenIvfSearch *search, OmenMetric metric, const float *rows, const float *query)
{
	OmenKeyed  *all = malloc(ROWS * sizeof(OmenKeyed));
	uint32_t	found = 0;

	for (uint32_t r = 0; r < ROWS; r++)
		all[r] = (OmenKeyed) {exact(metric, query, rows + (size_t) r * DIM), r};
	omen_sort_keyed(all, ROWS);
	for (uint32_t h = 0; h < search->hit_count; h++)
		for (uint32_t i = 0; i < K; i++)
			found += all[i].value == row_of_tid(search->hits[h].tid);
	free(all);
	return found;
}

static void
test_strangers(void **state)
{
	float	   *query = malloc(DIM * sizeof(float));

	for (OmenMetric metric = OMEN_L2; metric <= OMEN_COSINE; metric++)
	{
		OmenRandom	random = {seed + (uint64_t) metric};
		float	   *rows = random_rows(ROWS, DIM, 150, &random);
		MemoryIndex index;
		OmenIvfSearch search;
		uint32_t	found = 0;
		double		lists = 0;

		assert_int_equal(memory_index_build_with(&index, rows, ROWS, DIM, 0, metric, (MemoryOptions) {.queries = 800},
												 seed), OMEN_OK);
		assert_int_equal(omen_ivf_search_init(&search, &index.arena, &index.model, &index.meta,
											  memory_index_store(&index)), OMEN_OK);
		for (uint32_t q = 0; q < QUERIES; q++)
		{
			for (uint32_t d = 0; d < DIM; d++)
				query[d] = 2 * random_normal(&random);
			search_for(&index, &search, query, 0.95);
			found += count_found(&search, metric, rows, query);
			lists += search.stats.lists_probed;
		}
		print_message("# metric %u: %.3f found in %.0f of %u lists\n", metric, found / (double) (QUERIES * K),
					  lists / QUERIES, index.model.lists);
		assert_true(found >= 0.9 * QUERIES * K);
		memory_index_free(&index);
		free(rows);
	}
	free(query);
}

static void
test_length_of_query(void **state)
{
	static const float times[] = {1e-12f, 1e-3f, 0.1f, 7.0f, 1e3f, 1e12f};
	OmenRandom	random = {seed};
	float	   *rows = random_rows(ROWS, DIM, 150, &random);
	float	   *query = malloc(DIM * sizeof(float));
	MemoryIndex index;
	OmenIvfSearch search;

	assert_int_equal(memory_index_build(&index, rows, ROWS, DIM, 0, OMEN_INNER_PRODUCT, 0, seed), OMEN_OK);
	assert_int_equal(omen_ivf_search_init(&search, &index.arena, &index.model, &index.meta,
										  memory_index_store(&index)), OMEN_OK);
	for (uint32_t q = 0; q < 10; q++)
	{
		OmenSearchStats stats;
		uint32_t	found;

		search_for(&index, &search, rows + (size_t) q * 997 * DIM, 0.95);
		stats = search.stats;
		found = count_found(&search, OMEN_INNER_PRODUCT, rows, rows + (size_t) q * 997 * DIM);
		for (uint32_t t = 0; t < sizeof(times) / sizeof(*times); t++)
		{
			for (uint32_t d = 0; d < DIM; d++)
				query[d] = times[t] * rows[(size_t) q * 997 * DIM + d];
			search_for(&index, &search, query, 0.95);
			/* But for rounding, which may turn two lists about. */
			assert_in_range(search.stats.lists_probed, stats.lists_probed * 0.9, stats.lists_probed * 1.1 + 1);
			assert_in_range(count_found(&search, OMEN_INNER_PRODUCT, rows, query), found - 1, found + 1);
		}
	}
	/* No direction at all: any rows, and no harm. */
	memset(query, 0, DIM * sizeof(float));
	search_for(&index, &search, query, 0.95);
	assert_true(search.hit_count >= K);
	memory_index_free(&index);
	free(rows);
	free(query);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_length_of_query),
	};
	OmenError	err;

	seed = test_seed(20250101);
	if (omen_simd_select(NULL, &err) != OMEN_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
