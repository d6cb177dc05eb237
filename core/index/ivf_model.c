/*
 * ivf_model.c - the model's bytes, and how vectors enter index space.
 *
 * The model is one run of bytes with its sections in a fixed order, each
 * beginning at a multiple of 64.  It is built in place, written to pages and
 * read back as it is; a reader checks the header against the meta page and
 * every list's place against the packed run, for it comes from disk.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <string.h>

#include "omen/ivf.h"

#define MODEL_MAGIC 0x4C444D6Fu
#define MODEL_VERSION 2

/*
 * Vectors shorter or longer have no direction that the operator, which squares
 * in single precision, could tell: it answers NaN, or something that has
 * nothing to do with their angle.
 */
#define COSINE_NORM_SQ_MIN 1e-34
#define COSINE_NORM_SQ_MAX 3e38

typedef struct ModelHeader
{
	uint32_t	magic;
	uint32_t	version;
	uint32_t	dim;
	uint32_t	lists;
	uint32_t	metric;
	float		lift_sq;
	uint32_t	spilled;
	OmenCalibration calibration;
	float		unit;			/* 0 in those written before there was one */
} ModelHeader;

static uint32_t
lists_padded(uint32_t lists)
{
	return (lists + OMEN_BLOCK_CODES - 1) / OMEN_BLOCK_CODES * OMEN_BLOCK_CODES;
}

/* The next section: its start, with *end moved past it. */
static size_t
section(size_t *end, size_t count, size_t item_bytes)
{
	size_t		start = *end;

	*end = (start + count * item_bytes + 63) & ~(size_t) 63;
	return start;
}

enum
{
	SECTION_HEADER, SECTION_MEAN, SECTION_SCALE, SECTION_EXTRA, SECTION_NORM, SECTION_START,
	SECTION_CODE_ADD, SECTION_CODE_SCALE, SECTION_CODES, SECTION_VALUES, SECTION_COUNT
};

/* Where each section begins; returns the length of the whole. */
static size_t
find_sections(uint32_t dim_padded, uint32_t list_count, size_t *at)
{
	size_t		end = 0;
	size_t		lists = list_count;
	size_t		padded = lists_padded(list_count);

	at[SECTION_HEADER] = section(&end, 1, sizeof(ModelHeader));
	at[SECTION_MEAN] = section(&end, dim_padded, sizeof(float));
	at[SECTION_SCALE] = section(&end, lists, sizeof(float));
	at[SECTION_EXTRA] = section(&end, lists, sizeof(float));
	at[SECTION_NORM] = section(&end, lists, sizeof(float));
	at[SECTION_START] = section(&end, lists, sizeof(OmenListStart));
	at[SECTION_CODE_ADD] = section(&end, padded, sizeof(float));
	at[SECTION_CODE_SCALE] = section(&end, padded, sizeof(float));
	at[SECTION_CODES] = section(&end, padded, omen_sign_code_bytes(dim_padded));
	at[SECTION_VALUES] = section(&end, lists, dim_padded);
	return end;
}

/* Points the view's members into its bytes. */
static void
lay_out(OmenIvfModel *model, uint8_t *bytes)
{
	size_t		at[SECTION_COUNT];
	ModelHeader *header = (ModelHeader *) bytes;

	model->byte_count = find_sections(model->dim_padded, model->lists, at);
	model->bytes = bytes;
	model->lift_sq = &header->lift_sq;
	model->unit = &header->unit;
	model->spilled = &header->spilled;
	model->calibration = &header->calibration;
	model->mean = (float *) (bytes + at[SECTION_MEAN]);
	model->scale = (float *) (bytes + at[SECTION_SCALE]);
	model->extra_sq = (float *) (bytes + at[SECTION_EXTRA]);
	model->norm_sq = (float *) (bytes + at[SECTION_NORM]);
	model->start = (OmenListStart *) (bytes + at[SECTION_START]);
	model->code_add = (float *) (bytes + at[SECTION_CODE_ADD]);
	model->code_scale = (float *) (bytes + at[SECTION_CODE_SCALE]);
	model->codes = bytes + at[SECTION_CODES];
	model->values = bytes + at[SECTION_VALUES];
}

size_t
omen_ivf_model_bytes(uint32_t dim, uint32_t lists)
{
	size_t		at[SECTION_COUNT];

	return find_sections(omen_dim_padded(dim), lists, at);
}

size_t
omen_ivf_map_bytes(const OmenIvfMeta *meta)
{
	size_t		entries = (size_t) meta->packed_pages + omen_directory_pages(omen_tails(meta));

	if (meta->keys > 0)
		entries += (size_t) meta->lists + meta->key_pages;
	return entries * sizeof(uint32_t) + omen_digest_bytes(meta->lists, meta->keys, meta->digest_words);
}

