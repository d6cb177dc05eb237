/*
 * dots_i8_scalar.c - a tile of integer dot products, the reference.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "simd_kernels.h"

void
omen_dots_i8_scalar(const int8_t *rows, uint32_t row_count,
					const int8_t *cols, uint32_t col_count,
					uint32_t dim, int32_t *out, uint32_t out_stride)
{
	for (uint32_t r = 0; r < row_count; r++)
	{
		const int8_t *row = rows + (size_t) r * dim;

		for (uint32_t c = 0; c < col_count; c++)
		{
			const int8_t *col = cols + (size_t) c * dim;
			int32_t		sum = 0;

			for (uint32_t i = 0; i < dim; i++)
				sum += row[i] * col[i];
			out[(size_t) r * out_stride + c] = sum;
		}
	}
}

uint32_t
omen_near_i32_scalar(const int32_t *products, const float *base, const float *scale, uint32_t count,
				  float factor, float limit, uint32_t *index, float *values)
{
	uint32_t	found = 0;

	for (uint32_t c = 0; c < count; c++)
	{
		float		value = base[c] - factor * scale[c] * (float) products[c];

		if (value < limit)
		{
			index[found] = c;
			values[found++] = value;
		}
	}
	return found;
}
