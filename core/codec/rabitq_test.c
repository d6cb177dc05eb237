/*
 * rabitq_test.c - codes against the vectors they stand for.
 *
 * Goal: distances estimated from codes are unbiased and as far off as the
 * bound says, no more and no less (a bound too wide is as wrong as one too
 * narrow: it costs re-reading); tables of a query give the product of its
 * floats within the steps they are rounded to; codes mean what
 * omen/rabitq.h says, bit by bit, for ever; odd vectors break nothing.
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
#include "omen/rabitq.h"

#define DIM_MAX 1536

static uint64_t seed;
static const uint32_t dims[] = {64, 128, 192, 384, 768, 960, 1536};

#define DIM_COUNT (sizeof(dims) / sizeof(dims[0]))

/* ---- what the codes mean, word for word from the header ---- */

static float
sign_value(const uint8_t *code, uint32_t i)
{
	return code[i / 8] >> (i % 8) & 1 ? 1.0f : -1.0f;
}

static float
u4_value(const uint8_t *code, uint32_t i)
{
	return (float) (i % 2 ? code[i / 2] >> 4 : code[i / 2] & 15) - 7.5f;
}

/* <u, q> in double. */
static double
reference_product(float (*value) (const uint8_t *code, uint32_t i), const uint8_t *code, const float *q,
				  uint32_t dim)
{
	double		sum = 0;

	for (uint32_t i = 0; i < dim; i++)
		sum += (double) value(code, i) * q[i];
	return sum;
}

static double
distance_sq(const float *a, const float *b, uint32_t dim)
{
	double		sum = 0;

	for (uint32_t i = 0; i < dim; i++)
		sum += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
	return sum;
}

static void
random_vector(OmenRandom *random, uint32_t dim, float scale, float *out)
{
	for (uint32_t i = 0; i < dim; i++)
		out[i] = scale * random_normal(random);
}

/* ---- bfloat16 ---- */

static void
test_bf16(void **state)
{
	OmenRandom	random = {seed};

	/* Every finite non-negative one is itself, either way. */
	for (uint32_t half = 0; half < 0x7F80; half++)
		for (int up = 0; up < 2; up++)
			assert_int_equal(omen_bf16_from_float(omen_float_from_bf16((uint16_t) half), up), half);
	for (uint32_t i = 0; i < 100000; i++)
	{
		uint32_t	bits = (uint32_t) omen_random_below(&random, 0x7F000000);
		float		value;
		double		below;
		double		above;
		double		nearest;
		double		upward;

		memcpy(&value, &bits, sizeof(value));
		below = omen_float_from_bf16((uint16_t) (bits >> 16));
		above = omen_float_from_bf16((uint16_t) ((bits >> 16) + 1));
		nearest = omen_float_from_bf16(omen_bf16_from_float(value, 0));
		upward = omen_float_from_bf16(omen_bf16_from_float(value, 1));
		assert_true(upward == (value == below ? below : above));
		assert_true(nearest == below || nearest == above);
		assert_true(fabs(nearest - value) <= fabs(below - value) && fabs(nearest - value) <= fabs(above - value));
	}
}

/* ---- a query's tables ---- */

/*
 * A table entry is off by half a step at most, and a code sums dim / 4 of
 * them; four-bit codes meet 16-bit coordinates.  Floats add their own error.
 */
