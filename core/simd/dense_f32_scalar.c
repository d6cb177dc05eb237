/*
 * dense_f32_scalar.c - distances between float vectors, the reference.
 *
 * Four running sums instead of one: a rounding error then grows with a
 * quarter of the dimension, and a processor without our vector sets is not
 * held up by the latency of one chain of additions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>

#include "simd_kernels.h"

float
omen_l2sq_f32_scalar(const float *a, const float *b, uint32_t dim)
{
	float		sum[4] = {0};
	uint32_t	i = 0;

	for (; i + 4 <= dim; i += 4)
		for (uint32_t lane = 0; lane < 4; lane++)
		{
			float		diff = a[i + lane] - b[i + lane];

			sum[lane] += diff * diff;
		}
	for (; i < dim; i++)
		sum[0] += (a[i] - b[i]) * (a[i] - b[i]);
	return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

float
omen_dot_f32_scalar(const float *a, const float *b, uint32_t dim)
{
	float		sum[4] = {0};
	uint32_t	i = 0;

	for (; i + 4 <= dim; i += 4)
		for (uint32_t lane = 0; lane < 4; lane++)
			sum[lane] += a[i + lane] * b[i + lane];
	for (; i < dim; i++)
		sum[0] += a[i] * b[i];
	return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

float
omen_l1_f32_scalar(const float *a, const float *b, uint32_t dim)
{
	float		sum[4] = {0};
	uint32_t	i = 0;

	for (; i + 4 <= dim; i += 4)
		for (uint32_t lane = 0; lane < 4; lane++)
			sum[lane] += fabsf(a[i + lane] - b[i + lane]);
	for (; i < dim; i++)
		sum[0] += fabsf(a[i] - b[i]);
	return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

OmenCosineParts
omen_cosine_f32_scalar(const float *a, const float *b, uint32_t dim)
{
	return (OmenCosineParts) {
		.dot = omen_dot_f32_scalar(a, b, dim),
		.norm_sq_a = omen_dot_f32_scalar(a, a, dim),
		.norm_sq_b = omen_dot_f32_scalar(b, b, dim),
	};
}

double
omen_norm_sq_f32_scalar(const float *a, uint32_t dim)
{
	double		sum[2] = {0};
	uint32_t	i = 0;

	for (; i + 2 <= dim; i += 2)
		for (uint32_t lane = 0; lane < 2; lane++)
			sum[lane] += (double) a[i + lane] * a[i + lane];
	if (i < dim)
		sum[0] += (double) a[i] * a[i];
	return sum[0] + sum[1];
}
