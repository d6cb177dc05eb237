/*
 * ivf_range.c - every row within a range, by bounds that always hold.
 *
 * RaBitQ's error bounds hold very probably; here nothing may be lost, so only
 * geometry counts.  Let r be a row's residual and u the values of its code.
 * The factors tell the angle f between them and the length of r: with
 * p = scale |u| and e = error sqrt(d - 1) / 2,
 *
 *   p = |r| / cos f,   e = |r| tan f   =>   sin f = e / p,   |r|^2 = p^2 - e^2
 *
 * For any vector t at angle h to u the angle between t and r is at least
 * h - f (angles obey the triangle inequality), hence
 *
 *   <t, r>  <=  |r| |t| cos max(0, h - f)  =  |r| best(t)
 *
 * L2, cosine:      |q - x|^2  >=  |g|^2 + |r|^2 - 2 |r| best(g),   g = q - c
 * inner product:   <Q, X>  <=  <Q, c + mean> + |r| best(Q)
 *
 * with Q and X the vectors before the mean is taken off.  <u, g> is
 * <u, q> - <u, c>, the latter from add = |r|^2 + 2 scale <u, c>.
 *
 * What is rounded, and how it is made up for:
 *   - scale and error in bfloat16: `LOW` and `HIGH` below;
 *   - the query's look-up table: half a step for each nibble (range->blur);
 *   - floats: sums of d terms and the rotation, each within eta = (256 + d)
 *     2^-24 of the lengths that go into them (worst case of sums over 16
 *     lanes, of Hadamard stages and of a mixing matrix up to 249 x 249);
 *   - the operator's own answer, within eta of the true one;
 *   - rows coded from decoded codes: their true place is within meta.lost of
 *     the coded one (and moved_lost, for postings made of records), and
 *     error^2 includes the square of what was lost;
 *   - lengths that underflow: TINY.
 *
 * First every list's sign codes are tested, then the records of those that
 * pass, page by page.  Comparisons are such that NaN and overflow keep a row.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ivf_list.h"

/* bfloat16: rounded to nearest, within 1 / 256; rounded up, within 1 / 128.  Squared. */
#define SCALE_LOW 0.9920f
#define SCALE_HIGH 1.0080f
#define ERROR_LOW 0.9840f
/* Squares of lengths below this are lost to underflow, the operator's too. */
#define TINY 1e-15f

/* What a list is to the query. */
typedef struct RangeList
{
	float		target;			/* |g|, or |Q| */
	float		product;		/* inner product: <Q, c + mean> */
	float		norm;			/* |c| */
} RangeList;

/* A query's range. */
typedef struct OmenRange
{
	OmenMetric	metric;
	int			everything;		/* nothing can be left out */
	float		reach;			/* greatest |q - x|; inner product: least <Q, X> */
	float		eta;
	float		lost;
	float		query_norm;		/* |Q| */
	float		mean_norm;
	float		vector_norm;	/* |q|; inner product: |Q| */
	float		blur;			/* of <u, q> by the look-up table */
	float		fine_blur;		/* and of a four-bit code's */
	const RangeList *lists;		/* [lists] */
	const RangeList *at;		/* the list being scanned */
	uint32_t   *slots;			/* that may lie in the range */
	uint32_t	slot_count;
	uint32_t	slot_room;
} OmenRange;

/* What a code tells of its row. */
typedef struct Shape
{
	float		p_sq;			/* at least */
	float		norm_low_sq;	/* |r|^2 */
	float		norm_high_sq;
	float		error_sq;		/* e^2, at most */
	float		along;			/* <u, t> / |u|, at most */
} Shape;

