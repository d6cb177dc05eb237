/*
 * ivf_packer_test.c - lists into packed pages and back.
 *
 * Goal: every posting comes back as it was, for every ragged length and
 * dimension; the bytes of a page are those of format version 1 (read here by
 * a plain reader of the drawing in pg/page/README.md, and by a checksum that
 * nobody should ever change); damaged places, failing callbacks and lack of
 * memory are told.
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

/* A packed run in memory, with the few parts of a model that reading it takes. */
typedef struct Run
{
	uint8_t    *pages;			/* [page_count][OMEN_PAGE_BYTES] */
	uint32_t	page_count;
	uint8_t    *key_pages;
	uint32_t	key_page_count;
	uint32_t	emits_left;		/* then emit fails */
	int64_t		held;
	uint32_t   *map;
	uint32_t   *key_start;
	uint32_t   *key_map;
	OmenIvfModel model;
	OmenIvfMeta meta;
	OmenListStart *start;
} Run;

/* Pages of keys have blocks from here on. */
#define KEY_BLOCKS 100000

static OmenStatus
emit(void *context, OmenPageKind kind, const uint8_t *body, uint32_t used)
{
	Run		   *run = context;
	uint8_t    *page;

	if (run->emits_left == 0)
		return OMEN_CANCELLED;
	run->emits_left--;
	for (uint32_t i = used; i < OMEN_BODY_BYTES; i++)
		assert_int_equal(body[i], 0);
	if (kind == OMEN_PAGE_KEYS)
	{
		run->key_pages = realloc(run->key_pages, (size_t) (run->key_page_count + 1) * OMEN_PAGE_BYTES);
		run->key_map = realloc(run->key_map, (run->key_page_count + 1) * sizeof(uint32_t));
		run->key_map[run->key_page_count] = KEY_BLOCKS + run->key_page_count;
		page = run->key_pages + (size_t) run->key_page_count * OMEN_PAGE_BYTES;
		omen_page_init(page, OMEN_PAGE_KEYS, 6, run->key_page_count++);
		memcpy(omen_page_body(page), body, OMEN_BODY_BYTES);
		return OMEN_OK;
	}
	assert_int_equal(kind, OMEN_PAGE_PACKED);
	run->pages = realloc(run->pages, (size_t) (run->page_count + 1) * OMEN_PAGE_BYTES);
	run->map = realloc(run->map, (run->page_count + 1) * sizeof(uint32_t));
	/* Blocks in another order than places, so that mixing them up shows. */
	run->map[run->page_count] = run->page_count ^ 1;
	page = run->pages + (size_t) run->page_count * OMEN_PAGE_BYTES;
	memset(page, 0, OMEN_PAGE_BYTES);
	omen_page_init(page, OMEN_PAGE_PACKED, 6, run->page_count);
	memcpy(omen_page_body(page), body, OMEN_BODY_BYTES);
	omen_page_trailer(page)->count = used;
	run->page_count++;
	return OMEN_OK;
}

static const void *
read_page(void *context, uint32_t block, uintptr_t *handle)
{
	Run		   *run = context;

	if (block >= KEY_BLOCKS && block - KEY_BLOCKS < run->key_page_count)
	{
		run->held++;
		*handle = block;
		return run->key_pages + (size_t) (block - KEY_BLOCKS) * OMEN_PAGE_BYTES;
	}
	if ((block ^ 1) >= run->page_count)
		return NULL;
	run->held++;
	*handle = block;
	return run->pages + (size_t) (block ^ 1) * OMEN_PAGE_BYTES;
}

static void
release_page(void *context, uintptr_t handle)
{
	((Run *) context)->held--;
}

/* postings[i] of list l are those of counts[0] + ... + counts[l - 1] + i. */
static OmenStatus
pack(Run *run, OmenArena *arena, uint32_t dim, uint32_t lists, const uint32_t *counts, const uint8_t *postings)
{
	uint32_t	keys = run->model.keys;
	uint32_t	bytes = omen_posting_bytes(dim, keys);
	OmenPacker	packer;
	OmenStatus	status = omen_packer_init(&packer, arena, dim, keys, emit, run);

	for (uint32_t l = 0; l < lists && status == OMEN_OK; l++)
	{
		status = omen_packer_list(&packer, &run->start[l].place);
		run->key_start[l] = packer.blocks;
		run->start[l].count = counts[l];
		for (uint32_t i = 0; i < counts[l] && status == OMEN_OK; i++, postings += bytes)
			status = omen_packer_add(&packer, postings);
	}
	if (status == OMEN_OK)
		status = omen_packer_finish(&packer);
	run->model.dim_padded = dim;
	run->model.lists = lists;
	run->model.start = run->start;
	run->model.packed_map = run->map;
	run->model.key_start = run->key_start;
	run->model.key_map = run->key_map;
	run->meta.packed_pages = run->page_count;
	run->meta.generation = 6;
	return status;
}

