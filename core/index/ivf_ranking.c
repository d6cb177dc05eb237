/*
 * ivf_ranking.c - which lists are nearest to a query.
 *
 * All centroids are scored by their sign codes, with the same kernel and the
 * same table as rows; the nearest of those are then measured with eight bits
 * a dimension, which is what a centroid is.  Only as many are measured as the
 * search turns out to need.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "omen/ivf.h"
#include "omen/select.h"

OmenStatus
omen_ranking_init(OmenRanking *ranking, OmenArena *arena, const OmenIvfModel *model)
{
	ranking->ready = 0;
	ranking->ranks = omen_arena_alloc(arena, model->lists + OMEN_BLOCK_CODES, sizeof(OmenListRank));
	return ranking->ranks == NULL ? OMEN_NO_MEMORY : OMEN_OK;
}

void
omen_ranking_begin(OmenRanking *ranking, const OmenIvfModel *model, const OmenCodeQuery *query)
{
	uint32_t	code_bytes = omen_sign_code_bytes(model->dim_padded);

	ranking->ready = 0;
	ranking->fine_sum = 0;
	for (uint32_t d = 0; d < model->dim_padded; d++)
		ranking->fine_sum += query->fine[d];
	for (uint32_t first = 0; first < model->lists; first += OMEN_BLOCK_CODES)
	{
		uint32_t	sums[OMEN_BLOCK_CODES] = {0};

		omen_simd->lut_scan(query->lut, model->codes + (size_t) first * code_bytes, code_bytes, sums);
		/* The room past the last list is there: the arrays are padded to whole blocks. */
		for (uint32_t i = 0; i < OMEN_BLOCK_CODES; i++)
		{
			float		product = omen_sign_product(query, sums[i]);

			ranking->ranks[first + i].distance = query->norm_sq + model->code_add[first + i] -
				2.0f * model->code_scale[first + i] * product;
			ranking->ranks[first + i].list = first + i;
		}
	}
}

float
omen_ranking_distance(const OmenRanking *ranking, const OmenIvfModel *model, const OmenCodeQuery *query,
					  uint32_t list)
{
	const uint8_t *values = model->values + (size_t) list * model->dim_padded;
	int32_t		dot = omen_simd->dot_u8_i16(values, query->fine, model->dim_padded);
	float		product = model->scale[list] * query->fine_step *
		(float) ((int64_t) dot - 128 * ranking->fine_sum);
	float		main_sq = query->norm_sq + model->norm_sq[list] - 2.0f * product;

	/* Rounding must not make a squared length negative. */
	return (main_sq > 0 ? main_sq : 0.0f) + model->extra_sq[list];
}

void
omen_ranking_extend(OmenRanking *ranking, const OmenIvfModel *model, const OmenCodeQuery *query,
					uint32_t want)
{
	OmenListRank *fresh = ranking->ranks + ranking->ready;
	uint32_t	left = model->lists - ranking->ready;
	uint32_t	take;

	if (want <= ranking->ready || left == 0)
		return;
	take = want - ranking->ready;
	take = take < left ? take : left;
	omen_select_least((OmenKeyed *) fresh, left, take);
	for (uint32_t i = 0; i < take; i++)
		fresh[i].distance = omen_ranking_distance(ranking, model, query, fresh[i].list);
	omen_sort_keyed((OmenKeyed *) fresh, take);
	ranking->ready += take;
}
