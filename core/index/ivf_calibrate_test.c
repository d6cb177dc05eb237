/*
 * ivf_calibrate_test.c - calibration against sorting everything.
 *
 * Goal: the effort stored for a share of neighbours finds that share, and no
 * less effort would have, both computed here in double over all rows, with rows
 * in one list or two; no more queries fail than may; the effort given for a
 * recall is that of the level meant for it, asks for everything where nothing is
 * known, and stays a number of lists whatever the pages hold.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../base/failing_arena_test.h"
#include "../base/random_rows_test.h"
#include "omen/ivf.h"
#include "omen/select.h"
#include "omen/spill.h"

#define DIM 64
#define ROWS 1500
#define LISTS 25
#define QUERIES 60

static uint64_t seed;

/* Rows in lists, with the model that goes with them. */
typedef struct Setting
{
	OmenArena	arena;
	OmenIvfModel model;
	OmenByteRows rows;
	OmenByteRows queries;
	uint32_t   *list;
	uint32_t   *second;			/* NULL: none */
	float	   *norm_sq;
	float	   *lift_sq;
} Setting;

static void
begin_setting(Setting *s, OmenMetric metric, uint32_t rows, uint32_t lists, int spilled)
{
	OmenRandom	random = {seed + (uint64_t) metric};
	float	   *data = random_rows(rows, DIM, 12, &random);
	OmenByteRows centroids;
	OmenAssigner assigner;
	double	   *spread = calloc(lists, sizeof(double));
	uint32_t   *count = calloc(lists, sizeof(uint32_t));

	omen_arena_init(&s->arena);
	omen_ivf_model_create(&s->model, omen_arena_alloc(&s->arena, omen_ivf_model_bytes(DIM, lists), 1), DIM, lists,
						  metric);
	omen_byte_rows_init(&s->rows, &s->arena, DIM, rows, metric == OMEN_INNER_PRODUCT);
	omen_byte_rows_init(&centroids, &s->arena, DIM, lists, metric == OMEN_INNER_PRODUCT);
	s->list = omen_arena_zero(&s->arena, rows, sizeof(uint32_t));
	s->norm_sq = omen_arena_zero(&s->arena, rows, sizeof(float));
	s->lift_sq = omen_arena_zero(&s->arena, rows, sizeof(float));
	for (uint32_t r = 0; r < rows; r++)
	{
		s->rows.scale[r] = omen_bytes_from_floats(data + r * DIM, DIM, s->rows.values + r * DIM);
		s->norm_sq[r] = omen_byte_row_norm_sq(&s->rows, r);
		*s->model.lift_sq = fmaxf(*s->model.lift_sq, s->norm_sq[r]);
	}
	for (uint32_t r = 0; r < rows && metric == OMEN_INNER_PRODUCT; r++)
	{
		s->lift_sq[r] = *s->model.lift_sq - s->norm_sq[r];
		s->rows.extra[r] = sqrtf(s->lift_sq[r]);
	}
	omen_kmeans_train(&s->rows, &centroids, 6, seed, &s->arena, NULL);
	omen_assigner_init(&assigner, &s->arena, &centroids);
	omen_assigner_refresh(&assigner);
	omen_assign(&assigner, &s->rows, s->list, NULL);
	omen_ivf_model_set_centroids(&s->model, &centroids, &s->arena);
	s->second = NULL;
	if (spilled)
	{
		OmenSpill	spill;

		s->second = omen_arena_zero(&s->arena, rows, sizeof(uint32_t));
		omen_spill_init(&spill, &s->arena, &centroids, assigner.norm_sq);
		omen_spill_assign(&spill, &s->rows, s->list, s->second);
	}
	for (uint32_t i = 0; i < rows * (spilled ? 2 : 1); i++)
	{
		uint32_t	r = i % rows;
		uint32_t	l = i < rows ? s->list[r] : s->second[r];
		double		sum = s->rows.extra ? pow(s->rows.extra[r] - centroids.extra[l], 2) : 0;

		for (uint32_t d = 0; d < DIM; d++)
			sum += pow(s->rows.scale[r] * s->rows.values[r * DIM + d] -
					   centroids.scale[l] * centroids.values[l * DIM + d], 2);
		spread[l] += sum;
		count[l]++;
	}
	for (uint32_t l = 0; l < lists; l++)
		s->model.start[l].count = count[l];
	for (uint32_t l = 0; l < lists; l++)
		s->model.start[l].spread = count[l] ? (float) (spread[l] / count[l]) : 0;
	/* Every 23rd row asks. */
	omen_byte_rows_init(&s->queries, &s->arena, DIM, QUERIES, 0);
	for (uint32_t q = 0; q < QUERIES && q * 23 < rows; q++)
	{
		memcpy(s->queries.values + q * DIM, s->rows.values + q * 23 * DIM, DIM);
		s->queries.scale[q] = s->rows.scale[q * 23];
	}
	free(data);
	free(spread);
	free(count);
}

