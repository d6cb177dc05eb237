/*
 * rotation_test.c - the random rotation.
 *
 * Goal: it is orthogonal for every shape of dimension (a power of two, three
 * times one, another odd multiple, padded); it spreads what lies in few
 * coordinates over all, which RaBitQ's bounds stand on; the same seed means
 * the same rotation on every machine, since indexes store only the seed.
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
#include "omen/rotation.h"
#include "omen/simd.h"

static uint64_t seed;

static const uint32_t dims[] = {
	1, 2, 3, 63, 64, 65, 100, 128, 192, 320, 384, 448, 768, 960, 1000, 1536, 1600, 4097, 16000
};

#define DIM_COUNT (sizeof(dims) / sizeof(dims[0]))

static void
test_shape(void **state)
{
	for (uint32_t i = 0; i < DIM_COUNT; i++)
	{
		OmenArena	arena;
		OmenRotation rotation;

		omen_arena_init(&arena);
		assert_int_equal(omen_rotation_init(&rotation, &arena, dims[i], 1), OMEN_OK);
		assert_int_equal(rotation.dim, dims[i]);
		assert_int_equal(rotation.dim_padded % OMEN_DIM_ALIGN, 0);
		assert_true(rotation.dim_padded >= dims[i] && rotation.dim_padded < dims[i] + OMEN_DIM_ALIGN);
		assert_int_equal(rotation.block * rotation.block_count, rotation.dim_padded);
		assert_int_equal(rotation.block & (rotation.block - 1), 0);
		assert_int_equal(rotation.block_count % 2, 1);
		omen_arena_reset(&arena);
	}
}

/* Inner products, and with them lengths and distances, stay. */
static void
test_keeps_products(void **state)
{
	OmenRandom	random = {seed};

	for (uint32_t i = 0; i < DIM_COUNT; i++)
	{
		uint32_t	dim = dims[i];
		uint32_t	padded = omen_dim_padded(dim);
		float	   *in = random_rows(3, dim, 1, &random);
		float	   *out = malloc(3 * (size_t) padded * sizeof(float));
		float	   *scratch = malloc(padded * sizeof(float));
		OmenArena	arena;
		OmenRotation rotation;

		omen_arena_init(&arena);
		assert_int_equal(omen_rotation_init(&rotation, &arena, dim, omen_random_next(&random)), OMEN_OK);
		for (uint32_t r = 0; r < 3; r++)
			omen_rotation_apply(&rotation, in + r * dim, out + r * padded, scratch);
		for (uint32_t a = 0; a < 3; a++)
			for (uint32_t b = 0; b < 3; b++)
			{
				double		before = 0;
				double		after = 0;
				double		size = 0;

				for (uint32_t d = 0; d < dim; d++)
				{
					before += (double) in[a * dim + d] * in[b * dim + d];
					size += fabs((double) in[a * dim + d] * in[b * dim + d]);
				}
				for (uint32_t d = 0; d < padded; d++)
					after += (double) out[a * padded + d] * out[b * padded + d];
				assert_true(fabs(before - after) < 1e-5 * size);
			}
		omen_arena_reset(&arena);
		free(in);
		free(out);
		free(scratch);
	}
}

/*
 * A vector in one coordinate, a constant one and one in every eighth
 * coordinate come out as flat as a random direction: no coordinate beyond five
 * standard deviations, the fourth moment near a normal's 3, the signs mixed.
 */
static void
test_spreads(void **state)
{
	OmenRandom	random = {seed + 1};

	for (uint32_t i = 0; i < DIM_COUNT; i++)
	{
		uint32_t	dim = dims[i];
		uint32_t	padded = omen_dim_padded(dim);
		float	   *in = malloc(dim * sizeof(float));
		float	   *out = malloc(padded * sizeof(float));
		float	   *scratch = malloc(padded * sizeof(float));

		if (dim < 300)
			goto next;
		for (uint32_t shape = 0; shape < 30; shape++)
		{
			OmenArena	arena;
			OmenRotation rotation;
			double		norm_sq = 0;
			double		fourth = 0;
			double		widest = 0;
			uint32_t	negative = 0;

			for (uint32_t d = 0; d < dim; d++)
			{
				in[d] = shape % 3 == 0 ? d == shape * 7 : shape % 3 == 1 ? 1.0f : d % 8 == 3;
				norm_sq += in[d] * in[d];
			}
			omen_arena_init(&arena);
			assert_int_equal(omen_rotation_init(&rotation, &arena, dim, omen_random_next(&random)), OMEN_OK);
			omen_rotation_apply(&rotation, in, out, scratch);
			for (uint32_t d = 0; d < padded; d++)
			{
				double		z = out[d] * sqrt(padded / norm_sq);

				widest = fabs(z) > widest ? fabs(z) : widest;
				fourth += z * z * z * z / padded;
				negative += z < 0;
			}
			assert_true(widest < 5.5);
			/* Its own deviation is about sqrt(96 / padded). */
			assert_true(fabs(fourth - 3) < 6 * sqrt(96.0 / padded));
			assert_true(fabs(negative - padded / 2.0) < 5 * sqrt(padded / 4.0));
			omen_arena_reset(&arena);
		}
next:
		free(in);
		free(out);
		free(scratch);
	}
}