/* Whether the row may lie in the range.  No branches: the compiler makes it a loop over lanes. */
static inline int
may_lie(const OmenRange *range, const RangeList *list, Shape shape)
{
	float		target = list->target;
	float		target_sq = target * target;
	float		sine_sq = shape.p_sq > shape.error_sq ? shape.error_sq / shape.p_sq : 1.0f;
	float		sine = sqrtf(sine_sq);
	float		cosine = sqrtf(1.0f - sine_sq);
	float		norm_low = sqrtf(shape.norm_low_sq);
	float		norm_high = sqrtf(shape.norm_high_sq);
	float		along = shape.along > -target ? shape.along : -target;
	float		across_sq = target_sq - along * along;
	float		across = sqrtf(across_sq > 0 ? across_sq : 0.0f);
	float		best = along >= target * cosine ? target : along * cosine + across * sine;
	float		length = range->mean_norm + list->norm + norm_high;

	if (range->metric == OMEN_INNER_PRODUCT)
	{
		float		most = list->product + best * (best > 0 ? norm_high : norm_low);
		float		slack = (range->lost + 4.0f * range->eta * length) * range->query_norm +
			TINY * (length + range->query_norm + TINY);

		/* The operator's own sum may overflow on the way, whatever comes out. */
		return !(most + slack < range->reach) | !(length * range->query_norm < 1e37f);
	}
	else
	{
		float		least = target_sq + shape.norm_low_sq - 2.0f * norm_high * (best > 0 ? best : 0.0f) -
			4.0f * range->eta * (target_sq + shape.norm_high_sq);
		float		reach = range->reach + range->lost + range->eta * (length + range->query_norm) + TINY;

		return !(least > reach * reach);
	}
}

/*
 * The shape by a code's factors: `p` = scale |u|, `product` = <u, q> or
 * <u, Q>, at most, over |u|.
 */
static inline Shape
shape_of(const OmenRange *range, const RangeList *list, float p, float add, float error_sq, float product,
		 float scale_low, float scale_high, float error_low)
{
	float		p_sq = p * p;
	float		rounding = 4.0f * range->eta * p_sq;
	Shape		shape;
	float		least = error_sq * error_low - rounding - range->lost * range->lost;
	float		along;

	shape.p_sq = p_sq * scale_low;
	shape.error_sq = error_sq + rounding;
	shape.norm_high_sq = p_sq * scale_high + rounding - (least > 0 ? least : 0.0f);
	shape.norm_low_sq = shape.p_sq - rounding - shape.error_sq;
	shape.norm_low_sq = shape.norm_low_sq > 0 ? shape.norm_low_sq : 0.0f;
	/* <u, c> / |u|, at least; its error in the factor, and that of <u, q>. */
	along = range->metric == OMEN_INNER_PRODUCT ? 0.0f : (add - shape.norm_high_sq) / (2.0f * p);
	shape.along = product - along + range->eta * (range->vector_norm + list->norm + p);
	return shape;
}

void
omen_range_note(OmenIvfSearch *search, const uint32_t *sums, uint32_t count, uint32_t mask,
				const float *add, const uint16_t *scale, const uint16_t *error, const uint32_t *slot)
{
	const OmenRange *range = search->range;
	const OmenCodeQuery *query = &search->query;
	float		root = sqrtf((float) query->dim);
	float		step = 2.0f * query->lut_step / root;
	float		base = (2.0f * query->lut_base - query->sum + range->blur) / root;
	float		spread = (float) (query->dim - 1) / 4.0f;
	int			passes[OMEN_BLOCK_CODES];

	for (uint32_t i = 0; i < count; i++)
	{
		float		e = omen_float_from_bf16(error[i]);
		Shape		shape = shape_of(range, range->at, omen_float_from_bf16(scale[i]) * root, add[i], e * e * spread,
									 step * (float) (int32_t) sums[i] + base, SCALE_LOW, SCALE_HIGH, ERROR_LOW);

		passes[i] = may_lie(range, range->at, shape);
	}
	for (uint32_t i = 0; i < count; i++)
		if (slot[i] != OMEN_NO_SLOT && (mask >> i & 1) && (passes[i] || range->everything || !(add[i] < OMEN_ADD_LAST)))
			search->scanned[search->scanned_count++] = (OmenScanned) {0, 0, slot[i]};
}

