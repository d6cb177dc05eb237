/*
 * spill_test.c - second lists against trying every list.
 *
 * Goal: where all lists are candidates, the second is the one of least cost,
 * computed here in double, with the lift and without; it is never the first;
 * one other list, rows on their centroid and zero rows are no trouble; lists
 * left out are neither.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../base/random_rows_test.h"
#include "omen/simd.h"
#include "omen/spill.h"

#define DIM 64
#define ROWS 500

static uint64_t seed;

typedef struct Setting
{
	OmenArena	arena;
	OmenByteRows rows;
	OmenByteRows centroids;
	OmenAssigner assigner;
	uint32_t   *list;
	uint32_t   *second;
} Setting;

static void
begin_setting(Setting *s, uint32_t lists, int lifted)
{
	OmenRandom	random = {seed + lists};
	float	   *data = random_rows(ROWS, DIM, 12, &random);

	omen_arena_init(&s->arena);
	omen_byte_rows_init(&s->rows, &s->arena, DIM, ROWS, lifted);
	omen_byte_rows_init(&s->centroids, &s->arena, DIM, lists, lifted);
	s->list = omen_arena_zero(&s->arena, ROWS, sizeof(uint32_t));
	s->second = omen_arena_zero(&s->arena, ROWS, sizeof(uint32_t));
	/* The first ten rows stay zero. */
	for (uint32_t r = 10; r < ROWS; r++)
	{
		s->rows.scale[r] = omen_bytes_from_floats(data + r * DIM, DIM, s->rows.values + r * DIM);
		if (lifted)
			s->rows.extra[r] = 3 * (float) omen_random_unit(&random);
	}
	omen_kmeans_train(&s->rows, &s->centroids, 4, seed, &s->arena, NULL);
	/* One row lies on its centroid. */
	memcpy(s->centroids.values, s->rows.values + 20 * DIM, DIM);
	s->centroids.scale[0] = s->rows.scale[20];
	if (lifted)
		s->centroids.extra[0] = s->rows.extra[20];
	omen_assigner_init(&s->assigner, &s->arena, &s->centroids);
	omen_assigner_refresh(&s->assigner);
	free(data);
}

/* The residual of row r to list l: [DIM + 1]. */
static void
residual(const Setting *s, uint32_t r, uint32_t l, double *out)
{
	for (uint32_t d = 0; d < DIM; d++)
		out[d] = (double) s->rows.scale[r] * s->rows.values[r * DIM + d] -
			(double) s->centroids.scale[l] * s->centroids.values[l * DIM + d];
	out[DIM] = s->rows.extra ? s->rows.extra[r] - s->centroids.extra[l] : 0;
}

static double
cost(const Setting *s, uint32_t r, uint32_t l)
{
	double		first[DIM + 1];
	double		other[DIM + 1];
	double		first_sq = 0;
	double		other_sq = 0;
	double		along = 0;

	residual(s, r, s->list[r], first);
	residual(s, r, l, other);
	for (uint32_t d = 0; d <= DIM; d++)
	{
		first_sq += first[d] * first[d];
		other_sq += other[d] * other[d];
		along += first[d] * other[d];
	}
	return other_sq + (first_sq > 1e-9 ? OMEN_SPILL_LAMBDA * along * along / first_sq : 0);
}

