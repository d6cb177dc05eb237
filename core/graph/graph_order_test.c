/*
 * graph_order_test.c - an order of nodes by their links.
 *
 * Goal: that every node gets one place, and that nodes which link to one
 * another, and to nobody else, come to one page, whatever order they came in.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../base/failing_arena_test.h"
#include "omen/graph.h"

#define M 8
#define FIRST 1000
#define PAGES 200
#define PER_PAGE 7
#define REGION_BYTES (1 << 20)

/* Nodes whose group is that of their place among all, shuffled. */
static void
add_groups(OmenGraphMemory *memory, uint32_t count, uint32_t *group)
{
	OmenRandom	random = {1};
	OmenGraphStore store = omen_graph_memory_store(memory);

	for (uint32_t i = 0; i < count; i++)
	{
		uint32_t	other = (uint32_t) (omen_random_next(&random) % (i + 1));

		group[i] = group[other];
		group[other] = i / PER_PAGE;
	}
	for (uint32_t i = 0; i < count; i++)
	{
		uint64_t	room[(sizeof(OmenGraphNode) + 2 * M * sizeof(uint32_t) + 4) / 8 + 1] = {0};
		OmenGraphNode *node = (OmenGraphNode *) room;

		node->state = OMEN_NODE_LIVE;
		for (uint32_t j = 0; j < count; j++)
			if (j != i && group[j] == group[i])
				omen_graph_links(node)[node->link_count++] = FIRST + j;
		assert_int_equal(store.add(store.context, node), FIRST + i);
	}
}

static void
check_order(uint32_t count)
{
	static uint32_t group[PAGES * PER_PAGE];
	static uint8_t placed[PAGES * PER_PAGE];
	OmenArena	arena;
	OmenGraphMemory *memory;
	uint32_t   *order;

	omen_arena_init(&arena);
	memory = omen_graph_memory_init(omen_arena_alloc(&arena, 1, REGION_BYTES), REGION_BYTES, M, 4, FIRST);
	add_groups(memory, count, group);
	assert_int_equal(omen_graph_order(memory, M, FIRST, PER_PAGE, &arena, &order), OMEN_OK);
	memset(placed, 0, sizeof(placed));
	for (uint32_t i = 0; i < count; i++)
	{
		assert_true(order[i] < count && !placed[order[i]]);
		placed[order[i]] = 1;
		if (count % PER_PAGE == 0)
			assert_int_equal(group[order[i]], group[order[i / PER_PAGE * PER_PAGE]]);
	}
	omen_arena_reset(&arena);
}

static void
test_groups(void **state)
{
	check_order(PAGES * PER_PAGE);
}

static void
test_few(void **state)
{
	for (uint32_t count = 0; count < 3 * PER_PAGE; count++)
		check_order(count);
}

static void
test_out_of_memory(void **state)
{
	static uint32_t group[PER_PAGE];
	OmenArena	region;
	OmenGraphMemory *memory;
	OmenStatus	status = OMEN_NO_MEMORY;

	omen_arena_init(&region);
	memory = omen_graph_memory_init(omen_arena_alloc(&region, 1, REGION_BYTES), REGION_BYTES, M, 4, FIRST);
	add_groups(memory, PER_PAGE, group);
	for (uint32_t n = 0; status != OMEN_OK; n++)
	{
		FailingArena failing;
		uint32_t   *order;

		assert_true(n < 10);
		failing_arena_init(&failing, n);
		status = omen_graph_order(memory, M, FIRST, PER_PAGE, &failing.arena, &order);
		assert_true(status == OMEN_OK || status == OMEN_NO_MEMORY);
		assert_int_equal(failing_arena_end(&failing), 0);
	}
	omen_arena_reset(&region);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_few),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests_name("graph_order", tests, NULL, NULL);
}
