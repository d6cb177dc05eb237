/*
 * ivf_room.c - what a search takes: memory for what it notes, pages of the
 * index, checked.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "ivf_list.h"

OmenStatus
omen_search_grow(OmenIvfSearch *search, void **items, uint32_t *room, uint32_t need, size_t item_bytes,
				 uint32_t used)
{
	uint32_t	larger = *room ? *room : 256;
	void	   *memory;

	if (need <= *room)
		return OMEN_OK;
	while (larger < need)
		larger = larger < UINT32_MAX / 2 ? larger * 2 : need;
	memory = omen_arena_alloc(search->arena, larger, item_bytes);
	if (memory == NULL)
		return omen_fail(&search->error, OMEN_NO_MEMORY, "out of memory while searching");
	if (used > 0)
		memcpy(memory, *items, used * item_bytes);
	*items = memory;
	*room = larger;
	return OMEN_OK;
}

OmenStatus
omen_search_page(OmenIvfSearch *search, uint32_t block, OmenPageKind kind, uint32_t generation,
				 const void **page, uintptr_t *handle)
{
	OmenStatus	status;

	*page = search->store.read(search->store.context, block, handle);
	if (*page == NULL)
		return omen_fail(&search->error, OMEN_STALE, "block %u does not exist", block);
	status = omen_page_check(*page, block, kind, generation, &search->error);
	if (status != OMEN_OK)
		search->store.release(search->store.context, *handle);
	return status;
}
