/*
 * sparse_scalar.c - inner product of two sparse vectors.
 *
 * A merge of the two index lists.  Which list moves on depends on data no
 * branch predictor can guess, so the steps are computed, not branched on;
 * only the rare match is a branch.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "simd_kernels.h"

float
omen_dot_sparse_scalar(const int32_t *index_a, const float *value_a, uint32_t count_a,
					   const int32_t *index_b, const float *value_b, uint32_t count_b)
{
	float		sum = 0;
	uint32_t	i = 0;
	uint32_t	j = 0;

	while (i < count_a && j < count_b)
	{
		int32_t		x = index_a[i];
		int32_t		y = index_b[j];

		if (x == y)
			sum += value_a[i] * value_b[j];
		i += x <= y;
		j += y <= x;
	}
	return sum;
}