static void
begin_run(Run *run, uint32_t lists, uint32_t keys)
{
	memset(run, 0, sizeof(*run));
	run->model.keys = keys;
	run->key_start = calloc(lists, sizeof(uint32_t));
	run->emits_left = UINT32_MAX;
	run->start = calloc(lists, sizeof(OmenListStart));
}

static void
end_run(Run *run)
{
	assert_int_equal(run->held, 0);
	free(run->pages);
	free(run->key_pages);
	free(run->key_start);
	free(run->key_map);
	free(run->map);
	free(run->start);
}

/* Compares what comes with what is expected next. */
typedef struct Expect
{
	const uint8_t *next;
	uint32_t	bytes;
	uint32_t	list;
	uint32_t	came;
	uint32_t	stop_after;
} Expect;

static OmenStatus
take(void *context, uint32_t list, const uint8_t *posting)
{
	Expect	   *expect = context;

	if (expect->came == expect->stop_after)
		return OMEN_CANCELLED;
	assert_int_equal(list, expect->list);
	assert_memory_equal(posting, expect->next, expect->bytes);
	expect->next += expect->bytes;
	expect->came++;
	return OMEN_OK;
}

static uint8_t *
random_postings(uint32_t dim, uint32_t keys, uint32_t count, OmenRandom *random)
{
	uint32_t	bytes = omen_posting_bytes(dim, keys);
	uint8_t    *postings = malloc((size_t) bytes * count + 1);

	for (size_t i = 0; i < (size_t) bytes * count; i++)
		postings[i] = (uint8_t) omen_random_next(random);
	for (uint32_t i = 0; i < count; i++)
		memcpy(postings + (size_t) (i + 1) * bytes - 4, &i, 4);
	return postings;
}

/*
 * The reader of the drawing: a byte at a time, no arithmetic shared with the
 * packer.  Returns posting `wanted` of a list that begins at `start`.
 */
static void
read_as_drawn(const Run *run, uint32_t dim, OmenListStart start, uint32_t key_start, uint32_t wanted, uint8_t *out)
{
	uint32_t	code_bytes = dim / 8;
	uint32_t	keys = run->model.keys;
	uint32_t	page = start.place.page;
	uint32_t	at = start.place.offset;

	for (uint32_t first = 0;; first += 32)
	{
		uint32_t	width = start.count - first < 32 ? start.count - first : 32;
		const uint8_t *factors;

		for (uint32_t p = 0; p < code_bytes; p++)
		{
			if (at + width > 8128)
			{
				page++;
				at = 0;
			}
			if (wanted >= first && wanted < first + width)
				out[p] = run->pages[page * 8192 + 32 + at + wanted - first];
			at += width;
		}
		if (at + 12 * width > 8128)
		{
			page++;
			at = 0;
		}
		if (wanted >= first && wanted < first + width)
		{
			uint32_t	j = wanted - first;

			for (uint32_t c = 0; c < keys; c++)
			{
				uint32_t	lane = (key_start + wanted / 32) * keys + c;

				memcpy(out + code_bytes + 8 * c, run->key_pages + lane / 31 * 8192 + 32 + lane % 31 * 256 + 8 * j, 8);
			}
			out += code_bytes + 8 * keys;
			factors = run->pages + page * 8192 + 32 + at;
			memcpy(out, factors + 4 * j, 4);
			memcpy(out + 4, factors + 4 * width + 2 * j, 2);
			memcpy(out + 6, factors + 6 * width + 2 * j, 2);
			memcpy(out + 8, factors + 8 * width + 4 * j, 4);
			return;
		}
		at += 12 * width;
	}
}