static void
check_products(const OmenCodeQuery *query, const float *q, OmenRandom *random, const char *what)
{
	uint32_t	dim = query->dim;
	uint32_t	bytes = omen_sign_code_bytes(dim);
	uint8_t		codes[OMEN_BLOCK_CODES * DIM_MAX / 8];
	uint8_t		block[OMEN_BLOCK_CODES * DIM_MAX / 8];
	uint8_t		u4[DIM_MAX / 2];
	uint32_t	sums[OMEN_BLOCK_CODES] = {0};
	double		size = 0;

	for (uint32_t i = 0; i < dim; i++)
		size += fabs(q[i]);
	for (uint32_t i = 0; i < OMEN_BLOCK_CODES * bytes; i++)
		codes[i] = (uint8_t) omen_random_next(random);
	/* All positive and all negative: the widest sums. */
	memset(codes, 0xFF, bytes);
	memset(codes + bytes, 0, bytes);
	omen_block_pack(codes, bytes, OMEN_BLOCK_CODES, bytes, OMEN_BLOCK_CODES, block);
	omen_simd->lut_scan(query->lut, block, bytes, sums);
	for (uint32_t j = 0; j < OMEN_BLOCK_CODES; j++)
	{
		double		want = reference_product(sign_value, codes + j * bytes, q, dim);
		double		got = omen_sign_product(query, sums[j]);

		if (!(fabs(got - want) <= 2 * (dim / 4) * 0.5 * query->lut_step + 1e-5 * size))
			fail_msg("%s, %u dimensions, code %u: product %g, exactly %g", what, dim, j, got, want);
	}
	for (uint32_t j = 0; j < 8; j++)
	{
		double		want;
		double		got;

		for (uint32_t i = 0; i < dim / 2; i++)
			u4[i] = j == 0 ? 0xFF : j == 1 ? 0 : (uint8_t) omen_random_next(random);
		want = reference_product(u4_value, u4, q, dim);
		got = omen_u4_product(query, u4);
		/* 15 rather than 7.5: the middle is taken off with the exact sum. */
		if (!(fabs(got - want) <= 15 * dim * 0.5 * query->fine_step + 1e-5 * size))
			fail_msg("%s, %u dimensions, four bits: product %g, exactly %g", what, dim, got, want);
	}
}

static void
test_products(void **state)
{
	const OmenSimd *tables[8];
	const OmenSimd *chosen = omen_simd;
	uint32_t	count = omen_simd_available(tables, 8);

	for (uint32_t t = 0; t < count; t++)
		for (uint32_t i = 0; i < DIM_COUNT; i++)
		{
			OmenRandom	random = {seed + i};
			OmenArena	arena;
			OmenCodeQuery query;
			float		q[DIM_MAX];

			omen_simd = tables[t];
			omen_arena_init(&arena);
			assert_int_equal(omen_code_query_init(&query, &arena, dims[i]), OMEN_OK);
			for (uint32_t shape = 0; shape < 8; shape++)
			{
				static const char *const shapes[] = {
					"normal", "one coordinate", "constant", "negative", "tiny", "huge", "zero", "one far out"
				};

				random_vector(&random, dims[i], shape == 4 ? 1e-15f : shape == 5 ? 1e15f : 1.0f, q);
				for (uint32_t d = 0; d < dims[i]; d++)
					if (shape == 1)
						q[d] = d == 17 ? -3.0f : 0.0f;
					else if (shape == 2)
						q[d] = 0.25f;
					else if (shape == 3)
						q[d] = -fabsf(q[d]);
					else if (shape == 6)
						q[d] = 0;
					else if (shape == 7 && d == 5)
						q[d] = 1000;
				memcpy(query.vector, q, dims[i] * sizeof(float));
				omen_code_query_prepare(&query);
				for (uint32_t b = 0; b < dims[i] / 8 * 32; b++)
					assert_true(query.lut[b] <= OMEN_LUT_MAX);
				check_products(&query, q, &random, shapes[shape]);
			}
			omen_arena_reset(&arena);
		}
	omen_simd = chosen;
}

/* The steps are as fine as they may be: 31 steps over the widest nibble; 16 bits over the widest coordinate. */
static void
test_steps_are_fine(void **state)
{
	OmenRandom	random = {seed + 20};
	OmenArena	arena;
	OmenCodeQuery query;
	double		widest = 0;
	double		sum = 0;
	uint8_t		highest = 0;

	omen_arena_init(&arena);
	assert_int_equal(omen_code_query_init(&query, &arena, 768), OMEN_OK);
	random_vector(&random, 768, 1.0f, query.vector);
	omen_code_query_prepare(&query);
	for (uint32_t i = 0; i < 768; i++)
	{
		widest = fabs(query.vector[i]) > widest ? fabs(query.vector[i]) : widest;
		sum += fabs(query.vector[i]);
	}
	for (uint32_t b = 0; b < 768 / 8 * 32; b++)
		highest = query.lut[b] > highest ? query.lut[b] : highest;
	assert_int_equal(highest, OMEN_LUT_MAX);
	assert_true(query.fine_step <= 1.001 * fmax(widest / 32767, sum * 255 / 2147000000.0));
	/* But never so fine that a product with eight-bit codes overflows. */
	for (uint32_t shape = 0; shape < 3; shape++)
	{
		int64_t		fine_sum = 0;

		for (uint32_t i = 0; i < 768; i++)
			query.vector[i] = shape == 0 ? 1.0f : shape == 1 ? -1.0f : (float) (i % 2) - 0.5f;
		omen_code_query_prepare(&query);
		for (uint32_t i = 0; i < 768; i++)
			fine_sum += abs(query.fine[i]);
		assert_true(fine_sum * 255 <= INT32_MAX);
	}
	omen_arena_reset(&arena);
}

