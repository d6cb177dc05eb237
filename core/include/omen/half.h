/*
 * half.h - one binary16 value to float and back, by its bits.
 *
 * For single values and for the scalar kernels; arrays go through
 * omen_simd->f32_from_f16 and f16_from_f32, which give the same bits.
 * Nothing here depends on the processor's rounding mode or flush-to-zero.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_HALF_H
#define OMEN_HALF_H

#include <string.h>

#include "omen/simd.h"

/* Exact.  A signalling NaN becomes quiet, as the processor's own conversion does. */
static inline float
omen_float_from_half(OmenHalf half)
{
	uint32_t	sign = (uint32_t) (half & 0x8000) << 16;
	uint32_t	magnitude = half & 0x7fff;
	uint32_t	bits;
	float		value;

	if (magnitude >= 0x7c00)	/* infinity or NaN */
		bits = 0x7f800000 | (magnitude & 0x3ff) << 13 | (magnitude > 0x7c00 ? 0x400000 : 0);
	else if (magnitude >= 0x0400)	/* normal: exponent bias 15 to 127 */
		bits = (magnitude << 13) + 0x38000000;
	else						/* subnormal: a count of 2^-24, normal in binary32 */
	{
		value = (float) magnitude * 0x1p-24f;
		memcpy(&bits, &value, sizeof(bits));
	}
	bits |= sign;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* Round to nearest, ties to even; 65520 and above become infinity. */
static inline OmenHalf
omen_half_from_float(float value)
{
	uint32_t	bits;
	uint32_t	sign;
	uint32_t	magnitude;

	memcpy(&bits, &value, sizeof(bits));
	sign = bits >> 16 & 0x8000;
	magnitude = bits & 0x7fffffff;

	if (magnitude > 0x7f800000)
		return sign | 0x7e00 | (magnitude >> 13 & 0x3ff);
	if (magnitude >= 0x477ff000)	/* 65520, halfway past the largest */
		return sign | 0x7c00;
	if (magnitude >= 0x38800000)	/* 2^-14: normal in binary16 */
	{
		uint32_t	rebased = magnitude - 0x38000000;

		return sign | (rebased + 0xfff + (rebased >> 13 & 1)) >> 13;
	}
	if (magnitude <= 0x33000000)	/* 2^-25, the tie between zero and the smallest */
		return sign;

	{
		uint32_t	mantissa = (magnitude & 0x7fffff) | 0x800000;
		uint32_t	shift = 126 - (magnitude >> 23);
		uint32_t	rest = mantissa & ((1u << shift) - 1);
		uint32_t	tie = 1u << (shift - 1);
		uint32_t	half = mantissa >> shift;

		half += rest > tie || (rest == tie && (half & 1));
		return sign | half;
	}
}

#endif							/* OMEN_HALF_H */
