/*
 * encode_scalar.c - coding rows: bytes, signs, four-bit levels.
 *
 * Sums run over 16 lanes, so that the compiler may use whatever vectors the
 * baseline has without being allowed to reorder floats.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>

#include "simd_kernels.h"

#define LANES 16

static float
lane_sum(const float *lanes)
{
	float		sum = 0;

	for (uint32_t i = 0; i < LANES; i++)
		sum += lanes[i];
	return sum;
}

float
omen_max_abs_f32_scalar(const float *values, uint32_t dim)
{
	float		lanes[LANES] = {0};
	float		widest = 0;

	for (uint32_t i = 0; i < dim; i += LANES)
		for (uint32_t j = 0; j < LANES; j++)
		{
			float		magnitude = fabsf(values[i + j]);

			lanes[j] = magnitude > lanes[j] ? magnitude : lanes[j];
		}
	for (uint32_t j = 0; j < LANES; j++)
		widest = lanes[j] > widest ? lanes[j] : widest;
	return widest;
}

void
omen_i8_from_f32_scalar(const float *values, float inverse, uint32_t dim, int8_t *out)
{
	for (uint32_t i = 0; i < dim; i++)
	{
		float		value = values[i] * inverse;

		value = value == value ? value : 0.0f;
		out[i] = (int8_t) (int32_t) (value + (value < 0 ? -0.5f : 0.5f));
	}
}

OmenSignSums
omen_sign_code_f32_scalar(const float *residual, const float *center, uint32_t dim, uint8_t *code)
{
	float		square[LANES] = {0};
	float		absolute[LANES] = {0};
	float		signed_center[LANES] = {0};

	for (uint32_t i = 0; i < dim; i += LANES)
	{
		uint32_t	bits = 0;

		for (uint32_t j = 0; j < LANES; j++)
		{
			float		r = residual[i + j];
			float		c = center[i + j];

			square[j] += r * r;
			absolute[j] += fabsf(r);
			signed_center[j] += r >= 0 ? c : -c;
		}
		for (uint32_t j = 0; j < LANES; j++)
			bits |= (uint32_t) (residual[i + j] >= 0) << j;
		code[i / 8] = (uint8_t) bits;
		code[i / 8 + 1] = (uint8_t) (bits >> 8);
	}
	return (OmenSignSums) {lane_sum(square), lane_sum(absolute), lane_sum(signed_center)};
}

static inline int32_t
u4_level(float value, float inverse)
{
	float		level = value * inverse + 8.0f;

	level = level < 0.0f ? 0.0f : level;
	level = level > 15.0f ? 15.0f : level;
	return (int32_t) level;
}

OmenU4Fit
omen_u4_fit_f32_scalar(const float *residual, float inverse, uint32_t dim)
{
	float		products[LANES] = {0};
	float		squares[LANES] = {0};

	for (uint32_t i = 0; i < dim; i += LANES)
		for (uint32_t j = 0; j < LANES; j++)
		{
			float		u = (float) u4_level(residual[i + j], inverse) - 7.5f;

			products[j] += u * residual[i + j];
			squares[j] += u * u;
		}
	return (OmenU4Fit) {lane_sum(products), lane_sum(squares)};
}

float
omen_u4_code_f32_scalar(const float *residual, const float *center, float inverse, uint32_t dim, uint8_t *code)
{
	float		products[LANES] = {0};

	for (uint32_t i = 0; i < dim; i += LANES)
	{
		int32_t		level[LANES];

		for (uint32_t j = 0; j < LANES; j++)
		{
			level[j] = u4_level(residual[i + j], inverse);
			products[j] += ((float) level[j] - 7.5f) * center[i + j];
		}
		for (uint32_t j = 0; j < LANES; j += 2)
			code[(i + j) / 2] = (uint8_t) (level[j] | level[j + 1] << 4);
	}
	return lane_sum(products);
}
