/*
 * ivf_condition_test.c - conditions on keys, and searches with them.
 *
 * Goal: a mask says of each of 32 keys what a comparison one by one says, for
 * every kind and for values at the ends of 64 bits; a search with conditions
 * finds exactly the rows that meet all of them, packed and in tails, nearest
 * first, and looks at the codes of no others; digests rule out no list that has
 * such a row, and many of those that have none; damaged pages of keys are told.
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

	omen_ivf_query(&index->rotation, &index->model, query, scratch, &point);
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

typedef struct ListRows
{
	const OmenCondition *condition;
	const MemoryIndex *index;
	uint32_t	met;
} ListRows;

static OmenStatus
count_row(void *context, uint32_t list, const uint8_t *posting)
{
	ListRows   *rows = context;
	uint64_t	key;

	memcpy(&key, posting + omen_sign_code_bytes(rows->index->model.dim_padded) +
		   rows->condition->column * OMEN_KEY_BYTES, sizeof(key));
	rows->met += (uint32_t) meets(rows->condition, key);
	return OMEN_OK;
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
			assert_int_equal(search.stats.keys_tested + search.stats.keys_spared, count > 0 ? ROWS : 0);
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

/* A digest never rules out a list that has such a row, and most of those that have none. */
static void
test_digests(void **state)
{
	OmenRandom	random = {seed + 3};
	MemoryIndex index;
	float	   *rows = random_rows(ROWS, DIM, 10, &random);
	uint8_t		possible[200];
	uint32_t	ruled_out = 0;
	uint32_t	empty = 0;

	assert_int_equal(memory_index_build(&index, rows, ROWS, DIM, 2, OMEN_L2, 100, 5), OMEN_OK);
	for (uint32_t round = 0; round < 400; round++)
	{
		uint64_t	values[3];
		OmenCondition condition = {
			.kind = round % 2 ? OMEN_WITHIN : OMEN_AMONG,
			.column = round / 2 % 2,
			.values = values,
			.count = 3,
		};
		const OmenFilter filter = {.conditions = &condition, .count = 1};

		for (uint32_t v = 0; v < 3; v++)
			values[v] = omen_random_below(&random, 1000);
		qsort(values, 3, sizeof(uint64_t), compare_keys);
		/* One value, up to that which no value has, few at the end of all, any number. */
		condition.low = round % 8 == 5 ? 0 : values[0];
		condition.high = round % 8 == 1 ? values[0] : round % 8 == 3 ? UINT64_MAX :
			round % 8 == 5 ? values[0] % 10 : values[1];
		omen_digest_test(&index.model, &filter, possible);
		for (uint32_t l = 0; l < index.model.lists; l++)
		{
			ListRows	has = {.condition = &condition, .index = &index};
			OmenError	err;

			assert_int_equal(omen_ivf_unpack(&index.model, &index.meta, memory_index_store(&index), &index.arena, l,
											 count_row, &has, &err), OMEN_OK);
			assert_true(has.met == 0 || possible[l]);
			empty += has.met == 0;
			ruled_out += !possible[l];
		}
	}
	assert_true(ruled_out > empty / 2);
	memory_index_free(&index);
	free(rows);
}

/* NULL's key is in no range, and no list with NULLs is the less told by its least and greatest. */
static void
test_digest_of_null(void **state)
{
	OmenIvfModel model = {.lists = 2, .keys = 1};
	OmenIvfMeta meta = {.keys = 1};
	OmenArena	arena;
	const uint64_t keys[] = {70, UINT64_MAX, 90};
	OmenCondition condition = {.kind = OMEN_WITHIN};
	const OmenFilter filter = {.conditions = &condition, .count = 1};
	static const struct
	{
		uint64_t	low;
		uint64_t	high;
		uint8_t		first;
		uint8_t		second;
	}			ranges[] = {
		{0, 69, 0, 0}, {91, UINT64_MAX - 1, 0, 0}, {80, 85, 1, 0}, {UINT64_MAX, UINT64_MAX, 1, 0},
		{0, UINT64_MAX, 1, 1}
	};

	omen_arena_init(&arena);
	assert_int_equal(omen_digests_begin(&model, &meta, 3, &arena), OMEN_OK);
	assert_int_equal(meta.digest_words, 1);
	for (uint32_t i = 0; i < 3; i++)
		omen_digest_add(&model, 0, (const uint8_t *) &keys[i]);
	for (size_t r = 0; r < sizeof(ranges) / sizeof(ranges[0]); r++)
	{
		uint8_t		possible[2];

		condition.low = ranges[r].low;
		condition.high = ranges[r].high;
		omen_digest_test(&model, &filter, possible);
		assert_int_equal(possible[0], ranges[r].first);
		assert_int_equal(possible[1], ranges[r].second);
	}
	for (uint32_t i = 0; i < 3; i++)
	{
		assert_true(omen_digest_has(&model, 0, (const uint8_t *) &keys[i]));
		assert_false(omen_digest_has(&model, 1, (const uint8_t *) &keys[i]));
	}
	omen_arena_reset(&arena);
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
		cmocka_unit_test(test_digests),
		cmocka_unit_test(test_digest_of_null),
		cmocka_unit_test(test_damaged_pages),
	};

	seed = test_seed(20250107);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
