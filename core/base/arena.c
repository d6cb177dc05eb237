/*
 * arena.c - see omen/arena.h.  One caller's allocation per request, linked
 * for release: core asks for few, large pieces, so there is nothing to gain
 * from carving them out of larger ones.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "omen/arena.h"

#define ALIGNMENT 64

typedef struct OmenArenaChunk
{
	struct OmenArenaChunk *next;
} OmenArenaChunk;

static void *
malloc_alloc(void *context, size_t bytes)
{
	return malloc(bytes);
}

static void
malloc_free(void *context, void *memory)
{
	free(memory);
}

void
omen_arena_init(OmenArena *arena)
{
	arena->alloc = malloc_alloc;
	arena->free = malloc_free;
	arena->context = NULL;
	arena->chunks = NULL;
}

void *
omen_arena_alloc(OmenArena *arena, size_t count, size_t item_bytes)
{
	size_t		bytes;
	OmenArenaChunk *chunk;

	if (__builtin_mul_overflow(count, item_bytes, &bytes) ||
		__builtin_add_overflow(bytes, sizeof(OmenArenaChunk) + ALIGNMENT, &bytes))
		return NULL;
	chunk = arena->alloc(arena->context, bytes);
	if (chunk == NULL)
		return NULL;
	chunk->next = arena->chunks;
	arena->chunks = chunk;
	return (void *) (((uintptr_t) (chunk + 1) + ALIGNMENT - 1) & ~(uintptr_t) (ALIGNMENT - 1));
}

void *
omen_arena_zero(OmenArena *arena, size_t count, size_t item_bytes)
{
	void	   *memory = omen_arena_alloc(arena, count, item_bytes);

	if (memory != NULL)
		memset(memory, 0, count * item_bytes);
	return memory;
}

void
omen_arena_reset(OmenArena *arena)
{
	OmenArenaChunk *chunk = arena->chunks;

	arena->chunks = NULL;
	while (chunk != NULL)
	{
		OmenArenaChunk *next = chunk->next;

		if (arena->free != NULL)
			arena->free(arena->context, chunk);
		chunk = next;
	}
}
