/*
 * hnsw_space.c - RaBitQ codes as points of a graph; see omen/hnsw.h.
 *
 * A row a and a payload b are at |a|^2 + |b|^2 - 2 <a, b>, with <a, b> from
 * b's code as for any query (rabitq.h).  When a is known by its code alone,
 * its values u times its scale stand for its coordinates: they are right on
 * average, and so are products of two of them.  The lift is one more
 * coordinate, known exactly.
 *
 * A one-bit code is scored as a four-bit one whose nibbles are all 0 or 15.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <string.h>

#include "omen/hnsw.h"

uint32_t
omen_hnsw_code_bytes(uint32_t dim_padded, uint32_t bits)
{
	return dim_padded * bits / 8;
}

uint32_t
omen_hnsw_code_bits(uint32_t dim_padded, uint32_t m)
{
	uint32_t	payload = (uint32_t) sizeof(OmenHnswFactors) + omen_hnsw_code_bytes(dim_padded, 4);

	return omen_graph_node_bytes(m, 0, payload) <= OMEN_BODY_BYTES ? 4 : 1;
}

/* 64 one-bit codes a step, so that the buffer stays small. */
static int32_t
dot_signs(const uint8_t *code, const int16_t *fine, uint32_t dim)
{
	uint8_t		nibbles[OMEN_DIM_ALIGN / 2];
	int32_t		sum = 0;

	for (uint32_t d = 0; d < dim; d += OMEN_DIM_ALIGN)
	{
		for (uint32_t i = 0; i < OMEN_DIM_ALIGN / 2; i++)
		{
			uint32_t	pair = code[(d + 2 * i) / 8] >> (2 * i % 8) & 3;

			nibbles[i] = (uint8_t) ((pair & 1 ? 0x0F : 0) | (pair & 2 ? 0xF0 : 0));
		}
		sum += omen_simd->dot_u4_i16(nibbles, fine + d, OMEN_DIM_ALIGN);
	}
	return sum;
}

static float
distance(const OmenGraphSpace *space, const void *context, const uint8_t *payload, float *bound)
{
	const OmenHnswCodes *codes = space->context;
	const OmenHnswQuery *query = context;
	OmenHnswFactors factors;
	const uint8_t *code = payload + sizeof(factors);
	int32_t		dot;
	float		product;
	float		estimate;

	memcpy(&factors, payload, sizeof(factors));
	dot = codes->bits == 4 ? omen_simd->dot_u4_i16(code, query->fine, codes->dim_padded)
		: dot_signs(code, query->fine, codes->dim_padded);
	product = query->step * (float) dot - 7.5f * query->sum;
	estimate = factors.add + query->norm_sq - 2 * factors.scale * product -
		2 * query->lift * (factors.lift > 0 ? factors.lift : 0);
	if (bound != NULL)
		*bound = OMEN_HNSW_EPSILON * factors.error * query->norm;
	return omen_hnsw_bounded(estimate);
}

static void
query_of(const OmenGraphSpace *space, const uint8_t *payload, void *context)
{
	const OmenHnswCodes *codes = space->context;
	OmenHnswQuery *query = context;
	OmenHnswFactors factors;
	const uint8_t *code = payload + sizeof(factors);
	int32_t		sum = 0;
	float		norm_sq;

	memcpy(&factors, payload, sizeof(factors));
	if (codes->bits == 4)
		for (uint32_t i = 0; i < codes->dim_padded / 2; i++)
		{
			query->fine[2 * i] = (int16_t) (2 * (code[i] & 15) - 15);
			query->fine[2 * i + 1] = (int16_t) (2 * (code[i] >> 4) - 15);
		}
	else
		for (uint32_t d = 0; d < codes->dim_padded; d++)
			query->fine[d] = code[d / 8] >> (d % 8) & 1 ? 15 : -15;
	for (uint32_t d = 0; d < codes->dim_padded; d++)
		sum += query->fine[d];
	query->step = factors.scale / 2;
	query->sum = query->step * (float) sum;
	query->lift = factors.lift > 0 ? factors.lift : 0;
	norm_sq = factors.add - factors.lift * fabsf(factors.lift);
	query->norm = sqrtf(norm_sq > 0 ? norm_sq : 0);
	query->norm_sq = norm_sq + query->lift * query->lift;
}

