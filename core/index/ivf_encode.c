/*
 * ivf_encode.c - a point and a list in, a row record and a posting out; and back.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <string.h>

#include "omen/ivf.h"

/*
 * A point with an error of this length looks that much too far away from
 * everything, near neighbours above all; and it is blurred like by the code's
 * own error.
 */
static void
add_lost(OmenCodeFactors *factors, float lost, uint32_t dim)
{
	float		error = 2.0f * lost / sqrtf((float) (dim - 1));

	factors->add -= lost * lost;
	factors->error = sqrtf(factors->error * factors->error + error * error);
}

static void
take_residual(const OmenIvfModel *model, const OmenPoint *point, uint32_t list, float *center, float *residual)
{
	omen_ivf_centroid(model, list, center);
	for (uint32_t d = 0; d < model->dim_padded; d++)
		residual[d] = point->last ? 0.0f : point->vector[d] - center[d];
}

/* What the point adds to the factors of either code. */
static void
finish_factors(OmenCodeFactors *factors, const OmenPoint *point, uint32_t dim)
{
	if (point->last)
		*factors = (OmenCodeFactors) {OMEN_ADD_LAST, 0.0f, 0.0f};
	else
	{
		/* The lift is the same constant for every code, and no part of what they code. */
		factors->add += point->lift_sq;
		add_lost(factors, point->lost, dim);
	}
}

static void
encode_posting(const OmenIvfModel *model, const OmenPoint *point, const float *residual, const float *center,
			   uint8_t *posting)
{
	uint32_t	dim = model->dim_padded;
	OmenCodeFactors factors;
	OmenPostingFactors stored;

	omen_sign_encode(residual, center, dim, posting, &factors);
	finish_factors(&factors, point, dim);
	stored = (OmenPostingFactors) {
		factors.add,
		omen_bf16_from_float(factors.scale, 0),
		omen_bf16_from_float(factors.error, 1),
		OMEN_NO_SLOT
	};
	if (model->keys > 0)
		memcpy(posting + omen_sign_code_bytes(dim), point->keys, model->keys * OMEN_KEY_BYTES);
	memcpy(posting + omen_sign_code_bytes(dim) + model->keys * OMEN_KEY_BYTES, &stored, sizeof(stored));
}

void
omen_ivf_encode(const OmenIvfModel *model, const OmenPoint *point, uint32_t list, OmenTid tid,
				float *scratch, OmenRowRecord *record, uint8_t *posting)
{
	uint32_t	dim = model->dim_padded;
	float	   *center = scratch;
	float	   *residual = scratch + dim;

	take_residual(model, point, list, center, residual);
	omen_u4_encode(residual, center, dim, (uint8_t *) (record + 1), &record->factors);
	finish_factors(&record->factors, point, dim);
	record->tid = tid;
	record->place = point->place;
	record->reserved = 0;
	record->state = OMEN_ROW_LIVE;
	record->list = list;
	if (model->keys > 0)
		memcpy((uint8_t *) (record + 1) + omen_u4_code_bytes(dim), point->keys, model->keys * OMEN_KEY_BYTES);
	encode_posting(model, point, residual, center, posting);
}

void
omen_ivf_encode_posting(const OmenIvfModel *model, const OmenPoint *point, uint32_t list, float *scratch,
						uint8_t *posting)
{
	take_residual(model, point, list, scratch, scratch + model->dim_padded);
	encode_posting(model, point, scratch + model->dim_padded, scratch, posting);
}

float
omen_ivf_decode(const OmenIvfModel *model, const OmenRowRecord *record, float *out, float *scratch)
{
	uint32_t	dim = model->dim_padded;
	float		lost;

	omen_u4_decode((const uint8_t *) (record + 1), &record->factors, dim, out, &lost);
	omen_ivf_centroid(model, record->list, scratch);
	for (uint32_t d = 0; d < dim; d++)
		out[d] += scratch[d] + model->mean[d];
	return lost;
}
