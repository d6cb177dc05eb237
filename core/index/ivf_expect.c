/*
 * ivf_expect.c - what of a list will be read soon, on its way from memory or
 * disk while another list is looked at.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ivf_list.h"

/* How much of a page to have on its way: the scan itself runs ahead from there. */
#define EXPECT_BYTES 1024
/* And the keys of so many blocks. */
#define EXPECT_BLOCKS 4

static void
expect_keys(OmenIvfSearch *search, uint32_t list)
{
	const OmenIvfModel *model = search->model;
	uint32_t	blocks = (model->start[list].count + OMEN_BLOCK_CODES - 1) / OMEN_BLOCK_CODES;
	uint64_t	lane = (uint64_t) model->key_start[list] * model->keys + search->filter.conditions[0].column;

	for (uint32_t b = 0; b < blocks && b < EXPECT_BLOCKS; b++, lane += model->keys)
		search->store.expect(search->store.context, model->key_map[lane / OMEN_LANES_PER_PAGE],
							 (uint32_t) (lane % OMEN_LANES_PER_PAGE) * OMEN_LANE_BYTES, OMEN_LANE_BYTES);
}

void
omen_search_expect(OmenIvfSearch *search, uint32_t list)
{
	const OmenListStart *start = &search->model->start[list];
	uint64_t	end = start->place.offset +
		(uint64_t) start->count * omen_posting_bytes(search->model->dim_padded, 0);
	uint32_t	offset = start->place.offset;

	if (search->store.expect == NULL)
		return;
	if (search->filter.count > 0 && !search->sifted)
	{
		expect_keys(search, list);
		/* Codes are read of lists with a row that passes: of most, so far? */
		if (search->stats.keys_passed < search->stats.lists_probed)
			return;
	}
	for (uint32_t page = start->place.page; page < search->meta.packed_pages && end > offset; page++)
	{
		uint32_t	left = end - offset < EXPECT_BYTES ? (uint32_t) (end - offset) : EXPECT_BYTES;

		search->store.expect(search->store.context, search->model->packed_map[page], offset, left);
		end = end > OMEN_BODY_BYTES ? end - OMEN_BODY_BYTES : 0;
		offset = 0;
	}
}
