/*
 * rabitq.c - see omen/rabitq.h for the formulas and their source.
 *
 * Sums run over 16 lanes, so that the compiler may use whatever vectors the
 * baseline has without being allowed to reorder floats.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <string.h>

#include "omen/rabitq.h"

#define LANES 16

static float
lane_sum(const float *lanes)
{
	float		sum = 0;

	for (uint32_t i = 0; i < LANES; i++)
		sum += lanes[i];
	return sum;
}

/* |r| tan(angle between r and its code), twice, over sqrt(dim - 1): what one unit of |g| may cost. */
static float
error_factor(float norm_sq, float cosine_sq, uint32_t dim)
{
	float		tangent_sq = cosine_sq < 1.0f ? (1.0f - cosine_sq) / cosine_sq : 0.0f;

	return 2.0f * sqrtf(norm_sq * tangent_sq / (float) (dim - 1));
}

static void
set_last(OmenCodeFactors *factors)
{
	*factors = (OmenCodeFactors) {OMEN_ADD_LAST, 0.0f, 0.0f};
}

void
omen_sign_encode(const float *residual, const float *center, uint32_t dim,
				 uint8_t *code, OmenCodeFactors *factors)
{
	OmenSignSums sums = omen_simd->sign_code_f32(residual, center, dim, code);
	float		norm_sq = sums.norm_sq;
	float		l1 = sums.l1;
	float		product = sums.center_product;

	if (!(norm_sq < OMEN_ADD_LAST) || !isfinite(product))
	{
		set_last(factors);
		return;
	}
	factors->scale = 0;
	factors->error = 0;
	if (l1 > 0 && norm_sq > 0)
	{
		float		scale = norm_sq / l1;
		float		error = error_factor(norm_sq, l1 * l1 / (norm_sq * (float) dim), dim);

		factors->scale = omen_float_from_bf16(omen_bf16_from_float(scale, 0));
		factors->error = omen_float_from_bf16(omen_bf16_from_float(error, 1));
	}
	factors->add = norm_sq + 2.0f * factors->scale * product;
	if (!isfinite(factors->add) || !isfinite(factors->scale) || !isfinite(factors->error))
		set_last(factors);
}

/*
 * Rotated residuals have nearly Gaussian coordinates, for which the best
 * uniform 16-level step is 0.335 standard deviations (Max 1960); the steps
 * around it serve short or odd vectors.  Searching every critical step, as
 * the paper does, gains less than 0.0005 of the cosine.
 */
static const float u4_steps[] = {0.24f, 0.28f, 0.31f, 0.335f, 0.37f};

void
omen_u4_encode(const float *residual, const float *center, uint32_t dim,
			   uint8_t *code, OmenCodeFactors *factors)
{
	float		norm_sq = omen_simd->dot_f32(residual, residual, dim);
	float		sigma = sqrtf(norm_sq / (float) dim);
	float		best = -1.0f;
	float		best_inverse = 0.0f;
	float		best_product = 0.0f;
	float		center_product;

	if (!(norm_sq < OMEN_ADD_LAST))
	{
		memset(code, 0x88, omen_u4_code_bytes(dim));
		set_last(factors);
		return;
	}
	for (uint32_t s = 0; s < sizeof(u4_steps) / sizeof(u4_steps[0]) && sigma > 1e-30f; s++)
	{
		float		inverse = 1.0f / (u4_steps[s] * sigma);
		OmenU4Fit	fit = omen_simd->u4_fit_f32(residual, inverse, dim);
		float		cosine_sq = fit.product * fit.product / (fit.norm_sq * norm_sq);

		if (cosine_sq > best)
		{
			best = cosine_sq;
			best_inverse = inverse;
			best_product = fit.product;
		}
	}
	center_product = omen_simd->u4_code_f32(residual, center, best_inverse, dim, code);
	factors->scale = 0;
	factors->error = 0;
	if (best_product > 0)
	{
		factors->scale = norm_sq / best_product;
		factors->error = error_factor(norm_sq, best, dim);
	}
	factors->add = norm_sq + 2.0f * factors->scale * center_product;
	if (!isfinite(factors->add) || !isfinite(factors->scale) || !isfinite(factors->error))
		set_last(factors);
}

void
omen_u4_decode(const uint8_t *code, const OmenCodeFactors *factors, uint32_t dim,
			   float *out, float *error_norm)
{
	for (uint32_t i = 0; i < dim; i++)
		out[i] = factors->scale * ((float) ((code[i / 2] >> (4 * (i & 1))) & 15) - 7.5f);
	/*
	 * |r| tan(angle between r and its code); and what rounding may have hidden
	 * of it when the code is nearly exact, for the tangent comes from a cosine.
	 */
	*error_norm = sqrtf(factors->error * factors->error * (float) (dim - 1) / 4.0f +
						omen_simd->dot_f32(out, out, dim) * (float) (64 + dim) * 0x1p-22f);
}