/* |u|^2 of a four-bit code. */
static float
code_norm_sq(const uint8_t *code, uint32_t dim)
{
	uint32_t	sum = 0;

	for (uint32_t i = 0; i < dim / 2; i++)
	{
		int32_t		low = 2 * (code[i] & 15) - 15;
		int32_t		high = 2 * (code[i] >> 4) - 15;

		sum += (uint32_t) (low * low + high * high);
	}
	return (float) sum / 4.0f;
}

static int
record_may_lie(const OmenIvfSearch *search, const OmenRowRecord *record)
{
	const OmenRange *range = search->range;
	const RangeList *list = &range->lists[record->list];
	const uint8_t *code = (const uint8_t *) (record + 1);
	float		norm = sqrtf(code_norm_sq(code, search->query.dim));
	float		error = record->factors.error;

	if (range->everything || !(record->factors.add < OMEN_ADD_LAST))
		return 1;
	return may_lie(range, list,
				   shape_of(range, list, record->factors.scale * norm, record->factors.add,
							error * error * (float) (search->query.dim - 1) / 4.0f,
							(omen_u4_product(&search->query, code) + range->fine_blur) / norm, 1.0f, 1.0f, 1.0f));
}

/* ---- a query ---- */

/* Takes the mean off the query where that changes nothing, and says how far to look. */
static OmenStatus
range_begin(OmenIvfSearch *search, OmenRange *range, double radius)
{
	const OmenIvfModel *model = search->model;
	uint32_t	dim = model->dim_padded;
	float	   *q = search->query.vector;
	float	   *center = omen_arena_alloc(search->arena, dim, sizeof(float));
	RangeList  *lists = omen_arena_alloc(search->arena, model->lists, sizeof(RangeList));
	float		mean_product;

	if (center == NULL || lists == NULL)
		return omen_fail(&search->error, OMEN_NO_MEMORY, "out of memory while searching");
	memset(range, 0, sizeof(*range));
	range->metric = model->metric;
	range->lists = lists;
	range->eta = (float) (256 + dim) * 0x1p-24f;
	range->lost = search->meta.lost + search->meta.moved_lost;
	range->query_norm = sqrtf(omen_simd->dot_f32(q, q, dim));
	range->mean_norm = sqrtf(omen_simd->dot_f32(model->mean, model->mean, dim));
	mean_product = omen_simd->dot_f32(q, model->mean, dim);
	/* A cosine without a direction, too. */
	range->everything = !isfinite(radius) || (model->metric == OMEN_COSINE && !(range->query_norm > 0));
	if (model->metric == OMEN_INNER_PRODUCT)
		range->reach = (float) (-radius - 4 * (double) range->eta * fabs(radius));
	else
	{
		for (uint32_t d = 0; d < dim; d++)
			q[d] -= model->mean[d];
		/* Cosine: |q - x|^2 = 2 (1 - cos), each cosine within eta. */
		radius = model->metric == OMEN_COSINE ? sqrt(fmax(2 * radius + 8 * range->eta, 0)) : fmax(radius, 0);
		range->reach = (float) (radius * (1 + 4 * (double) range->eta));
	}
	range->vector_norm = sqrtf(omen_simd->dot_f32(q, q, dim));
	/* Lengths from one end of what floats can be to the other: the shortest rows are nothing beside the longest. */
	range->everything |= *model->unit != 1;
	/* Beyond this squares overflow, and what the codes say of such a query means nothing. */
	range->everything |= !(range->vector_norm < 1e18f) || !(range->query_norm < 1e18f) || !isfinite(range->reach);
	omen_code_query_prepare(&search->query);
	range->blur = (float) dim / 4.0f * search->query.lut_step;
	range->fine_blur = 7.5f * (float) dim * search->query.fine_step;
	for (uint32_t l = 0; l < model->lists; l++)
	{
		omen_ivf_centroid(model, l, center);
		lists[l].norm = sqrtf(model->norm_sq[l]);
		lists[l].product = omen_simd->dot_f32(center, q, dim) + mean_product;
		lists[l].target = model->metric == OMEN_INNER_PRODUCT ? range->query_norm :
			sqrtf(omen_simd->l2sq_f32(center, q, dim));
	}
	return OMEN_OK;
}

