/*
 * ivf_core_test.c - the inverted file in memory against exact search.
 *
 * Goal: that estimates are unbiased and bounded as the papers say, that a
 * search with no stop finds what exact search finds, on ragged sizes and odd
 * vectors; that calibrated searches reach their recall; that corrupt pages are
 * told, never followed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../base/failing_arena_test.h"
#include "../base/random_rows_test.h"
#include "ivf_memory.h"
#include "omen/select.h"

static uint64_t seed;

static double
exact_distance(OmenMetric metric, const float *q, const float *x, uint32_t dim)
{
	double		dot = 0;
	double		qq = 0;
	double		xx = 0;

	for (uint32_t d = 0; d < dim; d++)
	{
		dot += (double) q[d] * x[d];
		qq += (double) q[d] * q[d];
		xx += (double) x[d] * x[d];
	}
	switch (metric)
	{
		case OMEN_L2:
			return qq + xx - 2 * dot;
		case OMEN_INNER_PRODUCT:
			return -dot;
		default:
			return 1 - dot / sqrt(qq * xx);
	}
}

/* The exact re-rank of a search's hits, as the access method does it; returns how many of the true k are there. */
static uint32_t
found(const OmenIvfSearch *search, OmenMetric metric, const float *rows, uint32_t count, uint32_t dim,
	  const float *query, uint32_t k)
{
	OmenKeyed  *truth = malloc(count * sizeof(OmenKeyed));
	uint32_t	good = 0;

	for (uint32_t r = 0; r < count; r++)
		truth[r] = (OmenKeyed) {(float) exact_distance(metric, query, rows + (size_t) r * dim, dim), r};
	omen_select_least(truth, count, k);
	for (uint32_t i = 0; i < k; i++)
		for (uint32_t h = 0; h < search->hit_count; h++)
			if (row_of_tid(search->hits[h].tid) == truth[i].value)
			{
				good++;
				break;
			}
	free(truth);
	return good;
}

static double
start_query(OmenIvfSearch *search, MemoryIndex *index, const float *query)
{
	OmenPoint	point = {.vector = search->query.vector};
	float	   *scratch = malloc(index->model.dim_padded * sizeof(float));
	double		by = omen_ivf_query(&index->rotation, &index->model, query, scratch, &point);

	omen_ivf_search_begin(search);
	free(scratch);
	return by;
}

/* Every row's estimate against its true distance: bounds hold, and the mean error is near zero. */
static void
test_estimates(void **state)
{
	static const OmenMetric metrics[] = {OMEN_L2, OMEN_INNER_PRODUCT, OMEN_COSINE};
	const uint32_t dim = 200;
	const uint32_t count = 2000;
	OmenRandom	random = {seed};
	float	   *rows = random_rows(count + 10, dim, 20, &random);

	for (uint32_t m = 0; m < 3; m++)
	{
		MemoryIndex index;
		OmenIvfSearch search;
		OmenIvfEffort all = omen_ivf_fixed_effort(16);
		double		bias = 0;
		double		scale = 0;
		uint32_t	outside = 0;
		uint32_t	hits = 0;

		assert_int_equal(memory_index_build(&index, rows, count, dim, 0, metrics[m], 16, 3), OMEN_OK);
		assert_int_equal(omen_ivf_search_init(&search, &index.arena, &index.model, &index.meta,
											  memory_index_store(&index)), OMEN_OK);
		all.epsilon = OMEN_EPSILON_SURE;
		for (uint32_t q = 0; q < 10; q++)
		{
			const float *query = rows + (size_t) (count + q) * dim;
			double		qq = 0;
			double		by = start_query(&search, &index, query);

			for (uint32_t d = 0; d < dim; d++)
				qq += (double) query[d] * query[d];
			assert_int_equal(omen_ivf_search_run(&search, count, all), OMEN_OK);
			assert_int_equal(search.hit_count, count);
			for (uint32_t h = 0; h < count; h++)
			{
				double		truth = exact_distance(metrics[m], query,
												   rows + (size_t) row_of_tid(search.hits[h].tid) * dim, dim);

				if (metrics[m] == OMEN_COSINE)
					truth *= 2;
				else if (metrics[m] == OMEN_INNER_PRODUCT)
					truth = by * by * qq + *index.model.lift_sq + 2 * by * truth;
				bias += search.hits[h].estimate - truth;
				scale += search.hits[h].bound;
				outside += fabs(search.hits[h].estimate - truth) > search.hits[h].bound + 1e-4 * truth;
				hits++;
			}
		}
		assert_int_equal(index.held, 0);
		/* Two standard deviations and more: at most a few in a hundred outside. */
		assert_true(outside < hits / 20);
		assert_true(fabs(bias) < 0.05 * scale);
		memory_index_free(&index);
	}
	free(rows);
}

