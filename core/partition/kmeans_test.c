/*
 * kmeans_test.c - clustering in eight bits against clustering in doubles.
 *
 * Goal: rows go to the centroid that plain arithmetic says is nearest; trained
 * lists are as tight as those of Lloyd's algorithm in double precision from
 * the same start; every list has a place, whatever the rows; the same seed
 * gives the same lists; it stops when told to.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../base/failing_arena_test.h"
#include "../base/random_rows_test.h"
#include "omen/kmeans.h"
#include "omen/simd.h"

static uint64_t seed;

/* Rows as bytes; `extra` from the floats behind each row when there are any. */
static void
to_bytes(OmenByteRows *bytes, OmenArena *arena, const float *rows, uint32_t count, uint32_t dim, const float *extra)
{
	assert_int_equal(omen_byte_rows_init(bytes, arena, dim, count, extra != NULL), OMEN_OK);
	for (uint32_t r = 0; r < count; r++)
	{
		bytes->scale[r] = omen_bytes_from_floats(rows + (size_t) r * dim, dim, bytes->values + (size_t) r * dim);
		if (extra)
			bytes->extra[r] = extra[r];
	}
}

/* Squared distance of two byte rows, in double. */
static double
row_distance(const OmenByteRows *a, uint32_t i, const OmenByteRows *b, uint32_t j)
{
	double		sum = 0;

	for (uint32_t d = 0; d < a->dim; d++)
	{
		double		gap = (double) a->scale[i] * a->values[(size_t) i * a->dim + d] -
			(double) b->scale[j] * b->values[(size_t) j * b->dim + d];

		sum += gap * gap;
	}
	if (a->extra)
		sum += ((double) a->extra[i] - b->extra[j]) * ((double) a->extra[i] - b->extra[j]);
	return sum;
}

static double
nearest_distance(const OmenByteRows *rows, uint32_t i, const OmenByteRows *centroids)
{
	double		least = INFINITY;

	for (uint32_t l = 0; l < centroids->count; l++)
		least = fmin(least, row_distance(rows, i, centroids, l));
	return least;
}

static double
inertia(const OmenByteRows *rows, const OmenByteRows *centroids)
{
	double		sum = 0;

	for (uint32_t r = 0; r < rows->count; r++)
		sum += nearest_distance(rows, r, centroids);
	return sum;
}

static void
test_bytes(void **state)
{
	OmenRandom	random = {seed};
	float		row[192];
	float		back[192];
	int8_t		values[192];

	for (uint32_t round = 0; round < 500; round++)
	{
		float		widest = 0;
		float		scale;

		for (uint32_t d = 0; d < 192; d++)
		{
			row[d] = random_normal(&random) * powf(10.0f, (float) (round % 41) - 20);
			widest = fmaxf(widest, fabsf(row[d]));
		}
		scale = omen_bytes_from_floats(row, 192, values);
		assert_true(fabsf(scale * 127 - widest) <= 1e-6f * widest);
		omen_floats_from_bytes(values, scale, 192, back);
		for (uint32_t d = 0; d < 192; d++)
		{
			assert_true(values[d] >= -127);
			/* To the nearest. */
			assert_true(fabsf(back[d] - row[d]) <= 0.5001f * scale);
		}
	}
}

