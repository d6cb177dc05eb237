/*
 * ivf_condition_test.c - conditions on keys, and searches with them.
 *
 * Goal: a mask says of each of 32 keys what a comparison one by one says, for
 * every kind and for values at the ends of 64 bits; a search with conditions
 * finds exactly the rows that meet all of them, packed and in tails, nearest
 * first, and looks at the codes of no others; damaged pages of keys are told.
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

static int
meets(const OmenCondition *condition, uint64_t key)
{
	if (condition->kind == OMEN_WITHIN)
		return key >= condition->low && key <= condition->high;
	for (uint32_t v = 0; v < condition->count; v++)
		if (condition->kind == OMEN_AMONG ? key == condition->values[v]
			: (key & condition->values[v]) == condition->values[v])
			return 1;
	return 0;
}

/* Few different ones, the ends of the range among them, so that equal ones are common. */
static uint64_t
some_key(OmenRandom *random)
{
	static const uint64_t ends[] = {0, 1, UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63, (UINT64_C(1) << 63) - 1};
	uint64_t	choice = omen_random_below(random, 20);

	return choice < 6 ? ends[choice] : choice < 15 ? choice : omen_random_next(random);
}

static int
compare_keys(const void *a, const void *b)
{
	uint64_t	x = *(const uint64_t *) a;
	uint64_t	y = *(const uint64_t *) b;

	return x < y ? -1 : x > y;
}

static void
test_masks(void **state)
{
	OmenRandom	random = {seed};

	for (uint32_t round = 0; round < 30000; round++)
	{
		uint64_t	keys[OMEN_BLOCK_CODES];
		uint64_t	values[20];
		OmenCondition condition = {
			.kind = (OmenConditionKind) (round % 3),
			.low = some_key(&random),
			.high = some_key(&random),
			.values = values,
			.count = (uint32_t) omen_random_below(&random, 20),
		};
		uint32_t	mask;

		for (uint32_t i = 0; i < OMEN_BLOCK_CODES; i++)
			keys[i] = some_key(&random);
		for (uint32_t v = 0; v < condition.count; v++)
			values[v] = some_key(&random) & (condition.kind == OMEN_COVERS ? omen_random_next(&random) : UINT64_MAX);
		if (condition.kind == OMEN_AMONG)
			qsort(values, condition.count, sizeof(uint64_t), compare_keys);
		mask = omen_condition_mask(&condition, keys);
		for (uint32_t i = 0; i < OMEN_BLOCK_CODES; i++)
		{
			assert_int_equal(mask >> i & 1, meets(&condition, keys[i]));
			assert_int_equal(omen_condition_met(&condition, keys[i]), meets(&condition, keys[i]));
		}
	}
}

static int
row_meets(const OmenCondition *conditions, uint32_t count, uint32_t row)
{
	for (uint32_t c = 0; c < count; c++)
		if (!meets(&conditions[c], memory_index_key(row, conditions[c].column)))
			return 0;
	return 1;
}

static void
start_query(OmenIvfSearch *search, MemoryIndex *index, const float *query)
{
	OmenPoint	point = {.vector = search->query.vector};
	float	   *scratch = malloc(index->model.dim_padded * sizeof(float));

	omen_ivf_point(&index->rotation, index->model.metric, index->model.mean, *index->model.lift_sq, query,
				   scratch, &point);
	omen_ivf_search_begin(search);
	free(scratch);
}

#define DIM 40
#define BUILT 1500
#define ROWS 2500

static float *
build(MemoryIndex *index, uint32_t keys)
{
	OmenRandom	random = {seed + 1};
	float	   *rows = random_rows(ROWS, DIM, 10, &random);

	assert_int_equal(memory_index_build(index, rows, BUILT, DIM, keys, OMEN_L2, 9, 5), OMEN_OK);
	for (uint32_t r = BUILT; r < ROWS; r++)
		assert_int_equal(memory_index_insert(index, rows + (size_t) r * DIM, r), OMEN_OK);
	return rows;
}

