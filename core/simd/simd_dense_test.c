/*
 * simd_dense_test.c - distances and transforms over f32 and f16 vectors.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <string.h>

#include "omen/half.h"
#include "simd_test.h"

#define DIM_MAX 16384

/* What the kernels should give, and the sum of the terms' magnitudes, in double. */
typedef struct Expected
{
	double		l2sq;
	double		l1;
	double		dot;
	double		dot_magnitude;
	double		norm_sq_a;
	double		norm_sq_b;
} Expected;

static Expected
expect(const float *a, const float *b, uint32_t dim)
{
	Expected	e = {0};

	for (uint32_t i = 0; i < dim; i++)
	{
		double		x = a[i];
		double		y = b[i];

		e.l2sq += (x - y) * (x - y);
		e.l1 += fabs(x - y);
		e.dot += x * y;
		e.dot_magnitude += fabs(x * y);
		e.norm_sq_a += x * x;
		e.norm_sq_b += y * y;
	}
	return e;
}

static void
check_near(const char *what, uint32_t dim, double got, double want, double magnitude, bool exact)
{
	double		tolerance = exact ? 0 : (dim + 8) * 0x1p-24 * magnitude;

	check(fabs(got - want) <= tolerance, "%s, %u dimensions: %.9g, not %.9g", what, dim, got, want);
}

static void
check_f32(const OmenSimd *table, const float *a, const float *b, uint32_t dim, bool exact)
{
	Expected	e = expect(a, b, dim);
	OmenCosineParts parts = table->cosine_f32(a, b, dim);

	check_near("l2sq_f32", dim, table->l2sq_f32(a, b, dim), e.l2sq, e.l2sq, exact);
	check_near("l1_f32", dim, table->l1_f32(a, b, dim), e.l1, e.l1, exact);
	check_near("dot_f32", dim, table->dot_f32(a, b, dim), e.dot, e.dot_magnitude, exact);
	check_near("cosine_f32 dot", dim, parts.dot, e.dot, e.dot_magnitude, exact);
	check_near("cosine_f32 a", dim, parts.norm_sq_a, e.norm_sq_a, e.norm_sq_a, exact);
	check_near("cosine_f32 b", dim, parts.norm_sq_b, e.norm_sq_b, e.norm_sq_b, exact);
	/* in double: far tighter */
	check_near("norm_sq_f32", dim, table->norm_sq_f32(a, dim), e.norm_sq_a, e.norm_sq_a * 0x1p-27, exact);
}

static void
check_f16(const OmenSimd *table, const OmenHalf *a, const OmenHalf *b, uint32_t dim, bool exact)
{
	static float wide_a[DIM_MAX];
	static float wide_b[DIM_MAX];
	Expected	e;
	OmenCosineParts parts = table->cosine_f16(a, b, dim);

	for (uint32_t i = 0; i < dim; i++)
	{
		wide_a[i] = omen_float_from_half(a[i]);
		wide_b[i] = omen_float_from_half(b[i]);
	}
	e = expect(wide_a, wide_b, dim);
	check_near("l2sq_f16", dim, table->l2sq_f16(a, b, dim), e.l2sq, e.l2sq, exact);
	check_near("l1_f16", dim, table->l1_f16(a, b, dim), e.l1, e.l1, exact);
	check_near("dot_f16", dim, table->dot_f16(a, b, dim), e.dot, e.dot_magnitude, exact);
	check_near("cosine_f16 dot", dim, parts.dot, e.dot, e.dot_magnitude, exact);
	check_near("cosine_f16 a", dim, parts.norm_sq_a, e.norm_sq_a, e.norm_sq_a, exact);
	check_near("cosine_f16 b", dim, parts.norm_sq_b, e.norm_sq_b, e.norm_sq_b, exact);
	check_near("norm_sq_f16", dim, table->norm_sq_f16(a, dim), e.norm_sq_a, e.norm_sq_a * 0x1p-27, exact);
}

static void
test_distances(const OmenSimd *table)
{
	for (uint32_t l = 0; l < test_length_count; l++)
		for (int exact = 0; exact <= 1; exact++)
		{
			uint32_t	dim = test_lengths[l];
			float	   *a = guarded(0, dim * sizeof(float));
			/* another alignment than that of a */
			float	   *b = guarded(1, dim * sizeof(float) + 4 * (dim % 5));
			OmenHalf   *half_a = guarded(2, dim * sizeof(OmenHalf));
			OmenHalf   *half_b = guarded(3, dim * sizeof(OmenHalf) + 2 * (dim % 3));

			for (uint32_t i = 0; i < dim; i++)
			{
				a[i] = exact ? (float) random_between(-8, 8) : random_float();
				b[i] = exact ? (float) random_between(-8, 8) : random_float();
				half_a[i] = omen_half_from_float(a[i]);
				half_b[i] = omen_half_from_float(b[i]);
			}
			check_f32(table, a, b, dim, exact);
			check_f32(table, b, a, dim, exact);
			check_f16(table, half_a, half_b, dim, exact);
			check_f16(table, half_b, half_a, dim, exact);
		}
}

