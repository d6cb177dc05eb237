/*
 * ivf_spill_test.c - rows in two lists.
 *
 * Goal: every row comes, and once; the set of slots that sees to it is one;
 * rows get a second list where that makes searches cheaper, and not elsewhere.
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

/*
 * Rows in two lists, built so and inserted: the whole search finds every row,
 * and each once, in the second run of a search as in the first.
 */
static void
test_spilled_rows_come_once(void **state)
{
	static const OmenMetric metrics[] = {OMEN_L2, OMEN_INNER_PRODUCT, OMEN_COSINE};
	const uint32_t dim = 50;
	const uint32_t built = 1500;
	const uint32_t count = 2000;
	OmenRandom	random = {seed + 4};
	float	   *rows = random_rows(count, dim, 10, &random);
	uint8_t    *seen = malloc(count);
	float	   *scratch = malloc(1024 * sizeof(float));

	for (uint32_t m = 0; m < 3; m++)
	{
		MemoryIndex index;
		OmenIvfSearch search;
		uint32_t	good = 0;
		uint64_t	postings = 0;

		assert_int_equal(memory_index_build_with(&index, rows, built, dim, 0, metrics[m],
												 (MemoryOptions) {.lists = 20,.spill = 1}, 5), OMEN_OK);
		for (uint32_t l = 0; l < 20; l++)
			postings += index.model.start[l].count;
		assert_int_equal(postings, 2 * built);
		for (uint32_t r = built; r < count; r++)
			assert_int_equal(memory_index_insert(&index, rows + (size_t) r * dim, r), OMEN_OK);
		assert_int_equal(omen_ivf_search_init(&search, &index.arena, &index.model, &index.meta,
											  memory_index_store(&index)), OMEN_OK);
		for (uint32_t q = 0; q < 20; q++)
		{
			const float *query = rows + (size_t) (q * 97) * dim;
			OmenPoint	point = {.vector = search.query.vector};

			omen_ivf_point(&index.rotation, metrics[m], index.model.mean, *index.model.lift_sq, query, scratch, &point);
			omen_ivf_search_begin(&search);
			assert_int_equal(omen_ivf_search_run(&search, q % 2 ? count : OMEN_K_ALL, omen_ivf_fixed_effort(20)),
							 OMEN_OK);
			assert_int_equal(search.hit_count, count);
			assert_int_equal(search.stats.records_read, count);
			assert_int_equal(search.stats.codes_scanned, 2 * count);
			memset(seen, 0, count);
			for (uint32_t h = 0; h < count; h++)
				assert_int_equal(seen[row_of_tid(search.hits[h].tid)]++, 0);
			/* Once more, for fewer: the row itself is nearest, but by inner product. */
			assert_int_equal(omen_ivf_search_run(&search, 1, omen_ivf_fixed_effort(20)), OMEN_OK);
			for (uint32_t h = 0; h < search.hit_count; h++)
				good += row_of_tid(search.hits[h].tid) == q * 97;
		}
		assert_true(metrics[m] == OMEN_INNER_PRODUCT || good == 20);
		assert_int_equal(index.held, 0);
		memory_index_free(&index);
	}
	free(rows);
	free(seen);
	free(scratch);
}

/* Rows like texts: each the sum of a few of many directions, so that no list holds all of a row's kin. */
static float *
mixed_rows(uint32_t count, uint32_t dim, uint32_t directions, OmenRandom *random)
{
	float	   *rows = calloc((size_t) count * dim, sizeof(float));
	float	   *direction = malloc((size_t) directions * dim * sizeof(float));

	for (uint32_t i = 0; i < directions * dim; i++)
		direction[i] = random_normal(random);
	for (uint32_t r = 0; r < count; r++)
		for (uint32_t i = 0; i < 4; i++)
		{
			uint32_t	from = (uint32_t) omen_random_below(random, directions);

			for (uint32_t d = 0; d < dim; d++)
				rows[(size_t) r * dim + d] += direction[from * dim + d];
		}
	free(direction);
	return rows;
}

/* Spilling where it pays: not in clear clusters. */
static void
test_spill_auto(void **state)
{
	const uint32_t dim = 64;
	const uint32_t count = 12000;
	OmenRandom	random = {seed + 5};

	for (uint32_t mixed = 0; mixed < 2; mixed++)
	{
		float	   *rows = mixed ? mixed_rows(count, dim, 100, &random) : random_rows(count, dim, 400, &random);
		MemoryIndex index;

		assert_int_equal(memory_index_build_with(&index, rows, count, dim, 0, OMEN_COSINE,
												 (MemoryOptions) {.spill = -1}, 5), OMEN_OK);
		assert_int_equal(*index.model.spilled, mixed);
		memory_index_free(&index);
		free(rows);
	}
}

/* Slots, many of them twice, in one run after another, against a table of all. */
static void
test_slot_set(void **state)
{
	OmenRandom	random = {seed + 6};
	OmenSlotSet set = {0};
	OmenArena	arena;

	omen_arena_init(&arena);
	for (uint32_t run = 0; run < 5; run++)
	{
		uint8_t		seen[20000] = {0};

		omen_slot_set_empty(&set);
		for (uint32_t i = 0; i < (run == 1 ? 20000u : 3000u); i++)
		{
			uint32_t	slot = (uint32_t) omen_random_below(&random, sizeof(seen));
			int			again = -1;

			assert_int_equal(omen_slot_set_add(&set, &arena, slot, &again), OMEN_OK);
			assert_int_equal(again, seen[slot]);
			seen[slot] = 1;
		}
	}
	omen_arena_reset(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spilled_rows_come_once),
		cmocka_unit_test(test_spill_auto),
		cmocka_unit_test(test_slot_set),
	};
	OmenError	err;

	seed = test_seed(20250101);
	if (omen_simd_select(NULL, &err) != OMEN_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
