/*
 * number.c - decimal text to float, correctly rounded, without the C library.
 *
 * A number is mantissa * 10^exponent, the mantissa cut to 19 digits.  Three
 * ways to round it, each tried only when the one before cannot be sure:
 *
 * 1. Through double.  A mantissa up to 2^53 and a power up to 10^22 are exact
 *    doubles, so one multiplication or division gives the correctly rounded
 *    double (Clinger, PLDI 1990).  Rounding that again to float is right
 *    unless the double is the exact middle of two floats: every such middle
 *    is a double, so otherwise the true value lies on the same side of it.
 * 2. Eisel-Lemire (Lemire, "Number parsing at a gigabyte per second", 2021),
 *    in interval form: a 64-bit power, truncated, gives a lower and an upper
 *    end for the true value.  When both round to the same float, so does the
 *    true value.  They differ about once in 2^37 random inputs.
 * 3. Whole numbers: the digits against the middle of the two candidates.
 *    No middle has more than 113 significant digits, so 120 are kept, and of
 *    the rest only whether any of them is not zero.
 *
 * Assumes round-to-nearest, and float and double arithmetic in their own
 * precision.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <float.h>
#include <stdbool.h>
#include <string.h>

#include "number_powers.h"
#include "omen/number.h"

#if FLT_EVAL_METHOD != 0
#error "double arithmetic must round to double"
#endif

#define BITS_INFINITY 0x7f800000u
#define MANTISSA_DIGITS 19		/* the most that always fit 64 bits */
#define SLOW_DIGITS 120
#define EXPONENT_LIMIT ((int64_t) 1 << 40)	/* beyond any text's length */

typedef struct Decimal
{
	uint64_t	mantissa;
	int64_t		exponent;		/* of the mantissa's last digit */
	bool		truncated;		/* digits that are not zero were cut off */
	const char *digits;			/* what was written: digits, at most one point */
	const char *digits_end;
	int64_t		digit_count;
	int64_t		digits_exponent;	/* of the last digit written */
} Decimal;

static inline bool
is_digit(char c)
{
	return (unsigned char) (c - '0') <= 9;
}

/* Consumes digits, appending them to *mantissa, which may wrap past 19 of them. */
static inline const char *
scan_digits(const char *p, const char *end, uint64_t *mantissa)
{
	for (; p < end && is_digit(*p); p++)
		*mantissa = *mantissa * 10 + (uint64_t) (*p - '0');
	return p;
}

/*
 * The same, eight characters at a time: how many digits a run has is found
 * without a branch to mispredict, and the run is shifted so that it reads as
 * eight digits with zeros in front.
 */
static inline const char *
scan_digits_long(const char *p, const char *end, uint64_t *mantissa)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	static const uint32_t power[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};

	while (end - p >= 8)
	{
		uint64_t	chunk;
		uint64_t	other;		/* not zero in each byte that is no digit (and perhaps behind it) */
		int			count;

		memcpy(&chunk, p, sizeof(chunk));
		other = ((chunk & 0xf0f0f0f0f0f0f0f0) ^ 0x3030303030303030) |
			(((chunk + 0x0606060606060606) & 0xf0f0f0f0f0f0f0f0) ^ 0x3030303030303030);
		count = other == 0 ? 8 : __builtin_ctzll(other) / 8;
		if (count == 0)
			return p;
		chunk = (chunk - 0x3030303030303030) << (64 - 8 * count);
		/* add neighbours: digits to pairs, pairs to fours, fours to eight */
		chunk = chunk * 10 + (chunk >> 8);
		chunk = ((chunk & 0x000000ff000000ff) * 0x000f424000000064 +
				 (chunk >> 16 & 0x000000ff000000ff) * 0x0000271000000001) >> 32;
		*mantissa = *mantissa * power[count] + (uint32_t) chunk;
		p += count;
		if (count < 8)
			return p;
	}
#endif
	return scan_digits(p, end, mantissa);
}

/*
 * Digits, point and exponent at p.  Returns the first character not consumed,
 * or NULL when there is no digit.  The mantissa is right up to 19 digits.
 */
static inline const char *
scan_decimal(const char *p, const char *end, Decimal *number)
{
	int64_t		fraction_digits = 0;

	number->mantissa = 0;
	number->truncated = false;
	number->digits = p;
	p = scan_digits(p, end, &number->mantissa);
	number->digit_count = p - number->digits;
	if (p < end && *p == '.')
	{
		const char *fraction = p + 1;

		p = scan_digits_long(fraction, end, &number->mantissa);
		fraction_digits = p - fraction;
		number->digit_count += fraction_digits;
	}
	if (number->digit_count == 0)
		return NULL;
	number->digits_end = p;
	number->digits_exponent = -fraction_digits;

	if (p < end && (*p | 0x20) == 'e')
	{
		const char *q = p + 1;
		bool		negative = false;
		int64_t		exponent = 0;

		if (q < end && (*q == '+' || *q == '-'))
			negative = *q++ == '-';
		if (q < end && is_digit(*q))	/* otherwise the e belongs to somebody else */
		{
			for (; q < end && is_digit(*q); q++)
				if (exponent < EXPONENT_LIMIT)
					exponent = exponent * 10 + (*q - '0');
			number->digits_exponent += negative ? -exponent : exponent;
			p = q;
		}
	}
	number->exponent = number->digits_exponent;
	return p;
}

