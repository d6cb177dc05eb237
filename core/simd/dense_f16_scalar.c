/*
 * dense_f16_scalar.c - half vectors: conversions and distances, the reference.
 *
 * Every half is exact in float, so sums are those of the float kernels.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>

#include "omen/half.h"
#include "simd_kernels.h"

void
omen_f32_from_f16_scalar(float *out, const OmenHalf *in, uint32_t dim)
{
	for (uint32_t i = 0; i < dim; i++)
		out[i] = omen_float_from_half(in[i]);
}

void
omen_f16_from_f32_scalar(OmenHalf *out, const float *in, uint32_t dim)
{
	for (uint32_t i = 0; i < dim; i++)
		out[i] = omen_half_from_float(in[i]);
}

float
omen_l2sq_f16_scalar(const OmenHalf *a, const OmenHalf *b, uint32_t dim)
{
	float		sum = 0;

	for (uint32_t i = 0; i < dim; i++)
	{
		float		diff = omen_float_from_half(a[i]) - omen_float_from_half(b[i]);

		sum += diff * diff;
	}
	return sum;
}

float
omen_dot_f16_scalar(const OmenHalf *a, const OmenHalf *b, uint32_t dim)
{
	float		sum = 0;

	for (uint32_t i = 0; i < dim; i++)
		sum += omen_float_from_half(a[i]) * omen_float_from_half(b[i]);
	return sum;
}

float
omen_l1_f16_scalar(const OmenHalf *a, const OmenHalf *b, uint32_t dim)
{
	float		sum = 0;

	for (uint32_t i = 0; i < dim; i++)
		sum += fabsf(omen_float_from_half(a[i]) - omen_float_from_half(b[i]));
	return sum;
}

OmenCosineParts
omen_cosine_f16_scalar(const OmenHalf *a, const OmenHalf *b, uint32_t dim)
{
	OmenCosineParts parts = {0};

	for (uint32_t i = 0; i < dim; i++)
	{
		float		x = omen_float_from_half(a[i]);
		float		y = omen_float_from_half(b[i]);

		parts.dot += x * y;
		parts.norm_sq_a += x * x;
		parts.norm_sq_b += y * y;
	}
	return parts;
}

double
omen_norm_sq_f16_scalar(const OmenHalf *a, uint32_t dim)
{
	double		sum = 0;

	for (uint32_t i = 0; i < dim; i++)
	{
		double		x = omen_float_from_half(a[i]);

		sum += x * x;
	}
	return sum;
}
