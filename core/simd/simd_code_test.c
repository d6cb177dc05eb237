/*
 * simd_code_test.c - bits, sparse vectors, RaBitQ scores and integer tiles.
 *
 * Everything here is whole numbers and must be equal.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "simd_test.h"

static void
fill_bytes(uint8_t *p, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		p[i] = (uint8_t) random_u64();
}

static void
test_bits(const OmenSimd *table)
{
	for (uint32_t l = 0; l < test_length_count; l++)
	{
		uint32_t	bytes = test_lengths[l];
		uint8_t    *a = guarded(0, bytes);
		uint8_t    *b = guarded(1, bytes + bytes % 7);
		uint64_t	differ = 0;
		uint64_t	want_both = 0;
		uint64_t	want_either = 0;
		uint64_t	both;
		uint64_t	either;

		fill_bytes(a, bytes);
		fill_bytes(b, bytes);
		if (bytes % 3 == 0)		/* the most there can be */
		{
			memset(a, 0xff, bytes);
			memset(b, bytes % 2 ? 0xff : 0, bytes);
		}
		for (uint32_t i = 0; i < bytes * 8; i++)
		{
			bool		x = a[i / 8] >> i % 8 & 1;
			bool		y = b[i / 8] >> i % 8 & 1;

			differ += x != y;
			want_both += x && y;
			want_either += x || y;
		}
		table->jaccard_bits(a, b, bytes, &both, &either);
		check(table->hamming_bits(a, b, bytes) == differ, "hamming_bits of %u bytes", bytes);
		check(both == want_both && either == want_either, "jaccard_bits of %u bytes", bytes);
	}
}

/* Keys and bounds about the ends of 64 bits and in the middle, where a comparison of signed numbers turns. */
static uint64_t
some_key(void)
{
	static const uint64_t corners[] = {0, UINT64_C(1) << 63, UINT64_MAX};

	return random_between(0, 3) == 0 ? random_u64() : corners[random_between(0, 2)] + (uint64_t) random_between(-2, 2);
}

static void
test_keys(const OmenSimd *table)
{
	for (int round = 0; round < 20000; round++)
	{
		uint64_t   *keys = guarded(0, OMEN_BLOCK_CODES * sizeof(uint64_t));
		uint64_t	a = some_key();
		uint64_t	b = some_key();
		uint64_t	low = a < b ? a : b;
		uint64_t	high = a < b ? b : a;
		uint64_t	bits = random_u64() & random_u64() & random_u64() & random_u64();
		uint32_t	within = 0;
		uint32_t	covering = 0;

		for (uint32_t i = 0; i < OMEN_BLOCK_CODES; i++)
		{
			keys[i] = some_key() | (random_between(0, 2) == 0 ? bits : 0);
			within |= (uint32_t) (keys[i] >= low && keys[i] <= high) << i;
			covering |= (uint32_t) ((~keys[i] & bits) == 0) << i;
		}
		check(table->keys_within(keys, low, high) == within, "keys_within in round %d", round);
		check(table->keys_covering(keys, bits) == covering, "keys_covering in round %d", round);
	}
}

/* Ascending indexes below `limit`, each taken with probability one in `one_in`. */
static uint32_t
fill_sparse(int32_t *index, float *value, uint32_t limit, int one_in)
{
	uint32_t	count = 0;

	for (uint32_t i = 0; i < limit; i++)
		if (random_between(1, one_in) == 1)
		{
			index[count] = (int32_t) i;
			value[count++] = (float) random_between(-8, 8);
		}
	return count;
}

static void
test_sparse(const OmenSimd *table)
{
	enum { LIMIT = 3000 };
	static int32_t index[2][LIMIT];
	static float value[2][LIMIT];

	for (int round = 0; round < 400; round++)
	{
		uint32_t	count[2];
		int32_t    *guarded_index[2];
		float	   *guarded_value[2];
		float		dense[LIMIT] = {0};
		float		want = 0;
		float		got;

		for (int side = 0; side < 2; side++)
		{
			int			one_in = (const int[]) {1, 2, 3, 20, 300, 5000}[random_between(0, 5)];

			count[side] = fill_sparse(index[side], value[side], (uint32_t) random_between(0, LIMIT), one_in);
			guarded_index[side] = guarded(side, count[side] * sizeof(int32_t));
			guarded_value[side] = guarded(2 + side, count[side] * sizeof(float));
			memcpy(guarded_index[side], index[side], count[side] * sizeof(int32_t));
			memcpy(guarded_value[side], value[side], count[side] * sizeof(float));
		}
		for (uint32_t i = 0; i < count[0]; i++)
			dense[index[0][i]] = value[0][i];
		for (uint32_t i = 0; i < count[1]; i++)
			want += value[1][i] * dense[index[1][i]];
		got = table->dot_sparse(guarded_index[0], guarded_value[0], count[0],
								guarded_index[1], guarded_value[1], count[1]);
		check(got == want, "dot_sparse of %u and %u: %g, not %g", count[0], count[1], got, want);
	}
}

