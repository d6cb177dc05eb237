/*
 * graph_test.c - the graph in memory against exact search.
 *
 * Goal: that searches find what is near, whatever the order of insertion; that
 * equal vectors share a node; that a graph whose nodes are taken out and
 * replaced, round after round, is as good as a new one; that numbers which lead
 * nowhere, and memory that runs out, do no harm.
 *
 * The space here is plain floats and squared distances.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "../base/failing_arena_test.h"
#include "../base/random_rows_test.h"
#include "omen/graph.h"
#include "omen/simd.h"

#define DIM 12
#define M 8
#define EF_CONSTRUCTION 40

static uint64_t seed;

static float
float_distance(const OmenGraphSpace *space, const void *query, const uint8_t *payload, float *bound)
{
	if (bound != NULL)
		*bound = 0;
	return omen_simd->l2sq_f32(query, (const float *) payload, DIM);
}

static void
float_query_of(const OmenGraphSpace *space, const uint8_t *payload, void *query)
{
	memcpy(query, payload, DIM * sizeof(float));
}

static const OmenGraphSpace space = {
	.payload_bytes = DIM * sizeof(float),
	.query_bytes = DIM * sizeof(float),
	.distance = float_distance,
	.query_of = float_query_of,
};

typedef struct TestGraph
{
	OmenArena	arena;
	OmenGraphMemory *memory;
	OmenGraphWork work;
	OmenRandom	random;
} TestGraph;

/* Numbers of nodes need not begin at 0. */
#define TRIALS 5
#define FIRST 1000
#define REGION_BYTES (4 << 20)

static OmenGraphMemory *
new_memory(OmenArena *arena, uint32_t first)
{
	void	   *region = omen_arena_alloc(arena, 1, REGION_BYTES);

	return region == NULL ? NULL : omen_graph_memory_init(region, REGION_BYTES, M, space.payload_bytes, first);
}

static void
open_graph(TestGraph *graph)
{
	OmenGraphStore store;

	omen_arena_init(&graph->arena);
	graph->random.state = seed;
	graph->memory = new_memory(&graph->arena, FIRST);
	store = omen_graph_memory_store(graph->memory);
	assert_int_equal(omen_graph_work_init(&graph->work, &graph->arena, &space, &store, M, EF_CONSTRUCTION), OMEN_OK);
}

static OmenStatus
insert_row(TestGraph *graph, const float *vector, uint32_t row)
{
	OmenGraphRow at = {(uint16_t) (row >> 16), (uint16_t) row, 1};

	return omen_graph_insert(&graph->work, vector, (const uint8_t *) vector, at,
							 omen_graph_draw_level(&graph->random, M), omen_graph_memory_entry(graph->memory));
}

static void
build_graph(TestGraph *graph, const float *rows, uint32_t count)
{
	open_graph(graph);
	for (uint32_t r = 0; r < count; r++)
		assert_int_equal(insert_row(graph, rows + (size_t) r * DIM, r), OMEN_OK);
}

static OmenGraphNode *
node_at(TestGraph *graph, uint32_t place)
{
	return omen_graph_item(graph->memory, OMEN_GRAPH_NODES, FIRST + place);
}

static const float *
vector_of(const OmenGraphNode *node)
{
	return (const float *) (omen_graph_links_const(node) + 2 * M);
}

/* The share of the true nearest ten live nodes that searches find. */
static double
recall(TestGraph *graph, const float *queries, uint32_t query_count, uint32_t ef)
{
	uint32_t	count = omen_graph_item_count(graph->memory, OMEN_GRAPH_NODES);
	OmenKeyed  *truth = malloc(count * sizeof(OmenKeyed));
	uint32_t	good = 0;
	uint32_t	all = 0;

	for (uint32_t q = 0; q < query_count; q++)
	{
		const float *query = queries + (size_t) q * DIM;
		uint32_t	live = 0;

		for (uint32_t i = 0; i < count; i++)
			if (node_at(graph, i)->state == OMEN_NODE_LIVE)
				truth[live++] = (OmenKeyed) {omen_simd->l2sq_f32(query, vector_of(node_at(graph, i)), DIM),
					FIRST + i};
		omen_select_least(truth, live, 10);
		assert_int_equal(omen_graph_search(&graph->work, query, omen_graph_memory_entry(graph->memory), ef), OMEN_OK);
		for (uint32_t h = 0; h < graph->work.hit_count; h++)
		{
			assert_int_equal(graph->work.hits[h].state, OMEN_NODE_LIVE);
			if (h > 0)
				assert_true(graph->work.hits[h].distance >= graph->work.hits[h - 1].distance);
			for (uint32_t i = 0; i < 10 && i < live; i++)
				good += truth[i].value == graph->work.hits[h].number;
		}
		all += live < 10 ? live : 10;
	}
	free(truth);
	return all > 0 ? (double) good / all : 1;
}

