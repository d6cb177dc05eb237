/*
 * ivf_list.h - what a search for the nearest (ivf_search.c) and a search
 * within a range (ivf_range.c) share: reading pages, scanning a list's codes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef IVF_LIST_H
#define IVF_LIST_H

#include "omen/ivf.h"

/* A code that passed the scan. */
typedef struct OmenScanned
{
	float		lower;			/* its estimate less its bound */
	float		estimate;
	uint32_t	slot;
} OmenScanned;

/* The page, held till search->store.release(): checked to be of that kind and generation. */
OmenStatus	omen_search_page(OmenIvfSearch *search, uint32_t block, OmenPageKind kind, uint32_t generation,
							 const void **page, uintptr_t *handle);

/* Makes room for `need` items, of which `used` are there. */
OmenStatus	omen_search_grow(OmenIvfSearch *search, void **items, uint32_t *room, uint32_t need,
							 size_t item_bytes, uint32_t used);

/* Has what will be read of a list's packed part on its way: codes, with a filter first the keys (ivf_expect.c). */
void		omen_search_expect(OmenIvfSearch *search, uint32_t list);

/* Notes in search->scanned what passes of a list, which is at this distance (of no use to a range). */
OmenStatus	omen_search_list(OmenIvfSearch *search, uint32_t list, float distance);

/* A block's codes that may lie in search->range, into search->scanned. */
void		omen_range_note(OmenIvfSearch *search, const uint32_t *sums, uint32_t count, uint32_t mask,
							const float *add, const uint16_t *scale, const uint16_t *error, const uint32_t *slot);

#endif							/* IVF_LIST_H */