static void
test_lut_scan(const OmenSimd *table)
{
	for (uint32_t l = 0; l < test_length_count; l++)
		for (int highest = 0; highest <= 1; highest++)
		{
			uint32_t	positions = test_lengths[l];
			uint8_t    *lut = guarded(0, (size_t) positions * 32);
			uint8_t    *codes = guarded(1, (size_t) positions * 32);
			uint32_t   *got = guarded(2, OMEN_BLOCK_CODES * sizeof(uint32_t));
			uint32_t	want[OMEN_BLOCK_CODES];
			uint32_t	cut = positions == 0 ? 0 : (uint32_t) random_between(0, (int) positions);

			fill_bytes(codes, (size_t) positions * 32);
			for (uint32_t i = 0; i < positions * 32; i++)
				lut[i] = highest ? OMEN_LUT_MAX : (uint8_t) random_between(0, OMEN_LUT_MAX);
			for (int j = 0; j < OMEN_BLOCK_CODES; j++)
			{
				want[j] = got[j] = (uint32_t) random_between(0, 1 << 20);
				for (uint32_t p = 0; p < positions; p++)
				{
					uint8_t		byte = codes[p * 32 + (uint32_t) j];

					want[j] += lut[p * 32 + (byte & 15)] + lut[p * 32 + 16 + (byte >> 4)];
				}
			}
			/* a block may be cut between any two positions */
			table->lut_scan(lut, codes, cut, got);
			table->lut_scan(lut + (size_t) cut * 32, codes + (size_t) cut * 32, positions - cut, got);
			check(memcmp(got, want, sizeof(want)) == 0, "lut_scan of %u positions, cut at %u%s",
				  positions, cut, highest ? ", highest entries" : "");
		}
}

static void
test_code_dots(const OmenSimd *table)
{
	for (uint32_t l = 0; l < test_length_count; l++)
		for (int extreme = 0; extreme <= 1; extreme++)
		{
			uint32_t	dim = test_lengths[l];
			uint32_t	even = dim & ~1u;
			/* 255 * limit * dim must fit int32 */
			int			limit = dim * 255u > INT32_MAX / INT16_MAX ? (int) (INT32_MAX / (dim * 255u)) : INT16_MAX;
			uint8_t    *code8 = guarded(0, dim);
			uint8_t    *code4 = guarded(1, even / 2);
			int16_t    *query8 = guarded(2, dim * sizeof(int16_t));
			int16_t    *query4 = guarded(3, even * sizeof(int16_t));
			int64_t		want8 = 0;
			int64_t		want4 = 0;

			fill_bytes(code8, dim);
			fill_bytes(code4, even / 2);
			if (extreme)
			{
				memset(code8, 0xff, dim);
				memset(code4, 0xff, even / 2);
			}
			for (uint32_t i = 0; i < dim; i++)
			{
				query8[i] = (int16_t) (extreme ? (dim & 2 ? limit : -limit) : random_between(-limit, limit));
				want8 += (int64_t) code8[i] * query8[i];
			}
			memcpy(query4, query8, even * sizeof(int16_t));
			for (uint32_t i = 0; i < even; i++)
				want4 += (int64_t) (i & 1 ? code4[i / 2] >> 4 : code4[i / 2] & 15) * query4[i];
			check(table->dot_u8_i16(code8, query8, dim) == want8, "dot_u8_i16 of %u", dim);
			check(table->dot_u4_i16(code4, query4, even) == want4, "dot_u4_i16 of %u", even);
		}
}

