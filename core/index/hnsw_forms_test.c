/*
 * hnsw_forms_test.c - levels, bits and sparse rows as points of a graph.
 *
 * Goal: that distances, from queries and between payloads, are those of the
 * rows within their bounds, whatever part of a row a page holds; that odd rows
 * and damaged payloads do no harm; that a node always fits its page.
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
#include <cmocka.h>

#include "../base/random_rows_test.h"
#include "omen/hnsw.h"

#define ROWS 40

static uint64_t seed;

/* Measures each row from each, both as a query and as a payload, and compares with `truth`. */
static void
compare(const OmenGraphSpace *space, void *const *queries, uint8_t *const *payloads,
		double (*truth) (const void *rows, uint32_t a, uint32_t b), const void *rows, double slack)
{
	void	   *again = calloc(1, space->query_bytes);
	uint32_t	outside = 0;

	assert_int_equal(space->payload_bytes % 4, 0);
	for (uint32_t a = 0; a < ROWS; a++)
	{
		space->query_of(space, payloads[a], again);
		for (uint32_t b = 0; b < ROWS; b++)
		{
			float		bound;
			float		bound_back;
			double		there = space->distance(space, queries[a], payloads[b], &bound);
			double		back = space->distance(space, again, payloads[b], NULL);
			double		is = truth(rows, a, b);

			assert_true(bound >= 0);
			outside += fabs(there - is) > bound + slack * (fabs(is) + 1);
			/* The payload's own error comes on top. */
			space->distance(space, queries[b], payloads[a], &bound_back);
			outside += fabs(back - is) > bound + bound_back + slack * (fabs(is) + 1);
		}
	}
	free(again);
	/* Bounds are those of more than two deviations; where they are 0, nothing is outside. */
	assert_in_range(outside, 0, 2 * ROWS * ROWS / 40);
}

/* ---- levels ---- */

typedef struct DenseRows
{
	uint32_t	dim;
	float	   *values;
} DenseRows;

static double
true_l1(const void *context, uint32_t a, uint32_t b)
{
	const DenseRows *rows = context;
	double		sum = 0;

	for (uint32_t d = 0; d < rows->dim; d++)
		sum += fabs((double) rows->values[a * rows->dim + d] - rows->values[b * rows->dim + d]);
	return sum;
}

static void
test_levels(void **state)
{
	OmenRandom	random = {seed};
	uint32_t	dims[] = {1, 7, 64, 300, 1025};

	for (uint32_t i = 0; i < sizeof(dims) / sizeof(dims[0]); i++)
		for (uint32_t bits = 2; bits <= 8; bits *= 2)
		{
			DenseRows	rows = {dims[i], random_rows(ROWS, dims[i], 10, &random)};
			OmenHnswLevels levels = {dims[i], bits};
			OmenGraphSpace space = omen_hnsw_levels_space(&levels);
			uint8_t    *bytes = calloc(ROWS, space.payload_bytes);
			void	   *queries[ROWS];
			uint8_t    *payloads[ROWS];

			for (uint32_t r = 0; r < ROWS; r++)
			{
				queries[r] = rows.values + r * dims[i];
				payloads[r] = bytes + r * space.payload_bytes;
				omen_hnsw_levels_encode(&levels, queries[r], payloads[r]);
			}
			compare(&space, queries, payloads, true_l1, &rows, 1e-4);
			free(bytes);
			free(rows.values);
		}
}

static void
test_odd_levels(void **state)
{
	float		rows[3][4] = {{0, 0, 0, 0}, {3e38f, -3e38f, 3e38f, 0}, {1e-40f, 0, 0, 5}};
	OmenHnswLevels levels = {4, 8};
	OmenGraphSpace space = omen_hnsw_levels_space(&levels);
	uint8_t		payload[32];

	for (uint32_t a = 0; a < 3; a++)
		for (uint32_t b = 0; b < 3; b++)
		{
			float		distance;

			omen_hnsw_levels_encode(&levels, rows[a], payload);
			distance = space.distance(&space, rows[b], payload, NULL);
			assert_true(distance >= 0 && distance <= OMEN_ADD_LAST);
		}
	/* whatever a damaged page says */
	memset(payload, 0xFF, sizeof(payload));
	assert_true(space.distance(&space, rows[0], payload, NULL) == OMEN_ADD_LAST);
}

/* ---- bits ---- */

typedef struct BitRows
{
	uint32_t	bytes;
	uint8_t    *values;
	int			jaccard;
} BitRows;

static double
true_bits(const void *context, uint32_t a, uint32_t b)
{
	const BitRows *rows = context;
	uint32_t	differ = 0;
	uint32_t	both = 0;

	for (uint32_t i = 0; i < rows->bytes * 8; i++)
	{
		int			x = rows->values[a * rows->bytes + i / 8] >> (i % 8) & 1;
		int			y = rows->values[b * rows->bytes + i / 8] >> (i % 8) & 1;

		differ += x != y;
		both += x && y;
	}
	if (!rows->jaccard)
		return differ;
	return both == 0 ? 1 : (double) differ / (both + differ);
}

