/*
 * lanes_avx512.h - masks for the last few elements, and loads under them.
 *
 * A masked load reads nothing outside its mask, so no kernel needs a copy of
 * its last elements.  Included only by files compiled for AVX-512.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_LANES_AVX512_H
#define OMEN_LANES_AVX512_H

#include <immintrin.h>
#include <stdint.h>

/* The lowest min(count, 16) bits. */
static inline __mmask16
mask_up_to_16(uint32_t count)
{
	return count >= 16 ? 0xffff : (__mmask16) ((1u << count) - 1);
}

/* The lowest min(count, 64) bits. */
static inline __mmask64
mask_up_to_64(uint32_t count)
{
	return count >= 64 ? ~(__mmask64) 0 : ((__mmask64) 1 << count) - 1;
}

/* The first min(count, 16) floats at p, zeros after them. */
static inline __m512
load_f32_up_to_16(const float *p, uint32_t count)
{
	return _mm512_maskz_loadu_ps(mask_up_to_16(count), p);
}

/* The first min(count, 16) halves at p as floats, zeros after them. */
static inline __m512
load_f16_up_to_16(const uint16_t *p, uint32_t count)
{
	return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask_up_to_16(count), p));
}

static inline float
add_lanes_f32x4(const __m512 v[4])
{
	return _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(v[0], v[1]), _mm512_add_ps(v[2], v[3])));
}

static inline double
add_lanes_f64x4(const __m512d v[4])
{
	return _mm512_reduce_add_pd(_mm512_add_pd(_mm512_add_pd(v[0], v[1]), _mm512_add_pd(v[2], v[3])));
}

/* Squares of sixteen floats, in double, onto two sums. */
static inline void
add_squares_f64(__m512 x, __m512d *sum_low, __m512d *sum_high)
{
	__m512d		low = _mm512_cvtps_pd(_mm512_castps512_ps256(x));
	__m512d		high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1));

	*sum_low = _mm512_fmadd_pd(low, low, *sum_low);
	*sum_high = _mm512_fmadd_pd(high, high, *sum_high);
}

#endif							/* OMEN_LANES_AVX512_H */
