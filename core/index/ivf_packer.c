/*
 * ivf_packer.c - a list's postings into blocks, blocks into pages.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "omen/ivf.h"

OmenStatus
omen_packer_init(OmenPacker *packer, OmenArena *arena, uint32_t dim_padded,
				 OmenStatus (*emit) (void *context, const uint8_t *body, uint32_t used), void *context)
{
	memset(packer, 0, sizeof(*packer));
	packer->emit = emit;
	packer->context = context;
	packer->code_bytes = omen_sign_code_bytes(dim_padded);
	packer->body = omen_arena_zero(arena, 1, OMEN_BODY_BYTES);
	packer->block = omen_arena_alloc(arena, OMEN_BLOCK_CODES, packer->code_bytes);
	packer->waiting = omen_arena_alloc(arena, OMEN_BLOCK_CODES, omen_posting_bytes(dim_padded));
	if (packer->body == NULL || packer->block == NULL || packer->waiting == NULL)
		return OMEN_NO_MEMORY;
	return OMEN_OK;
}

/* Emits the page at hand when the place has moved past it. */
static OmenStatus
follow(OmenPacker *packer, uint32_t page_before)
{
	OmenStatus	status = OMEN_OK;

	if (packer->place.page != page_before)
	{
		status = packer->emit(packer->context, packer->body, packer->used);
		memset(packer->body, 0, OMEN_BODY_BYTES);
		packer->used = 0;
	}
	return status;
}

static void
put(OmenPacker *packer, const void *bytes, uint32_t count)
{
	memcpy(packer->body + packer->place.offset, bytes, count);
	packer->place.offset += count;
	packer->used = packer->place.offset;
}

/* The waiting postings' factors, each kind together, behind one another. */
static void
gather_factors(const OmenPacker *packer, uint32_t width, uint8_t *out)
{
	uint32_t	stride = packer->code_bytes + OMEN_POSTING_FACTOR_BYTES;

	for (uint32_t i = 0; i < width; i++)
	{
		OmenPostingFactors stored;

		memcpy(&stored, packer->waiting + i * stride + packer->code_bytes, sizeof(stored));
		memcpy(out + 4 * i, &stored.add, 4);
		memcpy(out + 4 * width + 2 * i, &stored.scale, 2);
		memcpy(out + 6 * width + 2 * i, &stored.error, 2);
		memcpy(out + 8 * width + 4 * i, &stored.slot, 4);
	}
}

static OmenStatus
write_block(OmenPacker *packer)
{
	uint32_t	width = packer->waiting_count;
	uint32_t	stride = packer->code_bytes + OMEN_POSTING_FACTOR_BYTES;
	uint8_t		factors[OMEN_BLOCK_CODES * OMEN_POSTING_FACTOR_BYTES];
	uint32_t	page;
	OmenStatus	status;

	omen_block_pack(packer->waiting, stride, width, packer->code_bytes, width, packer->block);
	for (uint32_t position = 0; position < packer->code_bytes;)
	{
		uint32_t	rows;

		page = packer->place.page;
		rows = omen_packed_rows_here(&packer->place, width);
		status = follow(packer, page);
		if (status != OMEN_OK)
			return status;
		rows = rows < packer->code_bytes - position ? rows : packer->code_bytes - position;
		put(packer, packer->block + (size_t) position * width, rows * width);
		position += rows;
	}
	page = packer->place.page;
	omen_packed_to_factors(&packer->place, width);
	status = follow(packer, page);
	if (status != OMEN_OK)
		return status;
	gather_factors(packer, width, factors);
	put(packer, factors, OMEN_POSTING_FACTOR_BYTES * width);
	packer->waiting_count = 0;
	return OMEN_OK;
}

OmenStatus
omen_packer_list(OmenPacker *packer, OmenPackedPlace *place)
{
	uint32_t	page;
	OmenStatus	status = packer->waiting_count > 0 ? write_block(packer) : OMEN_OK;

	if (status != OMEN_OK)
		return status;
	page = packer->place.page;
	omen_packed_to_list(&packer->place);
	status = follow(packer, page);
	*place = packer->place;
	return status;
}

OmenStatus
omen_packer_add(OmenPacker *packer, const uint8_t *posting)
{
	uint32_t	stride = packer->code_bytes + OMEN_POSTING_FACTOR_BYTES;

	memcpy(packer->waiting + packer->waiting_count++ * stride, posting, stride);
	return packer->waiting_count == OMEN_BLOCK_CODES ? write_block(packer) : OMEN_OK;
}

OmenStatus
omen_packer_finish(OmenPacker *packer)
{
	OmenStatus	status = packer->waiting_count > 0 ? write_block(packer) : OMEN_OK;

	if (status == OMEN_OK && packer->used > 0)
		status = packer->emit(packer->context, packer->body, packer->used);
	packer->used = 0;
	return status;
}