static void
test_filtered_search(void **state)
{
	static const uint64_t few[] = {3, 500, 501};
	static const uint64_t bits[] = {0x101, 0x22};
	const OmenCondition conditions[] = {
		{.kind = OMEN_WITHIN, .column = 0, .low = 100, .high = 599},
		{.kind = OMEN_WITHIN, .column = 2, .low = 0, .high = 99},
		{.kind = OMEN_AMONG, .column = 1, .values = few, .count = 3},
		{.kind = OMEN_COVERS, .column = 2, .values = bits, .count = 2},
		{.kind = OMEN_WITHIN, .column = 1, .low = 1, .high = 0},
	};
	MemoryIndex index;
	OmenIvfSearch search;
	float	   *rows = build(&index, 3);

	assert_int_equal(omen_ivf_search_init(&search, &index.arena, &index.model, &index.meta,
										  memory_index_store(&index)), OMEN_OK);
	for (uint32_t first = 0; first < 5; first++)
		for (uint32_t count = 0; count <= 2 && first + count <= 5; count++)
		{
			uint32_t	qualify = 0;

			for (uint32_t r = 0; r < ROWS; r++)
				qualify += row_meets(conditions + first, count, r);
			search.filter = (OmenFilter) {.conditions = conditions + first, .count = count};
			start_query(&search, &index, rows + first * DIM);
			assert_int_equal(omen_ivf_search_run(&search, OMEN_K_ALL, omen_ivf_fixed_effort(9)), OMEN_OK);
			assert_int_equal(search.hit_count, qualify);
			for (uint32_t h = 0; h < search.hit_count; h++)
				assert_true(row_meets(conditions + first, count, row_of_tid(search.hits[h].tid)));
			assert_int_equal(search.stats.keys_tested, count > 0 ? ROWS : 0);
			assert_int_equal(search.stats.keys_passed, count > 0 ? qualify : 0);
			/* Blocks with none that passes are not scanned. */
			assert_true(count == 0 || search.stats.codes_scanned <= (uint64_t) qualify * 32);

			/* The best seven of them. */
			start_query(&search, &index, rows + first * DIM);
			assert_int_equal(omen_ivf_search_run(&search, 7, omen_ivf_fixed_effort(9)), OMEN_OK);
			assert_true(search.hit_count >= (qualify < 7 ? qualify : 7));
			for (uint32_t h = 0; h < search.hit_count; h++)
				assert_true(row_meets(conditions + first, count, row_of_tid(search.hits[h].tid)));
		}
	assert_int_equal(index.held, 0);
	memory_index_free(&index);
	free(rows);
}

static void
test_damaged_pages(void **state)
{
	const OmenCondition condition = {.kind = OMEN_WITHIN, .column = 0, .low = 100, .high = 599};
	MemoryIndex index;
	OmenIvfSearch search;
	float	   *rows = build(&index, 1);

	assert_int_equal(omen_ivf_search_init(&search, &index.arena, &index.model, &index.meta,
										  memory_index_store(&index)), OMEN_OK);
	search.filter = (OmenFilter) {.conditions = &condition, .count = 1};
	start_query(&search, &index, rows);
	assert_true(index.meta.key_pages >= 2);
	for (uint32_t p = 0; p < index.meta.key_pages; p++)
	{
		OmenPageTrailer *trailer = omen_page_trailer(index.pages + (size_t) index.key_map[p] * OMEN_PAGE_BYTES);

		trailer->generation++;
		assert_int_equal(omen_ivf_search_run(&search, 10, omen_ivf_fixed_effort(9)), OMEN_STALE);
		trailer->generation--;
		trailer->kind = OMEN_PAGE_PACKED;
		assert_int_equal(omen_ivf_search_run(&search, 10, omen_ivf_fixed_effort(9)), OMEN_STALE);
		trailer->kind = OMEN_PAGE_KEYS;
		trailer->magic++;
		assert_int_equal(omen_ivf_search_run(&search, 10, omen_ivf_fixed_effort(9)), OMEN_CORRUPT);
		trailer->magic--;
		assert_int_equal(index.held, 0);
	}
	assert_int_equal(omen_ivf_search_run(&search, 10, omen_ivf_fixed_effort(9)), OMEN_OK);
	memory_index_free(&index);
	free(rows);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_masks),
		cmocka_unit_test(test_filtered_search),
		cmocka_unit_test(test_damaged_pages),
	};

	seed = test_seed(20250107);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