/* A row decoded from its record is near the row, by what the record says is lost; coded again, bounds still hold. */
static void
test_decode(void **state)
{
	const uint32_t dim = 200;
	const uint32_t count = 300;
	OmenRandom	random = {seed + 9};
	float	   *rows = random_rows(count, dim, 5, &random);
	float	   *scratch = malloc(2048 * sizeof(float));
	float	   *decoded = malloc(1024 * sizeof(float));
	float	   *truth = malloc(1024 * sizeof(float));
	OmenRowRecord *record = malloc(4096);
	uint8_t    *posting = malloc(4096);
	MemoryIndex index;
	double		said = 0;
	double		was = 0;

	assert_int_equal(memory_index_build(&index, rows, count, dim, 0, OMEN_L2, 4, 3), OMEN_OK);
	for (uint32_t r = 0; r < count; r++)
	{
		OmenPoint	point = {.vector = truth};
		float		lost;

		omen_ivf_point(&index.rotation, OMEN_L2, index.model.mean, 0, rows + (size_t) r * dim, scratch, &point);
		omen_ivf_encode(&index.model, &point, r % 4, (OmenTid) {0, 1, 1}, scratch, record, posting);
		{
			/* A point's error is taken off its distance, and goes into the code's error as another part of it. */
			OmenPoint	lacking = {.vector = truth, .lost = 3};
			OmenCodeFactors whole = record->factors;
			OmenPostingFactors before;
			OmenPostingFactors after;
			float		deviation = 2 * 3 / sqrtf((float) index.model.dim_padded - 1);

			memcpy(&before, posting + index.model.dim_padded / 8, sizeof(before));
			omen_ivf_encode(&index.model, &lacking, r % 4, (OmenTid) {0, 1, 1}, scratch, record, posting);
			memcpy(&after, posting + index.model.dim_padded / 8, sizeof(after));
			assert_true(fabsf(record->factors.add - whole.add + 9) < 1e-3f);
			assert_true(fabsf(after.add - before.add + 9) < 1e-3f);
			assert_true(fabsf(record->factors.error - hypotf(whole.error, deviation)) < 1e-4f);
			assert_true(omen_float_from_bf16(after.error) >=
						0.9999f * hypotf(omen_float_from_bf16(before.error), deviation));
			record->factors = whole;
		}
		lost = omen_ivf_decode(&index.model, record, decoded, scratch);
		omen_ivf_point(&index.rotation, OMEN_L2, NULL, 0, rows + (size_t) r * dim, scratch, &point);
		was += omen_simd->l2sq_f32(truth, decoded, index.model.dim_padded);
		said += lost * lost;
	}
	assert_true(was < said * 1.05 && was > said * 0.95);
	memory_index_free(&index);
	free(rows);
	free(scratch);
	free(decoded);
	free(truth);
	free(record);
	free(posting);
}