static void
test_bits(void **state)
{
	OmenRandom	random = {seed};
	/* bytes of a row, and of those kept */
	uint32_t	sizes[][2] = {{1, 1}, {3, 3}, {96, 96}, {1000, 1000}, {1000, 700}, {2000, 500}};

	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (uint32_t metric = OMEN_HNSW_HAMMING; metric <= OMEN_HNSW_JACCARD; metric++)
		{
			BitRows		rows = {sizes[i][0], malloc(ROWS * sizes[i][0]), metric == OMEN_HNSW_JACCARD};
			OmenHnswBits bits = {sizes[i][0], sizes[i][1], metric};
			OmenGraphSpace space = omen_hnsw_bits_space(&bits);
			uint8_t    *bytes = calloc(ROWS, space.payload_bytes);
			void	   *queries[ROWS];
			uint8_t    *payloads[ROWS];

			for (uint32_t b = 0; b < ROWS * sizes[i][0]; b++)
				rows.values[b] = (uint8_t) (omen_random_next(&random) & omen_random_next(&random));
			for (uint32_t r = 0; r < ROWS; r++)
			{
				queries[r] = payloads[r] = bytes + r * space.payload_bytes;
				omen_hnsw_bits_encode(&bits, rows.values + r * sizes[i][0], payloads[r]);
			}
			compare(&space, queries, payloads, true_bits, &rows, 1e-6);
			free(bytes);
			free(rows.values);
		}
}

/* ---- sparse ---- */

#define SPARSE_DIM 500

typedef struct SparseRows
{
	const OmenHnswSparse *sparse;
	OmenSparseRow rows[ROWS];
	int			lifted;
} SparseRows;

/* As the metric's index space has it, from rows written out. */
static double
true_sparse(const void *context, uint32_t a, uint32_t b)
{
	const SparseRows *rows = context;
	double		x[2][SPARSE_DIM + 1] = {{0}};
	double		sum = 0;

	for (int side = 0; side < 2; side++)
	{
		const OmenSparseRow *row = &rows->rows[side ? b : a];
		double		norm_sq = 0;

		for (uint32_t i = 0; i < row->count; i++)
			norm_sq += row->values[i] * (double) row->values[i];
		for (uint32_t i = 0; i < row->count; i++)
			x[side][row->indexes[i]] = row->values[i] /
				(rows->sparse->metric == OMEN_COSINE && norm_sq > 0 ? sqrt(norm_sq) : 1);
		if (rows->sparse->metric == OMEN_INNER_PRODUCT && (side == 1 || rows->lifted))
			x[side][SPARSE_DIM] = sqrt(rows->sparse->lift_sq - norm_sq);
	}
	for (uint32_t d = 0; d <= SPARSE_DIM; d++)
		sum += rows->sparse->metric == OMEN_HNSW_L1 ? fabs(x[0][d] - x[1][d]) : pow(x[0][d] - x[1][d], 2);
	return sum;
}

static OmenSparseRow
random_row(OmenRandom *random, uint32_t count_max)
{
	int32_t    *indexes = malloc(SPARSE_DIM * sizeof(int32_t));
	float	   *values = malloc(SPARSE_DIM * sizeof(float));
	uint32_t	count = 0;

	for (int32_t d = 0; d < SPARSE_DIM; d++)
		if (omen_random_unit(random) < (double) count_max / SPARSE_DIM / 2 + 0.01)
		{
			indexes[count] = d;
			values[count++] = (float) (pow(omen_random_unit(random), 3) * 4 - 1);
		}
	return (OmenSparseRow) {indexes, values, count};
}

static void
test_sparse(void **state)
{
	OmenRandom	random = {seed};
	OmenKeyed	scratch[SPARSE_DIM];

	for (uint32_t metric = OMEN_L2; metric <= OMEN_HNSW_L1; metric++)
		for (uint32_t kept = 10; kept <= 490; kept += 240)
		{
			OmenHnswSparse sparse = {kept, metric, 1e5f};
			OmenGraphSpace space = omen_hnsw_sparse_space(&sparse);
			SparseRows	rows = {&sparse, {{0}}, 1};
			uint8_t    *bytes = calloc(ROWS, space.payload_bytes);
			void	   *queries[ROWS];
			uint8_t    *payloads[ROWS];

			for (uint32_t r = 0; r < ROWS; r++)
			{
				rows.rows[r] = random_row(&random, r * SPARSE_DIM / ROWS);
				queries[r] = malloc(space.query_bytes);
				payloads[r] = bytes + r * space.payload_bytes;
				omen_hnsw_sparse_encode(&sparse, rows.rows[r], scratch, payloads[r]);
				omen_hnsw_sparse_query(&sparse, rows.rows[r], 1, queries[r]);
			}
			compare(&space, queries, payloads, true_sparse, &rows, metric == OMEN_INNER_PRODUCT ? 1e-2 : 2e-4);
			/* a search's query is not lifted */
			rows.lifted = 0;
			for (uint32_t r = 0; r < ROWS && metric == OMEN_INNER_PRODUCT && kept == 490; r++)
			{
				omen_hnsw_sparse_query(&sparse, rows.rows[r], 0, queries[r]);
				assert_true(fabs(space.distance(&space, queries[r], payloads[0], NULL) - true_sparse(&rows, r, 0)) < 1);
			}
			for (uint32_t r = 0; r < ROWS; r++)
			{
				free(queries[r]);
				free((void *) rows.rows[r].indexes);
				free((void *) rows.rows[r].values);
			}
			free(bytes);
		}
}

