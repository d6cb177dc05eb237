/*
 * simd_half_test.c - conversions between float and half, over every half.
 *
 * The expected values come from the definition of binary16 (IEEE 754-2008,
 * section 3.4), by ldexp, not from omen/half.h, which is tested here too.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <string.h>

#include "omen/half.h"
#include "simd_test.h"

#define HALVES 65536

static double
value_of_half(uint32_t half)
{
	int			exponent = half >> 10 & 31;
	int			mantissa = half & 0x3ff;
	double		magnitude;

	if (exponent == 31)
		magnitude = mantissa ? NAN : INFINITY;
	else if (exponent == 0)
		magnitude = ldexp(mantissa, -24);
	else
		magnitude = ldexp(1024 + mantissa, exponent - 25);
	return half & 0x8000 ? -magnitude : magnitude;
}

static void
test_widening(const OmenSimd *table)
{
	static OmenHalf in[HALVES];
	static float out[HALVES];

	for (uint32_t h = 0; h < HALVES; h++)
		in[h] = (OmenHalf) h;
	table->f32_from_f16(out, in, HALVES);
	for (uint32_t h = 0; h < HALVES; h++)
	{
		double		want = value_of_half(h);
		float		single = omen_float_from_half((OmenHalf) h);

		check(isnan(want) ? isnan(out[h]) : (out[h] == want && !signbit(out[h]) == !signbit(want)),
			  "f32_from_f16 of %04x gives %a", h, out[h]);
		check(memcmp(&single, &out[h], sizeof(single)) == 0, "omen_float_from_half of %04x gives %a", h, single);
	}
}

/* `in` should become `want`; collected, so that vectors are converted, not single values. */
#define PENDING_MAX 61
static float pending_in[PENDING_MAX];
static OmenHalf pending_want[PENDING_MAX];
static uint32_t pending_count;

static void
check_pending(const OmenSimd *table)
{
	OmenHalf	out[PENDING_MAX];

	table->f16_from_f32(out, pending_in, pending_count);
	for (uint32_t i = 0; i < pending_count; i++)
	{
		check(out[i] == pending_want[i], "f16_from_f32 of %a gives %04x, not %04x",
			  pending_in[i], out[i], pending_want[i]);
		check(omen_half_from_float(pending_in[i]) == pending_want[i], "omen_half_from_float of %a gives %04x, not %04x",
			  pending_in[i], omen_half_from_float(pending_in[i]), pending_want[i]);
	}
	pending_count = 0;
}

static void
expect_half(const OmenSimd *table, float in, uint32_t want)
{
	/* and its mirror image */
	pending_in[pending_count] = in;
	pending_want[pending_count++] = (OmenHalf) want;
	pending_in[pending_count] = -in;
	pending_want[pending_count++] = (OmenHalf) (want ^ 0x8000);
	if (pending_count + 2 > PENDING_MAX)
		check_pending(table);
}

static void
test_narrowing(const OmenSimd *table)
{
	OmenHalf	nan;
	float		in;

	for (uint32_t h = 0; h < 0x7c00; h++)
	{
		float		low = (float) value_of_half(h);
		/* the largest half's neighbour would be 65536, if there were one */
		float		high = h == 0x7bff ? 65536 : (float) value_of_half(h + 1);
		float		middle = (low + high) / 2;	/* exact: eleven bits and one more */

		expect_half(table, low, h);
		expect_half(table, nextafterf(low, high), h);
		expect_half(table, nextafterf(middle, low), h);
		expect_half(table, middle, h & 1 ? h + 1 : h);
		expect_half(table, nextafterf(middle, high), h + 1);
		expect_half(table, nextafterf(high, low), h + 1);
	}
	expect_half(table, 65536, 0x7c00);
	expect_half(table, 3e38f, 0x7c00);
	expect_half(table, INFINITY, 0x7c00);
	expect_half(table, 1e-45f, 0);
	check_pending(table);

	in = NAN;
	table->f16_from_f32(&nan, &in, 1);
	check(isnan(value_of_half(nan)) && nan == omen_half_from_float(in), "NaN becomes %04x", nan);
}

/* Every length, at the edge of readable and of writable memory. */
static void
test_edges(const OmenSimd *table)
{
	for (uint32_t l = 0; l < test_length_count; l++)
	{
		uint32_t	dim = test_lengths[l];
		float	   *wide = guarded(0, dim * sizeof(float));
		OmenHalf   *half = guarded(1, dim * sizeof(OmenHalf));
		float	   *again = guarded(2, (dim + 1) * sizeof(float));

		for (uint32_t i = 0; i < dim; i++)
			wide[i] = (float) value_of_half((uint32_t) random_between(0, 0x7bff));
		table->f16_from_f32(half, wide, dim);
		again[dim] = 12345;
		table->f32_from_f16(again, half, dim);
		check(memcmp(wide, again, dim * sizeof(float)) == 0, "%u values change on the way", dim);
		check(again[dim] == 12345, "%u values: written past the end", dim);
		again = guarded(2, dim * sizeof(float));
		table->f32_from_f16(again, half, dim);
	}
}

void
test_halves(const OmenSimd *table)
{
	run_table_test("every half to float", test_widening, table);
	run_table_test("float to half, around every half and every tie", test_narrowing, table);
	run_table_test("conversions of every length", test_edges, table);
}
