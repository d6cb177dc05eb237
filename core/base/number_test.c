/*
 * number_test.c - omen_float_parse against strtof of the C library.
 *
 * Goal: no text makes them differ in value, length or status.  Random texts
 * are made to be hard: exact middles of neighbouring floats and texts a digit
 * away from one, subnormals, long digit strings, extreme exponents.
 *
 * OMENDB_NUMBER_CASES sets how many (200,000 unless set), OMENDB_NUMBER_SEED
 * the seed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "number_powers.h"
#include "omen/number.h"

#define TEXT_BYTES 1024

static uint64_t random_state;

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t
random_u64(void)
{
	uint64_t	z = random_state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint32_t
random_below(uint32_t n)
{
	return (uint32_t) (random_u64() % n);
}

static float
float_of(uint32_t bits)
{
	float		value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static uint32_t
bits_of(float value)
{
	uint32_t	bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

/* What the contract of number.h makes of strtof's answer. */
static OmenStatus
expected_status(const char *text, size_t length, float value)
{
	bool		digit_seen = false;

	for (size_t i = 0; i < length && (text[i] | 0x20) != 'e'; i++)
	{
		if ((text[i] | 0x20) == 'n')
			return OMEN_OK;		/* inf and nan as words */
		digit_seen |= text[i] >= '1' && text[i] <= '9';
	}
	return isinf(value) || (value == 0 && digit_seen) ? OMEN_RANGE : OMEN_OK;
}

/* Parses memory that ends with the text, so that AddressSanitizer sees overreads. */
static size_t
parse_exactly(const char *text, size_t length, float *value, OmenStatus *status)
{
	char	   *exact = malloc(length + (length == 0));
	const char *after;
	size_t		consumed;

	memcpy(exact, text, length);
	after = omen_float_parse(exact, exact + length, value, status);
	consumed = after == NULL ? 0 : (size_t) (after - exact);
	free(exact);
	return consumed;
}

/* Compares with strtof; prints and returns false when they differ. */
static bool
agrees(const char *text)
{
	size_t		length = strlen(text);
	char		longer[TEXT_BYTES + 16];
	char	   *strtof_after;
	float		want = strtof(text, &strtof_after);
	size_t		want_length = (size_t) (strtof_after - text);

	/* alone, and with more text behind it, as in a vector */
	snprintf(longer, sizeof(longer), "%s]12345678", text);
	for (int more = 0; more <= 1; more++)
	{
		float		got = -12345.0f;
		OmenStatus	status;
		size_t		got_length = parse_exactly(longer, more ? strlen(longer) : length, &got, &status);

		if (got_length == want_length &&
			(want_length == 0 ||
			 ((isnan(want) ? isnan(got) : bits_of(want) == bits_of(got)) &&
			  status == expected_status(text, want_length, want))))
			continue;
		print_message("\"%s\": got %a (%zu characters, status %d), strtof %a (%zu)\n",
					  text, got, got_length, status, want, want_length);
		return false;
	}
	return true;
}

static void
test_grammar(void **state)
{
	static const char *const texts[] = {
		"0", "-0", "+0", "1", "-1", "+1.5", "0.1", ".5", "5.", "-.5e1", "1e5", "1E5", "1e+5", "1e-5",
		"", "+", "-", ".", "-.", "e5", ".e5", "+-1", "--1", "abc", ",", "]",
		"1e", "1e+", "1e-", "1ex", "1.e", "1.5.5", "1..5", "1,2", "1]", "00012", "000.0001",
		"inf", "INF", "-Inf", "+infinity", "INFINITY", "infinit", "infinityx", "in", "i",
		"nan", "NaN", "-nan", "na", "n",
		"1e38", "3.4028235e38", "3.40282356e38", "3.40282357e38", "1e39", "-1e39", "1e400", "1e99999999999999999999",
		"1e-45", "1e-46", "7.0064923216240854e-46", "7.0064923216240853e-46", "7.0064923216240862e-46",
		"1e-400", "-1e-99999999999999999999", "0e99999999999999999999", "0e-5", "1.17549435e-38", "1.17549421e-38",
		"16777217", "16777219", "16777217.0000000000000000000000000000000001", "33554434.999999999999999999999",
		"9007199254740993", "123456789012345678901234567890", "0.000000000000000000000000000000000000000000001",
		"9223372036854775808", "18446744073709551615", "18446744073709551616", "99999999999999999999",
		"10000000000000000000000000000000000000000e-40", "0.0000000000000000000000000000000000000000000001e46",
	};
	int			mismatches = 0;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		mismatches += !agrees(texts[i]);
	assert_int_equal(mismatches, 0);
}

