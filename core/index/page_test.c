/*
 * page_test.c - the page format, byte by byte.
 *
 * Goal: what pg/page/README.md draws is what the structs are, so that a change
 * of layout cannot go unnoticed; a page that is not ours, of another version,
 * kind or generation is refused with the right status; places in the packed
 * run never leave their page.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "omen/ivf.h"

#define assert_at(type, member, at) assert_int_equal(offsetof(type, member), at)

static void
test_layout(void **state)
{
	assert_int_equal(OMEN_PAGE_BYTES, 8192);
	assert_int_equal(OMEN_BODY_BYTES, 8128);

	assert_int_equal(sizeof(OmenPageTrailer), 32);
	assert_at(OmenPageTrailer, generation, 0);
	assert_at(OmenPageTrailer, next, 4);
	assert_at(OmenPageTrailer, list, 8);
	assert_at(OmenPageTrailer, count, 12);
	assert_at(OmenPageTrailer, checksum, 16);
	assert_at(OmenPageTrailer, reserved, 20);
	assert_at(OmenPageTrailer, kind, 24);
	assert_at(OmenPageTrailer, version, 26);
	assert_at(OmenPageTrailer, magic, 28);

	assert_int_equal(sizeof(OmenIvfMeta), 128);
	assert_at(OmenIvfMeta, magic, 0);
	assert_at(OmenIvfMeta, version, 4);
	assert_at(OmenIvfMeta, dim, 8);
	assert_at(OmenIvfMeta, metric, 12);
	assert_at(OmenIvfMeta, seed, 16);
	assert_at(OmenIvfMeta, identity, 24);
	assert_at(OmenIvfMeta, generation, 32);
	assert_at(OmenIvfMeta, row_generation, 36);
	assert_at(OmenIvfMeta, lists, 40);
	assert_at(OmenIvfMeta, model_block, 44);
	assert_at(OmenIvfMeta, packed_pages, 48);
	assert_at(OmenIvfMeta, has_tails, 52);
	assert_at(OmenIvfMeta, last_generation, 56);
	assert_at(OmenIvfMeta, free_rows, 60);
	assert_at(OmenIvfMeta, written_blocks, 64);
	assert_at(OmenIvfMeta, lists_per_tail, 68);
	assert_at(OmenIvfMeta, packed_rows, 72);
	assert_at(OmenIvfMeta, trained_rows, 80);
	assert_at(OmenIvfMeta, dead_postings, 88);
	assert_at(OmenIvfMeta, keys, 96);
	assert_at(OmenIvfMeta, key_pages, 100);
	assert_at(OmenIvfMeta, lost, 104);
	assert_at(OmenIvfMeta, moved_lost, 112);
	assert_at(OmenIvfMeta, moved_share, 116);
	assert_at(OmenIvfMeta, imbalance, 120);

	assert_int_equal(sizeof(OmenDirectoryEntry), 16);
	assert_at(OmenDirectoryEntry, tail_first, 0);
	assert_at(OmenDirectoryEntry, tail_last, 4);
	assert_at(OmenDirectoryEntry, tail_pages, 8);
	assert_int_equal(OMEN_DIRECTORY_PER_PAGE, 508);

	assert_int_equal(sizeof(OmenRowRecord), 32);
	assert_at(OmenRowRecord, tid.block_hi, 0);
	assert_at(OmenRowRecord, tid.block_lo, 2);
	assert_at(OmenRowRecord, tid.offset, 4);
	assert_at(OmenRowRecord, state, 6);
	assert_at(OmenRowRecord, list, 8);
	assert_at(OmenRowRecord, factors.add, 12);
	assert_at(OmenRowRecord, factors.scale, 16);
	assert_at(OmenRowRecord, factors.error, 20);
	assert_at(OmenRowRecord, place.block_hi, 24);
	assert_at(OmenRowRecord, reserved, 30);

	assert_int_equal(sizeof(OmenPostingFactors), 12);
	assert_at(OmenPostingFactors, add, 0);
	assert_at(OmenPostingFactors, scale, 4);
	assert_at(OmenPostingFactors, error, 6);
	assert_at(OmenPostingFactors, slot, 8);

	assert_int_equal(OMEN_PAGE_META, 1);
	assert_int_equal(OMEN_PAGE_MODEL, 2);
	assert_int_equal(OMEN_PAGE_DIRECTORY, 3);
	assert_int_equal(OMEN_PAGE_PACKED, 4);
	assert_int_equal(OMEN_PAGE_TAIL, 5);
	assert_int_equal(OMEN_PAGE_ROW, 6);
	assert_int_equal(OMEN_PAGE_KEYS, 7);
	assert_int_equal(OMEN_PAGE_FREE, 8);
	assert_int_equal(OMEN_LANE_BYTES, 256);
	assert_int_equal(OMEN_LANES_PER_PAGE, 31);
	assert_int_equal(OMEN_ROW_FREE, 0);
	assert_int_equal(OMEN_ROW_LIVE, 1);
	assert_int_equal(OMEN_ROW_DEAD, 2);
	assert_int_equal(OMEN_L2, 1);
	assert_int_equal(OMEN_INNER_PRODUCT, 2);
	assert_int_equal(OMEN_COSINE, 3);
	assert_memory_equal("enOM", &(uint32_t) {OMEN_PAGE_MAGIC}, 4);
	assert_memory_equal("oIVF", &(uint32_t) {OMEN_META_MAGIC}, 4);
}

/* How much fits, as the README's table says. */
static void
test_sizes(void **state)
{
	static const uint32_t sizes[][6] = {
		/* dimensions padded, keys, row record, rows a page, posting, postings a tail page */
		{64, 0, 64, 127, 20, 338},
		{384, 0, 224, 36, 60, 127},
		{768, 0, 416, 19, 108, 72},
		{1536, 0, 800, 10, 204, 39},
		{16000, 0, 8032, 1, 2012, 4},
		{64, 31, 312, 26, 268, 29},
		{768, 3, 440, 18, 132, 59},
		{16000, 12, 8128, 1, 2108, 3},
	};

	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		assert_int_equal(omen_row_bytes(sizes[i][0], sizes[i][1]), sizes[i][2]);
		assert_int_equal(omen_rows_per_page(sizes[i][0], sizes[i][1]), sizes[i][3]);
		assert_int_equal(omen_posting_bytes(sizes[i][0], sizes[i][1]), sizes[i][4]);
		assert_int_equal(omen_postings_per_tail(sizes[i][0], sizes[i][1]), sizes[i][5]);
	}
	assert_int_equal(omen_tails(&(OmenIvfMeta) {.lists = 1, .lists_per_tail = 1}), 1);
	assert_int_equal(omen_tails(&(OmenIvfMeta) {.lists = 10, .lists_per_tail = 3}), 4);
	assert_int_equal(omen_tails(&(OmenIvfMeta) {.lists = 12, .lists_per_tail = 3}), 4);
	assert_int_equal(omen_directory_pages(1), 1);
	assert_int_equal(omen_directory_pages(508), 1);
	assert_int_equal(omen_directory_pages(509), 2);
}

