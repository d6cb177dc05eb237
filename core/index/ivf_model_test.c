/*
 * ivf_model_test.c - the model's bytes, and the way into index space.
 *
 * Goal: a model written and opened again is the same; one cut short, longer,
 * of another index or version is refused, whatever bytes it holds; its layout
 * is that of version 2; a vector's place in index space gives the metric's own
 * distance; lists grow with rows as stated.
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

static uint64_t seed;

/* A model with random centroids and lists, its page map behind it. */
static uint8_t *
make_model(OmenIvfModel *model, OmenIvfMeta *meta, uint32_t dim, uint32_t lists, OmenMetric metric,
		   uint32_t packed_pages, size_t *byte_count, OmenRandom *random)
{
	uint32_t	padded = omen_dim_padded(dim);
	uint32_t	lists_per_tail = 1 + (uint32_t) omen_random_below(random, lists);
	size_t		map_count;
	uint8_t    *bytes;
	uint32_t   *map;
	OmenByteRows centroids;
	OmenArena	arena;

	*meta = (OmenIvfMeta) {
		.magic = OMEN_META_MAGIC, .version = 1, .dim = dim, .metric = metric, .lists = lists,
		.lists_per_tail = lists_per_tail, .packed_pages = packed_pages
	};
	map_count = packed_pages + omen_directory_pages(omen_tails(meta));
	*byte_count = omen_ivf_model_bytes(dim, lists) + map_count * sizeof(uint32_t);
	bytes = aligned_alloc(64, (*byte_count + 63) / 64 * 64);
	omen_ivf_model_create(model, bytes, dim, lists, metric);
	omen_arena_init(&arena);
	assert_int_equal(omen_byte_rows_init(&centroids, &arena, padded, lists, metric == OMEN_INNER_PRODUCT), OMEN_OK);
	for (uint32_t l = 0; l < lists; l++)
	{
		for (uint32_t d = 0; d < padded; d++)
			centroids.values[(size_t) l * padded + d] = (int8_t) ((int) omen_random_below(random, 255) - 127);
		centroids.scale[l] = 0.01f + (float) omen_random_unit(random);
		if (centroids.extra)
			centroids.extra[l] = (float) omen_random_unit(random) * 10;
		model->start[l] = (OmenListStart) {
			{packed_pages ? (uint32_t) omen_random_below(random, packed_pages) : 0,
			(uint32_t) omen_random_below(random, OMEN_BODY_BYTES / 32) * 32},
			packed_pages ? (uint32_t) omen_random_below(random, 100) : 0, 1.5f};
	}
	*model->lift_sq = 42;
	for (uint32_t d = 0; d < padded; d++)
		model->mean[d] = random_normal(random);
	assert_int_equal(omen_ivf_model_set_centroids(model, &centroids, &arena), OMEN_OK);
	omen_arena_reset(&arena);
	map = (uint32_t *) (bytes + model->byte_count);
	for (size_t i = 0; i < map_count; i++)
		map[i] = (uint32_t) i + 100;
	return bytes;
}

static void
test_reopened_is_the_same(void **state)
{
	static const uint32_t dims[] = {1, 64, 65, 768};
	static const uint32_t lists[] = {1, 2, 31, 32, 33, 509};
	OmenRandom	random = {seed};

	for (uint32_t i = 0; i < 4; i++)
		for (uint32_t j = 0; j < 6; j++)
		{
			OmenIvfModel made;
			OmenIvfModel opened;
			OmenIvfMeta meta;
			OmenError	err;
			size_t		byte_count;
			uint32_t	pages = j * 3;
			uint8_t    *bytes = make_model(&made, &meta, dims[i], lists[j], (OmenMetric) (1 + j % 3), pages,
										   &byte_count, &random);

			assert_int_equal(omen_ivf_model_open(&opened, bytes, byte_count, &meta, &err), OMEN_OK);
			/* The same view, section by section, and inside its bytes. */
			assert_int_equal(opened.byte_count, made.byte_count);
			assert_int_equal(opened.dim_padded, omen_dim_padded(dims[i]));
			assert_int_equal(opened.lists, lists[j]);
			assert_int_equal(opened.metric, made.metric);
			assert_ptr_equal(opened.lift_sq, made.lift_sq);
			assert_ptr_equal(opened.calibration, made.calibration);
			assert_ptr_equal(opened.mean, made.mean);
			assert_ptr_equal(opened.start, made.start);
			assert_ptr_equal(opened.values, made.values);
			assert_true(opened.values + (size_t) lists[j] * opened.dim_padded <= bytes + opened.byte_count);
			assert_int_equal((uintptr_t) opened.codes % 64, 0);
			assert_true(*opened.lift_sq == 42);
			for (uint32_t p = 0; p < pages; p++)
				assert_int_equal(opened.packed_map[p], 100 + p);
			for (uint32_t p = 0; p < omen_directory_pages(omen_tails(&meta)); p++)
				assert_int_equal(opened.directory_map[p], 100 + pages + p);
			free(bytes);
		}
}