void
omen_ivf_model_create(OmenIvfModel *model, uint8_t *bytes, uint32_t dim, uint32_t lists, OmenMetric metric)
{
	ModelHeader *header = (ModelHeader *) bytes;

	memset(model, 0, sizeof(*model));
	model->dim = dim;
	model->dim_padded = omen_dim_padded(dim);
	model->lists = lists;
	model->metric = metric;
	lay_out(model, bytes);
	memset(bytes, 0, model->byte_count);
	header->magic = MODEL_MAGIC;
	header->version = MODEL_VERSION;
	header->dim = dim;
	header->lists = lists;
	header->metric = metric;
	header->unit = 1;
}

OmenStatus
omen_ivf_model_open(OmenIvfModel *model, uint8_t *bytes, size_t byte_count, const OmenIvfMeta *meta,
					OmenError *err)
{
	const ModelHeader *header = (const ModelHeader *) bytes;
	size_t		expected = omen_ivf_model_bytes(meta->dim, meta->lists) + omen_ivf_map_bytes(meta);

	memset(model, 0, sizeof(*model));
	if (byte_count != expected)
		return omen_fail(err, OMEN_CORRUPT, "its model has %zu bytes where %zu were expected",
						 byte_count, expected);
	if (header->magic != MODEL_MAGIC || header->dim != meta->dim || header->lists != meta->lists ||
		header->metric != meta->metric)
		return omen_fail(err, OMEN_CORRUPT, "its model contradicts its meta page");
	if (header->version != MODEL_VERSION)
		return omen_fail(err, OMEN_UNSUPPORTED, "its model has format version %u, this build reads %u",
						 header->version, MODEL_VERSION);
	model->dim = meta->dim;
	model->dim_padded = omen_dim_padded(meta->dim);
	model->lists = meta->lists;
	model->metric = (OmenMetric) meta->metric;
	lay_out(model, bytes);
	if (!(*model->unit > 0))
		*model->unit = 1;
	model->keys = meta->keys;
	bytes += model->byte_count;
	omen_digest_lay_out(&model->digests, bytes, model->lists, model->keys, meta->digest_words);
	model->packed_map = (const uint32_t *) (bytes + omen_digest_bytes(meta->lists, meta->keys, meta->digest_words));
	model->directory_map = model->packed_map + meta->packed_pages;
	if (model->keys > 0)
	{
		model->key_start = model->directory_map + omen_directory_pages(omen_tails(meta));
		model->key_map = model->key_start + meta->lists;
	}
	for (uint32_t l = 0; l < model->lists; l++)
	{
		const OmenListStart *start = &model->start[l];

		if (start->count > 0 &&
			(start->place.page >= meta->packed_pages || start->place.offset >= OMEN_BODY_BYTES))
			return omen_fail(err, OMEN_CORRUPT, "list %u begins outside the packed pages", l);
		if (model->keys > 0 && start->count > 0 &&
			((uint64_t) model->key_start[l] + (start->count - 1) / OMEN_BLOCK_CODES + 1) * model->keys >
			(uint64_t) meta->key_pages * OMEN_LANES_PER_PAGE)
			return omen_fail(err, OMEN_CORRUPT, "list %u has its keys outside their pages", l);
	}
	return OMEN_OK;
}

OmenStatus
omen_ivf_model_set_centroids(OmenIvfModel *model, const OmenByteRows *centroids, OmenArena *scratch)
{
	uint32_t	dim = model->dim_padded;
	uint32_t	code_bytes = omen_sign_code_bytes(dim);
	float	   *center = omen_arena_alloc(scratch, dim, sizeof(float));
	float	   *origin = omen_arena_zero(scratch, dim, sizeof(float));
	uint8_t    *codes = omen_arena_zero(scratch, OMEN_BLOCK_CODES, code_bytes);

	if (center == NULL || origin == NULL || codes == NULL)
		return OMEN_NO_MEMORY;
	for (uint32_t first = 0; first < model->lists; first += OMEN_BLOCK_CODES)
	{
		uint32_t	left = model->lists - first;
		uint32_t	count = left < OMEN_BLOCK_CODES ? left : OMEN_BLOCK_CODES;

		for (uint32_t i = 0; i < count; i++)
		{
			uint32_t	l = first + i;
			float		extra = centroids->extra ? centroids->extra[l] : 0.0f;
			OmenCodeFactors factors;

			for (uint32_t d = 0; d < dim; d++)
				model->values[(size_t) l * dim + d] = (uint8_t) (centroids->values[(size_t) l * dim + d] + 128);
			model->scale[l] = centroids->scale[l];
			model->extra_sq[l] = extra * extra;
			omen_ivf_centroid(model, l, center);
			model->norm_sq[l] = omen_simd->dot_f32(center, center, dim);
			omen_sign_encode(center, origin, dim, codes + (size_t) i * code_bytes, &factors);
			model->code_add[l] = factors.add + model->extra_sq[l];
			model->code_scale[l] = factors.scale;
		}
		omen_block_pack(codes, code_bytes, count, code_bytes, OMEN_BLOCK_CODES,
						model->codes + (size_t) first * code_bytes);
	}
	return OMEN_OK;
}