static OmenStatus
scan_lists(OmenIvfSearch *search, OmenRange *range)
{
	OmenStatus	status = OMEN_OK;

	for (uint32_t l = 0; l < search->model->lists && status == OMEN_OK; l++)
	{
		if (l + 1 < search->model->lists)
			omen_search_expect(search, l + 1);
		range->at = &range->lists[l];
		status = omen_search_list(search, l, 0);
		if (status == OMEN_OK)
			status = omen_search_grow(search, (void **) &range->slots, &range->slot_room,
									  range->slot_count + search->scanned_count, sizeof(uint32_t),
									  range->slot_count);
		for (uint32_t i = 0; i < search->scanned_count && status == OMEN_OK; i++)
			range->slots[range->slot_count++] = search->scanned[i].slot;
	}
	return status;
}

static int
compare_slots(const void *a, const void *b)
{
	uint32_t	x = *(const uint32_t *) a;
	uint32_t	y = *(const uint32_t *) b;

	return x < y ? -1 : x > y;
}

/* The records of the slots that lie on the same page as the first; moves *next behind them. */
static OmenStatus
test_page(OmenIvfSearch *search, const OmenRange *range, uint32_t *next, OmenTid *tids, uint32_t *tid_count)
{
	uint32_t	dim = search->model->dim_padded;
	uint32_t	per_page = omen_rows_per_page(dim, search->model->keys);
	uint32_t	row_bytes = omen_row_bytes(dim, search->model->keys);
	uint32_t	block = range->slots[*next] / per_page;
	const void *page;
	uintptr_t	handle;
	OmenStatus	status = omen_search_page(search, block, OMEN_PAGE_ROW, search->meta.row_generation, &page, &handle);

	if (status != OMEN_OK)
		return status;
	*tid_count = 0;
	for (; *next < range->slot_count && range->slots[*next] / per_page == block; (*next)++)
	{
		uint32_t	slot = range->slots[*next];
		const OmenRowRecord *record = (const OmenRowRecord *)
			(omen_page_body_const(page) + (size_t) (slot % per_page) * row_bytes);

		if (*next > 0 && range->slots[*next - 1] == slot)
			continue;
		search->stats.records_read++;
		/* Vacuum may have come between: the row is gone. */
		if (record->state == OMEN_ROW_LIVE && record->list < search->model->lists && record_may_lie(search, record))
			tids[(*tid_count)++] = record->tid;
	}
	search->store.release(search->store.context, handle);
	return OMEN_OK;
}

OmenStatus
omen_ivf_search_range(OmenIvfSearch *search, double radius, OmenRangeTake take, void *context)
{
	OmenRange	range;
	OmenTid		tids[OMEN_BODY_BYTES / sizeof(OmenRowRecord)];
	OmenStatus	status = range_begin(search, &range, radius);

	search->range = &range;
	memset(&search->stats, 0, sizeof(search->stats));
	if (status == OMEN_OK)
		status = scan_lists(search, &range);
	if (status == OMEN_OK && range.slot_count > 1)
		qsort(range.slots, range.slot_count, sizeof(uint32_t), compare_slots);
	for (uint32_t next = 0; next < range.slot_count && status == OMEN_OK;)
	{
		uint32_t	tid_count;

		status = test_page(search, &range, &next, tids, &tid_count);
		if (status == OMEN_OK && tid_count > 0)
			status = take(context, tids, tid_count);
	}
	search->range = NULL;
	return status;
}
