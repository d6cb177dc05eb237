/*
 * ivf_train.c - see ivf_train.h.
 *
 * The mean is only an origin, chosen to keep numbers small, so a thousand rows
 * find it well enough; it is fixed before the sample is taken, because the
 * sample is kept in eight bits relative to it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "am/ivf/ivf_train.h"
#include "miscadmin.h"

/* k-means wants so many rows a list; with less memory it makes do with fewer, or with fewer lists. */
#define ROWS_PER_LIST 50
/* So many rows are taken for few lists, too: they tell the lift and serve as queries to calibrate with. */
#define ROWS_MIN 10000
#define ROWS_WHATEVER_MEMORY 64
#define ITERATIONS 6
#define QUERIES 1024
/* Rows between are measured as they are. */
#define LENGTH_MIN 1e-9
#define LENGTH_MAX 1e9
/* Rows of the sample that spilling is tried on. */
#define SPILL_ROWS 60000

static void *
train_alloc(IvfTraining *training, OmenArena *arena, size_t count, size_t item_bytes)
{
	void	   *memory = omen_arena_zero(arena, count, item_bytes);

	if (memory == NULL)
		index_page_report(training->index, OMEN_NO_MEMORY, "");
	return memory;
}

static void
train_check(IvfTraining *training, OmenStatus status)
{
	if (status != OMEN_OK)
		index_page_report(training->index, status, "its lists could not be trained");
}

void
ivf_train_begin(IvfTraining *training, Relation index, OmenMetric metric, uint32 dim, uint64 seed)
{
	memset(training, 0, sizeof(*training));
	training->index = index;
	training->metric = metric;
	training->dim = dim;
	training->dim_padded = omen_dim_padded(dim);
	training->random.state = seed;
	ivf_arena_init(&training->arena, CurrentMemoryContext);
	ivf_arena_init(&training->sample_arena, CurrentMemoryContext);
	training->vector = train_alloc(training, &training->arena, training->dim_padded, sizeof(float));
	training->mean_sum = train_alloc(training, &training->arena, training->dim_padded, sizeof(double));
}

void
ivf_train_look(IvfTraining *training, const OmenPoint *point)
{
	double		norm_sq = 0;

	for (uint32 d = 0; d < training->dim_padded; d++)
		norm_sq += (double) point->vector[d] * point->vector[d];
	/* Whose square no float holds will be multiplied by a unit. */
	if ((point->last && training->metric != OMEN_INNER_PRODUCT) || !isfinite(norm_sq) ||
		training->mean_rows >= IVF_LOOK_ROWS)
		return;
	for (uint32 d = 0; d < training->dim_padded; d++)
		training->mean_sum[d] += point->vector[d];
	training->mean_rows++;
	training->longest_sq = Max(training->longest_sq, norm_sq);
}

/*
 * Inner product: rows so long or so short that their squares would come near
 * the ends of what a float holds are brought to lengths of about one.
 */
static float
choose_unit(const IvfTraining *training)
{
	double		longest = sqrt(training->longest_sq);

	if (training->metric != OMEN_INNER_PRODUCT || longest == 0 || (longest > LENGTH_MIN && longest < LENGTH_MAX))
		return 1;
	return ldexpf(1, -ilogb(longest));
}

void
ivf_train_begin_sample(IvfTraining *training, uint32 lists, double rows)
{
	size_t		row_bytes = training->dim_padded + 3 * sizeof(float);
	double		by_memory = (double) maintenance_work_mem * 1024 / 2 / row_bytes;
	double		room = Min(Max((double) ROWS_PER_LIST * lists, ROWS_MIN), by_memory);

	double		unit = 1;

	if (training->unit == 0)
		unit = training->unit = choose_unit(training);
	training->mean = train_alloc(training, &training->arena, training->dim_padded, sizeof(float));
	for (uint32 d = 0; d < training->dim_padded && training->mean_rows > 0; d++)
		training->mean[d] = (float) (unit * training->mean_sum[d] / training->mean_rows);

	room = Max(room, ROWS_WHATEVER_MEMORY);
	training->sample_share = rows > room ? 1.1 * room / rows : 1.0;
	/* The number of rows is an estimate. */
	training->sample_room = (uint32) Min(room, rows * 1.5 + 1000);
	train_check(training, omen_byte_rows_init(&training->sample, &training->sample_arena, training->dim_padded,
											  training->sample_room, training->metric == OMEN_INNER_PRODUCT));
	training->norm_sq = train_alloc(training, &training->sample_arena, training->sample_room, sizeof(float));
	training->sample.count = 0;
}