/* A query whose length overflows has no distances, but its tables are those of a zero query. */
static void
test_endless_query(void **state)
{
	OmenArena	arena;
	OmenCodeQuery query;
	uint8_t		code[64 / 2] = {0};

	omen_arena_init(&arena);
	assert_int_equal(omen_code_query_init(&query, &arena, 64), OMEN_OK);
	for (uint32_t i = 0; i < 64; i++)
		query.vector[i] = 3e38f;
	omen_code_query_prepare(&query);
	assert_true(query.norm_sq == 0);
	assert_true(omen_u4_product(&query, code) == 0);
	assert_true(omen_sign_product(&query, 0) == 0);
	omen_arena_reset(&arena);
}

/* ---- estimates ---- */

typedef struct Errors
{
	double		bias;			/* sum of error / unit of the bound */
	double		count;
	double		square;
	double		beyond[4];		/* of 1, 2, 3, 5 units */
} Errors;

static void
take_error(Errors *errors, double estimate, double truth, double unit)
{
	double		z = (estimate - truth) / unit;

	errors->count++;
	errors->bias += z;
	errors->square += z * z;
	errors->beyond[0] += fabs(z) > 1;
	errors->beyond[1] += fabs(z) > 2;
	errors->beyond[2] += fabs(z) > 3;
	errors->beyond[3] += fabs(z) > 5;
}

/*
 * In units of the bound (epsilon = 1) the error is nearly a standard normal:
 * 31.7 % beyond one, 4.6 % beyond two, 0.27 % beyond three.
 */
static void
check_errors(const Errors *errors, const char *what, uint32_t dim)
{
	double		n = errors->count;
	double		deviation = sqrt(errors->square / n);

	if (!(fabs(errors->bias / n) < 5 / sqrt(n)))
		fail_msg("%s, %u dimensions: biased by %.4f units", what, dim, errors->bias / n);
	if (!(deviation > 0.9 && deviation < 1.1))
		fail_msg("%s, %u dimensions: errors deviate by %.3f units", what, dim, deviation);
	if (!(errors->beyond[1] < 0.06 * n && errors->beyond[2] < 0.006 * n && errors->beyond[3] < 1))
		fail_msg("%s, %u dimensions: %.4f beyond two units, %.4f beyond three, %.0f beyond five", what, dim,
				 errors->beyond[1] / n, errors->beyond[2] / n, errors->beyond[3]);
}

static void
test_estimates(void **state)
{
	for (uint32_t i = 0; i < DIM_COUNT; i++)
	{
		uint32_t	dim = dims[i];
		OmenRandom	random = {seed + 30 + i};
		Errors		sign_errors = {0};
		Errors		u4_errors = {0};

		for (uint32_t pair = 0; pair < 4000; pair++)
		{
			float		center[DIM_MAX];
			float		residual[DIM_MAX];
			float		x[DIM_MAX];
			float		q[DIM_MAX];
			uint8_t		sign[DIM_MAX / 8];
			uint8_t		u4[DIM_MAX / 2];
			OmenCodeFactors factors;
			double		truth;
			double		gap_sq;

			/* The residual shorter than, or as long as, the way to the query; sometimes both far off. */
			random_vector(&random, dim, 1.0f, center);
			random_vector(&random, dim, pair % 3 == 0 ? 0.2f : 1.0f, residual);
			random_vector(&random, dim, pair % 2 ? 1.0f : 0.3f, q);
			for (uint32_t d = 0; d < dim; d++)
			{
				x[d] = center[d] + residual[d];
				residual[d] = x[d] - center[d];
				q[d] += center[d];
			}
			truth = distance_sq(q, x, dim);
			gap_sq = distance_sq(q, center, dim);

			omen_sign_encode(residual, center, dim, sign, &factors);
			take_error(&sign_errors, factors.add + gap_sq -
					   2 * factors.scale * reference_product(sign_value, sign, q, dim),
					   truth, factors.error * sqrt(gap_sq));
			omen_u4_encode(residual, center, dim, u4, &factors);
			take_error(&u4_errors, factors.add + gap_sq -
					   2 * factors.scale * reference_product(u4_value, u4, q, dim),
					   truth, factors.error * sqrt(gap_sq));
		}
		check_errors(&sign_errors, "one bit", dim);
		check_errors(&u4_errors, "four bits", dim);
	}
}

