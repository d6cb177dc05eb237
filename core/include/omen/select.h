/*
 * select.h - the least of many keyed items, sorting them, and a bounded heap.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_SELECT_H
#define OMEN_SELECT_H

#include <stdint.h>

/* Keys are never NaN; no two items of an array are alike in both. */
typedef struct OmenKeyed
{
	float		key;
	uint32_t	value;
} OmenKeyed;

/* Moves the `want` items of least key to the front, in no order.  Expected O(count). */
void		omen_select_least(OmenKeyed *items, uint32_t count, uint32_t want);

/* Ascending by key, ties by value. */
void		omen_sort_keyed(OmenKeyed *items, uint32_t count);

/*
 * A max-heap of the `room` least keys seen: heap[0] is the greatest of them
 * once *count == room.
 */
void		omen_heap_offer(float *heap, uint32_t *count, uint32_t room, float key);

#endif							/* OMEN_SELECT_H */
