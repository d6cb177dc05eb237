/*
 * ivf_unpacker.c - packed pages, and those of keys, back into postings; the
 * packer's inverse.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "omen/ivf.h"

/* Copies `count` bytes at a place of the packed run; the place is not moved. */
static OmenStatus
copy_from(const OmenIvfModel *model, const OmenIvfMeta *meta, OmenPageStore store, OmenPackedPlace place,
		  uint8_t *out, uint32_t count, OmenError *err)
{
	const void *page;
	uintptr_t	handle;
	OmenStatus	status;

	if (place.page >= meta->packed_pages)
		return omen_fail(err, OMEN_CORRUPT, "a list runs past the packed pages");
	page = store.read(store.context, model->packed_map[place.page], &handle);
	if (page == NULL)
		return omen_fail(err, OMEN_STALE, "block %u does not exist", model->packed_map[place.page]);
	status = omen_page_check(page, model->packed_map[place.page], OMEN_PAGE_PACKED, meta->generation, err);
	if (status == OMEN_OK)
		memcpy(out, omen_page_body_const(page) + place.offset, count);
	store.release(store.context, handle);
	return status;
}

/* One block: its code rows to `rows`, its factors to `factors`. */
static OmenStatus
read_block(const OmenIvfModel *model, const OmenIvfMeta *meta, OmenPageStore store, OmenPackedPlace *place,
		   uint32_t width, uint8_t *rows, uint8_t *factors, OmenError *err)
{
	uint32_t	positions = omen_sign_code_bytes(model->dim_padded);
	OmenStatus	status;

	for (uint32_t position = 0; position < positions;)
	{
		uint32_t	here = omen_packed_rows_here(place, width);

		here = here < positions - position ? here : positions - position;
		status = copy_from(model, meta, store, *place, rows + (size_t) position * width, here * width, err);
		if (status != OMEN_OK)
			return status;
		place->offset += here * width;
		position += here;
	}
	omen_packed_to_factors(place, width);
	status = copy_from(model, meta, store, *place, factors, OMEN_POSTING_FACTOR_BYTES * width, err);
	place->offset += OMEN_POSTING_FACTOR_BYTES * width;
	return status;
}

/* The lane of one column of a list's block: to every posting's place for it. */
static OmenStatus
read_lane(const OmenIvfModel *model, const OmenIvfMeta *meta, OmenPageStore store, uint32_t list, uint32_t block,
		  uint32_t column, uint64_t *keys, OmenError *err)
{
	uint64_t	lane = ((uint64_t) model->key_start[list] + block) * model->keys + column;
	uint32_t	number = model->key_map[lane / OMEN_LANES_PER_PAGE];
	uintptr_t	handle;
	const void *page = store.read(store.context, number, &handle);
	OmenStatus	status;

	if (page == NULL)
		return omen_fail(err, OMEN_STALE, "block %u does not exist", number);
	status = omen_page_check(page, number, OMEN_PAGE_KEYS, meta->generation, err);
	if (status == OMEN_OK)
		memcpy(keys, omen_page_body_const(page) + lane % OMEN_LANES_PER_PAGE * OMEN_LANE_BYTES, OMEN_LANE_BYTES);
	store.release(store.context, handle);
	return status;
}

OmenStatus
omen_ivf_unpack(const OmenIvfModel *model, const OmenIvfMeta *meta, OmenPageStore store,
				OmenArena *scratch, uint32_t list,
				OmenStatus (*take) (void *context, uint32_t list, const uint8_t *posting),
				void *context, OmenError *err)
{
	uint32_t	code_bytes = omen_sign_code_bytes(model->dim_padded);
	uint32_t	count = model->start[list].count;
	OmenPackedPlace place = model->start[list].place;
	uint8_t    *rows = omen_arena_alloc(scratch, OMEN_BLOCK_CODES, code_bytes);
	uint8_t    *posting = omen_arena_alloc(scratch, 1, omen_posting_bytes(model->dim_padded, model->keys));
	uint64_t   *keys = omen_arena_alloc(scratch, model->keys + 1, OMEN_LANE_BYTES);
	uint8_t		factors[OMEN_BLOCK_CODES * OMEN_POSTING_FACTOR_BYTES];
	OmenStatus	status = OMEN_OK;

	if (rows == NULL || posting == NULL || keys == NULL)
		return omen_fail(err, OMEN_NO_MEMORY, "out of memory while reading a list");
	for (uint32_t done = 0; done < count && status == OMEN_OK;)
	{
		uint32_t	width = count - done < OMEN_BLOCK_CODES ? count - done : OMEN_BLOCK_CODES;

		status = read_block(model, meta, store, &place, width, rows, factors, err);
		for (uint32_t c = 0; c < model->keys && status == OMEN_OK; c++)
			status = read_lane(model, meta, store, list, done / OMEN_BLOCK_CODES, c, keys + c * OMEN_BLOCK_CODES, err);
		for (uint32_t i = 0; i < width && status == OMEN_OK; i++)
		{
			OmenPostingFactors stored;

			memcpy(&stored.add, factors + 4 * i, 4);
			memcpy(&stored.scale, factors + 4 * width + 2 * i, 2);
			memcpy(&stored.error, factors + 6 * width + 2 * i, 2);
			memcpy(&stored.slot, factors + 8 * width + 4 * i, 4);
			if (stored.slot == OMEN_NO_SLOT)
				continue;
			for (uint32_t p = 0; p < code_bytes; p++)
				posting[p] = rows[(size_t) p * width + i];
			for (uint32_t c = 0; c < model->keys; c++)
				memcpy(posting + code_bytes + c * OMEN_KEY_BYTES, keys + c * OMEN_BLOCK_CODES + i, OMEN_KEY_BYTES);
			memcpy(posting + code_bytes + model->keys * OMEN_KEY_BYTES, &stored, sizeof(stored));
			status = take(context, list, posting);
		}
		done += width;
	}
	return status;
}