/* Without a stop rule, on every ragged size, the true nearest survive to the re-rank. */
static void
test_whole_search_finds_all(void **state)
{
	static const uint32_t dims[] = {1, 2, 5, 64, 65, 130, 384};
	static const uint32_t counts[] = {1, 2, 31, 32, 33, 64, 95, 100, 257, 700};
	OmenRandom	random = {seed + 1};

	for (uint32_t i = 0; i < sizeof(dims) / sizeof(dims[0]); i++)
		for (uint32_t j = 0; j < sizeof(counts) / sizeof(counts[0]); j++)
		{
			uint32_t	dim = dims[i];
			uint32_t	count = counts[j];
			uint32_t	lists = 1 + count / 40;
			uint32_t	k = count < 10 ? count : 10;
			float	   *rows = random_rows(count, dim, 5, &random);
			MemoryIndex index;
			OmenIvfSearch search;
			uint32_t	good = 0;

			assert_int_equal(memory_index_build(&index, rows, count, dim, 0, OMEN_L2, lists, seed), OMEN_OK);
			assert_int_equal(omen_ivf_search_init(&search, &index.arena, &index.model, &index.meta,
												  memory_index_store(&index)), OMEN_OK);
			for (uint32_t q = 0; q < 10; q++)
			{
				start_query(&search, &index, rows + (size_t) (q % count) * dim);
				assert_int_equal(omen_ivf_search_run(&search, k, omen_ivf_fixed_effort(lists)), OMEN_OK);
				assert_true(search.hit_count >= k);
				good += found(&search, OMEN_L2, rows, count, dim, rows + (size_t) (q % count) * dim, k);
			}
			if (good < 10 * k * 97 / 100)
				print_error("dim %u count %u: %u of %u\n", dim, count, good, 10 * k);
			assert_true(good >= 10 * k * 97 / 100);
			assert_int_equal(index.held, 0);
			memory_index_free(&index);
			free(rows);
		}
}

static void
test_calibrated_recall(void **state)
{
	static const OmenMetric metrics[] = {OMEN_L2, OMEN_INNER_PRODUCT, OMEN_COSINE};
	const uint32_t dim = 96;
	const uint32_t count = 20000;
	const uint32_t queries = 100;
	OmenRandom	random = {seed + 2};
	float	   *rows = random_rows(count + queries, dim, 300, &random);

	for (uint32_t m = 0; m < 3; m++)
	{
		MemoryIndex index;
		OmenIvfSearch search;

		assert_int_equal(memory_index_build(&index, rows, count, dim, 0, metrics[m], 0, 11), OMEN_OK);
		assert_true(index.model.calibration->queries > 0);
		assert_int_equal(omen_ivf_search_init(&search, &index.arena, &index.model, &index.meta,
											  memory_index_store(&index)), OMEN_OK);
		for (uint32_t k = 1; k <= 100; k *= 10)
		{
			uint32_t	good = 0;
			uint64_t	codes = 0;
			uint64_t	records = 0;

			for (uint32_t q = 0; q < queries; q++)
			{
				const float *query = rows + (size_t) (count + q) * dim;

				start_query(&search, &index, query);
				assert_int_equal(omen_ivf_search_run(&search, k, omen_ivf_effort(&index.model, k, 0.95, 0)), OMEN_OK);
				good += found(&search, metrics[m], rows, count, dim, query, k);
				codes += search.stats.codes_scanned;
				records += search.stats.records_read;
			}
			print_message("# metric %d k %u: recall %.4f, %.0f codes and %.0f records a query of %u\n", metrics[m],
						  k, good / (double) (queries * k), codes / (double) queries,
						  records / (double) queries, count);
			assert_true(good >= queries * k * 93 / 100);
			/* Bounds let few records through: here 20 to 1,300. */
			assert_true(records / queries < 30 + 20 * k);
			/* A search that reads everything would pass, too. */
			assert_true(codes / queries < count / 2);
		}
		memory_index_free(&index);
	}
	free(rows);
}

