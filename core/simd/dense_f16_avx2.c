/*
 * dense_f16_avx2.c - half vectors by F16C: conversions, and the distances on
 * widened halves.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <immintrin.h>

#include "lanes_avx2.h"
#include "simd_kernels.h"

#define NEAREST (_MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)

static inline __m256
load_f16(const OmenHalf *p)
{
	return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *) p));
}

void
omen_f32_from_f16_avx2(float *out, const OmenHalf *in, uint32_t dim)
{
	uint32_t	i = 0;

	for (; i + 8 <= dim; i += 8)
		_mm256_storeu_ps(out + i, load_f16(in + i));
	if (i < dim)
	{
		float		last[8];

		_mm256_storeu_ps(last, load_f16_up_to_8(in + i, dim - i));
		memcpy(out + i, last, (dim - i) * sizeof(*out));
	}
}

void
omen_f16_from_f32_avx2(OmenHalf *out, const float *in, uint32_t dim)
{
	uint32_t	i = 0;

	for (; i + 8 <= dim; i += 8)
		_mm_storeu_si128((__m128i *) (out + i),
						 _mm256_cvtps_ph(_mm256_loadu_ps(in + i), NEAREST));
	if (i < dim)
	{
		OmenHalf	last[8];

		_mm_storeu_si128((__m128i *) last,
						 _mm256_cvtps_ph(load_f32_up_to_8(in + i, dim - i), NEAREST));
		memcpy(out + i, last, (dim - i) * sizeof(*out));
	}
}

#define ELEMENT OmenHalf
#define KERNEL(op) omen_##op##_f16_avx2
#define LOAD(p) load_f16(p)
#define LOAD_UP_TO_8(p, count) load_f16_up_to_8(p, count)

#include "dense_loops_avx2.h"
