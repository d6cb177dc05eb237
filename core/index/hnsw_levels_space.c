/*
 * hnsw_levels_space.c - coordinates rounded to levels, for L1; see omen/hnsw.h.
 *
 * A row's levels divide what lies between its least and its greatest
 * coordinate evenly.  Rounding errs by up to half a step, independently in
 * each dimension, so a distance errs by about step x sqrt(dim / 12); and where
 * two coordinates are (almost) equal, by a quarter of a step on average, always
 * upwards.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <string.h>

#include "omen/hnsw.h"

/* Coordinates unpacked at a time. */
#define CHUNK 256

typedef struct Scale
{
	float		low;
	float		step;
} Scale;

static uint32_t
payload_bytes(uint32_t dim, uint32_t bits)
{
	return ((uint32_t) sizeof(Scale) + (dim * bits + 7) / 8 + 3) & ~3u;
}

uint32_t
omen_hnsw_level_bits(uint32_t dim, uint32_t m)
{
	for (uint32_t bits = 8; bits > 2; bits /= 2)
		if (omen_graph_node_bytes(m, 0, payload_bytes(dim, bits)) <= OMEN_BODY_BYTES)
			return bits;
	return 2;
}

/* Coordinates from .. from + count; `from` is a multiple of 4. */
static void
unpack(const uint8_t *levels, uint32_t bits, Scale scale, uint32_t from, uint32_t count, float *out)
{
	const uint8_t *at = levels + from * bits / 8;

	if (bits == 8)
		for (uint32_t i = 0; i < count; i++)
			out[i] = scale.low + scale.step * at[i];
	else if (bits == 4)
		for (uint32_t i = 0; i < count; i++)
			out[i] = scale.low + scale.step * (at[i / 2] >> (i % 2 * 4) & 15);
	else
		for (uint32_t i = 0; i < count; i++)
			out[i] = scale.low + scale.step * (at[i / 4] >> (i % 4 * 2) & 3);
}

static float
distance(const OmenGraphSpace *space, const void *query, const uint8_t *payload, float *bound)
{
	const OmenHnswLevels *levels = space->context;
	const float *row = query;
	float		values[CHUNK];
	float		sum = 0;
	Scale		scale;

	memcpy(&scale, payload, sizeof(scale));
	for (uint32_t from = 0; from < levels->dim; from += CHUNK)
	{
		uint32_t	count = levels->dim - from < CHUNK ? levels->dim - from : CHUNK;

		unpack(payload + sizeof(scale), levels->bits, scale, from, count, values);
		sum += omen_simd->l1_f32(values, row + from, count);
	}
	if (bound != NULL)
		*bound = omen_hnsw_bounded(scale.step * (OMEN_HNSW_EPSILON * sqrtf((float) levels->dim / 12) +
												 (float) levels->dim / 4));
	return omen_hnsw_bounded(sum);
}

static void
query_of(const OmenGraphSpace *space, const uint8_t *payload, void *query)
{
	const OmenHnswLevels *levels = space->context;
	Scale		scale;

	memcpy(&scale, payload, sizeof(scale));
	unpack(payload + sizeof(scale), levels->bits, scale, 0, levels->dim, query);
}

OmenGraphSpace
omen_hnsw_levels_space(const OmenHnswLevels *levels)
{
	return (OmenGraphSpace) {
		.payload_bytes = payload_bytes(levels->dim, levels->bits),
		.query_bytes = levels->dim * sizeof(float),
		.distance = distance,
		.query_of = query_of,
		.context = levels,
	};
}

void
omen_hnsw_levels_encode(const OmenHnswLevels *levels, const float *row, uint8_t *payload)
{
	uint32_t	last = (1u << levels->bits) - 1;
	uint8_t    *out = payload + sizeof(Scale);
	float		low = row[0];
	float		high = row[0];
	float		inverse;
	Scale		scale;

	for (uint32_t i = 1; i < levels->dim; i++)
	{
		low = row[i] < low ? row[i] : low;
		high = row[i] > high ? row[i] : high;
	}
	/* Divided before subtracted: the difference may be too large for a float. */
	scale = (Scale) {low, high / (float) last - low / (float) last};
	inverse = scale.step > 0 ? 1 / scale.step : 0;
	memset(payload, 0, payload_bytes(levels->dim, levels->bits));
	memcpy(payload, &scale, sizeof(scale));
	for (uint32_t i = 0; i < levels->dim; i++)
	{
		float		level = (row[i] - low) * inverse + 0.5f;
		uint32_t	whole = !(level > 0) ? 0 : level < (float) last ? (uint32_t) level : last;

		out[i * levels->bits / 8] |= (uint8_t) (whole << (i * levels->bits % 8));
	}
}
