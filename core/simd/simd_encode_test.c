/*
 * simd_encode_test.c - coding rows: codes equal to the definition's, sums near it.
 *
 * Codes decide what is stored, so they must be the same on every processor,
 * for values in the middle between two levels above all.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <string.h>

#include "simd_test.h"

static const uint32_t dims[] = {0, 64, 128, 192, 256, 384, 768, 1536, 16000};

#define DIM_COUNT (sizeof(dims) / sizeof(dims[0]))

static void
check_sum(const char *what, uint32_t dim, double got, double want, double magnitude)
{
	check(fabs(got - want) <= (dim + 8) * 0x1p-24 * magnitude, "%s, %u dimensions: %.9g, not %.9g",
		  what, dim, got, want);
}

/* Values of which many fall just between two integers once multiplied by `inverse`. */
static void
fill(float *values, uint32_t dim, float inverse, float widest)
{
	for (uint32_t i = 0; i < dim; i++)
	{
		float		v = random_float() * widest;

		if (i % 3 == 0)
			v = (rintf(v) + 0.5f) * (1.0f + (float) random_between(-1, 1) * 0x1p-23f);
		if (i % 17 == 0)
			v = i % 2 ? 0.0f : -0.0f;
		values[i] = v / inverse;
	}
}

static void
test_bytes(const OmenSimd *table)
{
	for (uint32_t d = 0; d < DIM_COUNT; d++)
		for (int round = 0; round < 8; round++)
		{
			uint32_t	dim = dims[d];
			float		inverse = round == 0 ? 1.0f : 0.01f + fabsf(random_float()) * 100;
			float	   *values = guarded(0, dim * sizeof(float));
			int8_t	   *out = guarded(1, dim);
			float		widest = 0;

			fill(values, dim, inverse, 126);
			if (round == 7 && dim > 0)
				values[random_between(0, (int) dim - 1)] = NAN;
			table->i8_from_f32(values, inverse, dim, out);
			for (uint32_t i = 0; i < dim; i++)
			{
				float		v = values[i] * inverse;
				int			want = isnan(v) ? 0 : (int) (v + (v < 0 ? -0.5f : 0.5f));

				widest = fabsf(values[i]) > widest ? fabsf(values[i]) : widest;
				if (!check(out[i] == want, "i8_from_f32 of %.9g: %d, not %d", v, out[i], want))
					return;
			}
			check(table->max_abs_f32(values, dim) == widest, "max_abs_f32 of %u", dim);
			if (dim > 0)
			{
				values[random_between(0, (int) dim - 1)] = -INFINITY;
				check(isinf(table->max_abs_f32(values, dim)), "max_abs_f32 lost an infinity");
			}
		}
}

static void
test_sign_code(const OmenSimd *table)
{
	for (uint32_t d = 0; d < DIM_COUNT; d++)
	{
		uint32_t	dim = dims[d];
		float	   *residual = guarded(0, dim * sizeof(float));
		float	   *center = guarded(1, dim * sizeof(float));
		uint8_t    *code = guarded(2, dim / 8);
		double		norm_sq = 0;
		double		l1 = 0;
		double		product = 0;
		double		magnitude = 0;
		OmenSignSums sums;

		fill(residual, dim, 3, 10);
		fill(center, dim, 1, 1);
		sums = table->sign_code_f32(residual, center, dim, code);
		for (uint32_t i = 0; i < dim; i++)
		{
			norm_sq += (double) residual[i] * residual[i];
			l1 += fabs(residual[i]);
			product += residual[i] >= 0 ? center[i] : -center[i];
			magnitude += fabs(center[i]);
			if (!check((code[i / 8] >> i % 8 & 1) == (residual[i] >= 0), "sign of %g", residual[i]))
				return;
		}
		check_sum("sign_code_f32 norm", dim, sums.norm_sq, norm_sq, norm_sq);
		check_sum("sign_code_f32 l1", dim, sums.l1, l1, l1);
		check_sum("sign_code_f32 product", dim, sums.center_product, product, magnitude);
		if (dim == 0)
			continue;
		residual[dim / 2] = NAN;
		sums = table->sign_code_f32(residual, center, dim, code);
		check(isnan(sums.norm_sq) && !(code[dim / 16] >> dim / 2 % 8 & 1), "NaN in a sign code");
	}
}

static void
test_u4_code(const OmenSimd *table)
{
	for (uint32_t d = 0; d < DIM_COUNT; d++)
		for (int round = 0; round < 8; round++)
		{
			uint32_t	dim = dims[d];
			float		inverse = round == 0 ? 1.0f : round == 1 ? 0.0f : 0.01f + fabsf(random_float()) * 100;
			float	   *residual = guarded(0, dim * sizeof(float));
			float	   *center = guarded(1, dim * sizeof(float));
			uint8_t    *code = guarded(2, dim / 2);
			double		sum[3] = {0};
			double		magnitude[3] = {0};
			OmenU4Fit	fit;
			float		product;

			/* wider than the levels are: some are cut off */
			fill(residual, dim, inverse > 0 ? inverse : 1, 10);
			fill(center, dim, 1, 1);
			fit = table->u4_fit_f32(residual, inverse, dim);
			product = table->u4_code_f32(residual, center, inverse, dim, code);
			for (uint32_t i = 0; i < dim; i++)
			{
				float		scaled = residual[i] * inverse;
				float		level = fminf(fmaxf(scaled + 8.0f, 0.0f), 15.0f);
				double		u = (int) level - 7.5;

				sum[0] += u * residual[i];
				sum[1] += u * u;
				sum[2] += u * center[i];
				magnitude[0] += fabs(u * residual[i]);
				magnitude[2] += fabs(u * center[i]);
				if (!check((code[i / 2] >> 4 * (i % 2) & 15) == (int) level, "level of %.9g: %d, not %d", scaled,
						   code[i / 2] >> 4 * (i % 2) & 15, (int) level))
					return;
			}
			check_sum("u4_fit_f32 product", dim, fit.product, sum[0], magnitude[0]);
			check_sum("u4_fit_f32 norm", dim, fit.norm_sq, sum[1], sum[1]);
			check_sum("u4_code_f32 product", dim, product, sum[2], magnitude[2]);
		}
}

void
test_encoding(const OmenSimd *table)
{
	run_table_test("8-bit rows", test_bytes, table);
	run_table_test("sign codes", test_sign_code, table);
	run_table_test("four-bit codes", test_u4_code, table);
}