static double
row_distance(const Setting *s, uint32_t q, uint32_t r)
{
	double		sum = s->lift_sq[r];

	for (uint32_t d = 0; d < DIM; d++)
	{
		double		gap = (double) s->queries.scale[q] * s->queries.values[q * DIM + d] -
			(double) s->rows.scale[r] * s->rows.values[r * DIM + d];

		sum += gap * gap;
	}
	return sum;
}

static double
list_distance(const Setting *s, uint32_t q, uint32_t list)
{
	float		center[DIM];
	double		sum = s->model.extra_sq[list];

	omen_ivf_centroid(&s->model, list, center);
	for (uint32_t d = 0; d < DIM; d++)
	{
		double		gap = (double) s->queries.scale[q] * s->queries.values[q * DIM + d] - center[d];

		sum += gap * gap;
	}
	return sum;
}

/* Every list's distance and rank, and the z of all, for the query's nearest k. */
typedef struct Needed
{
	double		z[LISTS];
	uint32_t	rank[LISTS];	/* from 1 */
	uint32_t	list[1000];		/* of each of the k */
	uint32_t	second[1000];
} Needed;

static void
needed_by(const Setting *s, uint32_t q, uint32_t k, Needed *needed)
{
	OmenKeyed	rows[ROWS];
	double		distance[LISTS];
	uint32_t	skip = s->model.metric != OMEN_INNER_PRODUCT;
	double		worst;

	for (uint32_t r = 0; r < ROWS; r++)
		rows[r] = (OmenKeyed) {(float) row_distance(s, q, r), r};
	omen_sort_keyed(rows, ROWS);
	worst = row_distance(s, q, rows[skip + k - 1].value);
	for (uint32_t i = 0; i < k; i++)
	{
		needed->list[i] = s->list[rows[skip + i].value];
		needed->second[i] = s->second ? s->second[rows[skip + i].value] : needed->list[i];
	}
	for (uint32_t l = 0; l < LISTS; l++)
		distance[l] = list_distance(s, q, l);
	for (uint32_t l = 0; l < LISTS; l++)
	{
		double		spread = s->model.start[l].spread;

		needed->z[l] = (distance[l] + spread - worst) / (2 * sqrt(distance[l] * spread));
		needed->rank[l] = 1;
		for (uint32_t o = 0; o < LISTS; o++)
			needed->rank[l] += distance[o] < distance[l];
	}
}

static int
looked_at(const Needed *needed, uint32_t list, double stop_z, uint32_t probes)
{
	return needed->rank[list] <= probes && needed->z[list] <= stop_z;
}

/* A thousand neighbours are kept of every fourth query only. */
static uint32_t
queries_of(uint32_t k)
{
	return k > 100 ? QUERIES / 4 : QUERIES;
}

/* What an effort achieves. */
typedef struct Achieved
{
	double		share;			/* of neighbours found */
	double		failed;			/* share of queries of which less than 0.7 were */
	double		scanned;		/* rows looked at */
} Achieved;

static Achieved
achieved_by(const Setting *s, const Needed *needed, uint32_t k, double stop_z, uint32_t probes)
{
	Achieved	a = {0, 0, 0};
	uint32_t	queries = queries_of(k);

	for (uint32_t q = 0; q < queries; q++)
	{
		uint32_t	found = 0;

		for (uint32_t i = 0; i < k; i++)
			found += looked_at(&needed[q], needed[q].list[i], stop_z, probes) ||
				looked_at(&needed[q], needed[q].second[i], stop_z, probes);
		a.share += found / (double) (queries * k);
		a.failed += (found < 0.7 * k) / (double) queries;
		for (uint32_t l = 0; l < LISTS; l++)
			if (needed[q].rank[l] <= probes && needed[q].z[l] <= stop_z)
				a.scanned += s->model.start[l].count + 40;
	}
	return a;
}