static int
compare_first(const void *a, const void *b)
{
	return *(const float *) a < *(const float *) b ? -1 : *(const float *) a > *(const float *) b;
}

static void
test_recall(void **state)
{
	OmenRandom	random = {seed};
	float	   *rows = random_rows(6100, DIM, 60, &random);
	TestGraph	graph;

	build_graph(&graph, rows, 6000);
	assert_true(recall(&graph, rows + 6000 * DIM, 100, 80) > 0.97);
	omen_arena_reset(&graph.arena);
	/* in an order that a graph could make something bad of */
	qsort(rows, 6000, DIM * sizeof(float), compare_first);
	build_graph(&graph, rows, 6000);
	assert_true(recall(&graph, rows + 6000 * DIM, 100, 80) > 0.97);
	omen_arena_reset(&graph.arena);
	free(rows);
}

static void
test_few(void **state)
{
	OmenRandom	random = {seed};
	float	   *rows = random_rows(30, DIM, 3, &random);

	for (uint32_t count = 0; count <= 30; count++)
	{
		TestGraph	graph;

		build_graph(&graph, rows, count);
		assert_int_equal(omen_graph_search(&graph.work, rows, omen_graph_memory_entry(graph.memory), 100), OMEN_OK);
		assert_int_equal(graph.work.hit_count, count);
		if (count > 0)
			assert_true(graph.work.hits[0].distance == 0);
		omen_arena_reset(&graph.arena);
	}
	free(rows);
}

static void
test_equal_vectors_share_a_node(void **state)
{
	OmenRandom	random = {seed};
	float	   *rows = random_rows(50, DIM, 5, &random);
	TestGraph	graph;
	uint8_t		seen[2000] = {0};

	open_graph(&graph);
	for (uint32_t r = 0; r < 2000; r++)
		assert_int_equal(insert_row(&graph, rows + (size_t) (r % 50) * DIM, r), OMEN_OK);
	assert_int_equal(omen_graph_item_count(graph.memory, OMEN_GRAPH_NODES), 50);
	for (uint32_t i = 0; i < 50; i++)
	{
		const OmenGraphNode *node = node_at(&graph, i);

		seen[node->row.block_lo]++;
		for (uint32_t chunk = node->down; chunk != OMEN_GRAPH_NONE;)
		{
			const OmenGraphRows *more = omen_graph_item(graph.memory, OMEN_GRAPH_ROW_CHUNKS, chunk);

			assert_int_equal(more->owner, FIRST + i);
			for (uint32_t r = 0; r < more->count; r++)
			{
				assert_int_equal(more->rows[r].block_lo % 50, node->row.block_lo % 50);
				seen[more->rows[r].block_lo]++;
			}
			chunk = more->next;
		}
	}
	for (uint32_t r = 0; r < 2000; r++)
		assert_int_equal(seen[r], 1);
	omen_arena_reset(&graph.arena);
	free(rows);
}

/* Marks a node of level 0, and those above that stand for it, with a state. */
static void
set_state(TestGraph *graph, uint32_t place, uint8_t node_state)
{
	node_at(graph, place)->state = node_state;
	for (uint32_t u = 0; u < omen_graph_item_count(graph->memory, OMEN_GRAPH_UPPER); u++)
	{
		OmenGraphNode *upper = omen_graph_item(graph->memory, OMEN_GRAPH_UPPER, u);

		if (upper->base == FIRST + place)
			upper->state = node_state;
	}
}

/*
 * As vacuum does: another entry, links past the dead, then their places.  Cut
 * off after so many nodes of level 0, it leaves the dead in their places.
 */
