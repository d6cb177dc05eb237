/*
 * ivf_nearest.c - the list that a row belongs to.
 *
 * All centroids are scored by their sign codes, as when lists are ranked for a
 * query, and the few best are measured with eight bits a dimension.  Since
 * only the first counts, they need not be selected exactly: of every eight
 * centroids the least score is kept, and the CANDIDATES-th least of those
 * bounds the scores that are looked at again.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <string.h>

#include "omen/ivf.h"

/* Lists measured with eight bits, or a few more: so many may pass for nearer by their sign codes. */
#define CANDIDATES 12
/* Lanes of a block, every fourth of which are one group: minima are then found lane by lane. */
#define GROUPS 4
/* Blocks scored at a time, so that their sums are cleared at a time. */
#define RUN 8

OmenStatus
omen_nearest_init(OmenNearest *nearest, OmenArena *arena, uint32_t lists)
{
	size_t		blocks = (lists + OMEN_BLOCK_CODES - 1) / OMEN_BLOCK_CODES;

	nearest->scores = omen_arena_alloc(arena, blocks * OMEN_BLOCK_CODES, sizeof(float));
	nearest->least = omen_arena_alloc(arena, blocks * GROUPS, sizeof(float));
	return nearest->scores == NULL || nearest->least == NULL ? OMEN_NO_MEMORY : OMEN_OK;
}

/* Scores: squared distances, the row's own length and lift left out. */
static void
score_block(const OmenIvfModel *model, uint32_t first, const uint32_t *sums, float slope, float base, float lift,
			float *scores, float *least)
{
	const float *add = model->code_add + first;
	const float *scale = model->code_scale + first;

	for (uint32_t i = 0; i < OMEN_BLOCK_CODES; i++)
		scores[i] = add[i] + scale[i] * (slope * (float) (int32_t) sums[i] + base);
	for (uint32_t i = 0; lift > 0 && i < OMEN_BLOCK_CODES && first + i < model->lists; i++)
		scores[i] -= 2.0f * lift * sqrtf(model->extra_sq[first + i]);
	/* The room past the last list is there, but holds no list. */
	for (uint32_t i = model->lists - first; i < OMEN_BLOCK_CODES; i++)
		scores[i] = INFINITY;
	for (uint32_t g = 0; g < GROUPS; g++)
		least[g] = scores[g];
	for (uint32_t i = GROUPS; i < OMEN_BLOCK_CODES; i += GROUPS)
		for (uint32_t g = 0; g < GROUPS; g++)
			least[g] = scores[i + g] < least[g] ? scores[i + g] : least[g];
}

/* The CANDIDATES-th least of so many, or INFINITY when there are fewer. */
static float
find_limit(const float *least, uint32_t count)
{
	float		best[CANDIDATES];

	for (uint32_t i = 0; i < CANDIDATES; i++)
		best[i] = INFINITY;
	for (uint32_t i = 0; i < count; i++)
		if (least[i] < best[CANDIDATES - 1])
		{
			uint32_t	at = CANDIDATES - 1;

			for (; at > 0 && best[at - 1] > least[i]; at--)
				best[at] = best[at - 1];
			best[at] = least[i];
		}
	return best[CANDIDATES - 1];
}

uint32_t
omen_nearest_list(OmenNearest *nearest, const OmenIvfModel *model, const OmenCodeQuery *query, float lift)
{
	uint32_t	code_bytes = omen_sign_code_bytes(model->dim_padded);
	uint32_t	blocks = (model->lists + OMEN_BLOCK_CODES - 1) / OMEN_BLOCK_CODES;
	float		slope = -4.0f * query->lut_step;
	float		base = -2.0f * omen_sign_product(query, 0);
	OmenRanking fine = {0};
	float		limit;
	float		best = INFINITY;
	uint32_t	list = 0;

	for (uint32_t begin = 0; begin < blocks; begin += RUN)
	{
		uint32_t	sums[RUN * OMEN_BLOCK_CODES];
		uint32_t	end = blocks - begin < RUN ? blocks : begin + RUN;

		memset(sums, 0, sizeof(sums));
		for (uint32_t b = begin; b < end; b++)
		{
			uint32_t	first = b * OMEN_BLOCK_CODES;
			uint32_t   *of_block = sums + (b - begin) * OMEN_BLOCK_CODES;

			omen_simd->lut_scan(query->lut, model->codes + (size_t) first * code_bytes, code_bytes, of_block);
			score_block(model, first, of_block, slope, base, lift, nearest->scores + first,
						nearest->least + b * GROUPS);
		}
	}
	limit = find_limit(nearest->least, blocks * GROUPS);
	for (uint32_t d = 0; d < model->dim_padded; d++)
		fine.fine_sum += query->fine[d];
	for (uint32_t g = 0; g < blocks * GROUPS; g++)
	{
		uint32_t	first = g / GROUPS * OMEN_BLOCK_CODES + g % GROUPS;

		if (nearest->least[g] > limit)
			continue;
		for (uint32_t l = first; l < first / OMEN_BLOCK_CODES * OMEN_BLOCK_CODES + OMEN_BLOCK_CODES; l += GROUPS)
			if (nearest->scores[l] <= limit && l < model->lists && !omen_list_retired(model, l))
			{
				float		distance = omen_ranking_distance(&fine, model, query, l) -
					2.0f * lift * sqrtf(model->extra_sq[l]);

				if (distance < best || (distance == best && l < list))
				{
					best = distance;
					list = l;
				}
			}
	}
	return list;
}