static void
test_round_trip(void **state)
{
	static const uint32_t dims[] = {64, 128, 320, 384, 768, 1536, 4096, 16000};
	OmenRandom	random = {seed};

	for (uint32_t d = 0; d < sizeof(dims) / sizeof(dims[0]); d++)
		for (uint32_t round = 0; round < 4; round++)
		{
			uint32_t	dim = dims[d];
			uint32_t	counts[40];
			uint32_t	keys = round;
			uint32_t	bytes = omen_posting_bytes(dim, keys);
			uint32_t	total = 0;
			uint8_t    *postings;
			uint8_t    *drawn = malloc(bytes);
			OmenArena	arena;
			OmenError	err;
			Run			run;
			uint32_t	before = 0;
			uint64_t	lanes = 0;

			for (uint32_t l = 0; l < 40; l++)
			{
				counts[l] = l % 5 == 0 ? 0 : (uint32_t) omen_random_below(&random, round % 2 ? 40 : 140);
				total += counts[l];
			}
			omen_arena_init(&arena);
			begin_run(&run, 40, keys);
			postings = random_postings(dim, keys, total, &random);
			assert_int_equal(pack(&run, &arena, dim, 40, counts, postings), OMEN_OK);
			for (uint32_t l = 0; l < 40; l++)
			{
				Expect		expect = {postings + (size_t) before * bytes, bytes, l, 0, UINT32_MAX};

				assert_int_equal(run.start[l].place.offset % 32, 0);
				assert_int_equal(omen_ivf_unpack(&run.model, &run.meta,
												 (OmenPageStore) {read_page, release_page, &run, NULL},
												 &arena, l, take, &expect, &err), OMEN_OK);
				assert_int_equal(expect.came, counts[l]);
				for (uint32_t i = 0; i < counts[l]; i += 1 + i / 3)
				{
					read_as_drawn(&run, dim, run.start[l], run.key_start[l], i, drawn);
					assert_memory_equal(drawn, postings + (size_t) (before + i) * bytes, bytes);
				}
				before += counts[l];
			}
			/* No lane is missing, and no page of them begun before the last was full. */
			for (uint32_t l = 0; l < 40; l++)
				lanes += (uint64_t) (counts[l] + 31) / 32 * keys;
			assert_int_equal(run.key_page_count, (lanes + 30) / 31);
			/* Pages are full: a block cut at a page's end leaves less than its factors there. */
			for (uint32_t p = 0; p + 1 < run.page_count; p++)
				assert_true(omen_page_trailer(run.pages + (size_t) p * OMEN_PAGE_BYTES)->count >
							OMEN_BODY_BYTES - 12 * 32);
			omen_arena_reset(&arena);
			end_run(&run);
			free(postings);
			free(drawn);
		}
}

static void
test_removed_postings_stay_away(void **state)
{
	const uint32_t count = 100;
	OmenRandom	random = {seed + 1};
	uint32_t	bytes = omen_posting_bytes(64, 0);
	uint8_t    *postings = random_postings(64, 0, count, &random);
	uint8_t    *left = malloc((size_t) bytes * count);
	uint32_t	kept = 0;
	OmenArena	arena;
	OmenError	err;
	Run			run;
	Expect		expect = {left, bytes, 0, 0, UINT32_MAX};

	for (uint32_t i = 0; i < count; i++)
		if (i % 3 == 0)
			memset(postings + (size_t) (i + 1) * bytes - 4, 0xFF, 4);
		else
			memcpy(left + (size_t) kept++ * bytes, postings + (size_t) i * bytes, bytes);
	omen_arena_init(&arena);
	begin_run(&run, 1, 0);
	assert_int_equal(pack(&run, &arena, 64, 1, &count, postings), OMEN_OK);
	assert_int_equal(omen_ivf_unpack(&run.model, &run.meta, (OmenPageStore) {read_page, release_page, &run, NULL},
									 &arena, 0, take, &expect, &err), OMEN_OK);
	assert_int_equal(expect.came, kept);
	omen_arena_reset(&arena);
	end_run(&run);
	free(postings);
	free(left);
}

/* Golden: the pages of format version 1 for given postings.  No float is computed, so every machine agrees. */
static void
test_golden(void **state)
{
	static const uint32_t counts[] = {3, 0, 32, 75, 1, 200};
	static const uint32_t dims[] = {64, 768};
	static const uint64_t golden[] = {UINT64_C(0x2ef781a156661362), UINT64_C(0xd575cb3484bd4c94)};

	for (uint32_t d = 0; d < 2; d++)
	{
		OmenRandom	random = {7};
		uint8_t    *postings = random_postings(dims[d], 0, 311, &random);
		uint64_t	sum = UINT64_C(0xcbf29ce484222325);
		OmenArena	arena;
		Run			run;

		omen_arena_init(&arena);
		begin_run(&run, 6, 0);
		assert_int_equal(pack(&run, &arena, dims[d], 6, counts, postings), OMEN_OK);
		/* FNV-1a over places and pages, the host's heads left out. */
		for (uint32_t l = 0; l < 6; l++)
			sum = (sum ^ run.start[l].place.page << 16 ^ run.start[l].place.offset) * UINT64_C(0x100000001b3);
		for (uint32_t p = 0; p < run.page_count; p++)
			for (uint32_t i = OMEN_PAGE_HEAD_BYTES; i < OMEN_PAGE_BYTES; i++)
				sum = (sum ^ run.pages[(size_t) p * OMEN_PAGE_BYTES + i]) * UINT64_C(0x100000001b3);
		print_message("# %u dimensions: %u pages, 0x%016llx\n", dims[d], run.page_count, (unsigned long long) sum);
		assert_true(sum == golden[d]);
		omen_arena_reset(&arena);
		end_run(&run);
		free(postings);
	}
}