/* Four bits cut the error to less than a fifth of one bit's: 16 levels of a normal lose 0.0115 of its square. */
static void
test_precision(void **state)
{
	OmenRandom	random = {seed + 50};
	float		origin[DIM_MAX] = {0};
	float		residual[DIM_MAX];
	uint8_t		sign[DIM_MAX / 8];
	uint8_t		u4[DIM_MAX / 2];
	double		worst = 0;
	double		mean = 0;

	for (uint32_t round = 0; round < 200; round++)
	{
		OmenCodeFactors one;
		OmenCodeFactors four;
		double		tangent;

		random_vector(&random, 1024, 1.0f, residual);
		omen_sign_encode(residual, origin, 1024, sign, &one);
		omen_u4_encode(residual, origin, 1024, u4, &four);
		assert_true(four.error < one.error / 5);
		tangent = four.error * sqrt(1023) / 2 / sqrt(distance_sq(residual, origin, 1024));
		worst = fmax(worst, tangent);
		mean += tangent / 200;
	}
	/* sqrt(0.0115 / (1 - 0.0115)) on average; a single vector has its own tails. */
	assert_true(mean < 0.112 && mean > 0.1);
	assert_true(worst < 0.14);
}

/* `add` goes with the scale as it is stored, and a stored error is never less than the true one. */
static void
test_factors_as_stored(void **state)
{
	OmenRandom	random = {seed + 55};

	for (uint32_t round = 0; round < 200; round++)
	{
		float		residual[128];
		float		center[128];
		uint8_t		code[16];
		OmenCodeFactors factors;
		double		l1 = 0;
		double		norm_sq = 0;
		double		product;
		double		error;

		random_vector(&random, 128, 1.0f, residual);
		/* Far off, so that a scale off by its rounding shows. */
		random_vector(&random, 128, 100.0f, center);
		for (uint32_t i = 0; i < 128; i++)
		{
			l1 += fabs(residual[i]);
			norm_sq += (double) residual[i] * residual[i];
		}
		omen_sign_encode(residual, center, 128, code, &factors);
		product = reference_product(sign_value, code, center, 128);
		assert_true(fabs(factors.add - norm_sq - 2 * factors.scale * product) < 1e-5 * (norm_sq + fabs(2 * product)));
		error = 2 * sqrt(norm_sq) * sqrt(norm_sq * 128 / (l1 * l1) - 1) / sqrt(127);
		assert_true(factors.error >= error * (1 - 1e-5) && factors.error <= error * (1 + 1.0 / 128 + 1e-5));
		assert_true(factors.error == omen_float_from_bf16(omen_bf16_from_float(factors.error, 0)));
	}
}

/* A decoded code is the residual but for an error upright on it, as long as it says. */
static void
test_u4_decode(void **state)
{
	float		origin[DIM_MAX] = {0};

	for (uint32_t i = 0; i < DIM_COUNT; i++)
	{
		uint32_t	dim = dims[i];
		OmenRandom	random = {seed + 60 + i};

		for (uint32_t round = 0; round < 100; round++)
		{
			float		residual[DIM_MAX];
			float		decoded[DIM_MAX];
			uint8_t		code[DIM_MAX / 2];
			OmenCodeFactors factors;
			double		along = 0;
			double		length_sq = 0;
			double		lost;
			float		said;

			random_vector(&random, dim, powf(10.0f, (float) (round % 11) - 5), residual);
			omen_u4_encode(residual, origin, dim, code, &factors);
			omen_u4_decode(code, &factors, dim, decoded, &said);
			lost = sqrt(distance_sq(residual, decoded, dim));
			/* At most: with an allowance for rounding that grows with the dimensions. */
			assert_true(said >= lost && said < 1.06 * lost);
			for (uint32_t d = 0; d < dim; d++)
			{
				along += ((double) residual[d] - decoded[d]) * residual[d];
				length_sq += (double) residual[d] * residual[d];
			}
			assert_true(fabs(along) < 1e-4 * length_sq);
		}
	}
}

