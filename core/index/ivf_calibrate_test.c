/*
 * ivf_calibrate_test.c - calibration against sorting everything.
 *
 * Goal: the effort stored for a share of neighbours finds that share, and costs
 * no more than a number of lists would, which is no greater than it must be,
 * all computed here in double over all rows, with rows in one list or two; no
 * more queries fail than may; the effort given for a recall is that of the level
 * meant for it, asks for everything where nothing is known, and stays a number
 * of lists whatever the pages hold.
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
#define LISTS 40
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
		s->second = omen_arena_zero(&s->arena, rows, sizeof(uint32_t));
		omen_spill_second(&assigner, &s->rows, s->list, s->second);
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

/* What is known of a query: its lists, nearest first, and its nearest rows. */
typedef struct Needed
{
	double		z[LISTS];		/* by rank */
	double		gap[LISTS];		/* beyond the nearest list, in units of reach */
	uint32_t	count[LISTS];
	uint32_t	known;
	uint32_t	rank[1000];		/* of a neighbour's list, nearest neighbour first */
	uint32_t	other[1000];	/* of its second */
} Needed;

static double
mean_spread(const Setting *s)
{
	double		sum = 0;
	double		rows = 0;

	for (uint32_t l = 0; l < LISTS; l++)
	{
		sum += (double) s->model.start[l].spread * s->model.start[l].count;
		rows += s->model.start[l].count;
	}
	return sum / rows;
}

static void
needed_by(const Setting *s, uint32_t q, uint32_t k, Needed *needed)
{
	OmenKeyed	rows[ROWS];
	OmenKeyed	lists[LISTS];
	uint32_t	rank[LISTS];
	uint32_t	skip = s->model.metric != OMEN_INNER_PRODUCT;
	double		unit;
	double		worst;

	for (uint32_t r = 0; r < ROWS; r++)
		rows[r] = (OmenKeyed) {(float) row_distance(s, q, r), r};
	omen_sort_keyed(rows, ROWS);
	worst = row_distance(s, q, rows[skip + k - 1].value);
	for (uint32_t l = 0; l < LISTS; l++)
		lists[l] = (OmenKeyed) {(float) list_distance(s, q, l), l};
	omen_sort_keyed(lists, LISTS);
	unit = 2 * sqrt(lists[0].key * mean_spread(s));
	for (uint32_t i = 0; i < LISTS; i++)
	{
		double		spread = s->model.start[lists[i].value].spread;

		needed->z[i] = (lists[i].key + spread - worst) / (2 * sqrt(lists[i].key * spread));
		needed->gap[i] = (lists[i].key - lists[0].key) / unit;
		needed->count[i] = s->model.start[lists[i].value].count;
		rank[lists[i].value] = i;
	}
	/* A thousand are kept of every fourth query, a hundred of the others, and one more where no row is skipped. */
	needed->known = q % 4 == 0 ? 1000 : 100;
	for (uint32_t i = 0; i < needed->known; i++)
	{
		uint32_t	row = rows[skip + i].value;

		needed->rank[i] = rank[s->list[row]];
		needed->other[i] = rank[s->second ? s->second[row] : s->list[row]];
	}
}

/* A thousand neighbours are kept of every fourth query only. */
static uint32_t
queries_of(uint32_t k)
{
	return k > 100 ? QUERIES / 4 : QUERIES;
}

/* Where a search ends: list by list, keeping the numbers of the best k it has met. */
static uint32_t
ends_at(const Needed *needed, uint32_t k, double reach, uint32_t patience)
{
	uint32_t	best[1000];
	uint32_t	count = 0;
	uint32_t	last = 0;
	uint32_t	news = 0;

	for (uint32_t at = 0; at < LISTS; at++)
	{
		if (at > last + last / 4 + patience && needed->gap[at] > reach)
			return at;
		for (uint32_t i = 0; i < needed->known; i++)
		{
			uint32_t	first = needed->rank[i] < needed->other[i] ? needed->rank[i] : needed->other[i];
			uint32_t	worst = 0;

			if (first != at)
				continue;
			for (uint32_t b = 0; b < count; b++)
				worst = best[b] > best[worst] ? b : worst;
			if (count < k)
				best[count++] = i;
			else if (i < best[worst])
				best[worst] = i;
			else
				continue;
			news++;
		}
		if (news >= (k > 20 ? k / 20 : 1))
		{
			last = at;
			news = 0;
		}
	}
	return LISTS;
}

/* What an effort achieves. */
typedef struct Achieved
{
	double		share;			/* of neighbours found */
	double		failed;			/* share of queries of which less than 0.7 were */
	double		scanned;		/* rows looked at, and what opening lists costs */
} Achieved;

