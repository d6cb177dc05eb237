/*
 * ivf_spill.c - whether a second list a row pays.
 *
 * Spilling doubles what every list scans, and lets far fewer be scanned where
 * neighbours lie scattered; where clusters are clear it only doubles.  So both
 * are calibrated on the sample that the lists were trained on, and compared at
 * equal recall.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "omen/ivf.h"
#include "omen/spill.h"

/* What is compared: the codes scanned to find such a share of the nearest so many in the whole. */
#define SPILL_K 10
#define SPILL_LEVEL 0.97f
/* A second posting a row doubles what must be in memory: worth it when no more than this part of the scan is left. */
#define SPILL_COST_MAX 0.4

typedef struct SpillTrial
{
	OmenIvfModel *model;
	const OmenByteRows *sample;
	const OmenByteRows *centroids;
	const float *centroid_sq;
	float	   *own_sq;			/* [sample->count] the lift included */
	double	   *spread;			/* [lists] sums */
} SpillTrial;

/* The lists' spread, by their own rows. */
static void
find_spread(SpillTrial *trial, const uint32_t *list)
{
	const OmenByteRows *sample = trial->sample;
	const OmenByteRows *centroids = trial->centroids;
	OmenListStart *start = trial->model->start;

	for (uint32_t r = 0; r < sample->count; r++)
	{
		uint32_t	l = list[r];
		float		product = sample->extra ? sample->extra[r] * centroids->extra[l] : 0.0f;
		int32_t		bytes;

		omen_simd->dots_i8(sample->values + (size_t) r * sample->dim, 1,
						   centroids->values + (size_t) l * sample->dim, 1, sample->dim, &bytes, 1);
		product += sample->scale[r] * centroids->scale[l] * (float) bytes;
		trial->spread[l] += trial->own_sq[r] + trial->centroid_sq[l] - 2.0f * product;
		start[l].count++;
	}
	for (uint32_t l = 0; l < trial->model->lists; l++)
		start[l].spread = start[l].count ? (float) (trial->spread[l] / start[l].count) : 0.0f;
}

/* As long as the lists will be of all rows: what opening a list costs does not grow with it. */
static void
count_postings(OmenListStart *start, uint32_t lists, const uint32_t *list, size_t postings, double share)
{
	for (uint32_t l = 0; l < lists; l++)
		start[l].count = 0;
	for (size_t i = 0; i < postings; i++)
		start[list[i]].count++;
	for (uint32_t l = 0; l < lists; l++)
		start[l].count = (uint32_t) (start[l].count / share);
}

OmenStatus
omen_ivf_spill_pays(OmenIvfModel *model, const OmenByteRows *sample, const OmenByteRows *centroids,
					const OmenByteRows *queries, double share, OmenArena *scratch, int *pays)
{
	uint32_t	lists = model->lists;
	SpillTrial	trial = {.model = model, .sample = sample, .centroids = centroids};
	OmenCalibrator *calibrator;
	OmenAssigner assigner;
	OmenStatus	status;
	float	   *lift_sq = omen_arena_zero(scratch, sample->count, sizeof(float));
	float	   *norm_sq = omen_arena_alloc(scratch, sample->count, sizeof(float));
	uint32_t   *list = omen_arena_alloc(scratch, (size_t) sample->count * 2, sizeof(uint32_t));
	double		cost[2];
	/* Of a thin sample the nearest one stands for as many. */
	uint32_t	k = share * SPILL_K < 3 ? 1 : SPILL_K;

	*pays = 0;
	trial.own_sq = omen_arena_alloc(scratch, sample->count, sizeof(float));
	trial.spread = omen_arena_zero(scratch, lists, sizeof(double));
	if (lift_sq == NULL || norm_sq == NULL || list == NULL || trial.own_sq == NULL ||
		trial.spread == NULL)
		return OMEN_NO_MEMORY;
	status = omen_calibrator_create(&calibrator, scratch, model, queries);
	if (status != OMEN_OK || calibrator == NULL)
		return status;
	for (uint32_t r = 0; r < sample->count; r++)
	{
		trial.own_sq[r] = omen_byte_row_norm_sq(sample, r);
		lift_sq[r] = sample->extra ? sample->extra[r] * sample->extra[r] : 0.0f;
		norm_sq[r] = trial.own_sq[r] - lift_sq[r];
	}
	status = omen_assigner_init(&assigner, scratch, centroids);
	if (status != OMEN_OK)
		return status;
	omen_assigner_refresh(&assigner);
	trial.centroid_sq = assigner.norm_sq;
	omen_spill_assign(&assigner, sample, list, list + sample->count);
	omen_calibrator_add(calibrator, sample, list, list + sample->count, norm_sq, lift_sq);
	find_spread(&trial, list);
	for (uint32_t side = 0; side < 2; side++)
	{
		count_postings(model->start, lists, list, (size_t) sample->count * (side + 1), share);
		status = omen_calibrator_cost(calibrator, model, side, k, SPILL_LEVEL, scratch, &cost[side]);
		if (status != OMEN_OK)
			return status;
	}
	*pays = cost[1] < cost[0] * SPILL_COST_MAX;
	for (uint32_t l = 0; l < lists; l++)
		model->start[l] = (OmenListStart) {{0, 0}, 0, 0};
	return OMEN_OK;
}