static void
take_out_dead(TestGraph *graph, uint32_t nodes)
{
	uint32_t	count = omen_graph_item_count(graph->memory, OMEN_GRAPH_NODES);
	OmenGraphEntry best = {OMEN_GRAPH_NONE, 0};

	for (uint32_t u = 0; u < omen_graph_item_count(graph->memory, OMEN_GRAPH_UPPER); u++)
	{
		OmenGraphNode *upper = omen_graph_item(graph->memory, OMEN_GRAPH_UPPER, u);

		if (upper->state == OMEN_NODE_LIVE && (best.number == OMEN_GRAPH_NONE || upper->level > best.level))
			best = (OmenGraphEntry) {u, upper->level};
	}
	assert_true(best.number != OMEN_GRAPH_NONE);
	omen_graph_memory_set_entry(graph->memory, best);
	for (uint32_t u = 0; u < omen_graph_item_count(graph->memory, OMEN_GRAPH_UPPER); u++)
	{
		OmenGraphNode *upper = omen_graph_item(graph->memory, OMEN_GRAPH_UPPER, u);

		if (upper->state == OMEN_NODE_LIVE)
			assert_int_equal(omen_graph_repair(&graph->work, upper->level, u, best), OMEN_OK);
	}
	for (uint32_t i = 0; i < count && i < nodes; i++)
		if (node_at(graph, i)->state == OMEN_NODE_LIVE)
			assert_int_equal(omen_graph_repair(&graph->work, 0, FIRST + i, best), OMEN_OK);
	for (uint32_t i = 0; i < count && nodes >= count; i++)
		if (node_at(graph, i)->state == OMEN_NODE_DEAD)
			set_state(graph, i, OMEN_NODE_FREE);
}

/*
 * How much less a graph whose nodes were all replaced, a tenth a round, finds
 * than a new one.  Where vacuums are cut off, two are in each round, and a
 * third is let through in every other round only: new nodes come to be among
 * the dead of two rounds.
 */
static double
loss_by_churn(OmenRandom *random, int cut_off)
{
	uint32_t	base = 2000;
	float	   *rows = random_rows(base * 2 + 400, DIM, 40, random);
	const float *queries = rows + (size_t) base * 2 * DIM;
	TestGraph	graph;
	TestGraph	fresh;
	double		churned;
	double		anew;

	build_graph(&graph, rows, base);
	for (uint32_t round = 0; round < 10; round++)
	{
		for (uint32_t i = 0; i < base / 10; i++)
			set_state(&graph, round * (base / 10) + i, OMEN_NODE_DEAD);
		/* dead nodes still lead on */
		if (round == 0)
			assert_true(recall(&graph, queries, 50, 40) > 0.9);
		for (int i = 0; i < 2 && cut_off; i++)
			take_out_dead(&graph, omen_random_below(random, base));
		if (!cut_off || round % 2 == 1)
			take_out_dead(&graph, UINT32_MAX);
		for (uint32_t i = 0; i < base / 10; i++)
		{
			uint32_t	row = base + round * (base / 10) + i;

			assert_int_equal(insert_row(&graph, rows + (size_t) row * DIM, row), OMEN_OK);
		}
	}
	build_graph(&fresh, rows + (size_t) base * DIM, base);
	churned = recall(&graph, queries, 400, 12);
	anew = recall(&fresh, queries, 400, 12);
	printf("# recall after churn %.4f, of a new graph %.4f\n", churned, anew);
	omen_arena_reset(&graph.arena);
	omen_arena_reset(&fresh.arena);
	free(rows);
	return anew - churned;
}

/* Two new graphs differ by 0.003 or so, hence several. */
static void
test_churn_keeps_recall(void **state)
{
	OmenRandom	random = {seed};
	double		loss[2] = {0.0, 0.0};

	for (int trial = 0; trial < 2 * TRIALS; trial++)
		loss[trial % 2] += loss_by_churn(&random, trial % 2) / TRIALS;
	printf("# lost on average %.4f, with vacuums cut off %.4f\n", loss[0], loss[1]);
	assert_true(loss[0] < 0.005);
	assert_true(loss[1] < 0.005);
}

static void
test_many_dead_at_once(void **state)
{
	OmenRandom	random = {seed};
	float	   *rows = random_rows(7000, DIM, 40, &random);
	const float *queries = rows + 6000 * DIM;
	TestGraph	graph;
	TestGraph	fresh;
	double		left;
	double		anew;

	build_graph(&graph, rows, 6000);
	for (uint32_t i = 0; i < 6000; i++)
		if (i < 4500)
			set_state(&graph, i, OMEN_NODE_DEAD);
	take_out_dead(&graph, UINT32_MAX);
	build_graph(&fresh, rows + 4500 * DIM, 1500);
	left = recall(&graph, queries, 1000, 20);
	anew = recall(&fresh, queries, 1000, 20);
	printf("# recall of a quarter left %.4f, of a new graph %.4f\n", left, anew);
	assert_true(left > anew - 0.008);
	omen_arena_reset(&graph.arena);
	omen_arena_reset(&fresh.arena);
	free(rows);
}