static void
test_odd_vectors(void **state)
{
	float		zero[64] = {0};
	float		center[64];
	float		residual[64];
	float		out[64];
	uint8_t		sign[8];
	uint8_t		u4[32];
	OmenCodeFactors factors;
	float		lost;

	for (uint32_t i = 0; i < 64; i++)
		center[i] = (float) i;
	/* On its centroid: the distance is the query's to the centroid, exactly. */
	omen_sign_encode(zero, center, 64, sign, &factors);
	assert_true(factors.add == 0 && factors.scale == 0 && factors.error == 0);
	omen_u4_encode(zero, center, 64, u4, &factors);
	assert_true(factors.add == 0 && factors.scale == 0 && factors.error == 0);
	omen_u4_decode(u4, &factors, 64, out, &lost);
	assert_memory_equal(out, zero, sizeof(zero));
	assert_true(lost == 0);

	/* All coordinates equal in size: one bit says everything. */
	for (uint32_t i = 0; i < 64; i++)
		residual[i] = i % 3 ? 0.5f : -0.5f;
	omen_sign_encode(residual, zero, 64, sign, &factors);
	assert_true(factors.add == 16 && factors.scale == 0.5f && factors.error == 0);

	/* Lengths that overflow, infinities, NaN: last, never in front. */
	for (uint32_t shape = 0; shape < 4; shape++)
	{
		for (uint32_t i = 0; i < 64; i++)
			residual[i] = shape == 0 ? 3e38f : shape == 1 ? 1e20f : 1.0f;
		if (shape == 2)
			residual[9] = INFINITY;
		if (shape == 3)
			residual[9] = NAN;
		memset(u4, 0x77, sizeof(u4));
		omen_sign_encode(residual, zero, 64, sign, &factors);
		assert_true(factors.add == OMEN_ADD_LAST && factors.scale == 0 && factors.error == 0);
		omen_u4_encode(residual, zero, 64, u4, &factors);
		assert_true(factors.add == OMEN_ADD_LAST && factors.scale == 0 && factors.error == 0);
		for (uint32_t i = 0; i < 32; i++)
			assert_int_equal(u4[i], 0x88);
	}
	/* A short residual with a centroid so far away that their product overflows. */
	for (uint32_t i = 0; i < 64; i++)
	{
		residual[i] = 1;
		center[i] = 3e38f;
	}
	omen_sign_encode(residual, center, 64, sign, &factors);
	assert_true(factors.add == OMEN_ADD_LAST);
	omen_u4_encode(residual, center, 64, u4, &factors);
	assert_true(factors.add == OMEN_ADD_LAST);
}

/* ---- layout ---- */

static void
test_block_pack(void **state)
{
	OmenRandom	random = {seed + 70};

	for (uint32_t round = 0; round < 300; round++)
	{
		uint32_t	width = 1 + (uint32_t) omen_random_below(&random, 32);
		uint32_t	count = 1 + (uint32_t) omen_random_below(&random, width);
		uint32_t	bytes = 8 * (1 + (uint32_t) omen_random_below(&random, 24));
		uint32_t	stride = bytes + (uint32_t) omen_random_below(&random, 20);
		uint8_t    *codes = malloc((size_t) stride * count);
		uint8_t    *out = malloc((size_t) bytes * width);

		for (uint32_t i = 0; i < stride * count; i++)
			codes[i] = (uint8_t) omen_random_next(&random);
		memset(out, 0xAA, (size_t) bytes * width);
		omen_block_pack(codes, stride, count, bytes, width, out);
		for (uint32_t p = 0; p < bytes; p++)
			for (uint32_t j = 0; j < width; j++)
				assert_int_equal(out[p * width + j], j < count ? codes[j * stride + p] : 0);
		free(codes);
		free(out);
	}
}

/*
 * Golden: codes of version 1 of the page format.  The vectors are exact in
 * binary and far from every rounding, so that the bytes are the same on every
 * machine; factors are compared with what the formulas of the header give.
 */