void
omen_ivf_centroid(const OmenIvfModel *model, uint32_t list, float *out)
{
	const uint8_t *values = model->values + (size_t) list * model->dim_padded;
	float		scale = model->scale[list];

	for (uint32_t d = 0; d < model->dim_padded; d++)
		out[d] = scale * (float) ((int32_t) values[d] - 128);
}

/*
 * 4.4 lists a square root of the rows: from 4.4 to 7 a search ranks and scans
 * as much (docs/experiments.md), and each list takes memory.  Never fewer than
 * 64 rows a list, since a scan block holds 32 codes and training wants 50; one
 * list while scanning all of it costs a few microseconds.
 */
uint32_t
omen_ivf_lists_for(uint64_t rows)
{
	uint64_t	by_root = (uint64_t) (4.4 * sqrt((double) rows));
	uint64_t	by_size = rows / 64;
	uint64_t	lists = by_root < by_size ? by_root : by_size;

	if (rows < 1024 || lists < 2)
		return 1;
	return lists < (1u << 20) ? (uint32_t) lists : 1u << 20;
}

/*
 * A tail's first page is full when the rows have grown by half.  With a tail of
 * its own for each of many short lists the pages would be mostly air, several
 * times what the rows take.  Whoever reads a tail passes over the postings of
 * the other lists, which costs a comparison each.
 */
uint32_t
omen_ivf_lists_per_tail(uint64_t rows, uint32_t lists, uint32_t dim_padded, uint32_t keys)
{
	uint64_t	share = rows < lists ? lists : 2 * (uint64_t) lists * omen_postings_per_tail(dim_padded, keys) / rows;

	return share < 1 ? 1 : share < lists ? (uint32_t) share : lists;
}

void
omen_ivf_point(const OmenRotation *rotation, OmenMetric metric, const float *mean, float lift_sq,
			   const float *vector, float *scratch, OmenPoint *point)
{
	uint32_t	dim = rotation->dim_padded;
	float	   *out = point->vector;
	double		norm_sq = 0;

	point->last = 0;
	point->lost = 0;
	point->lift_sq = 0;
	point->place = (OmenTid) {0, 0, 0};
	if (metric != OMEN_L2)
		norm_sq = omen_simd->norm_sq_f32(vector, rotation->dim) * rotation->unit * rotation->unit;
	omen_rotation_apply(rotation, vector, out, scratch);
	if (metric == OMEN_COSINE)
	{
		float		inverse;

		point->last = !(norm_sq >= COSINE_NORM_SQ_MIN && norm_sq <= COSINE_NORM_SQ_MAX);
		inverse = point->last ? 0.0f : (float) (1.0 / sqrt(norm_sq));
		for (uint32_t d = 0; d < dim; d++)
			out[d] *= inverse;
	}
	else if (metric == OMEN_INNER_PRODUCT)
		point->lift_sq = lift_sq - (float) norm_sq;
	if (mean != NULL)
		for (uint32_t d = 0; d < dim; d++)
			out[d] -= mean[d];
	if (!isfinite(omen_simd->dot_f32(out, out, dim)) || !isfinite(point->lift_sq))
		point->last = 1;
}

double
omen_ivf_query(const OmenRotation *rotation, const OmenIvfModel *model, const float *vector, float *scratch,
			   OmenPoint *point)
{
	OmenRotation alone = omen_rotation_alone(rotation);
	double		length = model->calibration->query_length;
	double		scale;
	float	   *out = point->vector;

	if (!(length > 0))
		length = sqrt(*model->lift_sq);
	scale = length / sqrt(omen_simd->norm_sq_f32(vector, rotation->dim));
	if (model->metric != OMEN_INNER_PRODUCT || !(scale > 0) || !isfinite(scale))
	{
		omen_ivf_point(&alone, model->metric, model->mean, *model->lift_sq, vector, scratch, point);
		return rotation->unit;
	}
	/* Before the mean is taken off: beside it a short query would be lost. */
	omen_ivf_point(&alone, model->metric, NULL, *model->lift_sq, vector, scratch, point);
	for (uint32_t d = 0; d < rotation->dim_padded; d++)
		out[d] = (float) (scale * out[d]) - model->mean[d];
	return scale * rotation->unit;
}
