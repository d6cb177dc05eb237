/*
 * ivf_packer.c - a list's postings into blocks, blocks into pages.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "omen/ivf.h"

OmenStatus
omen_packer_init(OmenPacker *packer, OmenArena *arena, uint32_t dim_padded, uint32_t keys,
				 OmenStatus (*emit) (void *context, OmenPageKind kind, const uint8_t *body, uint32_t used),
				 void *context)
{
	memset(packer, 0, sizeof(*packer));
	packer->emit = emit;
	packer->context = context;
	packer->code_bytes = omen_sign_code_bytes(dim_padded);
	packer->keys = keys;
	packer->body = omen_arena_zero(arena, 1, OMEN_BODY_BYTES);
	packer->block = omen_arena_alloc(arena, OMEN_BLOCK_CODES, packer->code_bytes);
	packer->waiting = omen_arena_alloc(arena, OMEN_BLOCK_CODES, omen_posting_bytes(dim_padded, keys));
	packer->lanes = omen_arena_zero(arena, 1, keys > 0 ? OMEN_BODY_BYTES : 1);
	if (packer->body == NULL || packer->block == NULL || packer->waiting == NULL || packer->lanes == NULL)
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
		status = packer->emit(packer->context, OMEN_PAGE_PACKED, packer->body, packer->used);
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

static uint32_t
posting_bytes(const OmenPacker *packer)
{
	return packer->code_bytes + packer->keys * OMEN_KEY_BYTES + OMEN_POSTING_FACTOR_BYTES;
}

/* The waiting postings' factors, each kind together, behind one another. */
static void
gather_factors(const OmenPacker *packer, uint32_t width, uint8_t *out)
{
	uint32_t	stride = posting_bytes(packer);

	for (uint32_t i = 0; i < width; i++)
	{
		OmenPostingFactors stored;

		memcpy(&stored, packer->waiting + (i + 1) * stride - sizeof(stored), sizeof(stored));
		memcpy(out + 4 * i, &stored.add, 4);
		memcpy(out + 4 * width + 2 * i, &stored.scale, 2);
		memcpy(out + 6 * width + 2 * i, &stored.error, 2);
		memcpy(out + 8 * width + 4 * i, &stored.slot, 4);
	}
}

static OmenStatus
emit_lanes(OmenPacker *packer)
{
	OmenStatus	status = packer->emit(packer->context, OMEN_PAGE_KEYS, packer->lanes,
									  packer->lane_count * OMEN_LANE_BYTES);

	memset(packer->lanes, 0, OMEN_BODY_BYTES);
	packer->lane_count = 0;
	return status;
}

/* The waiting postings' keys, a lane a column; places past the last stay zero. */
static OmenStatus
write_lanes(OmenPacker *packer)
{
	uint32_t	stride = posting_bytes(packer);

	for (uint32_t column = 0; column < packer->keys; column++)
	{
		uint8_t    *lane;

		if (packer->lane_count == OMEN_LANES_PER_PAGE)
		{
			OmenStatus	status = emit_lanes(packer);

			if (status != OMEN_OK)
				return status;
		}
		lane = packer->lanes + packer->lane_count++ * OMEN_LANE_BYTES;
		for (uint32_t i = 0; i < packer->waiting_count; i++)
			memcpy(lane + i * OMEN_KEY_BYTES,
				   packer->waiting + i * stride + packer->code_bytes + column * OMEN_KEY_BYTES, OMEN_KEY_BYTES);
	}
	return OMEN_OK;
}

static OmenStatus
write_block(OmenPacker *packer)
{
	uint32_t	width = packer->waiting_count;
	uint32_t	stride = posting_bytes(packer);
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
	status = write_lanes(packer);
	packer->waiting_count = 0;
	packer->blocks++;
	return status;
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
	uint32_t	stride = posting_bytes(packer);

	memcpy(packer->waiting + packer->waiting_count++ * stride, posting, stride);
	return packer->waiting_count == OMEN_BLOCK_CODES ? write_block(packer) : OMEN_OK;
}

OmenStatus
omen_packer_finish(OmenPacker *packer)
{
	OmenStatus	status = packer->waiting_count > 0 ? write_block(packer) : OMEN_OK;

	if (status == OMEN_OK && packer->used > 0)
		status = packer->emit(packer->context, OMEN_PAGE_PACKED, packer->body, packer->used);
	packer->used = 0;
	if (status == OMEN_OK && packer->lane_count > 0)
		status = emit_lanes(packer);
	return status;
}
