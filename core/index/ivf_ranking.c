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
#include <math.h>
#include <string.h>

#include "omen/ivf.h"
#include "omen/select.h"

#define LAST OMEN_ADD_LAST
#define TAKEN INFINITY			/* coarse distance of a list that has its rank, or gets none */
#define SAMPLE 64
/* So many more lists are ranked than a search is at: what the coarse codes put just behind may belong in front. */
#define LISTS_AHEAD 16

_Static_assert(sizeof(OmenListRank) == sizeof(OmenKeyed), "ranks are sorted as keyed items");

OmenStatus
omen_ranking_init(OmenRanking *ranking, OmenArena *arena, const OmenIvfModel *model)
{
	ranking->ready = 0;
	ranking->ranks = omen_arena_alloc(arena, model->lists + OMEN_BLOCK_CODES, sizeof(OmenListRank));
	ranking->coarse = omen_arena_alloc(arena, model->lists + OMEN_BLOCK_CODES, sizeof(float));
	return ranking->ranks == NULL || ranking->coarse == NULL ? OMEN_NO_MEMORY : OMEN_OK;
}

void
omen_ranking_begin(OmenRanking *ranking, const OmenIvfModel *model, const OmenCodeQuery *query)
{
	uint32_t	code_bytes = omen_sign_code_bytes(model->dim_padded);
	OmenSumTerms terms = {
		.step = 2.0f * query->lut_step, .base = 2.0f * query->lut_base - query->sum,
		.gap_sq = query->norm_sq, .most = LAST
	};

	ranking->ready = 0;
	ranking->count = model->lists;
	ranking->fine_sum = 0;
	for (uint32_t d = 0; d < model->dim_padded; d++)
		ranking->fine_sum += query->fine[d];
	for (uint32_t first = 0; first < model->lists; first += OMEN_BLOCK_CODES)
	{
		uint32_t	sums[OMEN_BLOCK_CODES] = {0};

		omen_simd->lut_scan(query->lut, model->codes + (size_t) first * code_bytes, code_bytes, sums);
		/* The room past the last list is there: the arrays are padded to whole blocks. */
		omen_simd->sum_estimates(sums, &terms, model->code_add + first, model->code_scale + first,
								 ranking->coarse + first);
	}
}

void
omen_ranking_only(OmenRanking *ranking, const OmenIvfModel *model, const uint8_t *wanted)
{
	ranking->count = 0;
	for (uint32_t l = 0; l < model->lists; l++)
	{
		ranking->coarse[l] = wanted[l] ? ranking->coarse[l] : TAKEN;
		ranking->count += wanted[l];
	}
}

uint64_t
omen_ranking_drop(OmenRanking *ranking, const OmenIvfModel *model, uint32_t from, const uint8_t *wanted)
{
	uint32_t	kept = from;
	uint64_t	postings = 0;

	for (uint32_t r = from; r < ranking->ready; r++)
	{
		ranking->ranks[kept] = ranking->ranks[r];
		kept += wanted[ranking->ranks[r].list];
		postings += wanted[ranking->ranks[r].list] ? 0 : model->start[ranking->ranks[r].list].count;
	}
	ranking->count = ranking->ready = kept;
	for (uint32_t l = 0; l < model->lists; l++)
		if (ranking->coarse[l] != TAKEN)
		{
			ranking->coarse[l] = wanted[l] ? ranking->coarse[l] : TAKEN;
			ranking->count += wanted[l];
			postings += wanted[l] ? 0 : model->start[l].count;
		}
	return postings;
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

/* A distance that somewhat more than `take` of the lists without a rank do not exceed, by a sample. */
static float
sampled_limit(const OmenRanking *ranking, uint32_t lists, uint32_t take)
{
	float		nearest[SAMPLE];
	uint32_t	count = 0;
	float		share = (float) take * SAMPLE / (float) lists;
	/* Two and a half standard deviations of such a rank, and one for its rounding. */
	uint32_t	rank = (uint32_t) (share + 2.0f + 2.5f * sqrtf(share));

	if (lists < 8 * SAMPLE || rank > SAMPLE / 2)
		return LAST;
	for (uint32_t i = 0; i < SAMPLE; i++)
		omen_heap_offer(nearest, &count, rank, ranking->coarse[(uint64_t) i * lists / SAMPLE]);
	return nearest[0] < LAST ? nearest[0] : LAST;
}

/* Gathers, without a branch, the lists within `limit` behind those ready; returns their number. */
static uint32_t
gather(OmenRanking *ranking, uint32_t lists, float limit)
{
	OmenListRank *fresh = ranking->ranks + ranking->ready;
	uint32_t	count = 0;

	for (uint32_t l = 0; l < lists; l++)
	{
		fresh[count] = (OmenListRank) {ranking->coarse[l], l};
		count += ranking->coarse[l] <= limit;
	}
	return count;
}

/* Measures the nearest of those left, so that `want` are ready, in no order. */
static void
measure_more(OmenRanking *ranking, const OmenIvfModel *model, const OmenCodeQuery *query, uint32_t want)
{
	OmenListRank *fresh = ranking->ranks + ranking->ready;
	uint32_t	left = ranking->count - ranking->ready;
	uint32_t	take;
	uint32_t	count;

	if (want <= ranking->ready || left == 0)
		return;
	take = want - ranking->ready;
	take = take < left ? take : left;
	count = gather(ranking, model->lists, sampled_limit(ranking, model->lists, take));
	if (count < take)
		count = gather(ranking, model->lists, LAST);
	omen_select_least((OmenKeyed *) fresh, count, take);
	for (uint32_t i = 0; i < take; i++)
	{
		fresh[i].distance = omen_ranking_distance(ranking, model, query, fresh[i].list);
		ranking->coarse[fresh[i].list] = TAKEN;
	}
	ranking->ready += take;
}

void
omen_ranking_extend(OmenRanking *ranking, const OmenIvfModel *model, const OmenCodeQuery *query,
					uint32_t want)
{
	uint32_t	ready = ranking->ready;

	measure_more(ranking, model, query, want);
	omen_sort_keyed((OmenKeyed *) ranking->ranks + ready, ranking->ready - ready);
}

void
omen_ranking_ahead(OmenRanking *ranking, const OmenIvfModel *model, const OmenCodeQuery *query, uint32_t from,
				   uint32_t want)
{
	uint32_t	ready = ranking->ready;

	want = want < ranking->count ? want : ranking->count;
	measure_more(ranking, model, query, want + want / 8 + LISTS_AHEAD);
	from = from < ready ? from : ready;
	if (ranking->ready > ready)
		omen_sort_keyed((OmenKeyed *) ranking->ranks + from, ranking->ready - from);
}