static OmenStatus
open_status(uint8_t *bytes, size_t byte_count, const OmenIvfMeta *meta, OmenError *err)
{
	OmenIvfModel model;

	return omen_ivf_model_open(&model, bytes, byte_count, meta, err);
}

static void
test_refused(void **state)
{
	OmenRandom	random = {seed + 1};
	OmenIvfModel model;
	OmenIvfMeta good;
	OmenIvfMeta meta;
	OmenError	err;
	size_t		byte_count;
	uint8_t    *bytes = make_model(&model, &good, 100, 40, OMEN_COSINE, 9, &byte_count, &random);

	/* Any other length, and not a byte is read. */
	for (size_t length = 0; length < byte_count; length += 1 + length / 50)
	{
		uint8_t    *cut = malloc(length + 1);

		memcpy(cut, bytes, length);
		assert_int_equal(open_status(cut, length, &good, &err), OMEN_CORRUPT);
		free(cut);
	}
	assert_int_equal(open_status(bytes, byte_count + 4, &good, &err), OMEN_CORRUPT);

	/* A meta page that says something else. */
	meta = good;
	meta.lists++;
	assert_int_equal(open_status(bytes, byte_count, &meta, &err), OMEN_CORRUPT);
	meta = good;
	meta.packed_pages--;
	assert_int_equal(open_status(bytes, byte_count, &meta, &err), OMEN_CORRUPT);
	meta = good;
	meta.metric = OMEN_L2;
	assert_int_equal(open_status(bytes, byte_count, &meta, &err), OMEN_CORRUPT);
	/* The same length, padded, but another dimension. */
	meta = good;
	meta.dim = 101;
	assert_int_equal(open_status(bytes, byte_count, &meta, &err), OMEN_CORRUPT);

	/* Each of the header's words. */
	for (uint32_t word = 0; word < 5; word++)
	{
		bytes[4 * word] ^= 0x40;
		assert_int_equal(open_status(bytes, byte_count, &good, &err), word == 1 ? OMEN_UNSUPPORTED : OMEN_CORRUPT);
		bytes[4 * word] ^= 0x40;
	}

	/* Lists outside the packed pages; an empty list may stand anywhere. */
	model.start[7] = (OmenListStart) {{9, 0}, 1, 1};
	assert_int_equal(open_status(bytes, byte_count, &good, &err), OMEN_CORRUPT);
	assert_non_null(strstr(err.text, "list 7"));
	model.start[7] = (OmenListStart) {{8, OMEN_BODY_BYTES}, 1, 1};
	assert_int_equal(open_status(bytes, byte_count, &good, &err), OMEN_CORRUPT);
	model.start[7] = (OmenListStart) {{9, OMEN_BODY_BYTES}, 0, 1};
	assert_int_equal(open_status(bytes, byte_count, &good, &err), OMEN_OK);
	free(bytes);
}

/*
 * Golden: sections and their contents, version 2.  Centroids of +-1 scaled by
 * a power of two make every stored float exact, so the checksum is the same on
 * every machine.
 */
