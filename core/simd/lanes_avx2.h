/*
 * lanes_avx2.h - loading the last few elements, and adding up the lanes.
 *
 * Included only by files compiled with -mavx2 -mfma -mf16c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_LANES_AVX2_H
#define OMEN_LANES_AVX2_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

/* The first min(count, 8) floats at p, zeros after them. */
static inline __m256
load_f32_up_to_8(const float *p, uint32_t count)
{
	const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);

	if (count >= 8)
		return _mm256_loadu_ps(p);
	return _mm256_maskload_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32((int) count), lane));
}

/* The first min(count, 8) halves at p as floats, zeros after them. */
static inline __m256
load_f16_up_to_8(const uint16_t *p, uint32_t count)
{
	uint16_t	last[8] = {0};

	if (count >= 8)
		return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *) p));
	memcpy(last, p, count * sizeof(*p));
	return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *) last));
}

static inline float
add_lanes_f32(__m256 v)
{
	__m128		s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

	s = _mm_add_ps(s, _mm_movehl_ps(s, s));
	s = _mm_add_ss(s, _mm_movehdup_ps(s));
	return _mm_cvtss_f32(s);
}

static inline float
add_lanes_f32x4(const __m256 v[4])
{
	return add_lanes_f32(_mm256_add_ps(_mm256_add_ps(v[0], v[1]), _mm256_add_ps(v[2], v[3])));
}

static inline double
add_lanes_f64x4(const __m256d v[4])
{
	__m256d		s = _mm256_add_pd(_mm256_add_pd(v[0], v[1]), _mm256_add_pd(v[2], v[3]));
	__m128d		t = _mm_add_pd(_mm256_castpd256_pd128(s), _mm256_extractf128_pd(s, 1));

	return _mm_cvtsd_f64(_mm_add_sd(t, _mm_unpackhi_pd(t, t)));
}

/* Squares of eight floats, in double, onto two sums. */
static inline void
add_squares_f64(__m256 x, __m256d *sum_low, __m256d *sum_high)
{
	__m256d		low = _mm256_cvtps_pd(_mm256_castps256_ps128(x));
	__m256d		high = _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1));

	*sum_low = _mm256_fmadd_pd(low, low, *sum_low);
	*sum_high = _mm256_fmadd_pd(high, high, *sum_high);
}

static inline int32_t
add_lanes_i32(__m256i v)
{
	__m128i		s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));

	s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
	s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
	return _mm_cvtsi128_si32(s);
}

static inline uint64_t
add_lanes_u64(__m256i v)
{
	__m128i		s = _mm_add_epi64(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));

	return (uint64_t) _mm_cvtsi128_si64(_mm_add_epi64(s, _mm_unpackhi_epi64(s, s)));
}

#endif							/* OMEN_LANES_AVX2_H */