static void
test_inserted_rows_are_found(void **state)
{
	const uint32_t dim = 50;
	const uint32_t built = 500;
	const uint32_t count = 3000;
	OmenRandom	random = {seed + 3};
	float	   *rows = random_rows(count, dim, 10, &random);
	MemoryIndex index;
	OmenIvfSearch search;
	uint32_t	good = 0;

	assert_int_equal(memory_index_build(&index, rows, built, dim, 0, OMEN_L2, 8, 5), OMEN_OK);
	for (uint32_t r = built; r < count; r++)
		assert_int_equal(memory_index_insert(&index, rows + (size_t) r * dim, r), OMEN_OK);
	assert_int_equal(omen_ivf_search_init(&search, &index.arena, &index.model, &index.meta,
										  memory_index_store(&index)), OMEN_OK);
	for (uint32_t q = 0; q < 100; q++)
	{
		start_query(&search, &index, rows + (size_t) (q * 29) * dim);
		assert_int_equal(omen_ivf_search_run(&search, 5, omen_ivf_fixed_effort(8)), OMEN_OK);
		good += found(&search, OMEN_L2, rows, count, dim, rows + (size_t) (q * 29) * dim, 5);
	}
	assert_true(good >= 490);
	memory_index_free(&index);
	free(rows);
}

/* Duplicates, zero vectors, huge and tiny ones: all come out, none is lost, nothing traps. */
static void
test_odd_rows(void **state)
{
	static const OmenMetric metrics[] = {OMEN_L2, OMEN_INNER_PRODUCT, OMEN_COSINE};
	const uint32_t dim = 70;
	const uint32_t count = 400;
	OmenRandom	random = {seed + 4};
	float	   *rows = random_rows(count, dim, 3, &random);

	for (uint32_t r = 0; r < count; r++)
		for (uint32_t d = 0; d < dim; d++)
		{
			float	   *x = &rows[(size_t) r * dim + d];

			if (r % 8 == 1)
				*x = 0;
			else if (r % 8 == 2)
				*x = 1;
			else if (r % 8 == 3)
				*x *= 1e30f;
			else if (r % 8 == 4)
				*x *= 1e-30f;
			else if (r % 8 == 5)
				*x = d % 2 ? 3.4e38f : -3.4e38f;
			else if (r % 8 == 6)
				*x = 1e-45f;
		}
	for (uint32_t m = 0; m < 3; m++)
	{
		MemoryIndex index;
		OmenIvfSearch search;

		assert_int_equal(memory_index_build(&index, rows, count, dim, 0, metrics[m], 5, 5), OMEN_OK);
		assert_int_equal(omen_ivf_search_init(&search, &index.arena, &index.model, &index.meta,
											  memory_index_store(&index)), OMEN_OK);
		for (uint32_t q = 0; q < 16; q++)
		{
			start_query(&search, &index, rows + (size_t) q * dim);
			assert_int_equal(omen_ivf_search_run(&search, count, omen_ivf_fixed_effort(5)), OMEN_OK);
			assert_int_equal(search.hit_count, count);
		}
		memory_index_free(&index);
	}
	free(rows);
}

/* Any byte of any page flipped: an answer or an error, no crash, no page left held. */
static void
test_flipped_bytes(void **state)
{
	const uint32_t dim = 64;
	const uint32_t count = 1500;
	OmenRandom	random = {seed + 5};
	float	   *rows = random_rows(count, dim, 10, &random);
	MemoryIndex index;
	uint32_t	errors = 0;

	assert_int_equal(memory_index_build(&index, rows, count, dim, 0, OMEN_L2, 10, 5), OMEN_OK);
	for (uint32_t r = 0; r < 300; r++)
		memory_index_insert(&index, rows + (size_t) r * dim, r);
	for (uint32_t i = 0; i < 4000; i++)
	{
		size_t		at = omen_random_below(&random, (uint64_t) index.page_count * OMEN_PAGE_BYTES);
		uint8_t		was = index.pages[at];
		OmenIvfSearch search;
		OmenArena	arena;

		/* Half of the flips hit trailers and directory, where the links are. */
		if (i % 2)
			at = at / OMEN_PAGE_BYTES * OMEN_PAGE_BYTES + OMEN_PAGE_BYTES - 1 - at % OMEN_PAGE_TRAILER_BYTES;
		was = index.pages[at];
		index.pages[at] ^= (uint8_t) (1 + omen_random_below(&random, 255));
		omen_arena_init(&arena);
		assert_int_equal(omen_ivf_search_init(&search, &arena, &index.model, &index.meta,
											  memory_index_store(&index)), OMEN_OK);
		start_query(&search, &index, rows);
		if (omen_ivf_search_run(&search, 10, omen_ivf_fixed_effort(10)) != OMEN_OK)
			errors++;
		assert_int_equal(index.held, 0);
		omen_arena_reset(&arena);
		index.pages[at] = was;
	}
	assert_true(errors > 0);
	memory_index_free(&index);
	free(rows);
}