static void
test_odd_rows_as_bytes(void **state)
{
	static const float odd[] = {0.0f, 1e-40f, INFINITY, -INFINITY};
	float		row[64] = {0};
	int8_t		values[64];
	int8_t		zero[64] = {0};

	for (uint32_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
	{
		memset(values, 1, sizeof(values));
		row[3] = odd[i];
		assert_true(omen_bytes_from_floats(row, 64, values) == 0);
		assert_memory_equal(values, zero, sizeof(zero));
	}
	row[3] = NAN;
	row[4] = 2;
	assert_true(omen_bytes_from_floats(row, 64, values) == 2.0f / 127);
	assert_int_equal(values[3], 0);
	assert_int_equal(values[4], 127);
}

static void
test_assign(void **state)
{
	static const uint32_t shapes[][3] = {
		{64, 1, 1}, {64, 63, 2}, {128, 64, 255}, {64, 65, 256}, {192, 200, 257}, {64, 130, 600}
	};
	OmenRandom	random = {seed + 1};

	for (uint32_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		for (int lifted = 0; lifted < 2; lifted++)
		{
			uint32_t	dim = shapes[i][0];
			uint32_t	count = shapes[i][1];
			uint32_t	lists = shapes[i][2];
			float	   *data = random_rows(count + lists, dim, 7, &random);
			float	   *extra = malloc((count + lists) * sizeof(float));
			uint32_t   *list = malloc(count * sizeof(uint32_t));
			OmenArena	arena;
			OmenByteRows rows;
			OmenByteRows centroids;
			OmenAssigner assigner;

			/* Lifts that matter: as long as the rows. */
			for (uint32_t r = 0; r < count + lists; r++)
				extra[r] = 20 * (float) omen_random_unit(&random);
			omen_arena_init(&arena);
			to_bytes(&rows, &arena, data, count, dim, lifted ? extra : NULL);
			to_bytes(&centroids, &arena, data + (size_t) count * dim, lists, dim, lifted ? extra + count : NULL);
			for (uint32_t l = 0; l < lists; l++)
			{
				double		want = 0;

				for (uint32_t d = 0; d < dim; d++)
				{
					double		value = (double) centroids.scale[l] * centroids.values[(size_t) l * dim + d];

					want += value * value;
				}
				if (lifted)
					want += (double) centroids.extra[l] * centroids.extra[l];
				assert_true(fabs(omen_byte_row_norm_sq(&centroids, l) - want) < 1e-5 * want);
			}
			assert_int_equal(omen_assigner_init(&assigner, &arena, &centroids), OMEN_OK);
			omen_assigner_refresh(&assigner);
			assert_int_equal(omen_assign(&assigner, &rows, list, NULL), OMEN_OK);
			for (uint32_t r = 0; r < count; r++)
			{
				double		least = nearest_distance(&rows, r, &centroids);

				assert_true(list[r] < lists);
				assert_true(row_distance(&rows, r, &centroids, list[r]) <= least * (1 + 1e-4) + 1e-4);
			}
			omen_arena_reset(&arena);
			free(data);
			free(extra);
			free(list);
		}
}

/* Many centroids of many dimensions are compared by prefixes: most rows get the nearest, the others one nearly so. */
static void
test_assign_by_prefixes(void **state)
{
	for (uint32_t lifted = 0; lifted < 2; lifted++)
	{
		OmenRandom	random = {seed + 80};
		const uint32_t dim = 768;
		const uint32_t count = 500;
		const uint32_t lists = 700;
		float	   *data = random_rows(count + lists, dim, 60, &random);
		float	   *extra = malloc((count + lists) * sizeof(float));
		uint32_t   *list = malloc(count * sizeof(uint32_t));
		uint32_t	missed = 0;
		double		sum = 0;
		double		least_sum = 0;
		OmenArena	arena;
		OmenByteRows rows;
		OmenByteRows centroids;
		OmenAssigner assigner;

		for (uint32_t r = 0; r < count + lists; r++)
			extra[r] = 20 * (float) omen_random_unit(&random);
		omen_arena_init(&arena);
		to_bytes(&rows, &arena, data, count, dim, lifted ? extra : NULL);
		to_bytes(&centroids, &arena, data + (size_t) count * dim, lists, dim, lifted ? extra + count : NULL);
		assert_int_equal(omen_assigner_init(&assigner, &arena, &centroids), OMEN_OK);
		assert_true(assigner.prefixes.count == lists);
		omen_assigner_refresh(&assigner);
		assert_int_equal(omen_assign(&assigner, &rows, list, NULL), OMEN_OK);
		for (uint32_t r = 0; r < count; r++)
		{
			double		least = nearest_distance(&rows, r, &centroids);
			double		distance = row_distance(&rows, r, &centroids, list[r]);

			missed += distance > least * (1 + 1e-4) + 1e-4;
			sum += distance;
			least_sum += least;
		}
		print_message("# %u of %u rows missed the nearest of %u, distances %.4f as long\n", missed, count, lists,
					  sum / least_sum);
		assert_true(missed < count / 10);
		assert_true(sum < least_sum * 1.005);
		omen_arena_reset(&arena);
		free(data);
		free(extra);
		free(list);
	}
}

static void
test_shuffle(void **state)
{
	OmenRandom	random = {seed + 90};
	const uint32_t count = 300;
	OmenArena	arena;
	OmenByteRows rows;
	uint32_t	moved = 0;
	uint8_t		seen[300] = {0};

	omen_arena_init(&arena);
	assert_int_equal(omen_byte_rows_init(&rows, &arena, 128, count, 1), OMEN_OK);
	for (uint32_t r = 0; r < count; r++)
	{
		rows.scale[r] = rows.extra[r] = (float) r;
		memset(rows.values + (size_t) r * 128, (int) (r % 100), 128);
	}
	omen_byte_rows_shuffle(&rows, &random);
	for (uint32_t r = 0; r < count; r++)
	{
		uint32_t	was = (uint32_t) rows.scale[r];

		assert_int_equal(seen[was]++, 0);
		assert_true(rows.extra[r] == rows.scale[r]);
		for (uint32_t d = 0; d < 128; d++)
			assert_int_equal(rows.values[r * 128 + d], was % 100);
		moved += was != r;
	}
	assert_true(moved > count / 2);
	omen_arena_reset(&arena);
}

/* Lloyd's algorithm in double from given centroids; returns the inertia. */
static double
plain_lloyd(const OmenByteRows *rows, const OmenByteRows *start, uint32_t iterations)
{
	uint32_t	lists = start->count;
	uint32_t	dim = rows->dim;
	double	   *center = malloc((size_t) lists * dim * sizeof(double));
	double	   *sum = malloc((size_t) lists * dim * sizeof(double));
	uint32_t   *count = malloc(lists * sizeof(uint32_t));
	double		total = 0;

	for (uint32_t l = 0; l < lists; l++)
		for (uint32_t d = 0; d < dim; d++)
			center[l * dim + d] = (double) start->scale[l] * start->values[(size_t) l * dim + d];
	for (uint32_t i = 0; i <= iterations; i++)
	{
		memset(sum, 0, (size_t) lists * dim * sizeof(double));
		memset(count, 0, lists * sizeof(uint32_t));
		total = 0;
		for (uint32_t r = 0; r < rows->count; r++)
		{
			const int8_t *row = rows->values + (size_t) r * dim;
			double		least = INFINITY;
			uint32_t	best = 0;

			for (uint32_t l = 0; l < lists; l++)
			{
				double		gap = 0;

				for (uint32_t d = 0; d < dim; d++)
				{
					double		x = (double) rows->scale[r] * row[d] - center[l * dim + d];

					gap += x * x;
				}
				best = gap < least ? l : best;
				least = gap < least ? gap : least;
			}
			total += least;
			count[best]++;
			for (uint32_t d = 0; d < dim; d++)
				sum[best * dim + d] += (double) rows->scale[r] * row[d];
		}
		for (uint32_t l = 0; l < lists; l++)
			for (uint32_t d = 0; d < dim && count[l] > 0; d++)
				center[l * dim + d] = sum[l * dim + d] / count[l];
	}
	free(center);
	free(sum);
	free(count);
	return total;
}

static void
test_as_tight_as_plain_lloyd(void **state)
{
	for (uint32_t round = 0; round < 4; round++)
	{
		OmenRandom	random = {seed + 2 + round};
		uint32_t	count = 1500;
		float	   *data = random_rows(count, 64, 30, &random);
		OmenArena	arena;
		OmenByteRows rows;
		OmenByteRows centroids;
		double		before;
		double		plain;
		double		ours;

		omen_arena_init(&arena);
		to_bytes(&rows, &arena, data, count, 64, NULL);
		assert_int_equal(omen_byte_rows_init(&centroids, &arena, 64, 24, 0), OMEN_OK);
		/* No iteration: the random rows it begins with. */
		assert_int_equal(omen_kmeans_train(&rows, &centroids, 0, seed + round, &arena, NULL), OMEN_OK);
		before = inertia(&rows, &centroids);
		plain = plain_lloyd(&rows, &centroids, 6);
		assert_int_equal(omen_kmeans_train(&rows, &centroids, 6, seed + round, &arena, NULL), OMEN_OK);
		ours = inertia(&rows, &centroids);
		print_message("# inertia %.0f at the start, %.0f in double, %.0f in bytes\n", before, plain, ours);
		/* From the same rows on, but over fewer at first: another optimum. */
		assert_true(ours < plain * 1.1 && ours > plain * 0.85);
		/* A training that does nothing would not pass. */
		assert_true(ours < before * 0.8);
		omen_arena_reset(&arena);
		free(data);
	}
}

static void
test_lifted_rows_cluster_by_lift(void **state)
{
	/* Rows alike but for their lift: two lists must part them by it. */
	const uint32_t count = 400;
	OmenRandom	random = {seed + 10};
	float	   *data = random_rows(count, 64, 1, &random);
	float		extra[400];
	OmenAssigner assigner;
	uint32_t	tried = 0;
	uint32_t	list[400];
	OmenArena	arena;
	OmenByteRows rows;
	OmenByteRows centroids;

	for (uint32_t r = 0; r < count; r++)
		extra[r] = r % 2 ? 100 : 0;
	omen_arena_init(&arena);
	to_bytes(&rows, &arena, data, count, 64, extra);
	assert_int_equal(omen_byte_rows_init(&centroids, &arena, 64, 2, 1), OMEN_OK);
	for (uint64_t s = 0; s < 20; s++)
	{
		/* Two starts of one lift may end in a local optimum. */
		assert_int_equal(omen_kmeans_train(&rows, &centroids, 0, seed + s, &arena, NULL), OMEN_OK);
		if (centroids.extra[0] == centroids.extra[1])
			continue;
		tried++;
		assert_int_equal(omen_kmeans_train(&rows, &centroids, 8, seed + s, &arena, NULL), OMEN_OK);
		assert_int_equal(omen_assigner_init(&assigner, &arena, &centroids), OMEN_OK);
		omen_assigner_refresh(&assigner);
		assert_int_equal(omen_assign(&assigner, &rows, list, NULL), OMEN_OK);
		for (uint32_t r = 2; r < count; r++)
			assert_int_equal(list[r], list[r % 2]);
		assert_int_not_equal(list[0], list[1]);
		assert_true(fabsf(centroids.extra[list[0]]) < 1e-3f);
		assert_true(fabsf(centroids.extra[list[1]] - 100) < 1e-3f);
	}
	assert_true(tried > 0);
	omen_arena_reset(&arena);
	free(data);
}

/* Fewer distinct rows than lists, one row, all rows zero: every centroid is one of the rows. */
static void
test_few_distinct_rows(void **state)
{
	static const uint32_t distinct[] = {1, 2, 7};
	OmenRandom	random = {seed + 20};

	for (uint32_t i = 0; i < 4; i++)
	{
		uint32_t	kinds = distinct[i % 3];
		float	   *data = random_rows(kinds, 64, 3, &random);
		float	   *all = malloc(100 * 64 * sizeof(float));
		OmenArena	arena;
		OmenByteRows rows;
		OmenByteRows centroids;

		if (i == 3)
			memset(data, 0, 64 * sizeof(float));
		for (uint32_t r = 0; r < 100; r++)
			memcpy(all + r * 64, data + r % kinds * 64, 64 * sizeof(float));
		omen_arena_init(&arena);
		to_bytes(&rows, &arena, all, 100, 64, NULL);
		assert_int_equal(omen_byte_rows_init(&centroids, &arena, 64, 10, 0), OMEN_OK);
		assert_int_equal(omen_kmeans_train(&rows, &centroids, 8, seed, &arena, NULL), OMEN_OK);
		assert_true(inertia(&rows, &centroids) <= 1e-3 * kinds);
		for (uint32_t l = 0; l < 10; l++)
			assert_true(nearest_distance(&centroids, l, &rows) < 1e-3);
		omen_arena_reset(&arena);
		free(data);
		free(all);
	}
}

/* As many lists as rows: each row has its own. */
static void
test_a_list_a_row(void **state)
{
	OmenRandom	random = {seed + 30};
	float	   *data = random_rows(50, 64, 5, &random);
	OmenArena	arena;
	OmenByteRows rows;
	OmenByteRows centroids;

	omen_arena_init(&arena);
	to_bytes(&rows, &arena, data, 50, 64, NULL);
	assert_int_equal(omen_byte_rows_init(&centroids, &arena, 64, 50, 0), OMEN_OK);
	assert_int_equal(omen_kmeans_train(&rows, &centroids, 6, seed, &arena, NULL), OMEN_OK);
	assert_true(inertia(&rows, &centroids) < 1e-3);
	omen_arena_reset(&arena);
	free(data);
}

/*
 * Seven rows in nine are copies of one, the others of eleven more: a random
 * start takes the one many times over.  Lists left empty by that must find
 * the rows that have no list yet.
 */
static void
test_empty_lists_are_filled(void **state)
{
	double		left = 0;
	double		all = 0;

	for (uint64_t round = 0; round < 10; round++)
	{
		OmenRandom	random = {seed + 40 + round};
		float	   *data = malloc(900 * 64 * sizeof(float));
		OmenArena	arena;
		OmenByteRows rows;
		OmenByteRows centroids;

		for (uint32_t r = 0; r < 900; r++)
			for (uint32_t d = 0; d < 64; d++)
				data[r * 64 + d] = r < 700 ? 1.0f : r < 711 ? 10 * random_normal(&random) : data[(r - 11) * 64 + d];
		omen_arena_init(&arena);
		to_bytes(&rows, &arena, data, 900, 64, NULL);
		assert_int_equal(omen_byte_rows_init(&centroids, &arena, 64, 12, 0), OMEN_OK);
		assert_int_equal(omen_kmeans_train(&rows, &centroids, 40, seed + round, &arena, NULL), OMEN_OK);
		left += inertia(&rows, &centroids);
		all += 200 * 6400;
		omen_arena_reset(&arena);
		free(data);
	}
	/* About a quarter; two thirds were empty lists not filled. */
	assert_true(left < 0.4 * all);
}

static void
test_same_seed_same_lists(void **state)
{
	const OmenSimd *tables[8];
	const OmenSimd *chosen = omen_simd;
	uint32_t	table_count = omen_simd_available(tables, 8);
	OmenRandom	random = {seed + 50};
	float	   *data = random_rows(600, 128, 20, &random);
	OmenArena	arena;
	OmenByteRows rows;
	OmenByteRows first;
	OmenByteRows again;

	omen_arena_init(&arena);
	to_bytes(&rows, &arena, data, 600, 128, NULL);
	assert_int_equal(omen_byte_rows_init(&first, &arena, 128, 16, 0), OMEN_OK);
	assert_int_equal(omen_byte_rows_init(&again, &arena, 128, 16, 0), OMEN_OK);
	assert_int_equal(omen_kmeans_train(&rows, &first, 5, 99, &arena, NULL), OMEN_OK);
	/* Integer products: every kernel set, too. */
	for (uint32_t t = 0; t < table_count; t++)
	{
		omen_simd = tables[t];
		assert_int_equal(omen_kmeans_train(&rows, &again, 5, 99, &arena, NULL), OMEN_OK);
		assert_memory_equal(again.values, first.values, 16 * 128);
		assert_memory_equal(again.scale, first.scale, 16 * sizeof(float));
	}
	omen_simd = chosen;
	assert_int_equal(omen_kmeans_train(&rows, &again, 5, 100, &arena, NULL), OMEN_OK);
	assert_memory_not_equal(again.values, first.values, 16 * 128);
	omen_arena_reset(&arena);
	free(data);
}

typedef struct Interrupt
{
	uint32_t	calls;
	uint32_t	stop_after;
	int			backwards;
} Interrupt;

static int
interrupt_step(void *context, uint64_t done, uint64_t total)
{
	Interrupt  *interrupt = context;

	interrupt->backwards |= done == 0 || done > total;
	return ++interrupt->calls <= interrupt->stop_after;
}

static void
test_cancel(void **state)
{
	OmenRandom	random = {seed + 60};
	float	   *data = random_rows(300, 64, 5, &random);
	OmenAssigner assigner;
	uint32_t	list[300];
	OmenArena	arena;
	OmenByteRows rows;
	OmenByteRows centroids;

	omen_arena_init(&arena);
	to_bytes(&rows, &arena, data, 300, 64, NULL);
	assert_int_equal(omen_byte_rows_init(&centroids, &arena, 64, 4, 0), OMEN_OK);
	/* 75, 150 and 300 rows in tiles of 64. */
	for (uint32_t after = 0; after <= 10; after++)
	{
		Interrupt	interrupt = {0, after, 0};
		OmenProgress progress = {interrupt_step, &interrupt};
		OmenStatus	status = omen_kmeans_train(&rows, &centroids, 3, seed, &arena, &progress);

		assert_int_equal(status, after < 10 ? OMEN_CANCELLED : OMEN_OK);
		assert_int_equal(interrupt.calls, after < 10 ? after + 1 : 10);
		assert_false(interrupt.backwards);
	}
	assert_int_equal(omen_assigner_init(&assigner, &arena, &centroids), OMEN_OK);
	omen_assigner_refresh(&assigner);
	{
		Interrupt	interrupt = {0, 2, 0};
		OmenProgress progress = {interrupt_step, &interrupt};

		assert_int_equal(omen_assign(&assigner, &rows, list, &progress), OMEN_CANCELLED);
	}
	omen_arena_reset(&arena);
	free(data);
}

static void
test_out_of_memory(void **state)
{
	OmenRandom	random = {seed + 70};
	float	   *data = random_rows(100, 64, 5, &random);
	OmenArena	arena;
	OmenByteRows rows;
	OmenByteRows centroids;

	omen_arena_init(&arena);
	to_bytes(&rows, &arena, data, 100, 64, NULL);
	assert_int_equal(omen_byte_rows_init(&centroids, &arena, 64, 4, 0), OMEN_OK);
	for (uint32_t n = 0, done = 0; done < 2; n++)
	{
		FailingArena failing;
		OmenByteRows more;
		OmenStatus	trained;
		OmenStatus	made;

		failing_arena_init(&failing, n);
		trained = omen_kmeans_train(&rows, &centroids, 2, seed, &failing.arena, NULL);
		assert_int_equal(trained, failing.refused ? OMEN_NO_MEMORY : OMEN_OK);
		assert_int_equal(failing_arena_end(&failing), 0);
		failing_arena_init(&failing, n);
		made = omen_byte_rows_init(&more, &failing.arena, 64, 10, 1);
		assert_int_equal(made, failing.refused ? OMEN_NO_MEMORY : OMEN_OK);
		assert_int_equal(failing_arena_end(&failing), 0);
		done = (trained == OMEN_OK) + (made == OMEN_OK);
	}
	omen_arena_reset(&arena);
	free(data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_odd_rows_as_bytes),
		cmocka_unit_test(test_assign),
		cmocka_unit_test(test_assign_by_prefixes),
		cmocka_unit_test(test_shuffle),
		cmocka_unit_test(test_as_tight_as_plain_lloyd),
		cmocka_unit_test(test_lifted_rows_cluster_by_lift),
		cmocka_unit_test(test_few_distinct_rows),
		cmocka_unit_test(test_a_list_a_row),
		cmocka_unit_test(test_empty_lists_are_filled),
		cmocka_unit_test(test_same_seed_same_lists),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_out_of_memory),
	};
	OmenError	err;

	seed = test_seed(20250101);
	if (omen_simd_select(NULL, &err) != OMEN_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
