/*
 * hnsw_bits_space.c - bit strings as points of a graph; see omen/hnsw.h.
 *
 * Where a page does not hold all bytes of a string, every so many are kept,
 * and what is counted in them stands for all: a sample, with a sample's error.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <string.h>

#include "omen/hnsw.h"

uint32_t
omen_hnsw_bytes_kept(uint32_t bytes, uint32_t m)
{
	uint32_t	most = OMEN_BODY_BYTES - omen_graph_node_bytes(m, 0, 0);

	most &= ~3u;
	return bytes < most ? bytes : most;
}

/* Strings are short of the page's end by up to three bytes of zeros, which count for nothing. */
static uint32_t
payload_bytes(const OmenHnswBits *bits)
{
	return (bits->kept + 3) & ~3u;
}

/* How far a count c of kept bits may be off, once it stands for `ratio` times as many. */
static float
sampling_error(float count, float ratio)
{
	return ratio > 1 ? OMEN_HNSW_EPSILON * sqrtf(ratio * (ratio - 1) * (count + 1)) : 0;
}

static float
hamming(const OmenGraphSpace *space, const void *query, const uint8_t *payload, float *bound)
{
	const OmenHnswBits *bits = space->context;
	float		ratio = (float) bits->bytes / (float) bits->kept;
	float		count = (float) omen_simd->hamming_bits(query, payload, space->payload_bytes);

	if (bound != NULL)
		*bound = sampling_error(count, ratio);
	return count * ratio;
}

static float
jaccard(const OmenGraphSpace *space, const void *query, const uint8_t *payload, float *bound)
{
	const OmenHnswBits *bits = space->context;
	float		ratio = (float) bits->bytes / (float) bits->kept;
	uint64_t	both;
	uint64_t	either;

	omen_simd->jaccard_bits(query, payload, space->payload_bytes, &both, &either);
	/* Of `either` x ratio bits, those not in both. */
	if (bound != NULL)
		*bound = sampling_error((float) (either - both), ratio) / ((float) either * ratio + 1);
	return both == 0 ? 1 : 1 - (float) ((double) both / (double) either);
}

static void
query_of(const OmenGraphSpace *space, const uint8_t *payload, void *query)
{
	memcpy(query, payload, space->payload_bytes);
}

OmenGraphSpace
omen_hnsw_bits_space(const OmenHnswBits *bits)
{
	return (OmenGraphSpace) {
		.payload_bytes = payload_bytes(bits),
		.query_bytes = payload_bytes(bits),
		.distance = bits->metric == OMEN_HNSW_JACCARD ? jaccard : hamming,
		.query_of = query_of,
		.context = bits,
	};
}

void
omen_hnsw_bits_encode(const OmenHnswBits *bits, const uint8_t *row, uint8_t *payload)
{
	memset(payload, 0, payload_bytes(bits));
	for (uint32_t i = 0; i < bits->kept; i++)
		payload[i] = row[(uint64_t) i * bits->bytes / bits->kept];
}
