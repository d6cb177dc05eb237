/*
 * rabitq_scalar.c - scoring RaBitQ codes, the reference.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rabitq_query.h"
#include "simd_kernels.h"

void
omen_lut_scan_scalar(const uint8_t *lut, const uint8_t *codes, uint32_t positions,
					 uint32_t sums[OMEN_BLOCK_CODES])
{
	for (uint32_t p = 0; p < positions; p++)
	{
		const uint8_t *low = lut + (size_t) p * 32;
		const uint8_t *high = low + 16;
		const uint8_t *row = codes + (size_t) p * OMEN_BLOCK_CODES;

		for (uint32_t j = 0; j < OMEN_BLOCK_CODES; j++)
			sums[j] += low[row[j] & 15] + high[row[j] >> 4];
	}
}

int32_t
omen_dot_u4_i16_scalar(const uint8_t *code, const int16_t *query, uint32_t dim)
{
	int32_t		sum = 0;

	for (uint32_t i = 0; i < dim / 2; i++)
		sum += (code[i] & 15) * query[2 * i] + (code[i] >> 4) * query[2 * i + 1];
	return sum;
}

int32_t
omen_dot_u8_i16_scalar(const uint8_t *code, const int16_t *query, uint32_t dim)
{
	int32_t		sum = 0;

	for (uint32_t i = 0; i < dim; i++)
		sum += code[i] * query[i];
	return sum;
}

void
omen_lut_fill_scalar(const float *query, uint32_t dim, float inverse, uint8_t *lut)
{
	for (uint32_t i = 0; i < dim; i += 4)
	{
		const float *q = query + i;
		float		entry[16] = {lut_offset(q)};

		/* Every subset's sum from the one without its highest member. */
		for (uint32_t j = 0; j < 4; j++)
			for (uint32_t k = 0; k < (1u << j); k++)
				entry[k | (1u << j)] = entry[k] + q[j];
		for (uint32_t k = 0; k < 16; k++)
		{
			float		level = entry[k] * inverse + 0.5f;

			level = level > 0.0f ? level : 0.0f;
			level = level < OMEN_LUT_MAX ? level : (float) OMEN_LUT_MAX;
			lut[i * 4 + k] = (uint8_t) level;
		}
	}
}

void
omen_i16_from_f32_scalar(int16_t *out, const float *in, float inverse, uint32_t dim)
{
	i16_from_f32(out, in, inverse, dim);
}

uint32_t
omen_sum_bounds_scalar(const uint32_t sums[OMEN_BLOCK_CODES], const OmenSumTerms *terms,
					   const float add[OMEN_BLOCK_CODES], const uint16_t scale[OMEN_BLOCK_CODES],
					   const uint16_t error[OMEN_BLOCK_CODES], float worst,
					   float estimate[OMEN_BLOCK_CODES], float lower[OMEN_BLOCK_CODES])
{
	return sum_bounds(sums, terms, add, scale, error, worst, estimate, lower);
}

void
omen_sum_estimates_scalar(const uint32_t sums[OMEN_BLOCK_CODES], const OmenSumTerms *terms,
						  const float add[OMEN_BLOCK_CODES], const float scale[OMEN_BLOCK_CODES],
						  float estimate[OMEN_BLOCK_CODES])
{
	sum_estimates(sums, terms, add, scale, estimate);
}
