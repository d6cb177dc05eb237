/*
 * select_test.c - selection, sorting and the bounded heap, against insertion
 * into a sorted array.
 *
 * Goal: right for every count around the change to insertion sort, for many
 * equal keys, infinities and sorted, reversed or organ-pipe order; quick on
 * those orders, too.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "omen/select.h"
#include "random_rows_test.h"

#define COUNT_MAX 300

static uint64_t seed;

/* Sorted by insertion: key, then value. */
static void
reference_sort(OmenKeyed *items, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++)
		for (uint32_t j = i; j > 0 && (items[j].key < items[j - 1].key ||
									   (items[j].key == items[j - 1].key && items[j].value < items[j - 1].value)); j--)
		{
			OmenKeyed	t = items[j];

			items[j] = items[j - 1];
			items[j - 1] = t;
		}
}

/* Keys in one of several orders; values tell items apart. */
static void
fill(OmenKeyed *items, uint32_t count, uint32_t order, OmenRandom *random)
{
	uint32_t	distinct = 1 + (uint32_t) omen_random_below(random, 50);

	for (uint32_t i = 0; i < count; i++)
	{
		float		key;

		switch (order)
		{
			case 0:
				key = (float) omen_random_below(random, distinct);
				break;
			case 1:
				key = (float) i;
				break;
			case 2:
				key = -(float) i;
				break;
			case 3:
				key = (float) (i < count / 2 ? i : count - i);
				break;
			case 4:
				key = omen_random_below(random, 4) == 0 ? INFINITY :
					omen_random_below(random, 4) == 0 ? -INFINITY : random_normal(random);
				break;
			default:
				key = random_normal(random);
		}
		items[i] = (OmenKeyed) {key, i};
	}
	/* Values in no order, so that ties are decided by them and not by place. */
	for (uint32_t i = count; i > 1; i--)
	{
		uint32_t	j = (uint32_t) omen_random_below(random, i);
		uint32_t	t = items[i - 1].value;

		items[i - 1].value = items[j].value;
		items[j].value = t;
	}
}

static void
assert_same(const OmenKeyed *got, const OmenKeyed *want, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
	{
		assert_true(got[i].key == want[i].key);
		assert_int_equal(got[i].value, want[i].value);
	}
}

static void
test_sort_and_select(void **state)
{
	OmenRandom	random = {seed};
	OmenKeyed	items[COUNT_MAX];
	OmenKeyed	sorted[COUNT_MAX];

	for (uint32_t round = 0; round < 4000; round++)
	{
		uint32_t	count = round < 60 ? round : (uint32_t) omen_random_below(&random, COUNT_MAX + 1);
		uint32_t	want = (uint32_t) omen_random_below(&random, count + 3);
		uint32_t	least = want < count ? want : count;

		fill(items, count, round % 6, &random);
		memcpy(sorted, items, sizeof(items));
		reference_sort(sorted, count);
		omen_select_least(items, count, want);
		/* The least are in front ... */
		reference_sort(items, least);
		assert_same(items, sorted, least);
		/* ... and the others are still there. */
		omen_sort_keyed(items, count);
		assert_same(items, sorted, count);
	}
}

static void
test_heap(void **state)
{
	OmenRandom	random = {seed + 1};
	OmenKeyed	items[COUNT_MAX];
	float		heap[COUNT_MAX];

	for (uint32_t round = 0; round < 2000; round++)
	{
		uint32_t	count = (uint32_t) omen_random_below(&random, COUNT_MAX + 1);
		uint32_t	room = (uint32_t) omen_random_below(&random, round % 7 == 0 ? 3 : COUNT_MAX);
		uint32_t	held = 0;

		fill(items, count, round % 6, &random);
		for (uint32_t i = 0; i < count; i++)
		{
			omen_heap_offer(heap, &held, room, items[i].key);
			assert_int_equal(held, i + 1 < room ? i + 1 : room);
			/* After each offer the greatest of the least is on top. */
			reference_sort(items, i + 1);
			if (held > 0)
				assert_true(heap[0] == items[held - 1].key);
		}
		/* And the heap holds just those. */
		for (uint32_t i = 0; i < held; i++)
		{
			uint32_t	at = 0;

			while (at < held && !(heap[at] == items[i].key))
				at++;
			assert_true(at < held);
			heap[at] = NAN;
		}
	}
}

/* Orders that make a naive pivot quadratic: 400,000 items take milliseconds, not minutes. */
static void
test_no_bad_case(void **state)
{
	const uint32_t count = 400000;
	OmenKeyed  *items = malloc(count * sizeof(OmenKeyed));
	OmenRandom	random = {seed + 2};

	for (uint32_t order = 0; order < 6; order++)
	{
		float		front = -INFINITY;

		fill(items, count, order, &random);
		omen_select_least(items, count, count / 3);
		/* Nothing in front is greater than anything behind. */
		for (uint32_t i = 0; i < count / 3; i++)
			front = items[i].key > front ? items[i].key : front;
		for (uint32_t i = count / 3; i < count; i++)
			assert_true(items[i].key >= front);
		omen_sort_keyed(items, count);
		for (uint32_t i = 1; i < count; i++)
			assert_true(items[i - 1].key < items[i].key ||
						(items[i - 1].key == items[i].key && items[i - 1].value < items[i].value));
	}
	free(items);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sort_and_select),
		cmocka_unit_test(test_heap),
		cmocka_unit_test(test_no_bad_case),
	};

	seed = test_seed(20250101);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
