/*
 * hnsw_space_test.c - codes as points of a graph.
 *
 * Goal: that distances from queries and between coded rows are right on
 * average and within their bounds, with four bits and with one, for every
 * metric's index space; that odd rows are far away and do no harm; that a
 * damaged meta page is told.
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

#define ROWS 200

static uint64_t seed;

typedef struct Coded
{
	OmenArena	arena;
	OmenHnswCodes codes;
	OmenGraphSpace space;
	OmenPoint	points[ROWS];
	uint8_t    *payloads;
	OmenHnswQuery *query;
} Coded;

/* Rows in index space, and their payloads.  Every third row has a negative lift when there are lifts. */
static void
code_rows(Coded *coded, uint32_t dim, uint32_t bits, int lifted, const float *rows)
{
	OmenRotation rotation;
	float	   *scratch;
	float	   *zeros;

	omen_arena_init(&coded->arena);
	assert_int_equal(omen_rotation_init(&rotation, &coded->arena, dim, seed), OMEN_OK);
	coded->codes = (OmenHnswCodes) {rotation.dim_padded, bits};
	coded->space = omen_hnsw_space(&coded->codes);
	coded->payloads = omen_arena_zero(&coded->arena, ROWS, coded->space.payload_bytes);
	coded->query = omen_arena_zero(&coded->arena, 1, coded->space.query_bytes);
	scratch = omen_arena_zero(&coded->arena, rotation.dim_padded, sizeof(float));
	zeros = omen_arena_zero(&coded->arena, rotation.dim_padded, sizeof(float));
	for (uint32_t r = 0; r < ROWS; r++)
	{
		OmenPoint  *point = &coded->points[r];

		*point = (OmenPoint) {.vector = omen_arena_zero(&coded->arena, rotation.dim_padded, sizeof(float))};
		omen_ivf_point(&rotation, OMEN_L2, NULL, 0, rows + (size_t) r * dim, scratch, point);
		if (lifted)
			point->lift_sq = r % 3 == 0 ? -1.0f : (float) r;
		omen_hnsw_encode(&coded->codes, point, zeros, coded->payloads + (size_t) r * coded->space.payload_bytes);
	}
}

static double
true_distance(const Coded *coded, uint32_t a, uint32_t b)
{
	double		sum = 0;

	for (uint32_t d = 0; d < coded->codes.dim_padded; d++)
		sum += pow((double) coded->points[a].vector[d] - coded->points[b].vector[d], 2);
	return sum;
}

static const uint8_t *
payload(const Coded *coded, uint32_t r)
{
	return coded->payloads + (size_t) r * coded->space.payload_bytes;
}

static void
check_queries(uint32_t dim, uint32_t bits, int lifted, const float *rows)
{
	Coded		coded;
	double		bias = 0;
	double		scale = 0;
	uint32_t	outside = 0;

	code_rows(&coded, dim, bits, lifted, rows);
	for (uint32_t q = 0; q < 20; q++)
	{
		omen_hnsw_query(&coded.codes, &coded.points[q], 0, coded.query);
		for (uint32_t r = 0; r < ROWS; r++)
		{
			float		bound;
			double		estimate = coded.space.distance(&coded.space, coded.query, payload(&coded, r), &bound);
			double		truth = true_distance(&coded, q, r) + coded.points[r].lift_sq;

			outside += fabs(estimate - truth) > bound * 1.001 + 1e-3 * (fabs(truth) + 1);
			if (r != q)
				bias += estimate - truth;
			scale += fabs(truth);
		}
	}
	assert_in_range(outside, 0, 20 * ROWS / 50);
	assert_true(fabs(bias) < 0.02 * scale);
	omen_arena_reset(&coded.arena);
}

static void
test_queries(void **state)
{
	OmenRandom	random = {seed};
	uint32_t	dims[] = {1, 3, 64, 100, 384};

	for (uint32_t i = 0; i < sizeof(dims) / sizeof(dims[0]); i++)
	{
		float	   *rows = random_rows(ROWS, dims[i], 10, &random);

		check_queries(dims[i], 4, 0, rows);
		check_queries(dims[i], 4, 1, rows);
		check_queries(dims[i], 1, 0, rows);
		free(rows);
	}
}

/* Between rows known by their codes alone: lifts are coordinates, those that are negative count as none. */
static void
test_rows(void **state)
{
	OmenRandom	random = {seed};
	float	   *rows = random_rows(ROWS, 256, 10, &random);
	Coded		coded;
	double		bias = 0;
	double		error = 0;
	double		scale = 0;

	code_rows(&coded, 256, 4, 1, rows);
	for (uint32_t q = 0; q < ROWS; q++)
	{
		coded.space.query_of(&coded.space, payload(&coded, q), coded.query);
		for (uint32_t r = 0; r < ROWS; r++)
		{
			float		lift_q = coded.points[q].lift_sq;
			float		lift_r = coded.points[r].lift_sq;
			double		lift = pow(sqrt(lift_q > 0 ? lift_q : 0) - sqrt(lift_r > 0 ? lift_r : 0), 2) +
				(lift_r < 0 ? lift_r : 0);
			double		truth = true_distance(&coded, q, r) + lift;
			double		estimate = coded.space.distance(&coded.space, coded.query, payload(&coded, r), NULL);

			if (r == q)
				continue;
			bias += estimate - truth;
			error += fabs(estimate - truth);
			scale += fabs(truth);
		}
	}
	assert_true(fabs(bias) < 0.01 * scale);
	assert_true(error < 0.03 * scale);
	omen_arena_reset(&coded.arena);
	free(rows);
}

