/*
 * hadamard_scalar.c - fast Walsh-Hadamard transform in place, the reference.
 *
 * Butterflies with strides 1, 2, 4, ... n/2.  The vector variants take the
 * same strides in the same order, so that they round alike, to the last bit.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "simd_kernels.h"

void
omen_hadamard_f32_scalar(float *values, uint32_t n)
{
	for (uint32_t stride = 1; stride < n; stride *= 2)
		for (uint32_t base = 0; base < n; base += 2 * stride)
			for (uint32_t i = base; i < base + stride; i++)
			{
				float		x = values[i];
				float		y = values[i + stride];

				values[i] = x + y;
				values[i + stride] = x - y;
			}
}