static void
test_golden(void **state)
{
	const uint32_t dim = 100;
	const uint32_t lists = 33;
	size_t		byte_count = omen_ivf_model_bytes(dim, lists);
	uint8_t    *bytes = aligned_alloc(64, byte_count);
	uint64_t	sum = UINT64_C(0xcbf29ce484222325);
	OmenRandom	random = {11};
	OmenIvfModel model;
	OmenByteRows centroids;
	OmenArena	arena;

	/* header 3,264, mean 512, scale, extra and norm 192 each, start 576, add and scale 256 each, codes, values */
	assert_int_equal(byte_count, 3264 + 512 + 3 * 192 + 576 + 2 * 256 + 64 * 16 + 33 * 128);
	omen_ivf_model_create(&model, bytes, dim, lists, OMEN_INNER_PRODUCT);
	assert_ptr_equal(model.lift_sq, bytes + 20);
	assert_ptr_equal(model.spilled, bytes + 24);
	assert_ptr_equal(model.calibration, bytes + 28);
	assert_int_equal(sizeof(OmenCalibration), 3216);
	assert_ptr_equal(model.unit, bytes + 3244);
	assert_ptr_equal(model.mean, bytes + 3264);
	assert_ptr_equal(model.scale, bytes + 3776);
	assert_ptr_equal(model.extra_sq, bytes + 3968);
	assert_ptr_equal(model.norm_sq, bytes + 4160);
	assert_ptr_equal(model.start, bytes + 4352);
	assert_int_equal(sizeof(OmenListStart), 16);
	assert_ptr_equal(model.code_add, bytes + 4928);
	assert_ptr_equal(model.code_scale, bytes + 5184);
	assert_ptr_equal(model.codes, bytes + 5440);
	assert_ptr_equal(model.values, bytes + 6464);

	omen_arena_init(&arena);
	assert_int_equal(omen_byte_rows_init(&centroids, &arena, 128, lists, 1), OMEN_OK);
	for (uint32_t l = 0; l < lists; l++)
	{
		centroids.scale[l] = l % 2 ? 0.5f : 2.0f;
		centroids.extra[l] = (float) l;
		for (uint32_t d = 0; d < 128; d++)
			centroids.values[l * 128 + d] = omen_random_next(&random) & 1 ? 64 : -64;
		model.start[l] = (OmenListStart) {{l, 32 * l}, l, 0.25f};
	}
	*model.lift_sq = 8;
	assert_int_equal(omen_ivf_model_set_centroids(&model, &centroids, &arena), OMEN_OK);
	for (size_t i = 0; i < byte_count; i++)
		sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
	print_message("# 0x%016llx\n", (unsigned long long) sum);
	assert_true(sum == UINT64_C(0x8c9ee8e53a93ead8));
	omen_arena_reset(&arena);
	free(bytes);
}

/* The ranking's exact distance is that of the centroid's floats; lists past the last one never come. */
static void
test_ranking(void **state)
{
	static const uint32_t lists[] = {1, 5, 32, 33, 100};
	OmenRandom	random = {seed + 2};

	for (uint32_t i = 0; i < 5; i++)
		for (uint32_t m = 1; m <= 3; m++)
		{
			OmenIvfModel model;
			OmenIvfMeta meta;
			OmenRanking ranking;
			OmenCodeQuery query;
			OmenArena	arena;
			size_t		byte_count;
			uint8_t    *bytes = make_model(&model, &meta, 200, lists[i], (OmenMetric) m, 3, &byte_count, &random);
			float	   *center = malloc(256 * sizeof(float));
			uint8_t    *seen = calloc(lists[i], 1);

			omen_arena_init(&arena);
			assert_int_equal(omen_code_query_init(&query, &arena, 256), OMEN_OK);
			assert_int_equal(omen_ranking_init(&ranking, &arena, &model), OMEN_OK);
			for (uint32_t d = 0; d < 256; d++)
				query.vector[d] = 30 * random_normal(&random);
			omen_code_query_prepare(&query);
			omen_ranking_begin(&ranking, &model, &query);
			omen_ranking_extend(&ranking, &model, &query, 2);
			omen_ranking_extend(&ranking, &model, &query, 1);
			assert_int_equal(ranking.ready, lists[i] < 2 ? lists[i] : 2);
			omen_ranking_extend(&ranking, &model, &query, UINT32_MAX);
			assert_int_equal(ranking.ready, lists[i]);
			for (uint32_t r = 0; r < lists[i]; r++)
			{
				uint32_t	list = ranking.ranks[r].list;
				double		want = model.extra_sq[list];

				assert_true(list < lists[i] && !seen[list]);
				seen[list] = 1;
				omen_ivf_centroid(&model, list, center);
				for (uint32_t d = 0; d < 256; d++)
					want += ((double) query.vector[d] - center[d]) * ((double) query.vector[d] - center[d]);
				assert_true(fabs(ranking.ranks[r].distance - want) < 2e-4 * want);
				assert_true(r < 3 || ranking.ranks[r - 1].distance <= ranking.ranks[r].distance);
			}
			omen_arena_reset(&arena);
			free(bytes);
			free(center);
			free(seen);
		}
}