OmenGraphSpace
omen_hnsw_space(const OmenHnswCodes *codes)
{
	return (OmenGraphSpace) {
		.payload_bytes = (uint32_t) sizeof(OmenHnswFactors) + omen_hnsw_code_bytes(codes->dim_padded, codes->bits),
		.query_bytes = sizeof(OmenHnswQuery) + codes->dim_padded * sizeof(int16_t),
		.distance = distance,
		.query_of = query_of,
		.context = codes,
	};
}

void
omen_hnsw_encode(const OmenHnswCodes *codes, const OmenPoint *point, const float *zeros, uint8_t *payload)
{
	OmenHnswFactors factors = {OMEN_ADD_LAST, 0, 0, 0};
	OmenCodeFactors code = {OMEN_ADD_LAST, 0, 0};
	uint8_t    *bytes = payload + sizeof(factors);

	memset(bytes, 0, omen_hnsw_code_bytes(codes->dim_padded, codes->bits));
	if (!point->last && codes->bits == 4)
		omen_u4_encode(point->vector, zeros, codes->dim_padded, bytes, &code);
	else if (!point->last)
	{
		omen_sign_encode(point->vector, zeros, codes->dim_padded, bytes, &code);
		/* From values of -1 and 1 to those of nibbles, -7.5 and 7.5. */
		code.scale /= 7.5f;
	}
	if (code.add < OMEN_ADD_LAST)
		factors = (OmenHnswFactors) {
			.add = code.add + point->lift_sq,
			.scale = code.scale,
			.error = code.error,
			.lift = point->lift_sq < 0 ? -sqrtf(-point->lift_sq) : sqrtf(point->lift_sq),
		};
	else
		memset(bytes, 0, omen_hnsw_code_bytes(codes->dim_padded, codes->bits));
	memcpy(payload, &factors, sizeof(factors));
}

void
omen_hnsw_query(const OmenHnswCodes *codes, const OmenPoint *point, float lift, OmenHnswQuery *query)
{
	const float *vector = point->vector;
	float		widest = 0;
	float		sum = 0;
	double		absolute = 0;
	float		inverse;
	float		norm_sq = omen_simd->dot_f32(vector, vector, codes->dim_padded);

	/* Every distance overflows: no order to be had, but nothing may break. */
	if (point->last || !(norm_sq < OMEN_ADD_LAST))
	{
		memset(query->fine, 0, codes->dim_padded * sizeof(int16_t));
		query->norm_sq = query->norm = query->lift = query->step = query->sum = 0;
		return;
	}
	for (uint32_t d = 0; d < codes->dim_padded; d++)
	{
		float		magnitude = fabsf(vector[d]);

		widest = magnitude > widest ? magnitude : widest;
		absolute += magnitude;
		sum += vector[d];
	}
	/* As fine as int16 allows while 15 x the sum of magnitudes stays inside int32. */
	query->step = widest / 32767.0f;
	if (absolute * 15.0 / query->step > 2147000000.0)
		query->step = (float) (absolute * 15.0 / 2147000000.0) * 1.0001f;
	inverse = query->step > 1e-35f ? 1.0f / query->step : 0.0f;
	for (uint32_t d = 0; d < codes->dim_padded; d++)
		query->fine[d] = (int16_t) lrintf(vector[d] * inverse);
	query->lift = lift > 0 ? lift : 0;
	query->norm = sqrtf(norm_sq);
	query->norm_sq = norm_sq + query->lift * query->lift;
	query->sum = sum;
}