/* A cluster that no link leads to is found again once a few of its nodes are mended. */
static void
test_lost_cluster(void **state)
{
	enum {COUNT = 2000, CLUSTER = 100};
	OmenRandom	random = {seed};
	float	   *rows = random_rows(COUNT, DIM, 20, &random);
	TestGraph	graph;
	uint32_t	found = 0;

	/* far from all others */
	for (uint32_t i = 0; i < CLUSTER * DIM; i++)
		rows[i] = 50 + random_normal(&random);
	build_graph(&graph, rows, COUNT);
	for (uint32_t u = 0; u < omen_graph_item_count(graph.memory, OMEN_GRAPH_UPPER); u++)
	{
		OmenGraphNode *upper = omen_graph_item(graph.memory, OMEN_GRAPH_UPPER, u);

		if (upper->base < FIRST + CLUSTER)
			upper->state = OMEN_NODE_FREE;
		else
			omen_graph_memory_set_entry(graph.memory, (OmenGraphEntry) {u, upper->level});
	}
	for (uint32_t i = CLUSTER; i < COUNT; i++)
		for (uint32_t l = 0; l < node_at(&graph, i)->link_count; l++)
			if (omen_graph_links(node_at(&graph, i))[l] < FIRST + CLUSTER)
				omen_graph_links(node_at(&graph, i))[l] = FIRST + i;
	assert_int_equal(omen_graph_search(&graph.work, rows, omen_graph_memory_entry(graph.memory), 40), OMEN_OK);
	for (uint32_t h = 0; h < graph.work.hit_count; h++)
		found += graph.work.hits[h].number < FIRST + CLUSTER;
	assert_int_equal(found, 0);
	for (uint32_t i = 0; i < CLUSTER / 4; i++)
		set_state(&graph, i, OMEN_NODE_DEAD);
	take_out_dead(&graph, UINT32_MAX);
	assert_true(recall(&graph, rows, CLUSTER / 4, 40) > 0.97);
	omen_arena_reset(&graph.arena);
	free(rows);
}

static void
test_all_dead(void **state)
{
	OmenRandom	random = {seed};
	float	   *rows = random_rows(40, DIM, 3, &random);
	TestGraph	graph;

	build_graph(&graph, rows, 20);
	for (uint32_t i = 0; i < 20; i++)
		set_state(&graph, i, OMEN_NODE_DEAD);
	/* the entry leads to nothing live: searches enter at the first new node from now on */
	for (uint32_t r = 20; r < 40; r++)
		assert_int_equal(insert_row(&graph, rows + (size_t) r * DIM, r), OMEN_OK);
	assert_int_equal(omen_graph_search(&graph.work, rows, omen_graph_memory_entry(graph.memory), 100), OMEN_OK);
	assert_int_equal(graph.work.hit_count, 20);
	/* the entry is gone */
	for (uint32_t i = 0; i < 40; i++)
		set_state(&graph, i, OMEN_NODE_FREE);
	assert_int_equal(insert_row(&graph, rows, 1), OMEN_STALE);
	assert_int_equal(omen_graph_search(&graph.work, rows, omen_graph_memory_entry(graph.memory), 10), OMEN_OK);
	assert_int_equal(graph.work.hit_count, 0);
	omen_arena_reset(&graph.arena);
	free(rows);
}

