/*
 * arena.h - memory that is taken piece by piece and given back all at once.
 *
 * Core allocates only through an arena, and an arena allocates only through
 * its caller's two functions.  Inside PostgreSQL those are a memory context's,
 * so an ereport that unwinds through core leaks nothing; in tests they are
 * malloc's, or ones that fail on purpose.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OMEN_ARENA_H
#define OMEN_ARENA_H

#include "omen/status.h"

typedef struct OmenArena
{
	/* Returns `bytes` bytes aligned to 16, or NULL.  Contents are undefined. */
	void	   *(*alloc) (void *context, size_t bytes);
	/* Gives back what alloc returned; NULL here means "never, the context does". */
	void		(*free) (void *context, void *memory);
	void	   *context;
	struct OmenArenaChunk *chunks;	/* newest first; managed by arena.c */
} OmenArena;

/* An empty arena over malloc and free. */
void		omen_arena_init(OmenArena *arena);

/* `count` items of `item_bytes` each, aligned to 64; NULL on overflow or when memory is out. */
void	   *omen_arena_alloc(OmenArena *arena, size_t count, size_t item_bytes);

/* The same, zeroed. */
void	   *omen_arena_zero(OmenArena *arena, size_t count, size_t item_bytes);

/* Gives everything back; the arena is empty and usable again. */
void		omen_arena_reset(OmenArena *arena);

#endif							/* OMEN_ARENA_H */