/* The mantissa again, for texts of more than 19 digits: the first significant 19. */
static void
truncate_mantissa(Decimal *number)
{
	int64_t		rest = number->digit_count;
	int			significant = 0;

	number->mantissa = 0;
	for (const char *p = number->digits; p < number->digits_end; p++)
	{
		if (*p == '.')
			continue;
		if (significant == MANTISSA_DIGITS)
		{
			if (*p == '0')
				continue;
			number->truncated = true;
			break;
		}
		rest--;
		if (significant > 0 || *p != '0')
		{
			number->mantissa = number->mantissa * 10 + (uint64_t) (*p - '0');
			significant++;
		}
	}
	number->exponent = number->digits_exponent + rest;
}

/* ---- way 1: through double ---- */

static inline bool
round_through_double(const Decimal *number, float *value)
{
	static const double power[] = {
		1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
		1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
	};
	double		wide;
	uint64_t	bits;

	if (number->truncated || number->mantissa > (uint64_t) 1 << 53 ||
		number->exponent < -22 || number->exponent > 22)
		return false;
	/* between 1e-22 and 1e38: a normal float */
	wide = (double) number->mantissa;
	if (number->exponent < 0)
		wide /= power[-number->exponent];
	else
		wide *= power[number->exponent];
	memcpy(&bits, &wide, sizeof(bits));
	if ((bits & 0x1fffffff) == 0x10000000)	/* the middle of two floats */
		return false;
	*value = (float) wide;
	return true;
}

/* ---- way 2: an interval ---- */

/* The bits of the float nearest (upper + a little, if sticky) * 2^exponent, ties to even. */
static uint32_t
round_to_bits(uint64_t upper, bool sticky, int exponent)
{
	int			zeros = __builtin_clzll(upper);
	int			top = 63 - zeros + exponent;	/* value in [2^top, 2^(top+1)) */
	int			shift = 40;
	uint64_t	rest;
	uint64_t	tie;
	uint32_t	bits;

	upper <<= zeros;
	if (top > 127)
		return BITS_INFINITY;
	if (top < -126)				/* subnormal: fewer bits */
		shift += -126 - top;
	if (shift > 64)
		return 0;
	tie = (uint64_t) 1 << (shift - 1);
	rest = shift == 64 ? upper : upper & (2 * tie - 1);
	bits = shift == 64 ? 0 : (uint32_t) (upper >> shift);
	bits += rest > tie || (rest == tie && (sticky || (bits & 1)));
	/* `bits` carries the implicit one, which adds one to the exponent field */
	return top < -126 ? bits : bits + ((uint32_t) (top + 126) << 23);
}

/*
 * The bits of the nearest float, when *sure; otherwise of the lower of the
 * two it may be.  The mantissa is not zero.
 */
static uint32_t
round_interval(const Decimal *number, bool *sure)
{
	int			q;
	int			zeros;
	int			exponent;
	uint64_t	power;
	unsigned __int128 product;
	uint64_t	upper;
	uint64_t	slack;
	uint32_t	bits;

	*sure = true;
	if (number->exponent < OMEN_POWER_MIN)
		return 0;				/* below 10^19 * 10^-65, less than half of 2^-149 */
	if (number->exponent > OMEN_POWER_MAX)
		return BITS_INFINITY;	/* at least 10^39 */

	q = (int) number->exponent;
	power = omen_power_of_ten[q - OMEN_POWER_MIN];
	zeros = __builtin_clzll(number->mantissa);
	product = (unsigned __int128) (number->mantissa << zeros) * power;
	upper = (uint64_t) (product >> 64);
	/* 217706 / 2^16 is log2(10), near enough for the floor over this range */
	exponent = (q * 217706 >> 16) - 63 - zeros + 64;
	bits = round_to_bits(upper, (uint64_t) product != 0, exponent);
	if (!number->truncated && q >= 0 && q <= OMEN_POWER_EXACT_MAX)
		return bits;

	/*
	 * The power is short by less than one, which the product feels as less
	 * than 2^64, one in `upper`; a cut mantissa is short by less than
	 * 2^zeros, which the product feels as less than 2^zeros in `upper`; and
	 * `upper` itself was rounded down.
	 */
	slack = 2 + (number->truncated ? (uint64_t) 1 << zeros : 0);
	upper = upper > UINT64_MAX - slack ? UINT64_MAX : upper + slack;
	*sure = bits == round_to_bits(upper, true, exponent);
	return bits;
}

/* ---- way 3: whole numbers ---- */

/*
 * Holds both sides: they are nearly equal, and the written one is at most 120
 * digits (2^399) times 2^151.
 */
typedef struct BigNumber
{
	uint32_t	limb[32];
	int			count;
} BigNumber;