/* Squared distances of points in index space are what ivf.h says of each metric. */
static void
test_index_space(void **state)
{
	const uint32_t dim = 70;
	OmenRandom	random = {seed + 3};
	OmenArena	arena;
	OmenRotation rotation;
	float		mean[128];

	omen_arena_init(&arena);
	assert_int_equal(omen_rotation_init(&rotation, &arena, dim, 5), OMEN_OK);
	for (uint32_t d = 0; d < 128; d++)
		mean[d] = random_normal(&random);
	for (uint32_t round = 0; round < 60; round++)
	{
		OmenMetric	metric = (OmenMetric) (1 + round % 3);
		float	   *rows = random_rows(2, dim, 1, &random);
		float		a[128];
		float		b[128];
		OmenPoint	query = {.vector = a};
		OmenPoint	point = {.vector = b};
		double		dot = 0;
		double		qq = 0;
		double		xx = 0;
		double		want;
		double		got = 0;
		float		lift_sq = 1e4f;

		for (uint32_t d = 0; d < dim; d++)
		{
			dot += (double) rows[d] * rows[dim + d];
			qq += (double) rows[d] * rows[d];
			xx += (double) rows[dim + d] * rows[dim + d];
		}
		omen_ivf_point(&rotation, metric, round % 2 ? mean : NULL, lift_sq, rows, NULL, &query);
		omen_ivf_point(&rotation, metric, round % 2 ? mean : NULL, lift_sq, rows + dim, NULL, &point);
		for (uint32_t d = 0; d < 128; d++)
			got += ((double) a[d] - b[d]) * ((double) a[d] - b[d]);
		/* The query's own lift is zero by definition. */
		got += metric == OMEN_INNER_PRODUCT ? point.lift_sq : 0;
		want = metric == OMEN_L2 ? qq + xx - 2 * dot :
			metric == OMEN_COSINE ? 2 - 2 * dot / sqrt(qq * xx) : qq + lift_sq - 2 * dot;
		assert_true(fabs(got - want) < 1e-4 * (1 + fabs(want)));
		assert_false(point.last);
		if (metric != OMEN_INNER_PRODUCT)
			assert_true(point.lift_sq == 0);
		free(rows);
	}
	omen_arena_reset(&arena);
}

