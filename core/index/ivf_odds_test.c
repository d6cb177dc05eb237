/*
 * ivf_odds_test.c - filtered searches that judge by what they have seen.
 *
 * Goal: a search whose query is a stranger to all rows, so that those that
 * meet its conditions lie scattered over most lists, finds the share asked for
 * on average and leaves lists out; one that meets hardly a row that passes
 * tests all keys in turn and finds exactly what qualifies, in tails as well.
 * Compared with distances one by one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "../base/random_rows_test.h"
#include "ivf_memory.h"

static uint64_t seed;

#define DIM 64

static void
start_query(OmenIvfSearch *search, MemoryIndex *index, const float *query)
{
	OmenPoint	point = {.vector = search->query.vector};
	float	   *scratch = malloc(index->model.dim_padded * sizeof(float));

	omen_ivf_query(&index->rotation, &index->model, query, scratch, &point);
	omen_ivf_search_begin(search);
	free(scratch);
}

static double
distance_to(const float *row, const float *query)
{
	double		sum = 0;

	for (uint32_t d = 0; d < DIM; d++)
		sum += (row[d] - query[d]) * (double) (row[d] - query[d]);
	return sum;
}

static int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return x < y ? -1 : x > y;
}

#define K 10
#define MANY 12000
#define QUERIES 40

/* Of the K rows nearest to the query with a key below `keys`, how many are among the hits. */
static uint32_t
found(const OmenIvfSearch *search, const float *rows, const float *query, uint64_t keys)
{
	double	   *nearest = malloc(MANY * sizeof(double));
	uint32_t	count = 0;
	uint32_t	hits = 0;

	for (uint32_t r = 0; r < MANY; r++)
		if (memory_index_key(r, 0) < keys)
			nearest[count++] = distance_to(rows + (size_t) r * DIM, query);
	qsort(nearest, count, sizeof(double), compare_doubles);
	for (uint32_t h = 0; h < search->hit_count; h++)
		hits += distance_to(rows + (size_t) row_of_tid(search->hits[h].tid) * DIM, query) <= nearest[K - 1];
	free(nearest);
	return hits;
}

static void
test_strangers(void **state)
{
	static const uint64_t shares[] = {500, 100, 30};
	OmenRandom	random = {seed};
	MemoryIndex index;
	OmenIvfSearch search;
	float	   *rows = random_rows(MANY, DIM, 3000, &random);
	float	   *queries = random_rows(QUERIES, DIM, QUERIES, &random);

	assert_int_equal(memory_index_build(&index, rows, MANY, DIM, 1, OMEN_L2, 500, 5), OMEN_OK);
	assert_int_equal(omen_ivf_search_init(&search, &index.arena, &index.model, &index.meta,
										  memory_index_store(&index)), OMEN_OK);
	for (uint32_t s = 0; s < 3; s++)
	{
		const OmenCondition condition = {.kind = OMEN_WITHIN, .high = shares[s] - 1};
		uint32_t	hits = 0;
		uint32_t	judged = 0;
		uint64_t	probed = 0;

		search.filter = (OmenFilter) {.conditions = &condition, .count = 1, .recall = 0.95f};
		for (uint32_t q = 0; q < QUERIES; q++)
		{
			const float *query = queries + (size_t) q * DIM;

			start_query(&search, &index, query);
			assert_int_equal(omen_ivf_search_run(&search, K, omen_ivf_effort(&index.model, K, 0.95, 0)), OMEN_OK);
			hits += found(&search, rows, query, shares[s]);
			judged += search.odds.lists > 0;
			probed += search.stats.lists_probed;
		}
		print_message("%llu of 1000 pass: recall %.3f, %.0f of %u lists, judged %u of %u\n",
					  (unsigned long long) shares[s], hits / (double) (K * QUERIES), probed / (double) QUERIES,
					  index.model.lists, judged, QUERIES);
		assert_true(hits >= 0.95 * K * QUERIES);
		assert_true(judged > QUERIES / 2);
		assert_true(probed < 0.9 * index.model.lists * QUERIES);
	}
	memory_index_free(&index);
	free(queries);
	free(rows);
}

#define BUILT 6000
#define ROWS 6500

static void
test_sifting(void **state)
{
	OmenRandom	random = {seed + 1};
	MemoryIndex index;
	OmenIvfSearch search;
	float	   *rows = random_rows(ROWS, DIM, 20, &random);

	assert_int_equal(memory_index_build(&index, rows, BUILT, DIM, 2, OMEN_L2, 300, 5), OMEN_OK);
	assert_int_equal(omen_ivf_search_init(&search, &index.arena, &index.model, &index.meta,
										  memory_index_store(&index)), OMEN_OK);
	for (uint32_t tails = 0; tails < 2; tails++)
	{
		uint32_t	count = tails ? ROWS : BUILT;

		for (uint32_t r = BUILT; r < count; r++)
			assert_int_equal(memory_index_insert(&index, rows + (size_t) r * DIM, r), OMEN_OK);
		search.meta = index.meta;
		for (uint64_t low = 300; low < 700; low += 50)
		{
			const OmenCondition condition = {.kind = OMEN_WITHIN, .column = 1, .low = low, .high = low + 2};
			uint32_t	qualify = 0;

			for (uint32_t r = 0; r < count; r++)
				qualify += memory_index_key(r, 1) - low <= 2;
			search.filter = (OmenFilter) {.conditions = &condition, .count = 1};
			for (uint32_t bound = 0; bound < 2; bound++)
			{
				search.scan_max = bound ? ROWS : 0;
				start_query(&search, &index, rows + low * DIM);
				/* The second run begins with what the first has found out. */
				for (uint32_t run = 0; run < 2; run++)
				{
					assert_int_equal(omen_ivf_search_run(&search, OMEN_K_ALL, omen_ivf_fixed_effort(300)), OMEN_OK);
					assert_int_equal(search.hit_count, qualify);
					for (uint32_t h = 0; h < search.hit_count; h++)
						assert_true(memory_index_key(row_of_tid(search.hits[h].tid), 1) - low <= 2);
					if (run == 0)
						assert_int_equal(search.stats.keys_passed, qualify);
					if (run == 0 && tails == 0)
						assert_int_equal(search.stats.keys_tested + search.stats.keys_spared, count);
					if (bound)
						break;
				}
				assert_int_equal(search.sifted, !bound);
			}
		}
	}
	assert_int_equal(index.held, 0);
	memory_index_free(&index);
	free(rows);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_sifting),
	};

	seed = test_seed(20261121);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