static void
test_least_cost(void **state)
{
	static const uint32_t lists[] = {2, 3, 12, 16};

	for (uint32_t i = 0; i < 8; i++)
	{
		Setting		s;
		uint32_t	again[ROWS];
		uint32_t	nearest = 0;

		begin_setting(&s, lists[i / 2], i % 2);
		omen_assign(&s.assigner, &s.rows, s.list, NULL);
		omen_spill_second(&s.assigner, &s.rows, s.list, s.second);
		omen_spill_assign(&s.assigner, &s.rows, s.list, again);
		assert_memory_equal(again, s.second, sizeof(again));
		omen_assign(&s.assigner, &s.rows, again, NULL);
		assert_memory_equal(again, s.list, sizeof(again));
		for (uint32_t r = 0; r < ROWS; r++)
		{
			double		least = INFINITY;
			double		nearest_sq = INFINITY;
			uint32_t	nearest_list = 0;

			assert_true(s.second[r] < lists[i / 2] && s.second[r] != s.list[r]);
			for (uint32_t l = 0; l < lists[i / 2]; l++)
				if (l != s.list[r])
				{
					double		gap[DIM + 1];
					double		gap_sq = 0;

					residual(&s, r, l, gap);
					for (uint32_t d = 0; d <= DIM; d++)
						gap_sq += gap[d] * gap[d];
					if (gap_sq < nearest_sq)
						nearest_list = l;
					nearest_sq = fmin(nearest_sq, gap_sq);
					least = fmin(least, cost(&s, r, l));
				}
			assert_true(cost(&s, r, s.second[r]) <= least * 1.0001 + 1e-4);
			nearest += s.second[r] == nearest_list;
		}
		/* It is not just the second nearest. */
		if (lists[i / 2] > 10)
			assert_true(nearest < ROWS * 9 / 10);
		omen_arena_reset(&s.arena);
	}
}

/* With more lists than candidates the second is still a good one. */
static void
test_many_lists(void **state)
{
	Setting		s;
	double		got = 0;
	double		best = 0;

	begin_setting(&s, 150, 0);
	omen_spill_assign(&s.assigner, &s.rows, s.list, s.second);
	for (uint32_t r = 10; r < ROWS; r++)
	{
		double		least = INFINITY;

		for (uint32_t l = 0; l < 150; l++)
			if (l != s.list[r])
				least = fmin(least, cost(&s, r, l));
		best += least;
		got += cost(&s, r, s.second[r]);
	}
	print_message("# cost %.3f of the least\n", got / best);
	assert_true(got < 1.05 * best);
	omen_arena_reset(&s.arena);
}

/* Lists left out are neither first nor second, by prefixes or not. */
static void
test_left_out(void **state)
{
	static const uint32_t dims[] = {DIM, 512};

	for (uint32_t i = 0; i < 2; i++)
	{
		uint32_t	dim = dims[i];
		uint32_t	lists = 300;
		OmenRandom	random = {seed + dim};
		float	   *data = random_rows(ROWS, dim, 12, &random);
		uint32_t	list[ROWS];
		uint32_t	second[ROWS];
		OmenArena	arena;
		OmenByteRows rows;
		OmenByteRows centroids;
		OmenAssigner assigner;

		omen_arena_init(&arena);
		omen_byte_rows_init(&rows, &arena, dim, ROWS, 0);
		omen_byte_rows_init(&centroids, &arena, dim, lists, 0);
		for (uint32_t r = 0; r < ROWS; r++)
			rows.scale[r] = omen_bytes_from_floats(data + r * dim, dim, rows.values + r * dim);
		omen_kmeans_train(&rows, &centroids, 2, seed, &arena, NULL);
		assert_int_equal(omen_assigner_init(&assigner, &arena, &centroids), OMEN_OK);
		omen_assigner_refresh(&assigner);
		for (uint32_t l = 0; l < lists; l++)
			if (l % 3 != 1)
				omen_assigner_leave_out(&assigner, l);
		omen_spill_assign(&assigner, &rows, list, second);
		for (uint32_t r = 0; r < ROWS; r++)
			assert_true(list[r] % 3 == 1 && second[r] % 3 == 1 && list[r] != second[r]);
		omen_arena_reset(&arena);
		free(data);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_least_cost),
		cmocka_unit_test(test_many_lists),
		cmocka_unit_test(test_left_out),
	};
	OmenError	err;

	seed = test_seed(20250101);
	if (omen_simd_select(NULL, &err) != OMEN_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
