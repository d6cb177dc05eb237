/*
 * ivf_search_fuzz.c - a whole search over damaged pages.
 *
 * A small index with packed lists, tails and row pages is built once; each
 * input damages its pages and its model, and searches, as a scan does: meta
 * page, model, lists, records.  An answer or an error, no harm, no page left
 * held, no end that does not come.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ivf_memory.h"

#define ROWS 500
#define DIM 64
#define LISTS 6
#define KEYS 2

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static MemoryIndex fixed;
static uint8_t *good_pages;
static uint8_t *good_model;
static size_t page_bytes;

static void
build_once(void)
{
	OmenRandom	random = {1};
	float	   *rows = malloc(2 * ROWS * DIM * sizeof(float));

	for (uint32_t i = 0; i < 2 * ROWS * DIM; i++)
		rows[i] = (float) omen_random_unit(&random) + (float) (i / DIM % 7);
	if (memory_index_build(&fixed, rows, ROWS, DIM, KEYS, OMEN_L2, LISTS, 2) != OMEN_OK)
		abort();
	for (uint32_t r = ROWS; r < 2 * ROWS; r++)
		if (memory_index_insert(&fixed, rows + r * DIM, r) != OMEN_OK)
			abort();
	memcpy(omen_page_body(fixed.pages), &fixed.meta, sizeof(fixed.meta));
	page_bytes = (size_t) fixed.page_count * OMEN_PAGE_BYTES;
	good_pages = malloc(page_bytes);
	memcpy(good_pages, fixed.pages, page_bytes);
	good_model = malloc(fixed.model.byte_count);
	memcpy(good_model, fixed.model.bytes, fixed.model.byte_count);
	free(rows);
}

/* Places that lead somewhere are damaged more often than codes. */
static void
damage(const uint8_t *edit, uint8_t *model, size_t model_bytes)
{
	size_t		at = (size_t) edit[1] << 16 | (size_t) edit[2] << 8 | edit[3];
	uint8_t    *page = fixed.pages + at % fixed.page_count * OMEN_PAGE_BYTES;

	switch (edit[0] % 6)
	{
		case 0:
			fixed.pages[at * 8 % page_bytes + edit[0] / 6 % 8] ^= edit[4];
			break;
		case 1:
			page[OMEN_PAGE_BYTES - 1 - at / 256 % OMEN_PAGE_TRAILER_BYTES] ^= edit[4];
			break;
		case 2:
			omen_page_trailer(page)->next = edit[4] % fixed.page_count;
			break;
		case 3:
			page = fixed.pages + fixed.directory_map[0] * OMEN_PAGE_BYTES;
			memcpy(omen_page_body(page) + at % omen_tails(&fixed.meta) * 16,
				   (uint32_t[]) {edit[4] % fixed.page_count, edit[4]}, 8);
			break;
		case 4:
			model[at % model_bytes] ^= edit[4];
			break;
		default:
			/* A whole page where another was. */
			memcpy(page, good_pages + edit[4] % fixed.page_count * OMEN_PAGE_BYTES, OMEN_PAGE_BYTES);
	}
}

static OmenStatus
count_posting(void *context, uint32_t list, const uint8_t *posting)
{
	++*(uint64_t *) context;
	return OMEN_OK;
}

static void
search_all(const OmenIvfModel *model, const OmenIvfMeta *meta, uint8_t choice, OmenArena *arena)
{
	OmenIvfSearch search;
	OmenPageStore store = memory_index_store(&fixed);
	OmenError	err;
	uint64_t	postings = 0;
	uint32_t	k = choice % 16 == 0 ? OMEN_K_ALL : 1 + choice % 50;
	OmenIvfEffort effort = omen_ivf_fixed_effort(UINT32_MAX);
	const OmenCondition conditions[] = {
		{.kind = OMEN_WITHIN, .column = 1, .low = 100, .high = 700},
		{.kind = OMEN_COVERS, .column = 0, .values = (const uint64_t[]) {1, 6}, .count = 2},
	};

	if (choice & 128)
		effort = omen_ivf_effort(model, k, 0.9, choice & 64);
	if (omen_ivf_search_init(&search, arena, model, meta, store) != OMEN_OK)
		abort();
	for (uint32_t d = 0; d < model->dim_padded; d++)
		search.query.vector[d] = (float) (d * choice % 31) / 8 - 2;
	search.filter = (OmenFilter) {conditions, model->keys == KEYS ? choice % 3 : 0, choice % 5 ? 0.9 : 0, choice & 64};
	omen_ivf_search_begin(&search);
	for (uint32_t round = 0; round < 2; round++)
	{
		if (omen_ivf_search_run(&search, k, effort) != OMEN_OK)
		{
			if (search.error.status == OMEN_OK || search.error.text[0] == '\0')
				abort();
			break;
		}
		for (uint32_t h = 0; h < search.hit_count; h++)
			if (isnan(search.hits[h].estimate) || isnan(search.hits[h].bound))
				abort();
	}
	for (uint32_t l = 0; l < model->lists; l++)
		omen_ivf_unpack(model, meta, store, arena, l, count_posting, &postings, &err);
	if (fixed.held != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OmenIvfMeta meta;
	OmenIvfModel model;
	OmenArena	arena;
	OmenError	err;
	size_t		model_bytes;
	uint8_t    *map;
	uint8_t    *bytes;

	if (size < 1)
		return 0;
	if (good_pages == NULL)
		build_once();
	model_bytes = fixed.model.byte_count + omen_ivf_map_bytes(&fixed.meta);
	omen_arena_init(&arena);
	bytes = omen_arena_alloc(&arena, model_bytes, 1);
	memcpy(bytes, good_model, fixed.model.byte_count);
	map = bytes + fixed.model.byte_count;
	memcpy(map, fixed.model.digests.low, omen_digest_bytes(LISTS, fixed.meta.keys, fixed.meta.digest_words));
	map += omen_digest_bytes(LISTS, fixed.meta.keys, fixed.meta.digest_words);
	memcpy(map, fixed.packed_map, fixed.meta.packed_pages * sizeof(uint32_t));
	map += fixed.meta.packed_pages * sizeof(uint32_t);
	memcpy(map, fixed.directory_map, sizeof(uint32_t));
	map += sizeof(uint32_t);
	memcpy(map, fixed.key_start, LISTS * sizeof(uint32_t));
	memcpy(map + LISTS * sizeof(uint32_t), fixed.key_map, fixed.meta.key_pages * sizeof(uint32_t));
	for (size_t i = 1; i + 5 <= size && i < 5 * 40; i += 5)
		damage(data + i, bytes, model_bytes);

	if (omen_ivf_meta_check(fixed.pages, &meta, &err) == OMEN_OK &&
		omen_ivf_model_open(&model, bytes, model_bytes, &meta, &err) == OMEN_OK)
		search_all(&model, &meta, data[0], &arena);
	omen_arena_reset(&arena);
	memcpy(fixed.pages, good_pages, page_bytes);
	return 0;
}