/* A NaN or an infinity anywhere must show in the result. */
static void
test_not_finite(const OmenSimd *table)
{
	for (uint32_t dim = 1; dim <= 70; dim++)
		for (uint32_t at = 0; at < dim; at++)
		{
			float	   *a = guarded(0, dim * sizeof(float));
			float	   *b = guarded(1, dim * sizeof(float));
			OmenHalf   *half_a = guarded(2, dim * sizeof(OmenHalf));
			OmenHalf   *half_b = guarded(3, dim * sizeof(OmenHalf));

			for (uint32_t i = 0; i < dim; i++)
			{
				a[i] = b[i] = 1;
				half_a[i] = half_b[i] = omen_half_from_float(1);
			}
			a[at] = NAN;
			half_a[at] = omen_half_from_float(NAN);
			check(isnan(table->l2sq_f32(a, b, dim)) && isnan(table->dot_f32(b, a, dim)) &&
				  isnan(table->l1_f32(a, b, dim)) && isnan(table->norm_sq_f32(a, dim)) &&
				  isnan(table->cosine_f32(a, b, dim).norm_sq_a) && !isnan(table->cosine_f32(a, b, dim).norm_sq_b),
				  "NaN lost at %u of %u, f32", at, dim);
			check(isnan(table->l2sq_f16(half_a, half_b, dim)) && isnan(table->dot_f16(half_b, half_a, dim)) &&
				  isnan(table->l1_f16(half_a, half_b, dim)) && isnan(table->norm_sq_f16(half_a, dim)) &&
				  isnan(table->cosine_f16(half_a, half_b, dim).dot),
				  "NaN lost at %u of %u, f16", at, dim);

			a[at] = INFINITY;
			half_a[at] = omen_half_from_float(INFINITY);
			check(isinf(table->l2sq_f32(a, b, dim)) && isinf(table->dot_f32(b, a, dim)) &&
				  isinf(table->l1_f32(b, a, dim)) && isinf(table->norm_sq_f32(a, dim)),
				  "infinity lost at %u of %u, f32", at, dim);
			check(isinf(table->l2sq_f16(half_a, half_b, dim)) && isinf(table->dot_f16(half_b, half_a, dim)) &&
				  isinf(table->l1_f16(half_b, half_a, dim)) && isinf(table->norm_sq_f16(half_a, dim)),
				  "infinity lost at %u of %u, f16", at, dim);
			b[at] = INFINITY;
			check(isnan(table->l2sq_f32(a, b, dim)), "infinity less infinity at %u of %u", at, dim);
		}
}

/* Squares beyond float's range: infinite in float, right in double. */
static void
test_overflow(const OmenSimd *table)
{
	float		a[40];

	for (int i = 0; i < 40; i++)
		a[i] = 1e30f;
	check(isinf(table->dot_f32(a, a, 40)), "dot_f32 of 1e30 should overflow");
	check(fabs(table->norm_sq_f32(a, 40) / (40.0 * a[0] * a[0]) - 1) < 1e-14, "norm_sq_f32 overflows");
}

static void
test_hadamard(const OmenSimd *table)
{
	const OmenSimd *scalar;

	omen_simd_available(&scalar, 1);
	table->hadamard_f32(NULL, 0);
	for (uint32_t n = 1; n <= DIM_MAX; n *= 2)
	{
		float	   *got = guarded(0, n * sizeof(float));
		float	   *want = guarded(1, n * sizeof(float));

		for (uint32_t i = 0; i < n; i++)
			got[i] = want[i] = random_float();
		table->hadamard_f32(got, n);
		scalar->hadamard_f32(want, n);
		check(memcmp(got, want, n * sizeof(float)) == 0, "hadamard_f32 of %u differs from scalar", n);

		/* the definition, on whole numbers: entry i, j is -1 to the bits set in i & j */
		for (uint32_t i = 0; i < n; i++)
			got[i] = want[i] = (float) random_between(-8, 8);
		table->hadamard_f32(got, n);
		for (uint32_t i = 0; i < n; i += n > 512 ? 97 : 1)
		{
			double		sum = 0;

			for (uint32_t j = 0; j < n; j++)
				sum += __builtin_parity(i & j) ? -want[j] : want[j];
			check(got[i] == sum, "hadamard_f32 of %u, value %u: %g, not %g", n, i, got[i], sum);
		}
	}
}

void
test_dense(const OmenSimd *table)
{
	run_table_test("distances of f32 and f16", test_distances, table);
	run_table_test("NaN and infinity", test_not_finite, table);
	run_table_test("overflow", test_overflow, table);
	run_table_test("hadamard", test_hadamard, table);
}