static void
big_multiply_add(BigNumber *n, uint32_t factor, uint32_t addend)
{
	uint64_t	carry = addend;

	for (int i = 0; i < n->count; i++)
	{
		carry += (uint64_t) n->limb[i] * factor;
		n->limb[i] = (uint32_t) carry;
		carry >>= 32;
	}
	if (carry != 0)
		n->limb[n->count++] = (uint32_t) carry;
}

static void
big_multiply_power(BigNumber *n, uint32_t base, int power)
{
	for (int i = 0; i < power; i++)
		big_multiply_add(n, base, 0);
}

static int
big_compare(const BigNumber *a, const BigNumber *b)
{
	if (a->count != b->count)
		return a->count < b->count ? -1 : 1;
	for (int i = a->count - 1; i >= 0; i--)
		if (a->limb[i] != b->limb[i])
			return a->limb[i] < b->limb[i] ? -1 : 1;
	return 0;
}

/* The number's value lies between the floats of bits and bits + 1: which is nearer? */
static uint32_t
round_by_digits(const Decimal *number, uint32_t bits)
{
	BigNumber	written = {.count = 0};
	BigNumber	middle = {.count = 0};
	int64_t		rest = number->digit_count;
	int			significant = 0;
	bool		sticky = false;
	int			power_of_ten;
	int			power_of_two;
	uint32_t	field = bits >> 23;
	int			order;

	for (const char *p = number->digits; p < number->digits_end && !sticky; p++)
	{
		if (*p == '.')
			continue;
		if (significant == SLOW_DIGITS)
		{
			sticky = *p != '0';
			continue;
		}
		rest--;
		if (significant > 0 || *p != '0')
		{
			big_multiply_add(&written, 10, (uint32_t) (*p - '0'));
			significant++;
		}
	}
	power_of_ten = (int) (number->digits_exponent + rest);

	/* middle = (2 * mantissa + 1) * 2^(exponent - 1) */
	big_multiply_add(&middle, 0, 2 * ((bits & 0x7fffff) | (field > 0 ? 0x800000 : 0)) + 1);
	power_of_two = (field > 0 ? (int) field : 1) - 150 - 1;

	/* bring both to whole numbers: 10^k = 5^k * 2^k */
	if (power_of_ten >= 0)
		big_multiply_power(&written, 5, power_of_ten);
	else
		big_multiply_power(&middle, 5, -power_of_ten);
	if (power_of_ten >= power_of_two)
		big_multiply_power(&written, 2, power_of_ten - power_of_two);
	else
		big_multiply_power(&middle, 2, power_of_two - power_of_ten);

	order = big_compare(&written, &middle);
	if (order == 0)
		order = sticky || (bits & 1) ? 1 : -1;
	return order > 0 ? bits + 1 : bits;
}

/* Everything after the fast way; kept apart so that the caller's loop stays small. */
static __attribute__((noinline)) OmenStatus
round_decimal(Decimal *number, float *value)
{
	bool		sure;
	uint32_t	bits;

	if (number->digit_count > MANTISSA_DIGITS)
	{
		truncate_mantissa(number);
		if (round_through_double(number, value))
			return OMEN_OK;
	}
	if (number->mantissa == 0)
	{
		*value = 0;
		return OMEN_OK;
	}
	bits = round_interval(number, &sure);
	if (!sure)
		bits = round_by_digits(number, bits);
	memcpy(value, &bits, sizeof(*value));
	return bits == 0 || bits == BITS_INFINITY ? OMEN_RANGE : OMEN_OK;
}

/* Whether the text starts with the lower-case word, in any case. */
static bool
starts_with(const char *text, const char *end, const char *word)
{
	for (; *word != '\0'; text++, word++)
		if (text == end || (*text | 0x20) != *word)
			return false;
	return true;
}

static const char *
parse_special(const char *text, const char *end, float *value)
{
	if (starts_with(text, end, "inf"))
	{
		*value = __builtin_inff();
		return text + (starts_with(text, end, "infinity") ? 8 : 3);
	}
	if (starts_with(text, end, "nan"))
	{
		*value = __builtin_nanf("");
		return text + 3;
	}
	return NULL;
}

const char *
omen_float_parse(const char *text, const char *end, float *value, OmenStatus *status)
{
	Decimal		number;
	bool		negative;
	const char *after;
	float		magnitude;
	uint32_t	bits;

	*status = OMEN_OK;
	if (text == end)
		return NULL;
	/* without a branch: half of all signs would be mispredicted */
	negative = *text == '-';
	text += negative | (*text == '+');
	after = scan_decimal(text, end, &number);
	if (after == NULL)
		after = parse_special(text, end, &magnitude);
	else if (number.digit_count > MANTISSA_DIGITS || !round_through_double(&number, &magnitude))
		*status = round_decimal(&number, &magnitude);
	if (after != NULL)
	{
		memcpy(&bits, &magnitude, sizeof(bits));
		bits |= (uint32_t) negative << 31;
		memcpy(value, &bits, sizeof(bits));
	}
	return after;
}