/* Tables made from a query, against the definition; off by one only where a product lies halfway. */
static void
test_query_tables(const OmenSimd *table)
{
	for (uint32_t dim = 0; dim <= 192; dim += 4)
	{
		float	   *query = guarded(0, dim * sizeof(float));
		uint8_t    *lut = guarded(1, dim * 4);
		int16_t    *fine = guarded(2, dim * sizeof(int16_t));
		float		inverse = OMEN_LUT_MAX / 8.0f;

		for (uint32_t i = 0; i < dim; i++)
			query[i] = (float) random_between(-2000, 2000) / 1000.0f;
		table->lut_fill(query, dim, inverse, lut);
		table->i16_from_f32(fine, query, 16000.0f, dim);
		for (uint32_t i = 0; i < dim; i++)
			check(fabs(fine[i] - query[i] * 16000.0) <= 0.51, "i16_from_f32 of %u", dim);
		for (uint32_t i = 0; i < dim * 4; i++)
		{
			double		level = 0;

			for (uint32_t j = 0; j < 4; j++)
			{
				double		coordinate = query[i / 16 * 4 + j];

				level += (i >> j & 1 ? coordinate : 0) - (coordinate < 0 ? coordinate : 0);
			}
			check(lut[i] <= OMEN_LUT_MAX && fabs(lut[i] - level * inverse) <= 0.51, "lut_fill of %u", dim);
		}
	}
}

/* The definition, in single precision; the tests are compiled without contraction, too. */
static float
estimate_of(const OmenSumTerms *terms, uint32_t sum, float add, float scale)
{
	float		product = terms->step * (float) sum + terms->base;
	float		estimate = add + terms->gap_sq - 2.0f * scale * product;

	return estimate < terms->most ? estimate : terms->most;
}

static uint16_t
some_bf16(bool wild)
{
	return wild ? (uint16_t) random_u64() : (uint16_t) (0x3c00 + random_between(0, 0x1ff));
}

