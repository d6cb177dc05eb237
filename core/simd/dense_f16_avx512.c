/*
 * dense_f16_avx512.c - half vectors: conversions, and the distances on widened halves.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <immintrin.h>

#include "lanes_avx512.h"
#include "simd_kernels.h"

#define NEAREST (_MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)

static inline __m512
load_f16(const OmenHalf *p)
{
	return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *) p));
}

void
omen_f32_from_f16_avx512(float *out, const OmenHalf *in, uint32_t dim)
{
	for (uint32_t i = 0; i < dim; i += 16)
	{
		__mmask16	mask = mask_up_to_16(dim - i);

		_mm512_mask_storeu_ps(out + i, mask, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, in + i)));
	}
}

void
omen_f16_from_f32_avx512(OmenHalf *out, const float *in, uint32_t dim)
{
	for (uint32_t i = 0; i < dim; i += 16)
	{
		__mmask16	mask = mask_up_to_16(dim - i);

		_mm256_mask_storeu_epi16(out + i, mask, _mm512_cvtps_ph(_mm512_maskz_loadu_ps(mask, in + i), NEAREST));
	}
}

#define ELEMENT OmenHalf
#define KERNEL(op) omen_##op##_f16_avx512
#define LOAD(p) load_f16(p)
#define LOAD_UP_TO_16(p, count) load_f16_up_to_16(p, count)

#include "dense_loops_avx512.h"