static int
looked_at(const Needed *needed, uint32_t rank, double stop_z, uint32_t lists)
{
	return rank < lists && (rank < OMEN_LISTS_SURE || needed->z[rank] <= stop_z);
}

static Achieved
achieved_by(const Needed *needed, uint32_t k, OmenIvfEffort effort)
{
	Achieved	a = {0, 0, 0};
	uint32_t	queries = queries_of(k);

	for (uint32_t q = 0; q < queries; q++)
	{
		uint32_t	lists = effort.patience > 0 ? ends_at(&needed[q], k, effort.reach, effort.patience) : effort.probes;
		uint32_t	found = 0;

		lists = lists > OMEN_LISTS_SURE ? lists : OMEN_LISTS_SURE;
		for (uint32_t i = 0; i < k; i++)
			found += looked_at(&needed[q], needed[q].rank[i], effort.stop_z, lists) ||
				looked_at(&needed[q], needed[q].other[i], effort.stop_z, lists);
		a.share += found / (double) (queries * k);
		a.failed += (found < 0.7 * k) / (double) queries;
		for (uint32_t l = 0; l < LISTS; l++)
			if (looked_at(&needed[q], l, effort.stop_z, lists))
				a.scanned += needed[q].count[l] + OMEN_LIST_COST;
		a.scanned += (double) OMEN_LOOK_COST * (lists < LISTS ? lists : LISTS);
	}
	return a;
}

/* Inner product: the calibrator's queries are all twice as long as rows are, on average by length; so are ours then. */
static void
even_lengths(Setting *s)
{
	double		length[QUERIES];
	double		sum = 0;
	double		squares = 0;
	double		wanted;

	for (uint32_t q = 0; q < QUERIES && s->model.metric == OMEN_INNER_PRODUCT; q++)
	{
		length[q] = sqrt(omen_byte_row_norm_sq(&s->queries, q));
		sum += length[q];
		squares += length[q] * length[q];
	}
	wanted = 2 * squares / sum;
	if (s->model.metric != OMEN_INNER_PRODUCT)
		return;
	assert_float_equal(s->model.calibration->query_length, wanted, 1e-3 * wanted);
	for (uint32_t q = 0; q < QUERIES; q++)
		s->queries.scale[q] *= (float) (wanted / length[q]);
}