static void
test_against_sorting(void **state)
{
	for (uint32_t m = 1; m <= 6; m++)
	{
		Setting		s;
		OmenCalibrator *calibrator;
		OmenCalibrator *other;
		const OmenCalibration *got;
		double		saved = 0;

		begin_setting(&s, (OmenMetric) (1 + (m - 1) % 3), ROWS, LISTS, m > 3);
		assert_int_equal(omen_calibrator_create(&calibrator, &s.arena, &s.model, &s.queries), OMEN_OK);
		assert_int_equal(omen_calibrator_create(&other, &s.arena, &s.model, &s.queries), OMEN_OK);
		/* In batches, as a build passes them. */
		for (uint32_t first = 0; first < ROWS; first += 150)
		{
			OmenByteRows batch = s.rows;

			batch.count = ROWS - first < 150 ? ROWS - first : 150;
			batch.values += (size_t) first * DIM;
			batch.scale += first;
			/* Two see some of the rows each. */
			omen_calibrator_add(first % 3 ? other : calibrator, &batch, s.list + first,
								s.second ? s.second + first : NULL, s.norm_sq + first, s.lift_sq + first);
		}
		omen_calibrator_add_found(calibrator, omen_calibrator_found(other));
		assert_int_equal(omen_calibrator_finish(calibrator, &s.model, &s.arena), OMEN_OK);
		got = s.model.calibration;
		assert_int_equal(got->queries, QUERIES);
		for (uint32_t i = 0; i < OMEN_CALIBRATION_KS; i++)
		{
			uint32_t	k = omen_calibration_ks[i];
			Needed	   *needed = malloc(QUERIES * sizeof(Needed));

			for (uint32_t q = 0; q < queries_of(k); q++)
				needed_by(&s, k > 100 ? 4 * q : q, k, &needed[q]);
			for (uint32_t l = 0; l < OMEN_CALIBRATION_LEVELS; l++)
			{
				double		level = omen_calibration_levels[l];
				Achieved	pair = achieved_by(&s, needed, k, got->stop_z[i][l] + 1e-4, got->probes[i][l]);
				Achieved	alone = achieved_by(&s, needed, k, INFINITY, got->probes_alone[i][l]);
				/* Near ties of lists, and of z with its step, move a neighbour or two of the sample. */
				double		slack = 0.02 + 1.01 / (queries_of(k) * k);
				double		failed_max = level > 0.955 ? 0.04 + 1.01 / queries_of(k) : 1;

				assert_true(pair.share >= level - slack);
				assert_true(pair.failed <= failed_max);
				assert_true(alone.share >= level - slack);
				assert_true(alone.failed <= failed_max);
				/* The pair is the cheapest, so no dearer than the one without a threshold ... */
				assert_true(pair.scanned <= alone.scanned * 1.02 + 100);
				saved += 1 - pair.scanned / alone.scanned;
				/* ... which in turn could not do with two thirds of its lists. */
				if (got->probes_alone[i][l] > 3)
				{
					Achieved	less = achieved_by(&s, needed, k, INFINITY, got->probes_alone[i][l] * 2 / 3 - 1);

					assert_true(less.share < level + slack || (level > 0.955 && less.failed > 0.03));
				}
			}
			free(needed);
		}
		print_message("# metric %u, %u lists a row: the threshold saves %.0f %% of the rows\n", s.model.metric,
					  1 + (m > 3),
					  100 * saved / (OMEN_CALIBRATION_KS * OMEN_CALIBRATION_LEVELS));
		omen_arena_reset(&s.arena);
	}
}

static void
test_too_little_to_learn_from(void **state)
{
	Setting		s;
	OmenCalibrator *calibrator = (OmenCalibrator *) 1;

	/* Fewer queries than say anything; a single list. */
	begin_setting(&s, OMEN_L2, ROWS, LISTS, 0);
	s.queries.count = 19;
	assert_int_equal(omen_calibrator_create(&calibrator, &s.arena, &s.model, &s.queries), OMEN_OK);
	assert_null(calibrator);
	omen_arena_reset(&s.arena);
	begin_setting(&s, OMEN_L2, 40, 1, 0);
	assert_int_equal(omen_calibrator_create(&calibrator, &s.arena, &s.model, &s.queries), OMEN_OK);
	assert_null(calibrator);
	omen_arena_reset(&s.arena);

	/* Sixty rows have no hundred neighbours: for those, everything. */
	begin_setting(&s, OMEN_COSINE, 60, 3, 0);
	assert_int_equal(omen_calibrator_create(&calibrator, &s.arena, &s.model, &s.queries), OMEN_OK);
	omen_calibrator_add(calibrator, &s.rows, s.list, s.second, s.norm_sq, s.lift_sq);
	assert_int_equal(omen_calibrator_finish(calibrator, &s.model, &s.arena), OMEN_OK);
	assert_true(s.model.calibration->probes[1][0] <= 3);
	for (uint32_t l = 0; l < OMEN_CALIBRATION_LEVELS; l++)
	{
		assert_true(s.model.calibration->stop_z[2][l] == INFINITY);
		assert_int_equal(s.model.calibration->probes[2][l], 3);
		assert_int_equal(s.model.calibration->probes_alone[2][l], 3);
	}
	assert_true(omen_ivf_effort(&s.model, 50, 0.9, 0).stop_z == INFINITY);
	assert_int_equal(omen_ivf_effort(&s.model, 50, 0.9, 0).probes, 3);
	omen_arena_reset(&s.arena);
}