/* Each allocation of a search fails in turn: told, nothing held, and the same search works afterwards. */
static void
test_out_of_memory(void **state)
{
	const uint32_t dim = 64;
	const uint32_t count = 900;
	OmenRandom	random = {seed + 7};
	float	   *rows = random_rows(count, dim, 10, &random);
	MemoryIndex index;
	OmenStatus	status = OMEN_NO_MEMORY;
	uint32_t	refusals = 0;

	assert_int_equal(memory_index_build(&index, rows, 600, dim, 0, OMEN_L2, 6, 5), OMEN_OK);
	for (uint32_t r = 600; r < count; r++)
		memory_index_insert(&index, rows + (size_t) r * dim, r);
	for (uint32_t n = 0; status != OMEN_OK; n++)
	{
		FailingArena failing;
		OmenIvfSearch search;

		failing_arena_init(&failing, n);
		status = omen_ivf_search_init(&search, &failing.arena, &index.model, &index.meta,
									  memory_index_store(&index));
		if (status == OMEN_OK)
		{
			start_query(&search, &index, rows);
			status = omen_ivf_search_run(&search, 10, omen_ivf_fixed_effort(6));
			/* More room is needed for all rows. */
			if (status == OMEN_OK)
				status = omen_ivf_search_run(&search, OMEN_K_ALL, omen_ivf_fixed_effort(6));
			if (status == OMEN_OK)
				assert_int_equal(search.hit_count, count);
		}
		assert_int_equal(status, failing.refused ? OMEN_NO_MEMORY : OMEN_OK);
		if (status != OMEN_OK)
		{
			assert_int_equal(search.error.status, OMEN_NO_MEMORY);
			refusals++;
			/* With memory again, the same search goes on where it can. */
			failing.left = 1000;
			if (n > 7)
			{
				assert_int_equal(omen_ivf_search_run(&search, OMEN_K_ALL, omen_ivf_fixed_effort(6)), OMEN_OK);
				assert_int_equal(search.hit_count, count);
			}
		}
		assert_int_equal(index.held, 0);
		assert_int_equal(failing_arena_end(&failing), 0);
	}
	assert_true(refusals > 8);
	memory_index_free(&index);
	free(rows);
}