static void
test_points_without_distance(void **state)
{
	OmenArena	arena;
	OmenRotation rotation;
	float		row[64] = {0};
	float		out[64];
	OmenPoint	point = {.vector = out};

	omen_arena_init(&arena);
	assert_int_equal(omen_rotation_init(&rotation, &arena, 64, 5), OMEN_OK);
	omen_ivf_point(&rotation, OMEN_COSINE, NULL, 0, row, NULL, &point);
	assert_true(point.last);
	omen_ivf_point(&rotation, OMEN_L2, NULL, 0, row, NULL, &point);
	assert_false(point.last);
	omen_ivf_point(&rotation, OMEN_INNER_PRODUCT, NULL, 9, row, NULL, &point);
	assert_true(!point.last && point.lift_sq == 9);
	for (uint32_t d = 0; d < 64; d++)
		row[d] = 3e38f;
	omen_ivf_point(&rotation, OMEN_L2, NULL, 0, row, NULL, &point);
	assert_true(point.last);
	omen_ivf_point(&rotation, OMEN_INNER_PRODUCT, NULL, 9, row, NULL, &point);
	assert_true(point.last);
	omen_ivf_point(&rotation, OMEN_COSINE, NULL, 0, row, NULL, &point);
	assert_true(point.last);
	/* Only its direction counts, unless squares underflow. */
	for (uint32_t d = 0; d < 64; d++)
		row[d] = d < 2 ? 1e-15f : 0;
	omen_ivf_point(&rotation, OMEN_COSINE, NULL, 0, row, NULL, &point);
	assert_false(point.last);
	row[0] = row[1] = 1e-20f;
	omen_ivf_point(&rotation, OMEN_COSINE, NULL, 0, row, NULL, &point);
	assert_true(point.last);
	omen_arena_reset(&arena);
}

static void
test_lists_for(void **state)
{
	uint32_t	before = 1;

	assert_int_equal(omen_ivf_lists_for(0), 1);
	assert_int_equal(omen_ivf_lists_for(1023), 1);
	assert_int_equal(omen_ivf_lists_for(1024), 16);
	assert_int_equal(omen_ivf_lists_for(100000), 1391);
	assert_int_equal(omen_ivf_lists_for(1000000), 4400);
	assert_int_equal(omen_ivf_lists_for(UINT64_C(1) << 50), 1u << 20);
	assert_int_equal(omen_ivf_lists_for(UINT64_MAX), 1u << 20);
	for (uint64_t rows = 1; rows < UINT64_C(1) << 40; rows += 1 + rows / 7)
	{
		uint32_t	lists = omen_ivf_lists_for(rows);

		assert_true(lists >= before);
		assert_true(lists == 1 || rows / lists >= 64);
		before = lists;
	}
}

/* Tails' first pages are full when the rows have grown by half, and no list has more than one tail. */
static void
test_lists_per_tail(void **state)
{
	assert_int_equal(omen_ivf_lists_per_tail(0, 1, 64, 0), 1);
	assert_int_equal(omen_ivf_lists_per_tail(100, 1, 64, 0), 1);
	assert_int_equal(omen_ivf_lists_per_tail(0, 50, 64, 0), 50);
	assert_int_equal(omen_ivf_lists_per_tail(49, 50, 64, 0), 50);
	assert_int_equal(omen_ivf_lists_per_tail(50 * 64, 50, 64, 0), 2 * 338 / 64);
	assert_int_equal(omen_ivf_lists_per_tail(20 * 64, 20, 64, 0), 10);
	assert_int_equal(omen_ivf_lists_per_tail(5 * 64, 5, 64, 0), 5);
	assert_int_equal(omen_ivf_lists_per_tail(100000, 1562, 768, 0), 2);
	assert_int_equal(omen_ivf_lists_per_tail(1000000, 5000, 1536, 0), 1);
	assert_int_equal(omen_ivf_lists_per_tail(UINT64_MAX, 1u << 22, 64, 0), 1);
}

static void
test_out_of_memory(void **state)
{
	OmenRandom	random = {seed + 4};
	OmenIvfModel model;
	OmenIvfMeta meta;
	size_t		byte_count;
	uint8_t    *bytes = make_model(&model, &meta, 64, 40, OMEN_L2, 3, &byte_count, &random);
	OmenStatus	set = OMEN_NO_MEMORY;
	OmenStatus	ranked = OMEN_NO_MEMORY;

	for (uint32_t n = 0; set != OMEN_OK || ranked != OMEN_OK; n++)
	{
		FailingArena failing;
		OmenArena	arena;
		OmenByteRows centroids;
		OmenRanking ranking;

		omen_arena_init(&arena);
		assert_int_equal(omen_byte_rows_init(&centroids, &arena, 64, 40, 0), OMEN_OK);
		failing_arena_init(&failing, n);
		set = omen_ivf_model_set_centroids(&model, &centroids, &failing.arena);
		assert_int_equal(set, failing.refused ? OMEN_NO_MEMORY : OMEN_OK);
		assert_int_equal(failing_arena_end(&failing), 0);
		failing_arena_init(&failing, n);
		ranked = omen_ranking_init(&ranking, &failing.arena, &model);
		assert_int_equal(ranked, failing.refused ? OMEN_NO_MEMORY : OMEN_OK);
		assert_int_equal(failing_arena_end(&failing), 0);
		omen_arena_reset(&arena);
	}
	free(bytes);
}