/*
 * Reservoir sampling (Vitter 1985, algorithm R), over about as many rows as
 * there is room for: a row that is taken only to be replaced costs its reading.
 */
bool
ivf_train_wants(IvfTraining *training)
{
	uint64		place;

	if (omen_random_unit(&training->random) >= training->sample_share)
		return false;
	training->rows_seen++;
	if (training->sample.count < training->sample_room)
	{
		training->sample_place = training->sample.count;
		return true;
	}
	place = omen_random_below(&training->random, (uint64) training->rows_seen);
	training->sample_place = (uint32) Min(place, UINT32_MAX);
	return place < training->sample_room;
}

void
ivf_train_sample(IvfTraining *training, const OmenPoint *point, float norm_sq)
{
	uint32		at = training->sample_place;

	if (point->last || !isfinite(norm_sq))
		return;
	if (at == training->sample.count)
		training->sample.count++;
	training->sample.scale[at] = omen_bytes_from_floats(point->vector, training->dim_padded,
														training->sample.values + (size_t) at * training->dim_padded);
	training->norm_sq[at] = norm_sq;
}

/* Inner product: every row is lifted to the length of the longest. */
static float
lift_sample(IvfTraining *training)
{
	OmenByteRows *sample = &training->sample;
	float		lift_sq = 0;

	if (training->metric != OMEN_INNER_PRODUCT)
		return 0;
	for (uint32 i = 0; i < sample->count; i++)
		lift_sq = Max(lift_sq, training->norm_sq[i]);
	for (uint32 i = 0; i < sample->count; i++)
		sample->extra[i] = sqrtf(lift_sq - training->norm_sq[i]);
	return lift_sq;
}

/* The index's option, or what the sample says. */
static bool
decide_spill(IvfTraining *training, double rows, OmenArena *scratch)
{
	IvfOptions *options = (IvfOptions *) training->index->rd_options;
	OmenByteRows some = training->sample;
	OmenByteRows queries = ivf_train_queries(training);
	int			pays = 0;

	if (training->model.lists < 2 || (options && options->spill == IVF_SPILL_OFF))
		return false;
	if (options && options->spill == IVF_SPILL_ON)
		return true;
	some.count = Min(some.count, SPILL_ROWS);
	train_check(training, omen_ivf_spill_pays(&training->model, &some, &training->centroids, &queries,
											  some.count / Max(rows, 1), scratch, &pays));
	return pays != 0;
}

void
ivf_train_finish(IvfTraining *training, uint32 lists, double rows)
{
	bool		lifted = training->metric == OMEN_INNER_PRODUCT;
	OmenIvfModel *model = &training->model;
	OmenArena	scratch;

	lists = Max(Min(lists, training->sample.count), 1);
	omen_ivf_model_create(model, train_alloc(training, &training->arena,
											 omen_ivf_model_bytes(training->dim, lists), 1),
						  training->dim, lists, training->metric);
	if (training->mean != NULL)
		memcpy(model->mean, training->mean, training->dim_padded * sizeof(float));
	*model->lift_sq = lift_sample(training);
	*model->unit = training->unit;

	ivf_arena_init(&scratch, CurrentMemoryContext);
	train_check(training, omen_byte_rows_init(&training->centroids, &training->arena, training->dim_padded,
											  lists, lifted));
	/* Training and calibration begin with the first of the rows. */
	omen_byte_rows_shuffle(&training->sample, &training->random);
	if (lists > 1)
		train_check(training, omen_kmeans_train(&training->sample, &training->centroids, ITERATIONS,
												omen_random_next(&training->random), &scratch, &ivf_interrupts));
	train_check(training, omen_ivf_model_set_centroids(model, &training->centroids, &scratch));
	*model->spilled = decide_spill(training, rows, &scratch);
	omen_arena_reset(&scratch);
}

OmenByteRows
ivf_train_queries(IvfTraining *training)
{
	OmenByteRows queries = training->sample;
	Size		each = omen_calibrator_bytes(training->dim_padded, QUERIES) / QUERIES;

	queries.count = Min(queries.count, QUERIES);
	queries.count = Min(queries.count, (uint32) ((Size) maintenance_work_mem * 1024 / 4 / each));
	return queries;
}

void
ivf_train_forget_sample(IvfTraining *training)
{
	omen_arena_reset(&training->sample_arena);
}

void
ivf_train_end(IvfTraining *training)
{
	omen_arena_reset(&training->sample_arena);
	omen_arena_reset(&training->arena);
}
