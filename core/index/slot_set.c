/*
 * slot_set.c - the slots that a search has read.
 *
 * An open-addressed hash table of run << 32 | slot.  Entries of earlier runs
 * count as empty, so that nothing has to be cleared.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "omen/ivf.h"

#define ROOM_FIRST 1024

/* Where the key is, or would be. */
static uint32_t
place_of(const OmenSlotSet *set, uint64_t key)
{
	uint32_t	at = (uint32_t) (key * UINT64_C(0x9E3779B97F4A7C15) >> 32);

	for (;; at++)
	{
		uint64_t	there = set->keys[at & (set->room - 1)];

		if (there == key || there >> 32 != set->run)
			return at & (set->room - 1);
	}
}

void
omen_slot_set_empty(OmenSlotSet *set)
{
	set->count = 0;
	set->run++;
}

OmenStatus
omen_slot_set_add(OmenSlotSet *set, OmenArena *arena, uint32_t slot, int *again)
{
	uint64_t	key = (uint64_t) set->run << 32 | slot;
	uint32_t	at;

	if (set->count >= set->room / 2)
	{
		OmenSlotSet larger = *set;

		larger.room = set->room ? set->room * 2 : ROOM_FIRST;
		larger.keys = omen_arena_zero(arena, larger.room, sizeof(uint64_t));
		if (larger.keys == NULL)
			return OMEN_NO_MEMORY;
		for (uint32_t i = 0; i < set->room; i++)
			if (set->keys[i] >> 32 == set->run)
				larger.keys[place_of(&larger, set->keys[i])] = set->keys[i];
		*set = larger;
	}
	at = place_of(set, key);
	*again = set->keys[at] == key;
	set->count += !*again;
	set->keys[at] = key;
	return OMEN_OK;
}