/* Hexadecimal and white space, which strtof takes and we do not. */
static void
test_refusals(void **state)
{
	static const struct
	{
		const char *text;
		int			length;		/* -1: no number here */
	}			cases[] = {{"0x10", 1}, {" 1", -1}, {"\t1", -1}, {"\n1", -1}, {"nan(1)", 3}, {"0x", 1}, {"1_000", 1}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const char *text = cases[i].text;
		float		value;
		OmenStatus	status;
		const char *after = omen_float_parse(text, text + strlen(text), &value, &status);

		assert_int_equal(after == NULL ? -1 : (int) (after - text), cases[i].length);
	}
}

/* A megabyte of zeros on either side of the point, cancelled by the exponent. */
static void
test_very_long(void **state)
{
	const size_t zeros = 1000000;
	char	   *text = malloc(zeros + 64);
	float		value;
	OmenStatus	status;

	text[0] = '0';
	text[1] = '.';
	memset(text + 2, '0', zeros);
	strcpy(text + 2 + zeros, "15e1000001");
	assert_ptr_equal(omen_float_parse(text, text + strlen(text), &value, &status), text + strlen(text));
	assert_true(value == 1.5f);
	assert_int_equal(status, OMEN_OK);

	memset(text, '0', zeros);
	text[0] = '3';
	strcpy(text + zeros, ".1e-999999");
	assert_ptr_equal(omen_float_parse(text, text + strlen(text), &value, &status), text + strlen(text));
	assert_true(value == 3.0f);
	assert_int_equal(status, OMEN_OK);
	free(text);
}

/* The exact middle of a float and the next, or a text a little off it. */
static void
make_middle(char *text)
{
	uint32_t	bits = (uint32_t) (random_u64() & 0x7fffffff) % 0x7f800000;
	double		middle;
	size_t		digits_end;
	char	   *exponent;
	char		tail[32];

	if (random_below(4) == 0)
		bits >>= random_below(24);	/* subnormals and tiny ones */
	/* the successor of the largest would be 2^128 */
	middle = ((double) float_of(bits) + (bits == 0x7f7fffff ? 0x1p128 : (double) float_of(bits + 1))) / 2;
	snprintf(text, TEXT_BYTES, "%.*e", random_below(2) ? 160 : (int) random_below(130), middle);
	exponent = strchr(text, 'e');
	snprintf(tail, sizeof(tail), "%s", exponent);
	digits_end = (size_t) (exponent - text);
	switch (random_below(4))
	{
		case 0:					/* as it is */
			break;
		case 1:					/* a little more */
			for (uint32_t zeros = random_below(200); zeros > 0; zeros--)
				text[digits_end++] = '0';
			text[digits_end++] = '1';
			break;
		case 2:					/* a digit less */
			if (text[digits_end - 1] > '0' && text[digits_end - 1] <= '9')
				text[digits_end - 1]--;
			break;
		case 3:					/* 9s from somewhere on */
			for (size_t i = 2 + random_below(40); i < digits_end; i++)
				text[i] = '9';
			break;
	}
	strcpy(text + digits_end, tail);
}

static void
make_digits(char *text)
{
	char	   *p = text;
	uint32_t	length = 1 + random_below(random_below(8) == 0 ? 400 : 25);
	uint32_t	point = random_below(3) == 0 ? UINT32_MAX : random_below(length + 1);
	bool		zeros = random_below(4) == 0;

	if (random_below(4) == 0)
		*p++ = "+-"[random_below(2)];
	for (uint32_t i = 0; i < length; i++)
	{
		if (i == point)
			*p++ = '.';
		*p++ = zeros && random_below(8) != 0 ? '0' : (char) ('0' + random_below(10));
	}
	if (length == point)
		*p++ = '.';
	*p = '\0';
	if (random_below(2) == 0)
		sprintf(p, "%c%s%u", "eE"[random_below(2)], (const char *[]) {"", "+", "-"}[random_below(3)],
				random_below(random_below(8) == 0 ? 5000 : 60));
}