static void
test_against_sorting(void **state)
{
	for (uint32_t m = 1; m <= 6; m++)
	{
		Setting		s;
		OmenCalibrator *calibrator;
		OmenCalibrator *other;
		const OmenEfforts *got;
		double		saved = 0;

		begin_setting(&s, (OmenMetric) (1 + (m - 1) % 3), ROWS, LISTS, m > 3);
		assert_int_equal(omen_calibrator_create(&calibrator, &s.arena, &s.model, &s.queries), OMEN_OK);
		assert_int_equal(omen_calibrator_create(&other, &s.arena, &s.model, &s.queries), OMEN_OK);
		even_lengths(&s);
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
		got = &s.model.calibration->own;
		assert_int_equal(s.model.calibration->queries, QUERIES);
		for (uint32_t i = 0; i < OMEN_CALIBRATION_KS; i++)
		{
			uint32_t	k = omen_calibration_ks[i];
			Needed	   *needed = malloc(QUERIES * sizeof(Needed));

			for (uint32_t q = 0; q < queries_of(k); q++)
				needed_by(&s, k > 100 ? 4 * q : q, k, &needed[q]);
			for (uint32_t l = 0; l < OMEN_CALIBRATION_LEVELS; l++)
			{
				double		level = omen_calibration_levels[l];
				OmenIvfEffort chosen = {
					.stop_z = got->stop_z[i][l] + 1e-4f, .reach = got->reach[i][l] + 1e-5f,
					.patience = got->patience[i][l], .probes = LISTS
				};
				OmenIvfEffort fixed = omen_ivf_fixed_effort(got->lists_alone[i][l]);
				Achieved	best = achieved_by(needed, k, chosen);
				Achieved	alone = achieved_by(needed, k, fixed);
				/* Near ties of lists, and of z with its step, move a neighbour or two of the sample. */
				double		slack = 0.02 + 1.01 / (queries_of(k) * k);
				double		failed_max = level > 0.955 ? 0.04 + 1.01 / queries_of(k) : 1;
				double		waited = (double) queries_of(k) * (got->patience[i][l] + 1);

				assert_true(alone.share >= level - slack);
				assert_true(alone.failed <= failed_max);
				if (k <= 100)	/* two thirds of all rows lie about all lists */
				{
					assert_true(best.share >= level - slack);
					assert_true(best.failed <= failed_max);
					/*
					 * The cheapest, or nearly, so no dearer than a number of
					 * lists but for those that patience looks at in vain,
					 * unless all must be found ...
					 */
					assert_true(level >= 1 ||
								best.scanned <= alone.scanned * 1.13 + 100 + OMEN_LOOK_COST * waited);
				}
				saved += 1 - best.scanned / alone.scanned;
				/* ... which in turn could not do with two thirds of them. */
				if (got->lists_alone[i][l] > 12)
				{
					Achieved	less;

					fixed.probes = fixed.probes * 2 / 3 - 1;
					less = achieved_by(needed, k, fixed);
					assert_true(less.share < level + slack || (level > 0.955 && less.failed > 0.03));
				}
			}
			free(needed);
		}
		print_message("# metric %u, %u lists a row: saves %.0f %% of what a number of lists costs\n", s.model.metric,
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
	assert_true(s.model.calibration->own.lists[1][0] <= 3);
	for (uint32_t l = 0; l < OMEN_CALIBRATION_LEVELS; l++)
	{
		assert_true(s.model.calibration->own.stop_z[2][l] == INFINITY);
		assert_int_equal(s.model.calibration->own.patience[2][l], 3);
		assert_int_equal(s.model.calibration->own.lists_alone[2][l], 3);
	}
	assert_true(omen_ivf_effort(&s.model, 50, 0.9, 0).stop_z == INFINITY);
	assert_int_equal(omen_ivf_effort(&s.model, 50, 0.9, 0).probes, 3);
	assert_int_equal(omen_ivf_effort(&s.model, 50, 0.9, 0).patience, 3);
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
			model.calibration->own.stop_z[i][l] = (float) i + omen_calibration_levels[l];
			model.calibration->own.reach[i][l] = (float) i + l;
			model.calibration->own.patience[i][l] = 100 * i + l + 1;
			model.calibration->own.lists[i][l] = 100 * i + l + 2;
			model.calibration->own.lists_alone[i][l] = 100 * i + l + 51;
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
			assert_true(effort.stop_z == model.calibration->own.stop_z[i][l]);
			assert_true(effort.reach == model.calibration->own.reach[i > 0 ? i : 1][l]);
			assert_int_equal(effort.probes, 1000);
			assert_int_equal(effort.patience, 100 * i + l + 1);
			assert_int_equal(effort.lists, 100 * i + l + 2);
			/* Grown: thresholds do not hold any more. */
			effort = omen_ivf_effort(&model, k, recall, 1);
			assert_true(effort.stop_z == INFINITY);
			assert_int_equal(effort.probes, (100 * i + l + 51) * 3 / 2 + 8);
			assert_int_equal(effort.patience, 0);
		}
		effort = omen_ivf_effort(&model, k, 1.0, 0);
		assert_true(effort.stop_z == INFINITY);
		assert_int_equal(effort.probes, 1000);
	}
	/* More rows than neighbours were looked at: aimed higher (0.97, not 0.94), the ranking followed further. */
	effort = omen_ivf_effort(&model, 1000, 0.95, 0);
	assert_int_equal(omen_ivf_effort(&model, 2000, 0.9, 0).patience, 2 * effort.patience);
	assert_int_equal(omen_ivf_effort(&model, 3000, 0.9, 0).lists, 3 * effort.lists > 1000 ? 1000 : 3 * effort.lists);
	assert_int_equal(omen_ivf_effort(&model, UINT32_MAX, 0.9, 0).patience, 1000);

	/* Whatever the pages hold. */
	{
		static const float odd[] = {NAN, INFINITY, -INFINITY, -1e30f, 0};
		static const uint32_t odd_probes[] = {0, 1001, UINT32_MAX, 1u << 31, 5};

		for (uint32_t o = 0; o < 5; o++)
		{
			for (uint32_t l = 0; l < OMEN_CALIBRATION_LEVELS; l++)
			{
				model.calibration->own.stop_z[1][l] = odd[o];
				model.calibration->own.reach[1][l] = odd[o];
				model.calibration->own.patience[1][l] = odd_probes[o];
				model.calibration->own.lists[1][l] = odd_probes[o];
				model.calibration->own.lists_alone[1][l] = odd_probes[o];
			}
			effort = omen_ivf_effort(&model, 10, 0.95, 0);
			assert_int_equal(effort.probes, 1000);
			assert_int_equal(effort.patience, o == 4 ? 5 : 1000);
			assert_in_range(effort.lists, 1, 1000);
			assert_int_equal(omen_ivf_effort(&model, 10, 0.95, 1).probes, o == 4 ? 5 * 3 / 2 + 8 : 1000);
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