static void
test_damage(void **state)
{
	OmenRandom	random = {seed};
	float	   *rows = random_rows(800, DIM, 10, &random);
	TestGraph	graph;

	build_graph(&graph, rows, 600);
	for (uint32_t i = 0; i < 600; i++)
	{
		OmenGraphNode *node = node_at(&graph, i);

		if (omen_random_below(&random, 3) == 0)
			omen_graph_links(node)[omen_random_below(&random, 2 * M)] = (uint32_t) omen_random_next(&random);
		if (omen_random_below(&random, 20) == 0)
			node->link_count = (uint16_t) omen_random_next(&random);
		if (omen_random_below(&random, 20) == 0)
			node->state = (uint8_t) omen_random_below(&random, 3);
	}
	for (uint32_t u = 0; u < omen_graph_item_count(graph.memory, OMEN_GRAPH_UPPER); u++)
	{
		OmenGraphNode *upper = omen_graph_item(graph.memory, OMEN_GRAPH_UPPER, u);

		if (omen_random_below(&random, 5) == 0)
			upper->down = (uint32_t) omen_random_next(&random);
		if (omen_random_below(&random, 5) == 0)
			upper->link_count = (uint16_t) omen_random_next(&random);
	}
	for (uint32_t r = 600; r < 800; r++)
	{
		OmenStatus	status = insert_row(&graph, rows + (size_t) r * DIM, r);

		assert_true(status == OMEN_OK || status == OMEN_STALE);
		assert_int_equal(omen_graph_search(&graph.work, rows + (size_t) r * DIM,
										   omen_graph_memory_entry(graph.memory), 30), OMEN_OK);
	}
	for (uint32_t i = 0; i < omen_graph_item_count(graph.memory, OMEN_GRAPH_NODES); i++)
		assert_int_equal(omen_graph_repair(&graph.work, 0, FIRST + i, omen_graph_memory_entry(graph.memory)), OMEN_OK);
	omen_arena_reset(&graph.arena);
	free(rows);
}

static OmenStatus
build_and_search(OmenArena *arena, const float *rows)
{
	TestGraph	graph = {.random = {seed}};
	OmenGraphStore store;
	OmenStatus	status;

	graph.memory = new_memory(arena, 0);
	if (graph.memory == NULL)
		return OMEN_NO_MEMORY;
	store = omen_graph_memory_store(graph.memory);
	status = omen_graph_work_init(&graph.work, arena, &space, &store, M, EF_CONSTRUCTION);
	for (uint32_t r = 0; r < 100 && status == OMEN_OK; r++)
		status = insert_row(&graph, rows + (size_t) (r % 90) * DIM, r);
	if (status == OMEN_OK)
		status = omen_graph_search(&graph.work, rows, omen_graph_memory_entry(graph.memory), 90);
	return status;
}

static void
test_out_of_memory(void **state)
{
	OmenRandom	random = {seed};
	float	   *rows = random_rows(100, DIM, 5, &random);
	FailingArena failing;
	OmenStatus	status = OMEN_NO_MEMORY;

	for (uint32_t n = 0; status != OMEN_OK; n++)
	{
		assert_true(n < 1000);
		failing_arena_init(&failing, n);
		status = build_and_search(&failing.arena, rows);
		assert_true(status == OMEN_OK || status == OMEN_NO_MEMORY);
		assert_int_equal(failing_arena_end(&failing), 0);
	}
	free(rows);
}

/* Regions of any size: who asks first never runs out, and all that went in is found. */
static void
test_full_region(void **state)
{
	OmenRandom	random = {seed};
	float	   *rows = random_rows(300, DIM, 5, &random);
	uint32_t	most = 0;

	for (uint64_t bytes = OMEN_GRAPH_MEMORY_MIN / 2; bytes < 400000; bytes = bytes * 5 / 4)
	{
		TestGraph	graph = {.random = {seed}};
		OmenGraphStore store;
		uint32_t	count = 0;

		omen_arena_init(&graph.arena);
		graph.memory = omen_graph_memory_init(omen_arena_alloc(&graph.arena, 1, bytes), bytes, M,
											  space.payload_bytes, FIRST);
		assert_int_equal(graph.memory == NULL, bytes < OMEN_GRAPH_MEMORY_MIN);
		if (graph.memory != NULL)
		{
			store = omen_graph_memory_store(graph.memory);
			assert_int_equal(omen_graph_work_init(&graph.work, &graph.arena, &space, &store, M, EF_CONSTRUCTION),
							 OMEN_OK);
			/* every row twice, so that chunks of rows are needed as well */
			for (; count < 600 && !omen_graph_memory_is_full(graph.memory, 1); count++)
				assert_int_equal(insert_row(&graph, rows + (size_t) (count / 2) * DIM, count), OMEN_OK);
			assert_false(omen_graph_memory_failed(graph.memory));
			assert_true(count >= most);
			most = count;
			assert_int_equal(omen_graph_search(&graph.work, rows, omen_graph_memory_entry(graph.memory), 400),
							 OMEN_OK);
			assert_int_equal(graph.work.hit_count, (count + 1) / 2);
		}
		omen_arena_reset(&graph.arena);
	}
	assert_int_equal(most, 600);
	assert_true(omen_graph_memory_bytes(M, space.payload_bytes, 300, 1) < 400000);
	free(rows);
}