/*
 * A revised model has the lists that it had, the new ones, and the retired:
 * those keep their centroids, and no row is led to them, however near.
 */
static void
test_revised(void **state)
{
	const uint32_t lists = 40;
	const uint32_t more = 70;
	OmenRandom	random = {seed + 3};

	for (OmenMetric metric = OMEN_L2; metric <= OMEN_COSINE; metric++)
	{
		uint8_t		retired[70] = {0};
		OmenIvfModel old;
		OmenIvfModel model;
		OmenIvfMeta meta;
		OmenByteRows centroids;
		OmenByteRows copies;
		OmenByteRows row;
		OmenAssigner assigner;
		OmenArena	arena;
		size_t		byte_count;
		uint8_t    *bytes = make_model(&old, &meta, 128, lists, metric, 3, &byte_count, &random);
		uint8_t    *revised = aligned_alloc(64, (omen_ivf_model_bytes(128, more) + 63) / 64 * 64);
		float		was[128];
		float		is[128];

		old.calibration->queries = 77;
		omen_arena_init(&arena);
		assert_int_equal(omen_byte_rows_init(&centroids, &arena, 128, more, metric == OMEN_INNER_PRODUCT), OMEN_OK);
		omen_ivf_model_centroids(&old, &centroids);
		for (uint32_t l = lists; l < more; l++)
			omen_byte_row_copy(&centroids, l - lists, &centroids, l);
		/* The new ones lie where old ones do, and every second of those is retired, and some of the new. */
		for (uint32_t l = 0; l < more; l++)
			retired[l] = l < lists ? l % 2 == 0 : l % 7 == 0;
		assert_int_equal(omen_ivf_model_revise(&model, revised, &old, &centroids, retired, &arena), OMEN_OK);
		assert_true(*model.lift_sq == *old.lift_sq && model.calibration->queries == 77 && model.lists == more);
		assert_memory_equal(model.mean, old.mean, 128 * sizeof(float));
		assert_int_equal(omen_ivf_model_assigner(&model, &arena, &copies, &assigner), OMEN_OK);
		assert_int_equal(omen_byte_rows_init(&row, &arena, 128, 1, metric == OMEN_INNER_PRODUCT), OMEN_OK);
		for (uint32_t l = 0; l < more; l++)
		{
			uint32_t	found;

			assert_int_equal(omen_list_retired(&model, l), retired[l]);
			assert_true(model.start[l].count == 0);
			assert_true(model.start[l].spread == (l < lists && !retired[l] ? 1.5f : 0.0f));
			omen_ivf_centroid(&model, l, is);
			omen_ivf_centroid(&old, l < lists ? l : l - lists, was);
			assert_memory_equal(is, was, sizeof(is));
			row.scale[0] = omen_bytes_from_floats(is, 128, row.values);
			omen_assign(&assigner, &row, &found, NULL);
			assert_false(retired[found]);
		}
		omen_arena_reset(&arena);
		free(revised);
		free(bytes);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reopened_is_the_same),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_ranking),
		cmocka_unit_test(test_index_space),
		cmocka_unit_test(test_points_without_distance),
		cmocka_unit_test(test_lists_for),
		cmocka_unit_test(test_lists_per_tail),
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_revised),
	};
	OmenError	err;

	seed = test_seed(20250101);
	if (omen_simd_select(NULL, &err) != OMEN_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
