/*
 * ivf_revise.c - a model with other lists, for rows whose records stay as they are.
 *
 * A record's four-bit code is relative to its list's centroid, so a list that
 * is given up cannot be forgotten while there are such records.  It is retired:
 * its centroid stays, and its sign code is infinitely far from everything, so
 * that neither a query nor a new row is led to it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <string.h>

#include "omen/ivf.h"

void
omen_ivf_model_centroids(const OmenIvfModel *model, OmenByteRows *out)
{
	for (size_t i = 0; i < (size_t) model->lists * model->dim_padded; i++)
		out->values[i] = (int8_t) (model->values[i] - 128);
	for (uint32_t l = 0; l < model->lists; l++)
	{
		out->scale[l] = model->scale[l];
		if (out->extra != NULL)
			out->extra[l] = sqrtf(model->extra_sq[l]);
	}
}

OmenStatus
omen_ivf_model_assigner(const OmenIvfModel *model, OmenArena *arena, OmenByteRows *centroids, OmenAssigner *assigner)
{
	OmenStatus	status = omen_byte_rows_init(centroids, arena, model->dim_padded, model->lists,
											 model->metric == OMEN_INNER_PRODUCT);

	if (status == OMEN_OK)
	{
		omen_ivf_model_centroids(model, centroids);
		status = omen_assigner_init(assigner, arena, centroids);
	}
	if (status != OMEN_OK)
		return status;
	omen_assigner_refresh(assigner);
	for (uint32_t l = 0; l < model->lists; l++)
		if (omen_list_retired(model, l))
			omen_assigner_leave_out(assigner, l);
	return OMEN_OK;
}

OmenStatus
omen_ivf_model_revise(OmenIvfModel *model, uint8_t *bytes, const OmenIvfModel *old, const OmenByteRows *centroids,
					  const uint8_t *retired, OmenArena *scratch)
{
	omen_ivf_model_create(model, bytes, old->dim, centroids->count, old->metric);
	model->keys = old->keys;
	*model->lift_sq = *old->lift_sq;
	*model->unit = *old->unit;
	*model->spilled = *old->spilled;
	*model->calibration = *old->calibration;
	memcpy(model->mean, old->mean, old->dim_padded * sizeof(float));
	if (omen_ivf_model_set_centroids(model, centroids, scratch) != OMEN_OK)
		return OMEN_NO_MEMORY;
	for (uint32_t l = 0; l < model->lists; l++)
		if (retired[l])
			model->code_add[l] = INFINITY;
		else if (l < old->lists)
			model->start[l].spread = old->start[l].spread;
	return OMEN_OK;
}