static void
test_odd_sparse(void **state)
{
	int32_t		indexes[] = {0, 7, 999999999};
	float		values[][3] = {{3e38f, 3e38f, -3e38f}, {1e-40f, 1e-40f, 1e-40f}, {1, -1, 1}};
	OmenKeyed	scratch[3];

	for (uint32_t metric = OMEN_L2; metric <= OMEN_HNSW_L1; metric++)
	{
		OmenHnswSparse sparse = {8, metric, 5};
		OmenGraphSpace space = omen_hnsw_sparse_space(&sparse);
		uint8_t    *payload = malloc(space.payload_bytes);
		void	   *query = malloc(space.query_bytes);

		for (uint32_t r = 0; r < 4; r++)
		{
			OmenSparseRow row = {indexes, values[r % 3], r == 3 ? 0 : 3};

			omen_hnsw_sparse_encode(&sparse, row, scratch, payload);
			for (uint32_t q = 0; q < 4; q++)
			{
				OmenSparseRow other = {indexes, values[q % 3], q == 3 ? 0 : 3};
				float		distance;

				omen_hnsw_sparse_query(&sparse, other, 0, query);
				distance = space.distance(&space, query, payload, NULL);
				assert_false(isnan(distance));
				if (metric == OMEN_COSINE && r == 3)
					assert_true(distance >= 0.99f * OMEN_ADD_LAST);
			}
		}
		/* whatever a damaged page says: no harm, and no number that is none */
		for (uint32_t fill = 0; fill < 256; fill += 85)
		{
			memset(payload, (int) fill, space.payload_bytes);
			assert_false(isnan(space.distance(&space, query, payload, NULL)));
			space.query_of(&space, payload, query);
			assert_false(isnan(space.distance(&space, query, payload, NULL)));
		}
		free(query);
		free(payload);
	}
}

/* ---- pages ---- */

static void
test_nodes_fit_a_page(void **state)
{
	assert_int_equal(omen_hnsw_level_bits(768, 16), 8);
	assert_int_equal(omen_hnsw_level_bits(7900, 16), 8);
	assert_int_equal(omen_hnsw_level_bits(15900, 16), 4);
	assert_int_equal(omen_hnsw_bytes_kept(96, 16), 96);
	assert_in_range(omen_hnsw_bytes_kept(8000, 16), 7900, 8000);
	for (uint32_t m = 2; m <= 100; m++)
	{
		for (uint32_t dim = 1; dim <= 16000; dim += 411)
		{
			OmenHnswLevels levels = {dim, omen_hnsw_level_bits(dim, m)};
			OmenHnswBits bits = {dim / 2 + 1, omen_hnsw_bytes_kept(dim / 2 + 1, m), OMEN_HNSW_HAMMING};

			assert_true(omen_graph_node_bytes(m, 0, omen_hnsw_levels_space(&levels).payload_bytes) <= OMEN_BODY_BYTES);
			assert_true(omen_graph_node_bytes(m, 0, omen_hnsw_bits_space(&bits).payload_bytes) <= OMEN_BODY_BYTES);
		}
		for (uint32_t want = 0; want <= 16000; want = want * 2 + 1)
		{
			OmenHnswSparse sparse = {omen_hnsw_sparse_kept(want, m), OMEN_L2, 0};

			assert_true(sparse.kept >= want || sparse.kept > 1000);
			assert_int_equal(omen_hnsw_sparse_kept(sparse.kept, m), sparse.kept);
			assert_true(omen_graph_node_bytes(m, 0, omen_hnsw_sparse_space(&sparse).payload_bytes) <= OMEN_BODY_BYTES);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_odd_levels),
		cmocka_unit_test(test_bits),
		cmocka_unit_test(test_sparse),
		cmocka_unit_test(test_odd_sparse),
		cmocka_unit_test(test_nodes_fit_a_page),
	};
	OmenError	err;

	seed = test_seed(20260103);
	if (omen_simd_select(NULL, &err) != OMEN_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
