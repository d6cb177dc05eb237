/*
 * dense_f16_neon.c - half vectors: conversions, and the distances on widened halves.
 *
 * Conversion is part of every 64-bit ARM; arithmetic in halves, which is not,
 * would round each sum to eleven bits.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <arm_neon.h>

#include "lanes_neon.h"
#include "simd_kernels.h"

static inline float32x4_t
load_f16(const OmenHalf *p)
{
	return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}

void
omen_f32_from_f16_neon(float *out, const OmenHalf *in, uint32_t dim)
{
	uint32_t	i = 0;

	for (; i + 4 <= dim; i += 4)
		vst1q_f32(out + i, load_f16(in + i));
	if (i < dim)
	{
		float		last[4];

		vst1q_f32(last, load_f16_up_to_4(in + i, dim - i));
		memcpy(out + i, last, (dim - i) * sizeof(*out));
	}
}

void
omen_f16_from_f32_neon(OmenHalf *out, const float *in, uint32_t dim)
{
	uint32_t	i = 0;

	for (; i + 4 <= dim; i += 4)
		vst1_u16(out + i, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(in + i))));
	if (i < dim)
	{
		OmenHalf	last[4];

		vst1_u16(last, vreinterpret_u16_f16(vcvt_f16_f32(load_f32_up_to_4(in + i, dim - i))));
		memcpy(out + i, last, (dim - i) * sizeof(*out));
	}
}

#define ELEMENT OmenHalf
#define KERNEL(op) omen_##op##_f16_neon
#define LOAD(p) load_f16(p)
#define LOAD_UP_TO_4(p, count) load_f16_up_to_4(p, count)

#include "dense_loops_neon.h"