static const uint8_t golden_sign[8] = {
	0x4A, 0xAD, 0x54, 0x6A, 0xB5, 0x52, 0xAB, 0x95
};
static const uint8_t golden_u4[32] = {
	0xB3, 0xD5, 0x17, 0x4A, 0x6C, 0x8E, 0xA2, 0xD4,
	0x06, 0x39, 0x5B, 0x7D, 0x91, 0xC3, 0xE6, 0x28,
	0x4A, 0x6C, 0x9F, 0xB2, 0xD5, 0x17, 0x39, 0x5B,
	0x8E, 0xA2, 0xC4, 0xE6, 0x28, 0x4B, 0x7D, 0x91
};

static void
test_golden(void **state)
{
	float		residual[64];
	float		center[64];
	uint8_t		sign[8];
	uint8_t		u4[32];
	OmenCodeFactors one;
	OmenCodeFactors four;
	double		norm_sq = 0;
	double		sign_product;
	double		u4_product;

	for (uint32_t i = 0; i < 64; i++)
	{
		residual[i] = ((float) ((i * 37 + 11) % 64) - 31.5f) / 8;
		center[i] = ((float) ((i * 29) % 32) - 16) / 16;
		norm_sq += residual[i] * residual[i];
	}
	omen_sign_encode(residual, center, 64, sign, &one);
	omen_u4_encode(residual, center, 64, u4, &four);
	assert_memory_equal(sign, golden_sign, sizeof(sign));
	assert_memory_equal(u4, golden_u4, sizeof(u4));

	/* scale = |r|^2 / <u, r>, to bfloat16 for one bit; add = |r|^2 + 2 scale <u, c>. */
	sign_product = reference_product(sign_value, golden_sign, residual, 64);
	u4_product = reference_product(u4_value, golden_u4, residual, 64);
	assert_true(fabs(one.scale - norm_sq / sign_product) < one.scale / 256);
	assert_true(one.scale == omen_float_from_bf16(omen_bf16_from_float(one.scale, 0)));
	assert_true(fabs(four.scale - norm_sq / u4_product) < 1e-6 * four.scale);
	assert_true(fabs(one.add - norm_sq -
					 2 * one.scale * reference_product(sign_value, golden_sign, center, 64)) < 1e-4);
	assert_true(fabs(four.add - norm_sq -
					 2 * four.scale * reference_product(u4_value, golden_u4, center, 64)) < 1e-4);
	/* error = 2 |r| tan(angle) / sqrt(dim - 1); the sign code's is rounded up. */
	{
		double		tangent = sqrt(norm_sq * 64 / (sign_product * sign_product) - 1);
		double		want = 2 * sqrt(norm_sq) * tangent / sqrt(63);
		double		u4_norm_sq = 0;

		assert_true(one.error >= want * (1 - 1e-6) && one.error < want * (1 + 1.0 / 128));
		for (uint32_t i = 0; i < 64; i++)
			u4_norm_sq += u4_value(golden_u4, i) * u4_value(golden_u4, i);
		tangent = sqrt(norm_sq * u4_norm_sq / (u4_product * u4_product) - 1);
		want = 2 * sqrt(norm_sq) * tangent / sqrt(63);
		assert_true(fabs(four.error - want) < 1e-3 * want);
	}
}

static void
test_out_of_memory(void **state)
{
	for (uint32_t n = 0;; n++)
	{
		FailingArena failing;
		OmenCodeQuery query;
		OmenStatus	status;

		failing_arena_init(&failing, n);
		status = omen_code_query_init(&query, &failing.arena, 128);
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
		cmocka_unit_test(test_bf16),
		cmocka_unit_test(test_products),
		cmocka_unit_test(test_steps_are_fine),
		cmocka_unit_test(test_endless_query),
		cmocka_unit_test(test_estimates),
		cmocka_unit_test(test_precision),
		cmocka_unit_test(test_factors_as_stored),
		cmocka_unit_test(test_u4_decode),
		cmocka_unit_test(test_odd_vectors),
		cmocka_unit_test(test_block_pack),
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_out_of_memory),
	};
	OmenError	err;

	seed = test_seed(20250101);
	if (omen_simd_select(NULL, &err) != OMEN_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