static void
test_init(void **state)
{
	_Alignas(8) uint8_t page[OMEN_PAGE_BYTES];
	OmenPageTrailer want = {5, OMEN_NO_BLOCK, 17, 0, 0, 0, OMEN_PAGE_TAIL, 1, OMEN_PAGE_MAGIC};

	memset(page, 0xAA, sizeof(page));
	omen_page_init(page, OMEN_PAGE_TAIL, 5, 17);
	/* The host's head is left alone; the body is zero; the trailer is at the very end. */
	for (uint32_t i = 0; i < 32; i++)
		assert_int_equal(page[i], 0xAA);
	for (uint32_t i = 32; i < 8160; i++)
		assert_int_equal(page[i], 0);
	assert_memory_equal(page + 8160, &want, sizeof(want));
	assert_ptr_equal(omen_page_body(page), page + 32);
}

static void
test_check(void **state)
{
	_Alignas(8) uint8_t page[OMEN_PAGE_BYTES] = {0};
	OmenPageTrailer *trailer = omen_page_trailer(page);
	OmenError	err;

	assert_int_equal(omen_page_check(page, 3, OMEN_PAGE_ROW, 9, &err), OMEN_CORRUPT);
	assert_non_null(strstr(err.text, "block 3"));
	omen_page_init(page, OMEN_PAGE_ROW, 9, 0);
	assert_int_equal(omen_page_check(page, 3, OMEN_PAGE_ROW, 9, &err), OMEN_OK);
	assert_int_equal(omen_page_check(page, 3, OMEN_PAGE_ROW, 8, &err), OMEN_STALE);
	assert_int_equal(omen_page_check(page, 3, OMEN_PAGE_TAIL, 9, &err), OMEN_STALE);
	trailer->version = 2;
	assert_int_equal(omen_page_check(page, 3, OMEN_PAGE_ROW, 9, &err), OMEN_UNSUPPORTED);
	assert_non_null(strstr(err.text, "version 2"));
	trailer->version = 1;
	trailer->magic ^= 1;
	assert_int_equal(omen_page_check(page, 3, OMEN_PAGE_ROW, 9, &err), OMEN_CORRUPT);
	assert_int_equal(omen_page_check(page, 3, OMEN_PAGE_ROW, 9, NULL), OMEN_CORRUPT);
}