static void
test_failures(void **state)
{
	const uint32_t count = 500;
	OmenRandom	random = {seed + 2};
	uint32_t	bytes = omen_posting_bytes(768, 0);
	uint8_t    *postings = random_postings(768, 0, count, &random);
	OmenArena	arena;
	OmenError	err;
	Run			run;
	OmenPageStore store = {read_page, release_page, &run, NULL};
	Expect		expect;

	omen_arena_init(&arena);
	/* Each page in turn cannot be written. */
	for (uint32_t allowed = 0;; allowed++)
	{
		OmenStatus	status;

		begin_run(&run, 1, 0);
		run.emits_left = allowed;
		status = pack(&run, &arena, 768, 1, &count, postings);
		assert_int_equal(run.page_count, allowed);
		if (status == OMEN_OK)
			break;
		assert_int_equal(status, OMEN_CANCELLED);
		end_run(&run);
	}
	assert_true(run.page_count > 5);

	/* The taker stops. */
	expect = (Expect) {postings, bytes, 0, 0, 77};
	assert_int_equal(omen_ivf_unpack(&run.model, &run.meta, store, &arena, 0, take, &expect, &err), OMEN_CANCELLED);
	assert_int_equal(expect.came, 77);
	/* A list longer than its pages; one that begins behind them. */
	run.start[0].count += 1000;
	expect = (Expect) {postings, 0, 0, 0, UINT32_MAX};
	assert_int_equal(omen_ivf_unpack(&run.model, &run.meta, store, &arena, 0, take, &expect, &err), OMEN_CORRUPT);
	run.start[0].count = count;
	run.start[0].place.page = run.page_count;
	assert_int_equal(omen_ivf_unpack(&run.model, &run.meta, store, &arena, 0, take, &expect, &err), OMEN_CORRUPT);
	run.start[0].place.page = 0;
	/* A page of another generation, kind; one that is not there. */
	for (uint32_t p = 0; p < run.page_count; p++)
	{
		OmenPageTrailer *trailer = omen_page_trailer(run.pages + (size_t) p * OMEN_PAGE_BYTES);
		uint32_t	block = run.map[p];

		trailer->generation++;
		assert_int_equal(omen_ivf_unpack(&run.model, &run.meta, store, &arena, 0, take, &expect, &err), OMEN_STALE);
		trailer->generation--;
		trailer->kind = OMEN_PAGE_FREE;
		assert_int_equal(omen_ivf_unpack(&run.model, &run.meta, store, &arena, 0, take, &expect, &err), OMEN_STALE);
		trailer->kind = OMEN_PAGE_PACKED;
		run.map[p] = 1000;
		assert_int_equal(omen_ivf_unpack(&run.model, &run.meta, store, &arena, 0, take, &expect, &err), OMEN_STALE);
		run.map[p] = block;
		assert_int_equal(run.held, 0);
	}
	omen_arena_reset(&arena);
	end_run(&run);
	free(postings);
}

static void
test_out_of_memory(void **state)
{
	const uint32_t count = 50;
	OmenRandom	random = {seed + 3};
	uint32_t	bytes = omen_posting_bytes(64, 0);
	uint8_t    *postings = random_postings(64, 0, count, &random);
	OmenStatus	packed = OMEN_NO_MEMORY;
	OmenStatus	unpacked = OMEN_NO_MEMORY;

	for (uint32_t n = 0; packed != OMEN_OK || unpacked != OMEN_OK; n++)
	{
		FailingArena failing;
		OmenArena	arena;
		OmenError	err;
		Run			run;
		Expect		expect = {postings, bytes, 0, 0, UINT32_MAX};

		begin_run(&run, 1, 0);
		failing_arena_init(&failing, n);
		packed = pack(&run, &failing.arena, 64, 1, &count, postings);
		assert_int_equal(packed, failing.refused ? OMEN_NO_MEMORY : OMEN_OK);
		assert_int_equal(failing_arena_end(&failing), 0);
		end_run(&run);

		omen_arena_init(&arena);
		begin_run(&run, 1, 0);
		assert_int_equal(pack(&run, &arena, 64, 1, &count, postings), OMEN_OK);
		failing_arena_init(&failing, n);
		unpacked = omen_ivf_unpack(&run.model, &run.meta, (OmenPageStore) {read_page, release_page, &run, NULL},
								   &failing.arena, 0, take, &expect, &err);
		assert_int_equal(unpacked, failing.refused ? OMEN_NO_MEMORY : OMEN_OK);
		assert_int_equal(failing_arena_end(&failing), 0);
		omen_arena_reset(&arena);
		end_run(&run);
	}
	free(postings);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_removed_postings_stay_away),
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_out_of_memory),
	};

	seed = test_seed(20250101);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