/* What vacuum leaves behind: removed postings and freed or dead records are passed over, and nothing else. */
static void
test_removed_rows_are_gone(void **state)
{
	const uint32_t dim = 64;
	const uint32_t count = 600;
	OmenRandom	random = {seed + 8};
	float	   *rows = random_rows(count, dim, 10, &random);
	MemoryIndex index;
	OmenIvfSearch search;
	uint32_t	per_page = omen_rows_per_page(dim, 0);
	uint32_t	removed = 0;

	assert_int_equal(memory_index_build(&index, rows, count, dim, 0, OMEN_L2, 6, 5), OMEN_OK);
	for (uint32_t p = 0; p < index.page_count; p++)
	{
		uint8_t    *page = index.pages + (size_t) p * OMEN_PAGE_BYTES;

		if (omen_page_trailer(page)->kind != OMEN_PAGE_ROW)
			continue;
		for (uint32_t i = 0; i < per_page; i++)
		{
			OmenRowRecord *record = (OmenRowRecord *) (omen_page_body(page) + i * omen_row_bytes(dim, 0));

			if (record->state == OMEN_ROW_LIVE && row_of_tid(record->tid) % 3 != 0)
				record->state = row_of_tid(record->tid) % 3 == 1 ? OMEN_ROW_DEAD : OMEN_ROW_FREE;
		}
	}
	assert_int_equal(omen_ivf_search_init(&search, &index.arena, &index.model, &index.meta,
										  memory_index_store(&index)), OMEN_OK);
	start_query(&search, &index, rows);
	assert_int_equal(omen_ivf_search_run(&search, count, omen_ivf_fixed_effort(6)), OMEN_OK);
	assert_int_equal(search.hit_count, count / 3);
	for (uint32_t h = 0; h < search.hit_count; h++)
		assert_int_equal(row_of_tid(search.hits[h].tid) % 3, 0);
	memory_index_free(&index);

	/* Postings removed from tails. */
	assert_int_equal(memory_index_build(&index, rows, 300, dim, 0, OMEN_L2, 6, 5), OMEN_OK);
	for (uint32_t r = 300; r < count; r++)
		memory_index_insert(&index, rows + (size_t) r * dim, r);
	for (uint32_t p = 0; p < index.page_count; p++)
	{
		uint8_t    *page = index.pages + (size_t) p * OMEN_PAGE_BYTES;
		uint32_t	bytes = omen_tail_posting_bytes(dim, 0);

		if (omen_page_trailer(page)->kind != OMEN_PAGE_TAIL)
			continue;
		for (uint32_t i = 0; i < omen_page_trailer(page)->count; i += 2, removed++)
			memset(omen_page_body(page) + (i + 1) * bytes - 8, 0xFF, 4);
	}
	assert_true(removed >= 150);
	assert_int_equal(omen_ivf_search_init(&search, &index.arena, &index.model, &index.meta,
										  memory_index_store(&index)), OMEN_OK);
	start_query(&search, &index, rows);
	assert_int_equal(omen_ivf_search_run(&search, OMEN_K_ALL, omen_ivf_fixed_effort(6)), OMEN_OK);
	assert_int_equal(search.hit_count, count - removed);

	/* A tail page that says it is another tail's; one that counts more than fits. */
	for (uint32_t p = 0; p < index.page_count; p++)
	{
		OmenPageTrailer *trailer = omen_page_trailer(index.pages + (size_t) p * OMEN_PAGE_BYTES);
		uint32_t	was = trailer->count;

		if (trailer->kind != OMEN_PAGE_TAIL)
			continue;
		trailer->list ^= 1;
		assert_int_equal(omen_ivf_search_run(&search, 10, omen_ivf_fixed_effort(6)), OMEN_CORRUPT);
		trailer->list ^= 1;
		trailer->count = omen_postings_per_tail(dim, 0) + 1;
		assert_int_equal(omen_ivf_search_run(&search, 10, omen_ivf_fixed_effort(6)), OMEN_CORRUPT);
		trailer->count = was;
		assert_int_equal(index.held, 0);
	}
	/* A list that claims more postings than there are. */
	index.model.start[3].count += 100000;
	assert_int_equal(omen_ivf_search_run(&search, 10, omen_ivf_fixed_effort(6)), OMEN_CORRUPT);
	assert_int_equal(index.held, 0);
	memory_index_free(&index);
	free(rows);
}