static OmenStatus
check_meta(const OmenIvfMeta *meta, uint16_t page_version, OmenPageKind kind, OmenError *err)
{
	_Alignas(8) uint8_t page[OMEN_PAGE_BYTES] = {0};
	OmenIvfMeta got;
	OmenStatus	status;

	omen_page_init(page, kind, 0, 0);
	omen_page_trailer(page)->version = page_version;
	memcpy(omen_page_body(page), meta, sizeof(*meta));
	status = omen_ivf_meta_check(page, &got, err);
	if (status == OMEN_OK)
		assert_memory_equal(&got, meta, sizeof(got));
	return status;
}

static void
test_meta_check(void **state)
{
	const OmenIvfMeta good = {
		.magic = OMEN_META_MAGIC, .version = 2, .dim = 768, .metric = OMEN_COSINE, .seed = 1, .identity = 2,
		.generation = 3, .row_generation = 4, .lists = 5, .model_block = 6, .packed_pages = 7, .has_tails = 1,
		.last_generation = 9, .lists_per_tail = 3, .packed_rows = 10, .trained_rows = 11, .dead_postings = 12
	};
	static const uint32_t bad_dims[] = {0, 16001, UINT32_MAX};
	static const uint32_t bad_lists[] = {0, (1u << 22) + 1, UINT32_MAX};
	static const uint32_t bad_metrics[] = {0, 4, UINT32_MAX};
	static const uint32_t bad_shares[] = {0, 6, UINT32_MAX};
	_Alignas(8) uint8_t zero[OMEN_PAGE_BYTES] = {0};
	OmenIvfMeta meta;
	OmenError	err;

	assert_int_equal(check_meta(&good, 1, OMEN_PAGE_META, &err), OMEN_OK);
	assert_int_equal(check_meta(&good, 1, OMEN_PAGE_ROW, &err), OMEN_CORRUPT);
	assert_int_equal(omen_ivf_meta_check(zero, &meta, &err), OMEN_CORRUPT);
	for (uint32_t i = 0; i < 3; i++)
	{
		meta = good;
		meta.dim = bad_dims[i];
		assert_int_equal(check_meta(&meta, 1, OMEN_PAGE_META, &err), OMEN_CORRUPT);
		meta = good;
		meta.lists = bad_lists[i];
		assert_int_equal(check_meta(&meta, 1, OMEN_PAGE_META, &err), OMEN_CORRUPT);
		meta = good;
		meta.metric = bad_metrics[i];
		assert_int_equal(check_meta(&meta, 1, OMEN_PAGE_META, &err), OMEN_CORRUPT);
		meta = good;
		meta.lists_per_tail = bad_shares[i];
		assert_int_equal(check_meta(&meta, 1, OMEN_PAGE_META, &err), OMEN_CORRUPT);
	}
	for (uint32_t i = 0; i < 3; i++)
	{
		/* Keys that fit a row page beside these dimensions, and not; pages of keys without keys. */
		static const uint32_t bad_keys[][3] = {{64, 32, 0}, {16000, 13, 0}, {64, 0, 1}};

		meta = good;
		meta.dim = bad_keys[i][0];
		meta.keys = bad_keys[i][1] - (i < 2);
		meta.key_pages = meta.keys;
		meta.digest_words = i < 2 ? 64 : 0;
		assert_int_equal(check_meta(&meta, 1, OMEN_PAGE_META, &err), OMEN_OK);
		meta.keys = bad_keys[i][1];
		meta.key_pages = i < 2 ? meta.keys : bad_keys[i][2];
		assert_int_equal(check_meta(&meta, 1, OMEN_PAGE_META, &err), OMEN_CORRUPT);
	}
	for (uint32_t words = 0; words <= 128; words++)
	{
		meta = good;
		meta.digest_words = words;
		assert_int_equal(check_meta(&meta, 1, OMEN_PAGE_META, &err), words == 0 ? OMEN_OK : OMEN_CORRUPT);
		meta.keys = meta.key_pages = 1;
		assert_int_equal(check_meta(&meta, 1, OMEN_PAGE_META, &err),
						 words > 0 && words <= 64 && (words & (words - 1)) == 0 ? OMEN_OK : OMEN_CORRUPT);
	}
	meta = good;
	meta.magic++;
	assert_int_equal(check_meta(&meta, 1, OMEN_PAGE_META, &err), OMEN_CORRUPT);
	meta = good;
	meta.version = 1;
	assert_int_equal(check_meta(&meta, 1, OMEN_PAGE_META, &err), OMEN_UNSUPPORTED);
	assert_non_null(strstr(err.text, "version 1"));
	/* A later page format may have moved everything: its version is looked at first. */
	assert_int_equal(check_meta(&good, 7, OMEN_PAGE_META, &err), OMEN_UNSUPPORTED);
	assert_non_null(strstr(err.text, "version 7"));
}

