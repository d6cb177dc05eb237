/*
 * lanes_neon.h - loading the last few elements, and adding up the lanes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_LANES_NEON_H
#define OMEN_LANES_NEON_H

#include <arm_neon.h>
#include <stdint.h>
#include <string.h>

/* The first min(count, 4) floats at p, zeros after them. */
static inline float32x4_t
load_f32_up_to_4(const float *p, uint32_t count)
{
	float		last[4] = {0};

	if (count >= 4)
		return vld1q_f32(p);
	memcpy(last, p, count * sizeof(*p));
	return vld1q_f32(last);
}

/* The first min(count, 4) halves at p as floats, zeros after them. */
static inline float32x4_t
load_f16_up_to_4(const uint16_t *p, uint32_t count)
{
	uint16_t	last[4] = {0};

	if (count >= 4)
		return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
	memcpy(last, p, count * sizeof(*p));
	return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(last)));
}

static inline float
add_lanes_f32x4(const float32x4_t v[4])
{
	return vaddvq_f32(vaddq_f32(vaddq_f32(v[0], v[1]), vaddq_f32(v[2], v[3])));
}

static inline double
add_lanes_f64x4(const float64x2_t v[4])
{
	return vaddvq_f64(vaddq_f64(vaddq_f64(v[0], v[1]), vaddq_f64(v[2], v[3])));
}

/* Squares of four floats, in double, onto two sums. */
static inline void
add_squares_f64(float32x4_t x, float64x2_t *sum_low, float64x2_t *sum_high)
{
	float64x2_t low = vcvt_f64_f32(vget_low_f32(x));
	float64x2_t high = vcvt_high_f64_f32(x);

	*sum_low = vfmaq_f64(*sum_low, low, low);
	*sum_high = vfmaq_f64(*sum_high, high, high);
}

#endif							/* OMEN_LANES_NEON_H */