/* A slot taken by another row between scan and record: that row comes, with its own estimate. */
static void
test_slot_reused_by_another_list(void **state)
{
	const uint32_t dim = 64;
	const uint32_t count = 400;
	OmenRandom	random = {seed + 9};
	float	   *rows = random_rows(count, dim, 10, &random);
	MemoryIndex index;
	OmenIvfSearch search;
	uint32_t	per_page = omen_rows_per_page(dim, 0);
	uint8_t    *swap = malloc(omen_row_bytes(dim, 0));

	assert_int_equal(memory_index_build(&index, rows, count, dim, 0, OMEN_L2, 6, 5), OMEN_OK);
	for (uint32_t p = 0; p < index.page_count; p++)
	{
		uint8_t    *page = index.pages + (size_t) p * OMEN_PAGE_BYTES;
		uint8_t    *body = omen_page_body(page);
		uint32_t	bytes = omen_row_bytes(dim, 0);

		/* Every two neighbours change places: postings lead to the other. */
		for (uint32_t i = 0; omen_page_trailer(page)->kind == OMEN_PAGE_ROW && i + 1 < per_page; i += 2)
		{
			memcpy(swap, body + i * bytes, bytes);
			memcpy(body + i * bytes, body + (i + 1) * bytes, bytes);
			memcpy(body + (i + 1) * bytes, swap, bytes);
		}
	}
	assert_int_equal(omen_ivf_search_init(&search, &index.arena, &index.model, &index.meta,
										  memory_index_store(&index)), OMEN_OK);
	start_query(&search, &index, rows);
	assert_int_equal(omen_ivf_search_run(&search, OMEN_K_ALL, omen_ivf_fixed_effort(6)), OMEN_OK);
	for (uint32_t h = 0; h < search.hit_count; h++)
	{
		uint32_t	row = row_of_tid(search.hits[h].tid);
		double		truth = exact_distance(OMEN_L2, rows, rows + (size_t) row * dim, dim);

		/* Two and a half times the bound's two deviations. */
		assert_true(fabs(search.hits[h].estimate - truth) < 2.5 * search.hits[h].bound + 1e-3 * (1 + truth));
	}
	free(swap);
	memory_index_free(&index);
	free(rows);
}

/* A chain of tail pages that leads back into itself ends as an error. */
static void
test_tail_in_a_circle(void **state)
{
	const uint32_t dim = 64;
	OmenRandom	random = {seed + 10};
	float	   *rows = random_rows(4000, dim, 10, &random);
	MemoryIndex index;
	OmenIvfSearch search;
	OmenDirectoryEntry *entry;
	uint32_t	last;

	assert_int_equal(memory_index_build(&index, rows, 100, dim, 0, OMEN_L2, 1, 5), OMEN_OK);
	for (uint32_t r = 100; r < 4000; r++)
		memory_index_insert(&index, rows + (size_t) r * dim, r);
	entry = (OmenDirectoryEntry *) omen_page_body(index.pages + (size_t) index.directory_map[0] * OMEN_PAGE_BYTES);
	assert_true(entry->tail_pages > 8);
	last = entry->tail_last;
	assert_int_equal(omen_ivf_search_init(&search, &index.arena, &index.model, &index.meta,
										  memory_index_store(&index)), OMEN_OK);
	start_query(&search, &index, rows);
	/* Every page of the chain in turn is where the last one leads to. */
	for (uint32_t block = entry->tail_first; block != OMEN_NO_BLOCK;)
	{
		uint32_t	next = block == last ? OMEN_NO_BLOCK :
			omen_page_trailer(index.pages + (size_t) block * OMEN_PAGE_BYTES)->next;

		omen_page_trailer(index.pages + (size_t) last * OMEN_PAGE_BYTES)->next = block;
		assert_int_equal(omen_ivf_search_run(&search, OMEN_K_ALL, omen_ivf_fixed_effort(1)), OMEN_CORRUPT);
		assert_int_equal(index.held, 0);
		block = next;
	}
	omen_page_trailer(index.pages + (size_t) last * OMEN_PAGE_BYTES)->next = OMEN_NO_BLOCK;
	assert_int_equal(omen_ivf_search_run(&search, OMEN_K_ALL, omen_ivf_fixed_effort(1)), OMEN_OK);
	assert_int_equal(search.hit_count, 4000);
	memory_index_free(&index);
	free(rows);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_estimates),
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_whole_search_finds_all),
		cmocka_unit_test(test_calibrated_recall),
		cmocka_unit_test(test_inserted_rows_are_found),
		cmocka_unit_test(test_odd_rows),
		cmocka_unit_test(test_flipped_bytes),
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_removed_rows_are_gone),
		cmocka_unit_test(test_slot_reused_by_another_list),
		cmocka_unit_test(test_tail_in_a_circle),
	};
	OmenError	err;

	seed = test_seed(20250101);
	if (omen_simd_select(NULL, &err) != OMEN_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