/* Rotated by every kernel set alike, to the last bit: rows coded on one machine are searched on another. */
static void
test_same_for_all_kernels(void **state)
{
	const OmenSimd *tables[8];
	const OmenSimd *chosen = omen_simd;
	uint32_t	count = omen_simd_available(tables, 8);
	OmenRandom	random = {seed + 2};

	for (uint32_t i = 0; i < DIM_COUNT; i++)
	{
		uint32_t	padded = omen_dim_padded(dims[i]);
		float	   *in = random_rows(1, dims[i], 1, &random);
		float	   *want = malloc(padded * sizeof(float));
		float	   *got = malloc(padded * sizeof(float));
		float	   *scratch = malloc(padded * sizeof(float));
		OmenArena	arena;
		OmenRotation rotation;

		omen_arena_init(&arena);
		assert_int_equal(omen_rotation_init(&rotation, &arena, dims[i], 3), OMEN_OK);
		for (uint32_t t = 0; t < count; t++)
		{
			omen_simd = tables[t];
			omen_rotation_apply(&rotation, in, t == 0 ? want : got, scratch);
			if (t > 0)
				assert_memory_equal(got, want, padded * sizeof(float));
		}
		omen_arena_reset(&arena);
		free(in);
		free(want);
		free(got);
		free(scratch);
	}
	omen_simd = chosen;
}

/*
 * Golden: index files hold a rotation as its seed, so what a seed means is
 * part of their format.  Coordinates of the rotated (1, 2, 3, ...) / 64, seed
 * 20250101; a machine that fuses multiply and add differs in the last bits.
 */
static void
test_golden(void **state)
{
	static const struct
	{
		uint32_t	dim;
		float		first[6];
		float		last[2];
	}			golden[] = {
		{64, {0.003906f, 0.090820f, -0.249023f, -0.419922f, 0.429688f, 0.818359f}, {-0.373047f, -0.757812f}},
		{100, {-1.252197f, -1.169160f, -1.191430f, 0.001295f, -0.464125f, -1.575712f}, {0.864290f, 1.158284f}},
		{192, {-0.975704f, 1.420877f, -0.157273f, 1.261585f, -0.191593f, -1.956524f}, {1.588800f, 1.284711f}},
		{320, {7.779551f, -0.166709f, -1.654985f, 3.062202f, -0.502678f, 3.995796f}, {0.206746f, 1.291875f}},
		{1536, {15.242237f, 8.688677f, 16.846161f, 25.875593f, -2.702034f, -13.165845f}, {-9.608652f, -9.329597f}},
	};

	for (uint32_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++)
	{
		uint32_t	dim = golden[i].dim;
		uint32_t	padded = omen_dim_padded(dim);
		float	   *in = malloc(dim * sizeof(float));
		float	   *out = malloc(padded * sizeof(float));
		float	   *scratch = malloc(padded * sizeof(float));
		OmenArena	arena;
		OmenRotation rotation;

		for (uint32_t d = 0; d < dim; d++)
			in[d] = (float) (d + 1) / 64;
		omen_arena_init(&arena);
		assert_int_equal(omen_rotation_init(&rotation, &arena, dim, 20250101), OMEN_OK);
		omen_rotation_apply(&rotation, in, out, scratch);
		for (uint32_t d = 0; d < 6; d++)
			assert_true(fabsf(out[d] - golden[i].first[d]) < 1e-4f);
		for (uint32_t d = 0; d < 2; d++)
			assert_true(fabsf(out[padded - 2 + d] - golden[i].last[d]) < 1e-4f);
		omen_arena_reset(&arena);
		free(in);
		free(out);
		free(scratch);
	}
}

static void
test_out_of_memory(void **state)
{
	for (uint32_t n = 0;; n++)
	{
		FailingArena failing;
		OmenRotation rotation;
		OmenStatus	status;

		failing_arena_init(&failing, n);
		status = omen_rotation_init(&rotation, &failing.arena, 320, 1);
		assert_int_equal(failing_arena_end(&failing), 0);
		if (status == OMEN_OK)
		{
			assert_true(n > 0 && failing.refused == 0);
			break;
		}
		assert_int_equal(status, OMEN_NO_MEMORY);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shape),
		cmocka_unit_test(test_keeps_products),
		cmocka_unit_test(test_spreads),
		cmocka_unit_test(test_same_for_all_kernels),
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_out_of_memory),
	};
	OmenError	err;

	seed = test_seed(20250101);
	if (omen_simd_select(NULL, &err) != OMEN_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