/* Whatever its width and place, a block's rows and factors lie inside one body each. */
static void
test_places(void **state)
{
	for (uint32_t width = 1; width <= 32; width++)
		for (uint32_t offset = 0; offset <= OMEN_BODY_BYTES; offset++)
		{
			OmenPackedPlace place = {4, offset};
			uint32_t	rows = omen_packed_rows_here(&place, width);

			assert_true(rows >= 1 && place.offset + rows * width <= OMEN_BODY_BYTES);
			assert_true(place.offset + (rows + 1) * width > OMEN_BODY_BYTES);
			assert_true(OMEN_BODY_BYTES - offset >= width ? place.page == 4 && place.offset == offset
						: place.page == 5 && place.offset == 0);
			place = (OmenPackedPlace) {4, offset};
			omen_packed_to_factors(&place, width);
			assert_true(place.offset + 12 * width <= OMEN_BODY_BYTES);
			assert_true(OMEN_BODY_BYTES - offset >= 12 * width ? place.page == 4 && place.offset == offset
						: place.page == 5 && place.offset == 0);
			place = (OmenPackedPlace) {4, offset};
			omen_packed_to_list(&place);
			assert_true(place.offset < OMEN_BODY_BYTES && place.offset % 32 == 0);
			assert_true(place.page == 4 ? place.offset >= offset && place.offset < offset + 32
						: place.page == 5 && place.offset == 0 && offset > OMEN_BODY_BYTES - 32);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_init),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_meta_check),
		cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