static void
test_effort(void **state)
{
	uint8_t    *bytes = aligned_alloc(64, omen_ivf_model_bytes(DIM, 1000));
	OmenIvfModel model;
	OmenIvfEffort effort;

	omen_ivf_model_create(&model, bytes, DIM, 1000, OMEN_L2);
	/* Never calibrated. */
	effort = omen_ivf_effort(&model, 10, 0.9, 0);
	assert_true(effort.stop_z == INFINITY);
	assert_int_equal(effort.probes, 1000);

	model.calibration->queries = 100;
	for (uint32_t i = 0; i < OMEN_CALIBRATION_KS; i++)
		for (uint32_t l = 0; l < OMEN_CALIBRATION_LEVELS; l++)
		{
			model.calibration->stop_z[i][l] = (float) i + omen_calibration_levels[l];
			model.calibration->probes[i][l] = 100 * i + l + 1;
			model.calibration->probes_alone[i][l] = 100 * i + l + 51;
		}
	for (uint32_t k = 1; k <= 1000; k++)
	{
		/* Between two that were looked at, the greater effort, here that of the greater k. */
		uint32_t	i = k <= 1 ? 0 : k <= 10 ? 1 : k <= 100 ? 2 : 3;

		for (double recall = 0.3; recall < 1; recall += 0.01)
		{
			uint32_t	l = 0;

			/* The first level at or above two fifths of the way to one. */
			while (l + 1 < OMEN_CALIBRATION_LEVELS && omen_calibration_levels[l] < recall + (1.0 - recall) * 0.4)
				l++;
			effort = omen_ivf_effort(&model, k, recall, 0);
			assert_true(effort.stop_z == model.calibration->stop_z[i][l]);
			assert_int_equal(effort.probes, 100 * i + l + 1);
			/* Grown: thresholds do not hold any more. */
			effort = omen_ivf_effort(&model, k, recall, 1);
			assert_true(effort.stop_z == INFINITY);
			assert_int_equal(effort.probes, 100 * i + l + 51);
		}
		effort = omen_ivf_effort(&model, k, 1.0, 0);
		assert_true(effort.stop_z == INFINITY);
		assert_int_equal(effort.probes, 1000);
	}
	/* More rows than neighbours were looked at: aimed higher (0.97, not 0.94), the ranking followed further. */
	effort = omen_ivf_effort(&model, 1000, 0.95, 0);
	assert_int_equal(omen_ivf_effort(&model, 3000, 0.9, 0).probes, 3 * effort.probes);
	assert_int_equal(omen_ivf_effort(&model, UINT32_MAX, 0.9, 0).probes, 1000);

	/* Whatever the pages hold. */
	{
		static const float odd[] = {NAN, INFINITY, -INFINITY, -1e30f, 0};
		static const uint32_t odd_probes[] = {0, 1001, UINT32_MAX, 1u << 31, 5};

		for (uint32_t o = 0; o < 5; o++)
		{
			for (uint32_t l = 0; l < OMEN_CALIBRATION_LEVELS; l++)
			{
				model.calibration->stop_z[1][l] = odd[o];
				model.calibration->probes[1][l] = odd_probes[o];
			}
			effort = omen_ivf_effort(&model, 10, 0.95, 0);
			assert_int_equal(effort.probes, o == 4 ? 5 : 1000);
			assert_false(isnan(effort.stop_z));
		}
	}
	free(bytes);
}

static void
test_out_of_memory(void **state)
{
	Setting		s;
	OmenStatus	status = OMEN_NO_MEMORY;

	begin_setting(&s, OMEN_L2, 100, 5, 0);
	for (uint32_t n = 0; status != OMEN_OK; n++)
	{
		FailingArena failing;
		OmenCalibrator *calibrator;

		failing_arena_init(&failing, n);
		status = omen_calibrator_create(&calibrator, &failing.arena, &s.model, &s.queries);
		if (status == OMEN_OK)
		{
			omen_calibrator_add(calibrator, &s.rows, s.list, s.second, s.norm_sq, s.lift_sq);
			status = omen_calibrator_finish(calibrator, &s.model, &failing.arena);
		}
		assert_int_equal(status, failing.refused ? OMEN_NO_MEMORY : OMEN_OK);
		assert_int_equal(failing_arena_end(&failing), 0);
	}
	omen_arena_reset(&s.arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_sorting),
		cmocka_unit_test(test_too_little_to_learn_from),
		cmocka_unit_test(test_effort),
		cmocka_unit_test(test_out_of_memory),
	};
	OmenError	err;

	seed = test_seed(20250101);
	if (omen_simd_select(NULL, &err) != OMEN_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