OmenStatus
omen_code_query_init(OmenCodeQuery *query, OmenArena *arena, uint32_t dim)
{
	memset(query, 0, sizeof(*query));
	query->dim = dim;
	query->vector = omen_arena_zero(arena, dim, sizeof(float));
	query->lut = omen_arena_alloc(arena, dim / 8, 32);
	query->fine = omen_arena_alloc(arena, dim, sizeof(int16_t));
	if (query->vector == NULL || query->lut == NULL || query->fine == NULL)
		return OMEN_NO_MEMORY;
	return OMEN_OK;
}

/*
 * Table entries are sums of up to four coordinates, taken above the least
 * such sum of their nibble (the sum of its negative coordinates) and in steps
 * that make the widest nibble just fit 0 .. OMEN_LUT_MAX.
 */
static void
prepare_lut(OmenCodeQuery *query, float magnitudes)
{
	const float *q = query->vector;
	float		most[LANES] = {0};
	float		widest = 0;
	float		inverse;

	for (uint32_t i = 0; i < query->dim; i += 4 * LANES)
		for (uint32_t j = 0; j < LANES; j++)
		{
			const float *four = q + i + 4 * j;
			float		width = (fabsf(four[0]) + fabsf(four[1])) + (fabsf(four[2]) + fabsf(four[3]));

			most[j] = width > most[j] ? width : most[j];
		}
	for (uint32_t j = 0; j < LANES; j++)
		widest = most[j] > widest ? most[j] : widest;
	/* What is negative: half of what the sum falls short of the magnitudes. */
	query->lut_base = 0.5f * (query->sum - magnitudes);
	query->lut_step = widest / OMEN_LUT_MAX;
	inverse = widest > 0 ? OMEN_LUT_MAX / widest : 0.0f;
	omen_simd->lut_fill(q, query->dim, inverse, query->lut);
}

/* As fine as int16 allows while 15 x the sum of magnitudes stays inside int32. */
static void
prepare_fine(OmenCodeQuery *query, float magnitudes)
{
	const float *q = query->vector;
	float		most[LANES] = {0};
	double		sum;
	float		widest = 0;
	float		inverse;

	for (uint32_t i = 0; i < query->dim; i += LANES)
		for (uint32_t j = 0; j < LANES; j++)
		{
			float		magnitude = fabsf(q[i + j]);

			most[j] = magnitude > most[j] ? magnitude : most[j];
		}
	for (uint32_t j = 0; j < LANES; j++)
		widest = most[j] > widest ? most[j] : widest;
	/* A little more, for what was lost in adding. */
	sum = magnitudes * 1.0001;
	query->fine_step = widest / 32767.0f;
	/* 255 rather than 15: centroids, eight bits wide, meet the same query. */
	if (sum * 255.0 / query->fine_step > 2147000000.0)
		query->fine_step = (float) (sum * 255.0 / 2147000000.0) * 1.0001f;
	/* A subnormal step could not be divided by; such a query is a zero query. */
	inverse = query->fine_step > 1e-35f ? 1.0f / query->fine_step : 0.0f;
	omen_simd->i16_from_f32(query->fine, q, inverse, query->dim);
}

void
omen_code_query_prepare(OmenCodeQuery *query)
{
	float		sums[LANES] = {0};
	float		magnitudes[LANES] = {0};

	query->norm_sq = omen_simd->dot_f32(query->vector, query->vector, query->dim);
	if (!(query->norm_sq < OMEN_ADD_LAST))
	{
		/* Every distance overflows: no order to be had, but nothing may break. */
		memset(query->vector, 0, query->dim * sizeof(float));
		query->norm_sq = 0;
	}
	for (uint32_t i = 0; i < query->dim; i += LANES)
		for (uint32_t j = 0; j < LANES; j++)
		{
			sums[j] += query->vector[i + j];
			magnitudes[j] += fabsf(query->vector[i + j]);
		}
	query->sum = lane_sum(sums);
	prepare_lut(query, lane_sum(magnitudes));
	prepare_fine(query, lane_sum(magnitudes));
}

float
omen_u4_product(const OmenCodeQuery *query, const uint8_t *code)
{
	int32_t		dot = omen_simd->dot_u4_i16(code, query->fine, query->dim);

	return query->fine_step * (float) dot - 7.5f * query->sum;
}

void
omen_block_pack(const uint8_t *codes, size_t stride, uint32_t count, uint32_t code_bytes,
				uint32_t width, uint8_t *out)
{
	/* Eight bytes of each code at a time: the reads are the scattered side. */
	for (uint32_t p = 0; p < code_bytes; p += 8)
	{
		uint64_t	words[OMEN_BLOCK_CODES] = {0};

		for (uint32_t j = 0; j < count; j++)
			memcpy(&words[j], codes + j * stride + p, 8);
		for (uint32_t b = 0; b < 8; b++)
		{
			uint8_t    *row = out + (size_t) (p + b) * width;

			for (uint32_t j = 0; j < width; j++)
				row[j] = (uint8_t) (words[j] >> (8 * b));
		}
	}
}