static float
of_bf16(uint16_t half)
{
	uint32_t	bits = (uint32_t) half << 16;
	float		value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static bool
same_float(float a, float b)
{
	return memcmp(&a, &b, sizeof(a)) == 0;
}

/* Bounds of a block from its sums; every other time with infinities, NaN and overflow among the factors. */
static void
test_sum_bounds(const OmenSimd *table)
{
	for (uint32_t round = 0; round < 200; round++)
	{
		bool		wild = round % 2;
		uint32_t   *sums = guarded(0, OMEN_BLOCK_CODES * sizeof(uint32_t));
		float	   *add = guarded(1, OMEN_BLOCK_CODES * sizeof(float));
		float	   *wide = guarded(2, OMEN_BLOCK_CODES * sizeof(float));
		uint16_t	scale[OMEN_BLOCK_CODES];
		uint16_t	error[OMEN_BLOCK_CODES];
		float		estimate[OMEN_BLOCK_CODES];
		float		lower[OMEN_BLOCK_CODES];
		float		alone[OMEN_BLOCK_CODES];
		OmenSumTerms terms = {.step = 0.01f, .base = -3, .gap_sq = 2, .gap_error = 0.7f, .blur = 0.05f, .most = 3e38f};
		float		worst = round % 5 == 0 ? INFINITY : (float) random_between(-2000, 4000) / 1000.0f;
		uint32_t	want = 0;
		uint32_t	got;

		for (uint32_t i = 0; i < OMEN_BLOCK_CODES; i++)
		{
			sums[i] = (uint32_t) random_between(0, 60000);
			add[i] = wild && i % 7 == 0 ? (i % 2 ? INFINITY : NAN) : (float) random_between(-3000, 3000) / 1000.0f;
			scale[i] = some_bf16(wild);
			error[i] = some_bf16(wild);
			wide[i] = of_bf16(scale[i]);
		}
		got = table->sum_bounds(sums, &terms, add, scale, error, worst, estimate, lower);
		table->sum_estimates(sums, &terms, add, wide, alone);
		for (uint32_t i = 0; i < OMEN_BLOCK_CODES; i++)
		{
			float		middle = estimate_of(&terms, sums[i], add[i], wide[i]);
			float		least = middle - (terms.gap_error * of_bf16(error[i]) + terms.blur);

			least = least < terms.most ? least : terms.most;
			want |= (uint32_t) (least < worst) << i;
			check(same_float(estimate[i], middle) && same_float(alone[i], middle), "estimate %u of round %u", i, round);
			check(same_float(lower[i], least), "bound %u of round %u", i, round);
		}
		check(got == want, "codes below %g in round %u", worst, round);
	}
}

static void
check_tile(const OmenSimd *table, uint32_t row_count, uint32_t col_count, uint32_t dim, bool extreme)
{
	const uint32_t out_stride = col_count + 3;
	const int32_t untouched = 0x5a5a5a5a;
	size_t		out_count = row_count == 0 ? 0 : (size_t) (row_count - 1) * out_stride + col_count;
	int8_t	   *rows = guarded(0, (size_t) row_count * dim);
	int8_t	   *cols = guarded(1, (size_t) col_count * dim);
	int32_t    *out = guarded(2, out_count * sizeof(int32_t));

	for (size_t i = 0; i < (size_t) row_count * dim; i++)
		rows[i] = (int8_t) (extreme ? 127 : random_between(-127, 127));
	for (size_t i = 0; i < (size_t) col_count * dim; i++)
		cols[i] = (int8_t) (extreme ? (i / dim & 1 ? 127 : -127) : random_between(-127, 127));
	for (size_t i = 0; i < out_count; i++)
		out[i] = untouched;
	table->dots_i8(rows, row_count, cols, col_count, dim, out, out_stride);
	for (uint32_t r = 0; r < row_count; r++)
		for (uint32_t c = 0; c < (r + 1 < row_count ? out_stride : col_count); c++)
		{
			int32_t		want = c < col_count ? 0 : untouched;

			for (uint32_t i = 0; i < dim && c < col_count; i++)
				want += rows[(size_t) r * dim + i] * cols[(size_t) c * dim + i];
			if (!check(out[(size_t) r * out_stride + c] == want, "dots_i8 %u x %u of %u dimensions, at %u, %u",
					   row_count, col_count, dim, r, c))
				return;
		}
}

static void
test_tiles(const OmenSimd *table)
{
	for (uint32_t row_count = 0; row_count <= 9; row_count++)
		for (uint32_t col_count = 0; col_count <= 31; col_count++)
			check_tile(table, row_count, col_count, 64 * (uint32_t) random_between(1, 4), false);
	check_tile(table, 3, 5, 0, false);
	check_tile(table, 64, 50, 768, false);
	check_tile(table, 5, 14, 16384, true);	/* the largest sums */
	check_tile(table, 5, 14, 16384, false);
}

static void
test_near(const OmenSimd *table)
{
	for (uint32_t count = 0; count <= 100; count++)
		for (int round = 0; round < 6; round++)
		{
			int32_t    *products = guarded(0, count * sizeof(int32_t));
			float	   *base = guarded(1, count * sizeof(float));
			float	   *scale = guarded(2, count * sizeof(float));
			uint32_t   *index = guarded(3, count * sizeof(uint32_t));
			float	   *values = guarded(4, count * sizeof(float));
			float		factor = random_float();
			/* none below, all below (but for one that is infinite), some */
			float		limit = round == 0 ? -INFINITY : round == 1 ? INFINITY : random_float();
			uint32_t	found;
			uint32_t	at = 0;

			for (uint32_t c = 0; c < count; c++)
			{
				products[c] = random_between(-1000, 1000);
				base[c] = c == 7 ? INFINITY : c == 9 ? NAN : random_float();
				scale[c] = random_float() / 500;
			}
			/* a value equal to the limit is not below it */
			if (round == 2 && count > 0)
				limit = base[0] - factor * scale[0] * (float) products[0];
			found = table->near_i32(products, base, scale, count, factor, limit, index, values);
			for (uint32_t c = 0; c < count; c++)
			{
				float		value = base[c] - factor * scale[c] * (float) products[c];

				if (value < limit && !check(at < found && index[at] == c && values[at] == value,
											"near_i32 of %u, at %u", count, c))
					return;
				at += value < limit;
			}
			check(at == found, "near_i32 of %u found %u, not %u", count, found, at);
		}
}

void
test_codes(const OmenSimd *table)
{
	run_table_test("bits", test_bits, table);
	run_table_test("sparse inner product", test_sparse, table);
	run_table_test("32 keys against a condition", test_keys, table);
	run_table_test("lookup scan", test_lut_scan, table);
	run_table_test("tables of a query", test_query_tables, table);
	run_table_test("bounds of a block", test_sum_bounds, table);
	run_table_test("inner products of 4 and 8-bit codes", test_code_dots, table);
	run_table_test("tiles of 8-bit inner products", test_tiles, table);
	run_table_test("what is near of a tile's row", test_near, table);
}