/* What one of several processes does: every third row, each of them twice. */
static void
insert_share(OmenGraphMemory *memory, const float *rows, uint32_t count, uint32_t share, uint32_t shares)
{
	TestGraph	graph = {.memory = memory, .random = {seed + share}};
	OmenGraphStore store = omen_graph_memory_store(memory);

	omen_arena_init(&graph.arena);
	if (omen_graph_work_init(&graph.work, &graph.arena, &space, &store, M, EF_CONSTRUCTION) != OMEN_OK)
		_exit(2);
	for (uint32_t r = share; r < 2 * count; r += shares)
		if (insert_row(&graph, rows + (size_t) (r % count) * DIM, r) != OMEN_OK)
			_exit(3);
	omen_arena_reset(&graph.arena);
}

/* Processes that map the region at different addresses. */
static void
test_several_processes(void **state)
{
	enum {COUNT = 4000, SHARES = 4};
	OmenRandom	random = {seed};
	float	   *rows = random_rows(COUNT, DIM, 40, &random);
	FILE	   *file = tmpfile();
	void	   *region;
	TestGraph	graph = {.random = {seed}};
	OmenGraphStore store;
	uint32_t	seen = 0;
	uint32_t	nodes;

	assert_non_null(file);
	assert_int_equal(ftruncate(fileno(file), REGION_BYTES), 0);
	region = mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
	assert_true(region != MAP_FAILED);
	graph.memory = omen_graph_memory_init(region, REGION_BYTES, M, space.payload_bytes, FIRST);
	for (uint32_t share = 0; share < SHARES; share++)
		if (fork() == 0)
		{
			void	   *here = mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);

			if (here == MAP_FAILED || here == region)
				_exit(1);
			insert_share(here, rows, COUNT, share, SHARES);
			_exit(0);
		}
	for (uint32_t share = 0; share < SHARES; share++)
	{
		int			status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_false(omen_graph_memory_failed(graph.memory));
	nodes = omen_graph_item_count(graph.memory, OMEN_GRAPH_NODES);
	/* equal rows that went in at the same time may have a node each */
	assert_in_range(nodes, COUNT, COUNT + COUNT / 50);
	for (uint32_t i = 0; i < nodes; i++)
	{
		const OmenGraphNode *node = node_at(&graph, i);

		seen += node->row.offset != 0;
		for (uint32_t chunk = node->down; chunk != OMEN_GRAPH_NONE;)
		{
			const OmenGraphRows *more = omen_graph_item(graph.memory, OMEN_GRAPH_ROW_CHUNKS, chunk);

			seen += more->count;
			chunk = more->next;
		}
	}
	assert_int_equal(seen, 2 * COUNT);
	omen_arena_init(&graph.arena);
	store = omen_graph_memory_store(graph.memory);
	assert_int_equal(omen_graph_work_init(&graph.work, &graph.arena, &space, &store, M, EF_CONSTRUCTION), OMEN_OK);
	assert_true(recall(&graph, rows, 200, 40) > 0.95);
	omen_arena_reset(&graph.arena);
	munmap(region, REGION_BYTES);
	fclose(file);
	free(rows);
}

static void
test_levels(void **state)
{
	OmenRandom	random = {seed};
	uint32_t	count[OMEN_GRAPH_LEVEL_MAX + 1] = {0};

	for (uint32_t i = 0; i < 160000; i++)
		count[omen_graph_draw_level(&random, 16)]++;
	assert_in_range(count[0], 149000, 151000);
	assert_in_range(count[1], 9000, 9800);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recall),
		cmocka_unit_test(test_few),
		cmocka_unit_test(test_equal_vectors_share_a_node),
		cmocka_unit_test(test_churn_keeps_recall),
		cmocka_unit_test(test_many_dead_at_once),
		cmocka_unit_test(test_lost_cluster),
		cmocka_unit_test(test_all_dead),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_full_region),
		cmocka_unit_test(test_several_processes),
		cmocka_unit_test(test_levels),
	};
	OmenError	err;

	seed = test_seed(20260101);
	if (omen_simd_select(NULL, &err) != OMEN_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
