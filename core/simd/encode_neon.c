/*
 * encode_neon.c - coding rows, sixteen coordinates a step.
 *
 * Products and sums that decide an integer are rounded apart, as in the scalar
 * kernel; the others are fused.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <arm_neon.h>

#include "simd_kernels.h"

static inline float
add_lanes(const float32x4_t v[4])
{
	return vaddvq_f32(vaddq_f32(vaddq_f32(v[0], v[1]), vaddq_f32(v[2], v[3])));
}

/* The low bytes of sixteen integers, in order. */
static inline uint8x16_t
bytes_of(const uint32x4_t n[4])
{
	return vcombine_u8(vmovn_u16(vcombine_u16(vmovn_u32(n[0]), vmovn_u32(n[1]))),
					   vmovn_u16(vcombine_u16(vmovn_u32(n[2]), vmovn_u32(n[3]))));
}

float
omen_max_abs_f32_neon(const float *values, uint32_t dim)
{
	float32x4_t widest[4] = {vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0)};

	/* FMAXNM gives the number, of a NaN and a number. */
	for (uint32_t i = 0; i < dim; i += 16)
		for (int h = 0; h < 4; h++)
			widest[h] = vmaxnmq_f32(widest[h], vabsq_f32(vld1q_f32(values + i + 4 * h)));
	return vmaxnmvq_f32(vmaxnmq_f32(vmaxnmq_f32(widest[0], widest[1]), vmaxnmq_f32(widest[2], widest[3])));
}

void
omen_i8_from_f32_neon(const float *values, float inverse, uint32_t dim, int8_t *out)
{
	const uint32x4_t half = vreinterpretq_u32_f32(vdupq_n_f32(0.5f));
	const uint32x4_t sign = vdupq_n_u32(0x80000000);

	for (uint32_t i = 0; i < dim; i += 16)
	{
		uint32x4_t	n[4];

		/* FCVTAS would not do: it is right where adding a half first rounds up.  FCVTZS makes a NaN 0. */
		for (int h = 0; h < 4; h++)
		{
			float32x4_t v = vmulq_n_f32(vld1q_f32(values + i + 4 * h), inverse);
			float32x4_t away = vreinterpretq_f32_u32(vbslq_u32(sign, vreinterpretq_u32_f32(v), half));

			n[h] = vreinterpretq_u32_s32(vcvtq_s32_f32(vaddq_f32(v, away)));
		}
		vst1q_s8(out + i, vreinterpretq_s8_u8(bytes_of(n)));
	}
}

OmenSignSums
omen_sign_code_f32_neon(const float *residual, const float *center, uint32_t dim, uint8_t *code)
{
	static const uint8_t bit_of_lane[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
	const uint8x16_t bits = vld1q_u8(bit_of_lane);
	const float32x4_t zero = vdupq_n_f32(0);
	const uint32x4_t sign = vdupq_n_u32(0x80000000);
	float32x4_t square[4] = {zero, zero, zero, zero};
	float32x4_t absolute[4] = {zero, zero, zero, zero};
	float32x4_t product[4] = {zero, zero, zero, zero};

	for (uint32_t i = 0; i < dim; i += 16)
	{
		uint32x4_t	positive[4];
		uint8x16_t	set;

		for (int h = 0; h < 4; h++)
		{
			float32x4_t r = vld1q_f32(residual + i + 4 * h);
			uint32x4_t	c = vreinterpretq_u32_f32(vld1q_f32(center + i + 4 * h));

			positive[h] = vcgezq_f32(r);
			square[h] = vfmaq_f32(square[h], r, r);
			absolute[h] = vaddq_f32(absolute[h], vabsq_f32(r));
			product[h] = vaddq_f32(product[h], vreinterpretq_f32_u32(veorq_u32(c, vbicq_u32(sign, positive[h]))));
		}
		set = vandq_u8(bytes_of(positive), bits);
		code[i / 8] = vaddv_u8(vget_low_u8(set));
		code[i / 8 + 1] = vaddv_u8(vget_high_u8(set));
	}
	return (OmenSignSums) {add_lanes(square), add_lanes(absolute), add_lanes(product)};
}

static inline uint32x4_t
u4_levels(float32x4_t values, float inverse)
{
	float32x4_t level = vaddq_f32(vmulq_n_f32(values, inverse), vdupq_n_f32(8.0f));

	return vcvtq_u32_f32(vminq_f32(vmaxq_f32(level, vdupq_n_f32(0)), vdupq_n_f32(15.0f)));
}

OmenU4Fit
omen_u4_fit_f32_neon(const float *residual, float inverse, uint32_t dim)
{
	const float32x4_t zero = vdupq_n_f32(0);
	float32x4_t product[4] = {zero, zero, zero, zero};
	float32x4_t square[4] = {zero, zero, zero, zero};

	for (uint32_t i = 0; i < dim; i += 16)
		for (int h = 0; h < 4; h++)
		{
			float32x4_t r = vld1q_f32(residual + i + 4 * h);
			float32x4_t u = vsubq_f32(vcvtq_f32_u32(u4_levels(r, inverse)), vdupq_n_f32(7.5f));

			product[h] = vfmaq_f32(product[h], u, r);
			square[h] = vfmaq_f32(square[h], u, u);
		}
	return (OmenU4Fit) {add_lanes(product), add_lanes(square)};
}

float
omen_u4_code_f32_neon(const float *residual, const float *center, float inverse, uint32_t dim, uint8_t *code)
{
	const float32x4_t zero = vdupq_n_f32(0);
	float32x4_t product[4] = {zero, zero, zero, zero};

	for (uint32_t i = 0; i < dim; i += 16)
	{
		uint32x4_t	level[4];
		uint8x16_t	bytes;
		uint8x16_t	pairs;

		for (int h = 0; h < 4; h++)
		{
			float32x4_t u;

			level[h] = u4_levels(vld1q_f32(residual + i + 4 * h), inverse);
			u = vsubq_f32(vcvtq_f32_u32(level[h]), vdupq_n_f32(7.5f));
			product[h] = vfmaq_f32(product[h], u, vld1q_f32(center + i + 4 * h));
		}
		bytes = bytes_of(level);
		pairs = vorrq_u8(vuzp1q_u8(bytes, bytes), vshlq_n_u8(vuzp2q_u8(bytes, bytes), 4));
		vst1_u8(code + i / 2, vget_low_u8(pairs));
	}
	return add_lanes(product);
}