static void
make_text(char *text)
{
	uint64_t	random = random_u64();
	double		wide;

	switch (random_below(8))
	{
		case 0:
			snprintf(text, TEXT_BYTES, "%.9g", float_of((uint32_t) random));
			break;
		case 1:
			snprintf(text, TEXT_BYTES, "%.*g", 1 + (int) random_below(20), float_of((uint32_t) random));
			break;
		case 2:					/* a double near the floats' range: exponent 1023 +- 160 */
			random = (random & 0x800fffffffffffff) | (uint64_t) (1023 - 160 + random_below(320)) << 52;
			memcpy(&wide, &random, sizeof(wide));
			snprintf(text, TEXT_BYTES, "%.17g", wide);
			break;
		case 3:					/* what embeddings look like */
			snprintf(text, TEXT_BYTES, "%.*f", (int) random_below(12), (double) (int32_t) random / 0x1p31);
			break;
		case 4:
			snprintf(text, TEXT_BYTES, "%.*f", (int) random_below(160),
					 float_of((uint32_t) random >> random_below(30)));
			break;
		case 5:
			make_digits(text);
			break;
		default:
			make_middle(text);
			break;
	}
	if (random_below(8) == 0)
		strcat(text, (const char *[]) {",", "e", "e+", ".", "-", "]", " ", "e-,"}[random_below(8)]);
}

static void
test_random(void **state)
{
	const char *cases_text = getenv("OMENDB_NUMBER_CASES");
	const char *seed_text = getenv("OMENDB_NUMBER_SEED");
	uint64_t	cases = cases_text ? strtoull(cases_text, NULL, 10) : 200000;
	uint64_t	mismatches = 0;
	char		text[TEXT_BYTES];

	random_state = seed_text ? strtoull(seed_text, NULL, 10) : 20210604;
	print_message("# seed %" PRIu64 ", %" PRIu64 " texts\n", random_state, cases);
	for (uint64_t i = 0; i < cases; i++)
	{
		make_text(text);
		mismatches += !agrees(text);
		if (mismatches > 20)
			break;
	}
	assert_int_equal(mismatches, 0);
}

/* ---- the table of powers ---- */

#define BIG_LIMBS 16			/* 512 bits: 2^64 * 10^64 * 2^128 and room */

typedef struct Big
{
	uint32_t	limb[BIG_LIMBS];
} Big;

/* n * factor + addend */
static Big
big_multiply_add(const Big *n, uint64_t factor, const Big *addend)
{
	Big			result;
	unsigned __int128 carry = 0;

	for (int i = 0; i < BIG_LIMBS; i++)
	{
		carry += (unsigned __int128) n->limb[i] * factor + addend->limb[i];
		result.limb[i] = (uint32_t) carry;
		carry >>= 32;
	}
	assert_true(carry == 0);
	return result;
}

static int
big_order(const Big *a, const Big *b)
{
	for (int i = BIG_LIMBS - 1; i >= 0; i--)
		if (a->limb[i] != b->limb[i])
			return a->limb[i] < b->limb[i] ? -1 : 1;
	return 0;
}

static Big
big_power(uint32_t base, int exponent)
{
	Big			result = {{1}};

	for (int i = 0; i < exponent; i++)
		result = big_multiply_add(&result, base, &(Big) {{0}});
	return result;
}

/* entry * 2^e <= 10^q < (entry + 1) * 2^e, in whole numbers */
static bool
power_holds(uint64_t entry, int q, int e)
{
	Big			unit = big_power(10, q < 0 ? -q : 0);
	Big			ten = big_power(10, q > 0 ? q : 0);
	Big			low;
	Big			high;

	for (int i = 0; i < e; i++)
		unit = big_multiply_add(&unit, 2, &(Big) {{0}});
	for (int i = 0; i < -e; i++)
		ten = big_multiply_add(&ten, 2, &(Big) {{0}});
	low = big_multiply_add(&unit, entry, &(Big) {{0}});
	high = big_multiply_add(&unit, entry, &unit);
	return big_order(&low, &ten) <= 0 && big_order(&ten, &high) < 0 &&
		(q < 0 || q > OMEN_POWER_EXACT_MAX || big_order(&low, &ten) == 0);
}

static void
test_powers(void **state)
{
	for (int q = OMEN_POWER_MIN; q <= OMEN_POWER_MAX; q++)
	{
		uint64_t	entry = omen_power_of_ten[q - OMEN_POWER_MIN];
		bool		found = false;

		assert_true(entry >> 63 == 1);
		for (int e = -280; e <= 64 && !found; e++)
			found = power_holds(entry, q, e);
		if (!found)
			fail_msg("the power 10^%d is wrong", q);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grammar),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_very_long),
		cmocka_unit_test(test_powers),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
