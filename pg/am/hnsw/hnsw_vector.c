/*
 * hnsw_vector.c - a row or query on its way into the index: from a datum to
 * what core's forms measure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include "am/hnsw/hnsw_am.h"
#include "type/bits.h"
#include "type/sparsevec.h"

/* One row in so many may have more elements than its node has room for. */
#define LONG_ROWS 50

void
hnsw_vector_init(HnswVector *vector, const HnswModel *model, const HnswType *type)
{
	uint32		dim = model->codes.dim_padded;

	*vector = (HnswVector) {.model = model, .type = type};
	if (model->form == OMEN_HNSW_CODES)
	{
		vector->point = (OmenPoint) {.vector = palloc(dim * sizeof(float))};
		vector->scratch = palloc(dim * sizeof(float));
	}
	if (model->form == OMEN_HNSW_CODES || model->form == OMEN_HNSW_LEVELS)
		vector->room = palloc(Max(dim, model->dim) * sizeof(float));
	if (model->form == OMEN_HNSW_SPARSE)
		vector->order = palloc(OMEN_HNSW_ELEMENTS_MAX * sizeof(OmenKeyed));
	vector->payload = palloc(model->space.payload_bytes);
	vector->query = palloc0(model->space.query_bytes);
}

/* ---- reading datums ---- */

static void
to_point(HnswVector *vector, Datum value)
{
	const HnswModel *model = vector->model;

	ivf_point_from_datum(&vector->type->dense, &model->rotation, (OmenMetric) model->metric, model->mean,
						 model->lift_sq, value, vector->room, vector->scratch, &vector->point);
}

static const float *
to_floats(HnswVector *vector, Datum value)
{
	int			dim = vector->type->dense.dim(value);

	if (dim != (int) vector->model->dim)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("different vector dimensions %u and %d", vector->model->dim, dim)));
	return vector->type->dense.floats(value, vector->room);
}

static const uint8 *
to_bits(HnswVector *vector, Datum value)
{
	VarBit	   *bits = DatumGetVarBitP(value);

	if (VARBITLEN(bits) != (int) vector->model->dim)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("different bit lengths %u and %d", vector->model->dim, VARBITLEN(bits))));
	return VARBITS(bits);
}

static OmenSparseRow
to_sparse(HnswVector *vector, Datum value)
{
	SparseVector *vec = DatumGetSparseVector(value);

	omen_check_same_dim("sparsevec", (int) vector->model->dim, vec->dim);
	return (OmenSparseRow) {vec->indices, SPARSEVEC_VALUES(vec), (uint32) vec->nnz};
}

/* ---- payloads and queries ---- */

void
hnsw_vector_row(HnswVector *vector, Datum value)
{
	const HnswModel *model = vector->model;
	OmenHnswFactors factors;
	OmenSparseRow sparse;

	switch (model->form)
	{
		case OMEN_HNSW_CODES:
			to_point(vector, value);
			omen_hnsw_encode(&model->codes, &vector->point, model->zeros, vector->payload);
			memcpy(&factors, vector->payload, sizeof(factors));
			omen_hnsw_query(&model->codes, &vector->point, factors.lift, vector->query);
			break;
		case OMEN_HNSW_LEVELS:
			memcpy(vector->query, to_floats(vector, value), model->dim * sizeof(float));
			omen_hnsw_levels_encode(&model->levels, vector->query, vector->payload);
			break;
		case OMEN_HNSW_BITS:
			omen_hnsw_bits_encode(&model->bits, to_bits(vector, value), vector->payload);
			memcpy(vector->query, vector->payload, model->space.payload_bytes);
			break;
		case OMEN_HNSW_SPARSE:
			sparse = to_sparse(vector, value);
			omen_hnsw_sparse_encode(&model->sparse, sparse, vector->order, vector->payload);
			omen_hnsw_sparse_query(&model->sparse, sparse, true, vector->query);
			break;
	}
}

void
hnsw_vector_query(HnswVector *vector, Datum value)
{
	const HnswModel *model = vector->model;
	OmenSparseRow sparse;

	switch (model->form)
	{
		case OMEN_HNSW_CODES:
			to_point(vector, value);
			omen_hnsw_query(&model->codes, &vector->point, 0, vector->query);
			vector->norm_sq = omen_simd->norm_sq_f32(to_floats(vector, value), model->dim);
			break;
		case OMEN_HNSW_LEVELS:
			memcpy(vector->query, to_floats(vector, value), model->dim * sizeof(float));
			break;
		case OMEN_HNSW_BITS:
			omen_hnsw_bits_encode(&model->bits, to_bits(vector, value), vector->query);
			break;
		case OMEN_HNSW_SPARSE:
			sparse = to_sparse(vector, value);
			omen_hnsw_sparse_query(&model->sparse, sparse, false, vector->query);
			vector->norm_sq = omen_simd->norm_sq_f32(sparse.values, sparse.count);
			break;
	}
}

/* ---- looking at rows before the build ---- */

void
hnsw_look_init(HnswLook *look, const HnswModel *model)
{
	*look = (HnswLook) {0};
	if (model->form == OMEN_HNSW_CODES)
		look->sum = palloc0(model->codes.dim_padded * sizeof(double));
	if (model->form == OMEN_HNSW_SPARSE)
		look->elements = palloc(HNSW_LOOK_ROWS * sizeof(uint32));
}

void
hnsw_look_at(HnswLook *look, HnswVector *vector, Datum value)
{
	const HnswModel *model = vector->model;
	OmenPoint  *point = &vector->point;
	OmenSparseRow sparse;

	if (model->form == OMEN_HNSW_SPARSE)
	{
		sparse = to_sparse(vector, value);
		look->longest_sq = Max(look->longest_sq, omen_simd->norm_sq_f32(sparse.values, sparse.count));
		look->elements[look->rows++] = sparse.count;
		return;
	}
	/* Neither mean nor lift are known yet: the lift of a row is less its own squared length. */
	ivf_point_from_datum(&vector->type->dense, &model->rotation, (OmenMetric) model->metric, NULL, 0, value,
						 vector->room, vector->scratch, point);
	if (point->last)
		return;
	for (uint32 d = 0; d < model->codes.dim_padded; d++)
		look->sum[d] += point->vector[d];
	look->longest_sq = Max(look->longest_sq, -point->lift_sq);
	look->rows++;
}

static int
compare_counts(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	return x < y ? -1 : x > y;
}

/* Room for the elements of nearly all rows. */
static uint32
elements_wanted(HnswLook *look)
{
	if (look->rows == 0)
		return HNSW_ELEMENTS_UNKNOWN;
	qsort(look->elements, look->rows, sizeof(uint32), compare_counts);
	return look->elements[look->rows - 1 - look->rows / LONG_ROWS];
}

bool
hnsw_look_finish(HnswLook *look, HnswModel *model, OmenHnswMeta *meta)
{
	/* Some rows not looked at will be longer. */
	if (meta->metric == OMEN_INNER_PRODUCT)
		model->lift_sq = meta->lift_sq = (float) Min(1.2 * look->longest_sq, OMEN_ADD_LAST);
	if (model->form == OMEN_HNSW_SPARSE)
	{
		meta->kept = omen_hnsw_sparse_kept(elements_wanted(look), meta->m);
		return true;
	}
	for (uint32 d = 0; d < model->codes.dim_padded && look->rows > 0; d++)
		model->mean[d] = (float) (look->sum[d] / look->rows);
	return false;
}