static void
test_odd_rows(void **state)
{
	float		rows[ROWS * 8] = {0};
	Coded		coded;

	for (uint32_t d = 0; d < 8; d++)
	{
		rows[1 * 8 + d] = 3.0e19f;	/* its square is not finite */
		rows[2 * 8 + d] = INFINITY;
		rows[3 * 8 + d] = NAN;
		rows[4 * 8 + d] = 1.0e-30f;
		rows[5 * 8 + d] = 1.0f;
	}
	for (uint32_t bits = 1; bits <= 4; bits += 3)
	{
		code_rows(&coded, 8, bits, 0, rows);
		for (uint32_t q = 0; q < 6; q++)
			for (uint32_t as_row = 0; as_row < 2; as_row++)
			{
				if (as_row)
					coded.space.query_of(&coded.space, payload(&coded, q), coded.query);
				else
					omen_hnsw_query(&coded.codes, &coded.points[q], 0, coded.query);
				for (uint32_t r = 0; r < 6; r++)
				{
					float		distance = coded.space.distance(&coded.space, coded.query, payload(&coded, r), NULL);

					assert_false(isnan(distance));
					if (r >= 1 && r <= 3)
						assert_true(distance >= 0.99f * OMEN_ADD_LAST);
				}
			}
		/* the same rows have the same payloads, those far away too */
		assert_memory_equal(payload(&coded, 0), payload(&coded, 6), coded.space.payload_bytes);
		assert_memory_equal(payload(&coded, 1), payload(&coded, 3), coded.space.payload_bytes);
		omen_arena_reset(&coded.arena);
	}
}

static void
test_bits_fit_a_page(void **state)
{
	assert_int_equal(omen_hnsw_code_bits(64, 16), 4);
	assert_int_equal(omen_hnsw_code_bits(15872, 16), 4);
	assert_int_equal(omen_hnsw_code_bits(16000, 16), 1);
	assert_int_equal(omen_hnsw_code_bits(16000, 100), 1);
	for (uint32_t dim = 64; dim <= 16000; dim += 64)
		for (uint32_t m = 2; m <= 100; m += 7)
		{
			OmenHnswCodes codes = {dim, omen_hnsw_code_bits(dim, m)};
			OmenGraphSpace space = omen_hnsw_space(&codes);

			assert_true(omen_graph_node_bytes(m, 0, space.payload_bytes) <= OMEN_BODY_BYTES);
		}
}

static void
test_meta(void **state)
{
	static uint8_t page[OMEN_PAGE_BYTES];
	OmenHnswMeta good = {
		.magic = OMEN_HNSW_MAGIC,
		.version = OMEN_HNSW_VERSION,
		.dim = 100,
		.metric = OMEN_L2,
		.m = 16,
		.ef_construction = 64,
		.bits = 4,
		.entry_number = 5,
		.entry_level = 2,
	};
	OmenHnswMeta meta;
	OmenError	err;

	omen_page_init(page, OMEN_PAGE_META, 0, 0);
	memcpy(omen_page_body(page), &good, sizeof(good));
	assert_int_equal(omen_hnsw_meta_check(page, &meta, &err), OMEN_OK);
	assert_memory_equal(&meta, &good, sizeof(good));
	for (uint32_t field = 0; field < 19; field++)
	{
		uint32_t	number = 0xFFFFFFFF;

		/* seed, identity, the lift, the entry's number and blocks may be anything */
		if ((field >= 4 && field <= 7) || field == 11 || field == 12 || (field >= 14 && field <= 16))
			continue;
		memcpy(omen_page_body(page), &good, sizeof(good));
		memcpy(omen_page_body(page) + 4 * field, &number, sizeof(number));
		assert_int_not_equal(omen_hnsw_meta_check(page, &meta, &err), OMEN_OK);
	}
	memcpy(omen_page_body(page), &good, sizeof(good));
	omen_page_trailer(page)->kind = OMEN_PAGE_FREE;
	assert_int_equal(omen_hnsw_meta_check(page, &meta, &err), OMEN_CORRUPT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queries),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_odd_rows),
		cmocka_unit_test(test_bits_fit_a_page),
		cmocka_unit_test(test_meta),
	};
	OmenError	err;

	seed = test_seed(20260102);
	if (omen_simd_select(NULL, &err) != OMEN_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
